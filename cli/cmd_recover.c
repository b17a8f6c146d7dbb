/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/options.h"
#include "core/snapshot/session.h"

struct recovered {
    const char *vm;
    const char *outcome;
    struct maqet_strings kept;
};

MAQET_WORDS(outcome_word, "nothing", "recovered", "forgotten")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct recovered, MAQET_ROW(struct recovered, vm, "the VM's name"),
    {"outcome", MAQET_FIELD_CHOICE(struct recovered, outcome, outcome_word),
     .help = "what was done with the interrupted operation; `nothing` if "
             "there was none"},
    MAQET_ROW(struct recovered, kept,
              "what it has left behind that you may want to delete, in phrases"));

static char *
text(const void *row)
{
    const struct recovered *recovered = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    if (strcmp(recovered->outcome, "nothing") == 0)
        maqet_text_appendf(&text, "VM '%s' has nothing to recover.\n", recovered->vm);
    else if (strcmp(recovered->outcome, "recovered") == 0)
        maqet_text_appendf(&text, "Recovered VM '%s'.\n", recovered->vm);
    else
        maqet_text_appendf(&text,
                           "Discarded the record of the interrupted operation of VM "
                           "'%s'; its images are unchanged.\n",
                           recovered->vm);
    for (size_t i = 0; i < recovered->kept.count; i++)
        maqet_text_appendf(&text, "Kept: %s\n", recovered->kept.items[i]);
    return maqet_text_take(&text);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "vm outcome kept"},
    .text = text,
    .confirmation = true};

static enum maqet_recovery_way
way_of(const struct invocation *invocation)
{
    if (invocation_has(invocation, "finish"))
        return MAQET_RECOVERY_FINISH;
    return invocation_has(invocation, "forget") ? MAQET_RECOVERY_FORGET
                                                : MAQET_RECOVERY_SAFE;
}

static const struct maqet_fields decision_fields = MAQET_FIELDS_OF(
    struct maqet_interruption, {"what", MAQET_FIELD(struct maqet_interruption, what)},
    {"changes", MAQET_FIELD(struct maqet_interruption, changes)},
    {"finish", MAQET_FIELD(struct maqet_interruption, finish), .optional = true});

static char *
decision_text(const void *row)
{
    const struct maqet_interruption *decision = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s\n", decision->what);
    for (size_t i = 0; i < decision->changes.count; i++)
        maqet_text_appendf(&text, "  %s\n", decision->changes.items[i]);
    if (decision->finish)
        maqet_text_appendf(&text, "Finishing it %s.\n", decision->finish);
    return maqet_text_take(&text);
}

static const struct view decision_view = {.table = {.fields = &decision_fields},
                                          .text = decision_text};

/* Asks the user if there is something to decide. */
static int
confirm(const struct invocation *invocation, enum maqet_recovery_way way,
        struct maqet_error **err)
{
    _cleanup_interruption_ struct maqet_interruption interruption = {0};
    const char *vm = invocation->operands.items[0];
    bool finish = way == MAQET_RECOVERY_FINISH;

    if (way == MAQET_RECOVERY_SAFE || invocation_has(invocation, "yes"))
        return 0;
    if (maqet_job_interruption(&invocation->context, vm, &interruption, err) < 0)
        return -1;
    if (!interruption.what || (finish && !interruption.finish))
        return 0;
    if (!finish)
        free(TAKE_PTR(interruption.finish));
    return output_confirm(&decision_view, &interruption, 1,
                          finish ? "Finish it?"
                                 : "Leave the images as they are and discard the record?",
                          "Nothing was done", err);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const char *vm = invocation->operands.items[0];
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    enum maqet_recovery_way way = way_of(invocation);
    bool pending;

    if (invocation_has(invocation, "finish") && invocation_has(invocation, "forget"))
        return usage_error(invocation, err,
                           "--finish and --forget are mutually exclusive");
    if (confirm(invocation, way, err) < 0 ||
        maqet_snapshot_recover(&invocation->context, vm, way, &pending, &kept, err) < 0)
        return -1;
    const struct recovered recovered = {vm,
                                        !pending                       ? "nothing"
                                        : way == MAQET_RECOVERY_FORGET ? "forgotten"
                                                                       : "recovered",
                                        kept};
    output_result(&invocation->output, &view, &recovered);
    return 0;
}

const struct command command_recover = {
    .name = "recover",
    .related = "check doctor",
    .undoes = true,
    .undone = "What was interrupted before is still to be recovered",
    .operands = {OPERAND_VM},
    .summary = "Finish or undo an interrupted snapshot operation",
    .description =
        "A snapshot or checkpoint operation that was interrupted is recovered by the "
        "next command that changes or starts the VM, and by this command, which does "
        "nothing else. It says what it did, also if nothing was interrupted.\nIf the "
        "images are not as the operation left them (written to since, replaced by "
        "other files, missing), or if the data folder is a copy, nothing is done, "
        "because recovering could discard newer data. All these commands then fail "
        "with an error that says what has changed, and you decide. --finish finishes "
        "the operation nevertheless. --forget leaves the images as they are; what the "
        "operation has left in them is listed, and can be loaded or deleted like any "
        "other snapshot. No guest is left paused: a guest whose checkpoint was being "
        "created or loaded is resumed, and QEMU is ended if it was not told to read "
        "the memory. Both ask first; without a terminal, --yes is required.",
    .options = {{"finish",
                 .help =
                     "finish the operation, whatever has happened to the images since"},
                {"forget", .help = "leave the images as they are and discard the record "
                                   "of the operation"},
                {"yes", 'y', .help = "--finish, --forget: do not ask"},
                OPTION_WAIT_ROW},
    .examples = {{"maqet recover myvm", "Recover unless newer data would be discarded"},
                 {"maqet recover myvm --finish",
                  "Finish a load, and discard what has been written "
                  "since"},
                 {"maqet recover myvm --forget", "Leave the images as they are now"}},
    .view = &view,
    .run = run,
};
