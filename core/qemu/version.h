/* SPDX-License-Identifier: MIT */
/*
 * version.h - which version of QEMU a program is, where no monitor can be asked.
 */
#ifndef MAQET_QEMU_VERSION_H
#define MAQET_QEMU_VERSION_H

#include <stdbool.h>

/* Runs `PROGRAM --version`, which takes longer than most of what maqet does: only for who
 * needs it. False: it doesn't say. */
bool maqet_qemu_version(const char *program, int *major, int *minor);

#endif
