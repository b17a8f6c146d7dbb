/* SPDX-License-Identifier: MIT */
#include "core/machine/checkpoint_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checksum.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/checkpoint_memory.h"
#include "core/machine/store.h"
#include "core/qemu/migration_writer.h"

/* ---- the description ---- */

/* An earlier maqet did not write all of them. */
#define VALUE(member, ...)                                                               \
    {                                                                                    \
#member, MAQET_FIELD(struct maqet_checkpoint, member), .optional = true,         \
                                                               __VA_ARGS__               \
    }
static const struct maqet_fields checkpoint_fields = MAQET_FIELDS_OF(
    struct maqet_checkpoint, VALUE(machine, .sparse = true), VALUE(qemu, .sparse = true),
    VALUE(version), VALUE(program, .sparse = true), VALUE(arguments), VALUE(drives),
    {"slots",
     MAQET_FIELD_LIST(struct maqet_checkpoint, slots.items, slots.count,
                      &maqet_slot_record_fields),
     .optional = true},
    MAQET_SLOTS_ROWS(struct maqet_checkpoint), VALUE(flash),
    VALUE(memory, .known = MAQET_KNOWN(struct maqet_checkpoint, has_memory)),
    VALUE(method, .sparse = true), VALUE(compression, .sparse = true), VALUE(mapped),
    VALUE(splittable), VALUE(pause), VALUE(date),
    VALUE(size, .known = MAQET_KNOWN(struct maqet_checkpoint, has_size)),
    VALUE(checksum, .sparse = true), VALUE(block, .sparse = true),
    VALUE(unmappable, .sparse = true), VALUE(memory_checksum, .sparse = true),
    VALUE(memory_identity, .sparse = true));

/* "snapshots": {DRIVE: {...}} */
static const struct maqet_fields snapshot_fields = MAQET_FIELDS_OF(
    struct maqet_checkpoint_snapshot,
    {"id", MAQET_FIELD(struct maqet_checkpoint_snapshot, snapshot.id)},
    {"seconds", MAQET_FIELD(struct maqet_checkpoint_snapshot, snapshot.seconds)},
    {"nanoseconds", MAQET_FIELD(struct maqet_checkpoint_snapshot, snapshot.nanoseconds)},
    {"image", MAQET_FIELD(struct maqet_checkpoint_snapshot, image), .optional = true,
     .sparse = true});

void
maqet_checkpoint_clear(struct maqet_checkpoint *about)
{
    for (size_t i = 0; i < about->snapshot_count; i++)
        free(about->snapshots[i].drive);
    maqet_fields_list_free(&snapshot_fields, about->snapshots, about->snapshot_count);
    free(about->name);
    maqet_fields_clear(&checkpoint_fields, about);
}

void
maqet_checkpoint_add_snapshot(struct maqet_checkpoint *about,
                              const struct maqet_drive *drive,
                              const struct maqet_snapshot *snapshot)
{
    about->has_snapshots = true;
    *MAQET_APPEND(about->snapshots, about->snapshot_count) =
        (struct maqet_checkpoint_snapshot){
            .drive = maqet_strdup(drive->name),
            .image = maqet_strdup(drive->path),
            .snapshot = {.id = maqet_strdup(snapshot->id),
                         .seconds = snapshot->seconds,
                         .nanoseconds = snapshot->nanoseconds},
        };
}

const struct maqet_snapshot *
maqet_checkpoint_snapshot(const struct maqet_checkpoint *about, const char *drive)
{
    for (size_t i = 0; i < about->snapshot_count; i++)
        if (strcmp(about->snapshots[i].drive, drive) == 0 &&
            about->snapshots[i].snapshot.id)
            return &about->snapshots[i].snapshot;
    return NULL;
}

static json_object *
describe(const struct maqet_checkpoint *about)
{
    json_object *object = maqet_fields_to_json(&checkpoint_fields, about);
    json_object *snapshots = about->has_snapshots ? json_object_new_object() : NULL;

    for (size_t i = 0; i < about->snapshot_count; i++)
        json_object_object_add(
            snapshots, about->snapshots[i].drive,
            maqet_fields_to_json(&snapshot_fields, &about->snapshots[i]));
    if (snapshots)
        json_object_object_add(object, "snapshots", snapshots);
    return object;
}

/* A damaged entry has a drive without a snapshot. */
static int
read_description(json_object *object, struct maqet_checkpoint *about,
                 struct maqet_error **err)
{
    json_object *snapshots = NULL;

    if (maqet_fields_from_json(&checkpoint_fields, object, about, err) < 0)
        return -1;
    if (!maqet_slots_are_distinct(&about->slots))
        maqet_slots_clear(&about->slots);
    json_object_object_get_ex(object, "snapshots", &snapshots);
    about->has_snapshots = json_object_is_type(snapshots, json_type_object);
    if (!about->has_snapshots)
        return 0;
    json_object_object_foreach(snapshots, drive, entry)
    {
        struct maqet_checkpoint_snapshot *snapshot =
            MAQET_APPEND(about->snapshots, about->snapshot_count);

        (void)maqet_fields_from_json(&snapshot_fields, entry, snapshot, NULL);
        snapshot->drive = maqet_strdup(drive);
    }
    return 0;
}

/* ---- the files ---- */

static char *
folder_of(const struct maqet_context *context, const char *vm)
{
    return maqet_store_file(context, vm, MAQET_STORE_CHECKPOINTS);
}

/* The caller frees. */
static char *
path_of(const struct maqet_context *context, const char *vm, const char *name,
        const char *suffix)
{
    _cleanup_free_ char *folder = folder_of(context, vm);

    return maqet_format("%s/%s%s", folder, name, suffix);
}

static char *
temporary_path(const struct maqet_context *context, const char *vm, const char *name)
{
    _cleanup_free_ char *folder = folder_of(context, vm);

    return maqet_format("%s/.%s.state.new", folder, name);
}

/* The space that the files take up is not recorded, because it may differ for copies. */
static void
measure(struct maqet_checkpoint *about, const struct maqet_context *context,
        const char *vm, const char *name)
{
    _cleanup_free_ char *memory = maqet_memory_file_path(context, vm, name);
    _cleanup_free_ char *state = path_of(context, vm, name, ".state");
    const char *const paths[] = {state, about->block ? memory : NULL};

    about->is_there = true;
    about->allocated = 0;
    about->length = about->size + (about->block ? (int64_t)about->memory : 0);
    for (size_t i = 0; i < 2 && paths[i]; i++) {
        struct stat status;
        bool found = stat(paths[i], &status) == 0;

        about->is_there = about->is_there && found;
        about->allocated += found ? (int64_t)status.st_blocks * 512 : 0;
    }
    if (!about->is_there)
        about->allocated = 0;
}

int
maqet_state_file_create(const struct maqet_context *context, const char *vm,
                        const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_free_ char *path = temporary_path(context, vm, name);

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    return fd;
}

static int
write_description(const struct maqet_context *context, const char *vm, const char *name,
                  const struct maqet_checkpoint *about, struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".json");
    _cleanup_json_ json_object *object = describe(about);

    return maqet_json_write(path, object, err);
}

int
maqet_state_file_publish(const struct maqet_context *context, const char *vm,
                         const char *name, int fd, int memory,
                         struct maqet_checkpoint *about, struct maqet_error **err)
{
    _cleanup_free_ char *temporary = temporary_path(context, vm, name);
    _cleanup_free_ char *state = path_of(context, vm, name, ".state");
    struct stat status;

    if (about->block
            ? maqet_memory_file_publish(context, vm, name, memory, about, err) < 0
            : memory >= 0 && maqet_memory_file_remove(context, vm, name, err) < 0)
        return -1;

    if (fsync(fd) < 0 || fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot write %s", temporary);
    about->checksum = maqet_fd_checksum(fd, temporary, UINT64_MAX, err);
    if (!about->checksum)
        return -1;
    about->size = status.st_size;
    about->has_size = true;
    if (rename(temporary, state) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", state);
    if (write_description(context, vm, name, about, err) < 0)
        return -1;
    measure(about, context, vm, name);
    return 0;
}

static int
verify(int fd, const char *path, const char *vm, const char *name,
       const struct maqet_checkpoint *about, char **verified, struct maqet_error **err)
{
    _cleanup_free_ char *mark = maqet_file_mark(path);
    struct stat status;

    if (fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    if (status.st_size != about->size) {
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "%s is damaged: it has %lld bytes instead of %lld", path,
                        (long long)status.st_size, (long long)about->size);
        return maqet_memory_file_error_damaged(vm, name, err);
    }
    if (about->checksum && !(mark && *verified && strcmp(mark, *verified) == 0)) {
        _cleanup_free_ char *present = maqet_fd_checksum(fd, path, UINT64_MAX, err);

        if (!present)
            return -1;
        if (strcmp(present, about->checksum) != 0) {
            maqet_error_set(err, MAQET_ERROR_FAILED,
                            "%s is damaged: its checksum is %s instead of %s", path,
                            present, about->checksum);
            return maqet_memory_file_error_damaged(vm, name, err);
        }
    }
    free(*verified);
    *verified = TAKE_PTR(mark);
    return 0;
}

/* Opens it if it is what was written. Returns a descriptor, or -1. */
static int
open_verified(const struct maqet_context *context, const char *vm, const char *name,
              const struct maqet_checkpoint *about, char **verified,
              struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".state");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        bool gone = errno == ENOENT;

        maqet_error_errno(err, errno, "Cannot read %s", path);
        /* If it cannot be opened, it need not be damaged. */
        return gone ? maqet_memory_file_error_damaged(vm, name, err) : -1;
    }
    return verify(fd, path, vm, name, about, verified, err) < 0 ? -1 : TAKE_FD(fd);
}

/* If the file was copied, it is read only this once. */
static int
check_memory(const struct maqet_context *context, const char *vm, const char *name,
             struct maqet_checkpoint *about, struct maqet_error **err)
{
    bool read;

    if (maqet_memory_file_check(context, vm, name, about, &read, err) < 0)
        return -1;
    return read ? write_description(context, vm, name, about, err) : 0;
}

int
maqet_state_file_open(const struct maqet_context *context, const char *vm,
                      const char *name, struct maqet_checkpoint *about, char **verified,
                      struct maqet_error **err)
{
    _cleanup_close_ int fd = open_verified(context, vm, name, about, verified, err);

    if (fd < 0 || (about->block && check_memory(context, vm, name, about, err) < 0))
        return -1;
    if (!about->compression)
        return TAKE_FD(fd);
    if (strcmp(about->compression, "zstd") == 0)
        return maqet_writer_unpack(fd, err);
    _cleanup_free_ char *path = path_of(context, vm, name, ".state");
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "%s is compressed with %s, which this version of maqet "
                           "does not support",
                           path, about->compression);
}

int
maqet_state_file_verify(const struct maqet_context *context, const char *vm,
                        const char *name, const struct maqet_checkpoint *about,
                        struct maqet_error **err)
{
    _cleanup_free_ char *verified = NULL;
    _cleanup_close_ int fd = open_verified(context, vm, name, about, &verified, err);

    return fd < 0 || (about->block &&
                      maqet_memory_file_verify(context, vm, name, about, err) < 0)
               ? -1
               : 0;
}

int
maqet_state_file_remove(const struct maqet_context *context, const char *vm,
                        const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_free_ char *description = path_of(context, vm, name, ".json");
    _cleanup_free_ char *state = path_of(context, vm, name, ".state");
    _cleanup_free_ char *temporary = temporary_path(context, vm, name);

    /* Without its description it is no longer a checkpoint. */
    return maqet_file_missing(folder) ||
                   (maqet_file_remove(description, err) == 0 &&
                    maqet_file_remove(state, err) == 0 &&
                    maqet_file_remove(temporary, err) == 0 &&
                    maqet_memory_file_remove(context, vm, name, err) == 0)
               ? 0
               : -1;
}

bool
maqet_state_file_exists(const struct maqet_context *context, const char *vm,
                        const char *name)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".json");

    return !strchr(name, '/') && !maqet_file_missing(path);
}

int
maqet_state_file_list(const struct maqet_context *context, const char *vm,
                      const char *suffix, struct maqet_strings *names,
                      struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(context, vm);
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        const char *file = files.items[i];

        if (file[0] != '.' && maqet_text_ends(file, suffix))
            maqet_strings_take(names, maqet_strndup(file, strlen(file) - strlen(suffix)));
    }
    return 0;
}

static int
error_missing(const struct maqet_context *context, const char *vm, const char *name,
              struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no checkpoint '%s' of VM '%s'",
                    name, vm);
    if (maqet_state_file_list(context, vm, ".json", &names, NULL) < 0)
        return -1;
    maqet_error_hint_names(err, name, &names);
    return -1;
}

int
maqet_state_file_about(const struct maqet_context *context, const char *vm,
                       const char *name, struct maqet_checkpoint *about,
                       struct maqet_error **err)
{
    _cleanup_free_ char *path = path_of(context, vm, name, ".json");
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (strchr(name, '/') || maqet_file_missing(path))
        return error_missing(context, vm, name, err);
    _cleanup_json_ json_object *object = maqet_json_read(path, err);
    if (!object)
        return -1;
    if (read_description(object, about, &reason) < 0) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s is damaged: %s", path,
                        reason->message);
        maqet_error_next(err, MAQET_NEXT_LOAD_DRIVES, vm, name, NULL);
        return -1;
    }
    about->name = maqet_strdup(name);
    measure(about, context, vm, name);
    return 0;
}
