/* SPDX-License-Identifier: MIT */
#include "core/base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes are four digits; "=" stands for those that are missing at the end. */
enum { BYTES = 3, DIGITS = 4, BITS = 6, MASK = 63 };

char *
maqet_base64_encode(const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    char *text = maqet_alloc((size + BYTES - 1) / BYTES * DIGITS + 1);
    char *to = text;

    for (; size > 0; to += DIGITS) {
        size_t count = size < BYTES ? size : BYTES;
        uint32_t group = 0;

        for (size_t i = 0; i < BYTES; i++)
            group = group << 8 | (i < count ? from[i] : 0U);
        for (size_t i = 0; i < DIGITS; i++)
            to[i] = i <= count ? digits[group >> ((DIGITS - 1 - i) * BITS) & MASK] : '=';
        from += count;
        size -= count;
    }
    return text;
}

/* The digits before the padding; SIZE_MAX: the length is wrong. */
static size_t
count_digits(const char *text)
{
    size_t length = strlen(text);

    if (length % DIGITS != 0)
        return SIZE_MAX;
    for (int i = 0; i < 2 && length > 0 && text[length - 1] == '='; i++)
        length--;
    return length;
}

bool
maqet_base64_decode(const char *text, struct maqet_text *bytes)
{
    unsigned char chunk[4096];
    size_t length = count_digits(text), used = 0;
    uint32_t group = 0;

    if (length == SIZE_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(digits, text[i]);

        if (!digit)
            return false;
        group = group << BITS | (uint32_t)(digit - digits);
        /* The second to the fourth digit each complete a byte. */
        if (i % DIGITS != 0)
            chunk[used++] = (unsigned char)(group >> ((DIGITS - 1 - i % DIGITS) * 2));
        if (used == sizeof(chunk)) {
            maqet_text_append_bytes(bytes, (const char *)chunk, used);
            used = 0;
        }
    }
    maqet_text_append_bytes(bytes, (const char *)chunk, used);
    return true;
}
