/* SPDX-License-Identifier: MIT */
#include "core/vm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"

/* ---- paths ---- */

static char *
vms_path(const struct maqet_context *context)
{
    return maqet_format("%s/vms", context->data_dir);
}

static char *
vm_path(const struct maqet_context *context, const char *name, const char *file)
{
    return maqet_format("%s/vms/%s/%s", context->data_dir, name, file);
}

/* ---- locks ---- */

/* The lock of the whole store: held while a machine comes or goes. */
static int
lock_store(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = vms_path(context);
    _cleanup_free_ char *path = maqet_format("%s/.lock", folder);
    _cleanup_close_ int folder_fd = -1;

    /* The folder above may be shared with others (--data-dir); this one is ours alone. */
    folder_fd = maqet_dir_open_own(folder, err);
    if (folder_fd < 0)
        return -1;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Can't open %s", path);
    if (maqet_lock_wait(fd, context->lock_timeout, folder, err) < 0)
        return -1;
    return TAKE_FD(fd);
}

static int
error_no_vm(const struct maqet_context *context, const char *name,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no virtual machine '%s'", name);
    if (maqet_store_list(context, &names, NULL) == 0) {
        const char *closest = maqet_text_closest(name, &names);

        if (closest)
            maqet_error_hint(err, "Did you mean '%s'?", closest);
        else if (names.count == 0)
            maqet_error_hint(err, "Add one: maqet add FILE");
        else
            maqet_error_hint(err, "See which there are: maqet ls");
    }
    return -1;
}

int
maqet_store_lock(const struct maqet_context *context, const char *name,
                 struct maqet_error **err)
{
    _cleanup_free_ char *path = vm_path(context, name, "lock");
    _cleanup_free_ char *what = maqet_format("the virtual machine '%s'", name);
    struct stat ours, there;

    for (;;) {
        _cleanup_close_ int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            return error_no_vm(context, name, err);
        if (fd < 0)
            return maqet_error_errno(err, errno, "Can't open %s", path);
        if (maqet_lock_wait(fd, context->lock_timeout, what, err) < 0)
            return -1;
        /* While we waited, the machine may have been removed, and even added anew: then
         * the lock that we got is nobody's, and we begin again. */
        if (fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
            ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
            return TAKE_FD(fd);
    }
}

/* ---- looking ---- */

int
maqet_store_list(const struct maqet_context *context, struct maqet_strings *names,
                 struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings entries = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = vms_path(context);

    if (maqet_dir_list(folder, &entries, err) < 0)
        return -1;
    for (size_t i = 0; i < entries.count; i++) {
        _cleanup_free_ char *file = vm_path(context, entries.items[i], "vm.json");

        if (maqet_vm_name_valid(entries.items[i]) && access(file, F_OK) == 0)
            maqet_strings_add(names, entries.items[i]);
    }
    return 0;
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
    _cleanup_free_ char *path = vm_path(context, name, "vm.json");

    return maqet_definition_load(path, name, err);
}

char *
maqet_store_resolve(const struct maqet_context *context, const char *name_or_uuid,
                    struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_vm_name_valid(name_or_uuid)) {
        _cleanup_free_ char *file = vm_path(context, name_or_uuid, "vm.json");

        if (access(file, F_OK) == 0)
            return maqet_strdup(name_or_uuid);
        if (errno == EACCES) {
            maqet_error_errno(err, errno, "Can't read %s", file);
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

/* ---- changing ---- */

/* Whether a name in the store is one that add or remove gives: ".NAME.new", ".NAME.old".
 */
static bool
is_leftover(const char *name)
{
    size_t length = strlen(name);

    if (name[0] != '.' || length < strlen(".a.new") ||
        (strcmp(name + length - 4, ".new") != 0 &&
         strcmp(name + length - 4, ".old") != 0))
        return false;
    _cleanup_free_ char *machine = maqet_strndup(name + 1, length - 5);
    return maqet_vm_name_valid(machine);
}

/* What a killed maqet left half made or half removed; what else has a dot, such as .git,
 * is the user's. The store's lock is held. */
static void
sweep(const struct maqet_context *context)
{
    _cleanup_strings_ struct maqet_strings entries = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = vms_path(context);

    maqet_dir_list(folder, &entries, NULL);
    for (size_t i = 0; i < entries.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, entries.items[i]);

        if (is_leftover(entries.items[i]))
            maqet_dir_remove(path, NULL);
    }
}

static int
sync_store(const struct maqet_context *context, struct maqet_error **err)
{
    _cleanup_free_ char *folder = vms_path(context);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Can't open %s", folder);
    return maqet_dir_sync(fd, folder, err);
}

int
maqet_store_add(const struct maqet_context *context,
                const struct maqet_definition *definition, struct maqet_error **err)
{
    _cleanup_close_ int lock = lock_store(context, err);

    if (lock < 0)
        return -1;
    sweep(context);
    _cleanup_free_ char *folder =
        maqet_format("%s/vms/%s", context->data_dir, definition->name);
    _cleanup_free_ char *temporary =
        maqet_format("%s/vms/.%s.new", context->data_dir, definition->name);
    _cleanup_free_ char *file = maqet_format("%s/vm.json", temporary);

    if (access(folder, F_OK) == 0) {
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "There is a virtual machine '%s' already", definition->name);
        maqet_error_hint(err, "Change it: maqet apply %s FILE", definition->name);
        maqet_error_hint(err, "Add this one under another name: --name NAME");
        return -1;
    }
    /* It appears whole: a folder that is filled first and gets its name at last. */
    if (maqet_dir_make(temporary, 0700, err) < 0)
        return -1;
    if (maqet_definition_save(file, definition, err) < 0) {
        maqet_dir_remove(temporary, NULL);
        return -1;
    }
    if (rename(temporary, folder) < 0) {
        maqet_error_errno(err, errno, "Can't store the virtual machine in %s", folder);
        maqet_dir_remove(temporary, NULL);
        return -1;
    }
    return sync_store(context, err);
}

int
maqet_store_replace(const struct maqet_context *context,
                    const struct maqet_definition *definition, struct maqet_error **err)
{
    _cleanup_free_ char *path = vm_path(context, definition->name, "vm.json");

    return maqet_definition_save(path, definition, err);
}

/* Whether a file in a machine's folder is one of ours: a temporary one of them, too. */
static bool
is_own_file(const char *file)
{
    static const char *const names[] = {"vm.json",
                                        "created.json",
                                        MAQET_STORE_SNAPSHOTS,
                                        MAQET_STORE_PENDING,
                                        MAQET_STORE_CHECKPOINTS,
                                        "started",
                                        "lock"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        _cleanup_free_ char *temporary = maqet_format(".%s.", names[i]);

        if (strcmp(file, names[i]) == 0 || maqet_text_starts(file, temporary))
            return true;
    }
    return false;
}

/* Somebody may have put an image into a machine's folder; it must not go with it. */
int
maqet_store_check_removal(const struct maqet_context *context, const char *name,
                          struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = maqet_format("%s/vms/%s", context->data_dir, name);

    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        if (is_own_file(files.items[i]))
            continue;
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "%s/%s is not maqet's, and would be removed with the folder",
                        folder, files.items[i]);
        maqet_error_hint(err, "Move it elsewhere first");
        return -1;
    }
    return 0;
}

int
maqet_store_remove(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_close_ int lock = lock_store(context, err);
    _cleanup_free_ char *folder = maqet_format("%s/vms/%s", context->data_dir, name);
    _cleanup_free_ char *temporary =
        maqet_format("%s/vms/.%s.old", context->data_dir, name);

    if (lock < 0)
        return -1;
    sweep(context);
    if (maqet_store_check_removal(context, name, err) < 0)
        return -1;
    if (rename(folder, temporary) < 0)
        return maqet_error_errno(err, errno, "Can't remove %s", folder);
    if (sync_store(context, err) < 0)
        return -1;
    return maqet_dir_remove(temporary, err);
}

/* ---- the images that we made ---- */

/* The list as it is stored; an empty one when there is none. NULL: error. */
static json_object *
read_list(const char *path, struct maqet_error **err)
{
    _cleanup_json_ json_object *list =
        access(path, F_OK) == 0 ? maqet_json_read(path, err) : json_object_new_array();

    if (list && !json_object_is_type(list, json_type_array))
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s is damaged: it is no list", path);
    if (json_object_is_type(list, json_type_array))
        return TAKE_PTR(list);
    maqet_error_hint(err, "Remove it; the images that it names will be kept");
    return NULL;
}

int
maqet_store_created_add(const struct maqet_context *context, const char *name,
                        const struct maqet_created *created, struct maqet_error **err)
{
    _cleanup_free_ char *path = vm_path(context, name, "created.json");
    _cleanup_json_ json_object *list = read_list(path, err);
    json_object *entry;

    if (!list)
        return -1;
    entry = json_object_new_object();
    json_object_object_add(entry, "path", json_object_new_string(created->path));
    json_object_object_add(entry, "device", json_object_new_uint64(created->id.device));
    json_object_object_add(entry, "inode", json_object_new_uint64(created->id.inode));
    json_object_object_add(entry, "birth", json_object_new_uint64(created->id.birth));
    json_object_array_add(list, entry);
    return maqet_json_write(path, list, err);
}

int
maqet_store_created_list(const struct maqet_context *context, const char *name,
                         struct maqet_created **list, size_t *count,
                         struct maqet_error **err)
{
    _cleanup_free_ char *path = vm_path(context, name, "created.json");

    *list = NULL;
    *count = 0;
    _cleanup_json_ json_object *stored = read_list(path, err);
    if (!stored)
        return -1;
    size_t length = json_object_array_length(stored);
    *list = maqet_alloc(length * sizeof(**list));
    for (size_t i = 0; i < length; i++) {
        json_object *entry = json_object_array_get_idx(stored, i), *value = NULL;
        struct maqet_created *created = &(*list)[*count];

        if (!json_object_object_get_ex(entry, "path", &value) ||
            !json_object_is_type(value, json_type_string))
            continue;
        created->path = maqet_strdup(json_object_get_string(value));
        if (json_object_object_get_ex(entry, "device", &value))
            created->id.device = json_object_get_uint64(value);
        if (json_object_object_get_ex(entry, "inode", &value))
            created->id.inode = json_object_get_uint64(value);
        if (json_object_object_get_ex(entry, "birth", &value))
            created->id.birth = json_object_get_uint64(value);
        (*count)++;
    }
    return 0;
}

void
maqet_store_created_free(struct maqet_created *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].path);
    free(list);
}

/* ---- started once ---- */

int
maqet_store_started_set(const struct maqet_context *context, const char *name,
                        struct maqet_error **err)
{
    _cleanup_free_ char *path = vm_path(context, name, "started");

    return access(path, F_OK) == 0 ? 0 : maqet_file_replace(path, "", 0, 0600, err);
}

void
maqet_store_started_clear(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = vm_path(context, name, "started");

    unlink(path);
}

bool
maqet_store_started(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = vm_path(context, name, "started");

    return access(path, F_OK) == 0;
}

/* ---- snapshots ---- */

char *
maqet_store_file(const struct maqet_context *context, const char *name, const char *file)
{
    return vm_path(context, name, file);
}

bool
maqet_store_pending(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = vm_path(context, name, MAQET_STORE_PENDING);

    return access(path, F_OK) == 0;
}

int
maqet_store_check_pending(const struct maqet_context *context, const char *name,
                          struct maqet_error **err)
{
    if (!maqet_store_pending(context, name))
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "Virtual machine '%s': an operation on its snapshots was interrupted, "
        "and has to be put right first",
        name);
    maqet_error_hint(err, "maqet snapshot %s list --all does that, and says what it did",
                     name);
    return -1;
}
