/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_tree.h"

#include <string.h>

/* More than anybody has. */
enum { NODES_MAX = 10000 };

static const struct maqet_overlay *
look_up(const struct maqet_overlays *overlays, uint64_t id)
{
    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].id == id)
            return &overlays->nodes[i];
    return NULL;
}

/* The first node with that file. */
static const struct maqet_overlay *
look_up_file(const struct maqet_overlays *overlays, const char *file)
{
    for (size_t i = 1; i < overlays->count; i++)
        if (overlays->nodes[i].file.file &&
            strcmp(overlays->nodes[i].file.file, file) == 0)
            return &overlays->nodes[i];
    return NULL;
}

bool
maqet_overlay_tree_is_sound(const struct maqet_overlays *overlays)
{
    if (overlays->count == 0 || overlays->count > NODES_MAX ||
        overlays->nodes[0].id != 0 || overlays->nodes[0].file.file ||
        !look_up(overlays, overlays->top))
        return false;
    for (size_t i = 1; i < overlays->count; i++) {
        const struct maqet_overlay *node = &overlays->nodes[i];
        const struct maqet_overlay *parent = look_up(overlays, node->parent);

        if (look_up(overlays, node->id) != node || node->id >= overlays->next ||
            !parent || parent == node || !node->type || !node->file.file ||
            strchr(node->file.file, '/') || node->file.file[0] == '.' ||
            look_up_file(overlays, node->file.file) != node)
            return false;
    }
    /* No circle: from each node, as many steps as there are nodes lead to node 0. */
    for (size_t i = 1; i < overlays->count; i++) {
        uint64_t at = overlays->nodes[i].id;

        for (size_t steps = 0; at != 0; steps++) {
            const struct maqet_overlay *node = look_up(overlays, at);

            if (steps > overlays->count || !node)
                return false;
            at = node->parent;
        }
    }
    const struct maqet_overlay *prepared = look_up(overlays, overlays->prepared);
    return overlays->prepared == 0 || (prepared && prepared->parent == overlays->top);
}

bool
maqet_overlay_tree_is_complete(struct maqet_overlays *overlays)
{
    struct maqet_overlay *lowest = &overlays->nodes[0];

    if (overlays->count > 1)
        return lowest->place && lowest->stored_name && lowest->stored_format;
    free(TAKE_PTR(lowest->place));
    free(TAKE_PTR(lowest->stored_name));
    free(TAKE_PTR(lowest->stored_format));
    free(TAKE_PTR(lowest->former_name));
    lowest->size = 0;
    return true;
}
