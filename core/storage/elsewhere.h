/* SPDX-License-Identifier: MIT */
/*
 * elsewhere.h - drives that are made of no file of this host: a network block device, an
 * image in a cluster. Only their plugin can look at them.
 */
#ifndef MAQET_STORAGE_ELSEWHERE_H
#define MAQET_STORAGE_ELSEWHERE_H

#include "core/storage/image.h"

/* What a plugin reports of other users. */
struct maqet_holders {
    struct maqet_strings who;
    struct maqet_strings hints;
};

/* Fills @state with what the plugin knows. What is missing is no error; where the plugin
 * can't look, it seems to be missing. */
int maqet_elsewhere_inspect(const struct maqet_drive *drive,
                            struct maqet_image_state *state, struct maqet_error **err);

/* The same of any drive: what lies here is opened, as by maqet_image_inspect. */
int maqet_drive_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                        struct maqet_error **err);

/* Has the plugin make what is missing, where it can. As maqet_image_prepare. */
int maqet_elsewhere_prepare(const struct maqet_drive *drive,
                            struct maqet_image_state *state, bool *created,
                            struct maqet_error **err);

/* Whether nobody else uses what the drive is made of, as far as its plugin can tell:
 * MAQET_ERROR_BUSY names the users. @ours: how many of them are QEMUs of ours that have it
 * open. A read-only drive may be shared. */
int maqet_drive_check_users(const struct maqet_drive *drive, size_t ours,
                            struct maqet_error **err);

#endif
