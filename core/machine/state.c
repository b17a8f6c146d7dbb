/* SPDX-License-Identifier: MIT */
#include "core/machine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/machine/started.h"
#include "core/machine/opened.h"
#include "core/machine/pending.h"
#include "core/machine/run_folder.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"
#include "core/qemu/silence.h"
#include "core/qemu/survey.h"

/* ms for all QEMUs of a list to answer. */
static const int64_t ASK_TIMEOUT = 1000;

const char *
maqet_status_name(unsigned status)
{
    static const char *const names[] = {
        [MAQET_STATUS_CREATED] = "created",
        [MAQET_STATUS_RUNNING] = "running",
        [MAQET_STATUS_PAUSED] = "paused",
        [MAQET_STATUS_PANICKED] = "panicked",
        [MAQET_STATUS_STOPPED] = "stopped",
        [MAQET_STATUS_CRASHED] = "crashed",
        [MAQET_STATUS_UNRESPONSIVE] = "unresponsive",
    };

    return status < sizeof(names) / sizeof(*names) ? names[status] : NULL;
}

const char *
maqet_pause_name(enum maqet_pause pause)
{
    static const char *const names[] = {
        [MAQET_PAUSE_NONE] = NULL,
        [MAQET_PAUSE_FULL] = "disk full",
        [MAQET_PAUSE_ERROR] = "I/O error",
        [MAQET_PAUSE_WATCHDOG] = "watchdog",
        [MAQET_PAUSE_FAILED] = "internal error",
        [MAQET_PAUSE_ASLEEP] = "asleep",
        [MAQET_PAUSE_OFF] = "powered off",
        [MAQET_PAUSE_NOT_BEGUN] = "not begun",
        [MAQET_PAUSE_MIGRATION] = "migration",
    };

    return names[pause];
}

bool
maqet_pause_is_fault(const char *name)
{
    for (unsigned i = MAQET_PAUSE_FULL; i <= MAQET_PAUSE_FAILED; i++)
        if (strcmp(name, maqet_pause_name(i)) == 0)
            return true;
    return false;
}

/* The reason that QEMU's run state gives (QEMU: qapi/run-state.json). */
static enum maqet_pause
pause_of(const char *state)
{
    static const struct {
        const char *state;
        enum maqet_pause pause;
    } reasons[] = {
        {"io-error", MAQET_PAUSE_ERROR},        {"watchdog", MAQET_PAUSE_WATCHDOG},
        {"internal-error", MAQET_PAUSE_FAILED}, {"suspended", MAQET_PAUSE_ASLEEP},
        {"shutdown", MAQET_PAUSE_OFF},          {"prelaunch", MAQET_PAUSE_NOT_BEGUN},
        {"inmigrate", MAQET_PAUSE_MIGRATION},   {"finish-migrate", MAQET_PAUSE_MIGRATION},
        {"postmigrate", MAQET_PAUSE_MIGRATION}, {"restore-vm", MAQET_PAUSE_MIGRATION},
        {"save-vm", MAQET_PAUSE_MIGRATION},
    };

    for (size_t i = 0; state && i < sizeof(reasons) / sizeof(*reasons); i++)
        if (strcmp(state, reasons[i].state) == 0)
            return reasons[i].pause;
    return MAQET_PAUSE_NONE;
}

void
maqet_state_clear(struct maqet_state *state)
{
    maqet_full_clear(&state->full);
    maqet_strings_clear(&state->failed);
    maqet_strings_clear(&state->pending);
    free(TAKE_PTR(state->folder));
}

const char *
maqet_state_text(const struct maqet_state *state)
{
    return state->lost ? "running, runtime folder lost"
                       : maqet_status_name(state->status);
}

/* ---- the process ---- */

static void
read_usage(struct maqet_state *state)
{
    long ticks = sysconf(_SC_CLK_TCK);
    struct maqet_procfs_stat stat;
    struct timespec now;

    if (!maqet_procfs_stat(state->pid, &stat))
        return;
    state->process = stat.state;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double uptime = (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
                    (double)stat.started / (double)ticks;
    state->uptime = uptime > 0 ? (int64_t)(uptime * 1000) : 0;
    state->memory = stat.pages * (uint64_t)sysconf(_SC_PAGESIZE);
    if (uptime > 0)
        state->cpu = 100 * (double)(stat.user + stat.kernel) / (double)ticks / uptime;
}

/* @vms_fd: maqet_store_open(). *folder (may be NULL) gets the path of the run folder; the
 * caller frees. */
static int
look(const struct maqet_context *context, int vms_fd, const char *name, int64_t deadline,
     struct maqet_state *state, char **folder, struct maqet_error **err)
{
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;

    *state = (struct maqet_state){0};
    if (maqet_run_look(context, vms_fd, name, deadline, &run, err) < 0)
        return -1;
    state->pid = run.pid;
    state->lost = run.lost;
    state->status = MAQET_STATUS_RUNNING;
    if (run.pid > 0)
        read_usage(state);
    /* QEMU removes its PID file when it ends cleanly. */
    else if (run.dir_fd >= 0 && faccessat(run.dir_fd, MAQET_RUN_PID, F_OK, 0) == 0)
        state->status = MAQET_STATUS_CRASHED;
    else
        state->status = maqet_store_started_at(vms_fd, name) ? MAQET_STATUS_STOPPED
                                                             : MAQET_STATUS_CREATED;
    if (folder)
        *folder = TAKE_PTR(run.folder);
    return 0;
}

int
maqet_state_look(const struct maqet_context *context, const char *name,
                 struct maqet_state *state, struct maqet_error **err)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    return look(context, vms_fd, name, maqet_now() + MAQET_RUN_FORK_TIMEOUT, state, NULL,
                err);
}

/* ---- the answers of QEMU ---- */

/* Whether the guest is paused, or why that is not known. */
static void
read_status(struct maqet_state *state, const struct maqet_survey *survey)
{
    /* It may have changed; and who has the monitor may be waiting in vain, too. */
    state->process = maqet_procfs_state(state->pid);
    if (survey->result == MAQET_SURVEY_ANSWERED) {
        json_object *running = json_object_object_get(survey->answer, "running");
        const char *word = maqet_json_text(survey->answer, "status");

        state->response = MAQET_RESPONSE_GIVEN;
        if (running && !json_object_get_boolean(running))
            state->status = word && strcmp(word, "guest-panicked") == 0
                                ? MAQET_STATUS_PANICKED
                                : MAQET_STATUS_PAUSED;
        state->pause = pause_of(word);
    } else if (survey->result == MAQET_SURVEY_SILENT ||
               (survey->result == MAQET_SURVEY_BUSY &&
                maqet_silence_is_stopped(state->process))) {
        state->response = MAQET_RESPONSE_MISSING;
        state->status = MAQET_STATUS_UNRESPONSIVE;
    } else if (survey->result == MAQET_SURVEY_BUSY) {
        state->response = MAQET_RESPONSE_BUSY;
    }
}

/* Which drives have failed, and which of them for want of space. */
static void
read_failed_drives(const struct maqet_context *context, const char *name,
                   struct maqet_state *state, const struct maqet_survey *survey)
{
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, name, 0, NULL);
    _cleanup_definition_ struct maqet_definition *definition =
        machine ? maqet_opened_definition(machine, NULL) : NULL;

    maqet_full_read(survey->answer,
                    definition ? maqet_tree_place(definition->tree).folder : NULL,
                    &state->full);
    maqet_failed_read(survey->answer, &state->failed);
    if (state->full.count > 0)
        state->pause = MAQET_PAUSE_FULL;
}

/* All that run are asked, or, of these, the ones whose drives have @failed. */
static bool
is_asked(const struct maqet_state_row *row, bool failed)
{
    return !row->error && row->state.pid > 0 && !row->state.lost &&
           (!failed || row->state.pause == MAQET_PAUSE_ERROR);
}

/* Asks whether guests are paused, or, of those whose drives have @failed, why. */
static void
ask_all(const struct maqet_context *context, struct maqet_state_row *rows,
        struct maqet_survey *surveys, size_t count, int64_t limit, bool failed)
{
    for (size_t i = 0; i < count; i++)
        surveys[i].skipped = !is_asked(&rows[i], failed);
    maqet_survey_run(surveys, count, MAQET_RUN_MONITOR, MAQET_RUN_MONITOR_LOCK,
                     failed ? "query-block" : "query-status", limit);
    for (size_t i = 0; i < count; i++) {
        if (surveys[i].skipped)
            continue;
        if (failed)
            read_failed_drives(context, rows[i].name, &rows[i].state, &surveys[i]);
        else
            read_status(&rows[i].state, &surveys[i]);
    }
}

/* If the connection was lost, QEMU has most likely ended; if not, it has sent something
 * that is not an answer. */
static void
look_again(const struct maqet_context *context, struct maqet_state_row *row)
{
    int pid = row->state.pid;

    if (!is_asked(row, false) || row->state.response != MAQET_RESPONSE_NONE ||
        maqet_state_look(context, row->name, &row->state, &row->error) < 0 ||
        row->state.pid != pid || row->state.lost)
        return;
    row->state.response = MAQET_RESPONSE_MISSING;
    row->state.status = MAQET_STATUS_UNRESPONSIVE;
}

/* @limit: ms for each question; 0: none is asked. */
static void
read_all(const struct maqet_context *context, struct maqet_state_row *rows, size_t count,
         int64_t limit)
{
    _cleanup_free_ struct maqet_survey *surveys =
        maqet_alloc((count + 1) * sizeof(*surveys));
    int64_t deadline = maqet_now() + MAQET_RUN_FORK_TIMEOUT;
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    for (size_t i = 0; i < count; i++) {
        surveys[i] = MAQET_SURVEY_INIT;
        rows[i].error = NULL;
        look(context, vms_fd, rows[i].name, deadline, &rows[i].state, &surveys[i].folder,
             &rows[i].error);
    }
    if (limit > 0) {
        ask_all(context, rows, surveys, count, limit, false);
        ask_all(context, rows, surveys, count, limit, true);
    }
    for (size_t i = 0; i < count; i++) {
        struct maqet_state *state = &rows[i].state;

        if (limit > 0)
            look_again(context, &rows[i]);
        state->folder = TAKE_PTR(surveys[i].folder);
        if (state->pid > 0 && !state->lost)
            maqet_pending_read(context, rows[i].name, state->folder, &state->pending);
        maqet_survey_clear(&surveys[i]);
    }
}

void
maqet_states_read(const struct maqet_context *context, struct maqet_state_row *rows,
                  size_t count, bool ask)
{
    read_all(context, rows, count, ask ? ASK_TIMEOUT : 0);
}

int
maqet_state_read_within(const struct maqet_context *context, const char *name,
                        int64_t limit, struct maqet_state *state,
                        struct maqet_error **err)
{
    struct maqet_state_row row = {.name = name};

    read_all(context, &row, 1, limit);
    *state = row.state;
    return row.error ? maqet_error_move(err, row.error) : 0;
}

int
maqet_state_read(const struct maqet_context *context, const char *name,
                 struct maqet_state *state, struct maqet_error **err)
{
    return maqet_state_read_within(context, name, ASK_TIMEOUT, state, err);
}

struct maqet_error *
maqet_state_notice(const char *name, const struct maqet_state *state)
{
    struct maqet_error *notice = NULL;

    if (state->lost) {
        maqet_error_set(&notice, MAQET_ERROR_STATE,
                        "VM '%s' is running (PID %d), but its runtime folder is lost: it "
                        "was removed meanwhile, as at the end of a login session",
                        name, state->pid);
        maqet_error_next(&notice, MAQET_NEXT_ONLY_STOP, name, NULL);
    } else if (state->response == MAQET_RESPONSE_MISSING) {
        maqet_silence_notice(name, state->pid, state->process, ASK_TIMEOUT, &notice);
    } else if (state->pause == MAQET_PAUSE_FULL) {
        _cleanup_free_ char *text = maqet_full_text(&state->full);

        maqet_error_set(&notice, MAQET_ERROR_NO_SPACE,
                        "The guest of VM '%s' is paused: %s", name, text);
        maqet_full_hint(&state->full, name, &notice);
    } else if (state->pause == MAQET_PAUSE_ERROR) {
        maqet_error_set(&notice, MAQET_ERROR_STATE,
                        "The guest of VM '%s' is paused, since one of its drives failed",
                        name);
        maqet_error_next(&notice, MAQET_NEXT_REPAIR_AND_RESUME, name, NULL);
    } else if (state->response == MAQET_RESPONSE_BUSY) {
        maqet_error_set(&notice, MAQET_ERROR_BUSY,
                        "Whether the guest is paused is not known: another maqet "
                        "process is using the monitor of VM '%s' (PID %d)",
                        name, state->pid);
    }
    return notice;
}

/* ---- after a crash ---- */

struct maqet_error *
maqet_crash_notice(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *folder = maqet_run_folder(context, name);
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_RUN_LOG, folder);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    _cleanup_free_ char *words = maqet_run_last_words(fd);
    _cleanup_free_ char *readable = maqet_launch_words(words);
    struct maqet_error *notice = NULL;

    if (*readable)
        maqet_error_set(&notice, MAQET_ERROR_FAILED,
                        "QEMU of '%s' ended without cleaning up. Its last words (%s): %s",
                        name, path, readable);
    else
        maqet_error_set(
            &notice, MAQET_ERROR_FAILED,
            "QEMU of '%s' ended without cleaning up, and printed nothing in %s: it "
            "was killed, by a person, for want of memory, or by its sandbox when it "
            "wanted to run another program (`sandbox: off` allows that)",
            name, path);
    maqet_error_next(&notice, MAQET_NEXT_FREE_LEAKS, name, NULL);
    return notice;
}
