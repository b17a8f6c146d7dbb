/* SPDX-License-Identifier: MIT */
#include "core/conformance/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <linux/ptrace.h>

#include "core/base/files.h"

/* ---- the system calls ---- */

/* Which arguments name what is changed. A folder's descriptor of -1: there is none, and
 * the path starts at the working directory. */
struct row {
    long number;
    const char *name;
    int folder, path;   /* indexes of arguments; -1: none */
    int folder2, path2; /* of a second name */
    int flags;          /* of an open: it counts only when it may write */
};

static const struct row rows[] = {
#ifdef SYS_open
    {SYS_open, "open", -1, 0, -1, -1, 1},
    {SYS_creat, "creat", -1, 0, -1, -1, -1},
    {SYS_mkdir, "mkdir", -1, 0, -1, -1, -1},
    {SYS_rmdir, "rmdir", -1, 0, -1, -1, -1},
    {SYS_unlink, "unlink", -1, 0, -1, -1, -1},
    {SYS_rename, "rename", -1, 0, -1, 1, -1},
    {SYS_link, "link", -1, -1, -1, 1, -1},
    {SYS_symlink, "symlink", -1, 1, -1, -1, -1},
    {SYS_mknod, "mknod", -1, 0, -1, -1, -1},
    {SYS_chmod, "chmod", -1, 0, -1, -1, -1},
    {SYS_chown, "chown", -1, 0, -1, -1, -1},
    {SYS_lchown, "lchown", -1, 0, -1, -1, -1},
#endif
#ifdef SYS_renameat
    {SYS_renameat, "renameat", 0, 1, 2, 3, -1},
#endif
    {SYS_openat, "openat", 0, 1, -1, -1, 2},
    {SYS_openat2, "openat2", 0, 1, -1, -1, -2},
    {SYS_mkdirat, "mkdirat", 0, 1, -1, -1, -1},
    {SYS_unlinkat, "unlinkat", 0, 1, -1, -1, -1},
    {SYS_renameat2, "renameat2", 0, 1, 2, 3, -1},
    {SYS_linkat, "linkat", -1, -1, 2, 3, -1},
    {SYS_symlinkat, "symlinkat", 1, 2, -1, -1, -1},
    {SYS_mknodat, "mknodat", 0, 1, -1, -1, -1},
    {SYS_fchmodat, "fchmodat", 0, 1, -1, -1, -1},
    {SYS_fchownat, "fchownat", 0, 1, -1, -1, -1},
    {SYS_truncate, "truncate", -1, 0, -1, -1, -1},
    {SYS_setxattr, "setxattr", -1, 0, -1, -1, -1},
    {SYS_removexattr, "removexattr", -1, 0, -1, -1, -1},
};

enum { ROWS = sizeof(rows) / sizeof(*rows) };

/* ---- in the child ---- */

static int
install_filter(void)
{
    struct sock_filter code[2 * ROWS + 2];
    unsigned short count = 0;

    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                 offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ROWS; i++) {
        code[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                     (unsigned)rows[i].number, 0, 1);
        code[count++] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0);
    }
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = count, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                   syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0
               ? -1
               : 0;
}

/* What a child that can't be watched ends with. */
enum { NOT_WATCHED = 77 };

static void
become_watched(void (*call)(void *data), void *data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(NOT_WATCHED);
    raise(SIGSTOP);
    if (install_filter() < 0)
        _exit(NOT_WATCHED);
    call(data);
    fflush(NULL);
    _exit(0);
}

/* ---- what it is about to change ---- */

/* A text in another process; the caller frees. */
static char *
text_at(pid_t pid, uint64_t address)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    /* Page by page: the next one may not be there. */
    while (text.length < 2 * 4096) {
        char bytes[4096];
        size_t count = 4096 - address % 4096;
        struct iovec here = {bytes, count}, there = {(void *)(uintptr_t)address, count};
        ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

        if (got <= 0)
            break;
        size_t length = strnlen(bytes, (size_t)got);
        maqet_text_append_bytes(&text, bytes, length);
        if (length < (size_t)got)
            break;
        address += (uint64_t)got;
    }
    return maqet_text_take(&text);
}

/* The path of a file in a process: links of the folder resolved, the last name as it is.
 */
static char *
resolve(pid_t pid, int folder_fd, const char *path)
{
    _cleanup_free_ char *link = folder_fd == AT_FDCWD
                                    ? maqet_format("/proc/%d/cwd", (int)pid)
                                    : maqet_format("/proc/%d/fd/%d", (int)pid, folder_fd);
    _cleanup_free_ char *absolute =
        path[0] == '/' ? maqet_strdup(path) : maqet_format("%s/%s", link, path);
    const char *slash = strrchr(absolute, '/');
    _cleanup_free_ char *folder = maqet_strndup(absolute, (size_t)(slash - absolute) + 1);
    _cleanup_free_ char *real = NULL;

    if (!*path)
        return realpath(link, NULL);
    /* A descriptor's own path leads to the file itself. */
    if (maqet_text_starts(path, "/proc/") || strcmp(slash + 1, "..") == 0 ||
        strcmp(slash + 1, ".") == 0) {
        if (maqet_text_starts(path, "/proc/self/")) {
            _cleanup_free_ char *its =
                maqet_format("/proc/%d/%s", (int)pid, path + strlen("/proc/self/"));
            return realpath(its, NULL);
        }
        return realpath(absolute, NULL);
    }
    real = realpath(folder, NULL);
    return real ? maqet_format("%s/%s", real[1] ? real : "", slash + 1) : NULL;
}

static bool
is_inside(const char *path, const char *const *folders)
{
    for (; *folders; folders++) {
        size_t length = strlen(*folders);

        if (strncmp(path, *folders, length) == 0 &&
            (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return false;
}

/* What everybody may write to: it keeps nothing. */
static bool
keeps_nothing(const char *path)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full",
                                          "/dev/tty", "/dev/kvm"};

    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
        if (strcmp(path, devices[i]) == 0)
            return true;
    return false;
}

static bool
writes(pid_t pid, const struct row *row, const uint64_t *arguments)
{
    uint64_t flags = 0;

    if (row->flags == -1)
        return true;
    if (row->flags == -2) {
        struct iovec here = {&flags, sizeof(flags)};
        struct iovec there = {(void *)(uintptr_t)arguments[2], sizeof(flags)};

        if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(flags))
            return true;
    } else {
        flags = arguments[row->flags];
    }
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) ||
           (flags & O_TMPFILE) == O_TMPFILE;
}

/* "unlink /tmp/x" where it is outside, or NULL. The caller frees. */
static char *
name_outside(pid_t pid, const struct row *row, const uint64_t *arguments, int folder,
             int path, const char *const *allowed)
{
    if (path < 0)
        return NULL;
    _cleanup_free_ char *text = text_at(pid, arguments[path]);
    _cleanup_free_ char *full =
        resolve(pid, folder < 0 ? AT_FDCWD : (int)arguments[folder], text);

    /* In a folder that isn't there nothing can change, nor by making one that is. */
    if (!full || (strstr(row->name, "mkdir") && access(full, F_OK) == 0) ||
        is_inside(full, allowed) || keeps_nothing(full))
        return NULL;
    return maqet_format("%s %s", row->name, full);
}

static char *
judge(pid_t pid, const char *const *allowed)
{
    struct ptrace_syscall_info info = {0};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_SECCOMP)
        return NULL;
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t arguments[6];
        const struct row *row = &rows[i];

        if ((uint64_t)row->number != info.seccomp.nr)
            continue;
        for (int j = 0; j < 6; j++)
            arguments[j] = info.seccomp.args[j];
        if (!writes(pid, row, arguments))
            return NULL;
        char *outside =
            name_outside(pid, row, arguments, row->folder, row->path, allowed);
        return outside
                   ? outside
                   : name_outside(pid, row, arguments, row->folder2, row->path2, allowed);
    }
    return NULL;
}

/* ---- in the parent ---- */

static const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

/* Goes on with a process that has stopped for whatever reason. */
static void
resume(pid_t pid, int status, const char *const *allowed, char **outside)
{
    int event = status >> 16, signal = WSTOPSIG(status);

    if (event == PTRACE_EVENT_SECCOMP && !*outside)
        *outside = judge(pid, allowed);
    /* A new child begins with a stop of its own. */
    if (event != 0 || signal == SIGSTOP || signal == SIGTRAP)
        signal = 0;
    ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal);
}

/* Watches until the child has ended; what it has left behind is for others to end. */
static int
watch(pid_t child, const char *const *allowed, char **outside)
{
    int status = 0;

    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);

        if (pid < 0 && errno != EINTR)
            return -1;
        if (pid > 0 && WIFSTOPPED(status))
            resume(pid, status, allowed, outside);
        else if (pid == child)
            return status;
    }
}

int
tracer_run(void (*call)(void *data), void *data, const char *const *folders,
           char **outside, struct maqet_error **err)
{
    int status = 0;

    *outside = NULL;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        become_watched(call, data);
    if (child < 0)
        return maqet_error_errno(err, errno, "Can't start a child");
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) < 0) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                   "the kernel lets nobody watch a process (ptrace)");
        }
        ptrace(PTRACE_CONT, child, NULL, NULL);
        status = watch(child, folders, outside);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_WATCHED)
        return maqet_error_set(
            err, MAQET_ERROR_UNSUPPORTED,
            "the kernel lets nobody watch a process (ptrace, seccomp)");
    return WIFSIGNALED(status)
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "it crashed (%s)",
                                 strsignal(WTERMSIG(status)))
               : 0;
}
