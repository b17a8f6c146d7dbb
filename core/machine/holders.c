/* SPDX-License-Identifier: MIT */
#include "core/machine/holders.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/config/tree.h"
#include "core/machine/helpers.h"
#include "core/machine/run_folder.h"
#include "core/machine/store.h"
#include "core/storage/image.h"
#include "core/storage/overlays.h"

/* ---- which machines they are ---- */

/* Finds a machine of another data folder whose QEMU or helper it is. */
static void
find_elsewhere(struct maqet_file_user *user)
{
    _cleanup_strings_ struct maqet_strings pids = MAQET_STRINGS_INIT;

    user->vm = maqet_run_machine_of(user->pid, &user->data_dir);
    if (!user->vm)
        maqet_helpers_watched(user->pid, &pids);
    for (size_t i = 0; i < pids.count && !user->vm; i++) {
        user->vm = maqet_run_machine_of(atoi(pids.items[i]), &user->data_dir);
        user->helper = user->vm != NULL;
    }
}

/* Finds the machines among them. */
static void
find_machines(const struct maqet_context *context, struct maqet_file_users *users)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    if (users->count > 0)
        maqet_store_list(context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;

        maqet_run_look(context, vms_fd, names.items[i],
                       maqet_now() + MAQET_RUN_FORK_TIMEOUT, &run, NULL);
        for (size_t j = 0; j < users->count; j++) {
            struct maqet_file_user *user = &users->items[j];

            if (user->vm)
                continue;
            user->helper = maqet_helpers_has(run.dir_fd, user->pid);
            if (user->helper || (run.pid > 0 && user->pid == run.pid))
                user->vm = maqet_strdup(names.items[i]);
        }
    }
    for (size_t j = 0; j < users->count; j++)
        if (!users->items[j].vm)
            find_elsewhere(&users->items[j]);
}

int
maqet_holders_find(const struct maqet_context *context, const char *path,
                   struct maqet_file_users *users, struct maqet_error **err)
{
    if (maqet_file_users_find(path, users, err) < 0)
        return -1;
    find_machines(context, users);
    return 0;
}

int
maqet_holders_find_socket(const struct maqet_context *context, uint64_t inode,
                          struct maqet_file_users *users, struct maqet_error **err)
{
    if (maqet_file_users_find_socket(inode, users, err) < 0)
        return -1;
    find_machines(context, users);
    return 0;
}

bool
maqet_holders_has_open(const struct maqet_vm *vm, const struct maqet_drive *drive,
                       int pid)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};

    if (!maqet_drive_is_opened_by_helper(drive))
        return maqet_file_users_has_open(pid, drive->path);
    maqet_holders_find(vm->context, drive->path, &users, NULL);
    for (size_t i = 0; i < users.count; i++) {
        const struct maqet_file_user *user = &users.items[i];

        if (user->helper && !user->data_dir &&
            strcmp(user->vm, vm->definition->name) == 0)
            return true;
    }
    return false;
}

/* ---- QEMU's messages about a conflict (block/file-posix.c) ---- */

/* Where such a message begins; NULL: there is none. */
static const char *
conflict_in(const char *message)
{
    const char *words;

    for (const char *at = message; (words = strstr(at, "Failed to get ")); at = words) {
        words += strlen("Failed to get ");
        const char *permission =
            words + (maqet_text_starts(words, "shared ") ? strlen("shared ") : 0);
        const char *end = *permission == '"' ? strchr(permission + 1, '"') : NULL;

        if (end && maqet_text_starts(end, "\" lock"))
            return words;
    }
    /* The other process has locked the whole file, which QEMU never does. */
    return strstr(message, "Failed to lock byte ");
}

bool
maqet_holders_is_conflict(const struct maqet_error *error)
{
    return error && conflict_in(error->message);
}

/* The image that the message names, or NULL; a relative path starts at @folder. */
static char *
named_image(const char *message, const char *folder)
{
    static const char before[] = "Is another process using the image [";
    const char *from = strstr(conflict_in(message), before);

    if (!from)
        return NULL;
    from += strlen(before);
    /* The path itself may contain brackets. */
    for (const char *to = strstr(from, "]?"); to; to = strstr(to + 1, "]?")) {
        if (to[2] == '\0' || to[2] == '\n' || to[2] == ';') {
            _cleanup_free_ char *path = maqet_strndup(from, (size_t)(to - from));
            return maqet_path_absolute(path, folder);
        }
    }
    return NULL;
}

/* ---- the error ---- */

/* The drive that an image belongs to, as its own image, or as a backing file that is in
 * the same argument. NULL: one of the user's own arguments names it. */
static const struct maqet_drive *
drive_with(const struct maqet_vm *vm, const char *image, const char *message)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->path && maqet_file_is_same(vm->drives[i]->path, image))
            return vm->drives[i];
    for (size_t i = 0; i < vm->drive_count; i++) {
        _cleanup_free_ char *quoted =
            maqet_format("\"%s\"", vm->drives[i]->path ? vm->drives[i]->path
                                                       : maqet_drive_node(vm->drives[i]));

        if (strstr(message, quoted))
            return vm->drives[i];
    }
    return NULL;
}

/* If the message names no image: the first drive whose image is locked. */
static const struct maqet_drive *
locked_drive(const struct maqet_vm *vm)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->path && maqet_file_users_locked(vm->drives[i]->path))
            return vm->drives[i];
    return NULL;
}

/* The first @count of them have the file locked. */
static int
error_users(const struct maqet_vm *vm, const char *what, const char *path,
            const struct maqet_file_users *users, size_t count, struct maqet_error **err)
{
    _cleanup_free_ char *holders = maqet_file_users_text(users, count);

    maqet_error_set(err, MAQET_ERROR_BUSY, "VM '%s': %s is in use by %s",
                    vm->definition->name, what, holders);
    for (size_t i = 0; i < count && i < MAQET_FILE_USERS_NAMED; i++) {
        const struct maqet_file_user *user = &users->items[i];

        if (user->vm && user->data_dir)
            maqet_error_next(err, MAQET_NEXT_STOP_FIRST_IN, user->vm, user->data_dir,
                             NULL);
        else if (user->vm)
            maqet_error_next(err, MAQET_NEXT_STOP_FIRST, user->vm, NULL);
        else
            maqet_error_hint(err, "Wait until it has ended, or end it: kill %d",
                             user->pid);
    }
    if (count == 0)
        maqet_error_hint(err, "Look for it as root: fuser -v '%s'", path);
    return -1;
}

int
maqet_holders_error(const struct maqet_vm *vm, const char *what, const char *path,
                    struct maqet_error **err)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};

    maqet_holders_find(vm->context, path, &users, NULL);
    return error_users(vm, what, path, &users, maqet_file_users_select_locked(&users),
                       err);
}

static int
error_busy(const struct maqet_vm *vm, const struct maqet_drive *drive, const char *image,
           struct maqet_error **err)
{
    _cleanup_free_ char *what =
        drive ? maqet_format("drive '%s': the image %s", drive->name, image)
              : maqet_format("the image %s", image);

    return maqet_holders_error(vm, what, image, err);
}

int
maqet_holders_explain(const struct maqet_vm *vm, const struct maqet_drive *drive,
                      struct maqet_error **err)
{
    if (!err || !maqet_holders_is_conflict(*err))
        return -1;
    _cleanup_free_ char *image =
        named_image((*err)->message, maqet_tree_place(vm->definition->tree).folder);
    if (!drive)
        drive = image ? drive_with(vm, image, (*err)->message) : locked_drive(vm);
    if (!image && drive && drive->path)
        image = maqet_strdup(drive->path);
    if (!image)
        return -1;
    if (!maqet_file_users_locked(image)) {
        maqet_error_hint(err, "Nobody has the image locked now: try again, unless "
                              "this VM itself uses it twice");
        return -1;
    }
    maqet_error_free(TAKE_PTR(*err));
    return error_busy(vm, drive, image, err);
}

int
maqet_holders_check(const struct maqet_vm *vm, const struct maqet_drive *drive,
                    struct maqet_error **err)
{
    if (maqet_drive_check_users(drive, 0, err) < 0)
        return -1;
    if (!drive->path || !maqet_file_users_locked(drive->path))
        return 0;
    return error_busy(vm, drive, drive->path, err);
}

int
maqet_holders_check_others(const struct maqet_vm *vm, const struct maqet_drive *drive,
                           struct maqet_error **err)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};

    /* The plugin counts our QEMU. */
    if (maqet_drive_check_users(drive, 1, err) < 0)
        return -1;
    if (!drive->path || maqet_holders_find(vm->context, drive->path, &users, NULL) < 0)
        return 0;
    for (size_t i = 0; i < users.count; i++) {
        struct maqet_file_user *user = &users.items[i];

        if (user->vm && !user->data_dir && strcmp(user->vm, vm->definition->name) == 0)
            user->locked = false;
    }
    size_t count = maqet_file_users_select_locked(&users);
    if (count == 0)
        return 0;
    _cleanup_free_ char *what =
        maqet_format("drive '%s': the image %s", drive->name, drive->path);
    return error_users(vm, what, drive->path, &users, count, err);
}

int
maqet_holders_check_exclusive(const struct maqet_vm *vm, const struct maqet_drive *drive,
                              struct maqet_error **err)
{
    if (maqet_drive_check_users(drive, 0, err) < 0)
        return -1;
    if (!drive->path || !maqet_file_users_exclusive(drive->path))
        return 0;
    return error_busy(vm, drive, drive->path, err);
}

int
maqet_holders_check_top(const struct maqet_vm *vm, const struct maqet_drive *drive,
                        struct maqet_error **err)
{
    const struct maqet_overlays *overlays = drive->overlays;

    if (!overlays || overlays->top == 0)
        return maqet_holders_check(vm, drive, err);
    const char *file = maqet_overlays_node(overlays, overlays->top)->file.file;
    return maqet_file_users_locked(file) ? error_busy(vm, drive, file, err) : 0;
}

bool
maqet_holders_unsettled(const struct maqet_drive *drive, const char **path)
{
    const struct maqet_overlays *overlays = drive->overlays;

    if (!overlays || drive->running ||
        (overlays->prepared == 0 && overlays->merging_above == 0))
        return false;
    const uint64_t ids[] = {overlays->top, overlays->prepared};
    for (size_t i = 0; i < 2; i++) {
        const char *file = maqet_overlays_node(overlays, ids[i])->file.file;

        if ((i > 0 && ids[i] == 0) || !file || !maqet_file_users_locked(file))
            continue;
        if (path)
            *path = file;
        return true;
    }
    return false;
}

int
maqet_holders_check_named(const struct maqet_vm *vm, const struct maqet_drive *drive,
                          struct maqet_error **err)
{
    if (!drive->path || access(drive->path, F_OK) == 0)
        return 0;
    for (size_t i = 1; i < drive->chain.count; i++) {
        const char *file = drive->chain.nodes[i].file;

        if (file && maqet_file_users_written(file))
            return error_busy(vm, drive, file, err);
    }
    return 0;
}
