/* SPDX-License-Identifier: MIT */
#include "core/machine/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/base/json.h"

enum {
    ATTRIBUTE_LIMIT = 8192,
    LIST_LIMIT = 65536,
    HOST_LIMIT = 256,
    HOST_ID_LENGTH = 32
};

/* For whom it was created. */
static const char OWNER[] = "user.maqet";
/* Which data folders have machines that use it: one mark for each. */
static const char USER_PREFIX[] = "user.maqet.user.";
/* Which have machines whose images have it as a backing file. */
static const char BASE_PREFIX[] = "user.maqet.base.";

void
maqet_owner_clear(struct maqet_owner *owner)
{
    free(owner->vm);
    free(owner->uuid);
    free(owner->data_dir);
    free(owner->host);
    *owner = (struct maqet_owner){0};
}

char *
maqet_owner_data_dir(const struct maqet_context *context)
{
    char *resolved = realpath(context->data_dir, NULL);

    return resolved ? resolved : maqet_strdup(context->data_dir);
}

/* Until its first boot a system has none, but a word in its place. */
static char *
host_id(void)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read("/etc/machine-id", HOST_LIMIT, &text, NULL, NULL) < 0)
        return maqet_strdup("");
    size_t length = strspn(text, "0123456789abcdef");
    return maqet_strndup(text, length == HOST_ID_LENGTH ? length : 0);
}

static void
read_folder(const char *data_dir, const char *vm, struct maqet_file_id *id)
{
    _cleanup_free_ char *folder = maqet_format("%s/vms/%s", data_dir, vm);

    if (!maqet_file_id_of_path(folder, id))
        *id = (struct maqet_file_id){0};
}

void
maqet_owner_of(const struct maqet_context *context,
               const struct maqet_definition *definition, struct maqet_owner *owner)
{
    *owner = (struct maqet_owner){
        .vm = maqet_strdup(definition->name),
        .uuid = maqet_strdup(definition->uuid),
        .data_dir = maqet_owner_data_dir(context),
        .host = host_id(),
    };
    read_folder(owner->data_dir, owner->vm, &owner->folder);
}

/* ---- on the image ---- */

static void
add_id(json_object *mark, const char *key, const struct maqet_file_id *id)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "inode", json_object_new_uint64(id->inode));
    json_object_object_add(object, "birth", json_object_new_uint64(id->birth));
    json_object_object_add(mark, key, object);
}

static void
read_id(json_object *mark, const char *key, struct maqet_file_id *id)
{
    json_object *object = NULL;

    json_object_object_get_ex(mark, key, &object);
    *id = (struct maqet_file_id){
        .inode = json_object_get_uint64(json_object_object_get(object, "inode")),
        .birth = json_object_get_uint64(json_object_object_get(object, "birth")),
    };
}

/* A mark says which file it was written on. */
static bool
write_mark(const char *file, const char *name, json_object *value)
{
    struct maqet_file_id image;

    if (!maqet_file_id_of_target(file, &image))
        return false;
    add_id(value, "image", &image);
    const char *text =
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);
    return setxattr(file, name, text, strlen(text), 0) == 0;
}

/* NULL: there is none, or it was copied with the file. The caller puts it. */
static json_object *
read_mark(const char *file, const char *name)
{
    char text[ATTRIBUTE_LIMIT + 1];
    struct maqet_file_id image, marked;
    ssize_t length = getxattr(file, name, text, ATTRIBUTE_LIMIT);

    if (length <= 0 || !maqet_file_id_of_target(file, &image))
        return NULL;
    text[length] = '\0';
    json_object *value = json_tokener_parse(text);
    const char *data_dir = maqet_json_text(value, "data_dir");

    read_id(value, "image", &marked);
    if (data_dir && data_dir[0] == '/' && maqet_file_id_is_same_file(&marked, &image))
        return value;
    json_object_put(value);
    return NULL;
}

bool
maqet_owner_write(const char *file, const struct maqet_owner *owner)
{
    _cleanup_json_ json_object *value = json_object_new_object();

    json_object_object_add(value, "vm", json_object_new_string(owner->vm));
    json_object_object_add(value, "uuid", json_object_new_string(owner->uuid));
    json_object_object_add(value, "data_dir", json_object_new_string(owner->data_dir));
    json_object_object_add(value, "host", json_object_new_string(owner->host));
    add_id(value, "folder", &owner->folder);
    return write_mark(file, OWNER, value);
}

bool
maqet_owner_read(const char *file, struct maqet_owner *owner)
{
    _cleanup_json_ json_object *value = read_mark(file, OWNER);
    const char *vm = maqet_json_text(value, "vm"), *uuid = maqet_json_text(value, "uuid");
    const char *host = maqet_json_text(value, "host");

    *owner = (struct maqet_owner){0};
    if (!vm || !maqet_vm_name_valid(vm) || !uuid)
        return false;
    read_id(value, "folder", &owner->folder);
    owner->vm = maqet_strdup(vm);
    owner->uuid = maqet_strdup(uuid);
    owner->data_dir = maqet_strdup(maqet_json_text(value, "data_dir"));
    owner->host = maqet_strdup(host ? host : "");
    return true;
}

/* A name that is short, and another one for each data folder: FNV-1a, 64 bits. */
static char *
user_mark(const char *prefix, const char *data_dir)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (const char *c = data_dir; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return maqet_format("%s%016" PRIx64, prefix, hash);
}

void
maqet_owner_mark_user(const struct maqet_context *context, const char *file, bool base)
{
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);
    _cleanup_free_ char *name = user_mark(base ? BASE_PREFIX : USER_PREFIX, data_dir);
    _cleanup_json_ json_object *before = NULL;
    struct stat status;

    if (stat(file, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    before = read_mark(file, name);
    if (before)
        return;
    _cleanup_json_ json_object *value = json_object_new_object();
    json_object_object_add(value, "data_dir", json_object_new_string(data_dir));
    write_mark(file, name, value);
}

void
maqet_owner_other_folders(const struct maqet_context *context, const char *file,
                          bool bases, struct maqet_strings *folders)
{
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);
    _cleanup_free_ char *names = maqet_alloc(LIST_LIMIT);
    ssize_t length = listxattr(file, names, LIST_LIMIT);

    for (ssize_t i = 0; i < length; i += (ssize_t)strlen(names + i) + 1) {
        bool is_base = maqet_text_starts(names + i, BASE_PREFIX);
        bool is_use =
            strcmp(names + i, OWNER) == 0 || maqet_text_starts(names + i, USER_PREFIX);

        if (!is_base && (bases || !is_use))
            continue;
        _cleanup_json_ json_object *value = read_mark(file, names + i);
        const char *other = maqet_json_text(value, "data_dir");

        if (other && strcmp(other, data_dir) != 0 && !maqet_strings_has(folders, other))
            maqet_strings_add(folders, other);
    }
}

/* ---- whether it is still somebody's ---- */

bool
maqet_owner_exists(const struct maqet_owner *owner)
{
    _cleanup_free_ char *path =
        maqet_format("%s/vms/%s/vm.json", owner->data_dir, owner->vm);

    if (access(path, F_OK) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_load(path, owner->vm, NULL);
    return !definition || strcasecmp(definition->uuid, owner->uuid) == 0;
}

/* The mark, or what the record says in its place. False: neither knows. */
static bool
find_owner(const struct maqet_image_record *record, const char *uuid,
           struct maqet_owner *owner)
{
    if (maqet_owner_read(record->path, owner))
        return true;
    if (!record->vm || !record->data_dir || !(uuid || record->uuid))
        return false;
    owner->vm = maqet_strdup(record->vm);
    owner->uuid = maqet_strdup(record->uuid ? record->uuid : uuid);
    owner->data_dir = maqet_strdup(record->data_dir);
    owner->host = maqet_strdup("");
    return true;
}

/* Whether a machine that was defined elsewhere is this one: its folder was moved within
 * its file system. */
static bool
is_moved_here(const struct maqet_owner *owner, const char *data_dir, const char *vm)
{
    struct maqet_file_id folder;

    read_folder(data_dir, vm, &folder);
    return owner->folder.inode != 0 &&
           maqet_file_id_is_same_file(&owner->folder, &folder);
}

static bool
is_of_other_host(const struct maqet_owner *owner)
{
    _cleanup_free_ char *host = host_id();

    return *owner->host && *host && strcmp(owner->host, host) != 0;
}

bool
maqet_owner_vouches(const struct maqet_image_record *record,
                    const struct maqet_file_id *id)
{
    _cleanup_owner_ struct maqet_owner owner = {0};

    if (!maqet_file_id_is_same_file(&record->id, id))
        return false;
    return id->birth != 0 || (maqet_owner_read(record->path, &owner) && record->uuid &&
                              strcasecmp(owner.uuid, record->uuid) == 0);
}

/* Whether the data folder itself can be looked at: its disk may not be mounted. */
static bool
is_there(const struct maqet_owner *owner)
{
    _cleanup_free_ char *path = maqet_format("%s/vms", owner->data_dir);

    return access(path, F_OK) == 0;
}

/* Of a machine with the same UUID. */
static char *
objection_of_same(const struct maqet_owner *owner, const char *data_dir, const char *vm)
{
    if (strcmp(owner->data_dir, data_dir) == 0 ||
        (!maqet_owner_exists(owner) && is_moved_here(owner, data_dir, vm)))
        return NULL;
    return maqet_format(maqet_owner_exists(owner)
                            ? "for VM '%s' in %s, of which this data folder is a copy"
                            : "for VM '%s' in %s, which is not there now",
                        owner->vm, owner->data_dir);
}

char *
maqet_owner_objection(const struct maqet_context *context, const char *vm,
                      const char *uuid, const struct maqet_image_record *record)
{
    _cleanup_owner_ struct maqet_owner owner = {0};
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);

    if (!find_owner(record, uuid, &owner))
        return NULL;
    if (is_of_other_host(&owner))
        return maqet_format("for VM '%s' on another host", owner.vm);
    if (uuid && strcasecmp(owner.uuid, uuid) == 0)
        return objection_of_same(&owner, data_dir, vm);
    /* Whether a machine of this data folder needs it is seen there. */
    if (!uuid && strcmp(owner.data_dir, data_dir) == 0)
        return NULL;
    if (maqet_owner_exists(&owner))
        return maqet_format("for VM '%s' in %s", owner.vm, owner.data_dir);
    if (uuid)
        return maqet_format("for another VM '%s', which is gone", owner.vm);
    return is_there(&owner) ? NULL
                            : maqet_format("for VM '%s' in %s, which is not there now",
                                           owner.vm, owner.data_dir);
}
