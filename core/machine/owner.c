/* SPDX-License-Identifier: MIT */
#include "core/machine/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/base/field.h"

enum {
    ATTRIBUTE_LIMIT = 8192,
    LIST_LIMIT = 65536,
    HOST_LIMIT = 256,
    HOST_ID_LENGTH = 32
};

/* For which machine it was created. */
static const char OWNER[] = "user.maqet";
/* One mark for each data folder whose machines use it, */
static const char USER_PREFIX[] = "user.maqet.user.";
/* or have it as a backing file. */
static const char BASE_PREFIX[] = "user.maqet.base.";

static const struct maqet_fields id_fields = MAQET_FIELDS_OF(
    struct maqet_file_id,
    {"inode", MAQET_FIELD(struct maqet_file_id, inode), .optional = true},
    {"birth", MAQET_FIELD(struct maqet_file_id, birth), .optional = true});

static const struct maqet_fields owner_fields =
    MAQET_FIELDS_OF(struct maqet_owner, {"vm", MAQET_FIELD(struct maqet_owner, vm)},
                    {"uuid", MAQET_FIELD(struct maqet_owner, uuid)},
                    {"data_dir", MAQET_FIELD(struct maqet_owner, data_dir)},
                    {"host", MAQET_FIELD(struct maqet_owner, host), .optional = true},
                    {"folder", MAQET_FIELD_OBJECT(struct maqet_owner, folder, &id_fields),
                     .optional = true},
                    {"image", MAQET_FIELD_OBJECT(struct maqet_owner, image, &id_fields)});

/* The content of a mark of a user. */
static const struct maqet_fields user_fields = MAQET_FIELDS_OF(
    struct maqet_owner, {"data_dir", MAQET_FIELD(struct maqet_owner, data_dir)},
    {"image", MAQET_FIELD_OBJECT(struct maqet_owner, image, &id_fields)});

void
maqet_owner_clear(struct maqet_owner *owner)
{
    maqet_fields_clear(&owner_fields, owner);
}

char *
maqet_owner_data_dir(const struct maqet_context *context)
{
    char *resolved = realpath(context->data_dir, NULL);

    return resolved ? resolved : maqet_strdup(context->data_dir);
}

/* Before its first boot a system has a word instead. */
char *
maqet_owner_host(void)
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

/* ---- marks ---- */

/* A mark names the file that it was written on. */
static bool
write_mark(const char *file, const char *name, const struct maqet_fields *fields,
           struct maqet_owner mark)
{
    if (!maqet_file_id_of_target(file, &mark.image))
        return false;
    _cleanup_json_ json_object *value = maqet_fields_to_json(fields, &mark);
    const char *text =
        json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE);
    return setxattr(file, name, text, strlen(text), 0) == 0;
}

/* False: there is none, or it was copied with the file. */
static bool
read_mark(const char *file, const char *name, const struct maqet_fields *fields,
          struct maqet_owner *mark)
{
    char text[ATTRIBUTE_LIMIT + 1];
    struct maqet_file_id image;
    ssize_t length = getxattr(file, name, text, ATTRIBUTE_LIMIT);

    *mark = (struct maqet_owner){0};
    if (length <= 0 || !maqet_file_id_of_target(file, &image))
        return false;
    text[length] = '\0';
    _cleanup_json_ json_object *value = json_tokener_parse(text);
    if (maqet_fields_from_json(fields, value, mark, NULL) == 0 &&
        mark->data_dir[0] == '/' && maqet_file_id_is_same_file(&mark->image, &image))
        return true;
    maqet_owner_clear(mark);
    return false;
}

bool
maqet_owner_mark(const struct maqet_context *context,
                 const struct maqet_definition *definition, const char *file)
{
    _cleanup_owner_ struct maqet_owner owner = {
        .vm = maqet_strdup(definition->name),
        .uuid = maqet_strdup(definition->uuid),
        .data_dir = maqet_owner_data_dir(context),
        .host = maqet_owner_host(),
    };

    read_folder(owner.data_dir, owner.vm, &owner.folder);
    return write_mark(file, OWNER, &owner_fields, owner);
}

bool
maqet_owner_read(const char *file, struct maqet_owner *owner)
{
    if (!read_mark(file, OWNER, &owner_fields, owner))
        return false;
    if (maqet_vm_name_valid(owner->vm))
        return true;
    maqet_owner_clear(owner);
    return false;
}

/* Nobody may write a mark on a file that is read-only for its owner, too; its content is not
 * changed. */
static void
write_mark_of_user(const char *file, const char *name, const struct stat *status,
                   struct maqet_owner mark)
{
    if (write_mark(file, name, &user_fields, mark) || errno != EACCES ||
        status->st_uid != geteuid())
        return;
    mode_t mode = status->st_mode & 07777;
    if (chmod(file, mode | S_IWUSR) == 0) {
        write_mark(file, name, &user_fields, mark);
        chmod(file, mode);
    }
}

void
maqet_owner_mark_user(const struct maqet_context *context, const char *file, bool base)
{
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);
    /* A short name for each data folder. */
    _cleanup_free_ char *name = maqet_format(
        "%s%016" PRIx64, base ? BASE_PREFIX : USER_PREFIX, maqet_text_hash(data_dir));
    _cleanup_owner_ struct maqet_owner before = {0};
    struct stat status;

    if (stat(file, &status) == 0 && S_ISREG(status.st_mode) &&
        !read_mark(file, name, &user_fields, &before))
        write_mark_of_user(file, name, &status,
                           (struct maqet_owner){.data_dir = data_dir});
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
        _cleanup_owner_ struct maqet_owner mark = {0};

        if (read_mark(file, names + i, &user_fields, &mark) &&
            strcmp(mark.data_dir, data_dir) != 0 &&
            !maqet_strings_has(folders, mark.data_dir))
            maqet_strings_add(folders, mark.data_dir);
    }
}

/* ---- owners ---- */

/* Whether the machine is still defined there. True if that cannot be found out. */
static bool
exists(const struct maqet_owner *owner)
{
    _cleanup_free_ char *path =
        maqet_format("%s/vms/%s/vm.json", owner->data_dir, owner->vm);

    if (access(path, F_OK) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_load(path, owner->vm, NULL);
    return !definition || strcasecmp(definition->uuid, owner->uuid) == 0;
}

/* From the mark, or else from the record. False: not known. */
static bool
find_owner(const struct maqet_image_record *record, const char *uuid,
           struct maqet_owner *owner)
{
    if (record->path && maqet_owner_read(record->path, owner))
        return true;
    if (!record->vm || !record->data_dir || !(uuid || record->uuid))
        return false;
    owner->vm = maqet_strdup(record->vm);
    owner->uuid = maqet_strdup(record->uuid ? record->uuid : uuid);
    owner->data_dir = maqet_strdup(record->data_dir);
    owner->host = maqet_strdup(record->host);
    return true;
}

/* Whether a machine of another data folder is this one, because its folder was moved
 * within the file system. */
static bool
is_moved_here(const struct maqet_owner *owner, const char *data_dir, const char *vm)
{
    struct maqet_file_id folder;

    read_folder(data_dir, vm, &folder);
    return owner->folder.inode != 0 &&
           maqet_file_id_is_same_file(&owner->folder, &folder);
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

/* If the owner has the same UUID. */
static char *
objection_of_same(const struct maqet_owner *owner, const char *data_dir, const char *vm)
{
    if (strcmp(owner->data_dir, data_dir) == 0 ||
        (!exists(owner) && is_moved_here(owner, data_dir, vm)))
        return NULL;
    return maqet_format(exists(owner)
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
    _cleanup_free_ char *host = maqet_owner_host();

    if (!find_owner(record, uuid, &owner))
        return NULL;
    if (owner.host && *owner.host && *host && strcmp(owner.host, host) != 0)
        return maqet_format("for VM '%s' on another host", owner.vm);
    if (uuid && strcasecmp(owner.uuid, uuid) == 0)
        return objection_of_same(&owner, data_dir, vm);
    /* The caller checks whether a machine of this data folder needs it. */
    if (!uuid && strcmp(owner.data_dir, data_dir) == 0)
        return NULL;
    if (exists(&owner))
        return maqet_format("for VM '%s' in %s", owner.vm, owner.data_dir);
    if (uuid)
        return maqet_format("for another VM '%s', which is gone", owner.vm);
    /* If its data folder is missing, too, the disk may not be mounted. */
    _cleanup_free_ char *vms = maqet_format("%s/vms", owner.data_dir);
    return access(vms, F_OK) == 0
               ? NULL
               : maqet_format("for VM '%s' in %s, which is not there now", owner.vm,
                              owner.data_dir);
}
