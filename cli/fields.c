/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"

#include <string.h>
#include <time.h>

void
field_text(json_object *row, const char *key, const char *text)
{
    json_object_object_add(row, key, text ? json_object_new_string(text) : NULL);
}

void
field_number(json_object *row, const char *key, bool known, uint64_t number)
{
    json_object_object_add(row, key, known ? json_object_new_uint64(number) : NULL);
}

void
field_strings(json_object *row, const char *key, const struct maqet_strings *strings)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < strings->count; i++)
        json_object_array_add(list, json_object_new_string(strings->items[i]));
    json_object_object_add(row, key, list);
}

const char *
field_get(json_object *row, const char *key)
{
    return json_object_get_string(json_object_object_get(row, key));
}

/* "2024-01-01T12:00:00+01:00": for machines and, nearly, for people. The caller frees. */
static char *
date_text(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm local;
    char text[64];

    if (seconds == 0 || !localtime_r(&moment, &local) ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &local) == 0)
        return NULL;
    size_t length = strlen(text); /* %z has no colon */
    return maqet_format("%.*s:%s", (int)length - 2, text, text + length - 2);
}

void
field_date(json_object *row, const char *key, int64_t seconds)
{
    _cleanup_free_ char *text = date_text(seconds);

    field_text(row, key, text);
}

/* With three decimals, which is what it is worth. */
void
field_milliseconds(json_object *row, const char *key, double value)
{
    _cleanup_free_ char *text = maqet_format("%.3f", value);

    json_object_object_add(row, key, json_object_new_double_s(value, text));
}

/* With one decimal, which is what it is worth. */
static json_object *
percent(double value)
{
    _cleanup_free_ char *text = maqet_format("%.1f", value);

    return json_object_new_double_s(value, text);
}

/* Whether QEMU answered; null where it was not asked, or could not be. */
static json_object *
responds(const struct maqet_state *state)
{
    if (!state || (state->response != MAQET_RESPONSE_GIVEN &&
                   state->response != MAQET_RESPONSE_MISSING))
        return NULL;
    return json_object_new_boolean(state->response == MAQET_RESPONSE_GIVEN);
}

/* Drives without room on the host. */
static json_object *
full_drives(const struct maqet_full *full)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < full->count; i++) {
        const struct maqet_full_drive *drive = &full->items[i];
        json_object *row = json_object_new_object();

        field_text(row, "drive", drive->drive);
        field_text(row, "file", drive->file);
        field_text(row, "file_system", drive->file_system);
        field_number(row, "free", drive->file_system, drive->free);
        json_object_array_add(list, row);
    }
    return list;
}

void
fields_state(json_object *row, const struct maqet_state *state)
{
    bool runs = state && state->pid > 0;

    field_text(row, "status", state ? maqet_state_text(state) : NULL);
    field_text(row, "reason", state ? maqet_pause_name(state->pause) : NULL);
    json_object_object_add(row, "full", state ? full_drives(&state->full) : NULL);
    field_number(row, "pid", runs, runs ? (uint64_t)state->pid : 0);
    field_number(row, "memory", runs, runs ? state->memory : 0);
    json_object_object_add(row, "cpu", runs ? percent(state->cpu) : NULL);
    field_number(row, "uptime", runs, runs ? (uint64_t)state->uptime / 1000 : 0);
    json_object_object_add(row, "responds", responds(state));
    json_object_object_add(row, "runtime_folder_lost",
                           runs ? json_object_new_boolean(state->lost) : NULL);
}
