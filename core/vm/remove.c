/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/vm/helpers.h"
#include "core/vm/holders.h"
#include "core/vm/lifecycle.h"
#include "core/vm/state.h"
#include "core/vm/run.h"
#include "core/vm/store.h"

/* ---- who else needs an image ---- */

static bool
is_file(const char *path, const struct maqet_created *created)
{
    struct stat status;

    /* A link to it is a use of it, so this one follows links. */
    return path[0] == '/' && stat(path, &status) == 0 &&
           status.st_dev == created->id.device && status.st_ino == created->id.inode;
}

/* Whether any text of a tree is, or holds, a path to the image: as a drive's file, a
 * base, or within an argument of the user's own. */
static bool
tree_names(json_object *tree, const struct maqet_created *created)
{
    if (json_object_is_type(tree, json_type_string)) {
        const char *text = json_object_get_string(tree);

        return is_file(text, created) || strstr(text, created->path);
    }
    if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            if (tree_names(json_object_array_get_idx(tree, i), created))
                return true;
    } else if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            if (tree_names(value, created))
                return true;
        }
    }
    return false;
}

/* Why another machine keeps the image from being removed; NULL: it doesn't. What can't be
 * known counts against removal. The caller frees. */
static char *
reason_of(const struct maqet_context *context, const char *other,
          const struct maqet_created *created)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, other, NULL);

    if (!definition)
        return maqet_format("the definition of '%s', which may use it, can't be read",
                            other);
    if (tree_names(definition->tree, created))
        return maqet_format("the virtual machine '%s' uses it too", other);
    /* A path of our own making stands in no tree. */
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, TAKE_PTR(definition), NULL);
    if (!vm)
        return maqet_format("the virtual machine '%s', which may use it, is not sound",
                            other);
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->path && is_file(vm->drives[i]->path, created))
            return maqet_format("the virtual machine '%s' uses it too", other);
    return NULL;
}

/* Why an image must stay; NULL: nobody else needs it. The caller frees. */
static char *
reason_to_keep(const struct maqet_context *context, const char *name,
               const struct maqet_created *created)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_store_list(context, &names, NULL) < 0)
        return maqet_strdup("the other virtual machines can't be listed");
    for (size_t i = 0; i < names.count; i++) {
        char *reason = strcmp(names.items[i], name) == 0
                           ? NULL
                           : reason_of(context, names.items[i], created);

        if (reason)
            return reason;
    }
    return NULL;
}

/* Who has the image open; NULL: nobody does. QEMU and qemu-img lock the images that they
 * have open, and so are noticed even where they can't be seen. The caller frees. */
static char *
users_of(const struct maqet_context *context, const char *path)
{
    struct maqet_holder *list = NULL;
    size_t count = 0;
    bool locked = maqet_holders_locked(path);

    maqet_holders_find(context, path, &list, &count, NULL);
    char *users = locked || count > 0 ? maqet_holders_text(list, count) : NULL;
    maqet_holders_free(list, count);
    return users;
}

/* ---- the images of the machine that goes ---- */

static const struct maqet_created *
find_created(const struct maqet_created *list, size_t count, const char *path)
{
    struct maqet_file_id id;

    if (!maqet_file_id_of_path(path, &id))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].path, path) == 0 && maqet_file_id_equal(&list[i].id, &id))
            return &list[i];
    return NULL;
}

/* Removes one image that we made, unless somebody else needs it. */
static int
delete_image(const struct maqet_context *context, const char *name,
             const struct maqet_created *created, bool *deleted, struct maqet_error **err)
{
    _cleanup_free_ char *reason = reason_to_keep(context, name, created);

    *deleted = false;
    if (reason) {
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s is kept: %s", created->path,
                          reason);
        return 0;
    }
    _cleanup_free_ char *users = users_of(context, created->path);
    if (users) {
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s is kept: it is in use by %s",
                          created->path, users);
        return 0;
    }
    if (unlink(created->path) < 0)
        return maqet_error_errno(err, errno, "Can't remove %s", created->path);
    *deleted = true;
    return 0;
}

/* Deletes what we made, if that is wished and possible. */
static int
delete_images(const struct maqet_context *context, const char *name,
              struct maqet_strings *deleted, struct maqet_error **err)
{
    struct maqet_created *list;
    size_t count;
    int result = 0;

    if (maqet_store_created_list(context, name, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++) {
        bool gone = false;

        /* Not the file that we made: removed or replaced by hand, or never published. */
        if (find_created(list, count, list[i].path) != &list[i])
            continue;
        result = delete_image(context, name, &list[i], &gone, err);
        if (gone)
            maqet_strings_add(deleted, list[i].path);
    }
    maqet_store_created_free(list, count);
    return result;
}

/* The images of its drives that are still there. */
static void
list_kept(const struct maqet_context *context, const char *name,
          struct maqet_strings *kept)
{
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_open(context, name, NULL);

    for (size_t i = 0; vm && i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        if (drive->path && drive->media == MAQET_MEDIA_DISK &&
            access(drive->path, F_OK) == 0 && !maqet_strings_has(kept, drive->path))
            maqet_strings_add(kept, drive->path);
    }
}

/* Removes the folder of a machine that no longer runs; only what we put there. */
static int
remove_run_dir(const struct maqet_context *context, const char *name,
               struct maqet_error **err)
{
    static const char *const files[] = {"run", "qmp.lock", "qemu.log", "vm.json",
                                        MAQET_RUN_FORCED};
    _cleanup_free_ char *path = maqet_format("%s/%s", context->runtime_dir, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0 : maqet_error_errno(err, errno, "Can't open %s", path);
    maqet_run_tidy(fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(fd, files[i], 0);
    maqet_run_remove_servers(context, name);
    if (rmdir(path) < 0)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s is kept: %s", path,
                          strerror(errno));
    return 0;
}

/* What ran beside QEMU may have an image open until it has ended. */
static void
end_helpers(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", context->runtime_dir, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        maqet_helpers_end(fd);
}

int
maqet_vm_removable(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    struct maqet_state state;

    if (maqet_state_read(context, name, &state, err) < 0)
        return -1;
    if (state.pid == 0)
        return maqet_store_check_removal(context, name, err);
    maqet_error_set(err, MAQET_ERROR_STATE, "Virtual machine '%s' is running (PID %d)",
                    name, state.pid);
    maqet_error_hint(err, "Stop it: maqet stop %s", name);
    maqet_error_hint(err, "Or end and remove it at once: maqet rm %s --force", name);
    return -1;
}

/* Takes the lock of a machine that does not run: with @force, after ending it, as often
 * as somebody starts it meanwhile. Returns the lock's descriptor, or -1. */
static int
lock_at_rest(const struct maqet_context *context, const char *name, bool force,
             struct maqet_error **err)
{
    const struct maqet_stop at_once = {.timeout = 0, .force = true};
    struct maqet_state state;

    for (;;) {
        if (force && maqet_vm_stop(context, name, &at_once, NULL, err) < 0)
            return -1;
        _cleanup_close_ int lock = maqet_store_lock(context, name, err);
        if (lock < 0 || maqet_state_read(context, name, &state, err) < 0)
            return -1;
        if (state.pid > 0 && force)
            continue;
        /* Before any image goes: a removal that stops halfway would be worse than none.
         */
        return maqet_vm_removable(context, name, err) < 0 ||
                       (!force && maqet_store_check_pending(context, name, err) < 0)
                   ? -1
                   : TAKE_FD(lock);
    }
}

int
maqet_vm_remove(const struct maqet_context *context, const char *name_or_uuid,
                const struct maqet_remove *how, struct maqet_strings *kept,
                struct maqet_strings *deleted, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_store_resolve(context, name_or_uuid, err);
    _cleanup_close_ int lock = name ? lock_at_rest(context, name, how->force, err) : -1;

    if (lock < 0)
        return -1;
    end_helpers(context, name);
    if (how->delete_storage && delete_images(context, name, deleted, err) < 0)
        return -1;
    list_kept(context, name, kept);
    return maqet_store_remove(context, name, err) < 0 ||
                   remove_run_dir(context, name, err) < 0
               ? -1
               : 0;
}
