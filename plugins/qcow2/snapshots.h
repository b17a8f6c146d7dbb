/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - the table of a qcow2 image's internal snapshots. As with the header, what
 * is out of bounds is a fault; the bounds are QEMU's own.
 */
#ifndef QCOW2_SNAPSHOTS_H
#define QCOW2_SNAPSHOTS_H

#include "plugins/qcow2/header.h"

#include <stddef.h>

enum {
    QCOW2_SNAPSHOTS_MAX = 65536,
    QCOW2_SNAPSHOT_EXTRA_MAX = 1024,             /* bytes of one's extra data */
    QCOW2_SNAPSHOT_TABLE_MAX = 64 * 1024 * 1024, /* bytes */
};

struct qcow2_snapshot {
    /* The bytes of the image up to the first NUL, as QEMU sees them: not always UTF-8,
     * and control characters may be among them. */
    char *id;
    char *name;
    uint64_t l1_offset;
    uint32_t l1_size;      /* entries */
    uint32_t date_seconds; /* since the epoch */
    uint32_t date_nanoseconds;
    uint64_t vm_clock; /* ns that the guest had run */
    uint64_t vm_state_size;
    uint64_t disk_size;
    uint64_t offset;      /* where the entry lies in the file */
    uint64_t name_offset; /* where the name lies in the file */
    uint32_t name_length; /* bytes there, with those behind a NUL */
    uint32_t extra_size;  /* bytes of extra data */
};

struct qcow2_snapshots {
    struct qcow2_snapshot *items; /* in the order of the table */
    size_t count;
    uint64_t table_size; /* bytes */
};

/* Returns 0, or -1 with *fault set, and then there are none. The caller clears them. */
int qcow2_snapshots_read(int fd, const struct qcow2_header *header,
                         struct qcow2_snapshots *snapshots, const char **fault);

void qcow2_snapshots_clear(struct qcow2_snapshots *snapshots);

/*
 * Writes @name over the snapshot's name where it lies in the file, and has it on the disk
 * before it returns. Both must have the same length, since nothing is moved. It is a
 * fault when neither of the two names is there any more. The caller keeps others from
 * changing the image meanwhile; @snapshot stays as it was read. Returns 0, or -1 with
 * *fault set.
 */
int qcow2_snapshot_rename(int fd, const struct qcow2_snapshot *snapshot, const char *name,
                          const char **fault);

/* Writes another date and clock (date_seconds, date_nanoseconds, vm_clock) into the entry that was
 * read, likewise. */
int qcow2_snapshot_set_date(int fd, const struct qcow2_snapshot *snapshot,
                            const char **fault);

#endif
