/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include "core/base/text.h"

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

char *
json_pretty(json_object *value)
{
    mark_empty(value);
    return maqet_format("%s\n",
                        json_object_to_json_string_ext(
                            value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                       JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *
json_line(json_object *value)
{
    return maqet_strdup(
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
}
