/* SPDX-License-Identifier: MIT */
#include "core/snapshot/quiesce.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/apart.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/qemu/agent.h"
#include "core/qemu/channel.h"

/* ms: for one attempt to thaw, between two, and for all of them; and how much longer than
 * the child the parent waits. */
static const int64_t THAW_TIMEOUT = 5000;
static const int64_t THAW_INTERVAL = 200;
static const int64_t THAW_LIMIT = INT64_C(600) * 1000;
static const int64_t GRACE = 2000;

struct maqet_quiesce {
    struct maqet_child child;
    struct maqet_channel channel; /* between parent and child */
    int dir_fd;                   /* the caller's */
    int gone;                     /* likewise */
    int64_t freeze_timeout, hold_timeout;
    char *vm;
};

/* ---- the agent's answers ---- */

/* The number of file systems in an answer, which can be anything, as it is the guest's;
 * negative: there is none. */
static int64_t
count_of(json_object *answer)
{
    return json_object_is_type(answer, json_type_int) ? json_object_get_int64(answer)
                                                      : -1;
}

/* Whether the guest has frozen anything. */
static int
check_frozen(json_object *answer, int64_t *frozen, struct maqet_error **err)
{
    *frozen = count_of(answer);
    if (*frozen > 0)
        return 0;
    if (*frozen == 0)
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "the guest agent froze no file system: none is mounted that can "
                        "be frozen");
    else
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "the guest agent's answer to 'guest-fsfreeze-freeze' is not a "
                        "number of file systems: %.64s",
                        json_object_to_json_string(answer));
    return maqet_error_next(err, MAQET_NEXT_DO_NOT_QUIESCE, NULL);
}

/* ---- thawing ---- */

/* Thaws over a new connection. True: nothing is frozen any more, or QEMU is gone. *thawed
 * grows by the number of file systems that were frozen until now. */
static bool
thaw_once(const struct maqet_quiesce *quiesce, int64_t *thawed)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_agent_open(quiesce->dir_fd, THAW_TIMEOUT, quiesce->gone, &error);
    _cleanup_json_ json_object *count =
        agent ? maqet_agent_execute(agent, "guest-fsfreeze-thaw", NULL, THAW_TIMEOUT, &error)
              : NULL;

    if (!count)
        return error->code == MAQET_ERROR_STATE;
    if (count_of(count) > 0)
        *thawed += count_of(count);
    _cleanup_json_ json_object *status =
        maqet_agent_execute(agent, "guest-fsfreeze-status", NULL, THAW_TIMEOUT, NULL);
    return json_object_is_type(status, json_type_string) &&
           strcmp(json_object_get_string(status), "thawed") == 0;
}

/* The same until it succeeds, for @limit ms. */
static bool
thaw(const struct maqet_quiesce *quiesce, int64_t limit, int64_t *thawed)
{
    struct maqet_deadline deadline = maqet_deadline_in(limit);

    *thawed = 0;
    while (!thaw_once(quiesce, thawed))
        if (maqet_deadline_left(deadline) == 0 ||
            maqet_pidfd_wait(quiesce->gone, THAW_INTERVAL))
            return false;
    return true;
}

/* ---- the child ---- */

static void
report(struct maqet_quiesce *quiesce, const struct maqet_error *error, bool held)
{
    struct maqet_wait wait = maqet_wait_for("the parent", GRACE);
    _cleanup_json_ json_object *message =
        maqet_json_object("held", json_object_new_boolean(held), "error",
                          error ? maqet_error_to_json(error) : NULL, NULL);

    maqet_channel_send(&quiesce->channel, message, -1, &wait, NULL);
}

/* Waits until the parent closes its end, or dies. False: the time limit has expired. */
static bool
hold(const struct maqet_quiesce *quiesce)
{
    struct pollfd fd = {.fd = quiesce->channel.fd, .events = POLLIN};
    struct maqet_deadline deadline = maqet_deadline_in(quiesce->hold_timeout);
    int ready;

    do {
        ready = poll(&fd, 1, (int)maqet_deadline_left(deadline));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* *begun: the guest may have frozen something, whatever it answered. *frozen gets the
 * number of file systems. */
static int
freeze(const struct maqet_quiesce *quiesce, bool *begun, int64_t *frozen,
       struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(quiesce->freeze_timeout);
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_agent_open(quiesce->dir_fd, quiesce->freeze_timeout, quiesce->gone, err);

    *begun = false;
    if (!agent)
        return -1;
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *count = maqet_agent_execute(
        agent, "guest-fsfreeze-freeze", NULL, maqet_deadline_left(deadline), &reason);
    if (count && check_frozen(count, frozen, &reason) == 0)
        return 0;
    *begun = reason->code != MAQET_ERROR_UNSUPPORTED && reason->code != MAQET_ERROR_STATE;
    /* It may still happen; the agent executes this afterwards. */
    if (*begun)
        maqet_agent_post(agent, "guest-fsfreeze-thaw", GRACE, NULL);
    return maqet_error_move(err, TAKE_PTR(reason));
}

static int
work(void *data, int fd)
{
    struct maqet_quiesce *quiesce = data;
    _cleanup_error_ struct maqet_error *error = NULL;
    int64_t frozen = 0, thawed;
    bool begun;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    quiesce->channel.fd = fd;
    if (freeze(quiesce, &begun, &frozen, &error) < 0) {
        if (begun)
            maqet_error_remark(&error, "What may have been frozen is being thawed");
        report(quiesce, error, false);
        if (begun)
            thaw(quiesce, THAW_LIMIT, &thawed);
        return 0;
    }
    report(quiesce, NULL, true);
    bool held = hold(quiesce);
    if (thaw(quiesce, THAW_LIMIT, &thawed)) {
        /* A guest that has thawed by itself, after its own time limit for example, thaws
         * fewer than it froze. */
        report(quiesce, NULL, held && thawed >= frozen);
        return 0;
    }
    maqet_error_set(&error, MAQET_ERROR_TIMEOUT, "the file systems did not thaw");
    report(quiesce, error, held);
    return 0;
}

/* ---- the parent ---- */

/* Receives the child's next report. Returns 0, or -1 with its error. */
static int
receive_report(struct maqet_quiesce *quiesce, int64_t timeout, bool *held,
               struct maqet_error **err)
{
    struct maqet_wait wait = maqet_wait_for("the guest's file systems", timeout);
    _cleanup_json_ json_object *message =
        maqet_channel_receive(&quiesce->channel, &wait, err);
    json_object *error = NULL;

    if (!message)
        return -1;
    *held = json_object_get_boolean(json_object_object_get(message, "held"));
    return json_object_object_get_ex(message, "error", &error)
               ? maqet_error_from_json(error, err)
               : 0;
}

static void
quiesce_free(struct maqet_quiesce *quiesce)
{
    maqet_channel_clear(&quiesce->channel);
    free(quiesce->vm);
    free(quiesce);
}

static int
check_agent(int dir_fd, const char *vm, struct maqet_error **err)
{
    if (faccessat(dir_fd, MAQET_AGENT_SOCKET, F_OK, 0) == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' was started without a port for a guest "
                    "agent, so its file systems cannot be frozen",
                    vm);
    maqet_error_hint(err, "Add `guest_agent: on` to the VM and restart it, with "
                          "qemu-guest-agent in the guest");
    return maqet_error_next(err, MAQET_NEXT_DO_NOT_QUIESCE, NULL);
}

struct maqet_quiesce *
maqet_quiesce_begin(int dir_fd, const char *vm, int gone, int64_t freeze_timeout,
                    int64_t hold_timeout, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool held;

    if (check_agent(dir_fd, vm, err) < 0)
        return NULL;
    struct maqet_quiesce *quiesce = maqet_alloc(sizeof(*quiesce));
    *quiesce = (struct maqet_quiesce){.channel = MAQET_CHANNEL_INIT,
                                      .dir_fd = dir_fd,
                                      .gone = gone,
                                      .freeze_timeout = freeze_timeout,
                                      .hold_timeout = hold_timeout,
                                      .vm = maqet_strdup(vm)};
    int *const kept[] = {&quiesce->dir_fd, &quiesce->gone};
    if (maqet_child_detach(&quiesce->child, kept, 2, work, quiesce) < 0) {
        maqet_error_errno(err, errno, "Cannot freeze the guest");
        quiesce_free(quiesce);
        return NULL;
    }
    fcntl(quiesce->child.fd, F_SETFL, O_NONBLOCK);
    quiesce->channel.fd = TAKE_FD(quiesce->child.fd);
    if (receive_report(quiesce, freeze_timeout + GRACE, &held, &reason) == 0)
        return quiesce;
    maqet_error_wrap(&reason, "VM '%s': cannot freeze its file systems", vm);
    maqet_error_move(err, TAKE_PTR(reason));
    quiesce_free(quiesce); /* the child may still have to thaw */
    return NULL;
}

int
maqet_quiesce_end(struct maqet_quiesce *quiesce, bool *held, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    int64_t thawed;
    int result = 0;

    *held = false;
    /* Sending a message would fail if the child has thawed and ended already, and its
     * report is still to be read. */
    shutdown(quiesce->channel.fd, SHUT_WR);
    if (receive_report(quiesce, 2 * THAW_TIMEOUT + GRACE, held, &reason) < 0 &&
        !thaw(quiesce, THAW_TIMEOUT, &thawed)) {
        maqet_error_move(err, TAKE_PTR(reason));
        result = maqet_error_wrap(err, "VM '%s': its file systems may still be frozen",
                                  quiesce->vm);
        maqet_error_hint(err, "Thaw them in the guest: fsfreeze -u MOUNTPOINT");
    } else {
        maqet_child_reap(&quiesce->child);
    }
    quiesce_free(quiesce);
    return result;
}
