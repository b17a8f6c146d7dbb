/* SPDX-License-Identifier: MIT */
/*
 * full.h - drives for which the host has no room left. QEMU stops a guest whose write
 * fails for want of space (run state `io-error`), so that nothing is lost: with room, the
 * write is done again.
 */
#ifndef MAQET_MACHINE_FULL_H
#define MAQET_MACHINE_FULL_H

#include "core/config/tree.h"
#include "core/qemu/qmp.h"

struct maqet_full_drive {
    char *drive;       /* its name; of a disk in `arguments`, QEMU's name for it */
    char *file;        /* absolute; NULL: it is made of no file of this host */
    char *file_system; /* where that is mounted; NULL: not known */
    bool measured;     /* whether the next one is known */
    uint64_t free;     /* bytes that we may write there */
};

struct maqet_full {
    struct maqet_full_drive *items;
    size_t count;
};

/* Adds the drives that QEMU's answer to query-block says so of. A relative path starts at
 * @folder, in which QEMU works; NULL: it is left out. */
void maqet_full_read(json_object *devices, const char *folder, struct maqet_full *full);
/* The same, of a QEMU that is asked, which has @timeout ms to answer. */
int maqet_full_ask(struct maqet_qmp *qmp, const char *folder, int64_t timeout,
                   struct maqet_full *full, struct maqet_error **err);

void maqet_full_clear(struct maqet_full *full);

#define _cleanup_full_ _cleanup_(maqet_full_clear)

/* Whether there is still no room for one of them, as far as that is known. */
bool maqet_full_lasts(const struct maqet_full *full);

/* "the disk of drive 'hdd' is full: 0B are free in the file system /images, where
 * /images/hdd.img lies". The caller frees. */
char *maqet_full_text(const struct maqet_full *full);

/* The error that a guest can't go on for it, with the next step. Returns -1. */
int maqet_full_error(const struct maqet_full *full, const char *vm,
                     struct maqet_error **err);

/* The hint that names the next step. */
void maqet_full_hint(const struct maqet_full *full, const char *vm,
                     struct maqet_error **err);

#endif
