/* SPDX-License-Identifier: MIT */
/*
 * definition.h - what defines a machine: its name, its UUID, and one tree, merged from
 * YAML files.
 */
#ifndef MAQET_MACHINE_DEFINITION_H
#define MAQET_MACHINE_DEFINITION_H

#include "core/base/context.h"
#include "core/config/tree.h"
#include "core/machine/added.h"

struct maqet_definition {
    char *name;
    char *uuid;
    json_object *tree;
    struct maqet_added added; /* what the tree was read from */
};

void maqet_definition_free(struct maqet_definition *definition);
MAQET_CLEANUP(maqet_definition, maqet_definition_free, maqet_definition_cleanup)

#define _cleanup_definition_ _cleanup_(maqet_definition_cleanup)

/* Reads and merges files, and applies assignments ("memory=2G"; may be empty). The name
 * is @name, or that in the files, or that of a single file without its suffix; the UUID
 * is new. Only what needs no plugins is checked. NULL on error. */
struct maqet_definition *maqet_definition_read(const struct maqet_strings *files,
                                               const struct maqet_strings *assignments,
                                               const char *name,
                                               struct maqet_error **err);

/* The same for a tree (taken), of a machine with that name. */
struct maqet_definition *maqet_definition_of_tree(json_object *tree, const char *name,
                                                  struct maqet_error **err);

/* The number of vCPUs in the key `cpu`; 0: it names a model, or is absent. */
unsigned maqet_definition_vcpus(json_object *tree);

/* The keys of the top level, except `storage`, `arguments` and `sandbox`; and the
 * switches in `sandbox`. */
extern const struct maqet_option maqet_definition_options[];
extern const struct maqet_option maqet_definition_sandbox_options[];

/* The entries of `storage`, which are parts of the tree, and then those of drives that other
 * keys add. The caller puts. */
json_object *maqet_definition_entries(const struct maqet_definition *definition);

/* Whether a machine may have this name: [A-Za-z0-9][A-Za-z0-9_.-]{0,62}. */
bool maqet_vm_name_valid(const char *name);

/* A definition as a file, and back, without checks. */
int maqet_definition_save(const char *path, const struct maqet_definition *definition,
                          struct maqet_error **err);
struct maqet_definition *maqet_definition_load(const char *path, const char *name,
                                               struct maqet_error **err);

/* The same as a value, which the caller puts, and back; @path is the file that it is part
 * of, for errors. */
json_object *maqet_definition_to_json(const struct maqet_definition *definition);
struct maqet_definition *maqet_definition_from_json(json_object *file, const char *path,
                                                    const char *name,
                                                    struct maqet_error **err);

#endif
