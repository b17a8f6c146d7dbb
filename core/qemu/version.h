/* SPDX-License-Identifier: MIT */
/*
 * version.h - the versions of QEMU.
 */
#ifndef MAQET_QEMU_VERSION_H
#define MAQET_QEMU_VERSION_H

#include "core/base/error.h"

/* MAQET_ERROR_UNSUPPORTED: a version, 70200 for 7.2.0, is older than maqet supports; @text is
 * how it is named. */
int maqet_qemu_version_check(int version, const char *text, struct maqet_error **err);

/* QEMU's version if no monitor can be asked, 70200 for 7.2.22: runs `PROGRAM --version`,
 * which takes longer than most of what maqet does. 0: not known. */
int maqet_qemu_version(const char *program);

/* The same as maqet_drive_qemu_version() says it, 7002022 for 7.2.22. */
uint32_t maqet_qemu_exact_version(const char *program);

/* MAQET_ERROR_UNSUPPORTED: the program is older than maqet supports. */
int maqet_qemu_check_version(const char *program, struct maqet_error **err);

#endif
