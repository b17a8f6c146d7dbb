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

static void resolve(struct maqet_values *values, json_object *mapping,
                    const struct maqet_option *table, const char *outer);

/* A new slot. @name is taken unless it is the row's. */
static struct maqet_value *
add_slot(struct maqet_values *values, const struct maqet_option *row, const char *name,
         json_object *json)
{
    struct maqet_value *value = MAQET_APPEND(values->items, values->count);
    bool is_text = json_object_is_type(json, json_type_string) &&
                   row->type != MAQET_OPTION_LIST && row->type != MAQET_OPTION_MAP;

    *value = (struct maqet_value){
        .row = row,
        .name = name,
        .written = json,
        .own = is_text ? maqet_strdup(json_object_get_string(json)) : NULL,
    };
    value->text = value->own                       ? value->own
                  : row->type == MAQET_OPTION_LIST ? NULL
                                                   : row->fallback;
    if (value->text)
        read_text(value);
    return value;
}

/* Adds slots for the items of a list. A single value is a list of one. */
static void
resolve_items(struct maqet_values *values, const struct maqet_option *row,
              const char *name, json_object *list, size_t count)
{
    bool is_list = json_object_is_type(list, json_type_array);

    for (size_t i = 0; i < count; i++) {
        json_object *json = is_list ? json_object_array_get_idx(list, i) : list;
        char *own = maqet_format("%s.%zu", name, i);

        add_slot(values, row, own, json);
        if (row->type == MAQET_OPTION_MAP)
            resolve(values, json, row->options, own);
    }
}

/* @outer is the option whose value the mapping is; NULL: none. */
static void
resolve(struct maqet_values *values, json_object *mapping,
        const struct maqet_option *table, const char *outer)
{
    for (const struct maqet_option *row = table; row && row->name; row++) {
        json_object *inner = json_object_object_get(mapping, row->name);
        const char *name = outer ? maqet_format("%s.%s", outer, row->name) : row->name;
        struct maqet_value *value = add_slot(values, row, name, inner);

        if (row->type == MAQET_OPTION_MAP)
            resolve(values, inner, row->options, name);
        if (row->type != MAQET_OPTION_LIST)
            continue;
        struct maqet_option *item = maqet_alloc(sizeof(*item));
        *item = maqet_option_item(row);
        value->item = item;
        value->count = json_object_is_type(inner, json_type_array)
                           ? json_object_array_length(inner)
                           : inner != NULL;
        resolve_items(values, item, name, inner, value->count);
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
    /* Items of lists have these for their rows. */
    for (size_t i = 0; i < values->count; i++)
        free(values->items[i].item);
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
