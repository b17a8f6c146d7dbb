/* SPDX-License-Identifier: MIT */
#include "cli/context.h"
#include "cli/machines.h"
#include "core/machine/unused.h"

/* ---- ls ---- */

MAQET_WORDS(
    unused_word, [MAQET_UNUSED_THERE] = "there", [MAQET_UNUSED_MISSING] = "missing",
    [MAQET_UNUSED_REPLACED] = "replaced", [MAQET_UNUSED_UNKNOWN] = "unknown")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_unused_image,
    MAQET_ROW(struct maqet_unused_image, path, "the image", .title = "IMAGE"),
    MAQET_ROW(struct maqet_unused_image, size, "what it takes on the disk",
              .known = MAQET_KNOWN(struct maqet_unused_image, size_known),
              .unit = MAQET_UNIT_BYTES),
    {"state", MAQET_FIELD_WORD(struct maqet_unused_image, state, unused_word),
     .help = "what is at its path"},
    MAQET_ROW(struct maqet_unused_image, vm, "the VM for which it was created",
              .optional = true),
    MAQET_ROW(struct maqet_unused_image, drive, "the drive that had it last"),
    {"seen", MAQET_FIELD_DATE(struct maqet_unused_image, seen), .optional = true,
     .title = "LAST USED", .help = "when it was last known to be there"});

static const struct view list_view = {
    .table = {.fields = &fields, .columns = "path size state vm drive seen"},
    .empty = "There are no images that maqet created and that no VM uses.\n",
    .each = "image",
};

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_unused_ struct maqet_unused unused = {0};

    if (maqet_unused_list(&invocation->context, &unused, err) < 0)
        return -1;
    output_list(&invocation->output, &list_view, unused.items, unused.count);
    return 0;
}

/* ---- rm ---- */

static const struct maqet_fields removed_fields = MAQET_FIELDS_OF(
    struct maqet_unused_image,
    MAQET_ROW(struct maqet_unused_image, path, "the image", .title = "IMAGE"),
    MAQET_ROW(struct maqet_unused_image, size, "what it took on the disk",
              .unit = MAQET_UNIT_BYTES));

static const struct view removed_view = {
    .table = {.fields = &removed_fields, .columns = "path size"},
    .sentence = "Deleted {path} ({size}).\n",
    .confirmation = true,
    .each = "image"};

static const struct view asked_view = {.table = {.fields = &removed_fields},
                                       .sentence = "  {path}\n"};

static int
confirm(const struct invocation *invocation, const struct maqet_strings *paths,
        struct maqet_error **err)
{
    if (invocation_has(invocation, "yes"))
        return 0;
    _cleanup_free_ struct maqet_unused_image *images =
        maqet_alloc(paths->count * sizeof(*images) + 1);
    for (size_t i = 0; i < paths->count; i++)
        images[i].path = paths->items[i];
    return output_confirm(&asked_view, images, paths->count,
                          paths->count > 1 ? "Delete these images, with all their data?"
                                           : "Delete this image, with all its data?",
                          "Nothing was deleted", err);
}

/* The paths of the images that are named, or of all. */
static int
choose(const struct invocation *invocation, struct maqet_strings *paths,
       struct maqet_error **err)
{
    _cleanup_unused_ struct maqet_unused unused = {0};

    for (size_t i = 0; i < invocation->operands.count; i++)
        maqet_strings_take(paths, context_path(invocation->operands.items[i]));
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
        output_list(&invocation->output, &list_view, NULL, 0);
        return 0;
    }
    if (confirm(invocation, &paths, err) < 0)
        return -1;
    for (size_t i = 0; i < paths.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        struct maqet_unused_image image = {.path = paths.items[i]};

        if (!machines_continue(invocation, paths.items + i, paths.count - i))
            break;
        if (maqet_unused_remove(&invocation->context, image.path, &image.size, &error) ==
            0) {
            output_row(&invocation->output, &removed_view, &image);
            continue;
        }
        invocation_note_undone(invocation, error);
        invocation_show_error(invocation, error);
    }
    return invocation->exit_code;
}

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "ls",
     .endable = true,
     .summary = "List images that no VM uses, with their size",
     .description =
         "An image whose state is 'missing' is not at its path; its disk may not be "
         "mounted. If the state is 'replaced', another file is at its path, which is "
         "never deleted.",
     .examples = {{"maqet storage ls", "List them with their size"}},
     .view = &list_view,
     .run = run_list},
    {.name = "rm",
     .undoes = true,
     .undone = "It was not deleted",
     .summary = "Delete images that no VM uses",
     .discards = true,
     .description =
         "Deletes them for good, after asking. An image is not deleted if a VM names "
         "it, if it is the backing file of another image, or if a program has it open. "
         "Of a missing image, only the record is deleted.",
     .operands = {OPERAND_IMAGE | OPERAND_REPEATED | OPERAND_OR_ALL},
     .options = {{"all", 'a', .help = "delete all that 'maqet storage ls' lists"},
                 {"yes", 'y', .help = "do not ask"}},
     .examples = {{"maqet storage rm /vms/old.qcow2", "Delete one of them"}},
     .view = &removed_view,
     .run = run_remove},
    {0},
};

const struct command command_storage = {
    .name = "storage",
    .summary = "List and delete images that no VM uses",
    .description =
        "Manages images that maqet created and that no VM uses any more: those that "
        "were kept when their VM was removed, and those of drives that a VM no longer "
        "has.",
    .related = "rm maqet.yaml(5)",
    .actions = actions,
};
