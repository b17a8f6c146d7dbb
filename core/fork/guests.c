/* SPDX-License-Identifier: MIT */
#include "core/fork/guests.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/apart.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/guest/agent.h"
#include "core/guest/clock.h"
#include "core/guest/program.h"

/* What is sent of the command. */
#define KEY_EXIT_CODE "exit_code"
#define KEY_STDOUT "stdout"
#define KEY_STDERR "stderr"
#define KEY_ERROR "error"

/* ms in which an agent must answer: one of whom a command is expected, and one whose port is
 * open, but which may hang. */
static const int64_t ANSWER_TIMEOUT = 10000, CLOCK_TIMEOUT = 5000;

/* Runs $1 for the fork $0, in the environment of the agent. */
static const char script[] = "MAQET_VM=$0; export MAQET_VM; exec /bin/sh -c \"$1\"";

struct maqet_fork_guest {
    const struct maqet_fork_guests *all;
    struct maqet_forked *forked;
    struct maqet_error **error;
};

/* ---- in the process ---- */

/* A guest without an agent keeps the time of the checkpoint. */
static void
set_clock(struct maqet_opened *machine)
{
    struct maqet_error *error = NULL;

    if (!maqet_guest_agent_is_there(machine) ||
        maqet_guest_clock_set(machine, CLOCK_TIMEOUT, &error) == 0)
        return;
    if (error->signal)
        maqet_interrupt_restore();
    maqet_error_wrap(&error, "The clock of the guest was not set");
    maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, error);
    maqet_error_free(error);
}

/* Output in JSON, in which a NUL would be the end. NULL: the command has printed nothing, and
 * has not ended either. */
static json_object *
text_json(const struct maqet_text *output, bool ended)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    if (!ended && output->length == 0)
        return NULL;

    for (size_t at = 0; at < output->length; at++) {
        size_t length = strlen(output->data + at);

        maqet_text_append_bytes(&text, output->data + at, length);
        at += length;
        if (at < output->length)
            maqet_text_append(&text, "\xe2\x90\x80"); /* U+2400 */
    }
    return json_object_new_string(text.data ? text.data : "");
}

static json_object *
run_command(const struct maqet_fork_guest *guest, struct maqet_opened *machine,
            struct maqet_error **err)
{
    _cleanup_guest_end_ struct maqet_guest_end end = {0};
    const char *const argv[] = {"/bin/sh",           "-c", script, machine->name,
                                guest->all->command, NULL};
    const struct maqet_guest_program program = {
        .argv = argv, .answer_timeout = ANSWER_TIMEOUT, .timeout = -1};
    bool ended = maqet_guest_run(machine, &program, &end, err) == 0;

    if (end.is_cut)
        maqet_context_say(
            machine->context, MAQET_LEVEL_WARNING,
            "VM '%s': the output is not complete: the guest agent keeps only "
            "the first %d MiB",
            machine->name, MAQET_GUEST_OUTPUT_MAX >> 20);
    return maqet_json_object(
        KEY_EXIT_CODE, ended ? json_object_new_int(end.exit_code) : NULL, KEY_STDOUT,
        text_json(&end.out, ended), KEY_STDERR, text_json(&end.error, ended), NULL);
}

static int
do_work(void *data, int fd)
{
    const struct maqet_fork_guest *guest = data;
    struct maqet_context context = *guest->all->context;
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *line = NULL;

    /* The source is not kept locked. */
    maqet_child_close_others(&fd, 1);
    maqet_fork_process_enter(&context, &fd);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&context, guest->forked->name, MAQET_OPEN_RUNNING, &error);
    if (machine)
        set_clock(machine);
    if (!guest->all->command)
        return 0;
    if (machine)
        line = run_command(guest, machine, &error);
    if (!line)
        line = json_object_new_object();
    if (error)
        json_object_object_add(line, KEY_ERROR, maqet_error_to_json(error));
    maqet_fork_process_send(fd, line);
    return 0;
}

/* ---- in the parent ---- */

static void
take_line(void *data, json_object *line)
{
    struct maqet_fork_guest *guest = data;
    struct maqet_forked *forked = guest->forked;
    json_object *value;

    if (forked->exec_ended || *guest->error)
        return;
    forked->exec_stdout = maqet_strdup(maqet_json_text(line, KEY_STDOUT));
    forked->exec_stderr = maqet_strdup(maqet_json_text(line, KEY_STDERR));
    forked->exec_ended = json_object_object_get_ex(line, KEY_EXIT_CODE, &value) && value;
    forked->exec_exit_code = json_object_get_int(value);
    if (json_object_object_get_ex(line, KEY_ERROR, &value))
        maqet_error_from_json(value, guest->error);
}

/* Each process takes a descriptor of ours, and the usual limit is 1024. */
static void
allow_descriptors(size_t count)
{
    enum { OTHERS = 128 };
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= count + OTHERS)
        return;
    limit.rlim_cur = limit.rlim_max < count + OTHERS ? limit.rlim_max : count + OTHERS;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void
maqet_fork_guests_prepare(struct maqet_fork_guests *guests, size_t most)
{
    allow_descriptors(most);
    guests->items = maqet_alloc(most * sizeof(*guests->items) + 1);
    guests->processes = maqet_alloc(most * sizeof(*guests->processes) + 1);
}

void
maqet_fork_guests_begin(struct maqet_fork_guests *guests, size_t index,
                        struct maqet_forked *forked)
{
    if (!guests->items)
        return;
    struct maqet_fork_guest *guest = &guests->items[guests->count];
    struct maqet_fork_process *process = &guests->processes[guests->count++];

    *guest = (struct maqet_fork_guest){
        .all = guests, .forked = forked, .error = &guests->errors[index]};
    *process = (struct maqet_fork_process){
        .context = guests->context, .take = take_line, .data = guest};
    if (maqet_fork_process_start(process, do_work) == 0)
        return;
    int number = errno;
    if (guests->command)
        maqet_error_errno(guest->error, number, "Cannot start a process for it");
    else
        maqet_context_say(guests->context, MAQET_LEVEL_WARNING,
                          "VM '%s': the clock of the guest was not set: %s", forked->name,
                          strerror(number));
}

void
maqet_fork_guests_wait(struct maqet_fork_guests *guests)
{
    maqet_fork_processes_wait(guests->processes, guests->count);
    for (size_t i = 0; i < guests->count; i++) {
        const struct maqet_fork_guest *guest = &guests->items[i];

        if (guests->command && !*guest->error && !guest->forked->exec_ended)
            maqet_error_set(guest->error, MAQET_ERROR_FAILED,
                            "its process has ended, or was interrupted");
    }
    free(TAKE_PTR(guests->items));
    free(TAKE_PTR(guests->processes));
}
