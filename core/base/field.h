/* SPDX-License-Identifier: MIT */
/*
 * field.h - the members of a struct by name: one row for each. The rows convert the struct
 * to JSON and back, copy and clear it, and describe it (tables, the manual, docs/json.md).
 *
 *     static const struct maqet_fields started_fields = MAQET_FIELDS_OF(
 *         struct started, MAQET_ROW(struct started, name, "the machine's name"),
 *         MAQET_ROW(struct started, memory, "what QEMU occupies",
 *                   .unit = MAQET_UNIT_BYTES, .known = MAQET_KNOWN(struct started, runs)));
 *
 * A value that is not known is null, so all objects of one kind have the same keys.
 */
#ifndef MAQET_BASE_FIELD_H
#define MAQET_BASE_FIELD_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

enum maqet_field_type {
    MAQET_TYPE_TEXT, /* char *; NULL is null */
    MAQET_TYPE_BOOL,
    MAQET_TYPE_INT,  /* int */
    MAQET_TYPE_UINT, /* uint32_t */
    MAQET_TYPE_INT64,
    MAQET_TYPE_UINT64,
    MAQET_TYPE_DOUBLE,
    MAQET_TYPE_DATE,    /* int64_t, s since 1970, as a text in local time; 0 is null */
    MAQET_TYPE_WORD,    /* an enum, as a word; null if it has none */
    MAQET_TYPE_STRINGS, /* struct maqet_strings */
    MAQET_TYPE_OBJECT,  /* a struct with fields of its own */
    MAQET_TYPE_LIST,    /* a pointer to an array of such structs, and a count */
};

/* The unit of a number. */
enum maqet_unit {
    MAQET_UNIT_NONE,
    MAQET_UNIT_BYTES,
    MAQET_UNIT_BYTES_PER_SECOND,
    MAQET_UNIT_SECONDS,
    MAQET_UNIT_MILLISECONDS, /* a double; written with three decimals */
    MAQET_UNIT_PERCENT,      /* a double; written with one decimal */
};

struct maqet_fields;

/* The type and place of a value; made by the macros below. */
struct maqet_field_value {
    enum maqet_field_type type;
    size_t offset;
    size_t size;                          /* of a value without pointers */
    size_t count;                         /* LIST: the offset of the count */
    const char *(*word)(unsigned number); /* WORD, and TEXT with a fixed choice; NULL
                                             after the last one */
    const struct maqet_fields *fields;    /* OBJECT, LIST */
};

/* One member; a NULL key ends the rows. */
struct maqet_field {
    const char *key;
    struct maqet_field_value value;
    const char *help; /* a phrase without a full stop */
    enum maqet_unit unit;
    const char *title; /* of its column; NULL: the key in capitals */
    size_t known;      /* MAQET_KNOWN(): it is null if that is false */
    bool optional;     /* it may be null, or missing in what is read */
    bool sparse;       /* in files: it is left out of JSON if it is null */
};

struct maqet_fields {
    size_t size; /* of the struct, in bytes */
    const struct maqet_field *rows;
};

#define MAQET_FIELDS_OF(of, ...)                                                         \
    {                                                                                    \
        .size = sizeof(of), .rows = ((const struct maqet_field[]){__VA_ARGS__, {0}})     \
    }

#define MAQET_FIELD_TYPE_(of, member)                                                    \
    _Generic(((of *)0)->member,                                                          \
             char *: MAQET_TYPE_TEXT,                                                    \
             const char *: MAQET_TYPE_TEXT,                                              \
             bool: MAQET_TYPE_BOOL,                                                      \
             int: MAQET_TYPE_INT,                                                        \
             uint32_t: MAQET_TYPE_UINT,                                                  \
             int64_t: MAQET_TYPE_INT64,                                                  \
             uint64_t: MAQET_TYPE_UINT64,                                                \
             double: MAQET_TYPE_DOUBLE,                                                  \
             struct maqet_strings: MAQET_TYPE_STRINGS)

/* The offset of a member that must have the type. */
#define MAQET_FIELD_OFFSET_(of, member, wanted)                                          \
    (offsetof(of, member) + 0 * sizeof(char[_Generic(((of *)0)->member, wanted : 1)]))

/* A text, a number, a bool, or a list of texts: the member's type decides. */
#define MAQET_FIELD(of, member)                                                          \
    .value = {.type = MAQET_FIELD_TYPE_(of, member),                                     \
              .offset = offsetof(of, member),                                            \
              .size = sizeof(((of *)0)->member)}
/* The row of such a member; its name is the key. */
#define MAQET_ROW(of, member, what, ...)                                                 \
    {                                                                                    \
        .key = #member, MAQET_FIELD(of, member), .help = what, __VA_ARGS__               \
    }
#define MAQET_FIELD_DATE(of, member)                                                     \
    .value = {.type = MAQET_TYPE_DATE,                                                   \
              .offset = MAQET_FIELD_OFFSET_(of, member, int64_t),                        \
              .size = sizeof(int64_t)}
#define MAQET_FIELD_WORD(of, member, words)                                              \
    .value = {.type = MAQET_TYPE_WORD,                                                   \
              .offset = MAQET_FIELD_OFFSET_(of, member, unsigned),                       \
              .size = sizeof(unsigned),                                                  \
              .word = (words)}
/* A text that is one of the words. */
#define MAQET_FIELD_CHOICE(of, member, words)                                            \
    .value = {.type = MAQET_FIELD_TYPE_(of, member),                                     \
              .offset = offsetof(of, member),                                            \
              .word = (words)}
#define MAQET_FIELD_OBJECT(of, member, table)                                            \
    .value = {                                                                           \
        .type = MAQET_TYPE_OBJECT, .offset = offsetof(of, member), .fields = (table)}
#define MAQET_FIELD_LIST(of, member, number, table)                                      \
    .value = {.type = MAQET_TYPE_LIST,                                                   \
              .offset = offsetof(of, member),                                            \
              .count = MAQET_FIELD_OFFSET_(of, number, size_t),                          \
              .fields = (table)}

/* Defines a function that returns words by number. */
#define MAQET_WORDS(name, ...)                                                           \
    static const char *name(unsigned index)                                              \
    {                                                                                    \
        static const char *const words_[] = {__VA_ARGS__};                               \
                                                                                         \
        return index < sizeof(words_) / sizeof(*words_) ? words_[index] : NULL;          \
    }

/* A bool that is false if the value is not known; values may share one. */
#define MAQET_KNOWN(of, member) (MAQET_FIELD_OFFSET_(of, member, bool) + 1)

/* The row of a key, or NULL. */
const struct maqet_field *maqet_field_find(const struct maqet_fields *fields,
                                           const char *key);

/* Whether its value may be null. */
bool maqet_field_nullable(const struct maqet_field *field);

/* A value as a text, other than texts and words as in JSON. NULL: it is null. The caller
 * frees. */
char *maqet_field_text(const struct maqet_field *field, const void *data);

/* A number, rounded towards zero; 0 if it is null. */
int64_t maqet_field_number(const struct maqet_field *field, const void *data);

/* A struct as an object, or an array of such structs as a list. The caller puts it. */
json_object *maqet_fields_to_json(const struct maqet_fields *fields, const void *data);
json_object *maqet_fields_list_to_json(const struct maqet_fields *fields,
                                       const void *items, size_t count);

/* Fills a struct, which is all zero, from an object; the caller clears it. Ignores unknown
 * keys, which a later maqet may have written. MAQET_ERROR_INVALID if a value is missing, or
 * of another type: "'images[2].path' is missing". The struct is all zero again then. */
int maqet_fields_from_json(const struct maqet_fields *fields, json_object *object,
                           void *data, struct maqet_error **err);

/* The same for a list of objects; *items gets a new array (maqet_fields_list_free), or NULL
 * on error. */
int maqet_fields_list_from_json(const struct maqet_fields *fields, json_object *list,
                                void **items, size_t *count, struct maqet_error **err);

/* Copies a struct to one that is all zero; the caller clears it. @text (may be NULL)
 * converts each text; the copy owns the result. Members without a row stay zero. */
void maqet_fields_copy(const struct maqet_fields *fields, const void *data, void *copy,
                       char *(*text)(const char *text));

/* Frees what the members own, and makes all zero. */
void maqet_fields_clear(const struct maqet_fields *fields, void *data);

/* Clears and frees an array of such structs. */
void maqet_fields_list_free(const struct maqet_fields *fields, void *items, size_t count);

#endif
