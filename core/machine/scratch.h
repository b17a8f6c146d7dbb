/* SPDX-License-Identifier: MIT */
/*
 * scratch.h - where QEMU writes what is not kept, such as of drives with snapshot=on.
 */
#ifndef MAQET_MACHINE_SCRATCH_H
#define MAQET_MACHINE_SCRATCH_H

/* The folder in which its temporary files are, or a folder with them. */
const char *maqet_scratch_folder(void);

#endif
