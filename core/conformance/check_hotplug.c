/* SPDX-License-Identifier: MIT */
/*
 * check_hotplug.c - adding a drive's objects to a QEMU that runs, in the order in which
 * they were emitted, and taking them away again.
 */
#include <string.h>

#include "core/base/clock.h"
#include "core/conformance/checks.h"
#include "core/conformance/emitted.h"
#include "core/conformance/machine.h"
#include "core/qemu/render.h"
#include "core/storage/slots.h"

/* ms that a device may take to go, without and with a guest that is reset. */
static const int64_t UNPLUG_TIMEOUT = 200, RESET_TIMEOUT = 10000;

static bool
declared(const struct bench *bench)
{
    return bench->is_iface ? bench->iface->plugin.flags & MAQET_IFACE_HOTPLUG
                           : bench->storage->plugin.flags & MAQET_STORAGE_HOTPLUG;
}

static const char *
flag_name(const struct bench *bench)
{
    return bench->is_iface ? "MAQET_IFACE_HOTPLUG" : "MAQET_STORAGE_HOTPLUG";
}

/* What a drive that is plugged into a machine with one drive adds to it. */
static int
emit_second(struct bench *bench, struct machine *machine, struct maqet_drive *second,
            struct maqet_strings *argv, struct maqet_error **err)
{
    struct maqet_drive *drives[] = {machine->vm->drives[0], second};
    _cleanup_args_ struct maqet_args *one = maqet_args_new();
    _cleanup_args_ struct maqet_args *both = maqet_args_new();
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings all = MAQET_STRINGS_INIT;

    bench_doing(bench, "emit_args or emit_device");
    if (maqet_drives_emit(drives, 1, NULL, one, err) < 0 ||
        maqet_drives_emit(drives, 2, NULL, both, err) < 0)
        return -1;
    maqet_args_render(one, &before);
    maqet_args_render(both, &all);
    for (size_t i = before.count; i < all.count; i++)
        maqet_strings_add(argv, all.items[i]);
    return 0;
}

/* The command that adds an object of that option; NULL: there is none. */
static const char *
adding(const char *option)
{
    static const struct {
        const char *option, *command;
    } all[] = {
        {"-object", "object-add"},
        {"-blockdev", "blockdev-add"},
        {"-device", "device_add"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(option, all[i].option) == 0)
            return all[i].command;
    return NULL;
}

static int
remove_object(struct machine *machine, const char *command, const char *key,
              const char *id, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, key, json_object_new_string(id));
    return machine_tell(machine, command, arguments, err);
}

/* A device that has gone holds its node for a moment more. */
static int
remove_soon(struct machine *machine, const char *command, const char *key, const char *id,
            struct maqet_error **err)
{
    int64_t deadline = maqet_now() + RESET_TIMEOUT;

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (remove_object(machine, command, key, id, &reason) == 0)
            return 0;
        if (maqet_now() >= deadline)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_sleep(50);
    }
}

static bool
goes(struct machine *machine, const char *id, int64_t timeout)
{
    for (int64_t deadline = maqet_now() + timeout; maqet_now() < deadline;) {
        if (!machine_has_device(machine, id))
            return true;
        maqet_sleep(50);
    }
    return false;
}

/* No guest runs that could let go of the device; a reset is as good. 1: it stays, which
 * is the machine's affair. */
static int
unplug_device(struct machine *machine, const char *id, struct maqet_error **err)
{
    if (remove_object(machine, "device_del", "id", id, err) < 0)
        return -1;
    if (goes(machine, id, UNPLUG_TIMEOUT))
        return 0;
    if (machine_tell(machine, "system_reset", NULL, err) < 0)
        return -1;
    return goes(machine, id, RESET_TIMEOUT) ? 0 : 1;
}

/* Takes all away, the last first. */
static int
unplug(struct machine *machine, const struct emitted_list *list, struct maqet_error **err)
{
    for (size_t i = list->count; i > 0; i--) {
        const struct emitted *object = &list->items[i - 1];
        int result = 0;

        /* A controller stays for the drives that may come. */
        if (maqet_text_starts(object->id, "maqet-"))
            continue;
        if (strcmp(object->option, "-device") == 0)
            result = unplug_device(machine, object->id, err);
        else if (strcmp(object->option, "-blockdev") == 0)
            result = remove_soon(machine, "blockdev-del", "node-name", object->id, err);
        else
            result = remove_soon(machine, "object-del", "id", object->id, err);
        if (result < 0)
            return maqet_error_wrap(err, "The %s '%s' can't be removed again",
                                    object->option, object->id);
        if (result == 1)
            return 0;
    }
    return 0;
}

static int
plug(struct bench *bench, struct machine *machine, const struct emitted_list *list,
     struct maqet_error **err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct emitted *object = &list->items[i];
        const char *command = adding(object->option);

        if (!command)
            return bench_fail(err, "Don't declare hot-plug",
                              "a %s can't be added to a QEMU that runs", object->option);
        bench_doing(bench, "QEMU's %s", command);
        if (machine_tell(machine, command, json_object_get(object->json), err) < 0)
            return maqet_error_wrap(err, "The %s '%s' can't be added", object->option,
                                    object->id);
    }
    return 0;
}

/* Twice, since what was left behind is in the way of the second time. */
static int
plug_twice(struct bench *bench, struct machine *machine, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_emitted_ struct emitted_list list = {0};
    _cleanup_free_ char *fault = NULL;
    _cleanup_drive_ struct maqet_drive *second =
        bench_drive(bench, "second", NULL, 0, err);

    if (!second || bench_prepare(bench, second, err) < 0 ||
        emit_second(bench, machine, second, &argv, err) < 0)
        return -1;
    if (emitted_read(&argv, &list, &fault) < 0)
        return bench_fail(err, NULL, "%s", fault);
    for (int i = 0; i < 2; i++) {
        if (plug(bench, machine, &list, err) < 0 || unplug(machine, &list, err) < 0)
            return -1;
        if (machine_has_device(machine, second->name))
            return 0;
    }
    return 0;
}

/* Whether what attaches a storage's drives can be plugged, too. */
static bool
attached_hot(struct bench *bench)
{
    struct maqet_iface *iface =
        bench->interface ? maqet_iface_load(&bench->context, bench->interface, NULL)
                         : NULL;
    bool hot = iface && iface->plugin.flags & MAQET_IFACE_HOTPLUG;

    maqet_iface_unload(iface);
    return hot;
}

int
check_hotplug(struct bench *bench, struct maqet_error **err)
{
    _cleanup_machine_ struct machine machine = MACHINE_INIT;
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!machine_possible(bench))
        return 0;
    if (!bench->is_iface && !attached_hot(bench))
        bench->interface = bench->storage->plugin.interface ? "none" : NULL;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_json_ json_object *entry = drive ? maqet_tree_copy(drive->tree) : NULL;
    if (!drive ||
        machine_run(bench, &machine, machine_type(bench, 0), &entry, 1, err) < 0)
        return -1;
    if (plug_twice(bench, &machine, &reason) == 0)
        return 0;
    if (!declared(bench))
        return bench_skip(bench, "it does not declare %s, and QEMU refuses: %s",
                          flag_name(bench), reason->message);
    maqet_error_hint(&reason, "Emit what others refer to first, or don't declare %s",
                     flag_name(bench));
    return maqet_error_move(err, TAKE_PTR(reason));
}
