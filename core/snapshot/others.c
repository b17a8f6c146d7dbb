/* SPDX-License-Identifier: MIT */
/*
 * others.c - asks QEMU by commands of its QMP reference: `query-block` lists the devices'
 * backends, however they were added.
 */
#include "core/snapshot/others.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/monitor.h"

char *
maqet_other_text(const struct maqet_writable *other)
{
    return maqet_format("'%s' (%s%s%s%s%s)", other->name,
                        maqet_writable_kind_name(other->kind), other->place ? ", " : "",
                        other->place ? other->place : "", other->file ? ": " : "",
                        other->file ? other->file : "");
}

/* ---- names ---- */

/* A device that has the name of a drive gets another one. */
static char *
name_beside_drives(const struct maqet_session *session, const char *name)
{
    return maqet_vm_find_drive(session->machine->vm, name, NULL)
               ? maqet_format("argument-%s", name)
               : maqet_strdup(name);
}

/* Adds an entry of `arguments`. */
static void
add_known(const struct maqet_session *session, const struct maqet_writable *known,
          struct maqet_writables *others)
{
    struct maqet_writable *added = maqet_writables_add(
        others, known->kind, name_beside_drives(session, known->name));

    added->file = maqet_strdup(known->file);
    added->place = maqet_strdup(known->place);
}

/* ---- what QEMU reports ---- */

static bool
same(const char *one, const char *other)
{
    return one && other && strcmp(one, other) == 0;
}

/* The entry of `arguments` that a device's backend comes from. */
static const struct maqet_writable *
find_known(const struct maqet_writables *known, json_object *device,
           json_object *inserted)
{
    const char *name = maqet_json_text(device, "device");
    const char *node = maqet_json_text(inserted, "node-name");
    const char *file = maqet_json_text(inserted, "file");
    const char *below = maqet_json_text(inserted, "backing_file");

    for (size_t i = 0; i < known->count; i++)
        if (same(known->items[i].name, name) || same(known->items[i].name, node))
            return &known->items[i];
    for (size_t i = 0; i < known->count; i++)
        if (same(known->items[i].file, file) ||
            (known->items[i].discarded && same(known->items[i].file, below)))
            return &known->items[i];
    return NULL;
}

/* A name for a device that was added by the monitor: its id, or the name of its node unless
 * QEMU has generated that, which begins with '#'. */
static const char *
name_of(json_object *device, json_object *inserted)
{
    const char *name = maqet_json_text(device, "device");
    const char *node = maqet_json_text(inserted, "node-name");
    const char *path = maqet_json_text(device, "qdev");

    if (name && *name)
        return name;
    return node && *node != '#' ? node : path;
}

/* The content of a flash memory is part of the devices' state, too. */
static bool
is_flash(json_object *device)
{
    const char *name = maqet_json_text(device, "device");
    const char *path = maqet_json_text(device, "qdev");

    return (name && maqet_text_starts(name, "pflash")) ||
           (path && maqet_text_starts(path, "/machine/") && strstr(path, ".flash"));
}

static void
add_device(const struct maqet_session *session, const struct maqet_writables *known,
           json_object *device, struct maqet_writables *others)
{
    json_object *inserted = json_object_object_get(device, "inserted");
    const char *node = maqet_json_text(inserted, "node-name");
    const char *file = maqet_json_text(inserted, "file");
    /* The guest has no access to a backend without a device. */
    if (!inserted || json_object_get_boolean(json_object_object_get(inserted, "ro")) ||
        !maqet_json_text(device, "qdev") ||
        (node && maqet_vm_find_node(session->machine->vm, node)))
        return;
    const struct maqet_writable *entry = find_known(known, device, inserted);
    if (entry) {
        if (!entry->discarded)
            add_known(session, entry, others);
        return;
    }
    enum maqet_writable_kind kind =
        is_flash(device) ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK;
    struct maqet_writable *added = maqet_writables_add(
        others, kind, name_beside_drives(session, name_of(device, inserted)));
    added->file = maqet_strdup(file);
}

/* Asks for a list. NULL: an error, or (without one) QEMU was built without the command. The
 * caller puts it. */
static json_object *
ask_list(struct maqet_session *session, const char *command, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(session->machine, command, NULL, &reason);

    if (json_object_is_type(answer, json_type_array))
        return TAKE_PTR(answer);
    if (answer)
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "VM '%s': QEMU's answer to '%s' is not a list",
                        session->machine->name, command);
    else if (reason && reason->code != MAQET_ERROR_UNSUPPORTED)
        maqet_error_move(err, TAKE_PTR(reason));
    return NULL;
}

static int
add_devices(struct maqet_session *session, const struct maqet_writables *known,
            struct maqet_writables *others, struct maqet_error **err)
{
    _cleanup_json_ json_object *devices = ask_list(session, "query-block", err);

    if (!devices)
        return err && *err ? -1
                           : maqet_error_set(err, MAQET_ERROR_FAILED,
                                             "VM '%s': QEMU does not report its block "
                                             "devices",
                                             session->machine->name);
    for (size_t i = 0; i < json_object_array_length(devices); i++)
        add_device(session, known, json_object_array_get_idx(devices, i), others);
    return 0;
}

/* Adds TPMs, or memory devices whose content persists after QEMU has ended. */
static int
add_entries(struct maqet_session *session, const struct maqet_writables *known,
            const char *command, struct maqet_writables *others, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    bool tpm = strcmp(command, "query-tpm") == 0;
    _cleanup_json_ json_object *list = ask_list(session, command, &reason);

    if (reason)
        return maqet_error_move(err, reason);
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *name = maqet_json_text(entry, "id");

        if (!tpm) {
            /* "/objects/NAME"; ordinary memory has a backend, too. */
            const char *path =
                maqet_json_text(json_object_object_get(entry, "data"), "memdev");
            const char *slash = path ? strrchr(path, '/') : NULL;
            name = slash ? slash + 1 : NULL;
        }
        const struct maqet_writable *found =
            name ? maqet_writables_find(known, name) : NULL;
        if (found)
            add_known(session, found, others);
        else if (tpm && name)
            maqet_writables_add(others, MAQET_WRITABLE_TPM,
                                name_beside_drives(session, name));
    }
    return 0;
}

int
maqet_others_find(struct maqet_session *session, struct maqet_writables *others,
                  struct maqet_error **err)
{
    _cleanup_writables_ struct maqet_writables known = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_arguments_writables(maqet_vm_arguments(session->machine->vm), &known);
    bool told =
        session->machine->run.pid > 0 &&
        add_devices(session, &known, others, &reason) == 0 &&
        add_entries(session, &known, "query-tpm", others, &reason) == 0 &&
        add_entries(session, &known, "query-memory-devices", others, &reason) == 0;
    /* If QEMU is not needed and does not answer, its arguments must suffice. */
    if (session->machine->run.pid > 0 && !told) {
        maqet_writables_clear(others);
        if (!maqet_monitor_does_without(session->machine))
            return maqet_error_move(err, TAKE_PTR(reason));
    }
    for (size_t i = 0; i < known.count; i++)
        if (!known.items[i].discarded && (!told || known.items[i].untold))
            add_known(session, &known.items[i], others);
    return 0;
}
