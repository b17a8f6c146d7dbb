/* SPDX-License-Identifier: MIT */
/*
 * new_place.h - where a new VM comes to be: its name, its YAML file, and the image of its disk,
 * none of which exists yet.
 */
#ifndef MAQET_CLI_NEW_PLACE_H
#define MAQET_CLI_NEW_PLACE_H

#include "cli/invocation.h"
#include "cli/new_file.h"

struct new_place {
    struct invocation *invocation;
    const char *name; /* of the VM; not owned */
    char *yaml;       /* the file; absolute, like all paths here */
    char *disk;
    struct new_file file;
};

#define NEW_PLACE_INIT(...)                                                              \
    {                                                                                    \
        .file = NEW_FILE_INIT, __VA_ARGS__                                               \
    }

/* Checks the name, which no VM has, and the files: that of --file, or NAME.yaml, and @disk
 * (absolute; NULL: NAME.TYPE beside it). */
int new_place_claim(struct new_place *place, const char *type, const char *disk,
                    struct maqet_error **err);
void new_place_clear(struct new_place *place);

/* The name of a file as the YAML file can name it: those beside it move with it. */
const char *new_place_named(const struct new_place *place, const char *path);

/* The machine that the file defines, which was written, checked as by add. */
struct maqet_vm *new_place_read(const struct new_place *place, struct maqet_error **err);

#endif
