/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/pause.h"

#include <string.h>

#include "core/base/json.h"
#include "core/machine/drives.h"
#include "core/machine/full.h"
#include "core/machine/monitor.h"
#include "core/machine/opened.h"
#include "core/machine/state.h"
#include "core/qemu/silence.h"

/* Opens a running machine for which no job is pending. */
static struct maqet_opened *
open_machine(const struct maqet_context *context, const char *name_or_uuid,
             struct maqet_error **err)
{
    return maqet_open(context, name_or_uuid,
                      MAQET_OPEN_LOCK | MAQET_OPEN_RUNNING | MAQET_OPEN_REFUSE_PENDING,
                      err);
}

static int
execute(struct maqet_opened *machine, const char *command, json_object *arguments,
        struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(machine, command, arguments, err);

    return answer ? 0 : -1;
}

/* QEMU's run state (QEMU: qapi/run-state.json). The caller frees. */
static char *
ask_state(struct maqet_opened *machine, bool *running, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(machine, "query-status", NULL, err);
    const char *word = maqet_json_text(answer, "status");

    *running = json_object_get_boolean(json_object_object_get(answer, "running"));
    return answer ? maqet_strdup(word ? word : "") : NULL;
}

/* An interrupt has ended the wait for the answer: QEMU may have obeyed, or will. */
static int
undo_pause(struct maqet_opened *machine, struct maqet_error **err)
{
    if (!err || !*err || !(*err)->signal)
        return -1;
    if (execute(machine, "cont", NULL, NULL) == 0)
        maqet_error_remark(err, "The guest was not paused");
    else
        maqet_error_remark(err, "The guest may be paused");
    return -1;
}

int
maqet_vm_pause(const struct maqet_context *context, const char *name_or_uuid,
               bool *changed, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        open_machine(context, name_or_uuid, err);
    _cleanup_free_ char *state = machine ? ask_state(machine, changed, err) : NULL;

    if (!state)
        return -1;
    return *changed && execute(machine, "stop", NULL, err) < 0 ? undo_pause(machine, err)
                                                               : 0;
}

int
maqet_vm_check_paused(const struct maqet_context *context, const char *name,
                      struct maqet_error **err)
{
    _cleanup_state_ struct maqet_state state = {0};

    /* A QEMU that cannot answer is not asked. */
    if (maqet_state_look(context, name, &state, NULL) < 0 ||
        maqet_silence_is_stopped(state.process) ||
        maqet_state_read(context, name, &state, NULL) < 0 ||
        state.status != MAQET_STATUS_PAUSED)
        return 0;
    if (state.pause == MAQET_PAUSE_FULL)
        return maqet_full_error(&state.full, name, err);
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' is already running (PID %d), and its guest is paused", name,
                    state.pid);
    return maqet_error_next(err, MAQET_NEXT_RESUME, name, NULL);
}

/* ---- resuming ---- */

/* A guest may also be paused for a migration, for example, or be suspended. */
static int
check_resumable(const struct maqet_opened *machine, const char *state,
                struct maqet_error **err)
{
    static const char *const resumable[] = {"paused",   "io-error", "prelaunch",
                                            "watchdog", "debug",    NULL};

    if (maqet_text_is_one_of(state, resumable))
        return 0;
    if (strcmp(state, "guest-panicked") == 0)
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "The guest of VM '%s' is not paused: its kernel has panicked",
                        machine->name);
    else
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "The guest of VM '%s' is not paused: QEMU's state is '%s'",
                        machine->name, state);
    return maqet_error_next(err,
                            strcmp(state, "suspended") == 0 ? MAQET_NEXT_WAKE_UP
                                                            : MAQET_NEXT_STOP_AND_START,
                            machine->name, NULL);
}

/* Whether there is space for what QEMU could not write. */
static int
check_space(struct maqet_opened *machine, bool again, struct maqet_error **err)
{
    _cleanup_full_ struct maqet_full full = {0};
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(machine, NULL);
    const char *folder = definition ? maqet_tree_place(definition->tree).folder : NULL;
    struct maqet_qmp *qmp = maqet_monitor_connect(machine, err);

    if (!qmp)
        return -1;
    if (maqet_full_ask(qmp, folder, machine->answer_left, &full, err) < 0)
        return maqet_error_wrap(err, "VM '%s'", machine->name);
    if (full.count > 0 && (again || maqet_full_lasts(&full)))
        return maqet_full_error(&full, machine->name, err);
    if (!again)
        return 0;
    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "The guest of VM '%s' is paused again: one of its drives failed",
                    machine->name);
    return maqet_error_next(err, MAQET_NEXT_QUERY_BLOCK, machine->name, NULL);
}

/* QEMU repeats the failed requests when the guest is resumed. A transaction, even an empty
 * one, waits for all requests in progress, so afterwards the state tells whether they have
 * failed again. */
static int
check_resumed(struct maqet_opened *machine, struct maqet_error **err)
{
    json_object *arguments = maqet_json_object("actions", json_object_new_array(), NULL);
    bool running;

    if (execute(machine, "transaction", arguments, err) < 0)
        return -1;
    _cleanup_free_ char *state = ask_state(machine, &running, err);
    if (!state)
        return -1;
    return strcmp(state, "io-error") == 0 ? check_space(machine, true, err) : 0;
}

int
maqet_vm_resume(const struct maqet_context *context, const char *name_or_uuid,
                bool *changed, struct maqet_error **err)
{
    _cleanup_opened_ struct maqet_opened *machine =
        open_machine(context, name_or_uuid, err);
    bool running;
    _cleanup_free_ char *state = machine ? ask_state(machine, &running, err) : NULL;

    if (!state)
        return -1;
    *changed = !running;
    if (running)
        return 0;
    bool failed = strcmp(state, "io-error") == 0;
    if (check_resumable(machine, state, err) < 0 ||
        (strcmp(state, "prelaunch") == 0 &&
         (!maqet_opened_vm(machine, err) ||
          maqet_vm_drives_check_asked(machine, err) < 0)) ||
        (failed && check_space(machine, false, err) < 0))
        return -1;
    /* A guest that was to run is not paused again. */
    int result = execute(machine, "cont", NULL, err) < 0 ||
                         (failed && check_resumed(machine, err) < 0)
                     ? -1
                     : 0;
    if (result < 0 && err && (*err)->signal)
        maqet_error_remark(err, "QEMU was told to resume the guest");
    return result;
}
