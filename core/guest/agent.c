/* SPDX-License-Identifier: MIT */
#include "core/guest/agent.h"

#include <poll.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/machine/monitor.h"

/* ms until an agent that refuses a command because of frozen file systems is asked again. */
static const int64_t FROZEN_INTERVAL = 200;

/* ms in which an agent that has just answered must take a command, and send its answer. Both
 * can be 16 MiB, in a guest that is slow; and an answer that is given up is lost. */
static const int64_t TRANSFER_TIMEOUT = INT64_C(120) * 1000;

int
maqet_guest_agent_check(const struct maqet_opened *machine, struct maqet_error **err)
{
    if (faccessat(machine->run.dir_fd, MAQET_AGENT_SOCKET, F_OK, 0) == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' was started without a port for a guest agent",
                    machine->name);
    maqet_error_hint(err, "Add `guest_agent: on` to the VM and restart it, with "
                          "qemu-guest-agent in the guest");
    return -1;
}

bool
maqet_guest_agent_is_there(struct maqet_opened *machine)
{
    _cleanup_json_ json_object *list = NULL;
    size_t count;

    if (maqet_guest_agent_check(machine, NULL) < 0)
        return false;
    list = maqet_monitor_ask(machine, "query-chardev", NULL, NULL);
    maqet_monitor_leave(machine);
    count =
        json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    for (size_t i = 0; i < count; i++) {
        json_object *chardev = json_object_array_get_idx(list, i);
        const char *label = maqet_json_text(chardev, "label");

        if (label && strcmp(label, MAQET_AGENT_CHARDEV) == 0)
            return json_object_get_boolean(
                json_object_object_get(chardev, "frontend-open"));
    }
    return false;
}

/* Nobody in a paused guest answers. */
static bool
is_paused(struct maqet_opened *machine)
{
    _cleanup_json_ json_object *status =
        maqet_monitor_ask(machine, "query-status", NULL, NULL);

    maqet_monitor_leave(machine);
    return status && !json_object_get_boolean(json_object_object_get(status, "running"));
}

struct maqet_agent *
maqet_guest_agent_open(struct maqet_opened *machine, int64_t timeout,
                       struct maqet_error **err)
{
    struct maqet_error *reason = NULL;

    if (maqet_guest_agent_check(machine, err) < 0)
        return NULL;
    struct maqet_agent *agent =
        maqet_agent_open(machine->run.dir_fd, timeout, machine->run.pidfd, &reason);
    if (agent)
        return agent;
    if (reason->code == MAQET_ERROR_TIMEOUT && is_paused(machine)) {
        maqet_error_clear(&reason);
        maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is paused", machine->name);
        maqet_error_next(err, MAQET_NEXT_RESUME, machine->name, NULL);
        return NULL;
    }
    maqet_error_wrap(&reason, "VM '%s'", machine->name);
    maqet_error_move(err, reason);
    return NULL;
}

int
maqet_guest_pause(const struct maqet_opened *machine, int64_t interval,
                  struct maqet_error **err)
{
    struct pollfd fds[] = {{.fd = machine->run.pidfd, .events = POLLIN},
                           {.fd = maqet_interrupt_fd(), .events = POLLIN}};

    poll(fds, 2, (int)interval);
    if (maqet_interrupt_check(err) < 0)
        return -1;
    return fds[0].revents ? maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' has ended",
                                            machine->name)
                          : 0;
}

/* Whether the agent refuses commands for now, since it has frozen the file systems. */
static bool
is_frozen(struct maqet_agent *agent, int64_t timeout)
{
    _cleanup_json_ json_object *status =
        maqet_agent_execute(agent, "guest-fsfreeze-status", NULL, timeout, NULL);

    return json_object_is_type(status, json_type_string) &&
           strcmp(json_object_get_string(status), "frozen") == 0;
}

json_object *
maqet_guest_agent_ask(struct maqet_opened *machine, const char *command,
                      json_object *arguments, int64_t timeout, struct maqet_error **err)
{
    _cleanup_json_ json_object *kept = arguments;
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);

    for (;;) {
        struct maqet_error *reason = NULL;
        int64_t left = maqet_deadline_left(deadline);
        _cleanup_agent_ struct maqet_agent *agent =
            maqet_guest_agent_open(machine, left, err);

        if (!agent)
            return NULL;
        json_object *answer = maqet_agent_execute(agent, command, json_object_get(kept),
                                                  TRANSFER_TIMEOUT, &reason);
        if (answer)
            return answer;
        if (reason->code != MAQET_ERROR_UNSUPPORTED || !is_frozen(agent, left) ||
            maqet_deadline_left(deadline) == 0) {
            maqet_error_wrap(&reason, "VM '%s'", machine->name);
            maqet_error_move(err, reason);
            return NULL;
        }
        maqet_error_free(reason);
        maqet_agent_cleanup(&agent);
        agent = NULL;
        if (maqet_guest_pause(machine, FROZEN_INTERVAL, err) < 0)
            return NULL;
    }
}
