/* SPDX-License-Identifier: MIT */
#include "core/snapshot/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/vm/store.h"

static const char *const words[] = {
    [MAQET_OPERATION_CREATE] = "create",
    [MAQET_OPERATION_OVERWRITE] = "overwrite",
    [MAQET_OPERATION_PREPARE] = "prepare-load",
    [MAQET_OPERATION_LOAD] = "load",
    [MAQET_OPERATION_UNDO] = "undo-load",
    [MAQET_OPERATION_DELETE] = "delete",
    [MAQET_OPERATION_CHECKPOINT] = "checkpoint",
    [MAQET_OPERATION_FORGET] = "delete-checkpoint",
    [MAQET_OPERATION_RESUME] = "resume",
};

void
maqet_journal_clear(struct maqet_journal *journal)
{
    free(journal->name);
    free(journal->stand_in);
    maqet_strings_clear(&journal->drives);
    *journal = (struct maqet_journal){0};
}

/* Its texts; false: there is something else among them. */
static bool
parse_drives(json_object *file, struct maqet_strings *drives)
{
    json_object *list = NULL;

    json_object_object_get_ex(file, "drives", &list);
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *drive = json_object_array_get_idx(list, i);

        if (!json_object_is_type(drive, json_type_string))
            return false;
        maqet_strings_add(drives, json_object_get_string(drive));
    }
    return true;
}

/* Overwriting can't be repaired without knowing what stood in; the others may have none.
 */
static bool
parse_stand_in(json_object *file, struct maqet_journal *journal)
{
    json_object *value = NULL;

    json_object_object_get_ex(file, "stand_in", &value);
    journal->stand_in = maqet_strdup(maqet_json_text(file, "stand_in"));
    return journal->stand_in ||
           (!value && journal->operation != MAQET_OPERATION_OVERWRITE);
}

/* Fills the journal; false: it is not one of ours. */
static bool
parse(json_object *file, struct maqet_journal *journal)
{
    const char *word = maqet_json_text(file, "operation");

    for (size_t i = 1; word && i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i], word) == 0)
            journal->operation = (enum maqet_operation)i;
    journal->name = maqet_strdup(maqet_json_text(file, "name"));
    return journal->operation && journal->name && parse_stand_in(file, journal) &&
           parse_drives(file, &journal->drives);
}

int
maqet_journal_read(const struct maqet_context *context, const char *vm,
                   struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);

    maqet_journal_clear(journal);
    if (access(path, F_OK) < 0)
        return 0;
    _cleanup_json_ json_object *file = maqet_json_read(path, err);
    if (!file)
        return -1;
    if (parse(file, journal))
        return 0;
    maqet_journal_clear(journal);
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "%s is damaged, or was written by a later maqet", path);
    maqet_error_hint(err,
                     "Look at the snapshots (qemu-img snapshot -l FILE) and remove that "
                     "file when they are as they should be");
    return -1;
}

int
maqet_journal_write(const struct maqet_context *context, const char *vm,
                    const struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);
    _cleanup_json_ json_object *file = json_object_new_object();
    json_object *drives = json_object_new_array();

    json_object_object_add(file, "operation",
                           json_object_new_string(words[journal->operation]));
    json_object_object_add(file, "name", json_object_new_string(journal->name));
    if (journal->stand_in)
        json_object_object_add(file, "stand_in",
                               json_object_new_string(journal->stand_in));
    for (size_t i = 0; i < journal->drives.count; i++)
        json_object_array_add(drives, json_object_new_string(journal->drives.items[i]));
    json_object_object_add(file, "drives", drives);
    return maqet_json_write(path, file, err);
}

/* The removal reaches the disk as well: a load that came back after a power cut would be
 * finished a second time, and take with it what the guest has written since. */
int
maqet_journal_remove(const struct maqet_context *context, const char *vm,
                     struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
        return maqet_error_errno(err, errno, "Can't remove %s", path);
    return maqet_dir_sync(fd, folder, err);
}
