/* SPDX-License-Identifier: MIT */
/*
 * close.h - the end of what plugins have opened (handle.h).
 */
#ifndef MAQET_STORAGE_CLOSE_H
#define MAQET_STORAGE_CLOSE_H

/* Has plugins close all that they have opened in this process, before the command ends, or
 * waits for something else. */
void maqet_drives_close(void);

#endif
