/* SPDX-License-Identifier: MIT */
#include "cli/candidate_keys.h"

#include <string.h>

#include "core/machine/cloud_init.h"
#include "core/machine/login.h"
#include "core/machine/network.h"
#include "core/machine/vm.h"
#include "core/storage/entry.h"

/* ---- values ---- */

static void
add_words(struct candidates *candidates, const char *const *words)
{
    for (; words && *words; words++)
        candidates_add(candidates, *words, NULL);
}

/* Whether a text of `cloud_init` or `ssh` can be the path of a file. */
static bool
names_file(const struct maqet_option *row)
{
    return maqet_options_row(maqet_cloud_init_options, row->name) == row ||
           row == maqet_options_row(maqet_login_options, "key");
}

/* What the value of an option may be; NULL: the key is not known. */
static void
add_values(struct candidates *candidates, const struct maqet_option *row)
{
    static const char *const switches[] = {"on", "off", NULL};
    enum maqet_option_type type = !row                             ? MAQET_OPTION_STRING
                                  : row->type == MAQET_OPTION_LIST ? row->items
                                                                   : row->type;

    if (type == MAQET_OPTION_CHOICE)
        add_words(candidates, row->choices);
    else if (type == MAQET_OPTION_BOOL)
        add_words(candidates, switches);
    else if (type == MAQET_OPTION_PATH || type == MAQET_OPTION_SECRET ||
             (row && names_file(row)))
        candidates_add_files(candidates, "");
}

/* Those of the key that the current word names up to its "=": of a drive (@kind: the plugins of
 * that kind), or as its row says. */
static void
add_after_equals(struct candidates *candidates, const struct maqet_option *row,
                 const char *kind)
{
    const char *equals = strchr(candidates->current, '='), *outer = candidates->prefix;
    _cleanup_free_ char *prefix = maqet_format(
        "%s%.*s", outer, (int)(equals + 1 - candidates->current), candidates->current);

    candidates->current = equals + 1;
    candidates->prefix = prefix;
    if (kind)
        candidates_add_plugins(candidates, kind);
    else
        add_values(candidates, row);
    candidates->prefix = outer;
}

/* ---- keys ---- */

/* Whether an operand, "file=x.img", begins so. */
static bool
is_given(const struct invocation *invocation, const char *key)
{
    for (size_t i = 0; i < invocation->operands.count; i++)
        if (maqet_text_starts(invocation->operands.items[i], key))
            return true;
    return false;
}

/* The keys of a table, each after @before, "storage.hdd.". */
static void
add_keys(struct candidates *candidates, const struct maqet_option *table,
         const char *before)
{
    for (const struct maqet_option *row = table; row && row->name; row++) {
        bool mapping = row->type == MAQET_OPTION_MAP;
        _cleanup_free_ char *word =
            maqet_format("%s%s%s", before, row->name, mapping ? "." : "=");

        if (!is_given(candidates->invocation, word))
            candidates_add_part(candidates, word, row->help);
    }
}

/* The tables of one of the drive's plugins, or of the core. */
static void
add_tables(struct candidates *candidates, const struct maqet_option *const *tables,
           const char *before)
{
    for (; *tables; tables++)
        add_keys(candidates, *tables, before);
}

static const struct maqet_option *
find_row(const struct maqet_drive *drive, const char *key)
{
    const struct maqet_option *row = NULL;

    for (int whose = MAQET_WHOSE_COUNT; !row && whose-- > 0;)
        for (const struct maqet_option *const *table = drive->options[whose].tables;
             *table && !row; table++)
            row = maqet_options_find(*table, key);
    return row;
}

/* The keys of a drive, or the mapping within them that the current word is in; or once there
 * is a "=", the values of that key. @before: "storage.hdd.", or "". */
static void
add_for_drive(struct candidates *candidates, const struct maqet_drive *drive,
              const char *before)
{
    const char *word = candidates->current + strlen(before);
    const char *equals = strchr(word, '='), *dot = strrchr(word, '.');
    const char *end = equals ? equals : dot;
    _cleanup_free_ char *key = maqet_strndup(word, end ? (size_t)(end - word) : 0);
    const struct maqet_option *row = find_row(drive, key);

    if (equals && strcmp(key, "type") == 0) {
        add_after_equals(candidates, NULL, "storage");
    } else if (equals && strcmp(key, "interface") == 0) {
        add_after_equals(candidates, NULL, "interface");
    } else if (equals) {
        add_after_equals(candidates, row, NULL);
    } else if (dot) {
        _cleanup_free_ char *inner = maqet_format("%s%s.", before, key);

        add_keys(candidates, row ? row->options : NULL, inner);
    } else {
        for (int whose = 0; whose < MAQET_WHOSE_COUNT; whose++)
            add_tables(candidates, drive->options[whose].tables, before);
    }
}

/* ---- a drive that is attached ---- */

/* The value of a key among the operands, or of an option; NULL: neither is given. */
static const char *
setting(const struct invocation *invocation, const char *key)
{
    size_t length = strlen(key);

    for (size_t i = 0; i < invocation->operands.count; i++)
        if (strncmp(invocation->operands.items[i], key, length) == 0 &&
            invocation->operands.items[i][length] == '=')
            return invocation->operands.items[i] + length + 1;
    return invocation_knows(invocation, key) ? invocation_text(invocation, key) : NULL;
}

/* Only what decides which other keys there are. */
static void
copy_setting(const struct invocation *invocation, const char *key, json_object *entry)
{
    const char *value = setting(invocation, key);

    if (value && *value)
        json_object_object_add(entry, key, json_object_new_string(value));
}

void
candidates_add_settings(struct candidates *candidates)
{
    const struct invocation *invocation = candidates->invocation;
    const struct maqet_machine machine = {.vm_name = "", .storage_dir = "/"};
    _cleanup_json_ json_object *entry =
        maqet_tree_mapping((struct maqet_place){.file = ""});

    json_object_object_add(entry, "name", json_object_new_string("drive"));
    copy_setting(invocation, "type", entry);
    copy_setting(invocation, "interface", entry);
    copy_setting(invocation, "media", entry);
    struct maqet_drive *drive = maqet_drive_look(&invocation->context, &machine, entry);
    add_for_drive(candidates, drive, "");
    maqet_drive_free(drive);
}

/* ---- assignments ---- */

/* The definition that the files among the operands have, as far as it can be read. */
static struct maqet_definition *
read_files(const struct invocation *invocation)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < invocation->operands.count; i++)
        if (operand_kind_at(invocation, i) == OPERAND_YAML ||
            operand_kind_at(invocation, i) == OPERAND_VM_OR_FILE)
            maqet_strings_add(&files, invocation->operands.items[i]);
    return files.count > 0 ? maqet_definition_read(&files, &none, "completed", NULL)
                           : NULL;
}

/* "storage.DRIVE.KEY=VALUE" */
static void
add_storage(struct candidates *candidates)
{
    static const char prefix[] = "storage.";
    const char *name = candidates->current + strlen(prefix);
    size_t length = strcspn(name, ".");
    struct maqet_definition *definition = read_files(candidates->invocation);
    _cleanup_vm_ struct maqet_vm *vm =
        definition ? maqet_vm_look(&candidates->invocation->context, definition) : NULL;

    for (size_t i = 0; vm && i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];
        _cleanup_free_ char *before = maqet_format("%s%s.", prefix, drive->name);

        if (!name[length])
            candidates_add_part(candidates, before, drive->storage->plugin.name);
        else if (maqet_text_starts(candidates->current, before))
            add_for_drive(candidates, drive, before);
    }
}

/* A key of a table at the top level or in a mapping (@before: "sandbox."), or its values. */
static void
add_top(struct candidates *candidates, const struct maqet_option *table,
        const char *before)
{
    const char *word = candidates->current + strlen(before);
    const char *equals = strchr(word, '=');

    if (!equals) {
        add_keys(candidates, table, before);
        return;
    }
    _cleanup_free_ char *key = maqet_strndup(word, (size_t)(equals - word));
    add_after_equals(candidates, maqet_options_row(table, key), NULL);
}

static const char NETWORK[] = "network=";

/* The keys that are a word, or a mapping. */
static void
add_network(struct candidates *candidates)
{
    candidates_add_part(candidates, NETWORK, "how the guest is connected");
    candidates_add_part(candidates, "network.", "the same in detail");
    candidates_add_part(candidates, "ports=", "ports of the host that lead to the guest");
}

void
candidates_add_assignments(struct candidates *candidates)
{
    static const struct {
        const char *before;
        const struct maqet_option *table;
    } mappings[] = {{"cloud_init.", maqet_cloud_init_options},
                    {"network.", maqet_network_options},
                    {"sandbox.", maqet_definition_sandbox_options},
                    {"ssh.", maqet_login_options}};

    for (size_t i = 0; i < sizeof(mappings) / sizeof(*mappings); i++)
        if (maqet_text_starts(candidates->current, mappings[i].before)) {
            add_top(candidates, mappings[i].table, mappings[i].before);
            return;
        }
    if (maqet_text_starts(candidates->current, "storage.")) {
        add_storage(candidates);
        return;
    }
    if (maqet_text_starts(candidates->current, NETWORK)) {
        add_after_equals(candidates, maqet_options_row(maqet_network_options, "type"),
                         NULL);
        return;
    }
    candidates_add_part(candidates, "storage.", "a key of a drive");
    candidates_add_part(candidates, "arguments.", "one of QEMU's options");
    candidates_add_part(candidates, "sandbox.", "how QEMU is confined");
    add_network(candidates);
    add_top(candidates, maqet_definition_options, "");
}
