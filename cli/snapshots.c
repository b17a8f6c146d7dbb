/* SPDX-License-Identifier: MIT */
#include "cli/snapshots.h"

#include <string.h>
#include <time.h>

#include "cli/fields.h"
#include "cli/terminal.h"
#include "core/base/text.h"

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

/* The row of a set that has one already. */
static json_object *
set_row(json_object *rows, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        json_object *row = json_object_array_get_idx(rows, i);

        if (json_object_get_boolean(json_object_object_get(row, "set")) &&
            strcmp(field_get(row, "name"), name) == 0)
            return row;
    }
    return NULL;
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
    json_object *rows = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *row = json_object_array_get_idx(all, i);
        json_object *set = json_object_get_boolean(json_object_object_get(row, "set"))
                               ? set_row(rows, field_get(row, "name"))
                               : NULL;

        /* The ids are each drive's own. */
        json_object_object_del(row, "id");
        if (set)
            join_set(set, row);
        else
            json_object_array_add(rows, json_object_get(row));
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
        _cleanup_free_ char *name = text_printable(field_get(row, "name"), "");

        maqet_text_appendf(&text, "- %s (", name);
        append_facts(&text, row);
        if (!drive)
            maqet_text_appendf(&text, ", %s", field_get(row, "drives"));
        maqet_text_append(&text, ")\n");
    }
    return maqet_text_take(&text);
}

/* ---- the tree ---- */

/* One line and, below it, those that came of it. @indent is what stands before each. */
static void append_branches(struct maqet_text *text, const struct maqet_drive_list *drive,
                            ssize_t parent, const char *indent);

static void
append_line(struct maqet_text *text, const char *indent, bool last, const char *words)
{
    maqet_text_appendf(text, "%s%s %s", indent, last ? "└─" : "├─", words);
}

static void
append_branch(struct maqet_text *text, const struct maqet_drive_list *drive, size_t index,
              bool last, const char *indent)
{
    _cleanup_json_ json_object *row = row_of(drive, index);
    _cleanup_free_ char *name = text_printable(drive->names[index], "");
    _cleanup_free_ char *deeper = maqet_format("%s%s", indent, last ? "   " : "│  ");

    append_line(text, indent, last, name);
    maqet_text_append(text, " (");
    append_facts(text, row);
    maqet_text_append(text, drive->in_set[index] ? ", set)\n" : ")\n");
    append_branches(text, drive, (ssize_t)index, deeper);
}

static void
append_branches(struct maqet_text *text, const struct maqet_drive_list *drive,
                ssize_t parent, const char *indent)
{
    bool now_here = drive->now == parent;
    size_t left = now_here ? 1 : 0;

    for (size_t i = 0; i < drive->snapshots.count; i++)
        left += drive->parents[i] == parent;
    for (size_t i = 0; i < drive->snapshots.count; i++)
        if (drive->parents[i] == parent)
            append_branch(text, drive, i, --left == 0, indent);
    if (now_here) {
        append_line(text, indent, true, "(now)");
        maqet_text_append(text, "\n");
    }
}

char *
snapshots_tree_text(const struct maqet_snapshot_list *list)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < list->count; i++) {
        maqet_text_appendf(&text, "%s\n", list->drives[i].drive);
        append_branches(&text, &list->drives[i], -1, "");
    }
    if (list->count == 0)
        maqet_text_appendf(&text, "No drive on VM '%s' has snapshots.\n", list->vm);
    return maqet_text_take(&text);
}
