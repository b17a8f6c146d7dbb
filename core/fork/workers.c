/* SPDX-License-Identifier: MIT */
#include "core/fork/workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/apart.h"
#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/storage/close.h"

/* A worker sends lines of JSON: a message and its level, or the index of a fork, and the fork or
 * an error. */
#define KEY_MESSAGE "message"
#define KEY_LEVEL "level"
#define KEY_INDEX "index"
#define KEY_FORK "fork"
#define KEY_ERROR "error"

struct work {
    struct maqet_forking *forking;
    const struct maqet_strings *names;
    struct maqet_forked *forked;
    struct maqet_error **errors;
    size_t worker_count;
};

struct worker {
    struct work *work;
    size_t number; /* its forks are this one, and each worker_count-th after it */
    struct maqet_child child;
    struct maqet_text line; /* what has arrived of the next one */
};

/* ---- in the worker ---- */

static void
send_line(int fd, json_object *line)
{
    _cleanup_free_ char *bytes = maqet_format(
        "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));

    json_object_put(line);
    (void)maqet_fd_write(fd, bytes, strlen(bytes)); /* the parent may have gone */
}

static void
send_message(void *data, enum maqet_level level, const char *message)
{
    send_line(*(const int *)data,
              maqet_json_object(KEY_MESSAGE, json_object_new_string(message), KEY_LEVEL,
                                json_object_new_int(level), NULL));
}

static void
make_one(struct worker *worker, size_t index, int fd)
{
    struct work *work = worker->work;
    struct maqet_forked forked = {0};
    _cleanup_error_ struct maqet_error *error = NULL;
    bool made =
        maqet_fork_one(work->forking, work->names->items[index], &forked, &error) == 0;

    send_line(fd,
              maqet_json_object(KEY_INDEX, json_object_new_int64((int64_t)index),
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

    context.message = send_message;
    context.progress = NULL;
    context.ending = NULL;
    context.data = &fd;
    work->forking->context = &context;
    /* If the parent is killed, what has been begun is undone. */
    signal(SIGPIPE, SIG_IGN);
    maqet_interrupt_catch();
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
take_line(struct worker *worker, const char *text)
{
    struct work *work = worker->work;
    _cleanup_json_ json_object *line = json_tokener_parse(text);
    json_object *value;

    if (json_object_object_get_ex(line, KEY_MESSAGE, &value)) {
        maqet_context_say(work->forking->context,
                          (enum maqet_level)maqet_json_int(line, KEY_LEVEL), "%s",
                          json_object_get_string(value));
        return;
    }
    size_t index = (size_t)maqet_json_int(line, KEY_INDEX);
    if (index >= work->names->count)
        return;
    if (json_object_object_get_ex(line, KEY_FORK, &value))
        (void)maqet_fields_from_json(&maqet_forked_fields, value, &work->forked[index],
                                     &work->errors[index]);
    else
        maqet_error_from_json(json_object_object_get(line, KEY_ERROR),
                              &work->errors[index]);
}

static void
take_lines(struct worker *worker)
{
    for (char *feed; (feed = strchr(worker->line.data, '\n'));) {
        struct maqet_text rest = MAQET_TEXT_INIT;

        *feed = '\0';
        maqet_text_append(&rest, feed + 1);
        take_line(worker, worker->line.data);
        maqet_text_clear(&worker->line);
        worker->line = rest;
    }
}

static void
read_worker(struct worker *worker)
{
    char buffer[4096];
    ssize_t count = read(worker->child.fd, buffer, sizeof(buffer));

    if (count < 0 && errno == EINTR)
        return;
    if (count > 0) {
        maqet_text_append_bytes(&worker->line, buffer, (size_t)count);
        take_lines(worker);
        return;
    }
    maqet_child_reap(&worker->child);
    worker->child.fd = -1;
}

/* They undo what they have begun, each for itself. A terminal has told them already. */
static void
pass_interrupt(const struct worker *workers, size_t count)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_interrupt_check(&error) == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (workers[i].child.fd >= 0)
            kill(workers[i].child.pid, maqet_interrupt_number());
}

static void
wait_for(struct worker *workers, size_t count)
{
    _cleanup_free_ struct pollfd *fds = maqet_alloc((count + 1) * sizeof(*fds));

    for (;;) {
        size_t alive = 0;

        for (size_t i = 0; i < count; i++) {
            fds[i] = (struct pollfd){.fd = workers[i].child.fd, .events = POLLIN};
            alive += workers[i].child.fd >= 0;
        }
        if (alive == 0)
            return;
        fds[count] = (struct pollfd){.fd = maqet_interrupt_fd(), .events = POLLIN};
        int ready = poll(fds, count + 1, -1);
        pass_interrupt(workers, count);
        for (size_t i = 0; ready > 0 && i < count; i++)
            if (fds[i].revents)
                read_worker(&workers[i]);
    }
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
                       struct maqet_forked *forked, struct maqet_error **errors)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = processors > 2 ? (size_t)processors : 2;
    struct work work = {.forking = forking,
                        .names = names,
                        .forked = forked,
                        .errors = errors,
                        .worker_count = names->count < most ? names->count : most};

    if (names->count == 1) {
        if (maqet_fork_one(forking, names->items[0], forked, errors) < 0)
            maqet_forked_clear(forked);
        return;
    }
    _cleanup_free_ struct worker *workers =
        maqet_alloc(work.worker_count * sizeof(*workers) + 1);
    for (size_t i = 0; i < work.worker_count; i++) {
        workers[i] = (struct worker){.work = &work,
                                     .number = i,
                                     .child = MAQET_CHILD_INIT,
                                     .line = MAQET_TEXT_INIT};
        if (maqet_child_start(&workers[i].child, SIGTERM, do_work, &workers[i]) < 0)
            maqet_error_errno(&errors[i], errno, "Cannot start a process for the fork");
    }
    wait_for(workers, work.worker_count);
    for (size_t i = 0; i < work.worker_count; i++)
        maqet_text_clear(&workers[i].line);
    note_missing(&work);
}
