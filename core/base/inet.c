/* SPDX-License-Identifier: MIT */
#include "core/base/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/files.h"

/* ---- whether a port is free ---- */

int
maqet_inet_try(const struct maqet_inet_port *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port->port)};
    int yes = 1;

    if (inet_pton(AF_INET, port->address, &address.sin_addr) != 1)
        return EINVAL;
    _cleanup_close_ int fd =
        socket(AF_INET, (port->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    /* As QEMU does: a connection that has ended does not matter (socket(7)). With UDP, two
     * sockets could have the same port. */
    if (!port->udp)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        (!port->udp && listen(fd, 1) < 0))
        return errno;
    return 0;
}

/* ---- who has it ---- */

enum { ADDRESS_MAX = 32, LISTENS = 0x0a, TIME_WAIT = 0x06, LIMIT = 16 << 20 };

/* A row of /proc/net/tcp and the like. */
struct row {
    char address[ADDRESS_MAX + 1]; /* in hexadecimal, each word in the host's order */
    unsigned port, state;
    struct maqet_inet_holder holder;
};

static bool
read_row(const char *line, struct row *row)
{
    return sscanf(line,
                  " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %u %*u "
                  "%" SCNu64,
                  row->address, &row->port, &row->state, &row->holder.uid,
                  &row->holder.inode) == 5;
}

/* Whether a socket with an address, as it is written there, keeps another one from having
 * the same port of @wanted. An IPv6 socket for all addresses has those of IPv4, too. */
static bool
covers(const char *address, in_addr_t wanted)
{
    enum { OF_IPV4 = 8 };
    const char *word = address + strlen(address) - OF_IPV4;
    bool all = address[strspn(address, "0")] == '\0';

    if (all || wanted == INADDR_ANY)
        return true;
    /* An IPv4 address in one of IPv6 is its last word ("::ffff:127.0.0.1"). */
    return strtoul(word, NULL, 16) == wanted;
}

static bool
find_in(const char *path, const struct maqet_inet_port *port, in_addr_t wanted,
        struct maqet_inet_holder *holder)
{
    _cleanup_free_ char *text = NULL;
    bool found = false;
    struct row row;

    if (maqet_file_read(path, LIMIT, &text, NULL, NULL) < 0)
        return false;
    /* The first line has titles. A server is a better answer than a connection. */
    for (const char *line = strchr(text, '\n'); line; line = strchr(line + 1, '\n')) {
        if (!read_row(line + 1, &row) || row.port != port->port ||
            row.state == TIME_WAIT || row.holder.inode == 0 ||
            !covers(row.address, wanted) || (found && row.state != LISTENS))
            continue;
        *holder = row.holder;
        found = true;
    }
    return found;
}

bool
maqet_inet_find(const struct maqet_inet_port *port, struct maqet_inet_holder *holder)
{
    static const char *const tables[][2] = {{"/proc/net/tcp", "/proc/net/tcp6"},
                                            {"/proc/net/udp", "/proc/net/udp6"}};
    struct in_addr wanted;

    return inet_pton(AF_INET, port->address, &wanted) == 1 &&
           (find_in(tables[port->udp][0], port, wanted.s_addr, holder) ||
            find_in(tables[port->udp][1], port, wanted.s_addr, holder));
}
