/* SPDX-License-Identifier: MIT */
/*
 * check.h - looking for damage in an image and in its base: by ourselves where it is to
 * be quick, else by qemu-img.
 */
#ifndef QCOW2_CHECK_H
#define QCOW2_CHECK_H

#include <maqet-plugin.h>

int qcow2_check(const struct maqet_drive *drive, enum maqet_check_depth depth,
                struct maqet_check_report *report, struct maqet_error **err);

#endif
