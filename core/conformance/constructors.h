/* SPDX-License-Identifier: MIT */
/*
 * constructors.h - what the code does that the dynamic linker runs when it loads a file.
 *
 * Nearly every file has such code: that of the compiler, which does nothing, and that of
 * Rust's std, which keeps the arguments that it is given. Names don't tell it from the
 * author's, since files are stripped; so the code is run, in a process of its own.
 */
#ifndef MAQET_CONFORMANCE_CONSTRUCTORS_H
#define MAQET_CONFORMANCE_CONSTRUCTORS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* Where it is, in bytes from where the file is loaded. */
struct constructors {
    uint64_t function; /* of DT_INIT; 0: there is none */
    uint64_t array;    /* of DT_INIT_ARRAY, with the addresses of functions */
    uint64_t count;
};

/* Runs the constructors of the file that @bytes are, whose dynamic section must name none
 * of them, or loading it would run them, too. *@effect gets what one of them does besides
 * keeping its arguments, such as "calls code outside of the file"; NULL: nothing, or the
 * file can't be loaded. The caller frees. */
int constructors_try(const void *bytes, size_t size,
                     const struct constructors *constructors, char **effect,
                     struct maqet_error **err);

#endif
