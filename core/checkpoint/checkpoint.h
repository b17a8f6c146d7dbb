/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - checkpoints: the snapshots of all drives of a machine that runs, and the
 * guest's memory at the same instant, so that it goes on where it was.
 *
 * As with snapshots, every call takes the machine's lock, and first puts right what an
 * interrupted one has left.
 */
#ifndef MAQET_CHECKPOINT_CHECKPOINT_H
#define MAQET_CHECKPOINT_CHECKPOINT_H

#include <json-c/json.h>

#include "core/base/context.h"
#include "core/base/error.h"
#include "core/qemu/migration.h"

struct maqet_checkpoint_request {
    const char *vm;   /* name or UUID */
    const char *name; /* of the checkpoint */
    enum maqet_migration_method method;
    bool compress;   /* create, keep: the file of state, with Zstandard */
    int64_t limit;   /* create, keep: ms for which precopy may go on */
    int64_t timeout; /* load: ms that QEMU has to answer */
    bool running;    /* load: the machine may run, and is ended for it */
    bool silent;     /* load: QEMU is known not to answer, and is not asked */
    const char
        *keep; /* load: the present state is kept under this name; NULL: it isn't */
    const char *verified; /* load: what maqet_checkpoint_loadable told; may be NULL */
};

/* How creating went. */
struct maqet_checkpoint_receipt {
    enum maqet_migration_method method;
    char *reason;      /* why not the first method of all; NULL: it was */
    double pause;      /* ms for which the guest stood still, by QEMU's own clock */
    double wall;       /* ms that all of it took */
    int64_t allocated; /* bytes that the state file takes on the disk */
    int64_t length;    /* of the state file, in bytes; with holes it is more */
    struct maqet_strings drives;
};

void maqet_checkpoint_receipt_clear(struct maqet_checkpoint_receipt *receipt);

/* Needs vm, name, method, limit. In the end the guest runs on, whatever happened. */
int maqet_checkpoint_create(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request,
                            struct maqet_checkpoint_receipt *receipt,
                            struct maqet_error **err);

/* Whether it could be loaded, before anybody is asked; *running tells whether QEMU would
 * be ended for it, *silent whether it does not answer, *verified which file of memory was
 * found to be undamaged, so that loading need not read it once more; the caller frees it.
 */
int maqet_checkpoint_loadable(const struct maqet_context *context,
                              const struct maqet_checkpoint_request *request,
                              bool *running, bool *silent, char **verified,
                              struct maqet_error **err);

/* Reverts the drives and lets the guest go on where it was. Needs vm, name, timeout,
 * running, keep. *pid gets QEMU's PID. */
int maqet_checkpoint_load(const struct maqet_context *context,
                          const struct maqet_checkpoint_request *request, int *pid,
                          struct maqet_error **err);

/* A command that is run on the host beside a restored guest. */
struct maqet_checkpoint_command {
    const char *const *argv; /* NULL: none; the guest runs until it powers off */
    int64_t timeout;         /* ms for all of it; negative: no limit */
};

/*
 * Lets the guest go on from a checkpoint, runs the command, ends QEMU, and throws all
 * that the guest has changed away; the images are never written to. The command finds
 * MAQET_VM, MAQET_QMP (the path of the monitor's socket) and MAQET_CONSOLE (that of the
 * serial console, where it is a socket) in its environment; *exit_code gets its exit
 * code. Needs vm, name, timeout.
 */
int maqet_checkpoint_run(const struct maqet_context *context,
                         const struct maqet_checkpoint_request *request,
                         const struct maqet_checkpoint_command *command, int *exit_code,
                         struct maqet_error **err);

/* Needs vm, name. */
int maqet_checkpoint_delete(const struct maqet_context *context,
                            const struct maqet_checkpoint_request *request,
                            struct maqet_error **err);

/* What is known of each, as a list of objects, the oldest first: name, date (s), method,
 * pause (ms), size (the length of the file), allocated (what it takes on the disk) and
 * memory (bytes), drives, machine, qemu. The caller puts it. */
json_object *maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                                   struct maqet_error **err);

#endif
