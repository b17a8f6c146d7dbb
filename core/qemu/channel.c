/* SPDX-License-Identifier: MIT */
#include "core/qemu/channel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/interrupt.h"
#include "core/base/json.h"

enum {
    MESSAGE_LIMIT = 64 << 20, /* bytes */
    CHUNK = 16 << 10,         /* bytes of one read */
    NESTING_LIMIT = 1024,     /* as in QEMU (QEMU: qobject/json-streamer.c) */
    RETRY_INTERVAL = 20       /* ms between two attempts to connect */
};

/* ---- waiting ---- */

struct maqet_wait
maqet_wait_for(const char *awaited, int64_t timeout)
{
    return (struct maqet_wait){
        .awaited = awaited, .timeout = timeout, .deadline = maqet_deadline_in(timeout)};
}

/* What is left, for poll(2); negative: no limit. */
static int
time_left(const struct maqet_wait *wait)
{
    int64_t left = maqet_deadline_left(wait->deadline);

    return left > INT_MAX ? INT_MAX : (int)left;
}

static int
set_late(const struct maqet_wait *wait, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "Timed out after %g s waiting for %s",
                           (double)wait->timeout / 1000, wait->awaited);
}

static int
set_ended(struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_STATE, "QEMU has ended");
}

/* Waits until the connection is ready for @events. If QEMU has ended, what it sent before
 * can still be read. */
static int
wait_ready(const struct maqet_channel *channel, short events, struct maqet_wait *wait,
           struct maqet_error **err)
{
    /* A side that sends endlessly is always ready, but must not exceed the deadline. */
    if (wait->has_begun && time_left(wait) == 0)
        return set_late(wait, err);
    wait->has_begun = true;
    for (;;) {
        struct pollfd fds[] = {{.fd = channel->fd, .events = events},
                               {.fd = channel->gone, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};
        int ready = poll(fds, 3, time_left(wait));

        if (maqet_interrupt_check(err) < 0)
            return -1;
        if (ready < 0 && errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot wait for QEMU");
        if (ready > 0)
            return fds[0].revents ? 0 : set_ended(err);
        if (ready == 0 && time_left(wait) == 0)
            return set_late(wait, err);
    }
}

/* ---- connecting ---- */

int
maqet_channel_connect(struct maqet_channel *channel, int dir_fd, const char *name,
                      struct maqet_wait *wait, struct maqet_error **err)
{
    /* An address has room for 107 bytes (unix(7)), so the path must be short. */
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d/%s", dir_fd, name);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "The path of the socket '%s' is too long", name);
    memcpy(address.sun_path, path, strlen(path));
    channel->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (channel->fd < 0)
        return maqet_error_errno(err, errno, "Cannot create a socket");
    while (connect(channel->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        struct pollfd gone = {.fd = channel->gone, .events = POLLIN};

        if (errno == ECONNREFUSED)
            return set_ended(err);
        if (errno != EAGAIN && errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot connect to QEMU's socket '%s'",
                                     name);
        /* EAGAIN: the queue of waiting clients is full. */
        int left = time_left(wait);
        if (left == 0)
            return set_late(wait, err);
        if (poll(&gone, 1, left < 0 || left > RETRY_INTERVAL ? RETRY_INTERVAL : left) > 0)
            return set_ended(err);
    }
    return 0;
}

void
maqet_channel_clear(struct maqet_channel *channel)
{
    maqet_cleanup_close(&channel->fd);
    maqet_text_clear(&channel->input);
    *channel = MAQET_CHANNEL_INIT;
}

static int
check_whole(const struct maqet_channel *channel, struct maqet_error **err)
{
    if (!channel->broken)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_FAILED, "The connection to QEMU is lost");
}

/* ---- sending ---- */

/* send(2) with a descriptor (-1: none), which goes with the first byte (unix(7)). */
static ssize_t
send_some(int socket, const char *text, size_t length, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (char *)text, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

static int
send_all(struct maqet_channel *channel, const char *text, size_t length, int fd,
         struct maqet_wait *wait, struct maqet_error **err)
{
    if (check_whole(channel, err) < 0)
        return -1;
    channel->broken = true; /* until everything is sent */
    while (length > 0) {
        ssize_t count = send_some(channel->fd, text, length, fd);

        if (count >= 0) {
            text += count;
            length -= (size_t)count;
            fd = -1;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return set_ended(err);
        } else if (errno != EAGAIN && errno != EINTR) {
            return maqet_error_errno(err, errno, "Cannot send to QEMU");
        } else if (wait_ready(channel, POLLOUT, wait, err) < 0) {
            return -1;
        }
    }
    channel->broken = false;
    return 0;
}

int
maqet_channel_send(struct maqet_channel *channel, json_object *message, int fd,
                   struct maqet_wait *wait, struct maqet_error **err)
{
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    _cleanup_free_ char *line =
        maqet_format("%s\n", json_object_to_json_string_ext(message, flags));

    return send_all(channel, line, strlen(line), fd, wait, err);
}

int
maqet_channel_command(struct maqet_channel *channel, const char *command,
                      json_object *arguments, int64_t id, int fd, struct maqet_wait *wait,
                      struct maqet_error **err)
{
    _cleanup_json_ json_object *message = maqet_json_object(
        "execute", json_object_new_string(command), "arguments", arguments, "id",
        id > 0 ? json_object_new_int64(id) : NULL, NULL);

    return maqet_channel_send(channel, message, fd, wait, err);
}

int
maqet_channel_discard(struct maqet_channel *channel, struct maqet_wait *wait,
                      struct maqet_error **err)
{
    return send_all(channel, "\xff", 1, -1, wait, err);
}

int
maqet_channel_mark(struct maqet_channel *channel, struct maqet_wait *wait,
                   struct maqet_error **err)
{
    channel->marked = true;
    return maqet_channel_discard(channel, wait, err);
}

/* ---- receiving ---- */

/* Reads what has arrived, or waits for it. */
static int
read_more(struct maqet_channel *channel, struct maqet_wait *wait,
          struct maqet_error **err)
{
    char chunk[CHUNK];

    for (;;) {
        if (wait_ready(channel, POLLIN, wait, err) < 0)
            return -1;
        ssize_t count = recv(channel->fd, chunk, sizeof(chunk), 0);
        if (count > 0) {
            maqet_text_append_bytes(&channel->input, chunk, (size_t)count);
            return 0;
        }
        if (count == 0 || errno == ECONNRESET)
            return set_ended(err);
        if (errno != EAGAIN && errno != EINTR)
            return maqet_error_errno(err, errno, "Cannot read from QEMU");
    }
}

/* Reads until a line is complete. Returns its length, or -1. */
static ssize_t
await_line(struct maqet_channel *channel, struct maqet_wait *wait,
           struct maqet_error **err)
{
    struct maqet_text *input = &channel->input;

    for (;;) {
        size_t unknown = input->length - channel->scanned;
        char *end =
            unknown ? memchr(input->data + channel->scanned, '\n', unknown) : NULL;

        if (end)
            return end - input->data;
        channel->scanned = input->length;
        if (input->length > MESSAGE_LIMIT) {
            channel->broken = true;
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "QEMU sent a message of more than %d MiB",
                                   MESSAGE_LIMIT >> 20);
        }
        if (read_more(channel, wait, err) < 0)
            return -1;
    }
}

static void
drop_line(struct maqet_channel *channel, size_t length)
{
    struct maqet_text *input = &channel->input;

    input->length -= length + 1;
    memmove(input->data, input->data + length + 1, input->length);
    channel->scanned = 0;
}

/* NULL: the text is not a JSON object. */
static json_object *
parse_object(const char *text, size_t length)
{
    json_tokener *tokener = json_tokener_new_ex(NESTING_LIMIT);
    _cleanup_json_ json_object *value = NULL;
    bool is_object;

    if (!tokener)
        abort();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tokener, text, (int)length);
    is_object = json_tokener_get_error(tokener) == json_tokener_success &&
                json_object_is_type(value, json_type_object);
    json_tokener_free(tokener);
    return is_object ? TAKE_PTR(value) : NULL;
}

/* Parses what follows the last mark in a line. */
static json_object *
parse_line(const struct maqet_channel *channel, size_t length)
{
    const char *text = channel->input.data;
    const char *mark = channel->marked ? memrchr(text, 0xff, length) : NULL;

    if (mark) {
        length -= (size_t)(mark + 1 - text);
        text = mark + 1;
    }
    return parse_object(text, length);
}

json_object *
maqet_channel_receive(struct maqet_channel *channel, struct maqet_wait *wait,
                      struct maqet_error **err)
{
    json_object *message;

    if (check_whole(channel, err) < 0)
        return NULL;
    do {
        ssize_t length = await_line(channel, wait, err);

        if (length < 0)
            return NULL;
        channel->size = (size_t)length;
        message = parse_line(channel, channel->size);
        drop_line(channel, channel->size);
    } while (!message && channel->marked);
    if (!message) {
        channel->broken = true;
        maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU sent something that is not QMP");
    }
    return message;
}

int
maqet_channel_refusal(const char *who, json_object *refusal, struct maqet_error **err)
{
    const char *class = maqet_json_text(refusal, "class");
    const char *words = maqet_json_text(refusal, "desc");
    enum maqet_error_code code = MAQET_ERROR_FAILED;

    if (class && strcmp(class, "CommandNotFound") == 0)
        code = MAQET_ERROR_UNSUPPORTED;
    else if (class && strcmp(class, "DeviceNotFound") == 0)
        code = MAQET_ERROR_MISSING;
    if (!words)
        words = "it failed";
    maqet_error_set(err, code, "%s: %.*s", who, maqet_text_fitting(words), words);
    if (err && *err)
        (*err)->refused = true;
    return -1;
}
