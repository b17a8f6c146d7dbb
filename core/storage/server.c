/* SPDX-License-Identifier: MIT */
#include "core/storage/server.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"

/* ms until a server must be ready, and between two attempts. */
static const int64_t READY_TIMEOUT = 10000;
static const int READY_INTERVAL = 2;

/* -1: nobody listens yet. */
static int
connect_to(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(socket_path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? TAKE_FD(fd)
                                                                          : -1;
}

int
maqet_server_connect(struct maqet_process_server *server, const char *program,
                     const char *socket, struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(READY_TIMEOUT);
    _cleanup_close_ int fd = -1;
    char byte;

    for (;;) {
        if (fd < 0)
            fd = connect_to(socket);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, READY_INTERVAL) > 0) {
            if (recv(fd, &byte, 1, MSG_PEEK) == 1)
                return TAKE_FD(fd);
            close(TAKE_FD(fd));
        }
        if (maqet_process_server_check(server, program, err) < 0)
            return -1;
        if (maqet_deadline_left(deadline) == 0) {
            maqet_process_server_end(server);
            return maqet_error_set(err, MAQET_ERROR_TIMEOUT, "%s does not become ready",
                                   program);
        }
    }
}
