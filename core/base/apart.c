/* SPDX-License-Identifier: MIT */
#include "core/base/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/json.h"

/* Bytes that are kept of what a child says; the rest is read and dropped. */
enum { ANSWER_LIMIT = 4 << 20, PRINTED_LIMIT = 64 << 10 };

/* ---- the child ---- */

/* Makes the error JSON, for the other side. */
static json_object *
error_to_json(const struct maqet_error *error)
{
    json_object *object = json_object_new_object(), *hints = json_object_new_array();

    json_object_object_add(object, "code", json_object_new_int((int)error->code));
    json_object_object_add(object, "message", json_object_new_string(error->message));
    if (error->remark)
        json_object_object_add(object, "remark", json_object_new_string(error->remark));
    for (size_t i = 0; i < error->hints.count; i++)
        json_object_array_add(hints, json_object_new_string(error->hints.items[i]));
    json_object_object_add(object, "hints", hints);
    return object;
}

static void
say(int fd, json_object *answer)
{
    char *line = maqet_format(
        "%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
    const char *text = line;
    size_t length = strlen(line);

    while (length > 0) {
        ssize_t count = write(fd, text, length);

        if (count < 0 && errno != EINTR)
            _exit(1);
        if (count > 0) {
            text += count;
            length -= (size_t)count;
        }
    }
    free(line);
}

static void
become(maqet_apart_call *call, void *data, pid_t parent, int answer_fd, int printed_fd)
{
    struct maqet_error *error = NULL;
    json_object *answer = json_object_new_object();
    int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* so that those whom it starts end with it */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (getppid() != parent || empty < 0 || dup2(empty, 0) < 0 ||
        dup2(printed_fd, 1) < 0 || dup2(printed_fd, 2) < 0)
        _exit(1);
    close(empty);
    close(printed_fd);
    json_object *found = call(data, &error);
    json_object_object_add(answer, "found", found);
    if (error)
        json_object_object_add(answer, "error", error_to_json(error));
    fflush(NULL);
    say(answer_fd, answer);
    _exit(0);
}

/* ---- the parent ---- */

/* Takes what has arrived; closes the pipe at its end. */
static void
drain(int *fd, struct maqet_text *text, size_t limit)
{
    char bytes[65536];
    ssize_t count = read(*fd, bytes, sizeof(bytes));

    if (count > 0 && text->length < limit) {
        maqet_text_append_bytes(text, bytes, (size_t)count);
    } else if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
        close(*fd);
        *fd = -1;
    }
}

/* The answer is a line; whom the child has started may hold the pipe open. */
static bool
is_complete(const struct maqet_text *answer)
{
    return answer->length > 0 && answer->data[answer->length - 1] == '\n';
}

/* Reads both until the answer is complete, or the child has ended. Returns -1 when
 * the deadline came first. */
static int
collect(int *answer_fd, int *printed_fd, int64_t deadline, struct maqet_text *answer,
        struct maqet_text *printed)
{
    while (*answer_fd >= 0 && !is_complete(answer)) {
        struct pollfd fds[] = {{.fd = *answer_fd, .events = POLLIN},
                               {.fd = *printed_fd, .events = POLLIN}};
        int64_t left = deadline - maqet_now();

        if (left <= 0)
            return -1;
        if (poll(fds, 2, (int)left) < 0)
            continue;
        if (fds[0].revents)
            drain(answer_fd, answer, ANSWER_LIMIT);
        if (fds[1].revents)
            drain(printed_fd, printed, PRINTED_LIMIT);
    }
    return 0;
}

/* What was printed and has not been read yet. */
static void
drain_rest(int *fd, struct maqet_text *printed)
{
    fcntl(*fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        struct pollfd more = {.fd = *fd, .events = POLLIN};

        if (*fd < 0 || poll(&more, 1, 0) <= 0)
            return;
        drain(fd, printed, PRINTED_LIMIT);
    }
}

/* Makes the error again that the other side had. Returns -1. */
static int
error_from_json(json_object *object, struct maqet_error **err)
{
    json_object *hints = NULL;
    const char *message = maqet_json_text(object, "message");

    maqet_error_set(err, (enum maqet_error_code)maqet_json_int(object, "code"), "%s",
                    message ? message : "");
    if (maqet_json_text(object, "remark"))
        maqet_error_remark(err, "%s", maqet_json_text(object, "remark"));
    json_object_object_get_ex(object, "hints", &hints);
    for (size_t i = 0; hints && i < json_object_array_length(hints); i++)
        maqet_error_hint(err, "%s",
                         json_object_get_string(json_object_array_get_idx(hints, i)));
    return -1;
}

static json_object *
judge(int status, const struct maqet_text *words, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        words->length > 0 ? json_tokener_parse(words->data) : NULL;
    json_object *error = NULL, *found = NULL;

    if (WIFSIGNALED(status)) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "it crashed (%s)",
                        strsignal(WTERMSIG(status)));
        return NULL;
    }
    if (!json_object_is_type(answer, json_type_object)) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "it ended the program (exit code %d)",
                        WEXITSTATUS(status));
        return NULL;
    }
    if (json_object_object_get_ex(answer, "error", &error)) {
        error_from_json(error, err);
        return NULL;
    }
    json_object_object_get_ex(answer, "found", &found);
    if (!found)
        maqet_error_set(err, MAQET_ERROR_FAILED, "it failed without saying why");
    return json_object_get(found);
}

json_object *
maqet_apart(maqet_apart_call *call, void *data, int64_t timeout, char **printed,
            struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text answer = MAQET_TEXT_INIT, words = MAQET_TEXT_INIT;
    int answers[2], prints[2], status = 0;
    siginfo_t info;
    pid_t parent = getpid();

    if (pipe2(answers, O_CLOEXEC) < 0) {
        maqet_error_errno(err, errno, "Can't start a child");
        return NULL;
    }
    if (pipe2(prints, O_CLOEXEC) < 0) {
        maqet_error_errno(err, errno, "Can't start a child");
        close(answers[0]);
        close(answers[1]);
        return NULL;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become(call, data, parent, answers[1], prints[1]);
    if (pid > 0)
        setpgid(pid, pid); /* whoever comes first */
    close(answers[1]);
    close(prints[1]);
    int late = pid < 0 ? maqet_error_errno(err, errno, "Can't start a child")
                       : collect(&answers[0], &prints[0], maqet_now() + timeout, &answer,
                                 &words);
    if (pid > 0) {
        if (late < 0)
            kill(-pid, SIGKILL);
        /* Its number is its own until it is waited for. */
        while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
            continue;
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    drain_rest(&prints[0], &words);
    if (answers[0] >= 0)
        close(answers[0]);
    if (prints[0] >= 0)
        close(prints[0]);
    if (printed)
        *printed = maqet_text_take(&words);
    if (pid < 0)
        return NULL;
    if (late < 0) {
        maqet_error_set(err, MAQET_ERROR_TIMEOUT, "it came to no end in %g s",
                        (double)timeout / 1000);
        return NULL;
    }
    return judge(status, &answer, err);
}
