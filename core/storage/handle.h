/* SPDX-License-Identifier: MIT */
/*
 * handle.h - what storage plugins have opened (@open in maqet-plugin.h), until the command
 * ends. A command may read the definition of a machine several times; what was opened for a
 * drive serves all drives with the same entry. callback.h opens and closes.
 */
#ifndef MAQET_STORAGE_HANDLE_H
#define MAQET_STORAGE_HANDLE_H

#include "core/storage/drive.h"

/* Notes what was opened for a drive. */
void maqet_handle_add(const struct maqet_drive *drive, void *value);

/* Whether something was opened in this process for a drive, or for another one with the
 * same entry; *value: what. */
bool maqet_handle_find(const struct maqet_drive *drive, void **value);

/* Keeps a drive that its owner is about to free, if it is the one that something was opened
 * with: @close gets it. False: it is to be freed. */
bool maqet_handle_keep(struct maqet_drive *drive);

struct maqet_handle {
    struct maqet_drive *drive;
    void *value;
    struct maqet_surroundings *kept; /* what the drive refers to; NULL: it was not kept */
};

/* Takes one that was opened in this process; false: there is none. The caller frees the
 * drive if it was kept, and then what was kept with it. */
bool maqet_handle_take(struct maqet_handle *handle);
void maqet_handle_clear(struct maqet_handle *handle);

#endif
