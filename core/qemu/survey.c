/* SPDX-License-Identifier: MIT */
#include "core/qemu/survey.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "core/base/files.h"
#include "core/qemu/qmp.h"

/* ms between two attempts where poll(2) cannot help: a lock, a full queue of clients. */
static const int64_t RETRY_INTERVAL = 10;

/* Steps with one QEMU before the next one's turn: one that sends endlessly must not block
 * the others. */
enum { STEPS_AT_ONCE = 32 };

/* The stages of a conversation in QMP (QEMU: docs/interop/qmp-spec). */
enum stage {
    STAGE_LOCK,
    STAGE_CONNECT,
    STAGE_GREETING,
    STAGE_CAPABILITIES,
    STAGE_ANSWER,
    STAGE_DONE
};

struct question {
    const char *socket;
    const char *lock;
    const char *command;
};

void
maqet_survey_clear(struct maqet_survey *survey)
{
    json_object_put(survey->answer);
    free(survey->folder);
    *survey = MAQET_SURVEY_INIT;
}

/* Releases the monitor, for which others may wait. Returns false: no step follows. */
static bool
finish(struct maqet_survey *survey, enum maqet_survey_result result)
{
    survey->result = result;
    survey->stage = STAGE_DONE;
    maqet_channel_clear(&survey->channel);
    if (survey->lock >= 0)
        close(TAKE_FD(survey->lock));
    return false;
}

/* ---- one step; each returns whether the next one may follow immediately ---- */

/* If no descriptor is free, the QEMUs that answer will soon free theirs. */
static bool
fail_to_open(struct maqet_survey *survey)
{
    int probe = open("/", O_PATH | O_CLOEXEC);

    if (probe < 0 && (errno == EMFILE || errno == ENFILE))
        return false;
    if (probe >= 0)
        close(probe);
    return finish(survey, MAQET_SURVEY_FAILED);
}

static bool
take_lock(struct maqet_survey *survey, const struct question *question)
{
    if (survey->lock < 0) {
        _cleanup_free_ char *path = maqet_format("%s/%s", survey->folder, question->lock);

        survey->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (survey->lock < 0)
            return fail_to_open(survey);
    }
    int taken = maqet_lock_try(survey->lock, NULL);
    if (taken < 0)
        return finish(survey, MAQET_SURVEY_FAILED);
    if (taken == 0)
        return false;
    survey->stage = STAGE_CONNECT;
    return true;
}

static bool
connect_to(struct maqet_survey *survey, const struct question *question)
{
    struct maqet_wait now = maqet_wait_for("", 0);
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_close_ int dir_fd = open(survey->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd < 0)
        return fail_to_open(survey);
    if (maqet_channel_connect(&survey->channel, dir_fd, question->socket, &now, &error) ==
        0) {
        survey->stage = STAGE_GREETING;
        return true;
    }
    maqet_channel_clear(&survey->channel);
    return error->code == MAQET_ERROR_TIMEOUT ? false : fail_to_open(survey);
}

/* Takes the arguments. */
static bool
send_command(struct maqet_survey *survey, const char *command, json_object *arguments,
             enum stage next)
{
    struct maqet_wait now = maqet_wait_for("", 0);

    if (maqet_channel_command(&survey->channel, command, arguments, 0, -1, &now, NULL) <
        0)
        return finish(survey, MAQET_SURVEY_FAILED);
    survey->stage = next;
    return true;
}

/* NULL: no complete message has arrived. */
static json_object *
receive(struct maqet_survey *survey)
{
    struct maqet_wait now = maqet_wait_for("", 0);
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *message = maqet_channel_receive(&survey->channel, &now, &error);

    if (!message && error->code != MAQET_ERROR_TIMEOUT)
        finish(survey, MAQET_SURVEY_FAILED);
    return message;
}

static bool
read_message(struct maqet_survey *survey, const struct question *question)
{
    _cleanup_json_ json_object *message = receive(survey);

    if (!message)
        return false;
    if (survey->stage == STAGE_GREETING)
        return send_command(survey, "qmp_capabilities", maqet_qmp_capabilities(message),
                            STAGE_CAPABILITIES);
    if (json_object_object_get_ex(message, "event", NULL))
        return true;
    if (survey->stage == STAGE_CAPABILITIES)
        return send_command(survey, question->command, NULL, STAGE_ANSWER);
    survey->answered = maqet_now_exact();
    survey->answer = json_object_get(json_object_object_get(message, "return"));
    return finish(survey, MAQET_SURVEY_ANSWERED);
}

static bool
take_step(struct maqet_survey *survey, const struct question *question)
{
    switch (survey->stage) {
    case STAGE_LOCK:
        return take_lock(survey, question);
    case STAGE_CONNECT:
        return connect_to(survey, question);
    case STAGE_DONE:
        return false;
    default:
        return read_message(survey, question);
    }
}

/* ---- all QEMUs ---- */

/* Returns whether one of them had not taken all its steps. */
static bool
step_all(struct maqet_survey *surveys, size_t count, const struct question *question)
{
    bool more = false;

    for (size_t i = 0; i < count; i++) {
        int steps = 0;

        while (steps < STEPS_AT_ONCE && take_step(&surveys[i], question))
            steps++;
        more = more || steps == STEPS_AT_ONCE;
    }
    return more;
}

/* Waits until one of them sends something. False: none is left to wait for, or no time. */
static bool
wait_for_any(const struct maqet_survey *surveys, size_t count, struct pollfd *fds,
             struct maqet_deadline deadline, bool more)
{
    int64_t left = maqet_deadline_left(deadline);
    size_t waiting = 0;
    bool retries = false;

    for (size_t i = 0; i < count; i++) {
        if (surveys[i].stage == STAGE_DONE)
            continue;
        retries = retries || surveys[i].channel.fd < 0;
        fds[waiting++] = (struct pollfd){.fd = surveys[i].channel.fd, .events = POLLIN};
    }
    if (waiting == 0 || left == 0)
        return false;
    if (!more)
        poll(fds, waiting,
             (int)(retries && left > RETRY_INTERVAL ? RETRY_INTERVAL : left));
    return true;
}

void
maqet_survey_run(struct maqet_survey *surveys, size_t count, const char *socket,
                 const char *lock, const char *command, int64_t timeout)
{
    const struct question question = {.socket = socket, .lock = lock, .command = command};
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_free_ struct pollfd *fds = maqet_alloc((count + 1) * sizeof(*fds));
    bool more;

    for (size_t i = 0; i < count; i++) {
        json_object_put(surveys[i].answer);
        surveys[i].answer = NULL;
        surveys[i].stage = surveys[i].skipped ? STAGE_DONE : STAGE_LOCK;
    }
    do {
        more = step_all(surveys, count, &question);
    } while (wait_for_any(surveys, count, fds, deadline, more));
    for (size_t i = 0; i < count; i++)
        if (surveys[i].stage != STAGE_DONE)
            finish(&surveys[i], surveys[i].stage == STAGE_LOCK ? MAQET_SURVEY_BUSY
                                                               : MAQET_SURVEY_SILENT);
}
