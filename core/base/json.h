/* SPDX-License-Identifier: MIT */
/*
 * json.h - files that hold JSON, written whole and read with limits.
 */
#ifndef MAQET_BASE_JSON_H
#define MAQET_BASE_JSON_H

#include <json-c/json.h>

#include "core/base/error.h"

/* Replaces a file by a value (maqet_file_replace), for its owner's eyes only. */
int maqet_json_write(const char *path, json_object *value, struct maqet_error **err);

/* Bytes that a file may have. */
enum { MAQET_JSON_LIMIT = 16 * 1024 * 1024 };

/* Reads a file, or its text: whoever writes a damaged file anew must not take one that
 * cannot be read for one. The caller puts the value; NULL: an error, which names the
 * file. */
json_object *maqet_json_parse(const char *text, const char *path,
                              struct maqet_error **err);
json_object *maqet_json_read(const char *path, struct maqet_error **err);

/* A text, or a number, of an object; NULL, or 0, where there is none. */
const char *maqet_json_text(json_object *object, const char *key);
int64_t maqet_json_int(json_object *object, const char *key);

/* Whether an object has that text under a key. */
bool maqet_json_is(json_object *object, const char *key, const char *text);

/* An object of these members: a key and its value (taken) in turn, and NULL at the end. A
 * key without a value is left out. */
json_object *maqet_json_object(const char *key, ...) MAQET_SENTINEL;

/* A list of texts; the caller puts it. */
json_object *maqet_strings_to_json(const struct maqet_strings *strings);

/* Adds the texts of a list; anything else has none. */
void maqet_json_texts(json_object *list, struct maqet_strings *texts);

#endif
