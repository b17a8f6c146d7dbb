/* SPDX-License-Identifier: MIT */
/*
 * incoming STATE MONITOR PROGRAM [ARGUMENT...]
 *
 * Runs QEMU as maqet does, with the socket MONITOR, which it makes, as descriptor 3, and
 * sockets that nobody uses for the guest agent, the console and events; but with
 * `-incoming` of the file STATE ("-": none, the guest boots) and nothing around it. Prints the microseconds from
 * before QEMU's process was made until its monitor says that the guest runs. Then QEMU is
 * killed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MONITOR_FD = 3, STATE_FD = 4, AGENT_FD = 5, CONSOLE_FD = 8, EVENTS_FD = 9 };
enum { FREE_FD = 16 };

static pid_t qemu;

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "incoming: %s: %s\n", what, strerror(errno));
    if (qemu > 0)
        kill(qemu, SIGKILL);
    exit(1);
}

static int64_t
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* The descriptor, where it is not in the way of those that QEMU gets. */
static int
out_of_the_way(int fd, const char *what)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FREE_FD);

    if (fd < 0 || moved < 0)
        die(what);
    close(fd);
    return moved;
}

/* Makes the sockets that QEMU's command line mentions besides the monitor. */
static int
make_sockets(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX}; /* unix(7), autobind */
    int agent = socket(AF_UNIX, SOCK_STREAM, 0), console[2], events[2];

    return agent < 0 ||
                   bind(agent, (const struct sockaddr *)&any, sizeof(sa_family_t)) < 0 ||
                   listen(agent, 1) < 0 ||
                   socketpair(AF_UNIX, SOCK_STREAM, 0, console) < 0 ||
                   socketpair(AF_UNIX, SOCK_STREAM, 0, events) < 0 ||
                   (agent = fcntl(agent, F_DUPFD, FREE_FD)) < 0 ||
                   (console[0] = fcntl(console[0], F_DUPFD, FREE_FD)) < 0 ||
                   (events[0] = fcntl(events[0], F_DUPFD, FREE_FD)) < 0 ||
                   fcntl(console[1], F_DUPFD, FREE_FD) < 0 ||
                   fcntl(events[1], F_DUPFD, FREE_FD) < 0 || dup2(agent, AGENT_FD) < 0 ||
                   dup2(console[0], CONSOLE_FD) < 0 || dup2(events[0], EVENTS_FD) < 0
               ? -1
               : 0;
}

static void
run(char **argv, size_t count, int monitor, int state)
{
    char **all = calloc(count + 3, sizeof(*all));

    if (!all)
        die("memory");
    memcpy(all, argv, count * sizeof(*all));
    if (state >= 0) {
        all[count] = "-incoming";
        all[count + 1] = "fd:4";
    }
    qemu = fork();
    if (qemu == 0) {
        if (make_sockets() < 0 || dup2(monitor, MONITOR_FD) < 0 ||
            (state >= 0 && dup2(state, STATE_FD) < 0))
            _exit(1);
        execvp(all[0], all);
        _exit(1);
    }
    free(all);
}

/* Sends a command and returns the next line that is no event. */
static const char *
ask(FILE *channel, const char *command)
{
    static char *line;
    static size_t size;

    if (command && (fprintf(channel, "{\"execute\": \"%s\"}\n", command) < 0 ||
                    fflush(channel) != 0))
        die("the monitor");
    do
        if (getline(&line, &size, channel) < 0)
            die("QEMU has gone");
    while (strstr(line, "\"event\":"));
    return line;
}

static void
wait_until_it_runs(FILE *channel)
{
    const struct timespec moment = {.tv_nsec = 1000000};

    ask(channel, NULL);
    ask(channel, "qmp_capabilities");
    for (;; nanosleep(&moment, NULL)) {
        const char *answer = ask(channel, "query-status");

        if (strstr(answer, "\"running\": true"))
            return;
        if (!strstr(answer, "inmigrate")) /* it stood still when it was saved */
            ask(channel, "cont");
    }
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (argc < 4 || strlen(argv[2]) >= sizeof(address.sun_path)) {
        fputs("usage: incoming STATE MONITOR PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    memcpy(address.sun_path, argv[2], strlen(argv[2]));
    unlink(argv[2]);
    int monitor = out_of_the_way(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), argv[2]);
    int client = out_of_the_way(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), argv[2]);
    int state = strcmp(argv[1], "-") == 0
                    ? -1
                    : out_of_the_way(open(argv[1], O_RDONLY | O_CLOEXEC), argv[1]);
    if (bind(monitor, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(monitor, 1) < 0)
        die(argv[2]);
    int64_t begin = now_us();
    run(argv + 3, (size_t)argc - 3, monitor, state);
    close(monitor);
    if (connect(client, (struct sockaddr *)&address, sizeof(address)) < 0)
        die(argv[2]);
    FILE *channel = fdopen(client, "r+");
    if (!channel)
        die(argv[2]);
    wait_until_it_runs(channel);
    printf("%lld\n", (long long)(now_us() - begin));
    kill(qemu, SIGKILL);
    waitpid(qemu, NULL, 0);
    unlink(argv[2]);
    return 0;
}
