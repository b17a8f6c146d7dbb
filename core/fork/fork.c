/* SPDX-License-Identifier: MIT */
#include "core/fork/fork.h"

#include <string.h>

#include "core/checkpoint/create.h"
#include "core/checkpoint/delete.h"
#include "core/clone/images.h"
#include "core/fork/one.h"
#include "core/fork/ports.h"
#include "core/fork/warnings.h"
#include "core/fork/workers.h"
#include "core/guest/agent.h"
#include "core/machine/monitor.h"
#include "core/machine/unlike.h"

enum { COUNT_MAX = 1000 };

/* ms that precopy may take for a checkpoint that is created for forks, and in which the agent must
 * answer that is to run a command. */
static const int64_t LIMIT = 30000, AGENT_TIMEOUT = 10000;

/* ---- what is wanted ---- */

/* The names of all forks. */
static void
list_names(const struct maqet_fork_request *request, struct maqet_strings *names)
{
    if (request->count == 0)
        maqet_strings_add_all(names, request->names);
    for (unsigned i = 0; i < request->count; i++)
        maqet_strings_addf(names, "%s-%u", request->names->items[0], i + 1);
}

static int
check_names(const struct maqet_context *context, const struct maqet_fork_request *request,
            const struct maqet_strings *names, struct maqet_error **err)
{
    if (names->count > COUNT_MAX)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "At most %d forks at a time",
                               COUNT_MAX);
    if (names->count > 1 && request->ports && request->ports->count > 0)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "%zu forks cannot have the same port of the host",
                               names->count);
    for (size_t i = 0; i < names->count; i++) {
        if (maqet_clone_check_name(context, names->items[i], err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (strcmp(names->items[i], names->items[j]) == 0)
                return maqet_error_set(err, MAQET_ERROR_INVALID,
                                       "The name '%s' is given twice", names->items[i]);
    }
    return 0;
}

/* ---- a checkpoint of the machine as it runs ---- */

/* Whether a command could be run in its forks. */
static int
check_agent(struct maqet_opened *machine, const struct maqet_fork_request *request,
            struct maqet_error **err)
{
    if (!request->command)
        return 0;
    _cleanup_agent_ struct maqet_agent *agent =
        maqet_guest_agent_open(machine, AGENT_TIMEOUT, err);
    return agent ? 0 : -1;
}

/* Whether its forks could run beside it, before it is saved. */
static int
check_source(const struct maqet_context *context,
             const struct maqet_fork_request *request, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, request->vm, MAQET_OPEN_RUNNING | MAQET_OPEN_VM, err);

    /* The ports are set in this copy only. */
    return !machine || maqet_unlike_check_together(machine->vm->definition, err) < 0 ||
                   maqet_fork_ports_set(machine->vm->definition, request->ports, err) <
                       0 ||
                   check_agent(machine, request, err) < 0
               ? -1
               : 0;
}

static void
say_saved(const struct maqet_context *context,
          const struct maqet_checkpoint_request *saved,
          const struct maqet_checkpoint_receipt *receipt)
{
    const char *reason = receipt->reason;

    maqet_context_say(context, MAQET_LEVEL_INFO,
                      "Created checkpoint '%s' of VM '%s'; the guest was paused for %.0f "
                      "ms; method: %s%s%s%s",
                      saved->name, saved->vm, receipt->pause,
                      maqet_migration_method_name(receipt->method), reason ? " (" : "",
                      reason ? reason : "", reason ? ")" : "");
}

/* Creates "fork-1", or the first one whose name is free. The caller frees; NULL: an error. */
static char *
save_source(const struct maqet_context *context, const struct maqet_fork_request *request,
            struct maqet_error **err)
{
    if (check_source(context, request, err) < 0)
        return NULL;
    for (unsigned i = 1;; i++) {
        _cleanup_(
            maqet_checkpoint_receipt_clear) struct maqet_checkpoint_receipt receipt = {0};
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_free_ char *name = maqet_format("fork-%u", i);
        const struct maqet_checkpoint_request saving = {
            .vm = request->vm, .name = name, .limit = LIMIT};

        if (maqet_checkpoint_create(context, &saving, &receipt, &reason) == 0) {
            say_saved(context, &saving, &receipt);
            return TAKE_PTR(name);
        }
        if (reason->code != MAQET_ERROR_EXISTS || i == COUNT_MAX) {
            maqet_error_move(err, TAKE_PTR(reason));
            return NULL;
        }
    }
}

/* ---- the forks ---- */

/* Whether a checkpoint was created with a port for the guest's agent. */
static int
check_port(const struct maqet_vm *source, const char *checkpoint,
           const struct maqet_fork_request *request, struct maqet_error **err)
{
    if (!request->command || maqet_vm_has_agent(source))
        return 0;
    maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                    "VM '%s' had no port for a guest agent when checkpoint '%s' was "
                    "created, so no command can be run in its forks",
                    source->definition->name, checkpoint);
    maqet_error_hint(err,
                     "Add `guest_agent: on` to the VM, restart it with qemu-guest-agent "
                     "in the guest, and create another checkpoint");
    return -1;
}

static int
open_source(struct maqet_forking *forking, const struct maqet_fork_request *request,
            const char *checkpoint, struct maqet_error **err)
{
    const struct maqet_checkpoint_request loading = {
        .vm = request->vm, .name = checkpoint, .forks = true};

    if (maqet_loading_open(forking->context, &loading, &forking->loading, err) < 0)
        return -1;
    struct maqet_session *session = forking->loading.session;
    const struct maqet_vm *vm = session->machine->vm;
    if (check_port(vm, checkpoint, request, err) < 0 ||
        maqet_unlike_check_together(vm->definition, err) < 0 ||
        maqet_clone_plan_make(session, checkpoint,
                              forking->discard ? MAQET_CLONE_DISCARDED : MAQET_CLONE_EACH,
                              &forking->plan, err) < 0)
        return -1;
    maqet_fork_warn(forking);
    return 0;
}

/* All that are wanted, and what becomes of each. */
struct batch {
    const struct maqet_strings *names;
    struct maqet_forked *forked;
    struct maqet_error **errors; /* of those that were not made */
    struct maqet_fork_guests guests;
};

static void
batch_init(struct batch *batch, const struct maqet_context *context,
           const struct maqet_fork_request *request, const struct maqet_strings *names)
{
    size_t count = names->count;

    *batch = (struct batch){
        .names = names,
        .forked = maqet_alloc(count * sizeof(*batch->forked) + 1),
        .errors = maqet_alloc(count * sizeof(*batch->errors) + 1),
        .guests = {.context = context,
                   .command = request->command,
                   .errors = maqet_alloc(count * sizeof(*batch->errors) + 1)}};
}

static void
batch_clear(struct batch *batch)
{
    free(batch->forked);
    free(batch->errors);
    free(batch->guests.errors);
}

/* Whether they can be defined: each is when it is stored, with ports that are free then. */
static int
check_definition(const struct maqet_forking *forking, const struct maqet_strings *names,
                 struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_fork_define(forking, names->items[0], err);

    return definition ? 0 : -1;
}

static int
make_all(struct maqet_forking *forking, struct batch *batch, struct maqet_error **err)
{
    if (check_definition(forking, batch->names, err) < 0 ||
        maqet_loading_let_open(&forking->loading, true, err) < 0)
        return -1;
    if (maqet_vm_has_agent(forking->loading.session->machine->vm))
        maqet_fork_guests_prepare(&batch->guests, batch->names->count);
    maqet_fork_workers_run(forking, batch->names, batch->forked, batch->errors,
                           &batch->guests);
    maqet_loading_let_open(&forking->loading, false, NULL);
    return 0;
}

/* ---- what has become of them ---- */

/* The first error of several; each of the others is said before. */
static void
add_error(const struct maqet_context *context, struct maqet_error *error,
          struct maqet_error **first)
{
    if (!*first) {
        *first = error;
        return;
    }
    maqet_context_say_error(context, MAQET_LEVEL_WARNING, error);
    maqet_error_free(error);
}

static void
gather_made(const struct maqet_context *context, const struct batch *batch,
            struct maqet_forks *forks, struct maqet_error **first)
{
    for (size_t i = 0; i < batch->names->count; i++) {
        if (!batch->errors[i]) {
            *MAQET_APPEND(forks->items, forks->count) = batch->forked[i];
            continue;
        }
        maqet_forked_clear(&batch->forked[i]);
        maqet_error_wrap(&batch->errors[i], "Fork '%s'", batch->names->items[i]);
        add_error(context, batch->errors[i], first);
    }
    if (*first && batch->names->count > 1)
        maqet_error_remark(first, "%zu of %zu forks run", forks->count,
                           batch->names->count);
}

/* Commands that were not run, and those that have failed. */
static void
gather_commands(const struct maqet_context *context, const struct batch *batch,
                const struct maqet_forks *forks, struct maqet_error **first)
{
    _cleanup_strings_ struct maqet_strings failed = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    for (size_t i = 0; i < batch->names->count; i++)
        if (batch->guests.errors[i]) {
            maqet_error_wrap(&batch->guests.errors[i], "The command in fork '%s'",
                             batch->names->items[i]);
            add_error(context, batch->guests.errors[i], first);
        }
    for (size_t i = 0; i < forks->count; i++)
        if (forks->items[i].exec_exit_code != 0)
            maqet_strings_addf(&failed, "%s (exit code %d)", forks->items[i].name,
                               forks->items[i].exec_exit_code);
    if (failed.count == 0)
        return;
    _cleanup_free_ char *list = maqet_strings_list(&failed);
    maqet_error_set(&error, MAQET_ERROR_FAILED,
                    "The command has failed in %zu of %zu forks: %s", failed.count,
                    forks->count, list);
    add_error(context, error, first);
}

static int
gather(const struct maqet_context *context, const struct batch *batch,
       struct maqet_forks *forks, struct maqet_error **err)
{
    struct maqet_error *first = NULL;

    gather_made(context, batch, forks, &first);
    gather_commands(context, batch, forks, &first);
    return first ? maqet_error_move(err, first) : 0;
}

static void
forking_clear(struct maqet_forking *forking)
{
    maqet_clone_plan_clear(&forking->plan);
    maqet_loading_clear(&forking->loading);
    maqet_durable_forget(&forking->written);
}

int
maqet_vm_fork(const struct maqet_context *context,
              const struct maqet_fork_request *request, struct maqet_forks *forks,
              struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_free_ char *made = NULL;
    struct maqet_forking forking = {.context = context,
                                    .loading = MAQET_LOADING_INIT,
                                    .ports = request->ports,
                                    .discard = request->discard,
                                    .timeout = request->timeout};

    struct batch batch;

    list_names(request, &names);
    if (check_names(context, request, &names, err) < 0)
        return -1;
    if (!request->checkpoint) {
        made = save_source(context, request, err);
        if (!made)
            return -1;
    }
    batch_init(&batch, context, request, &names);
    int result =
        open_source(&forking, request, made ? made : request->checkpoint, err) < 0
            ? -1
            : make_all(&forking, &batch, err);
    /* Commands may take long, and do not need the source. */
    forking_clear(&forking);
    maqet_fork_guests_wait(&batch.guests);
    if (result == 0)
        result = gather(context, &batch, forks, err);
    batch_clear(&batch);
    if (result < 0 && made && forks->count == 0) {
        const struct maqet_checkpoint_request removed = {.vm = request->vm, .name = made};

        _cleanup_error_ struct maqet_error *reason = NULL;
        if (maqet_checkpoint_delete(context, &removed, &reason) < 0)
            maqet_context_say_error(context, MAQET_LEVEL_WARNING, reason);
    }
    return result;
}
