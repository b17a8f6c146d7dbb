/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "core/snapshot/snapshot.h"
#include "core/vm/lifecycle.h"
#include "core/vm/store.h"

/* ---- what is shown ---- */

static void
append_paths(struct maqet_text *text, const char *title, json_object *paths)
{
    size_t count = json_object_array_length(paths);

    if (count > 0)
        maqet_text_append(text, title);
    for (size_t i = 0; i < count; i++) {
        const char *path = json_object_get_string(json_object_array_get_idx(paths, i));
        _cleanup_free_ char *printable = text_printable(path, "");
        maqet_text_appendf(text, "  %s\n", printable);
    }
}

static char *
text(json_object *row, bool colour)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    (void)colour;
    maqet_text_appendf(&text, "Removed virtual machine '%s'.\n", field_get(row, "name"));
    append_paths(&text, "Its images are deleted:\n",
                 json_object_object_get(row, "deleted"));
    append_paths(&text, "Its images are kept:\n", json_object_object_get(row, "kept"));
    return maqet_text_take(&text);
}

/* ---- asking ---- */

/* What goes for ever. */
static void
append_images(const struct maqet_context *context, const char *name,
              struct maqet_text *text)
{
    struct maqet_created *created;
    size_t count;

    if (maqet_store_created_list(context, name, &created, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *printable = text_printable(created[i].path, "");
        maqet_text_appendf(text, "  %s\n", printable);
    }
    maqet_store_created_free(created, count);
}

static char *
question(const struct invocation *invocation, const struct maqet_strings *names)
{
    _cleanup_text_ struct maqet_text images = MAQET_TEXT_INIT;
    _cleanup_free_ char *list = maqet_strings_join(names, ", ");

    if (invocation_has(invocation, "delete-storage"))
        for (size_t i = 0; i < names->count; i++)
            append_images(&invocation->context, names->items[i], &images);
    return maqet_format("%s%sRemove the virtual machine%s %s?",
                        images.length > 0 ? "These images will be deleted:\n" : "",
                        images.length > 0 ? images.data : "", names->count > 1 ? "s" : "",
                        list);
}

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
        return -1;
    }
    _cleanup_free_ char *words = question(invocation, names);
    return terminal_ask(words)
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was removed");
}

/* ---- removing ---- */

/* What an interrupted operation on its snapshots has left in the images: where they stay,
 * they stay as one would want to find them. */
static int
repair(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_snapshot_repair(&invocation->context, name, &reason) == 0)
        return 0;
    if (!invocation_has(invocation, "force"))
        return maqet_error_move(err, TAKE_PTR(reason));
    maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING, "%s", reason->message);
    return 0;
}

static int
remove_machine(struct invocation *invocation, const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings deleted = MAQET_STRINGS_INIT;
    const struct maqet_remove how = {
        .force = invocation_has(invocation, "force"),
        .delete_storage = invocation_has(invocation, "delete-storage"),
    };

    if (repair(invocation, name, err) < 0 ||
        maqet_vm_remove(&invocation->context, name, &how, &kept, &deleted, err) < 0)
        return -1;

    json_object *row = json_object_new_object();
    field_text(row, "name", name);
    field_strings(row, "kept", &kept);
    field_strings(row, "deleted", &deleted);
    output_row(&invocation->output, &invocation->command->view, row);
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
    {.name = "force", .letter = 'f', .help = "kill QEMU where it runs, and don't ask"},
    {.name = "yes", .letter = 'y', .help = "don't ask"},
    {0},
};

static const struct command_example examples[] = {
    {"maqet rm myvm", "Forget one, and keep its images"},
    {"maqet rm myvm --delete-storage --yes", "Delete its images, too; don't ask"},
    {0},
};

static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT}, {0}};

const struct command command_rm = {
    .name = "rm",
    .operands = "VM...",
    .min_operands = 1,
    .max_operands = OPERANDS_ANY,
    .all = "all",
    .summary = "Remove virtual machines",
    .description = "Forgets the machines. Their images are kept, and named, unless "
                   "--delete-storage says otherwise; and that deletes only images "
                   "that maqet itself has made, never an installation medium, a base "
                   "image or a shared folder. A machine that runs is not removed "
                   "without --force; then none of those named with it is.\n"
                   "Asks before anything is removed. Where there is no terminal to "
                   "ask on, --yes or --force must have said so.",
    .options = options,
    .examples = examples,
    .view = {.columns = columns,
             .text = text,
             .confirmation = true,
             .empty = "No virtual machines found.\n"},
    .run = run,
};
