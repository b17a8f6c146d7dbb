/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/lifecycle/remove.h"
#include "core/machine/store.h"

/* ---- what is shown ---- */

struct removed {
    const char *name;
    struct maqet_removal removal;
    struct maqet_strings kept;
    struct maqet_strings deleted;
};

static const struct maqet_fields file_fields = MAQET_FIELDS_OF(
    struct maqet_removal_file, MAQET_ROW(struct maqet_removal_file, path, "the file"),
    {"kind", MAQET_FIELD_WORD(struct maqet_removal_file, kind, maqet_removed_kind_name),
     .help = "an image, or the memory of a checkpoint"},
    MAQET_ROW(struct maqet_removal_file, size, "what it takes on the disk",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_removal_file, removed, "whether it goes, or has gone"),
    MAQET_ROW(struct maqet_removal_file, reason, "why it goes or stays, as a phrase"));

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct removed, MAQET_ROW(struct removed, name, "the VM's name"),
    {"files",
     MAQET_FIELD_LIST(struct removed, removal.files, removal.count, &file_fields),
     .help = "what becomes of its files"},
    MAQET_ROW(struct removed, kept, "the images that stay"),
    MAQET_ROW(struct removed, deleted, "the images that go"));

/* Takes the removal; the caller clears it by the fields, but for the name. */
static struct removed
row_of(const char *name, struct maqet_removal removal)
{
    struct removed removed = {.name = name, .removal = removal};

    for (size_t i = 0; i < removal.count; i++)
        if (removal.files[i].kind == MAQET_REMOVED_IMAGE)
            maqet_strings_add(removal.files[i].removed ? &removed.deleted : &removed.kept,
                              removal.files[i].path);
    return removed;
}

static void
row_clear(struct removed *removed)
{
    removed->name = NULL;
    maqet_fields_clear(&fields, removed);
}

/* A line for each file: what becomes of it, and why. */
static void
append_files(struct maqet_text *text, const struct maqet_removal *removal)
{
    for (size_t i = 0; i < removal->count; i++) {
        const struct maqet_removal_file *file = &removal->files[i];
        _cleanup_free_ char *size = maqet_text_bytes(file->size);

        maqet_text_appendf(text, "  %s  %s (%s): %s\n",
                           file->removed ? "removed" : "kept   ", file->path, size,
                           file->reason);
    }
}

/* Whether an image stays that takes room and that maqet can delete later. */
static bool
keeps_created(const struct maqet_removal *removal)
{
    for (size_t i = 0; i < removal->count; i++)
        if (!removal->files[i].removed &&
            maqet_text_starts(removal->files[i].reason, "created by maqet"))
            return true;
    return false;
}

static char *
text(const void *row)
{
    const struct removed *removed = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "Removed VM '%s'.\n", removed->name);
    append_files(&text, &removed->removal);
    if (keeps_created(&removed->removal))
        maqet_text_append(&text, "To list images that no VM uses: maqet storage ls; "
                                 "to delete them: maqet storage rm PATH\n");
    return maqet_text_take(&text);
}

static const struct view view = {.table = {.fields = &fields, .columns = "name"},
                                 .text = text,
                                 .confirmation = true,
                                 .empty = "No VMs found.\n",
                                 .each = "VM",
                                 .remark = "With --dry-run, it is what would be done."};

/* ---- asking ---- */

static struct maqet_remove
how_to_remove(const struct invocation *invocation)
{
    return (struct maqet_remove){
        .force = invocation_has(invocation, "force"),
        .delete_storage = invocation_has(invocation, "delete-storage"),
    };
}

/* What would become of machines. */
struct plan {
    struct removed *rows;
    size_t count;
};

static void
plan_clear(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        row_clear(&plan->rows[i]);
    free(plan->rows);
}

#define _cleanup_plan_ _cleanup_(plan_clear)

static int
plan_all(const struct invocation *invocation, const struct maqet_strings *names,
         struct plan *plan, struct maqet_error **err)
{
    const struct maqet_remove how = how_to_remove(invocation);

    plan->rows = maqet_alloc(names->count * sizeof(*plan->rows) + 1);
    for (size_t i = 0; i < names->count; i++) {
        struct maqet_removal removal = {0};

        if (maqet_vm_plan_removal(&invocation->context, names->items[i], &how, &removal,
                                  err) < 0) {
            maqet_removal_clear(&removal);
            return -1;
        }
        plan->rows[plan->count++] = row_of(names->items[i], removal);
    }
    return 0;
}

static char *
plan_text(const void *row)
{
    const struct removed *removed = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "VM '%s':\n", removed->name);
    append_files(&text, &removed->removal);
    if (removed->removal.count == 0)
        maqet_text_append(&text, "  no images\n");
    return maqet_text_take(&text);
}

static const struct view plan_view = {.table = {.fields = &fields, .columns = "name"},
                                      .text = plan_text};

static int
confirm(const struct invocation *invocation, const struct maqet_strings *names,
        struct maqet_error **err)
{
    if (invocation_has(invocation, "yes") || invocation_has(invocation, "force"))
        return 0;
    if (!terminal_can_ask()) {
        maqet_error_set(err, MAQET_ERROR_REFUSED,
                        "Nothing was removed: there is no terminal on which to ask");
        maqet_error_hint(err, "Say --yes to remove without being asked");
        maqet_error_hint(err, "See what would be removed: add --dry-run");
        return -1;
    }
    _cleanup_plan_ struct plan plan = {0};
    if (plan_all(invocation, names, &plan, err) < 0)
        return -1;
    _cleanup_free_ char *list = maqet_strings_list(names);
    _cleanup_free_ char *question =
        maqet_format("Remove the VM%s %s?", names->count > 1 ? "s" : "", list);
    return output_ask(&plan_view, plan.rows, plan.count, question)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was removed");
}

/* ---- removing ---- */

static int
remove_machine(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    const struct maqet_remove how = how_to_remove(invocation);
    struct maqet_removal receipt = {0};

    if (maqet_vm_remove(&invocation->context, name, &how, &receipt, err) < 0) {
        maqet_removal_clear(&receipt);
        return -1;
    }
    struct removed row = row_of(name, receipt);
    output_row(&invocation->output, &view, &row);
    row_clear(&row);
    return 0;
}

/* Only says what would be done. */
static int
show_plan(const struct invocation *invocation, const struct maqet_strings *names,
          struct maqet_error **err)
{
    _cleanup_plan_ struct plan plan = {0};

    if (plan_all(invocation, names, &plan, err) < 0)
        return -1;
    output_list(&invocation->output, &plan_view, plan.rows, plan.count);
    return 0;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    /* Nothing is removed when one of the names is wrong: who knows which was meant. */
    machines_resolve(invocation, &names);
    if (invocation->exit_code > 0)
        return invocation->exit_code;
    if (invocation_has(invocation, "all") &&
        maqet_store_list(&invocation->context, &names, err) < 0)
        return -1;
    if (names.count == 0) {
        output_list(&invocation->output, &view, NULL, 0);
        return 0;
    }
    /* Nor when one of them can't be removed: before anybody is asked. */
    for (size_t i = 0; i < names.count && !invocation_has(invocation, "force"); i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (maqet_vm_removable(&invocation->context, names.items[i], &error) < 0)
            invocation_show_error(invocation, error);
    }
    if (invocation->exit_code > 0)
        return invocation->exit_code;
    if (invocation_has(invocation, "dry-run"))
        return show_plan(invocation, &names, err);
    if (confirm(invocation, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (remove_machine(invocation, names.items[i], &error) < 0)
            invocation_show_error(invocation, error);
    }
    return invocation->exit_code;
}

const struct command command_rm = {
    .name = "rm",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Remove VMs",
    .description = "Forgets the machines: their definitions, the history of their "
                   "snapshots, and the memory of their checkpoints. Their images are "
                   "kept unless --delete-storage says otherwise; and that deletes "
                   "only images that maqet itself has created for drives which the "
                   "machine still has, and that nobody else needs: never an "
                   "installation medium, a backing file that is in use, or a shared "
                   "folder. A line for each file says what becomes of it, and why. A "
                   "machine that runs is not removed without --force; then none of "
                   "those named with it is.\nAsks before anything is removed. Where "
                   "there is no terminal on which to ask, --yes or --force must have "
                   "said so.\nImages that maqet created and that were kept are listed "
                   "by 'maqet storage ls', and deleted by 'maqet storage rm'.",
    .options = {{"all", .help = "remove all VMs"},
                {"delete-storage",
                 .help = "delete the images that maqet created for them"},
                {"dry-run", .help = "only say what would be deleted and kept"},
                {"force", 'f',
                 .help = "kill QEMU if it is running, and do not "
                         "ask"},
                {"yes", 'y', .help = "don't ask"}},
    .examples = {{"maqet rm myvm", "Remove a VM, and keep its images"},
                 {"maqet rm myvm --delete-storage --yes",
                  "Delete its images, too; do not ask"}},
    .view = &view,
    .run = run,
};
