/* SPDX-License-Identifier: MIT */
#include "core/job/journal.h"

#include <errno.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/store.h"

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

/* ---- its parts ---- */

void
maqet_journal_clear(struct maqet_journal *journal)
{
    for (size_t i = 0; i < journal->drive_count; i++) {
        free(journal->drives[i].name);
        free(journal->drives[i].path);
        free(journal->drives[i].snapshot);
    }
    free(journal->drives);
    free(journal->name);
    free(journal->stand_in);
    free(journal->boot);
    *journal = (struct maqet_journal){0};
}

struct maqet_journal_drive *
maqet_journal_add_drive(struct maqet_journal *journal, const char *name, const char *path)
{
    size_t count = journal->drive_count++;

    journal->drives =
        maqet_realloc(journal->drives, (count + 1) * sizeof(*journal->drives));
    journal->drives[count] = (struct maqet_journal_drive){.name = maqet_strdup(name),
                                                          .path = maqet_strdup(path)};
    return &journal->drives[count];
}

const struct maqet_journal_drive *
maqet_journal_find_drive(const struct maqet_journal *journal, const char *name)
{
    for (size_t i = 0; i < journal->drive_count; i++)
        if (strcmp(journal->drives[i].name, name) == 0)
            return &journal->drives[i];
    return NULL;
}

/* Identifies the time from one start of the host to the next: random(4). */
static char *
boot_id(void)
{
    char *text = NULL;

    if (maqet_file_read("/proc/sys/kernel/random/boot_id", 4096, &text, NULL, NULL) < 0)
        return maqet_strdup("");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

bool
maqet_journal_same_boot(const struct maqet_journal *journal)
{
    _cleanup_free_ char *now = boot_id();

    return journal->boot && strcmp(journal->boot, now) == 0;
}

void
maqet_journal_record(struct maqet_journal *journal)
{
    free(journal->boot);
    journal->boot = boot_id();
    for (size_t i = 0; i < journal->drive_count; i++) {
        struct maqet_journal_drive *drive = &journal->drives[i];

        drive->state = (struct maqet_file_state){0};
        if (drive->path)
            maqet_file_state_read(drive->path, &drive->state);
    }
}

/* ---- reading ---- */

static void
parse_id(json_object *object, struct maqet_file_id *id)
{
    id->device = (uint64_t)maqet_json_int(object, "device");
    id->inode = (uint64_t)maqet_json_int(object, "inode");
    id->birth = (uint64_t)maqet_json_int(object, "birth");
}

static void
parse_image(json_object *object, struct maqet_file_state *state)
{
    json_object *image = NULL;

    if (!json_object_object_get_ex(object, "image", &image))
        return;
    state->known = true;
    parse_id(image, &state->id);
    state->size = (uint64_t)maqet_json_int(image, "size");
    state->modified = maqet_json_int(image, "modified");
}

/* An earlier maqet wrote the name alone. */
static bool
parse_drive(json_object *object, struct maqet_journal *journal)
{
    const char *name = json_object_is_type(object, json_type_string)
                           ? json_object_get_string(object)
                           : maqet_json_text(object, "name");
    json_object *snapshot = NULL;

    if (!name)
        return false;
    struct maqet_journal_drive *drive =
        maqet_journal_add_drive(journal, name, maqet_json_text(object, "path"));
    parse_image(object, &drive->state);
    if (!json_object_object_get_ex(object, "snapshot", &snapshot))
        return true;
    drive->snapshot = maqet_strdup(maqet_json_text(snapshot, "id"));
    drive->seconds = maqet_json_int(snapshot, "seconds");
    drive->nanoseconds = (uint32_t)maqet_json_int(snapshot, "nanoseconds");
    return drive->snapshot != NULL;
}

/* False: there is something else among them. */
static bool
parse_drives(json_object *file, struct maqet_journal *journal)
{
    json_object *list = NULL;

    json_object_object_get_ex(file, "drives", &list);
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!parse_drive(json_object_array_get_idx(list, i), journal))
            return false;
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
    journal->begun = maqet_json_int(file, "begun");
    journal->interrupted = maqet_json_int(file, "interrupted");
    journal->boot = maqet_strdup(maqet_json_text(file, "boot"));
    journal->sealed = json_object_get_boolean(json_object_object_get(file, "sealed"));
    return journal->operation && journal->name && parse_stand_in(file, journal) &&
           parse_drives(file, journal);
}

/* Whether it is the very file that was written. A copy, such as a backup that was brought
 * back, says nothing of what happened to the images since. */
static void
look_at_file(const char *path, json_object *file, struct maqet_journal *journal)
{
    struct maqet_file_state state;
    struct maqet_file_id written = {0};
    json_object *object = NULL;

    json_object_object_get_ex(file, "file", &object);
    parse_id(object, &written);
    maqet_file_state_read(path, &state);
    journal->touched = state.modified;
    journal->copied =
        !maqet_file_id_same(&state.id, &written, maqet_journal_same_boot(journal));
}

int
maqet_journal_read(const struct maqet_context *context, const char *vm,
                   struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);
    _cleanup_error_ struct maqet_error *reason = NULL;

    maqet_journal_clear(journal);
    if (maqet_file_missing(path))
        return 0;
    _cleanup_free_ char *text = NULL;
    bool unread = maqet_file_read(path, MAQET_JSON_LIMIT, &text, NULL, &reason) < 0 &&
                  reason->code != MAQET_ERROR_INVALID;
    _cleanup_json_ json_object *file =
        text ? maqet_json_parse(text, path, &reason) : NULL;
    if (file && parse(file, journal)) {
        look_at_file(path, file, journal);
        return 0;
    }
    maqet_journal_clear(journal);
    journal->unread = unread;
    if (!reason)
        maqet_error_set(&reason, MAQET_ERROR_FAILED,
                        "%s is damaged, or was written by a later maqet", path);
    maqet_error_wrap(&reason,
                     "VM '%s': an operation on its snapshots was interrupted, but "
                     "can't be read",
                     vm);
    maqet_error_hint(&reason, "See which snapshots there are: maqet snapshot %s list",
                     vm);
    if (!unread)
        maqet_error_hint(
            &reason, "Leave the images as they are and go on: maqet recover %s --forget",
            vm);
    return maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- writing ---- */

static void
add_number(json_object *object, const char *key, int64_t number)
{
    json_object_object_add(object, key, json_object_new_int64(number));
}

static void
add_text(json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

static void
add_id(json_object *object, const struct maqet_file_id *id)
{
    add_number(object, "device", (int64_t)id->device);
    add_number(object, "inode", (int64_t)id->inode);
    add_number(object, "birth", (int64_t)id->birth);
}

static json_object *
render_drive(const struct maqet_journal_drive *drive)
{
    json_object *object = json_object_new_object();

    add_text(object, "name", drive->name);
    add_text(object, "path", drive->path);
    if (drive->state.known) {
        json_object *image = json_object_new_object();

        add_id(image, &drive->state.id);
        add_number(image, "size", (int64_t)drive->state.size);
        add_number(image, "modified", drive->state.modified);
        json_object_object_add(object, "image", image);
    }
    if (drive->snapshot) {
        json_object *snapshot = json_object_new_object();

        add_text(snapshot, "id", drive->snapshot);
        add_number(snapshot, "seconds", drive->seconds);
        add_number(snapshot, "nanoseconds", drive->nanoseconds);
        json_object_object_add(object, "snapshot", snapshot);
    }
    return object;
}

static json_object *
render(const struct maqet_journal *journal, const struct maqet_file_id *id)
{
    json_object *file = json_object_new_object();
    json_object *itself = json_object_new_object(), *drives = json_object_new_array();

    add_text(file, "operation", words[journal->operation]);
    add_text(file, "name", journal->name);
    add_text(file, "stand_in", journal->stand_in);
    add_number(file, "begun", journal->begun);
    if (journal->interrupted)
        add_number(file, "interrupted", journal->interrupted);
    add_text(file, "boot", journal->boot);
    json_object_object_add(file, "sealed", json_object_new_boolean(journal->sealed));
    add_id(itself, id);
    json_object_object_add(file, "file", itself);
    for (size_t i = 0; i < journal->drive_count; i++)
        json_object_array_add(drives, render_drive(&journal->drives[i]));
    json_object_object_add(file, "drives", drives);
    return file;
}

int
maqet_journal_write(const struct maqet_context *context, const char *vm,
                    const struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);
    _cleanup_replacement_ struct maqet_replacement replacement;
    struct maqet_file_id id;

    if (maqet_replacement_begin(path, &replacement, err) < 0)
        return -1;
    if (!maqet_file_id_of_fd(replacement.fd, &id))
        return maqet_error_errno(err, errno, "Can't write %s", path);
    _cleanup_json_ json_object *file = render(journal, &id);
    _cleanup_free_ char *text = maqet_format(
        "%s\n", json_object_to_json_string_ext(file, JSON_C_TO_STRING_PRETTY |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_replacement_finish(&replacement, text, strlen(text), 0600, err);
}

/* The removal reaches the disk as well: a load that came back after a power cut would be
 * finished a second time, and take with it what the guest has written since. */
int
maqet_journal_remove(const struct maqet_context *context, const char *vm,
                     struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);

    return maqet_file_remove(path, err);
}
