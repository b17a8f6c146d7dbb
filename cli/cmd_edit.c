/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/editor.h"
#include "cli/invocation.h"
#include "core/lifecycle/edit.h"
#include "core/machine/state.h"

struct edited {
    const char *name;
    const char *change;
    const char *file;
    bool running;
};

MAQET_WORDS(change_word, "changed", "unchanged", "created")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct edited, MAQET_ROW(struct edited, name, "the VM's name"),
    {"change", MAQET_FIELD_CHOICE(struct edited, change, change_word),
     .help = "what was done to its definition"},
    MAQET_ROW(struct edited, file,
              "the YAML file that was edited; null if it was the stored definition",
              .optional = true),
    MAQET_ROW(struct edited, running,
              "whether it is running, so that a change takes effect at its "
              "next start"));

static char *
text(const void *row)
{
    const struct edited *edited = row;

    if (strcmp(edited->change, "unchanged") == 0)
        return maqet_format("VM '%s' is unchanged.\n", edited->name);
    return maqet_format("Changed VM '%s'%s.\n", edited->name,
                        edited->running ? ", which is running: the change takes effect "
                                          "at its next start"
                                        : "");
}

static const struct view view = {.table = {.fields = &fields, .columns = "name change"},
                                 .text = text,
                                 .confirmation = true};

/* What the user should know before the editor hides it. */
static void
say(const struct maqet_edit *edit)
{
    if (edit->newer)
        maqet_context_say(edit->context, MAQET_LEVEL_WARNING,
                          "%s has changed since it was added to VM '%s': all of it will "
                          "be applied",
                          edit->path, edit->stored->name);
    if (edit->resumed)
        maqet_context_say(edit->context, MAQET_LEVEL_WARNING,
                          "VM '%s': this continues an edit that was not stored; delete "
                          "%s to begin anew",
                          edit->stored->name, edit->path);
}

/* Edits and stores, again and again as long as the user wants. */
static int
edit_until_right(struct invocation *invocation, struct maqet_edit *edit,
                 const char **change, struct maqet_error **err)
{
    for (;;) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (editor_run(edit->path, invocation->umask, &error) < 0)
            return maqet_error_move(err, TAKE_PTR(error));
        if (maqet_edit_store(edit, change, &error) == 0)
            return 0;
        /* The same text could never be stored. */
        if (edit->stale || !terminal_can_ask())
            return maqet_error_move(err, TAKE_PTR(error));
        output_error(&invocation->output, error);
        if (!terminal_ask("Edit it again?"))
            return maqet_error_set(err, MAQET_ERROR_REFUSED, "VM '%s' was not changed",
                                   edit->stored->name);
    }
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_edit_ struct maqet_edit edit = {0};
    struct maqet_state state = {0};
    const char *change;

    if (maqet_edit_begin(context, invocation->operands.items[0], &edit, err) < 0)
        return -1;
    say(&edit);
    if (edit_until_right(invocation, &edit, &change, err) < 0) {
        if (maqet_edit_leave(&edit) && (edit.own || !edit.stale))
            maqet_error_next(err,
                             edit.own ? MAQET_NEXT_APPLY_FILE : MAQET_NEXT_EDIT_AGAIN,
                             edit.stored->name, edit.path, NULL);
        return -1;
    }
    if (maqet_state_look(context, edit.stored->name, &state, err) < 0)
        return -1;

    const struct edited edited = {.name = edit.stored->name,
                                  .change = change,
                                  .file = edit.own ? edit.path : NULL,
                                  .running = state.pid > 0};
    output_result(&invocation->output, &view, &edited);
    return 0;
}

const struct command command_edit = {
    .name = "edit",
    .related = "maqet.yaml(5)",
    .undoes = true,
    .undone = "The VM was not changed",
    .fills_terminal = true,
    .operands = {OPERAND_VM},
    .summary = "Edit a VM's definition",
    .description =
        "Runs the editor that VISUAL or EDITOR names. If the VM was added from a single "
        "YAML file, without --set, that file is edited, and then applied as by 'maqet "
        "apply'; otherwise the stored definition is edited, as YAML. Mistakes are shown, "
        "and the text can be edited again. Text that was not stored is never lost: the "
        "message says where it is, and the next 'maqet edit' continues with it. If the "
        "definition has changed meanwhile, for example by 'maqet attach', the text is not "
        "stored.",
    .examples = {{"maqet edit web", "Edit the definition of web"},
                 {"EDITOR=nano maqet edit web", "The same, with another editor"}},
    .view = &view,
    .run = run,
};
