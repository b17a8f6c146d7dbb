/* SPDX-License-Identifier: MIT */
#include "core/conformance/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/conformance/tracee.h"

/* ---- system calls that change files ---- */

/* Which arguments name what is changed. Without a folder's descriptor (-1), the path
 * starts at the working directory. */
struct change {
    long number;
    const char *name;
    int folder, path;   /* indexes of arguments; -1: none */
    int folder2, path2; /* of a second name */
    int flags; /* the argument with the flags of open(2), which may be O_RDONLY */
};

/* Special values. ITSELF: the folder's descriptor is that of the changed file. */
enum { ALWAYS = -1, OPEN_HOW = -2, ITSELF = -3 };

static const struct change changes[] = {
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
    {SYS_bind, "bind", -1, -1, -1, -1, ALWAYS}, /* see socket_name() */
};

/* ---- system calls that open descriptors ---- */

/* The argument with the flags, and the one that has a program not inherit it. */
static const struct opening {
    long number;
    const char *name;
    int flags;
    uint64_t cloexec; /* 0: there is none */
} openings[] = {
#ifdef SYS_open
    {SYS_open, "open", 1, O_CLOEXEC},
    {SYS_creat, "creat", 1, 0},
    {SYS_pipe, "pipe", 0, 0},
    {SYS_dup2, "dup2", 0, 0},
    {SYS_eventfd, "eventfd", 0, 0},
    {SYS_epoll_create, "epoll_create", 0, 0},
    {SYS_inotify_init, "inotify_init", 0, 0},
    {SYS_signalfd, "signalfd", 0, 0},
#endif
    {SYS_openat, "openat", 2, O_CLOEXEC},
    {SYS_openat2, "openat2", OPEN_HOW, O_CLOEXEC},
    {SYS_socket, "socket", 1, SOCK_CLOEXEC},
    {SYS_socketpair, "socketpair", 1, SOCK_CLOEXEC},
    {SYS_accept, "accept", 0, 0},
    {SYS_accept4, "accept4", 3, SOCK_CLOEXEC},
    {SYS_pipe2, "pipe2", 1, O_CLOEXEC},
    {SYS_dup, "dup", 0, 0},
    {SYS_dup3, "dup3", 2, O_CLOEXEC},
    {SYS_eventfd2, "eventfd", 1, EFD_CLOEXEC},
    {SYS_epoll_create1, "epoll_create1", 0, O_CLOEXEC},
    {SYS_inotify_init1, "inotify_init1", 0, IN_CLOEXEC},
    {SYS_memfd_create, "memfd_create", 1, MFD_CLOEXEC},
    {SYS_timerfd_create, "timerfd_create", 1, TFD_CLOEXEC},
    {SYS_signalfd4, "signalfd", 3, SFD_CLOEXEC},
    {SYS_fcntl, "fcntl", 1, 0}, /* F_DUPFD: see opens_inheritable() */
};

/* ---- system calls that run programs ---- */

static const struct program {
    long number;
    int arguments, environment;
} programs[] = {{SYS_execve, 1, 2}, {SYS_execveat, 2, 3}};

enum {
    CHANGES = sizeof(changes) / sizeof(*changes),
    OPENINGS = sizeof(openings) / sizeof(*openings),
    PROGRAMS = sizeof(programs) / sizeof(*programs),
};

/* ---- in the child ---- */

/* Has the kernel stop it at a system call. */
static void
add_number(struct sock_filter *code, unsigned short *count, long number)
{
    code[(*count)++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
    code[(*count)++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
}

int
syscalls_stop(void)
{
    struct sock_filter code[2 * (CHANGES + OPENINGS + PROGRAMS) + 2];
    unsigned short count = 0;

    code[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                 offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CHANGES; i++)
        add_number(code, &count, changes[i].number);
    for (size_t i = 0; i < OPENINGS; i++)
        add_number(code, &count, openings[i].number);
    for (size_t i = 0; i < PROGRAMS; i++)
        add_number(code, &count, programs[i].number);
    code[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = count, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                   syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0
               ? -1
               : 0;
}

/* ---- files that are changed ---- */

/* A system call, and who makes it. */
struct call {
    pid_t pid;
    long number;
    uint64_t arguments[6];
};

/* The flags of open(2). */
static uint64_t
flags_of(const struct call *call, int flags)
{
    uint64_t value = 0;

    if (flags != OPEN_HOW)
        return call->arguments[flags];
    return tracee_read(call->pid, call->arguments[2], &value, sizeof(value)) ==
                   sizeof(value)
               ? value
               : O_RDWR;
}

static bool
is_changing(const struct call *call, const struct change *row)
{
    if (row->flags == ALWAYS)
        return true;
    uint64_t flags = flags_of(call, row->flags);
    return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC) ||
           (flags & O_TMPFILE) == O_TMPFILE;
}

/* The absolute path that a system call names; NULL: it names none. The caller frees. */
static char *
path_of(const struct call *call, int folder, int path)
{
    if (path < 0 && path != ITSELF)
        return NULL;
    _cleanup_free_ char *text =
        path == ITSELF ? maqet_strdup("") : tracee_text(call->pid, call->arguments[path]);
    return tracee_path(call->pid, folder < 0 ? AT_FDCWD : (int)call->arguments[folder],
                       text);
}

/* "unlink /tmp/x" if a system call changes the file of this name outside, or NULL. The
 * caller frees. */
static char *
name_outside(const struct call *call, const struct change *row, int folder, int path,
             const char *const *allowed)
{
    _cleanup_free_ char *full = path_of(call, folder, path);

    /* Nothing changes in a folder that does not exist, or by creating one that exists. */
    if (!full || (strstr(row->name, "mkdir") && access(full, F_OK) == 0) ||
        tracee_is_inside(full, allowed) || tracee_stores_nothing(full))
        return NULL;
    return maqet_format("%s %s", row->name, full);
}

/* The same for a unix socket, which is a file, too. */
static char *
socket_outside(const struct call *call, const char *const *allowed)
{
    struct sockaddr_un address = {0};
    size_t length =
        call->arguments[2] < sizeof(address) ? call->arguments[2] : sizeof(address) - 1;

    if (tracee_read(call->pid, call->arguments[1], &address, length) < 0 ||
        address.sun_family != AF_UNIX || !address.sun_path[0])
        return NULL;
    address.sun_path[sizeof(address.sun_path) - 1] = '\0';
    _cleanup_free_ char *full = tracee_path(call->pid, AT_FDCWD, address.sun_path);
    return full && !tracee_is_inside(full, allowed) ? maqet_format("bind %s", full)
                                                    : NULL;
}

/* What a call changes outside of these folders; NULL: nothing. The caller frees. */
static char *
change_outside(const struct call *call, const char *const *allowed)
{
    const struct change *row = changes;

    while (row < changes + CHANGES && row->number != call->number)
        row++;
    if (row == changes + CHANGES || !is_changing(call, row))
        return NULL;
    if (row->number == SYS_bind)
        return socket_outside(call, allowed);
    char *outside = name_outside(call, row, row->folder, row->path, allowed);
    return outside ? outside : name_outside(call, row, row->folder2, row->path2, allowed);
}

/* ---- files that are read ---- */

/* The path of a file that a call opens and nobody named; NULL: none. The caller frees. */
static char *
read_outside(const struct call *call, const char *const *allowed)
{
    const struct change *row = changes;

    while (row < changes + CHANGES && row->number != call->number)
        row++;
    if (row == changes + CHANGES || row->flags == ALWAYS ||
        flags_of(call, row->flags) & O_PATH)
        return NULL;
    _cleanup_free_ char *full = path_of(call, row->folder, row->path);
    _cleanup_free_ char *file = full ? realpath(full, NULL) : NULL;
    struct stat status;

    if (!file || stat(file, &status) < 0 || !S_ISREG(status.st_mode) ||
        tracee_is_of_system(file) || tracee_is_inside(file, allowed))
        return NULL;
    return TAKE_PTR(file);
}

/* ---- descriptors that programs inherit ---- */

/* "open /tmp/x" if a call opens a descriptor without close-on-exec, or NULL. The caller
 * frees. */
static char *
opened_inheritable(const struct call *call)
{
    const struct opening *row = openings;
    const struct change *named = changes;

    while (row < openings + OPENINGS && row->number != call->number)
        row++;
    if (row == openings + OPENINGS ||
        (row->number == SYS_fcntl && call->arguments[1] != F_DUPFD) ||
        (row->cloexec && flags_of(call, row->flags) & row->cloexec))
        return NULL;
    while (named < changes + CHANGES && named->number != call->number)
        named++;
    _cleanup_free_ char *path =
        named < changes + CHANGES ? path_of(call, named->folder, named->path) : NULL;
    return path ? maqet_format("%s %s", row->name, path) : maqet_strdup(row->name);
}

/* Whether it has programs not inherit a descriptor: fcntl(F_SETFD). */
static bool
sets_cloexec(const struct call *call)
{
    return call->number == SYS_fcntl && call->arguments[1] == F_SETFD &&
           call->arguments[2] & FD_CLOEXEC;
}

/* ---- programs ---- */

/* The first text of a list in another process that contains the secret. The caller frees;
 * NULL: none. */
static char *
text_with(pid_t pid, uint64_t list, const char *secret)
{
    enum { TEXTS_MAX = 4096 };

    for (int i = 0; i < TEXTS_MAX; i++) {
        uintptr_t at = 0;

        if (tracee_read(pid, list + (uint64_t)i * sizeof(at), &at, sizeof(at)) !=
                sizeof(at) ||
            at == 0)
            return NULL;
        _cleanup_free_ char *text = tracee_text(pid, at);
        if (strstr(text, secret))
            return TAKE_PTR(text);
    }
    return NULL;
}

/* How a call reveals the secret to a program; NULL: it does not. The caller frees. */
static char *
secret_revealed(const struct call *call, const char *secret)
{
    for (size_t i = 0; i < PROGRAMS; i++) {
        if (programs[i].number != call->number)
            continue;
        _cleanup_free_ char *word =
            text_with(call->pid, call->arguments[programs[i].arguments], secret);
        if (word)
            return maqet_format("the argument '%s'", word);
        _cleanup_free_ char *variable =
            text_with(call->pid, call->arguments[programs[i].environment], secret);
        return variable ? maqet_format("the environment '%s'", variable) : NULL;
    }
    return NULL;
}

/* ---- the judgement ---- */

void
trace_report_clear(struct trace_report *report)
{
    free(report->changed);
    free(report->read);
    free(report->inherited);
    free(report->revealed);
    *report = (struct trace_report){0};
}

/* Keeps the first. */
static void
note(const struct trace *trace, char **first, char *what)
{
    const char *callback = trace->rules->callback;

    if (what && !*first)
        *first = callback && *callback ? maqet_format("%s in %s", what, callback)
                                       : maqet_strdup(what);
    free(what);
}

/* A descriptor that was opened without close-on-exec may get it by the next call. */
static void
judge_descriptors(const struct call *call, struct trace *trace)
{
    if (trace->opened && !sets_cloexec(call))
        note(trace, &trace->report->inherited, maqet_strdup(trace->opened));
    free(TAKE_PTR(trace->opened));
    trace->opened = opened_inheritable(call);
}

void
syscalls_judge(pid_t pid, struct trace *trace)
{
    const struct trace_rules *rules = trace->rules;
    struct trace_report *report = trace->report;
    struct __ptrace_syscall_info info = {0};
    struct call call = {.pid = pid};

    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_SECCOMP) {
        trace->unknown = true;
        return;
    }
    call.number = (long)info.seccomp.nr;
    for (int i = 0; i < 6; i++)
        call.arguments[i] = info.seccomp.args[i];
    if (!report->changed)
        note(trace, &report->changed, change_outside(&call, rules->folders));
    if (rules->secret && !report->revealed)
        note(trace, &report->revealed, secret_revealed(&call, rules->secret));
    if (pid != trace->pid)
        return;
    if (rules->readable && !report->read)
        note(trace, &report->read, read_outside(&call, rules->readable));
    if (rules->descriptors && !report->inherited)
        judge_descriptors(&call, trace);
}

void
syscalls_end(struct trace *trace)
{
    if (trace->opened)
        note(trace, &trace->report->inherited, TAKE_PTR(trace->opened));
}
