/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/vm/lifecycle.h"
#include "core/vm/state.h"
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

/* Whether any text of a tree is a path to the image: as a drive's file, a base, anything.
 */
static bool
tree_names(json_object *tree, const struct maqet_created *created)
{
    if (json_object_is_type(tree, json_type_string))
        return is_file(json_object_get_string(tree), created);
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

/* The other machine that uses the image, or NULL. The caller frees. */
static char *
other_user(const struct maqet_context *context, const char *name,
           const struct maqet_created *created)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.items[i], name) == 0)
            continue;
        _cleanup_definition_ struct maqet_definition *definition =
            maqet_store_load(context, names.items[i], NULL);
        if (!definition)
            continue;
        if (tree_names(definition->tree, created))
            return maqet_strdup(names.items[i]);
        /* A path of our own making stands in no tree. */
        _cleanup_vm_ struct maqet_vm *vm =
            maqet_vm_new(context, TAKE_PTR(definition), NULL);
        for (size_t j = 0; vm && j < vm->drive_count; j++)
            if (vm->drives[j]->path && is_file(vm->drives[j]->path, created))
                return maqet_strdup(names.items[i]);
    }
    return NULL;
}

/* QEMU and qemu-img lock the images that they have open (OFD locks on single bytes). */
static bool
is_open(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
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
    _cleanup_free_ char *user = other_user(context, name, created);

    *deleted = false;
    if (user) {
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "%s is kept: the virtual machine '%s' uses it too",
                          created->path, user);
        return 0;
    }
    if (is_open(created->path)) {
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "%s is kept: another program has it open", created->path);
        return 0;
    }
    if (unlink(created->path) < 0)
        return maqet_error_errno(err, errno, "Can't remove %s", created->path);
    *deleted = true;
    return 0;
}

static int
handle_images(const struct maqet_context *context, const char *name,
              const struct maqet_remove *how, struct maqet_strings *kept,
              struct maqet_strings *deleted, struct maqet_error **err)
{
    struct maqet_created *list;
    size_t count;
    int result = 0;

    if (maqet_store_created_list(context, name, &list, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct maqet_created *created = find_created(list, count, list[i].path);
        bool gone = false;

        /* Removed by hand, or another file by now; or a second record of the same one. */
        if (created != &list[i])
            continue;
        if (how->delete_storage)
            result = delete_image(context, name, created, &gone, err);
        if (result == 0)
            maqet_strings_add(gone ? deleted : kept, list[i].path);
    }
    maqet_store_created_free(list, count);
    return result;
}

int
maqet_vm_remove(const struct maqet_context *context, const char *name_or_uuid,
                const struct maqet_remove *how, struct maqet_strings *kept,
                struct maqet_strings *deleted, struct maqet_error **err)
{
    const struct maqet_stop at_once = {.timeout = 0, .force = true};
    _cleanup_free_ char *name = maqet_store_resolve(context, name_or_uuid, err);
    struct maqet_state state;

    if (!name || (how->force && maqet_vm_stop(context, name, &at_once, NULL, err) < 0))
        return -1;
    _cleanup_close_ int lock = maqet_store_lock(context, name, err);
    if (lock < 0 || maqet_state_read(context, name, &state, err) < 0)
        return -1;
    if (state.pid > 0) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "Virtual machine '%s' is running (PID %d)", name, state.pid);
        maqet_error_hint(err, "Stop it: maqet stop %s", name);
        maqet_error_hint(err, "Or end and remove it at once: maqet rm %s --force", name);
        return -1;
    }
    if (handle_images(context, name, how, kept, deleted, err) < 0 ||
        maqet_store_remove(context, name, err) < 0)
        return -1;
    _cleanup_free_ char *run_dir = maqet_format("%s/%s", context->runtime_dir, name);
    return maqet_dir_remove(run_dir, err);
}
