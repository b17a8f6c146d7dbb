/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/printable.h"

/* json-c breaks the line even in a list or object that has nothing in it. */
static int
print_empty(json_object *value, struct printbuf *buffer, int level, int flags)
{
    (void)level;
    (void)flags;
    return sprintbuf(buffer, json_object_is_type(value, json_type_array) ? "[]" : "{}");
}

static void
mark_empty(json_object *value)
{
    if (json_object_is_type(value, json_type_array)) {
        size_t count = json_object_array_length(value);

        for (size_t i = 0; i < count; i++)
            mark_empty(json_object_array_get_idx(value, i));
        if (count == 0)
            json_object_set_serializer(value, print_empty, NULL, NULL);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, field)
        {
            (void)key;
            mark_empty(field);
        }
        if (json_object_object_length(value) == 0)
            json_object_set_serializer(value, print_empty, NULL, NULL);
    }
}

/* What json-c leaves as it is and may not be shown stands in texts and keys only, where
 * the syntax has escapes for it (RFC 8259, 7). */
static char *
escaped(const char *json)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t left, size;
    uint32_t code;
    _cleanup_free_ char *valid = maqet_text_utf8(json, strlen(json), &left);

    for (const char *at = valid; left > 0; at += size, left -= size) {
        size = maqet_character(at, left, &code);
        if (code == '\n' || (maqet_character_is_printable(code) && code != 0xfffd))
            maqet_text_append_bytes(&text, at, size);
        else if (code > 0xffff)
            maqet_text_appendf(&text, "\\u%04" PRIx32 "\\u%04" PRIx32,
                               0xd800 + ((code - 0x10000) >> 10),
                               0xdc00 + ((code - 0x10000) & 0x3ff));
        else
            maqet_text_appendf(&text, "\\u%04" PRIx32, code);
    }
    return maqet_text_take(&text);
}

char *
json_pretty(json_object *value)
{
    mark_empty(value);
    _cleanup_free_ char *text = escaped(json_object_to_json_string_ext(
        value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                   JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_format("%s\n", text);
}

char *
json_line(json_object *value)
{
    return escaped(json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
}
