/* SPDX-License-Identifier: MIT */
/*
 * view.h - one snapshot of a qcow2 image, seen as an image of its own.
 *
 * QEMU reads a snapshot (`qemu-img convert -l`, `qemu-nbd --load-snapshot`) with the size
 * that the disk has now: what a larger snapshot holds beyond is lost, and a smaller one
 * is padded. But an image whose header has the snapshot's size and the snapshot's L1
 * table in the place of the active ones, and no snapshots, is exactly that snapshot: all
 * tables and clusters are found by their offsets in the file, compressed and encrypted
 * ones too (the payload of LUKS in qcow2 is tied to those offsets).
 *
 * The view is a small qcow2 overlay that holds nothing but the changed beginning of the
 * file. The image, opened as raw data, is its backing file. So QEMU reads the image's
 * bytes with another header, and nothing is copied, and nothing is written to the image.
 *
 * It may be read while a QEMU writes to the image. By docs/interop/qcow2.txt of QEMU,
 * each cluster that a snapshot refers to has a reference count of its own for that, and
 * what has a count above one is copied before it is written to ("copy on write"); so
 * neither the snapshot's L1 table, nor its L2 tables, nor its data change while it
 * exists. What does change are the reference counts, which reading doesn't look at, and
 * bit 63 (COPIED) of L1 and L2 entries, which tells only writers whether a cluster is
 * theirs alone: it is updated when another snapshot is made or deleted, in a table of the
 * same place with the same offsets. QEMU has written all tables of a snapshot to the file
 * by the time the snapshot is in the table of snapshots. The caller keeps the snapshot
 * from being deleted meanwhile.
 */
#ifndef QCOW2_VIEW_H
#define QCOW2_VIEW_H

#include <stddef.h>
#include <stdint.h>

struct qcow2_view {
    uint8_t *bytes; /* the overlay file */
    size_t length;
    uint64_t virtual_size; /* of the snapshot's disk */
};

/* Reads the snapshot with that id from the image. Returns 0, or -1 with *fault set, as
 * the end of a sentence. The caller clears the view. */
int qcow2_view_read(int fd, const char *id, struct qcow2_view *view, const char **fault);

void qcow2_view_clear(struct qcow2_view *view);

#endif
