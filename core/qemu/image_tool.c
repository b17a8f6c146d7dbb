/* SPDX-License-Identifier: MIT */
#include "core/qemu/image_tool.h"

#include "core/base/process.h"

int
maqet_image_tool_confine(struct maqet_confinement *confinement,
                         const struct maqet_strings *read, const char *written,
                         struct maqet_error **err)
{
    _cleanup_free_ char *program = maqet_process_find("qemu-img");

    if (maqet_confinement_begin(confinement, maqet_landlock_version(), err) < 0 ||
        (program && maqet_confinement_allow_program(confinement, program, err) < 0))
        return -1;
    for (size_t i = 0; i < read->count; i++)
        if (maqet_confinement_allow(confinement, read->items[i], MAQET_ACCESS_READ, err) <
            0)
            return -1;
    return written ? maqet_confinement_allow(confinement, written,
                                             MAQET_ACCESS_READ | MAQET_ACCESS_WRITE, err)
                   : 0;
}

const int *
maqet_image_tool_ruleset(const struct maqet_confinement *confinement)
{
    return confinement->version > 0 ? &confinement->ruleset : NULL;
}
