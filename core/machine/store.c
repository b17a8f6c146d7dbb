/* SPDX-License-Identifier: MIT */
#include "core/machine/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/durable.h"
#include "core/base/lock_holder.h"
#include "core/base/replacement.h"
#include "core/machine/folder.h"

/* ---- paths ---- */

static char *
vms_path(const struct maqet_context *context)
{
    return maqet_format("%s/vms", context->data_dir);
}

static char *
vm_folder(const struct maqet_context *context, const char *name)
{
    return maqet_format("%s/vms/%s", context->data_dir, name);
}

char *
maqet_store_file(const struct maqet_context *context, const char *name, const char *file)
{
    return maqet_format("%s/vms/%s/%s", context->data_dir, name, file);
}

/* ---- the owner of the data folder ---- */

int
maqet_store_check_owner(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = vms_path(context);
    struct stat status;

    /* The folder above may be shared with others, but root must not share it with users,
     * who could change images.json in it. */
    if (geteuid() == 0 && stat(context->data_dir, &status) == 0 && status.st_uid != 0)
        maqet_error_set(err, MAQET_ERROR_PERMISSION,
                        "%s belongs to another user (uid %u)", context->data_dir,
                        (unsigned)status.st_uid);
    else if (maqet_dir_check_own(folder, err) == 0)
        return 0;
    maqet_error_wrap(err, "The data folder %s is not used", context->data_dir);
    maqet_error_next(err, MAQET_NEXT_NAME_DATA_DIR, NULL);
    return -1;
}

/* ---- locks ---- */

static int
wait_for_lock(const struct maqet_context *context, int fd, int64_t timeout,
              const char *what, struct maqet_error **err)
{
    if (maqet_lock_wait_named(fd, timeout, what, context, err) == 0)
        return 0;
    if (err && (*err)->code == MAQET_ERROR_TIMEOUT && context->lock_timeout > 0)
        maqet_error_next(err, MAQET_NEXT_WAIT_FOR_LOCK, NULL);
    return -1;
}

static bool
is_list(const char *name)
{
    return strcmp(name, MAQET_STORE_IMAGES) == 0;
}

int
maqet_store_lock_all(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = vms_path(context);
    _cleanup_free_ char *path = maqet_format("%s/.lock", folder);
    /* The folder above may be shared with others (--data-dir). */
    _cleanup_close_ int folder_fd = maqet_dir_open_own(folder, 0, err);

    if (folder_fd < 0)
        return -1;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", path);
    if (wait_for_lock(context, fd, context->lock_timeout, folder, err) < 0)
        return -1;
    maqet_dir_sweep(context->data_dir, is_list);
    return TAKE_FD(fd);
}

static int
error_no_vm(const struct maqet_context *context, const char *name,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no VM '%s'", name);
    if (maqet_store_list(context, &names, NULL) == 0) {
        const char *closest = maqet_text_closest(name, &names);

        if (closest)
            maqet_error_hint(err, "Did you mean '%s'?", closest);
        else if (names.count == 0)
            maqet_error_next(err, MAQET_NEXT_ADD_VM, NULL);
        else
            maqet_error_next(err, MAQET_NEXT_LIST_VMS, NULL);
    }
    return -1;
}

/* Opens a file of a machine by its path, created if it is missing. A descriptor, or -1. */
static int
open_file(const struct maqet_context *context, const char *name, const char *path,
          struct maqet_error **err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_no_vm(context, name, err);
    return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", path) : fd;
}

int
maqet_store_lock(const struct maqet_context *context, const char *name,
                 struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "lock");
    _cleanup_free_ char *folder = vm_folder(context, name);
    _cleanup_free_ char *what = maqet_format("VM '%s'", name);
    struct maqet_deadline deadline = maqet_deadline_in(context->lock_timeout);

    for (;;) {
        _cleanup_close_ int fd = open_file(context, name, path, err);

        if (fd < 0 ||
            wait_for_lock(context, fd, maqet_deadline_left(deadline), what, err) < 0)
            return -1;
        /* While we waited, the machine may have been removed, and even added again: then
         * we have the lock on a deleted file, and begin again. */
        if (maqet_fd_is_at(fd, path)) {
            maqet_folder_sweep(folder);
            return TAKE_FD(fd);
        }
    }
}

int
maqet_store_open_run(const struct maqet_context *context, const char *name,
                     struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_RUN);

    return open_file(context, name, path, err);
}

/* ---- reading ---- */

int
maqet_store_open(const struct maqet_context *context)
{
    _cleanup_free_ char *folder = vms_path(context);

    return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int
maqet_store_list(const struct maqet_context *context, struct maqet_strings *names,
                 struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings entries = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = vms_path(context);
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    if (maqet_dir_list(folder, &entries, err) < 0)
        return -1;
    for (size_t i = 0; i < entries.count; i++) {
        _cleanup_free_ char *file = maqet_format("%s/vm.json", entries.items[i]);

        if (maqet_vm_name_valid(entries.items[i]) &&
            faccessat(vms_fd, file, F_OK, 0) == 0)
            maqet_strings_add(names, entries.items[i]);
    }
    return 0;
}

bool
maqet_store_has(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "vm.json");

    return !maqet_file_missing(path);
}

static bool
looks_like_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static struct maqet_definition *
read_definition(const struct maqet_context *context, const char *name,
                struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "vm.json");

    return maqet_definition_load(path, name, err);
}

char *
maqet_store_resolve(const struct maqet_context *context, const char *name_or_uuid,
                    struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_vm_name_valid(name_or_uuid)) {
        _cleanup_free_ char *file = maqet_store_file(context, name_or_uuid, "vm.json");

        if (access(file, F_OK) == 0)
            return maqet_strdup(name_or_uuid);
        if (errno == EACCES) {
            maqet_error_errno(err, errno, "Cannot read %s", file);
            return NULL;
        }
    }
    if (looks_like_uuid(name_or_uuid)) {
        if (maqet_store_list(context, &names, err) < 0)
            return NULL;
        for (size_t i = 0; i < names.count; i++) {
            _cleanup_definition_ struct maqet_definition *definition =
                read_definition(context, names.items[i], NULL);

            if (definition && strcasecmp(definition->uuid, name_or_uuid) == 0)
                return maqet_strdup(names.items[i]);
        }
    }
    error_no_vm(context, name_or_uuid, err);
    return NULL;
}

struct maqet_definition *
maqet_store_load(const struct maqet_context *context, const char *name_or_uuid,
                 struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_store_resolve(context, name_or_uuid, err);

    return name ? read_definition(context, name, err) : NULL;
}

/* ---- adding and removing ---- */

/* Prefixes of a machine's folder before it gets its name, and after it has lost it. Other
 * names that begin with a dot, such as .git or .web.old, are the user's. */
#define ADDING_PREFIX ".maqet-add."
#define REMOVING_PREFIX ".maqet-rm."

/* Appends the folders of machines that are half added or half removed. */
static void
list_halves(const struct maqet_context *context, struct maqet_strings *paths)
{
    _cleanup_strings_ struct maqet_strings entries = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = vms_path(context);

    maqet_dir_list(folder, &entries, NULL);
    for (size_t i = 0; i < entries.count; i++)
        if (maqet_text_starts(entries.items[i], ADDING_PREFIX) ||
            maqet_text_starts(entries.items[i], REMOVING_PREFIX))
            maqet_strings_addf(paths, "%s/%s", folder, entries.items[i]);
}

/* Removes those that a killed maqet has left. The store's lock is held. */
static void
sweep(const struct maqet_context *context)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    list_halves(context, &paths);
    for (size_t i = 0; i < paths.count; i++)
        maqet_folder_remove_own(paths.items[i], NULL);
}

void
maqet_store_leftovers(const struct maqet_context *context, struct maqet_strings *paths)
{
    maqet_dir_leftovers(context->data_dir, is_list, paths);
    list_halves(context, paths);
}

int
maqet_store_sweep(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);

    if (lock >= 0)
        sweep(context);
    return lock < 0 ? -1 : 0;
}

/* An empty folder whose name begins with @prefix. NULL on error; the caller frees. */
static char *
make_temporary_folder(const struct maqet_context *context, const char *prefix,
                      struct maqet_error **err)
{
    _cleanup_free_ char *path =
        maqet_format("%s/vms/%sXXXXXX", context->data_dir, prefix);

    if (mkdtemp(path))
        return TAKE_PTR(path);
    maqet_error_errno(err, errno, "Cannot create a folder in %s/vms", context->data_dir);
    return NULL;
}

static int
sync_store(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = vms_path(context);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", folder);
    return maqet_dir_sync(fd, folder, err);
}

/* All of it goes to the disk together: nothing of it is worth anything before it has its name. */
static int
fill_temporary(const char *file, const char *folder,
               const struct maqet_definition *definition, maqet_store_fill *fill,
               void *data, struct maqet_error **err)
{
    struct maqet_durable written = {0};
    struct maqet_durable *before = maqet_durable_postpone(&written);
    int result = maqet_definition_save(file, definition, err);

    if (result == 0 && fill)
        result = fill(data, folder, err);
    maqet_durable_postpone(before);
    if (result < 0)
        maqet_durable_forget(&written);
    else
        result = maqet_durable_settle(&written, err);
    return result;
}

int
maqet_store_add(const struct maqet_context *context,
                const struct maqet_definition *definition, struct maqet_error **err)
{
    return maqet_store_add_filled(context, definition, NULL, NULL, err);
}

int
maqet_store_add_filled(const struct maqet_context *context,
                       const struct maqet_definition *definition, maqet_store_fill *fill,
                       void *data, struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);

    if (lock < 0)
        return -1;
    sweep(context);
    _cleanup_free_ char *folder = vm_folder(context, definition->name);

    if (access(folder, F_OK) == 0) {
        maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a VM '%s'",
                        definition->name);
        maqet_error_next(err, MAQET_NEXT_APPLY, definition->name, NULL);
        maqet_error_next(err, MAQET_NEXT_ADD_RENAMED, NULL);
        return -1;
    }
    /* The folder is filled first, and then gets its name. */
    _cleanup_free_ char *temporary = make_temporary_folder(context, ADDING_PREFIX, err);
    _cleanup_free_ char *file = maqet_format("%s/vm.json", temporary ? temporary : "");
    if (!temporary)
        return -1;
    int result = fill_temporary(file, temporary, definition, fill, data, err);
    if (result == 0 && rename(temporary, folder) < 0)
        result = maqet_error_errno(err, errno, "Cannot store the VM in %s", folder);
    else if (result == 0 && sync_store(context, err) == 0)
        return 0;
    else if (result == 0 && rename(folder, temporary) < 0)
        return -1;
    maqet_folder_remove_own(temporary, NULL);
    return -1;
}

int
maqet_store_replace(const struct maqet_context *context,
                    const struct maqet_definition *definition, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, definition->name, "vm.json");

    return maqet_definition_save(path, definition, err);
}

/* Somebody may have put an image into the machine's folder. */
int
maqet_store_check_removal(const struct maqet_context *context, const char *name,
                          struct maqet_error **err)
{
    _cleanup_free_ char *folder = vm_folder(context, name);
    _cleanup_free_ char *stray = NULL;

    if (maqet_folder_stray(folder, &stray, err) < 0)
        return -1;
    if (!stray)
        return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "%s/%s does not belong to maqet, so the folder of VM '%s' cannot "
                    "be deleted",
                    folder, stray, name);
    maqet_error_hint(err, "Move it elsewhere first");
    return -1;
}

int
maqet_store_remove(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_store_lock_all(context, err);
    _cleanup_free_ char *folder = vm_folder(context, name);

    if (lock < 0)
        return -1;
    sweep(context);
    if (maqet_store_check_removal(context, name, err) < 0)
        return -1;
    _cleanup_free_ char *temporary = make_temporary_folder(context, REMOVING_PREFIX, err);
    if (!temporary)
        return -1;
    if (rename(folder, temporary) < 0) {
        maqet_error_errno(err, errno, "Cannot delete %s", folder);
        rmdir(temporary);
        return -1;
    }
    return sync_store(context, err) < 0 ? -1 : maqet_folder_remove_own(temporary, err);
}

/* ---- renaming ---- */

char *
maqet_store_image_name(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_IMAGE_NAME);
    char *text = NULL;

    if (maqet_file_read(path, NAME_MAX, &text, NULL, NULL) == 0 &&
        maqet_vm_name_valid(text))
        return text;
    free(text);
    return maqet_strdup(name);
}

int
maqet_store_rename(const struct maqet_context *context, const char *name,
                   const char *new_name, struct maqet_error **err)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);
    _cleanup_free_ char *folder = vm_folder(context, new_name);
    _cleanup_free_ char *file = maqet_store_file(context, name, MAQET_STORE_IMAGE_NAME);

    sweep(context);
    if (access(folder, F_OK) == 0)
        return maqet_error_set(err, MAQET_ERROR_EXISTS, "There is already a VM '%s'",
                               new_name);
    if (maqet_file_missing(file) &&
        maqet_file_replace(file, name, strlen(name), 0600, err) < 0)
        return -1;
    if (vms_fd < 0 || renameat(vms_fd, name, vms_fd, new_name) < 0)
        return maqet_error_errno(err, errno, "Cannot rename VM '%s' to '%s'", name,
                                 new_name);
    return sync_store(context, err);
}

/* ---- pending ---- */

bool
maqet_store_pending(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_PENDING);

    return !maqet_file_missing(path);
}
