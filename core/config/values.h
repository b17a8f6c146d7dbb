/* SPDX-License-Identifier: MIT */
/*
 * values.h - the options of a mapping: a slot for each row of its tables, in which the
 * text is read once.
 */
#ifndef MAQET_CONFIG_VALUES_H
#define MAQET_CONFIG_VALUES_H

#include "core/config/options.h"

struct maqet_value {
    const struct maqet_option *row; /* of an item of a LIST: as maqet_option_item() */
    const char *name; /* "map.option" inside a mapping, "list.0" for an item of a list */
    bool written;     /* it is in the mapping, and is not null */
    char *own;        /* the text that was written; NULL: none, or it is no text */
    size_t count;     /* of the items of a LIST */
    struct maqet_option *item; /* of a LIST: the row of its items; owned */
    const char *text;          /* the same, or the row's fallback */
    /* The text as each type; 0 or false if it is not of that form. */
    uint64_t size;  /* bytes */
    int64_t number; /* octal if the row's type is MODE */
    bool yes;
};

struct maqet_values {
    struct maqet_value *items;
    size_t count;
};

/* Fills empty @values from a mapping and its tables (as for maqet_options_check()), which
 * must live as long. A value that the check refuses may be absent, or 0. */
void maqet_values_resolve(struct maqet_values *values, json_object *mapping,
                          const struct maqet_option *const *tables);
void maqet_values_clear(struct maqet_values *values);

/* The slot of an option; the first one if two have that name. NULL: no table has it. */
const struct maqet_value *maqet_values_find(const struct maqet_values *values,
                                            const char *name);

/* The value of a slot; 0 or false if it is absent, not of that form, or NULL. */
uint64_t maqet_value_size(const struct maqet_value *value);
int64_t maqet_value_int(const struct maqet_value *value);
bool maqet_value_bool(const struct maqet_value *value);

#endif
