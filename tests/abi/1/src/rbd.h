/* SPDX-License-Identifier: MIT */
/*
 * rbd.h - what the files of this plugin share: asking the cluster by the program rbd
 * (cluster.c), and how the image is named to QEMU (rbd.c), with the same identity in
 * both.
 */
#ifndef RBD_H
#define RBD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf(), explicit_bzero() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <json-c/json.h>

/* ---- cluster.c ---- */

/* A command "rbd WORDS... IDENTITY" about the drive's pool, or about its image. */
struct maqet_command *rbd_pool_command(const struct maqet_drive *drive,
                                       const char *const *words);
struct maqet_command *rbd_image_command(const struct maqet_drive *drive,
                                        const char *const *words);

/* Runs such a command, and frees it. Where the cluster did not answer in time, the error
 * says so. */
int rbd_run(const struct maqet_drive *drive, struct maqet_command *command,
            struct maqet_error **err);

/* The same; what it printed as JSON, to be freed by json_object_put(). NULL on error. */
json_object *rbd_ask(const struct maqet_drive *drive, struct maqet_command *command,
                     enum json_type type, struct maqet_error **err);

/* Whether the pool has the image: 1, 0, or -1 on error. */
int rbd_exists(const struct maqet_drive *drive, struct maqet_error **err);

/* The error that it hasn't: -1. */
int rbd_error_missing(const struct maqet_drive *drive, struct maqet_error **err);

/* Reports every client that has the image open, and stays. */
int rbd_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
                struct maqet_error **err);

/* Fails with MAQET_ERROR_BUSY where there is such a client. */
int rbd_check_unused(const struct maqet_drive *drive, struct maqet_error **err);

/* ---- rbd.c ---- */

/* Calls @set for each property that QEMU needs to find the image. */
void rbd_describe(const struct maqet_drive *drive,
                  void (*set)(void *data, const char *key, const char *value),
                  void *data);

/* The id of the secret that holds the drive's key, to be freed; NULL: it has no key file.
 */
char *rbd_secret_id(const struct maqet_drive *drive);

/* ---- snapshots.c ---- */

extern const struct maqet_snapshot_table rbd_snapshot_table;

#endif
