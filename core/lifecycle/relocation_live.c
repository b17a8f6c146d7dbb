/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/job/block_jobs.h"
#include "core/lifecycle/plugging_job.h"
#include "core/lifecycle/relocation_guard.h"
#include "core/lifecycle/relocation_nodes.h"
#include "core/machine/monitor.h"
#include "core/storage/overlays.h"

/* QEMU's job. A machine has one job of maqet's at a time. */
static const char JOB[] = "maqet-move";

/* ---- the guest ---- */

/* QEMU's run state. The caller frees; NULL: an error. */
static char *
status_of(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(relocation->machine, "query-status", NULL, err);
    const char *status = maqet_json_text(answer, "status");

    return answer ? maqet_strdup(status ? status : "unknown") : NULL;
}

static int
tell(const struct maqet_relocation *relocation, const char *command,
     json_object *arguments, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_work(relocation->machine, command, arguments, err);

    return answer ? 0 : -1;
}

/* It must be as it was in the beginning: a guest that waits for space, for example, has writes that
 * are not done. */
static int
pause_guest(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    const char *expected = relocation->resumes ? "running" : "paused";
    _cleanup_free_ char *status = status_of(relocation, err);

    if (!status)
        return -1;
    if (strcmp(status, expected) != 0)
        return maqet_error_set(err, MAQET_ERROR_STATE,
                               "the guest was %s in the beginning, and is now in QEMU's "
                               "state '%s'",
                               expected, status);
    return relocation->resumes ? tell(relocation, "stop", NULL, err) : 0;
}

/* A guest that runs would read zeroes and lose what it writes while its device has no image. It may have
 * been resumed already by what was interrupted after that. */
static int
pause_again(struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_free_ char *status = status_of(relocation, err);

    if (!status)
        return -1;
    if (strcmp(status, "running") != 0)
        return 0;
    relocation->resumes = true;
    return tell(relocation, "stop", NULL, err);
}

/* One that was not paused by us is left alone. */
static int
resume_guest(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_free_ char *status =
        relocation->resumes ? status_of(relocation, err) : maqet_strdup("");

    if (!status)
        return -1;
    return strcmp(status, "paused") == 0 ? tell(relocation, "cont", NULL, err) : 0;
}

/* ---- whether it can be done ---- */

static int
error_unsupported(const struct maqet_relocation *relocation, const char *why,
                  struct maqet_error **err)
{
    maqet_drive_error(relocation->before.drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                      "%s while the VM is running", why);
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, relocation->machine->name, NULL);
}

static int
check_drive(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    const struct maqet_drive *before = relocation->before.drive;
    const struct maqet_drive *after = relocation->after.drive;

    if (maqet_drive_check_fault(before, MAQET_FAULT_INTERFACE, err) < 0 ||
        maqet_drive_check_fault(after, MAQET_FAULT_INTERFACE, err) < 0)
        return -1;
    if (before->media == MAQET_MEDIA_CDROM || maqet_drive_readonly(before))
        return error_unsupported(relocation, "a drive that is read-only keeps its image",
                                 err);
    return before->storage->plugin.flags & after->storage->plugin.flags &
                       MAQET_STORAGE_HOTPLUG &&
                   before->iface && !maqet_drive_is_opened_by_helper(before) &&
                   !maqet_drive_is_opened_by_helper(after)
               ? 0
               : error_unsupported(relocation,
                                   "a drive of this type, or without an interface, keeps "
                                   "its image",
                                   err);
}

static int
check_guest(struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_free_ char *status = status_of(relocation, err);

    if (!status)
        return -1;
    relocation->resumes = strcmp(status, "running") == 0;
    return relocation->resumes || strcmp(status, "paused") == 0
               ? 0
               : maqet_drive_error(relocation->before.drive, NULL, err, MAQET_ERROR_STATE,
                                   "the guest must be running or paused, and is in "
                                   "QEMU's state '%s'",
                                   status);
}

int
maqet_relocation_check_live(struct maqet_relocation *relocation, struct maqet_error **err)
{
    if (check_drive(relocation, err) < 0 || check_guest(relocation, err) < 0)
        return -1;
    _cleanup_error_ struct maqet_error *reason = NULL;
    if (maqet_relocation_check_nodes(relocation, &reason) == 0)
        return 0;
    if (reason->code != MAQET_ERROR_UNSUPPORTED)
        return maqet_error_move(err, TAKE_PTR(reason));
    return error_unsupported(relocation, reason->message, err);
}

/* ---- copying ---- */

/* What the new image's backing files hold, or its frozen overlays, is not copied. */
static int
begin_mirror(const struct maqet_relocation *relocation, const char *target,
             struct maqet_error **err)
{
    const struct maqet_drive *drive = relocation->before.drive;
    bool whole = relocation->after.drive->chain.depth < 2 && !relocation->whole;

    return tell(relocation, "blockdev-mirror",
                maqet_json_object("job-id", json_object_new_string(JOB), "device",
                                  json_object_new_string(maqet_drive_node(drive)),
                                  "target", json_object_new_string(target), "sync",
                                  json_object_new_string(whole ? "full" : "top"),
                                  "auto-dismiss", json_object_new_boolean(false), NULL),
                err);
}

/* Writes to the disk what the guest has written to. */
static int
sync_drive(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;
    const char *path =
        overlays ? maqet_overlays_node(overlays, overlays->top)->file.file : drive->path;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    return fd < 0 || fsync(fd) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s to the disk", path)
               : 0;
}

/* Ends the copying when both images are the same, and the guest writes nothing. Without force,
 * QEMU first copies what is left. */
static int
end_mirror(const struct maqet_relocation *relocation, const struct maqet_block_job *job,
           struct maqet_error **err)
{
    struct maqet_block_job ended = *job;

    ended.ready_is_over = false;
    if (tell(relocation, "block-job-cancel",
             maqet_json_object("device", json_object_new_string(JOB), "force",
                               json_object_new_boolean(false), NULL),
             err) < 0 ||
        maqet_block_job_wait(relocation->machine, &ended, err) < 0 ||
        maqet_block_flush(relocation->machine, relocation->before.drive->name,
                          relocation->target, err) < 0 ||
        maqet_relocation_close_target(relocation, err) < 0)
        return -1;
    return sync_drive(relocation->after.drive, err) < 0
               ? -1
               : sync_drive(relocation->before.drive, err);
}

static int
copy(struct maqet_relocation *relocation, const struct maqet_block_job *job,
     struct maqet_error **err)
{
    return (!relocation->whole &&
            maqet_vm_drive_prepare(relocation->after.vm, relocation->after.drive, NULL,
                                   err) < 0) ||
                   maqet_relocation_open_target(relocation, &relocation->target, err) <
                       0 ||
                   begin_mirror(relocation, relocation->target, err) < 0
               ? -1
               : maqet_block_job_wait(relocation->machine, job, err);
}

/* ---- switching over ---- */

/* From here on to the last step, the guest is paused. That the drive is stored once more has it
 * recorded where all devices are, so that a checkpoint contains the command line with the new image. */
static int
switch_over(struct maqet_relocation *relocation, struct maqet_job *job,
            const struct maqet_block_job *mirror, struct maqet_error **err)
{
    return pause_guest(relocation, err) < 0 || end_mirror(relocation, mirror, err) < 0 ||
                   maqet_job_phase(job, MAQET_RELOCATION_SWITCH, err) < 0 ||
                   maqet_relocation_put_nodes(relocation, true, err) < 0 ||
                   maqet_relocation_commit(relocation, err) < 0 ||
                   maqet_plugging_store(&relocation->after, true, err) < 0 ||
                   maqet_job_phase(job, MAQET_RELOCATION_REMOVE, err) < 0
               ? -1
               : resume_guest(relocation, err);
}

int
maqet_relocation_mirror(struct maqet_relocation *relocation, struct maqet_job *job,
                        struct maqet_error **err)
{
    _cleanup_free_ char *what =
        maqet_format("VM '%s', drive '%s': copied", relocation->machine->name,
                     relocation->before.drive->name);
    const struct maqet_block_job mirror = {
        .id = JOB, .what = what, .limit = -1, .ready_is_over = true};

    struct maqet_relocation_guard guard;

    if (copy(relocation, &mirror, err) < 0)
        return -1;
    if (maqet_relocation_guard_begin(&guard, relocation->machine, err) < 0)
        return -1;
    maqet_interrupt_defer(true);
    int result = switch_over(relocation, job, &mirror, err);
    maqet_interrupt_defer(false);
    maqet_relocation_guard_end(&guard, result == 0);
    return result;
}

/* ---- after an interruption ---- */

int
maqet_relocation_settle_live(struct maqet_relocation *relocation, size_t phase,
                             bool committed, struct maqet_error **err)
{
    if (maqet_block_job_cancel(relocation->machine, JOB, err) < 0 ||
        maqet_relocation_close_target(relocation, err) < 0)
        return -1;
    if (phase == MAQET_RELOCATION_SWITCH &&
        (pause_again(relocation, err) < 0 ||
         maqet_relocation_put_nodes(relocation, committed, err) < 0))
        return -1;
    return resume_guest(relocation, err);
}
