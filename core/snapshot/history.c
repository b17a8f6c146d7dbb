/* SPDX-License-Identifier: MIT */
/*
 * snapshots.json: {"drives": {DRIVE: {"now": KEY, "parents": {KEY: KEY}, "names": {KEY:
 * NAME}, "untidy": true}}, "sets": {NAME: {DRIVE: KEY}}, "excluded": {NAME: [DRIVE]},
 * "making": {"name": NAME, "excluded": [DRIVE]}}. A KEY is a snapshot's id and date, so that
 * it does not match another program's snapshot of the same name, and renaming changes
 * nothing. In a set, "-KEY" is a snapshot that was deleted: a later one of its name does
 * not belong to the others.
 */
#include "core/snapshot/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/store.h"

struct maqet_history {
    char *path;
    json_object *root;
    struct maqet_error *unreadable; /* why the file could not be read, or NULL */
    bool damaged;                   /* the file was read, but is unusable */
};

/* ---- the file ---- */

/* What cannot be read may be intact, so it is kept: see maqet_history_check(). */
static void
read_root(struct maqet_history *history, const struct maqet_context *context,
          const char *vm)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *text = NULL;

    if (maqet_file_missing(history->path))
        return;
    if (maqet_file_read(history->path, MAQET_JSON_LIMIT, &text, NULL,
                        &history->unreadable) < 0) {
        maqet_error_wrap(&history->unreadable, "The snapshot history of VM '%s'", vm);
        return;
    }
    history->root = maqet_json_parse(text, history->path, &error);
    history->damaged = !json_object_is_type(history->root, json_type_object);
    if (history->damaged)
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The snapshot history of VM '%s' is lost: %s", vm,
                          error ? error->message : history->path);
}

struct maqet_history *
maqet_history_load(const struct maqet_context *context, const char *vm)
{
    struct maqet_history *history = maqet_alloc(sizeof(*history));

    history->path = maqet_store_file(context, vm, MAQET_STORE_SNAPSHOTS);
    read_root(history, context, vm);
    if (!json_object_is_type(history->root, json_type_object)) {
        json_object_put(history->root);
        history->root = json_object_new_object();
    }
    return history;
}

void
maqet_history_cleanup(struct maqet_history **history)
{
    if (!*history)
        return;
    json_object_put((*history)->root);
    maqet_error_free((*history)->unreadable);
    free((*history)->path);
    free(*history);
}

int
maqet_history_check(const struct maqet_history *history, struct maqet_error **err)
{
    return history->unreadable ? maqet_error_copy(err, history->unreadable) : 0;
}

int
maqet_history_save(struct maqet_history *history, struct maqet_error **err)
{
    if (maqet_history_check(history, err) < 0)
        return -1;
    if (history->damaged) {
        _cleanup_free_ char *kept = maqet_format("%s" MAQET_STORE_DAMAGED, history->path);

        if (rename(history->path, kept) < 0 && errno != ENOENT)
            return maqet_error_errno(err, errno, "Cannot save the damaged %s",
                                     history->path);
        history->damaged = false;
    }
    return maqet_json_write(history->path, history->root, err);
}

/* ---- its parts ---- */

/* The object under a key; NULL: there is none. */
static json_object *
find_object(json_object *object, const char *key)
{
    json_object *value = json_object_object_get(object, key);

    return json_object_is_type(value, json_type_object) ? value : NULL;
}

/* The same, but a missing one is created. */
static json_object *
make_object(json_object *object, const char *key)
{
    json_object *value = find_object(object, key);

    if (!value) {
        value = json_object_new_object();
        json_object_object_add(object, key, value);
    }
    return value;
}

static json_object *
find_drive(const struct maqet_history *history, const char *drive)
{
    return find_object(find_object(history->root, "drives"), drive);
}

static json_object *
make_drive(const struct maqet_history *history, const char *drive)
{
    return make_object(make_object(history->root, "drives"), drive);
}

static json_object *
find_set(const struct maqet_history *history, const char *name)
{
    return find_object(find_object(history->root, "sets"), name);
}

static void
set_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text ? json_object_new_string(text) : NULL);
}

static void
remove_key(json_object *object, const char *key)
{
    if (object)
        json_object_object_del(object, key);
}

char *
maqet_history_key(const struct maqet_snapshot *snapshot)
{
    return maqet_format("%s@%" PRId64 ".%09" PRIu32, snapshot->id, snapshot->seconds,
                        snapshot->nanoseconds);
}

/* ---- parents ---- */

void
maqet_history_created(struct maqet_history *history, const char *drive,
                      const struct maqet_snapshot *snapshot)
{
    json_object *entry = make_drive(history, drive);
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    /* A recovery notes it once more. */
    if (maqet_json_is(entry, "now", key))
        return;
    set_text(make_object(entry, "parents"), key, maqet_json_text(entry, "now"));
    set_text(entry, "now", key);
}

void
maqet_history_loaded(struct maqet_history *history, const char *drive,
                     const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    set_text(make_drive(history, drive), "now", key);
}

/* Marks a snapshot of a set as deleted. Returns whether all of the set are. */
static bool
remove_from_set(json_object *set, const char *drive, const char *key)
{
    if (!maqet_json_is(set, drive, key))
        return false;
    _cleanup_free_ char *removed = maqet_format("-%s", key);
    set_text(set, drive, removed);
    json_object_object_foreach(set, other, value)
    {
        const char *text = maqet_json_text(set, other);

        (void)value;
        if (text && text[0] != '-')
            return false;
    }
    return true;
}

/* A snapshot belongs to one set at most. */
static void
remove_from_sets(struct maqet_history *history, const char *drive, const char *key)
{
    json_object *sets = find_object(history->root, "sets");

    if (!sets)
        return;
    json_object_object_foreach(sets, name, set)
    {
        if (!remove_from_set(set, drive, key))
            continue;
        json_object_object_del(sets, name);
        return;
    }
}

/* Its children become those of its parent. */
void
maqet_history_removed(struct maqet_history *history, const char *drive,
                      const struct maqet_snapshot *snapshot)
{
    json_object *entry = make_drive(history, drive);
    json_object *parents = make_object(entry, "parents");
    _cleanup_free_ char *key = maqet_history_key(snapshot);
    _cleanup_free_ char *parent = maqet_strdup(maqet_json_text(parents, key));

    json_object_object_foreach(parents, child, of)
    {
        if (of && strcmp(json_object_get_string(of), key) == 0)
            set_text(parents, child, parent);
    }
    json_object_object_del(parents, key);
    if (maqet_json_is(entry, "now", key))
        set_text(entry, "now", parent);
    remove_from_sets(history, drive, key);
}

/* Notes an index under a key. */
static void
set_index(json_object *object, const char *key, ssize_t index)
{
    json_object_object_add(object, key, json_object_new_int64(index));
}

static bool
get_index(json_object *object, const char *key, ssize_t *index)
{
    json_object *value = NULL;

    if (!json_object_object_get_ex(object, key, &value))
        return false;
    *index = (ssize_t)json_object_get_int64(value);
    return true;
}

/* The index of the nearest ancestor that exists, or -1. The result is noted in @found for
 * all keys in between, so that each is visited once, and a loop ends where it began. */
static ssize_t
find_ancestor(json_object *parents, json_object *existing, json_object *found,
              const char *key)
{
    _cleanup_strings_ struct maqet_strings visited = MAQET_STRINGS_INIT;
    ssize_t index = -1;

    while (key && !get_index(found, key, &index)) {
        maqet_strings_add(&visited, key);
        set_index(found, key, -1);
        key = maqet_json_text(parents, key);
        if (key && get_index(existing, key, &index))
            break;
    }
    for (size_t i = 0; i < visited.count; i++)
        set_index(found, visited.items[i], index);
    return index;
}

/* Nothing hangs from a root in a loop, which only a damaged file has: its members get no
 * parent. */
static void
break_loops(ssize_t *parents, size_t count)
{
    _cleanup_free_ size_t *walks = maqet_alloc(count * sizeof(*walks) + 1);

    for (size_t walk = 1; walk <= count; walk++) {
        ssize_t at = (ssize_t)walk - 1;

        for (; at >= 0 && walks[at] == 0; at = parents[at])
            walks[at] = walk;
        /* One that meets itself has found a loop. */
        while (at >= 0 && walks[at] == walk) {
            ssize_t parent = parents[at];

            parents[at] = -1;
            at = parent;
        }
    }
}

void
maqet_history_parents(const struct maqet_history *history, const char *drive,
                      const struct maqet_snapshots *snapshots, ssize_t *parents,
                      ssize_t *now)
{
    json_object *entry = find_drive(history, drive);
    json_object *table = find_object(entry, "parents");
    const char *present = maqet_json_text(entry, "now");
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *existing = json_object_new_object();
    _cleanup_json_ json_object *found = json_object_new_object();

    for (size_t i = 0; i < snapshots->count; i++)
        maqet_strings_take(&keys, maqet_history_key(snapshots->items[i]));
    /* Of equal ones, which no format should have, the first counts. */
    for (size_t i = keys.count; i-- > 0;)
        set_index(existing, keys.items[i], (ssize_t)i);
    for (size_t i = 0; i < keys.count; i++)
        parents[i] = find_ancestor(table, existing, found, keys.items[i]);
    break_loops(parents, keys.count);
    *now = -1;
    if (present && !get_index(existing, present, now))
        *now = find_ancestor(table, existing, found, present);
}

/* ---- sets ---- */

void
maqet_history_set_begin(struct maqet_history *history, const char *name,
                        const struct maqet_strings *excluded)
{
    if (excluded)
        json_object_object_add(history->root, "making",
                               maqet_json_object("name", json_object_new_string(name),
                                                 "excluded",
                                                 maqet_strings_to_json(excluded), NULL));
    else
        json_object_object_del(history->root, "making");
}

bool
maqet_history_set_begun(const struct maqet_history *history, const char *name)
{
    return maqet_json_is(find_object(history->root, "making"), "name", name);
}

void
maqet_history_set_add(struct maqet_history *history, const char *name, bool first,
                      const char *drive, const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    /* A recovery notes the same set once more. */
    if (first && !maqet_history_in_set(history, name, drive, snapshot))
        maqet_history_set_forget(history, name);
    set_text(make_object(make_object(history->root, "sets"), name), drive, key);
}

void
maqet_history_set_end(struct maqet_history *history, const char *name)
{
    if (!maqet_history_set_begun(history, name))
        return;
    json_object *names =
        json_object_object_get(find_object(history->root, "making"), "excluded");
    if (names)
        json_object_object_add(make_object(history->root, "excluded"), name,
                               json_object_get(names));
    json_object_object_del(history->root, "making");
}

void
maqet_history_set_forget(struct maqet_history *history, const char *name)
{
    remove_key(find_object(history->root, "sets"), name);
    remove_key(find_object(history->root, "excluded"), name);
}

void
maqet_history_set_drives(const struct maqet_history *history, const char *name,
                         struct maqet_strings *drives)
{
    json_object *set = find_set(history, name);

    if (!set)
        return;
    json_object_object_foreach(set, drive, key)
    {
        if (key)
            maqet_strings_add(drives, drive);
    }
}

void
maqet_history_set_excluded(const struct maqet_history *history, const char *name,
                           struct maqet_strings *excluded)
{
    maqet_json_texts(json_object_object_get(find_object(history->root, "excluded"), name),
                     excluded);
}

bool
maqet_history_in_set(const struct maqet_history *history, const char *name,
                     const char *drive, const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    return maqet_json_is(find_set(history, name), drive, key);
}

bool
maqet_history_set_date(const struct maqet_history *history, const char *name,
                       const char *drive, struct maqet_snapshot *then)
{
    const char *key = maqet_json_text(find_set(history, name), drive);
    const char *date = key ? strrchr(key, '@') : NULL;

    return date &&
           sscanf(date, "@%" SCNd64 ".%" SCNu32, &then->seconds, &then->nanoseconds) == 2;
}

/* ---- deferred work ---- */

void
maqet_history_alias_set(struct maqet_history *history, const char *drive,
                        const struct maqet_snapshot *snapshot, const char *name)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    if (name)
        set_text(make_object(make_drive(history, drive), "names"), key, name);
    else
        remove_key(find_object(find_drive(history, drive), "names"), key);
}

const char *
maqet_history_alias(const struct maqet_history *history, const char *drive,
                    const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = maqet_history_key(snapshot);

    return maqet_json_text(find_object(find_drive(history, drive), "names"), key);
}

bool
maqet_history_has_alias(const struct maqet_history *history, const char *drive)
{
    json_object *names = find_object(find_drive(history, drive), "names");

    return names && json_object_object_length(names) > 0;
}

void
maqet_history_untidy_set(struct maqet_history *history, const char *drive, bool untidy)
{
    if (untidy)
        json_object_object_add(make_drive(history, drive), "untidy",
                               json_object_new_boolean(true));
    else
        remove_key(find_drive(history, drive), "untidy");
}

bool
maqet_history_untidy(const struct maqet_history *history, const char *drive)
{
    return json_object_get_boolean(
        json_object_object_get(find_drive(history, drive), "untidy"));
}
