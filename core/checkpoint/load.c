/* SPDX-License-Identifier: MIT */
/*
 * load.c - the drives revert as for a set of snapshots, and QEMU starts with the guest's
 * memory. All that could prevent this is checked before anything is changed.
 */
#include "core/checkpoint/load.h"

#include <string.h>

#include "core/checkpoint/create.h"
#include "core/checkpoint/loading.h"
#include "core/job/recover.h"
#include "core/machine/monitor.h"
#include "core/qemu/migration.h"
#include "core/snapshot/create.h"
#include "core/snapshot/members.h"
#include "core/snapshot/others.h"
#include "core/snapshot/revert.h"

int
maqet_checkpoint_loadable(const struct maqet_context *context,
                          const struct maqet_checkpoint_request *request, bool *running,
                          bool *silent, char **verified, struct maqet_error **err)
{
    _cleanup_loading_ struct maqet_loading loading = MAQET_LOADING_INIT;

    if (maqet_loading_open(context, request, &loading, err) < 0)
        return -1;
    *running = loading.session->machine->run.pid > 0;
    *silent = loading.session->machine->silent;
    *verified = TAKE_PTR(loading.verified);
    return maqet_revert_check_startable(loading.session, err);
}

/* ---- loading ---- */

/* The phase after the drives have reverted: QEMU starts, and reads the memory. */
enum { PHASE_RESUME = MAQET_REVERT_COUNT };

/* QEMU did not start. Returns -1. */
static int
fail_start(const struct maqet_session *session, const char *name,
           struct maqet_error **err)
{
    maqet_error_remark(
        err,
        "The drives are at the checkpoint, VM '%s' is stopped, and the checkpoint is "
        "intact",
        session->machine->name);
    maqet_error_next(err, MAQET_NEXT_START_FROM, session->machine->name, name, NULL);
    return maqet_error_next(err, MAQET_NEXT_BOOT_FROM_DRIVES, session->machine->name,
                            NULL);
}

static int
load(struct maqet_loading *loading, const struct maqet_checkpoint_request *request,
     int *pid, struct maqet_error **err)
{
    struct maqet_session *session = loading->session;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(session->machine, err);

    if (session->machine->run.pid > 0 && !request->running) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s' is running: it was started in the meantime",
                        session->machine->name);
        return maqet_error_next(err, MAQET_NEXT_LOAD_IN_PLACE, session->machine->name,
                                request->name, NULL);
    }
    if (!definition || maqet_revert_check_startable(session, err) < 0 ||
        maqet_revert_run(session, &maqet_kind_checkpoint_load, request->name,
                         maqet_loading_check_drives, loading, err) < 0)
        return -1;
    if (maqet_loading_start(loading, TAKE_PTR(definition), request->timeout, err) == 0) {
        *pid = session->machine->run.pid;
        return maqet_job_done(session->job, err);
    }
    maqet_job_done(session->job, NULL);
    return fail_start(session, request->name, err);
}

/* Saves the drives of a stopped machine that a checkpoint would include. */
static int
keep_drives(const struct maqet_context *context,
            const struct maqet_checkpoint_request *request, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_look(context, request->vm, err);
    _cleanup_writables_ struct maqet_writables others = {0};
    _cleanup_strings_ struct maqet_strings excluded = MAQET_STRINGS_INIT;
    const struct maqet_snapshot_request drives = {.vm = request->vm,
                                                  .name = request->keep,
                                                  .exclude = &excluded,
                                                  .freeze_timeout = -1};
    struct maqet_snapshot_receipt receipt = {0};

    if (!session || maqet_others_find(session, &others, err) < 0)
        return -1;
    for (size_t i = 0; i < others.count; i++) {
        _cleanup_free_ char *one = maqet_other_text(&others.items[i]);

        maqet_strings_add(&excluded, others.items[i].name);
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The present state of %s of VM '%s' is not saved in '%s'", one,
                          session->machine->name, request->keep);
    }
    maqet_session_free(TAKE_PTR(session));
    int result = maqet_snapshot_create(context, &drives, &receipt, err);
    maqet_snapshot_receipt_clear(&receipt);
    return result;
}

/* Saves the present state: as a checkpoint if the guest runs, else that of the drives. */
static int
keep(const struct maqet_context *context, const struct maqet_checkpoint_request *request,
     bool running, bool silent, struct maqet_error **err)
{
    if (silent) {
        maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                        "The present state of VM '%s' cannot be saved: QEMU does not "
                        "answer",
                        request->vm);
        return maqet_error_next(err, MAQET_NEXT_DO_NOT_KEEP, NULL);
    }
    if (!running)
        return keep_drives(context, request, err);
    const struct maqet_checkpoint_request present = {
        .vm = request->vm, .name = request->keep, .limit = request->limit};
    struct maqet_checkpoint_receipt receipt = {0};
    int result = maqet_checkpoint_create(context, &present, &receipt, err);

    maqet_checkpoint_receipt_clear(&receipt);
    return result;
}

int
maqet_checkpoint_load(const struct maqet_context *context,
                      const struct maqet_checkpoint_request *request, int *pid,
                      struct maqet_error **err)
{
    _cleanup_loading_ struct maqet_loading loading = MAQET_LOADING_INIT;
    _cleanup_free_ char *verified = NULL;
    struct maqet_checkpoint_request again = *request;
    bool running, silent;

    if (request->keep && (maqet_checkpoint_loadable(context, request, &running, &silent,
                                                    &verified, err) < 0 ||
                          keep(context, request, running, silent, err) < 0))
        return -1;
    if (verified)
        again.verified = verified;
    return maqet_loading_open(context, &again, &loading, err) < 0
               ? -1
               : load(&loading, request, pid, err);
}

/* ---- recovery ---- */

static const char at_it[] = "the drives are at the checkpoint, and the VM is stopped";

/* After the drives have reverted: if QEMU reads the memory, or has read it, the guest is
 * resumed; else QEMU is ended. */
static int
resume(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    bool loads = false;

    if (machine->run.pid > 0) {
        struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);

        if (!qmp || maqet_migration_finish_load(qmp, &loads, err) < 0 ||
            (!loads && maqet_opened_end_qemu(machine, err) < 0))
            return -1;
    }
    maqet_job_say(job, loads ? "it has been completed; the guest is running" : at_it);
    return 0;
}

static int
recover(struct maqet_session *session, struct maqet_error **err)
{
    return session->job->journal.phase < PHASE_RESUME
               ? maqet_revert_recover(session, at_it, err)
               : resume(session->job, err);
}

/* A guest must not stay paused for it. */
static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    if (job->journal.phase == PHASE_RESUME && resume(job, err) < 0)
        return -1;
    return maqet_session_forget(job, kept, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_checkpoint_load = {
    .word = "checkpoint-load",
    .noun = "load of checkpoint",
    MAQET_JOB_PHASES(
        MAQET_REVERT_PHASES(NULL, NULL, NULL),
        [PHASE_RESUME] = {.word = "resume",
                          .former = "resume",
                          .without_images = true,
                          .finishing =
                              "resumes the guest if QEMU has its memory, and ends "
                              "QEMU if not"}),
    .blocks_start = true,
    .saved_state = MAQET_SAVED_STATE,
    .recover_session = recover,
    .recover = maqet_session_recover,
    .forget = forget,
};
