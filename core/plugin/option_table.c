/* SPDX-License-Identifier: MIT */
#include "core/plugin/option_table.h"

#include <inttypes.h>
#include <string.h>

/* No bit that a maqet must understand has a meaning so far. */
int
maqet_plugin_check_flags(uint32_t flags, const char *what, struct maqet_error **err)
{
    uint32_t unknown = flags & MAQET_MUST_UNDERSTAND;

    if (unknown == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "it needs a newer maqet: %s has the flags 0x%08" PRIx32
                    ", which this version does not know",
                    what, unknown);
    maqet_error_hint(err, "Upgrade maqet, or install an older version of the plugin");
    return -1;
}

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

/* The core has these, beside which the keys of plugins stand, for ever. */
static bool
option_name_reserved(const char *name)
{
    static const char *const reserved[] = {"name",
                                           "type",
                                           "interface",
                                           "media",
                                           "overcommit",
                                           "snapshots",
                                           "options",
                                           "drive_options",
                                           "storage_options",
                                           "interface_options",
                                           "allow_system",
                                           NULL};

    return maqet_text_is_one_of(name, reserved);
}

static int
option_check_type(const struct maqet_option *row, struct maqet_error **err)
{
    bool is_list = row->type == MAQET_OPTION_LIST;
    enum maqet_option_type type = is_list ? row->items : row->type;

    if (type < MAQET_OPTION_STRING || type > MAQET_OPTION_SECRET ||
        (is_list && type > MAQET_OPTION_MAP))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               is_list
                                   ? "its option '%s' is a list of the type %d, which "
                                     "there is not"
                                   : "its option '%s' has the unknown type %d",
                               row->name, (int)type);
    if (type == MAQET_OPTION_CHOICE && (!row->choices || !row->choices[0]))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "its option '%s' has no choices",
                               row->name);
    if (type == MAQET_OPTION_MAP && !row->options)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its option '%s' has no options of its own", row->name);
    return 0;
}

static int
option_check(const struct maqet_option *row, int depth, struct maqet_error **err)
{
    if (!option_name_valid(row->name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its option '%s' is not named [a-z][a-z0-9_]*", row->name);
    if (depth == 0 && option_name_reserved(row->name))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "the name of its option '%s' is reserved for maqet",
                               row->name);
    _cleanup_free_ char *what = maqet_format("its option '%s'", row->name);
    return maqet_plugin_check_flags(row->flags, what, err) < 0
               ? -1
               : option_check_type(row, err);
}

static int
copy_rows(const struct maqet_option *table, size_t stride, int depth,
          struct maqet_option **copy, struct maqet_error **err)
{
    size_t count = 0;

    *copy = maqet_alloc(sizeof(**copy));
    for (const char *at = (const char *)table; at; at += stride) {
        struct maqet_option row = {0}, *options = NULL;
        int result = 0;

        memcpy(&row, at, sizeof(row) < stride ? sizeof(row) : stride);
        if (!row.name)
            break;
        if (count == OPTIONS_MAX || depth == NESTING_MAX)
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "its option table has no end");
        if (option_check(&row, depth, err) < 0)
            return -1;
        if (row.options)
            result = copy_rows(row.options, stride, depth + 1, &options, err);
        row.options = options;
        *copy = maqet_realloc(*copy, (count + 2) * sizeof(**copy));
        (*copy)[count++] = row;
        (*copy)[count] = (struct maqet_option){0};
        if (result < 0)
            return -1;
    }
    return 0;
}

int
maqet_option_table_copy(const struct maqet_option *table, size_t stride,
                        struct maqet_option **copy, struct maqet_error **err)
{
    return copy_rows(table, stride, 0, copy, err);
}
