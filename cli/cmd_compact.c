/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "core/base/text.h"
#include "core/lifecycle/compact.h"

struct row {
    const char *vm;
    const char *drive;
    const char *file;
    uint64_t before;
    uint64_t after;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct row, MAQET_ROW(struct row, vm, "the VM's name"),
    MAQET_ROW(struct row, drive, "the drive's name"),
    MAQET_ROW(struct row, file,
              "the file that the guest writes to: the image, or the topmost overlay"),
    MAQET_ROW(struct row, before, "the space that it took up", .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct row, after, "the space that it takes up now",
              .unit = MAQET_UNIT_BYTES));

static const struct view view = {
    .each = "drive",
    .table = {.fields = &fields, .columns = "drive before after file"}};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_strings *operands = &invocation->operands;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_compacted_ struct maqet_compacted_list list = {0};

    for (size_t i = 1; i < operands->count; i++)
        maqet_strings_add(&drives, operands->items[i]);
    if (maqet_vm_compact(&invocation->context, operands->items[0], &drives, &list, err) <
        0)
        return -1;
    _cleanup_free_ struct row *rows = maqet_alloc((list.count + 1) * sizeof(*rows));
    for (size_t i = 0; i < list.count; i++)
        rows[i] = (struct row){.vm = operands->items[0],
                               .drive = list.items[i].drive,
                               .file = list.items[i].file,
                               .before = list.items[i].before,
                               .after = list.items[i].after};
    output_list(&invocation->output, &view, rows, list.count);
    return 0;
}

const struct command command_compact = {
    .name = "compact",
    .related = "resize check storage export qemu-img(1)",
    .undoes = true,
    .undone = "Nothing is lost; what was freed stays free",
    .operands = {OPERAND_VM, OPERAND_DRIVE | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .summary = "Free the space that images take up and guests do not use",
    .description =
        "Frees space in the images of the named drives, or of all drives, and shows how "
        "much they take up in the file system before and after.\n"
        "If the VM is stopped, what is stored in an image and contains only zeroes is "
        "given back, in its place: no other file is needed, and all snapshots stay. Of a "
        "drive with overlays, only the topmost one is changed. Before, the guest can "
        "write zeroes over what it does not use, for example by fstrim(8) with a drive "
        "that says `discard: unmap`.\n"
        "If the VM is running, its guest agent is asked to discard what its file systems "
        "do not use, as fstrim(8) does.",
    .examples = {{"maqet compact web", "Free what is not used in all images of web"},
                 {"maqet compact web data", "The same for one drive"}},
    .view = &view,
    .run = run,
};
