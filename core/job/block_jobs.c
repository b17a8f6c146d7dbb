/* SPDX-License-Identifier: MIT */
#include "core/job/block_jobs.h"

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/job/job.h"
#include "core/machine/monitor.h"

/* ms between two queries, and for a cancelled job to end: what it has begun to write has
 * to reach the disk. */
static const int64_t QUERY_INTERVAL = 1000;
static const int64_t CANCEL_TIMEOUT = 60000;

/* *row gets QEMU's JobInfo of a job; NULL: there is none. The caller puts it. */
static int
find_job(struct maqet_opened *machine, const char *id, json_object **row,
         struct maqet_error **err)
{
    _cleanup_json_ json_object *list =
        maqet_monitor_work(machine, "query-jobs", NULL, err);

    *row = NULL;
    if (list && !json_object_is_type(list, json_type_array))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "VM '%s': QEMU's list of jobs is not a list",
                               machine->name);
    for (size_t i = 0; list && !*row && i < json_object_array_length(list); i++)
        if (maqet_json_is(json_object_array_get_idx(list, i), "id", id))
            *row = json_object_get(json_object_array_get_idx(list, i));
    return list ? 0 : -1;
}

static int
execute(struct maqet_opened *machine, const char *command, const char *id,
        struct maqet_error **err)
{
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        machine, command, maqet_json_object("id", json_object_new_string(id), NULL), err);

    return answer ? 0 : -1;
}

/* Waits until the status of any job changes, or the next query is due. The monitor is free
 * for others afterwards. */
static int
wait_for_change(struct maqet_opened *machine, int64_t left, struct maqet_error **err)
{
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!qmp)
        return -1;
    /* What it took to connect so often is no sign of silence. */
    machine->answer_left = machine->answer_limit;
    json_object_put(maqet_qmp_event(
        qmp, "JOB_STATUS_CHANGE",
        left >= 0 && left < QUERY_INTERVAL ? left : QUERY_INTERVAL, &reason));
    maqet_monitor_leave(machine);
    if (!reason || reason->code == MAQET_ERROR_TIMEOUT)
        return 0;
    maqet_error_move(err, TAKE_PTR(reason));
    return maqet_error_wrap(err, "VM '%s'", machine->name);
}

/* Dismisses a job that has concluded; an error if it failed. */
static int
conclude(struct maqet_opened *machine, const struct maqet_block_job *job,
         json_object *row, struct maqet_error **err)
{
    const char *reason = maqet_json_text(row, "error");
    int dismissed = execute(machine, "job-dismiss", job->id, reason ? NULL : err);

    return reason ? maqet_error_set(err, MAQET_ERROR_FAILED, "%s: QEMU: %.*s", job->what,
                                    maqet_text_fitting(reason), reason)
                  : dismissed;
}

static int
wait_for_end(struct maqet_opened *machine, const struct maqet_block_job *job,
             struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(job->limit);
    const int64_t begun = maqet_now();
    int64_t left;

    do {
        _cleanup_json_ json_object *row = NULL;

        if (find_job(machine, job->id, &row, err) < 0)
            return -1;
        if (!row)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "%s: QEMU has no job '%s' any more", job->what,
                                   job->id);
        if (maqet_json_is(row, "status", "concluded"))
            return conclude(machine, job, row, err);
        if (job->ready_is_over && maqet_json_is(row, "status", "ready"))
            return 0;
        maqet_context_progress(machine->context, job->what,
                               (uint64_t)maqet_json_int(row, "current-progress"),
                               (uint64_t)maqet_json_int(row, "total-progress"), begun);
        left = maqet_deadline_left(deadline);
        if (left != 0 && wait_for_change(machine, left, err) < 0)
            return -1;
    } while (left != 0);
    if (maqet_block_job_cancel(machine, job->id, err) < 0)
        return -1;
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "%s: it took longer than %g s, and was given up", job->what,
                           (double)job->limit / 1000);
}

int
maqet_block_job_wait(struct maqet_opened *machine, const struct maqet_block_job *job,
                     struct maqet_error **err)
{
    int result = wait_for_end(machine, job, err);

    maqet_context_progress_end(machine->context);
    return result;
}

int
maqet_block_job_complete(struct maqet_opened *machine, const struct maqet_block_job *job,
                         struct maqet_error **err)
{
    struct maqet_block_job completed = *job;

    completed.ready_is_over = false;
    return execute(machine, "job-complete", job->id, err) < 0
               ? -1
               : maqet_block_job_wait(machine, &completed, err);
}

int
maqet_block_job_cancel(struct maqet_opened *machine, const char *id,
                       struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(CANCEL_TIMEOUT);
    bool cancelled = false;

    /* One that has just concluded cannot be cancelled any more. */
    while (maqet_deadline_left(deadline) > 0) {
        _cleanup_json_ json_object *row = NULL;

        if (find_job(machine, id, &row, err) < 0)
            return -1;
        if (!row)
            return 0;
        if (maqet_json_is(row, "status", "concluded")) {
            execute(machine, "job-dismiss", id, NULL);
            continue;
        }
        if (!cancelled)
            execute(machine, "job-cancel", id, NULL);
        cancelled = true;
        if (wait_for_change(machine, QUERY_INTERVAL, err) < 0)
            return -1;
    }
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "VM '%s': QEMU's job '%s' was not cancelled in time",
                           machine->name, id);
}

int
maqet_block_flush(struct maqet_opened *machine, const char *drive, const char *node,
                  struct maqet_error **err)
{
    _cleanup_free_ char *command = maqet_format("qemu-io %s flush", node);
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        machine, "human-monitor-command",
        maqet_json_object("command-line", json_object_new_string(command), NULL), err);
    const char *said = answer ? json_object_get_string(answer) : NULL;

    if (!answer)
        return -1;
    return json_object_is_type(answer, json_type_string) && *said
               ? maqet_error_set(
                     err, MAQET_ERROR_FAILED,
                     "VM '%s', drive '%s': QEMU cannot write to the disk: %.*s",
                     machine->name, drive, maqet_text_fitting(said), said)
               : 0;
}
