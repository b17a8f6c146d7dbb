/* SPDX-License-Identifier: MIT */
/*
 * fake.h - running fake-qemu from a unit test: start_fake("silent") ... end_fake().
 */
#ifndef MAQET_FAKE_H
#define MAQET_FAKE_H

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

/*
 * A folder with a socket in it, and a fake QEMU that listens there. What tells us that it
 * has gone is a pipe whose other end only QEMU has: the pidfd that maqet takes for that
 * is something that older valgrinds don't know.
 */
struct fake {
    char *base;
    int dir_fd;
    int listener;
    int gone;
    pid_t pid;
};

/* The socket's folder has a path that is much longer than a socket's address can be. */
static inline void
make_socket(struct fake *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    fake->base = unit_folder();
    _cleanup_free_ char *folder = maqet_format("%s/%0200d", fake->base, 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0700), 0);
    fake->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/qmp",
             fake->dir_fd);
    CU_ASSERT_EQUAL_FATAL(
        bind(fake->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fake->listener, 1), 0);
}

/* Forks a child that is to be QEMU. True: this is the child. */
static inline bool
fork_fake(struct fake *fake)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(stdout);
    fake->gone = ends[0];
    fake->pid = fork();
    if (fake->pid > 0)
        close(ends[1]);
    return fake->pid == 0;
}

static inline void
become_fake(const char *mode, int listener)
{
    const char *build = getenv("abs_top_builddir");
    _cleanup_free_ char *program =
        maqet_format("%s/tests/fake/fake-qemu", build ? build : ".");
    _cleanup_free_ char *chardev =
        maqet_format("socket,id=maqet-monitor,fd=%d,server=on,wait=off", listener);

    setenv("FAKE_QEMU", mode, 1);
    fcntl(listener, F_SETFD, 0);
    execl(program, "fake-qemu", "-chardev", chardev, NULL);
    perror(program);
    _exit(127);
}

static inline struct fake
start_fake(const char *mode)
{
    struct fake fake = {0};

    make_socket(&fake);
    if (fork_fake(&fake))
        become_fake(mode, fake.listener);
    /* As maqet does, so that the socket ends with its QEMU. */
    close(fake.listener);
    return fake;
}

/* Waits until it has ended by itself. */
static inline void
wait_fake(const struct fake *fake)
{
    siginfo_t info;

    CU_ASSERT_EQUAL(waitid(P_PID, (id_t)fake->pid, &info, WEXITED | WNOWAIT), 0);
}

/* Kills it if it still lives. Returns its status, as waitpid gives it. */
static inline int
end_fake(struct fake *fake)
{
    int status = -1;

    kill(fake->pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(fake->pid, &status, 0), fake->pid);
    close(fake->gone);
    close(fake->dir_fd);
    unit_remove_folder(&fake->base);
    return status;
}

#endif
