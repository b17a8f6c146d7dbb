/* SPDX-License-Identifier: MIT */
#include "core/fork/workers.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/apart.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/fork/lost.h"
#include "core/fork/processes.h"
#include "core/storage/close.h"

/* A worker sends the index of a fork, and the fork or an error; or that it has loaded some, and
 * waits until it may resume them. */
#define KEY_LOADED "loaded"
#define KEY_INDEX "index"
#define KEY_FORK "fork"
#define KEY_ERROR "error"

struct work {
    struct maqet_forking *forking;
    const struct maqet_strings *names;
    struct maqet_forked *forked;
    struct maqet_error **errors;
    struct maqet_fork_guests *guests;
    struct worker *workers;
    struct maqet_fork_process *processes; /* those of the workers */
    size_t worker_count;
    /* The fork that nobody has begun yet, in memory that the workers share. */
    atomic_size_t *next;
};

struct worker {
    struct work *work;
    bool waits;
};

/* One that is being made. */
struct making {
    size_t index;
    struct maqet_forked forked;
    struct maqet_fork_loaded loaded;
    struct maqet_error *error;
};

#define MAKING_INIT                                                                      \
    {                                                                                    \
        .loaded = MAQET_FORK_LOADED_INIT                                                 \
    }

/* As many of one worker stand still at the same time: each takes several descriptors. */
enum { BATCH = 16 };

/* What a worker is told that may resume them. */
static const char GO_ON = 'g';

/* ---- in the worker ---- */

static void
send_made(const struct making *making, int fd)
{
    bool made = !making->error;

    maqet_fork_process_send(
        fd, maqet_json_object(
                KEY_INDEX, json_object_new_int64((int64_t)making->index),
                made ? KEY_FORK : KEY_ERROR,
                made ? maqet_fields_to_json(&maqet_forked_fields, &making->forked)
                     : maqet_error_to_json(making->error),
                NULL));
}

static void
making_clear(struct making *making)
{
    maqet_fork_loaded_clear(&making->loaded);
    maqet_forked_clear(&making->forked);
    maqet_error_free(making->error);
    *making = (struct making)MAKING_INIT;
}

/* Waits until all workers have loaded what they may. False: the command was killed. */
static bool
wait_for_others(int fd)
{
    maqet_fork_process_send(
        fd, maqet_json_object(KEY_LOADED, json_object_new_boolean(true), NULL));
    return maqet_child_receive(fd) == GO_ON;
}

/* Has what was written for them on the disk. If anything cannot be, all of them are removed. */
static void
settle(struct work *work, struct making *batch, size_t count)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_fork_write_out(work->forking, &reason) == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (!batch[i].error) {
            maqet_error_copy(&batch[i].error, reason);
            maqet_fork_give_up(&batch[i].loaded, &batch[i].error);
        }
}

/* Has them on the disk, and records that they are to be resumed only then. */
static void
make_ready(struct work *work, struct making *batch, size_t count)
{
    settle(work, batch, count);
    for (size_t i = 0; i < count; i++)
        if (!batch[i].error)
            maqet_fork_ready(work->forking, &batch[i].loaded, &batch[i].error);
    settle(work, batch, count);
}

/* Takes the next one; false: there is none, or there are to be no more. */
static bool
take_next(struct work *work, size_t *index)
{
    if (maqet_interrupt_number() != 0)
        return false;
    *index = atomic_fetch_add(work->next, 1);
    return *index < work->names->count;
}

/* Returns how many. */
static size_t
load_batch(struct work *work, struct making *batch)
{
    size_t count = 0;

    while (count < BATCH && take_next(work, &batch[count].index)) {
        struct making *making = &batch[count];

        /* Syncs what is there now; at the end, the other workers would wait for it. */
        if (making->index + work->worker_count >= work->names->count)
            settle(work, batch, count);
        maqet_fork_load(work->forking, work->names->items[making->index], &making->forked,
                        &making->loaded, &making->error);
        count++;
    }
    return count;
}

static void
resume_batch(struct work *work, struct making *batch, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!batch[i].error)
            maqet_fork_resume(&batch[i].loaded, &batch[i].error);
    for (size_t i = 0; i < count; i++)
        if (!batch[i].error)
            maqet_fork_await(&batch[i].loaded, &batch[i].error);
    for (size_t i = 0; i < count; i++)
        if (!batch[i].error)
            maqet_fork_finish(work->forking, &batch[i].loaded, &batch[i].error);
}

/* A guest that runs takes the processors from the forks that are made meanwhile, so all are loaded before
 * the first one is resumed, and little is left to be done then. False: there are to be no more. */
static bool
make_batch(struct work *work, struct making *batch, size_t count, int fd)
{
    make_ready(work, batch, count);
    bool goes_on = wait_for_others(fd);
    if (goes_on)
        resume_batch(work, batch, count);
    for (size_t i = 0; i < count; i++) {
        if (!goes_on && !batch[i].error)
            maqet_fork_give_up(&batch[i].loaded, &batch[i].error);
        send_made(&batch[i], fd);
    }
    return goes_on;
}

static int
do_work(void *data, int fd)
{
    struct worker *worker = data;
    struct work *work = worker->work;
    struct maqet_context context = *work->forking->context;
    struct making batch[BATCH];
    size_t count;

    for (size_t i = 0; i < BATCH; i++)
        batch[i] = (struct making)MAKING_INIT;

    maqet_fork_process_enter(&context, &fd);
    work->forking->context = &context;
    while ((count = load_batch(work, batch)) > 0 && make_batch(work, batch, count, fd) &&
           atomic_load(work->next) < work->names->count)
        for (size_t i = 0; i < count; i++)
            making_clear(&batch[i]);
    /* The end of the process frees the last ones, sooner; but not what is left of those that failed. */
    for (size_t i = 0; i < count; i++)
        if (batch[i].error)
            making_clear(&batch[i]);
    maqet_drives_close();
    return 0;
}

/* ---- in the parent ---- */

/* Lets them resume what they have loaded, once none of them is loading. */
static void
let_resume(struct work *work)
{
    for (size_t i = 0; i < work->worker_count; i++)
        if (!work->workers[i].waits && work->processes[i].child.fd >= 0)
            return;
    for (size_t i = 0; i < work->worker_count; i++) {
        if (work->workers[i].waits)
            maqet_child_send(&work->processes[i].child, GO_ON);
        work->workers[i].waits = false;
    }
}

static void
note_end(void *data)
{
    struct worker *worker = data;

    worker->waits = false;
    let_resume(worker->work);
}

static void
take_line(void *data, json_object *line)
{
    struct worker *worker = data;
    struct work *work = worker->work;
    size_t index = (size_t)maqet_json_int(line, KEY_INDEX);
    json_object *value;

    if (json_object_object_get(line, KEY_LOADED)) {
        worker->waits = true;
        let_resume(work);
        return;
    }
    if (index >= work->names->count)
        return;
    /* Of a worker that could not be started, in whose place another one has made it. */
    maqet_error_clear(&work->errors[index]);
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
        if (!work->forked[i].name && !work->errors[i] &&
            maqet_fork_find_lost(work->forking, work->names->items[i], &work->forked[i],
                                 &work->errors[i]) == 0)
            maqet_fork_guests_begin(work->guests, i, &work->forked[i]);
}

/* The only one needs no process. */
static void
make_only(struct work *work)
{
    struct making making = MAKING_INIT;

    if (maqet_fork_load(work->forking, work->names->items[0], &making.forked,
                        &making.loaded, &making.error) == 0)
        make_ready(work, &making, 1);
    if (!making.error && maqet_fork_resume(&making.loaded, &making.error) == 0 &&
        maqet_fork_await(&making.loaded, &making.error) == 0)
        maqet_fork_finish(work->forking, &making.loaded, &making.error);
    maqet_fork_loaded_clear(&making.loaded);
    if (!making.error) {
        *work->forked = making.forked;
        maqet_fork_guests_begin(work->guests, 0, work->forked);
        return;
    }
    maqet_forked_clear(&making.forked);
    *work->errors = making.error;
}

/* Half as many again as there are processors: a part of each one's time is waiting for the disk. */
static size_t
workers_at_most(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = processors > 2 ? (size_t)processors : 2;

    return most + most / 2;
}

void
maqet_fork_workers_run(struct maqet_forking *forking, const struct maqet_strings *names,
                       struct maqet_forked *forked, struct maqet_error **errors,
                       struct maqet_fork_guests *guests)
{
    size_t most = workers_at_most();
    struct work work = {.forking = forking,
                        .names = names,
                        .forked = forked,
                        .errors = errors,
                        .guests = guests,
                        .worker_count = names->count < most ? names->count : most};

    forking->loading.incoming.stands = true;
    if (names->count == 1) {
        make_only(&work);
        return;
    }
    work.next = mmap(NULL, sizeof(*work.next), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work.next == MAP_FAILED) {
        int number = errno;

        for (size_t i = 0; i < names->count; i++)
            maqet_error_errno(&errors[i], number,
                              "Cannot share memory between processes");
        return;
    }
    _cleanup_free_ struct worker *workers =
        maqet_alloc(work.worker_count * sizeof(*workers) + 1);
    _cleanup_free_ struct maqet_fork_process *processes =
        maqet_alloc(work.worker_count * sizeof(*processes) + 1);
    work.workers = workers;
    work.processes = processes;
    for (size_t i = 0; i < work.worker_count; i++) {
        workers[i] = (struct worker){.work = &work};
        processes[i] = (struct maqet_fork_process){.context = forking->context,
                                                   .take = take_line,
                                                   .ended = note_end,
                                                   .data = &workers[i]};
        if (maqet_fork_process_start(&processes[i], do_work) < 0)
            maqet_error_errno(&errors[i], errno, "Cannot start a process for the fork");
    }
    maqet_fork_processes_wait(processes, work.worker_count);
    munmap(work.next, sizeof(*work.next));
    note_missing(&work);
}
