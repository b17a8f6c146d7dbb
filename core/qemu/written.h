/* SPDX-License-Identifier: MIT */
/*
 * written.h - the files of this host that QEMU writes to because of the user's own
 * arguments. QEMU locks the image of a disk, but not flash memory or an SD card (their
 * devices let others write), memory that is a file, or what a character device writes.
 */
#ifndef MAQET_QEMU_WRITTEN_H
#define MAQET_QEMU_WRITTEN_H

#include "core/config/tree.h"

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
 * Finds them in the `arguments` list (NULL: none), which was checked and must outlive
 * *files. Relative paths start at @folder, where QEMU runs (NULL: not known). Files that
 * are read-only or explicitly shared (share-rw=on, ivshmem) are left out, and so are those
 * of which the guest writes to a copy (snapshot=on).
 */
void maqet_arguments_written(json_object *list, const char *folder,
                             struct maqet_written_files *files);
void maqet_written_files_clear(struct maqet_written_files *files);

#define _cleanup_written_files_ _cleanup_(maqet_written_files_clear)

#endif
