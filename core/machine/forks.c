/* SPDX-License-Identifier: MIT */
#include "core/machine/forks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/holders.h"
#include "core/machine/others.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/overlays.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_fork_record, {"source", MAQET_FIELD(struct maqet_fork_record, source)},
    {"checkpoint", MAQET_FIELD(struct maqet_fork_record, checkpoint)},
    {"discard", MAQET_FIELD(struct maqet_fork_record, discard)},
    {"shown", MAQET_FIELD(struct maqet_fork_record, shown), .optional = true});

void
maqet_fork_record_clear(struct maqet_fork_record *record)
{
    maqet_fields_clear(&fields, record);
}

int
maqet_fork_record_write(const struct maqet_fork_record *record, const char *folder,
                        struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_STORE_FORK, folder);
    _cleanup_json_ json_object *file = maqet_fields_to_json(&fields, record);

    return maqet_json_write(path, file, err);
}

bool
maqet_fork_record_read(const struct maqet_context *context, const char *name,
                       struct maqet_fork_record *record)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_FORK);
    _cleanup_json_ json_object *file =
        maqet_file_missing(path) ? NULL : maqet_json_read(path, NULL);

    return file && maqet_fields_from_json(&fields, file, record, NULL) == 0;
}

bool
maqet_fork_is_discarded(const struct maqet_context *context, const char *name)
{
    _cleanup_fork_record_ struct maqet_fork_record record = {0};

    return maqet_fork_record_read(context, name, &record) && record.discard;
}

/* ---- drives without an image of their own ---- */

static void
mark_shown(const struct maqet_vm *vm, struct maqet_drive *drive)
{
    static const struct maqet_strings nothing = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    if (drive->fault_of >= MAQET_FAULT_FILES)
        return;
    maqet_error_set(
        &error, MAQET_ERROR_UNSUPPORTED,
        "VM '%s', drive '%s': it has no image of its own, because the VM is a "
        "fork that is discarded: what its guest writes is kept in a temporary "
        "file of QEMU",
        vm->definition->name, drive->name);
    maqet_error_free(drive->fault);
    drive->fault = error;
    drive->fault_of = MAQET_FAULT_FILES;
    drive->shown = &nothing; /* QEMU knows what */
}

void
maqet_fork_mark_shown(struct maqet_vm *vm)
{
    _cleanup_fork_record_ struct maqet_fork_record record = {0};

    if (!maqet_fork_record_read(vm->context, vm->definition->name, &record))
        return;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_strings_has(&record.shown, vm->drives[i]->name))
            mark_shown(vm, vm->drives[i]);
}

/* Whether a program beside a machine's QEMU is one of a fork of a checkpoint of this machine, or
 * its own. */
static bool
is_protected(const struct maqet_vm *vm, const struct maqet_file_user *user)
{
    _cleanup_fork_record_ struct maqet_fork_record record = {0};

    return !user->data_dir && (strcmp(user->vm, vm->definition->name) == 0 ||
                               (maqet_fork_record_read(vm->context, user->vm, &record) &&
                                strcmp(record.source, vm->definition->uuid) == 0));
}

int
maqet_forks_check_readers(const struct maqet_vm *vm, const struct maqet_drive *drive,
                          struct maqet_error **err)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};

    if (!drive->path || maqet_holders_find(vm->context, drive->path, &users, NULL) < 0)
        return 0;
    for (size_t i = 0; i < users.count; i++) {
        const struct maqet_file_user *user = &users.items[i];

        if (!user->helper || is_protected(vm, user))
            continue;
        maqet_error_set(
            err, MAQET_ERROR_BUSY,
            "VM '%s', drive '%s': a snapshot in %s is read by the helper of VM "
            "'%s'%s%s (PID %d), which may be the one to be deleted",
            vm->definition->name, drive->name, drive->path, user->vm,
            user->data_dir ? " in " : "", user->data_dir ? user->data_dir : "",
            user->pid);
        return user->data_dir
                   ? maqet_error_next(err, MAQET_NEXT_STOP_FIRST_IN, user->vm,
                                      user->data_dir, NULL)
                   : maqet_error_next(err, MAQET_NEXT_STOP_FIRST, user->vm, NULL);
    }
    return 0;
}

/* ---- those that are used ---- */

int
maqet_fork_hold(const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_STORE_FORK, folder);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -1 : TAKE_FD(fd);
}

bool
maqet_fork_is_held(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_FORK);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && maqet_lock_held(fd, NULL) == 1;
}

/* ---- the forks of a machine ---- */

void
maqet_forks_discarded(const struct maqet_context *context, const char *source,
                      struct maqet_strings *forks)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_store_list(context, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_fork_record_ struct maqet_fork_record record = {0};

        if (maqet_fork_record_read(context, names.items[i], &record) && record.discard &&
            strcmp(record.source, source) == 0)
            maqet_strings_add(forks, names.items[i]);
    }
}

struct search {
    const struct maqet_context *context;
    const char *source;
    const char *checkpoint; /* NULL: any */
    struct maqet_strings forks;
};

static void
find_forks(void *data, const struct maqet_strings *names)
{
    struct search *search = data;

    maqet_strings_clear(&search->forks);
    for (size_t i = 0; i < names->count; i++) {
        _cleanup_fork_record_ struct maqet_fork_record record = {0};

        if (maqet_fork_record_read(search->context, names->items[i], &record) &&
            strcmp(record.source, search->source) == 0 &&
            (!search->checkpoint || strcmp(record.checkpoint, search->checkpoint) == 0))
            maqet_strings_add(&search->forks, names->items[i]);
    }
}

/* The other data folders with images that stand on those of the machine. */
static void
find_folders(const struct maqet_vm *vm, struct maqet_strings *folders)
{
    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_drive *drive = vm->drives[i];

        for (size_t j = 0; j < drive->chain.count; j++)
            if (drive->chain.nodes[j].file)
                maqet_owner_other_folders(vm->context, drive->chain.nodes[j].file, true,
                                          folders);
        for (size_t j = 0; drive->overlays && j < drive->overlays->count; j++)
            if (drive->overlays->nodes[j].file.file)
                maqet_owner_other_folders(
                    vm->context, drive->overlays->nodes[j].file.file, true, folders);
    }
}

int
maqet_forks_find(const struct maqet_vm *vm, const char *checkpoint,
                 struct maqet_strings *forks, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;
    struct search search = {.context = vm->context,
                            .source = vm->definition->uuid,
                            .checkpoint = checkpoint,
                            .forks = MAQET_STRINGS_INIT};
    int result = maqet_others_look_through(vm->context, find_forks, &search, err);

    maqet_strings_add_all(forks, &search.forks);
    find_folders(vm, &folders);
    for (size_t i = 0; result == 0 && i < folders.count; i++) {
        struct maqet_context other = *vm->context;
        _cleanup_free_ char *machines = maqet_format("%s/vms", folders.items[i]);

        /* That of another user, whose VMs cannot be forks of this one. */
        if (access(machines, R_OK | X_OK) < 0 && errno == EACCES)
            continue;
        other.data_dir = folders.items[i];
        search.context = &other;
        result = maqet_others_look_through(&other, find_forks, &search, err);
        for (size_t j = 0; result == 0 && j < search.forks.count; j++)
            maqet_strings_addf(forks, "%s (data folder %s)", search.forks.items[j],
                               other.data_dir);
    }
    maqet_strings_clear(&search.forks);
    return result;
}

/* ---- their order ---- */

struct member {
    char *uuid;
    char *source; /* the UUID; NULL: it is no fork */
};

/* How many of the others it comes from. */
static size_t
depth_of(const struct member *members, size_t count, size_t index)
{
    size_t depth = 0;

    for (size_t i = 0; i < count && members[index].source && depth < count; i++)
        if (members[i].uuid && strcmp(members[i].uuid, members[index].source) == 0) {
            depth++;
            index = i;
            i = (size_t)-1;
        }
    return depth;
}

static void
sort(struct maqet_strings *names, const struct member *members)
{
    _cleanup_strings_ struct maqet_strings sorted = MAQET_STRINGS_INIT;
    _cleanup_free_ size_t *depths = maqet_alloc(names->count * sizeof(*depths) + 1);

    for (size_t i = 0; i < names->count; i++)
        depths[i] = depth_of(members, names->count, i);
    for (size_t depth = names->count; sorted.count < names->count; depth--)
        for (size_t i = 0; i < names->count; i++)
            if (depths[i] == depth)
                maqet_strings_add(&sorted, names->items[i]);
    maqet_strings_clear(names);
    maqet_strings_add_all(names, &sorted);
}

void
maqet_forks_put_first(const struct maqet_context *context, struct maqet_strings *names)
{
    _cleanup_free_ struct member *members =
        maqet_alloc(names->count * sizeof(*members) + 1);

    for (size_t i = 0; i < names->count; i++) {
        _cleanup_definition_ struct maqet_definition *definition =
            maqet_store_load(context, names->items[i], NULL);
        _cleanup_fork_record_ struct maqet_fork_record record = {0};

        members[i].uuid = definition ? maqet_strdup(definition->uuid) : NULL;
        if (maqet_fork_record_read(context, names->items[i], &record))
            members[i].source = TAKE_PTR(record.source);
    }
    sort(names, members);
    for (size_t i = 0; i < names->count; i++) {
        free(members[i].uuid);
        free(members[i].source);
    }
}
