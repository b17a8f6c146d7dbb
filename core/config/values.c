/* SPDX-License-Identifier: MIT */
#include "core/config/values.h"

#include <string.h>

static void
read_text(struct maqet_value *value)
{
    bool is_number = value->row->type == MAQET_OPTION_MODE
                         ? maqet_parse_mode(value->text, &value->number)
                         : maqet_parse_int(value->text, &value->number);

    if (!is_number)
        value->number = 0;
    if (!maqet_parse_size(value->text, &value->size))
        value->size = 0;
    if (!maqet_parse_bool(value->text, &value->yes))
        value->yes = false;
}

/* @outer is the option whose value the mapping is; NULL: none. */
static void
resolve(struct maqet_values *values, json_object *mapping,
        const struct maqet_option *table, const char *outer)
{
    for (const struct maqet_option *row = table; row && row->name; row++) {
        struct maqet_value *value = MAQET_APPEND(values->items, values->count);
        json_object *inner = json_object_object_get(mapping, row->name);

        *value = (struct maqet_value){
            .row = row,
            .name = outer ? maqet_format("%s.%s", outer, row->name) : row->name,
            .written = inner,
            .own = maqet_strdup(maqet_tree_text(mapping, row->name)),
        };
        value->text = value->own ? value->own : row->fallback;
        if (value->text)
            read_text(value);
        resolve(values, inner, row->options, value->name);
    }
}

void
maqet_values_resolve(struct maqet_values *values, json_object *mapping,
                     const struct maqet_option *const *tables)
{
    for (size_t i = 0; tables[i]; i++)
        resolve(values, mapping, tables[i], NULL);
}

void
maqet_values_clear(struct maqet_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        if (values->items[i].name != values->items[i].row->name)
            free((char *)values->items[i].name);
        free(values->items[i].own);
    }
    free(values->items);
    *values = (struct maqet_values){0};
}

const struct maqet_value *
maqet_values_find(const struct maqet_values *values, const char *name)
{
    for (size_t i = 0; i < values->count; i++)
        if (strcmp(values->items[i].name, name) == 0)
            return &values->items[i];
    return NULL;
}

uint64_t
maqet_value_size(const struct maqet_value *value)
{
    return value ? value->size : 0;
}

int64_t
maqet_value_int(const struct maqet_value *value)
{
    return value ? value->number : 0;
}

bool
maqet_value_bool(const struct maqet_value *value)
{
    return value && value->yes;
}
