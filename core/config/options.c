/* SPDX-License-Identifier: MIT */
#include "core/config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"

/* ---- text to value ---- */

bool
maqet_parse_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "bkmgtpe";
    uint64_t whole = 0, scale = 1;
    double fraction = 0, digit = 1;
    const char *c = text;

    if (*c < '0' || *c > '9')
        return false;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*c - '0'), &whole))
            return false;
    if (*c == '.') {
        if (c[1] < '0' || c[1] > '9')
            return false;
        for (c++; *c >= '0' && *c <= '9'; c++) {
            digit /= 10;
            fraction += (*c - '0') * digit;
        }
    }
    if (*c) {
        const char *unit = strchr(units, *c | 0x20);

        if (!unit || !*unit || c[1])
            return false;
        scale <<= 10 * (unit - units);
    }
    /* Half a byte is no size. */
    if ((fraction > 0 && scale == 1) || __builtin_mul_overflow(whole, scale, &whole))
        return false;
    return !__builtin_add_overflow(whole, (uint64_t)(fraction * (double)scale), bytes);
}

bool
maqet_parse_int(const char *text, int64_t *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
    char *end;

    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    *value = strtoll(text, &end, hex ? 16 : 10);
    return errno == 0 && *end == '\0';
}

bool
maqet_parse_bool(const char *text, bool *value)
{
    static const char *const words[][2] = {{"on", "off"}, {"true", "false"}, {"yes", "no"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        for (int off = 0; off < 2; off++)
            if (strcasecmp(text, words[i][off]) == 0) {
                *value = !off;
                return true;
            }
    return false;
}

bool
maqet_parse_mode(const char *text, int64_t *mode)
{
    const char *digits = text + (strncmp(text, "0o", 2) == 0 ? 2 : 0);
    size_t length = strlen(digits);

    if (length == 0 || length > 5 || strspn(digits, "01234567") != length)
        return false;
    *mode = strtoll(digits, NULL, 8);
    return *mode <= 07777;
}

/* ---- looking up ---- */

const struct maqet_option *
maqet_options_find(const struct maqet_option *table, const char *name)
{
    size_t length = strcspn(name, ".");

    for (const struct maqet_option *row = table; row && row->name; row++) {
        if (strlen(row->name) != length || strncmp(row->name, name, length) != 0)
            continue;
        return name[length] ? maqet_options_find(row->options, name + length + 1) : row;
    }
    return NULL;
}

const char *
maqet_options_text(json_object *mapping, const char *name)
{
    size_t length = strcspn(name, ".");
    json_object *value = NULL;

    if (!name[length])
        return maqet_tree_text(mapping, name);
    _cleanup_free_ char *outer = maqet_strndup(name, length);
    return json_object_object_get_ex(mapping, outer, &value) &&
                   json_object_is_type(value, json_type_object)
               ? maqet_options_text(value, name + length + 1)
               : NULL;
}

/* ---- checking ---- */

/* What is being checked: a mapping, or one within it (then @prefix is "encryption."). */
struct check {
    json_object *mapping;
    const struct maqet_option *const *tables;
    const struct maqet_strings *others;
    const char *owner;
    const char *prefix;
    struct maqet_error **err;
};

/* " in drive 'hdd'", or nothing. The caller frees. */
static char *
owner_text(const struct check *check)
{
    return check->owner ? maqet_format(" in %s", check->owner) : maqet_strdup("");
}

static int
error_unknown(const struct check *check, const char *key)
{
    _cleanup_strings_ struct maqet_strings known = MAQET_STRINGS_INIT;
    _cleanup_free_ char *owner = owner_text(check);
    struct maqet_place place = maqet_tree_place_of_key(check->mapping, key);

    for (size_t i = 0; check->tables[i]; i++)
        for (const struct maqet_option *row = check->tables[i]; row->name; row++)
            maqet_strings_add(&known, row->name);
    for (size_t i = 0; check->others && i < check->others->count; i++)
        maqet_strings_add(&known, check->others->items[i]);
    const char *closest = maqet_text_closest(key, &known);
    if (closest)
        return maqet_place_error(place, check->err, MAQET_ERROR_INVALID,
                                 "unknown key '%s%s'%s; did you mean '%s'?", check->prefix,
                                 key, owner, closest);
    maqet_strings_sort(&known);
    _cleanup_free_ char *list = maqet_strings_join(&known, ", ");
    return maqet_place_error(place, check->err, MAQET_ERROR_INVALID,
                             "unknown key '%s%s'%s; known are: %s", check->prefix, key, owner,
                             list);
}

static int
error_value(const struct check *check, const struct maqet_option *row, const char *text,
            const char *wanted)
{
    _cleanup_free_ char *owner = owner_text(check);

    return maqet_place_error(maqet_tree_place_of_value(check->mapping, row->name),
                             check->err, MAQET_ERROR_INVALID, "'%s%s'%s can't be '%s': %s",
                             check->prefix, row->name, owner, text, wanted);
}

static int
check_choice(const struct check *check, const struct maqet_option *row, const char *text)
{
    _cleanup_strings_ struct maqet_strings choices = MAQET_STRINGS_INIT;

    for (size_t i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], text) == 0)
            return 0;
        maqet_strings_add(&choices, row->choices[i]);
    }
    _cleanup_free_ char *list = maqet_strings_join(&choices, ", ");
    const char *closest = maqet_text_closest(text, &choices);
    _cleanup_free_ char *wanted =
        closest ? maqet_format("it is one of %s; did you mean '%s'?", list, closest)
                : maqet_format("it is one of %s", list);
    return error_value(check, row, text, wanted);
}

static int
check_limits(const struct check *check, const struct maqet_option *row, const char *text,
             bool within)
{
    if (row->maximum == 0 || within)
        return 0;
    _cleanup_free_ char *wanted = maqet_format("it lies between %" PRId64 " and %" PRId64,
                                               row->minimum, row->maximum);
    return error_value(check, row, text, wanted);
}

static int
check_path(const struct check *check, const struct maqet_option *row, const char *text)
{
    struct maqet_place of_value = maqet_tree_place_of_value(check->mapping, row->name);

    if (!*text)
        return error_value(check, row, text, "it is a path");
    _cleanup_free_ char *absolute =
        maqet_path_absolute(text, of_value.folder ? of_value.folder : "/");
    maqet_tree_set(check->mapping, row->name, json_object_new_string(absolute),
                   maqet_tree_place_of_key(check->mapping, row->name), of_value);
    return 0;
}

static int
check_text(const struct check *check, const struct maqet_option *row, const char *text)
{
    uint64_t bytes;
    int64_t number;
    bool yes;

    switch (row->type) {
    case MAQET_OPTION_PATH:
        return check_path(check, row, text);
    case MAQET_OPTION_SIZE:
        if (!maqet_parse_size(text, &bytes))
            return error_value(check, row, text,
                               "it is a size such as 512M, 20G or 1.5T, or a number of bytes");
        return check_limits(check, row, text,
                            bytes >= (uint64_t)row->minimum &&
                                bytes <= (uint64_t)row->maximum);
    case MAQET_OPTION_INT:
        if (!maqet_parse_int(text, &number))
            return error_value(check, row, text, "it is a whole number");
        return check_limits(check, row, text,
                            number >= row->minimum && number <= row->maximum);
    case MAQET_OPTION_BOOL:
        return maqet_parse_bool(text, &yes)
                   ? 0
                   : error_value(check, row, text, "it is on or off (true, false, yes, no)");
    case MAQET_OPTION_CHOICE:
        return check_choice(check, row, text);
    case MAQET_OPTION_MODE:
        return maqet_parse_mode(text, &number)
                   ? 0
                   : error_value(check, row, text, "it is permissions in octal, such as 0644");
    default:
        return 0;
    }
}

static int
check_value(const struct check *check, const struct maqet_option *row, json_object *value)
{
    struct maqet_place place = maqet_tree_place_of_value(check->mapping, row->name);
    _cleanup_free_ char *owner = owner_text(check);

    if (!value)
        return 0;
    if (row->type == MAQET_OPTION_MAP) {
        const struct maqet_option *const tables[] = {row->options, NULL};
        _cleanup_free_ char *prefix = maqet_format("%s%s.", check->prefix, row->name);
        const struct check inner = {.mapping = value,
                                    .tables = tables,
                                    .owner = check->owner,
                                    .prefix = prefix,
                                    .err = check->err};

        if (!json_object_is_type(value, json_type_object))
            return maqet_place_error(place, check->err, MAQET_ERROR_INVALID,
                                     "'%s%s'%s is a mapping of keys and values",
                                     check->prefix, row->name, owner);
        json_object_object_foreach(value, key, unused)
        {
            (void)unused;
            if (!maqet_options_find(row->options, key) || strchr(key, '.'))
                return error_unknown(&inner, key);
        }
        for (const struct maqet_option *option = row->options; option->name; option++) {
            json_object *nested = NULL;

            json_object_object_get_ex(value, option->name, &nested);
            if (!nested && option->required)
                return maqet_place_error(maqet_tree_place(value), check->err,
                                         MAQET_ERROR_INVALID, "'%s%s'%s is missing", prefix,
                                         option->name, owner);
            if (check_value(&inner, option, nested) < 0)
                return -1;
        }
        return 0;
    }
    if (!json_object_is_type(value, json_type_string))
        return maqet_place_error(place, check->err, MAQET_ERROR_INVALID,
                                 "'%s%s'%s is one value, not a list or a mapping",
                                 check->prefix, row->name, owner);
    return check_text(check, row, json_object_get_string(value));
}

static const struct maqet_option *
find_in_tables(const struct check *check, const char *key)
{
    const struct maqet_option *row = NULL;

    for (size_t i = 0; !row && check->tables[i] && !strchr(key, '.'); i++)
        row = maqet_options_find(check->tables[i], key);
    return row;
}

int
maqet_options_check(json_object *mapping, const struct maqet_option *const *tables,
                    const struct maqet_strings *others, const char *owner,
                    struct maqet_error **err)
{
    const struct check check = {.mapping = mapping,
                                .tables = tables,
                                .others = others,
                                .owner = owner,
                                .prefix = "",
                                .err = err};

    json_object_object_foreach(mapping, key, unused)
    {
        (void)unused;
        if (!find_in_tables(&check, key) && !(others && maqet_strings_has(others, key)))
            return error_unknown(&check, key);
    }
    for (size_t i = 0; tables[i]; i++) {
        for (const struct maqet_option *row = tables[i]; row->name; row++) {
            json_object *value = NULL;

            json_object_object_get_ex(mapping, row->name, &value);
            if (!value && row->required) {
                _cleanup_free_ char *where = owner_text(&check);
                return maqet_place_error(maqet_tree_place(mapping), err, MAQET_ERROR_INVALID,
                                         "'%s'%s is missing", row->name, where);
            }
            if (check_value(&check, row, value) < 0)
                return -1;
        }
    }
    return 0;
}
