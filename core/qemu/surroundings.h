/* SPDX-License-Identifier: MIT */
/*
 * surroundings.h - the files and sockets of this host that QEMU uses because of the user's
 * own arguments: those that must be there when it starts, and those that it writes to. All
 * functions take the `arguments` list of the tree (NULL: none), which was checked.
 */
#ifndef MAQET_QEMU_SURROUNDINGS_H
#define MAQET_QEMU_SURROUNDINGS_H

#include "core/config/tree.h"

/* ---- what must be there ---- */

/* Whether all files and listeners are there, as far as can be known. Relative paths start
 * at @folder, where QEMU runs. */
int maqet_arguments_check_surroundings(json_object *list, const char *folder,
                                       struct maqet_error **err);

/* The id of a TPM whose emulator QEMU connects to through a socket; NULL: none. When QEMU
 * exits cleanly, it makes the emulator exit, too (QEMU: docs/specs/tpm.rst). The caller
 * frees. */
char *maqet_arguments_tpm_emulator(json_object *list);

/* ---- what QEMU writes to ---- */

/* QEMU locks the image of a disk, but not flash memory or an SD card (their devices let
 * others write), memory that is a file, or what a character device writes. */
enum maqet_written_kind {
    MAQET_WRITTEN_IMAGE, /* a block node, with QEMU's locks, which may let others write */
    MAQET_WRITTEN_UNLOCKED, /* memory, or a node with locking=off */
    MAQET_WRITTEN_FOLDER,   /* a folder that the guest sees as a FAT file system */
    MAQET_WRITTEN_OUTPUT,   /* a log and the like, which QEMU empties first */
    MAQET_WRITTEN_APPENDED  /* the same, but QEMU appends to it */
};

struct maqet_written {
    enum maqet_written_kind kind;
    char *path;         /* absolute if a folder was given */
    const char *option; /* without its dash; the tree's */
    struct maqet_place place;
};

struct maqet_written_files {
    struct maqet_written *items;
    size_t count;
};

/*
 * Finds the files that QEMU writes to. The list must outlive *files. Relative paths start
 * at @folder, where QEMU runs (NULL: not known). Files that are read-only or explicitly
 * shared (share-rw=on, ivshmem) are left out, and so are those of which the guest writes to
 * a copy (snapshot=on).
 */
void maqet_arguments_written(json_object *list, const char *folder,
                             struct maqet_written_files *files);
void maqet_written_files_clear(struct maqet_written_files *files);

#define _cleanup_written_files_ _cleanup_(maqet_written_files_clear)

#endif
