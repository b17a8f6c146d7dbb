/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/creatable.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/command_line.h"
#include "core/machine/drives.h"
#include "core/machine/monitor.h"
#include "core/machine/store.h"
#include "core/qemu/migration.h"
#include "core/qemu/plugged.h"
#include "core/snapshot/create.h"
#include "core/snapshot/members.h"
#include "core/snapshot/others.h"
#include "core/storage/space.h"

/* Whether the guest can write to a drive that does not support snapshots. */
static bool
is_unable(const struct maqet_drive *drive)
{
    return !maqet_drive_has_snapshots(drive) && !maqet_drive_readonly(drive) &&
           drive->storage->plugin.interface;
}

/* Advises a live snapshot of the drives instead, without what that cannot include. */
static void
hint_drives_alone(struct maqet_session *session, struct maqet_error **err)
{
    _cleanup_writables_ struct maqet_writables others = {0};
    _cleanup_strings_ struct maqet_strings operands = MAQET_STRINGS_INIT;

    maqet_strings_add(&operands, session->machine->name);
    for (size_t i = 0; i < session->machine->vm->drive_count; i++)
        if (is_unable(session->machine->vm->drives[i]))
            maqet_strings_add(&operands, session->machine->vm->drives[i]->name);
    maqet_others_find(session, &others, NULL);
    for (size_t i = 0; i < others.count; i++)
        maqet_strings_add(&operands, others.items[i].name);
    maqet_error_next_about(err, MAQET_NEXT_KEEP_DRIVES_LIVE, &operands);
}

static int
error_unable(struct maqet_session *session, bool able, struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text words = MAQET_TEXT_INIT;
    size_t count = 0;

    for (size_t i = 0; i < session->machine->vm->drive_count; i++) {
        const struct maqet_drive *drive = session->machine->vm->drives[i];

        if (is_unable(drive))
            maqet_text_appendf(&words, "%s'%s' (%s)", count++ > 0 ? ", " : "",
                               drive->name, drive->storage->plugin.name);
    }
    maqet_error_set(
        err, MAQET_ERROR_UNSUPPORTED,
        "VM '%s' has %s without support for snapshots: %s; a checkpoint needs "
        "all drives that the guest can write to",
        session->machine->name, count > 1 ? "drives" : "a drive", words.data);
    if (able)
        hint_drives_alone(session, err);
    return -1;
}

/* All drives that the guest can write to: its memory does not fit a drive that is not
 * reverted with it. */
static int
choose_drives(struct maqet_session *session, struct maqet_error **err)
{
    const struct maqet_vm *vm = session->machine->vm;
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;
    bool unable = false;

    for (size_t i = 0; i < vm->drive_count; i++) {
        if (maqet_drive_has_snapshots(vm->drives[i]))
            maqet_strings_add(&able, vm->drives[i]->name);
        unable = unable || is_unable(vm->drives[i]);
    }
    if (unable)
        return error_unable(session, able.count > 0, err);
    return able.count == 0 ? maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                             "VM '%s' has no drive with snapshots",
                                             session->machine->name)
                           : maqet_members_read(session, &able, err);
}

static int
check_name(const struct maqet_session *session, const char *name,
           struct maqet_error **err)
{
    if (maqet_snapshot_check_name("checkpoint", name, err) < 0)
        return -1;
    /* Another program may have deleted its snapshots. */
    if (maqet_state_file_exists(session->machine->context, session->machine->name,
                                name)) {
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "There is already a checkpoint '%s' of VM '%s'", name,
                        session->machine->name);
        maqet_error_hint(err, "Give another name");
        return maqet_error_next(err, MAQET_NEXT_DELETE_CHECKPOINT, session->machine->name,
                                name, NULL);
    }
    MAQET_FOR_EACH_MEMBER (member, session)
        if (maqet_member_find(session, member, name, NULL))
            return maqet_member_error_exists(session, member, name, err);
    return 0;
}

static int
check_runs(const struct maqet_session *session, struct maqet_error **err)
{
    if (session->machine->run.pid > 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is not running, so there is no memory to save",
                    session->machine->name);
    return maqet_error_next(err, MAQET_NEXT_KEEP_DRIVES, session->machine->name, NULL);
}

/* QEMU resumes the guest after saving its state, even if it was paused before. */
static int
check_state(struct maqet_session *session, struct maqet_error **err)
{
    if (maqet_vm_drives_check_asked(session->machine, err) < 0)
        return -1;
    _cleanup_json_ json_object *status =
        maqet_monitor_ask(session->machine, "query-status", NULL, err);
    const char *word = maqet_json_text(status, "status");

    if (!status)
        return -1;
    if (word && strcmp(word, "running") == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is %s; checkpoints can only be created of a running VM",
                    session->machine->name, word ? word : "in an unknown state");
    return maqet_error_next(err, MAQET_NEXT_RESUME, session->machine->name, NULL);
}

static int
check_blocked(struct maqet_session *session, struct maqet_qmp *qmp,
              struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_free_ char *blocked = maqet_migration_blocked(qmp, &reason);

    if (reason)
        return maqet_error_move(err, TAKE_PTR(reason));
    if (!blocked)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' cannot be saved with its memory now. QEMU: %.*s",
                    session->machine->name, maqet_text_fitting(blocked), blocked);
    maqet_error_hint(err, "If it is a shared folder: unmount it in the guest first");
    hint_drives_alone(session, err);
    return -1;
}

/* What the guest writes to besides its drives is not reverted with its memory, and would be
 * damaged by a guest that relies on its earlier content. But flash, persistent memory and a
 * TPM's state are part of the devices' state, and are written to their files when that is
 * loaded. */
static int
check_others(struct maqet_session *session, struct maqet_checkpoint *about,
             struct maqet_error **err)
{
    _cleanup_writables_ struct maqet_writables others = {0};

    if (maqet_others_find(session, &others, err) < 0)
        return -1;
    for (size_t i = 0; i < others.count; i++) {
        const struct maqet_writable *other = &others.items[i];
        const char *file = other->file ? other->file : other->name;

        if (other->kind != MAQET_WRITABLE_DISK && other->kind != MAQET_WRITABLE_UNKNOWN) {
            maqet_strings_add(&about->flash, file);
            continue;
        }
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "VM '%s' cannot be saved with its memory: the guest can write "
                        "to %s, which is not one of its drives%s%s%s",
                        session->machine->name, file, other->place ? " (" : "",
                        other->place ? other->place : "", other->place ? ")" : "");
        maqet_error_hint(err, "Make it a drive: move it from `arguments` to `storage`");
        hint_drives_alone(session, err);
        return -1;
    }
    return 0;
}

/* Whether there is space for the guest's memory, the upper limit of its state's size. */
static int
check_space(struct maqet_session *session, struct maqet_checkpoint *about,
            struct maqet_error **err)
{
    _cleanup_json_ json_object *summary =
        maqet_monitor_ask(session->machine, "query-memory-size-summary", NULL, err);
    uint64_t available;

    if (!summary)
        return -1;
    about->memory = (uint64_t)maqet_json_int(summary, "base-memory") +
                    (uint64_t)maqet_json_int(summary, "plugged-memory");
    about->has_memory = about->memory > 0;
    if (!about->has_memory)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "VM '%s': QEMU does not report the size of its memory",
                               session->machine->name);
    _cleanup_free_ char *folder =
        maqet_store_file(session->machine->context, session->machine->name, ".");
    if (!maqet_space_available(folder, &available) || about->memory <= available)
        return 0;
    _cleanup_free_ char *needed = maqet_text_bytes(about->memory);
    _cleanup_free_ char *left = maqet_text_bytes(available);
    maqet_error_set(err, MAQET_ERROR_NO_SPACE,
                    "Insufficient disk space for the memory of VM '%s'. Required: %s, "
                    "Available: %s. Free up disk space in %s and try again.",
                    session->machine->name, needed, left,
                    session->machine->context->data_dir);
    return -1;
}

/* ---- what it fits ---- */

/* The versioned machine type, which QEMU reports as NAME-machine. The caller frees; NULL: not
 * known. */
static char *
machine_type(struct maqet_session *session)
{
    static const char suffix[] = "-machine";
    json_object *arguments =
        maqet_json_object("path", json_object_new_string("/machine"), "property",
                          json_object_new_string("type"), NULL);
    _cleanup_json_ json_object *type =
        maqet_monitor_ask(session->machine, "qom-get", arguments, NULL);

    if (!json_object_is_type(type, json_type_string))
        return NULL;
    const char *text = json_object_get_string(type);
    size_t end = maqet_text_ends(text, suffix) ? strlen(suffix) : 0;
    return maqet_strndup(text, strlen(text) - end);
}

static bool
mentions(const struct maqet_strings *argv, const char *text)
{
    for (size_t i = 0; i < argv->count; i++)
        if (strstr(argv->items[i], text))
            return true;
    return false;
}

static int
error_remains(const struct maqet_opened *machine, const char *what,
              struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' cannot be saved with its memory now: %s, which a drive "
                    "needed that was detached, is still there, and would be missing at "
                    "a load",
                    machine->name, what);
    return maqet_error_next(err, MAQET_NEXT_STOP_AND_START, machine->name, NULL);
}

/* A start with these arguments has the same devices and the same kind of memory. */
static int
check_same_devices(const struct maqet_opened *machine, struct maqet_qmp *qmp,
                   const struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings started = MAQET_STRINGS_INIT;
    _cleanup_plugged_ struct maqet_plugged plugged = {0};
    static const char memory[] = "maqet-memory";

    if (maqet_command_line_of(machine->run.pid, &started, err) < 0 ||
        maqet_plugged_read(qmp, machine->answer_left, &plugged, err) < 0)
        return -1;
    if (mentions(&started, memory) && !mentions(argv, memory))
        return error_remains(machine, "memory that is shared", err);
    for (size_t i = 0; i < plugged.devices.count; i++)
        if (maqet_text_starts(plugged.devices.items[i], "maqet-") &&
            !mentions(argv, plugged.devices.items[i]))
            return error_remains(machine, plugged.devices.items[i], err);
    return 0;
}

/* Those that QEMU was started with; or, if drives were attached or detached since, those that
 * start it with the devices that it has now, where they are now. */
static int
read_arguments(const struct maqet_opened *machine, struct maqet_qmp *qmp,
               struct maqet_checkpoint *about, struct maqet_error **err)
{
    struct maqet_vm *vm = machine->vm;

    if (vm->slots.address_count == 0)
        return maqet_command_line_of(machine->run.pid, &about->arguments, err);
    vm->slots.exact = true;
    return maqet_vm_command_line(vm, &about->arguments, err) < 0
               ? -1
               : check_same_devices(machine, qmp, &about->arguments, err);
}

static int
describe(struct maqet_session *session, struct maqet_qmp *qmp,
         struct maqet_checkpoint *about, struct maqet_error **err)
{
    const struct maqet_opened *machine = session->machine;
    /* The program that runs, even if its file has been replaced since. */
    _cleanup_free_ char *program = maqet_format("/proc/%d/exe", machine->run.pid);

    if (read_arguments(machine, qmp, about, err) < 0)
        return -1;
    maqet_members_names(session, &about->drives);
    maqet_slots_copy(&about->slots, &machine->vm->slots);
    about->qemu = maqet_strdup(qmp->version_text);
    about->version = qmp->version;
    /* A question may close the connection, if QEMU does not answer. */
    about->machine = machine_type(session);
    about->program = maqet_file_mark(program);
    return 0;
}

int
maqet_creatable_check(struct maqet_session *session,
                      const struct maqet_checkpoint_request *request,
                      struct maqet_checkpoint *about, struct maqet_error **err)
{
    if (check_runs(session, err) < 0 || choose_drives(session, err) < 0 ||
        check_name(session, request->name, err) < 0)
        return -1;
    struct maqet_qmp *qmp = maqet_monitor_connect(session->machine, err);
    return !qmp || check_state(session, err) < 0 ||
                   check_blocked(session, qmp, err) < 0 ||
                   check_others(session, about, err) < 0 ||
                   check_space(session, about, err) < 0 ||
                   maqet_migration_check_method(qmp, request->method, err) < 0 ||
                   describe(session, qmp, about, err) < 0
               ? -1
               : 0;
}
