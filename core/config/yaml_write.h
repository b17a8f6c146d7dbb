/* SPDX-License-Identifier: MIT */
/*
 * yaml_write.h - values as YAML.
 */
#ifndef MAQET_CONFIG_YAML_WRITE_H
#define MAQET_CONFIG_YAML_WRITE_H

#include <json-c/json.h>

/*
 * Any json as a YAML document; texts that would be read as another type are quoted, and
 * what may not be shown is escaped (core/base/printable.h). A byte that belongs to no
 * character, which YAML can't express, stands there as U+FFFD and two hexadecimal digits
 * (maqet_text_utf8()). The caller frees.
 */
char *maqet_yaml_write(json_object *value);

#endif
