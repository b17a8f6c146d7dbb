/* SPDX-License-Identifier: MIT */
#include "core/config/values.h"

#include <string.h>

static void
read_text(struct maqet_value *value)
{
    bool good = true;

    switch (value->row->type) {
    case MAQET_OPTION_SIZE:
        good = maqet_parse_size(value->text, &value->as.size);
        break;
    case MAQET_OPTION_INT:
        good = maqet_parse_int(value->text, &value->as.number);
        break;
    case MAQET_OPTION_MODE:
        good = maqet_parse_mode(value->text, &value->as.number);
        break;
    case MAQET_OPTION_BOOL:
        good = maqet_parse_bool(value->text, &value->as.yes);
        break;
    default:
        break;
    }
    if (!good)
        value->as.size = 0;
}

static size_t
count_rows(const struct maqet_option *table)
{
    size_t count = 0;

    for (const struct maqet_option *row = table; row && row->name; row++)
        count += 1 + count_rows(row->options);
    return count;
}

/* @outer: the option that the mapping is the value of; NULL: none. */
static void
resolve(struct maqet_values *values, json_object *mapping,
        const struct maqet_option *table, const char *outer)
{
    for (const struct maqet_option *row = table; row && row->name; row++) {
        struct maqet_value *value = &values->items[values->count++];
        const char *text = maqet_tree_text(mapping, row->name);
        json_object *inner = NULL;

        json_object_object_get_ex(mapping, row->name, &inner);
        *value = (struct maqet_value){
            .row = row,
            .name = outer ? maqet_format("%s.%s", outer, row->name) : row->name,
            .written = inner,
            .own = text ? maqet_strdup(text) : NULL,
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
    size_t count = 0;

    for (size_t i = 0; tables[i]; i++)
        count += count_rows(tables[i]);
    values->items = maqet_alloc((count + 1) * sizeof(*values->items));
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
    uint64_t size = 0;

    if (!value || value->row->type == MAQET_OPTION_SIZE)
        return value ? value->as.size : 0;
    return value->text && maqet_parse_size(value->text, &size) ? size : 0;
}

int64_t
maqet_value_int(const struct maqet_value *value)
{
    int64_t number = 0;

    if (!value || value->row->type == MAQET_OPTION_INT ||
        value->row->type == MAQET_OPTION_MODE)
        return value ? value->as.number : 0;
    return value->text && maqet_parse_int(value->text, &number) ? number : 0;
}

bool
maqet_value_bool(const struct maqet_value *value)
{
    bool yes = false;

    if (!value || value->row->type == MAQET_OPTION_BOOL)
        return value && value->as.yes;
    return value->text && maqet_parse_bool(value->text, &yes) && yes;
}
