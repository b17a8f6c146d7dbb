/* SPDX-License-Identifier: MIT */
/*
 * image_tool.h - qemu-img on images that others have made: it can open the files that it is
 * to open and no others, whatever the images name, where the kernel has Landlock.
 */
#ifndef MAQET_QEMU_IMAGE_TOOL_H
#define MAQET_QEMU_IMAGE_TOOL_H

#include "core/qemu/confinement.h"

/* Begins the rules for a qemu-img that may read the files @read (absolute paths), and read
 * and write the file @written (NULL: none), which exists. */
int maqet_image_tool_confine(struct maqet_confinement *confinement,
                             const struct maqet_strings *read, const char *written,
                             struct maqet_error **err);

/* The ruleset, as programs get it (core/base/process.h); NULL: the kernel has no Landlock. */
const int *maqet_image_tool_ruleset(const struct maqet_confinement *confinement);

#endif
