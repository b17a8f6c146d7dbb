/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - the table of internal snapshots in a qcow2 image. The layout is in QEMU's
 * docs/interop/qcow2.txt, "Snapshots". As with the header, nothing in it is trusted.
 */
#ifndef QCOW2_SNAPSHOTS_H
#define QCOW2_SNAPSHOTS_H

#include <stddef.h>

#include "plugins/qcow2/header.h"

struct qcow2_snapshot {
    char *id;
    char *name; /* any bytes, up to the first NUL, as QEMU reads it */
    uint64_t l1_offset;
    uint32_t l1_size; /* entries */
    uint32_t date_seconds;
    uint32_t date_nanoseconds;
    uint64_t vm_clock;      /* ns */
    uint64_t vm_state_size; /* bytes */
    uint64_t disk_size;     /* bytes that the guest saw then */
    uint64_t name_offset;   /* where its name lies in the file */
    uint16_t name_length;
    uint32_t entry_size; /* of its row in the table, bytes */
};

struct qcow2_snapshots {
    struct qcow2_snapshot *items;
    size_t count;
    uint64_t size; /* of the table, bytes */
};

/* Returns 0, or -1 with *fault set to what is wrong, as the end of a sentence; then the
 * table is empty. */
int qcow2_snapshots_read(int fd, const struct qcow2_header *header,
                         struct qcow2_snapshots *snapshots, const char **fault);
void qcow2_snapshots_clear(struct qcow2_snapshots *snapshots);

/*
 * Overwrites a snapshot's name by one of the same length, in place and on the disk. May
 * be repeated: one that has the new name already is left as it is. The caller makes sure
 * that nobody else writes to the image.
 */
int qcow2_snapshot_rename(int fd, const struct qcow2_snapshot *snapshot, const char *name,
                          const char **fault);

#endif
