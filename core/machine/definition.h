/* SPDX-License-Identifier: MIT */
/*
 * definition.h - what defines a machine: its name, its UUID, and one tree, merged from
 * YAML files.
 */
#ifndef MAQET_MACHINE_DEFINITION_H
#define MAQET_MACHINE_DEFINITION_H

#include "core/base/context.h"
#include "core/config/tree.h"
#include "core/machine/vm_name.h"
#include "core/machine/added.h"

/*
 * What a machine has by default never changes while it exists, since its guest has been
 * installed on it. So each definition has the number of its defaults, of which this is the
 * present one:
 *
 * 0: QEMU's own default devices and machine type. Machines that were added by a maqet
 *    without these numbers have it.
 * 1: none of QEMU's default devices, but those that maqet adds (devices.h); the machine
 *    type of maqet_vm_default_type(); and the machine's UUID.
 * 2: the same, and where the machine type has one, a generation ID (generation.h).
 */
enum { MAQET_DEFAULTS = 2 };

struct maqet_definition {
    char *name;
    char *uuid;
    unsigned defaults; /* 0 to MAQET_DEFAULTS */
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

/* The same, but mistakes do not end it: they are added to *err, and a definition is returned
 * that has only its drives, for finding their mistakes as well. NULL: it cannot be read. */
struct maqet_definition *maqet_definition_draft(const struct maqet_strings *files,
                                                const struct maqet_strings *assignments,
                                                const char *name,
                                                struct maqet_error **err);

/* The same for a tree (taken), of a machine with that name. */
struct maqet_definition *maqet_definition_draft_of_tree(json_object *tree,
                                                        const char *name,
                                                        struct maqet_error **err);

/* A random UUID. The caller frees; NULL on error. */
char *maqet_definition_new_uuid(struct maqet_error **err);

/* The keys of the top level whose values are texts; and the switches in `sandbox`. */
extern const struct maqet_option maqet_definition_options[];
extern const struct maqet_option maqet_definition_sandbox_options[];

/* The entries of `storage`, which are parts of the tree, and then those of drives that other
 * keys add. The caller puts. */
json_object *maqet_definition_entries(const struct maqet_definition *definition);

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
