/* SPDX-License-Identifier: MIT */
#include "cli/snapshots.h"

#include <string.h>
#include <time.h>

#include "cli/terminal.h"

/* ---- fields ---- */

MAQET_WORDS(kind_word, "disk", "disk+memory")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct snapshot_row, MAQET_ROW(struct snapshot_row, name, "the snapshot's name"),
    MAQET_ROW(struct snapshot_row, drives,
              "the drives that have it, with a comma between two"),
    MAQET_ROW(struct snapshot_row, id,
              "its ID in the image; null in a list of all drives, where each has its own",
              .optional = true),
    {"date", MAQET_FIELD_DATE(struct snapshot_row, date), .optional = true,
     .help = "when it was created"},
    MAQET_ROW(struct snapshot_row, vm_clock, "how long the guest had been running",
              .unit = MAQET_UNIT_SECONDS),
    {"kind", MAQET_FIELD_CHOICE(struct snapshot_row, kind, kind_word),
     .help = "what it contains"},
    MAQET_ROW(struct snapshot_row, parent,
              "the snapshot that it was created from; null if that is not known",
              .optional = true),
    MAQET_ROW(struct snapshot_row, used, "what deleting it alone would free",
              .unit = MAQET_UNIT_BYTES,
              .known = MAQET_KNOWN(struct snapshot_row, used_known)),
    MAQET_ROW(struct snapshot_row, vm_state,
              "what the guest's memory takes in the image; null if it has none",
              .unit = MAQET_UNIT_BYTES,
              .known = MAQET_KNOWN(struct snapshot_row, has_memory), .title = "MEMORY"),
    MAQET_ROW(struct snapshot_row, virtual_size, "the size that the guest saw",
              .unit = MAQET_UNIT_BYTES,
              .known = MAQET_KNOWN(struct snapshot_row, size_known)),
    {"set", MAQET_FIELD(struct snapshot_row, in_set),
     .help = "whether it was created together with those of other drives"},
    MAQET_ROW(struct snapshot_row, now, "whether the present state is based on it"));

const struct view snapshots_view = {
    .table = {.fields = &fields,
              .columns = "name drives date vm_clock kind parent used vm_state"},
    .each = "snapshot",
};

/* ---- rows ---- */

void
snapshot_rows_clear(struct snapshot_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->items[i].drives);
    free(rows->items);
}

static struct snapshot_row
row_of(const struct maqet_drive_list *drive, size_t index)
{
    const struct maqet_snapshot *snapshot = drive->snapshots.items[index];
    ssize_t parent = drive->parents[index];

    return (struct snapshot_row){
        .name = drive->names[index],
        .drives = maqet_strdup(drive->drive),
        .id = snapshot->id,
        .date = snapshot->seconds,
        .vm_clock = (double)snapshot->vm_clock / 1e9,
        .kind = kind_word(snapshot->vm_state > 0),
        .parent = parent < 0 ? NULL : drive->names[parent],
        .above = parent,
        .used_known = snapshot->used_known,
        .used = snapshot->used,
        .has_memory = snapshot->vm_state > 0,
        .vm_state = snapshot->vm_state,
        .size_known = snapshot->virtual_size > 0,
        .virtual_size = snapshot->virtual_size,
        .in_set = drive->in_set[index],
        .now = (ssize_t)index == drive->now,
    };
}

void
snapshot_rows_add(struct snapshot_rows *rows, const struct maqet_drive_list *drive)
{
    size_t count = rows->count + drive->snapshots.count;

    rows->items = maqet_realloc(rows->items, count * sizeof(*rows->items));
    for (size_t i = 0; i < drive->snapshots.count; i++)
        rows->items[rows->count++] = row_of(drive, i);
}

void
snapshot_rows_all(struct snapshot_rows *rows, const struct maqet_snapshot_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        snapshot_rows_add(rows, &list->drives[i]);
}

/* Takes the row into that of its set. */
static void
join_set(struct snapshot_row *set, struct snapshot_row *row)
{
    char *drives = maqet_format("%s,%s", set->drives, row->drives);

    free(set->drives);
    free(row->drives);
    set->drives = drives;
    /* Without one of them the sum is not known. */
    set->used_known = set->used_known && row->used_known;
    set->used += row->used;
    set->size_known = set->size_known && row->size_known;
    set->virtual_size += row->virtual_size;
    if (row->has_memory) {
        set->has_memory = true;
        set->vm_state = row->vm_state;
        set->kind = row->kind;
    }
    set->now = set->now && row->now;
}

void
snapshot_rows_sets(struct snapshot_rows *rows, const struct maqet_snapshot_list *list)
{
    _cleanup_json_ json_object *sets = json_object_new_object(); /* name: index */
    size_t count = 0;

    snapshot_rows_all(rows, list);
    for (size_t i = 0; i < rows->count; i++) {
        struct snapshot_row *row = &rows->items[i];
        json_object *index = NULL;

        row->id = NULL;
        if (row->in_set && json_object_object_get_ex(sets, row->name, &index)) {
            join_set(&rows->items[json_object_get_int64(index)], row);
            continue;
        }
        if (row->in_set)
            json_object_object_add(sets, row->name,
                                   json_object_new_int64((int64_t)count));
        rows->items[count++] = *row;
    }
    rows->count = count;
}

/* ---- what people read ---- */

void
snapshot_row_facts(struct maqet_text *text, const struct snapshot_row *row)
{
    _cleanup_free_ char *size =
        row->used_known ? maqet_text_bytes(row->used) : maqet_strdup("size unknown");
    time_t moment = (time_t)row->date;
    char date[64];
    struct tm local;

    maqet_text_append(text, size);
    if (row->has_memory) {
        _cleanup_free_ char *state = maqet_text_bytes(row->vm_state);
        maqet_text_appendf(text, " + %s memory", state);
    }
    if (row->date != 0 && localtime_r(&moment, &local) &&
        strftime(date, sizeof(date), ", %Y-%m-%d %H:%M:%S", &local) > 0)
        maqet_text_append(text, date);
}

static char *
listing_text(const void *row)
{
    const struct snapshot_listing *listing = row;
    const struct snapshot_rows *list = &listing->rows;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, list->count > 0 ? "Snapshots for " : "No snapshots for ");
    if (listing->drive)
        maqet_text_appendf(&text, "drive '%s'", listing->drive);
    else
        maqet_text_append(&text, "all drives");
    maqet_text_appendf(&text, " on VM '%s'%s\n", listing->vm,
                       list->count > 0 ? ":" : ".");
    for (size_t i = 0; i < list->count; i++) {
        maqet_text_appendf(&text, "- %s (", list->items[i].name);
        snapshot_row_facts(&text, &list->items[i]);
        if (!listing->drive)
            maqet_text_appendf(&text, ", %s", list->items[i].drives);
        maqet_text_append(&text, ")\n");
    }
    return maqet_text_take(&text);
}

static const struct maqet_fields listing_fields = MAQET_FIELDS_OF(
    struct snapshot_listing, {"vm", MAQET_FIELD(struct snapshot_listing, vm)},
    {"drive", MAQET_FIELD(struct snapshot_listing, drive), .optional = true},
    {"snapshots",
     MAQET_FIELD_LIST(struct snapshot_listing, rows.items, rows.count, &fields)});

const struct view snapshot_listing_view = {.table = {.fields = &listing_fields},
                                           .text = listing_text};

/* ---- as a tree ---- */

/* Deeper than this, lines are not indented any further: a tree of many snapshots, each on
 * top of the last one, would be all indentation. */
enum { INDENT_MAX = 40 };

/* The tree of one drive, as it is written from top to bottom. */
struct branches {
    const struct snapshot_listing *drive;
    ssize_t
        *first;    /* of each, and of none (-1) before them, the first one on top of it */
    ssize_t *next; /* of each, the next one on top of the same */
    struct maqet_text indent;
    size_t depth;
};

static struct branches
branches_new(const struct snapshot_listing *drive)
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
    const struct snapshot_listing *drive = branches->drive;

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
append_tree(struct maqet_text *text, const struct snapshot_listing *drive)
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
    const struct snapshot_listing *tree = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s\n", tree->drive);
    append_tree(&text, tree);
    return maqet_text_take(&text);
}

static const struct maqet_fields node_fields = MAQET_FIELDS_OF(
    struct snapshot_row, {"name", MAQET_FIELD(struct snapshot_row, name)},
    {"date", MAQET_FIELD_DATE(struct snapshot_row, date), .optional = true},
    {"used", MAQET_FIELD(struct snapshot_row, used),
     .known = MAQET_KNOWN(struct snapshot_row, used_known)},
    {"vm_state", MAQET_FIELD(struct snapshot_row, vm_state),
     .known = MAQET_KNOWN(struct snapshot_row, has_memory)},
    {"set", MAQET_FIELD(struct snapshot_row, in_set)},
    {"above", MAQET_FIELD(struct snapshot_row, above)});

static const struct maqet_fields tree_fields = MAQET_FIELDS_OF(
    struct snapshot_listing, {"drive", MAQET_FIELD(struct snapshot_listing, drive)},
    {"snapshots",
     MAQET_FIELD_LIST(struct snapshot_listing, rows.items, rows.count, &node_fields)},
    {"now", MAQET_FIELD(struct snapshot_listing, now)});

static const struct view tree_view = {.table = {.fields = &tree_fields},
                                      .text = tree_text};

void
snapshot_tree_show(struct output *output, const struct maqet_snapshot_list *list)
{
    const struct snapshot_listing none = {.vm = list->vm};

    if (list->count == 0)
        output_result(output, &snapshot_listing_view, &none);
    for (size_t i = 0; i < list->count; i++) {
        struct snapshot_listing tree = {.drive = list->drives[i].drive,
                                        .now = list->drives[i].now};

        snapshot_rows_add(&tree.rows, &list->drives[i]);
        output_row(output, &tree_view, &tree);
        snapshot_rows_clear(&tree.rows);
    }
}

/* ---- loading ---- */

int
snapshot_confirm(const struct invocation *invocation, bool live, char *words,
                 struct maqet_error **err)
{
    maqet_context_say(&invocation->context, live ? MAQET_LEVEL_WARNING : MAQET_LEVEL_INFO,
                      "%s", words);
    free(words);
    if (invocation_has(invocation, "yes") || !terminal_can_ask())
        return 0;
    return terminal_ask("Go on?")
               ? 0
               : maqet_error_set(err, MAQET_ERROR_REFUSED, "Nothing was loaded");
}
