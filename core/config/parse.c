/* SPDX-License-Identifier: MIT */
#include "core/config/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"

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

/* What may follow the letter of a unit: nothing, or as in "10GB" and "10GiB", which mean the
 * same, "B" or "iB" after a letter @other than B. */
static bool
is_end_of_unit(const char *rest, bool other)
{
    return !*rest ||
           (other && (strcasecmp(rest, "B") == 0 || strcasecmp(rest, "iB") == 0));
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

        if (!suffix || !*suffix || !is_end_of_unit(end + 1, suffix > suffixes))
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
