/* SPDX-License-Identifier: MIT */
/*
 * export.c - the drive of a stopped machine is converted by qemu-img. That of a machine that runs
 * is copied by QEMU, as for a backup: into the file itself if it has the format of
 * backups, or else into another one, which is then converted.
 */
#include "core/backup/export.h"

#include <string.h>

#include "core/backup/target.h"
#include "core/base/json.h"
#include "core/job/recover.h"
#include "core/machine/bases.h"
#include "core/machine/exports.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/storage/conversion.h"
#include "core/storage/entry.h"
#include "core/storage/image.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlays.h"
#include "core/storage/overlay_elsewhere.h"

struct exporting {
    const struct maqet_export *export;
    struct maqet_export_recorder recorder;
    struct maqet_opened *machine;
    const struct maqet_drive *drive;
    const char *file; /* what it becomes, while another one is filled; NULL: not yet */
};

static int
record(void *data, const char *temporary, const struct maqet_file_id *id,
       struct maqet_error **err)
{
    const struct exporting *exporting = data;

    return maqet_exports_record(exporting->machine->context, exporting->machine->name,
                                temporary, id, err);
}

/* We have the machine's lock, and qemu-img that of the image; QEMU's copy is ours alone. */
static int
verify(void *data, struct maqet_error **err)
{
    (void)data;
    (void)err;
    return 0;
}

/* ---- stopped ---- */

static int
export_stopped(const struct exporting *exporting, struct maqet_error **err)
{
    const struct maqet_vm *vm = exporting->machine->vm;
    const struct maqet_drive *drive = exporting->drive;
    struct maqet_image_state state;

    if (maqet_drive_inspect(drive, &state, err) < 0)
        return -1;
    if (!state.exists)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                                 "its image does not exist");
    if (maqet_bases_check(drive, err) < 0 ||
        (drive->overlays &&
         maqet_overlay_check_below(drive, drive->overlays->top, err) < 0) ||
        maqet_holders_check(vm, drive, err) < 0)
        return -1;
    int result = maqet_drive_export(drive, exporting->export, &exporting->recorder, err);
    if (result < 0)
        maqet_holders_explain(vm, drive, err);
    return result;
}

/* ---- running ---- */

/* A failure of the disk that is written to ends the job, and no more. */
static int
begin_copy(const struct exporting *exporting, bool compress, struct maqet_error **err)
{
    const struct maqet_drive *drive = exporting->drive;
    _cleanup_free_ char *node = maqet_target_node(drive->name);
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        exporting->machine, "blockdev-backup",
        maqet_json_object("job-id", json_object_new_string(node), "device",
                          json_object_new_string(maqet_drive_node(drive)), "target",
                          json_object_new_string(node), "sync",
                          json_object_new_string("full"), "compress",
                          json_object_new_boolean(compress), "on-source-error",
                          json_object_new_string("report"), "on-target-error",
                          json_object_new_string("report"), "auto-dismiss",
                          json_object_new_boolean(false), NULL),
        err);

    return answer ? 0 : -1;
}

static int
copy(const struct exporting *exporting, const struct maqet_drive *target, bool compress,
     struct maqet_error **err)
{
    struct maqet_opened *machine = exporting->machine;
    _cleanup_free_ char *folder = maqet_path_folder(exporting->export->path);
    const struct maqet_target_words words = {
        .done = "copied", .noun = "export", .folder = folder};

    return maqet_target_open(machine, target, err) < 0 ||
                   begin_copy(exporting, compress, err) < 0 ||
                   maqet_target_wait(machine, target->name, &words, err) < 0
               ? -1
               : maqet_target_close(machine, target->name, err);
}

/* Has QEMU copy the drive to a file that is empty. The job is over when QEMU has closed it. */
static struct maqet_drive *
fill(const struct exporting *exporting, const char *path, bool compress,
     struct maqet_error **err)
{
    struct maqet_opened *machine = exporting->machine;
    const struct maqet_drive *drive = exporting->drive;
    _cleanup_json_ json_object *nodes = maqet_monitor_nodes(machine, err);
    _cleanup_job_ struct maqet_job job = {0};
    uint64_t size;

    if (!nodes || maqet_target_size(machine, drive, nodes, &size, err) < 0)
        return NULL;
    struct maqet_drive *target = maqet_target_fill(drive, path, size, NULL, err);
    if (!target)
        return NULL;
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_export_running, drive->name);
    if (maqet_job_begin(&job, err) == 0) {
        if (copy(exporting, target, compress, err) == 0 && maqet_job_done(&job, err) == 0)
            return target;
        maqet_job_fail(&job, err);
    }
    maqet_drive_free(target);
    return NULL;
}

/* The monitor is left to others meanwhile. */
static int
convert(void *data, const char *path, struct maqet_error **err)
{
    const struct exporting *exporting = data;
    struct maqet_drive *target = fill(exporting, path, false, err);
    const struct maqet_copy_source from = {.of = MAQET_COPY_DRIVE, .drive = target};

    if (!target)
        return -1;
    maqet_monitor_leave(exporting->machine);
    int result = maqet_convert_to_file(&from, exporting->file, exporting->export->format,
                                       exporting->export->compress, err);
    maqet_drive_free(target);
    return result;
}

static int
write_running(void *data, const char *path, struct maqet_error **err)
{
    struct exporting *exporting = data;
    const struct maqet_drive *drive = exporting->drive;
    const struct maqet_export *export = exporting->export;
    const struct maqet_storage *storage =
        maqet_storage_load(drive->context, maqet_target_type(drive), err);
    struct maqet_drive *target = NULL;
    int result;

    if (!storage)
        return -1;
    if (storage->plugin.format && strcmp(storage->plugin.format, export->format) == 0) {
        target = fill(exporting, path, export->compress, err);
        result = target ? 0 : -1;
    } else {
        exporting->file = path;
        result = maqet_export_beside(export, &exporting->recorder, convert, data, err);
    }
    maqet_drive_free(target);
    if (result < 0)
        maqet_error_wrap(err, "VM '%s', drive '%s': cannot export it to %s",
                         drive->machine->vm_name, drive->name, export->path);
    return result;
}

static int
export_running(struct exporting *exporting, struct maqet_error **err)
{
    const struct maqet_drive *drive = exporting->drive;

    if (maqet_drive_is_opened_by_helper(drive)) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                          "QEMU itself does not open its image, so it cannot be exported "
                          "while the VM is running");
        return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, exporting->machine->name,
                                NULL);
    }
    return maqet_drive_check_export(drive, exporting->export, err) < 0
               ? -1
               : maqet_export_run(exporting->export, &exporting->recorder, write_running,
                                  exporting, err);
}

/* ---- the command ---- */

int
maqet_vm_export(const struct maqet_context *context, const char *vm, const char *drive,
                const struct maqet_export *export, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        context, vm, MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_VM, err);
    struct exporting exporting = {.export = export, .machine = machine};

    exporting.recorder = (struct maqet_export_recorder){
        .record = record, .verify = verify, .data = &exporting};
    exporting.drive = machine ? maqet_vm_find_drive(machine->vm, drive, err) : NULL;
    if (!exporting.drive)
        return -1;
    bool runs = machine->run.pid > 0;
    if (maqet_drive_check_fault(exporting.drive,
                                runs ? MAQET_FAULT_ENTRY : MAQET_FAULT_STORAGE, err) < 0)
        return -1;
    if (exporting.drive->chain.depth == 0 || maqet_drive_empty(exporting.drive))
        return maqet_drive_error(exporting.drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it has no image that could be exported");
    int result = runs ? export_running(&exporting, err) : export_stopped(&exporting, err);
    maqet_exports_sweep(context, machine->name);
    return result;
}

/* ---- recovery ---- */

/* A file that cannot be removed now is not an error. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;

    if (machine->run.pid > 0 && maqet_target_cancel(machine, job->journal.name, err) < 0)
        return -1;
    maqet_exports_sweep(machine->context, machine->name);
    maqet_job_say_nothing_left(job, "nothing is left of it");
    return maqet_job_done(job, err);
}

const struct maqet_job_kind maqet_kind_export_running = {
    .word = "export-running",
    .noun = "export of drive",
    MAQET_JOB_PHASES({.word = "copying",
                      .without_images = true,
                      .finishing = "removes what there is of the export of drive "
                                   "'{name}'"}),
    .recover = recover,
};
