/* SPDX-License-Identifier: MIT */
/*
 * added.h - what a machine's definition was read from, so that files which were changed
 * since are noticed. An earlier maqet has recorded nothing, and then nothing is said.
 */
#ifndef MAQET_MACHINE_ADDED_H
#define MAQET_MACHINE_ADDED_H

#include <json-c/json.h>

#include "core/base/error.h"

struct maqet_added_file {
    char *path;     /* absolute */
    char *checksum; /* of its content (core/base/checksum.h) */
};

struct maqet_added {
    struct maqet_added_file *files; /* only regular files */
    size_t count;
    bool others; /* there was also a pipe, or standard input */
    struct maqet_strings assignments;
};

void maqet_added_clear(struct maqet_added *added);

/* Notes the files, which will be read after this, and the assignments of `--set`. A file
 * that cannot be read will be an error then. */
void maqet_added_note(struct maqet_added *added, const struct maqet_strings *files,
                      const struct maqet_strings *assignments);

/* As a value, which the caller puts; NULL: nothing is noted. And back. */
json_object *maqet_added_to_json(const struct maqet_added *added);
void maqet_added_from_json(json_object *value, struct maqet_added *added);

bool maqet_added_equal(const struct maqet_added *one, const struct maqet_added *other);

/* The file that is all that a definition was read from; NULL: there is more, or nothing is
 * known. */
const char *maqet_added_only_file(const struct maqet_added *added);

/* Adds the files that exist and have another content now. */
void maqet_added_changed(const struct maqet_added *added, struct maqet_strings *paths);

#endif
