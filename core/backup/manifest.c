/* SPDX-License-Identifier: MIT */
#include "core/backup/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/checksum.h"
#include "core/base/json.h"
#include "core/base/removal.h"

#define MANIFEST_FILE "manifest.json"

/* ---- the fields ---- */

static const struct maqet_fields drive_fields = MAQET_FIELDS_OF(
    struct maqet_backup_drive, MAQET_ROW(struct maqet_backup_drive, name, "the drive"),
    MAQET_ROW(struct maqet_backup_drive, type, "its storage plugin"),
    MAQET_ROW(struct maqet_backup_drive, format, "the image's storage plugin"),
    MAQET_ROW(struct maqet_backup_drive, file, "the image"),
    MAQET_ROW(struct maqet_backup_drive, incremental, "whether it is an increment"),
    MAQET_ROW(struct maqet_backup_drive, base, "the backup that it stands on",
              .optional = true),
    MAQET_ROW(struct maqet_backup_drive, why, "why it is none", .optional = true),
    MAQET_ROW(struct maqet_backup_drive, below, "what the drive stood on",
              .optional = true),
    MAQET_ROW(struct maqet_backup_drive, virtual_size, "the size that the guest sees"),
    MAQET_ROW(struct maqet_backup_drive, size, "the image's length"),
    MAQET_ROW(struct maqet_backup_drive, modified, "its last change"),
    MAQET_ROW(struct maqet_backup_drive, checksum, "its checksum"));

static const struct maqet_fields skipped_fields = MAQET_FIELDS_OF(
    struct maqet_backup_skipped,
    MAQET_ROW(struct maqet_backup_skipped, name, "the drive"),
    MAQET_ROW(struct maqet_backup_skipped, why, "why it is not in the backup"));

static const struct maqet_fields backup_fields = MAQET_FIELDS_OF(
    struct maqet_backup, MAQET_ROW(struct maqet_backup, format, "of the manifest"),
    MAQET_ROW(struct maqet_backup, id, "of the backup"),
    MAQET_ROW(struct maqet_backup, vm, "its name"),
    MAQET_ROW(struct maqet_backup, uuid, "its UUID"),
    MAQET_ROW(struct maqet_backup, chain, "of the place"),
    MAQET_ROW(struct maqet_backup, date, "of the backup"),
    MAQET_ROW(struct maqet_backup, version, "of maqet"),
    MAQET_ROW(struct maqet_backup, running, "whether the VM was running"),
    MAQET_ROW(struct maqet_backup, quiesced, "whether its file systems were frozen"),
    {"drives", MAQET_FIELD_LIST(struct maqet_backup, drives, drive_count, &drive_fields)},
    {"skipped",
     MAQET_FIELD_LIST(struct maqet_backup, skipped, skipped_count, &skipped_fields),
     .optional = true},
    {"slots",
     MAQET_FIELD_LIST(struct maqet_backup, slots.items, slots.count,
                      &maqet_slot_record_fields),
     .optional = true},
    MAQET_SLOTS_ROWS(struct maqet_backup));

void
maqet_backup_clear(struct maqet_backup *backup)
{
    maqet_definition_free(backup->definition);
    backup->definition = NULL;
    maqet_fields_clear(&backup_fields, backup);
}

const struct maqet_backup_drive *
maqet_backup_drive(const struct maqet_backup *backup, const char *name)
{
    for (size_t i = 0; i < backup->drive_count; i++)
        if (strcmp(backup->drives[i].name, name) == 0)
            return &backup->drives[i];
    return NULL;
}

/* ---- folders ---- */

char *
maqet_backup_folder(const char *folder, const char *vm)
{
    return maqet_format("%s/%s", folder, vm);
}

char *
maqet_backup_path(const char *folder, const char *vm, const char *id)
{
    return maqet_format("%s/%s/%s", folder, vm, id);
}

char *
maqet_backup_new_path(const char *folder, const char *vm, const char *id)
{
    return maqet_format("%s/%s/.%s" MAQET_BACKUP_NEW, folder, vm, id);
}

bool
maqet_backup_is_there(const char *folder, const char *vm, const char *id)
{
    _cleanup_free_ char *path = maqet_backup_path(folder, vm, id);
    struct stat status;

    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The time of an ID; -1: it is none. */
static int64_t
time_of(const char *id)
{
    struct tm parts = {0};
    const char *end = strptime(id, "%Y%m%dT%H%M%SZ", &parts);

    return end && *end == '\0' && strlen(id) == 16 ? (int64_t)timegm(&parts) : -1;
}

static char *
id_of(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm parts;
    char text[64];

    if (!gmtime_r(&moment, &parts) ||
        strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts) == 0)
        return NULL;
    return maqet_strdup(text);
}

bool
maqet_backup_is_id(const char *text)
{
    int64_t seconds = time_of(text);
    _cleanup_free_ char *again = seconds < 0 ? NULL : id_of(seconds);

    return again && strcmp(again, text) == 0;
}

char *
maqet_backup_next_id(const struct maqet_strings *ids, int64_t now)
{
    for (size_t i = 0; i < ids->count; i++) {
        int64_t other = time_of(ids->items[i]);

        /* A clock may go back. */
        if (other >= now)
            now = other + 1;
    }
    return id_of(now);
}

int
maqet_backup_ids(const char *folder, const char *vm, struct maqet_strings *ids,
                 struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(path, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++)
        if (maqet_backup_is_id(names.items[i]))
            maqet_strings_add(ids, names.items[i]);
    return 0;
}

int
maqet_backup_vms(const char *folder, struct maqet_strings *vms, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(folder, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;

        /* What cannot be listed has none: files, and folders of others. */
        if (names.items[i][0] != '.' &&
            maqet_backup_ids(folder, names.items[i], &ids, NULL) == 0 && ids.count > 0)
            maqet_strings_add(vms, names.items[i]);
    }
    return 0;
}

int
maqet_backup_sweep(const char *folder, const char *vm, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_folder(folder, vm);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(path, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.items[i];
        _cleanup_free_ char *id = maqet_strndup(name + 1, name[0] == '.' ? 16 : 0);
        _cleanup_free_ char *whole = maqet_format("%s/%s", path, name);

        if (maqet_backup_is_id(id) &&
            (strcmp(name + 17, MAQET_BACKUP_NEW) == 0 ||
             strcmp(name + 17, MAQET_BACKUP_OLD) == 0) &&
            maqet_dir_remove(whole, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- manifests ---- */

int
maqet_backup_write(const char *path, const struct maqet_backup *backup,
                   struct maqet_error **err)
{
    _cleanup_free_ char *file = maqet_format("%s/" MANIFEST_FILE, path);
    _cleanup_json_ json_object *object = maqet_fields_to_json(&backup_fields, backup);

    json_object_object_add(object, "definition",
                           maqet_definition_to_json(backup->definition));
    return maqet_json_write(file, object, err);
}

static int
error_missing(const char *folder, const char *vm, const char *id,
              struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no backup '%s' of VM '%s' in %s",
                    id, vm, folder);
    if (maqet_backup_ids(folder, vm, &ids, NULL) == 0)
        maqet_error_hint_names(err, id, &ids);
    return -1;
}

static bool
is_name(const char *text)
{
    return *text != '\0' && *text != '.' && !strchr(text, '/');
}

/* Eight hexadecimal digits. */
static bool
is_chain(const char *text)
{
    return strlen(text) == 8 && strspn(text, "0123456789abcdef") == 8;
}

/* Whether no text leads out of the folder, and no two drives share a name or an image. */
static bool
is_sound(const struct maqet_backup *backup)
{
    if (!is_chain(backup->chain))
        return false;
    for (size_t i = 0; i < backup->drive_count; i++) {
        const struct maqet_backup_drive *drive = &backup->drives[i];

        if (!is_name(drive->name) || !is_name(drive->file) ||
            drive->incremental != (drive->base != NULL) ||
            (drive->base &&
             (!maqet_backup_is_id(drive->base) || strcmp(drive->base, backup->id) >= 0)))
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(drive->name, backup->drives[j].name) == 0 ||
                strcmp(drive->file, backup->drives[j].file) == 0)
                return false;
    }
    return maqet_slots_are_distinct(&backup->slots);
}

static int
fill(json_object *object, const char *file, const char *id, struct maqet_backup *backup,
     struct maqet_error **err)
{
    int64_t format = maqet_json_int(object, "format");
    json_object *definition = NULL;

    if (format > MAQET_BACKUP_FORMAT)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "%s was written by a later version of maqet", file);
    if (maqet_fields_from_json(&backup_fields, object, backup, err) < 0)
        return maqet_error_wrap(err, "%s is damaged", file);
    if (strcmp(backup->id, id) != 0 || !is_sound(backup))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "%s is damaged, or belongs to another backup", file);
    json_object_object_get_ex(object, "definition", &definition);
    backup->definition = maqet_definition_from_json(definition, file, backup->vm, err);
    return backup->definition ? 0 : -1;
}

int
maqet_backup_read(const char *folder, const char *vm, const char *id,
                  struct maqet_backup *backup, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_backup_path(folder, vm, id);
    _cleanup_free_ char *file = maqet_format("%s/" MANIFEST_FILE, path);

    if (!maqet_backup_is_id(id) || !maqet_backup_is_there(folder, vm, id))
        return error_missing(folder, vm, id, err);
    _cleanup_json_ json_object *object = maqet_json_read_plain(file, err);
    if (!object)
        return -1;
    if (fill(object, file, id, backup, err) < 0) {
        maqet_backup_clear(backup);
        return -1;
    }
    return 0;
}

/* ---- images ---- */

static int
compare(int fd, const char *path, const struct maqet_backup_drive *drive, bool reads,
        char **fault, struct maqet_error **err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    if (!S_ISREG(status.st_mode))
        *fault = maqet_format("%s is not a regular file", path);
    else if ((uint64_t)status.st_size != drive->size)
        *fault = maqet_format("%s has %lld bytes instead of %llu", path,
                              (long long)status.st_size, (unsigned long long)drive->size);
    if (*fault ||
        (!reads && drive->modified == (int64_t)status.st_mtim.tv_sec * 1000000000 +
                                          status.st_mtim.tv_nsec))
        return 0;
    _cleanup_free_ char *checksum = maqet_fd_checksum(fd, path, UINT64_MAX, err);
    if (!checksum)
        return -1;
    if (strcmp(checksum, drive->checksum) != 0)
        *fault = maqet_format("%s has changed: its checksum is %s instead of %s", path,
                              checksum, drive->checksum);
    return 0;
}

int
maqet_backup_check_image(const char *folder, const char *vm, const char *id,
                         const struct maqet_backup_drive *drive, bool reads, char **fault,
                         struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/%s/%s/%s", folder, vm, id, drive->file);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *fault = NULL;
    if (fd >= 0)
        return compare(fd, path, drive, reads, fault, err);
    if (errno == ENOENT)
        *fault = maqet_format("%s is missing", path);
    else if (errno == ELOOP)
        *fault = maqet_format("%s is not a regular file", path);
    else
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    return 0;
}
