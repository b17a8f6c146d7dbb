/* SPDX-License-Identifier: MIT */
/*
 * cloud_init.h - the key `cloud_init`: what cloud-init in the guest is to set up. It adds a
 * drive to the machine, whose storage plugin creates what cloud-init reads.
 */
#ifndef MAQET_MACHINE_CLOUD_INIT_H
#define MAQET_MACHINE_CLOUD_INIT_H

#include "core/config/tree.h"

/* The name of the drive. */
#define MAQET_CLOUD_INIT_DRIVE "cloud-init"

/* The keys of the mapping `cloud_init`. */
extern const struct maqet_option maqet_cloud_init_options[];

/* Checks what the option table cannot, and makes paths absolute in the tree. */
int maqet_cloud_init_check(json_object *tree, struct maqet_error **err);

/* The entry of the drive, as `storage` would have it; NULL: the tree has no such key. @uuid
 * tells the guest from the guests of other machines, so that a copy of a guest is set up
 * anew. The caller puts. */
json_object *maqet_cloud_init_entry(json_object *tree, const char *uuid);

#endif
