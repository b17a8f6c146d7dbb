/* SPDX-License-Identifier: MIT */
#include "cli/invocation.h"
#include "core/config/options.h"
#include "core/lifecycle/resize.h"

/* Reads "20G", or "+5G" for an increase. */
static int
read_size(const struct invocation *invocation, const char *word, struct maqet_resize *how,
          struct maqet_error **err)
{
    how->relative = word[0] == '+';
    const char *size = word + how->relative;
    if (maqet_parse_size(size, &how->bytes) && how->bytes > 0) {
        _cleanup_free_ char *doubt = maqet_size_doubt(size, how->bytes);

        return doubt ? usage_error(invocation, err, "The size '%s' %s", size, doubt) : 0;
    }
    return usage_error(invocation, err,
                       "'%s' is not a size; write it like 512M, 20G or +5G", word);
}

struct resized {
    const char *vm;
    const char *drive;
    uint64_t before;
    uint64_t after;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct resized, MAQET_ROW(struct resized, vm, "the VM's name"),
    MAQET_ROW(struct resized, drive, "the drive's name"),
    MAQET_ROW(struct resized, before, "the size that it had", .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct resized, after,
              "the size that it has now; the same where there was nothing to do",
              .unit = MAQET_UNIT_BYTES));

static char *
text(const void *row)
{
    const struct resized *resized = row;
    _cleanup_free_ char *was = maqet_text_size(resized->before);
    _cleanup_free_ char *is = maqet_text_size(resized->after);

    if (resized->before == resized->after)
        return maqet_format("Drive '%s' of VM '%s' already has that size: %s.\n",
                            resized->drive, resized->vm, is);
    return maqet_format("Drive '%s' of VM '%s' has grown from %s to %s; the guest's "
                        "partitions and file systems are unchanged.\n",
                        resized->drive, resized->vm, was, is);
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "vm drive before after"},
    .text = text,
    .confirmation = true};

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    struct maqet_resize how;
    struct resized resized = {.vm = operands[0], .drive = operands[1]};

    if (read_size(invocation, operands[2], &how, err) < 0 ||
        maqet_vm_resize(&invocation->context, resized.vm, resized.drive, &how,
                        &resized.before, &resized.after, err) < 0)
        return -1;
    output_result(&invocation->output, &view, &resized);
    return 0;
}

const struct command command_resize = {
    .name = "resize",
    .undoes = true,
    .related = "status",
    .undone = "The drive was not resized",
    .operands = {OPERAND_VM, OPERAND_DRIVE | OPERAND_WITH_SIZE, OPERAND_SIZE},
    .summary = "Make a drive larger, also while the VM is running",
    .description = "Makes the image of a drive larger, to SIZE or, with +SIZE, by "
                   "that amount. A running guest sees the new size at once. A drive "
                   "is never made smaller, because data at its end would be "
                   "lost.\nThe `size` in the stored definition is updated; change it "
                   "in your YAML file, too, before you apply that again.",
    .examples = {{"maqet resize myvm disk 40G", "Make the drive `disk` 40 GiB large"},
                 {"maqet resize myvm disk +10G", "Make it 10 GiB larger"}},
    .view = &view,
    .run = run,
};
