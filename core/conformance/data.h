/* SPDX-License-Identifier: MIT */
/*
 * data.h - what a drive holds: written and read by qemu-io, through the node that the
 * plugin itself emits, in one place of the disk.
 */
#ifndef MAQET_CONFORMANCE_DATA_H
#define MAQET_CONFORMANCE_DATA_H

#include "core/conformance/bench.h"

/* Whether there is a qemu-io. */
bool data_possible(void);

/* Fills the place with a byte. */
int data_write(struct bench *bench, const struct maqet_drive *drive, int pattern,
               struct maqet_error **err);

/* Reads the place: it is an error when it holds anything but that byte. */
int data_read(struct bench *bench, const struct maqet_drive *drive, int pattern,
              struct maqet_error **err);

/* The same of what a server offers at a unix socket (NBD). */
int data_read_served(const char *socket, int pattern, struct maqet_error **err);

#endif
