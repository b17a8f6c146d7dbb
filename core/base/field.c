/* SPDX-License-Identifier: MIT */
#include "core/base/field.h"

#include <limits.h>
#include <string.h>
#include <time.h>

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

/* ---- members ---- */

/* The address of an offset in a struct. */
static void *
at(const void *data, size_t offset)
{
    return (char *)data + offset;
}

/* Reads a pointer of any type. */
static void *
pointer_at(const void *place)
{
    void *pointer;

    memcpy(&pointer, place, sizeof(pointer));
    return pointer;
}

static void
pointer_set(void *place, void *pointer)
{
    memcpy(place, &pointer, sizeof(pointer));
}

static size_t *
count_of(const struct maqet_field *field, const void *data)
{
    return at(data, field->value.count);
}

/* The flag that is false if a value is not known; NULL: it always is known. */
static bool *
known_flag(const struct maqet_field *field, const void *data)
{
    return field->known > 0 ? at(data, field->known - 1) : NULL;
}

/* ---- to JSON ---- */

/* "2024-01-01T12:00:00+01:00" (ISO 8601). */
static json_object *
date_json(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm local;
    char text[64];

    if (seconds == 0 || !localtime_r(&moment, &local) || local.tm_year > 9999 - 1900 ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &local) == 0)
        return NULL;
    size_t length = strlen(text); /* %z has no colon */
    _cleanup_free_ char *date =
        maqet_format("%.*s:%s", (int)length - 2, text, text + length - 2);
    return json_object_new_string(date);
}

static json_object *
text_json(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

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
value_json(const struct maqet_field *field, const void *data)
{
    const void *place = at(data, field->value.offset);
    const bool *known = known_flag(field, data);

    if (known && !*known)
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
                                         *count_of(field, data));
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
        json_object_array_add(list,
                              maqet_fields_to_json(fields, at(items, i * fields->size)));
    return list;
}

char *
maqet_field_text(const struct maqet_field *field, const void *data)
{
    _cleanup_json_ json_object *value = value_json(field, data);

    return value ? maqet_strdup(json_object_get_string(value)) : NULL;
}

int64_t
maqet_field_number(const struct maqet_field *field, const void *data)
{
    _cleanup_json_ json_object *value = value_json(field, data);

    return json_object_get_int64(value);
}

/* ---- from JSON, which is not trusted ---- */

/* The position of a value in a document. */
struct place {
    const struct place *above; /* NULL: the whole document */
    const char *key;
    ssize_t index; /* in the list of that key; -1: not in a list */
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

/* Sets an error about the value at a place; NULL: about the whole document. */
static int
error_at(const struct place *place, struct maqet_error **err, const char *what)
{
    if (!place)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "it %s", what);
    _cleanup_free_ char *text = place_text(place);
    return maqet_error_set(err, MAQET_ERROR_INVALID, "'%s' %s", text, what);
}

static int
date_read(const char *text, int64_t *seconds, const struct place *place,
          struct maqet_error **err)
{
    struct tm date = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S%z", &date);
    int64_t east = date.tm_gmtoff;

    if (!end || *end)
        return error_at(place, err, "is not a date");
    *seconds = timegm(&date) - east;
    return 0;
}

static int
word_read(const struct maqet_field *field, const char *text, unsigned *number,
          const struct place *place, struct maqet_error **err)
{
    for (*number = 0; field->value.word(*number); ++*number)
        if (strcmp(field->value.word(*number), text) == 0)
            return 0;
    return error_at(place, err, "is not one of the known words");
}

static int
text_read(const struct maqet_field *field, json_object *value, void *to,
          const struct place *place, struct maqet_error **err)
{
    const char *text = json_object_get_string(value);

    if (!json_object_is_type(value, json_type_string))
        return error_at(place, err, "is not a string");
    if (field->value.type == MAQET_TYPE_DATE)
        return date_read(text, to, place, err);
    if (field->value.type == MAQET_TYPE_WORD)
        return word_read(field, text, to, place, err);
    pointer_set(to, maqet_strdup(text));
    return 0;
}

static int
integer_read(const struct maqet_field *field, json_object *value, void *to,
             const struct place *place, struct maqet_error **err)
{
    static const struct {
        int64_t least, most;
    } ranges[] = {
        [MAQET_TYPE_INT] = {INT_MIN, INT_MAX},
        [MAQET_TYPE_UINT] = {0, UINT32_MAX},
        [MAQET_TYPE_INT64] = {INT64_MIN, INT64_MAX},
        [MAQET_TYPE_UINT64] = {0, INT64_MAX},
    };
    enum maqet_field_type type = field->value.type;
    int64_t number = json_object_get_int64(value);

    if (!json_object_is_type(value, json_type_int))
        return error_at(place, err, "is not an integer");
    if (number < ranges[type].least || number > ranges[type].most)
        return error_at(place, err, "is out of range");
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
strings_read(json_object *list, struct maqet_strings *strings, const struct place *place,
             struct maqet_error **err)
{
    if (!json_object_is_type(list, json_type_array))
        return error_at(place, err, "is not a list");
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const struct place here = {place->above, place->key, (ssize_t)i};
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string))
            return error_at(&here, err, "is not a string");
        maqet_strings_add(strings, json_object_get_string(item));
    }
    return 0;
}

static int object_read(const struct maqet_fields *fields, json_object *object, void *data,
                       const struct place *above, struct maqet_error **err);

/* Reads a list of objects. On error, there are none. */
static int
items_read(const struct maqet_fields *fields, json_object *list, void **items,
           size_t *count, const struct place *place, struct maqet_error **err)
{
    if (!json_object_is_type(list, json_type_array))
        return error_at(place, err, "is not a list");
    *count = json_object_array_length(list);
    *items = maqet_alloc(*count * fields->size + 1);
    for (size_t i = 0; i < *count; i++) {
        const struct place here = {place ? place->above : NULL, place ? place->key : "",
                                   (ssize_t)i};

        if (object_read(fields, json_object_array_get_idx(list, i),
                        at(*items, i * fields->size), &here, err) == 0)
            continue;
        maqet_fields_list_free(fields, TAKE_PTR(*items), *count);
        *count = 0;
        return -1;
    }
    return 0;
}

static int
value_read(const struct maqet_field *field, json_object *value, void *data,
           const struct place *place, struct maqet_error **err)
{
    void *to = at(data, field->value.offset), *items = NULL;

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
        return strings_read(value, to, place, err);
    case MAQET_TYPE_LIST:
        if (items_read(field->value.fields, value, &items, count_of(field, data), place,
                       err) < 0)
            return -1;
        pointer_set(to, items);
        return 0;
    case MAQET_TYPE_OBJECT:
        return object_read(field->value.fields, value, to, place, err);
    default:
        return integer_read(field, value, to, place, err);
    }
}

static int
object_read(const struct maqet_fields *fields, json_object *object, void *data,
            const struct place *above, struct maqet_error **err)
{
    if (!json_object_is_type(object, json_type_object))
        return error_at(above, err, "is not an object");
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        const struct place place = {above, field->key, -1};
        json_object *value = json_object_object_get(object, field->key);
        bool *known = known_flag(field, data);

        if (!value && maqet_field_nullable(field))
            continue;
        if (!value)
            return error_at(&place, err, "is missing");
        if (known)
            *known = true;
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
    *items = NULL;
    *count = 0;
    return items_read(fields, list, items, count, NULL, err);
}

/* ---- copies ---- */

static char *
text_copy(const char *text, char *(*convert)(const char *text))
{
    return text && convert ? convert(text) : maqet_strdup(text);
}

static void
list_copy(const struct maqet_field *field, const void *data, void *copy,
          char *(*text)(const char *text))
{
    const struct maqet_fields *fields = field->value.fields;
    const void *items = pointer_at(at(data, field->value.offset));
    size_t count = *count_of(field, data);
    void *copies = maqet_alloc(count * fields->size + 1);

    for (size_t i = 0; i < count; i++)
        maqet_fields_copy(fields, at(items, i * fields->size),
                          at(copies, i * fields->size), text);
    pointer_set(at(copy, field->value.offset), copies);
    *count_of(field, copy) = count;
}

void
maqet_fields_copy(const struct maqet_fields *fields, const void *data, void *copy,
                  char *(*text)(const char *text))
{
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        const void *from = at(data, field->value.offset);
        void *to = at(copy, field->value.offset);
        const struct maqet_strings *strings = from;

        if (field->known > 0)
            *known_flag(field, copy) = *known_flag(field, data);
        switch (field->value.type) {
        case MAQET_TYPE_TEXT:
            pointer_set(to, text_copy(pointer_at(from), text));
            break;
        case MAQET_TYPE_STRINGS:
            for (size_t i = 0; i < strings->count; i++)
                maqet_strings_take(to, text_copy(strings->items[i], text));
            break;
        case MAQET_TYPE_OBJECT:
            maqet_fields_copy(field->value.fields, from, to, text);
            break;
        case MAQET_TYPE_LIST:
            list_copy(field, data, copy, text);
            break;
        default:
            memcpy(to, from, field->value.size);
        }
    }
}

void
maqet_fields_clear(const struct maqet_fields *fields, void *data)
{
    for (const struct maqet_field *field = fields->rows; field->key; field++) {
        void *place = at(data, field->value.offset);

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
                                   *count_of(field, data));
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
        maqet_fields_clear(fields, at(items, i * fields->size));
    free(items);
}
