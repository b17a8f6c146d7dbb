/* SPDX-License-Identifier: MIT */
#include "core/base/procfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/printable.h"

/* Maximum bytes of files; that of a descriptor has a line for each lock. */
enum { STAT_LIMIT = 4096, FDINFO_LIMIT = 1 << 20 };

/* Bytes of a command line that are read; fewer are shown. */
enum { COMMAND_BEGINNING = 512 };

bool
maqet_procfs_stat_parse(const char *text, struct maqet_procfs_stat *stat)
{
    /* The second field, the program's name in parentheses, may contain anything. */
    const char *after = strrchr(text, ')');

    *stat = (struct maqet_procfs_stat){0};
    return after &&
           sscanf(after + 1,
                  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                  " %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %" SCNu64,
                  &stat->state, &stat->parent, &stat->user, &stat->kernel, &stat->started,
                  &stat->pages) == 6;
}

static bool
read_stat(const char *path, struct maqet_procfs_stat *stat)
{
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, STAT_LIMIT, &text, NULL, NULL) == 0 &&
           maqet_procfs_stat_parse(text, stat);
}

bool
maqet_procfs_stat(int pid, struct maqet_procfs_stat *stat)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/stat", pid);

    return read_stat(path, stat);
}

bool
maqet_procfs_thread_stat(int pid, const char *thread, struct maqet_procfs_stat *stat)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/task/%s/stat", pid, thread);

    return read_stat(path, stat);
}

char
maqet_procfs_state(int pid)
{
    struct maqet_procfs_stat stat;

    return maqet_procfs_stat(pid, &stat) ? stat.state : '\0';
}

char *
maqet_procfs_name(int pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/comm", pid);
    char *name = NULL;

    if (maqet_file_read(path, STAT_LIMIT, &name, NULL, NULL) < 0)
        return maqet_strdup("?");
    name[strcspn(name, "\n")] = '\0';
    return name;
}

bool
maqet_procfs_has_lock(int pid, int fd)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/fdinfo/%d", pid, fd);
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, FDINFO_LIMIT, &text, NULL, NULL) == 0 &&
           strstr(text, "\nlock:");
}

char *
maqet_procfs_command(int pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/cmdline", pid);
    _cleanup_free_ char *words = maqet_alloc(COMMAND_BEGINNING + 1);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, words, COMMAND_BEGINNING);

    if (length <= 0) {
        /* It has none, or is ending. */
        _cleanup_free_ char *name = maqet_procfs_name(pid);
        return maqet_text_readable(name);
    }
    while (length > 0 && words[length - 1] == '\0')
        length--;
    /* A NUL byte follows each argument. */
    const char *slash = strrchr(words, '/');
    const char *from = slash ? slash + 1 : words;
    for (ssize_t i = 0; i < length; i++)
        if (words[i] == '\0')
            words[i] = ' ';
    return maqet_text_readable(from);
}

bool
maqet_procfs_holds(int pid, const struct maqet_file_id *wanted, bool *locked)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool found = false;

    *locked = false;
    while (dir && !*locked && (entry = readdir(dir))) {
        struct maqet_file_id id;

        if (entry->d_name[0] == '.' ||
            !maqet_file_id_of_used(dirfd(dir), entry->d_name, &id) ||
            !maqet_file_id_equal(&id, wanted))
            continue;
        found = true;
        *locked = maqet_procfs_has_lock(pid, (int)strtol(entry->d_name, NULL, 10));
    }
    if (dir)
        closedir(dir);
    return found;
}

bool
maqet_procfs_cpu_time(int pid, uint64_t *time)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return false;
    *time = (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
    return true;
}

/* Whether a process sees the interfaces that we see. */
static bool
shares_network(int pid)
{
    _cleanup_free_ char *theirs = maqet_format("/proc/%d/ns/net", pid);

    return maqet_file_is_same(theirs, "/proc/self/ns/net");
}

/* The line of the interface in the information about a descriptor, as Linux writes it
 * (drivers/net/tun.c, tun_chr_show_fdinfo()). The caller frees; NULL: it has none. */
static char *
tap_of_descriptor(int pid, const char *fd)
{
    static const char key[] = "iff:\t";
    _cleanup_free_ char *path = maqet_format("/proc/%d/fdinfo/%s", pid, fd);
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(path, FDINFO_LIMIT, &text, NULL, NULL) < 0)
        return NULL;
    const char *line = strstr(text, key);
    return line ? maqet_strndup(line + strlen(key), strcspn(line + strlen(key), "\n"))
                : NULL;
}

void
maqet_procfs_taps(int pid, struct maqet_strings *names)
{
    _cleanup_free_ char *folder = maqet_format("/proc/%d/fd", pid);
    _cleanup_strings_ struct maqet_strings fds = MAQET_STRINGS_INIT;

    if (!shares_network(pid) || maqet_dir_list(folder, &fds, NULL) < 0)
        return;
    for (size_t i = 0; i < fds.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, fds.items[i]);
        char target[sizeof("/dev/net/tun") + 1] = "";

        if (readlink(path, target, sizeof(target) - 1) < 0 ||
            strcmp(target, "/dev/net/tun") != 0)
            continue;
        _cleanup_free_ char *name = tap_of_descriptor(pid, fds.items[i]);
        if (name && !maqet_strings_has(names, name))
            maqet_strings_take(names, TAKE_PTR(name));
    }
}

void
maqet_threads_list(int pid, struct maqet_strings *threads)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/task", pid);

    maqet_dir_list(path, threads, NULL);
}

bool
maqet_threads_others_sleep(int pid, const struct maqet_strings *known)
{
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    struct maqet_procfs_stat stat;
    bool some = false;

    maqet_threads_list(pid, &now);
    for (size_t i = 0; i < now.count; i++) {
        if (maqet_strings_has(known, now.items[i]))
            continue;
        /* One that is gone has ended. */
        if (maqet_procfs_thread_stat(pid, now.items[i], &stat) && stat.state != 'S')
            return false;
        some = true;
    }
    return some;
}

/* ---- by descriptor ---- */

/* System calls, since glibc has wrappers only since 2.36. */
int
maqet_pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
maqet_pidfd_kill(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

void
maqet_pidfd_terminate(int pidfd)
{
    maqet_pidfd_kill(pidfd, SIGTERM);
    maqet_pidfd_kill(pidfd, SIGCONT);
}

bool
maqet_pidfd_wait(int pidfd, int64_t timeout)
{
    int64_t deadline = maqet_now() + timeout;

    for (;;) {
        struct pollfd fd = {.fd = pidfd, .events = POLLIN};
        int64_t left = deadline - maqet_now();

        if (poll(&fd, 1, left > 0 ? (int)left : 0) > 0)
            return true;
        if (left <= 0)
            return false;
    }
}

int
maqet_pidfd_pid(int pidfd)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fdinfo/%d", pidfd);
    _cleanup_free_ char *data = NULL;
    int pid;

    if (pidfd < 0 || maqet_file_read(path, FDINFO_LIMIT, &data, NULL, NULL) < 0)
        return 0;
    /* proc(5): "Pid:" of a pidfd is -1 if the process has ended. */
    const char *line = strstr(data, "\nPid:");
    return line && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 0 ? pid : 0;
}
