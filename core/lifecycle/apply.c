/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/apply.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/interrupt.h"
#include "core/machine/arguments.h"
#include "core/machine/check.h"
#include "core/machine/command_line.h"
#include "core/machine/ended.h"
#include "core/machine/entries.h"
#include "core/machine/events.h"
#include "core/machine/opened.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/slots.h"
#include "core/machine/started.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/image.h"

/* ---- whether it may be stored ---- */

/* The drive with the variables of UEFI, which no entry gives a path. */
static bool
is_firmware(const struct maqet_drive *drive)
{
    return drive->template;
}

static int
error_firmware(const struct maqet_drive *drive, const char *other_name,
               struct maqet_error **err)
{
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                      "the variables of UEFI would be in %s, which VM '%s' already uses",
                      drive->path, other_name);
    maqet_error_hint(err, "Give this VM another name, or its first drive a `file` in "
                          "another folder");
    return -1;
}

/* Default paths consist of names that may contain '-', so "x-y" + "z" is equal to "x" +
 * "y-z"; and a VM that was renamed keeps those of its former name. */
static int
check_default_path(const struct maqet_vm *vm, const struct maqet_drive *drive,
                   const char *other_name, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *other = maqet_vm_open(vm->context, other_name, NULL);
    const char *option = drive->storage->plugin.path_option;

    for (size_t i = 0; other && i < other->drive_count; i++) {
        const char *path = other->drives[i]->path;

        if (!path || strcmp(path, drive->path) != 0)
            continue;
        if (is_firmware(drive))
            return error_firmware(drive, other_name, err);
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_INVALID,
                          "without a `%s` its image would be %s, which VM '%s' "
                          "already uses",
                          option, drive->path, other_name);
        maqet_error_hint(err, "Give the drive a `%s`", option);
        return -1;
    }
    return 0;
}

/* Only machines whose names, among all @names, match are opened. */
static int
check_default_path_of(const struct maqet_vm *vm, const struct maqet_drive *drive,
                      const struct maqet_strings *names, struct maqet_error **err)
{
    bool chosen = drive->path && (drive->default_path || is_firmware(drive));

    for (size_t i = 0; chosen && i < names->count; i++) {
        _cleanup_free_ char *its = maqet_store_image_name(vm->context, names->items[i]);
        _cleanup_free_ char *start = maqet_format("/maqet-%s-", its);

        if (strcmp(names->items[i], vm->definition->name) != 0 &&
            maqet_text_starts(strrchr(drive->path, '/'), start) &&
            check_default_path(vm, drive, names->items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int
check_default_paths(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL; /* of one drive */
    bool wrong = false;

    if (maqet_store_list(vm->context, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < vm->drive_count; i++) {
        if (vm->drives[i]->fault)
            continue;
        check_default_path_of(vm, vm->drives[i], &names, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

/* QEMU locks an image that a drive writes, so a second drive on it could never start. */
static int
check_shared_image(const struct maqet_drive *one, const struct maqet_drive *other,
                   struct maqet_error **err)
{
    if (maqet_drive_readonly(one) && maqet_drive_readonly(other))
        return 0;
    return maqet_drive_error(other, other->storage->plugin.path_option, err,
                             MAQET_ERROR_INVALID,
                             "its image %s is already used by the drive '%s', and one "
                             "of them writes",
                             other->path, one->name);
}

static int
check_shared_images(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_error *error = NULL; /* of one drive */
    bool wrong = false;

    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];
        const struct maqet_drive *first =
            drive->path ? maqet_vm_find_path(vm, drive->path) : drive;

        if (first == drive || first->fault || drive->fault)
            continue;
        check_shared_image(first, drive, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}

int
maqet_vm_check_own_images(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    bool wrong = check_shared_images(vm, err) < 0;

    check_default_paths(vm, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

/* One that is missing may be on a disk that is not mounted now. */
static int
check_storage_dir(const struct maqet_vm *vm, struct maqet_error **err)
{
    json_object *tree = vm->definition->tree;
    const char *path = maqet_tree_text(tree, "storage_dir");
    struct stat status;

    if (!path || stat(path, &status) < 0 || S_ISDIR(status.st_mode))
        return 0;
    return maqet_place_invalid(maqet_tree_place_of_value(tree, "storage_dir"), err,
                               "VM '%s': 'storage_dir' is %s, which is not a folder",
                               vm->definition->name, path);
}

/* Both are reported in one run. */
static int
check_values(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_error *error = NULL;

    maqet_sandbox_find_user(vm, &error);
    int user = maqet_error_add(err, &error);
    check_storage_dir(vm, &error);
    return maqet_error_add(err, &error) < 0 ? -1 : user;
}

/* Adds what is wrong with the arguments, and with the drives that have no fault. */
static int
check_parts(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    bool wrong = check_values(vm, err) < 0;

    maqet_vm_check_own_images(vm, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    maqet_vm_arguments_check(vm, false, &error);
    wrong |= maqet_error_add(err, &error) < 0;
    for (size_t i = 0; i < vm->drive_count; i++) {
        if (vm->drives[i]->fault)
            continue;
        maqet_image_check(vm->drives[i], &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    /* Of an image that cannot be read, that was said. */
    return wrong ? -1 : maqet_vm_check_drives(vm, err);
}

int
maqet_vm_check(struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    return check_parts(vm, err) < 0 ? -1 : maqet_vm_command_line(vm, &argv, err);
}

struct maqet_vm *
maqet_vm_of_draft(const struct maqet_context *context, struct maqet_definition *draft,
                  struct maqet_error *mistakes, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    struct maqet_vm *vm = draft ? maqet_vm_look(context, draft) : NULL;

    if (vm)
        maqet_vm_check_sound(vm, &error);
    maqet_error_add(&mistakes, &error);
    if (!mistakes)
        return vm;
    /* What a check of the whole would find next. */
    if (vm)
        check_parts(vm, &error);
    maqet_error_add(&mistakes, &error);
    maqet_vm_free(vm);
    maqet_error_move(err, mistakes);
    return NULL;
}

struct maqet_vm *
maqet_vm_read(const struct maqet_context *context, const struct maqet_strings *files,
              const struct maqet_strings *assignments, const char *name,
              struct maqet_error **err)
{
    struct maqet_error *mistakes = NULL;
    struct maqet_definition *draft =
        maqet_definition_draft(files, assignments, name, &mistakes);

    return maqet_vm_of_draft(context, draft, mistakes, err);
}

/* ---- storing it ---- */

/* A machine that was started by a maqet that recorded no slots, or not the order of its
 * devices, has its drives in the order of the list that is replaced now. It is no failure
 * if they cannot stay there. What is recorded stays: QEMU may be running with it. */
static void
keep_slots(const struct maqet_context *context, const char *name)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_store_started(context, name) ? maqet_vm_open(context, name, NULL) : NULL;

    if (!vm || (vm->slots.count > 0 && vm->slots.pci.count > 0) ||
        maqet_vm_command_line(vm, &argv, NULL) < 0)
        return;
    if (vm->slots.count == 0)
        maqet_slots_copy(&vm->slots, &vm->placed);
    else
        maqet_strings_add_all(&vm->slots.pci, &vm->placed.pci);
    maqet_slots_save(context, name, &vm->slots, NULL);
}

/* What a machine keeps whatever its files say. */
static void
inherit(struct maqet_definition *definition, const struct maqet_definition *before)
{
    free(definition->uuid);
    definition->uuid = maqet_strdup(before->uuid);
    definition->defaults = before->defaults;
}

static int
error_not_base(const char *name, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_STATE,
                           "The definition of VM '%s' was changed by somebody else "
                           "meanwhile",
                           name);
}

/* Files may be older than drives that were attached since they were added. */
static void
say_lost_drives(const struct maqet_context *context,
                const struct maqet_definition *before,
                const struct maqet_definition *definition)
{
    json_object *list = json_object_object_get(before->tree, "storage");

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        const char *name = maqet_tree_text(json_object_array_get_idx(list, i), "name");

        if (name && !maqet_entries_find(definition, name))
            maqet_context_say(context, MAQET_LEVEL_INFO,
                              "The definition of VM '%s' no longer has the drive '%s', "
                              "whose storage is kept",
                              before->name, name);
    }
}

/* Replaces the definition of an existing machine, which is locked. */
static int
change(const struct maqet_opened *machine, struct maqet_definition *definition,
       const struct maqet_definition *base, const char **outcome,
       struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *before =
        maqet_store_load(machine->context, machine->name, err);

    if (!before)
        return -1;
    if (base && !json_object_equal(before->tree, base->tree))
        return error_not_base(machine->name, err);
    /* Places are not compared: a new comment in the file changes nothing. */
    bool same = json_object_equal(before->tree, definition->tree);
    *outcome = same ? "unchanged" : "changed";
    if (same && maqet_added_equal(&before->added, &definition->added))
        return 0;
    if (!same)
        keep_slots(machine->context, machine->name);
    inherit(definition, before);
    if (maqet_store_replace(machine->context, definition, err) < 0)
        return -1;
    if (same)
        return 0;
    say_lost_drives(machine->context, before, definition);
    maqet_event_note(machine->context, machine->name, "changed", NULL);
    /* A machine that runs still has the drives with which it was started. */
    return machine->run.pid > 0
               ? 0
               : maqet_ended_prune(machine->context, machine->name, definition, err);
}

static bool
exists(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *found = maqet_store_resolve(context, name, NULL);

    return found;
}

int
maqet_vm_apply(const struct maqet_context *context, struct maqet_definition *definition,
               const struct maqet_definition *base, const char **outcome,
               struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *before =
        exists(context, definition->name)
            ? maqet_store_load(context, definition->name, NULL)
            : NULL;

    /* It is checked as it will be started. */
    if (before)
        inherit(definition, before);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);
    if (!vm)
        return -1;
    /* Others may add or remove the machine at the same time: what matters is that in the
     * end it exists with this definition. */
    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_opened_ struct maqet_opened *machine =
            exists(context, definition->name)
                ? maqet_open(context, definition->name, MAQET_OPEN_LOCK, &reason)
                : NULL;

        if (reason && exists(context, definition->name))
            return maqet_error_move(err, TAKE_PTR(reason));
        if (maqet_vm_check(vm, err) < 0 || maqet_interrupt_check(err) < 0)
            return -1;
        if (machine)
            return change(machine, definition, base, outcome, err);
        if (base)
            return error_not_base(definition->name, err);
        maqet_error_clear(&reason);
        if (maqet_store_add(context, definition, &reason) == 0) {
            maqet_event_note(context, definition->name, "added", NULL);
            *outcome = "created";
            return 0;
        }
        if (reason->code != MAQET_ERROR_EXISTS)
            return maqet_error_move(err, TAKE_PTR(reason));
    }
}
