/* SPDX-License-Identifier: MIT */
#include "cli/snapshots.h"

#include <string.h>
#include <time.h>

#include "cli/fields.h"
#include "core/base/printable.h"

const struct column snapshot_columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"drives", "DRIVES", COLUMN_TEXT},
    {"date", "DATE", COLUMN_TEXT},
    {"vm_clock", "VM CLOCK", COLUMN_DURATION},
    {"kind", "KIND", COLUMN_TEXT},
    {"parent", "PARENT", COLUMN_TEXT},
    {"used", "USED", COLUMN_BYTES},
    {"vm_state", "MEMORY", COLUMN_BYTES},
    {0},
};

/* ---- rows ---- */

static json_object *
row_of(const struct maqet_drive_list *drive, size_t index)
{
    const struct maqet_snapshot *snapshot = drive->snapshots.items[index];
    ssize_t parent = drive->parents[index];
    json_object *row = json_object_new_object();

    field_text(row, "name", drive->names[index]);
    field_text(row, "drives", drive->drive);
    field_text(row, "id", snapshot->id);
    field_date(row, "date", snapshot->seconds);
    json_object_object_add(row, "vm_clock",
                           json_object_new_double((double)snapshot->vm_clock / 1e9));
    field_text(row, "kind", snapshot->vm_state > 0 ? "disk+memory" : "disk");
    field_text(row, "parent", parent < 0 ? NULL : drive->names[parent]);
    field_number(row, "used", snapshot->used_known, snapshot->used);
    field_number(row, "vm_state", snapshot->vm_state > 0, snapshot->vm_state);
    field_number(row, "virtual_size", snapshot->virtual_size > 0, snapshot->virtual_size);
    json_object_object_add(row, "set", json_object_new_boolean(drive->in_set[index]));
    json_object_object_add(row, "now",
                           json_object_new_boolean((ssize_t)index == drive->now));
    return row;
}

json_object *
snapshots_rows(const struct maqet_snapshot_list *list)
{
    json_object *rows = json_object_new_array();

    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->drives[i].snapshots.count; j++)
            json_object_array_add(rows, row_of(&list->drives[i], j));
    return rows;
}

static void
add_number(json_object *row, const char *key, json_object *other)
{
    json_object *ours = json_object_object_get(row, key);
    json_object *theirs = json_object_object_get(other, key);

    /* Without one of them the sum is not known. */
    field_number(row, key, ours && theirs,
                 json_object_get_uint64(ours) + json_object_get_uint64(theirs));
}

static void
join_set(json_object *set, json_object *row)
{
    _cleanup_free_ char *drives =
        maqet_format("%s,%s", field_get(set, "drives"), field_get(row, "drives"));

    field_text(set, "drives", drives);
    add_number(set, "used", row);
    add_number(set, "virtual_size", row);
    if (json_object_object_get(row, "vm_state")) {
        json_object_object_add(set, "vm_state",
                               json_object_get(json_object_object_get(row, "vm_state")));
        field_text(set, "kind", "disk+memory");
    }
    if (!json_object_get_boolean(json_object_object_get(row, "now")))
        json_object_object_add(set, "now", json_object_new_boolean(false));
}

json_object *
snapshots_set_rows(const struct maqet_snapshot_list *list)
{
    _cleanup_json_ json_object *all = snapshots_rows(list);
    _cleanup_json_ json_object *sets = json_object_new_object(); /* by name */
    json_object *rows = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *row = json_object_array_get_idx(all, i);
        bool in_set = json_object_get_boolean(json_object_object_get(row, "set"));
        const char *name = field_get(row, "name");
        json_object *set = in_set ? json_object_object_get(sets, name) : NULL;

        /* The ids are each drive's own. */
        json_object_object_del(row, "id");
        if (set) {
            join_set(set, row);
            continue;
        }
        json_object_array_add(rows, json_object_get(row));
        if (in_set)
            json_object_object_add(sets, name, json_object_get(row));
    }
    return rows;
}

/* ---- what people read ---- */

/* "512.0MB, 2024-01-01 12:00:00" */
static void
append_facts(struct maqet_text *text, json_object *row)
{
    json_object *used = json_object_object_get(row, "used");
    json_object *memory = json_object_object_get(row, "vm_state");
    const char *date = field_get(row, "date");
    _cleanup_free_ char *size = used ? maqet_text_bytes(json_object_get_uint64(used))
                                     : maqet_strdup("size unknown");

    maqet_text_append(text, size);
    if (memory) {
        _cleanup_free_ char *state = maqet_text_bytes(json_object_get_uint64(memory));
        maqet_text_appendf(text, " + %s memory", state);
    }
    if (date)
        maqet_text_appendf(text, ", %.10s %.8s", date, date + 11);
}

char *
snapshots_text(const char *vm, const char *drive, json_object *rows)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t count = json_object_array_length(rows);

    if (drive)
        maqet_text_appendf(&text, "%s for drive '%s' on VM '%s'%s\n",
                           count > 0 ? "Snapshots" : "No snapshots", drive, vm,
                           count > 0 ? ":" : ".");
    else
        maqet_text_appendf(&text, "%s for all drives on VM '%s'%s\n",
                           count > 0 ? "Snapshots" : "No snapshots", vm,
                           count > 0 ? ":" : ".");
    for (size_t i = 0; i < count; i++) {
        json_object *row = json_object_array_get_idx(rows, i);

        maqet_text_appendf(&text, "- %s (", field_get(row, "name"));
        append_facts(&text, row);
        if (!drive)
            maqet_text_appendf(&text, ", %s", field_get(row, "drives"));
        maqet_text_append(&text, ")\n");
    }
    return maqet_text_take(&text);
}

/* ---- the tree ---- */

/* Deeper than this, lines are not indented any further: a tree of many snapshots, each on
 * top of the last one, would be all indentation. */
enum { INDENT_MAX = 40 };

/* The tree of one drive, as it is written from top to bottom. */
struct branches {
    const struct maqet_drive_list *drive;
    ssize_t
        *first;    /* of each, and of none (-1) before them, the first one on top of it */
    ssize_t *next; /* of each, the next one on top of the same */
    struct maqet_text indent;
    size_t depth;
};

static struct branches
branches_new(const struct maqet_drive_list *drive)
{
    size_t count = drive->snapshots.count;
    struct branches branches = {.drive = drive, .indent = MAQET_TEXT_INIT};

    branches.first = maqet_alloc((count + 1) * sizeof(ssize_t));
    branches.next = maqet_alloc(count * sizeof(ssize_t) + 1);
    for (size_t i = 0; i <= count; i++)
        branches.first[i] = -1;
    for (size_t i = count; i-- > 0;) {
        ssize_t *first = &branches.first[drive->parents[i] + 1];

        branches.next[i] = *first;
        *first = (ssize_t)i;
    }
    return branches;
}

static void
branches_clear(struct branches *branches)
{
    free(branches->first);
    free(branches->next);
    maqet_text_clear(&branches->indent);
}

/* Whether nothing more stands below it on its level; "(now)" is the last one. */
static bool
is_last(const struct branches *branches, ssize_t index)
{
    const struct maqet_drive_list *drive = branches->drive;

    return branches->next[index] < 0 && drive->now != drive->parents[index];
}

static const char *
indent_below(const struct branches *branches, ssize_t index)
{
    return is_last(branches, index) ? "   " : "│  ";
}

static void
enter_level(struct branches *branches, ssize_t index)
{
    if (branches->depth++ < INDENT_MAX)
        maqet_text_append(&branches->indent, indent_below(branches, index));
}

static void
leave_level(struct branches *branches, ssize_t index)
{
    if (--branches->depth >= INDENT_MAX)
        return;
    branches->indent.length -= strlen(indent_below(branches, index));
    branches->indent.data[branches->indent.length] = '\0';
}

static void
append_line(struct maqet_text *text, const struct branches *branches, bool last,
            const char *words)
{
    maqet_text_appendf(text, "%s%s %s",
                       branches->indent.data ? branches->indent.data : "",
                       last ? "└─" : "├─", words);
}

static void
append_snapshot(struct maqet_text *text, const struct branches *branches, ssize_t index)
{
    const struct maqet_drive_list *drive = branches->drive;
    _cleanup_json_ json_object *row = row_of(drive, (size_t)index);
    _cleanup_free_ char *name = maqet_text_printable(
        drive->names[index], strlen(drive->names[index]), MAQET_SHOWN_MAX);

    append_line(text, branches, is_last(branches, index), name);
    maqet_text_append(text, " (");
    append_facts(text, row);
    maqet_text_append(text, drive->in_set[index] ? ", set)\n" : ")\n");
}

/* Without recursion: it may be as deep as there are snapshots. */
static void
append_tree(struct maqet_text *text, const struct maqet_drive_list *drive)
{
    _cleanup_(branches_clear) struct branches branches = branches_new(drive);
    ssize_t parent = -1, at = branches.first[0];

    for (;;) {
        if (at >= 0) {
            append_snapshot(text, &branches, at);
            enter_level(&branches, at);
            parent = at;
            at = branches.first[at + 1];
            continue;
        }
        if (drive->now == parent) {
            append_line(text, &branches, true, "(now)");
            maqet_text_append(text, "\n");
        }
        if (parent < 0)
            return;
        leave_level(&branches, parent);
        at = branches.next[parent];
        parent = drive->parents[parent];
    }
}

char *
snapshots_tree_text(const struct maqet_snapshot_list *list)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < list->count; i++) {
        maqet_text_appendf(&text, "%s\n", list->drives[i].drive);
        append_tree(&text, &list->drives[i]);
    }
    if (list->count == 0)
        maqet_text_appendf(&text, "No drive on VM '%s' has snapshots.\n", list->vm);
    return maqet_text_take(&text);
}
