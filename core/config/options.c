/* SPDX-License-Identifier: MIT */
#include "core/config/options.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "core/base/files.h"

/* ---- looking up ---- */

/* The row of a name without dots. */
static const struct maqet_option *
find_row(const struct maqet_option *table, const char *name, size_t length)
{
    for (const struct maqet_option *row = table; row && row->name; row++)
        if (strncmp(row->name, name, length) == 0 && row->name[length] == '\0')
            return row;
    return NULL;
}

const struct maqet_option *
maqet_options_find(const struct maqet_option *table, const char *name)
{
    size_t length = strcspn(name, ".");
    const struct maqet_option *row = find_row(table, name, length);
    const char *inner = name + length + 1;

    if (!row || !name[length])
        return row;
    if (row->type == MAQET_OPTION_LIST) {
        size_t digits = strspn(inner, "0123456789");

        if (digits == 0 || !inner[digits])
            return digits == 0 ? NULL : row;
        if (inner[digits] != '.')
            return NULL;
        inner += digits + 1;
    }
    return maqet_options_find(row->options, inner);
}

const struct maqet_option *
maqet_options_row(const struct maqet_option *table, const char *key)
{
    return find_row(table, key, strlen(key));
}

struct maqet_option
maqet_option_item(const struct maqet_option *list)
{
    struct maqet_option item = *list;

    item.type = list->items;
    item.flags &= (uint32_t)~MAQET_REQUIRED;
    item.fallback = NULL;
    return item;
}

/* ---- checking ---- */

struct check {
    json_object *mapping;
    const struct maqet_option *const *tables;
    const struct maqet_strings *others;
    const char *owner;
    struct maqet_error **err;
};

static const struct maqet_option *
find_in_tables(const struct check *check, const char *key)
{
    const struct maqet_option *row = NULL;

    for (size_t i = 0; !row && check->tables[i]; i++)
        row = find_row(check->tables[i], key, strlen(key));
    return row;
}

static int
error_unknown(const struct check *check, const char *key)
{
    _cleanup_strings_ struct maqet_strings known = MAQET_STRINGS_INIT;
    struct maqet_place place = maqet_tree_place_of_key(check->mapping, key);
    const char *in = check->owner ? " in " : "",
               *owner = check->owner ? check->owner : "";

    for (size_t i = 0; check->tables[i]; i++)
        for (const struct maqet_option *row = check->tables[i]; row->name; row++)
            if (!maqet_strings_has(&known, row->name))
                maqet_strings_add(&known, row->name);
    if (check->others)
        maqet_strings_add_all(&known, check->others);
    const char *closest = maqet_text_closest(key, &known);
    if (closest)
        return maqet_place_invalid(place, check->err,
                                   "unknown key '%s'%s%s; did you mean '%s'?", key, in,
                                   owner, closest);
    _cleanup_free_ char *list = maqet_strings_join(&known, ", ");
    return maqet_place_invalid(place, check->err, "unknown key '%s'%s%s; there are: %s",
                               key, in, owner, list);
}

/* A value: that of a key, or an item of a list. */
struct value {
    const struct check *check;
    const struct maqet_option *row; /* of an item: as maqet_option_item() */
    json_object *container;
    const char *key; /* NULL: @container is a list */
    size_t index;    /* in a list */
    json_object *json;
};

static struct maqet_place
place_of(const struct value *value)
{
    return value->key ? maqet_tree_place_of_value(value->container, value->key)
                      : maqet_tree_place_of_item(value->container, value->index);
}

/* "'size' of drive 'hdd'", the beginning of a message. The caller frees. */
static char *
subject(const struct value *value)
{
    const char *owner = value->check->owner, *of = owner ? " of " : "";

    if (!owner)
        owner = "";
    return value->key ? maqet_format("'%s'%s%s", value->key, of, owner)
                      : maqet_format("item %zu of '%s'%s%s", value->index + 1,
                                     value->row->name, of, owner);
}

/* "'size' of drive 'hdd' is '20GG', which is not a size"; @what is the end. */
static int
error_value(const struct value *value, const char *text, const char *what)
{
    _cleanup_free_ char *key = subject(value);
    _cleanup_free_ char *shown = maqet_text_readable(text);

    return maqet_place_invalid(place_of(value), value->check->err, "%s is '%s'%s", key,
                               shown, what);
}

static int
error_kind(const struct value *value, const char *wanted)
{
    _cleanup_free_ char *key = subject(value);

    return maqet_place_invalid(place_of(value), value->check->err,
                               "%s is %s, but it must be %s", key,
                               maqet_tree_kind(value->json), wanted);
}

static int
check_choice(const struct value *value, const char *text)
{
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    for (size_t i = 0; value->row->choices[i]; i++)
        maqet_strings_add(&words, value->row->choices[i]);
    if (maqet_strings_has(&words, text))
        return 0;
    _cleanup_free_ char *list = maqet_strings_join(&words, ", ");
    const char *closest = maqet_text_closest(text, &words);
    _cleanup_free_ char *what =
        closest ? maqet_format("; did you mean '%s'? It can be: %s", closest, list)
                : maqet_format("; it can be: %s", list);
    return error_value(value, text, what);
}

/* The error for a number outside of its limits, which are texts. */
static int
error_limits(const struct value *value, const char *text, const char *minimum,
             const char *maximum)
{
    uint32_t limits = value->row->flags & MAQET_LIMITS;
    _cleanup_free_ char *what =
        limits == MAQET_LIMITS
            ? maqet_format("; it must be from %s to %s", minimum, maximum)
            : maqet_format("; it must be at %s %s",
                           limits == MAQET_MINIMUM ? "least" : "most",
                           limits == MAQET_MINIMUM ? minimum : maximum);

    return error_value(value, text, what);
}

static int
check_size(const struct value *value, const char *text)
{
    const struct maqet_option *row = value->row;
    uint64_t bytes, least = row->minimum > 0 ? (uint64_t)row->minimum : 0;
    uint64_t most = row->maximum > 0 ? (uint64_t)row->maximum : 0;

    if (!maqet_parse_size(text, &bytes))
        return error_value(value, text,
                           ", which is not a size; write it like 512M, 20G or 1.5T");
    if ((!(row->flags & MAQET_MINIMUM) || bytes >= least) &&
        (!(row->flags & MAQET_MAXIMUM) || bytes <= most))
        return 0;
    _cleanup_free_ char *minimum = maqet_text_size(least);
    _cleanup_free_ char *maximum = maqet_text_size(most);
    return error_limits(value, text, minimum, maximum);
}

static int
check_int(const struct value *value, const char *text)
{
    const struct maqet_option *row = value->row;
    int64_t number;

    if (!maqet_parse_int(text, &number))
        return error_value(value, text, ", which is not an integer");
    if ((!(row->flags & MAQET_MINIMUM) || number >= row->minimum) &&
        (!(row->flags & MAQET_MAXIMUM) || number <= row->maximum))
        return 0;
    _cleanup_free_ char *minimum = maqet_format("%" PRId64, row->minimum);
    _cleanup_free_ char *maximum = maqet_format("%" PRId64, row->maximum);
    return error_limits(value, text, minimum, maximum);
}

static int
check_path(const struct value *value, const char *text)
{
    struct maqet_place place = place_of(value);

    if (!*text)
        return error_value(value, text, ", but it must be a path");
    _cleanup_free_ char *path =
        maqet_path_absolute(text, place.folder ? place.folder : "/");
    if (value->key)
        maqet_tree_set(value->container, value->key, json_object_new_string(path),
                       maqet_tree_place_of_key(value->container, value->key), place);
    else
        json_object_array_put_idx(value->container, value->index,
                                  json_object_new_string(path));
    return 0;
}

/* A longer text, or one of several lines, is no path. */
static bool
may_be_path(const char *text)
{
    size_t length = 0;

    while ((unsigned char)text[length] >= ' ' && text[length] != 0x7f)
        length++;
    return length > 0 && length < PATH_MAX && text[length] == '\0';
}

/* Somebody may have written the secret itself, which no message may contain. */
static int
check_secret(const struct value *value, const char *text)
{
    if (may_be_path(text))
        return check_path(value, text);
    _cleanup_free_ char *key = subject(value), *file = NULL;
    return maqet_place_invalid(maqet_place_of_secret(place_of(value), &file),
                               value->check->err,
                               "%s is not the path of a file that holds the secret", key);
}

static int
check_text(const struct value *value, const char *text)
{
    int64_t mode;
    bool yes;

    switch (value->row->type) {
    case MAQET_OPTION_PATH:
        return check_path(value, text);
    case MAQET_OPTION_SECRET:
        return check_secret(value, text);
    case MAQET_OPTION_SIZE:
        return check_size(value, text);
    case MAQET_OPTION_INT:
        return check_int(value, text);
    case MAQET_OPTION_BOOL:
        return maqet_parse_bool(text, &yes)
                   ? 0
                   : error_value(value, text, "; it can be: on, off");
    case MAQET_OPTION_CHOICE:
        return check_choice(value, text);
    case MAQET_OPTION_MODE:
        return maqet_parse_mode(text, &mode)
                   ? 0
                   : error_value(value, text,
                                 ", which is not a file mode; write it in octal, like "
                                 "0644");
    default:
        return 0;
    }
}

static int
check_map(const struct value *value)
{
    const struct maqet_option *const tables[] = {value->row->options, NULL};
    _cleanup_free_ char *owner = subject(value);

    return maqet_options_check(value->json, tables, NULL, owner, value->check->err);
}

/* Anything but a list. */
static int
check_single(const struct value *value)
{
    bool is_mapping = json_object_is_type(value->json, json_type_object);

    if (value->row->type == MAQET_OPTION_MAP)
        return is_mapping ? check_map(value)
                          : error_kind(value, "a mapping of keys and values");
    if (is_mapping || json_object_is_type(value->json, json_type_array))
        return error_kind(value, "a text");
    return check_text(value, json_object_get_string(value->json));
}

static int
check_item(const struct value *value)
{
    _cleanup_free_ char *key = subject(value);

    if (value->json)
        return check_single(value);
    return maqet_place_invalid(place_of(value), value->check->err, "%s is empty", key);
}

/* A single value is a list of one. */
static int
check_list(const struct check *check, const struct maqet_option *row, json_object *list)
{
    const struct maqet_option item = maqet_option_item(row);
    struct value value = {.check = check, .row = &item};

    if (!json_object_is_type(list, json_type_array)) {
        value.container = check->mapping;
        value.key = row->name;
        value.json = list;
        return check_single(&value);
    }
    value.container = list;
    bool wrong = false;
    for (; value.index < json_object_array_length(list); value.index++) {
        struct maqet_error *error = NULL;
        struct check one = *check;

        one.err = &error;
        value.check = &one;
        value.json = json_object_array_get_idx(list, value.index);
        wrong |= check_item(&value) < 0;
        maqet_error_add(check->err, &error);
    }
    return wrong ? -1 : 0;
}

static int
check_value(const struct check *check, const struct maqet_option *row, json_object *json)
{
    const struct value value = {.check = check,
                                .row = row,
                                .container = check->mapping,
                                .key = row->name,
                                .json = json};

    return row->type == MAQET_OPTION_LIST ? check_list(check, row, json)
                                          : check_single(&value);
}

/* Whether an option is given; an empty list is not. */
static bool
is_given(json_object *mapping, const struct maqet_option *row)
{
    json_object *value = json_object_object_get(mapping, row->name);

    return value && !(row->type == MAQET_OPTION_LIST &&
                      json_object_is_type(value, json_type_array) &&
                      json_object_array_length(value) == 0);
}

static int
check_required(const struct check *check, const struct maqet_option *row)
{
    if (!(row->flags & MAQET_REQUIRED) || find_in_tables(check, row->name) != row ||
        is_given(check->mapping, row))
        return 0;
    return maqet_place_invalid(maqet_tree_place(check->mapping), check->err,
                               "%s%s'%s' is missing; add a line `%s: ...`",
                               check->owner ? check->owner : "", check->owner ? ": " : "",
                               row->name, row->name);
}

int
maqet_options_check(json_object *mapping, const struct maqet_option *const *tables,
                    const struct maqet_strings *others, const char *owner,
                    struct maqet_error **err)
{
    struct maqet_error *error = NULL; /* of one key */
    const struct check check = {.mapping = mapping,
                                .tables = tables,
                                .others = others,
                                .owner = owner,
                                .err = &error};
    bool wrong = false;

    json_object_object_foreach(mapping, key, value)
    {
        const struct maqet_option *row = find_in_tables(&check, key);

        if (!row && !(others && maqet_strings_has(others, key)))
            error_unknown(&check, key);
        else if (row && value)
            check_value(&check, row, value);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    for (size_t i = 0; tables[i]; i++)
        for (const struct maqet_option *row = tables[i]; row->name; row++) {
            check_required(&check, row);
            wrong |= maqet_error_add(err, &error) < 0;
        }
    return wrong ? -1 : 0;
}
