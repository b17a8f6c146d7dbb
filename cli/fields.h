/* SPDX-License-Identifier: MIT */
/*
 * fields.h - fields of a result. What is not known is null, so that every row has the
 * same keys.
 */
#ifndef MAQET_CLI_FIELDS_H
#define MAQET_CLI_FIELDS_H

#include <stdint.h>

#include "core/machine/state.h"

void field_text(json_object *row, const char *key, const char *text); /* NULL: null */
void field_number(json_object *row, const char *key, bool known, uint64_t number);
void field_strings(json_object *row, const char *key,
                   const struct maqet_strings *strings);

/* A moment (s since 1970; 0: not known), as a text in local time, and a time in ms. */
void field_date(json_object *row, const char *key, int64_t seconds);
void field_milliseconds(json_object *row, const char *key, double value);

/* A text field that is there. */
const char *field_get(json_object *row, const char *key);

/* status, reason (why it is paused), full (drives without room on the host), pid, memory
 * (bytes), cpu (percent) and uptime (seconds); all null when the state is not known
 * (NULL). */
void fields_state(json_object *row, const struct maqet_state *state);

#endif
