/* SPDX-License-Identifier: MIT */
#include "core/fork/one.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/base/interrupt.h"
#include "core/checkpoint/fit.h"
#include "core/clone/definition.h"
#include "core/clone/images.h"
#include "core/fork/ports.h"
#include "core/fork/servers.h"
#include "core/job/recover.h"
#include "core/lifecycle/apply.h"
#include "core/lifecycle/remove.h"
#include "core/machine/entries.h"
#include "core/machine/events.h"
#include "core/machine/forks.h"
#include "core/machine/monitor.h"
#include "core/machine/port_choice.h"
#include "core/machine/ports.h"
#include "core/machine/store.h"
#include "core/qemu/migration.h"
#include "core/storage/keys.h"

/* What was recorded of it. */
enum { PHASE_MAKE, PHASE_RESUME };

/* ---- storing it ---- */

struct filling {
    struct maqet_job *job;
    int *held;
    struct maqet_fork_record record;
};

/* A maqet_store_fill. */
static int
fill_folder(void *data, const char *folder, struct maqet_error **err)
{
    const struct filling *filling = data;

    if (maqet_fork_record_write(&filling->record, folder, err) < 0 ||
        (filling->job && maqet_job_begin_in(filling->job, folder, err) < 0))
        return -1;
    if (!filling->held)
        return 0;
    *filling->held = maqet_fork_hold(folder);
    return *filling->held < 0 ? maqet_error_errno(err, errno, "Cannot lock the fork") : 0;
}

/* What is written to a share would stay, and others may write to it at the same time. */
static int
make_shares_readonly(const struct maqet_vm *source, struct maqet_definition *definition,
                     struct maqet_error **err)
{
    for (size_t i = 0; i < source->drive_count; i++) {
        const struct maqet_drive *drive = source->drives[i];
        const char *option = drive->storage->plugin.readonly_option;
        json_object *entry = maqet_entries_find(definition, drive->name);

        if (drive->storage->plugin.interface || maqet_drive_readonly(drive) || !entry)
            continue;
        if (!option)
            return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                   "The guest of VM '%s' can write to the share '%s', "
                                   "whose type %s cannot be made read-only: this cannot "
                                   "be discarded",
                                   source->definition->name, drive->name,
                                   drive->storage->plugin.name);
        maqet_keys_set_storage(entry, option, "on");
    }
    return 0;
}

struct maqet_definition *
maqet_fork_define(const struct maqet_forking *forking, const char *name,
                  struct maqet_error **err)
{
    const struct maqet_vm *source = forking->loading.session->machine->vm;
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;
    _cleanup_forwards_ struct maqet_forwards taken = {0};
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_clone_definition(source, &forking->plan, name, &taken, &changes, err);

    if (!definition || maqet_fork_ports_set(definition, forking->ports, err) < 0 ||
        (forking->shows && make_shares_readonly(source, definition, err) < 0))
        return NULL;
    return TAKE_PTR(definition);
}

/* Nobody else gets its ports between the plan and the store. */
int
maqet_fork_add(struct maqet_forking *forking, const char *name, struct maqet_job *job,
               int *held, char **uuid, struct maqet_error **err)
{
    const struct maqet_vm *source = forking->loading.session->machine->vm;
    struct filling filling = {.job = job,
                              .held = held,
                              .record = {.source = source->definition->uuid,
                                         .checkpoint = forking->loading.about.name,
                                         .discard = forking->discard}};
    _cleanup_strings_ struct maqet_strings shown = MAQET_STRINGS_INIT;
    maqet_fork_list_shown(forking, &shown);
    filling.record.shown = shown; /* borrowed */
    _cleanup_close_ int lock = maqet_port_choice_lock(forking->context, err);
    struct maqet_definition *definition =
        lock < 0 ? NULL : maqet_fork_define(forking, name, err);
    if (!definition)
        return -1;
    if (uuid)
        *uuid = maqet_strdup(definition->uuid);
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(forking->context, definition, err);

    if (!vm ||
        (!forking->shows && (maqet_clone_check_files(vm, &forking->plan, err) < 0 ||
                             maqet_vm_check(vm, err) < 0)))
        return -1;
    return maqet_store_add_filled(forking->context, vm->definition, fill_folder, &filling,
                                  err);
}

static int
add_with_job(struct maqet_forking *forking, const char *name, struct maqet_forked *forked,
             struct maqet_error **err)
{
    struct maqet_job job = {0};

    maqet_job_plan(&job, &maqet_kind_fork, forked->source);
    int result = maqet_fork_add(forking, name, &job, NULL, &forked->uuid, err);
    maqet_journal_clear(&job.journal);
    return result;
}

/* ---- starting it ---- */

/* Each QEMU reads the state by a descriptor of its own. */
int
maqet_fork_start(struct maqet_forking *forking, struct maqet_opened *machine,
                 struct maqet_incoming incoming, struct maqet_error **err)
{
    struct maqet_loading *loading = &forking->loading;
    struct maqet_definition *definition = maqet_opened_definition(machine, err);

    if (!definition)
        return -1;
    incoming.fd = maqet_state_file_open(forking->context, loading->session->machine->name,
                                        loading->about.name, &loading->about,
                                        &loading->verified, err);
    if (incoming.fd < 0) {
        maqet_fit_advise_forks(loading, err);
        maqet_definition_free(definition);
        return -1;
    }
    int result =
        maqet_vm_start_again(machine, definition, &incoming, forking->timeout, err);
    close(incoming.fd);
    return result;
}

/* With the servers of what its drives show. */
static int
start(struct maqet_forking *forking, struct maqet_opened *machine,
      struct maqet_error **err)
{
    _cleanup_fork_servers_ struct maqet_fork_servers servers = MAQET_FORK_SERVERS_INIT;
    struct maqet_incoming incoming = forking->loading.incoming;

    if (maqet_fork_servers_begin(&servers, forking, machine, err) < 0)
        return -1;
    incoming.shown = servers.shown.items;
    incoming.shown_count = servers.shown.count;
    return maqet_fork_start(forking, machine, incoming, err) < 0
               ? -1
               : maqet_fork_servers_leave(&servers, machine, err);
}

int
maqet_fork_report(struct maqet_opened *machine, struct maqet_forked *forked,
                  struct maqet_error **err)
{
    _cleanup_forwards_ struct maqet_forwards ports = {0};
    _cleanup_network_ struct maqet_network network = {0};
    json_object *tree = machine->vm->definition->tree;

    forked->pid = machine->run.pid;
    maqet_network_read(tree, &network);
    if (network.ports.count == 0 && !json_object_object_get(tree, "arguments"))
        return 0;
    if (maqet_ports_ask(machine, &ports, err) < 0)
        return -1;
    for (size_t i = 0; i < ports.count; i++) {
        _cleanup_free_ char *text = maqet_forward_text(&ports.items[i]);

        maqet_strings_addf(&forked->ports, "%s -> %" PRIu32, text,
                           ports.items[i].guest_port);
    }
    return 0;
}

/* Of a machine that is stored, with its job. */
static int
complete(struct maqet_forking *forking, struct maqet_job *job,
         struct maqet_forked *forked, struct maqet_error **err)
{
    struct maqet_opened *machine = job->machine;
    struct maqet_vm *vm = maqet_opened_vm(machine, err);

    if (!vm || maqet_vm_check_sound(vm, err) < 0 ||
        maqet_slots_save(machine->context, machine->name, &forking->loading.about.slots,
                         err) < 0 ||
        maqet_clone_make_images(vm, machine->run.folder, &forking->plan, err) < 0 ||
        maqet_interrupt_check(err) < 0)
        return -1;
    maqet_event_note(machine->context, machine->name, "added", NULL);
    return start(forking, machine, err) < 0 ? -1
                                            : maqet_fork_report(machine, forked, err);
}

/* ---- removing it again ---- */

static int
undo(struct maqet_opened *machine, struct maqet_error **err)
{
    const struct maqet_remove how = {.delete_storage = true};
    _cleanup_removal_ struct maqet_removal receipt = {0};

    return (machine->run.pid > 0 && maqet_opened_end_qemu(machine, err) < 0) ||
                   maqet_store_check_removal(machine->context, machine->name, err) < 0 ||
                   maqet_opened_remove(machine, &how, &receipt, err) < 0
               ? -1
               : 0;
}

/* What is being removed must not be taken for complete, if that is interrupted. It is removed also if this
 * cannot be recorded, such as when the disk is full. */
static void
begin_undo(struct maqet_job *job)
{
    if (job->journal.kind != &maqet_kind_fork || job->journal.phase == PHASE_MAKE)
        return;
    maqet_job_phase(job, PHASE_MAKE, NULL);
    job->journal.phase = PHASE_MAKE;
}

/* Before the job is this process's, and when it is not any more. */
static int
fail(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_job_ struct maqet_job recorded = {0};

    maqet_interrupt_defer(true);
    maqet_job_find(&recorded, job->machine);
    begin_undo(&recorded);
    bool undone =
        maqet_opened_look(job->machine, &reason) == 0 && undo(job->machine, &reason) == 0;
    maqet_interrupt_defer(false);
    if (undone) {
        maqet_job_gone(job);
        return -1;
    }
    maqet_error_remark(err, "What it left behind could not be removed: %s",
                       reason->message);
    return maqet_error_next(err, MAQET_NEXT_RECOVER_OR_GO_ON, job->machine->name, NULL);
}

static int
fail_job(struct maqet_job *job, struct maqet_error **err)
{
    begin_undo(job);
    return maqet_job_fail(job, err);
}

/* ---- all of it ---- */

/* Helpers that create its images may live a little longer than maqet, if that is killed. */
static int
take(const struct maqet_forking *forking, struct maqet_job *job, struct maqet_error **err)
{
    if (maqet_clone_needs_helpers(job->machine->vm, &forking->plan))
        return maqet_job_take(job, err);
    maqet_job_take_alone(job);
    return 0;
}

/* Opens a fork that is stored, creates what it lacks, and starts it. */
static int
load(struct maqet_forking *forking, struct maqet_forked *forked,
     struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    const char *name = forked->name;
    struct maqet_job *job = &loaded->job;

    loaded->machine =
        maqet_open(forking->context, name,
                   MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING | MAQET_OPEN_FOLDER, err);
    if (!loaded->machine)
        return -1;
    maqet_job_find(job, loaded->machine);
    const struct maqet_vm *vm = maqet_opened_vm(loaded->machine, err);
    if (!vm)
        return -1;
    if (job->damage || job->journal.kind != &maqet_kind_fork ||
        strcmp(vm->definition->uuid, forked->uuid) != 0)
        return maqet_error_set(err, MAQET_ERROR_STATE,
                               "VM '%s' was removed meanwhile, or is another one", name);
    loaded->ours = true;
    struct maqet_qmp *qmp =
        take(forking, job, err) < 0 || complete(forking, job, forked, err) < 0
            ? NULL
            : maqet_monitor_connect(loaded->machine, err);
    return !qmp || maqet_migration_paused(qmp, &loaded->paused, err) < 0 ||
                   (!forking->discard &&
                    maqet_job_phase_draft(job, PHASE_RESUME, &loaded->draft, err) < 0)
               ? -1
               : 0;
}

/* Removes it again after an error, if it has got that far. */
static int
undo_loaded(struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    return loaded->job.own ? fail_job(&loaded->job, err)
           : loaded->ours  ? fail(&loaded->job, err)
                           : -1;
}

int
maqet_fork_load(struct maqet_forking *forking, const char *name,
                struct maqet_forked *forked, struct maqet_fork_loaded *loaded,
                struct maqet_error **err)
{
    const struct maqet_opened *source = forking->loading.session->machine;

    forked->name = maqet_strdup(name);
    forked->source = maqet_strdup(source->name);
    forked->checkpoint = maqet_strdup(forking->loading.about.name);
    forked->discard = forking->discard;
    if (add_with_job(forking, name, forked, err) < 0)
        return -1;
    struct maqet_durable *before = maqet_durable_postpone(&forking->written);
    int result = load(forking, forked, loaded, err);
    maqet_durable_postpone(before);
    return result < 0 ? undo_loaded(loaded, err) : 0;
}

int
maqet_fork_write_out(struct maqet_forking *forking, struct maqet_error **err)
{
    if (!forking->discard)
        return maqet_durable_settle(&forking->written, err);
    maqet_durable_forget(&forking->written);
    return 0;
}

int
maqet_fork_ready(struct maqet_forking *forking, struct maqet_fork_loaded *loaded,
                 struct maqet_error **err)
{
    if (forking->discard)
        return 0;
    struct maqet_durable *before = maqet_durable_postpone(&forking->written);
    int result = maqet_job_phase_enter(&loaded->job, PHASE_RESUME, &loaded->draft, err);

    maqet_durable_postpone(before);
    return result < 0 ? fail_job(&loaded->job, err) : 0;
}

void
maqet_fork_give_up(struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    if (!*err)
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "The command that makes the fork has ended");
    undo_loaded(loaded, err);
}

/* NULL after an interrupt, which ends each fork of which nobody was told, not only the one that has
 * noticed it. */
static struct maqet_qmp *
connect_again(const struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    if (maqet_interrupt_number() != 0)
        maqet_interrupt_restore();
    return maqet_interrupt_check(err) < 0 ? NULL
                                          : maqet_monitor_connect(loaded->machine, err);
}

int
maqet_fork_resume(struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    struct maqet_job *job = &loaded->job;
    struct maqet_qmp *qmp = connect_again(loaded, err);

    return !qmp || (loaded->paused && maqet_migration_begin_resume(qmp, err) < 0)
               ? fail_job(job, err)
               : 0;
}

int
maqet_fork_await(struct maqet_fork_loaded *loaded, struct maqet_error **err)
{
    struct maqet_qmp *qmp = connect_again(loaded, err);

    if (!qmp || (loaded->paused && maqet_migration_end_resume(qmp, err) < 0))
        return fail_job(&loaded->job, err);
    maqet_monitor_leave(loaded->machine);
    return 0;
}

int
maqet_fork_finish(struct maqet_forking *forking, struct maqet_fork_loaded *loaded,
                  struct maqet_error **err)
{
    struct maqet_job *job = &loaded->job;
    struct maqet_durable *before = maqet_durable_postpone(&forking->written);
    int result = maqet_job_done(job, err);

    maqet_durable_postpone(before);
    /* If the record comes back after a power failure, it says that the fork stays. */
    maqet_durable_forget(&forking->written);
    /* Otherwise the next command would end it, as one that was interrupted. */
    return result < 0 ? fail(job, err) : 0;
}

void
maqet_fork_loaded_clear(struct maqet_fork_loaded *loaded)
{
    maqet_replacement_cleanup(&loaded->draft);
    maqet_job_clear(&loaded->job);
    maqet_opened_close(loaded->machine);
    *loaded = (struct maqet_fork_loaded)MAQET_FORK_LOADED_INIT;
}

/* ---- recovery ---- */

/* Whether its guest was resumed, so that somebody may have been told of it; or was about to be, and QEMU has
 * ended, perhaps with the host. */
static int
find_complete(struct maqet_job *job, bool *complete, struct maqet_error **err)
{
    bool paused = false;

    *complete = job->journal.phase == PHASE_RESUME;
    if (!*complete || job->machine->run.pid == 0)
        return 0;
    struct maqet_qmp *qmp = maqet_monitor_connect(job->machine, err);
    if (!qmp || maqet_migration_paused(qmp, &paused, err) < 0)
        return -1;
    *complete = !paused;
    return 0;
}

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    bool complete;

    if (find_complete(job, &complete, err) < 0)
        return -1;
    if (complete) {
        maqet_job_say(job, "it is complete");
        return maqet_job_done(job, err);
    }
    begin_undo(job);
    if (undo(job->machine, err) < 0)
        return -1;
    maqet_job_say_nothing_left(job, "nothing is left of it");
    maqet_job_gone(job);
    return 0;
}

/* ---- the row ---- */

const struct maqet_job_kind maqet_kind_fork = {
    .word = "fork",
    .noun = "fork of VM",
    MAQET_JOB_PHASES(
        {.word = "make", .finishing = "removes the incomplete fork"},
        {.word = "resume", .finishing = "removes the fork if its guest is still paused"}),
    .blocks_start = true,
    .recover = recover,
};
