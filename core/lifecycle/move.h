/* SPDX-License-Identifier: MIT */
/*
 * move.h - moves the image of a drive to another folder, and converts it to another type, whether
 * the machine runs or not. The drive keeps its name, its place on its interface and its
 * content; the definitions name the new image.
 */
#ifndef MAQET_LIFECYCLE_MOVE_H
#define MAQET_LIFECYCLE_MOVE_H

#include "core/base/context.h"
#include "core/job/kind.h"

/* What was done. */
struct maqet_moved {
    char *from; /* the paths of the images */
    char *to;
    char *type;                   /* of the new image */
    bool running;                 /* the guest has gone on meanwhile */
    char *kept;                   /* why the old image stays; NULL: it is deleted */
    struct maqet_strings dropped; /* options that the new type lacks */
};

void maqet_moved_clear(struct maqet_moved *moved);
#define _cleanup_moved_ _cleanup_(maqet_moved_clear)

/* Moves an image, with its overlays, to a folder. Either the definitions name it there
 * afterwards, or nothing has changed, even if maqet or QEMU is killed. MAQET_ERROR_EXISTS:
 * there is a file of that name; MAQET_ERROR_STATE: somebody else needs it where it is;
 * MAQET_ERROR_UNSUPPORTED: not while the machine runs. */
int maqet_vm_move(const struct maqet_context *context, const char *name,
                  const char *drive, const char *folder, struct maqet_moved *moved,
                  struct maqet_error **err);

/* The same for an image of another type, beside the old one, which is deleted only if
 * maqet created it. */
int maqet_vm_convert(const struct maqet_context *context, const char *name,
                     const char *drive, const char *type, struct maqet_moved *moved,
                     struct maqet_error **err);

extern const struct maqet_job_kind maqet_kind_move, maqet_kind_convert;

#endif
