/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/printable.h"

/* ---- columns ---- */

struct column {
    char *word; /* that stands in every row; NULL: the field's value does */
    const struct maqet_field *field;
    const struct cell *cell; /* may be NULL */
    char *title;
};

struct columns {
    struct column *items;
    size_t count;
};

/* "VM CLOCK" of vm_clock. Of ASCII only: the table is the same in every locale. */
static char *
title_of(const struct maqet_field *field)
{
    char *title = maqet_strdup(field->title ? field->title : field->key);

    for (char *c = title; *c && !field->title; c++)
        *c = (char)(*c == '_' ? ' ' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    return title;
}

static const struct cell *
find_cell(const struct cell *cells, const char *key)
{
    for (; cells && cells->key; cells++)
        if (strcmp(cells->key, key) == 0)
            return cells;
    return NULL;
}

static void
columns_add(struct columns *columns, const struct table *table, char *key)
{
    struct column column = {0};

    if (key[0] == '=') {
        column.word = maqet_strdup(key + 1);
        column.title = maqet_strdup("");
    } else {
        column.field = maqet_field_find(table->fields, key);
        column.cell = find_cell(table->cells, key);
        column.title = title_of(column.field);
    }
    columns->items =
        maqet_realloc(columns->items, (columns->count + 1) * sizeof(*columns->items));
    columns->items[columns->count++] = column;
}

static struct columns
columns_of(const struct table *table)
{
    struct columns columns = {0};

    for (const char *at = table->columns; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        _cleanup_free_ char *key = maqet_strndup(at, length);

        columns_add(&columns, table, key);
        at += length;
    }
    return columns;
}

static void
columns_clear(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        free(columns->items[i].word);
        free(columns->items[i].title);
    }
    free(columns->items);
}

#define _cleanup_columns_ _cleanup_(columns_clear)

/* ---- cells ---- */

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
is_number(const struct column *column)
{
    enum maqet_field_type type =
        column->word ? MAQET_TYPE_TEXT : column->field->value.type;

    return type == MAQET_TYPE_INT || type == MAQET_TYPE_UINT ||
           type == MAQET_TYPE_INT64 || type == MAQET_TYPE_UINT64 ||
           type == MAQET_TYPE_DOUBLE;
}

/* A value in full, NULL: there is none. The caller frees. */
static char *
full_text(const struct column *column, const void *row)
{
    return column->word ? maqet_strdup(column->word)
                        : maqet_field_text(column->field, row);
}

/* A value as people read it; "-" where there is none. */
static char *
cell_text(const struct column *column, const void *row)
{
    _cleanup_free_ char *text = full_text(column, row);

    if (!text)
        return maqet_strdup("-");
    if (column->cell && column->cell->text)
        return column->cell->text(row);
    switch (column->word ? MAQET_UNIT_NONE : column->field->unit) {
    case MAQET_UNIT_BYTES:
        return maqet_text_bytes((uint64_t)maqet_field_number(column->field, row));
    case MAQET_UNIT_SECONDS:
        return duration_text(maqet_field_number(column->field, row));
    case MAQET_UNIT_PERCENT:
        return maqet_format("%s%%", text);
    default:
        return TAKE_PTR(text);
    }
}

static enum shade
cell_shade(const struct column *column, const void *row)
{
    return column->cell && column->cell->shade ? column->cell->shade(row) : SHADE_NONE;
}

/* Appends a text that fills @width columns; numbers stand to the right. */
static void
append_cell(struct maqet_text *line, const char *text, size_t width, bool right,
            enum shade shade)
{
    size_t used = text_width(text);
    int padding = width > used ? (int)(width - used) : 0;

    maqet_text_appendf(line, "%*s%s%s%s%*s", right ? padding : 0, "", shade_begin(shade),
                       text, shade_end(shade), right ? 0 : padding, "");
}

static void
trim(struct maqet_text *text)
{
    while (text->length > 0 && text->data[text->length - 1] == ' ')
        text->data[--text->length] = '\0';
}

/* ---- the whole ---- */

/* A value that is wider makes its own line longer, and no other one. */
enum { WIDTH_MAX = 256 };

/* Appends a column to the lines of the header and of all rows, as wide as the widest of
 * its texts. */
static void
append_column(struct maqet_text *lines, const struct column *column, const void *rows,
              size_t size, size_t count)
{
    _cleanup_strings_ struct maqet_strings cells = MAQET_STRINGS_INIT;
    size_t width = text_width(column->title);
    bool right = is_number(column);

    for (size_t i = 0; i < count; i++) {
        maqet_strings_take(&cells, cell_text(column, (const char *)rows + i * size));
        size_t used = text_width(cells.items[i]);
        width = used > width ? used : width;
    }
    width = width < WIDTH_MAX ? width : WIDTH_MAX;
    append_cell(&lines[0], column->title, width, right, SHADE_BOLD);
    for (size_t i = 0; i < count; i++)
        append_cell(&lines[i + 1], cells.items[i], width, right,
                    cell_shade(column, (const char *)rows + i * size));
}

char *
table_text(const struct table *table, const void *rows, size_t count)
{
    _cleanup_columns_ struct columns columns = columns_of(table);
    _cleanup_free_ struct maqet_text *lines = maqet_alloc((count + 1) * sizeof(*lines));
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t at = 0; at < columns.count; at++) {
        for (size_t i = 0; i <= count && at > 0; i++)
            maqet_text_append(&lines[i], "  ");
        append_column(lines, &columns.items[at], rows, table->fields->size, count);
    }
    for (size_t i = 0; i <= count; i++) {
        trim(&lines[i]);
        maqet_text_appendf(&text, "%s\n", lines[i].data ? lines[i].data : "");
        maqet_text_clear(&lines[i]);
    }
    return maqet_text_take(&text);
}

/* Here it stands before its value, and not above. */
static void
lower(char *title)
{
    for (char *c = title; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
}

char *
table_fields(const struct table *table, const void *row)
{
    _cleanup_columns_ struct columns columns = columns_of(table);
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t width = 0;

    for (size_t i = 0; i < columns.count; i++) {
        size_t used = text_width(columns.items[i].title);
        width = used > width ? used : width;
    }
    for (size_t i = 0; i < columns.count; i++) {
        const struct column *column = &columns.items[i];
        _cleanup_free_ char *full = full_text(column, row);
        _cleanup_free_ char *cell = full ? cell_text(column, row) : NULL;

        if (!full)
            continue;
        lower(column->title);
        append_cell(&text, column->title, width, false, SHADE_BOLD);
        maqet_text_append(&text, "  ");
        append_cell(&text, cell, 0, false, cell_shade(column, row));
        maqet_text_append(&text, "\n");
    }
    return maqet_text_take(&text);
}

char *
table_plain(const struct table *table, const void *row)
{
    _cleanup_columns_ struct columns columns = columns_of(table);
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < columns.count; i++) {
        _cleanup_free_ char *full = full_text(&columns.items[i], row);
        _cleanup_free_ char *line =
            maqet_text_reversible(full ? full : "", full ? strlen(full) : 0);

        maqet_text_appendf(&text, "%s%s", i == 0 ? "" : "\t", line);
    }
    maqet_text_append(&text, "\n");
    return maqet_text_take(&text);
}
