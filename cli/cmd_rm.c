/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/lifecycle/remove.h"
#include "core/machine/forks.h"
#include "core/machine/store.h"

/* ---- results ---- */

struct removed {
    char *name;
    struct maqet_removal removal;
    struct maqet_strings kept;
    struct maqet_strings deleted;
};

static const struct maqet_fields file_fields = MAQET_FIELDS_OF(
    struct maqet_removal_file,
    MAQET_ROW(struct maqet_removal_file, path,
              "the file; of storage that is not a file of this host, its options"),
    {"kind", MAQET_FIELD_WORD(struct maqet_removal_file, kind, maqet_removed_kind_name),
     .help =
         "an image, the memory of a checkpoint, storage that is not a file, or an overlay "
         "on such storage"},
    MAQET_ROW(struct maqet_removal_file, drive, "the drive of such storage",
              .optional = true),
    MAQET_ROW(struct maqet_removal_file, size, "what it takes on the disk",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_removal_file, removed, "whether it is deleted"),
    MAQET_ROW(struct maqet_removal_file, reason,
              "why it is deleted or kept, as a phrase"));

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct removed, MAQET_ROW(struct removed, name, "the VM's name"),
    {"files",
     MAQET_FIELD_LIST(struct removed, removal.files, removal.count, &file_fields),
     .help = "what happens to its files"},
    MAQET_ROW(struct removed, kept, "the images that are kept"),
    MAQET_ROW(struct removed, deleted, "the images that are deleted"));

static void
append_files(struct maqet_text *text, const struct maqet_removal *removal)
{
    for (size_t i = 0; i < removal->count; i++) {
        const struct maqet_removal_file *file = &removal->files[i];
        _cleanup_free_ char *size = maqet_text_bytes(file->size);

        if (file->drive) {
            maqet_text_appendf(text, "  %s  drive '%s' (%s): %s\n",
                               file->removed ? "removed" : "kept   ", file->drive,
                               file->path, file->reason);
            continue;
        }
        maqet_text_appendf(text, "  %s  %s (%s): %s\n",
                           file->removed ? "removed" : "kept   ", file->path, size,
                           file->reason);
    }
}

/* Whether something of a kind is kept that maqet created. */
static bool
keeps_created(const struct maqet_removal *removal, enum maqet_removed_kind kind)
{
    for (size_t i = 0; i < removal->count; i++)
        if (!removal->files[i].removed && removal->files[i].kind == kind &&
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
    if (keeps_created(&removed->removal, MAQET_REMOVED_IMAGE))
        maqet_text_append(&text, "To list images that no VM uses: maqet storage ls\n"
                                 "To delete them: maqet storage rm PATH\n");
    if (keeps_created(&removed->removal, MAQET_REMOVED_STORAGE))
        maqet_text_append(&text, "maqet cannot delete the kept storage of drives any "
                                 "more: it is up to the tools of its service\n");
    return maqet_text_take(&text);
}

static const struct view view = {.table = {.fields = &fields, .columns = "name"},
                                 .text = text,
                                 .confirmation = true,
                                 .empty = "No VMs found.\n",
                                 .each = "VM",
                                 .remark = "With --dry-run, it is what would be done."};

/* ---- asking ---- */

/* Removes a VM, or with @really = false only finds out what would happen to its files. The
 * caller clears the row in any case. */
static struct maqet_remove
how_to_remove(const struct invocation *invocation)
{
    return (struct maqet_remove){
        .force = invocation_has(invocation, "force"),
        .delete_storage = invocation_has(invocation, "delete-storage"),
    };
}

static int
remove_machine(const struct invocation *invocation, const char *name, bool really,
               struct removed *row, struct maqet_error **err)
{
    const struct maqet_remove how = how_to_remove(invocation);
    struct maqet_removal *removal = &row->removal;

    row->name = maqet_strdup(name);
    int result =
        really ? maqet_vm_remove(&invocation->context, name, &how, removal, err)
               : maqet_vm_plan_removal(&invocation->context, name, &how, removal, err);
    for (size_t i = 0; i < removal->count; i++)
        if (removal->files[i].kind == MAQET_REMOVED_IMAGE)
            maqet_strings_add(removal->files[i].removed ? &row->deleted : &row->kept,
                              removal->files[i].path);
    return result;
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

/* Whether something with contents is deleted. */
static bool
deletes(const struct removed *plan, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < plan[i].removal.count; j++)
            if (plan[i].removal.files[j].removed)
                return true;
    return false;
}

/* Shows what would happen to the VMs' files, and asks the question (NULL: none). Without a
 * terminal, it need not be answered if all files are kept. */
static int
show_plan(const struct invocation *invocation, const struct maqet_strings *names,
          const char *question, struct maqet_error **err)
{
    struct removed *plan = maqet_alloc(names->count * sizeof(*plan));
    int result = 0;

    for (size_t i = 0; i < names->count && result == 0; i++)
        result = remove_machine(invocation, names->items[i], false, &plan[i], err);
    if (result == 0 && question && (terminal_can_ask() || deletes(plan, names->count)))
        result = output_confirm(&plan_view, plan, names->count, question,
                                "Nothing was removed", err);
    else if (result == 0 && !question)
        output_list(&invocation->output, &plan_view, plan, names->count);
    maqet_fields_list_free(&fields, plan, names->count);
    return result;
}

static int
confirm(const struct invocation *invocation, const struct maqet_strings *names,
        struct maqet_error **err)
{
    _cleanup_free_ char *list = maqet_strings_list(names);
    _cleanup_free_ char *question = names->count == 1
                                        ? maqet_format("Remove VM '%s'?", names->items[0])
                                        : maqet_format("Remove the VMs %s?", list);

    return invocation_has(invocation, "yes") || invocation_has(invocation, "force")
               ? 0
               : show_plan(invocation, names, question, err);
}

/* ---- removing ---- */

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    /* If one of the names is wrong, nothing is removed. */
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
    maqet_forks_put_first(&invocation->context, &names);
    const struct maqet_remove how = how_to_remove(invocation);
    /* Nor if one of the VMs cannot be removed. */
    for (size_t i = 0; i < names.count && !invocation_has(invocation, "force"); i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (maqet_vm_removable(&invocation->context, names.items[i], &how, &names,
                               &error) < 0)
            invocation_show_error(invocation, error);
    }
    if (invocation->exit_code > 0)
        return invocation->exit_code;
    if (invocation_has(invocation, "dry-run"))
        return show_plan(invocation, &names, NULL, err);
    if (confirm(invocation, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        struct removed row = {0};

        if (!machines_continue(invocation, names.items + i, names.count - i))
            break;
        int result = remove_machine(invocation, names.items[i], true, &row, &error);
        invocation_note_undone(invocation, error);
        if (result < 0)
            invocation_show_error(invocation, error);
        else
            output_row(&invocation->output, &view, &row);
        maqet_fields_clear(&fields, &row);
    }
    return invocation->exit_code;
}

const struct command command_rm = {
    .name = "rm",
    .related = "storage stop",
    .undoes = true,
    .undone = "The VM was not removed",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Remove VMs",
    .discards = true,
    .description =
        "Removes the VMs: their definitions, the history of their snapshots, and the "
        "memory of their checkpoints. Images are kept unless --delete-storage is given, "
        "which deletes only images that maqet created for drives that the VM still has, "
        "and that nothing else needs: never an installation medium, a backing file in "
        "use, or a shared folder. Storage that is not a file of this host, and that "
        "maqet "
        "has created, is deleted if its plugin can do that. A line for each file says "
        "what "
        "happens to it, and why. Overlays on such storage are in the VM's folder, so a VM "
        "that has some is removed with --delete-storage only. If a VM is running, it is not removed without --force, "
        "and neither are the "
        "others that are named with it. The same is true if its checkpoints have forks, "
        "unless these are removed with it.\nAsks before anything is removed. Without a "
        "terminal, --yes or --force is required if images or the memory of checkpoints "
        "are deleted.\nImages that maqet created and that "
        "were kept are listed by 'maqet storage ls', and deleted by 'maqet storage rm'.",
    .options = {{"all", 'a', .help = "remove all VMs"},
                {"delete-storage",
                 .help = "delete the images that maqet created for them"},
                {"dry-run", .help = "only say what would be deleted and kept"},
                {"force", 'f',
                 .help = "kill QEMU if it is running, remove it even if its "
                         "checkpoints have forks, and do not ask"},
                {"yes", 'y', .help = "do not ask"}},
    .examples = {{"maqet rm myvm", "Remove a VM, and keep its images"},
                 {"maqet rm myvm --delete-storage --yes",
                  "Delete its images, too; do not ask"}},
    .view = &view,
    .run = run,
};
