/* SPDX-License-Identifier: MIT */
/*
 * repeated.h - what one file says twice and QEMU takes once: it would use the last, and
 * tell nobody.
 */
#ifndef MAQET_QEMU_REPEATED_H
#define MAQET_QEMU_REPEATED_H

#include "core/base/error.h"

/*
 * Whether each file (by the places in the list, which may be NULL or no list) gives once
 * what QEMU takes once. Files that were laid over one another may well repeat an option.
 */
int maqet_arguments_check_repeated(json_object *list, struct maqet_error **err);

#endif
