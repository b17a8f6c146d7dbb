/* SPDX-License-Identifier: MIT */
/*
 * debugger PID SECONDS - stops the main thread of a process as a debugger does, until one
 * of them ends or that time is over: the process is in the state 't' of proc(5), and gets
 * no signal but SIGKILL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int count, char **arguments)
{
    int status;
    pid_t pid = count == 3 ? (pid_t)atoi(arguments[1]) : 0;

    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0) {
        perror("ptrace");
        return 1;
    }
    alarm((unsigned)atoi(arguments[2]));
    /* Its parent learns of its end only when we have. */
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
        continue;
    return 0;
}
