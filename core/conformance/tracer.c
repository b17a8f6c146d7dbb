/* SPDX-License-Identifier: MIT */
#include "core/conformance/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/procfs.h"

/* ---- the system calls ---- */

/* Which arguments name what is changed. Without a folder's descriptor (-1), the path
 * starts at the working directory. */
struct row {
    long number;
    const char *name;
    int folder, path;   /* indexes of arguments; -1: none */
    int folder2, path2; /* of a second name */
    int flags; /* the argument with the flags of open(2), which may be O_RDONLY */
};

/* Special values. ITSELF: the folder's descriptor is that of the changed file. */
enum { ALWAYS = -1, OPEN_HOW = -2, ITSELF = -3 };

static const struct row rows[] = {
#ifdef SYS_open
    {SYS_open, "open", -1, 0, -1, -1, 1},
    {SYS_creat, "creat", -1, 0, -1, -1, ALWAYS},
    {SYS_mkdir, "mkdir", -1, 0, -1, -1, ALWAYS},
    {SYS_rmdir, "rmdir", -1, 0, -1, -1, ALWAYS},
    {SYS_unlink, "unlink", -1, 0, -1, -1, ALWAYS},
    {SYS_rename, "rename", -1, 0, -1, 1, ALWAYS},
    {SYS_link, "link", -1, -1, -1, 1, ALWAYS},
    {SYS_symlink, "symlink", -1, 1, -1, -1, ALWAYS},
    {SYS_mknod, "mknod", -1, 0, -1, -1, ALWAYS},
    {SYS_chmod, "chmod", -1, 0, -1, -1, ALWAYS},
    {SYS_chown, "chown", -1, 0, -1, -1, ALWAYS},
    {SYS_lchown, "lchown", -1, 0, -1, -1, ALWAYS},
    {SYS_utime, "utime", -1, 0, -1, -1, ALWAYS},
    {SYS_utimes, "utimes", -1, 0, -1, -1, ALWAYS},
    {SYS_futimesat, "futimesat", 0, 1, -1, -1, ALWAYS},
#endif
#ifdef SYS_fchmodat2
    {SYS_fchmodat2, "fchmodat2", 0, 1, -1, -1, ALWAYS},
#endif
#ifdef SYS_renameat
    {SYS_renameat, "renameat", 0, 1, 2, 3, ALWAYS},
#endif
    {SYS_openat, "openat", 0, 1, -1, -1, 2},
    {SYS_openat2, "openat2", 0, 1, -1, -1, OPEN_HOW},
    {SYS_mkdirat, "mkdirat", 0, 1, -1, -1, ALWAYS},
    {SYS_unlinkat, "unlinkat", 0, 1, -1, -1, ALWAYS},
    {SYS_renameat2, "renameat2", 0, 1, 2, 3, ALWAYS},
    {SYS_linkat, "linkat", -1, -1, 2, 3, ALWAYS},
    {SYS_symlinkat, "symlinkat", 1, 2, -1, -1, ALWAYS},
    {SYS_mknodat, "mknodat", 0, 1, -1, -1, ALWAYS},
    {SYS_fchmodat, "fchmodat", 0, 1, -1, -1, ALWAYS},
    {SYS_fchownat, "fchownat", 0, 1, -1, -1, ALWAYS},
    {SYS_truncate, "truncate", -1, 0, -1, -1, ALWAYS},
    {SYS_setxattr, "setxattr", -1, 0, -1, -1, ALWAYS},
    {SYS_removexattr, "removexattr", -1, 0, -1, -1, ALWAYS},
    {SYS_lsetxattr, "lsetxattr", -1, 0, -1, -1, ALWAYS},
    {SYS_lremovexattr, "lremovexattr", -1, 0, -1, -1, ALWAYS},
    {SYS_utimensat, "utimensat", 0, 1, -1, -1, ALWAYS},
    /* These do not need a descriptor that is open for writing. */
    {SYS_fchmod, "fchmod", 0, ITSELF, -1, -1, ALWAYS},
    {SYS_fchown, "fchown", 0, ITSELF, -1, -1, ALWAYS},
    {SYS_fsetxattr, "fsetxattr", 0, ITSELF, -1, -1, ALWAYS},
    {SYS_fremovexattr, "fremovexattr", 0, ITSELF, -1, -1, ALWAYS},
    {SYS_bind, "bind", -1, -1, -1, -1, ALWAYS}, /* see socket_outside() */
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

/* The exit code of a child that can't be traced. */
enum { NOT_TRACED = 77 };

/* What is called in the child. */
struct traced {
    void (*call)(void *data);
    void *data;
};

static int
run_traced(void *data, int fd)
{
    const struct traced *traced = data;

    (void)fd;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        return NOT_TRACED;
    raise(SIGSTOP);
    if (install_filter() < 0)
        return NOT_TRACED;
    traced->call(traced->data);
    fflush(NULL);
    return 0;
}

/* ---- what it is about to change ---- */

/* Reads memory of another process. Returns the number of bytes; -1: it can't be read. */
static ssize_t
read_at(pid_t pid, uint64_t address, void *bytes, size_t count)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/mem", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : pread(fd, bytes, count, (off_t)address);
}

/* A path in another process; the caller frees. */
static char *
text_at(pid_t pid, uint64_t address)
{
    char bytes[PATH_MAX];
    ssize_t got = read_at(pid, address, bytes, sizeof(bytes));

    return maqet_strndup(bytes, got > 0 ? strnlen(bytes, (size_t)got) : 0);
}

/* The absolute path of a file that a process names: links in the folder's path are
 * resolved, the last name is not. NULL: there is no such folder. The caller frees. */
static char *
resolve(pid_t pid, int folder_fd, const char *path)
{
    static const char own[] = "/proc/self/";
    _cleanup_free_ char *link = folder_fd == AT_FDCWD
                                    ? maqet_format("/proc/%d/cwd", (int)pid)
                                    : maqet_format("/proc/%d/fd/%d", (int)pid, folder_fd);
    if (!*path)
        return realpath(link, NULL);
    _cleanup_free_ char *absolute =
        maqet_text_starts(path, own)
            ? maqet_format("/proc/%d/%s", (int)pid, path + strlen(own))
            : maqet_format("%s%s%s", path[0] == '/' ? "" : link,
                           path[0] == '/' ? "" : "/", path);
    const char *slash = strrchr(absolute, '/');

    /* A path below /proc may be that of a descriptor, which is a link to the file. */
    if (maqet_text_starts(path, "/proc/") || strcmp(slash + 1, "..") == 0 ||
        strcmp(slash + 1, ".") == 0)
        return realpath(absolute, NULL);
    _cleanup_free_ char *folder = maqet_strndup(absolute, (size_t)(slash - absolute) + 1);
    _cleanup_free_ char *real = realpath(folder, NULL);
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

/* Files that store nothing, so that any program may write to them. Libraries name their
 * threads. */
static bool
stores_nothing(const char *path)
{
    static const char *const patterns[] = {"/dev/null", "/dev/zero",
                                           "/dev/full", "/dev/tty",
                                           "/dev/kvm",  "/proc/*/task/*/comm"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    return false;
}

static bool
writes(pid_t pid, const struct row *row, const uint64_t *arguments)
{
    uint64_t flags = row->flags < 0 ? 0 : arguments[row->flags];

    if (row->flags == ALWAYS ||
        (row->flags == OPEN_HOW &&
         read_at(pid, arguments[2], &flags, sizeof(flags)) != sizeof(flags)))
        return true;
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) ||
           (flags & O_TMPFILE) == O_TMPFILE;
}

/* "unlink /tmp/x" if a system call changes the file of this name outside, or NULL. The
 * caller frees. */
static char *
name_outside(pid_t pid, const struct row *row, const uint64_t *arguments, int folder,
             int path, const char *const *allowed)
{
    if (path < 0 && path != ITSELF)
        return NULL;
    _cleanup_free_ char *text =
        path == ITSELF ? maqet_strdup("") : text_at(pid, arguments[path]);
    _cleanup_free_ char *full =
        resolve(pid, folder < 0 ? AT_FDCWD : (int)arguments[folder], text);

    /* Nothing changes in a folder that does not exist, or by creating one that exists. */
    if (!full || (strstr(row->name, "mkdir") && access(full, F_OK) == 0) ||
        is_inside(full, allowed) || stores_nothing(full))
        return NULL;
    return maqet_format("%s %s", row->name, full);
}

/* The same for a unix socket, which is a file, too. */
static char *
socket_outside(pid_t pid, const uint64_t *arguments, const char *const *allowed)
{
    struct sockaddr_un address = {0};
    size_t length = arguments[2] < sizeof(address) ? arguments[2] : sizeof(address) - 1;

    if (read_at(pid, arguments[1], &address, length) < 0 ||
        address.sun_family != AF_UNIX || !address.sun_path[0])
        return NULL;
    address.sun_path[sizeof(address.sun_path) - 1] = '\0';
    _cleanup_free_ char *full = resolve(pid, AT_FDCWD, address.sun_path);
    return full && !is_inside(full, allowed) ? maqet_format("bind %s", full) : NULL;
}

/* What is known so far. */
struct trace {
    const char *const *allowed;
    char *outside; /* the first change outside of these; NULL: none */
    bool unknown;  /* the kernel does not say what is called */
};

/* The same for the system call that a process is about to make. */
static char *
call_outside(pid_t pid, struct trace *trace)
{
    struct __ptrace_syscall_info info = {0};
    const struct row *row = rows;
    uint64_t arguments[6];

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
        trace->unknown = true;
        return NULL;
    }
    while (row < rows + ROWS && (uint64_t)row->number != info.seccomp.nr)
        row++;
    if (row == rows + ROWS)
        return NULL;
    for (int i = 0; i < 6; i++)
        arguments[i] = info.seccomp.args[i];
    if (row->number == SYS_bind)
        return socket_outside(pid, arguments, trace->allowed);
    if (!writes(pid, row, arguments))
        return NULL;
    char *outside =
        name_outside(pid, row, arguments, row->folder, row->path, trace->allowed);
    return outside ? outside
                   : name_outside(pid, row, arguments, row->folder2, row->path2,
                                  trace->allowed);
}

/* ---- in the parent ---- */

static const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
                            PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;

/* Continues a process that has stopped. */
static void
resume_process(pid_t pid, int status, struct trace *trace)
{
    int event = status >> 16, signal = WSTOPSIG(status);

    if (event == PTRACE_EVENT_SECCOMP && !trace->outside)
        trace->outside = call_outside(pid, trace);
    /* A new child starts stopped. */
    if (event != 0 || signal == SIGSTOP || signal == SIGTRAP)
        signal = 0;
    ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal);
}

/* Traces until the child has ended, though what it has started may still run. */
static int
trace_child(pid_t child, struct trace *trace)
{
    int status = 0;

    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);

        if (pid < 0 && errno != EINTR)
            return -1;
        if (pid > 0 && WIFSTOPPED(status))
            resume_process(pid, status, trace);
        else if (pid == child)
            return status;
    }
}

static int
error_unsupported(struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "the kernel does not allow tracing (ptrace, seccomp)");
}

int
tracer_run(void (*call)(void *data), void *data, const char *const *folders,
           char **outside, struct maqet_error **err)
{
    struct traced traced = {.call = call, .data = data};
    struct trace trace = {.allowed = folders};
    int status = 0;

    *outside = NULL;
    pid_t child = maqet_child_fork(SIGKILL, run_traced, &traced);
    if (child < 0)
        return maqet_error_errno(err, errno, "Cannot start a child process");
    while (waitpid(child, &status, WUNTRACED) < 0 && errno == EINTR)
        continue;
    if (WIFSTOPPED(status)) {
        if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) < 0) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return error_unsupported(err);
        }
        ptrace(PTRACE_CONT, child, NULL, NULL);
        status = trace_child(child, &trace);
    }
    *outside = trace.outside;
    if (trace.unknown || (WIFEXITED(status) && WEXITSTATUS(status) == NOT_TRACED))
        return error_unsupported(err);
    return WIFSIGNALED(status)
               ? maqet_error_set(err, MAQET_ERROR_FAILED, "it crashed (%s)",
                                 strsignal(WTERMSIG(status)))
               : 0;
}

/* ---- processes that are left behind ---- */

void
tracer_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void
tracer_list_children(struct maqet_strings *pids)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list("/proc", &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        struct maqet_procfs_stat stat;
        int pid = (int)strtol(names.items[i], NULL, 10);

        if (pid > 0 && maqet_procfs_stat(pid, &stat) && stat.parent == getpid())
            maqet_strings_add(pids, names.items[i]);
    }
}

void
tracer_end_children(const struct maqet_strings *known)
{
    /* The children of one that ends become ours: look again. */
    for (bool found = true; found;) {
        _cleanup_strings_ struct maqet_strings pids = MAQET_STRINGS_INIT;

        found = false;
        tracer_list_children(&pids);
        for (size_t i = 0; i < pids.count; i++) {
            pid_t pid = (pid_t)strtol(pids.items[i], NULL, 10);

            if (maqet_strings_has(known, pids.items[i]))
                continue;
            found = true;
            kill(pid, SIGKILL);
            maqet_child_wait(pid);
        }
    }
}
