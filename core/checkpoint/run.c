/* SPDX-License-Identifier: MIT */
/*
 * run.c - resumes a guest from a checkpoint, and discards its changes. A server for each
 * drive offers the content of its snapshot, and QEMU writes the guest's changes to unnamed
 * temporary files, so no image is written to. Servers and QEMU are killed with maqet,
 * however that ends.
 */
#include "core/checkpoint/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/base/procfs.h"
#include "core/base/process.h"
#include "core/checkpoint/loading.h"
#include "core/machine/console.h"
#include "core/machine/ended.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/machine/state.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "core/snapshot/members.h"
#include "core/storage/close.h"
#include "core/storage/keys.h"
#include "core/storage/snapshots.h"

/* ms until a command that was asked to end is killed. */
static const int64_t END_TIMEOUT = 5000;

/* The exit code of a program that a signal has killed is this plus its number. */
enum { SIGNAL_BASE = 128 };

struct test {
    struct maqet_loading loading;
    struct maqet_process_server *servers;
    size_t server_count;
    struct maqet_strings drives;
    struct maqet_strings sockets;
    pid_t qemu; /* 0: it does not run */
    int pidfd;
    int *inherited; /* the descriptors that a command gets from our caller */
    size_t inherited_count;
};

/* Ends all that runs, and leaves nothing. */
static void
test_clear(struct test *test)
{
    struct maqet_session *session = test->loading.session;

    if (test->qemu > 0) {
        kill(test->qemu, SIGKILL); /* our child: its number is its own */
        waitpid(test->qemu, NULL, 0);
        maqet_run_tidy(session->machine->run.dir_fd);
    }
    if (test->pidfd >= 0)
        close(test->pidfd);
    for (size_t i = 0; i < test->server_count; i++)
        maqet_process_server_end(&test->servers[i]);
    if (session) {
        maqet_run_remove_servers(session->machine->run.folder);
        if (maqet_opened_look(session->machine, NULL) == 0 &&
            session->machine->run.pid == 0)
            maqet_ended_settle(session->machine->context, session->machine->name,
                               &session->machine->unsettled);
    }
    free(test->servers);
    maqet_strings_clear(&test->drives);
    maqet_strings_clear(&test->sockets);
    maqet_loading_clear(&test->loading);
    free(test->inherited);
}

/* Whether all that the guest can write to is served, so that it can be discarded. */
static int
check_writable(const struct test *test, struct maqet_error **err)
{
    const struct maqet_session *session = test->loading.session;
    const struct maqet_strings *flash = &test->loading.about.flash;

    if (flash->count > 0)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "The guest of VM '%s' can write to %s besides its "
                               "drives: this cannot be discarded",
                               session->machine->name, flash->items[0]);
    for (size_t i = 0; i < session->machine->vm->drive_count; i++) {
        const struct maqet_drive *drive = session->machine->vm->drives[i];

        if (drive->storage->plugin.interface || maqet_drive_readonly(drive))
            continue;
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "The guest of VM '%s' can write to the share '%s': this "
                        "cannot be discarded",
                        session->machine->name, drive->name);
        _cleanup_free_ char *readonly = maqet_keys_readonly(drive);
        if (readonly)
            maqet_error_hint(err, "Make it %s before the checkpoint is created",
                             readonly);
        return -1;
    }
    return 0;
}

static int
serve_all(struct test *test, const char *name, struct maqet_error **err)
{
    struct maqet_session *session = test->loading.session;

    test->servers = maqet_alloc(session->count * sizeof(*test->servers) + 1);
    for (size_t i = 0; i < session->count; i++) {
        const struct maqet_member *member = &session->members[i];
        char *socket = maqet_run_server_socket(session->machine->run.folder, i);

        maqet_strings_take(&test->sockets, socket);
        maqet_strings_add(&test->drives, member->drive->name);
        if (maqet_drive_snapshot_serve(member->drive,
                                       maqet_member_find(session, member, name, NULL),
                                       socket, &test->servers[i], err) < 0)
            return -1;
        test->server_count++;
    }
    return 0;
}

static int
start(struct test *test, int64_t timeout, struct maqet_error **err)
{
    struct maqet_session *session = test->loading.session;
    struct maqet_definition *definition = maqet_opened_definition(session->machine, err);

    test->loading.incoming.served = &test->drives;
    test->loading.incoming.sockets = &test->sockets;
    if (!definition || maqet_loading_start(&test->loading, definition, timeout, err) < 0)
        return -1;
    test->qemu = session->machine->run.pid;
    test->pidfd = maqet_pidfd_open(test->qemu);
    return test->pidfd < 0 ? maqet_error_errno(err, errno, "Cannot watch QEMU") : 0;
}

/* ---- the command ---- */

/* Whether the command gets a process group, so that it can be ended as a whole. On a
 * terminal it could not read from that then. */
static bool
has_group(void)
{
    return !isatty(STDIN_FILENO);
}

/* The command, and its environment. */
struct command {
    const struct test *test;
    const char *const *argv;
    const char *monitor;
    const char *console; /* NULL: there is none */
    mode_t umask;
    int *failed; /* shared with the child: the errno with which exec failed, or 0 */
};

static int
become_command(void *data, int fd)
{
    const struct command *command = data;
    const struct test *test = command->test;
    const struct maqet_context *context = test->loading.session->machine->context;

    (void)fd;
    umask(command->umask);
    signal(SIGXFSZ, SIG_DFL);
    if (has_group())
        setpgid(0, 0);
    setenv("MAQET_VM", test->loading.session->machine->name, 1);
    setenv("MAQET_QMP", command->monitor, 1);
    /* A maqet that it runs must find the same machines. */
    setenv("MAQET_DATA_DIR", context->data_dir, 1);
    setenv("MAQET_RUNTIME_DIR", context->runtime_dir, 1);
    if (command->console)
        setenv("MAQET_CONSOLE", command->console, 1);
    else
        unsetenv("MAQET_CONSOLE");
    maqet_child_close_others(test->inherited, test->inherited_count);
    execvp(command->argv[0], (char *const *)command->argv);
    *command->failed = errno;
    return MAQET_RUN_FAILED;
}

static int
begin_command(struct test *test, const struct maqet_checkpoint_command *about,
              int *failed, pid_t *pid, struct maqet_error **err)
{
    struct maqet_session *session = test->loading.session;
    _cleanup_free_ char *monitor =
        maqet_format("%s/" MAQET_RUN_MONITOR, session->machine->run.folder);

    /* QEMU was not running when the session was opened. Its monitor is left free for the
     * command. */
    if (maqet_opened_look(session->machine, err) < 0)
        return -1;
    _cleanup_free_ char *console = maqet_console_path(session->machine);
    struct command command = {.test = test,
                              .argv = about->argv,
                              .monitor = monitor,
                              .console = console,
                              .umask = about->umask,
                              .failed = failed};
    maqet_monitor_leave(session->machine);
    *pid = maqet_child_fork(SIGTERM, become_command, &command);
    if (*pid > 0 && has_group())
        setpgid(*pid, *pid); /* in case the child has not done so yet */
    return *pid < 0 ? maqet_error_errno(err, errno, "Cannot run %s", about->argv[0]) : 0;
}

/* Waits for the end of a process, @timeout ms at most (negative: no limit). False: it has
 * not ended; *number gets the signal that we have got, or 0. */
static bool
wait_for(int pidfd, int64_t timeout, int *number)
{
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    int64_t left;

    *number = 0;
    do {
        _cleanup_error_ struct maqet_error *interrupt = NULL;
        struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN},
                               {.fd = maqet_interrupt_fd(), .events = POLLIN}};

        left = maqet_deadline_left(deadline);
        poll(fds, 2, (int)left);
        if (fds[0].revents)
            return true;
        if (maqet_interrupt_check(&interrupt) < 0) {
            *number = interrupt->signal;
            return false;
        }
    } while (left != 0);
    return false;
}

static int
error_late(const char *what, int64_t timeout, int *exit_code, struct maqet_error **err)
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

/* Runs the command and waits for its end; *failed: the errno with which exec failed, which
 * the child writes. */
static int
run_and_wait(struct test *test, const struct maqet_checkpoint_command *command,
             int *failed, int *exit_code, struct maqet_error **err)
{
    int number, status = 0;
    pid_t pid;

    if (begin_command(test, command, failed, &pid, err) < 0)
        return -1;
    const pid_t target = has_group() ? -pid : pid;
    _cleanup_close_ int pidfd = maqet_pidfd_open(pid);
    if (pidfd < 0) {
        maqet_error_errno(err, errno, "Cannot watch %s", command->argv[0]);
        kill(target, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    bool ended = wait_for(pidfd, command->timeout, &number);
    if (!ended) {
        kill(target, number ? number : SIGTERM);
        kill(target, SIGCONT);
        maqet_pidfd_wait(pidfd, END_TIMEOUT);
        kill(target, SIGKILL);
    }
    waitpid(pid, &status, 0);
    *exit_code = number              ? SIGNAL_BASE + number
                 : WIFEXITED(status) ? WEXITSTATUS(status)
                                     : SIGNAL_BASE + WTERMSIG(status);
    if (*failed)
        return error_not_run(command->argv[0], *failed, exit_code, err);
    return ended || number
               ? 0
               : error_late(command->argv[0], command->timeout, exit_code, err);
}

static int
run_command(struct test *test, const struct maqet_checkpoint_command *command,
            int *exit_code, struct maqet_error **err)
{
    int *failed = mmap(NULL, sizeof(*failed), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (failed == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot run %s", command->argv[0]);
    int result = run_and_wait(test, command, failed, exit_code, err);
    munmap(failed, sizeof(*failed));
    return result;
}

/* ms between two looks whether the guest has panicked, which QEMU does not end for. */
static const int64_t LOOK_INTERVAL = 1000;

static bool
has_panicked(const struct test *test)
{
    const struct maqet_opened *machine = test->loading.session->machine;
    _cleanup_state_ struct maqet_state state = {0};

    return maqet_state_read(machine->context, machine->name, &state, NULL) == 0 &&
           state.status == MAQET_STATUS_PANICKED;
}

/* Waits for the end of QEMU, as wait_for() does. False with neither a signal nor a timeout:
 * the guest has panicked. */
static bool
wait_for_guest(const struct test *test, int64_t timeout, int *number, bool *late)
{
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    int64_t left;

    *late = false;
    do {
        left = maqet_deadline_left(deadline);
        bool last = left >= 0 && left <= LOOK_INTERVAL;

        if (wait_for(test->pidfd, last ? left : LOOK_INTERVAL, number))
            return true;
        *late = last;
    } while (!*late && *number == 0 && !has_panicked(test));
    return false;
}

/* Without a command, the guest runs until it powers off. */
static int
run_guest(struct test *test, const struct maqet_checkpoint_command *command,
          int *exit_code, struct maqet_error **err)
{
    const char *name = test->loading.session->machine->name;
    int number, status = 0;
    bool late;

    if (!wait_for_guest(test, command->timeout, &number, &late)) {
        if (late)
            return error_late("The guest", command->timeout, exit_code, err);
        if (number == 0)
            return maqet_error_set(err, MAQET_ERROR_FAILED,
                                   "The kernel of the guest of VM '%s' has panicked",
                                   name);
        *exit_code = SIGNAL_BASE + number;
        return 0;
    }
    waitpid(test->qemu, &status, 0);
    test->qemu = 0;
    maqet_run_tidy(test->loading.session->machine->run.dir_fd);
    if (WIFSIGNALED(status))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU of VM '%s' was killed by signal %d (%s)", name,
                               WTERMSIG(status), strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "QEMU of VM '%s' exited with status %d", name,
                               WEXITSTATUS(status));
    *exit_code = 0;
    return 0;
}

int
maqet_checkpoint_run(const struct maqet_context *context,
                     const struct maqet_checkpoint_request *request,
                     const struct maqet_checkpoint_command *command, int *exit_code,
                     struct maqet_error **err)
{
    _cleanup_(test_clear) struct test test = {.loading = MAQET_LOADING_INIT, .pidfd = -1};

    *exit_code = MAQET_RUN_FAILED;
    /* Before a plugin is loaded, which may open others. */
    test.inherited_count = maqet_child_inherited(&test.inherited);
    if (maqet_loading_open(context, request, &test.loading, err) < 0)
        return -1;
    if (test.loading.session->machine->run.pid > 0) {
        maqet_error_set(err, MAQET_ERROR_STATE, "VM '%s' is running",
                        test.loading.session->machine->name);
        return maqet_error_next(err, MAQET_NEXT_STOP, test.loading.session->machine->name,
                                NULL);
    }
    maqet_run_remove_servers(test.loading.session->machine->run.folder);
    if (check_writable(&test, err) < 0 ||
        maqet_members_check_holders(test.loading.session, err) < 0)
        return -1;
    if (serve_all(&test, request->name, err) < 0 ||
        start(&test, request->timeout, err) < 0)
        return -1;
    maqet_drives_close();
    if (command->argv && command->begins)
        command->begins(command->data);
    return command->argv ? run_command(&test, command, exit_code, err)
                         : run_guest(&test, command, exit_code, err);
}
