/* SPDX-License-Identifier: MIT */
#include "core/snapshot/lineage.h"

#include <string.h>

#include "core/base/json.h"

struct lineage {
    json_object *table;
    json_object *there; /* {KEY: its index}, of those that are there */
    json_object *loops; /* {KEY: true}, of those in a loop */
    json_object
        *found; /* {KEY: index or -1}: what is next above it, of those looked for */
};

static void
set_number(json_object *object, const char *key, ssize_t number)
{
    json_object_object_add(object, key, json_object_new_int64(number));
}

static bool
get_number(json_object *object, const char *key, ssize_t *number)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value))
        return false;
    *number = (ssize_t)json_object_get_int64(value);
    return true;
}

/* ---- loops, which only a damaged file has ---- */

/* Follows the parents of @key, unless that was done before. Each walk has a number; one
 * that meets itself has found a loop. */
static void
walk(struct lineage *lineage, json_object *seen, const char *key, ssize_t number)
{
    ssize_t before = -1;

    while (key && !get_number(seen, key, &before)) {
        set_number(seen, key, number);
        key = maqet_json_text(lineage->table, key);
    }
    if (!key || before != number)
        return;
    for (const char *at = key; !json_object_object_get_ex(lineage->loops, at, NULL);
         at = maqet_json_text(lineage->table, at))
        set_number(lineage->loops, at, 1);
}

static void
find_loops(struct lineage *lineage)
{
    _cleanup_json_ json_object *seen = json_object_new_object();
    ssize_t number = 0;

    json_object_object_foreach(lineage->table, key, parent)
    {
        (void)parent;
        walk(lineage, seen, key, number++);
    }
}

/* ---- the next one above ---- */

/* From a loop nothing leads out: the first one of it that is there, beginning with @key.
 */
static ssize_t
first_of_loop(const struct lineage *lineage, const char *key)
{
    const char *at = key;
    ssize_t index;

    do {
        if (get_number(lineage->there, at, &index))
            return index;
        at = maqet_json_text(lineage->table, at);
    } while (strcmp(at, key) != 0);
    return -1;
}

/* Notes what is found for all keys on the way to it, so that no way is gone twice. */
static ssize_t
next_above(struct lineage *lineage, const char *key)
{
    _cleanup_strings_ struct maqet_strings way = MAQET_STRINGS_INIT;
    ssize_t index = -1;

    while (!get_number(lineage->found, key, &index)) {
        const char *parent = maqet_json_text(lineage->table, key);

        maqet_strings_add(&way, key);
        if (!parent || get_number(lineage->there, parent, &index))
            break;
        if (json_object_object_get_ex(lineage->loops, parent, NULL)) {
            index = first_of_loop(lineage, parent);
            break;
        }
        key = parent;
    }
    for (size_t i = 0; i < way.count; i++)
        set_number(lineage->found, way.items[i], index);
    return index;
}

void
maqet_lineage_find(json_object *table, const struct maqet_strings *keys, const char *now,
                   ssize_t *parents, ssize_t *at)
{
    _cleanup_json_ json_object *empty = json_object_new_object();
    _cleanup_json_ json_object *there = json_object_new_object();
    _cleanup_json_ json_object *loops = json_object_new_object();
    _cleanup_json_ json_object *found = json_object_new_object();
    struct lineage lineage = {
        .table = table ? table : empty, .there = there, .loops = loops, .found = found};

    /* Of several alike, which no format should have, the first counts. */
    for (size_t i = keys->count; i-- > 0;)
        set_number(there, keys->items[i], (ssize_t)i);
    find_loops(&lineage);
    for (size_t i = 0; i < keys->count; i++)
        parents[i] = json_object_object_get_ex(loops, keys->items[i], NULL)
                         ? -1
                         : next_above(&lineage, keys->items[i]);
    *at = -1;
    if (now && !get_number(there, now, at))
        *at = json_object_object_get_ex(loops, now, NULL) ? first_of_loop(&lineage, now)
                                                          : next_above(&lineage, now);
}
