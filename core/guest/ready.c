/* SPDX-License-Identifier: MIT */
#include "core/guest/ready.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/config/parse.h"
#include "core/guest/agent.h"
#include "core/guest/forwarded.h"
#include "core/guest/ssh.h"
#include "core/machine/console.h"
#include "core/machine/monitor.h"

/* ms between two attempts, and for one of them. */
static const int64_t INTERVAL = 250, ATTEMPT_TIMEOUT = 3000;

/* ms that QEMU has for an answer, even if less is left. */
static const int64_t LEAST_ANSWER_LIMIT = 1000;

static const char CONSOLE_PREFIX[] = "console:", PORT_PREFIX[] = "port:";

enum { PORT_MAX = 65535 };

const char *
maqet_ready_word(unsigned index)
{
    static const char *const words[] = {[MAQET_READY_SSH] = "ssh",
                                        [MAQET_READY_AGENT] = "agent",
                                        [MAQET_READY_CONSOLE] = CONSOLE_PREFIX,
                                        [MAQET_READY_PORT] = PORT_PREFIX,
                                        [MAQET_READY_STOPPED] = "stopped"};

    return index < sizeof(words) / sizeof(*words) ? words[index] : NULL;
}

bool
maqet_ready_parse(const char *text, struct maqet_ready *ready)
{
    *ready = (struct maqet_ready){0};
    for (unsigned i = 0; maqet_ready_word(i); i++)
        if (strcmp(maqet_ready_word(i), text) == 0) {
            ready->kind = i;
            return !strchr(text, ':');
        }
    if (maqet_text_starts(text, CONSOLE_PREFIX)) {
        ready->kind = MAQET_READY_CONSOLE;
        ready->text = text + strlen(CONSOLE_PREFIX);
        return *ready->text;
    }
    const char *digits = text + strlen(PORT_PREFIX);
    if (!maqet_text_starts(text, PORT_PREFIX) || !*digits ||
        strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 5)
        return false;
    ready->kind = MAQET_READY_PORT;
    ready->port = (unsigned)strtoul(digits, NULL, 10);
    return ready->port > 0 && ready->port <= PORT_MAX;
}

/* One wait. */
struct waiting {
    struct maqet_opened *machine;
    const struct maqet_ready *ready;
    struct maqet_deadline deadline;
    int64_t begun;
    int64_t answer_limit; /* ms, of QEMU */
    char *what;           /* for the progress */
    unsigned ssh_port;    /* of the guest */
    int console;          /* -1: not connected */
    char *seen; /* the end of what the console has shown, for a text that is split */
    size_t seen_length;
};

static void
waiting_clear(struct waiting *waiting)
{
    maqet_context_progress_end(waiting->machine->context);
    if (waiting->console >= 0)
        close(waiting->console);
    free(waiting->seen);
    free(waiting->what);
}

/* What is left for one attempt. */
static int64_t
attempt_time(const struct waiting *waiting)
{
    int64_t left = maqet_deadline_left(waiting->deadline);

    return left < 0 || left > ATTEMPT_TIMEOUT ? ATTEMPT_TIMEOUT : left;
}

/* Nobody waits longer for QEMU than was said. */
static void
limit_answers(const struct waiting *waiting)
{
    int64_t left = maqet_deadline_left(waiting->deadline);

    if (left >= 0 && left < LEAST_ANSWER_LIMIT)
        left = LEAST_ANSWER_LIMIT;
    waiting->machine->answer_limit =
        left < 0 || left > waiting->answer_limit ? waiting->answer_limit : left;
}

/* The phrase for a condition, after "VM 'web': "; the caller frees. */
static char *
phrase_of(const struct maqet_ready *ready)
{
    switch (ready->kind) {
    case MAQET_READY_SSH:
        return maqet_strdup("the guest's ssh server");
    case MAQET_READY_AGENT:
        return maqet_strdup("the guest agent");
    case MAQET_READY_CONSOLE:
        return maqet_format("'%s' on the console", ready->text);
    case MAQET_READY_PORT:
        return maqet_format("port %u of the guest", ready->port);
    case MAQET_READY_STOPPED:
        break;
    }
    return maqet_strdup("the end of QEMU");
}

/* ---- the conditions: 1 it is met, 0 not yet, -1 it cannot be any more ---- */

static int
try_agent(struct waiting *waiting, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    _cleanup_agent_ struct maqet_agent *agent = NULL;

    if (maqet_guest_agent_check(waiting->machine, err) < 0)
        return -1;
    agent = maqet_agent_open(waiting->machine->run.dir_fd, attempt_time(waiting),
                             waiting->machine->run.pidfd, &reason);
    if (agent)
        return 1;
    if (reason->code != MAQET_ERROR_TIMEOUT)
        return maqet_error_move(err, reason);
    maqet_error_free(reason);
    return 0;
}

/* Looks for the text in what is read, and in the end of what was read before. */
static bool
is_seen(struct waiting *waiting, const char *bytes, size_t count)
{
    size_t length = strlen(waiting->ready->text);

    waiting->seen = maqet_realloc(waiting->seen, waiting->seen_length + count);
    memcpy(waiting->seen + waiting->seen_length, bytes, count);
    waiting->seen_length += count;
    if (memmem(waiting->seen, waiting->seen_length, waiting->ready->text, length))
        return true;
    size_t kept = waiting->seen_length < length ? waiting->seen_length : length - 1;
    memmove(waiting->seen, waiting->seen + waiting->seen_length - kept, kept);
    waiting->seen_length = kept;
    return false;
}

static int
try_console(struct waiting *waiting, struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(attempt_time(waiting));
    char bytes[16384];

    if (waiting->console < 0)
        waiting->console = maqet_console_connect_all(waiting->machine, err);
    if (waiting->console < 0)
        return -1;
    while (maqet_deadline_left(deadline) > 0) {
        struct pollfd fds[] = {{.fd = waiting->console, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};

        poll(fds, 2, (int)maqet_deadline_left(deadline));
        if (maqet_interrupt_check(err) < 0)
            return -1;
        if (!fds[0].revents)
            continue;
        ssize_t count = read(waiting->console, bytes, sizeof(bytes));
        if (count > 0 && is_seen(waiting, bytes, (size_t)count))
            return 1;
        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
            /* The process that serves it may have been ended; it has what was written. */
            close(TAKE_FD(waiting->console));
            waiting->seen_length = 0;
            return 0;
        }
    }
    return 0;
}

static int
try_condition(struct waiting *waiting, struct maqet_error **err)
{
    switch (waiting->ready->kind) {
    case MAQET_READY_SSH:
        return maqet_forwarded_try_ssh(waiting->machine, waiting->ssh_port,
                                       attempt_time(waiting), err);
    case MAQET_READY_PORT:
        return maqet_forwarded_try(waiting->machine, waiting->ready->port,
                                   attempt_time(waiting), err);
    case MAQET_READY_AGENT:
        return try_agent(waiting, err);
    case MAQET_READY_CONSOLE:
        return try_console(waiting, err);
    case MAQET_READY_STOPPED:
        return maqet_pidfd_wait(waiting->machine->run.pidfd, 0);
    }
    return 0;
}

/* ---- what keeps it from being met ---- */

/* A guest whose kernel has panicked, or that has powered off, comes no further; one that is
 * paused may be resumed. *state gets QEMU's word for it; the caller frees. */
static int
check_guest(struct waiting *waiting, char **state, struct maqet_error **err)
{
    struct maqet_opened *machine = waiting->machine;

    limit_answers(waiting);
    machine->answer_left = machine->answer_limit;
    _cleanup_json_ json_object *status =
        maqet_monitor_ask(machine, "query-status", NULL, NULL);

    maqet_monitor_leave(machine);
    free(*state);
    *state = maqet_strdup(status ? maqet_json_text(status, "status") : NULL);
    if (!*state || waiting->ready->kind == MAQET_READY_STOPPED)
        return 0;
    if (strcmp(*state, "guest-panicked") == 0 || strcmp(*state, "internal-error") == 0)
        return maqet_error_set(err, MAQET_ERROR_STATE, "The guest of VM '%s' has %s",
                               machine->name, **state == 'g' ? "panicked" : "crashed");
    return strcmp(*state, "shutdown") == 0
               ? maqet_error_set(err, MAQET_ERROR_STATE,
                                 "The guest of VM '%s' has powered off", machine->name)
               : 0;
}

static int
error_late(const struct waiting *waiting, int64_t timeout, const char *state,
           struct maqet_error **err)
{
    const char *name = waiting->machine->name;

    maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                    "VM '%s': timed out after %g s waiting for %s", name,
                    (double)timeout / 1000, waiting->what);
    if (state && strcmp(state, "running") != 0 && strcmp(state, "prelaunch") != 0) {
        maqet_error_remark(err, "The guest does not run: QEMU's state is '%s'", state);
        maqet_error_next(err, MAQET_NEXT_RESUME, name, NULL);
    } else if (waiting->ready->kind != MAQET_READY_STOPPED) {
        maqet_error_next(err, MAQET_NEXT_READ_LOG, name, NULL);
    }
    return -1;
}

static int
wait_until(struct waiting *waiting, int64_t timeout, struct maqet_error **err)
{
    const struct maqet_opened *machine = waiting->machine;
    _cleanup_free_ char *title =
        maqet_format("VM '%s': waiting for %s", machine->name, waiting->what);
    _cleanup_free_ char *state = NULL;
    bool is_end = waiting->ready->kind == MAQET_READY_STOPPED;

    for (;;) {
        struct maqet_error *reason = NULL;

        limit_answers(waiting);
        int met = try_condition(waiting, &reason);

        if (met > 0)
            return 0;
        if (met < 0 && (reason->signal || !maqet_pidfd_wait(machine->run.pidfd, 0)))
            return maqet_error_move(err, reason);
        maqet_error_free(reason);
        maqet_context_progress(machine->context, title, 0, 0, waiting->begun);
        if (maqet_deadline_left(waiting->deadline) == 0)
            return error_late(waiting, timeout, state, err);
        if (maqet_guest_pause(machine, INTERVAL, &reason) < 0) {
            if (is_end && !reason->signal) {
                maqet_error_free(reason);
                return 0;
            }
            if (!reason->signal)
                maqet_error_next(&reason, MAQET_NEXT_READ_LOG, machine->name, NULL);
            return maqet_error_move(err, reason);
        }
        if (check_guest(waiting, &state, err) < 0)
            return maqet_error_next(err, MAQET_NEXT_READ_LOG, machine->name, NULL);
    }
}

int
maqet_ready_wait(const struct maqet_context *context, const char *name,
                 const struct maqet_ready *ready, int64_t timeout,
                 struct maqet_error **err)
{
    bool is_end = ready->kind == MAQET_READY_STOPPED, is_defined;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name, is_end ? 0 : MAQET_OPEN_RUNNING, err);

    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        return 0;
    _cleanup_(waiting_clear) struct waiting waiting = {
        .machine = machine,
        .ready = ready,
        .deadline = maqet_deadline_in(timeout),
        .begun = maqet_now(),
        .answer_limit = machine->answer_limit,
        .what = phrase_of(ready),
        .console = -1,
    };
    if (ready->kind == MAQET_READY_SSH &&
        maqet_ssh_port(machine, &waiting.ssh_port, &is_defined, err) < 0)
        return -1;
    return wait_until(&waiting, timeout, err);
}
