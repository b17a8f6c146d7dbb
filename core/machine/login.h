/* SPDX-License-Identifier: MIT */
/*
 * login.h - the key `ssh` of a definition: how one logs in to the guest.
 */
#ifndef MAQET_MACHINE_LOGIN_H
#define MAQET_MACHINE_LOGIN_H

#include "core/config/tree.h"

/* The texts are the tree's. */
struct maqet_login {
    bool defined;     /* the tree has the key */
    const char *user; /* NULL: that of this host */
    const char *key;  /* the path of a private key; NULL: those that ssh(1) tries */
    unsigned port;    /* of the guest */
};

/* The keys of the mapping `ssh`. */
extern const struct maqet_option maqet_login_options[];

/* Checks what the option table cannot, and makes the path absolute in the tree. */
int maqet_login_check(json_object *tree, struct maqet_error **err);

/* Reads the key of a tree that was checked. */
struct maqet_login maqet_login_read(json_object *tree);

#endif
