/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/plugging.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/machine/ended.h"
#include "core/machine/entries.h"
#include "core/machine/helpers.h"
#include "core/machine/monitor.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/plugin/describe.h"
#include "core/qemu/hotplug_files.h"
#include "core/qemu/ports.h"
#include "core/storage/overlay_name.h"
#include "core/storage/overlays.h"

void
maqet_plugging_clear(struct maqet_plugging *plugging)
{
    maqet_args_cleanup(&plugging->args);
    maqet_plugged_clear(&plugging->plugged);
    maqet_vm_free(plugging->vm);
    json_object_put(plugging->entry);
}

static bool
is_running(const struct maqet_plugging *plugging)
{
    return plugging->machine->run.pid > 0;
}

int
maqet_plugging_open(struct maqet_plugging *plugging, struct maqet_opened *machine,
                    json_object *entry, struct maqet_error **err)
{
    struct maqet_definition *definition = maqet_opened_definition(machine, err);
    const char *name = maqet_tree_text(entry, "name");

    if (!definition)
        return -1;
    plugging->machine = machine;
    json_object_put(plugging->entry);
    plugging->entry = json_object_get(entry);
    maqet_entries_put(definition, entry);
    plugging->vm = maqet_vm_look(machine->context, definition);
    for (size_t i = 0; i < plugging->vm->drive_count; i++) {
        struct maqet_drive *drive = plugging->vm->drives[i];

        if (drive->name && strcmp(drive->name, name) == 0)
            plugging->drive = drive;
    }
    plugging->drive->running = is_running(plugging);
    return 0;
}

/* ---- whether it can be done while it runs ---- */

/* The interfaces that can, as "`interface: a` or `interface: b`"; NULL: none. */
static char *
able_interfaces(const struct maqet_drive *drive)
{
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};
    _cleanup_strings_ struct maqet_strings able = MAQET_STRINGS_INIT;
    const char *media = drive->media == MAQET_MEDIA_CDROM ? "cdrom" : "disk";

    maqet_plugin_list_all(drive->context, &list);
    for (size_t i = 0; i < list.count; i++) {
        const struct maqet_plugin_info *info = &list.items[i];

        if (maqet_plugin_is_usable(info, "interface") &&
            maqet_strings_has(&info->media, media) &&
            maqet_strings_has(&info->capabilities, "hotplug"))
            maqet_strings_addf(&able, "`interface: %s`", info->name);
    }
    return able.count > 0 ? maqet_strings_join(&able, " or ") : NULL;
}

static int
error_not_hot(const struct maqet_drive *drive, const char *kind, const char *name,
              struct maqet_error **err)
{
    maqet_drive_error(drive, kind, err, MAQET_ERROR_UNSUPPORTED,
                      "a drive with the %s '%s' cannot be attached or detached while the "
                      "VM is running",
                      kind, name);
    _cleanup_free_ char *able =
        strcmp(kind, "interface") == 0 ? able_interfaces(drive) : NULL;
    if (able)
        maqet_error_hint(err, "Use one with which it can: %s", able);
    return maqet_error_next(err, MAQET_NEXT_STOP_FIRST, drive->machine->vm_name, NULL);
}

int
maqet_plugging_check_hot(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_drive *drive = plugging->drive;
    const struct maqet_storage_plugin *storage = &drive->storage->plugin;

    if (maqet_drive_check_fault(drive, MAQET_FAULT_INTERFACE, err) < 0)
        return -1;
    if (!(storage->flags & MAQET_STORAGE_HOTPLUG))
        return error_not_hot(drive, "type", storage->name, err);
    if (storage->interface && !drive->iface)
        return error_not_hot(drive, "interface", "none", err);
    if (drive->iface && !(drive->iface->plugin.flags & MAQET_IFACE_HOTPLUG))
        return error_not_hot(drive, "interface", drive->iface->plugin.name, err);
    return 0;
}

/* ---- a QEMU that runs ---- */

int
maqet_plugging_look(struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_vm *vm = plugging->vm;
    struct maqet_qmp *qmp = maqet_monitor_connect(plugging->machine, err);
    size_t index = 0;

    maqet_plugged_clear(&plugging->plugged);
    maqet_args_cleanup(&plugging->args);
    plugging->args = maqet_args_new();
    if (!qmp)
        return -1;
    if (maqet_plugged_read(qmp, MAQET_PLUGGING_ANSWER_TIMEOUT, &plugging->plugged, err) <
        0)
        return maqet_error_wrap(err, "VM '%s'", plugging->machine->name);
    while (vm->drives[index] != plugging->drive)
        index++;
    return maqet_drives_emit_one(vm->drives, vm->drive_count, index, &vm->slots,
                                 plugging->args, err);
}

static bool
has(const struct maqet_plugging *plugging, const struct maqet_props *props)
{
    return maqet_plugged_has(&plugging->plugged, props->kind, props->id);
}

static bool
is_device(const struct maqet_props *props)
{
    return props->kind == &maqet_kind_device;
}

/* The number of objects before the first device, which the guest does not see. */
static size_t
hidden_count(const struct maqet_args *args)
{
    size_t count = 0;

    while (count < args->count && !is_device(args->objects[count]))
        count++;
    return count;
}

/* Controllers come before it. */
bool
maqet_plugging_is_there(const struct maqet_plugging *plugging)
{
    const struct maqet_args *args = plugging->args;

    for (size_t i = args->count; i-- > 0;)
        if (is_device(args->objects[i]))
            return has(plugging, args->objects[i]);
    return false;
}

/* Leaves out controllers that are there already, though no drive needed them. */
static void
drop_present(struct maqet_plugging *plugging)
{
    struct maqet_args *args = plugging->args;
    size_t kept = 0;

    for (size_t i = 0; i < args->count; i++) {
        struct maqet_props *props = args->objects[i];

        if (!is_device(props) || !has(plugging, props)) {
            args->objects[kept++] = props;
            continue;
        }
        free(props->id);
        json_object_put(props->json);
        free(props);
    }
    args->count = kept;
}

static char *
mark_of(const struct maqet_plugging *plugging)
{
    return maqet_format("maqet drive %s", plugging->drive->name);
}

/* A file that was inspected must still be the one that QEMU gets. */
static int
check_file(void *data, const char *path, int fd, struct maqet_error **err)
{
    const struct maqet_drive *drive = data;
    struct maqet_file_id id;

    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];

        if (node->file && strcmp(node->file, path) == 0 && maqet_node_is_known(node) &&
            maqet_file_id_of_fd(fd, &id) && !maqet_file_id_equal(&node->id, &id))
            return maqet_drive_files_error(drive, node, true, err);
    }
    return 0;
}

/* The program's output goes to the log of QEMU. */
static int
start_helper(struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_run *run = &plugging->machine->run;
    _cleanup_helpers_ struct maqet_helpers helpers = MAQET_HELPERS_INIT;
    _cleanup_close_ int log_fd = openat(run->dir_fd, MAQET_RUN_LOG,
                                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (log_fd < 0)
        return maqet_error_errno(err, errno, "Cannot open QEMU's log");
    return maqet_helpers_prepare(&plugging->drive, 1, run->dir_fd, &helpers, err) < 0
               ? -1
               : maqet_helpers_start(
                     &helpers, run->pidfd, log_fd,
                     maqet_tree_place(plugging->vm->definition->tree).folder, err);
}

/* The program of a share maps the guest's memory, which must have been made for that. */
static int
check_memory(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (!plugging->args->shares_memory ||
        maqet_strings_has(&plugging->plugged.objects, "maqet-memory"))
        return 0;
    maqet_drive_error(plugging->drive, NULL, err, MAQET_ERROR_STATE,
                      "its program must map the guest's memory, and the VM was started "
                      "with memory that cannot be shared");
    maqet_error_hint(err, "Add `shared_memory: on` to the VM, and start it again");
    return -1;
}

static int
error_no_port(const struct maqet_plugging *plugging, struct maqet_error *reason,
              struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *owned = reason;

    maqet_drive_error(plugging->drive, NULL, err, reason->code, "%s", reason->message);
    if (plugging->vm->machine.hotplug_slots > 0)
        maqet_error_hint(err,
                         "A restart frees %u again; `hotplug_slots: N` sets how many",
                         plugging->vm->machine.hotplug_slots);
    else
        maqet_error_hint(err, "Add `hotplug_slots: N` to the VM, and start it again");
    return -1;
}

/* Frozen overlays that QEMU can open by their names can be written to again, when others are merged into
 * them. */
static bool
add_by_name(const struct maqet_plugging *plugging, const struct maqet_hotplug *hotplug)
{
    const struct maqet_overlays *overlays = plugging->drive->overlays;

    return overlays && overlays->count > 1 && maqet_hotplug_add(hotplug, NULL) == 0;
}

/* Whether others use the drive can be asked once QEMU has it open. */
int
maqet_plugging_add_nodes(struct maqet_plugging *plugging, struct maqet_error **err)
{
    _cleanup_free_ char *mark = mark_of(plugging);
    const struct maqet_hotplug hotplug = {.qmp = plugging->machine->qmp,
                                          .args = plugging->args,
                                          .limit = hidden_count(plugging->args),
                                          .stays_writable = plugging->drive->overlays,
                                          .timeout = MAQET_PLUGGING_ANSWER_TIMEOUT};

    if (hotplug.limit == 0)
        return 0;
    return !add_by_name(plugging, &hotplug) &&
                   (maqet_hotplug_pass_files(&hotplug, mark, check_file, plugging->drive,
                                             err) < 0 ||
                    maqet_hotplug_add(&hotplug, err) < 0)
               ? -1
               : maqet_drive_check_users(plugging->drive, 1, err);
}

static int
add_devices(const struct maqet_plugging *plugging, struct maqet_error **err)
{
    const struct maqet_hotplug hotplug = {.qmp = plugging->machine->qmp,
                                          .args = plugging->args,
                                          .skipped = hidden_count(plugging->args),
                                          .timeout = MAQET_PLUGGING_ANSWER_TIMEOUT};

    return maqet_hotplug_add(&hotplug, err);
}

int
maqet_plugging_add(struct maqet_plugging *plugging, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;

    if (maqet_plugging_look(plugging, err) < 0 || check_memory(plugging, err) < 0)
        return -1;
    drop_present(plugging);
    if (maqet_ports_plug(plugging->args, &plugging->plugged, plugging->vm->machine.type,
                         &plugging->vm->slots.ports, &reason) < 0)
        return error_no_port(plugging, reason, err);
    if (start_helper(plugging, err) < 0)
        return -1;
    return maqet_plugging_add_nodes(plugging, err) < 0 ? -1 : add_devices(plugging, err);
}

/* ---- removing ---- */

/* The index of the drive's own device; those before it are controllers. */
static size_t
device_index(const struct maqet_args *args)
{
    size_t i = args->count;

    while (i > 0 && !is_device(args->objects[i - 1]))
        i--;
    return i > 0 ? i - 1 : 0;
}

int
maqet_plugging_remove_devices(struct maqet_plugging *plugging, int64_t timeout,
                              struct maqet_error **err)
{
    const struct maqet_hotplug hotplug = {.qmp = plugging->machine->qmp,
                                          .args = plugging->args,
                                          .skipped = device_index(plugging->args),
                                          .timeout = timeout,
                                          .plugged = &plugging->plugged};

    return maqet_hotplug_remove(&hotplug, err);
}

/* ms in which the guest must release a controller. */
static const int64_t CONTROLLER_TIMEOUT = 10000;

/* Controllers that no other drive needs. One on a bus without hot-plug stays, as does one
 * that the guest keeps; the next drive finds it. */
static void
remove_controllers(const struct maqet_plugging *plugging, size_t first, size_t end)
{
    const struct maqet_hotplug hotplug = {.qmp = plugging->machine->qmp,
                                          .args = plugging->args,
                                          .skipped = first,
                                          .limit = end,
                                          .timeout = CONTROLLER_TIMEOUT,
                                          .plugged = &plugging->plugged};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (first >= end || maqet_hotplug_remove(&hotplug, &reason) == 0)
        return;
    maqet_context_say(plugging->machine->context, MAQET_LEVEL_DEBUG, "%s",
                      reason->message);
    /* It concerns what follows. */
    if (reason->signal)
        maqet_interrupt_restore();
}

/* Overlays that it got while it was attached have files of their own. */
static void
drop_overlay_files(const struct maqet_plugging *plugging)
{
    const struct maqet_overlays *overlays = plugging->drive->overlays;

    for (size_t i = 0; overlays && i < overlays->count; i++) {
        _cleanup_free_ char *mark =
            maqet_overlay_mark(plugging->drive->name, overlays->nodes[i].id);

        maqet_hotplug_drop_files(plugging->machine->qmp, MAQET_PLUGGING_ANSWER_TIMEOUT,
                                 mark, NULL);
    }
}

int
maqet_plugging_remove_nodes(struct maqet_plugging *plugging, struct maqet_error **err)
{
    _cleanup_free_ char *mark = mark_of(plugging);
    struct maqet_qmp *qmp = plugging->machine->qmp;
    const struct maqet_hotplug hotplug = {.qmp = qmp,
                                          .args = plugging->args,
                                          .limit = hidden_count(plugging->args),
                                          .timeout = MAQET_PLUGGING_ANSWER_TIMEOUT,
                                          .plugged = &plugging->plugged};

    if (hotplug.limit > 0 && maqet_hotplug_remove(&hotplug, err) < 0)
        return -1;
    drop_overlay_files(plugging);
    return maqet_hotplug_drop_files(qmp, MAQET_PLUGGING_ANSWER_TIMEOUT, mark, err);
}

int
maqet_plugging_remove_rest(struct maqet_plugging *plugging, struct maqet_error **err)
{
    if (maqet_plugging_look(plugging, err) < 0)
        return -1;
    remove_controllers(plugging, hidden_count(plugging->args),
                       device_index(plugging->args));
    if (maqet_plugging_remove_nodes(plugging, err) < 0)
        return -1;
    maqet_helpers_end_one(plugging->machine->run.dir_fd, plugging->drive->name);
    return maqet_ended_settle_drive(plugging->machine->context, plugging->machine->name,
                                    plugging->drive->name, err);
}

const char *
maqet_plugging_device(const struct maqet_plugging *plugging)
{
    return plugging->args->objects[device_index(plugging->args)]->id;
}
