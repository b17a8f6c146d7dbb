/* SPDX-License-Identifier: MIT */
#include "cli/table.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/printable.h"

/* ---- columns ---- */

struct column {
    const char *key; /* a part of the table's */
    size_t length;
    const struct maqet_field *field; /* NULL: every row has the key itself */
    const struct cell *cell;         /* may be NULL */
};

/* The column of the key that a text begins with. */
static struct column
column_of(const struct table *table, const char *text, size_t length)
{
    struct column column = {.key = text, .length = length};
    _cleanup_free_ char *key = maqet_strndup(text, length);

    column.field = maqet_field_find(table->fields, key);
    for (const struct cell *cell = table->cells; cell && cell->key; cell++)
        if (strcmp(cell->key, key) == 0)
            column.cell = cell;
    return column;
}

/* Reads the next of a table's columns, and advances. False: there is none. */
static bool
next_column(const struct table *table, const char **at, struct column *column)
{
    const char *start = *at;
    size_t length = strcspn(start, " ");

    *at += length;
    *at += strspn(*at, " ");
    if (*start == '=')
        *column = (struct column){.key = start + 1, .length = length - 1};
    else
        *column = column_of(table, start, length);
    return length > 0;
}

/* "VM CLOCK" for vm_clock. Only ASCII: the table is the same in every locale. The caller
 * frees. */
static char *
title_of(const struct column *column)
{
    const struct maqet_field *field = column->field;

    if (!field || field->title)
        return maqet_strdup(field ? field->title : "");
    char *title = maqet_strdup(field->key);
    for (char *c = title; *c; c++)
        *c = (char)(*c == '_' ? ' ' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    return title;
}

/* ---- cells ---- */

/* "42s", "3m 05s", "2h 07m", "12d 4h" */
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

/* "2026-01-31 12:00:00" for "2026-01-31T12:00:00+01:00": people read their own time. */
static char *
date_text(const char *date)
{
    enum { DAY = 10, TIME = 8 };

    return maqet_format("%.*s %.*s", DAY, date, TIME, date + DAY + 1);
}

static bool
is_number(const struct column *column)
{
    return column->field && column->field->value.type >= MAQET_TYPE_INT &&
           column->field->value.type <= MAQET_TYPE_DOUBLE;
}

static bool
is_date(const struct column *column)
{
    return column->field && column->field->value.type == MAQET_TYPE_DATE;
}

/* A value in full; NULL if it is null. The caller frees. */
static char *
full_text(const struct column *column, const void *row)
{
    return column->field ? maqet_field_text(column->field, row)
                         : maqet_strndup(column->key, column->length);
}

/* A value for people; "-" if it is null. The caller frees. */
static char *
cell_text(const struct column *column, const void *row)
{
    _cleanup_free_ char *text = full_text(column, row);

    if (!text)
        return maqet_strdup("-");
    if (column->cell && column->cell->text)
        return column->cell->text(row);
    if (is_date(column))
        return date_text(text);
    switch (column->field ? column->field->unit : MAQET_UNIT_NONE) {
    case MAQET_UNIT_BYTES:
    case MAQET_UNIT_BYTES_PER_SECOND: /* the title says it */
        return maqet_text_bytes((uint64_t)maqet_field_number(column->field, row));
    case MAQET_UNIT_SECONDS:
        return duration_text(maqet_field_number(column->field, row));
    case MAQET_UNIT_PERCENT:
        return maqet_format("%s%%", text);
    case MAQET_UNIT_MILLISECONDS:
        return maqet_format("%.0f ms", strtod(text, NULL));
    default:
        return TAKE_PTR(text);
    }
}

static enum shade
cell_shade(const struct column *column, const void *row)
{
    return column->cell && column->cell->shade ? column->cell->shade(row) : SHADE_NONE;
}

/* Appends a text, padded to @width columns. */
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

/* A wider value makes only its own line longer. And how narrow a column may become. */
enum { WIDTH_MAX = 256, WIDTH_LEAST = 12, GAP = 2 };

/* A column with its texts: the title, and a cell for each row. */
struct filled {
    struct column column;
    struct maqet_strings texts;
    size_t width; /* of the widest, or less if the table would not fit */
};

static void
fill_column(struct filled *filled, const void *rows, size_t size, size_t count)
{
    maqet_strings_take(&filled->texts, title_of(&filled->column));
    for (size_t i = 0; i < count; i++)
        maqet_strings_take(&filled->texts,
                           cell_text(&filled->column, (const char *)rows + i * size));
    for (size_t i = 0; i <= count; i++) {
        size_t used = text_width(filled->texts.items[i]);

        filled->width = used > filled->width ? used : filled->width;
    }
    filled->width = filled->width < WIDTH_MAX ? filled->width : WIDTH_MAX;
}

/* The widest column of texts; NULL: all are narrow, or mean nothing if they are cut. */
static struct filled *
widest(struct filled *all, size_t count)
{
    struct filled *found = NULL;

    for (size_t i = 0; i < count; i++)
        if (all[i].column.field && !is_number(&all[i].column) &&
            !is_date(&all[i].column) && all[i].width > WIDTH_LEAST &&
            (!found || all[i].width > found->width))
            found = &all[i];
    return found;
}

/* Makes texts shorter until the columns fit. */
static void
fit(struct filled *all, size_t count, size_t limit)
{
    size_t total = count > 0 ? GAP * (count - 1) : 0;
    struct filled *column;

    for (size_t i = 0; i < count; i++)
        total += all[i].width;
    for (; total > limit && (column = widest(all, count)); total--)
        column->width--;
}

static void
append_line(struct maqet_text *text, const struct filled *all, size_t count, size_t line,
            const void *row)
{
    for (size_t i = 0; i < count; i++) {
        const char *whole = all[i].texts.items[line];
        _cleanup_free_ char *cut =
            all[i].width < WIDTH_MAX ? text_cut(whole, all[i].width) : NULL;

        append_cell(text, cut ? cut : whole, all[i].width, is_number(&all[i].column),
                    row ? cell_shade(&all[i].column, row) : SHADE_BOLD);
        maqet_text_appendf(text, "%*s", i + 1 < count ? GAP : 0, "");
    }
    trim(text);
    maqet_text_append(text, "\n");
}

char *
table_text(const struct table *table, const void *rows, size_t count)
{
    size_t size = table->fields->size, columns = 0;
    struct maqet_text text = MAQET_TEXT_INIT;
    struct filled *all = NULL;
    struct column column;

    for (const char *at = table->columns; next_column(table, &at, &column);) {
        struct filled *filled = MAQET_APPEND(all, columns);

        filled->column = column;
        fill_column(filled, rows, size, count);
    }
    fit(all, columns, terminal_columns(stdout));
    for (size_t i = 0; i <= count; i++)
        append_line(&text, all, columns, i,
                    i > 0 ? (const char *)rows + (i - 1) * size : NULL);
    for (size_t i = 0; i < columns; i++)
        maqet_strings_clear(&all[i].texts);
    free(all);
    return maqet_text_take(&text);
}

/* The title before a value instead of above a column. The caller frees. */
static char *
lower_title(const struct column *column)
{
    char *title = title_of(column);

    for (char *c = title; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return title;
}

char *
table_fields(const struct table *table, const void *row)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t width = 0, columns = terminal_columns(stdout);
    struct column column;

    for (const char *at = table->columns; next_column(table, &at, &column);) {
        _cleanup_free_ char *title = lower_title(&column);
        size_t used = text_width(title);

        width = used > width ? used : width;
    }
    for (const char *at = table->columns; next_column(table, &at, &column);) {
        _cleanup_free_ char *title = lower_title(&column);
        _cleanup_free_ char *full = full_text(&column, row);
        _cleanup_free_ char *cell = full ? cell_text(&column, row) : NULL;

        if (!full)
            continue;
        append_cell(&text, title, width, false, SHADE_BOLD);
        maqet_text_append(&text, "  ");
        _cleanup_free_ char *wrapped =
            columns < SIZE_MAX ? text_wrap(cell, width + GAP, columns) : NULL;
        append_cell(&text, wrapped ? wrapped : cell, 0, false, cell_shade(&column, row));
        maqet_text_append(&text, "\n");
    }
    return maqet_text_take(&text);
}

/* What a sentence is filled from. */
struct filling {
    const struct table *table;
    const void *row;
};

static void
append_field(struct maqet_text *text, const char *key, const void *data)
{
    const struct filling *filling = data;
    const struct column column = column_of(filling->table, key, strlen(key));
    _cleanup_free_ char *cell = cell_text(&column, filling->row);

    maqet_text_append(text, cell);
}

char *
table_sentence(const struct table *table, const char *sentence, const void *row)
{
    const struct filling filling = {table, row};

    return text_fill(sentence, append_field, &filling);
}

char *
table_plain(const struct table *table, const void *row)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    struct column column;

    for (const char *at = table->columns; next_column(table, &at, &column);) {
        _cleanup_free_ char *full = full_text(&column, row);
        _cleanup_free_ char *line =
            maqet_text_reversible(full ? full : "", full ? strlen(full) : 0);

        maqet_text_appendf(&text, "%s%s", line, *at ? "\t" : "\n");
    }
    return maqet_text_take(&text);
}
