/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <inttypes.h>
#include <string.h>

#include "cli/terminal.h"
#include "core/base/printable.h"
#include "core/machine/state.h"

/* "42s", "3m 05s", "2h 07m", "12d 4h": two units say enough. */
static char *
duration_text(int64_t seconds)
{
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (minutes == 0)
        return maqet_format("%" PRId64 "s", seconds);
    if (hours == 0)
        return maqet_format("%" PRId64 "m %02" PRId64 "s", minutes, seconds % 60);
    if (days == 0)
        return maqet_format("%" PRId64 "h %02" PRId64 "m", hours, minutes % 60);
    return maqet_format("%" PRId64 "d %" PRId64 "h", days, hours % 24);
}

static bool
is_number(enum column_type type)
{
    return type == COLUMN_NUMBER || type == COLUMN_BYTES || type == COLUMN_DURATION ||
           type == COLUMN_PERCENT;
}

/* "paused (disk full)" */
static char *
status_text(json_object *row, const char *status)
{
    json_object *reason = json_object_object_get(row, "reason");

    return reason ? maqet_format("%s (%s)", status, json_object_get_string(reason))
                  : maqet_strdup(status);
}

/* A field as people read it; "-" where there is none. */
static char *
cell_text(const struct column *column, json_object *row)
{
    json_object *value = json_object_object_get(row, column->key);

    if (column->type == COLUMN_FIXED)
        return maqet_strdup(column->key);
    if (!value)
        return maqet_strdup("-");
    switch (column->type) {
    case COLUMN_STATUS:
        return status_text(row, json_object_get_string(value));
    case COLUMN_BYTES:
        return maqet_text_bytes((uint64_t)json_object_get_int64(value));
    case COLUMN_DURATION:
        return duration_text(json_object_get_int64(value));
    case COLUMN_PERCENT:
        return maqet_format("%.1f%%", json_object_get_double(value));
    default:
        return maqet_strdup(json_object_get_string(value));
    }
}

static enum shade
cell_shade(const struct column *column, const char *text)
{
    if (column->type != COLUMN_STATUS)
        return SHADE_NONE;
    if (strcmp(text, maqet_status_name(MAQET_STATUS_RUNNING)) == 0)
        return SHADE_GREEN;
    if (strcmp(text, maqet_status_name(MAQET_STATUS_PAUSED)) == 0)
        return SHADE_YELLOW;
    if (maqet_text_starts(text, maqet_status_name(MAQET_STATUS_PAUSED)))
        return SHADE_RED;
    if (strcmp(text, maqet_status_name(MAQET_STATUS_CRASHED)) == 0 ||
        strcmp(text, maqet_status_name(MAQET_STATUS_UNRESPONSIVE)) == 0)
        return SHADE_RED;
    return SHADE_NONE;
}

/* Appends a text that fills @width columns; numbers stand to the right. */
static void
append_cell(struct maqet_text *line, const char *text, size_t width, bool right,
            bool colour, enum shade shade)
{
    size_t used = text_width(text);
    int padding = width > used ? (int)(width - used) : 0;

    maqet_text_appendf(line, "%*s%s%s%s%*s", right ? padding : 0, "",
                       shade_begin(colour, shade), text, shade_end(colour, shade),
                       right ? 0 : padding, "");
}

static void
trim(struct maqet_text *text)
{
    while (text->length > 0 && text->data[text->length - 1] == ' ')
        text->data[--text->length] = '\0';
}

/* A value that is wider makes its own line longer, and no other one. */
enum { WIDTH_MAX = 256 };

static size_t
column_width(const struct column *column, json_object *rows)
{
    size_t width = text_width(column->title);

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        _cleanup_free_ char *cell = cell_text(column, json_object_array_get_idx(rows, i));
        size_t used = text_width(cell);

        if (used > width)
            width = used;
    }
    return width < WIDTH_MAX ? width : WIDTH_MAX;
}

char *
table_text(const struct column *columns, json_object *rows, bool colour)
{
    size_t row_count = json_object_array_length(rows);
    /* A line of each row, begun with the header; columns are added to all of them in
     * turn, so that each column is measured once. */
    _cleanup_free_ struct maqet_text *lines =
        maqet_alloc((row_count + 1) * sizeof(*lines));
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const struct column *column = columns; column->key; column++) {
        size_t width = column_width(column, rows);
        bool right = is_number(column->type);

        for (size_t i = 0; i <= row_count; i++) {
            if (column != columns)
                maqet_text_append(&lines[i], "  ");
            if (i == 0) {
                append_cell(&lines[i], column->title, width, right, colour, SHADE_BOLD);
                continue;
            }
            json_object *row = json_object_array_get_idx(rows, i - 1);
            _cleanup_free_ char *cell = cell_text(column, row);
            append_cell(&lines[i], cell, width, right, colour, cell_shade(column, cell));
        }
    }
    for (size_t i = 0; i <= row_count; i++) {
        trim(&lines[i]);
        maqet_text_appendf(&text, "%s\n", lines[i].data ? lines[i].data : "");
        maqet_text_clear(&lines[i]);
    }
    return maqet_text_take(&text);
}

char *
table_fields(const struct column *columns, json_object *row, bool colour)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t width = 0;

    for (const struct column *column = columns; column->key; column++)
        if (text_width(column->title) > width)
            width = text_width(column->title);
    for (const struct column *column = columns; column->key; column++) {
        _cleanup_free_ char *cell = cell_text(column, row);

        if (!json_object_object_get(row, column->key))
            continue;
        append_cell(&text, column->title, width, false, colour, SHADE_BOLD);
        maqet_text_append(&text, "  ");
        append_cell(&text, cell, 0, false, colour, cell_shade(column, cell));
        maqet_text_append(&text, "\n");
    }
    return maqet_text_take(&text);
}

char *
table_plain(const struct column *columns, json_object *row)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const struct column *column = columns; column->key; column++) {
        json_object *value = json_object_object_get(row, column->key);
        const char *words = value ? json_object_get_string(value) : "";
        size_t length = json_object_is_type(value, json_type_string)
                            ? (size_t)json_object_get_string_len(value)
                            : strlen(words);
        _cleanup_free_ char *reversible = column->type == COLUMN_FIXED
                                              ? maqet_strdup(column->key)
                                              : maqet_text_reversible(words, length);

        maqet_text_appendf(&text, "%s%s", column == columns ? "" : "\t", reversible);
    }
    maqet_text_append(&text, "\n");
    return maqet_text_take(&text);
}
