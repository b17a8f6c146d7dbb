/* SPDX-License-Identifier: MIT */
#include "core/machine/console_port.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

enum {
    CHUNK = 65536,     /* bytes that are moved at once */
    LINE_LIMIT = 4096, /* bytes of an unfinished line that a new client gets */
};

/* The entries for poll(2) before those of the clients. */
enum { POLL_PORT, POLL_NOW, POLL_START, POLL_CLIENTS };

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(TAKE_FD(*fd));
}

/* ---- what the guest writes ---- */

/* A log that cannot be written to (the disk is full) does not silence the console: those
 * that have read everything get the bytes at once, as far as there is room. */
static void
send_unlogged(struct maqet_console_port *port, const char *bytes, size_t length)
{
    for (size_t i = 0; i < port->count; i++)
        if (port->clients[i].position == port->log.end)
            (void)send(port->clients[i].fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
note_line(struct maqet_console_port *port, const char *bytes, size_t length,
          uint64_t position)
{
    const char *feed = memrchr(bytes, '\n', length);

    if (feed)
        port->line = position + (uint64_t)(feed - bytes) + 1;
}

static void
append(struct maqet_console_port *port, const char *bytes, size_t length)
{
    if (port->lost > 0) {
        _cleanup_free_ char *note =
            maqet_format("\n[maqet: %" PRIu64
                         " bytes are missing here: the log could not be written]\n",
                         port->lost);

        if (maqet_logfile_write(&port->log, note, strlen(note)) == strlen(note))
            port->lost = 0;
    }
    size_t taken = port->lost > 0 ? 0 : maqet_logfile_write(&port->log, bytes, length);
    note_line(port, bytes, taken, port->log.end - taken);
    if (taken == length)
        return;
    port->lost += length - taken;
    send_unlogged(port, bytes + taken, length - taken);
}

/* Returns whether there was something to read. At its end, the port is closed. */
static bool
read_port(struct maqet_console_port *port)
{
    char chunk[CHUNK];
    ssize_t count =
        port->fd < 0 ? -1 : recv(port->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

    if (count > 0)
        append(port, chunk, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&port->fd);
    return count > 0;
}

/* ---- what clients write ---- */

static bool
has_room(const struct maqet_console_port *port)
{
    return port->taken == port->given;
}

static void
write_input(struct maqet_console_port *port)
{
    ssize_t count = send(port->fd, port->input + port->taken, port->given - port->taken,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

    if (count > 0)
        port->taken += (size_t)count;
    else if (errno != EAGAIN && errno != EINTR)
        port->taken = port->given; /* nobody will ever read it */
}

/* Reads what a client has sent, if the guest has taken the last input. Returns false if the
 * client is gone. */
static bool
read_client(struct maqet_console_port *port, struct maqet_console_client *client)
{
    if (!has_room(port))
        return true;
    ssize_t count = recv(client->fd, port->input, sizeof(port->input), MSG_DONTWAIT);
    if (count > 0) {
        port->taken = 0;
        port->given = (size_t)count;
        if (port->fd >= 0)
            write_input(port);
        else
            port->taken = port->given;
        return true;
    }
    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    client->has_said_all = true;
    return !client->has_hung_up;
}

/* ---- clients ---- */

static void
drop_client(struct maqet_console_port *port, size_t index)
{
    close(port->clients[index].fd);
    port->clients[index] = port->clients[--port->count];
}

/* The index of a client that has hung up, and waits only for the guest to take what it has
 * sent; the number of clients if there is none. */
static size_t
find_hung_up(const struct maqet_console_port *port)
{
    size_t i = 0;

    while (i < port->count && !port->clients[i].has_hung_up)
        i++;
    return i;
}

/* A guest that takes no input must not keep the console from others. */
static bool
is_full(const struct maqet_console_port *port)
{
    return port->count == MAQET_CONSOLE_CLIENTS && find_hung_up(port) == port->count;
}

/* Returns false if nobody waits, or there is no room. */
static bool
accept_client(struct maqet_console_port *port, int listener, uint64_t position)
{
    int fd = listener < 0 || is_full(port)
                 ? -1
                 : accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 && port->count == MAQET_CONSOLE_CLIENTS)
        drop_client(port, find_hung_up(port));
    if (fd >= 0)
        port->clients[port->count++] =
            (struct maqet_console_client){.fd = fd, .position = position};
    return fd >= 0;
}

/* Accepts one client on each socket. */
static bool
accept_clients(struct maqet_console_port *port)
{
    uint64_t line =
        port->log.end - port->line > LINE_LIMIT ? port->log.end - LINE_LIMIT : port->line;
    bool accepted = accept_client(port, port->now_fd, line);

    return accept_client(port, port->start_fd, port->start) || accepted;
}

/* Sends a client the next bytes. Returns false if it is gone. */
static bool
write_client(const struct maqet_console_port *port, struct maqet_console_client *client)
{
    char chunk[CHUNK];
    uint64_t next = client->position;
    size_t length = maqet_logfile_read(&port->log, &next, chunk, sizeof(chunk));
    ssize_t count =
        length == 0 ? 0 : send(client->fd, chunk, length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (count < 0)
        return errno == EAGAIN || errno == EINTR;
    client->position = next - length + (size_t)count;
    return true;
}

/* Returns whether anything was moved. */
static bool
serve_client(struct maqet_console_port *port, size_t index, short events)
{
    struct maqet_console_client *client = &port->clients[index];
    uint64_t before = client->position;
    bool stays = !(events & POLLERR);

    client->has_hung_up = client->has_hung_up || (events & POLLHUP);
    if (stays && (events & (POLLIN | POLLHUP)))
        stays = read_client(port, client);
    if (stays && (events & POLLOUT) && !client->has_hung_up)
        stays = write_client(port, client);
    bool moved = client->position != before || (events & POLLIN);
    if (!stays)
        drop_client(port, index);
    return moved;
}

/* ---- the loop ---- */

static void
set_nonblocking(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void
maqet_console_port_begin(struct maqet_console_port *port, const char *mark)
{
    char last = '\n';
    uint64_t at = port->log.end > 0 ? port->log.end - 1 : 0;

    maqet_logfile_read(&port->log, &at, &last, 1);
    _cleanup_free_ char *line = maqet_format("%s%s\n", last == '\n' ? "" : "\n", mark);
    maqet_logfile_write(&port->log, line, strlen(line));
    port->start = port->line = port->log.end;
    set_nonblocking(port->fd);
    set_nonblocking(port->now_fd);
    set_nonblocking(port->start_fd);
}

/* What a client is asked for: nothing while it can neither be read nor get anything. */
static struct pollfd
client_entry(const struct maqet_console_port *port,
             const struct maqet_console_client *client)
{
    struct pollfd entry = {.fd = client->fd};

    if (has_room(port) && !client->has_said_all)
        entry.events |= POLLIN;
    if (client->position < port->log.end && !client->has_hung_up)
        entry.events |= POLLOUT;
    /* poll(2) reports the end of a connection whether it is asked for or not. */
    if (client->has_hung_up && !has_room(port))
        entry.fd = -1;
    return entry;
}

void
maqet_console_port_poll(const struct maqet_console_port *port, struct pollfd *fds)
{
    bool full = is_full(port);

    for (size_t i = 0; i < MAQET_CONSOLE_POLLED; i++)
        fds[i] = (struct pollfd){.fd = -1};
    fds[POLL_PORT] = (struct pollfd){
        .fd = port->fd, .events = (short)(has_room(port) ? POLLIN : POLLIN | POLLOUT)};
    fds[POLL_NOW] = (struct pollfd){.fd = full ? -1 : port->now_fd, .events = POLLIN};
    fds[POLL_START] = (struct pollfd){.fd = full ? -1 : port->start_fd, .events = POLLIN};
    for (size_t i = 0; i < port->count; i++)
        fds[POLL_CLIENTS + i] = client_entry(port, &port->clients[i]);
}

bool
maqet_console_port_serve(struct maqet_console_port *port, const struct pollfd *fds)
{
    size_t polled = port->count;
    bool moved = false;

    if (fds[POLL_PORT].revents & (POLLIN | POLLHUP | POLLERR))
        moved = read_port(port);
    if ((fds[POLL_PORT].revents & POLLOUT) && port->fd >= 0 && !has_room(port))
        write_input(port);
    /* From the last one, since another takes the place of one that is dropped. */
    for (size_t i = polled; i-- > 0;)
        if (fds[POLL_CLIENTS + i].revents)
            moved = serve_client(port, i, fds[POLL_CLIENTS + i].revents) || moved;
    if (fds[POLL_NOW].revents || fds[POLL_START].revents)
        accept_clients(port);
    return moved;
}

void
maqet_console_port_end(struct maqet_console_port *port)
{
    while (read_port(port))
        continue;
    /* Who has connected by now gets the guest's last words, too. */
    while (accept_clients(port))
        continue;
    close_fd(&port->fd);
    close_fd(&port->now_fd);
    close_fd(&port->start_fd);
    port->taken = port->given;
}

bool
maqet_console_port_has_readers(struct maqet_console_port *port)
{
    for (size_t i = port->count; i-- > 0;)
        if (port->clients[i].position >= port->log.end || port->clients[i].has_hung_up)
            drop_client(port, i);
    return port->count > 0;
}

void
maqet_console_port_clear(struct maqet_console_port *port)
{
    while (port->count > 0)
        drop_client(port, 0);
    close_fd(&port->fd);
    close_fd(&port->now_fd);
    close_fd(&port->start_fd);
    maqet_logfile_clear(&port->log);
}
