/* SPDX-License-Identifier: MIT */
#include "core/guest/transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base64.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/base/process.h"
#include "core/guest/agent.h"
#include "core/guest/program.h"

/* Bytes of one request to the agent, and of one read(2). */
enum { PIECE = 1 << 20, CHUNK = 64 << 10 };

int
maqet_transport_open(struct maqet_opened *machine, bool agent, int64_t answer_timeout,
                     struct maqet_transport *transport, struct maqet_error **err)
{
    unsigned port;
    bool is_defined;

    *transport =
        (struct maqet_transport){.machine = machine, .answer_timeout = answer_timeout};
    if (maqet_ssh_port(machine, &port, &is_defined, err) < 0)
        return -1;
    transport->by_ssh = is_defined && !agent;
    return transport->by_ssh ? maqet_ssh_words(machine, &transport->ssh, err)
                             : maqet_guest_agent_check(machine, err);
}

void
maqet_transport_clear(struct maqet_transport *transport)
{
    maqet_strings_clear(&transport->ssh);
}

/* ---- scripts ---- */

/* A word for any shell. */
static void
append_quoted(struct maqet_text *text, const char *word)
{
    maqet_text_append(text, "'");
    for (; *word; word++)
        if (*word == '\'')
            maqet_text_append(text, "'\\''");
        else
            maqet_text_append_bytes(text, word, 1);
    maqet_text_append(text, "'");
}

/* The arguments of ssh that run a script; the last one is for the shell of the user there. */
static void
ssh_words(const struct maqet_transport *transport, const char *script,
          const char *const *arguments, struct maqet_strings *argv)
{
    struct maqet_text command = MAQET_TEXT_INIT;

    maqet_text_append(&command, "exec sh -c ");
    append_quoted(&command, script);
    maqet_text_append(&command, " sh");
    for (; *arguments; arguments++) {
        maqet_text_append(&command, " ");
        append_quoted(&command, *arguments);
    }
    maqet_strings_add_all(argv, &transport->ssh);
    maqet_strings_take(argv, maqet_text_take(&command));
}

static int
script_by_ssh(const struct maqet_transport *transport, const char *script,
              const char *const *arguments, char **output, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    ssh_words(transport, script, arguments, &argv);
    return maqet_process_run((const char *const *)argv.items, -1, output, err) < 0
               ? maqet_error_wrap(err, "In the guest of VM '%s'",
                                  transport->machine->name)
               : 0;
}

static int
script_by_agent(struct maqet_transport *transport, const char *script,
                const char *const *arguments, char **output, struct maqet_error **err)
{
    _cleanup_guest_end_ struct maqet_guest_end end = {0};
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_strings_add(&argv, "/bin/sh");
    maqet_strings_add(&argv, "-c");
    maqet_strings_add(&argv, script);
    maqet_strings_add(&argv, "sh");
    for (; *arguments; arguments++)
        maqet_strings_add(&argv, *arguments);
    const struct maqet_guest_program program = {.argv = (const char *const *)argv.items,
                                                .answer_timeout =
                                                    transport->answer_timeout,
                                                .timeout = -1};
    if (maqet_guest_run(transport->machine, &program, &end, err) < 0)
        return -1;
    if (end.exit_code != 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "In the guest of VM '%s': sh failed: %.*s",
                               transport->machine->name,
                               end.error.data ? maqet_text_fitting(end.error.data) : 0,
                               end.error.data ? end.error.data : "");
    *output = maqet_text_take(&end.out);
    return 0;
}

int
maqet_transport_script(struct maqet_transport *transport, const char *script,
                       const char *const *arguments, char **output,
                       struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    int result = transport->by_ssh
                     ? script_by_ssh(transport, script, arguments, &text, err)
                     : script_by_agent(transport, script, arguments, &text, err);

    if (result < 0)
        return -1;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    if (output)
        *output = TAKE_PTR(text);
    return 0;
}

/* ---- progress ---- */

struct progress {
    const struct maqet_transport *transport;
    const char *path;
    int fd; /* of what is sent */
    uint64_t done, size;
    int64_t begun;
};

static void
show(struct progress *progress, uint64_t more)
{
    const struct maqet_context *context = progress->transport->machine->context;

    progress->done += more;
    maqet_context_progress(context, progress->path, progress->done, progress->size,
                           progress->begun);
}

/* ---- by ssh ---- */

/* What ssh reads is at our position in the file, too. */
static void
show_position(void *data, const char *bytes, size_t count)
{
    struct progress *progress = data;
    off_t position = lseek(progress->fd, 0, SEEK_CUR);

    (void)bytes;
    (void)count;
    progress->done = position > 0 ? (uint64_t)position : 0;
    show(progress, 0);
}

static int
send_by_ssh(struct maqet_transport *transport, struct progress *progress,
            struct maqet_error **err)
{
    const struct maqet_process_manner manner = {
        .timeout = -1, .on_output = show_position, .data = progress};
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    struct maqet_process_server ssh;

    ssh_words(transport, "cat >\"$1\"", (const char *const[]){progress->path, NULL},
              &argv);
    return maqet_process_start((const char *const *)argv.items, progress->fd, -1, &ssh,
                               err) < 0
               ? -1
               : maqet_process_finish(&ssh, (const char *const *)argv.items, &manner,
                                      err);
}

/* Passes on what a program writes, to its end. */
static int
drain(struct maqet_process_server *server, struct progress *progress,
      maqet_transport_sink *sink, void *data, struct maqet_error **err)
{
    _cleanup_free_ char *bytes = maqet_alloc(CHUNK);

    while (server->out >= 0) {
        struct pollfd fds[] = {{.fd = server->out, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};

        poll(fds, 2, -1);
        if (maqet_interrupt_check(err) < 0)
            return -1;
        if (!fds[0].revents)
            continue;
        size_t count = maqet_fd_receive(&server->out, bytes, CHUNK);
        if (count > 0 && sink(data, bytes, count, err) < 0)
            return -1;
        show(progress, count);
    }
    return 0;
}

static int
receive_by_ssh(struct maqet_transport *transport, struct progress *progress,
               maqet_transport_sink *sink, void *data, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    struct maqet_process_server ssh;

    ssh_words(transport, "exec cat <\"$1\"", (const char *const[]){progress->path, NULL},
              &argv);
    if (maqet_process_start((const char *const *)argv.items, -1, -1, &ssh, err) < 0)
        return -1;
    if (drain(&ssh, progress, sink, data, err) < 0) {
        maqet_process_server_end(&ssh);
        return -1;
    }
    return maqet_process_finish(&ssh, (const char *const *)argv.items, NULL, err);
}

/* ---- by the agent ---- */

static json_object *
ask(struct maqet_transport *transport, const char *command, json_object *arguments,
    struct maqet_error **err)
{
    return maqet_guest_agent_ask(transport->machine, command, arguments,
                                 transport->answer_timeout, err);
}

/* Opens a file in the guest. Returns its number at the agent, or -1. */
static int64_t
open_file(struct maqet_transport *transport, const char *path, const char *mode,
          struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        ask(transport, "guest-file-open",
            maqet_json_object("path", json_object_new_string(path), "mode",
                              json_object_new_string(mode), NULL),
            err);

    return answer ? json_object_get_int64(answer) : -1;
}

/* With @result -1, an error is set already. */
static int
close_file(struct maqet_transport *transport, int64_t file, int result,
           struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        ask(transport, "guest-file-close",
            maqet_json_object("handle", json_object_new_int64(file), NULL),
            result < 0 ? NULL : err);

    return answer ? result : -1;
}

/* Reads until the buffer is full, or the end. Returns the bytes, or -1. */
static ssize_t
read_piece(int fd, char *bytes, size_t size, struct maqet_error **err)
{
    size_t done = 0;

    while (done < size) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};

        poll(fds, 2, -1);
        if (maqet_interrupt_check(err) < 0)
            return -1;
        ssize_t count = read(fd, bytes + done, size - done);
        if (count == 0)
            break;
        if (count < 0 && errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot read what is copied");
        if (count > 0)
            done += (size_t)count;
    }
    return (ssize_t)done;
}

static int
write_piece(struct maqet_transport *transport, int64_t file, const char *bytes,
            size_t count, struct maqet_error **err)
{
    while (count > 0) {
        _cleanup_free_ char *text = maqet_base64_encode(bytes, count);
        _cleanup_json_ json_object *answer =
            ask(transport, "guest-file-write",
                maqet_json_object("handle", json_object_new_int64(file), "buf-b64",
                                  json_object_new_string(text), NULL),
                err);
        int64_t written = maqet_json_int(answer, "count");

        if (!answer)
            return -1;
        if (written <= 0 || (size_t)written > count)
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The guest agent has written nothing");
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

static int
write_all(struct maqet_transport *transport, int64_t file, int fd,
          struct progress *progress, struct maqet_error **err)
{
    _cleanup_free_ char *bytes = maqet_alloc(PIECE);
    ssize_t count;

    while ((count = read_piece(fd, bytes, PIECE, err)) > 0) {
        if (write_piece(transport, file, bytes, (size_t)count, err) < 0)
            return -1;
        show(progress, (uint64_t)count);
    }
    return count < 0 ? -1 : 0;
}

static int
read_all(struct maqet_transport *transport, int64_t file, struct progress *progress,
         maqet_transport_sink *sink, void *data, struct maqet_error **err)
{
    bool at_end = false;

    while (!at_end) {
        _cleanup_text_ struct maqet_text bytes = MAQET_TEXT_INIT;
        _cleanup_json_ json_object *answer =
            ask(transport, "guest-file-read",
                maqet_json_object("handle", json_object_new_int64(file), "count",
                                  json_object_new_int64(PIECE), NULL),
                err);
        const char *text = maqet_json_text(answer, "buf-b64");

        if (!answer)
            return -1;
        if (!text || !maqet_base64_decode(text, &bytes))
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The guest agent sent content that is not base64");
        if (bytes.length > 0 && sink(data, bytes.data, bytes.length, err) < 0)
            return -1;
        at_end = bytes.length == 0 ||
                 json_object_get_boolean(json_object_object_get(answer, "eof"));
        show(progress, bytes.length);
    }
    return 0;
}

/* ---- both ---- */

int
maqet_transport_send(struct maqet_transport *transport, int fd, uint64_t size,
                     const char *path, struct maqet_error **err)
{
    struct progress progress = {.transport = transport,
                                .path = path,
                                .fd = fd,
                                .size = size,
                                .begun = maqet_now()};
    int64_t file = -1;
    int result;

    if (!transport->by_ssh && (file = open_file(transport, path, "w", err)) < 0)
        return -1;
    result = transport->by_ssh ? send_by_ssh(transport, &progress, err)
                               : write_all(transport, file, fd, &progress, err);
    maqet_context_progress_end(transport->machine->context);
    return transport->by_ssh ? result : close_file(transport, file, result, err);
}

int
maqet_transport_receive(struct maqet_transport *transport, const char *path,
                        uint64_t size, maqet_transport_sink *sink, void *data,
                        struct maqet_error **err)
{
    struct progress progress = {.transport = transport,
                                .path = path,
                                .fd = -1,
                                .size = size,
                                .begun = maqet_now()};
    int64_t file = -1;
    int result;

    if (!transport->by_ssh && (file = open_file(transport, path, "r", err)) < 0)
        return -1;
    result = transport->by_ssh ? receive_by_ssh(transport, &progress, sink, data, err)
                               : read_all(transport, file, &progress, sink, data, err);
    maqet_context_progress_end(transport->machine->context);
    return transport->by_ssh ? result : close_file(transport, file, result, err);
}
