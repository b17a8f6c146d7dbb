/* SPDX-License-Identifier: MIT */
/*
 * field_member.h - where a row's value is in a struct, for the files that make up field.h.
 */
#ifndef MAQET_BASE_FIELD_MEMBER_H
#define MAQET_BASE_FIELD_MEMBER_H

#include <string.h>

#include "core/base/field.h"

static inline const void *
member_at(const struct maqet_field *field, const void *data)
{
    return (const char *)data + field->value.offset;
}

static inline void *
member_place(const struct maqet_field *field, void *data)
{
    return (char *)data + field->value.offset;
}

/* A pointer, whatever it points to. */
static inline void *
pointer_at(const void *place)
{
    void *pointer;

    memcpy(&pointer, place, sizeof(pointer));
    return pointer;
}

static inline void
pointer_set(void *place, void *pointer)
{
    memcpy(place, &pointer, sizeof(pointer));
}

static inline size_t
member_count(const struct maqet_field *field, const void *data)
{
    return *(const size_t *)(const void *)((const char *)data + field->value.count);
}

static inline void
member_set_count(const struct maqet_field *field, void *data, size_t count)
{
    *(size_t *)(void *)((char *)data + field->value.count) = count;
}

/* One of a list. */
static inline void *
member_item(const struct maqet_field *field, const void *data, size_t index)
{
    return (char *)pointer_at(member_at(field, data)) + index * field->value.fields->size;
}

static inline bool
member_is_known(const struct maqet_field *field, const void *data)
{
    return field->known == 0 ||
           *(const bool *)(const void *)((const char *)data + field->known - 1);
}

#endif
