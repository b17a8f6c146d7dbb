/* SPDX-License-Identifier: MIT */
/* maqet config and maqet diff: the keys of a VM's definition. */
#include <string.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "core/base/difference.h"
#include "core/base/printable.h"
#include "core/machine/fallbacks.h"
#include "core/machine/store.h"

/* ---- config ---- */

static const struct maqet_fields config_fields = MAQET_FIELDS_OF(
    struct maqet_listed_key,
    MAQET_ROW(struct maqet_listed_key, key,
              "the key, with those that it is within, and the name of its drive"),
    MAQET_ROW(struct maqet_listed_key, value, "its value; null if it has none",
              .optional = true),
    MAQET_ROW(struct maqet_listed_key, origin,
              "where it was written: a file and its line, an assignment of --set, or "
              "\"default\""));

/* The first line of a value that has several. */
static char *
value_text(const void *row)
{
    const char *value = ((const struct maqet_listed_key *)row)->value;
    const char *end = strstr(value, "\\n");

    return end && end[2] ? maqet_format("%.*s…", (int)(end - value), value)
                         : maqet_strdup(value);
}

static char *
list_text(const void *rows, size_t count)
{
    static const struct cell cells[] = {{"value", value_text, NULL}, {0}};
    static const struct table table = {&config_fields, "key value origin", cells};

    return table_text(&table, rows, count);
}

static const struct view config_view = {
    .table = {&config_fields, "key value origin", NULL},
    .list_text = list_text,
    .each = "key",
};

static int
run_config(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_open(&invocation->context, invocation->operands.items[0], err);
    _cleanup_listing_ struct maqet_listing listing = {0};

    if (!vm)
        return -1;
    maqet_listing_add(&listing, vm->definition->tree, NULL);
    if (!invocation_has(invocation, "written"))
        maqet_fallbacks_add(&listing, vm);
    output_list(&invocation->output, &config_view, listing.items, listing.count);
    return 0;
}

const struct command command_config = {
    .name = "config",
    .related = "diff maqet.yaml(5)",
    .endable = true,
    .operands = {OPERAND_VM},
    .summary = "Show the keys of a VM's definition, and where they come from",
    .description =
        "The origin is the file and line where the value was written, the assignment of "
        "--set, or 'default'. A default is the value that holds now because the key was "
        "not written: of maqet.conf, of maqet, or of the plugin. The definition is the "
        "one that the next start uses; 'maqet status' lists the keys that a running VM "
        "does not have yet.",
    .options = {{"written", .help = "leave out the defaults"}},
    .examples = {{"maqet config web", "All keys, values and origins"},
                 {"maqet config web --written --format plain | cut -f 1,2",
                  "What was written, for a script"}},
    .view = &config_view,
    .run = run_config,
};

/* ---- diff ---- */

struct change {
    char *key;
    char *before;
    char *after;
};

struct changes {
    struct change *items;
    size_t count;
};

static const struct maqet_fields change_fields = MAQET_FIELDS_OF(
    struct change, MAQET_ROW(struct change, key, "the key"),
    MAQET_ROW(struct change, before,
              "its value in the stored definition; null if it has none",
              .optional = true),
    MAQET_ROW(struct change, after, "its value in the files; null if it has none",
              .optional = true));

static const struct view diff_view = {
    .table = {&change_fields, "key before after", NULL},
    .empty = "",
    .each = "value that differs",
    .remark = "A key that may be repeated, such as an argument, has an object for each "
              "value.",
};

static void
lines_of(const struct maqet_listing *listing, struct maqet_strings *lines)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct maqet_listed_key *key = &listing->items[i];
        _cleanup_free_ char *line = maqet_format(
            "%s:%s%s", key->key, key->value ? " " : "", key->value ? key->value : "");

        maqet_strings_take(lines, maqet_text_shown(line));
    }
}

/* How the lines differ. With colours for a terminal. The caller frees. */
static char *
diff_text(const struct maqet_difference *difference, const char *vm, const char *files)
{
    _cleanup_free_ char *text = maqet_difference_text(difference, vm, files);
    struct maqet_text shaded = MAQET_TEXT_INIT;

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        enum shade shade = *line == '-'   ? SHADE_RED
                           : *line == '+' ? SHADE_GREEN
                                          : SHADE_NONE;

        maqet_text_appendf(&shaded, "%s%.*s%s\n", shade_begin(shade), (int)length, line,
                           shade_end(shade));
        line += length + 1;
    }
    return maqet_text_take(&shaded);
}

/* The row of a key that was removed or added. One that is in both has one row. */
static void
add_change(struct changes *changes, const struct maqet_listed_key *key, bool removed)
{
    struct change *change = NULL;

    for (size_t i = 0; !removed && i < changes->count; i++)
        if (!changes->items[i].after && strcmp(changes->items[i].key, key->key) == 0)
            change = &changes->items[i];
    if (!change) {
        change = MAQET_APPEND(changes->items, changes->count);
        change->key = maqet_strdup(key->key);
    }
    *(removed ? &change->before : &change->after) = maqet_strdup(key->value);
}

/* The keys of the lines that differ: a line is that of the next key of its list. */
static void
read_changes(const struct maqet_difference *difference,
             const struct maqet_listing *before, const struct maqet_listing *after,
             struct changes *changes)
{
    for (int added = 0; added <= 1; added++) {
        const struct maqet_listing *listing = added ? after : before;
        size_t next = 0;

        for (size_t i = 0; i < difference->count; i++) {
            char sign = difference->lines[i].sign;

            if (sign == (added ? '-' : '+'))
                continue;
            if (sign != ' ')
                add_change(changes, &listing->items[next], !added);
            next++;
        }
    }
}

/* Returns whether they differ. */
static bool
show_difference(struct invocation *invocation, const struct maqet_definition *stored,
                const struct maqet_definition *other)
{
    _cleanup_listing_ struct maqet_listing before = {0}, after = {0};
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    struct changes changes = {0};

    maqet_listing_add(&before, stored->tree, NULL);
    maqet_listing_add(&after, other->tree, stored->tree);
    lines_of(&before, &then);
    lines_of(&after, &now);
    _cleanup_difference_ struct maqet_difference difference =
        maqet_difference_of(&then, &now);
    if (invocation->output.format == FORMAT_TABLE) {
        struct maqet_strings files = invocation->operands;
        files.items++;
        files.count--;
        _cleanup_free_ char *names = maqet_strings_join(&files, " + ");
        _cleanup_free_ char *shown = maqet_text_shown(names);
        _cleanup_free_ char *text = diff_text(&difference, stored->name, shown);

        output_text(text);
        return difference.differs;
    }
    read_changes(&difference, &before, &after, &changes);
    output_list(&invocation->output, &diff_view, changes.items, changes.count);
    maqet_fields_list_free(&change_fields, changes.items, changes.count);
    return difference.differs;
}

static int
compare(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_vm_ struct maqet_vm *stored =
        maqet_vm_open(context, invocation->operands.items[0], err);
    struct maqet_definition *definition =
        stored ? operands_define(invocation, 1, stored->definition->name, err) : NULL;

    if (!definition)
        return -1;
    definition->defaults = stored->definition->defaults;
    /* As it would be stored: the plugins make paths absolute. */
    _cleanup_vm_ struct maqet_vm *other = maqet_vm_look(context, definition);
    return show_difference(invocation, stored->definition, other->definition) ? 1 : 0;
}

/* The exit code 1 only says that there is a difference. */
static int
run_diff(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    int result = compare(invocation, &error);

    (void)err;
    if (!error)
        return result;
    invocation_show_error(invocation, error);
    return invocation->exit_code > 1 ? invocation->exit_code : 2;
}

const struct command command_diff = {
    .name = "diff",
    .related = "edit maqet.yaml(5)",
    .endable = true,
    .operands = {OPERAND_VM, OPERAND_YAML | OPERAND_REPEATED},
    .summary = "Show what 'maqet apply' would change",
    .description =
        "Compares the keys of the stored definition with what the files would give, "
        "which are merged as by 'maqet add', in the unified format of diff(1): '-' marks "
        "what is stored, '+' what the files say. The exit status is 0 if nothing "
        "differs, 1 if something does, and 2 or more after an error. Comments and the "
        "order of keys do not count.",
    .options = {OPTION_SET_ROW},
    .examples = {{"maqet diff web web.yaml", "What 'maqet apply web web.yaml' changes"},
                 {"maqet diff web web.yaml --set memory=4G",
                  "The same, with more memory"}},
    .view = &diff_view,
    .run = run_diff,
};
