/* SPDX-License-Identifier: MIT */
#include "core/base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system calls have the same numbers on all architectures (since Linux 5.13), and the
 * structs only grow; the headers of a system may be older than its kernel. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };

struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* since version 4 */
    uint64_t scoped;             /* since version 6 */
};

struct path_beneath {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

/* The kernel's rights, in the order of landlock(7). */
enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,     /* since version 2: rename and link between folders */
    TRUNCATE = 1 << 14,  /* since version 3 */
    IOCTL_DEV = 1 << 15, /* since version 5 */
};

enum { SCOPE_SIGNAL = 1 << 1 };

/* The rights of files other than folders. */
enum { OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV };

static uint64_t
handled_by(int version)
{
    uint64_t rights = REFER - 1;

    if (version >= 2)
        rights |= REFER;
    if (version >= 3)
        rights |= TRUNCATE;
    if (version >= 5)
        rights |= IOCTL_DEV;
    return rights;
}

int
maqet_landlock_version(void)
{
    long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);

    return version < 0 ? 0 : (int)version;
}

int
maqet_landlock_new(int version, struct maqet_error **err)
{
    const struct ruleset attributes = {
        .handled_access_fs = handled_by(version),
        .scoped = version >= 6 ? SCOPE_SIGNAL : 0,
    };
    size_t size = version >= 6 ? sizeof(attributes) : sizeof(uint64_t);
    long fd = syscall(CREATE_RULESET, &attributes, size, 0);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot create a ruleset of Landlock");
    return (int)fd; /* close-on-exec, by landlock_create_ruleset(2) */
}

static uint64_t
rights_of(unsigned access, mode_t mode)
{
    static const struct {
        unsigned access;
        uint64_t rights;
    } table[] = {
        {MAQET_ACCESS_READ, READ_FILE | READ_DIR},
        {MAQET_ACCESS_EXECUTE, EXECUTE},
        {MAQET_ACCESS_WRITE, WRITE_FILE | TRUNCATE | IOCTL_DEV},
        {MAQET_ACCESS_CHANGE, REMOVE_DIR | REMOVE_FILE | MAKE_CHAR | MAKE_DIR | MAKE_REG |
                                  MAKE_SOCK | MAKE_FIFO | MAKE_BLOCK | MAKE_SYM | REFER},
        {MAQET_ACCESS_LISTEN, MAKE_SOCK},
        {MAQET_ACCESS_REMOVE, REMOVE_FILE},
    };
    uint64_t rights = 0;

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (access & table[i].access)
            rights |= table[i].rights;
    /* QEMU asks a CD-ROM drive of the host for its state, though it only reads it. */
    if (access & MAQET_ACCESS_READ && (S_ISBLK(mode) || S_ISCHR(mode)))
        rights |= IOCTL_DEV;
    return S_ISDIR(mode) ? rights : rights & OF_FILES;
}

int
maqet_landlock_allow(int ruleset, int version, int fd, unsigned access, const char *name,
                     struct maqet_error **err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot inspect %s", name);
    const struct path_beneath rule = {
        .allowed_access = rights_of(access, status.st_mode) & handled_by(version),
        .parent_fd = fd,
    };
    if (rule.allowed_access == 0)
        return 0;
    /* A file outside of file systems, such as a pipe, is not confined (EBADFD). */
    if (syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0 && errno != EBADFD)
        return maqet_error_errno(err, errno, "Cannot create a rule of Landlock for %s",
                                 name);
    return 0;
}

/* Only the process itself can make a rule for its own /proc/self. */
static int
allow_self(int ruleset)
{
    int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct path_beneath rule = {.allowed_access = READ_FILE | READ_DIR,
                                      .parent_fd = fd};
    long result = fd < 0 ? -1 : syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);

    if (fd >= 0)
        close(fd);
    return (int)result;
}

int
maqet_landlock_enforce(int ruleset)
{
    if (allow_self(ruleset) < 0)
        return -1;
    /* Landlock requires this unless we are root, so that no setuid program is confined. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return syscall(RESTRICT_SELF, ruleset, 0) < 0 ? -1 : 0;
}
