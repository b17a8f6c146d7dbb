/* SPDX-License-Identifier: MIT */
#include "core/vm/owner.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/base/json.h"

enum { ATTRIBUTE_LIMIT = 8192, HOST_LIMIT = 256 };

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

static char *
host_id(void)
{
    char *id = NULL;

    if (maqet_file_read("/etc/machine-id", HOST_LIMIT, &id, NULL, NULL) < 0)
        return maqet_strdup("");
    id[strcspn(id, "\n")] = '\0';
    return id;
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

bool
maqet_owner_write(const char *file, const char *mark, const struct maqet_owner *owner)
{
    _cleanup_json_ json_object *value = json_object_new_object();
    struct maqet_file_id image;

    if (!maqet_file_id_of_target(file, &image))
        return false;
    json_object_object_add(value, "vm", json_object_new_string(owner->vm));
    json_object_object_add(value, "uuid", json_object_new_string(owner->uuid));
    json_object_object_add(value, "data_dir", json_object_new_string(owner->data_dir));
    json_object_object_add(value, "host", json_object_new_string(owner->host));
    add_id(value, "folder", &owner->folder);
    add_id(value, "image", &image);
    const char *text =
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);
    return setxattr(file, mark, text, strlen(text), 0) == 0;
}

bool
maqet_owner_read(const char *file, const char *mark, struct maqet_owner *owner)
{
    char text[ATTRIBUTE_LIMIT + 1];
    struct maqet_file_id image;
    ssize_t length = getxattr(file, mark, text, ATTRIBUTE_LIMIT);

    *owner = (struct maqet_owner){0};
    if (length <= 0 || !maqet_file_id_of_target(file, &image))
        return false;
    text[length] = '\0';
    _cleanup_json_ json_object *value = json_tokener_parse(text);
    const char *vm = maqet_json_text(value, "vm"), *uuid = maqet_json_text(value, "uuid");
    const char *data_dir = maqet_json_text(value, "data_dir");
    const char *host = maqet_json_text(value, "host");

    if (!vm || !maqet_vm_name_valid(vm) || !uuid || !data_dir || data_dir[0] != '/')
        return false;
    read_id(value, "image", &owner->image);
    if (!maqet_file_id_is_same_file(&owner->image, &image))
        return false;
    read_id(value, "folder", &owner->folder);
    owner->vm = maqet_strdup(vm);
    owner->uuid = maqet_strdup(uuid);
    owner->data_dir = maqet_strdup(data_dir);
    owner->host = maqet_strdup(host ? host : "");
    return true;
}

bool
maqet_owner_equal(const struct maqet_owner *a, const struct maqet_owner *b)
{
    return strcmp(a->vm, b->vm) == 0 && strcasecmp(a->uuid, b->uuid) == 0 &&
           strcmp(a->data_dir, b->data_dir) == 0 && strcmp(a->host, b->host) == 0 &&
           maqet_file_id_is_same_file(&a->folder, &b->folder);
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
    if (maqet_owner_read(record->path, MAQET_MARK_OWNER, owner))
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
maqet_owner_may_adopt(const struct maqet_context *context,
                      const struct maqet_definition *definition,
                      const struct maqet_image_record *record)
{
    _cleanup_owner_ struct maqet_owner owner = {0};
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);

    if (!find_owner(record, definition->uuid, &owner))
        return true;
    return strcasecmp(owner.uuid, definition->uuid) == 0 && !is_of_other_host(&owner) &&
           (strcmp(owner.data_dir, data_dir) == 0 || !maqet_owner_exists(&owner));
}

/* Of a machine with the same UUID. */
static char *
objection_of_same(const struct maqet_owner *owner, const char *data_dir, const char *vm)
{
    if (is_of_other_host(owner))
        return maqet_format("for VM '%s' on another host", owner->vm);
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
    if (uuid && strcasecmp(owner.uuid, uuid) == 0)
        return objection_of_same(&owner, data_dir, vm);
    /* Whether a machine of this data folder needs it is seen there. */
    if (!uuid && strcmp(owner.data_dir, data_dir) == 0)
        return NULL;
    if (maqet_owner_exists(&owner))
        return maqet_format("for VM '%s' in %s", owner.vm, owner.data_dir);
    return uuid ? maqet_format("for another VM '%s', which is gone", owner.vm) : NULL;
}
