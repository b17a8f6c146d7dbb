/* SPDX-License-Identifier: MIT */
/*
 * yaml.h - YAML text to a tree with places (libyaml). Every fault is one line that begins
 * with file:line:column. Limits against hostile files: 1 MiB of text, 32 levels, 10000
 * nodes after aliases are expanded. Duplicate keys, tabs as indentation, bytes that are
 * not UTF-8, several documents, merge keys, tags other than !!str, and keys that are not
 * a short text of one line are errors.
 */
#ifndef MAQET_CONFIG_YAML_H
#define MAQET_CONFIG_YAML_H

#include "core/config/tree.h"

/* Reads a file ("-": standard input) whose root is a mapping. Relative paths start beside
 * the file, or in the working directory where it is not a regular one. NULL on error,
 * which is MAQET_ERROR_MISSING when there is no such file, or nothing in it. */
json_object *maqet_yaml_read(const char *path, struct maqet_error **err);

/* Reads text. @name is for messages; @folder is where relative paths start. NULL on
 * error, which is MAQET_ERROR_MISSING when the root is null or there is none. */
json_object *maqet_yaml_parse(const char *text, size_t length, const char *name,
                              const char *folder, struct maqet_error **err);

#endif
