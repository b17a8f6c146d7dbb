/* SPDX-License-Identifier: MIT */
#include "cli/reference.h"

#include "cli/output.h"

/* ---- fields ---- */

/* "string or null" */
static char *
type_text(const struct maqet_field *field)
{
    static const char *const types[] = {
        [MAQET_TYPE_TEXT] = "string",   [MAQET_TYPE_BOOL] = "boolean",
        [MAQET_TYPE_INT] = "integer",   [MAQET_TYPE_UINT] = "integer",
        [MAQET_TYPE_INT64] = "integer", [MAQET_TYPE_UINT64] = "integer",
        [MAQET_TYPE_DOUBLE] = "number", [MAQET_TYPE_DATE] = "string",
        [MAQET_TYPE_WORD] = "string",   [MAQET_TYPE_STRINGS] = "list of strings",
        [MAQET_TYPE_OBJECT] = "object", [MAQET_TYPE_LIST] = "list of objects",
    };

    return maqet_format("%s%s", types[field->value.type],
                        maqet_field_nullable(field) ? " or null" : "");
}

static const char *
unit_text(const struct maqet_field *field)
{
    static const char *const units[] = {
        [MAQET_UNIT_NONE] = "",           [MAQET_UNIT_BYTES] = "bytes",
        [MAQET_UNIT_SECONDS] = "seconds", [MAQET_UNIT_MILLISECONDS] = "milliseconds",
        [MAQET_UNIT_PERCENT] = "percent", [MAQET_UNIT_BYTES_PER_SECOND] = "bytes/s",
    };

    return field->value.type == MAQET_TYPE_DATE ? "ISO 8601" : units[field->unit];
}

/* "MEANING: one of `a`, `b`"; the caller frees. */
static char *
meaning_text(const struct maqet_field *field)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, field->help);
    for (unsigned i = 0; field->value.word && field->value.word(i); i++)
        maqet_text_appendf(&text, "%s`%s`", i == 0 ? ": one of " : ", ",
                           field->value.word(i));
    return maqet_text_take(&text);
}

/* Fields that are being described, and those above them, which may be the same. */
struct level {
    const struct level *above;
    const struct maqet_fields *fields;
    const char *path; /* the prefix of keys, "storage[]." */
};

static bool
is_above(const struct level *level, const struct maqet_fields *fields)
{
    for (; level; level = level->above)
        if (level->fields == fields)
            return true;
    return false;
}

static void
append_level(struct maqet_text *text, const struct level *level, reference_field *append)
{
    for (const struct maqet_field *field = level->fields->rows; field->key; field++) {
        const struct maqet_fields *below = field->value.fields;
        _cleanup_free_ char *path = maqet_format("%s%s", level->path, field->key);
        _cleanup_free_ char *inner =
            maqet_format("%s%s.", path, field->value.type == MAQET_TYPE_LIST ? "[]" : "");
        _cleanup_free_ char *type = type_text(field);
        _cleanup_free_ char *meaning = meaning_text(field);

        append(text, path, type, unit_text(field), meaning);
        if (below && !is_above(level, below))
            append_level(text, &(struct level){level, below, inner}, append);
    }
}

void
reference_append(struct maqet_text *text, const struct maqet_fields *fields,
                 reference_field *append)
{
    append_level(text, &(struct level){NULL, fields, ""}, append);
}

/* ---- docs/json.md ---- */

static void
append_row(struct maqet_text *text, const char *path, const char *type, const char *unit,
           const char *meaning)
{
    maqet_text_appendf(text, "| `%s` | %s | %s | %s |\n", path, type, unit, meaning);
}

static void
append_fields(struct maqet_text *text, const struct maqet_fields *fields)
{
    maqet_text_append(text, "\n| field | type | unit | meaning |\n|---|---|---|---|\n");
    reference_append(text, fields, append_row);
}

static void
append_view(struct maqet_text *text, const struct view *view)
{
    if (view->each)
        maqet_text_appendf(text, "\nA list, with an object for each %s.", view->each);
    else if (view->table.fields)
        maqet_text_append(text, "\nOne object.");
    else
        maqet_text_append(text, "\n");
    if (view->remark)
        maqet_text_appendf(text, "%s%s", view->table.fields ? " " : "", view->remark);
    maqet_text_append(text, "\n");
    if (view->table.fields)
        append_fields(text, view->table.fields);
}

static void
append_command(struct maqet_text *text, const char *group, const struct command *command)
{
    _cleanup_free_ char *title = maqet_format("%s %s", group, command->name);

    if (command->view) {
        maqet_text_appendf(text, "\n## %s\n", title);
        append_view(text, command->view);
    }
    for (const struct command *action = command->actions; action && action->name;
         action++)
        append_command(text, title, action);
}

/* " `maqet run`, `maqet ssh`" */
static void
append_without_result(struct maqet_text *text, const struct command *const *commands)
{
    const char *separator = " ";

    for (; *commands; commands++) {
        if ((*commands)->view || (*commands)->actions)
            continue;
        maqet_text_appendf(text, "%s`maqet %s`", separator, (*commands)->name);
        separator = ", ";
    }
}

void
reference_print(const struct command *const *commands)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(
        &text,
        "<!-- Made by `maqet --dump-json-reference` from the rows of the fields in cli/; do "
        "not edit. -->\n"
        "# What --format json writes\n\n"
        "A result is one JSON document on standard output; `--format yaml` has the same in "
        "YAML. All\nobjects of one kind have the same keys: what is not known is `null`. "
        "`storage[].name` is the key\n`name` of each object in the list `storage`. Keys may "
        "be added by a later version; those that are\nhere stay as they are.\n\nThese have no result:");
    append_without_result(&text, commands);
    maqet_text_append(&text,
                      ".\n\n"
                      "## Messages\n\nA line of JSON for each, on standard error.\n");
    append_fields(&text, &message_fields);
    maqet_text_append(&text,
                      "\n## Errors\n\nA line of JSON for each, on standard error.\n");
    append_fields(&text, &error_fields);
    for (; *commands; commands++)
        append_command(&text, "maqet", *commands);
    output_text(text.data);
}
