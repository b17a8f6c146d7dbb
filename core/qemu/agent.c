/* SPDX-License-Identifier: MIT */
#include "core/qemu/agent.h"

#include "core/base/json.h"
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

/* Sends a number, and skips the answers to earlier clients until it returns. */
static int
synchronise(struct maqet_agent *agent, struct maqet_wait *wait, struct maqet_error **err)
{
    int64_t number = maqet_now() & 0x7fffffff;
    json_object *arguments = maqet_json_object("id", json_object_new_int64(number), NULL);

    if (maqet_channel_command(&agent->channel, "guest-sync-delimited", arguments, 0, -1,
                              wait, err) < 0)
        return -1;
    for (;;) {
        _cleanup_json_ json_object *message =
            maqet_channel_receive(&agent->channel, wait, err);

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
        maqet_channel_mark(&agent->channel, &wait, &reason) == 0 &&
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

json_object *
maqet_agent_execute(struct maqet_agent *agent, const char *command,
                    json_object *arguments, int64_t timeout, struct maqet_error **err)
{
    _cleanup_free_ char *awaited =
        maqet_format("the guest agent's answer to '%s'", command);
    struct maqet_wait wait = maqet_wait_for(awaited, timeout);
    json_object *value = NULL;

    if (maqet_channel_command(&agent->channel, command, arguments, 0, -1, &wait, err) < 0)
        return NULL;
    _cleanup_json_ json_object *message =
        maqet_channel_receive(&agent->channel, &wait, err);
    if (!message)
        return NULL;
    if (json_object_object_get_ex(message, "error", &value)) {
        maqet_channel_refusal("The guest agent", value, err);
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

    return maqet_channel_command(&agent->channel, command, NULL, 0, -1, &wait, err);
}
