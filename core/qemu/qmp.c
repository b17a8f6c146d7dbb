/* SPDX-License-Identifier: MIT */
#include "core/qemu/qmp.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/qemu/silence.h"
#include "core/qemu/version.h"

enum {
    EVENT_LIMIT = 256,          /* kept events */
    EVENT_SIZE_LIMIT = 64 << 10 /* bytes of each */
};

/* ---- events ---- */

/* Unread events must not pile up: the oldest are dropped. */
static void
keep_event(struct maqet_qmp *qmp, json_object *event)
{
    if (qmp->channel.size > EVENT_SIZE_LIMIT)
        return;
    if (json_object_array_length(qmp->events) == EVENT_LIMIT)
        json_object_array_del_idx(qmp->events, 0, 1);
    json_object_array_add(qmp->events, json_object_get(event));
}

/* Removes and returns the first kept event of that name; NULL: there is none. */
static json_object *
take_event(struct maqet_qmp *qmp, const char *name)
{
    size_t count = json_object_array_length(qmp->events);

    for (size_t i = 0; i < count; i++) {
        json_object *event = json_object_array_get_idx(qmp->events, i);

        if (name && strcmp(maqet_json_text(event, "event"), name) != 0)
            continue;
        json_object_get(event);
        json_object_array_del_idx(qmp->events, i, 1);
        return event;
    }
    return NULL;
}

/* Receives the next message, and keeps it if it is an event. */
static json_object *
receive(struct maqet_qmp *qmp, struct maqet_wait *wait, struct maqet_error **err)
{
    json_object *message = maqet_channel_receive(&qmp->channel, wait, err);

    if (maqet_json_text(message, "event"))
        keep_event(qmp, message);
    return message;
}

json_object *
maqet_qmp_event(struct maqet_qmp *qmp, const char *name, int64_t timeout,
                struct maqet_error **err)
{
    _cleanup_free_ char *awaited =
        maqet_format("QEMU's event%s%s", name ? " " : "", name ? name : "");
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    json_object *event;

    while (!(event = take_event(qmp, name))) {
        _cleanup_json_ json_object *message = receive(qmp, &wait, err);

        if (!message)
            return NULL;
    }
    return event;
}

/* ---- commands ---- */

/* Passes on an error (taken). A timeout after @timeout ms becomes the error of a QEMU that
 * does not answer, if its VM is known. */
static void
fail(const struct maqet_qmp *qmp, int64_t timeout, struct maqet_error *reason,
     struct maqet_error **err)
{
    if (!qmp->vm || reason->code != MAQET_ERROR_TIMEOUT) {
        maqet_error_move(err, reason);
        return;
    }
    maqet_error_free(reason);
    maqet_silence_error(qmp->vm, qmp->channel.gone, timeout, err);
}

/*
 * A QEMU that finds our last connection closed, when it has an event to send, can throw away
 * what the next one says, or a part of it: one of its threads accepts that before the other
 * has forgotten the last. What is left of a command is no command. So where an error has no
 * id, which is that for what QEMU could not read, or nothing comes for a while, we make it
 * forget what it has read of a message, and ask it something else. It works through commands
 * in their order: one that is not answered by then has not been run, and is sent again.
 */
static const int64_t PATIENCE = 2000; /* ms, doubled with each question */
enum {
    TRIES = 3,
    QUESTIONS =
        2 /* with nothing said; QEMU keeps eight messages, and then reads no more */
};

static int
send_probe(struct maqet_qmp *qmp, struct maqet_wait *wait, struct maqet_error **err)
{
    qmp->probe = ++qmp->last_id;
    return maqet_channel_discard(&qmp->channel, wait, err) < 0
               ? -1
               : maqet_channel_command(&qmp->channel, "query-version", NULL, qmp->probe,
                                       -1, wait, err);
}

/* Receives the next message. NULL without an error: it is @ask_at, and none has come. */
static json_object *
receive_soon(struct maqet_qmp *qmp, struct maqet_deadline ask_at, struct maqet_wait *wait,
             struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    struct maqet_wait slice = *wait;
    int64_t left = maqet_deadline_left(wait->deadline),
            until = maqet_deadline_left(ask_at);
    bool is_last = until < 0 || (left >= 0 && left <= until);

    if (!is_last)
        slice.deadline = ask_at;
    json_object *message = receive(qmp, &slice, &reason);
    wait->has_begun = true;
    if (!message && (is_last || reason->code != MAQET_ERROR_TIMEOUT))
        maqet_error_move(err, reason);
    else
        maqet_error_free(reason);
    return message;
}

/* The error in an answer. Returns NULL. */
static json_object *
refuse(const struct maqet_qmp *qmp, json_object *refusal, struct maqet_error **err)
{
    const char *words = maqet_json_text(refusal, "desc");

    maqet_channel_refusal("QEMU", refusal, err);
    if (qmp->denial_hint && words && strstr(words, "Permission denied"))
        maqet_error_hint(err, "%s", qmp->denial_hint);
    return NULL;
}

/* Awaits the answer to the command @id; another id belongs to one that is no longer waited for.
 * NULL without an error: QEMU has lost the command. */
static json_object *
await_answer(struct maqet_qmp *qmp, int64_t id, struct maqet_wait *wait,
             struct maqet_error **err)
{
    int64_t patience = PATIENCE;
    struct maqet_deadline ask_at = maqet_deadline_in(patience);
    unsigned questions = 0;

    for (;;) {
        _cleanup_json_ json_object *message = receive_soon(qmp, ask_at, wait, err);
        bool has_id = json_object_object_get_ex(message, "id", NULL);
        int64_t answered = maqet_json_int(message, "id");
        json_object *error = json_object_object_get(message, "error");
        json_object *value = json_object_object_get(message, "return");

        if (!message && *err)
            return NULL;
        if (has_id && answered == id)
            return error   ? refuse(qmp, error, err)
                   : value ? json_object_get(value)
                           : json_object_new_object();
        if (has_id && answered == qmp->probe) {
            qmp->probe = 0;
            if (answered > id)
                return NULL;
        } else if (!message || (error && !has_id && !qmp->probe)) {
            patience *= 2;
            ask_at = maqet_deadline_in(++questions < QUESTIONS ? patience : -1);
            if (send_probe(qmp, wait, err) < 0)
                return NULL;
        }
    }
}

static int
send_command(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
             struct maqet_wait *wait, struct maqet_error **err)
{
    return maqet_channel_command(&qmp->channel, command, json_object_get(arguments),
                                 ++qmp->last_id, fd, wait, err);
}

/* Sends a command, unless the last one that was sent is it, and awaits its answer. */
static json_object *
ask(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd, bool sent,
    struct maqet_wait *wait, struct maqet_error **err)
{
    for (unsigned try = 0; try < TRIES; try++) {
        struct maqet_error *reason = NULL;
        json_object *answer = (sent && try == 0) || send_command(qmp, command, arguments,
                                                                 fd, wait, &reason) == 0
                                  ? await_answer(qmp, qmp->last_id, wait, &reason)
                                  : NULL;

        if (answer)
            return answer;
        if (reason) {
            maqet_error_move(err, reason);
            return NULL;
        }
    }
    maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU cannot read the command '%s'",
                    command);
    return NULL;
}

/* Runs a command; takes the arguments. QEMU gets a copy of the descriptor @fd. */
static json_object *
execute(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
        int64_t timeout, struct maqet_error **err)
{
    _cleanup_free_ char *awaited = maqet_format("QEMU's answer to '%s'", command);
    _cleanup_json_ json_object *taken = arguments;
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    struct maqet_error *reason = NULL;
    json_object *answer = ask(qmp, command, taken, fd, false, &wait, &reason);

    if (!answer)
        fail(qmp, timeout, reason, err);
    return answer;
}

json_object *
maqet_qmp_execute(struct maqet_qmp *qmp, const char *command, json_object *arguments,
                  int64_t timeout, struct maqet_error **err)
{
    return execute(qmp, command, arguments, -1, timeout, err);
}

json_object *
maqet_qmp_pass(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
               int64_t timeout, struct maqet_error **err)
{
    return execute(qmp, command, arguments, fd, timeout, err);
}

int
maqet_qmp_tell(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
               int64_t timeout, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        execute(qmp, command, arguments, fd, timeout, err);

    return answer ? 0 : -1;
}

int
maqet_qmp_begin(struct maqet_qmp *qmp, const char *command, int64_t timeout,
                struct maqet_error **err)
{
    struct maqet_wait wait = maqet_wait_for("QEMU", timeout);
    struct maqet_error *reason = NULL;

    if (send_command(qmp, command, NULL, -1, &wait, &reason) == 0)
        return 0;
    fail(qmp, timeout, reason, err);
    return -1;
}

int
maqet_qmp_end(struct maqet_qmp *qmp, const char *command, int64_t timeout,
              struct maqet_error **err)
{
    _cleanup_free_ char *awaited = maqet_format("QEMU's answer to '%s'", command);
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *answer =
        ask(qmp, command, NULL, -1, true, &wait, &reason);

    if (!answer)
        fail(qmp, timeout, reason, err);
    return answer ? 0 : -1;
}

/* ---- the greeting ---- */

/* Whether it is a part of QEMU's version, none of which has more than two digits. */
static bool
is_part(int64_t number)
{
    return number >= 0 && number < 100;
}

static int
read_version(struct maqet_qmp *qmp, json_object *greeting, struct maqet_error **err)
{
    json_object *monitor = json_object_object_get(greeting, "QMP");
    json_object *version = json_object_object_get(monitor, "version");
    json_object *numbers = json_object_object_get(version, "qemu");
    const char *package = maqet_json_text(version, "package");
    int64_t major = maqet_json_int(numbers, "major");
    int64_t minor = maqet_json_int(numbers, "minor");
    int64_t micro = maqet_json_int(numbers, "micro");

    if (major == 0 || !json_object_object_get(numbers, "minor") ||
        !json_object_object_get(numbers, "micro") || !is_part(major) || !is_part(minor) ||
        !is_part(micro))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU's greeting does not say its version");
    qmp->version = (int)(major * 10000 + minor * 100 + micro);
    _cleanup_free_ char *text =
        maqet_format("%d.%d.%d", (int)major, (int)minor, (int)micro);
    free(qmp->version_text);
    qmp->version_text =
        package && *package ? maqet_format("%s (%s)", text, package) : maqet_strdup(text);
    return maqet_qemu_version_check(qmp->version, text, err);
}

/*
 * A monitor has a thread of its own in QEMU. While that takes over the socket of a QEMU that
 * has just begun, the main thread can accept us, and then the greeting gets lost, or QEMU
 * greets us and never reads what we say. It serves the next client, so we connect again: at
 * once if an event comes instead of the greeting, otherwise after these ms, and once more
 * after four times as many. A QEMU that is busy answers late, so it gets more time for that.
 * When it notices the end of a connection only after it has accepted the next one, it closes
 * that: it has not ended, then, and serves the one after.
 */
static const int64_t GREETING_PATIENCE = 2000;
static const int64_t CAPABILITIES_PATIENCE = 5000;
static const int64_t END_PATIENCE = 200; /* ms until it is known that it has ended */
enum { CONNECTIONS = 3, CLOSED = 5 };

/*
 * Arguments of "qmp_capabilities". Without "oob" a monitor does not read while a command of it
 * runs, and only then the main thread closes the connection of a client that was killed, when
 * it has an event to send, while the thread of the monitor may be at work with the next
 * connection: QEMU loses commands, or its memory is damaged (chardev/char-socket.c,
 * tcp_chr_write).
 */
json_object *
maqet_qmp_capabilities(json_object *greeting)
{
    _cleanup_strings_ struct maqet_strings offered = MAQET_STRINGS_INIT;
    json_object *monitor = json_object_object_get(greeting, "QMP");
    json_object *wanted = json_object_new_array();

    maqet_json_texts(json_object_object_get(monitor, "capabilities"), &offered);
    if (maqet_strings_has(&offered, "oob"))
        json_object_array_add(wanted, json_object_new_string("oob"));
    return maqet_json_object("enable", wanted, NULL);
}

/* Has QEMU take commands. */
static int
begin(struct maqet_qmp *qmp, json_object *greeting, struct maqet_wait *wait,
      struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *wanted = maqet_qmp_capabilities(greeting);
    _cleanup_json_ json_object *answer =
        ask(qmp, "qmp_capabilities", wanted, -1, false, wait, &reason);

    /* It does not know the command if one of an earlier connection, which was given up, has
     * been run in this one. */
    return answer || reason->code == MAQET_ERROR_UNSUPPORTED
               ? 0
               : maqet_error_move(err, TAKE_PTR(reason));
}

/* A part of the time, longer with each connection. *is_last: it is all of it. */
static struct maqet_wait
part_of(const struct maqet_wait *wait, unsigned try, int64_t patience, bool *is_last)
{
    struct maqet_wait part = *wait;
    int64_t left = maqet_deadline_left(wait->deadline);

    patience <<= 2 * try;
    *is_last = try + 1 == CONNECTIONS || (left >= 0 && left <= patience);
    if (!*is_last)
        part.deadline = maqet_deadline_in(patience);
    return part;
}

/* Whether QEMU runs although it has closed the connection. */
static bool
runs(const struct maqet_qmp *qmp)
{
    return qmp->channel.gone >= 0 && !maqet_pidfd_wait(qmp->channel.gone, END_PATIENCE);
}

/* Connects, and has QEMU take commands. Returns 1 if it may have lost us, and 2 if it has closed
 * the connection. */
static int
connect_once(struct maqet_qmp *qmp, int dir_fd, const char *name, unsigned try,
             const struct maqet_wait *wait, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    int gone = qmp->channel.gone;
    bool is_last;
    struct maqet_wait part = part_of(wait, try, GREETING_PATIENCE, &is_last);

    maqet_channel_clear(&qmp->channel);
    qmp->channel.gone = gone;
    qmp->probe = 0;
    _cleanup_json_ json_object *first =
        maqet_channel_connect(&qmp->channel, dir_fd, name, &part, &reason) == 0
            ? maqet_channel_receive(&qmp->channel, &part, &reason)
            : NULL;
    if (!is_last && maqet_json_text(first, "event"))
        return 1;
    if (first)
        part = part_of(wait, try, CAPABILITIES_PATIENCE, &is_last);
    if (first && read_version(qmp, first, &reason) == 0 &&
        begin(qmp, first, &part, &reason) == 0)
        return 0;
    maqet_error_move(err, TAKE_PTR(reason));
    return (*err)->code == MAQET_ERROR_TIMEOUT && !is_last  ? 1
           : (*err)->code == MAQET_ERROR_STATE && runs(qmp) ? 2
                                                            : -1;
}

static int
negotiate(struct maqet_qmp *qmp, int dir_fd, const char *name,
          const struct maqet_wait *wait, struct maqet_error **err)
{
    unsigned try = 0, closed = 0;

    for (;;) {
        struct maqet_error *reason = NULL;
        int result = connect_once(qmp, dir_fd, name, try, wait, &reason);

        if (result == 0)
            return 0;
        if (result < 0 || (result == 2 && ++closed == CLOSED))
            return maqet_error_move(err, reason);
        maqet_error_free(reason);
        try += result == 1;
    }
}

/* QEMU may still send us its answer to a command of the last client, whose number must not be
 * one of ours. */
static int64_t
first_id(void)
{
    uint32_t number = 0;

    return getrandom(&number, sizeof(number), 0) < 0 ? 0 : (int64_t)number << 16;
}

struct maqet_qmp *
maqet_qmp_open(int dir_fd, const char *name, const char *vm, int64_t timeout, int gone,
               struct maqet_error **err)
{
    _cleanup_qmp_ struct maqet_qmp *qmp = maqet_alloc(sizeof(*qmp));
    struct maqet_error *reason = NULL;
    struct maqet_wait wait = maqet_wait_for(
        "QEMU's greeting: it hangs, or another client is connected to its monitor",
        timeout);

    qmp->channel = MAQET_CHANNEL_INIT;
    qmp->channel.gone = gone;
    qmp->events = json_object_new_array();
    qmp->last_id = first_id();
    qmp->vm = maqet_strdup(vm);
    if (negotiate(qmp, dir_fd, name, &wait, &reason) == 0)
        return TAKE_PTR(qmp);
    fail(qmp, timeout, reason, err);
    return NULL;
}

void
maqet_qmp_cleanup(struct maqet_qmp **qmp)
{
    if (!*qmp)
        return;
    maqet_channel_clear(&(*qmp)->channel);
    json_object_put((*qmp)->events);
    free((*qmp)->version_text);
    free((*qmp)->vm);
    free((*qmp)->denial_hint);
    free(TAKE_PTR(*qmp));
}
