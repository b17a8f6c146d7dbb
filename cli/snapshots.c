/* SPDX-License-Identifier: MIT */
#include "cli/snapshots.h"

#include <string.h>
#include <time.h>

/* ---- requests ---- */

static enum maqet_way
way_of(const struct invocation *invocation)
{
    if (invocation_has(invocation, "auto"))
        return MAQET_WAY_AUTO;
    return invocation_has(invocation, "live") ? MAQET_WAY_LIVE : MAQET_WAY_OFFLINE;
}

static int
check_options(const struct invocation *invocation, struct maqet_error **err)
{
    if (invocation_has(invocation, "exclude") && operand_find(invocation, OPERAND_DRIVE))
        return usage_error(invocation, err,
                           "--exclude goes with --all, not with one drive");
    if (invocation_has(invocation, "live") && invocation_has(invocation, "auto"))
        return usage_error(invocation, err, "--live and --auto are mutually exclusive");
    return 0;
}

int
snapshot_read_request(const struct invocation *invocation,
                      struct maqet_snapshot_request *request,
                      struct maqet_strings *exclude, struct maqet_error **err)
{
    const char *name = operand_find(invocation, OPERAND_SNAPSHOT);

    if (check_options(invocation, err) < 0)
        return -1;
    invocation_texts(invocation, "exclude", exclude);
    *request = (struct maqet_snapshot_request){
        .vm = operand_find(invocation, OPERAND_VM),
        .drive = operand_find(invocation, OPERAND_DRIVE),
        .name = name ? name : operand_find(invocation, OPERAND_NEW_NAME),
        .exclude = exclude,
        .way = way_of(invocation),
        .overwrite = invocation_has(invocation, "overwrite"),
        .freeze_timeout = invocation_has(invocation, "quiesce")
                              ? invocation_milliseconds(invocation, "freeze-timeout")
                              : -1,
        .timeout = invocation_milliseconds(invocation, "wait"),
    };
    return 0;
}

/* ---- rows ---- */

/* A snapshot of one drive, or those of several drives that were created together. Its texts
 * except `drives` belong to the list that it comes from. */
struct snapshot_row {
    const char *name;
    char *drives; /* "hdd,data" */
    struct maqet_snapshot about;
    double vm_clock; /* s */
    const char *kind;
    const char *parent;
    int64_t above; /* the parent's index in the drive's list; -1: not known */
    bool has_memory;
    bool size_known;
    bool in_set;
    bool now;
};

struct snapshot_rows {
    struct snapshot_row *items;
    size_t count;
};

MAQET_WORDS(kind_word, "disk", "disk+memory")

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct snapshot_row, MAQET_ROW(struct snapshot_row, name, "the snapshot's name"),
    MAQET_ROW(struct snapshot_row, drives,
              "the drives that have it, with a comma between two"),
    {"id", MAQET_FIELD(struct snapshot_row, about.id), .optional = true,
     .help = "its ID in the image; null in a list of all drives, where each has its own"},
    {"date", MAQET_FIELD_DATE(struct snapshot_row, about.seconds), .optional = true,
     .help = "when it was created"},
    MAQET_ROW(struct snapshot_row, vm_clock, "how long the guest had been running",
              .unit = MAQET_UNIT_SECONDS),
    {"kind", MAQET_FIELD_CHOICE(struct snapshot_row, kind, kind_word),
     .help = "what it contains"},
    MAQET_ROW(struct snapshot_row, parent,
              "the snapshot that it was created from; null if that is not known",
              .optional = true),
    {"used", MAQET_FIELD(struct snapshot_row, about.used), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct snapshot_row, about.used_known),
     .help = "what deleting it alone would free"},
    {"moves", MAQET_FIELD(struct snapshot_row, about.moved), .unit = MAQET_UNIT_BYTES,
     .known = MAQET_KNOWN(struct snapshot_row, about.moved_known),
     .help =
         "what deleting it alone would write from one file into another one; null for "
         "internal snapshots"},
    {"delete_ms", MAQET_FIELD(struct snapshot_row, about.takes),
     .unit = MAQET_UNIT_MILLISECONDS, .title = "DELETION",
     .known = MAQET_KNOWN(struct snapshot_row, about.takes_known),
     .help =
         "how long that would take, at the rate of the latest one that moved 1 MiB or "
         "more; null if there was none"},
    {"vm_state", MAQET_FIELD(struct snapshot_row, about.vm_state),
     .unit = MAQET_UNIT_BYTES, .known = MAQET_KNOWN(struct snapshot_row, has_memory),
     .title = "MEMORY",
     .help = "what the guest's memory takes in the image; null if it has none"},
    {"virtual_size", MAQET_FIELD(struct snapshot_row, about.virtual_size),
     .unit = MAQET_UNIT_BYTES, .known = MAQET_KNOWN(struct snapshot_row, size_known),
     .help = "the size that the guest saw"},
    {"set", MAQET_FIELD(struct snapshot_row, in_set),
     .help = "whether it was created together with those of other drives"},
    MAQET_ROW(struct snapshot_row, now, "whether the present state is based on it"));

const struct view snapshots_view = {
    .table = {.fields = &fields,
              .columns = "name drives date vm_clock kind parent used vm_state delete_ms"},
    .each = "snapshot",
};

static void
rows_clear(struct snapshot_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->items[i].drives);
    free(rows->items);
}

#define _cleanup_rows_ _cleanup_(rows_clear)

static struct snapshot_row
row_of(const struct maqet_drive_list *drive, size_t index)
{
    const struct maqet_snapshot *snapshot = drive->snapshots.items[index];
    ssize_t parent = drive->parents[index];

    return (struct snapshot_row){
        .name = drive->names[index],
        .drives = maqet_strdup(drive->drive),
        .about = *snapshot,
        .vm_clock = (double)snapshot->vm_clock / 1e9,
        .kind = kind_word(snapshot->vm_state > 0),
        .parent = parent < 0 ? NULL : drive->names[parent],
        .above = parent,
        .has_memory = snapshot->vm_state > 0,
        .size_known = snapshot->virtual_size > 0,
        .in_set = drive->in_set[index],
        .now = (ssize_t)index == drive->now,
    };
}

/* Adds a row for each snapshot of a drive. */
static void
add_drive(struct snapshot_rows *rows, const struct maqet_drive_list *drive)
{
    size_t count = rows->count + drive->snapshots.count;

    rows->items = maqet_realloc(rows->items, count * sizeof(*rows->items));
    for (size_t i = 0; i < drive->snapshots.count; i++)
        rows->items[rows->count++] = row_of(drive, i);
}

static void
add_all(struct snapshot_rows *rows, const struct maqet_snapshot_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        add_drive(rows, &list->drives[i]);
}

/* Adds a row to that of its set, and frees it. */
static void
join_set(struct snapshot_row *set, struct snapshot_row *row)
{
    char *drives = maqet_format("%s,%s", set->drives, row->drives);

    free(set->drives);
    free(row->drives);
    set->drives = drives;
    /* The sum is known if all of them are. */
    set->about.used_known = set->about.used_known && row->about.used_known;
    set->about.used += row->about.used;
    set->about.moved_known = set->about.moved_known && row->about.moved_known;
    set->about.moved += row->about.moved;
    set->about.takes_known = set->about.takes_known && row->about.takes_known;
    set->about.takes += row->about.takes;
    set->size_known = set->size_known && row->size_known;
    set->about.virtual_size += row->about.virtual_size;
    if (row->has_memory) {
        set->has_memory = true;
        set->about.vm_state = row->about.vm_state;
        set->kind = row->kind;
    }
    set->now = set->now && row->now;
}

/* Adds a row for each set of snapshots that were created together, and for each other
 * snapshot. */
static void
add_sets(struct snapshot_rows *rows, const struct maqet_snapshot_list *list)
{
    _cleanup_json_ json_object *sets = json_object_new_object(); /* name: index */
    size_t count = 0;

    add_all(rows, list);
    for (size_t i = 0; i < rows->count; i++) {
        struct snapshot_row *row = &rows->items[i];
        json_object *index = NULL;

        row->about.id = NULL;
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

/* ---- as lines ---- */

/* What people read unless they ask for the table. */
struct listing {
    const char *vm;
    const char *drive; /* NULL: all */
    struct snapshot_rows rows;
    int64_t
        now; /* of a tree: the row that the present state is based on; -1: not known */
};

/* "512.0MB, 2024-01-01 12:00:00" */
static void
append_facts(struct maqet_text *text, const struct snapshot_row *row)
{
    const struct maqet_snapshot *about = &row->about;
    _cleanup_free_ char *size =
        about->used_known ? maqet_text_bytes(about->used) : maqet_strdup("size unknown");
    time_t moment = (time_t)about->seconds;
    char date[64];
    struct tm local;

    maqet_text_append(text, size);
    if (row->has_memory) {
        _cleanup_free_ char *state = maqet_text_bytes(about->vm_state);
        maqet_text_appendf(text, " + %s memory", state);
    }
    if (about->seconds != 0 && localtime_r(&moment, &local) &&
        strftime(date, sizeof(date), ", %Y-%m-%d %H:%M:%S", &local) > 0)
        maqet_text_append(text, date);
}

static char *
listing_text(const void *row)
{
    const struct listing *listing = row;
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
        append_facts(&text, &list->items[i]);
        if (!listing->drive)
            maqet_text_appendf(&text, ", %s", list->items[i].drives);
        maqet_text_append(&text, ")\n");
    }
    return maqet_text_take(&text);
}

static const struct maqet_fields node_fields = MAQET_FIELDS_OF(
    struct snapshot_row, {"name", MAQET_FIELD(struct snapshot_row, name)},
    {"drives", MAQET_FIELD(struct snapshot_row, drives)},
    {"date", MAQET_FIELD_DATE(struct snapshot_row, about.seconds), .optional = true},
    {"used", MAQET_FIELD(struct snapshot_row, about.used),
     .known = MAQET_KNOWN(struct snapshot_row, about.used_known)},
    {"vm_state", MAQET_FIELD(struct snapshot_row, about.vm_state),
     .known = MAQET_KNOWN(struct snapshot_row, has_memory)},
    {"in_set", MAQET_FIELD(struct snapshot_row, in_set)},
    {"above", MAQET_FIELD(struct snapshot_row, above)});

static const struct maqet_fields listing_fields = MAQET_FIELDS_OF(
    struct listing, {"vm", MAQET_FIELD(struct listing, vm)},
    {"drive", MAQET_FIELD(struct listing, drive), .optional = true},
    {"snapshots", MAQET_FIELD_LIST(struct listing, rows.items, rows.count, &node_fields)},
    {"now", MAQET_FIELD(struct listing, now)});

static const struct view listing_view = {.table = {.fields = &listing_fields},
                                         .text = listing_text};

/* ---- as a tree ---- */

/* Deeper levels are not indented any further: a long chain of snapshots would consist of
 * indentation. */
enum { INDENT_MAX = 40 };

/* The tree of one drive, while it is written from top to bottom. */
struct branches {
    const struct listing *drive;
    ssize_t *first; /* [i + 1]: the first child of row i; [0]: the first root */
    ssize_t *next;  /* [i]: the next child of row i's parent */
    size_t depth;
    const char *bars[INDENT_MAX]; /* of the levels above */
};

static struct branches
branches_new(const struct listing *drive)
{
    size_t count = drive->rows.count;
    struct branches branches = {.drive = drive};

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
}

/* Whether it is the last line of its level, on which "(now)" follows the snapshots. */
static bool
is_last(const struct branches *branches, ssize_t index)
{
    const struct listing *drive = branches->drive;

    return branches->next[index] < 0 && drive->now != drive->rows.items[index].above;
}

static void
append_line(struct maqet_text *text, const struct branches *branches, bool last,
            const char *words)
{
    for (size_t i = 0; i < branches->depth && i < INDENT_MAX; i++)
        maqet_text_append(text, branches->bars[i]);
    maqet_text_appendf(text, "%s %s", last ? "└─" : "├─", words);
}

static void
append_snapshot(struct maqet_text *text, const struct branches *branches, ssize_t index)
{
    const struct snapshot_row *row = &branches->drive->rows.items[index];

    append_line(text, branches, is_last(branches, index), row->name);
    maqet_text_append(text, " (");
    append_facts(text, row);
    maqet_text_append(text, row->in_set ? ", set)\n" : ")\n");
}

/* Not recursive: the depth may be the number of snapshots. */
static void
append_tree(struct maqet_text *text, const struct listing *drive)
{
    _cleanup_(branches_clear) struct branches branches = branches_new(drive);
    ssize_t parent = -1, at = branches.first[0];

    for (;;) {
        if (at >= 0) {
            append_snapshot(text, &branches, at);
            if (branches.depth < INDENT_MAX)
                branches.bars[branches.depth] = is_last(&branches, at) ? "   " : "│  ";
            branches.depth++;
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
        branches.depth--;
        at = branches.next[parent];
        parent = drive->rows.items[parent].above;
    }
}

static char *
tree_text(const void *row)
{
    const struct listing *tree = row;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s\n", tree->drive);
    append_tree(&text, tree);
    return maqet_text_take(&text);
}

static const struct view tree_view = {.table = {.fields = &listing_fields},
                                      .text = tree_text};

/* The history of each drive, and where the VM is now. */
static void
show_trees(const struct output *output, const struct maqet_snapshot_list *list)
{
    const struct listing none = {.vm = list->vm};

    if (list->count == 0)
        output_result(output, &listing_view, &none);
    for (size_t i = 0; i < list->count; i++) {
        struct listing tree = {
            .vm = list->vm, .drive = list->drives[i].drive, .now = list->drives[i].now};

        add_drive(&tree.rows, &list->drives[i]);
        output_result(output, &tree_view, &tree);
        rows_clear(&tree.rows);
    }
}

/* ---- the actions ---- */

/* Reads the operands and options, and the list that they ask for. NULL: an error. */
static struct maqet_snapshot_list *
read_list(const struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings exclude = MAQET_STRINGS_INIT;
    struct maqet_snapshot_request request;

    return snapshot_read_request(invocation, &request, &exclude, err) == 0
               ? maqet_snapshot_list(&invocation->context, &request, err)
               : NULL;
}

int
snapshot_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list = read_list(invocation, err);
    _cleanup_rows_ struct snapshot_rows rows = {0};
    const char *drive = operand_find(invocation, OPERAND_DRIVE);

    if (!list)
        return -1;
    if (drive)
        add_all(&rows, list);
    else
        add_sets(&rows, list);
    /* The table is only for those who ask for it. */
    if (invocation->output.format != FORMAT_TABLE ||
        invocation_has(invocation, "format")) {
        output_list(&invocation->output, &snapshots_view, rows.items, rows.count);
        return 0;
    }
    const struct listing listing = {.vm = list->vm, .drive = drive, .rows = rows};
    output_result(&invocation->output, &listing_view, &listing);
    return 0;
}

int
snapshot_tree(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list = read_list(invocation, err);
    _cleanup_rows_ struct snapshot_rows rows = {0};

    if (!list)
        return -1;
    if (invocation->output.format == FORMAT_TABLE) {
        show_trees(&invocation->output, list);
        return 0;
    }
    add_all(&rows, list);
    output_list(&invocation->output, &snapshots_view, rows.items, rows.count);
    return 0;
}
