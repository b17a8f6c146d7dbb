/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - snapshots of a machine's drives: of one drive or of all of them together,
 * while the machine runs (live) or not (offline).
 *
 * Every call takes the machine's lock, and first puts right what an earlier, interrupted
 * one has left; it says so by the context's messages.
 */
#ifndef MAQET_SNAPSHOT_SNAPSHOT_H
#define MAQET_SNAPSHOT_SNAPSHOT_H

#include "core/base/context.h"
#include "core/storage/export.h"

enum maqet_way {
    MAQET_WAY_OFFLINE, /* the machine must not run */
    MAQET_WAY_LIVE,    /* it must run */
    MAQET_WAY_AUTO,    /* whatever it does */
};

/* What is asked for; a member that a call does not name below is ignored by it. */
struct maqet_snapshot_request {
    const char *vm;                      /* name or UUID */
    const char *drive;                   /* NULL: all drives */
    const struct maqet_strings *exclude; /* drives left out of all; may be NULL */
    const char *name;                    /* of the snapshot */
    enum maqet_way way;
    bool overwrite;         /* create: replaces one of that name */
    int64_t freeze_timeout; /* create, live: ms that freezing the guest's file systems may
                             * take; negative: they are not frozen */
    int64_t timeout; /* load, live: ms that QEMU has to answer when it starts again */
    bool silent;     /* load: QEMU is known not to answer, and is not asked */
};

enum maqet_consistency {
    MAQET_CONSISTENCY_CRASH,       /* as after a power cut */
    MAQET_CONSISTENCY_FILE_SYSTEM, /* the guest has written all out */
    MAQET_CONSISTENCY_OFF,         /* as the guest has left it when it ended */
};

/* "crash" */
const char *maqet_consistency_name(enum maqet_consistency consistency);

/* What a command at all drives leaves out. */
struct maqet_snapshot_left {
    struct maqet_strings skipped;  /* drives that hold nothing which a snapshot keeps:
                                    * shares,  and what the guest can't write to */
    struct maqet_strings excluded; /* drives and other devices that the user leaves out,
                                    * or has left out when the set was made */
};

void maqet_snapshot_left_clear(struct maqet_snapshot_left *left);

/* How creating went. */
struct maqet_snapshot_receipt {
    bool live;
    bool stopped; /* the guest stood still for @pause ms, by QEMU's own clock */
    double pause;
    double wall;   /* ms that all of it took */
    bool replaced; /* there was one of that name */
    enum maqet_consistency consistency;
    struct maqet_strings drives;
    struct maqet_snapshot_left left;
};

void maqet_snapshot_receipt_clear(struct maqet_snapshot_receipt *receipt);

/* Needs vm, drive, exclude, name, way, overwrite, freeze_timeout. */
int maqet_snapshot_create(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          struct maqet_snapshot_receipt *receipt,
                          struct maqet_error **err);

/*
 * Makes the drives' present state that of the snapshot; what came after it is lost. Live:
 * QEMU is ended, and started again with the same arguments. Needs vm, drive, exclude,
 * name, way, timeout. *pid (may be NULL) gets QEMU's PID, 0: it does not run.
 */
int maqet_snapshot_load(const struct maqet_context *context,
                        const struct maqet_snapshot_request *request, int *pid,
                        struct maqet_error **err);

/* Whether it could be loaded, before anybody is asked; *live (may be NULL) tells which
 * way it would go, *silent (may be NULL) whether QEMU does not answer, @drives gets the
 * drives, @left (may be NULL) what stays as it is. */
int maqet_snapshot_loadable(const struct maqet_context *context,
                            const struct maqet_snapshot_request *request, bool *live,
                            bool *silent, struct maqet_strings *drives,
                            struct maqet_snapshot_left *left, struct maqet_error **err);

/* Needs vm, drive, exclude, name, way. @drives gets the drives that it was deleted of,
 * @left (may be NULL) what was left out. */
int maqet_snapshot_delete(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          struct maqet_strings *drives, struct maqet_snapshot_left *left,
                          struct maqet_error **err);

/* Writes what a snapshot of one drive holds to a new file, while the machine runs as
 * well. Needs vm, drive, name; the recorder of @export is ignored. */
int maqet_snapshot_export(const struct maqet_context *context,
                          const struct maqet_snapshot_request *request,
                          const struct maqet_export *export, struct maqet_error **err);

/* One drive of a list. */
struct maqet_drive_list {
    char *drive;
    struct maqet_snapshots snapshots;
    char **names; /* of each, by which the user knows it */
    ssize_t
        *parents; /* of each: the index of the one that it was taken on; -1: not known */
    bool *in_set; /* of each: it was taken together with those of other drives */
    ssize_t now;  /* the one that the present state came of; -1: not known */
};

struct maqet_snapshot_list {
    char *vm;
    bool live; /* QEMU runs */
    struct maqet_drive_list *drives;
    size_t count;
};

/* Needs vm, drive, exclude. Of all drives, those without snapshots are left out. */
struct maqet_snapshot_list *
maqet_snapshot_list(const struct maqet_context *context,
                    const struct maqet_snapshot_request *request,
                    struct maqet_error **err);
void maqet_snapshot_list_cleanup(struct maqet_snapshot_list **list);

#define _cleanup_snapshot_list_ _cleanup_(maqet_snapshot_list_cleanup)

/* Puts right what an interrupted operation has left: context->recover() of the program.
 * MAQET_ERROR_STATE where the user has to decide (recover.c). */
int maqet_snapshot_repair(struct maqet_opened *machine, struct maqet_error **err);

/* What is to become of an interrupted operation. */
enum maqet_recovery_way {
    MAQET_RECOVERY_SAFE,   /* put it right where that discards nothing, else an error */
    MAQET_RECOVERY_FINISH, /* whatever happened to the images since */
    MAQET_RECOVERY_FORGET, /* leave the images as they are */
};

/* What is pending, for whoever has to decide. */
struct maqet_interruption {
    char *what;   /* "VM 'b': load of snapshot 'a' was interrupted"; NULL: nothing was */
    char *finish; /* what finishing it does: "reverts ..."; NULL: it can't be finished */
    struct maqet_strings changes; /* what is not as the operation left it */
};

void maqet_interruption_clear(struct maqet_interruption *interruption);

#define _cleanup_interruption_ _cleanup_(maqet_interruption_clear)

/* Looks, and changes nothing. */
int maqet_snapshot_interruption(const struct maqet_context *context, const char *vm,
                                struct maqet_interruption *interruption,
                                struct maqet_error **err);

/* Puts an interrupted operation to an end. *pending tells whether there was one; @kept
 * gets phrases about what is left of it that the user may want to delete. */
int maqet_snapshot_recover(const struct maqet_context *context, const char *vm,
                           enum maqet_recovery_way way, bool *pending,
                           struct maqet_strings *kept, struct maqet_error **err);

#endif
