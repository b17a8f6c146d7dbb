/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/lifecycle/remove.h"
#include "core/machine/store.h"

static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT}, {0}};

/* ---- what is shown ---- */

static json_object *
files_of(const struct maqet_removal *removal)
{
    json_object *files = json_object_new_array();

    for (size_t i = 0; i < removal->count; i++) {
        const struct maqet_removal_file *file = &removal->files[i];
        json_object *row = json_object_new_object();

        field_text(row, "path", file->path);
        field_text(row, "kind", file->image ? "image" : "memory");
        field_number(row, "size", true, file->size);
        json_object_object_add(row, "removed", json_object_new_boolean(file->removed));
        field_text(row, "reason", file->reason);
        json_object_array_add(files, row);
    }
    return files;
}

/* The paths of those images that go, or of those that stay. */
static void
add_paths(json_object *row, const char *key, const struct maqet_removal *removal,
          bool removed)
{
    json_object *paths = json_object_new_array();

    for (size_t i = 0; i < removal->count; i++)
        if (removal->files[i].image && removal->files[i].removed == removed)
            json_object_array_add(paths, json_object_new_string(removal->files[i].path));
    json_object_object_add(row, key, paths);
}

static json_object *
row_of(const char *name, const struct maqet_removal *removal)
{
    json_object *row = json_object_new_object();

    field_text(row, "name", name);
    json_object_object_add(row, "files", files_of(removal));
    add_paths(row, "kept", removal, false);
    add_paths(row, "deleted", removal, true);
    return row;
}

/* A line for each file: what becomes of it, and why. */
static void
append_files(struct maqet_text *text, json_object *files)
{
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        json_object *file = json_object_array_get_idx(files, i);
        bool removed = json_object_get_boolean(json_object_object_get(file, "removed"));
        _cleanup_free_ char *size = maqet_text_bytes(
            json_object_get_uint64(json_object_object_get(file, "size")));

        maqet_text_appendf(text, "  %s  %s (%s): %s\n", removed ? "removed" : "kept   ",
                           field_get(file, "path"), size, field_get(file, "reason"));
    }
}

/* Whether an image stays that takes room and that maqet can delete later. */
static bool
keeps_created(json_object *files)
{
    for (size_t i = 0; i < json_object_array_length(files); i++) {
        json_object *file = json_object_array_get_idx(files, i);

        if (!json_object_get_boolean(json_object_object_get(file, "removed")) &&
            maqet_text_starts(field_get(file, "reason"), "created by maqet"))
            return true;
    }
    return false;
}

static char *
text(json_object *row, bool colour)
{
    json_object *files = json_object_object_get(row, "files");
    struct maqet_text text = MAQET_TEXT_INIT;

    (void)colour;
    maqet_text_appendf(&text, "Removed virtual machine '%s'.\n", field_get(row, "name"));
    append_files(&text, files);
    if (keeps_created(files))
        maqet_text_append(&text, "Delete images that no VM uses: maqet storage rm PATH; "
                                 "list them: maqet storage ls\n");
    return maqet_text_take(&text);
}

/* ---- asking ---- */

static struct maqet_remove
how_to_remove(const struct invocation *invocation)
{
    return (struct maqet_remove){
        .force = invocation_has(invocation, "force"),
        .delete_storage = invocation_has(invocation, "delete-storage"),
    };
}

/* What would become of all machines, in the rows of the receipt. NULL on error; the
 * caller puts it. */
static json_object *
plan_all(const struct invocation *invocation, const struct maqet_strings *names,
         struct maqet_error **err)
{
    const struct maqet_remove how = how_to_remove(invocation);
    _cleanup_json_ json_object *rows = json_object_new_array();

    for (size_t i = 0; i < names->count; i++) {
        _cleanup_removal_ struct maqet_removal plan = {0};

        if (maqet_vm_plan_removal(&invocation->context, names->items[i], &how, &plan,
                                  err) < 0)
            return NULL;
        json_object_array_add(rows, row_of(names->items[i], &plan));
    }
    return TAKE_PTR(rows);
}

static char *
plan_row_text(json_object *row, bool colour)
{
    json_object *files = json_object_object_get(row, "files");
    struct maqet_text text = MAQET_TEXT_INIT;

    (void)colour;
    maqet_text_appendf(&text, "VM '%s':\n", field_get(row, "name"));
    append_files(&text, files);
    if (json_object_array_length(files) == 0)
        maqet_text_append(&text, "  no images\n");
    return maqet_text_take(&text);
}

static const struct view plan_view = {.columns = columns, .text = plan_row_text};

static int
confirm(const struct invocation *invocation, const struct maqet_strings *names,
        struct maqet_error **err)
{
    if (invocation_has(invocation, "yes") || invocation_has(invocation, "force"))
        return 0;
    if (!terminal_can_ask()) {
        maqet_error_set(err, MAQET_ERROR_REFUSED,
                        "Nothing was removed: there is no terminal to ask on");
        maqet_error_hint(err, "Say --yes to remove without being asked");
        maqet_error_hint(err, "See what would be removed: add --dry-run");
        return -1;
    }
    _cleanup_json_ json_object *plan = plan_all(invocation, names, err);
    if (!plan)
        return -1;
    _cleanup_free_ char *list = maqet_strings_list(names);
    _cleanup_free_ char *question = maqet_format("Remove the virtual machine%s %s?",
                                                 names->count > 1 ? "s" : "", list);
    return output_ask(&plan_view, plan, question)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was removed");
}

/* ---- removing ---- */

static int
remove_machine(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    const struct maqet_remove how = how_to_remove(invocation);
    _cleanup_removal_ struct maqet_removal receipt = {0};

    if (maqet_vm_remove(&invocation->context, name, &how, &receipt, err) < 0)
        return -1;
    output_row(&invocation->output, &invocation->command->view, row_of(name, &receipt));
    return 0;
}

/* Only says what would be done. */
static int
show_plan(const struct invocation *invocation, const struct maqet_strings *names,
          struct maqet_error **err)
{
    json_object *plan = plan_all(invocation, names, err);

    if (!plan)
        return -1;
    output_result(&invocation->output, &plan_view, plan);
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
        output_result(&invocation->output, &invocation->command->view,
                      json_object_new_array());
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

static const struct command_option options[] = {
    {.name = "all", .help = "remove all virtual machines"},
    {.name = "delete-storage", .help = "delete the images that maqet made for them"},
    {.name = "dry-run", .help = "say what would be removed and kept, and do nothing"},
    {.name = "force", .letter = 'f', .help = "kill QEMU where it runs, and don't ask"},
    {.name = "yes", .letter = 'y', .help = "don't ask"},
    {0},
};

static const struct command_example examples[] = {
    {"maqet rm myvm", "Forget one, and keep its images"},
    {"maqet rm myvm --delete-storage --yes", "Delete its images, too; don't ask"},
    {0},
};

const struct command command_rm = {
    .name = "rm",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Remove virtual machines",
    .description = "Forgets the machines: their definitions, the history of their "
                   "snapshots, and the memory of their checkpoints. Their images are "
                   "kept unless --delete-storage says otherwise; and that deletes only "
                   "images that maqet itself has created for drives which the machine "
                   "still has, and that nobody else needs: never an installation medium, "
                   "a backing file that is in use, or a shared folder. A line for each "
                   "file says what becomes of it, and why. A machine that runs is not "
                   "removed without --force; then none of those named with it is.\n"
                   "Asks before anything is removed. Where there is no terminal to "
                   "ask on, --yes or --force must have said so.\n"
                   "Images that maqet created and that were kept are listed by 'maqet "
                   "storage ls', and deleted by 'maqet storage rm'.",
    .options = options,
    .examples = examples,
    .view = {.columns = columns,
             .text = text,
             .confirmation = true,
             .empty = "No virtual machines found.\n"},
    .run = run,
};
