/* SPDX-License-Identifier: MIT */
/*
 * yaml_write.h - writes YAML.
 */
#ifndef MAQET_CONFIG_YAML_WRITE_H
#define MAQET_CONFIG_YAML_WRITE_H

#include <json-c/json.h>

/* Any JSON as a YAML document. Texts that would be read as another type are quoted, what may
 * not be shown is escaped, and bytes that are not part of a character are written as by
 * maqet_text_utf8(). The caller frees. */
char *maqet_yaml_write(json_object *value);

#endif
