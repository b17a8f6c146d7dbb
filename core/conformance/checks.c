/* SPDX-License-Identifier: MIT */
#include "core/conformance/checks.h"

const struct check *
check_at(unsigned index)
{
    static const struct check *const tables[] = {
        checks_of_file,           checks_of_options,  checks_of_calls,
        checks_of_hostile_values, checks_of_create,   checks_of_tools,
        checks_of_life,           checks_of_images,   checks_of_named_files,
        checks_of_qemu,           checks_of_nodes,    checks_of_roles,
        checks_of_snapshots,      checks_of_overlays, checks_of_data,
        checks_of_traces,         checks_of_memory,   checks_of_secrets,
    };

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
        for (const struct check *check = tables[i]; check->name; check++)
            if (index-- == 0)
                return check;
    return NULL;
}
