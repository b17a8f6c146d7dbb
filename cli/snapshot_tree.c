/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_tree.h"

#include <string.h>

#include "cli/snapshots.h"

/* Deeper than this, lines are not indented any further: a tree of many snapshots, each on
 * top of the last one, would be all indentation. */
enum { INDENT_MAX = 40 };

/* A drive with its snapshots, each of which says which one is above it. */
struct tree_drive {
    const char *drive;
    struct snapshot_rows rows;
    int64_t now; /* the one that the present state came of; -1: not known */
};

struct tree {
    const char *vm;
    struct tree_drive *drives;
    size_t count;
};

/* The tree of one drive, as it is written from top to bottom. */
struct branches {
    const struct tree_drive *drive;
    ssize_t
        *first;    /* of each, and of none (-1) before them, the first one on top of it */
    ssize_t *next; /* of each, the next one on top of the same */
    struct maqet_text indent;
    size_t depth;
};

static struct branches
branches_new(const struct tree_drive *drive)
{
    size_t count = drive->rows.count;
    struct branches branches = {.drive = drive, .indent = MAQET_TEXT_INIT};

    branches.first = maqet_alloc((count + 1) * sizeof(ssize_t));
    branches.next = maqet_alloc(count * sizeof(ssize_t) + 1);
    for (size_t i = 0; i <= count; i++)
        branches.first[i] = -1;
    for (size_t i = count; i-- > 0;) {
        ssize_t *first = &branches.first[drive->rows.items[i].above + 1];

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
    const struct tree_drive *drive = branches->drive;

    return branches->next[index] < 0 && drive->now != drive->rows.items[index].above;
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
    const struct snapshot_row *row = &branches->drive->rows.items[index];

    append_line(text, branches, is_last(branches, index), row->name);
    maqet_text_append(text, " (");
    snapshot_row_facts(text, row);
    maqet_text_append(text, row->in_set ? ", set)\n" : ")\n");
}

/* Without recursion: it may be as deep as there are snapshots. */
static void
append_tree(struct maqet_text *text, const struct tree_drive *drive)
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
        parent = drive->rows.items[parent].above;
    }
}

static char *
tree_text(const void *row)
{
    const struct tree *tree = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < tree->count; i++) {
        maqet_text_appendf(&text, "%s\n", tree->drives[i].drive);
        append_tree(&text, &tree->drives[i]);
    }
    if (tree->count == 0)
        maqet_text_appendf(&text, "No drive on VM '%s' has snapshots.\n", tree->vm);
    return maqet_text_take(&text);
}

/* ---- the whole ---- */

static const struct maqet_fields node_fields = MAQET_FIELDS_OF(
    struct snapshot_row, {"name", MAQET_FIELD(struct snapshot_row, name)},
    {"date", MAQET_FIELD_DATE(struct snapshot_row, date), .optional = true},
    {"used", MAQET_FIELD(struct snapshot_row, used),
     .known = MAQET_KNOWN(struct snapshot_row, used_known)},
    {"vm_state", MAQET_FIELD(struct snapshot_row, vm_state),
     .known = MAQET_KNOWN(struct snapshot_row, has_memory)},
    {"set", MAQET_FIELD(struct snapshot_row, in_set)},
    {"above", MAQET_FIELD(struct snapshot_row, above)});

static const struct maqet_fields drive_fields =
    MAQET_FIELDS_OF(struct tree_drive, {"drive", MAQET_FIELD(struct tree_drive, drive)},
                    {"snapshots", MAQET_FIELD_LIST(struct tree_drive, rows.items,
                                                   rows.count, &node_fields)},
                    {"now", MAQET_FIELD(struct tree_drive, now)});

static const struct maqet_fields tree_fields = MAQET_FIELDS_OF(
    struct tree, {"vm", MAQET_FIELD(struct tree, vm)},
    {"drives", MAQET_FIELD_LIST(struct tree, drives, count, &drive_fields)});

static const struct view tree_view = {.table = {.fields = &tree_fields},
                                      .text = tree_text};

void
snapshot_tree_show(const struct output *output, const struct maqet_snapshot_list *list)
{
    struct tree tree = {.vm = list->vm, .count = list->count};

    tree.drives = maqet_alloc(list->count * sizeof(*tree.drives) + 1);
    for (size_t i = 0; i < list->count; i++) {
        tree.drives[i].drive = list->drives[i].drive;
        tree.drives[i].now = list->drives[i].now;
        snapshot_rows_add(&tree.drives[i].rows, &list->drives[i]);
    }
    output_result(output, &tree_view, &tree);
    for (size_t i = 0; i < list->count; i++)
        snapshot_rows_clear(&tree.drives[i].rows);
    free(tree.drives);
}
