/* SPDX-License-Identifier: MIT */
#include "core/conformance/tracee.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"

/* Reads memory of another process. Returns the number of bytes; -1: it can't be read. */
ssize_t
tracee_read(pid_t pid, uint64_t address, void *bytes, size_t count)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/mem", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -1 : pread(fd, bytes, count, (off_t)address);
}

/* A path in another process; the caller frees. */
char *
tracee_text(pid_t pid, uint64_t address)
{
    char bytes[PATH_MAX];
    ssize_t got = tracee_read(pid, address, bytes, sizeof(bytes));

    return maqet_strndup(bytes, got > 0 ? strnlen(bytes, (size_t)got) : 0);
}

/* The absolute path of a file that a process names: links in the folder's path are
 * resolved, the last name is not. NULL: there is no such folder. The caller frees. */
char *
tracee_path(pid_t pid, int folder_fd, const char *path)
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

bool
tracee_is_inside(const char *path, const char *const *folders)
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
bool
tracee_stores_nothing(const char *path)
{
    static const char *const patterns[] = {"/dev/null", "/dev/zero",
                                           "/dev/full", "/dev/tty",
                                           "/dev/kvm",  "/proc/*/task/*/comm"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    return false;
}

/* Files of the system, which libraries read. */
bool
tracee_is_of_system(const char *path)
{
    static const char *const patterns[] = {
        "/usr/*",         "/lib*",           "/bin/*",        "/sbin/*",
        "/opt/*",         "/nix/*",          "/gnu/*",        "/proc/*",
        "/sys/*",         "/dev/*",          "/etc/ld.so*",   "/etc/nsswitch.conf",
        "/etc/passwd",    "/etc/group",      "/etc/hosts",    "/etc/resolv.conf",
        "/etc/host.conf", "/etc/gai.conf",   "/etc/services", "/etc/protocols",
        "/etc/localtime", "/etc/timezone",   "/etc/ssl/*",    "/etc/pki/*",
        "/etc/gnutls/*",  "/etc/crypto-*",   "/etc/locale*",  "/etc/machine-id",
        "/run/systemd/*", "/var/run/nscd/*", "/run/nscd/*",   "/var/cache/*",
    };

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
        if (fnmatch(patterns[i], path, 0) == 0)
            return true;
    return false;
}
