/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON as text, with its slashes left alone. The caller frees.
 */
#ifndef MAQET_CLI_JSON_H
#define MAQET_CLI_JSON_H

#include <json-c/json.h>

/* On many lines, for people; it ends with a line feed. */
char *json_pretty(json_object *value);

/* On one line, without its line feed. */
char *json_line(json_object *value);

#endif
