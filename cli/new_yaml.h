/* SPDX-License-Identifier: MIT */
/*
 * new_yaml.h - the file that `maqet new` writes: what a person would write, with comments.
 */
#ifndef MAQET_CLI_NEW_YAML_H
#define MAQET_CLI_NEW_YAML_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/text.h"

/* A folder of the host that the guest has, too. */
struct new_share {
    const char *path; /* on the host; NULL: there is none */
    const char *type; /* the storage plugin */
};

struct new_machine {
    const char *name;
    const char *memory;
    const char *vcpus;
    const char *user; /* in the guest */
    const char *key;  /* the file of the private key; NULL: an SSH agent has it */
    const char *public_key;
    const char *image;  /* the backing file */
    const char *format; /* its format */
    const char *disk;   /* the file of the overlay */
    uint64_t size;      /* of the overlay, bytes */
    struct new_share share;
    uid_t
        uid; /* of the share's owner, which the user in the guest gets if it is a person's */
};

/* Where the guest has the share. */
#define NEW_MOUNT_POINT "/mnt/share"

/* The text of the file. The caller frees. */
char *new_yaml(const struct new_machine *machine);

/* Appends a line "KEY: VALUE"; the key may be indented. */
void new_yaml_key(struct maqet_text *yaml, const char *key, const char *value);

/* Appends what such files begin with; @command has created the VM. */
void new_yaml_begin(struct maqet_text *yaml, const char *command, const char *name,
                    const char *memory, const char *vcpus);

#endif
