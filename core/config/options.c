/* SPDX-License-Identifier: MIT */
#include "core/config/options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"

/* ---- text to value ---- */

/* Parses a number that consists of @digits only. */
static bool
parse_digits(const char *text, const char *digits, int base, uint64_t *number)
{
    if (!*text || text[strspn(text, digits)] != '\0')
        return false;
    errno = 0;
    *number = strtoull(text, NULL, base);
    return errno == 0;
}

static bool
is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* The value of the digits after a point, in bytes, rounded down: from the last digit to
 * the first, (digit * unit + the part of the later digits) / 10. This is exact, unlike
 * floating point, and does not overflow with a unit of 1 EiB. */
static uint64_t
fraction_of(const char *digits, size_t count, uint64_t unit)
{
    uint64_t part = 0;

    while (count-- > 0)
        part = ((uint64_t)(digits[count] - '0') * unit + part) / 10;
    return part;
}

bool
maqet_parse_size(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "BKMGTPE";
    const char *point = text + strspn(text, "0123456789");
    const char *end = point;
    uint64_t number, unit = 1;

    if (is_hexadecimal(text))
        return parse_digits(text + 2, "0123456789abcdefABCDEF", 16, bytes);
    if (*point == '.') {
        end = point + 1 + strspn(point + 1, "0123456789");
        if (end == point + 1)
            return false;
    }
    if (*end) {
        const char *suffix = strchr(suffixes, *end & ~0x20);

        if (!suffix || !*suffix || end[1])
            return false;
        unit <<= 10 * (suffix - suffixes);
    }
    _cleanup_free_ char *whole = maqet_strndup(text, (size_t)(point - text));
    if (!parse_digits(whole, "0123456789", 10, &number) ||
        __builtin_mul_overflow(number, unit, &number))
        return false;
    if (*point != '.') {
        *bytes = number;
        return true;
    }
    /* Bytes have no fractions. */
    return unit > 1 &&
           !__builtin_add_overflow(
               number, fraction_of(point + 1, (size_t)(end - point - 1), unit), bytes);
}

/* The smallest plausible disk, and the size of a sector, in bytes. */
static const uint64_t DISK_LEAST = UINT64_C(1) << 20, SECTOR = 512;

char *
maqet_size_doubt(const char *text, uint64_t bytes)
{
    const char *end = text + strlen(text);
    bool has_unit = !is_hexadecimal(text) && end > text && !strchr("0123456789", end[-1]);

    if (has_unit || bytes == 0)
        return NULL;
    if (bytes < DISK_LEAST)
        return maqet_format("is %" PRIu64 " byte%s; did you mean %" PRIu64 "%c?", bytes,
                            bytes == 1 ? "" : "s", bytes, bytes < 256 ? 'G' : 'M');
    if (bytes % SECTOR == 0)
        return NULL;
    return maqet_format("is %" PRIu64
                        " bytes, and a disk has whole sectors of 512 bytes; "
                        "did you mean %" PRIu64 "?",
                        bytes, bytes / SECTOR * SECTOR + SECTOR);
}

bool
maqet_parse_int(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    uint64_t number;

    text += negative;
    if (is_hexadecimal(text)
            ? !parse_digits(text + 2, "0123456789abcdefABCDEF", 16, &number)
            : !parse_digits(text, "0123456789", 10, &number))
        return false;
    if (number > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

bool
maqet_parse_bool(const char *text, bool *value)
{
    static const char *const words[][2] = {
        {"off", "on"}, {"false", "true"}, {"no", "yes"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        for (int yes = 0; yes < 2; yes++)
            if (strcasecmp(text, words[i][yes]) == 0) {
                *value = yes;
                return true;
            }
    return false;
}

bool
maqet_parse_mode(const char *text, int64_t *mode)
{
    uint64_t number;

    if (!parse_digits(maqet_text_starts(text, "0o") ? text + 2 : text, "01234567", 8,
                      &number) ||
        number > 07777)
        return false;
    *mode = (int64_t)number;
    return true;
}

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

    return row && name[length] ? maqet_options_find(row->options, name + length + 1)
                               : row;
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

/* "'size' of drive 'hdd'", the beginning of a message. The caller frees. */
static char *
subject(const struct check *check, const char *key)
{
    return check->owner ? maqet_format("'%s' of %s", key, check->owner)
                        : maqet_format("'%s'", key);
}

/* "'size' of drive 'hdd' is '20GG', which is not a size"; @what is the end. */
static int
error_value(const struct check *check, const struct maqet_option *row, const char *text,
            const char *what)
{
    _cleanup_free_ char *key = subject(check, row->name);
    _cleanup_free_ char *value = maqet_text_readable(text);

    return maqet_place_invalid(maqet_tree_place_of_value(check->mapping, row->name),
                               check->err, "%s is '%s'%s", key, value, what);
}

static int
error_kind(const struct check *check, const struct maqet_option *row, json_object *value,
           const char *wanted)
{
    _cleanup_free_ char *key = subject(check, row->name);

    return maqet_place_invalid(maqet_tree_place_of_value(check->mapping, row->name),
                               check->err, "%s is %s, but it must be %s", key,
                               maqet_tree_kind(value), wanted);
}

static int
check_choice(const struct check *check, const struct maqet_option *row, const char *text)
{
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    for (size_t i = 0; row->choices[i]; i++)
        maqet_strings_add(&words, row->choices[i]);
    if (maqet_strings_has(&words, text))
        return 0;
    _cleanup_free_ char *list = maqet_strings_join(&words, ", ");
    const char *closest = maqet_text_closest(text, &words);
    _cleanup_free_ char *what =
        closest ? maqet_format("; did you mean '%s'? It can be: %s", closest, list)
                : maqet_format("; it can be: %s", list);
    return error_value(check, row, text, what);
}

static int
check_size(const struct check *check, const struct maqet_option *row, const char *text)
{
    uint64_t bytes, least = (uint64_t)row->minimum, most = (uint64_t)row->maximum;

    if (!maqet_parse_size(text, &bytes))
        return error_value(check, row, text,
                           ", which is not a size; write it like 512M, 20G or 1.5T");
    /* Other sizes, such as that of a cluster, may be small. */
    _cleanup_free_ char *doubt =
        strcmp(row->name, "size") == 0 ? maqet_size_doubt(text, bytes) : NULL;
    if (doubt) {
        _cleanup_free_ char *what = maqet_format(", which %s", doubt);
        return error_value(check, row, text, what);
    }
    if ((!(row->flags & MAQET_MINIMUM) || bytes >= least) &&
        (!(row->flags & MAQET_MAXIMUM) || bytes <= most))
        return 0;
    _cleanup_free_ char *minimum = maqet_text_size(least);
    _cleanup_free_ char *maximum = maqet_text_size(most);
    _cleanup_free_ char *what =
        maqet_format("; it must be from %s to %s", minimum, maximum);
    return error_value(check, row, text, what);
}

static int
check_int(const struct check *check, const struct maqet_option *row, const char *text)
{
    int64_t number;

    if (!maqet_parse_int(text, &number))
        return error_value(check, row, text, ", which is not an integer");
    if ((!(row->flags & MAQET_MINIMUM) || number >= row->minimum) &&
        (!(row->flags & MAQET_MAXIMUM) || number <= row->maximum))
        return 0;
    _cleanup_free_ char *what = maqet_format("; it must be from %" PRId64 " to %" PRId64,
                                             row->minimum, row->maximum);
    return error_value(check, row, text, what);
}

static int
check_path(const struct check *check, const struct maqet_option *row, const char *text)
{
    struct maqet_place place = maqet_tree_place_of_value(check->mapping, row->name);

    if (!*text)
        return error_value(check, row, text, ", but it must be a path");
    _cleanup_free_ char *path =
        maqet_path_absolute(text, place.folder ? place.folder : "/");
    maqet_tree_set(check->mapping, row->name, json_object_new_string(path),
                   maqet_tree_place_of_key(check->mapping, row->name), place);
    return 0;
}

static int
check_text(const struct check *check, const struct maqet_option *row, const char *text)
{
    int64_t mode;
    bool yes;

    switch (row->type) {
    case MAQET_OPTION_PATH:
        return check_path(check, row, text);
    case MAQET_OPTION_SIZE:
        return check_size(check, row, text);
    case MAQET_OPTION_INT:
        return check_int(check, row, text);
    case MAQET_OPTION_BOOL:
        return maqet_parse_bool(text, &yes)
                   ? 0
                   : error_value(check, row, text, "; it can be: on, off");
    case MAQET_OPTION_CHOICE:
        return check_choice(check, row, text);
    case MAQET_OPTION_MODE:
        return maqet_parse_mode(text, &mode)
                   ? 0
                   : error_value(check, row, text,
                                 ", which is not a file mode; write it in octal, like "
                                 "0644");
    default:
        return 0;
    }
}

static int
check_map(const struct check *check, const struct maqet_option *row, json_object *value)
{
    const struct maqet_option *const tables[] = {row->options, NULL};
    _cleanup_free_ char *owner = subject(check, row->name);

    return maqet_options_check(value, tables, NULL, owner, check->err);
}

static int
check_value(const struct check *check, const struct maqet_option *row, json_object *value)
{
    bool is_mapping = json_object_is_type(value, json_type_object);

    if (row->type == MAQET_OPTION_MAP)
        return is_mapping ? check_map(check, row, value)
                          : error_kind(check, row, value, "a mapping of keys and values");
    if (is_mapping || json_object_is_type(value, json_type_array))
        return error_kind(check, row, value, "a text");
    return check_text(check, row, json_object_get_string(value));
}

static int
check_required(const struct check *check, const struct maqet_option *row)
{
    if (!(row->flags & MAQET_REQUIRED) || find_in_tables(check, row->name) != row ||
        json_object_object_get(check->mapping, row->name))
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
    const struct check check = {.mapping = mapping,
                                .tables = tables,
                                .others = others,
                                .owner = owner,
                                .err = err};

    json_object_object_foreach(mapping, key, value)
    {
        const struct maqet_option *row = find_in_tables(&check, key);

        if (!row && !(others && maqet_strings_has(others, key)))
            return error_unknown(&check, key);
        if (row && value && check_value(&check, row, value) < 0)
            return -1;
    }
    for (size_t i = 0; tables[i]; i++)
        for (const struct maqet_option *row = tables[i]; row->name; row++)
            if (check_required(&check, row) < 0)
                return -1;
    return 0;
}
