/* SPDX-License-Identifier: MIT */
/*
 * written.h - the files of this host that QEMU writes to by the user's own arguments. It
 * locks an image for a disk, but not for flash memory or an SD card (their devices let
 * others write), nor memory that is a file, nor what a character device writes.
 */
#ifndef MAQET_QEMU_WRITTEN_H
#define MAQET_QEMU_WRITTEN_H

#include "core/config/tree.h"

enum maqet_written_kind {
    MAQET_WRITTEN_IMAGE,    /* a block node: QEMU has locks on it, which may let others
                             * write */
    MAQET_WRITTEN_UNLOCKED, /* memory, or a node with locking=off: QEMU has none */
    MAQET_WRITTEN_FOLDER,   /* a folder that the guest sees as a FAT file system */
    MAQET_WRITTEN_OUTPUT,   /* a log and the like, which QEMU empties first */
    MAQET_WRITTEN_APPENDED  /* the same, but QEMU adds to it */
};

struct maqet_written {
    enum maqet_written_kind kind;
    char *path;         /* absolute, unless no folder was given */
    const char *option; /* without its dash; the tree's */
    struct maqet_place place;
};

struct maqet_written_files {
    struct maqet_written *items;
    size_t count;
};

/*
 * Finds them in the `arguments` list (NULL: none), which was checked and lives longer
 * than *files. Relative paths start at @folder, QEMU's own (NULL: not known). What is
 * read-only is not among them, nor what the guest writes to a copy of (snapshot=on), nor
 * what the user has said is to be shared (share-rw=on, ivshmem).
 */
void maqet_arguments_written(json_object *list, const char *folder,
                             struct maqet_written_files *files);
void maqet_written_files_clear(struct maqet_written_files *files);

#define _cleanup_written_files_ _cleanup_(maqet_written_files_clear)

#endif
