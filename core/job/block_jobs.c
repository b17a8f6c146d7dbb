/* SPDX-License-Identifier: MIT */
#include "core/job/block_jobs.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/job/job.h"
#include "core/machine/monitor.h"

/* ms between two looks at a job, and for which one that was cancelled may go on: what it
 * has begun to write has to reach the disk. */
static const int64_t LOOK_INTERVAL = 1000;
static const int64_t CANCEL_TIMEOUT = 60000;

/* One of QEMU's JobInfo. *row is NULL where there is no such job; the caller puts it. */
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
    for (size_t i = 0; list && !*row && i < json_object_array_length(list); i++) {
        json_object *one = json_object_array_get_idx(list, i);
        const char *its = maqet_json_text(one, "id");

        if (its && strcmp(its, id) == 0)
            *row = json_object_get(one);
    }
    return list ? 0 : -1;
}

static bool
has_status(json_object *row, const char *status)
{
    const char *its = maqet_json_text(row, "status");

    return its && strcmp(its, status) == 0;
}

/* Tells QEMU what is to become of a job. */
static int
tell(struct maqet_opened *machine, const char *command, const char *id,
     struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "id", json_object_new_string(id));
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(machine, command, arguments, err);
    return answer ? 0 : -1;
}

/* Waits until a job, of whatever id, has changed, for @timeout ms at most. The monitor is
 * free for others afterwards. */
static int
await_change(struct maqet_opened *machine, int64_t timeout, struct maqet_error **err)
{
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);
    struct maqet_error *reason = NULL;

    if (!qmp)
        return -1;
    json_object_put(maqet_qmp_event(qmp, "JOB_STATUS_CHANGE", timeout, &reason));
    maqet_monitor_leave(machine);
    if (reason && reason->code != MAQET_ERROR_TIMEOUT)
        return maqet_error_move(err, reason);
    maqet_error_free(reason);
    return 0;
}

/* What has become of a job that is over: it is asked for the last time. */
static int
conclude(struct maqet_opened *machine, const struct maqet_block_job *job,
         json_object *row, struct maqet_error **err)
{
    const char *reason = maqet_json_text(row, "error");

    if (tell(machine, "job-dismiss", job->id, reason ? NULL : err) < 0 && !reason)
        return -1;
    return reason ? maqet_error_set(err, MAQET_ERROR_FAILED, "%s: QEMU: %.*s", job->what,
                                    maqet_text_fitting(reason), reason)
                  : 0;
}

static int
give_up(struct maqet_opened *machine, const struct maqet_block_job *job,
        struct maqet_error **err)
{
    if (maqet_block_job_cancel(machine, job->id, err) < 0)
        return -1;
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "%s: it took longer than %g s, and was given up", job->what,
                           (double)job->limit / 1000);
}

static int64_t
shorter(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int
wait_for(struct maqet_opened *machine, const struct maqet_block_job *job,
         bool ready_is_over, struct maqet_error **err)
{
    int64_t begun = maqet_now();

    for (;;) {
        _cleanup_json_ json_object *row = NULL;
        int64_t left = job->limit - (maqet_now() - begun);

        if (find_job(machine, job->id, &row, err) < 0)
            return -1;
        if (!row)
            return maqet_error_set(err, MAQET_ERROR_MISSING,
                                   "%s: QEMU has no job '%s' any more", job->what,
                                   job->id);
        if (has_status(row, "concluded"))
            return conclude(machine, job, row, err);
        if (ready_is_over && has_status(row, "ready"))
            return 0;
        if (job->limit >= 0 && left <= 0)
            return give_up(machine, job, err);
        maqet_job_show(machine->context, job->what,
                       (uint64_t)maqet_json_int(row, "current-progress"),
                       (uint64_t)maqet_json_int(row, "total-progress"), begun);
        if (await_change(machine,
                         job->limit < 0 ? LOOK_INTERVAL : shorter(left, LOOK_INTERVAL),
                         err) < 0)
            return -1;
    }
}

int
maqet_block_job_wait(struct maqet_opened *machine, const struct maqet_block_job *job,
                     struct maqet_error **err)
{
    int result = wait_for(machine, job, job->ready_is_over, err);

    maqet_job_show_end(machine->context);
    return result;
}

int
maqet_block_job_complete(struct maqet_opened *machine, const struct maqet_block_job *job,
                         struct maqet_error **err)
{
    if (tell(machine, "job-complete", job->id, err) < 0)
        return -1;
    int result = wait_for(machine, job, false, err);
    maqet_job_show_end(machine->context);
    return result;
}

int
maqet_block_job_cancel(struct maqet_opened *machine, const char *id,
                       struct maqet_error **err)
{
    int64_t deadline = maqet_now() + CANCEL_TIMEOUT;

    /* One that has just come to its end can't be cancelled any more. */
    for (bool told = false; maqet_now() < deadline; told = true) {
        _cleanup_json_ json_object *row = NULL;

        if (find_job(machine, id, &row, err) < 0)
            return -1;
        if (!row)
            return 0;
        if (has_status(row, "concluded")) {
            tell(machine, "job-dismiss", id, NULL);
            continue;
        }
        if (!told)
            tell(machine, "job-cancel", id, NULL);
        if (await_change(machine, LOOK_INTERVAL, err) < 0)
            return -1;
    }
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "VM '%s': QEMU's job '%s' does not come to an end",
                           machine->name, id);
}
