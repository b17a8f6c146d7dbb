/* SPDX-License-Identifier: MIT */
/*
 * clone.c - a clone is stored together with its job, before it has an image. So nobody can start
 * it before it is complete, and if it is interrupted, the next command that opens it removes it
 * with the images that it has got. In its source, only nodes have been frozen, which are merged
 * again when nothing needs them.
 */
#include "core/clone/clone.h"

#include <string.h>

#include "core/base/interrupt.h"
#include "core/clone/definition.h"
#include "core/clone/images.h"
#include "core/job/recover.h"
#include "core/lifecycle/apply.h"
#include "core/lifecycle/remove.h"
#include "core/machine/bases.h"
#include "core/machine/drives.h"
#include "core/machine/events.h"
#include "core/machine/owner.h"
#include "core/machine/port_choice.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/snapshot/members.h"
#include "core/storage/copy.h"
#include "core/storage/overlays.h"

enum { COUNT_MAX = 1000 };

static void
cloned_clear(struct maqet_cloned *cloned)
{
    free(cloned->name);
    free(cloned->uuid);
    free(cloned->source);
    maqet_strings_clear(&cloned->ports);
}

void
maqet_clones_clear(struct maqet_clones *clones)
{
    for (size_t i = 0; i < clones->count; i++)
        cloned_clear(&clones->items[i]);
    free(clones->items);
    *clones = (struct maqet_clones){0};
}

/* ---- one clone ---- */

/* A maqet_store_fill. */
static int
fill_folder(void *data, const char *folder, struct maqet_error **err)
{
    return maqet_job_begin_in(data, folder, err);
}

/* Of a machine that is stored, with its job. */
static int
complete(struct maqet_job *job, const struct maqet_vm *source,
         const struct maqet_clone_plan *plan, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    struct maqet_vm *vm = maqet_opened_vm(machine, err);

    /* Its devices are where the guest knows them. */
    if (!vm || maqet_vm_check_sound(vm, err) < 0 ||
        maqet_slots_save(machine->context, machine->name, &source->slots, err) < 0 ||
        maqet_clone_make_images(vm, machine->run.folder, plan, err) < 0 ||
        maqet_images_confirm(vm, err) < 0 ||
        maqet_left_images_take_over(vm->context, &vm->images, err) < 0 ||
        maqet_interrupt_check(err) < 0)
        return -1;
    maqet_event_note(machine->context, machine->name, "added", NULL);
    return maqet_job_done(job, err);
}

/* Stores it. */
static int
add(const struct maqet_context *context, struct maqet_definition *definition,
    const struct maqet_clone_plan *plan, const char *source, struct maqet_error **err)
{
    struct maqet_job job = {0};
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, definition, err);

    if (!vm || maqet_clone_check_files(vm, plan, err) < 0 || maqet_vm_check(vm, err) < 0)
        return -1;
    maqet_job_plan(&job, &maqet_kind_clone, source);
    int result = maqet_store_add_filled(context, vm->definition, fill_folder, &job, err);
    maqet_journal_clear(&job.journal);
    return result;
}

/* Plans it and stores it; nobody else gets its ports in between. */
static int
define(const struct maqet_vm *source, const struct maqet_clone_plan *plan,
       const char *name, struct maqet_cloned *cloned, struct maqet_error **err)
{
    _cleanup_close_ int lock = maqet_port_choice_lock(source->context, err);
    _cleanup_forwards_ struct maqet_forwards taken = {0};
    struct maqet_definition *definition =
        lock < 0
            ? NULL
            : maqet_clone_definition(source, plan, name, &taken, &cloned->ports, err);

    if (!definition)
        return -1;
    cloned->name = maqet_strdup(name);
    cloned->uuid = maqet_strdup(definition->uuid);
    cloned->source = maqet_strdup(source->definition->name);
    cloned->linked = plan->linked;
    return add(source->context, definition, plan, cloned->source, err);
}

static int
clone_one(const struct maqet_vm *source, const struct maqet_clone_plan *plan,
          const char *name, struct maqet_cloned *cloned, struct maqet_error **err)
{
    const struct maqet_context *context = source->context;

    if (define(source, plan, name, cloned, err) < 0)
        return -1;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, name,
                   MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING | MAQET_OPEN_FOLDER, err);
    _cleanup_job_ struct maqet_job job = {0};
    if (!machine)
        return -1;
    maqet_job_find(&job, machine);
    if (maqet_job_take(&job, err) < 0)
        return -1;
    return complete(&job, source, plan, err) < 0 ? maqet_job_fail(&job, err) : 0;
}

/* ---- all ---- */

/* The name of a clone; the caller frees. */
static char *
name_of(const struct maqet_clone_request *request, unsigned index)
{
    return request->count == 0 ? maqet_strdup(request->name)
                               : maqet_format("%s-%u", request->name, index + 1);
}

static int
check_request(const struct maqet_context *context,
              const struct maqet_clone_request *request, struct maqet_error **err)
{
    if (request->count > COUNT_MAX)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "At most %d clones at a time",
                               COUNT_MAX);
    for (unsigned i = 0; i < (request->count > 0 ? request->count : 1); i++) {
        _cleanup_free_ char *name = name_of(request, i);

        if (maqet_clone_check_name(context, name, err) < 0)
            return -1;
    }
    return 0;
}

/* Nodes that were frozen for clones that are not there. */
static void
tidy(const struct maqet_session *session, const struct maqet_clone_plan *plan)
{
    for (size_t i = 0; session->machine->run.pid == 0 && i < plan->count; i++) {
        const struct maqet_drive *drive = plan->drives[i].drive;

        if (!plan->drives[i].cut)
            continue;
        maqet_bases_note_needs(drive);
        maqet_drive_snapshot_repair(drive, NULL);
    }
}

static int
clone_all(struct maqet_session *session, const struct maqet_clone_request *request,
          const struct maqet_clone_plan *plan, struct maqet_clones *clones,
          struct maqet_error **err)
{
    for (unsigned i = 0; i < (request->count > 0 ? request->count : 1); i++) {
        _cleanup_free_ char *name = name_of(request, i);
        struct maqet_cloned cloned = {0};

        if (clone_one(session->machine->vm, plan, name, &cloned, err) < 0) {
            cloned_clear(&cloned);
            return -1;
        }
        *MAQET_APPEND(clones->items, clones->count) = cloned;
    }
    return 0;
}

int
maqet_vm_clone(const struct maqet_context *context,
               const struct maqet_clone_request *request, struct maqet_clones *clones,
               struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, err);
    _cleanup_clone_plan_ struct maqet_clone_plan plan = {0};

    if (!session || check_request(context, request, err) < 0 ||
        maqet_clone_plan_make(session, request->snapshot, request->way, &plan, err) < 0 ||
        maqet_clone_plan_cut(session, &plan, err) < 0)
        return -1;
    int result = clone_all(session, request, &plan, clones, err);
    if (!plan.linked || result < 0)
        tidy(session, &plan);
    if (result < 0 && clones->count > 0)
        maqet_error_remark(err, "%zu clones are complete", clones->count);
    return result;
}

/* ---- recovery ---- */

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    const struct maqet_remove how = {.delete_storage = true};
    _cleanup_removal_ struct maqet_removal receipt = {0};

    if (maqet_opened_remove(job->machine, &how, &receipt, err) < 0)
        return -1;
    maqet_job_say_nothing_left(job, "nothing is left of it");
    maqet_job_gone(job);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_clone = {
    .word = "clone",
    .noun = "cloning of VM",
    MAQET_JOB_PHASES({.word = "make", .finishing = "removes the incomplete clone"}),
    .blocks_start = true,
    .recover = recover,
};
