/* SPDX-License-Identifier: MIT */
/*
 * checkpoint_load.c - going back to a checkpoint: the drives revert as for a set of
 * snapshots, and QEMU starts with the guest's memory. All that could be in the way is
 * looked for before anything is touched.
 */
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/process.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/loading.h"
#include "core/lifecycle/start.h"
#include "core/lifecycle/startable.h"
#include "core/machine/check.h"
#include "core/machine/checkpoint_files.h"
#include "core/machine/command_line.h"
#include "core/machine/run.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/qemu/version.h"
#include "core/snapshot/identity.h"
#include "core/snapshot/others.h"
#include "core/snapshot/session.h"

void
maqet_loading_clear(struct maqet_loading *loading)
{
    maqet_session_free(loading->session);
    json_object_put(loading->about);
    free(loading->verified);
    if (loading->fd >= 0)
        close(loading->fd);
}

/* ---- does it fit ---- */

static int
error_differs(const struct maqet_loading *loading, const char *name, const char *what,
              const char *then, const char *now, struct maqet_error **err)
{
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "The checkpoint '%s' does not fit VM '%s' any more: its %s was %s, and is "
        "%s now",
        name, loading->session->machine->name, what, then, now);
    maqet_error_hint(err, "Make it what it was: maqet apply %s FILE",
                     loading->session->machine->name);
    maqet_error_hint(err, "Or load its drives alone: maqet snapshot %s load --all %s",
                     loading->session->machine->name, name);
    return -1;
}

/* Whether an option and its value may differ: where something lies for the time that the
 * machine runs, where the guest is shown, and what QEMU calls it. */
static bool
is_of_no_matter(const char *option)
{
    return strcmp(option, "-pidfile") == 0 || strcmp(option, "-display") == 0 ||
           strcmp(option, "-name") == 0;
}

/* Backing nodes have names (core/storage/chain.h); an earlier maqet gave them none, and
 * what they are does not depend on it. The caller frees. */
static char *
without_names(const char *argument)
{
    _cleanup_json_ json_object *node =
        argument[0] == '{' ? json_tokener_parse(argument) : NULL;
    json_object *backing = NULL;

    if (!json_object_is_type(node, json_type_object))
        return maqet_strdup(argument);
    for (json_object *at = node; json_object_object_get_ex(at, "backing", &backing) &&
                                 json_object_is_type(backing, json_type_object);
         at = backing)
        json_object_object_del(backing, "node-name");
    return maqet_strdup(json_object_to_json_string_ext(
        node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Leaves such options out, with their values. */
static void
add_what_matters(struct maqet_strings *kept, char *const *argv, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_of_no_matter(argv[i]))
            i++;
        else
            maqet_strings_take(kept, without_names(argv[i]));
    }
}

static const char *
argument_at(const struct maqet_strings *argv, size_t index)
{
    return index < argv->count ? argv->items[index] : "nothing";
}

static int
compare_arguments(const struct maqet_loading *loading, const char *name,
                  const struct maqet_strings *then, const struct maqet_strings *now,
                  struct maqet_error **err)
{
    for (size_t i = 0; i < then->count || i < now->count; i++) {
        const char *before = argument_at(then, i), *present = argument_at(now, i);

        if (strcmp(before, present) == 0)
            continue;
        /* An option's value says nothing without the option. */
        bool value =
            i > 0 && i < now->count && now->items[i - 1][0] == '-' && present[0] != '-';
        _cleanup_free_ char *what = value ? maqet_format("argument %s", now->items[i - 1])
                                          : maqet_format("argument %zu", i);
        return error_differs(loading, name, what, before, present, err);
    }
    return 0;
}

static int
check_arguments(const struct maqet_loading *loading, const char *name,
                const struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings recorded = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    json_object *list = NULL;

    json_object_object_get_ex(loading->about, "arguments", &list);
    if (!json_object_is_type(list, json_type_array))
        return maqet_error_set(
            err, MAQET_ERROR_FAILED,
            "The checkpoint '%s' of VM '%s' is damaged: it does not say "
            "what QEMU was called with",
            name, loading->session->machine->name);
    maqet_json_texts(list, &recorded);
    add_what_matters(&then, recorded.items, recorded.count);
    add_what_matters(&now, argv->items, argv->count);
    return compare_arguments(loading, name, &then, &now, err);
}

/* Whether it is the same file as then: asking a program takes longer than all else. */
static bool
is_program(const char *program, const char *mark)
{
    _cleanup_free_ char *path = maqet_process_find(program);
    _cleanup_free_ char *found = path ? maqet_file_mark(path) : NULL;

    return found && mark && strcmp(found, mark) == 0;
}

static int
check_version(const struct maqet_loading *loading, const char *name, const char *program,
              struct maqet_error **err)
{
    int now = 0, then = (int)maqet_json_int(loading->about, "version");
    const char *text = maqet_json_text(loading->about, "qemu");

    if (!is_program(program, maqet_json_text(loading->about, "program")))
        now = maqet_qemu_version(program);
    if (now == 0 || now == then / 100 * 100)
        return 0;
    _cleanup_free_ char *words = maqet_format("%d.%d", now / 10000, now / 100 % 100);
    return error_differs(loading, name, "QEMU", text ? text : "another one", words, err);
}

/* ---- opening ---- */

/* Whether the drives have the snapshots that the memory belongs to. */
static int
check_drives(const struct maqet_loading *loading, const char *name,
             struct maqet_error **err)
{
    return maqet_identity_check(loading->session, name, loading->about, err) < 0
               ? -1
               : maqet_session_need(loading->session, name, err);
}

static int
open_drives(struct maqet_loading *loading, const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    maqet_json_texts(json_object_object_get(loading->about, "drives"), &drives);
    if (maqet_session_check_known(loading->session, &drives, err) < 0)
        return -1;
    maqet_session_choose_listed(loading->session, &drives);
    return maqet_session_refresh(loading->session, err) < 0 ||
                   check_drives(loading, name, err) < 0
               ? -1
               : 0;
}

/* The drives sit where they sat when it was made. It may be of an earlier maqet, which
 * placed them in the order of the list. */
static void
take_slots(struct maqet_loading *loading)
{
    maqet_slots_of_json(json_object_object_get(loading->about, "slots"),
                        &loading->session->machine->vm->slots);
}

/* A checkpoint of an earlier maqet is loaded as that one loaded it. */
static void
warn_of_unrecorded(const struct maqet_loading *loading, const char *name)
{
    if (maqet_identity_recorded(loading->about) &&
        maqet_json_text(loading->about, "checksum"))
        return;
    maqet_context_say(loading->session->machine->context, MAQET_LEVEL_WARNING,
                      "The checkpoint '%s' of VM '%s' was made by an earlier maqet, so "
                      "whether its memory is undamaged, and belongs to the drives' "
                      "snapshots of that name, can't be verified",
                      name, loading->session->machine->name);
}

int
maqet_loading_open(const struct maqet_context *context,
                   const struct maqet_checkpoint_request *request,
                   struct maqet_loading *loading, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    const char *name = request->name;

    *loading = (struct maqet_loading){.fd = -1};
    loading->session = maqet_session_open(context, request->vm, true, err);
    if (!loading->session)
        return -1;
    loading->session->machine->silent =
        loading->session->machine->run.pid > 0 && request->silent;
    if (maqet_session_repair(loading->session, err) < 0)
        return -1;
    loading->session->machine->on_silence = MAQET_ON_SILENCE_END;
    loading->about =
        maqet_state_file_about(context, loading->session->machine->name, name, err);
    if (loading->about)
        take_slots(loading);
    if (!loading->about ||
        maqet_vm_command_line(loading->session->machine->vm, &argv, err) < 0 ||
        check_arguments(loading, name, &argv, err) < 0 ||
        check_version(loading, name, argv.items[0], err) < 0 ||
        open_drives(loading, name, err) < 0)
        return -1;
    loading->verified = maqet_strdup(request->verified);
    loading->fd = maqet_state_file_open(context, loading->session->machine->name, name,
                                        loading->about, &loading->verified, err);
    if (loading->fd >= 0 && !request->verified)
        warn_of_unrecorded(loading, name);
    return loading->fd < 0 ? -1 : 0;
}

bool
maqet_loading_mapped(const struct maqet_loading *loading)
{
    json_object *mapped = NULL;

    json_object_object_get_ex(loading->about, "mapped", &mapped);
    return json_object_get_boolean(mapped);
}

/* Before QEMU is ended, and the drives revert: whether QEMU could be started then. */
static int
check_startable(const struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_definition *definition = maqet_opened_definition(session->machine, err);

    return definition ? maqet_vm_check_startable(session->machine->context, definition,
                                                 session->machine->run.pid > 0
                                                     ? MAQET_STARTABLE_AGAIN
                                                     : MAQET_STARTABLE_STOPPED,
                                                 NULL, err)
                      : -1;
}

int
maqet_checkpoint_loadable(const struct maqet_context *context,
                          const struct maqet_checkpoint_request *request, bool *running,
                          bool *silent, char **verified, struct maqet_error **err)
{
    _cleanup_loading_ struct maqet_loading loading;

    if (maqet_loading_open(context, request, &loading, err) < 0)
        return -1;
    *running = loading.session->machine->run.pid > 0;
    *silent = loading.session->machine->silent;
    *verified = TAKE_PTR(loading.verified);
    return check_startable(loading.session, err);
}

/* ---- loading ---- */

/* QEMU did not come up: the checkpoint is as it was, and so is its memory. Returns -1. */
static int
fail_start(const struct maqet_session *session, const char *name,
           struct maqet_error **err)
{
    maqet_error_remark(
        err,
        "The drives are at the checkpoint, VM '%s' is stopped, and nothing "
        "of the checkpoint is lost",
        session->machine->name);
    maqet_error_hint(err, "Once it can start, go on from there: maqet start %s --from %s",
                     session->machine->name, name);
    maqet_error_hint(err,
                     "Or boot it from the drives, without the memory: maqet start %s",
                     session->machine->name);
    return -1;
}

static int
load(struct maqet_loading *loading, const struct maqet_checkpoint_request *request,
     int *pid, struct maqet_error **err)
{
    struct maqet_session *session = loading->session;
    const struct maqet_incoming incoming = {
        .fd = loading->fd,
        .mapped = maqet_loading_mapped(loading),
        .machine = maqet_json_text(loading->about, "machine"),
        .slots = &session->machine->vm->slots};
    bool runs = session->machine->run.pid > 0;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(session->machine, err);

    if (runs && !request->running) {
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "VM '%s' runs by now: it was started meanwhile",
                        session->machine->name);
        maqet_error_hint(err,
                         "Load it in the place of what runs: maqet checkpoint %s load %s",
                         session->machine->name, request->name);
        return -1;
    }
    if (!definition || check_startable(session, err) < 0 ||
        maqet_session_begin(session, MAQET_OPERATION_PREPARE, request->name, NULL, err) <
            0)
        return -1;
    if ((runs && (maqet_opened_end_qemu(session->machine, err) < 0 ||
                  maqet_vm_check_drives(session->machine->vm, err) < 0 ||
                  maqet_session_refresh(session, err) < 0 ||
                  check_drives(loading, request->name, err) < 0)) ||
        maqet_session_revert(session, request->name, err) < 0 ||
        maqet_history_save(session->history, err) < 0 ||
        maqet_session_phase(session, MAQET_OPERATION_RESUME, err) < 0) {
        maqet_session_recover(session, err);
        if (runs && session->machine->run.pid == 0)
            maqet_error_hint(err, "VM '%s' is stopped; start it: maqet start %s",
                             session->machine->name, session->machine->name);
        return -1;
    }
    if (maqet_vm_start_again(session->machine, TAKE_PTR(definition), &incoming,
                             request->timeout, err) == 0) {
        if (pid)
            *pid = session->machine->run.pid;
        return maqet_session_done(session, err);
    }
    maqet_session_done(session, NULL);
    return fail_start(session, request->name, err);
}

/* Keeps the drives of a machine that is stopped, all that a checkpoint would keep. */
static int
keep_drives(const struct maqet_context *context,
            const struct maqet_checkpoint_request *request, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_open(context, request->vm, false, err);
    _cleanup_writables_ struct maqet_writables others = {0};
    _cleanup_strings_ struct maqet_strings excluded = MAQET_STRINGS_INIT;
    const struct maqet_snapshot_request drives = {.vm = request->vm,
                                                  .name = request->keep,
                                                  .exclude = &excluded,
                                                  .freeze_timeout = -1};
    struct maqet_snapshot_receipt receipt = {0};

    if (!session || maqet_session_others(session, &others, err) < 0)
        return -1;
    for (size_t i = 0; i < others.count; i++) {
        _cleanup_free_ char *one = maqet_other_text(&others.items[i]);

        maqet_strings_add(&excluded, others.items[i].name);
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The present state of %s of VM '%s' is not kept in '%s'", one,
                          session->machine->name, request->keep);
    }
    maqet_session_cleanup(&session);
    session = NULL;
    int result = maqet_snapshot_create(context, &drives, &receipt, err);
    maqet_snapshot_receipt_clear(&receipt);
    return result;
}

/* Keeps the present state: as a checkpoint of a guest that runs, else that of the drives.
 */
static int
keep(const struct maqet_context *context, const struct maqet_checkpoint_request *request,
     bool running, struct maqet_error **err)
{
    if (!running)
        return keep_drives(context, request, err);
    const struct maqet_checkpoint_request present = {
        .vm = request->vm, .name = request->keep, .limit = request->limit};
    struct maqet_checkpoint_receipt receipt = {0};
    int result = maqet_checkpoint_create(context, &present, &receipt, err);

    maqet_checkpoint_receipt_clear(&receipt);
    return result;
}

static int
error_cant_keep(const struct maqet_checkpoint_request *request, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                    "The present state of VM '%s' can't be kept: QEMU does not answer",
                    request->vm);
    maqet_error_hint(err, "Load it without --keep: the present state is lost then");
    return -1;
}

int
maqet_checkpoint_load(const struct maqet_context *context,
                      const struct maqet_checkpoint_request *request, int *pid,
                      struct maqet_error **err)
{
    _cleanup_loading_ struct maqet_loading loading = {.fd = -1};
    _cleanup_free_ char *verified = NULL;
    struct maqet_checkpoint_request again = *request;
    bool running, silent;

    if (request->keep && (maqet_checkpoint_loadable(context, request, &running, &silent,
                                                    &verified, err) < 0 ||
                          (silent ? error_cant_keep(request, err)
                                  : keep(context, request, running, err)) < 0))
        return -1;
    if (verified)
        again.verified = verified;
    return maqet_loading_open(context, &again, &loading, err) < 0
               ? -1
               : load(&loading, request, pid, err);
}
