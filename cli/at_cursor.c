/* SPDX-License-Identifier: MIT */
#include "cli/at_cursor.h"

#include <string.h>

#include "cli/candidate_keys.h"
#include "cli/context.h"
#include "cli/machines.h"
#include "cli/snapshot_convert.h"
#include "core/checkpoint/list.h"
#include "core/guest/ready.h"
#include "core/machine/store.h"
#include "core/machine/unused.h"
#include "core/snapshot/list.h"
#include "core/storage/snapshots.h"

/* ms that a QEMU may take to answer: somebody waits at the keyboard. */
static const int64_t ANSWER_TIMEOUT = 2000;

/* ---- what there is ---- */

static void
add_folders(struct candidates *candidates)
{
    maqet_text_appendf(&candidates->text, "folders\t%s\n", candidates->prefix);
}

/* Whether the command can be used for a machine in its present state. */
static bool
fits(const struct candidates *candidates, const char *name)
{
    const struct invocation *invocation = candidates->invocation;
    const struct command *command = invocation->command;

    if (!command || (!command->only_running && !command->only_stopped))
        return true;
    return machines_runs(invocation, name) == command->only_running;
}

/* One that is named already is left out. */
static void
add_machines(struct candidates *candidates)
{
    struct invocation *invocation = candidates->invocation;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(&invocation->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++)
        if (!maqet_strings_has(&invocation->operands, names.items[i]) &&
            fits(candidates, names.items[i]))
            candidates_add(candidates, names.items[i], NULL);
}

/* "web:", before a path of the guest. */
static void
add_machine_prefixes(struct candidates *candidates)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(&candidates->invocation->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        if (!fits(candidates, names.items[i]))
            continue;
        _cleanup_free_ char *prefix = maqet_format("%s:", names.items[i]);

        candidates_add_part(candidates, prefix, NULL);
    }
}

static bool
is_wanted(const struct maqet_drive *drive, unsigned flags)
{
    return (!(flags & OPERAND_WITH_SNAPSHOTS) || maqet_drive_has_snapshots(drive)) &&
           (!(flags & OPERAND_CDROM) || drive->media == MAQET_MEDIA_CDROM) &&
           (!(flags & OPERAND_WITH_SIZE) ||
            (drive->media == MAQET_MEDIA_DISK && drive->storage->plugin.size_option));
}

/* The drives of the machine that is named; @flags of its operand. */
static void
add_drives(struct candidates *candidates, unsigned flags)
{
    const struct invocation *invocation = candidates->invocation;
    const char *name = operand_find(invocation, OPERAND_VM);
    _cleanup_vm_ struct maqet_vm *vm =
        name ? maqet_vm_open(&invocation->context, name, NULL) : NULL;

    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (is_wanted(vm->drives[i], flags))
            candidates_add(candidates, vm->drives[i]->name,
                           vm->drives[i]->storage->plugin.name);
}

/* Those of the drive that is named, or of all. */
static void
add_snapshots(struct candidates *candidates)
{
    const struct invocation *invocation = candidates->invocation;
    const struct maqet_strings none = MAQET_STRINGS_INIT;
    const struct maqet_snapshot_request request = {
        .vm = operand_find(invocation, OPERAND_VM),
        .drive = operand_find(invocation, OPERAND_DRIVE),
        .exclude = &none,
        .way = MAQET_WAY_AUTO,
        .timeout = ANSWER_TIMEOUT};
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        request.vm ? maqet_snapshot_list(&invocation->context, &request, NULL) : NULL;

    for (size_t i = 0; list && i < list->count; i++)
        for (size_t j = 0; j < list->drives[i].snapshots.count; j++)
            if (!maqet_strings_has(&names, list->drives[i].names[j]))
                maqet_strings_add(&names, list->drives[i].names[j]);
    for (size_t i = 0; i < names.count; i++)
        candidates_add(candidates, names.items[i], NULL);
}

static void
add_checkpoints(struct candidates *candidates)
{
    const struct invocation *invocation = candidates->invocation;
    const char *name = operand_find(invocation, OPERAND_VM);
    _cleanup_checkpoints_ struct maqet_checkpoints list = {0};

    if (name)
        maqet_checkpoint_list(&invocation->context, name, &list, NULL);
    for (size_t i = 0; i < list.count; i++)
        candidates_add(candidates, list.items[i].name, NULL);
}

/* What a guest may come to; a text follows "console:". */
static void
add_conditions(struct candidates *candidates)
{
    const char *word;

    for (unsigned i = 0; (word = maqet_ready_word(i)); i++)
        if (strchr(word, ':'))
            candidates_add_part(candidates, word, NULL);
        else
            candidates_add(candidates, word, NULL);
}

static void
add_snapshot_kinds(struct candidates *candidates)
{
    const char *word, *help;

    for (unsigned i = 0; (word = snapshot_kind_word(i, &help)); i++)
        candidates_add(candidates, word, help);
}

static void
add_images(struct candidates *candidates)
{
    _cleanup_unused_ struct maqet_unused unused = {0};

    maqet_unused_list(&candidates->invocation->context, &unused, NULL);
    for (size_t i = 0; i < unused.count; i++)
        candidates_add(candidates, unused.items[i].path, unused.items[i].vm);
}

static void
add_commands(struct candidates *candidates)
{
    const struct command *const *command = candidates->invocation->commands;

    for (; *command; command++)
        candidates_add(candidates, (*command)->name, (*command)->summary);
}

static void
add_actions(struct candidates *candidates, const struct command *command)
{
    const struct command *action = command ? command->actions : NULL;

    for (; action && action->name; action++)
        candidates_add(candidates, action->name, action->summary);
}

/* ---- by the position ---- */

static void
add_file_kind(struct candidates *candidates, enum operand_kind kind)
{
    switch (kind) {
    case OPERAND_YAML:
        candidates_add_files(candidates, "yaml");
        break;
    case OPERAND_COPIED:
        add_machine_prefixes(candidates);
        candidates_add_files(candidates, "");
        break;
    case OPERAND_MEDIUM:
    case OPERAND_NEW_FILE:
    case OPERAND_PLUGIN_FILE:
        candidates_add_files(candidates, "");
        break;
    case OPERAND_FOLDER:
        add_folders(candidates);
        break;
    case OPERAND_PROGRAM:
        maqet_text_append(&candidates->text, "programs\n");
        break;
    default:
        break;
    }
}

/* What a kind of operand may be, or a value of an option; @flags of the operand. */
static void
add_kind(struct candidates *candidates, enum operand_kind kind, unsigned flags)
{
    const struct invocation *invocation = candidates->invocation;
    const char *command, *action;

    switch (kind) {
    case OPERAND_VM:
        add_machines(candidates);
        break;
    case OPERAND_VM_OR_FILE:
        add_machines(candidates);
        candidates_add_files(candidates, "yaml");
        break;
    case OPERAND_DRIVE:
        add_drives(candidates, flags);
        break;
    case OPERAND_SNAPSHOT:
        add_snapshots(candidates);
        break;
    case OPERAND_SNAPSHOT_KIND:
        add_snapshot_kinds(candidates);
        break;
    case OPERAND_CHECKPOINT:
        add_checkpoints(candidates);
        break;
    case OPERAND_IMAGE:
        add_images(candidates);
        break;
    case OPERAND_PLUGIN:
    case OPERAND_TYPE:
        candidates_add_plugins(candidates, kind == OPERAND_TYPE ? "storage" : NULL);
        break;
    case OPERAND_COMMAND:
        add_commands(candidates);
        break;
    case OPERAND_ACTION:
        command = operand_find(invocation, OPERAND_COMMAND);
        add_actions(candidates,
                    invocation_find_command(invocation, command, &action, NULL));
        break;
    case OPERAND_CONDITION:
        add_conditions(candidates);
        break;
    case OPERAND_SETTING:
        candidates_add_settings(candidates);
        break;
    case OPERAND_ASSIGNMENT:
        candidates_add_assignments(candidates);
        break;
    default:
        add_file_kind(candidates, kind);
        break;
    }
}

static void
add_operands(struct candidates *candidates)
{
    const struct invocation *invocation = candidates->invocation;
    size_t index = invocation->operands.count;

    if (!invocation->command) {
        add_commands(candidates);
        return;
    }
    unsigned operand = operand_at(invocation, index);
    enum operand_kind kind = operand_kind_at(invocation, index);
    /* After the program that is run come its arguments, which are often files. */
    if (kind == OPERAND_PROGRAM && index > 0 &&
        operand_kind_at(invocation, index - 1) == kind)
        kind = OPERAND_NEW_FILE;
    if (kind == OPERAND_NONE)
        add_actions(candidates, invocation->command);
    else
        add_kind(candidates, kind, operand);
}

/* What the value of an option is, by the word that stands for it in the help if the row does
 * not say it. */
static enum operand_kind
kind_of_value(const struct command_option *row)
{
    static const struct {
        const char *word;
        enum operand_kind kind;
    } words[] = {{"CONDITION", OPERAND_CONDITION},
                 {"DIR", OPERAND_FOLDER},
                 {"FOLDER", OPERAND_FOLDER},
                 {"FILE", OPERAND_NEW_FILE},
                 {"KEY=VALUE", OPERAND_ASSIGNMENT},
                 {"TYPE", OPERAND_TYPE},
                 {"VM", OPERAND_VM}};

    for (size_t i = 0; row->value == OPERAND_NONE && row->argument &&
                       i < sizeof(words) / sizeof(*words);
         i++)
        if (strcmp(row->argument, words[i].word) == 0)
            return words[i].kind;
    return row->value;
}

static void
add_values(struct candidates *candidates, const struct command_option *row)
{
    for (unsigned i = 0; row->choice && row->choice(i); i++)
        candidates_add(candidates, row->choice(i), NULL);
    add_kind(candidates, kind_of_value(row), 0);
}

/* Options that are given already are left out, unless they take a value, and so may be
 * repeated. */
static void
add_options(struct candidates *candidates, const struct command_option *row)
{
    const struct invocation *invocation = candidates->invocation;

    for (; row && row->name; row++) {
        _cleanup_free_ char *word = maqet_format("--%s", row->name);
        bool given = false;

        for (size_t i = 0; i < invocation->given_count; i++)
            given |= strcmp(invocation->given[i].name, row->name) == 0;
        if (row->help && (!given || row->type != OPTION_SWITCH))
            candidates_add(candidates, word, row->help);
    }
}

/* The value of an option in the same word, "--format=js". Returns whether it is one. */
static bool
add_joined(struct candidates *candidates)
{
    const char *equals = strchr(candidates->current, '=');

    if (!maqet_text_starts(candidates->current, "--") || !equals)
        return false;
    _cleanup_free_ char *name = maqet_strndup(candidates->current + 2,
                                              (size_t)(equals - candidates->current) - 2);
    _cleanup_free_ char *prefix =
        maqet_strndup(candidates->current, (size_t)(equals - candidates->current) + 1);
    const struct command_option *row =
        command_option(candidates->invocation->command, name);
    candidates->current = equals + 1;
    candidates->prefix = prefix;
    if (row)
        add_values(candidates, row);
    candidates->prefix = "";
    return true;
}

static void
add_all(struct candidates *candidates)
{
    const struct invocation *invocation = candidates->invocation;
    const struct command *command = invocation->command;

    if (invocation->awaiting) {
        const struct command_option *row =
            command_option(command, invocation->awaiting->name);

        if (row)
            add_values(candidates, row);
    } else if (add_joined(candidates)) {
        return;
    } else if (*candidates->current == '-') {
        if (command && !command->actions)
            add_options(candidates, command->options);
        add_options(candidates, global_options);
    } else {
        add_operands(candidates);
    }
}

int
at_cursor_print(struct invocation *invocation)
{
    struct candidates candidates = {.invocation = invocation,
                                    .current = invocation_text(invocation, "candidates"),
                                    .prefix = ""};

    /* Without anything that would be shown between what is typed. */
    context_fill(invocation, NULL);
    invocation->context.message = NULL;
    invocation->context.progress = NULL;
    invocation->context.lock_timeout = 0;
    invocation->context.answer_timeout = ANSWER_TIMEOUT;
    machines_name(invocation);
    add_all(&candidates);
    output_text(candidates.text.data ? candidates.text.data : "");
    maqet_text_clear(&candidates.text);
    return 0;
}
