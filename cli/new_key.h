/* SPDX-License-Identifier: MIT */
/*
 * new_key.h - the SSH key by which the user of a new VM logs in to its guest.
 */
#ifndef MAQET_CLI_NEW_KEY_H
#define MAQET_CLI_NEW_KEY_H

#include "core/base/error.h"

struct new_key {
    char *file;        /* the private key; NULL: an SSH agent has it */
    char *public_line; /* what the guest gets */
    bool created;      /* it is new, and belongs to the VM */
};

void new_key_clear(struct new_key *key);

#define _cleanup_new_key_ _cleanup_(new_key_clear)

/* The key in the file @given (absolute; private, with its public half beside it, or public).
 * Without @given, the first one of the user's own that ssh(1) would use. *found is false if
 * there is none. */
int new_key_find(const char *given, struct new_key *key, bool *found,
                 struct maqet_error **err);

/* Creates a key without a passphrase in the file @path, and @path.pub. One that is there
 * already is used instead: an earlier attempt may have been interrupted. */
int new_key_create(const char *path, const char *comment, struct new_key *key,
                   struct maqet_error **err);

/* Deletes the files of a key that was created. */
void new_key_delete(const struct new_key *key);

#endif
