/* SPDX-License-Identifier: MIT */
#include "core/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/landlock.h"
#include "core/base/mask.h"

enum { OUTPUT_LIMIT = 16 * 1024 * 1024, IDLE_INTERVAL = 500 };

/* ms in which a server must end by itself: a remote service may count one that was killed
 * as a user for long. */
static const int64_t END_TIMEOUT = 5000;

/* A status of wait(2): an exit code of 255. */
enum { UNKNOWN_END = 255 << 8 };

/* ---- running one ---- */

struct command {
    const char *path;
    const char *const *argv;
    char **environment;
    int in;             /* its standard input; -1: it is empty */
    int out, error;     /* the pipes for its outputs */
    int report;         /* gets errno if it cannot be run, or is closed by exec */
    const int *ruleset; /* that confines it (landlock.h); NULL: none */
};

enum { REPORT_FD = STDERR_FILENO + 1 };

/* In the child: calls only functions that signal-safety(7) lists. */
static int
exec_command(void *data, int fd)
{
    const struct command *command = data;
    int in = command->in < 0 ? open("/dev/null", O_RDONLY) : command->in;
    int report = command->report;
    sigset_t none;

    (void)fd;
    signal(SIGXFSZ, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if ((!command->ruleset || maqet_landlock_enforce(*command->ruleset) == 0) &&
        in >= 0 && dup2(in, 0) >= 0 && dup2(command->out, 1) >= 0 &&
        dup2(command->error, 2) >= 0 &&
        (report == REPORT_FD || dup3(report, REPORT_FD, O_CLOEXEC) >= 0)) {
        report = REPORT_FD;
        maqet_child_close(REPORT_FD + 1, ~0U);
        execve(command->path, (char *const *)command->argv, command->environment);
    }
    int number = errno;
    return write(report, &number, sizeof(number)) < 0 ? 126 : 127;
}

/* Starts a command, and returns when it runs. Returns its PID, or -1 and errno. */
static pid_t
start_command(struct command *command)
{
    _cleanup_close_ int reported = -1, report = -1;
    int number = 0;

    if (maqet_pipe(&reported, &report) < 0)
        return -1;
    command->report = report;
    pid_t pid = maqet_child_fork(SIGKILL, exec_command, command);
    close(TAKE_FD(report));
    while (pid > 0 && read(reported, &number, sizeof(number)) < 0 && errno == EINTR)
        continue;
    if (number == 0)
        return pid;
    maqet_child_wait(pid);
    errno = number;
    return -1;
}

/* The length of a variable's name in a change of the environment. */
static size_t
name_length(const char *change)
{
    return strcspn(change, "=");
}

static bool
is_changed(const struct maqet_strings *changes, const char *variable)
{
    size_t length = name_length(variable);

    for (size_t i = 0; changes && i < changes->count; i++)
        if (name_length(changes->items[i]) == length &&
            strncmp(changes->items[i], variable, length) == 0)
            return true;
    return false;
}

char **
maqet_process_environment(const struct maqet_strings *changes)
{
    size_t added = changes ? changes->count : 0, count = 0, kept = 0;

    while (environ[count])
        count++;
    char **environment = maqet_alloc((count + added + 1) * sizeof(*environment));
    for (size_t i = 0; i < count; i++)
        if (!is_changed(changes, environ[i]))
            environment[kept++] = environ[i];
    for (size_t i = 0; i < added; i++) {
        const struct maqet_strings later = {.items = changes->items + i + 1,
                                            .count = added - i - 1};

        if (strchr(changes->items[i], '=') && !is_changed(&later, changes->items[i]))
            environment[kept++] = changes->items[i];
    }
    return environment;
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

/* What a program gets. */
struct surroundings {
    const struct maqet_strings *changes; /* of the environment */
    int in;                              /* what it reads; -1: nothing */
    int to;                              /* what it writes to; -1: a pipe */
    const int *ruleset;
};

static int
start_program(const char *const *argv, const struct surroundings *surroundings,
              struct maqet_process_server *server, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_process_find(argv[0]);
    _cleanup_free_ char **environment = maqet_process_environment(surroundings->changes);
    _cleanup_close_ int out = -1, error = -1;
    struct command command = {.path = path,
                              .argv = argv,
                              .environment = environment,
                              .in = surroundings->in,
                              .out = -1,
                              .error = -1,
                              .ruleset = surroundings->ruleset};
    int to = surroundings->to;
    pid_t pid = -1;

    if (!path)
        return error_not_found(argv[0], err);
    if (to >= 0)
        command.out = fcntl(to, F_DUPFD_CLOEXEC, 0);
    if ((to < 0 ? maqet_pipe(&out, &command.out) == 0 : command.out >= 0) &&
        maqet_pipe(&error, &command.error) == 0)
        pid = start_command(&command);
    int number = errno;
    maqet_cleanup_close(&command.out);
    maqet_cleanup_close(&command.error);
    if (pid < 0)
        return maqet_error_errno(err, number, "Cannot run %s", argv[0]);
    *server = (struct maqet_process_server){
        .pid = pid, .out = TAKE_FD(out), .error = TAKE_FD(error)};
    return 0;
}

int
maqet_process_serve(const char *const *argv, const struct maqet_strings *environment,
                    struct maqet_process_server *server, struct maqet_error **err)
{
    const struct surroundings surroundings = {.changes = environment, .in = -1, .to = -1};

    return start_program(argv, &surroundings, server, err);
}

int
maqet_process_start(const char *const *argv, int in, int out,
                    struct maqet_process_server *server, struct maqet_error **err)
{
    const struct surroundings surroundings = {.in = in, .to = out};

    return start_program(argv, &surroundings, server, err);
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
    if (count > 0 && text->length <= OUTPUT_LIMIT)
        maqet_text_append_bytes(text, buffer, count);
}

static void
read_error(int *fd, struct maqet_complaint *words)
{
    char buffer[4096];

    maqet_complaint_add(words, buffer, maqet_fd_receive(fd, buffer, sizeof(buffer)));
}

/* Why a program is stopped. */
enum stop { NOT_STOPPED, LATE, TOO_LONG, INTERRUPTED };

/* Reads both outputs to their end. @limit: more of its standard output is too long. */
static enum stop
read_outputs(struct maqet_process_server *child, int64_t deadline, size_t limit,
             struct maqet_text *out, struct maqet_complaint *error,
             const struct maqet_process_manner *manner)
{
    while (child->out >= 0 || child->error >= 0) {
        struct pollfd fds[] = {{.fd = child->out, .events = POLLIN},
                               {.fd = child->error, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};
        int64_t left = deadline < 0 ? -1 : deadline - maqet_now();

        if (deadline >= 0 && left <= 0)
            return LATE;
        if (manner->on_output && (left < 0 || left > IDLE_INTERVAL))
            left = IDLE_INTERVAL;
        int ready = poll(fds, 3, (int)left);
        if (fds[2].revents && ready > 0)
            return INTERRUPTED;
        if (manner->on_output)
            manner->on_output(manner->data, "", 0);
        if (ready < 0)
            continue;
        if (fds[0].revents)
            read_output(&child->out, out, manner);
        if (fds[1].revents)
            read_error(&child->error, error);
        if (out->length > limit)
            return TOO_LONG;
    }
    return NOT_STOPPED;
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

/* qemu-img says so, and still exits with 0, if an image cannot be written completely when it is closed
 * (QEMU: bdrv_inactivate() of the format). */
static bool
is_incomplete(const char *const *argv, const struct maqet_complaint *words)
{
    _cleanup_free_ char *said = maqet_complaint_text(words, argv, NULL);

    return strstr(said, "Failed to flush the ") != NULL;
}

/* Returns 0, or -1 if the status means a failure. */
static int
check_status(const char *const *argv, int status, const struct maqet_complaint *words,
             const struct maqet_process_manner *manner, struct maqet_error **err)
{
    const char *program = argv[0];
    bool good =
        WIFEXITED(status) && WEXITSTATUS(status) == 0 && !is_incomplete(argv, words);

    if (manner->exit_code && WIFEXITED(status)) {
        *manner->exit_code = WEXITSTATUS(status);
        if (!good && manner->log)
            maqet_complaint_log(words, argv, manner->log);
        return 0;
    }
    if (good)
        return 0;
    _cleanup_free_ char *said = maqet_complaint_text(words, argv, manner->log);
    if (*said)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "%s failed%s", program, said);
    if (WIFSIGNALED(status))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "%s was killed by signal %d (%s)",
                               program, WTERMSIG(status), strsignal(WTERMSIG(status)));
    return maqet_error_set(err, MAQET_ERROR_FAILED, "%s failed with exit status %d",
                           program, WEXITSTATUS(status));
}

/* A file with what a program reads, at its beginning: unlike a pipe, it takes all at once.
 * -1 and errno. */
static int
create_input(const void *bytes, size_t size)
{
    _cleanup_close_ int fd = memfd_create("maqet-input", MFD_CLOEXEC);

    return fd < 0 || maqet_fd_write(fd, bytes, size) < 0 || lseek(fd, 0, SEEK_SET) < 0
               ? -1
               : TAKE_FD(fd);
}

static int
error_stopped(const char *program, enum stop stop,
              const struct maqet_process_manner *manner, struct maqet_error **err)
{
    return stop == TOO_LONG
               ? maqet_error_set(err, MAQET_ERROR_FAILED,
                                 "%s wrote more than %d MiB to its standard output and "
                                 "was stopped",
                                 program, OUTPUT_LIMIT >> 20)
               : maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                                 "%s took longer than %g s and was stopped", program,
                                 (double)manner->timeout / 1000);
}

/* Waits for a program that was started, to its end. */
static int
finish_program(struct maqet_process_server *child, const char *const *argv,
               const struct maqet_process_manner *manner, char **output,
               struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text out = MAQET_TEXT_INIT;
    _cleanup_complaint_ struct maqet_complaint error = {0};
    int64_t deadline = manner->timeout < 0 ? -1 : maqet_now() + manner->timeout;
    pid_t pid = child->pid;
    int status = 0;

    enum stop stop = read_outputs(child, deadline, output ? OUTPUT_LIMIT : SIZE_MAX, &out,
                                  &error, manner);
    close_outputs(child);
    if (wait_or_kill(pid, stop == NOT_STOPPED ? deadline : 0, &status) &&
        stop == NOT_STOPPED)
        stop = LATE;
    maqet_mask_buffer(&error.text);
    if (manner->error_output)
        *manner->error_output = maqet_complaint_end(&error);
    /* What a terminal sends to us also ends the program. */
    if ((stop == INTERRUPTED || status != 0) && maqet_interrupt_check(err) < 0)
        return -1;
    if (stop != NOT_STOPPED)
        return error_stopped(argv[0], stop, manner, err);
    if (check_status(argv, status, &error, manner, err) < 0)
        return -1;
    if (output && manner->output_size)
        *manner->output_size = out.length;
    if (output)
        *output = maqet_text_take(&out);
    return 0;
}

int
maqet_process_run_as(const char *const *argv, const struct maqet_process_manner *manner,
                     char **output, struct maqet_error **err)
{
    struct maqet_process_server child;
    _cleanup_close_ int in = -1;

    if (manner->error_output)
        *manner->error_output = NULL;
    if (manner->input && (in = create_input(manner->input, manner->input_size)) < 0)
        return maqet_error_errno(err, errno, "Cannot create the input of %s, %zu bytes",
                                 argv[0], manner->input_size);
    const struct surroundings surroundings = {
        .changes = manner->environment, .in = in, .to = -1, .ruleset = manner->ruleset};

    return start_program(argv, &surroundings, &child, err) < 0
               ? -1
               : finish_program(&child, argv, manner, output, err);
}

int
maqet_process_finish(struct maqet_process_server *server, const char *const *argv,
                     const struct maqet_process_manner *manner, struct maqet_error **err)
{
    const struct maqet_process_manner endless = {.timeout = -1};
    int result = finish_program(server, argv, manner ? manner : &endless, NULL, err);

    server->pid = 0;
    return result;
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
    _cleanup_complaint_ struct maqet_complaint words = {0};
    int status;

    if (waitpid(server->pid, &status, WNOHANG) == 0)
        return 0;
    server->pid = 0;
    while (server->error >= 0)
        read_error(&server->error, &words);
    maqet_mask_buffer(&words.text);
    if (check_status((const char *const[]){program, NULL}, status, &words,
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
