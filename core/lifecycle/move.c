/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/move.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/lifecycle/relocation_check.h"
#include "core/lifecycle/relocation_files.h"
#include "core/lifecycle/relocation_run.h"
#include "core/machine/drives.h"
#include "core/storage/copy.h"

void
maqet_moved_clear(struct maqet_moved *moved)
{
    free(moved->from);
    free(moved->to);
    free(moved->type);
    free(moved->kept);
    maqet_strings_clear(&moved->dropped);
}

static struct maqet_opened *
open_machine(const struct maqet_context *context, const char *name,
             struct maqet_error **err)
{
    return maqet_open(
        context, name,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
}

static int
run(struct maqet_opened *machine, const struct maqet_relocation_plan *plan,
    struct maqet_moved *moved, struct maqet_error **err)
{
    _cleanup_relocation_ struct maqet_relocation relocation = {.machine = machine};
    const char *type = (plan->type ? plan->type : plan->drive->storage)->plugin.name;

    moved->running = machine->run.pid > 0;
    moved->type = maqet_strdup(type);
    if ((moved->running && maqet_vm_drives_check_asked(machine, err) < 0) ||
        maqet_relocation_run(&relocation, plan, &moved->dropped, err) < 0)
        return -1;
    moved->from = TAKE_PTR(relocation.from);
    moved->to = TAKE_PTR(relocation.to);
    moved->kept = TAKE_PTR(relocation.kept);
    return 0;
}

/* ---- to another folder ---- */

static int
fill_as_files(struct maqet_relocation *relocation, struct maqet_job *job,
              struct maqet_error **err)
{
    bool copied;

    return maqet_relocation_move_files(relocation, job, &copied, err);
}

/* The path in the folder, which must be another one. The caller frees; NULL: an error. */
static char *
path_in(const struct maqet_drive *drive, const char *folder, struct maqet_error **err)
{
    _cleanup_free_ char *there = realpath(folder, NULL);
    struct stat status;

    if (!there || stat(there, &status) < 0) {
        maqet_error_set(err, errno == ENOENT ? MAQET_ERROR_MISSING : MAQET_ERROR_FAILED,
                        "The folder %s: %s", folder, strerror(errno));
        return NULL;
    }
    if (!S_ISDIR(status.st_mode)) {
        maqet_error_set(err, MAQET_ERROR_INVALID, "%s is not a folder", folder);
        return NULL;
    }
    char *path = maqet_format("%s/%s", strcmp(there, "/") == 0 ? "" : there,
                              strrchr(drive->path, '/') + 1);
    if (!maqet_file_is_same(path, drive->path))
        return path;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                      "its image is in %s already: %s", folder, drive->path);
    free(path);
    return NULL;
}

int
maqet_vm_move(const struct maqet_context *context, const char *name, const char *drive,
              const char *folder, struct maqet_moved *moved, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = open_machine(context, name, err);
    struct maqet_relocation_plan plan = {
        .kind = &maqet_kind_move, .verb = "move", .fill = fill_as_files};

    plan.drive =
        machine ? maqet_relocation_find(machine, drive, MAQET_FAULT_STORAGE, err) : NULL;
    _cleanup_free_ char *to = plan.drive ? path_in(plan.drive, folder, err) : NULL;
    plan.to = to;
    return to ? run(machine, &plan, moved, err) : -1;
}

/* ---- to another type ---- */

static int
fill_by_conversion(struct maqet_relocation *relocation, struct maqet_job *job,
                   struct maqet_error **err)
{
    const struct maqet_image_recorder recorder = {.record = maqet_relocation_record,
                                                  .data = relocation};
    struct maqet_copy copy = {
        .from = {.of = MAQET_COPY_DRIVE, .drive = relocation->before.drive},
        .to = relocation->after.drive,
        .recorder = &recorder};

    (void)job;
    return maqet_copy(&copy, err);
}

/* The path of an image of another type beside the present one: with its type as the suffix. The
 * caller frees. */
static char *
path_of_type(const struct maqet_drive *drive, const char *type)
{
    const char *suffix = strrchr(drive->path, '.');
    size_t length = strlen(drive->path);

    if (suffix && strcmp(suffix + 1, drive->storage->plugin.name) == 0)
        length = (size_t)(suffix - drive->path);
    return maqet_format("%.*s.%s", (int)length, drive->path, type);
}

static int
check_type(const struct maqet_drive *drive, const struct maqet_storage *type,
           struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &type->plugin;

    if (strcmp(plugin->name, drive->storage->plugin.name) == 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_EXISTS,
                                 "it is of the type %s already", plugin->name);
    if (drive->media != MAQET_MEDIA_DISK)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it is a CD-ROM drive, whose image stays as it is");
    if (maqet_drive_readonly(drive))
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "it is read-only, so its image stays as it is");
    if (!plugin->path_option || !plugin->create || !plugin->interface)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "maqet cannot create files of the type %s",
                                 plugin->name);
    return drive->chain.depth < 2
               ? 0
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "its image has the backing file %s, which the new one "
                                   "would not have",
                                   drive->chain.nodes[1].file
                                       ? drive->chain.nodes[1].file
                                       : drive->chain.nodes[1].name);
}

int
maqet_vm_convert(const struct maqet_context *context, const char *name, const char *drive,
                 const char *type, struct maqet_moved *moved, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = open_machine(context, name, err);
    struct maqet_relocation_plan plan = {
        .kind = &maqet_kind_convert, .verb = "convert", .fill = fill_by_conversion};

    plan.drive =
        machine ? maqet_relocation_find(machine, drive, MAQET_FAULT_STORAGE, err) : NULL;
    plan.type = plan.drive ? maqet_storage_load(context, type, err) : NULL;
    if (!plan.type ||
        maqet_relocation_check_no_snapshots(plan.drive,
                                            "which the new image would not have",
                                            MAQET_NEXT_EXPORT_SNAPSHOTS, err) < 0 ||
        check_type(plan.drive, plan.type, err) < 0)
        return -1;
    _cleanup_free_ char *to = path_of_type(plan.drive, plan.type->plugin.name);
    plan.to = to;
    return run(machine, &plan, moved, err);
}

/* ---- the rows ---- */

const struct maqet_job_kind maqet_kind_move = {
    .word = "move",
    .noun = "move of drive",
    MAQET_RELOCATION_PHASES,
    .blocks_start = true,
    .recover = maqet_relocation_recover,
    .forget = maqet_relocation_forget,
};

const struct maqet_job_kind maqet_kind_convert = {
    .word = "convert",
    .noun = "conversion of drive",
    MAQET_RELOCATION_PHASES,
    .blocks_start = true,
    .recover = maqet_relocation_recover,
    .forget = maqet_relocation_forget,
};
