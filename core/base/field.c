/* SPDX-License-Identifier: MIT */
#include "core/base/field.h"

#include <string.h>
#include <time.h>

#include "core/base/field_member.h"
#include "core/base/json.h"
#include "core/base/text.h"

const struct maqet_field *
maqet_field_find(const struct maqet_fields *fields, const char *key)
{
    for (const struct maqet_field *field = fields->rows; field->key; field++)
        if (strcmp(field->key, key) == 0)
            return field;
    return NULL;
}

bool
maqet_field_nullable(const struct maqet_field *field)
{
    return field->optional || field->known > 0;
}

/* "2024-01-01T12:00:00+01:00": for machines and, nearly, for people. NULL: there is none.
 * The caller frees. */
static char *
date_text(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm local;
    char text[64];

    if (seconds == 0 || !localtime_r(&moment, &local) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &local) == 0)
        return NULL;
    size_t length = strlen(text); /* %z has no colon */
    return maqet_format("%.*s:%s", (int)length - 2, text, text + length - 2);
}

/* ---- to JSON ---- */

static json_object *
text_json(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

/* With as many decimals as it is worth. */
static json_object *
double_json(const struct maqet_field *field, double value)
{
    if (field->unit != MAQET_UNIT_PERCENT && field->unit != MAQET_UNIT_MILLISECONDS)
        return json_object_new_double(value);
    _cleanup_free_ char *text =
        maqet_format("%.*f", field->unit == MAQET_UNIT_PERCENT ? 1 : 3, value);
    return json_object_new_double_s(value, text);
}

static json_object *
date_json(int64_t seconds)
{
    _cleanup_free_ char *text = date_text(seconds);

    return text_json(text);
}

static json_object *
value_json(const struct maqet_field *field, const void *data)
{
    const void *place = member_at(field, data);

    if (!member_is_known(field, data))
        return NULL;
    switch (field->value.type) {
    case MAQET_TYPE_TEXT:
        return text_json(pointer_at(place));
    case MAQET_TYPE_BOOL:
        return json_object_new_boolean(*(const bool *)place);
    case MAQET_TYPE_INT:
        return json_object_new_int(*(const int *)place);
    case MAQET_TYPE_UINT:
        return json_object_new_uint64(*(const uint32_t *)place);
    case MAQET_TYPE_INT64:
        return json_object_new_int64(*(const int64_t *)place);
    case MAQET_TYPE_UINT64:
        return json_object_new_uint64(*(const uint64_t *)place);
    case MAQET_TYPE_DOUBLE:
        return double_json(field, *(const double *)place);
    case MAQET_TYPE_DATE:
        return date_json(*(const int64_t *)place);
    case MAQET_TYPE_WORD:
        return text_json(field->value.word(*(const unsigned *)place));
    case MAQET_TYPE_STRINGS:
        return maqet_strings_to_json(place);
    case MAQET_TYPE_OBJECT:
        return maqet_fields_to_json(field->value.fields, place);
    case MAQET_TYPE_LIST:
        return maqet_fields_list_to_json(field->value.fields, pointer_at(place),
                                         member_count(field, data));
    }
    return NULL;
}

json_object *
maqet_fields_to_json(const struct maqet_fields *fields, const void *data)
{
    json_object *object = json_object_new_object();

    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        json_object *value = value_json(field, data);

        if (value || !field->sparse)
            json_object_object_add(object, field->key, value);
    }
    return object;
}

json_object *
maqet_fields_list_to_json(const struct maqet_fields *fields, const void *items,
                          size_t count)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++)
        json_object_array_add(
            list, maqet_fields_to_json(fields, (const char *)items + i * fields->size));
    return list;
}

char *
maqet_field_text(const struct maqet_field *field, const void *data)
{
    if (field->value.type == MAQET_TYPE_TEXT)
        return member_is_known(field, data)
                   ? maqet_strdup(pointer_at(member_at(field, data)))
                   : NULL;
    _cleanup_json_ json_object *value = value_json(field, data);
    return value ? maqet_strdup(json_object_get_string(value)) : NULL;
}

int64_t
maqet_field_number(const struct maqet_field *field, const void *data)
{
    _cleanup_json_ json_object *value = value_json(field, data);

    return json_object_get_int64(value);
}

/* ---- copies ---- */

static char *
text_copy(const char *text, char *(*convert)(const char *text))
{
    return text && convert ? convert(text) : maqet_strdup(text);
}

static void
list_copy(const struct maqet_field *field, const void *data, void *copy,
          char *(*convert)(const char *text))
{
    size_t count = member_count(field, data);

    pointer_set(member_place(field, copy),
                maqet_alloc(count * field->value.fields->size + 1));
    member_set_count(field, copy, count);
    for (size_t i = 0; i < count; i++)
        maqet_fields_copy(field->value.fields, member_item(field, data, i),
                          member_item(field, copy, i), convert);
}

/* What a value takes that is no more than its bytes. */
static size_t
plain_size(enum maqet_field_type type)
{
    switch (type) {
    case MAQET_TYPE_BOOL:
        return sizeof(bool);
    case MAQET_TYPE_INT:
    case MAQET_TYPE_UINT:
    case MAQET_TYPE_WORD:
        return sizeof(uint32_t);
    case MAQET_TYPE_DOUBLE:
        return sizeof(double);
    default:
        return sizeof(uint64_t);
    }
}

void
maqet_fields_copy(const struct maqet_fields *fields, const void *data, void *copy,
                  char *(*text)(const char *text))
{
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        const void *from = member_at(field, data);
        void *to = member_place(field, copy);

        if (field->known > 0)
            *(bool *)(void *)((char *)copy + field->known - 1) =
                member_is_known(field, data);
        switch (field->value.type) {
        case MAQET_TYPE_TEXT:
            pointer_set(to, text_copy(pointer_at(from), text));
            break;
        case MAQET_TYPE_STRINGS: {
            const struct maqet_strings *strings = from;

            for (size_t i = 0; i < strings->count; i++)
                maqet_strings_take(to, text_copy(strings->items[i], text));
            break;
        }
        case MAQET_TYPE_OBJECT:
            maqet_fields_copy(field->value.fields, from, to, text);
            break;
        case MAQET_TYPE_LIST:
            list_copy(field, data, copy, text);
            break;
        default:
            memcpy(to, from, plain_size(field->value.type));
        }
    }
}

void
maqet_fields_clear(const struct maqet_fields *fields, void *data)
{
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        void *place = member_place(field, data);

        switch (field->value.type) {
        case MAQET_TYPE_TEXT:
            free(pointer_at(place));
            break;
        case MAQET_TYPE_STRINGS:
            maqet_strings_clear(place);
            break;
        case MAQET_TYPE_OBJECT:
            maqet_fields_clear(field->value.fields, place);
            break;
        case MAQET_TYPE_LIST:
            maqet_fields_list_free(field->value.fields, pointer_at(place),
                                   member_count(field, data));
            break;
        default:
            break;
        }
    }
    memset(data, 0, fields->size);
}

void
maqet_fields_list_free(const struct maqet_fields *fields, void *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        maqet_fields_clear(fields, (char *)items + i * fields->size);
    free(items);
}
