/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cli/fields.h"
#include "cli/invocation.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/machine/unused.h"

/* ---- ls ---- */

static const struct column columns[] = {
    {"path", "IMAGE", COLUMN_TEXT},
    {"size", "SIZE", COLUMN_BYTES},
    {"state", "STATE", COLUMN_TEXT},
    {"vm", "VM", COLUMN_TEXT},
    {"drive", "DRIVE", COLUMN_TEXT},
    {"seen", "LAST USED", COLUMN_TEXT},
    {0},
};

static const struct view list_view = {
    .columns = columns,
    .empty = "There are no images that maqet created and no VM uses.\n",
};

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_unused_ struct maqet_unused unused = {0};
    json_object *rows;

    if (maqet_unused_list(&invocation->context, &unused, err) < 0)
        return -1;
    rows = json_object_new_array();
    for (size_t i = 0; i < unused.count; i++) {
        const struct maqet_unused_image *image = &unused.items[i];
        json_object *row = json_object_new_object();

        field_text(row, "path", image->path);
        field_number(row, "size", image->state == MAQET_UNUSED_THERE, image->size);
        field_text(row, "state", maqet_unused_state_name(image->state));
        field_text(row, "vm", image->vm);
        field_text(row, "drive", image->drive);
        field_date(row, "seen", image->seen);
        json_object_array_add(rows, row);
    }
    output_result(&invocation->output, &list_view, rows);
    return 0;
}

/* ---- rm ---- */

static char *
removed_text(json_object *row, bool colour)
{
    _cleanup_free_ char *size =
        maqet_text_bytes(json_object_get_uint64(json_object_object_get(row, "size")));

    (void)colour;
    return maqet_format("Deleted %s (%s).\n", field_get(row, "path"), size);
}

static const struct column removed_columns[] = {
    {"path", "IMAGE", COLUMN_TEXT}, {"size", "SIZE", COLUMN_BYTES}, {0}};
static char *
asked_text(json_object *path, bool colour)
{
    (void)colour;
    return maqet_format("  %s\n", json_object_get_string(path));
}

static const struct view asked_view = {.text = asked_text};

static int
confirm(const struct invocation *invocation, const struct maqet_strings *paths,
        struct maqet_error **err)
{
    if (invocation_has(invocation, "yes"))
        return 0;
    if (!terminal_can_ask()) {
        maqet_error_set(err, MAQET_ERROR_REFUSED,
                        "Nothing was deleted: there is no terminal to ask on");
        maqet_error_hint(err, "Say --yes to delete without being asked");
        return -1;
    }
    _cleanup_json_ json_object *rows = json_object_new_array();
    for (size_t i = 0; i < paths->count; i++)
        json_object_array_add(rows, json_object_new_string(paths->items[i]));
    return output_ask(&asked_view, rows,
                      paths->count > 1 ? "Delete these images, with all that they hold?"
                                       : "Delete this image, with all that it holds?")
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was deleted");
}

/* The paths that are named, or those of all images. */
static int
choose(const struct invocation *invocation, struct maqet_strings *paths,
       struct maqet_error **err)
{
    _cleanup_unused_ struct maqet_unused unused = {0};
    _cleanup_free_ char *folder = realpath(".", NULL);

    for (size_t i = 0; i < invocation->operands.count; i++)
        maqet_strings_take(paths, maqet_path_absolute(invocation->operands.items[i],
                                                      folder ? folder : "/"));
    if (!invocation_has(invocation, "all"))
        return 0;
    if (maqet_unused_list(&invocation->context, &unused, err) < 0)
        return -1;
    for (size_t i = 0; i < unused.count; i++)
        if (unused.items[i].state == MAQET_UNUSED_THERE)
            maqet_strings_add(paths, unused.items[i].path);
    return 0;
}

static int
run_remove(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    if (choose(invocation, &paths, err) < 0)
        return -1;
    if (paths.count == 0) {
        output_result(&invocation->output, &list_view, json_object_new_array());
        return 0;
    }
    if (confirm(invocation, &paths, err) < 0)
        return -1;
    for (size_t i = 0; i < paths.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        uint64_t size;

        if (maqet_unused_remove(&invocation->context, paths.items[i], &size, &error) <
            0) {
            invocation_show_error(invocation, error);
            continue;
        }
        json_object *row = json_object_new_object();
        field_text(row, "path", paths.items[i]);
        field_number(row, "size", true, size);
        output_row(&invocation->output, &invocation->command->view, row);
    }
    return invocation->exit_code;
}

/* ---- the command ---- */

static const struct command_option remove_options[] = {
    {.name = "all", .help = "delete all that 'maqet storage ls' lists"},
    {.name = "yes", .letter = 'y', .help = "don't ask"},
    {0},
};

static const struct command_example list_examples[] = {
    {"maqet storage ls", "List images that no VM uses, with their size"},
    {0},
};
static const struct command_example remove_examples[] = {
    {"maqet storage rm /vms/old.qcow2", "Delete one of them"},
    {0},
};

static const struct command actions[] = {
    {.name = "ls",
     .summary = "List images that no VM uses, with the space that they take",
     .description =
         "An image whose state is 'missing' is not at its place; its disk may "
         "not be mounted. In the place of one that was 'replaced' lies another "
         "file, which is never deleted.",
     .examples = list_examples,
     .view = {.columns = columns},
     .run = run_list},
    {.name = "rm",
     .summary = "Delete images that no VM uses",
     .description = "Deletes them for good, after asking. Refuses an image that a VM "
                    "names, that is the backing file of another one, or that a program "
                    "has open. Of a missing image it only forgets the record.",
     .operands = {OPERAND_IMAGE | OPERAND_REPEATED | OPERAND_OR_ALL},
     .options = remove_options,
     .examples = remove_examples,
     .view = {.columns = removed_columns, .text = removed_text, .confirmation = true},
     .run = run_remove},
    {0},
};

const struct command command_storage = {
    .name = "storage",
    .summary = "List and delete images that no VM uses",
    .description = "Looks after images that maqet has created and that no VM uses any "
                   "more: those that were kept when their VM was removed, and those of "
                   "drives that a VM no longer has.",
    .actions = actions,
};
