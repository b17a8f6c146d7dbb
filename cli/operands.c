/* SPDX-License-Identifier: MIT */
#include "cli/operands.h"

#include "cli/invocation.h"
#include "core/lifecycle/apply.h"

static const struct {
    const char *word;       /* in a synopsis */
    const char *completion; /* "NOTHING": it cannot be completed */
} kinds[OPERAND_KINDS] = {
    [OPERAND_NONE] = {"", "NOTHING"},
    [OPERAND_VM] = {"VM", "VM"},
    [OPERAND_VM_OR_FILE] = {"VM|FILE", "VM-OR-FILE"},
    [OPERAND_DRIVE] = {"DRIVE", "DRIVE"},
    [OPERAND_SIZE] = {"SIZE", "NOTHING"},
    [OPERAND_SETTING] = {"KEY=VALUE", "NOTHING"},
    [OPERAND_SNAPSHOT] = {"NAME", "SNAPSHOT"},
    [OPERAND_SNAPSHOT_KIND] = {"overlay|internal", "NOTHING"},
    [OPERAND_CHECKPOINT] = {"NAME", "CHECKPOINT"},
    [OPERAND_NEW_NAME] = {"NAME", "NOTHING"},
    [OPERAND_MEDIUM] = {"FILE", "PATH"},
    [OPERAND_NEW_FILE] = {"FILE", "PATH"},
    [OPERAND_YAML] = {"FILE", "FILE"},
    [OPERAND_IMAGE] = {"PATH", "IMAGE"},
    [OPERAND_PLUGIN] = {"NAME", "PLUGIN"},
    [OPERAND_PLUGIN_FILE] = {"FILE", "PATH"},
    [OPERAND_COMMAND] = {"COMMAND", "COMMAND"},
    [OPERAND_ACTION] = {"ACTION", "NOTHING"},
    [OPERAND_PROGRAM] = {"COMMAND", "PROGRAM"},
    [OPERAND_GUEST_PROGRAM] = {"COMMAND", "NOTHING"},
    [OPERAND_COPIED] = {"[VM:]PATH", "PATH"},
    [OPERAND_QMP_COMMAND] = {"QMP-COMMAND", "NOTHING"},
    [OPERAND_QMP_ARGUMENTS] = {"JSON-ARGUMENTS", "NOTHING"},
    [OPERAND_ASSIGNMENT] = {"KEY=VALUE", "NOTHING"},
    [OPERAND_TYPE] = {"TYPE", "PLUGIN"},
    [OPERAND_FOLDER] = {"DIR", "DIR"},
    [OPERAND_CONDITION] = {"CONDITION", "NOTHING"},
};

static enum operand_kind
kind_of(unsigned operand)
{
    return (enum operand_kind)(operand &
                               ~(unsigned)(OPERAND_OPTIONAL | OPERAND_REPEATED |
                                           OPERAND_OR_ALL | OPERAND_WITH_SNAPSHOTS |
                                           OPERAND_WITH_SIZE | OPERAND_CDROM));
}

static const char *
word_of(unsigned operand)
{
    return kinds[kind_of(operand)].word;
}

const char *
operand_completion(enum operand_kind kind)
{
    return kinds[kind].completion;
}

/* ---- the synopsis ---- */

static void
append_operands(struct maqet_text *text, const struct command *command)
{
    for (const unsigned *operand = command->operands; *operand; operand++) {
        bool optional = *operand & OPERAND_OPTIONAL;

        maqet_text_appendf(text, "%s%s%s%s%s", text->length > 0 ? " " : "",
                           optional ? "[" : "", word_of(*operand),
                           *operand & OPERAND_REPEATED ? "..." : "", optional ? "]" : "");
    }
}

char *
operands_synopsis(const struct command *group, const struct command *command)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    if (group != command) {
        append_operands(&text, group);
        maqet_text_appendf(&text, "%s%s", text.length > 0 ? " " : "", command->name);
    }
    append_operands(&text, command);
    for (const struct command *action = command->actions; action && action->name;
         action++)
        maqet_text_appendf(&text, "%s%s",
                           action > command->actions ? "|"
                           : text.length > 0         ? " "
                                                     : "",
                           action->name);
    return maqet_text_take(&text);
}

/* ---- the operands of a command line ---- */

/* The operands of a command line, in order: those before the action, and the action's own,
 * without the one that --all replaces. */
struct expected {
    unsigned operands[2 * OPERANDS_MAX];
    size_t count;
    unsigned replaced; /* by --all, or OPERAND_NONE */
};

static void
expect(struct expected *expected, const struct command *command, bool all)
{
    for (const unsigned *operand = command->operands; *operand; operand++)
        if (all && (*operand & OPERAND_OR_ALL))
            expected->replaced = *operand;
        else
            expected->operands[expected->count++] = *operand;
}

static struct expected
expected_operands(const struct invocation *invocation)
{
    bool all = invocation_knows(invocation, "all") && invocation_has(invocation, "all");
    struct expected expected = {.replaced = OPERAND_NONE};

    if (invocation->group != invocation->command)
        expect(&expected, invocation->group, all);
    expect(&expected, invocation->command, all);
    return expected;
}

unsigned
operand_at(const struct invocation *invocation, size_t index)
{
    const struct expected expected = expected_operands(invocation);

    if (index < expected.count)
        return expected.operands[index];
    if (expected.count > 0 && (expected.operands[expected.count - 1] & OPERAND_REPEATED))
        return expected.operands[expected.count - 1];
    return OPERAND_NONE;
}

enum operand_kind
operand_kind_at(const struct invocation *invocation, size_t index)
{
    return kind_of(operand_at(invocation, index));
}

const char *
operand_find(const struct invocation *invocation, enum operand_kind kind)
{
    for (size_t i = 0; i < invocation->operands.count; i++)
        if (operand_kind_at(invocation, i) == kind)
            return invocation->operands.items[i];
    return NULL;
}

/* No misspelling is said to mean an action that discards something. */
static int
unknown_action(const struct invocation *invocation, const char *word,
               struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings harmless = MAQET_STRINGS_INIT;

    for (const struct command *action = invocation->command->actions; action->name;
         action++) {
        maqet_strings_add(&names, action->name);
        if (!action->discards)
            maqet_strings_add(&harmless, action->name);
    }
    const char *closest = maqet_text_closest(word, &harmless);
    _cleanup_free_ char *list = maqet_strings_join(&names, ", ");
    return closest ? usage_error(invocation, err,
                                 "Unknown action '%s'; did you mean '%s'?", word, closest)
                   : usage_error(invocation, err, "Unknown action '%s'; there are: %s",
                                 word, list);
}

int
operands_check(const struct invocation *invocation, struct maqet_error **err)
{
    const struct command *command = invocation->command;
    const struct expected expected = expected_operands(invocation);
    size_t count = invocation->operands.count, least = 0;
    bool endless = false;

    for (size_t i = 0; i < expected.count; i++) {
        least += (expected.operands[i] & OPERAND_OPTIONAL) == 0;
        endless = expected.operands[i] & OPERAND_REPEATED;
    }
    if (command->actions && count > expected.count)
        return unknown_action(invocation, invocation->operands.items[expected.count],
                              err);
    _cleanup_free_ char *operands = operands_synopsis(invocation->group, command);
    _cleanup_free_ char *usage = maqet_format(
        "usage: maqet %s%s%s", invocation->group->name, *operands ? " " : "", operands);
    if (command->actions || count < least)
        return usage_error(invocation, err, "Missing operand; %s", usage);
    if (endless || count <= expected.count)
        return 0;
    if (expected.replaced)
        return usage_error(invocation, err, "--all and %s are mutually exclusive",
                           word_of(expected.replaced));
    return usage_error(invocation, err, "Unexpected operand '%s'; %s",
                       invocation->operands.items[expected.count], usage);
}

static struct maqet_vm *
read_vm(const struct invocation *invocation, size_t first, const char *name,
        struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings assignments = MAQET_STRINGS_INIT;

    for (size_t i = first; i < invocation->operands.count; i++)
        maqet_strings_add(&files, invocation->operands.items[i]);
    invocation_texts(invocation, "set", &assignments);
    return maqet_vm_read(&invocation->context, &files, &assignments, name, err);
}

struct maqet_definition *
operands_define(const struct invocation *invocation, size_t first, const char *name,
                struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm = read_vm(invocation, first, name, err);

    return vm ? TAKE_PTR(vm->definition) : NULL;
}

struct maqet_vm *
operands_vm(const struct invocation *invocation, struct maqet_error **err)
{
    return read_vm(invocation, 0, invocation_text(invocation, "name"), err);
}
