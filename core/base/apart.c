/* SPDX-License-Identifier: MIT */
#include "core/base/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/ending.h"
#include "core/base/field.h"
#include "core/base/files.h"

/* Bytes that are kept of a child's answer and output; the rest is read and dropped. */
enum { ANSWER_LIMIT = 4 << 20, PRINTED_LIMIT = 64 << 10 };

/* ---- errors ---- */

static const struct maqet_fields hint_fields =
    MAQET_FIELDS_OF(struct maqet_hint, MAQET_ROW(struct maqet_hint, next, NULL),
                    MAQET_ROW(struct maqet_hint, operands, NULL));

static const struct maqet_fields error_fields =
    MAQET_FIELDS_OF(struct maqet_error, MAQET_ROW(struct maqet_error, code, NULL),
                    MAQET_ROW(struct maqet_error, message, NULL),
                    MAQET_ROW(struct maqet_error, remark, NULL, .optional = true),
                    {"hints", MAQET_FIELD_LIST(struct maqet_error, hints.items,
                                               hints.count, &hint_fields)},
                    MAQET_ROW(struct maqet_error, file, NULL, .optional = true),
                    MAQET_ROW(struct maqet_error, line, NULL),
                    MAQET_ROW(struct maqet_error, column, NULL),
                    MAQET_ROW(struct maqet_error, silent, NULL),
                    MAQET_ROW(struct maqet_error, signal, NULL));

/* Further mistakes, in the object of the first one. */
#define KEY_ALSO "also"

json_object *
maqet_error_to_json(const struct maqet_error *error)
{
    json_object *object = maqet_fields_to_json(&error_fields, error);
    json_object *list = error->also ? json_object_new_array() : NULL;

    for (const struct maqet_error *also = error->also; also; also = also->also)
        json_object_array_add(list, maqet_fields_to_json(&error_fields, also));
    if (list)
        json_object_object_add(object, KEY_ALSO, list);
    return object;
}

static int
error_from_fields(json_object *object, struct maqet_error **err)
{
    struct maqet_error *error = maqet_alloc(sizeof(*error));

    if (maqet_fields_from_json(&error_fields, object, error, NULL) < 0) {
        free(error);
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "a process failed without saying why");
    }
    for (size_t i = 0; i < error->hints.count; i++)
        if (error->hints.items[i].next >= MAQET_NEXT_COUNT)
            error->hints.items[i].next = MAQET_NEXT_WORDS;
    return maqet_error_move(err, error);
}

int
maqet_error_from_json(json_object *object, struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    json_object *list = json_object_object_get(object, KEY_ALSO);

    error_from_fields(object, &error);
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        struct maqet_error *also = NULL;

        error_from_fields(json_object_array_get_idx(list, i), &also);
        maqet_error_add(&error, &also);
    }
    return maqet_error_move(err, error);
}

/* ---- the child ---- */

struct apart {
    maqet_apart_call *call;
    void *data;
    int printed; /* a pipe for its outputs */
};

static int
make_call(void *data, int fd)
{
    const struct apart *apart = data;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *answer = json_object_new_object();
    int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);

    maqet_ending_leave_to_parent();
    setpgid(0, 0); /* its descendants end with it */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (empty < 0 || dup2(empty, 0) < 0 || dup2(apart->printed, 1) < 0 ||
        dup2(apart->printed, 2) < 0)
        return 1;
    close(empty);
    close(apart->printed);
    json_object_object_add(answer, "found", apart->call(apart->data, &error));
    if (error)
        json_object_object_add(answer, "error", maqet_error_to_json(error));
    fflush(NULL);
    _cleanup_free_ char *line = maqet_format(
        "%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
    return maqet_fd_write(fd, line, strlen(line)) < 0;
}

/* ---- the parent ---- */

static void
receive(int *fd, struct maqet_text *text, size_t limit)
{
    char bytes[65536];
    size_t count = maqet_fd_receive(fd, bytes, sizeof(bytes));

    if (text->length < limit)
        maqet_text_append_bytes(text, bytes, count);
}

/* The answer is one line. A descendant of the child may keep the socket open after it. */
static bool
is_complete(const struct maqet_text *answer)
{
    return answer->length > 0 && answer->data[answer->length - 1] == '\n';
}

/* How the wait for an answer ended. */
enum outcome { ANSWERED, LATE, STOPPED };

/* ms between two calls of a watch's tick. */
static const int64_t TICK = 500;

/* Reads both until the answer is complete, or the child has ended; until the deadline, or
 * the watch stops it. */
static enum outcome
receive_answer(int *answer_fd, int *printed_fd, int64_t deadline,
               const struct maqet_apart_watch *watch, struct maqet_text *answer,
               struct maqet_text *printed)
{
    while (*answer_fd >= 0 && !is_complete(answer)) {
        struct pollfd fds[] = {{.fd = *answer_fd, .events = POLLIN},
                               {.fd = *printed_fd, .events = POLLIN},
                               {.fd = watch->stop_fd, .events = POLLIN}};
        int64_t left = deadline - maqet_now();

        if (left <= 0)
            return LATE;
        if (watch->tick)
            watch->tick(watch->data);
        if (poll(fds, 3, (int)(watch->tick && left > TICK ? TICK : left)) < 0)
            continue;
        if (fds[0].revents)
            receive(answer_fd, answer, ANSWER_LIMIT);
        if (fds[1].revents)
            receive(printed_fd, printed, PRINTED_LIMIT);
        if (fds[2].revents && !is_complete(answer))
            return STOPPED;
    }
    return ANSWERED;
}

/* Reads the rest of what was printed. */
static void
receive_rest(int *fd, struct maqet_text *printed)
{
    fcntl(*fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        struct pollfd more = {.fd = *fd, .events = POLLIN};

        if (*fd < 0 || poll(&more, 1, 0) <= 0)
            return;
        receive(fd, printed, PRINTED_LIMIT);
    }
}

static json_object *
result_of(int status, const struct maqet_text *line, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        line->length > 0 ? json_tokener_parse(line->data) : NULL;
    json_object *error = json_object_object_get(answer, "error");
    json_object *found = json_object_object_get(answer, "found");

    if (WIFSIGNALED(status)) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "it crashed (%s)",
                        strsignal(WTERMSIG(status)));
        return NULL;
    }
    if (!json_object_is_type(answer, json_type_object)) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "it ended the program (exit status %d)",
                        WEXITSTATUS(status));
        return NULL;
    }
    if (error)
        maqet_error_from_json(error, err);
    else if (!found)
        maqet_error_set(err, MAQET_ERROR_FAILED, "it failed without saying why");
    return error ? NULL : json_object_get(found);
}

/* Waits for the child, and kills what it has started. Returns its status. */
static int
end_child(struct maqet_child *child, bool kills)
{
    siginfo_t info;

    if (kills)
        kill(-child->pid, SIGKILL);
    /* Its process group cannot be reused until it is waited for. */
    while (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        continue;
    kill(-child->pid, SIGKILL);
    return maqet_child_wait(child->pid);
}

json_object *
maqet_apart_watched(maqet_apart_call *call, void *data, int64_t timeout,
                    const struct maqet_apart_watch *watch, char **printed,
                    struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text answer = MAQET_TEXT_INIT, words = MAQET_TEXT_INIT;
    struct apart apart = {.call = call, .data = data, .printed = -1};
    struct maqet_child child = MAQET_CHILD_INIT;
    _cleanup_close_ int prints = -1;

    if (maqet_pipe(&prints, &apart.printed) == 0)
        maqet_child_start(&child, SIGKILL, make_call, &apart);
    int number = errno;
    maqet_cleanup_close(&apart.printed);
    if (child.pid <= 0) {
        maqet_error_errno(err, number, "Cannot start a child process");
        return NULL;
    }
    setpgid(child.pid, child.pid); /* or the child does, if it runs first */
    enum outcome outcome =
        receive_answer(&child.fd, &prints, maqet_now() + timeout, watch, &answer, &words);
    int status = end_child(&child, outcome != ANSWERED);
    receive_rest(&prints, &words);
    maqet_child_leave(&child);
    if (printed)
        *printed = maqet_text_take(&words);
    if (outcome == ANSWERED)
        return result_of(status, &answer, err);
    if (outcome == LATE)
        maqet_error_set(err, MAQET_ERROR_TIMEOUT, "it did not finish within %g s",
                        (double)timeout / 1000);
    else
        maqet_error_set(err, MAQET_ERROR_REFUSED, "it was stopped");
    return NULL;
}

json_object *
maqet_apart(maqet_apart_call *call, void *data, int64_t timeout, char **printed,
            struct maqet_error **err)
{
    static const struct maqet_apart_watch unwatched = {.stop_fd = -1};

    return maqet_apart_watched(call, data, timeout, &unwatched, printed, err);
}
