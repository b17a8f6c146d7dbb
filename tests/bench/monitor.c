/* SPDX-License-Identifier: MIT */
/*
 * monitor SOCKET FILE
 *
 * Tells a QEMU the commands in a file, one a line, on one connection to its monitor, and
 * waits for each answer, which must not be an error. A line `wait` waits until one more job
 * has come to its end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Noreturn static void
die(const char *what, const char *why)
{
    fprintf(stderr, "monitor: %s: %s\n", what, why);
    exit(1);
}

static char *line;
static size_t size;
static int ended; /* jobs that nothing has waited for */

/* Whether the next line from QEMU is an answer. */
static bool
next_line(FILE *channel)
{
    if (getline(&line, &size, channel) < 0)
        die("QEMU", "it has gone");
    if (!strstr(line, "\"event\":"))
        return true;
    if (strstr(line, "\"JOB_STATUS_CHANGE\"") && strstr(line, "\"concluded\""))
        ended++;
    return false;
}

static void
tell(FILE *channel, const char *command)
{
    if (fprintf(channel, "%s\n", command) < 0 || fflush(channel) != 0)
        die(command, strerror(errno));
    while (!next_line(channel))
        ;
    if (!strstr(line, "\"return\":"))
        die(command, line);
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *command = NULL;
    size_t room = 0;

    if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fputs("usage: monitor SOCKET FILE\n", stderr);
        return 2;
    }
    FILE *commands = fopen(argv[2], "re");
    if (!commands)
        die(argv[2], strerror(errno));
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die(argv[1], strerror(errno));
    FILE *channel = fdopen(fd, "r+");
    if (!channel)
        die(argv[1], strerror(errno));
    while (!next_line(channel)) /* the greeting */
        ;
    tell(channel, "{\"execute\": \"qmp_capabilities\"}");
    while (getline(&command, &room, commands) > 0) {
        command[strcspn(command, "\n")] = '\0';
        if (strcmp(command, "wait") != 0) {
            tell(channel, command);
            continue;
        }
        while (ended == 0)
            next_line(channel);
        ended--;
    }
    free(command);
    free(line);
    fclose(commands);
    fclose(channel);
    return 0;
}
