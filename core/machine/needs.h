/* SPDX-License-Identifier: MIT */
/*
 * needs.h - who needs an image, before it is deleted: machines that name it in any way,
 * images that have it as a backing file, programs that have it open. What can't be known
 * counts as a need.
 */
#ifndef MAQET_MACHINE_NEEDS_H
#define MAQET_MACHINE_NEEDS_H

#include "core/base/files.h"
#include "core/machine/vm.h"

/* The machine that names an image, as a phrase such as "VM 'b' uses it"; NULL: none does.
 * *known false: one can't be read, and may. @except: a machine that doesn't count; NULL:
 * all count. The caller frees. */
char *maqet_image_user(const struct maqet_context *context, const char *except,
                       const char *path, bool *known);

/* Why an image must stay, as a phrase such as "VM 'b' uses it"; NULL: nobody needs it.
 * @except: a machine that goes, and so needs nothing; @going: images that go before this
 * one. Both may be NULL. The caller frees. */
char *maqet_image_need(const struct maqet_context *context, const char *except,
                       const struct maqet_strings *going, const char *path);

#endif
