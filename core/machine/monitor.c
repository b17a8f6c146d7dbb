/* SPDX-License-Identifier: MIT */
#include "core/machine/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/base/lock_holder.h"
#include "core/base/procfs.h"
#include "core/machine/full.h"
#include "core/machine/run.h"
#include "core/machine/sandbox_rules.h"
#include "core/qemu/launch.h"
#include "core/qemu/silence.h"

/* ms for commands whose time grows with the image. */
static const int64_t WORK_TIMEOUT = INT64_C(600) * 1000;

/* ---- the connection ---- */

/* Takes the monitor's lock. If the maqet that has it is itself waiting for a stopped
 * QEMU, that is the error. */
static int
wait_for_monitor(int fd, const char *name, int gone, int64_t timeout,
                 struct maqet_error **err)
{
    _cleanup_free_ char *what = maqet_format("the monitor of VM '%s'", name);
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (maqet_lock_wait_named(fd, timeout, what, NULL, &reason) == 0)
        return 0;
    if (reason->code == MAQET_ERROR_TIMEOUT &&
        maqet_silence_is_stopped(maqet_procfs_state(maqet_pidfd_pid(gone))))
        return maqet_silence_error(name, gone, timeout, err);
    return maqet_error_move(err, TAKE_PTR(reason));
}

struct maqet_qmp *
maqet_monitor_open(int dir_fd, const char *name, int64_t timeout, int gone, int *lock,
                   struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_close_ int fd = openat(dir_fd, MAQET_RUN_MONITOR_LOCK,
                                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        maqet_error_errno(err, errno, "Cannot open the monitor's lock");
        return NULL;
    }
    if (wait_for_monitor(fd, name, gone, timeout, err) < 0)
        return NULL;
    struct maqet_qmp *qmp = maqet_qmp_open(dir_fd, MAQET_RUN_MONITOR, name,
                                           maqet_deadline_left(deadline), gone, err);
    if (qmp) {
        qmp->denial_hint = maqet_sandbox_hint(dir_fd);
        *lock = TAKE_FD(fd);
    }
    return qmp;
}

/* Subtracts the time that QEMU has taken since @begun. */
static void
spend(struct maqet_opened *machine, int64_t begun)
{
    int64_t left = machine->answer_left - (maqet_now() - begun);

    machine->answer_left = left > 0 ? left : 0;
}

bool
maqet_monitor_does_without(const struct maqet_opened *machine)
{
    return machine->silent && machine->on_silence != MAQET_ON_SILENCE_FAIL;
}

/* Gives up a QEMU that does not answer; warns if the command continues without it. */
static void
note_silence(struct maqet_opened *machine, const struct maqet_error *reason)
{
    maqet_monitor_leave(machine);
    machine->silent = true;
    if (machine->on_silence == MAQET_ON_SILENCE_END) {
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "%s; it is not needed: QEMU is ended", reason->message);
    } else if (machine->on_silence == MAQET_ON_SILENCE_READ) {
        _cleanup_error_ struct maqet_error *notice = NULL;

        maqet_error_set(&notice, reason->code, "%s; the images are read instead",
                        reason->message);
        maqet_error_hints(&notice, reason);
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, notice);
    }
}

/* Sets an error of QEMU, which is taken. */
static void
set_error(struct maqet_opened *machine, struct maqet_error *reason,
          struct maqet_error **err)
{
    if (reason->silent)
        note_silence(machine, reason);
    maqet_error_move(err, reason);
}

struct maqet_qmp *
maqet_monitor_connect(struct maqet_opened *machine, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    int64_t begun = maqet_now();

    if (machine->stale)
        maqet_monitor_leave(machine);
    if (machine->qmp)
        return machine->qmp;
    if (machine->silent) {
        maqet_silence_error(machine->name, machine->run.pidfd, machine->answer_limit,
                            err);
        return NULL;
    }
    if (maqet_run_check_reachable(&machine->run, machine->name, &reason) < 0) {
        reason->silent = true;
        set_error(machine, reason, err);
        return NULL;
    }
    machine->qmp =
        maqet_monitor_open(machine->run.dir_fd, machine->name, machine->answer_left,
                           machine->run.pidfd, &machine->qmp_lock, &reason);
    spend(machine, begun);
    if (machine->qmp)
        return machine->qmp;
    if (reason->code == MAQET_ERROR_STATE && !reason->silent)
        maqet_error_wrap(&reason, "VM '%s'", machine->name); /* QEMU has ended */
    set_error(machine, reason, err);
    return NULL;
}

void
maqet_monitor_leave(struct maqet_opened *machine)
{
    machine->stale = false;
    if (!machine->qmp)
        return;
    maqet_qmp_cleanup(&machine->qmp);
    close(TAKE_FD(machine->qmp_lock));
}

/* Takes the arguments. A negative @timeout: the time that is left for answers. */
static json_object *
execute(struct maqet_opened *machine, const char *command, json_object *arguments,
        int64_t timeout, struct maqet_error **err)
{
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);
    struct maqet_error *reason = NULL;
    int64_t begun = maqet_now();

    if (!qmp) {
        json_object_put(arguments);
        return NULL;
    }
    json_object *answer = maqet_qmp_execute(
        qmp, command, arguments, timeout < 0 ? machine->answer_left : timeout, &reason);
    if (timeout < 0)
        spend(machine, begun);
    if (!answer && !reason->silent)
        maqet_error_wrap(&reason, "VM '%s'", machine->name);
    if (!answer && reason->signal) {
        machine->stale = true;
        /* The caller can do without an answer, but not without the interrupt. */
        if (!err)
            maqet_interrupt_restore();
    }
    if (!answer)
        set_error(machine, reason, err);
    return answer;
}

json_object *
maqet_monitor_ask(struct maqet_opened *machine, const char *command,
                  json_object *arguments, struct maqet_error **err)
{
    return execute(machine, command, arguments, -1, err);
}

json_object *
maqet_monitor_work(struct maqet_opened *machine, const char *command,
                   json_object *arguments, struct maqet_error **err)
{
    return execute(machine, command, arguments, WORK_TIMEOUT, err);
}

int
maqet_monitor_run_actions(struct maqet_opened *machine,
                          const struct maqet_actions *actions, struct maqet_error **err)
{
    for (size_t i = 0; i < actions->args.count; i++) {
        _cleanup_json_ json_object *answer =
            maqet_monitor_work(machine, actions->args.objects[i]->id,
                               json_object_get(actions->args.objects[i]->json), err);

        if (!answer)
            return -1;
    }
    return 0;
}

json_object *
maqet_monitor_nodes(struct maqet_opened *machine, struct maqet_error **err)
{
    json_object *nodes = maqet_monitor_ask(
        machine, "query-named-block-nodes",
        maqet_json_object("flat", json_object_new_boolean(true), NULL), err);

    if (!nodes || json_object_is_type(nodes, json_type_array))
        return nodes;
    json_object_put(nodes);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "QEMU's list of the block nodes of VM '%s' is not a list",
                    machine->name);
    return NULL;
}

json_object *
maqet_monitor_find_node(json_object *nodes, const char *name)
{
    size_t count =
        json_object_is_type(nodes, json_type_array) ? json_object_array_length(nodes) : 0;

    for (size_t i = 0; i < count; i++) {
        json_object *node = json_object_array_get_idx(nodes, i);
        const char *node_name = maqet_json_text(node, "node-name");

        if (node_name && strcmp(node_name, name) == 0)
            return node;
    }
    return NULL;
}

int
maqet_monitor_drive_size(struct maqet_opened *machine, const struct maqet_drive *drive,
                         uint64_t *bytes, struct maqet_error **err)
{
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, err);
    json_object *node =
        nodes ? maqet_monitor_find_node(nodes, maqet_drive_node(drive)) : NULL;
    json_object *size = NULL;

    if (!nodes)
        return -1;
    if (!json_object_object_get_ex(json_object_object_get(node, "image"), "virtual-size",
                                   &size))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                                 "QEMU has no such drive; the VM was started without it, "
                                 "or it has been removed since");
    *bytes = json_object_get_uint64(size);
    return 0;
}

/* ---- the guest's power button ---- */

/* A guest that is paused by a full disk would be paused again at once. */
static int
check_space(struct maqet_qmp *qmp, const char *name, int64_t timeout,
            struct maqet_error **err)
{
    _cleanup_full_ struct maqet_full full = {0};

    if (maqet_full_ask(qmp, NULL, timeout, &full, err) < 0)
        return -1;
    return maqet_full_lasts(&full) ? maqet_full_error(&full, name, err) : 0;
}

/* Connects to a monitor whose socket is no longer in any folder, by the descriptor that
 * QEMU has of it (MAQET_DESCRIPTOR_MONITOR_FILE). There is no lock any more either; QEMU
 * serves one client at a time. */
static struct maqet_qmp *
open_lost_monitor(const struct maqet_run *run, const char *name, int64_t timeout,
                  struct maqet_error **err)
{
    _cleanup_free_ char *path =
        maqet_descriptor_path(run->pid, MAQET_DESCRIPTOR_MONITOR_FILE);
    _cleanup_close_ int socket = open(path, O_PATH | O_CLOEXEC);
    _cleanup_close_ int own = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *number = maqet_format("%d", socket);
    struct stat status;

    if (socket < 0 || own < 0 || fstat(socket, &status) < 0 ||
        !S_ISSOCK(status.st_mode)) {
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "its monitor's socket is lost, and QEMU has no descriptor for "
                        "it");
        return NULL;
    }
    /* The process has not ended, so the descriptor is QEMU's. */
    if (maqet_pidfd_wait(run->pidfd, 0)) {
        maqet_error_set(err, MAQET_ERROR_STATE, "QEMU has ended");
        return NULL;
    }
    return maqet_qmp_open(own, number, name, timeout, run->pidfd, err);
}

int
maqet_power_button_press(const struct maqet_opened *machine, int64_t timeout,
                         struct maqet_error **err)
{
    const struct maqet_run *run = &machine->run;
    const char *name = machine->name;
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_close_ int lock = -1;
    _cleanup_qmp_ struct maqet_qmp *qmp =
        maqet_run_has_monitor(run)
            ? maqet_monitor_open(run->dir_fd, name, timeout, run->pidfd, &lock, err)
            : open_lost_monitor(run, name, timeout, err);
    _cleanup_json_ json_object *answer =
        qmp ? maqet_qmp_execute(qmp, "query-status", NULL, maqet_deadline_left(deadline),
                                err)
            : NULL;

    if (!answer)
        return -1;
    const char *word = maqet_json_text(answer, "status"), *wake = NULL;
    const char *status = word ? word : "";
    /* With -no-shutdown QEMU remains after the guest has powered off. A guest whose kernel
     * has panicked notices no button. One that has never run must not run now: its start
     * may have been killed before it was known whether somebody else uses its drives. */
    if (strcmp(status, "shutdown") == 0 || strcmp(status, "guest-panicked") == 0 ||
        strcmp(status, "prelaunch") == 0)
        return maqet_qmp_tell(qmp, "quit", NULL, -1, maqet_deadline_left(deadline), err);
    /* A guest that is suspended or paused cannot react to its power button. */
    if (strcmp(status, "io-error") == 0 &&
        check_space(qmp, name, maqet_deadline_left(deadline), err) < 0)
        return -1;
    if (strcmp(status, "suspended") == 0)
        wake = "system_wakeup";
    else if (!json_object_get_boolean(json_object_object_get(answer, "running")))
        wake = "cont";
    if (wake)
        maqet_qmp_tell(qmp, wake, NULL, -1, maqet_deadline_left(deadline), NULL);
    return maqet_qmp_tell(qmp, "system_powerdown", NULL, -1,
                          maqet_deadline_left(deadline), err);
}
