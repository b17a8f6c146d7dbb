/* SPDX-License-Identifier: MIT */
#include "core/qemu/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/landlock.h"
#include "core/base/pidfd.h"
#include "core/base/process.h"
#include "core/base/shell.h"
#include "core/qemu/launch_guard.h"

/* ---- the child, between fork and exec: only what signal-safety(7) lists ---- */

/* What comes through the pipe when something could not be run. */
struct failure {
    int number; /* errno */
    int helper; /* which one, or one of these */
};

enum { QEMU_ITSELF = -1, CONFINEMENT = -2, GUARD = -3 };

/* Digits of our PID into a buffer of 16 bytes at least; returns where they begin, and
 * ends them with @last. */
static char *
pid_digits(char *buffer, char last)
{
    char *at = buffer + 15;

    *at = last;
    for (unsigned pid = (unsigned)getpid(); pid > 0; pid /= 10)
        *--at = (char)('0' + pid % 10);
    return at;
}

/* Writes "PID\n" into the run file: whoever finds its lock held reads there who holds it.
 * The file gets its length last, so that there is room for it on a full disk. */
static int
write_pid(int fd)
{
    char buffer[16];
    const char *digits = pid_digits(buffer, '\n');

    return pwrite(fd, digits, (size_t)(buffer + 16 - digits), 0) < 0 ||
                   ftruncate(fd, buffer + 16 - digits) < 0
               ? -1
               : 0;
}

static void
reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Gives QEMU its standard streams, and all else that it inherits. */
static int
place_descriptors(const struct maqet_launch *launch, int report)
{
    if (launch->log_fd >= 0) {
        /* What QEMU writes to its standard output is the guest's (-nographic): a log of
         * that would grow for as long as the guest likes. */
        int log = maqet_descriptors_move_away(launch->descriptors, launch->log_fd);
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (log < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 ||
            dup2(log, 2) < 0)
            return -1;
    }
    return maqet_descriptors_place(launch->descriptors, report);
}

/* Gets a signal when the parent ends; fails when it has ended by now. */
static int
die_with(pid_t parent, int number)
{
    return prctl(PR_SET_PDEATHSIG, number) < 0 || getppid() != parent ? -1 : 0;
}

/* Writes "PID START\n" to the record: of the text in /proc/self/stat, the first field and
 * the 22nd. The second is a name in parentheses, which may hold anything. */
static int
write_record(int record)
{
    char stat[1024], line[64];
    int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
    size_t used = 0;

    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return -1;
    stat[length] = '\0';
    for (const char *c = stat; *c != ' ' && used < 20; c++)
        line[used++] = *c;
    line[used++] = ' ';
    const char *start = strrchr(stat, ')');
    for (int field = 2; start && field < 22; field++)
        start = strchr(start + 1, ' ');
    if (!start)
        return -1;
    for (const char *c = start + 1; *c != ' ' && used < sizeof(line) - 1; c++)
        line[used++] = *c;
    line[used++] = '\n';
    return write(record, line, used) == (ssize_t)used ? 0 : -1;
}

static void
become_helper(const struct maqet_launch *launch, const struct maqet_launch_helper *helper,
              int report, pid_t parent)
{
    int out = fcntl(report, F_DUPFD_CLOEXEC, 10);
    int socket = fcntl(helper->socket_fd, F_DUPFD_CLOEXEC, 10);
    int record = fcntl(launch->record_fd, F_DUPFD_CLOEXEC, 10);
    int log = fcntl(launch->log_fd < 0 ? 2 : launch->log_fd, F_DUPFD_CLOEXEC, 10);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char buffer[16];
    const char *digits = pid_digits(buffer, '\0');
    int number;

    setsid();
    if (out >= 0 && socket >= 0 && record >= 0 && log >= 0 && nothing >= 0 &&
        die_with(parent, SIGTERM) == 0 && dup2(nothing, 0) >= 0 && dup2(log, 1) >= 0 &&
        dup2(log, 2) >= 0 && write_record(record) == 0 &&
        dup2(socket, MAQET_HELPER_FD) >= 0) {
        syscall(SYS_close_range, MAQET_HELPER_FD + 1, out - 1, 0);
        syscall(SYS_close_range, out + 1, ~0U, 0);
        memcpy(helper->listen_pid + sizeof("LISTEN_PID=") - 1, digits,
               (size_t)(buffer + 15 - digits));
        if (launch->folder && chdir(launch->folder) < 0)
            errno = 0;
        execve(helper->path, (char *const *)helper->argv, helper->environment);
    }
    /* A short write, or a parent that has gone, sets none. */
    number = errno != 0 ? errno : EIO;
    if (write(out, &number, sizeof(number)) < 0)
        _exit(126);
    _exit(127);
}

/* Runs a helper, and returns when it runs, or can't; then -1 and errno. */
static int
start_helper(const struct maqet_launch *launch, const struct maqet_launch_helper *helper)
{
    pid_t parent = getpid();
    int report[2], number = 0;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become_helper(launch, helper, report[1], parent);
    if (pid < 0)
        number = errno;
    close(report[1]);
    while (pid > 0 && read(report[0], &number, sizeof(number)) < 0 && errno == EINTR)
        continue;
    close(report[0]);
    errno = number;
    return number == 0 ? 0 : -1;
}

static void
become_qemu(const struct maqet_launch *launch, const char *path, char *const *environment,
            int report, pid_t parent)
{
    /* The pipe goes out of the way first, so that every failure after this can be told.
     */
    int out = maqet_descriptors_move_away(launch->descriptors, report);
    struct failure failure = {.helper = QEMU_ITSELF};

    reset_signals();
    if (out >= 0)
        report = out;
    for (size_t i = 0; i < launch->helper_count; i++) {
        if (start_helper(launch, &launch->helpers[i]) == 0)
            continue;
        failure = (struct failure){.number = errno, .helper = (int)i};
        if (write(report, &failure, sizeof(failure)) < 0)
            _exit(126);
        _exit(127);
    }
    /* What runs beside QEMU has rules of its own. */
    if (launch->dies_with_us && launch->no_new_privileges &&
        maqet_launch_guard(parent) < 0)
        failure.helper = GUARD;
    else if ((launch->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) ||
             (launch->confinement &&
              maqet_landlock_enforce(launch->confinement->ruleset) < 0))
        failure.helper = CONFINEMENT;
    else if (out >= 0 && place_descriptors(launch, report) == 0) {
        /* A folder that has gone is no reason not to start: most machines don't need it.
         */
        if (launch->folder && chdir(launch->folder) < 0)
            errno = 0;
        if (launch->log_fd >= 0)
            setsid();
        if (launch->dies_with_us && die_with(parent, SIGKILL) < 0)
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
error_not_run(const struct maqet_launch *launch, const char *qemu,
              const struct failure *failure, struct maqet_error **err)
{
    if (failure->helper == CONFINEMENT)
        return maqet_error_errno(err, failure->number, "Can't confine QEMU");
    if (failure->helper == GUARD)
        return maqet_error_errno(err, failure->number, "Can't watch QEMU");
    if (failure->helper < 0)
        return maqet_error_errno(err, failure->number, "Can't run %s", qemu);
    const struct maqet_launch_helper *helper = &launch->helpers[failure->helper];

    return maqet_error_errno(err, failure->number,
                             "Drive '%s': can't run %s, which has to run beside QEMU",
                             helper->drive, helper->path);
}

/* Our environment, but for where temporary files go. The texts are ours, or @temporary.
 */
static char **
environment_with(char *temporary)
{
    size_t count = 0, kept = 0;

    while (environ[count])
        count++;
    char **environment = maqet_alloc((count + 2) * sizeof(*environment));
    for (size_t i = 0; i < count; i++)
        if (!temporary || !maqet_text_starts(environ[i], "TMPDIR="))
            environment[kept++] = environ[i];
    environment[kept] = temporary;
    return environment;
}

char *
maqet_launch_find(const char *program, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_process_find(program);

    if (path)
        return TAKE_PTR(path);
    if (strchr(program, '/') && access(program, F_OK) == 0) {
        maqet_error_set(err, MAQET_ERROR_PERMISSION,
                        "QEMU's program %s can't be run: it is no executable file",
                        program);
        _cleanup_free_ char *quoted = maqet_shell_quoted(program);
        maqet_error_hint(
            err, "Make it one (chmod +x %s), or name another one with `binary:`", quoted);
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
    struct failure failure = {.helper = QEMU_ITSELF};
    int report[2];

    if (!path)
        return -1;
    if (pipe2(report, O_CLOEXEC) < 0)
        return maqet_error_errno(err, errno, "Can't run %s", path);
    pid_t parent = getpid();
    _cleanup_free_ char *temporary =
        launch->scratch ? maqet_format("TMPDIR=%s", launch->scratch) : NULL;
    _cleanup_free_ char **environment = environment_with(temporary);

    process->pid = fork();
    if (process->pid == 0)
        become_qemu(launch, path, environment, report[1], parent);
    failure.number = process->pid < 0 ? errno : 0;
    close(report[1]);
    /* The pipe closes when exec has succeeded; else errno comes through it. */
    while (process->pid > 0 && read(report[0], &failure, sizeof(failure)) < 0 &&
           errno == EINTR)
        continue;
    close(report[0]);
    if (failure.number != 0) {
        if (process->pid > 0)
            waitpid(process->pid, NULL, 0);
        process->pid = -1; /* nobody's, and soon somebody else's */
        return error_not_run(launch, path, &failure, err);
    }
    process->pidfd = maqet_pidfd_open(process->pid);
    if (process->pidfd < 0) {
        maqet_error_errno(err, errno, "Can't watch QEMU");
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = -1;
        return -1;
    }
    return 0;
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

/* What QEMU can't know: that it was our sandbox which stopped it. */
static bool
is_sandbox_death(int status, const char *words)
{
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) ||
           /* a later QEMU is told EPERM instead of being killed */
           (strstr(words, "fork") && strstr(words, "Operation not permitted")) ||
           /* a helper that QEMU forked, killed by the same filter */
           strstr(words, "failed with status 31") ||
           strstr(words, "could not launch network script");
}

static void
add_hints(int status, const char *words, struct maqet_error **err)
{
    if (is_sandbox_death(status, words))
        maqet_error_hint(err,
                         "QEMU's sandbox forbids it to run other programs (scripts of "
                         "-netdev tap, some displays); say `sandbox: off` in the VM's "
                         "YAML file if this machine needs that");
    if (strstr(words, "gtk initialization failed"))
        maqet_error_hint(err, "There is no graphical session here; say `display: none`");
}

int
maqet_launch_error(int status, const char *words, struct maqet_error **err)
{
    _cleanup_free_ char *tidy = maqet_launch_words(words);

    if (WIFSIGNALED(status))
        maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU was ended by signal %d (%s)%s%s",
                        WTERMSIG(status), strsignal(WTERMSIG(status)), *tidy ? ": " : "",
                        tidy);
    else if (*tidy)
        maqet_error_set(err, MAQET_ERROR_FAILED, "QEMU says: %s", tidy);
    else
        maqet_error_set(err, MAQET_ERROR_FAILED,
                        "QEMU ended with exit code %d and without a word",
                        WEXITSTATUS(status));
    add_hints(status, tidy, err);
    return -1;
}
