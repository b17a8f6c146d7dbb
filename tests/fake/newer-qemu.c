/* SPDX-License-Identifier: MIT */
/*
 * newer-qemu.c - loaded into QEMU 7.2, has it say that it is 8.2 (LD_PRELOAD), for tests of what maqet asks
 * of that version alone. It is no other version for that, so it is asked only for what 7.2 can do, too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem(), RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

static const char GREETING[] = "{\"QMP\":", MAJOR[] = "\"major\": 7";

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*send)(int, const struct msghdr *, int) =
        (ssize_t(*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT, "sendmsg");

    for (size_t i = 0; i < message->msg_iovlen; i++) {
        char *data = message->msg_iov[i].iov_base;
        size_t length = message->msg_iov[i].iov_len;

        if (!memmem(data, length, GREETING, sizeof(GREETING) - 1))
            continue;
        char *major = memmem(data, length, MAJOR, sizeof(MAJOR) - 1);
        if (major)
            major[sizeof(MAJOR) - 2] = '8';
    }
    return send(fd, message, flags);
}
