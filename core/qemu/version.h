/* SPDX-License-Identifier: MIT */
/*
 * version.h - versions of QEMU as one number, 70200 for 7.2.0: what a program says that it
 * is, where no monitor can be asked, and which versions maqet works with.
 */
#ifndef MAQET_QEMU_VERSION_H
#define MAQET_QEMU_VERSION_H

#include "core/base/error.h"

/* Runs `PROGRAM --version`, which takes longer than most of what maqet does: only for who
 * needs it. The third part of the version is 0. 0: it doesn't say. */
int maqet_qemu_version(const char *program);

/* MAQET_ERROR_UNSUPPORTED: a version, which @text spells, is older than maqet works with. */
int maqet_qemu_version_check(int version, const char *text, struct maqet_error **err);

/* The same for a program, by what it says itself; one that doesn't say passes. */
int maqet_qemu_version_check_program(const char *program, struct maqet_error **err);

#endif
