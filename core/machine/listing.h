/* SPDX-License-Identifier: MIT */
/*
 * listing.h - the keys of a definition as a flat list, each with its value and where it
 * was written: "memory", "storage.hdd.size", "arguments.smp". A drive is named by its name,
 * an argument by its option, and any other mapping in a list by its number.
 */
#ifndef MAQET_MACHINE_LISTING_H
#define MAQET_MACHINE_LISTING_H

#include "core/config/tree.h"

struct maqet_listed_key {
    char *key;
    char *value;  /* as it was written; a list of texts as "[a, b]"; NULL: none */
    char *origin; /* "vm.yaml:3", "--set memory=4G" or "default"; "" if it is not known */
};

struct maqet_listing {
    struct maqet_listed_key *items;
    size_t count;
};

/* Adds the keys of a tree, which was checked: in its order, or with @like first those that
 * another tree has, too, in the order of that. */
void maqet_listing_add(struct maqet_listing *listing, json_object *tree,
                       json_object *like);

/* Adds a key that the tree does not have, with the value that holds then. */
void maqet_listing_add_default(struct maqet_listing *listing, const char *key,
                               const char *value);

/* The key, or NULL. */
const struct maqet_listed_key *maqet_listing_find(const struct maqet_listing *listing,
                                                  const char *key);

void maqet_listing_clear(struct maqet_listing *listing);

#define _cleanup_listing_ _cleanup_(maqet_listing_clear)

/* Adds the keys whose values differ between two trees, each once. */
void maqet_listing_differences(json_object *before, json_object *after,
                               struct maqet_strings *keys);

#endif
