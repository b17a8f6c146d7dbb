/* SPDX-License-Identifier: MIT */
/*
 * confinement.h - what a QEMU may open, as rules of Landlock: the system's programs and
 * data, and what its command line names. Rules are made of open files, so they belong to
 * the very files that were looked at, whatever has their names later. Connecting to a
 * socket is not confined, nor is what QEMU inherits as a descriptor.
 */
#ifndef MAQET_QEMU_CONFINEMENT_H
#define MAQET_QEMU_CONFINEMENT_H

#include "core/base/files.h"
#include "core/base/landlock.h"

/* The first version of Landlock by which QEMU can be confined: before, a share could not
 * have its files renamed from one folder to another. */
enum { MAQET_CONFINEMENT_LANDLOCK = 2 };

/* A file that was looked at under this name, and must still be the one of that name. */
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
    struct maqet_strings made; /* empty files that QEMU was to create itself */
};

#define MAQET_CONFINEMENT_INIT ((struct maqet_confinement){.ruleset = -1})

/* Begins with no rule. With version 0 they are only written down. */
int maqet_confinement_begin(struct maqet_confinement *confinement, int version,
                            struct maqet_error **err);
void maqet_confinement_clear(struct maqet_confinement *confinement);

#define _cleanup_confinement_ _cleanup_(maqet_confinement_clear)

/* Records that a file was looked at: a rule for its path is one for it, and finding
 * another file there is an error. */
void maqet_confinement_know(struct maqet_confinement *confinement, const char *path,
                            const struct maqet_file_id *id);

/* Allows @access (of enum maqet_access) to a file, or to a folder and all below it. What
 * is not there needs no rule. MAQET_ERROR_STATE: it is known, and was replaced. */
int maqet_confinement_allow(struct maqet_confinement *confinement, const char *path,
                            unsigned access, struct maqet_error **err);

/* Allows what every QEMU needs: the system's libraries and settings, and what belongs to
 * @program, the path of QEMU's own. */
int maqet_confinement_allow_system(struct maqet_confinement *confinement,
                                   const char *program, struct maqet_error **err);

/* Removes those of the files made that are still empty: QEMU did not start. */
void maqet_confinement_undo(struct maqet_confinement *confinement);

#endif
