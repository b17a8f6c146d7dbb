/* SPDX-License-Identifier: MIT */
/*
 * error_json.h - an error on its way to another process: all that it is made of, as JSON.
 */
#ifndef MAQET_BASE_ERROR_JSON_H
#define MAQET_BASE_ERROR_JSON_H

#include <json-c/json.h>

#include "core/base/error.h"

/* The error as an object; the caller puts it. */
json_object *maqet_error_to_json(const struct maqet_error *error);

/* Sets the error that an object was made of. What is no such object is an error, too.
 * Returns -1. */
int maqet_error_from_json(json_object *object, struct maqet_error **err);

#endif
