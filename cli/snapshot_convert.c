/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_convert.h"

#include <inttypes.h>
#include <string.h>

#include "core/snapshot/snapshot.h"

static const struct {
    const char *word;
    const char *help;
} kinds[] = {{"overlay", "files beside the image"}, {"internal", "inside of the image"}};

const char *
snapshot_kind_word(unsigned index, const char **help)
{
    if (index >= sizeof(kinds) / sizeof(*kinds))
        return NULL;
    *help = kinds[index].help;
    return kinds[index].word;
}

struct converted {
    const char *vm;
    const char *drive;
    const char *snapshots;
    uint64_t count;
};

static const struct maqet_fields fields =
    MAQET_FIELDS_OF(struct converted, MAQET_ROW(struct converted, vm, "the VM's name"),
                    MAQET_ROW(struct converted, drive, "the drive's name"),
                    MAQET_ROW(struct converted, snapshots,
                              "what its snapshots are now: overlay or internal"),
                    MAQET_ROW(struct converted, count, "how many there are"));

static char *
text(const void *row)
{
    const struct converted *converted = row;

    return maqet_format("Drive '%s' of VM '%s' has `snapshots: %s` now, with %" PRIu64
                        " snapshot%s.\n",
                        converted->drive, converted->vm, converted->snapshots,
                        converted->count, converted->count == 1 ? "" : "s");
}

const struct view snapshot_convert_view = {
    .table = {.fields = &fields, .columns = "vm drive snapshots count"},
    .text = text,
    .confirmation = true};

int
snapshot_convert(struct invocation *invocation, struct maqet_error **err)
{
    const char *kind = operand_find(invocation, OPERAND_SNAPSHOT_KIND);
    struct converted converted = {.vm = operand_find(invocation, OPERAND_VM),
                                  .drive = operand_find(invocation, OPERAND_DRIVE),
                                  .snapshots = kind};
    const char *help;

    for (unsigned i = 0; strcmp(kind, snapshot_kind_word(i, &help)) != 0;)
        if (!snapshot_kind_word(++i, &help))
            return usage_error(invocation, err,
                               "'%s' is neither 'overlay' nor 'internal'", kind);
    if (maqet_snapshot_convert(&invocation->context, converted.vm, converted.drive,
                               strcmp(kind, "overlay") == 0, &converted.count, err) < 0)
        return -1;
    output_result(&invocation->output, &snapshot_convert_view, &converted);
    return 0;
}
