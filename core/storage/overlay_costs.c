/* SPDX-License-Identifier: MIT */
/*
 * overlay_costs.c - when two nodes are merged, what both of them hold is freed. What each holds is
 * in its tables (block_map.h).
 */
#include "core/storage/overlay_costs.h"

#include <string.h>

#include "core/base/json.h"
#include "core/storage/block_map.h"
#include "core/storage/overlay_nodes.h"

/* What a node holds itself, in ascending order. */
struct range {
    uint64_t begin, end;
};

struct held {
    uint64_t id;
    bool known;
    struct range *ranges;
    size_t count;
};

struct costs {
    const struct maqet_drive *drive;
    struct held *nodes; /* those that were read */
    size_t count;
};

static void
costs_clear(struct costs *costs)
{
    for (size_t i = 0; i < costs->count; i++)
        free(costs->nodes[i].ranges);
    free(costs->nodes);
}

/* ---- what a node holds ---- */

static void
read_node(const struct maqet_drive *drive, struct held *held)
{
    _cleanup_json_ json_object *map = maqet_block_map(drive, held->id);
    int64_t depth;

    held->known = map != NULL;
    for (size_t i = 0; held->known && i < json_object_array_length(map); i++) {
        json_object *entry = json_object_array_get_idx(map, i);

        if (!maqet_block_map_is_data(entry, &depth) || depth > 0)
            continue;
        struct range *range = MAQET_APPEND(held->ranges, held->count);
        range->begin = (uint64_t)maqet_json_int(entry, "start");
        range->end = range->begin + (uint64_t)maqet_json_int(entry, "length");
    }
}

/* Each node is read once. */
static const struct held *
held_by(struct costs *costs, uint64_t id)
{
    for (size_t i = 0; i < costs->count; i++)
        if (costs->nodes[i].id == id)
            return &costs->nodes[i];
    struct held *held = MAQET_APPEND(costs->nodes, costs->count);
    held->id = id;
    read_node(costs->drive, held);
    return held;
}

/* How much both hold. False: not known. */
static bool
held_by_both(struct costs *costs, uint64_t one, uint64_t other, uint64_t *bytes)
{
    /* Reading the second may move the first. */
    held_by(costs, one);
    held_by(costs, other);
    const struct held *a = held_by(costs, one), *b = held_by(costs, other);

    *bytes = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        const struct range *x = &a->ranges[i], *y = &b->ranges[j];
        uint64_t begin = x->begin > y->begin ? x->begin : y->begin;
        uint64_t end = x->end < y->end ? x->end : y->end;

        if (begin < end)
            *bytes += end - begin;
        if (x->end < y->end)
            i++;
        else
            j++;
    }
    return a->known && b->known;
}

/* ---- what a deletion costs ---- */

static const struct maqet_overlay *
node_of(const struct maqet_overlays *overlays, const struct maqet_snapshot *snapshot)
{
    uint64_t id = strtoull(snapshot->id, NULL, 10);

    for (size_t i = 0; i < overlays->count; i++)
        if (overlays->nodes[i].name && overlays->nodes[i].snapshot_id == id)
            return &overlays->nodes[i];
    return NULL;
}

/* Of two nodes that will be merged. */
static void
add_merge(struct costs *costs, const struct maqet_overlay *below,
          const struct maqet_overlay *above, struct maqet_snapshot *snapshot)
{
    const struct maqet_drive *drive = costs->drive;
    uint64_t both, bytes;
    bool down;

    if (maqet_overlay_nodes_is_deferred(drive, below, above)) {
        snapshot->used_known = snapshot->moved_known = true;
        return;
    }
    if (maqet_overlay_nodes_way(drive, below, above, &down, &bytes, NULL) < 0)
        return;
    /* All of it goes from this host; a server is not asked what it holds, too. */
    if (!below->file.file) {
        snapshot->used_known = snapshot->moved_known = true;
        snapshot->used += bytes;
        snapshot->moved = bytes;
        return;
    }
    if (!held_by_both(costs, below->id, above->id, &both))
        return;
    snapshot->used_known = snapshot->moved_known = true;
    snapshot->used += both;
    /* What the upper one has already hides the rest. */
    snapshot->moved = down || bytes < both ? bytes : bytes - both;
}

/* Of one that nothing stands on. If it was one of two, the other one is merged with what both
 * stood on, unless that is needed by itself. */
static void
add_leaf(struct costs *costs, const struct maqet_overlay *leaf,
         struct maqet_snapshot *snapshot)
{
    const struct maqet_overlays *overlays = costs->drive->overlays;
    const struct maqet_overlay *parent = maqet_overlays_node(overlays, leaf->parent);

    snapshot->moved_known = true;
    if (leaf->id == 0 || leaf->id == overlays->top ||
        maqet_overlay_nodes_is_kept(overlays, parent) ||
        maqet_overlays_children(overlays, parent->id, NULL) != 2)
        return;
    snapshot->moved_known = snapshot->used_known = false;
    for (size_t i = 1; i < overlays->count; i++)
        if (overlays->nodes[i].parent == parent->id && overlays->nodes[i].id != leaf->id)
            add_merge(costs, parent, &overlays->nodes[i], snapshot);
}

void
maqet_overlay_costs(const struct maqet_drive *drive, struct maqet_snapshots *snapshots)
{
    _cleanup_(costs_clear) struct costs costs = {.drive = drive};
    const struct maqet_overlays *overlays = drive->overlays;

    for (size_t i = 0; i < snapshots->count; i++) {
        struct maqet_snapshot *snapshot = snapshots->items[i];
        const struct maqet_overlay *node = node_of(overlays, snapshot);
        struct maqet_overlay *one = NULL;

        if (!node)
            continue;
        size_t children = maqet_overlays_children(overlays, node->id, &one);
        if (children == 0)
            add_leaf(&costs, node, snapshot);
        else if (children == 1)
            add_merge(&costs, node, one, snapshot);
        else
            snapshot->moved_known = true; /* nothing */
        snapshot->takes_known =
            snapshot->moved_known && (snapshot->moved == 0 || overlays->rate > 0);
        if (snapshot->takes_known && snapshot->moved > 0)
            snapshot->takes = (double)snapshot->moved * 1000 / (double)overlays->rate;
    }
}

bool
maqet_overlay_costs_added(const struct maqet_drive *drive, uint64_t goes, uint64_t stays,
                          uint64_t *bytes)
{
    _cleanup_(costs_clear) struct costs costs = {.drive = drive};
    uint64_t both;

    if (!held_by_both(&costs, goes, stays, &both))
        return false;
    const struct held *held = held_by(&costs, goes);
    *bytes = 0;
    for (size_t i = 0; i < held->count; i++)
        *bytes += held->ranges[i].end - held->ranges[i].begin;
    *bytes -= both;
    return true;
}
