/* SPDX-License-Identifier: MIT */
#include "core/fork/runs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/fork/processes.h"

/* A worker sends the index of a command, and what has become of it. */
#define KEY_INDEX "index"
#define KEY_RAN "ran"

/* Bytes of a log's name that come from the command's. */
enum { NAME_MAX_BYTES = 60 };

struct work {
    const struct maqet_context *context;
    const struct maqet_runs_request *request;
    size_t *next; /* the command that a worker takes, shared by all */
    struct maqet_rans *rans;
    size_t told; /* how many of them the caller knows */
};

/* ---- in the worker ---- */

/* "DIR/03-name.SUFFIX". The caller frees. */
static char *
log_path(const struct maqet_runs_request *request, size_t index, const char *suffix)
{
    const char *title = request->commands[index].title;
    size_t length = strcspn(title, " \t\n");
    size_t begin = length;
    int width = snprintf(NULL, 0, "%zu", request->count);

    while (begin > 0 && title[begin - 1] != '/')
        begin--;
    _cleanup_free_ char *name = maqet_strndup(
        title + begin, length - begin < NAME_MAX_BYTES ? length - begin : NAME_MAX_BYTES);
    for (char *at = name; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
            *at = '_';
    return maqet_format("%s/%0*zu-%s.%s", request->logs, width, index + 1, name, suffix);
}

/* It belongs to the user who has asked for it, as what a shell redirects does. */
static int
create_log(const char *path, mode_t umask, struct maqet_error **err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    fchmod(fd, 0666 & ~umask);
    return fd;
}

static unsigned
status_of(bool failed, int exit_code)
{
    if (!failed)
        return exit_code == 0 ? MAQET_RAN_PASSED : MAQET_RAN_FAILED;
    return exit_code == MAQET_RUN_LATE     ? MAQET_RAN_LATE
           : exit_code == MAQET_RUN_FAILED ? MAQET_RAN_ERROR
                                           : MAQET_RAN_FAILED;
}

static void
run_one(struct work *work, size_t index, const struct maqet_context *context, int fd)
{
    const struct maqet_runs_request *request = work->request;
    struct maqet_run_request one = request->each;
    struct maqet_ran ran = {
        .number = (unsigned)index + 1,
        .command = maqet_strdup(request->commands[index].title),
        .exit_code = MAQET_RUN_FAILED,
        .log = log_path(request, index, "log"),
        .console_log = log_path(request, index, "console.log"),
    };
    _cleanup_error_ struct maqet_error *error = NULL;
    int64_t begun = maqet_now();

    one.argv = request->commands[index].argv;
    one.console_log = ran.console_log;
    one.output = create_log(ran.log, one.umask, &error);
    /* It is written at the end. Until then, none of an earlier run is there. */
    _cleanup_close_ int console =
        one.output < 0 ? -1 : create_log(ran.console_log, one.umask, &error);
    bool failed =
        console < 0 || maqet_vm_run_forked(context, &one, &ran.exit_code, &error) < 0;
    maqet_cleanup_close(&one.output);
    ran.status = status_of(failed, ran.exit_code);
    ran.duration = (double)(maqet_now() - begun);
    ran.message = failed ? maqet_strdup(error->message) : NULL;
    if (maqet_interrupt_number() == 0)
        maqet_fork_process_send(
            fd,
            maqet_json_object(KEY_INDEX, json_object_new_int64((int64_t)index), KEY_RAN,
                              maqet_fields_to_json(&maqet_ran_fields, &ran), NULL));
    maqet_fields_clear(&maqet_ran_fields, &ran);
}

static int
do_work(void *data, int fd)
{
    struct work *work = data;
    struct maqet_context context = *work->context;
    size_t index;

    maqet_fork_process_enter(&context, &fd);
    /* Each of the others may have the source locked while its QEMU starts. */
    context.lock_timeout += work->request->each.answer_timeout * work->request->parallel;
    while (maqet_interrupt_number() == 0 &&
           (index = __atomic_fetch_add(work->next, 1, __ATOMIC_RELAXED)) <
               work->request->count)
        run_one(work, index, &context, fd);
    return 0;
}

/* ---- in the parent ---- */

/* Those whose turn it is. @all: also after one that has not ended. */
static void
tell(struct work *work, bool all)
{
    const struct maqet_runs_request *request = work->request;

    for (; work->told < work->rans->count; work->told++) {
        const struct maqet_ran *ran = &work->rans->items[work->told];

        if (ran->number == 0 && !all)
            return;
        if (ran->number > 0 && request->ended)
            request->ended(request->data, ran);
    }
}

static void
take_line(void *data, json_object *line)
{
    struct work *work = data;
    size_t index = (size_t)maqet_json_int(line, KEY_INDEX);

    if (index < work->rans->count && work->rans->items[index].number == 0)
        maqet_fields_from_json(&maqet_ran_fields, json_object_object_get(line, KEY_RAN),
                               &work->rans->items[index], NULL);
    tell(work, false);
}

/* Those of which nothing was heard, since processes were killed. */
static void
note_missing(struct work *work)
{
    const struct maqet_runs_request *request = work->request;

    for (size_t i = 0; i < work->rans->count; i++) {
        bool begun = i < *work->next;
        struct maqet_ran *ran = &work->rans->items[i];

        if (ran->number > 0)
            continue;
        *ran = (struct maqet_ran){
            .number = (unsigned)i + 1,
            .command = maqet_strdup(request->commands[i].title),
            .status = MAQET_RAN_ERROR,
            .exit_code = MAQET_RUN_FAILED,
            .message = maqet_strdup(begun ? "The process of maqet that ran it was killed"
                                          : "It was not run, since all processes of "
                                            "maqet that run commands were killed"),
            .log = log_path(request, i, "log"),
            .console_log = log_path(request, i, "console.log"),
        };
    }
}

/* Returns how many there are, which run all commands; errno: why there are no more. */
static size_t
start_all(struct work *work, struct maqet_fork_process *processes, size_t count)
{
    size_t started = 0;
    int number = 0;

    for (size_t i = 0; i < count; i++) {
        processes[i] = (struct maqet_fork_process){
            .context = work->context, .take = take_line, .data = work};
        if (maqet_fork_process_start(&processes[i], do_work) == 0)
            started++;
        else
            number = errno;
    }
    errno = number;
    return started;
}

static int
work_all(struct work *work, struct maqet_error **err)
{
    const struct maqet_runs_request *request = work->request;
    size_t count =
        request->parallel < request->count ? request->parallel : request->count;
    _cleanup_free_ struct maqet_fork_process *processes =
        maqet_alloc(count * sizeof(*processes) + 1);
    size_t started = start_all(work, processes, count);
    int result = started > 0 ? 0
                             : maqet_error_errno(err, errno,
                                                 "No process that runs commands can be "
                                                 "started");
    if (started > 0 && started < count)
        maqet_context_say(work->context, MAQET_LEVEL_WARNING,
                          "Only %zu of %zu processes that run commands could be started: "
                          "%s",
                          started, count, strerror(errno));
    maqet_fork_processes_wait(processes, count);
    int number = maqet_interrupt_number();
    if (number == 0)
        note_missing(work);
    tell(work, true);
    if (number != 0) {
        maqet_interrupt_restore();
        return maqet_interrupt_check(err);
    }
    return result;
}

static int
make_folder(const struct maqet_runs_request *request, struct maqet_error **err)
{
    mode_t before = umask(request->each.umask);
    int result = maqet_dir_make(request->logs, 0777, err);

    umask(before);
    return result;
}

int
maqet_vm_run_all(const struct maqet_context *context,
                 const struct maqet_runs_request *request, struct maqet_rans *rans,
                 struct maqet_error **err)
{
    struct work work = {.context = context, .request = request, .rans = rans};

    /* What would be wrong with all of them. */
    if (maqet_vm_run_check(context, &request->each, err) < 0 ||
        make_folder(request, err) < 0)
        return -1;
    work.next = mmap(NULL, sizeof(*work.next), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work.next == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot run commands");
    *work.next = 0;
    rans->items = maqet_alloc(request->count * sizeof(*rans->items) + 1);
    rans->count = request->count;
    int result = work_all(&work, err);
    munmap(work.next, sizeof(*work.next));
    return result;
}
