/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - sock_diag(7): the kernel lists listening Unix sockets, each with the inode of
 * its file, so that any path to it finds it.
 */
#include "core/base/sockets.h"

#include <ctype.h>
#include <errno.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/files.h"

/* The inode of the initial PID namespace (Linux: include/linux/proc_ns.h). */
#define INITIAL_PID_NS UINT64_C(0xEFFFFFFC)

/* Bytes of one answer of the kernel. */
enum { ANSWER_SIZE = 32768 };

struct request {
    struct nlmsghdr header;
    struct unix_diag_req body;
};

static int
request_listeners(void)
{
    const struct request request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = AF_UNIX,
                 .udiag_states = 1 << TCP_LISTEN,
                 .udiag_show = UDIAG_SHOW_VFS},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    if (fd >= 0 && send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Whether a message is about the file. It has only the low 32 bits of the inode. The device
 * is not compared, since it differs from that of stat(2) on file systems with subvolumes;
 * mistaking another socket for it is the lesser error. */
static bool
is_of(const struct nlmsghdr *header, const struct stat *file)
{
    const struct unix_diag_msg *message = NLMSG_DATA(header);
    const struct nlattr *attribute = (const struct nlattr *)(message + 1);
    size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message));

    while (left >= sizeof(*attribute) && attribute->nla_len >= sizeof(*attribute) &&
           attribute->nla_len <= left) {
        const struct unix_diag_vfs *name = (const void *)(attribute + 1);
        size_t size = NLMSG_ALIGN(attribute->nla_len);

        if (attribute->nla_type == UNIX_DIAG_VFS &&
            attribute->nla_len >= sizeof(*attribute) + sizeof(*name) &&
            name->udiag_vfs_ino == (uint32_t)file->st_ino)
            return true;
        if (size >= left)
            break;
        left -= size;
        attribute = (const void *)((const char *)attribute + size);
    }
    return false;
}

/* Whether the inode of stat(2) is the one that the kernel lists. */
static bool
has_real_inodes(const char *path)
{
    struct statfs system;

    return statfs(path, &system) == 0 && system.f_type != OVERLAYFS_SUPER_MAGIC;
}

/* Whether all processes are in our network namespace, of which alone the kernel lists the
 * sockets, though a path can be connected to from any (unix(7), network_namespaces(7)).
 * The files in /proc/PID/net differ by namespace, and all users may stat them. In another
 * PID namespace, or with hidepid, there may be processes that we don't see. */
static bool
sees_all_sockets(void)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct stat ours, theirs, namespace;

    if (maqet_dir_list("/proc", &names, NULL) < 0 ||
        stat("/proc/self/net/unix", &ours) < 0 ||
        stat("/proc/self/ns/pid", &namespace) < 0 || namespace.st_ino != INITIAL_PID_NS ||
        access("/proc/1/net/unix", F_OK) < 0)
        return false;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("/proc/%s/net/unix", names.items[i]);

        /* A process that is ending has none. */
        if (isdigit((unsigned char)names.items[i][0]) && stat(path, &theirs) == 0 &&
            theirs.st_ino != ours.st_ino)
            return false;
    }
    return true;
}

enum maqet_listener
maqet_socket_listener(const char *path)
{
    static _Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
    bool found = false;
    struct stat file;
    _cleanup_close_ int fd = -1;

    if (stat(path, &file) < 0 || !S_ISSOCK(file.st_mode))
        return MAQET_LISTENER_NONE;
    fd = request_listeners();
    for (;;) {
        ssize_t got = fd < 0 ? -1 : recv(fd, answer, sizeof(answer), 0);

        if (got <= 0)
            return MAQET_LISTENER_UNKNOWN;
        int left = (int)got;
        for (const struct nlmsghdr *header = (const void *)answer;
             left > 0 && NLMSG_OK(header, (unsigned)left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return found ? MAQET_LISTENER_THERE
                       : has_real_inodes(path) && sees_all_sockets()
                           ? MAQET_LISTENER_NONE
                           : MAQET_LISTENER_UNKNOWN;
            if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
                return MAQET_LISTENER_UNKNOWN;
            found = found || is_of(header, &file);
        }
    }
}

/* The address of a socket in a folder: the path below /proc is short, however long the
 * folder's is (unix(7)). */
static int
address_in(int dir_fd, const char *name, struct sockaddr_un *address,
           struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fd/%d/%s", dir_fd, name);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "The name of the socket '%s' is too long", name);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

int
maqet_socket_connect(int dir_fd, const char *name, struct maqet_error **err)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (address_in(dir_fd, name, &address, err) < 0)
        return -1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return maqet_error_errno(err, errno, "Cannot connect to the socket %s", name);
    return TAKE_FD(fd);
}

int
maqet_socket_listen(int dir_fd, const char *name, struct maqet_error **err)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;

    if (address_in(dir_fd, name, &address, err) < 0)
        return -1;
    unlinkat(dir_fd, name, 0);
    if (fd < 0 || fchmod(fd, 0600) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return maqet_error_errno(err, errno, "Cannot create the socket %s", name);
    return TAKE_FD(fd);
}

void
maqet_notify(const char *state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = getenv("NOTIFY_SOCKET");
    size_t length = name ? strlen(name) : 0;

    if ((length > 0 && name[0] != '/' && name[0] != '@') || length < 2 ||
        length > sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, name, length);
    /* '@' stands for the NUL byte that begins an abstract name (unix(7)). */
    if (name[0] == '@')
        address.sun_path[0] = '\0';

    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}
