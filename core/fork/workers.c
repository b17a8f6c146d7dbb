/* SPDX-License-Identifier: MIT */
#include "core/fork/workers.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/apart.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/fork/processes.h"
#include "core/storage/close.h"

/* A worker sends the index of a fork, and the fork or an error. */
#define KEY_INDEX "index"
#define KEY_FORK "fork"
#define KEY_ERROR "error"

struct work {
    struct maqet_forking *forking;
    const struct maqet_strings *names;
    struct maqet_forked *forked;
    struct maqet_error **errors;
    struct maqet_fork_guests *guests;
    size_t worker_count;
};

struct worker {
    struct work *work;
    size_t number; /* its forks are this one, and each worker_count-th after it */
};

/* ---- in the worker ---- */

static void
make_one(struct worker *worker, size_t index, int fd)
{
    struct work *work = worker->work;
    struct maqet_forked forked = {0};
    _cleanup_error_ struct maqet_error *error = NULL;
    bool made =
        maqet_fork_one(work->forking, work->names->items[index], &forked, &error) == 0;

    maqet_fork_process_send(
        fd, maqet_json_object(KEY_INDEX, json_object_new_int64((int64_t)index),
                              made ? KEY_FORK : KEY_ERROR,
                              made ? maqet_fields_to_json(&maqet_forked_fields, &forked)
                                   : maqet_error_to_json(error),
                              NULL));
    maqet_forked_clear(&forked);
}

static int
do_work(void *data, int fd)
{
    struct worker *worker = data;
    struct work *work = worker->work;
    struct maqet_context context = *work->forking->context;

    maqet_fork_process_enter(&context, &fd);
    work->forking->context = &context;
    for (size_t i = worker->number; i < work->names->count; i += work->worker_count) {
        if (maqet_interrupt_number() != 0)
            break;
        make_one(worker, i, fd);
    }
    maqet_drives_close();
    return 0;
}

/* ---- in the parent ---- */

static void
take_line(void *data, json_object *line)
{
    struct work *work = ((struct worker *)data)->work;
    size_t index = (size_t)maqet_json_int(line, KEY_INDEX);
    json_object *value;

    if (index >= work->names->count)
        return;
    if (!json_object_object_get_ex(line, KEY_FORK, &value))
        maqet_error_from_json(json_object_object_get(line, KEY_ERROR),
                              &work->errors[index]);
    else if (maqet_fields_from_json(&maqet_forked_fields, value, &work->forked[index],
                                    &work->errors[index]) == 0)
        maqet_fork_guests_begin(work->guests, index, &work->forked[index]);
}

/* Those of which nothing was heard: their worker was killed, or told to end before. */
static void
note_missing(struct work *work)
{
    for (size_t i = 0; i < work->names->count; i++)
        if (!work->forked[i].name && !work->errors[i])
            maqet_error_set(&work->errors[i], MAQET_ERROR_FAILED,
                            "The fork '%s' was not made, or was interrupted",
                            work->names->items[i]);
}

void
maqet_fork_workers_run(struct maqet_forking *forking, const struct maqet_strings *names,
                       struct maqet_forked *forked, struct maqet_error **errors,
                       struct maqet_fork_guests *guests)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = processors > 2 ? (size_t)processors : 2;
    struct work work = {.forking = forking,
                        .names = names,
                        .forked = forked,
                        .errors = errors,
                        .guests = guests,
                        .worker_count = names->count < most ? names->count : most};

    if (names->count == 1) {
        if (maqet_fork_one(forking, names->items[0], forked, errors) < 0)
            maqet_forked_clear(forked);
        else
            maqet_fork_guests_begin(guests, 0, forked);
        return;
    }
    _cleanup_free_ struct worker *workers =
        maqet_alloc(work.worker_count * sizeof(*workers) + 1);
    _cleanup_free_ struct maqet_fork_process *processes =
        maqet_alloc(work.worker_count * sizeof(*processes) + 1);
    for (size_t i = 0; i < work.worker_count; i++) {
        workers[i] = (struct worker){.work = &work, .number = i};
        processes[i] = (struct maqet_fork_process){
            .context = forking->context, .take = take_line, .data = &workers[i]};
        if (maqet_fork_process_start(&processes[i], do_work) < 0)
            maqet_error_errno(&errors[i], errno, "Cannot start a process for the fork");
    }
    maqet_fork_processes_wait(processes, work.worker_count);
    note_missing(&work);
}
