/* SPDX-License-Identifier: MIT */
#include "core/qemu/qmp.h"

#include <string.h>

#include "core/qemu/channel.h"
#include "core/qemu/silence.h"
#include "core/qemu/version.h"

enum {
    EVENT_LIMIT = 256,          /* events that are kept, */
    EVENT_SIZE_LIMIT = 64 << 10 /* and the bytes of each */
};

struct maqet_qmp {
    struct maqet_channel channel;
    json_object *events;
    int64_t last_id;
    int version;
    char *version_text;
    char *vm;          /* NULL: its errors name nobody */
    char *denial_hint; /* what ends an error of a file that QEMU may not open, or NULL */
};

/* A text in a json object, or "". */
static const char *
text_of(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                        : "";
}

/* ---- events ---- */

/* Those that nobody reads must not pile up: the oldest go first. */
static void
keep_event(struct maqet_qmp *qmp, json_object *event, size_t size)
{
    if (size > EVENT_SIZE_LIMIT)
        return;
    if (json_object_array_length(qmp->events) == EVENT_LIMIT)
        json_object_array_del_idx(qmp->events, 0, 1);
    json_object_array_add(qmp->events, json_object_get(event));
}

/* Takes the first kept event of that name; NULL: there is none. */
static json_object *
take_event(struct maqet_qmp *qmp, const char *name)
{
    size_t count = json_object_array_length(qmp->events);

    for (size_t i = 0; i < count; i++) {
        json_object *event = json_object_array_get_idx(qmp->events, i);

        if (name && strcmp(text_of(event, "event"), name) != 0)
            continue;
        json_object_get(event);
        json_object_array_del_idx(qmp->events, i, 1);
        return event;
    }
    return NULL;
}

/* The next message of any kind. An event is kept as well. */
static json_object *
receive(struct maqet_qmp *qmp, struct maqet_wait *wait, struct maqet_error **err)
{
    size_t size;
    json_object *message = maqet_channel_receive(&qmp->channel, wait, &size, err);

    if (message && json_object_object_get_ex(message, "event", NULL))
        keep_event(qmp, message, size);
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

/* Takes the arguments. The descriptor goes with the command; -1: none. */
static int
send_command(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
             struct maqet_wait *wait, struct maqet_error **err)
{
    _cleanup_json_ json_object *message = json_object_new_object();

    json_object_object_add(message, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(message, "arguments", arguments);
    json_object_object_add(message, "id", json_object_new_int64(++qmp->last_id));
    return maqet_channel_send_fd(&qmp->channel, message, fd, wait, err);
}

/*
 * Whether a message answers the last command. An error about what could not even be read
 * as a command has no id; another id is that of a command that we no longer wait for.
 */
static bool
is_answer(const struct maqet_qmp *qmp, json_object *message)
{
    json_object *id;

    if (json_object_object_get_ex(message, "id", &id))
        return json_object_is_type(id, json_type_int) &&
               json_object_get_int64(id) == qmp->last_id;
    return json_object_object_get_ex(message, "error", NULL);
}

/* QEMU's words, and what its few classes of errors mean (QEMU: qapi/error.json). */
static void
set_refusal(const struct maqet_qmp *qmp, json_object *error, struct maqet_error **err)
{
    const char *class = text_of(error, "class");
    enum maqet_error_code code = MAQET_ERROR_FAILED;

    if (strcmp(class, "CommandNotFound") == 0)
        code = MAQET_ERROR_UNSUPPORTED;
    else if (strcmp(class, "DeviceNotFound") == 0)
        code = MAQET_ERROR_MISSING;
    const char *words = text_of(error, "desc");

    maqet_error_set(err, code, "QEMU: %.*s", maqet_text_fitting(words), words);
    if (qmp->denial_hint && strstr(words, "Permission denied"))
        maqet_error_hint(err, "%s", qmp->denial_hint);
}

static json_object *
await_answer(struct maqet_qmp *qmp, struct maqet_wait *wait, struct maqet_error **err)
{
    json_object *answer = NULL;

    for (;;) {
        _cleanup_json_ json_object *message = receive(qmp, wait, err);

        if (!message)
            return NULL;
        if (!is_answer(qmp, message))
            continue;
        if (json_object_object_get_ex(message, "error", &answer)) {
            set_refusal(qmp, answer, err);
            return NULL;
        }
        json_object_object_get_ex(message, "return", &answer);
        return answer ? json_object_get(answer) : json_object_new_object();
    }
}

/* Takes what failed, after @timeout ms at most. A QEMU that said nothing is named, where
 * it has a name. Returns -1. */
static int
fail(const struct maqet_qmp *qmp, int64_t timeout, struct maqet_error *reason,
     struct maqet_error **err)
{
    if (!qmp->vm || reason->code != MAQET_ERROR_TIMEOUT)
        return maqet_error_move(err, reason);
    maqet_error_free(reason);
    return maqet_silence_error(qmp->vm, qmp->channel.gone, timeout, err);
}

static json_object *
execute(struct maqet_qmp *qmp, const char *command, json_object *arguments, int fd,
        int64_t timeout, struct maqet_error **err)
{
    _cleanup_free_ char *awaited = maqet_format("QEMU's answer to '%s'", command);
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    struct maqet_error *reason = NULL;
    json_object *answer = send_command(qmp, command, arguments, fd, &wait, &reason) < 0
                              ? NULL
                              : await_answer(qmp, &wait, &reason);

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

int
maqet_qmp_give_fd(struct maqet_qmp *qmp, const char *name, int fd, int64_t timeout,
                  struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "fdname", json_object_new_string(name));
    _cleanup_json_ json_object *answer =
        execute(qmp, "getfd", arguments, fd, timeout, err);
    return answer ? 0 : -1;
}

int
maqet_qmp_add_fd(struct maqet_qmp *qmp, int set, int fd, int64_t timeout,
                 struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "fdset-id", json_object_new_int(set));
    _cleanup_json_ json_object *answer =
        execute(qmp, "add-fd", arguments, fd, timeout, err);
    return answer ? 0 : -1;
}

/* ---- the greeting ---- */

/* A part of QEMU's version, none of which has more than two digits; -1: it is none. */
static int
version_part(json_object *numbers, const char *key)
{
    json_object *part = NULL;
    int value = -1;

    json_object_object_get_ex(numbers, key, &part);
    if (json_object_is_type(part, json_type_int))
        value = json_object_get_int(part);
    return value < 100 ? value : -1;
}

static int
read_version(struct maqet_qmp *qmp, json_object *greeting, struct maqet_error **err)
{
    json_object *monitor = NULL, *version = NULL, *numbers = NULL;

    json_object_object_get_ex(greeting, "QMP", &monitor);
    json_object_object_get_ex(monitor, "version", &version);
    json_object_object_get_ex(version, "qemu", &numbers);
    const char *package = text_of(version, "package");
    int major = version_part(numbers, "major");
    int minor = version_part(numbers, "minor");
    int micro = version_part(numbers, "micro");

    if (major < 0 || minor < 0 || micro < 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU's greeting does not say its version");
    qmp->version = major * 10000 + minor * 100 + micro;
    qmp->version_text = maqet_format("%d.%d.%d%s%s%s", major, minor, micro,
                                     *package ? " (" : "", package, *package ? ")" : "");
    _cleanup_free_ char *numbers_text = maqet_format("%d.%d.%d", major, minor, micro);
    return maqet_qemu_version_check(qmp->version, numbers_text, err);
}

static int
negotiate(struct maqet_qmp *qmp, struct maqet_wait *wait, struct maqet_error **err)
{
    _cleanup_json_ json_object *greeting = receive(qmp, wait, err);
    _cleanup_json_ json_object *answer = NULL;

    if (!greeting || read_version(qmp, greeting, err) < 0)
        return -1;
    wait->awaited = "QEMU's answer to 'qmp_capabilities'";
    if (send_command(qmp, "qmp_capabilities", NULL, -1, wait, err) < 0)
        return -1;
    answer = await_answer(qmp, wait, err);
    return answer ? 0 : -1;
}

struct maqet_qmp *
maqet_qmp_open_vm(int dir_fd, const char *name, const char *vm, int64_t timeout, int gone,
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
    qmp->vm = vm ? maqet_strdup(vm) : NULL;
    if (maqet_channel_connect(&qmp->channel, dir_fd, name, &wait, &reason) == 0 &&
        negotiate(qmp, &wait, &reason) == 0)
        return TAKE_PTR(qmp);
    fail(qmp, timeout, reason, err);
    return NULL;
}

struct maqet_qmp *
maqet_qmp_open(int dir_fd, const char *name, int64_t timeout, int gone,
               struct maqet_error **err)
{
    return maqet_qmp_open_vm(dir_fd, name, NULL, timeout, gone, err);
}

void
maqet_qmp_explain_denials(struct maqet_qmp *qmp, char *hint)
{
    free(qmp->denial_hint);
    qmp->denial_hint = hint;
}

void
maqet_qmp_close(struct maqet_qmp *qmp)
{
    if (!qmp)
        return;
    maqet_channel_clear(&qmp->channel);
    json_object_put(qmp->events);
    free(qmp->version_text);
    free(qmp->vm);
    free(qmp->denial_hint);
    free(qmp);
}

void
maqet_qmp_cleanup(struct maqet_qmp **qmp)
{
    maqet_qmp_close(*qmp);
}

int
maqet_qmp_version(const struct maqet_qmp *qmp)
{
    return qmp->version;
}

const char *
maqet_qmp_version_text(const struct maqet_qmp *qmp)
{
    return qmp->version_text;
}
