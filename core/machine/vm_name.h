/* SPDX-License-Identifier: MIT */
/*
 * vm_name.h - the names of machines.
 */
#ifndef MAQET_MACHINE_VM_NAME_H
#define MAQET_MACHINE_VM_NAME_H

#include "core/config/tree.h"

/* For messages. */
#define MAQET_VM_NAME_RULE                                                               \
    "use a letter or digit, then letters, digits, '.', '_' and '-'; at most 63 characters"

/* Whether a machine may have this name: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}. */
bool maqet_vm_name_valid(const char *name);

/* The name of a machine whose files do not set it: that of the only file. @tree is what was
 * read. NULL on error; the caller frees. */
char *maqet_vm_name_after_file(json_object *tree, const struct maqet_strings *files,
                               struct maqet_error **err);

#endif
