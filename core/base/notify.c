/* SPDX-License-Identifier: MIT */
#include "core/base/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/cleanup.h"

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
    /* '@' stands for the byte 0 with which abstract names begin (unix(7)). */
    if (name[0] == '@')
        address.sun_path[0] = '\0';

    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}
