/* SPDX-License-Identifier: MIT */
/*
 * edit.h - the definition of a machine as a file that a person edits: the YAML file that it
 * was read from, if that is all of it; otherwise the stored definition, in a file of
 * maqet's own in the machine's folder, which stays there until its content is stored.
 */
#ifndef MAQET_LIFECYCLE_EDIT_H
#define MAQET_LIFECYCLE_EDIT_H

#include "core/machine/definition.h"

struct maqet_edit {
    const struct maqet_context *context;
    struct maqet_definition *stored;
    char *path;   /* of the file to be edited */
    bool own;     /* it is the user's own file */
    bool newer;   /* which has changed since it was added */
    bool resumed; /* maqet's file is there from an edit that was not stored */
    bool stale;   /* the stored definition is no longer what the text is based on */
    char *before; /* the content of maqet's file as it was written, or found; else NULL */
};

/* Chooses the file, and writes it if it is maqet's. MAQET_ERROR_STATE: there is one from an
 * edit that was not stored, and the stored definition has changed since that began. */
int maqet_edit_begin(const struct maqet_context *context, const char *name,
                     struct maqet_edit *edit, struct maqet_error **err);

/* Stores what the file defines now; *change is as of maqet_vm_apply(). After success,
 * maqet's own file is gone. MAQET_ERROR_STATE and ->stale: the stored definition was
 * changed by somebody else meanwhile. */
int maqet_edit_store(struct maqet_edit *edit, const char **change,
                     struct maqet_error **err);

/* Removes maqet's own file if nothing was changed in it. Returns whether a changed one
 * stays, or the user's own file. */
bool maqet_edit_leave(struct maqet_edit *edit);

void maqet_edit_clear(struct maqet_edit *edit);

#define _cleanup_edit_ _cleanup_(maqet_edit_clear)

#endif
