/* SPDX-License-Identifier: MIT */
/*
 * data.h - writes and reads the data of a drive at one place of the disk, by qemu-io,
 * through the node that the plugin emits.
 */
#ifndef MAQET_CONFORMANCE_DATA_H
#define MAQET_CONFORMANCE_DATA_H

#include "core/conformance/bench.h"

/* Fills the place with a byte. */
int data_write(struct bench *bench, int pattern, struct maqet_error **err);

/* Fails if it does not find that byte there. */
int data_read(struct bench *bench, int pattern, struct maqet_error **err);

/* The same from an NBD server at a unix socket. */
int data_read_served(const char *socket, int pattern, struct maqet_error **err);

#endif
