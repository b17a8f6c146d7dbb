/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/move.h"

struct moved {
    const char *vm;
    const char *drive;
    const char *type;
    const char *before;
    const char *after;
    bool running;
    const char *kept;
    struct maqet_strings dropped;
};

#define ROWS                                                                             \
    MAQET_ROW(struct moved, vm, "the VM's name"),                                        \
        MAQET_ROW(struct moved, drive, "the drive's name"),                              \
        MAQET_ROW(struct moved, type, "the type of the new image"),                      \
        MAQET_ROW(struct moved, before, "the path of the old image"),                    \
        MAQET_ROW(struct moved, after, "the path of the new image"),                     \
        MAQET_ROW(struct moved, running, "whether the guest has gone on meanwhile"),     \
        MAQET_ROW(struct moved, kept,                                                    \
                  "why the old image was not deleted; null: it was deleted",             \
                  .optional = true)

static const struct maqet_fields move_fields = MAQET_FIELDS_OF(struct moved, ROWS);

static const struct maqet_fields convert_fields = MAQET_FIELDS_OF(
    struct moved, ROWS,
    MAQET_ROW(struct moved, dropped,
              "options of the old type that the drive no longer has, as the new type "
              "does not have them"));

/* What became of the old image, and of options. The caller frees. */
static char *
remarks(const struct moved *moved)
{
    _cleanup_free_ char *list =
        moved->dropped.count > 0 ? maqet_strings_list(&moved->dropped) : NULL;
    _cleanup_free_ char *kept =
        moved->kept
            ? maqet_format("The old image %s is kept: %s.\n", moved->before, moved->kept)
            : maqet_strdup("");

    return list ? maqet_format("%sThe type %s does not have these options, which the "
                               "drive had: %s.\n",
                               kept, moved->type, list)
                : TAKE_PTR(kept);
}

static char *
move_text(const void *row)
{
    const struct moved *moved = row;
    _cleanup_free_ char *more = remarks(moved);

    return maqet_format("The image of drive '%s' of VM '%s' is %s now.\n%s", moved->drive,
                        moved->vm, moved->after, more);
}

static char *
convert_text(const void *row)
{
    const struct moved *moved = row;
    _cleanup_free_ char *more = remarks(moved);

    return maqet_format("Drive '%s' of VM '%s' is of the type %s now: %s.\n%s",
                        moved->drive, moved->vm, moved->type, moved->after, more);
}

static const struct view move_view = {
    .table = {.fields = &move_fields, .columns = "vm drive before after"},
    .text = move_text,
    .confirmation = true};

static const struct view convert_view = {
    .table = {.fields = &convert_fields, .columns = "vm drive type after"},
    .text = convert_text,
    .confirmation = true};

static void
show(const struct invocation *invocation, const struct view *view,
     const struct maqet_moved *done)
{
    char *const *operands = invocation->operands.items;
    const struct moved moved = {.vm = operands[0],
                                .drive = operands[1],
                                .type = done->type,
                                .before = done->from,
                                .after = done->to,
                                .running = done->running,
                                .kept = done->kept,
                                .dropped = done->dropped};

    output_result(&invocation->output, view, &moved);
}

static int
run_move(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    _cleanup_moved_ struct maqet_moved moved = {0};

    if (maqet_vm_move(&invocation->context, operands[0], operands[1], operands[2], &moved,
                      err) < 0)
        return -1;
    show(invocation, &move_view, &moved);
    return 0;
}

static int
run_convert(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    _cleanup_moved_ struct maqet_moved moved = {0};

    if (maqet_vm_convert(&invocation->context, operands[0], operands[1], operands[2],
                         &moved, err) < 0)
        return -1;
    show(invocation, &convert_view, &moved);
    return 0;
}

const struct command command_move = {
    .name = "move",
    .undoes = true,
    .undone = "The image was not moved",
    .related = "resize rename storage",
    .operands = {OPERAND_VM, OPERAND_DRIVE, OPERAND_FOLDER},
    .summary = "Move the image of a drive to another folder",
    .description =
        "Moves the image to DIR, where it keeps its name, and writes its new path into "
        "the definition. Nothing in DIR is replaced. While the VM is stopped, "
        "snapshots and overlays are moved with the image; within a file system, that "
        "takes no time.\nWhile it is running, QEMU copies the image, and the guest is "
        "paused for a moment at the end; frozen overlays are moved as files before. This is "
        "refused for a drive that has snapshots inside of its image, is encrypted, or is "
        "read-only.\nThe old image is "
        "deleted when the new one is complete. Change the path in your YAML file, too, "
        "before you apply that again.",
    .examples = {{"maqet move myvm disk /mnt/fast",
                  "Move the image of the drive `disk` to /mnt/fast"}},
    .view = &move_view,
    .run = run_move,
};

const struct command command_convert = {
    .name = "convert",
    .undoes = true,
    .undone = "The drive was not converted",
    .related = "move resize snapshot qemu-img(1)",
    .operands = {OPERAND_VM, OPERAND_DRIVE, OPERAND_TYPE},
    .summary = "Convert the image of a drive to another type",
    .description =
        "Creates an image of TYPE beside the present one, with the same size and content, "
        "and writes its path and type into the definition. The drive keeps its name and "
        "its place on its interface.\nA drive with snapshots or a backing file is not "
        "converted, because the new image would not have them; one that is encrypted is "
        "converted only if the new type is, too. Options that only say how the old image "
        "was created are dropped and named.\nWhile the VM is running, the guest is paused "
        "for a moment at the end.\nThe old image is deleted if maqet created it and "
        "nobody needs it. Change the type and the path in your YAML file, too, before you "
        "apply that again.",
    .examples = {{"maqet convert web data qcow2",
                  "Convert the image of the drive `data` to qcow2"}},
    .view = &convert_view,
    .run = run_convert,
};
