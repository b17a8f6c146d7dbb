/* SPDX-License-Identifier: MIT */
/*
 * yaml_write.h - values as YAML.
 */
#ifndef MAQET_CONFIG_YAML_WRITE_H
#define MAQET_CONFIG_YAML_WRITE_H

#include <json-c/json.h>

/* Any JSON as a YAML document; texts that would be read as another type are quoted, what
 * may not be shown is escaped, and bytes that belong to no character are written as
 * maqet_text_utf8() has it. The caller frees. */
char *maqet_yaml_write(json_object *value);

#endif
