/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON files, and values of JSON objects.
 */
#ifndef MAQET_BASE_JSON_H
#define MAQET_BASE_JSON_H

#include <json-c/json.h>

#include "core/base/error.h"

/* Writes a value to a file (maqet_file_replace) that only its owner can read. */
int maqet_json_write(const char *path, json_object *value, struct maqet_error **err);

/* The same, and it is on the disk then, even if syncs are postponed (durable.h): a record without which recovery
 * fails, or which must be there before what it records. */
int maqet_json_write_at_once(const char *path, json_object *value,
                             struct maqet_error **err);

/* The maximum size of a file in bytes. */
enum { MAQET_JSON_LIMIT = 16 * 1024 * 1024 };

/* Parses a file's text, or reads and parses the file: a caller that replaces a damaged
 * file must not replace an unreadable one. The caller puts the value; NULL: an error,
 * which names the file. */
json_object *maqet_json_parse(const char *text, const char *path,
                              struct maqet_error **err);
json_object *maqet_json_read(const char *path, struct maqet_error **err);

/* The same of a folder that others may be able to write to: a link, a FIFO or a device is
 * MAQET_ERROR_FAILED. */
json_object *maqet_json_read_plain(const char *path, struct maqet_error **err);

/* A text or an integer of an object; NULL or 0 if there is none. */
const char *maqet_json_text(json_object *object, const char *key);
int64_t maqet_json_int(json_object *object, const char *key);

/* Whether an object has that text under a key. */
bool maqet_json_is(json_object *object, const char *key, const char *text);

/* A new object of keys and values (taken), ended by NULL. A key whose value is NULL is left
 * out. */
json_object *maqet_json_object(const char *key, ...) MAQET_SENTINEL;

/* A list of texts. The caller puts it. */
json_object *maqet_strings_to_json(const struct maqet_strings *strings);

/* Adds the texts of a list, if it is one. */
void maqet_json_texts(json_object *list, struct maqet_strings *texts);

#endif
