/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/cdrom.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/job/recover.h"
#include "core/lifecycle/apply.h"
#include "core/lifecycle/plugging_job.h"
#include "core/machine/entries.h"
#include "core/machine/holders.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/keys.h"

/* Its phases: until the first is over, the drive has what was in it; then it is empty. */
enum { PHASE_REMOVE, PHASE_INSERT, PHASE_STORE };

/* ms between two looks at a tray that the guest has to open. */
static const int64_t TRAY_INTERVAL = 100;

/* ---- the entry ---- */

/* A copy of an entry with another file, or with none. The caller puts it. */
static json_object *
entry_with(json_object *entry, const char *option, const char *file)
{
    _cleanup_free_ char *folder = realpath(".", NULL);
    const struct maqet_place place = {.file = MAQET_COMMAND_LINE,
                                      .folder = folder ? folder : "/"};
    json_object *copy = maqet_tree_copy(entry);
    json_object *container = maqet_keys_container(copy, option);

    if (file)
        maqet_tree_set(container ? container : copy, option, json_object_new_string(file),
                       place, place);
    else if (container)
        json_object_object_del(container, option);
    return copy;
}

static int
check_drive(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_check_fault(drive, MAQET_FAULT_ENTRY, err) < 0)
        return -1;
    if (drive->media != MAQET_MEDIA_CDROM)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                                 "it is not a CD-ROM drive");
    return drive->storage->plugin.path_option && drive->iface
               ? 0
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "its medium cannot be changed");
}

/* ---- the definitions ---- */

static int
store(const struct maqet_opened *machine, json_object *entry, struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *running =
        machine->run.pid > 0 ? maqet_opened_definition(machine, err) : NULL;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);
    const char *name = maqet_tree_text(entry, "name");

    if (!stored || (machine->run.pid > 0 && !running))
        return -1;
    if (running) {
        maqet_entries_put(running, entry);
        if (maqet_opened_note_definition(machine, running, err) < 0)
            return -1;
    }
    /* It may have been attached only until the machine stops. */
    if (!maqet_entries_find(stored, name))
        return 0;
    maqet_entries_put(stored, entry);
    return maqet_store_replace(machine->context, stored, err);
}

/* ---- the tray ---- */

/* What QEMU says of the drive; the caller puts it. */
static json_object *
ask_drive(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    const char *id = maqet_plugging_device(plugging);
    _cleanup_json_ json_object *devices =
        maqet_monitor_ask(plugging->machine, "query-block", NULL, err);

    for (size_t i = 0; json_object_is_type(devices, json_type_array) &&
                       i < json_object_array_length(devices);
         i++) {
        json_object *device = json_object_array_get_idx(devices, i);
        const char *path = maqet_json_text(device, "qdev");
        const char *slash = path ? strrchr(path, '/') : NULL;

        if (path && strcmp(slash ? slash + 1 : path, id) == 0)
            return json_object_get(device);
    }
    if (devices)
        maqet_drive_error(plugging->drive, NULL, err, MAQET_ERROR_MISSING,
                          "QEMU has no such drive");
    return NULL;
}

/* 1: QEMU says so, 0: it does not, -1: it does not answer. */
static int
says(const struct maqet_plugging *plugging, const char *what, struct maqet_error **err)
{
    _cleanup_json_ json_object *device = ask_drive(plugging, err);
    json_object *value = json_object_object_get(device, what);

    if (!device)
        return -1;
    return json_object_is_type(value, json_type_object) || json_object_get_boolean(value);
}

/* Takes the member, and adds the device's id. */
static int
command(const struct maqet_plugging *plugging, const char *name, const char *key,
        json_object *value, struct maqet_error **err)
{
    json_object *id = json_object_new_string(maqet_plugging_device(plugging));
    _cleanup_json_ json_object *answer = maqet_monitor_ask(
        plugging->machine, name, maqet_json_object("id", id, key, value, NULL), err);

    return answer ? 0 : -1;
}

/* Asks for the tray to be opened. A guest that has locked it is asked, and may ignore that. */
static int
ask_to_open(const struct maqet_plugging *plugging, const struct maqet_cdrom *how,
            struct maqet_error **err)
{
    return command(plugging, "blockdev-open-tray", "force",
                   json_object_new_boolean(how->force), err);
}

/* 1: the tray is open; 0: not yet. The guest need not open it: it may unlock it later, or
 * reset the drive, which closes it. */
static int
look_at_tray(const struct maqet_plugging *plugging, const struct maqet_cdrom *how,
             struct maqet_error **err)
{
    int open = says(plugging, "tray_open", err);
    int locked = open == 0 ? says(plugging, "locked", err) : 0;

    if (open != 0 || locked != 0)
        return open < 0 || locked < 0 ? -1 : open;
    return ask_to_open(plugging, how, err) < 0 ? -1 : says(plugging, "tray_open", err);
}

static int
open_tray(const struct maqet_plugging *plugging, const struct maqet_cdrom *how,
          struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(how->timeout);
    int open;

    if (ask_to_open(plugging, how, err) < 0)
        return -1;
    while ((open = look_at_tray(plugging, how, err)) == 0 &&
           maqet_deadline_left(deadline) != 0) {
        maqet_monitor_leave(plugging->machine);
        maqet_sleep(TRAY_INTERVAL);
    }
    if (open != 0)
        return open < 0 ? -1 : 0;
    maqet_drive_error(plugging->drive, NULL, err, MAQET_ERROR_TIMEOUT,
                      "the guest has locked its tray, and did not open it within %.0f s",
                      (double)how->timeout / 1000);
    return maqet_error_next(err, MAQET_NEXT_OPEN_TRAY, NULL);
}

/* ---- a machine that runs ---- */

/* Removes the medium, if there is one, and its nodes. */
static int
take_out(struct maqet_plugging *before, const struct maqet_cdrom *how,
         struct maqet_error **err)
{
    if (open_tray(before, how, err) < 0)
        return -1;
    int inserted = says(before, "inserted", err);
    if (inserted < 0 ||
        (inserted > 0 && command(before, "blockdev-remove-medium", NULL, NULL, err) < 0))
        return -1;
    return maqet_plugging_remove_nodes(before, err);
}

static int
put_in(struct maqet_plugging *after, struct maqet_error **err)
{
    json_object *node = NULL;

    if (maqet_plugging_look(after, err) < 0 || maqet_plugging_add_nodes(after, err) < 0)
        return -1;
    node = json_object_new_string(maqet_drive_node(after->drive));
    return command(after, "blockdev-insert-medium", "node-name", node, err) < 0
               ? -1
               : command(after, "blockdev-close-tray", NULL, NULL, err);
}

static int
change_running(struct maqet_plugging *before, struct maqet_plugging *after,
               const struct maqet_cdrom *how, struct maqet_error **err)
{
    _cleanup_job_ struct maqet_job job = {0};

    if ((how->file && maqet_vm_drive_prepare(after->vm, after->drive, NULL, err) < 0) ||
        maqet_plugging_look(before, err) < 0 ||
        maqet_plugging_begin(after, &job, &maqet_kind_cdrom, err) < 0)
        return -1;
    if (take_out(before, how, err) < 0 || maqet_job_phase(&job, PHASE_INSERT, err) < 0 ||
        (how->file && put_in(after, err) < 0) ||
        maqet_job_phase(&job, PHASE_STORE, err) < 0 ||
        store(before->machine, after->entry, err) < 0) {
        maqet_error_wrap(err, "Cannot change the medium of drive '%s'", how->drive);
        maqet_holders_explain(after->vm, after->drive, err);
        return maqet_job_fail(&job, err);
    }
    return maqet_job_done(&job, err);
}

/* ---- one that is stopped ---- */

static int
change_stopped(struct maqet_opened *machine, json_object *entry, struct maqet_error **err)
{
    struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);

    if (!stored)
        return -1;
    maqet_entries_put(stored, entry);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(machine->context, stored, err);
    const struct maqet_drive *drive =
        vm ? maqet_vm_find_drive(vm, maqet_tree_text(entry, "name"), err) : NULL;
    struct maqet_image_state state;
    return !drive || maqet_vm_check(vm, err) < 0 ||
                   maqet_image_precheck(drive, &state, err) < 0
               ? -1
               : store(machine, entry, err);
}

int
maqet_vm_cdrom(const struct maqet_context *context, const char *name,
               const struct maqet_cdrom *how, bool *running, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(
        context, name,
        MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, err);
    const struct maqet_drive *drive =
        machine ? maqet_vm_find_drive(machine->vm, how->drive, err) : NULL;
    _cleanup_plugging_ struct maqet_plugging before = {0};
    _cleanup_plugging_ struct maqet_plugging after = {.known = true, .exists = true};

    if (!drive || check_drive(drive, err) < 0)
        return -1;
    json_object *entry = maqet_entries_find_own(machine->vm->definition, drive, err);
    _cleanup_json_ json_object *changed =
        entry ? entry_with(entry, drive->storage->plugin.path_option, how->file) : NULL;

    if (!changed)
        return -1;
    *running = machine->run.pid > 0;
    if (!*running)
        return change_stopped(machine, changed, err);
    return maqet_plugging_open(&before, machine, entry, err) < 0 ||
                   maqet_plugging_open(&after, machine, changed, err) < 0 ||
                   maqet_drive_check_fault(after.drive, MAQET_FAULT_INTERFACE, err) < 0
               ? -1
               : change_running(&before, &after, how, err);
}

/* ---- recovery ---- */

/* Nodes that no device uses any more, or none yet: of what was in the drive, and of what was
 * to be. */
static int
remove_nodes(struct maqet_plugging *after, struct maqet_error **err)
{
    struct maqet_opened *machine = after->machine;
    const char *name = after->drive->name;
    json_object *entry = maqet_entries_find(machine->vm->definition, name);
    _cleanup_plugging_ struct maqet_plugging before = {0};

    if (entry && (maqet_plugging_open(&before, machine, entry, err) < 0 ||
                  maqet_plugging_look(&before, err) < 0 ||
                  maqet_plugging_remove_nodes(&before, err) < 0))
        return -1;
    return maqet_plugging_look(after, err) < 0 ? -1
                                               : maqet_plugging_remove_nodes(after, err);
}

static int
leave_empty(struct maqet_plugging *after, struct maqet_error **err)
{
    const char *option = after->drive->storage->plugin.path_option;
    _cleanup_json_ json_object *entry = entry_with(after->entry, option, NULL);

    return remove_nodes(after, err) < 0 ? -1 : store(after->machine, entry, err);
}

/* What is in the drive decides: before it was taken out, that is what was in it. */
static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_plugging_ struct maqet_plugging after = {0};
    size_t phase = job->journal.phase;

    if (maqet_plugging_reopen(&after, job, err) < 0)
        return -1;
    bool running = job->machine->run.pid > 0;
    int inserted = 0;
    if (running && (maqet_plugging_look(&after, err) < 0 ||
                    (inserted = says(&after, "inserted", err)) < 0))
        return -1;
    if (running && !inserted) {
        if (leave_empty(&after, err) < 0)
            return -1;
    } else if (phase != PHASE_REMOVE && store(job->machine, after.entry, err) < 0) {
        return -1;
    }
    if (inserted)
        command(&after, "blockdev-close-tray", NULL, NULL, NULL);
    if (running && !inserted)
        maqet_job_say(job, "the drive is empty");
    else
        maqet_job_say_nothing_left(job, "it is known what is in it");
    return maqet_job_done(job, err);
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_cdrom = {
    .word = "cdrom",
    .noun = "change of the medium of drive",
    MAQET_JOB_PHASES([PHASE_REMOVE] = {.word = "remove",
                                       .finishing =
                                           "records what drive '{name}' has in it"},
                     [PHASE_INSERT] = {.word = "insert",
                                       .finishing =
                                           "records what drive '{name}' has in it"},
                     [PHASE_STORE] = {.word = "store",
                                      .finishing =
                                          "records what drive '{name}' has in it"}),
    .recover = recover,
};
