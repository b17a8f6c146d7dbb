/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h - ownership that can be seen: a local that owns something says so where it is
 * declared, and TAKE_PTR or TAKE_FD marks the place where it is handed over.
 */
#ifndef MAQET_BASE_CLEANUP_H
#define MAQET_BASE_CLEANUP_H

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Its cleanup may be all that such a variable is there for; clang would call it unused.
 */
#define _cleanup_(function) __attribute__((cleanup(function), unused))

/* Hands the pointer over and leaves NULL behind. */
#define TAKE_PTR(pointer)                                                                \
    ({                                                                                   \
        __auto_type taken_ = (pointer);                                                  \
        (pointer) = NULL;                                                                \
        taken_;                                                                          \
    })

/* Hands the descriptor over and leaves -1 behind. */
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

/* Defines the cleanup of a pointer to a struct that a function frees. */
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
