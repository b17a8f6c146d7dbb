/* SPDX-License-Identifier: MIT */
/*
 * apart.h - calling a function in a child, since it may crash, hang, print, or leave
 * descriptors open. Its result or its error comes back as JSON.
 */
#ifndef MAQET_BASE_APART_H
#define MAQET_BASE_APART_H

#include <json-c/json.h>

#include "core/base/error.h"

/* Returns a result, or NULL with an error. */
typedef json_object *maqet_apart_call(void *data, struct maqet_error **err);

/* Calls @call in a child without input, which is killed after @timeout ms, or if we die.
 * *printed (may be NULL) gets the output of the child and its descendants; the caller
 * frees. NULL on error: the call's own, MAQET_ERROR_FAILED if it crashed, or
 * MAQET_ERROR_TIMEOUT. */
json_object *maqet_apart(maqet_apart_call *call, void *data, int64_t timeout,
                         char **printed, struct maqet_error **err);

/* What goes on while a call runs. */
struct maqet_apart_watch {
    int stop_fd;              /* once it can be read, the call is killed; -1: none */
    void (*tick)(void *data); /* called about twice a second; may be NULL */
    void *data;
};

/* The same, watched. MAQET_ERROR_REFUSED if it was killed because of @stop_fd. */
json_object *maqet_apart_watched(maqet_apart_call *call, void *data, int64_t timeout,
                                 const struct maqet_apart_watch *watch, char **printed,
                                 struct maqet_error **err);

/* All of an error, for another process. The caller puts it. */
json_object *maqet_error_to_json(const struct maqet_error *error);

/* Sets the error that such an object describes. Returns -1. */
int maqet_error_from_json(json_object *object, struct maqet_error **err);

#endif
