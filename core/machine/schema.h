/* SPDX-License-Identifier: MIT */
/*
 * schema.h - what a machine's YAML file may say, as a JSON Schema for editors and other
 * programs: made from the same tables as every check, those of the plugins included.
 */
#ifndef MAQET_MACHINE_SCHEMA_H
#define MAQET_MACHINE_SCHEMA_H

#include <json-c/json.h>

#include "core/base/context.h"

/* The schema (draft 7, which editors know), with all plugins that load. The caller puts
 * it. */
json_object *maqet_schema(const struct maqet_context *context);

#endif
