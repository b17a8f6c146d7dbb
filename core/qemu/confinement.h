/* SPDX-License-Identifier: MIT */
/*
 * confinement.h - what QEMU may open, as rules of Landlock: the system's programs and data,
 * and what its command line names. A rule is made for an open file, so it applies to the
 * file that was inspected, even if another one gets its name later. Connecting to sockets
 * is not restricted, nor are descriptors that QEMU inherits.
 */
#ifndef MAQET_QEMU_CONFINEMENT_H
#define MAQET_QEMU_CONFINEMENT_H

#include "core/base/files.h"
#include "core/base/landlock.h"

/* The oldest version of Landlock that can confine QEMU: version 1 does not let a share's
 * files be renamed to another folder. */
enum { MAQET_CONFINEMENT_LANDLOCK = 2 };

/* A file that was inspected, and must still be the one at this path. */
struct maqet_known_file {
    char *path;
    struct maqet_file_id id;
};

struct maqet_confinement {
    int version; /* of Landlock */
    int ruleset;
    struct maqet_text rules; /* a line each, "read /usr", for people */
    struct maqet_known_file *known;
    size_t known_count;
    struct maqet_strings made; /* files that were created, empty, on QEMU's behalf */
};

#define MAQET_CONFINEMENT_INIT ((struct maqet_confinement){.ruleset = -1})

/* Begins without rules. With version 0 they are only recorded as text. */
int maqet_confinement_begin(struct maqet_confinement *confinement, int version,
                            struct maqet_error **err);
void maqet_confinement_clear(struct maqet_confinement *confinement);

#define _cleanup_confinement_ _cleanup_(maqet_confinement_clear)

/* Records that a file was inspected: a rule for its path must not find another file. */
void maqet_confinement_know(struct maqet_confinement *confinement, const char *path,
                            const struct maqet_file_id *id);

/* Allows @access (of enum maqet_access) to a file, or to a folder and everything below it.
 * A path that does not exist needs no rule. MAQET_ERROR_STATE: a known file was replaced. */
int maqet_confinement_allow(struct maqet_confinement *confinement, const char *path,
                            unsigned access, struct maqet_error **err);

/* Allows what any program needs to run: the system's programs and libraries, and what was
 * installed with @program, a path. */
int maqet_confinement_allow_program(struct maqet_confinement *confinement,
                                    const char *program, struct maqet_error **err);

/* Allows what every QEMU needs: the system's libraries and settings, and what was installed
 * with @program, the path of QEMU. */
int maqet_confinement_allow_system(struct maqet_confinement *confinement,
                                   const char *program, struct maqet_error **err);

/* Removes created files that are still empty, because QEMU did not start. */
void maqet_confinement_undo(struct maqet_confinement *confinement);

#endif
