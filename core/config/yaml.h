/* SPDX-License-Identifier: MIT */
/*
 * yaml.h - reads YAML into a tree with places (libyaml). Errors are one line that begins
 * with file:line:column. Limits against hostile files: 1 MiB of text, 32 levels, 10000
 * nodes with aliases expanded. Duplicate keys, tabs as indentation, invalid UTF-8, several
 * documents, merge keys, tags other than !!str, and keys that are not a short text of one
 * line are errors.
 */
#ifndef MAQET_CONFIG_YAML_H
#define MAQET_CONFIG_YAML_H

#include "core/config/tree.h"

/* Reads a file ("-": standard input) whose root must be a mapping. Relative paths start in
 * the file's folder, or in the working directory if it is not a regular file. NULL on
 * error, which is MAQET_ERROR_MISSING if there is no such file, or it is empty. */
json_object *maqet_yaml_read(const char *path, struct maqet_error **err);

/* Reads a text. @name is for messages; relative paths start at @folder. NULL on error,
 * which is MAQET_ERROR_MISSING if the root is null or there is none. */
json_object *maqet_yaml_parse(const char *text, size_t length, const char *name,
                              const char *folder, struct maqet_error **err);

#endif
