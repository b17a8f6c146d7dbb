/* SPDX-License-Identifier: MIT */
/*
 * definition.h - what a machine is: its name, its UUID and its merged tree; made from
 * YAML files, and checked against the plugins.
 */
#ifndef MAQET_MACHINE_DEFINITION_H
#define MAQET_MACHINE_DEFINITION_H

#include "core/base/context.h"
#include "core/config/tree.h"

struct maqet_definition {
    char *name;
    char *uuid;
    json_object *tree;
};

void maqet_definition_free(struct maqet_definition *definition);
MAQET_CLEANUP(maqet_definition, maqet_definition_free, maqet_definition_cleanup)

#define _cleanup_definition_ _cleanup_(maqet_definition_cleanup)

/*
 * Reads and merges files, applies assignments ("memory=2G", may be empty), and gives it
 * the name (@name, or what the files say, or that of a single file less its suffix) and
 * a new UUID. Only what can be said without plugins is checked. NULL on error.
 */
struct maqet_definition *maqet_definition_read(const struct maqet_strings *files,
                                               const struct maqet_strings *assignments,
                                               const char *name,
                                               struct maqet_error **err);

/* The number of vCPUs that the key `cpu` says; 0: it names a model, or is absent. */
unsigned maqet_definition_vcpus(json_object *tree);

/* The keys of the top level, but `storage` and `arguments`, which are lists, and `sandbox`;
 * and the switches of that, where it is a mapping. */
const struct maqet_option *maqet_definition_options(void);
const struct maqet_option *maqet_definition_sandbox_options(void);

/* Whether a machine may bear this name: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}. */
bool maqet_vm_name_valid(const char *name);

/* A definition as a file, and back; nothing in it is checked against anything. */
int maqet_definition_save(const char *path, const struct maqet_definition *definition,
                          struct maqet_error **err);
struct maqet_definition *maqet_definition_load(const char *path, const char *name,
                                               struct maqet_error **err);

#endif
