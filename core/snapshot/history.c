/* SPDX-License-Identifier: MIT */
/*
 * snapshots.json: {"drives": {DRIVE: {"now": KEY, "parents": {KEY: KEY}, "names": {KEY:
 * NAME}, "untidy": true}}, "sets": {NAME: {DRIVE: KEY}}, "excluded": {NAME: [DRIVE]},
 * "making": {"name": NAME, "excluded": [DRIVE]}}. A KEY is a snapshot's id and
 * date, so that another program's snapshot of the same name is not taken for it, and a
 * new name changes nothing. In a set, "-KEY" is one that was removed: a later one of that
 * name does not belong to the others.
 */
#include "core/snapshot/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/machine/store.h"
#include "core/snapshot/lineage.h"

struct maqet_history {
    char *path;
    json_object *root;
    struct maqet_error *unreadable; /* why what is there could not be read, or NULL */
    bool damaged;                   /* what is there was read, and is of no use */
};

/* The same without making it: NULL where there is none. */
static json_object *
look_up(json_object *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, json_type_object) ? value : NULL;
}

static json_object *
look_up_drive(const struct maqet_history *history, const char *drive)
{
    return look_up(look_up(history->root, "drives"), drive);
}

static char *
key_of(const struct maqet_snapshot *snapshot)
{
    return maqet_format("%s@%" PRId64 ".%09" PRIu32, snapshot->id, snapshot->seconds,
                        snapshot->nanoseconds);
}

/* An object's member that is an object; made when it is missing. */
static json_object *
member(json_object *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    if (!json_object_is_type(value, json_type_object)) {
        value = json_object_new_object();
        json_object_object_add(object, name, value);
    }
    return value;
}

static json_object *
drive_of(const struct maqet_history *history, const char *drive)
{
    return member(member(history->root, "drives"), drive);
}

/* What could not be read may be as good as ever: it is kept, see maqet_history_check().
 */
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

int
maqet_history_check(const struct maqet_history *history, struct maqet_error **err)
{
    return history->unreadable ? maqet_error_copy(err, history->unreadable) : 0;
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

/* ---- what happened ---- */

static void
set_text(json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, text ? json_object_new_string(text) : NULL);
}

void
maqet_history_created(struct maqet_history *history, const char *drive,
                      const struct maqet_snapshot *snapshot)
{
    json_object *entry = drive_of(history, drive);
    _cleanup_free_ char *key = key_of(snapshot);
    _cleanup_free_ char *before = maqet_strdup(maqet_json_text(entry, "now"));

    if (before && strcmp(before, key) == 0)
        return; /* told twice */
    set_text(member(entry, "parents"), key, before);
    set_text(entry, "now", key);
}

void
maqet_history_loaded(struct maqet_history *history, const char *drive,
                     const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = key_of(snapshot);

    set_text(drive_of(history, drive), "now", key);
}

/* Marks a member of a set as removed; returns whether all of them are by now. */
static bool
remove_from_set(json_object *set, const char *drive, const char *key)
{
    const char *known = maqet_json_text(set, drive);

    if (!known || strcmp(known, key) != 0)
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

static void
remove_from_sets(struct maqet_history *history, const char *drive, const char *key)
{
    json_object *sets = look_up(history->root, "sets");

    if (!sets)
        return;
    struct json_object_iterator at = json_object_iter_begin(sets);
    struct json_object_iterator end = json_object_iter_end(sets);
    const char *over = NULL;

    for (; !over && !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        const char *name = json_object_iter_peek_name(&at);

        if (remove_from_set(look_up(sets, name), drive, key))
            over = name;
    }
    /* A snapshot belongs to one set at most. */
    if (over)
        json_object_object_del(sets, over);
}

/* Its children become those of its parent. */
void
maqet_history_removed(struct maqet_history *history, const char *drive,
                      const struct maqet_snapshot *snapshot)
{
    json_object *entry = drive_of(history, drive);
    json_object *parents = member(entry, "parents");
    _cleanup_free_ char *key = key_of(snapshot);
    _cleanup_free_ char *parent = maqet_strdup(maqet_json_text(parents, key));
    const char *now = maqet_json_text(entry, "now");

    json_object_object_foreach(parents, child, of)
    {
        if (of && strcmp(json_object_get_string(of), key) == 0)
            set_text(parents, child, parent);
    }
    json_object_object_del(parents, key);
    if (now && strcmp(now, key) == 0)
        set_text(entry, "now", parent);
    remove_from_sets(history, drive, key);
}

/* What a part of the whole says of a set. */
static void
forget(struct maqet_history *history, const char *part, const char *name)
{
    json_object *object = look_up(history->root, part);

    if (object)
        json_object_object_del(object, name);
}

void
maqet_history_set_forget(struct maqet_history *history, const char *name)
{
    forget(history, "sets", name);
    forget(history, "excluded", name);
}

void
maqet_history_set_add(struct maqet_history *history, const char *name, bool first,
                      const char *drive, const struct maqet_snapshot *snapshot)
{
    json_object *sets = member(history->root, "sets");
    _cleanup_free_ char *key = key_of(snapshot);

    /* Told twice, it is the same set, made without the same. */
    if (first && !maqet_history_in_set(history, name, drive, snapshot))
        maqet_history_set_forget(history, name);
    set_text(member(sets, name), drive, key);
}

void
maqet_history_set_begin(struct maqet_history *history, const char *name,
                        const struct maqet_strings *excluded)
{
    json_object_object_del(history->root, "making");
    if (!excluded)
        return;
    json_object *making = member(history->root, "making");
    json_object *names = json_object_new_array();
    for (size_t i = 0; i < excluded->count; i++)
        json_object_array_add(names, json_object_new_string(excluded->items[i]));
    set_text(making, "name", name);
    json_object_object_add(making, "excluded", names);
}

bool
maqet_history_set_begun(const struct maqet_history *history, const char *name)
{
    const char *making = maqet_json_text(look_up(history->root, "making"), "name");

    return making && strcmp(making, name) == 0;
}

void
maqet_history_set_end(struct maqet_history *history, const char *name)
{
    json_object *names = NULL;

    if (!maqet_history_set_begun(history, name))
        return;
    json_object_object_get_ex(look_up(history->root, "making"), "excluded", &names);
    if (names)
        json_object_object_add(member(history->root, "excluded"), name,
                               json_object_get(names));
    json_object_object_del(history->root, "making");
}

void
maqet_history_set_drives(const struct maqet_history *history, const char *name,
                         struct maqet_strings *drives)
{
    json_object *set = look_up(look_up(history->root, "sets"), name);

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
    json_object *names = NULL;

    json_object_object_get_ex(look_up(history->root, "excluded"), name, &names);
    maqet_json_texts(names, excluded);
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

/* ---- what is known ---- */

void
maqet_history_parents(const struct maqet_history *history, const char *drive,
                      const struct maqet_snapshots *snapshots, ssize_t *parents,
                      ssize_t *now)
{
    json_object *entry = look_up_drive(history, drive);
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < snapshots->count; i++)
        maqet_strings_take(&keys, key_of(snapshots->items[i]));
    maqet_lineage_find(look_up(entry, "parents"), &keys, maqet_json_text(entry, "now"),
                       parents, now);
}

bool
maqet_history_in_set(const struct maqet_history *history, const char *name,
                     const char *drive, const struct maqet_snapshot *snapshot)
{
    json_object *set = look_up(look_up(history->root, "sets"), name);
    _cleanup_free_ char *key = key_of(snapshot);
    const char *known = maqet_json_text(set, drive);

    return known && strcmp(known, key) == 0;
}

bool
maqet_history_set_date(const struct maqet_history *history, const char *name,
                       const char *drive, int64_t *seconds, uint32_t *nanoseconds)
{
    json_object *set = look_up(look_up(history->root, "sets"), name);
    const char *known = maqet_json_text(set, drive);
    const char *date = known ? strrchr(known, '@') : NULL;

    return date && sscanf(date, "@%" SCNd64 ".%" SCNu32, seconds, nanoseconds) == 2;
}

/* ---- other names ---- */

void
maqet_history_alias_set(struct maqet_history *history, const char *drive,
                        const struct maqet_snapshot *snapshot, const char *name)
{
    _cleanup_free_ char *key = key_of(snapshot);
    json_object *names = look_up(look_up_drive(history, drive), "names");

    if (name)
        set_text(member(drive_of(history, drive), "names"), key, name);
    else if (names)
        json_object_object_del(names, key);
}

const char *
maqet_history_alias(const struct maqet_history *history, const char *drive,
                    const struct maqet_snapshot *snapshot)
{
    _cleanup_free_ char *key = key_of(snapshot);

    return maqet_json_text(look_up(look_up_drive(history, drive), "names"), key);
}

bool
maqet_history_has_alias(const struct maqet_history *history, const char *drive)
{
    json_object *names = look_up(look_up_drive(history, drive), "names");

    return names && json_object_object_length(names) > 0;
}

/* ---- what is left to do ---- */

void
maqet_history_untidy_set(struct maqet_history *history, const char *drive, bool untidy)
{
    if (untidy)
        json_object_object_add(drive_of(history, drive), "untidy",
                               json_object_new_boolean(true));
    else if (maqet_history_untidy(history, drive))
        json_object_object_del(drive_of(history, drive), "untidy");
}

bool
maqet_history_untidy(const struct maqet_history *history, const char *drive)
{
    json_object *value = NULL;

    json_object_object_get_ex(look_up_drive(history, drive), "untidy", &value);
    return json_object_get_boolean(value);
}
