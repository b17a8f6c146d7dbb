/* SPDX-License-Identifier: MIT */
#include "core/snapshot/history_keys.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/store.h"

#define VALUE(member) MAQET_FIELD(struct maqet_history_keys, member)

const struct maqet_fields maqet_history_keys_fields = MAQET_FIELDS_OF(
    struct maqet_history_keys, {"before", VALUE(before)}, {"after", VALUE(after)});

struct change {
    const struct maqet_history_keys *keys;
    size_t count;
};

/* The key that a snapshot has now; one that is not converted keeps its own. */
static const char *
now(const struct change *change, const char *key)
{
    for (size_t i = 0; i < change->count; i++)
        if (strcmp(change->keys[i].before, key) == 0)
            return change->keys[i].after;
    return key;
}

/* The value of a key, which is null for a snapshot without a parent. */
static json_object *
changed(const struct change *change, json_object *value)
{
    const char *key = json_object_is_type(value, json_type_string)
                          ? json_object_get_string(value)
                          : NULL;

    return key ? json_object_new_string(now(change, key)) : NULL;
}

static void
change_drive(const struct change *change, json_object *drive)
{
    json_object *parents = json_object_object_get(drive, "parents");
    json_object *table = json_object_new_object();

    if (json_object_is_type(parents, json_type_object)) {
        json_object_object_foreach(parents, key, parent)
        {
            json_object_object_add(table, now(change, key), changed(change, parent));
        }
    }
    json_object_object_add(drive, "parents", table);
    json_object_object_add(drive, "now",
                           changed(change, json_object_object_get(drive, "now")));
    json_object_object_del(drive, "names");
    json_object_object_del(drive, "untidy");
}

/* "-KEY" is a snapshot of the set that was deleted. */
static void
change_set(const struct change *change, json_object *set, const char *drive)
{
    const char *key =
        json_object_is_type(set, json_type_object) ? maqet_json_text(set, drive) : NULL;

    if (key && key[0] != '-')
        json_object_object_add(set, drive, json_object_new_string(now(change, key)));
}

static void
change_sets(const struct change *change, json_object *sets, const char *drive)
{
    if (!json_object_is_type(sets, json_type_object))
        return;
    json_object_object_foreach(sets, name, set)
    {
        (void)name;
        change_set(change, set, drive);
    }
}

int
maqet_history_change_keys(const struct maqet_context *context, const char *vm,
                          const char *drive, const struct maqet_history_keys *keys,
                          size_t count, int64_t mark, struct maqet_error **err)
{
    const struct change change = {.keys = keys, .count = count};
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_SNAPSHOTS);
    _cleanup_json_ json_object *root =
        maqet_file_missing(path) ? json_object_new_object() : maqet_json_read(path, err);

    if (!root)
        return -1;
    json_object *drives = json_object_object_get(root, "drives");
    json_object *entry = json_object_is_type(drives, json_type_object)
                             ? json_object_object_get(drives, drive)
                             : NULL;
    if (!json_object_is_type(entry, json_type_object) ||
        maqet_json_int(entry, "converted") == mark)
        return 0;
    json_object_object_add(entry, "converted", json_object_new_int64(mark));
    change_drive(&change, entry);
    change_sets(&change, json_object_object_get(root, "sets"), drive);
    return maqet_json_write(path, root, err);
}
