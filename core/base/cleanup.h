/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h - visible ownership: a local that owns something says so where it is declared,
 * and TAKE_PTR or TAKE_FD marks where it is handed over.
 */
#ifndef MAQET_BASE_CLEANUP_H
#define MAQET_BASE_CLEANUP_H

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Unused: clang warns of a variable that exists only for its cleanup. */
#define _cleanup_(function) __attribute__((cleanup(function), unused))

/* Hands over the pointer, and leaves NULL. */
#define TAKE_PTR(pointer)                                                                \
    ({                                                                                   \
        __auto_type taken_ = (pointer);                                                  \
        (pointer) = NULL;                                                                \
        taken_;                                                                          \
    })

/* Hands over the descriptor, and leaves -1. */
#define TAKE_FD(fd)                                                                      \
    ({                                                                                   \
        int taken_ = (fd);                                                               \
        (fd) = -1;                                                                       \
        taken_;                                                                          \
    })

static inline void
maqet_cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void
maqet_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void
maqet_cleanup_file(FILE **file)
{
    if (*file)
        fclose(*file);
}

static inline void
maqet_cleanup_json(json_object **object)
{
    json_object_put(*object);
}

/* Defines the cleanup function @name of a pointer to a struct, which @function frees. */
#define MAQET_CLEANUP(of, function, name)                                                \
    static inline void name(struct of **pointer)                                         \
    {                                                                                    \
        function(*pointer);                                                              \
    }

#define _cleanup_free_ _cleanup_(maqet_cleanup_free)
#define _cleanup_close_ _cleanup_(maqet_cleanup_close)
#define _cleanup_file_ _cleanup_(maqet_cleanup_file)
#define _cleanup_json_ _cleanup_(maqet_cleanup_json)

#endif
