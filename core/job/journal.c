/* SPDX-License-Identifier: MIT */
#include "core/job/journal.h"

#include <errno.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/replacement.h"
#include "core/machine/store.h"

/* ---- its parts ---- */

void
maqet_journal_clear(struct maqet_journal *journal)
{
    for (size_t i = 0; i < journal->target_count; i++) {
        free(journal->targets[i].name);
        free(journal->targets[i].path);
        free(journal->targets[i].snapshot);
    }
    free(journal->targets);
    free(journal->name);
    json_object_put(journal->data);
    free(journal->boot);
    *journal = (struct maqet_journal){0};
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
    size_t count = journal->target_count++;

    journal->targets =
        maqet_realloc(journal->targets, (count + 1) * sizeof(*journal->targets));
    journal->targets[count] =
        (struct maqet_job_target){.name = maqet_strdup(name), .path = maqet_strdup(path)};
    return &journal->targets[count];
}

const struct maqet_job_target *
maqet_journal_find_target(const struct maqet_journal *journal, const char *name)
{
    for (size_t i = 0; i < journal->target_count; i++)
        if (strcmp(journal->targets[i].name, name) == 0)
            return &journal->targets[i];
    return NULL;
}

void
maqet_journal_note(struct maqet_journal *journal, const char *key, const char *text)
{
    if (!journal->data)
        journal->data = json_object_new_object();
    json_object_object_add(journal->data, key, json_object_new_string(text));
}

const char *
maqet_journal_noted(const struct maqet_journal *journal, const char *key)
{
    return maqet_json_text(journal->data, key);
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
parse_target(json_object *object, struct maqet_journal *journal)
{
    const char *name = json_object_is_type(object, json_type_string)
                           ? json_object_get_string(object)
                           : maqet_json_text(object, "name");
    json_object *snapshot = NULL;

    if (!name)
        return false;
    struct maqet_job_target *target =
        maqet_journal_add_target(journal, name, maqet_json_text(object, "path"));
    parse_image(object, &target->state);
    if (!json_object_object_get_ex(object, "snapshot", &snapshot))
        return true;
    target->snapshot = maqet_strdup(maqet_json_text(snapshot, "id"));
    target->seconds = maqet_json_int(snapshot, "seconds");
    target->nanoseconds = (uint32_t)maqet_json_int(snapshot, "nanoseconds");
    return target->snapshot != NULL;
}

/* False: there is something else among them. */
static bool
parse_targets(json_object *list, struct maqet_journal *journal)
{
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        if (!parse_target(json_object_array_get_idx(list, i), journal))
            return false;
    return true;
}

/* Whether a phase has that word; @former: that of an earlier maqet, which had one for kind
 * and phase together. */
static bool
has_word(const struct maqet_job_phase *phase, const char *word, bool former)
{
    const char *its = former ? phase->former : phase->word;

    return its && strcmp(its, word) == 0;
}

/* Finds the row that the journal names. False: there is none. */
static bool
find_phase(const struct maqet_context *context, const char *kind, const char *word,
           struct maqet_journal *journal)
{
    const struct maqet_job_kind *const *row = context->job_kinds;

    for (; word && row && *row; row++)
        for (size_t i = 0; i < (*row)->phase_count; i++) {
            if ((kind && strcmp((*row)->word, kind) != 0) ||
                !has_word(&(*row)->phases[i], word, !kind))
                continue;
            journal->kind = *row;
            journal->phase = i;
            return true;
        }
    return false;
}

/* Takes what the kind noted, which are texts. */
static bool
parse_data(json_object *data, struct maqet_journal *journal)
{
    if (!json_object_is_type(data, json_type_object))
        return false;
    journal->name = maqet_strdup(maqet_json_text(data, "name"));
    json_object_object_foreach(data, key, value)
    {
        if (strcmp(key, "name") != 0 && json_object_is_type(value, json_type_string))
            maqet_journal_note(journal, key, json_object_get_string(value));
    }
    return true;
}

/* {"operation": WORD, "name": NAME, "stand_in": NAME, "drives": [...]}, as an earlier maqet
 * wrote it. */
static bool
parse_former(const struct maqet_context *context, json_object *file,
             struct maqet_journal *journal)
{
    json_object *stand_in = json_object_object_get(file, "stand_in");

    journal->name = maqet_strdup(maqet_json_text(file, "name"));
    if (json_object_is_type(stand_in, json_type_string))
        maqet_journal_note(journal, "stand_in", json_object_get_string(stand_in));
    else if (stand_in)
        return false;
    return find_phase(context, NULL, maqet_json_text(file, "operation"), journal) &&
           parse_targets(json_object_object_get(file, "drives"), journal);
}

/* Fills the journal; false: it is not one of ours. */
static bool
parse(const struct maqet_context *context, json_object *file,
      struct maqet_journal *journal)
{
    const char *kind = maqet_json_text(file, "kind");

    if (!json_object_is_type(file, json_type_object))
        return false;
    journal->begun = maqet_json_int(file, "begun");
    journal->interrupted = maqet_json_int(file, "interrupted");
    journal->boot = maqet_strdup(maqet_json_text(file, "boot"));
    journal->sealed = json_object_get_boolean(json_object_object_get(file, "sealed"));
    bool known =
        kind ? find_phase(context, kind, maqet_json_text(file, "phase"), journal) &&
                   parse_data(json_object_object_get(file, "data"), journal) &&
                   parse_targets(json_object_object_get(file, "targets"), journal)
             : parse_former(context, file, journal);
    return known && journal->name &&
           (!journal->kind->needs || maqet_journal_noted(journal, journal->kind->needs));
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
    if (file && parse(context, file, journal)) {
        look_at_file(path, file, journal);
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
render_target(const struct maqet_job_target *target)
{
    json_object *object = json_object_new_object();

    add_text(object, "name", target->name);
    add_text(object, "path", target->path);
    if (target->state.known) {
        json_object *image = json_object_new_object();

        add_id(image, &target->state.id);
        add_number(image, "size", (int64_t)target->state.size);
        add_number(image, "modified", target->state.modified);
        json_object_object_add(object, "image", image);
    }
    if (target->snapshot) {
        json_object *snapshot = json_object_new_object();

        add_text(snapshot, "id", target->snapshot);
        add_number(snapshot, "seconds", target->seconds);
        add_number(snapshot, "nanoseconds", target->nanoseconds);
        json_object_object_add(object, "snapshot", snapshot);
    }
    return object;
}

static json_object *
render(const struct maqet_journal *journal, const struct maqet_file_id *id)
{
    json_object *file = json_object_new_object();
    json_object *itself = json_object_new_object(), *targets = json_object_new_array();
    json_object *data = json_object_new_object();

    add_text(file, "kind", journal->kind->word);
    add_text(file, "phase", maqet_journal_phase(journal)->word);
    add_number(file, "begun", journal->begun);
    if (journal->interrupted)
        add_number(file, "interrupted", journal->interrupted);
    add_text(file, "boot", journal->boot);
    json_object_object_add(file, "sealed", json_object_new_boolean(journal->sealed));
    add_id(itself, id);
    json_object_object_add(file, "file", itself);
    for (size_t i = 0; i < journal->target_count; i++)
        json_object_array_add(targets, render_target(&journal->targets[i]));
    json_object_object_add(file, "targets", targets);
    add_text(data, "name", journal->name);
    if (journal->data) {
        json_object_object_foreach(journal->data, key, value)
        {
            json_object_object_add(data, key, json_object_get(value));
        }
    }
    json_object_object_add(file, "data", data);
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
        return maqet_error_errno(err, errno, "Cannot write %s", path);
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
