/* SPDX-License-Identifier: MIT */
#include "core/fork/processes.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"

#define KEY_MESSAGE "message"
#define KEY_LEVEL "level"

enum { BUFFER_SIZE = 64 * 1024 };

/* ---- in the process ---- */

void
maqet_fork_process_send(int fd, json_object *line)
{
    _cleanup_free_ char *bytes = maqet_format(
        "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));

    json_object_put(line);
    (void)maqet_fd_write(fd, bytes, strlen(bytes)); /* the parent may have gone */
}

static void
send_message(void *data, enum maqet_level level, const char *message)
{
    maqet_fork_process_send(*(const int *)data,
                            maqet_json_object(KEY_MESSAGE,
                                              json_object_new_string(message), KEY_LEVEL,
                                              json_object_new_int(level), NULL));
}

void
maqet_fork_process_enter(struct maqet_context *context, int *fd)
{
    context->message = send_message;
    context->progress = NULL;
    context->ending = NULL;
    context->data = fd;
    /* If the parent is killed, what has been begun is undone. */
    signal(SIGPIPE, SIG_IGN);
    maqet_interrupt_catch();
}

/* ---- in the parent ---- */

int
maqet_fork_process_start(struct maqet_fork_process *process, maqet_child_work *work)
{
    process->child = (struct maqet_child)MAQET_CHILD_INIT;
    process->line = (struct maqet_text)MAQET_TEXT_INIT;
    process->told = false;
    return maqet_child_start(&process->child, SIGTERM, work, process->data);
}

static void
take_line(struct maqet_fork_process *process, const char *text)
{
    _cleanup_json_ json_object *line = json_tokener_parse(text);
    json_object *value;

    if (json_object_object_get_ex(line, KEY_MESSAGE, &value))
        maqet_context_say(process->context,
                          (enum maqet_level)maqet_json_int(line, KEY_LEVEL), "%s",
                          json_object_get_string(value));
    else
        process->take(process->data, line);
}

static void
take_lines(struct maqet_fork_process *process)
{
    for (char *feed; (feed = strchr(process->line.data, '\n'));) {
        struct maqet_text rest = MAQET_TEXT_INIT;

        *feed = '\0';
        maqet_text_append(&rest, feed + 1);
        take_line(process, process->line.data);
        maqet_text_clear(&process->line);
        process->line = rest;
    }
}

static void
read_process(struct maqet_fork_process *process)
{
    char buffer[BUFFER_SIZE];
    ssize_t count = read(process->child.fd, buffer, sizeof(buffer));

    if (count < 0 && errno == EINTR)
        return;
    if (count > 0) {
        maqet_text_append_bytes(&process->line, buffer, (size_t)count);
        if (memchr(buffer, '\n', (size_t)count))
            take_lines(process);
        return;
    }
    maqet_child_reap(&process->child);
    process->child.fd = -1;
    if (process->ended)
        process->ended(process->data);
}

/* They undo what they have begun, each for itself. A terminal has told them already. */
static void
pass_interrupt(struct maqet_fork_process *processes, size_t count)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_interrupt_check(&error);
    if (maqet_interrupt_number() == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (processes[i].child.fd >= 0 && !processes[i].told)
            kill(processes[i].child.pid, maqet_interrupt_number());
        processes[i].told = true;
    }
}

void
maqet_fork_processes_wait(struct maqet_fork_process *processes, size_t count)
{
    _cleanup_free_ struct pollfd *fds = maqet_alloc((count + 1) * sizeof(*fds));

    for (;;) {
        size_t alive = 0;

        pass_interrupt(processes, count);
        for (size_t i = 0; i < count; i++) {
            fds[i] = (struct pollfd){.fd = processes[i].child.fd, .events = POLLIN};
            alive += processes[i].child.fd >= 0;
        }
        if (alive == 0)
            break;
        fds[count] = (struct pollfd){.fd = maqet_interrupt_fd(), .events = POLLIN};
        int ready = poll(fds, count + 1, -1);
        for (size_t i = 0; ready > 0 && i < count; i++)
            if (fds[i].revents)
                read_process(&processes[i]);
    }
    for (size_t i = 0; i < count; i++)
        maqet_text_clear(&processes[i].line);
}
