/* SPDX-License-Identifier: MIT */
/*
 * create.c - creates backups. The images are written into a folder that gets the name of a
 * backup when all of it is on the disk. Until then it is a job, whose recovery removes the
 * folder; what QEMU does for it is cancelled, and the guest goes on.
 */
#include "core/backup/create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backup/apart.h"
#include "core/backup/target.h"
#include "core/machine/bitmaps.h"
#include "core/backup/transfer.h"
#include "core/base/checksum.h"
#include "core/base/clock.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/base/removal.h"
#include "core/base/replacement.h"
#include "core/job/recover.h"
#include "core/machine/bases.h"
#include "core/machine/drives.h"
#include "core/machine/store.h"

struct creation {
    const struct maqet_backup_request *request;
    struct maqet_opened *machine;
    struct maqet_backup_site site;
    struct maqet_backup_choice choice;
    struct maqet_transfer transfer;
    struct maqet_job job;
    struct maqet_backup *made;
    char *path;    /* of the folder that is not complete */
    bool apart;    /* the QEMU is ours */
    int apart_log; /* of that */
};

static void
creation_clear(struct creation *creation)
{
    if (creation->apart)
        maqet_apart_end(creation->machine, creation->apart_log);
    maqet_transfer_clear(&creation->transfer);
    maqet_backup_choice_clear(&creation->choice);
    maqet_job_clear(&creation->job);
    maqet_site_clear(&creation->site);
    free(creation->path);
    maqet_opened_close(creation->machine);
}

#define _cleanup_creation_ _cleanup_(creation_clear)

/* ---- before it begins ---- */

static int
describe(struct creation *creation, struct maqet_error **err)
{
    const struct maqet_vm *vm = creation->machine->vm;
    struct maqet_backup *made = creation->made;
    int64_t now = maqet_realtime() / 1000000000;
    _cleanup_json_ json_object *definition = maqet_definition_to_json(vm->definition);

    if (vm->slots_error)
        return maqet_error_copy(err, vm->slots_error);
    made->format = MAQET_BACKUP_FORMAT;
    made->id = maqet_backup_next_id(&creation->site.ids, now);
    made->vm = maqet_strdup(vm->definition->name);
    made->uuid = maqet_strdup(vm->definition->uuid);
    made->chain = maqet_strdup(creation->site.chain);
    made->date = now;
    made->version = maqet_strdup(creation->request->version);
    made->running = creation->machine->run.pid > 0;
    made->quiesced = made->running && creation->request->freeze_timeout >= 0;
    maqet_slots_copy(&made->slots, &vm->slots);
    made->definition =
        maqet_definition_from_json(definition, "the definition", made->vm, err);
    creation->path =
        maqet_backup_new_path(creation->site.folder, creation->site.vm, made->id);
    return made->definition ? 0 : -1;
}

/* A stopped machine's drives are used as a start does. */
static int
check_stopped(const struct creation *creation, struct maqet_error **err)
{
    const struct maqet_vm *vm = creation->machine->vm;

    if (creation->machine->run.pid > 0)
        return 0;
    for (size_t i = 0; i < creation->choice.count; i++)
        if (maqet_bases_check_unused(creation->choice.drives[i], err) < 0)
            return -1;
    return maqet_vm_drives_check_some(vm, creation->choice.drives, creation->choice.count,
                                      err);
}

static int
open_all(struct creation *creation, const struct maqet_context *context,
         struct maqet_error **err)
{
    const struct maqet_backup_request *request = creation->request;

    creation->machine = maqet_open(
        context, request->vm,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
    return !creation->machine ||
                   maqet_backup_choose(creation->machine, request->drives,
                                       &creation->choice, creation->made, err) < 0 ||
                   check_stopped(creation, err) < 0 ||
                   maqet_site_open(context, request->folder,
                                   creation->machine->vm->definition, &creation->site,
                                   err) < 0
               ? -1
               : describe(creation, err);
}

/* ---- the job ---- */

static int
begin(struct creation *creation, struct maqet_error **err)
{
    const struct maqet_backup_choice *choice = &creation->choice;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < choice->count; i++)
        maqet_strings_add(&drives, choice->drives[i]->name);
    _cleanup_json_ json_object *details =
        maqet_json_object("folder", json_object_new_string(creation->site.folder),
                          "chain", json_object_new_string(creation->site.chain), "drives",
                          maqet_strings_to_json(&drives), NULL);
    maqet_job_find(&creation->job, creation->machine);
    maqet_job_plan(&creation->job, &maqet_kind_backup, creation->made->id);
    creation->job.journal.details = maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_job_begin(&creation->job, err) < 0
               ? -1
               : maqet_dir_make(creation->path, 0700, err);
}

/* ---- the images ---- */

/* Writes an image to the disk, and notes what it is. */
static int
finish_image(const struct creation *creation, struct maqet_backup_drive *row,
             struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", creation->path, row->file);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;

    if (fd < 0 || fsync(fd) < 0 || fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", path);
    row->size = (uint64_t)status.st_size;
    row->modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    row->checksum = maqet_fd_checksum(fd, path, UINT64_MAX, err);
    return row->checksum ? maqet_interrupt_check(err) : -1;
}

static int
sync_folder(const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", path)
                  : maqet_dir_sync(fd, path, err);
}

/* Gives it the name of a backup. */
static int
publish(struct creation *creation, struct maqet_error **err)
{
    const struct maqet_backup_site *site = &creation->site;
    _cleanup_free_ char *folder = maqet_backup_folder(site->folder, site->vm);
    _cleanup_free_ char *path =
        maqet_backup_path(site->folder, site->vm, creation->made->id);

    for (size_t i = 0; i < creation->made->drive_count; i++)
        if (finish_image(creation, &creation->made->drives[i], err) < 0)
            return -1;
    if (maqet_backup_write(creation->path, creation->made, err) < 0 ||
        sync_folder(creation->path, err) < 0)
        return -1;
    if (rename(creation->path, path) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    return sync_folder(folder, err);
}

static int
transfer(struct creation *creation, struct maqet_error **err)
{
    const struct maqet_backup_request *request = creation->request;
    struct maqet_transfer *transfer = &creation->transfer;

    *transfer = (struct maqet_transfer){
        .machine = creation->machine,
        .site = &creation->site,
        .folder = creation->path,
        .id = creation->made->id,
        .incremental = request->incremental,
        .compress = request->compress,
        .speed = request->speed,
        .freeze_timeout = creation->made->quiesced ? request->freeze_timeout : -1,
    };
    return maqet_transfer_prepare(transfer, &creation->choice, creation->made, err) < 0
               ? -1
               : maqet_transfer_run(transfer, err);
}

static int
carry_out(struct creation *creation, struct maqet_error **err)
{
    struct maqet_opened *machine = creation->machine;

    if (begin(creation, err) < 0)
        return -1;
    if (machine->run.pid == 0) {
        if (maqet_apart_start(machine, creation->choice.drives, creation->choice.count,
                              &creation->apart_log, err) < 0)
            return -1;
        creation->apart = true;
    }
    return transfer(creation, err) < 0 ? -1 : publish(creation, err);
}

/* ---- after a failure ---- */

/* Removes from QEMU what belongs to a backup. Without @chain, its bitmaps stay. */
static int
clear_qemu(struct maqet_opened *machine, const struct maqet_strings *drives,
           const char *chain, const char *id, struct maqet_error **err)
{
    for (size_t i = 0; i < drives->count; i++) {
        const char *name = drives->items[i];
        const struct maqet_drive *drive = maqet_vm_find_drive(machine->vm, name, NULL);
        _cleanup_free_ char *bitmap = chain ? maqet_bitmap_name(chain, id, name) : NULL;

        if (maqet_target_cancel(machine, name, err) < 0)
            return -1;
        if (drive && bitmap)
            maqet_bitmap_remove(machine, maqet_drive_node(drive), bitmap);
    }
    return 0;
}

/* A QEMU of our own is ended first, as the recovery finds the machine stopped. */
static int
fail(struct creation *creation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    struct maqet_error **const no_error = NULL;

    for (size_t i = 0; i < creation->choice.count; i++)
        maqet_strings_add(&drives, creation->choice.drives[i]->name);
    if (creation->apart) {
        clear_qemu(creation->machine, &drives, creation->site.chain, creation->made->id,
                   no_error);
        maqet_apart_end(creation->machine, creation->apart_log);
        creation->apart = false;
    }
    return maqet_job_fail(&creation->job, err);
}

int
maqet_backup_create(const struct maqet_context *context,
                    const struct maqet_backup_request *request, struct maqet_backup *made,
                    struct maqet_error **err)
{
    _cleanup_creation_ struct creation creation = {
        .request = request, .made = made, .site = {.lock = -1}};

    if (open_all(&creation, context, err) < 0)
        return -1;
    if (carry_out(&creation, err) < 0)
        return fail(&creation, err);
    maqet_transfer_settle(&creation.transfer);
    return maqet_job_done(&creation.job, err);
}

/* ---- recovery ---- */

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    const char *id = job->journal.name;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, err)
            : NULL;
    const char *folder = maqet_json_text(details, "folder");
    const char *chain = maqet_json_text(details, "chain");

    if (!details || !folder || !chain || !maqet_backup_is_id(id))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "%s does not say which backup it was",
                               MAQET_STORE_PENDING);
    maqet_json_texts(json_object_object_get(details, "drives"), &drives);
    _cleanup_free_ char *path = maqet_backup_path(folder, machine->name, id);
    _cleanup_free_ char *new = maqet_backup_new_path(folder, machine->name, id);
    bool complete = !maqet_file_missing(path);
    if (machine->run.pid > 0 &&
        clear_qemu(machine, &drives, complete ? NULL : chain, id, err) < 0)
        return -1;
    if (maqet_dir_remove(new, err) < 0)
        return -1;
    maqet_job_say_nothing_left(job,
                               complete ? "it is complete" : "nothing is left of it");
    return maqet_job_done(job, err);
}

const struct maqet_job_kind maqet_kind_backup = {
    .word = "backup",
    .noun = "backup",
    MAQET_JOB_PHASES({.word = "copying",
                      .without_images = true,
                      .finishing = "removes what there is of the backup '{name}'"}),
    .recover = recover,
};
