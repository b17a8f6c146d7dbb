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
#include "core/base/mask.h"

enum { OUTPUT_LIMIT = 16 * 1024 * 1024, IDLE_INTERVAL = 500 };

/* ms in which a server must end by itself: a remote service may count one that was killed
 * as a user for long. */
static const int64_t END_TIMEOUT = 5000;

/* A status of wait(2): an exit code of 255. */
enum { UNKNOWN_END = 255 << 8 };

/* ---- its standard error ---- */

/* Bytes of the beginning and of the end that are kept. */
enum { BEGINNING_MAX = 16 * 1024 * 1024, END_MAX = 64 * 1024 };

/* If it is long, a log gets all of it, and the message the last lines. */
struct complaint {
    struct maqet_text text;
    uint64_t left_out; /* bytes between the beginning and the end */
    uint64_t lines;    /* line feeds in all of it */
};

static void
complaint_add(struct complaint *complaint, const char *bytes, size_t count)
{
    struct maqet_text *text = &complaint->text;

    for (size_t i = 0; i < count; i++)
        complaint->lines += bytes[i] == '\n';
    maqet_text_append_bytes(text, bytes, count);
    if (text->length <= BEGINNING_MAX + 2 * (size_t)END_MAX)
        return;
    size_t dropped = text->length - BEGINNING_MAX - END_MAX;
    char *end = text->data + BEGINNING_MAX;
    memmove(end, end + dropped, END_MAX + 1);
    text->length -= dropped;
    complaint->left_out += dropped;
}

static void
complaint_clear(struct complaint *complaint)
{
    maqet_text_clear(&complaint->text);
}

#define _cleanup_complaint_ _cleanup_(complaint_clear)

/* Replaces the file. Nobody else can have put a link there, since only we can write to
 * the folder. */
static int
create_log(const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    const char *name = strrchr(path, '/') + 1;
    struct stat status;
    _cleanup_close_ int dir_fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (dir_fd < 0 || fstat(dir_fd, &status) < 0 ||
        maqet_file_check_writers(folder, &status, geteuid(), NULL) < 0)
        return -1;
    unlinkat(dir_fd, name, 0);
    return openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

/* Writes the command and all of the complaint to a file. Returns whether it could. */
static bool
complaint_log(const struct complaint *complaint, const char *const *argv,
              const char *path)
{
    _cleanup_text_ struct maqet_text head = MAQET_TEXT_INIT, gap = MAQET_TEXT_INIT;
    _cleanup_close_ int fd = create_log(path);
    const struct maqet_text *text = &complaint->text;
    size_t beginning = text->length;

    if (fd < 0)
        return false;
    for (size_t i = 0; argv[i]; i++)
        maqet_text_appendf(&head, "%s%s", i > 0 ? " " : "$ ", argv[i]);
    maqet_text_append(&head, "\n");
    if (complaint->left_out > 0) {
        beginning = BEGINNING_MAX;
        maqet_text_appendf(&gap, "\n[%" PRIu64 " bytes are left out here]\n",
                           complaint->left_out);
    }
    return maqet_fd_write(fd, head.data, head.length) == 0 &&
           maqet_fd_write(fd, text->data, beginning) == 0 &&
           maqet_fd_write(fd, gap.data, gap.length) == 0 &&
           (beginning == text->length ||
            maqet_fd_write(fd, text->data + beginning, text->length - beginning) == 0);
}

/* What an error says of it, as the end of a sentence: ": no such file", or if it is
 * longer " (...):" and the last lines, and where the log is. Then all of it is written to
 * the file @log, if it is not NULL. "" if there is none. The caller frees. */
static char *
complaint_text(const struct complaint *complaint, const char *const *argv,
               const char *log)
{
    const struct maqet_text *text = &complaint->text;
    size_t length = text->length;
    bool more;

    while (length > 0 && strchr("\r\n ", text->data[length - 1]))
        length--;
    if (length == 0)
        return maqet_strdup("");
    const char *last = maqet_text_last_lines(text->data, length, &more);
    int count = (int)(length - (size_t)(last - text->data));
    if (!more)
        return maqet_format(": %.*s", count, last);
    if (log && complaint_log(complaint, argv, log))
        return maqet_format(" (all of its output, %" PRIu64 " lines, is in %s):\n%.*s",
                            complaint->lines, log, count, last);
    return maqet_format(" (these are the last of %" PRIu64 " lines):\n%.*s",
                        complaint->lines, count, last);
}

/* ---- running one ---- */

struct command {
    const char *path;
    const char *const *argv;
    int out, error; /* the pipes for its outputs */
};

/* In the child: calls only functions that signal-safety(7) lists. */
static int
exec_command(void *data, int fd)
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
        pid = maqet_child_fork(SIGKILL, exec_command, &command);
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

/* Standard output beyond the limit is dropped. */
static void
read_output(int *fd, struct maqet_text *text, const struct maqet_process_manner *manner)
{
    char buffer[4096];
    size_t count = maqet_fd_receive(fd, buffer, sizeof(buffer));

    if (count > 0 && manner->on_output)
        manner->on_output(manner->data, buffer, count);
    if (count > 0 && text->length < OUTPUT_LIMIT)
        maqet_text_append_bytes(text, buffer, count);
}

static void
read_error(int *fd, struct complaint *words)
{
    char buffer[4096];

    complaint_add(words, buffer, maqet_fd_receive(fd, buffer, sizeof(buffer)));
}

/* Reads both outputs to their end. Returns -1 if the deadline comes first. */
static int
read_outputs(struct maqet_process_server *child, int64_t deadline, struct maqet_text *out,
             struct complaint *error, const struct maqet_process_manner *manner)
{
    while (child->out >= 0 || child->error >= 0) {
        struct pollfd fds[2] = {{.fd = child->out, .events = POLLIN},
                                {.fd = child->error, .events = POLLIN}};
        int64_t left = deadline < 0 ? -1 : deadline - maqet_now();

        if (deadline >= 0 && left <= 0)
            return -1;
        if (manner->on_output && (left < 0 || left > IDLE_INTERVAL))
            left = IDLE_INTERVAL;
        int ready = poll(fds, 2, (int)left);
        if (manner->on_output)
            manner->on_output(manner->data, "", 0);
        if (ready < 0)
            continue;
        if (fds[0].revents)
            read_output(&child->out, out, manner);
        if (fds[1].revents)
            read_error(&child->error, error);
    }
    return 0;
}

/* Waits for a process that mostly has ended already, since its outputs have; kills it at
 * the deadline. Returns whether it was killed. */
static bool
wait_or_kill(pid_t pid, int64_t deadline, int *status)
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
    /* If SIGCHLD is ignored, the kernel does not report how it ended: not a success. */
    if (ended < 0)
        *status = UNKNOWN_END;
    return late;
}

/* Returns 0, or -1 if the status means a failure. */
static int
check_status(const char *const *argv, int status, bool has_output,
             const struct complaint *words, const struct maqet_process_manner *manner,
             struct maqet_error **err)
{
    const char *program = argv[0];
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    if (manner->exit_code && WIFEXITED(status) && (good || has_output)) {
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
    bool late = read_outputs(&child, deadline, &out, &error, manner) < 0;
    close_outputs(&child);
    late = wait_or_kill(pid, late ? 0 : deadline, &status) || late;
    maqet_mask_buffer(&error.text);
    if (late)
        return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                               "%s took longer than %g s and was stopped", argv[0],
                               (double)timeout / 1000);
    if (check_status(argv, status, out.length > 0, &error, manner, err) < 0)
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
        read_error(&server->error, &words);
    maqet_mask_buffer(&words.text);
    if (check_status((const char *const[]){program, NULL}, status, false, &words,
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
        kill(server->pid, SIGCONT); /* a stopped one would not get it */
        wait_or_kill(server->pid, maqet_now() + END_TIMEOUT, &status);
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

        /* An empty entry is the working directory, from which nothing is run. */
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
