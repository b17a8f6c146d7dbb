/* SPDX-License-Identifier: MIT */
#include "core/doctor/places.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/machine/store.h"
#include "core/machine/vm.h"
#include "core/plugin/describe.h"
#include "core/storage/space.h"
#include "core/storage/volatile.h"

/* ---- space ---- */

/* With less, writing state files fails soon; and guests soon have no space. */
static const uint64_t LEAST_SPACE = UINT64_C(16) << 20;
static const uint64_t LITTLE_SPACE = UINT64_C(1) << 30;

/* File systems that were reported, by their devices. */
struct devices {
    dev_t *items;
    size_t count;
};

/* Whether it is a new one. */
static bool
note_device(struct devices *devices, dev_t device)
{
    for (size_t i = 0; i < devices->count; i++)
        if (devices->items[i] == device)
            return false;
    *MAQET_APPEND(devices->items, devices->count) = device;
    return true;
}

/* The folder, or the first one above it that exists. The caller frees. */
static char *
existing(const char *folder)
{
    char *path = maqet_strdup(folder);

    while (access(path, F_OK) < 0 && strcmp(path, "/") != 0) {
        char *above = maqet_path_folder(path);

        free(path);
        path = above;
    }
    return path;
}

/* @guests: images are there, which need more than what maqet itself writes. */
static void
check_space(struct maqet_doctor *doctor, struct devices *devices, const char *folder,
            bool guests)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *path = existing(folder);
    struct stat status;
    uint64_t available;

    if (stat(path, &status) < 0 || !note_device(devices, status.st_dev) ||
        !maqet_space_available(path, &available))
        return;
    _cleanup_free_ char *size = maqet_text_bytes(available);
    if (available >= (guests ? LITTLE_SPACE : LEAST_SPACE)) {
        maqet_doctor_say(doctor, "space", MAQET_VERDICT_OK, "%s is free in %s", size,
                         path);
        return;
    }
    maqet_error_set(&error, MAQET_ERROR_NO_SPACE, "Only %s is free in %s", size, path);
    maqet_error_hint(&error, "Free up disk space there");
    maqet_error_next(&error, MAQET_NEXT_DELETE_IMAGES, NULL);
    maqet_doctor_say_error(
        doctor, "space",
        available < LEAST_SPACE ? MAQET_VERDICT_ERROR : MAQET_VERDICT_WARNING, error);
}

static void
check_images(struct maqet_doctor *doctor, struct devices *devices, const char *name)
{
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(doctor->context, name, NULL);

    for (size_t i = 0; vm && i < vm->drive_count; i++)
        if (vm->drives[i]->path) {
            _cleanup_free_ char *folder = maqet_path_folder(vm->drives[i]->path);

            check_space(doctor, devices, folder, true);
        }
}

void
maqet_doctor_space(struct maqet_doctor *doctor)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct devices devices = {0};

    check_space(doctor, &devices, doctor->context->data_dir, true);
    check_space(doctor, &devices, doctor->context->runtime_dir, false);
    check_space(doctor, &devices, maqet_storage_dir(doctor->context), true);
    if (!doctor->unknown_store)
        maqet_store_list(doctor->context, &names, NULL);
    for (size_t i = 0; i < names.count; i++)
        check_images(doctor, &devices, names.items[i]);
    free(devices.items);
}

/* ---- images without a path ---- */

void
maqet_doctor_storage_dir(struct maqet_doctor *doctor)
{
    const char *folder = maqet_storage_dir(doctor->context);
    _cleanup_free_ char *reason = maqet_folder_volatile(folder);
    _cleanup_error_ struct maqet_error *error = NULL;

    if (!reason) {
        maqet_doctor_say(doctor, "storage_dir", MAQET_VERDICT_OK,
                         "Images without a `file` are created in %s", folder);
        return;
    }
    maqet_error_set(&error, MAQET_ERROR_STATE,
                    "Images without a `file` are created in %s, %s", folder, reason);
    maqet_error_hint(&error, "Name another folder with `storage_dir` in maqet.conf");
    maqet_doctor_say_error(doctor, "storage_dir", MAQET_VERDICT_WARNING, error);
}

/* ---- plugins ---- */

static void
say_refused(struct maqet_doctor *doctor, const struct maqet_plugin_info *plugin)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_error_set(&error, MAQET_ERROR_FAILED, "The %s plugin '%s' is refused: %s",
                    plugin->kind, plugin->name, plugin->reason);
    maqet_error_hint(&error, "Correct that, or delete %s", plugin->file);
    maqet_doctor_say_error(doctor, "plugins", MAQET_VERDICT_ERROR, error);
}

void
maqet_doctor_plugins(struct maqet_doctor *doctor)
{
    _cleanup_plugin_list_ struct maqet_plugin_list plugins = {0};
    size_t storages = 0, ifaces = 0;

    maqet_plugin_list_all(doctor->context, &plugins);
    for (size_t i = 0; i < plugins.count; i++) {
        storages += maqet_plugin_is_usable(&plugins.items[i], "storage");
        ifaces += maqet_plugin_is_usable(&plugins.items[i], "interface");
        if (plugins.items[i].reason)
            say_refused(doctor, &plugins.items[i]);
    }
    if (storages > 0 && ifaces > 0) {
        maqet_doctor_say(doctor, "plugins", MAQET_VERDICT_OK,
                         "%zu storage and %zu interface plugins load", storages, ifaces);
        return;
    }
    _cleanup_error_ struct maqet_error *error = NULL;
    maqet_error_set(&error, MAQET_ERROR_MISSING, "There are no %s plugins",
                    storages == 0 ? "storage" : "interface");
    maqet_error_hint(&error, "Install maqet's basic plugins (Debian: apt install "
                             "maqet-plugins-core)");
    maqet_doctor_say_error(doctor, "plugins", MAQET_VERDICT_ERROR, error);
}
