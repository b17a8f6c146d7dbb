/* SPDX-License-Identifier: MIT */
/*
 * typist - runs a program on a terminal of its own, of a given size, as a person would: what
 * comes by standard input is typed, and what the program shows goes to standard output.
 *
 *     typist ROWS COLUMNS PROGRAM [ARGUMENT]...
 *
 * At the end of the input, the terminal stays until the program has ended. The exit code is
 * the program's.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Copies what there is. Returns whether there may be more. */
static int
copy(int from, int to)
{
    char bytes[4096];
    ssize_t count = read(from, bytes, sizeof(bytes));

    if (count <= 0)
        return count < 0 && errno == EINTR;
    for (ssize_t done = 0, written; done < count; done += written)
        if ((written = write(to, bytes + done, (size_t)(count - done))) < 0)
            return 0;
    return 1;
}

int
main(int argc, char **argv)
{
    int terminal, status, typing = 1;

    if (argc < 4)
        return 2;
    struct winsize size = {.ws_row = (unsigned short)atoi(argv[1]),
                           .ws_col = (unsigned short)atoi(argv[2])};
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    if (pid == 0) {
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    if (pid < 0) {
        perror("forkpty");
        return 1;
    }
    for (;;) {
        struct pollfd fds[] = {{.fd = terminal, .events = POLLIN},
                               {.fd = typing ? STDIN_FILENO : -1, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents && !copy(STDIN_FILENO, terminal))
            typing = 0;
        /* EIO: nobody has the terminal open any more. */
        if (fds[0].revents && !copy(terminal, STDOUT_FILENO))
            break;
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
