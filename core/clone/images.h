/* SPDX-License-Identifier: MIT */
/*
 * images.h - the images of a machine that is made like another one.
 */
#ifndef MAQET_CLONE_IMAGES_H
#define MAQET_CLONE_IMAGES_H

#include "core/clone/plan.h"
#include "core/machine/vm.h"

/* Whether a new machine may have the name. What an interrupted command has left of it is removed
 * first. */
int maqet_clone_check_name(const struct maqet_context *context, const char *name,
                           struct maqet_error **err);

/* Whether no file is where an image would be. */
int maqet_clone_check_files(const struct maqet_vm *vm,
                            const struct maqet_clone_plan *plan,
                            struct maqet_error **err);

/* Whether programs are run to create its images. */
bool maqet_clone_needs_helpers(const struct maqet_vm *vm,
                               const struct maqet_clone_plan *plan);

/* Creates the images of a machine that is stored, with its job: overlays and copies. That they exist
 * is recorded by a start, or by maqet_images_confirm(). */
int maqet_clone_make_images(struct maqet_vm *vm, const char *folder,
                            const struct maqet_clone_plan *plan,
                            struct maqet_error **err);

#endif
