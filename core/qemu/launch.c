/* SPDX-License-Identifier: MIT */
#include "core/qemu/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/landlock.h"
#include "core/base/procfs.h"
#include "core/base/printable.h"
#include "core/base/process.h"

/* ---- descriptors ---- */

enum { FIRST_NUMBER = 3 /* after the standard streams */ };

/* Those with fixed numbers, from the first one. The numbers must never change: other
 * versions of maqet rely on them. */
static const char *const fixed[] = {
    MAQET_DESCRIPTOR_MONITOR,      MAQET_DESCRIPTOR_RUN,     MAQET_DESCRIPTOR_AGENT,
    MAQET_DESCRIPTOR_MONITOR_FILE, MAQET_DESCRIPTOR_NETWORK, MAQET_DESCRIPTOR_CONSOLE,
    MAQET_DESCRIPTOR_EVENTS};

enum { FIXED_COUNT = sizeof(fixed) / sizeof(*fixed) };

int
maqet_descriptor_number(const char *name)
{
    for (int i = 0; i < FIXED_COUNT; i++)
        if (strcmp(fixed[i], name) == 0)
            return FIRST_NUMBER + i;
    return -1;
}

char *
maqet_descriptor_path(int pid, const char *name)
{
    return maqet_format("/proc/%d/fd/%d", pid, maqet_descriptor_number(name));
}

/* The first number above all that are in use or fixed. */
static int
number_above(const struct maqet_descriptors *descriptors)
{
    int number = FIRST_NUMBER + FIXED_COUNT;

    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->rows[i].number >= number)
            number = descriptors->rows[i].number + 1;
    return number;
}

void
maqet_descriptors_add(struct maqet_descriptors *descriptors, const char *name, int fd)
{
    int number = maqet_descriptor_number(name);

    if (fd < 0)
        return;
    if (number < 0)
        number = number_above(descriptors);
    *MAQET_APPEND(descriptors->rows, descriptors->count) =
        (struct maqet_descriptor){.name = name, .number = number, .fd = fd};
}

void
maqet_descriptors_clear(struct maqet_descriptors *descriptors)
{
    free(descriptors->rows);
    *descriptors = (struct maqet_descriptors){0};
}

/* ---- the child, between fork and exec: async-signal-safe functions only ---- */

/* A copy of a descriptor (closed on exec) above all numbers that QEMU uses. */
static int
move_away(const struct maqet_descriptors *descriptors, int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, number_above(descriptors));
}

static bool
is_given(const struct maqet_descriptors *descriptors, int number)
{
    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->rows[i].number == number)
            return true;
    return false;
}

/* Gives all descriptors their numbers, and closes all others except the standard streams
 * and @kept, which is above all numbers. Changes the rows. */
static int
place_all(struct maqet_descriptors *descriptors, int kept)
{
    int above = number_above(descriptors);

    /* First move them out of each other's way. */
    for (size_t i = 0; i < descriptors->count; i++) {
        struct maqet_descriptor *row = &descriptors->rows[i];

        if ((row->fd = move_away(descriptors, row->fd)) < 0)
            return -1;
    }
    for (size_t i = 0; i < descriptors->count; i++)
        if (dup2(descriptors->rows[i].fd, descriptors->rows[i].number) < 0)
            return -1;
    for (int number = FIRST_NUMBER; number < above; number++)
        if (!is_given(descriptors, number))
            close(number);
    maqet_child_close((unsigned)above, (unsigned)kept - 1);
    maqet_child_close((unsigned)kept + 1, ~0U);
    return 0;
}

/* What the child sends through the pipe if it fails. */
struct failure {
    int number; /* errno */
    enum { QEMU_ITSELF, CONFINEMENT, GUARD } what;
};

/* Writes "PID\n" to the run file, where others read who holds its lock. The file gets its
 * length last, so that it has room for the PID even on a full disk. */
static int
write_pid(int fd)
{
    char buffer[16], *end = buffer + sizeof(buffer), *at = end;

    *--at = '\n';
    for (unsigned pid = (unsigned)getpid(); pid > 0; pid /= 10)
        *--at = (char)('0' + pid % 10);
    return pwrite(fd, at, (size_t)(end - at), 0) < 0 || ftruncate(fd, end - at) < 0 ? -1
                                                                                    : 0;
}

static int
place_descriptors(const struct maqet_launch *launch, int report)
{
    if (launch->log_fd >= 0) {
        /* The standard output is the guest's (-nographic), which could fill a log without
         * limit. */
        int log = move_away(launch->descriptors, launch->log_fd);
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (log < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 ||
            dup2(log, 2) < 0)
            return -1;
    }
    return place_all(launch->descriptors, report);
}

/* Kills QEMU when the parent has ended, and exits when QEMU has. */
static void
become_guard(int qemu, int parent)
{
    int first = fcntl(qemu, F_DUPFD_CLOEXEC, 0), second = -1;
    struct pollfd fds[2] = {{.events = POLLIN}, {.events = POLLIN}};

    setsid();
    if (first >= 0)
        second = fcntl(parent, F_DUPFD_CLOEXEC, first + 1);
    if (second < 0)
        _exit(127);
    /* In particular the run file, whose lock must be QEMU's only. */
    if (first > 0)
        maqet_child_close(0, (unsigned)first - 1);
    maqet_child_close((unsigned)first + 1, (unsigned)second - 1);
    maqet_child_close((unsigned)second + 1, ~0U);
    fds[0].fd = first;
    fds[1].fd = second;
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if (!fds[0].revents)
        maqet_pidfd_kill(first, SIGKILL);
    _exit(0);
}

/*
 * Makes sure that this process, which becomes QEMU, is killed when its parent ends, even if
 * QEMU changes to another user: the kernel then clears PR_SET_PDEATHSIG, so a child takes
 * its place. -1 and errno.
 */
static int
guard(pid_t parent)
{
    _cleanup_close_ int self = maqet_pidfd_open(getpid());
    _cleanup_close_ int above = self < 0 ? -1 : maqet_pidfd_open(parent);
    pid_t pid = above < 0 ? -1 : fork();

    if (pid == 0)
        become_guard(self, above);
    /* The parent may have ended, and its PID been reused. */
    return pid < 0 || getppid() != parent ? -1 : 0;
}

static void
become_qemu(const struct maqet_launch *launch, const char *path, char *const *environment,
            int report, pid_t parent)
{
    /* First move the pipe, so that every later failure can be reported. */
    int out = move_away(launch->descriptors, report);
    struct failure failure = {.what = QEMU_ITSELF};

    maqet_child_reset_signals();
    if (out >= 0)
        report = out;
    if (launch->dies_with_us && launch->no_new_privileges && guard(parent) < 0)
        failure.what = GUARD;
    else if ((launch->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) ||
             (launch->confinement &&
              maqet_landlock_enforce(launch->confinement->ruleset) < 0))
        failure.what = CONFINEMENT;
    else if (out >= 0 && place_descriptors(launch, report) == 0) {
        /* Most machines start without the folder, too. */
        if (launch->folder && chdir(launch->folder) < 0)
            errno = 0;
        if (launch->log_fd >= 0)
            setsid();
        if (launch->dies_with_us &&
            (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
            _exit(127);
        if (write_pid(maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)) == 0)
            execve(path, (char *const *)launch->argv, environment);
    }
    failure.number = errno;
    if (write(report, &failure, sizeof(failure)) < 0)
        _exit(126);
    _exit(127);
}

/* ---- the parent ---- */

static int
error_not_run(const char *qemu, const struct failure *failure, struct maqet_error **err)
{
    if (failure->what == CONFINEMENT)
        return maqet_error_errno(err, failure->number, "Cannot confine QEMU");
    if (failure->what == GUARD)
        return maqet_error_errno(err, failure->number, "Cannot watch QEMU");
    return maqet_error_errno(err, failure->number, "Cannot run %s", qemu);
}

char *
maqet_launch_find(const char *program, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_process_find(program);

    if (path)
        return TAKE_PTR(path);
    if (strchr(program, '/') && access(program, F_OK) == 0) {
        maqet_error_set(err, MAQET_ERROR_PERMISSION,
                        "QEMU's program %s cannot be run: it is not executable", program);
        _cleanup_free_ char *quoted = maqet_shell_quoted(program);
        maqet_error_hint(err,
                         "Make it executable (chmod +x %s), or name another program with "
                         "`binary:`",
                         quoted);
        return NULL;
    }
    maqet_error_set(err, MAQET_ERROR_MISSING, "QEMU's program %s was not found", program);
    maqet_error_hint(err, "Install it (Debian: apt install qemu-system), or name another "
                          "one with `binary:`");
    return NULL;
}

int
maqet_launch(const struct maqet_launch *launch, struct maqet_process *process,
             struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_launch_find(launch->argv[0], err);
    struct failure failure = {.what = QEMU_ITSELF};
    _cleanup_close_ int report = -1, reported = -1;

    if (!path)
        return -1;
    if (maqet_pipe(&reported, &report) < 0)
        return maqet_error_errno(err, errno, "Cannot run %s", path);
    pid_t parent = getpid();
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;
    if (launch->scratch)
        maqet_strings_addf(&changes, "TMPDIR=%s", launch->scratch);
    _cleanup_free_ char **environment = maqet_process_environment(&changes);

    process->pid = fork();
    if (process->pid == 0)
        become_qemu(launch, path, environment, report, parent);
    failure.number = process->pid < 0 ? errno : 0;
    close(TAKE_FD(report));
    /* The pipe is closed when exec succeeds; otherwise the failure arrives. */
    while (process->pid > 0 && read(reported, &failure, sizeof(failure)) < 0 &&
           errno == EINTR)
        continue;
    process->pidfd = failure.number == 0 ? maqet_pidfd_open(process->pid) : -1;
    if (process->pidfd >= 0)
        return 0;
    if (failure.number == 0)
        failure = (struct failure){.number = errno, .what = GUARD};
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
    }
    process->pid = -1;
    return error_not_run(path, &failure, err);
}

/* ---- why it ended ---- */

char *
maqet_launch_words(const char *words)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    while (*words) {
        size_t length = strcspn(words, "\r\n");
        const char *colon = memchr(words, ':', length);

        if (maqet_text_starts(words, "qemu") && colon && colon[1] == ' ') {
            length -= (size_t)(colon + 2 - words);
            words = colon + 2;
        }
        if (length > 0) {
            if (text.length > 0)
                maqet_text_append(&text, "; ");
            maqet_text_append_bytes(&text, words, length);
        }
        words += length;
        words += strspn(words, "\r\n");
    }
    return maqet_text_take(&text);
}

/* Whether it was QEMU's sandbox, which QEMU does not mention. */
static bool
is_sandbox_death(int status, const char *words)
{
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
           /* later versions get EPERM instead of being killed */
           (strstr(words, "fork") && strstr(words, "Operation not permitted")) ||
           /* a child of QEMU was killed by the same filter */
           strstr(words, "failed with status 31") ||
           strstr(words, "could not launch network script");
}

static void
add_hints(int status, const char *words, struct maqet_error **err)
{
    if (is_sandbox_death(status, words))
        maqet_error_hint(err,
                         "QEMU's sandbox does not allow it to run other programs "
                         "(scripts of -netdev tap, some displays); say `sandbox: off` "
                         "in the VM's YAML file if the VM needs that");
    if (strstr(words, "gtk initialization failed"))
        maqet_error_hint(err, "There is no graphical session; say `display: none`");
}

int
maqet_launch_error(int status, const char *words, struct maqet_error **err)
{
    _cleanup_free_ char *tidy = maqet_launch_words(words);

    if (WIFSIGNALED(status))
        maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU was killed by signal %d (%s)%s%s",
                        WTERMSIG(status), strsignal(WTERMSIG(status)), *tidy ? ": " : "",
                        tidy);
    else if (*tidy)
        maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU: %s", tidy);
    else
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "QEMU exited with status %d and printed nothing",
                        WEXITSTATUS(status));
    add_hints(status, tidy, err);
    return -1;
}
