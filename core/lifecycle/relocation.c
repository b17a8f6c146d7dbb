/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/config/saved.h"
#include "core/lifecycle/relocation_check.h"
#include "core/machine/entries.h"
#include "core/machine/monitor.h"
#include "core/machine/needs.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"
#include "core/storage/creation.h"
#include "core/storage/keys.h"
#include "core/storage/overlays.h"

#define VALUE(member) MAQET_FIELD(struct maqet_relocation, member)

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_relocation, {"from", VALUE(from)}, {"to", VALUE(to)},
    {"converts", VALUE(converts)}, {"whole", VALUE(whole)}, {"created", VALUE(created)},
    {"resumes", VALUE(resumes)}, {"pid", VALUE(pid)}, {"old_device", VALUE(old.device)},
    {"old_inode", VALUE(old.inode)}, {"old_birth", VALUE(old.birth)},
    {"new_device", VALUE(new.device)}, {"new_inode", VALUE(new.inode)},
    {"new_birth", VALUE(new.birth)}, {"folder_device", VALUE(folder.device)},
    {"folder_inode", VALUE(folder.inode)}, {"folder_birth", VALUE(folder.birth)});

void
maqet_relocation_clear(struct maqet_relocation *relocation)
{
    maqet_plugging_clear(&relocation->before);
    maqet_plugging_clear(&relocation->after);
    json_object_put(relocation->running);
    json_object_put(relocation->stored);
    free(relocation->from);
    free(relocation->to);
    free(relocation->target);
    free(relocation->kept);
}

bool
maqet_relocation_is_live(const struct maqet_relocation *relocation)
{
    return relocation->pid > 0 && relocation->machine->run.pid == relocation->pid;
}

/* ---- the job ---- */

static json_object *
saved(json_object *entry)
{
    return entry ? maqet_tree_save(entry) : NULL;
}

static char *
details_of(const struct maqet_relocation *relocation)
{
    _cleanup_json_ json_object *details = maqet_fields_to_json(&fields, relocation);

    json_object_object_add(details, "before", saved(relocation->before.entry));
    json_object_object_add(details, "after", saved(relocation->after.entry));
    json_object_object_add(details, "running", saved(relocation->running));
    json_object_object_add(details, "stored", saved(relocation->stored));
    return maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int
maqet_relocation_begin(const struct maqet_relocation *relocation, struct maqet_job *job,
                       const struct maqet_job_kind *kind, struct maqet_error **err)
{
    maqet_job_find(job, relocation->machine);
    maqet_job_plan(job, kind, relocation->before.drive->name);
    job->journal.details = details_of(relocation);
    return maqet_job_begin(job, err);
}

int
maqet_relocation_note(const struct maqet_relocation *relocation, struct maqet_job *job,
                      size_t phase, struct maqet_error **err)
{
    free(job->journal.details);
    job->journal.details = details_of(relocation);
    return maqet_job_phase(job, phase, err);
}

/* *entry gets a part of the details, if they have it. */
static int
load(json_object *details, const char *key, json_object **entry, struct maqet_error **err)
{
    json_object *stored = json_object_object_get(details, key);

    *entry = stored ? maqet_tree_load(stored, err) : NULL;
    return stored && !*entry ? -1 : 0;
}

int
maqet_relocation_reopen(struct maqet_relocation *relocation, const struct maqet_job *job,
                        struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, err)
            : NULL;
    _cleanup_json_ json_object *before = NULL;
    _cleanup_json_ json_object *after = NULL;

    if (!details || maqet_fields_from_json(&fields, details, relocation, NULL) < 0 ||
        load(details, "before", &before, err) < 0 ||
        load(details, "after", &after, err) < 0 ||
        load(details, "running", &relocation->running, err) < 0 ||
        load(details, "stored", &relocation->stored, err) < 0 || !before || !after ||
        !relocation->stored)
        return err && *err ? -1
                           : maqet_error_set(err, MAQET_ERROR_FAILED,
                                             "%s does not say which drive it was",
                                             MAQET_STORE_PENDING);
    relocation->machine = job->machine;
    return maqet_plugging_open(&relocation->before, job->machine, before, err) < 0
               ? -1
               : maqet_plugging_open(&relocation->after, job->machine, after, err);
}

int
maqet_relocation_look_at_new(struct maqet_relocation *relocation,
                             struct maqet_error **err)
{
    struct maqet_plugging *after = &relocation->after;
    _cleanup_json_ json_object *entry = json_object_get(after->entry);

    maqet_plugging_clear(after);
    *after = (struct maqet_plugging){0};
    return maqet_plugging_open(after, relocation->machine, entry, err) < 0
               ? -1
               : maqet_drive_check_fault(after->drive, MAQET_FAULT_INTERFACE, err);
}

/* ---- the definitions ---- */

static int
commit_running(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    const struct maqet_opened *machine = relocation->machine;
    _cleanup_definition_ struct maqet_definition *running =
        maqet_opened_definition(machine, err);

    if (!running)
        return -1;
    maqet_entries_put(running, relocation->running);
    return maqet_opened_note_definition(machine, running, err);
}

int
maqet_relocation_commit(const struct maqet_relocation *relocation,
                        struct maqet_error **err)
{
    const struct maqet_opened *machine = relocation->machine;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);

    if (!stored)
        return -1;
    maqet_entries_put(stored, relocation->stored);
    if (maqet_store_replace(machine->context, stored, err) < 0)
        return -1;
    return maqet_relocation_is_live(relocation) ? commit_running(relocation, err) : 0;
}

int
maqet_relocation_is_committed(const struct maqet_relocation *relocation, bool *committed,
                              struct maqet_error **err)
{
    const struct maqet_opened *machine = relocation->machine;
    const struct maqet_drive *drive = relocation->after.drive;
    const char *option = drive->storage->plugin.path_option;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);
    json_object *entry = stored ? maqet_entries_find(stored, drive->name) : NULL;
    json_object *container = entry ? maqet_keys_container(entry, option) : NULL;

    if (!stored)
        return -1;
    *committed =
        container && strcmp(maqet_tree_text(container, option), relocation->to) == 0;
    return 0;
}

/* ---- records ---- */

int
maqet_relocation_record(void *data, const struct maqet_drive *drive, const char *file,
                        const struct maqet_file_id *id, struct maqet_error **err)
{
    struct maqet_relocation *relocation = data;
    struct maqet_vm *vm = relocation->after.vm;

    if (file)
        maqet_owner_mark(vm->context, vm->definition, file);
    return maqet_images_note_created(vm, drive, id, err);
}

/* What was known of a moved image, such as its backing files as they were, stays known. */
static void
inherit(const struct maqet_relocation *relocation, struct maqet_images *images)
{
    const struct maqet_image_record *old = maqet_images_find(images, relocation->from);
    struct maqet_image_record *new = maqet_images_find(images, relocation->to);
    struct maqet_image_record record = {0};

    if (!new)
        return;
    new->created = relocation->created;
    if (!old)
        return;
    maqet_fields_copy(&maqet_image_record_fields, old, &record, NULL);
    free(record.path);
    record.path = maqet_strdup(relocation->to);
    record.id = new->id;
    maqet_fields_clear(&maqet_image_record_fields, new);
    *new = record;
}

/* Drops the record of an image that is gone, and records whose the new one is. */
static int
settle_records(struct maqet_relocation *relocation, bool gone, struct maqet_error **err)
{
    struct maqet_vm *vm = relocation->after.vm;
    struct maqet_images *images = &vm->images;

    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    if (!relocation->converts)
        inherit(relocation, images);
    for (size_t i = images->count; gone && i-- > 0;)
        if (images->items[i].path && strcmp(images->items[i].path, relocation->from) == 0)
            maqet_images_remove(images, i);
    vm->images_changed = true;
    maqet_images_attach(vm);
    return maqet_images_confirm(vm, err);
}

/* ---- the old image ---- */

/* Why it stays, as a phrase; NULL: it does not. The machine itself was asked before. */
static char *
need_of_old(const struct maqet_relocation *relocation)
{
    const struct maqet_opened *machine = relocation->machine;

    if (relocation->converts && !relocation->created)
        return maqet_strdup("it was not created by maqet");
    /* QEMU closes descriptors that it was told to forget only while the guest runs, when the
     * connection ends. */
    if (maqet_relocation_is_live(relocation))
        return maqet_relocation_need(machine, relocation->from);
    return maqet_image_need(machine->context, machine->name, NULL, relocation->from);
}

/* Something new is there, and is what was put there; an inode 0: it is not known what was. */
static int
check_there(const char *what, const char *new, const struct maqet_file_id *wanted,
            const char *old, struct maqet_error **err)
{
    struct maqet_file_id id;

    if (maqet_file_id_of_path(new, &id) &&
        (wanted->inode == 0 || maqet_file_id_is_same_file(&id, wanted)))
        return 0;
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "The new %s %s is not there, so the old one, %s, is not removed",
                    what, new, old);
    maqet_error_hint(err, "If its file system is not mounted, mount it");
    return -1;
}

/* The new image is there, with its overlays: else the old one is all that is left. */
static int
check_new(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_free_ char *new = maqet_overlays_folder(relocation->to);
    _cleanup_free_ char *old = maqet_overlays_folder(relocation->from);

    if (check_there("image", relocation->to, &relocation->new, relocation->from, err) < 0)
        return -1;
    return relocation->folder.inode == 0
               ? 0
               : check_there("folder of overlays", new, &relocation->folder, old, err);
}

int
maqet_relocation_finish(struct maqet_relocation *relocation, struct maqet_error **err)
{
    struct maqet_file_id id;
    bool there = maqet_file_id_of_path(relocation->from, &id) &&
                 maqet_file_id_equal(&id, &relocation->old);

    free(relocation->kept);
    maqet_monitor_leave(relocation->machine);
    relocation->kept = there ? need_of_old(relocation) : NULL;
    if (there && !relocation->kept && check_new(relocation, err) < 0)
        return -1;
    if (there && !relocation->kept &&
        ((relocation->before.drive->overlays &&
          maqet_overlays_remove(relocation->from, err) < 0) ||
         maqet_file_remove(relocation->from, err) < 0))
        return -1;
    return settle_records(relocation, !relocation->kept, err);
}

/* ---- the new image ---- */

/* Removes the overlays that were put beside the new image. */
static int
undo_overlays(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_overlays_folder(relocation->to);
    struct maqet_file_id id;

    /* Without the old image, the new one stays, with what belongs to it. */
    if (relocation->folder.inode == 0 || maqet_file_missing(relocation->from) ||
        !maqet_file_id_of_path(folder, &id) ||
        !maqet_file_id_equal(&id, &relocation->folder))
        return 0;
    return maqet_overlays_remove(relocation->to, err);
}

/* A second name of the old image, or a copy of it. */
static int
undo_file(const struct maqet_relocation *relocation, struct maqet_error **err)
{
    struct maqet_file_id id;

    maqet_image_sweep(relocation->after.drive);
    if (relocation->new.inode == 0 || !maqet_file_id_of_path(relocation->to, &id) ||
        !maqet_file_id_equal(&id, &relocation->new) ||
        maqet_file_missing(relocation->from))
        return 0;
    return maqet_file_remove(relocation->to, err);
}

/* Drops the record of the new image, which is gone. */
static int
drop_record(struct maqet_relocation *relocation, struct maqet_error **err)
{
    struct maqet_vm *vm = relocation->after.vm;

    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    for (size_t i = vm->images.count; i-- > 0;) {
        const char *path = vm->images.items[i].path;

        if (!path || strcmp(path, relocation->to) != 0)
            continue;
        maqet_images_remove(&vm->images, i);
        vm->images_changed = true;
    }
    maqet_images_attach(vm);
    return maqet_images_confirm(vm, err);
}

/* Why a new image that was created stays, as a phrase; NULL: it does not. QEMU itself writes to it while
 * it copies, also without maqet, and may have descriptors of it for a moment longer. */
static char *
need_of_new(const struct maqet_relocation *relocation, bool written)
{
    const struct maqet_opened *machine = relocation->machine;

    if (relocation->pid > 0)
        return maqet_relocation_need(machine, relocation->to);
    return written ? maqet_strdup("it was written to since")
                   : maqet_image_need(machine->context, NULL, NULL, relocation->to);
}

/* An image that was created. *need: why it is kept. */
static int
undo_creation(const struct maqet_relocation *relocation, bool written, char **need,
              struct maqet_error **err)
{
    const struct maqet_image_record *record =
        maqet_images_find(&relocation->after.vm->images, relocation->to);
    struct maqet_file_id id;

    maqet_image_sweep(relocation->after.drive);
    if (!record || !record->created || !maqet_file_id_of_path(relocation->to, &id) ||
        !maqet_file_id_equal(&id, &record->id))
        return 0;
    *need = need_of_new(relocation, written);
    return *need ? 0 : maqet_file_remove(relocation->to, err);
}

int
maqet_relocation_undo(struct maqet_relocation *relocation, bool written,
                      struct maqet_error **err)
{
    _cleanup_free_ char *need = NULL;

    maqet_monitor_leave(relocation->machine);
    if (relocation->whole)
        return undo_file(relocation, err) < 0 || undo_overlays(relocation, err) < 0
                   ? -1
                   : drop_record(relocation, err);
    if (undo_creation(relocation, written, &need, err) < 0)
        return -1;
    if (!need)
        return drop_record(relocation, err);
    maqet_context_say(relocation->machine->context, MAQET_LEVEL_WARNING,
                      "VM '%s', drive '%s': %s, the new image, is kept: %s",
                      relocation->machine->name, relocation->after.drive->name,
                      relocation->to, need);
    return 0;
}
