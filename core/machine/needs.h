/* SPDX-License-Identifier: MIT */
/*
 * needs.h - what needs an image that is to be deleted: machines that name it in any way,
 * images on top of it, and programs that have it open. If that cannot be found out, the
 * image counts as needed.
 */
#ifndef MAQET_MACHINE_NEEDS_H
#define MAQET_MACHINE_NEEDS_H

#include "core/base/files.h"
#include "core/machine/vm.h"

/* The machine that names an image, as a phrase: "VM 'b' uses it". NULL: none. *known is
 * false if it only may use it, because it cannot be read. @except (may be NULL): a
 * machine that does not count. The caller frees. */
char *maqet_image_user(const struct maqet_context *context, const char *except,
                       const char *path, bool *known);

/* Why an image must stay, as such a phrase. NULL: nothing needs it. @except: a machine
 * that is being removed; @going: images that are deleted before this one. Both may be
 * NULL. The caller frees. */
char *maqet_image_need(const struct maqet_context *context, const char *except,
                       const struct maqet_strings *going, const char *path);

#endif
