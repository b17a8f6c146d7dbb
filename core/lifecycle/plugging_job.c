/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/plugging_job.h"

#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/config/saved.h"
#include "core/lifecycle/remove_elsewhere.h"
#include "core/machine/entries.h"
#include "core/machine/monitor.h"
#include "core/machine/needs.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/storage/callback.h"
#include "core/storage/creation.h"

/* ---- the job ---- */

int
maqet_plugging_begin(const struct maqet_plugging *plugging, struct maqet_job *job,
                     const struct maqet_job_kind *kind, struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        maqet_json_object("entry", maqet_tree_save(plugging->entry), "transient",
                          json_object_new_boolean(plugging->transient), "known",
                          json_object_new_boolean(plugging->known), "exists",
                          json_object_new_boolean(plugging->exists), NULL);

    maqet_job_find(job, plugging->machine);
    maqet_job_plan(job, kind, plugging->drive->name);
    job->journal.details = maqet_strdup(json_object_to_json_string_ext(
        details, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    return maqet_job_begin(job, err);
}

static bool
get_bool(json_object *details, const char *key)
{
    return json_object_get_boolean(json_object_object_get(details, key));
}

int
maqet_plugging_reopen(struct maqet_plugging *plugging, const struct maqet_job *job,
                      struct maqet_error **err)
{
    _cleanup_json_ json_object *details =
        job->journal.details
            ? maqet_json_parse(job->journal.details, MAQET_STORE_PENDING, err)
            : NULL;
    json_object *saved = json_object_object_get(details, "entry");
    _cleanup_json_ json_object *entry = saved ? maqet_tree_load(saved, err) : NULL;

    if (!entry)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "%s does not say which drive it was", MAQET_STORE_PENDING);
    plugging->transient = get_bool(details, "transient");
    plugging->known = get_bool(details, "known");
    plugging->exists = get_bool(details, "exists");
    return maqet_plugging_open(plugging, job->machine, entry, err);
}

/* ---- the definitions ---- */

/* Adds or removes the entry. False: the definition is like that already. */
static bool
change(const struct maqet_plugging *plugging, struct maqet_definition *definition,
       bool attached)
{
    const char *name = plugging->drive->name;

    if (!attached)
        return maqet_entries_remove(definition, name);
    if (maqet_entries_find(definition, name))
        return false;
    maqet_entries_put(definition, plugging->entry);
    return true;
}

static int
store_running(const struct maqet_plugging *plugging, bool attached,
              struct maqet_error **err)
{
    const struct maqet_opened *machine = plugging->machine;
    _cleanup_definition_ struct maqet_definition *running =
        maqet_opened_definition(machine, err);

    if (!running)
        return -1;
    return change(plugging, running, attached)
               ? maqet_opened_note_definition(machine, running, err)
               : 0;
}

static int
store_stored(const struct maqet_plugging *plugging, bool attached,
             struct maqet_error **err)
{
    const struct maqet_opened *machine = plugging->machine;
    _cleanup_definition_ struct maqet_definition *stored =
        maqet_store_load(machine->context, machine->name, err);

    if (!stored)
        return -1;
    return change(plugging, stored, attached)
               ? maqet_store_replace(machine->context, stored, err)
               : 0;
}

/* ---- slots ---- */

static void
note_slot(struct maqet_plugging *plugging, struct maqet_slots *slots, bool attached)
{
    const struct maqet_drive *drive = plugging->drive;

    maqet_slots_remove(slots, drive->name);
    if (attached && drive->iface)
        maqet_slots_add(slots, drive->name, drive->iface->plugin.name, drive->slot);
}

static int
store_slots(struct maqet_plugging *plugging, bool attached, struct maqet_error **err)
{
    const struct maqet_vm *vm = plugging->vm;
    _cleanup_slots_ struct maqet_slots slots = {0};

    if (vm->slots_error)
        return maqet_error_copy(err, vm->slots_error);
    maqet_slots_copy(&slots, &vm->slots);
    note_slot(plugging, &slots, attached);
    if (maqet_plugging_look(plugging, err) < 0)
        return -1;
    if (maqet_slots_observe(plugging->machine->qmp, MAQET_PLUGGING_ANSWER_TIMEOUT,
                            &plugging->plugged, plugging->args, vm->machine.type, &slots,
                            err) < 0)
        return maqet_error_wrap(err, "VM '%s'", plugging->machine->name);
    return maqet_slots_save(vm->context, vm->definition->name, &slots, err);
}

int
maqet_plugging_store(struct maqet_plugging *plugging, bool attached,
                     struct maqet_error **err)
{
    bool running = plugging->machine->run.pid > 0;

    if (running && (store_slots(plugging, attached, err) < 0 ||
                    store_running(plugging, attached, err) < 0))
        return -1;
    return plugging->transient ? 0 : store_stored(plugging, attached, err);
}

/* ---- what was created ---- */

static size_t
record_index(const struct maqet_plugging *plugging)
{
    const struct maqet_images *images = &plugging->vm->images;
    size_t i = 0;

    while (i < images->count && &images->items[i] != plugging->drive->record)
        i++;
    return i;
}

/* Deletes the image if it is the file that was created, and nobody needs it by now: also not
 * this machine, whose stored definition may have changed since. What others have written to
 * it stays although nobody has it any more. *need: why it stays. */
static int
delete_file(const struct maqet_plugging *plugging, bool written, char **need,
            struct maqet_error **err)
{
    const struct maqet_drive *drive = plugging->drive;
    const struct maqet_image_record *record = drive->record;
    struct maqet_file_id id;

    maqet_image_sweep(drive);
    if (plugging->exists || !record || !record->created ||
        !maqet_file_id_of_path(drive->path, &id) ||
        !maqet_file_id_equal(&id, &record->id))
        return 0;
    *need = maqet_image_need(plugging->machine->context, NULL, NULL, drive->path);
    if (!*need && written)
        *need = maqet_strdup("it was written to since");
    return *need ? 0 : maqet_file_remove(drive->path, err);
}

/* Storage elsewhere was certainly created by us if that was recorded afterwards. */
static int
delete_elsewhere(const struct maqet_plugging *plugging, bool written, char **need,
                 struct maqet_error **err)
{
    const struct maqet_drive *drive = plugging->drive;
    const struct maqet_image_record *record = drive->record;

    if (plugging->exists || !record || !record->created || record->seen == 0 ||
        !drive->storage->plugin.remove)
        return 0;
    *need = maqet_elsewhere_need(plugging->machine->context, drive);
    if (!*need && written)
        *need = maqet_strdup("somebody may have written to it since");
    return *need ? 0 : MAQET_STORAGE_CALL(err, drive, MAQET_CALL_LONG, remove);
}

int
maqet_plugging_undo_creation(struct maqet_plugging *plugging, bool written, char **need,
                             struct maqet_error **err)
{
    struct maqet_vm *vm = plugging->vm;
    struct maqet_drive *drive = plugging->drive;

    *need = NULL;
    if (vm->images_error)
        return maqet_error_copy(err, vm->images_error);
    if (drive->fault_of >= MAQET_FAULT_STORAGE)
        return 0;
    if ((drive->path ? delete_file(plugging, written, need, err)
                     : delete_elsewhere(plugging, written, need, err)) < 0)
        return -1;
    size_t index = record_index(plugging);
    if (*need || plugging->known || index == vm->images.count)
        return 0;
    maqet_images_remove(&vm->images, index);
    vm->images_changed = true;
    maqet_images_attach(vm);
    return maqet_images_confirm(vm, err);
}
