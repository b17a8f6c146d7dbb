/* SPDX-License-Identifier: MIT */
/*
 * apart.h - calling a function in a child, so that what it breaks is not us: it may
 * crash, hang, print, or leave its descriptors open. What it found, or the error, comes
 * back as JSON.
 */
#ifndef MAQET_BASE_APART_H
#define MAQET_BASE_APART_H

#include <json-c/json.h>

#include "core/base/error.h"

/* Returns what it found, or NULL with an error. */
typedef json_object *maqet_apart_call(void *data, struct maqet_error **err);

/* Calls @call in a child without input, which is killed after @timeout ms, or when we
 * die. *printed (may be NULL) gets what it, and whoever it has started, printed; the
 * caller frees. NULL on error: the call's own, that it crashed (MAQET_ERROR_FAILED), or
 * that it took too long (MAQET_ERROR_TIMEOUT). */
json_object *maqet_apart(maqet_apart_call *call, void *data, int64_t timeout,
                         char **printed, struct maqet_error **err);

/* An error on its way to another process: all that it is made of; the caller puts it. */
json_object *maqet_error_to_json(const struct maqet_error *error);

/* Sets the error that an object was made of; anything else is an error, too. Returns -1.
 */
int maqet_error_from_json(json_object *object, struct maqet_error **err);

#endif
