/* SPDX-License-Identifier: MIT */
#include "core/fork/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/procfs.h"
#include "core/fork/watch.h"
#include "core/machine/console.h"
#include "core/machine/monitor.h"

/* ms until a command that was asked to end is killed. */
static const int64_t END_TIMEOUT = 5000;

/* The exit code of a program that a signal has killed is this plus its number. */
enum { SIGNAL_BASE = 128 };

/* Whether the command gets a process group, so that it can be ended as a whole. On a
 * terminal it could not read from that then. */
static bool
has_group(const struct maqet_run_request *request)
{
    return request->output >= 0 || !isatty(STDIN_FILENO);
}

/* The command, and its environment. */
struct command {
    const struct maqet_fork_command *about;
    const char *monitor;
    const char *console; /* NULL: there is none */
    int *failed; /* shared with the child: the errno with which exec failed, or 0 */
};

/* With an output of its own, it has no input. */
static int
set_streams(int output)
{
    if (output < 0)
        return 0;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 ||
                   dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0
               ? -1
               : 0;
}

static int
become_command(void *data, int fd)
{
    const struct command *command = data;
    const struct maqet_fork_command *about = command->about;
    const struct maqet_run_request *request = about->request;
    const struct maqet_context *context = about->machine->context;

    /* Until the guard is there. */
    if (maqet_child_receive(fd) == '\0')
        return MAQET_RUN_FAILED;
    umask(request->umask);
    signal(SIGXFSZ, SIG_DFL);
    if (request->output >= 0)
        signal(SIGPIPE, SIG_DFL); /* which the process that reports ignores */
    if (has_group(request))
        setpgid(0, 0);
    setenv("MAQET_VM", about->machine->name, 1);
    setenv("MAQET_QMP", command->monitor, 1);
    /* A maqet that it runs must find the same machines. */
    setenv("MAQET_DATA_DIR", context->data_dir, 1);
    setenv("MAQET_RUNTIME_DIR", context->runtime_dir, 1);
    if (command->console)
        setenv("MAQET_CONSOLE", command->console, 1);
    else
        unsetenv("MAQET_CONSOLE");
    if (set_streams(request->output) == 0) {
        maqet_child_close_others(about->inherited, about->inherited_count);
        execvp(request->argv[0], (char *const *)request->argv);
    }
    *command->failed = errno;
    return MAQET_RUN_FAILED;
}

/* Ends all that belongs to the command if we are killed. */
static int
guard(void *data, int fd)
{
    const pid_t *group = data;

    if (maqet_child_receive(fd) == '\0')
        kill(-*group, SIGKILL);
    return 0;
}

static int
begin(const struct maqet_fork_command *about, int *failed, struct maqet_child *guardian,
      pid_t *pid, struct maqet_error **err)
{
    struct maqet_child child = MAQET_CHILD_INIT;
    const char *const *argv = about->request->argv;
    _cleanup_free_ char *monitor =
        maqet_format("%s/" MAQET_RUN_MONITOR, about->machine->run.folder);
    _cleanup_free_ char *console = maqet_console_path(about->machine);
    struct command command = {
        .about = about, .monitor = monitor, .console = console, .failed = failed};

    /* It is left free for the command. */
    maqet_monitor_leave(about->machine);
    if (maqet_child_start(&child, SIGTERM, become_command, &command) < 0)
        return maqet_error_errno(err, errno, "Cannot run %s", argv[0]);
    *pid = child.pid;
    if (has_group(about->request)) {
        setpgid(*pid, *pid); /* in case the child has not done so yet */
        if (maqet_child_detach(guardian, NULL, 0, guard, pid) < 0) {
            maqet_error_errno(err, errno, "Cannot run %s", argv[0]);
            kill(-*pid, SIGKILL);
            maqet_child_reap(&child); /* it still waits for the guard */
            return -1;
        }
    }
    maqet_child_send(&child, 'b');
    maqet_child_leave(&child);
    return 0;
}

static void
end_guard(struct maqet_child *child)
{
    if (child->pid <= 0)
        return;
    maqet_child_send(child, 'e');
    maqet_child_reap(child);
}

int
maqet_fork_error_late(const char *what, int64_t timeout, int *exit_code,
                      struct maqet_error **err)
{
    *exit_code = MAQET_RUN_LATE;
    return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                           "%s took longer than %g s, and was ended", what,
                           (double)timeout / 1000);
}

static int
error_not_run(const char *what, int number, int *exit_code, struct maqet_error **err)
{
    *exit_code = number == ENOENT ? MAQET_RUN_NOT_FOUND : MAQET_RUN_NOT_RUN;
    return maqet_error_errno(err, number, "Cannot run %s", what);
}

/* @number: the signal that it gets, too; 0: it took too long, or its guest cannot go on. */
static void
end_command(pid_t target, int pidfd, int number)
{
    kill(target, number ? number : SIGTERM);
    kill(target, SIGCONT);
    maqet_pidfd_wait(pidfd, END_TIMEOUT);
    kill(target, SIGKILL);
}

/* Runs the command and waits for its end; *failed: the errno with which exec failed, which
 * the child writes. */
static int
run_and_wait(const struct maqet_fork_command *about, int *failed, int *exit_code,
             struct maqet_error **err)
{
    const struct maqet_run_request *request = about->request;
    const char *program = request->argv[0];
    int number, status = 0;
    pid_t pid;

    struct maqet_child guardian = MAQET_CHILD_INIT;
    if (begin(about, failed, &guardian, &pid, err) < 0)
        return -1;
    const bool grouped = has_group(request);
    const pid_t target = grouped ? -pid : pid;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    if (pidfd < 0) {
        maqet_error_errno(err, errno, "Cannot watch %s", program);
        kill(target, SIGKILL);
        end_guard(&guardian);
        waitpid(pid, NULL, 0);
        return -1;
    }
    const struct maqet_fork_watch watch = {
        .machine = about->machine, .pidfd = pidfd, .timeout = request->timeout};
    _cleanup_error_ struct maqet_error *stuck = NULL;
    bool late, ended = maqet_fork_watch(&watch, &number, &late, &stuck);
    if (!ended)
        end_command(target, pidfd, number);
    else if (grouped)
        kill(target, SIGKILL); /* what it has left behind */
    end_guard(&guardian);
    waitpid(pid, &status, 0);
    *exit_code = number              ? SIGNAL_BASE + number
                 : WIFEXITED(status) ? WEXITSTATUS(status)
                                     : SIGNAL_BASE + WTERMSIG(status);
    if (*failed)
        return error_not_run(program, *failed, exit_code, err);
    if (stuck) {
        *exit_code = MAQET_RUN_FAILED;
        return maqet_error_move(err, TAKE_PTR(stuck));
    }
    return late ? maqet_fork_error_late(program, request->timeout, exit_code, err) : 0;
}

int
maqet_fork_command_run(const struct maqet_fork_command *command, int *exit_code,
                       struct maqet_error **err)
{
    int *failed = mmap(NULL, sizeof(*failed), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (failed == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot run %s", command->request->argv[0]);
    int result = run_and_wait(command, failed, exit_code, err);
    munmap(failed, sizeof(*failed));
    return result;
}
