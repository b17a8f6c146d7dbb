// SPDX-License-Identifier: MIT
/*
 * stopwatch COMMAND [ARGUMENT...]
 *
 * Runs a command, which must succeed, and prints the microseconds from before its process
 * was made until it had ended. What the command prints is dropped. A shell's own `time`
 * counts the shell's fork, which can take longer than what is measured here.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int
main(int argc, char **argv)
{
    posix_spawn_file_actions_t actions;
    int status, error;
    pid_t pid;

    if (argc < 2) {
        fputs("usage: stopwatch COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                         0) != 0 ||
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                         0) != 0)
        return 1;
    double begin = now();
    error = posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ);
    if (error) {
        fprintf(stderr, "stopwatch: %s: %s\n", argv[1], strerror(error));
        return 1;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    double end = now();
    posix_spawn_file_actions_destroy(&actions);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "stopwatch: %s failed\n", argv[1]);
        return 1;
    }
    printf("%.0f\n", end - begin);
    return 0;
}
