/* SPDX-License-Identifier: MIT */
/*
 * emitted.h - what plugins have appended, read from the command line that it became.
 */
#ifndef MAQET_CONFORMANCE_EMITTED_H
#define MAQET_CONFORMANCE_EMITTED_H

#include "core/base/json.h"

/* One object. */
struct emitted {
    const char *option; /* "-blockdev" */
    json_object *json;  /* its properties; of those that take no JSON, its id alone */
    const char *id;     /* its id or node-name; "": it has none */
    const char *type;   /* its driver or type; "": it has none */
};

struct emitted_list {
    struct emitted *items;
    size_t count;
};

/* Reads "option value option value ...". The strings of @argv must outlive the list. -1:
 * a value is not what it should be, which *fault names (the caller frees). */
int emitted_read(const struct maqet_strings *argv, struct emitted_list *list,
                 char **fault);
void emitted_clear(struct emitted_list *list);

#define _cleanup_emitted_ _cleanup_(emitted_clear)

/* The object of that option and id, or NULL. */
const struct emitted *emitted_find(const struct emitted_list *list, const char *option,
                                   const char *id);

/* How many of an option there are; NULL: of any. */
size_t emitted_count(const struct emitted_list *list, const char *option);

#endif
