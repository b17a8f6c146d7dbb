/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON as text, with its slashes left alone; the caller frees. It is valid
 * UTF-8, and what may not be shown is escaped, so that no text in it can drive a
 * terminal. From what is read of it each text can be had back: a byte that belongs to no
 * character stands there as U+FFFD and two hexadecimal digits (maqet_text_utf8()).
 */
#ifndef MAQET_CLI_JSON_H
#define MAQET_CLI_JSON_H

#include <json-c/json.h>

/* On many lines, for people; it ends with a line feed. */
char *json_pretty(json_object *value);

/* On one line, without its line feed. */
char *json_line(json_object *value);

#endif
