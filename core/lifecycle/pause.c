/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/pause.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/deadline.h"
#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/drives.h"
#include "core/machine/full.h"
#include "core/machine/run.h"
#include "core/machine/state.h"
#include "core/machine/store.h"
#include "core/qemu/silence.h"

/* A machine whose guest is paused, or goes on. */
struct pausing {
    const struct maqet_context *context;
    char *name;
    int lock; /* the machine's */
    struct maqet_run run;
    int qmp_lock;
    struct maqet_qmp *qmp;
    struct maqet_deadline deadline; /* for all that QEMU is asked */
};

#define PAUSING_INIT(context_)                                                           \
    {                                                                                    \
        .context = (context_), .lock = -1, .run = MAQET_RUN_INIT, .qmp_lock = -1         \
    }

static void
pausing_clear(struct pausing *pausing)
{
    const int fds[] = {pausing->qmp_lock, pausing->lock};

    maqet_qmp_close(pausing->qmp);
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    maqet_run_clear(&pausing->run);
    free(pausing->name);
}

/* Locks a machine that runs and is not in the middle of something, and connects to it. */
static int
open_machine(struct pausing *pausing, const char *name_or_uuid, struct maqet_error **err)
{
    const struct maqet_context *context = pausing->context;

    pausing->name = maqet_store_resolve(context, name_or_uuid, err);
    pausing->lock = pausing->name ? maqet_store_lock(context, pausing->name, err) : -1;
    if (pausing->lock < 0 ||
        maqet_run_look(context, pausing->name, maqet_now() + MAQET_RUN_FORK_TIMEOUT,
                       &pausing->run, err) < 0)
        return -1;
    if (pausing->run.pid == 0) {
        maqet_error_set(err, MAQET_ERROR_STATE, "Virtual machine '%s' is not running",
                        pausing->name);
        maqet_error_hint(err, "Start it: maqet start %s", pausing->name);
        return -1;
    }
    if (maqet_run_check_reachable(&pausing->run, pausing->name, err) < 0 ||
        maqet_store_check_pending(context, pausing->name, err) < 0)
        return -1;
    pausing->deadline = maqet_deadline_in(MAQET_QMP_ANSWER_TIMEOUT);
    pausing->qmp =
        maqet_monitor_open(pausing->run.dir_fd, pausing->name, MAQET_QMP_ANSWER_TIMEOUT,
                           pausing->run.pidfd, &pausing->qmp_lock, err);
    return pausing->qmp ? 0 : -1;
}

/* Runs a command; takes the arguments. The caller puts the answer. */
static json_object *
ask(struct pausing *pausing, const char *command, json_object *arguments,
    struct maqet_error **err)
{
    json_object *answer = maqet_qmp_execute(pausing->qmp, command, arguments,
                                            maqet_deadline_left(pausing->deadline), err);

    if (!answer)
        maqet_error_wrap(err, "Virtual machine '%s'", pausing->name);
    return answer;
}

static int
tell(struct pausing *pausing, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    _cleanup_json_ json_object *answer = ask(pausing, command, arguments, err);

    return answer ? 0 : -1;
}

/* QEMU's run state, as its QMP reference has them. The caller frees. */
static char *
ask_state(struct pausing *pausing, bool *running, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer = ask(pausing, "query-status", NULL, err);
    const char *word = maqet_json_text(answer, "status");

    *running = json_object_get_boolean(json_object_object_get(answer, "running"));
    return answer ? maqet_strdup(word ? word : "") : NULL;
}

int
maqet_vm_pause(const struct maqet_context *context, const char *name_or_uuid,
               bool *changed, struct maqet_error **err)
{
    _cleanup_(pausing_clear) struct pausing pausing = PAUSING_INIT(context);

    if (open_machine(&pausing, name_or_uuid, err) < 0)
        return -1;
    _cleanup_free_ char *state = ask_state(&pausing, changed, err);
    if (!state)
        return -1;
    return *changed ? tell(&pausing, "stop", NULL, err) : 0;
}

int
maqet_vm_check_paused(const struct maqet_context *context, const char *name,
                      struct maqet_error **err)
{
    _cleanup_state_ struct maqet_state state = {0};

    /* One that can't answer is not waited for. */
    if (maqet_state_look(context, name, &state, NULL) < 0 ||
        maqet_silence_is_stopped(state.process) ||
        maqet_state_read(context, name, &state, NULL) < 0 ||
        state.status != MAQET_STATUS_PAUSED)
        return 0;
    if (state.pause == MAQET_PAUSE_FULL)
        return maqet_full_error(&state.full, name, err);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "Virtual machine '%s' is running already (PID %d), and its guest is "
                    "paused",
                    name, state.pid);
    maqet_error_hint(err, "Let it go on: maqet resume %s", name);
    return -1;
}

/* ---- going on ---- */

/* A guest that stands still for another reason than a person, or a drive that failed. */
static int
check_may_go_on(const struct pausing *pausing, const char *state,
                struct maqet_error **err)
{
    static const char *const may[] = {"paused", "io-error", "prelaunch", "watchdog",
                                      "debug"};

    for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++)
        if (strcmp(state, may[i]) == 0)
            return 0;
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "The guest of VM '%s' is not paused: QEMU's state is '%s'",
                    pausing->name, state);
    if (strcmp(state, "suspended") == 0)
        maqet_error_hint(err, "It sleeps; wake it up: maqet qmp %s system_wakeup",
                         pausing->name);
    else
        maqet_error_hint(err, "Stop it, and start it again: maqet stop %s",
                         pausing->name);
    return -1;
}

/* One that has never run may be started with the guest standing still by its user alone.
 */
static int
check_started(struct pausing *pausing, struct maqet_error **err)
{
    _cleanup_vm_ struct maqet_vm *vm =
        maqet_vm_open_running(pausing->context, pausing->name, err);

    return vm ? maqet_vm_drives_check_asked(vm, pausing->qmp,
                                            maqet_deadline_left(pausing->deadline), err)
              : -1;
}

/* Whether there is room for all that QEMU could not write. */
static int
check_room(struct pausing *pausing, bool again, struct maqet_error **err)
{
    _cleanup_full_ struct maqet_full full = {0};
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_running_load(pausing->context, pausing->name, NULL);
    const char *folder = definition ? maqet_tree_place(definition->tree).folder : NULL;

    if (maqet_full_ask(pausing->qmp, folder, maqet_deadline_left(pausing->deadline),
                       &full, err) < 0)
        return maqet_error_wrap(err, "Virtual machine '%s'", pausing->name);
    if (full.count > 0 && (again || maqet_full_lasts(&full)))
        return maqet_full_error(&full, pausing->name, err);
    if (!again)
        return 0;
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "The guest of VM '%s' is paused again: one of its drives failed",
                    pausing->name);
    maqet_error_hint(err, "See what QEMU tells of it: maqet qmp %s query-block",
                     pausing->name);
    return -1;
}

/*
 * What had failed is done again by QEMU as soon as the guest goes on. A transaction, even
 * an empty one, waits for all that is under way, so the state afterwards is that in which
 * it has ended.
 */
static int
check_goes_on(struct pausing *pausing, struct maqet_error **err)
{
    json_object *arguments = json_object_new_object();
    bool running;

    json_object_object_add(arguments, "actions", json_object_new_array());
    if (tell(pausing, "transaction", arguments, err) < 0)
        return -1;
    _cleanup_free_ char *state = ask_state(pausing, &running, err);
    if (!state)
        return -1;
    return strcmp(state, "io-error") == 0 ? check_room(pausing, true, err) : 0;
}

int
maqet_vm_resume(const struct maqet_context *context, const char *name_or_uuid,
                bool *changed, struct maqet_error **err)
{
    _cleanup_(pausing_clear) struct pausing pausing = PAUSING_INIT(context);
    bool running;

    if (open_machine(&pausing, name_or_uuid, err) < 0)
        return -1;
    _cleanup_free_ char *state = ask_state(&pausing, &running, err);
    if (!state)
        return -1;
    *changed = !running;
    if (running)
        return 0;
    bool failed = strcmp(state, "io-error") == 0;
    if (check_may_go_on(&pausing, state, err) < 0 ||
        (strcmp(state, "prelaunch") == 0 && check_started(&pausing, err) < 0) ||
        (failed && check_room(&pausing, false, err) < 0) ||
        tell(&pausing, "cont", NULL, err) < 0)
        return -1;
    return failed ? check_goes_on(&pausing, err) : 0;
}
