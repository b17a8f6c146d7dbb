/* SPDX-License-Identifier: MIT */
/*
 * monitor.c - a session's conversation with QEMU. All questions together have one limit,
 * which is the user's --wait; a QEMU that has let it pass is not asked again, so that a
 * command which fails over it does not wait for it once more while it tidies up.
 */
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/machine/drives.h"
#include "core/machine/run.h"
#include "core/qemu/silence.h"
#include "core/snapshot/session.h"

/* ms for work whose time grows with the image. */
static const int64_t WORK_TIMEOUT = INT64_C(600) * 1000;

/* What QEMU has taken since @begun is no longer left to it. */
static void
spend(struct maqet_session *session, int64_t begun)
{
    int64_t left = session->answer_left - (maqet_now() - begun);

    session->answer_left = left > 0 ? left : 0;
}

bool
maqet_session_does_without(const struct maqet_session *session)
{
    return session->silent && session->on_silence != MAQET_ON_SILENCE_FAIL;
}

/* Gives up a QEMU that does not answer; says so where the command goes on without. */
static void
note_silence(struct maqet_session *session, const struct maqet_error *reason)
{
    maqet_session_leave_monitor(session);
    session->silent = true;
    if (session->on_silence == MAQET_ON_SILENCE_END) {
        maqet_context_say(session->context, MAQET_LEVEL_WARNING,
                          "%s; it is not needed: QEMU is ended", reason->message);
    } else if (session->on_silence == MAQET_ON_SILENCE_READ) {
        _cleanup_free_ char *steps = maqet_strings_join(&reason->hints, ". ");
        maqet_context_say(session->context, MAQET_LEVEL_WARNING,
                          "%s; the images are read instead. %s", reason->message, steps);
    }
}

/* Takes what QEMU failed to do. */
static void
fail(struct maqet_session *session, struct maqet_error *reason, struct maqet_error **err)
{
    if (reason->silent)
        note_silence(session, reason);
    maqet_error_move(err, reason);
}

struct maqet_qmp *
maqet_session_monitor(struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    int64_t begun = maqet_now();

    if (session->qmp)
        return session->qmp;
    if (session->silent) {
        maqet_silence_error(session->name, session->run.pidfd, session->answer_limit,
                            err);
        return NULL;
    }
    if (maqet_run_check_reachable(&session->run, session->name, &reason) < 0) {
        reason->silent = true;
        fail(session, reason, err);
        return NULL;
    }
    session->qmp =
        maqet_monitor_open(session->run.dir_fd, session->name, session->answer_left,
                           session->run.pidfd, &session->qmp_lock, &reason);
    spend(session, begun);
    if (!session->qmp)
        fail(session, reason, err);
    return session->qmp;
}

void
maqet_session_leave_monitor(struct maqet_session *session)
{
    if (!session->qmp)
        return;
    maqet_qmp_close(TAKE_PTR(session->qmp));
    close(TAKE_FD(session->qmp_lock));
}

/* Takes the arguments. A negative @timeout: what is left for answers. */
static json_object *
execute(struct maqet_session *session, const char *command, json_object *arguments,
        int64_t timeout, struct maqet_error **err)
{
    struct maqet_qmp *qmp = maqet_session_monitor(session, err);
    struct maqet_error *reason = NULL;
    int64_t begun = maqet_now();

    if (!qmp) {
        json_object_put(arguments);
        return NULL;
    }
    json_object *answer = maqet_qmp_execute(
        qmp, command, arguments, timeout < 0 ? session->answer_left : timeout, &reason);
    if (timeout < 0)
        spend(session, begun);
    if (!answer && !reason->silent)
        maqet_error_wrap(&reason, "Virtual machine '%s'", session->name);
    if (!answer)
        fail(session, reason, err);
    return answer;
}

json_object *
maqet_session_ask(struct maqet_session *session, const char *command,
                  json_object *arguments, struct maqet_error **err)
{
    return execute(session, command, arguments, -1, err);
}

json_object *
maqet_session_work(struct maqet_session *session, const char *command,
                   json_object *arguments, struct maqet_error **err)
{
    return execute(session, command, arguments, WORK_TIMEOUT, err);
}

int
maqet_session_check_asked(struct maqet_session *session, struct maqet_error **err)
{
    struct maqet_qmp *qmp = maqet_session_monitor(session, err);
    struct maqet_error *reason = NULL;
    int64_t begun = maqet_now();

    if (!qmp)
        return -1;
    if (maqet_vm_drives_check_asked(session->vm, qmp, session->answer_left, &reason) ==
        0) {
        spend(session, begun);
        return 0;
    }
    fail(session, reason, err);
    return -1;
}
