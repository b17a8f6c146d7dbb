/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "core/base/text.h"
#include "core/snapshot/flatten.h"

struct flattened {
    const char *vm;
    const char *drive;
    const char *file;
    struct maqet_strings bases;
    bool running;
    uint64_t before;
    uint64_t after;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct flattened, MAQET_ROW(struct flattened, vm, "the VM's name"),
    MAQET_ROW(struct flattened, drive, "the drive's name"),
    MAQET_ROW(struct flattened, file, "the image, which stands alone now"),
    MAQET_ROW(struct flattened, bases, "the images that it stood on, the topmost first"),
    MAQET_ROW(struct flattened, running, "whether the guest has gone on meanwhile"),
    MAQET_ROW(struct flattened, before, "the space that the image took up",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct flattened, after, "the space that it takes up now",
              .unit = MAQET_UNIT_BYTES));

static char *
text(const void *row)
{
    const struct flattened *flattened = row;
    _cleanup_free_ char *bases = maqet_strings_list(&flattened->bases);

    return maqet_format("Drive '%s' of VM '%s' stands alone now: %s%s%s.\n",
                        flattened->drive, flattened->vm, flattened->file,
                        flattened->bases.count > 0 ? " does not need " : "",
                        flattened->bases.count > 0 ? bases : "");
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "vm drive before after file"},
    .text = text,
    .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    _cleanup_flattened_ struct maqet_flattened done = {0};

    if (maqet_vm_flatten(&invocation->context, operands[0], operands[1], &done, err) < 0)
        return -1;
    const struct flattened flattened = {.vm = operands[0],
                                        .drive = operands[1],
                                        .file = done.file,
                                        .bases = done.bases,
                                        .running = done.running,
                                        .before = done.before,
                                        .after = done.after};
    output_result(&invocation->output, &view, &flattened);
    return 0;
}

const struct command command_flatten = {
    .name = "flatten",
    .undoes = true,
    .undone = "The drive stands on its backing file as before",
    .related = "clone convert snapshot storage qemu-img(1)",
    .operands = {OPERAND_VM, OPERAND_DRIVE},
    .summary = "Make a drive independent of its backing files",
    .description =
        "Merges what the backing files of a drive hold into its own image, as far as that "
        "does not hold it yet, and removes `backing_file` from the definition. The drive "
        "of a linked clone needs the image of the other VM no longer. What the guest sees "
        "stays the same, and the backing files are not changed; other images may stand "
        "on them.\nWorks on a stopped VM, and on a running one, whose guest goes on. "
        "Snapshots that are overlays stay. A drive whose image contains internal "
        "snapshots is refused, because these would lose what they show of the backing "
        "file; so is one on whose image others stand.\nRemove `backing_file` and "
        "`backing_format` from your YAML file, too, before you apply that again.",
    .examples = {{"maqet flatten web-test hdd",
                  "Let the drive `hdd` do without the image that it was created on"}},
    .view = &view,
    .run = run,
};
