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
#include "core/base/error_json.h"
#include "core/base/files.h"
#include "core/base/json.h"

/* Bytes that are kept of what a child says; the rest is read and dropped. */
enum { ANSWER_LIMIT = 4 << 20, PRINTED_LIMIT = 64 << 10 };

/* ---- the child ---- */

static void
say(int fd, json_object *answer)
{
    char *line = maqet_format(
        "%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));

    if (maqet_fd_write(fd, line, strlen(line)) < 0)
        _exit(1);
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
        json_object_object_add(answer, "error", maqet_error_to_json(error));
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
        maqet_error_from_json(error, err);
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
