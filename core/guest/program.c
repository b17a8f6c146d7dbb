/* SPDX-License-Identifier: MIT */
#include "core/guest/program.h"

#include <string.h>

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/guest/agent.h"

/* The exit code of a program that a signal has killed is this plus its number. */
enum { SIGNAL_BASE = 128 };

/* ms between two questions whether it has ended: at first, and at most. */
static const int64_t FIRST_INTERVAL = 10, LONGEST_INTERVAL = 400;

/* ms for a program to end after SIGTERM, and after SIGKILL. */
static const int64_t END_TIMEOUT = 10000;

/* Sends signal $0 to process $1 and those that it has started. */
static const char end_script[] =
    "end() { for one in $(cat /proc/$1/task/*/children 2>/dev/null); do end $one; done; "
    "kill -$signal $1 2>/dev/null; }; signal=$0; end $1";

void
maqet_guest_end_clear(struct maqet_guest_end *end)
{
    maqet_text_clear(&end->out);
    maqet_text_clear(&end->error);
    *end = (struct maqet_guest_end){0};
}

/* ---- its beginning ---- */

static json_object *
request(const struct maqet_guest_program *program)
{
    json_object *list = json_object_new_array();
    _cleanup_free_ char *input =
        program->input ? maqet_base64_encode(program->input, program->input_size) : NULL;

    for (const char *const *word = program->argv + 1; *word; word++)
        json_object_array_add(list, json_object_new_string(*word));
    return maqet_json_object("path", json_object_new_string(program->argv[0]), "arg",
                             list, "capture-output", json_object_new_boolean(true),
                             "input-data", input ? json_object_new_string(input) : NULL,
                             NULL);
}

/* The agent has only GLib's words for why a program does not run (g_spawn_async(3)), which
 * end with those of strerror(3). */
static int
explain(const struct maqet_opened *machine, const char *name, struct maqet_error *reason,
        struct maqet_error **err)
{
    bool missing = strstr(reason->message, "(No such file or directory)");
    bool forbidden = strstr(reason->message, "(Permission denied)");

    if (reason->code == MAQET_ERROR_UNSUPPORTED)
        maqet_error_hint(&reason, "The agent in the guest does not allow it; its "
                                  "configuration lists what it allows");
    if (!missing && !forbidden)
        return maqet_error_move(err, reason);
    maqet_error_free(reason);
    return missing ? maqet_error_set(err, MAQET_ERROR_MISSING,
                                     "VM '%s': the guest has no command '%s'",
                                     machine->name, name)
                   : maqet_error_set(err, MAQET_ERROR_PERMISSION,
                                     "VM '%s': the guest cannot run '%s': Permission "
                                     "denied",
                                     machine->name, name);
}

/* *pid gets the process ID in the guest. */
static int
begin(struct maqet_opened *machine, const struct maqet_guest_program *program,
      int64_t *pid, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *answer = maqet_guest_agent_ask(
        machine, "guest-exec", request(program), program->answer_timeout, &reason);

    if (!answer)
        return explain(machine, program->argv[0], reason, err);
    *pid = maqet_json_int(answer, "pid");
    return *pid > 0 ? 0
                    : maqet_error_set(err, MAQET_ERROR_FAILED,
                                      "VM '%s': the guest agent has not said which "
                                      "process it has started",
                                      machine->name);
}

/* ---- its end ---- */

static bool
is_true(json_object *status, const char *key)
{
    return json_object_get_boolean(json_object_object_get(status, key));
}

static int
read_status(const struct maqet_opened *machine, json_object *status,
            struct maqet_guest_end *end, struct maqet_error **err)
{
    const char *out = maqet_json_text(status, "out-data");
    const char *error = maqet_json_text(status, "err-data");
    int signal = (int)maqet_json_int(status, "signal");

    end->exit_code =
        signal > 0 ? SIGNAL_BASE + signal : (int)maqet_json_int(status, "exitcode");
    end->is_cut = is_true(status, "out-truncated") || is_true(status, "err-truncated");
    if ((!out || maqet_base64_decode(out, &end->out)) &&
        (!error || maqet_base64_decode(error, &end->error)))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "VM '%s': the guest agent sent output that is not base64",
                           machine->name);
}

/* Asks once. Returns 1 if the program has ended; the agent says that only once. */
static int
look(struct maqet_opened *machine, int64_t pid, int64_t timeout,
     struct maqet_guest_end *end, struct maqet_error **err)
{
    _cleanup_json_ json_object *status = maqet_guest_agent_ask(
        machine, "guest-exec-status",
        maqet_json_object("pid", json_object_new_int64(pid), NULL), timeout, err);

    if (!status)
        return -1;
    if (!is_true(status, "exited"))
        return 0;
    return read_status(machine, status, end, err) < 0 ? -1 : 1;
}

/* Waits for its end. Returns 1 if it has ended, 0 if it has not in time. An agent that does
 * not answer for a while is asked again, because a guest may be busy. */
static int
wait_for_end(struct maqet_opened *machine, int64_t pid,
             const struct maqet_guest_program *program, int64_t timeout,
             struct maqet_guest_end *end, struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    int64_t interval = FIRST_INTERVAL, left;

    do {
        struct maqet_error *reason = NULL;

        if (maqet_guest_pause(machine, interval, err) < 0)
            return -1;
        int ended = look(machine, pid, program->answer_timeout, end, &reason);
        if (ended > 0)
            return 1;
        if (ended < 0 && reason->code != MAQET_ERROR_TIMEOUT)
            return maqet_error_move(err, reason);
        maqet_error_free(reason);
        interval = interval * 2 < LONGEST_INTERVAL ? interval * 2 : LONGEST_INTERVAL;
        left = maqet_deadline_left(deadline);
        if (left >= 0 && left < interval)
            interval = left;
    } while (left != 0);
    return 0;
}

/* Ends a program that takes too long, or that nobody waits for any more. Returns whether it
 * has ended. */
static bool
end_program(struct maqet_opened *machine, int64_t pid,
            const struct maqet_guest_program *program, struct maqet_guest_end *end)
{
    static const char *const signals[] = {"TERM", "KILL"};
    _cleanup_free_ char *number = maqet_format("%lld", (long long)pid);

    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        const struct maqet_guest_program killer = {
            .argv = (const char *const[]){"/bin/sh", "-c", end_script, signals[i], number,
                                          NULL},
            .answer_timeout = program->answer_timeout};
        int64_t killer_pid;

        if (begin(machine, &killer, &killer_pid, NULL) < 0)
            return false;
        if (wait_for_end(machine, pid, program, END_TIMEOUT, end, NULL) > 0)
            return true;
    }
    return false;
}

/* ms that are left for a program that begins now; negative: no limit. */
static int64_t
time_left(const struct maqet_guest_program *program)
{
    if (program->timeout < 0)
        return -1;
    return program->timeout > program->spent ? program->timeout - program->spent : 0;
}

int
maqet_guest_run(struct maqet_opened *machine, const struct maqet_guest_program *program,
                struct maqet_guest_end *end, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    int64_t pid;

    *end = (struct maqet_guest_end){0};
    if (begin(machine, program, &pid, err) < 0)
        return -1;
    int ended = wait_for_end(machine, pid, program, time_left(program), end, &reason);
    if (ended > 0)
        return 0;
    end->is_late = ended == 0;
    if (ended == 0)
        maqet_error_set(&reason, MAQET_ERROR_TIMEOUT,
                        "VM '%s': '%s' took longer than %g s", machine->name,
                        program->argv[0], (double)program->timeout / 1000);
    else if (!reason->signal)
        return maqet_error_move(err, reason);
    if (end_program(machine, pid, program, end))
        maqet_error_remark(&reason, "It was ended in the guest");
    else
        maqet_error_remark(&reason, "It may still run in the guest, as process %lld",
                           (long long)pid);
    return maqet_error_move(err, reason);
}
