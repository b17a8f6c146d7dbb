/* SPDX-License-Identifier: MIT */
#include "core/snapshot/quiesce.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/apart.h"
#include "core/base/files.h"
#include "core/qemu/agent.h"
#include "core/qemu/channel.h"

/* ms: for one attempt to thaw, between two, and for all of them; and for how much longer
 * than the child the parent waits. */
static const int64_t THAW_TIMEOUT = 5000;
static const int64_t THAW_INTERVAL = 200;
static const int64_t THAW_LIMIT = INT64_C(600) * 1000;
static const int64_t GRACE = 2000;

struct maqet_quiesce {
    struct maqet_child child;
    struct maqet_channel channel; /* to the child, by its socket */
    int dir_fd;                   /* the caller's */
    int gone;                     /* likewise */
    char *vm;
};

/* ---- the agent's answers ---- */

/* How many file systems the agent says that it froze or thawed: the guest can answer
 * anything. Negative: that is not a number of file systems. */
static int64_t
count_of(json_object *answer)
{
    return json_object_is_type(answer, json_type_int) ? json_object_get_int64(answer)
                                                      : -1;
}

/* Whether the guest has frozen anything, as it was asked to. */
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

/* Thaws by a connection of its own. True: nothing is frozen (any more), or QEMU is gone.
 * @thawed grows by the number of file systems that were frozen until now. */
static bool
thaw_once(int dir_fd, int gone, int64_t *thawed)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_agent_open(dir_fd, THAW_TIMEOUT, gone, &error);
    _cleanup_json_ json_object *count =
        agent ? maqet_agent_execute(agent, "guest-fsfreeze-thaw", THAW_TIMEOUT, &error)
              : NULL;

    if (!count)
        return error->code == MAQET_ERROR_STATE;
    if (count_of(count) > 0)
        *thawed += count_of(count);
    _cleanup_json_ json_object *status =
        maqet_agent_execute(agent, "guest-fsfreeze-status", THAW_TIMEOUT, NULL);
    return json_object_is_type(status, json_type_string) &&
           strcmp(json_object_get_string(status), "thawed") == 0;
}

/* The same until it succeeds, for @limit ms. */
static bool
thaw(int dir_fd, int gone, int64_t limit, int64_t *thawed)
{
    int64_t deadline = maqet_now() + limit;

    *thawed = 0;
    while (!thaw_once(dir_fd, gone, thawed)) {
        struct pollfd fd = {.fd = gone, .events = POLLIN};

        if (maqet_now() >= deadline || poll(&fd, 1, (int)THAW_INTERVAL) > 0)
            return false;
    }
    return true;
}

/* ---- the child ---- */

static void
report(struct maqet_channel *channel, const struct maqet_error *error, bool held)
{
    struct maqet_wait wait = maqet_wait_for("the parent", GRACE);
    _cleanup_json_ json_object *message = json_object_new_object();

    json_object_object_add(message, "held", json_object_new_boolean(held));
    if (error)
        json_object_object_add(message, "error", maqet_error_to_json(error));
    maqet_channel_send(channel, message, &wait, NULL);
}

/* Waits until the parent hangs up, or dies. False: it took too long. */
static bool
hold(const struct maqet_channel *channel, int64_t timeout)
{
    struct pollfd fd = {.fd = channel->fd, .events = POLLIN};
    int64_t deadline = maqet_now() + timeout;
    int ready;

    do {
        int64_t left = deadline - maqet_now();
        ready = poll(&fd, 1, left > 0 ? (int)left : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* *begun: the guest may have frozen something, whatever came back. *frozen gets the
 * number of file systems. */
static int
freeze(int dir_fd, int gone, int64_t timeout, bool *begun, int64_t *frozen,
       struct maqet_error **err)
{
    int64_t start = maqet_now();
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_agent_open(dir_fd, timeout, gone, err);

    *begun = false;
    if (!agent)
        return -1;
    int64_t left = start + timeout - maqet_now();
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *count =
        maqet_agent_execute(agent, "guest-fsfreeze-freeze", left > 0 ? left : 0, &reason);
    if (count && check_frozen(count, frozen, &reason) == 0)
        return 0;
    *begun = reason->code != MAQET_ERROR_UNSUPPORTED && reason->code != MAQET_ERROR_STATE;
    /* It may still come about: what undoes it waits behind it in the agent's queue. */
    if (*begun)
        maqet_agent_post(agent, "guest-fsfreeze-thaw", GRACE, NULL);
    return maqet_error_move(err, TAKE_PTR(reason));
}

/* What the child works with. */
struct watch {
    int dir_fd;
    int gone;
    int64_t freeze_timeout, hold_timeout;
};

static void
watch_over(struct maqet_channel *channel, const struct watch *watch)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    int64_t frozen = 0, thawed;
    bool begun;

    if (freeze(watch->dir_fd, watch->gone, watch->freeze_timeout, &begun, &frozen,
               &error) < 0) {
        if (begun)
            maqet_error_remark(&error, "What may have been frozen is being thawed");
        report(channel, error, false);
        if (begun)
            thaw(watch->dir_fd, watch->gone, THAW_LIMIT, &thawed);
        return;
    }
    report(channel, NULL, true);
    bool held = hold(channel, watch->hold_timeout);
    if (thaw(watch->dir_fd, watch->gone, THAW_LIMIT, &thawed)) {
        /* A guest that thaws by itself, after a time limit of its own for example, finds
         * fewer to thaw than it froze. */
        report(channel, NULL, held && thawed >= frozen);
        return;
    }
    maqet_error_set(&error, MAQET_ERROR_TIMEOUT, "the file systems did not thaw");
    report(channel, error, held);
}

static int
run_watch(void *data, int fd)
{
    struct maqet_channel channel = MAQET_CHANNEL_INIT;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    channel.fd = fd;
    watch_over(&channel, data);
    return 0;
}

/* ---- the parent ---- */

/* What the child reports next. Returns 0, or -1 with its error. */
static int
hear(struct maqet_quiesce *quiesce, int64_t timeout, bool *held, struct maqet_error **err)
{
    struct maqet_wait wait = maqet_wait_for("the guest's file systems", timeout);
    json_object *value = NULL;
    _cleanup_json_ json_object *message =
        maqet_channel_receive(&quiesce->channel, &wait, err);

    if (!message)
        return -1;
    json_object_object_get_ex(message, "held", &value);
    *held = json_object_get_boolean(value);
    return json_object_object_get_ex(message, "error", &value)
               ? maqet_error_from_json(value, err)
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
error_no_agent(const char *vm, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' was started without a port for a guest "
                    "agent, so its file systems cannot be frozen",
                    vm);
    maqet_error_hint(err, "Add `guest_agent: on` to the VM and restart it, with "
                          "qemu-guest-agent in the guest");
    return maqet_error_next(err, MAQET_NEXT_DO_NOT_QUIESCE, NULL);
}

static struct maqet_quiesce *
start_watch(int dir_fd, const char *vm, int gone, int64_t freeze_timeout,
            int64_t hold_timeout, struct maqet_error **err)
{
    struct watch watch = {.dir_fd = dir_fd,
                          .gone = gone,
                          .freeze_timeout = freeze_timeout,
                          .hold_timeout = hold_timeout};
    int *const kept[] = {&watch.dir_fd, &watch.gone};
    struct maqet_child child;

    if (maqet_child_detach(&child, kept, 2, run_watch, &watch) < 0) {
        maqet_error_errno(err, errno, "Cannot freeze the guest");
        return NULL;
    }
    struct maqet_quiesce *quiesce = maqet_alloc(sizeof(*quiesce));
    fcntl(child.fd, F_SETFL, O_NONBLOCK);
    quiesce->channel = MAQET_CHANNEL_INIT;
    quiesce->channel.fd = TAKE_FD(child.fd);
    quiesce->child = child;
    quiesce->dir_fd = dir_fd;
    quiesce->gone = gone;
    quiesce->vm = maqet_strdup(vm);
    return quiesce;
}

struct maqet_quiesce *
maqet_quiesce_begin(int dir_fd, const char *vm, int gone, int64_t freeze_timeout,
                    int64_t hold_timeout, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    bool held;

    if (faccessat(dir_fd, MAQET_AGENT_SOCKET, F_OK, 0) < 0) {
        error_no_agent(vm, err);
        return NULL;
    }
    struct maqet_quiesce *quiesce =
        start_watch(dir_fd, vm, gone, freeze_timeout, hold_timeout, err);
    if (!quiesce)
        return NULL;
    if (hear(quiesce, freeze_timeout + GRACE, &held, &reason) == 0)
        return quiesce;
    maqet_error_wrap(&reason, "VM '%s': cannot freeze its file systems", vm);
    maqet_error_move(err, TAKE_PTR(reason));
    quiesce_free(quiesce); /* the child may have to thaw yet */
    return NULL;
}

int
maqet_quiesce_end(struct maqet_quiesce *quiesce, bool *held, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    int64_t thawed;
    int result = 0;

    *held = false;
    /* A message would not do: that it can't be sent to a child which has thawed already,
     * and ended, must not keep us from reading its report. */
    shutdown(quiesce->channel.fd, SHUT_WR);
    if (hear(quiesce, 2 * THAW_TIMEOUT + GRACE, held, &reason) < 0 &&
        !thaw(quiesce->dir_fd, quiesce->gone, THAW_TIMEOUT, &thawed)) {
        maqet_error_move(err, TAKE_PTR(reason));
        maqet_error_wrap(err, "VM '%s': its file systems may still be frozen",
                         quiesce->vm);
        maqet_error_hint(err, "Thaw them in the guest: fsfreeze -u MOUNTPOINT");
        result = -1;
    } else {
        maqet_child_reap(&quiesce->child);
    }
    quiesce_free(quiesce);
    return result;
}
