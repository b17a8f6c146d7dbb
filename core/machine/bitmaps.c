/* SPDX-License-Identifier: MIT */
#include "core/machine/bitmaps.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/monitor.h"

#define PREFIX "maqet-"

/* Of how many other chains a bitmap is kept. */
enum { OTHERS_MAX = 3 };

enum { ID_LENGTH = 16 };

char *
maqet_bitmap_name(const char *chain, const char *id, const char *drive)
{
    return maqet_format(PREFIX "%s-%s-%s", chain, id, drive);
}

/* The list of the bitmaps of a node; NULL: it has none. */
static json_object *
bitmaps_of(json_object *node)
{
    json_object *list = json_object_object_get(node, "dirty-bitmaps");

    return json_object_is_type(list, json_type_array) ? list : NULL;
}

static json_object *
find(json_object *node, const char *name)
{
    json_object *list = bitmaps_of(node);

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (maqet_json_is(json_object_array_get_idx(list, i), "name", name))
            return json_object_array_get_idx(list, i);
    return NULL;
}

static bool
is_set(json_object *bitmap, const char *key)
{
    return json_object_get_boolean(json_object_object_get(bitmap, key));
}

/* A bitmap that is at another node is in a file below the one that is written to now. */
static bool
is_elsewhere(json_object *nodes, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(nodes); i++)
        if (find(json_object_array_get_idx(nodes, i), name))
            return true;
    return false;
}

bool
maqet_bitmap_is_usable(json_object *nodes, const char *node, const char *name, char **why)
{
    json_object *bitmap = find(maqet_monitor_find_node(nodes, node), name);
    const char *reason = NULL;

    if (maqet_bitmap_is_excluded(nodes, node))
        reason = "there are snapshots in its image";
    else if (!bitmap)
        reason =
            is_elsewhere(nodes, name)
                ? "a snapshot was created since, and so another file is written to"
                : "its image does not say what was written to it since: QEMU was killed, or "
                  "it was reverted to a snapshot or replaced";
    else if (is_set(bitmap, "inconsistent"))
        reason = "QEMU was killed since, so what was written is not known";
    else if (is_set(bitmap, "busy"))
        reason = "something else uses the list of what was written since";
    else if (!is_set(bitmap, "recording"))
        reason = "something else has stopped recording what is written";
    *why = maqet_strdup(reason);
    return !reason;
}

bool
maqet_bitmap_is_excluded(json_object *nodes, const char *node)
{
    json_object *image =
        json_object_object_get(maqet_monitor_find_node(nodes, node), "image");
    json_object *snapshots = json_object_object_get(image, "snapshots");

    return json_object_is_type(snapshots, json_type_array) &&
           json_object_array_length(snapshots) > 0;
}

bool
maqet_bitmap_add(struct maqet_opened *machine, const char *node, const char *name)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(machine, "block-dirty-bitmap-add",
                           maqet_json_object("node", json_object_new_string(node), "name",
                                             json_object_new_string(name), "persistent",
                                             json_object_new_boolean(true), NULL),
                           NULL);

    return answer != NULL;
}

void
maqet_bitmap_remove(struct maqet_opened *machine, const char *node, const char *name)
{
    json_object_put(
        maqet_monitor_work(machine, "block-dirty-bitmap-remove",
                           maqet_json_object("node", json_object_new_string(node), "name",
                                             json_object_new_string(name), NULL),
                           NULL));
}

/* ---- sweeping ---- */

/* The ID in the name of a bitmap of ours; NULL: it is none. */
static const char *
id_in(const char *name)
{
    const char *dash =
        maqet_text_starts(name, PREFIX) ? strchr(name + strlen(PREFIX), '-') : NULL;

    return dash && strlen(dash) > ID_LENGTH && dash[1 + ID_LENGTH] == '-' ? dash + 1
                                                                          : NULL;
}

/* Appends the names of others as "ID NAME", so that the oldest one comes first. */
static void
sort_out(json_object *node, const char *chain, const char *kept,
         struct maqet_strings *superfluous, struct maqet_strings *others)
{
    _cleanup_free_ char *own = maqet_format(PREFIX "%s-", chain);
    json_object *list = bitmaps_of(node);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const char *name = maqet_json_text(json_object_array_get_idx(list, i), "name");

        if (!name || !id_in(name) || (kept && strcmp(name, kept) == 0))
            continue;
        if (maqet_text_starts(name, own))
            maqet_strings_add(superfluous, name);
        else
            maqet_strings_addf(others, "%.16s %s", id_in(name), name);
    }
    maqet_strings_sort(others);
    for (size_t i = 0; i + OTHERS_MAX < others->count; i++)
        maqet_strings_add(superfluous, strchr(others->items[i], ' ') + 1);
}

void
maqet_bitmaps_sweep(struct maqet_opened *machine, json_object *nodes, const char *node,
                    const char *chain, const char *kept)
{
    _cleanup_strings_ struct maqet_strings superfluous = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;

    sort_out(maqet_monitor_find_node(nodes, node), chain, kept, &superfluous, &others);
    for (size_t i = 0; i < superfluous.count; i++)
        maqet_bitmap_remove(machine, node, superfluous.items[i]);
}

int
maqet_bitmaps_give_up(struct maqet_opened *machine, const char *const *nodes,
                      size_t count, struct maqet_error **err)
{
    _cleanup_json_ json_object *list = maqet_monitor_nodes(machine, err);

    for (size_t i = 0; list && i < count; i++) {
        json_object *bitmaps = bitmaps_of(maqet_monitor_find_node(list, nodes[i]));

        for (size_t j = 0; bitmaps && j < json_object_array_length(bitmaps); j++) {
            json_object *bitmap = json_object_array_get_idx(bitmaps, j);
            const char *name = maqet_json_text(bitmap, "name");

            if (name && id_in(name))
                maqet_bitmap_remove(machine, nodes[i], name);
        }
    }
    return list ? 0 : -1;
}
