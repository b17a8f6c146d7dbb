/* SPDX-License-Identifier: MIT */
#include "core/guest/forwarded.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/guest/agent.h"
#include "core/machine/monitor.h"

/* ms between two looks at a connection. */
static const int64_t LOOK_INTERVAL = 50;

enum { TABLE_LIMIT = 16 << 20 };

/* ---- QEMU's table of connections ---- */

/* A row of it (libslirp: src/misc.c, slirp_connection_info). Of a port that is forwarded,
 * and of a connection to it, the first address is the host's and the second the guest's. */
struct row {
    char state[32]; /* "TCP[HOST_FORWARD]", "TCP[ESTABLISHED]" */
    int fd;         /* in QEMU */
    char host[32], guest[32];
    unsigned host_port, guest_port;
};

static bool
read_row(const char *line, struct row *row)
{
    return sscanf(line, " %31s %d %31s %u %31s %u", row->state, &row->fd, row->host,
                  &row->host_port, row->guest, &row->guest_port) == 6;
}

/* The next row with a state and a port of the guest. *rest is where it is looked for, and
 * what follows it afterwards. */
static bool
find_row(const char **rest, const char *state, unsigned guest_port, struct row *row)
{
    const char *line = *rest;

    while (line) {
        bool found = read_row(line, row) && strcmp(row->state, state) == 0 &&
                     row->guest_port == guest_port;

        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
        if (found) {
            *rest = line;
            return true;
        }
    }
    return false;
}

static bool
is_address(const char *text)
{
    struct in6_addr address;

    return inet_pton(AF_INET, text, &address) == 1 ||
           inet_pton(AF_INET6, text, &address) == 1;
}

/* The caller frees; NULL on error. */
static char *
ask_for_table(struct maqet_opened *machine, struct maqet_error **err)
{
    /* Each question is one of its own, for somebody who may ask for hours. */
    machine->answer_left = machine->answer_limit;
    _cleanup_json_ json_object *answer = maqet_monitor_ask(
        machine, "human-monitor-command",
        maqet_json_object("command-line", json_object_new_string("info usernet"), NULL),
        err);

    maqet_monitor_leave(machine);
    return answer ? maqet_strdup(json_object_get_string(answer)) : NULL;
}

int
maqet_forwarded_find(struct maqet_opened *machine, unsigned guest_port, char **address,
                     unsigned *port, struct maqet_error **err)
{
    _cleanup_free_ char *table = ask_for_table(machine, err);
    const char *rest = table;
    struct row row;

    if (!table)
        return -1;
    if (!find_row(&rest, "TCP[HOST_FORWARD]", guest_port, &row)) {
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "VM '%s': no port of this host leads to port %u of the guest",
                        machine->name, guest_port);
        maqet_error_hint(err,
                         "Add these lines to the VM, and restart it: `network: "
                         "user`, `ports: [\"auto:%u\"]`",
                         guest_port);
        return -1;
    }
    bool any = strcmp(row.host, "*") == 0 || strcmp(row.host, "0.0.0.0") == 0;
    /* It becomes an argument of ssh. */
    if (!any && !is_address(row.host))
        return maqet_error_set(err, MAQET_ERROR_FAILED,
                               "VM '%s': QEMU says that port %u of the guest is at "
                               "'%s', which is not an address",
                               machine->name, guest_port, row.host);
    *address = maqet_strdup(any ? "127.0.0.1" : row.host);
    *port = row.host_port;
    return 0;
}

/* ---- trying ---- */

/* A socket that is connected to QEMU, or -1; *own gets its port. */
static int
connect_to(const char *address, unsigned port, unsigned *own)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)},
                       here;
    socklen_t length = sizeof(here);

    if (fd < 0 || inet_pton(AF_INET, address, &there.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0 ||
        getsockname(fd, (struct sockaddr *)&here, &length) < 0)
        return -1;
    *own = ntohs(here.sin_port);
    return TAKE_FD(fd);
}

/* Whether there is data, or it stays open. */
static bool
is_open(int fd)
{
    char byte;
    ssize_t count = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

/* The inode of the socket that is the other end of ours, in QEMU; 0: not found. */
static unsigned long
inode_of_peer(unsigned port, unsigned own)
{
    _cleanup_free_ char *table = NULL;
    unsigned long inode;
    unsigned local, remote;

    if (maqet_file_read("/proc/net/tcp", TABLE_LIMIT, &table, NULL, NULL) < 0)
        return 0;
    for (const char *line = table; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(
                line,
                " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                &local, &remote, &inode) == 3 &&
            local == port && remote == own)
            return inode;
    }
    return 0;
}

/* Whether QEMU's row is that of our connection. */
static bool
is_ours(const struct maqet_opened *machine, const struct row *row, unsigned long inode)
{
    _cleanup_free_ char *link = maqet_format("/proc/%d/fd/%d", machine->run.pid, row->fd);
    _cleanup_free_ char *wanted = maqet_format("socket:[%lu]", inode);
    char target[64];
    ssize_t length = readlink(link, target, sizeof(target) - 1);

    if (length < 0)
        return false;
    target[length] = '\0';
    return strcmp(target, wanted) == 0;
}

/* Whether QEMU's connection to the guest that belongs to ours is established. */
static int
is_established(struct maqet_opened *machine, unsigned guest_port, unsigned port,
               unsigned own, struct maqet_error **err)
{
    _cleanup_free_ char *table = ask_for_table(machine, err);
    unsigned long inode = inode_of_peer(port, own);
    const char *rest = table;
    struct row row;

    while (table && find_row(&rest, "TCP[ESTABLISHED]", guest_port, &row))
        if (inode != 0 && is_ours(machine, &row, inode))
            return 1;
    return table ? 0 : -1;
}

int
maqet_forwarded_try(struct maqet_opened *machine, unsigned guest_port, int64_t timeout,
                    struct maqet_error **err)
{
    const struct maqet_deadline deadline = maqet_deadline_in(timeout);
    _cleanup_free_ char *address = NULL;
    unsigned port, own;

    if (maqet_forwarded_find(machine, guest_port, &address, &port, err) < 0)
        return -1;
    _cleanup_close_ int fd = connect_to(address, port, &own);
    while (fd >= 0 && is_open(fd)) {
        int established = is_established(machine, guest_port, port, own, err);

        if (established != 0)
            return established < 0 ? -1 : is_open(fd);
        if (maqet_deadline_left(deadline) == 0)
            return 0;
        if (maqet_guest_pause(machine, LOOK_INTERVAL, err) < 0)
            return -1;
    }
    return 0;
}

/* Waits until the connection can be read. */
static int
wait_readable(const struct maqet_opened *machine, int fd, int64_t timeout,
              struct maqet_error **err)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = machine->run.pidfd, .events = POLLIN},
                           {.fd = maqet_interrupt_fd(), .events = POLLIN}};

    poll(fds, 3, (int)timeout);
    return maqet_interrupt_check(err) < 0 ? -1 : fds[0].revents != 0;
}

int
maqet_forwarded_try_ssh(struct maqet_opened *machine, unsigned guest_port,
                        int64_t timeout, struct maqet_error **err)
{
    static const char version[] = "SSH-";
    _cleanup_free_ char *address = NULL;
    char bytes[sizeof(version) - 1];
    unsigned port, own;

    if (maqet_forwarded_find(machine, guest_port, &address, &port, err) < 0)
        return -1;
    _cleanup_close_ int fd = connect_to(address, port, &own);
    int readable = fd < 0 ? 0 : wait_readable(machine, fd, timeout, err);
    if (readable <= 0)
        return readable;
    return recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == (ssize_t)sizeof(bytes) &&
           memcmp(bytes, version, sizeof(bytes)) == 0;
}
