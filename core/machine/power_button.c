/* SPDX-License-Identifier: MIT */
#include "core/machine/power_button.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/pidfd.h"
#include "core/machine/full.h"
#include "core/machine/monitor.h"
#include "core/qemu/descriptors.h"

/* A guest that a full disk has stopped would stop again at once, and never see it. */
static int
check_room(struct maqet_qmp *qmp, const char *name, int64_t timeout,
           struct maqet_error **err)
{
    _cleanup_full_ struct maqet_full full = {0};

    if (maqet_full_ask(qmp, NULL, timeout, &full, err) < 0)
        return -1;
    return maqet_full_lasts(&full) ? maqet_full_error(&full, name, err) : 0;
}

/*
 * Connects to a monitor whose socket is no longer in any folder: QEMU has a descriptor of
 * it (MAQET_DESCRIPTOR_MONITOR_FILE), and so the kernel can still find it. No lock is left
 * either by which maqets take turns; QEMU serves them one by one.
 */
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
    /* It still is that process, so the descriptor was QEMU's. */
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
    json_object *running = NULL;

    if (!answer)
        return -1;
    const char *status = maqet_json_text(answer, "status");
    json_object_object_get_ex(answer, "running", &running);
    /* With -no-shutdown a guest that has powered off leaves QEMU behind; and one that has
     * never run has nothing to lose, and must not run now: its start may have been killed
     * before it was known whether somebody else uses its drives. */
    if (status && (strcmp(status, "shutdown") == 0 || strcmp(status, "prelaunch") == 0))
        return maqet_qmp_tell(qmp, "quit", NULL, -1, maqet_deadline_left(deadline), err);
    /* A guest that sleeps or stands still can't react to its power button. */
    if (status && strcmp(status, "io-error") == 0 &&
        check_room(qmp, name, maqet_deadline_left(deadline), err) < 0)
        return -1;
    if (status && strcmp(status, "suspended") == 0)
        maqet_qmp_tell(qmp, "system_wakeup", NULL, -1, maqet_deadline_left(deadline),
                       NULL);
    else if (!json_object_get_boolean(running))
        maqet_qmp_tell(qmp, "cont", NULL, -1, maqet_deadline_left(deadline), NULL);
    return maqet_qmp_tell(qmp, "system_powerdown", NULL, -1,
                          maqet_deadline_left(deadline), err);
}
