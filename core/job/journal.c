/* SPDX-License-Identifier: MIT */
#include "core/job/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/base/replacement.h"
#include "core/machine/store.h"

/* A value that an earlier maqet may not have written. */
#define OPTIONAL(of, key, member)                                                        \
    {                                                                                    \
        key, MAQET_FIELD(of, member), .optional = true, .sparse = true                   \
    }

/* ---- files ---- */

static const int64_t SECOND = 1000000000; /* in ns */

bool
maqet_file_state_read(const char *path, struct maqet_file_state *state)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat status;

    *state = (struct maqet_file_state){0};
    if (fd < 0 || fstat(fd, &status) < 0)
        return false;
    if (!S_ISREG(status.st_mode))
        return true;
    state->known = maqet_file_id_of_fd(fd, &state->id);
    state->size = (uint64_t)status.st_size;
    state->modified = status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec;
    return true;
}

bool
maqet_file_id_same(const struct maqet_file_id *a, const struct maqet_file_id *b,
                   bool same_boot)
{
    return same_boot || a->birth == 0 ? maqet_file_id_equal(a, b)
                                      : maqet_file_id_is_same_file(a, b);
}

bool
maqet_file_state_same_file(const struct maqet_file_state *a,
                           const struct maqet_file_state *b, bool same_boot)
{
    return a->known && b->known && maqet_file_id_same(&a->id, &b->id, same_boot);
}

bool
maqet_file_state_same_content(const struct maqet_file_state *a,
                              const struct maqet_file_state *b)
{
    return a->size == b->size && a->modified == b->modified;
}

/* ---- its parts ---- */

static const struct maqet_fields id_fields = MAQET_FIELDS_OF(
    struct maqet_file_id, OPTIONAL(struct maqet_file_id, "device", device),
    OPTIONAL(struct maqet_file_id, "inode", inode),
    OPTIONAL(struct maqet_file_id, "birth", birth));

static const struct maqet_fields image_fields = MAQET_FIELDS_OF(
    struct maqet_file_state, OPTIONAL(struct maqet_file_state, "device", id.device),
    OPTIONAL(struct maqet_file_state, "inode", id.inode),
    OPTIONAL(struct maqet_file_state, "birth", id.birth),
    OPTIONAL(struct maqet_file_state, "size", size),
    OPTIONAL(struct maqet_file_state, "modified", modified));

static const struct maqet_fields snapshot_fields =
    MAQET_FIELDS_OF(struct maqet_snapshot, {"id", MAQET_FIELD(struct maqet_snapshot, id)},
                    OPTIONAL(struct maqet_snapshot, "seconds", seconds),
                    OPTIONAL(struct maqet_snapshot, "nanoseconds", nanoseconds));

static const struct maqet_fields target_fields = MAQET_FIELDS_OF(
    struct maqet_job_target, {"name", MAQET_FIELD(struct maqet_job_target, name)},
    OPTIONAL(struct maqet_job_target, "path", path),
    {"image", MAQET_FIELD_OBJECT(struct maqet_job_target, state, &image_fields),
     .known = MAQET_KNOWN(struct maqet_job_target, state.known), .sparse = true},
    {"snapshot", MAQET_FIELD_OBJECT(struct maqet_job_target, snapshot, &snapshot_fields),
     .known = MAQET_KNOWN(struct maqet_job_target, has_snapshot), .sparse = true});

/* In the file, the data_keys are in an object "data", beside the kind and the phase. */
static const struct maqet_fields journal_fields = MAQET_FIELDS_OF(
    struct maqet_journal, {"name", MAQET_FIELD(struct maqet_journal, name)},
    OPTIONAL(struct maqet_journal, "stand_in", stand_in),
    OPTIONAL(struct maqet_journal, "details", details),
    OPTIONAL(struct maqet_journal, "begun", begun),
    OPTIONAL(struct maqet_journal, "interrupted", interrupted),
    OPTIONAL(struct maqet_journal, "boot", boot),
    OPTIONAL(struct maqet_journal, "sealed", sealed),
    {"file", MAQET_FIELD_OBJECT(struct maqet_journal, file, &id_fields),
     .optional = true},
    {"targets",
     MAQET_FIELD_LIST(struct maqet_journal, targets, target_count, &target_fields)});

static const char *const data_keys[] = {"name", "stand_in", "details"};

void
maqet_journal_clear(struct maqet_journal *journal)
{
    maqet_fields_clear(&journal_fields, journal);
}

const struct maqet_job_phase *
maqet_journal_phase(const struct maqet_journal *journal)
{
    return journal->kind ? &journal->kind->phases[journal->phase] : NULL;
}

char *
maqet_journal_title(const struct maqet_journal *journal)
{
    return maqet_format("%s '%s'", journal->kind->noun, journal->name);
}

struct maqet_job_target *
maqet_journal_add_target(struct maqet_journal *journal, const char *name,
                         const char *path)
{
    struct maqet_job_target *target =
        MAQET_APPEND(journal->targets, journal->target_count);

    target->name = maqet_strdup(name);
    target->path = maqet_strdup(path);
    return target;
}

const struct maqet_job_target *
maqet_journal_find_target(const struct maqet_journal *journal, const char *name)
{
    for (size_t i = 0; i < journal->target_count; i++)
        if (strcmp(journal->targets[i].name, name) == 0)
            return &journal->targets[i];
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
    for (size_t i = 0; i < journal->target_count; i++) {
        struct maqet_job_target *target = &journal->targets[i];

        target->state = (struct maqet_file_state){0};
        if (target->path)
            maqet_file_state_read(target->path, &target->state);
    }
}

/* ---- reading ---- */

/* Finds the row of the kind and the phase. Without a kind it is the word of an earlier
 * maqet, which had one for both together. False: there is none. */
static bool
find_phase(const struct maqet_context *context, const char *kind, const char *word,
           struct maqet_journal *journal)
{
    const struct maqet_job_kind *const *row = context->job_kinds;

    for (; word && row && *row; row++)
        for (size_t i = 0; i < (*row)->phase_count; i++) {
            const struct maqet_job_phase *phase = &(*row)->phases[i];
            const char *its = kind ? phase->word : phase->former;

            if ((kind && strcmp((*row)->word, kind) != 0) || !its ||
                strcmp(its, word) != 0)
                continue;
            journal->kind = *row;
            journal->phase = i;
            return true;
        }
    return false;
}

/* An earlier maqet wrote identities and sizes beyond INT64_MAX as negative numbers. */
static void
make_unsigned(json_object *state)
{
    static const char *const keys[] = {"device", "inode", "birth", "size"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        int64_t number = maqet_json_int(state, keys[i]);

        if (number < 0)
            json_object_object_add(state, keys[i],
                                   json_object_new_uint64((uint64_t)number));
    }
}

/* Makes a file of this maqet, or of an earlier one (@former), match the rows. An earlier
 * one had "drives" instead, of which the first versions wrote only the names, and no
 * "data". */
static void
normalize(json_object *file, bool former)
{
    json_object *data = json_object_object_get(file, "data");
    json_object *drives = json_object_object_get(file, "drives");

    for (size_t i = 0; !former && i < sizeof(data_keys) / sizeof(*data_keys); i++)
        json_object_object_add(
            file, data_keys[i],
            json_object_get(json_object_object_get(data, data_keys[i])));
    for (size_t i = 0; former && json_object_is_type(drives, json_type_array) &&
                       i < json_object_array_length(drives);
         i++) {
        json_object *drive = json_object_array_get_idx(drives, i);

        if (!json_object_is_type(drive, json_type_string))
            continue;
        json_object *target = json_object_new_object();
        json_object_object_add(target, "name", json_object_get(drive));
        json_object_array_put_idx(drives, i, target);
    }
    if (former)
        json_object_object_add(file, "targets", json_object_get(drives));
    json_object *targets = json_object_object_get(file, "targets");
    make_unsigned(json_object_object_get(file, "file"));
    for (size_t i = 0; json_object_is_type(targets, json_type_array) &&
                       i < json_object_array_length(targets);
         i++)
        make_unsigned(
            json_object_object_get(json_object_array_get_idx(targets, i), "image"));
}

/* Fills the journal. False: the file is not one. */
static bool
parse(const struct maqet_context *context, json_object *file,
      struct maqet_journal *journal)
{
    const char *kind = maqet_json_text(file, "kind");

    if (!json_object_is_type(file, json_type_object))
        return false;
    normalize(file, !kind);
    return maqet_fields_from_json(&journal_fields, file, journal, NULL) == 0 &&
           find_phase(context, kind, maqet_json_text(file, kind ? "phase" : "operation"),
                      journal) &&
           (!journal->kind->needs_stand_in || journal->stand_in);
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
    if (file && parse(context, file, journal)) {
        struct maqet_file_state state;

        /* A copy, such as a restored backup, does not tell what has happened to the images
         * since. */
        maqet_file_state_read(path, &state);
        journal->touched = state.modified;
        journal->copied = !maqet_file_id_same(&state.id, &journal->file,
                                              maqet_journal_same_boot(journal));
        return 0;
    }
    maqet_journal_clear(journal);
    journal->unread = unread;
    if (!reason)
        maqet_error_set(&reason, MAQET_ERROR_FAILED,
                        "%s is damaged, or was written by a later version of maqet",
                        path);
    maqet_error_wrap(&reason,
                     "VM '%s': an operation on its snapshots was interrupted, but "
                     "cannot be read",
                     vm);
    maqet_error_next(&reason, MAQET_NEXT_LIST_SNAPSHOTS, vm, NULL);
    if (!unread)
        maqet_error_next(&reason, MAQET_NEXT_FORGET_OPERATION, vm, NULL);
    return maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- writing ---- */

static json_object *
render(const struct maqet_journal *journal)
{
    json_object *file = maqet_fields_to_json(&journal_fields, journal);
    json_object *data = json_object_new_object();

    json_object_object_add(file, "kind", json_object_new_string(journal->kind->word));
    json_object_object_add(
        file, "phase",
        json_object_new_string(journal->kind->phases[journal->phase].word));
    for (size_t i = 0; i < sizeof(data_keys) / sizeof(*data_keys); i++) {
        json_object *value = json_object_object_get(file, data_keys[i]);

        if (value)
            json_object_object_add(data, data_keys[i], json_object_get(value));
        json_object_object_del(file, data_keys[i]);
    }
    json_object_object_add(file, "data", data);
    return file;
}

/* Begins a replacement, and returns what is to be its content, or NULL. The caller frees, and cleans up the
 * replacement also then. */
static char *
begin_replacement(const char *path, const struct maqet_journal *journal,
                  struct maqet_replacement *replacement, struct maqet_error **err)
{
    struct maqet_journal written = *journal;

    if (maqet_replacement_begin(path, replacement, err) < 0)
        return NULL;
    if (!maqet_file_id_of_fd(replacement->fd, &written.file)) {
        maqet_error_errno(err, errno, "Cannot write %s", path);
        return NULL;
    }
    _cleanup_json_ json_object *file = render(&written);
    return maqet_format(
        "%s\n", json_object_to_json_string_ext(file, JSON_C_TO_STRING_PRETTY |
                                                         JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int
write_to(const char *path, const struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_replacement_ struct maqet_replacement replacement = MAQET_REPLACEMENT_INIT;
    _cleanup_free_ char *text = begin_replacement(path, journal, &replacement, err);

    return !text ? -1
                 : maqet_replacement_finish(&replacement, text, strlen(text), 0600, err);
}

int
maqet_journal_draft(const struct maqet_context *context, const char *vm,
                    const struct maqet_journal *journal, struct maqet_replacement *draft,
                    struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);
    _cleanup_free_ char *text = begin_replacement(path, journal, draft, err);

    return !text ? -1 : maqet_replacement_write(draft, text, strlen(text), 0600, err);
}

int
maqet_journal_write(const struct maqet_context *context, const char *vm,
                    const struct maqet_journal *journal, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);

    return write_to(path, journal, err);
}

int
maqet_journal_write_in(const char *folder, const struct maqet_journal *journal,
                       struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, MAQET_STORE_PENDING);

    return write_to(path, journal, err);
}
/* The removal, too, reaches the disk: a load that reappeared after a power cut would be
 * finished a second time, and discard what the guest has written since. */
int
maqet_journal_remove(const struct maqet_context *context, const char *vm,
                     struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, vm, MAQET_STORE_PENDING);

    return maqet_file_remove(path, err);
}
