/* SPDX-License-Identifier: MIT */
#include "core/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"

enum { OUTPUT_LIMIT = 16 * 1024 * 1024, IDLE_INTERVAL = 500 };

/* ms that a server has to leave in order what it has open: a service may count one that
 * was killed as a user for long. */
static const int64_t END_TIMEOUT = 5000;

/* A status of wait(2): an exit code of 255. */
enum { UNKNOWN_END = 255 << 8 };

/* ---- its standard error ---- */

/* Bytes that are kept of the beginning, and of the end. */
enum { BEGINNING_MAX = 16 * 1024 * 1024, END_MAX = 64 * 1024 };

/* All of it goes to a log where there is much, and the last lines into a message. */
struct complaint {
    struct maqet_text beginning; /* of bounded size */
    struct maqet_text end;       /* what comes after it; only the last part is kept */
    uint64_t left_out;           /* bytes between the two */
    uint64_t lines;              /* line feeds in all of it */
};

static void
complaint_add(struct complaint *complaint, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        complaint->lines += bytes[i] == '\n';
    if (complaint->beginning.length + count <= BEGINNING_MAX) {
        maqet_text_append_bytes(&complaint->beginning, bytes, count);
        return;
    }
    maqet_text_append_bytes(&complaint->end, bytes, count);
    if (complaint->end.length <= 2 * (size_t)END_MAX)
        return;
    size_t dropped = complaint->end.length - END_MAX;
    memmove(complaint->end.data, complaint->end.data + dropped, END_MAX + 1);
    complaint->end.length = END_MAX;
    complaint->left_out += dropped;
}

static void
complaint_clear(struct complaint *complaint)
{
    maqet_text_clear(&complaint->beginning);
    maqet_text_clear(&complaint->end);
}

#define _cleanup_complaint_ _cleanup_(complaint_clear)

static bool
write_text(int fd, const struct maqet_text *text)
{
    return text->length == 0 || maqet_fd_write(fd, text->data, text->length) == 0;
}

/* The file anew, in a folder that is ours alone: nobody can have put a link there. */
static int
create_log(const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    const char *name = strrchr(path, '/') + 1;
    struct stat status;
    _cleanup_close_ int dir_fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (dir_fd < 0 || fstat(dir_fd, &status) < 0 || status.st_uid != geteuid() ||
        status.st_mode & (S_IWGRP | S_IWOTH))
        return -1;
    unlinkat(dir_fd, name, 0);
    return openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

/* Writes all of it to a file, which is replaced and readable by its owner only. Returns
 * whether it could: the folder must be there, and be ours alone. */
static bool
complaint_log(const struct complaint *complaint, const char *const *argv,
              const char *path)
{
    _cleanup_text_ struct maqet_text head = MAQET_TEXT_INIT, gap = MAQET_TEXT_INIT;
    _cleanup_close_ int fd = create_log(path);

    if (fd < 0)
        return false;
    for (size_t i = 0; argv[i]; i++)
        maqet_text_appendf(&head, "%s%s", i > 0 ? " " : "$ ", argv[i]);
    maqet_text_append(&head, "\n");
    if (complaint->left_out > 0)
        maqet_text_appendf(&gap, "\n[%" PRIu64 " bytes are left out here]\n",
                           complaint->left_out);
    return write_text(fd, &head) && write_text(fd, &complaint->beginning) &&
           write_text(fd, &gap) && write_text(fd, &complaint->end);
}

static size_t
trimmed_length(const struct maqet_text *text)
{
    size_t length = text->length;

    while (length > 0 && strchr("\r\n ", text->data[length - 1]))
        length--;
    return length;
}

/* What an error says of it, as the end of a sentence: ": it did not work", or " (...):"
 * and the last lines, where it is longer than a message should be. Then all of it is
 * written to the file @log (NULL: it is not), which is named. "" where nothing was said.
 * The caller frees. */
static char *
complaint_text(const struct complaint *complaint, const char *const *argv,
               const char *log)
{
    /* What follows the beginning is longer than what a message may hold, or part of it.
     */
    _cleanup_text_ struct maqet_text words = MAQET_TEXT_INIT;
    const struct maqet_text *parts[] = {&complaint->beginning, &complaint->end};
    bool more;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t kept = parts[i]->length < END_MAX ? parts[i]->length : END_MAX;

        if (kept > 0)
            maqet_text_append_bytes(&words, parts[i]->data + parts[i]->length - kept,
                                    kept);
    }
    size_t length = trimmed_length(&words);
    if (length == 0)
        return maqet_strdup("");
    const char *last = maqet_text_last_lines(words.data, length, &more);
    int count = (int)(length - (size_t)(last - words.data));
    if (!more)
        return maqet_format(": %.*s", count, last);
    if (log && complaint_log(complaint, argv, log))
        return maqet_format(" (all of its output, %" PRIu64 " lines, is in %s):\n%.*s",
                            complaint->lines, log, count, last);
    return maqet_format(" (these are the last of %" PRIu64 " lines):\n%.*s",
                        complaint->lines, count, last);
}

/* ---- running one ---- */

/* What becomes of a child of ours. */
struct command {
    const char *path;
    const char *const *argv;
    int out, error; /* the pipes that are to be its outputs */
};

/* Between fork and exec only what signal-safety(7) lists is called. */
static int
become(void *data, int fd)
{
    const struct command *command = data;
    sigset_t none;

    (void)fd;
    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int empty = open("/dev/null", O_RDONLY);
    if (empty >= 0 && dup2(empty, 0) >= 0 && dup2(command->out, 1) >= 0 &&
        dup2(command->error, 2) >= 0)
        execv(command->path, (char *const *)command->argv);
    return 127;
}

static int
error_not_found(const char *program, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_FAILED, "The program %s was not found in PATH",
                    program);
    /* It may be any program that a plugin runs. */
    maqet_error_hint(err, "Install it%s",
                     maqet_text_starts(program, "qemu-")
                         ? " (Debian: apt install qemu-utils has qemu-img)"
                         : ", or add its folder to PATH");
    return -1;
}

int
maqet_process_serve(const char *const *argv, struct maqet_process_server *server,
                    struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_process_find(argv[0]);
    _cleanup_close_ int out = -1, error = -1;
    struct command command = {.path = path, .argv = argv, .out = -1, .error = -1};
    pid_t pid = -1;

    if (!path)
        return error_not_found(argv[0], err);
    if (maqet_pipe(&out, &command.out) == 0 && maqet_pipe(&error, &command.error) == 0)
        pid = maqet_child_fork(SIGKILL, become, &command);
    int number = errno;
    maqet_cleanup_close(&command.out);
    maqet_cleanup_close(&command.error);
    if (pid < 0)
        return maqet_error_errno(err, number, "Cannot run %s", argv[0]);
    *server = (struct maqet_process_server){
        .pid = pid, .out = TAKE_FD(out), .error = TAKE_FD(error)};
    return 0;
}

static void
close_outputs(struct maqet_process_server *server)
{
    maqet_cleanup_close(&server->out);
    maqet_cleanup_close(&server->error);
    *server = (struct maqet_process_server){.out = -1, .error = -1};
}

/* What is too much of the standard output is dropped. */
static void
drain_output(int *fd, struct maqet_text *text, const struct maqet_process_manner *manner)
{
    char buffer[4096];
    size_t count = maqet_fd_receive(fd, buffer, sizeof(buffer));

    if (count > 0 && manner->heard)
        manner->heard(manner->data, buffer, count);
    if (count > 0 && text->length < OUTPUT_LIMIT)
        maqet_text_append_bytes(text, buffer, count);
}

static void
drain_error(int *fd, struct complaint *words)
{
    char buffer[4096];

    complaint_add(words, buffer, maqet_fd_receive(fd, buffer, sizeof(buffer)));
}

/* Returns 0 when both outputs are at their end, -1 when the deadline came first. */
static int
collect(struct maqet_process_server *child, int64_t deadline, struct maqet_text *out,
        struct complaint *error, const struct maqet_process_manner *manner)
{
    while (child->out >= 0 || child->error >= 0) {
        struct pollfd fds[2] = {{.fd = child->out, .events = POLLIN},
                                {.fd = child->error, .events = POLLIN}};
        int64_t left = deadline < 0 ? -1 : deadline - maqet_now();

        if (deadline >= 0 && left <= 0)
            return -1;
        if (manner->heard && (left < 0 || left > IDLE_INTERVAL))
            left = IDLE_INTERVAL;
        int ready = poll(fds, 2, (int)left);
        if (manner->heard)
            manner->heard(manner->data, "", 0);
        if (ready < 0)
            continue;
        if (fds[0].revents)
            drain_output(&child->out, out, manner);
        if (fds[1].revents)
            drain_error(&child->error, error);
    }
    return 0;
}

/* Waits for the end, which mostly comes with that of the outputs, and makes it come at
 * the deadline. Returns whether it had to. */
static bool
reap(pid_t pid, int64_t deadline, int *status)
{
    bool late = false;
    pid_t ended;

    while ((ended = waitpid(pid, status, deadline < 0 ? 0 : WNOHANG)) == 0 ||
           (ended < 0 && errno == EINTR)) {
        if (deadline >= 0 && maqet_now() >= deadline) {
            kill(pid, SIGKILL);
            late = true;
            deadline = -1;
        } else if (ended == 0) {
            maqet_sleep(1);
        }
    }
    /* Where SIGCHLD is ignored nobody knows how it ended, and that is no success. */
    if (ended < 0)
        *status = UNKNOWN_END;
    return late;
}

/* Returns 0, or -1 where it has failed. */
static int
judge(const char *const *argv, int status, bool answered, const struct complaint *words,
      const struct maqet_process_manner *manner, struct maqet_error **err)
{
    const char *program = argv[0];
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    if (manner->exit_code && WIFEXITED(status) && (good || answered)) {
        *manner->exit_code = WEXITSTATUS(status);
        if (!good && manner->log)
            complaint_log(words, argv, manner->log);
        return 0;
    }
    if (good)
        return 0;
    _cleanup_free_ char *said = complaint_text(words, argv, manner->log);
    if (*said)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "%s failed%s", program, said);
    if (WIFSIGNALED(status))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "%s was killed by signal %d (%s)",
                               program, WTERMSIG(status), strsignal(WTERMSIG(status)));
    return maqet_error_set(err, MAQET_ERROR_FAILED, "%s failed with exit status %d",
                           program, WEXITSTATUS(status));
}

int
maqet_process_run_as(const char *const *argv, const struct maqet_process_manner *manner,
                     char **output, struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text out = MAQET_TEXT_INIT;
    _cleanup_complaint_ struct complaint error = {0};
    struct maqet_process_server child;
    int64_t timeout = manner->timeout;
    int status = 0;

    if (maqet_process_serve(argv, &child, err) < 0)
        return -1;
    pid_t pid = child.pid;
    int64_t deadline = timeout < 0 ? -1 : maqet_now() + timeout;
    bool late = collect(&child, deadline, &out, &error, manner) < 0;
    close_outputs(&child);
    late = reap(pid, late ? 0 : deadline, &status) || late;
    if (late)
        return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                               "%s took longer than %g s and was stopped", argv[0],
                               (double)timeout / 1000);
    if (judge(argv, status, out.length > 0, &error, manner, err) < 0)
        return -1;
    if (output)
        *output = maqet_text_take(&out);
    return 0;
}

int
maqet_process_run(const char *const *argv, int64_t timeout, char **output,
                  struct maqet_error **err)
{
    const struct maqet_process_manner manner = {.timeout = timeout};

    return maqet_process_run_as(argv, &manner, output, err);
}

/* ---- beside us ---- */

int
maqet_process_server_check(struct maqet_process_server *server, const char *program,
                           struct maqet_error **err)
{
    _cleanup_complaint_ struct complaint words = {0};
    int status;

    if (waitpid(server->pid, &status, WNOHANG) == 0)
        return 0;
    server->pid = 0;
    while (server->error >= 0)
        drain_error(&server->error, &words);
    if (judge((const char *const[]){program, NULL}, status, false, &words,
              &(struct maqet_process_manner){0}, err) == 0)
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s ended at once", program);
    maqet_process_server_end(server);
    return -1;
}

void
maqet_process_server_end(struct maqet_process_server *server)
{
    int status;

    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        kill(server->pid, SIGCONT); /* one that is stopped would not get it */
        reap(server->pid, maqet_now() + END_TIMEOUT, &status);
    }
    close_outputs(server);
}

/* ---- finding ---- */

static bool
is_program(const char *path)
{
    struct stat status;

    return access(path, X_OK) == 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

char *
maqet_process_find(const char *program)
{
    const char *path = getenv("PATH");

    if (strchr(program, '/'))
        return is_program(program) ? maqet_strdup(program) : NULL;
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*path) {
        size_t length = strcspn(path, ":");

        /* An empty entry means the current folder, from which nothing is run here. */
        if (length > 0) {
            _cleanup_free_ char *full =
                maqet_format("%.*s/%s", (int)length, path, program);

            if (is_program(full))
                return TAKE_PTR(full);
        }
        path += length + (path[length] == ':');
    }
    return NULL;
}
