/* SPDX-License-Identifier: MIT */
/*
 * full.h - drives without space on the host. QEMU stops a guest whose write fails for
 * lack of space (run state `io-error`), and repeats the write when the guest is resumed.
 */
#ifndef MAQET_MACHINE_FULL_H
#define MAQET_MACHINE_FULL_H

#include "core/config/tree.h"
#include "core/qemu/qmp.h"

struct maqet_full_drive {
    char *drive;       /* its name; of a disk in `arguments`, QEMU's name for it */
    char *file;        /* absolute; NULL: it is not a file of this host */
    char *file_system; /* its mount point; NULL: not known */
    bool measured;     /* @free is known */
    uint64_t free;     /* bytes that are available there */
};

struct maqet_full {
    struct maqet_full_drive *items;
    size_t count;
};

/* Adds the drives without space from QEMU's answer to query-block. Relative paths start
 * at @folder, QEMU's working folder; NULL: they are omitted. */
void maqet_full_read(json_object *devices, const char *folder, struct maqet_full *full);
/* Adds the names of the drives with another error. */
void maqet_failed_read(json_object *devices, struct maqet_strings *names);

/* The same as maqet_full_read(), after asking QEMU. @timeout: ms. */
int maqet_full_ask(struct maqet_qmp *qmp, const char *folder, int64_t timeout,
                   struct maqet_full *full, struct maqet_error **err);

void maqet_full_clear(struct maqet_full *full);

#define _cleanup_full_ _cleanup_(maqet_full_clear)

/* Whether there is still no space for one of them, as far as is known. */
bool maqet_full_lasts(const struct maqet_full *full);

/* "there is no space for drive 'hdd': 0B are free in the file system at /images, which
 * contains /images/hdd.img". The caller frees. */
char *maqet_full_text(const struct maqet_full *full);

/* The error for a guest that cannot be resumed, with the next step. Returns -1. */
int maqet_full_error(const struct maqet_full *full, const char *vm,
                     struct maqet_error **err);

/* Adds the next step. */
void maqet_full_hint(const struct maqet_full *full, const char *vm,
                     struct maqet_error **err);

#endif
