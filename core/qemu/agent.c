/* SPDX-License-Identifier: MIT */
#include "core/qemu/agent.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/pidfd.h"
#include "core/base/procfs.h"
#include "core/qemu/channel.h"
#include "core/qemu/silence.h"

struct maqet_agent {
    struct maqet_channel channel;
};

void
maqet_agent_cleanup(struct maqet_agent **agent)
{
    if (*agent)
        maqet_channel_clear(&(*agent)->channel);
    free(*agent);
}

/* Takes the arguments, which may be NULL. */
static int
send_command(struct maqet_agent *agent, const char *command, json_object *arguments,
             struct maqet_wait *wait, struct maqet_error **err)
{
    _cleanup_json_ json_object *message = json_object_new_object();

    json_object_object_add(message, "execute", json_object_new_string(command));
    if (arguments)
        json_object_object_add(message, "arguments", arguments);
    return maqet_channel_send(&agent->channel, message, wait, err);
}

/* Begins anew: answers to former clients are passed over until the one to our number. */
static int
synchronise(struct maqet_agent *agent, struct maqet_wait *wait, struct maqet_error **err)
{
    int64_t number = maqet_now() & 0x7fffffff;
    json_object *arguments = json_object_new_object();
    size_t size;

    json_object_object_add(arguments, "id", json_object_new_int64(number));
    if (maqet_channel_mark(&agent->channel, wait, err) < 0) {
        json_object_put(arguments);
        return -1;
    }
    if (send_command(agent, "guest-sync-delimited", arguments, wait, err) < 0)
        return -1;
    for (;;) {
        _cleanup_json_ json_object *message =
            maqet_channel_receive(&agent->channel, wait, &size, err);

        if (!message)
            return -1;
        if (maqet_json_int(message, "return") == number)
            return 0;
    }
}

struct maqet_agent *
maqet_agent_open(int dir_fd, int64_t timeout, int gone, struct maqet_error **err)
{
    _cleanup_agent_ struct maqet_agent *agent = maqet_alloc(sizeof(*agent));
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct maqet_wait wait = maqet_wait_for("the guest agent's answer", timeout);

    agent->channel = MAQET_CHANNEL_INIT;
    agent->channel.gone = gone;
    if (maqet_channel_connect(&agent->channel, dir_fd, MAQET_AGENT_SOCKET, &wait,
                              &reason) == 0 &&
        synchronise(agent, &wait, &reason) == 0)
        return TAKE_PTR(agent);
    int pid = maqet_pidfd_pid(gone);
    if (reason->code == MAQET_ERROR_TIMEOUT &&
        maqet_silence_is_stopped(maqet_procfs_state(pid)))
        maqet_error_hint(&reason, "QEMU is stopped; let it continue: kill -CONT %d", pid);
    else if (reason->code == MAQET_ERROR_TIMEOUT)
        maqet_error_hint(&reason, "Is qemu-guest-agent running in the guest?");
    maqet_error_move(err, TAKE_PTR(reason));
    return NULL;
}

/* The agent's words, and what their class means. */
static void
set_refusal(json_object *error, struct maqet_error **err)
{
    const char *class = maqet_json_text(error, "class");
    const char *words = maqet_json_text(error, "desc");
    bool unknown = class && strcmp(class, "CommandNotFound") == 0;

    if (!words)
        words = "it failed";
    maqet_error_set(err, unknown ? MAQET_ERROR_UNSUPPORTED : MAQET_ERROR_FAILED,
                    "The guest agent: %.*s", maqet_text_fitting(words), words);
}

json_object *
maqet_agent_execute(struct maqet_agent *agent, const char *command, int64_t timeout,
                    struct maqet_error **err)
{
    _cleanup_free_ char *awaited =
        maqet_format("the guest agent's answer to '%s'", command);
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    json_object *value = NULL;
    size_t size;

    if (send_command(agent, command, NULL, &wait, err) < 0)
        return NULL;
    _cleanup_json_ json_object *message =
        maqet_channel_receive(&agent->channel, &wait, &size, err);
    if (!message)
        return NULL;
    if (json_object_object_get_ex(message, "error", &value)) {
        set_refusal(value, err);
        return NULL;
    }
    json_object_object_get_ex(message, "return", &value);
    if (!value)
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "The guest agent's answer to '%s' says nothing", command);
    return json_object_get(value);
}

int
maqet_agent_post(struct maqet_agent *agent, const char *command, int64_t timeout,
                 struct maqet_error **err)
{
    struct maqet_wait wait = maqet_wait_for("the guest agent", timeout);

    return send_command(agent, command, NULL, &wait, err);
}
