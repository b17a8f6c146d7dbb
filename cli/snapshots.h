/* SPDX-License-Identifier: MIT */
/*
 * snapshots.h - lists of snapshots as rows of a result, and as what people read: lines, or
 * a tree; and the question before one is loaded.
 */
#ifndef MAQET_CLI_SNAPSHOTS_H
#define MAQET_CLI_SNAPSHOTS_H

#include "cli/invocation.h"
#include "core/snapshot/snapshot.h"

/* A snapshot of one drive, or one that several drives have together. Its texts but
 * `drives` are those of the list that it comes from. */
struct snapshot_row {
    const char *name;
    char *drives; /* "hdd,data" */
    const char *id;
    int64_t date;
    double vm_clock;
    const char *kind;
    const char *parent;
    int64_t above; /* the parent's index in the list of the drive; -1: not known */
    bool used_known;
    uint64_t used;
    bool has_memory;
    uint64_t vm_state;
    bool size_known;
    uint64_t virtual_size;
    bool in_set;
    bool now;
};

struct snapshot_rows {
    struct snapshot_row *items;
    size_t count;
};

void snapshot_rows_clear(struct snapshot_rows *rows);

#define _cleanup_snapshot_rows_ _cleanup_(snapshot_rows_clear)

/* Adds a row for each snapshot of a drive. */
void snapshot_rows_add(struct snapshot_rows *rows, const struct maqet_drive_list *drive);

/* A row for each snapshot of each drive. */
void snapshot_rows_all(struct snapshot_rows *rows,
                       const struct maqet_snapshot_list *list);

/* A row for each set of snapshots that were taken together, and for each other one. */
void snapshot_rows_sets(struct snapshot_rows *rows,
                        const struct maqet_snapshot_list *list);

/* "512.0MB, 2024-01-01 12:00:00": what a snapshot costs, and when it was taken. */
void snapshot_row_facts(struct maqet_text *text, const struct snapshot_row *row);

/* How a list of rows is shown: as a table. */
extern const struct view snapshots_view;

/* How it is shown to who has not asked for a table: a line for each. */
struct snapshot_listing {
    const char *vm;
    const char *drive; /* NULL: all */
    struct snapshot_rows rows;
    int64_t now; /* of a tree: the one that the present state came of; -1: not known */
};

extern const struct view snapshot_listing_view;

/* Shows the history of each drive, with where the machine is now. */
void snapshot_tree_show(struct output *output, const struct maqet_snapshot_list *list);

/* Says what a load discards (taken) and asks whether to go on, unless the user has said
 * so or nobody is there to ask. @live: a guest loses its memory. */
int snapshot_confirm(const struct invocation *invocation, bool live, char *words,
                     struct maqet_error **err);

#endif
