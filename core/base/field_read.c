/* SPDX-License-Identifier: MIT */
/*
 * field_read.c - from JSON to a struct, by its rows. Nothing of what is read is trusted.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "core/base/field_member.h"
#include "core/base/text.h"

static bool
date_parse(const char *text, int64_t *seconds)
{
    struct tm date = {0};
    char sign;
    int hours, minutes;

    if (sscanf(text, "%d-%d-%dT%d:%d:%d%c%d:%d", &date.tm_year, &date.tm_mon,
               &date.tm_mday, &date.tm_hour, &date.tm_min, &date.tm_sec, &sign, &hours,
               &minutes) != 9 ||
        (sign != '+' && sign != '-'))
        return false;
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    int64_t east = (int64_t)(hours * 60 + minutes) * 60;
    *seconds = timegm(&date) - (sign == '+' ? east : -east);
    return true;
}

/* False: there is no such word. */
static bool
word_parse(const struct maqet_field *field, const char *text, unsigned *number)
{
    for (*number = 0; field->value.word(*number); ++*number)
        if (strcmp(field->value.word(*number), text) == 0)
            return true;
    return false;
}

/* Where in a document a value stands. */
struct place {
    const struct place *above;
    const char *key;
    ssize_t index; /* in the list of that key; -1: it is no list */
};

/* "images[2].path"; the caller frees. */
static char *
place_text(const struct place *place)
{
    _cleanup_free_ char *above = place->above ? place_text(place->above) : NULL;
    _cleanup_free_ char *own = place->index < 0
                                   ? maqet_strdup(place->key)
                                   : maqet_format("%s[%zd]", place->key, place->index);

    return maqet_format("%s%s%s", above ? above : "", above ? "." : "", own);
}

static int
error_at(const struct place *place, struct maqet_error **err, const char *what)
{
    _cleanup_free_ char *text = place_text(place);

    return maqet_error_set(err, MAQET_ERROR_INVALID, "'%s' %s", text, what);
}

static int object_read(const struct maqet_fields *fields, json_object *object, void *data,
                       const struct place *above, struct maqet_error **err);

/* A whole number that is at least @least and at most @most. */
static int
integer_read(json_object *value, int64_t least, int64_t most, int64_t *number,
             const struct place *place, struct maqet_error **err)
{
    if (!json_object_is_type(value, json_type_int))
        return error_at(place, err, "is not an integer");
    *number = json_object_get_int64(value);
    return *number < least || *number > most ? error_at(place, err, "is out of range")
                                             : 0;
}

static int
number_read(const struct maqet_field *field, json_object *value, void *to,
            const struct place *place, struct maqet_error **err)
{
    enum maqet_field_type type = field->value.type;
    int64_t least = type == MAQET_TYPE_INT     ? INT_MIN
                    : type == MAQET_TYPE_INT64 ? INT64_MIN
                                               : 0;
    int64_t most = type == MAQET_TYPE_INT    ? INT_MAX
                   : type == MAQET_TYPE_UINT ? UINT32_MAX
                                             : INT64_MAX;
    int64_t number = 0;

    if (integer_read(value, least, most, &number, place, err) < 0)
        return -1;
    if (type == MAQET_TYPE_INT)
        *(int *)to = (int)number;
    else if (type == MAQET_TYPE_UINT)
        *(uint32_t *)to = (uint32_t)number;
    else if (type == MAQET_TYPE_INT64)
        *(int64_t *)to = number;
    else
        *(uint64_t *)to = json_object_get_uint64(value);
    return 0;
}

static int
text_read(const struct maqet_field *field, json_object *value, void *to,
          const struct place *place, struct maqet_error **err)
{
    if (!json_object_is_type(value, json_type_string))
        return error_at(place, err, "is not a string");
    const char *text = json_object_get_string(value);

    if (field->value.type == MAQET_TYPE_DATE)
        return date_parse(text, to) ? 0 : error_at(place, err, "is not a date");
    if (field->value.type == MAQET_TYPE_WORD)
        return word_parse(field, text, to)
                   ? 0
                   : error_at(place, err, "is not one of the known words");
    pointer_set(to, maqet_strdup(text));
    return 0;
}

static int
strings_read(json_object *value, struct maqet_strings *strings, const struct place *place,
             struct maqet_error **err)
{
    size_t count = json_object_array_length(value);

    for (size_t i = 0; i < count; i++) {
        const struct place here = {place->above, place->key, (ssize_t)i};
        json_object *item = json_object_array_get_idx(value, i);

        if (!json_object_is_type(item, json_type_string))
            return error_at(&here, err, "is not a string");
        maqet_strings_add(strings, json_object_get_string(item));
    }
    return 0;
}

/* Objects of one kind; on error nothing of them stays. */
static int
items_read(const struct maqet_fields *fields, json_object *list, void **items,
           size_t *count, const struct place *place, struct maqet_error **err)
{
    *count = json_object_array_length(list);
    *items = maqet_alloc(*count * fields->size + 1);
    for (size_t i = 0; i < *count; i++) {
        const struct place here = {place->above, place->key, (ssize_t)i};

        if (object_read(fields, json_object_array_get_idx(list, i),
                        (char *)*items + i * fields->size, &here, err) == 0)
            continue;
        maqet_fields_list_free(fields, TAKE_PTR(*items), *count);
        return -1;
    }
    return 0;
}

static int
list_read(const struct maqet_field *field, json_object *value, void *data,
          const struct place *place, struct maqet_error **err)
{
    void *items;
    size_t count;

    if (items_read(field->value.fields, value, &items, &count, place, err) < 0)
        return -1;
    pointer_set(member_place(field, data), items);
    member_set_count(field, data, count);
    return 0;
}

static int
value_read(const struct maqet_field *field, json_object *value, void *data,
           const struct place *place, struct maqet_error **err)
{
    void *to = member_place(field, data);

    switch (field->value.type) {
    case MAQET_TYPE_TEXT:
    case MAQET_TYPE_DATE:
    case MAQET_TYPE_WORD:
        return text_read(field, value, to, place, err);
    case MAQET_TYPE_BOOL:
        if (!json_object_is_type(value, json_type_boolean))
            return error_at(place, err, "is neither true nor false");
        *(bool *)to = json_object_get_boolean(value);
        return 0;
    case MAQET_TYPE_DOUBLE:
        if (!json_object_is_type(value, json_type_double) &&
            !json_object_is_type(value, json_type_int))
            return error_at(place, err, "is not a number");
        *(double *)to = json_object_get_double(value);
        return 0;
    case MAQET_TYPE_STRINGS:
    case MAQET_TYPE_LIST:
        if (!json_object_is_type(value, json_type_array))
            return error_at(place, err, "is not a list");
        return field->value.type == MAQET_TYPE_LIST
                   ? list_read(field, value, data, place, err)
                   : strings_read(value, to, place, err);
    case MAQET_TYPE_OBJECT:
        return object_read(field->value.fields, value, to, place, err);
    default:
        return number_read(field, value, to, place, err);
    }
}

static int
object_read(const struct maqet_fields *fields, json_object *object, void *data,
            const struct place *above, struct maqet_error **err)
{
    if (!json_object_is_type(object, json_type_object))
        return above ? error_at(above, err, "is not an object")
                     : maqet_error_set(err, MAQET_ERROR_INVALID, "it is not an object");
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        const struct place place = {above, field->key, -1};
        json_object *value = json_object_object_get(object, field->key);

        if (!value && maqet_field_nullable(field))
            continue;
        if (!value)
            return error_at(&place, err, "is missing");
        if (field->known > 0)
            *(bool *)(void *)((char *)data + field->known - 1) = true;
        if (value_read(field, value, data, &place, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_fields_from_json(const struct maqet_fields *fields, json_object *object, void *data,
                       struct maqet_error **err)
{
    if (object_read(fields, object, data, NULL, err) == 0)
        return 0;
    maqet_fields_clear(fields, data);
    return -1;
}

int
maqet_fields_list_from_json(const struct maqet_fields *fields, json_object *list,
                            void **items, size_t *count, struct maqet_error **err)
{
    const struct place place = {.key = "", .index = -1};

    *items = NULL;
    *count = 0;
    return json_object_is_type(list, json_type_array)
               ? items_read(fields, list, items, count, &place, err)
               : maqet_error_set(err, MAQET_ERROR_INVALID, "it is not a list");
}
