/* SPDX-License-Identifier: MIT */
/*
 * server.h - a program that offers what an image holds at a Unix socket (NBD: doc/proto.md),
 * such as qemu-nbd.
 */
#ifndef MAQET_STORAGE_SERVER_H
#define MAQET_STORAGE_SERVER_H

#include "core/base/process.h"

/* Waits until a server that was started is ready. It may listen before it has opened the
 * image, which can fail. Returns a connection on which its greeting has arrived, or -1
 * after the server has ended. */
int maqet_server_connect(struct maqet_process_server *server, const char *program,
                         const char *socket, struct maqet_error **err);

#endif
