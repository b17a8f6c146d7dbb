/* SPDX-License-Identifier: MIT */
#include "core/plugin/option_table.h"

#include <string.h>

#include "core/base/text.h"

enum { OPTIONS_MAX = 200, NESTING_MAX = 4 };

void
maqet_option_table_free(struct maqet_option *options)
{
    for (struct maqet_option *row = options; row && row->name; row++)
        maqet_option_table_free((struct maqet_option *)row->options);
    free(options);
}

static bool
option_name_valid(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static int
option_check(const struct maqet_option *row, struct maqet_error **err)
{
    /* These belong to the core, for every drive. */
    static const char *const reserved[] = {
        "name", "type", "interface", "media", "overcommit", "options", "allow_system"};

    if (!option_name_valid(row->name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its option '%s' is not named [a-z][a-z0-9_]*", row->name);
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (strcmp(row->name, reserved[i]) == 0)
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "the name of its option '%s' is reserved for maqet",
                                   row->name);
    if (row->type < MAQET_OPTION_STRING || row->type > MAQET_OPTION_MAP)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its option '%s' has the unknown type %d", row->name,
                               (int)row->type);
    if (row->type == MAQET_OPTION_CHOICE && (!row->choices || !row->choices[0]))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "its option '%s' has no choices",
                               row->name);
    if (row->type == MAQET_OPTION_MAP && !row->options)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its option '%s' has no options of its own", row->name);
    return 0;
}

static struct maqet_option *
copy_table(const struct maqet_option *table, size_t stride, int depth,
           struct maqet_error **err)
{
    struct maqet_option *copy = maqet_alloc(sizeof(*copy));
    size_t count = 0;

    for (const char *at = (const char *)table; at; at += stride) {
        struct maqet_option row = {0};

        memcpy(&row, at, sizeof(row) < stride ? sizeof(row) : stride);
        if (!row.name)
            break;
        if (count == OPTIONS_MAX || depth == NESTING_MAX) {
            maqet_error_set(err, MAQET_ERROR_INVALID, "its option table has no end");
            goto fail;
        }
        if (option_check(&row, err) < 0)
            goto fail;
        if (row.options) {
            row.options = copy_table(row.options, stride, depth + 1, err);
            if (!row.options)
                goto fail;
        }
        copy = maqet_realloc(copy, (count + 2) * sizeof(*copy));
        copy[count++] = row;
        copy[count] = (struct maqet_option){0};
    }
    return copy;
fail:
    maqet_option_table_free(copy);
    return NULL;
}

struct maqet_option *
maqet_option_table_copy(const struct maqet_option *table, size_t stride,
                        struct maqet_error **err)
{
    return copy_table(table, stride, 0, err);
}

/* ---- as JSON ---- */

static const char *
type_name(enum maqet_option_type type)
{
    static const char *const names[] = {
        [MAQET_OPTION_STRING] = "string", [MAQET_OPTION_PATH] = "path",
        [MAQET_OPTION_SIZE] = "size",     [MAQET_OPTION_INT] = "int",
        [MAQET_OPTION_BOOL] = "bool",     [MAQET_OPTION_CHOICE] = "choice",
        [MAQET_OPTION_MODE] = "mode",     [MAQET_OPTION_MAP] = "map",
    };

    return names[type];
}

static json_object *
text_or_null(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static json_object *
describe_option(const struct maqet_option *row)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "name", json_object_new_string(row->name));
    json_object_object_add(object, "type", json_object_new_string(type_name(row->type)));
    json_object_object_add(object, "required", json_object_new_boolean(row->required));
    json_object_object_add(object, "fallback", text_or_null(row->fallback));
    json_object_object_add(object, "help", text_or_null(row->help));
    if (row->type == MAQET_OPTION_CHOICE) {
        json_object *choices = json_object_new_array();

        for (const char *const *word = row->choices; *word; word++)
            json_object_array_add(choices, json_object_new_string(*word));
        json_object_object_add(object, "choices", choices);
    }
    if (row->maximum != 0) {
        json_object_object_add(object, "minimum", json_object_new_int64(row->minimum));
        if (row->maximum != INT64_MAX)
            json_object_object_add(object, "maximum",
                                   json_object_new_int64(row->maximum));
    }
    if (row->type == MAQET_OPTION_MAP)
        json_object_object_add(object, "options",
                               maqet_option_table_describe(row->options));
    return object;
}

json_object *
maqet_option_table_describe(const struct maqet_option *options)
{
    json_object *list = json_object_new_array();

    for (const struct maqet_option *row = options; row && row->name; row++)
        json_object_array_add(list, describe_option(row));
    return list;
}
