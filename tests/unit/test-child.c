/* SPDX-License-Identifier: MIT */
/* Children: those that end with us, and those that watch over us. */
#include "core/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int
answer(void *data, int fd)
{
    char word = maqet_child_receive(fd);

    /* Says it back, and what it was given. */
    if (maqet_fd_write(fd, &word, 1) < 0 || maqet_fd_write(fd, data, 1) < 0)
        return 1;
    return maqet_child_receive(fd) == '\0' ? 7 : 2;
}

static void
test_start(void)
{
    struct maqet_child child;
    char given = 'g', words[2];

    CU_ASSERT_EQUAL_FATAL(maqet_child_start(&child, SIGKILL, answer, &given), 0);
    CU_ASSERT_TRUE(maqet_child_send(&child, 'w'));
    CU_ASSERT_EQUAL(recv(child.fd, words, 2, MSG_WAITALL), 2);
    CU_ASSERT_EQUAL(words[0], 'w');
    CU_ASSERT_EQUAL(words[1], 'g');
    int status = maqet_child_reap(&child);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 7);
    CU_ASSERT_EQUAL(child.pid, 0);
    CU_ASSERT_EQUAL(child.fd, -1);
    CU_ASSERT_EQUAL(maqet_child_reap(&child), -1); /* there is none */
}

static int
end_at_once(void *data, int fd)
{
    (void)fd;
    return *(int *)data;
}

static void
test_fork(void)
{
    int code = 3;
    pid_t pid = maqet_child_fork(0, end_at_once, &code);

    CU_ASSERT_TRUE_FATAL(pid > 0);
    int status = maqet_child_wait(pid);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 3);
    CU_ASSERT_EQUAL(maqet_child_wait(pid), -1);
}

/* A word to one that has ended is an error, and no signal. */
static void
test_say_to_nobody(void)
{
    struct maqet_child child;
    int code = 0;

    CU_ASSERT_EQUAL_FATAL(maqet_child_start(&child, 0, end_at_once, &code), 0);
    maqet_child_wait(child.pid);
    CU_ASSERT_FALSE(maqet_child_send(&child, 'x'));
    child.pid = 0;
    maqet_child_leave(&child);
}

static int
wait_for_ever(void *data, int fd)
{
    (void)data;
    if (write(fd, "b", 1) != 1)
        return 1;
    while (true)
        pause();
    return 0;
}

/* A parent that tells the PID of its child once that has begun, and is then killed. */
static int
be_parent(void *data, int fd)
{
    int number = *(int *)data;
    struct maqet_child child;
    int *const none[] = {NULL};
    int failed = number > 0 ? maqet_child_start(&child, number, wait_for_ever, NULL)
                            : maqet_child_detach(&child, none, 0, wait_for_ever, NULL);

    if (failed < 0 || maqet_child_receive(child.fd) != 'b' ||
        maqet_fd_write(fd, &child.pid, sizeof(child.pid)) < 0)
        return 1;
    maqet_child_receive(fd);
    return 0;
}

/* The signal by which the child of a parent that dies has ended. One with a life of its
 * own gets the terminal's signals, and then SIGKILL. */
static int
ended_by(int signal)
{
    struct maqet_child parent;
    pid_t pid = 0;
    int status;

    CU_ASSERT_EQUAL_FATAL(maqet_child_start(&parent, SIGKILL, be_parent, &signal), 0);
    CU_ASSERT_EQUAL(recv(parent.fd, &pid, sizeof(pid), MSG_WAITALL), sizeof(pid));
    kill(parent.pid, SIGKILL);
    maqet_child_reap(&parent);
    if (signal == 0) {
        kill(pid, SIGINT);
        kill(pid, SIGTERM);
        kill(pid, SIGHUP);
        kill(pid, SIGKILL);
    }
    status = maqet_child_wait(pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
test_ends_with_parent(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that we can wait for them */
    CU_ASSERT_EQUAL(ended_by(SIGUSR1), SIGUSR1);
    CU_ASSERT_EQUAL(ended_by(SIGTERM), SIGTERM);
    CU_ASSERT_EQUAL(ended_by(0), SIGKILL);
}

/* What a detached child sees of its descriptors. */
struct seen {
    int kept, other, none;
    int mark; /* what stands in the file that is kept */
};

static int
count_descriptors(void *data, int fd)
{
    struct seen *seen = data;
    struct seen answer = {.none = seen->none};

    for (int number = 0; number < 1000; number++)
        answer.other += fcntl(number, F_GETFD) >= 0;
    answer.kept = pread(seen->kept, &answer.mark, sizeof(answer.mark), 0) > 0;
    /* A session of its own: no terminal can signal it. */
    if (getsid(0) != getpid())
        return 1;
    return maqet_fd_write(fd, &answer, sizeof(answer)) < 0;
}

static void
test_detach(void)
{
    FILE *file = tmpfile();
    struct seen seen = {.none = -1, .mark = 4711}, answer = {0};
    int *const kept[] = {&seen.none, &seen.kept};
    struct maqet_child child;

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(maqet_fd_write(fileno(file), &seen.mark, sizeof(seen.mark)), 0);
    /* A number in the midst of those that the child gives. */
    seen.kept = fcntl(fileno(file), F_DUPFD_CLOEXEC, 101);
    CU_ASSERT_EQUAL_FATAL(maqet_child_detach(&child, kept, 2, count_descriptors, &seen),
                          0);
    CU_ASSERT_EQUAL(recv(child.fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
    CU_ASSERT_EQUAL(answer.mark, 4711);
    CU_ASSERT_EQUAL(answer.none, -1);
    CU_ASSERT_EQUAL(answer.other, 2); /* the file and the socket */
    CU_ASSERT_EQUAL(maqet_child_reap(&child), 0);
    close(seen.kept);
    fclose(file);
}

/* As if the kernel were older than close_range(2). */
static bool
deny_close_range(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 &&
           syscall(SYS_close_range, 5000, 5001, 0) < 0 && errno == ENOSYS;
}

enum { FEW = 10, MANY = 700, HIGH = 6000, CANNOT_DENY = 99 };

/* Opens many that are not closed on exec, one of them with a high number, and closes all
 * from FEW on except the last. */
static int
close_many(void *data, int fd)
{
    const struct rlimit limit = {HIGH + 10, HIGH + 10};
    int first = dup(STDERR_FILENO), wrong = 0;

    (void)fd;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return CANNOT_DENY;
    for (int number = FEW; number < MANY; number++)
        dup2(first, number);
    dup2(first, HIGH);
    dup2(first, HIGH + 1);
    if (*(bool *)data && !deny_close_range())
        return CANNOT_DENY;
    maqet_child_close(FEW, HIGH);
    for (int number = FEW; number <= HIGH; number++)
        wrong += fcntl(number, F_GETFD) >= 0;
    wrong += fcntl(first, F_GETFD) < 0;
    wrong += fcntl(HIGH + 1, F_GETFD) < 0;
    maqet_child_close(5, 4); /* none */
    return wrong > 90 ? 90 : wrong;
}

/* What was inherited is kept, and nothing else. */
static int
close_others(void *data, int fd)
{
    int *inherited, wrong = 0;

    (void)data;
    (void)fd;
    maqet_child_close(3, ~0U);
    dup2(STDERR_FILENO, 40);
    dup2(STDERR_FILENO, 7);
    fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 20);
    size_t count = maqet_child_inherited(&inherited);
    dup2(STDERR_FILENO, 8);
    dup2(STDERR_FILENO, 50);
    if (count != 2 || inherited[0] != 7 || inherited[1] != 40)
        return 91;
    maqet_child_close_others(inherited, count);
    free(inherited);
    for (int number = 0; number < 100; number++)
        wrong += (fcntl(number, F_GETFD) >= 0) !=
                 (number <= STDERR_FILENO || number == 7 || number == 40);
    maqet_child_close_others(NULL, 0);
    return wrong + (fcntl(7, F_GETFD) >= 0);
}

static void
test_close_others(void)
{
    CU_ASSERT_EQUAL(maqet_child_wait(maqet_child_fork(0, close_others, NULL)), 0);
}

static void
test_close(void)
{
    bool deny = false;

    if (unit_under_valgrind()) /* it has descriptors of its own */
        return;
    CU_ASSERT_EQUAL(maqet_child_wait(maqet_child_fork(0, close_many, &deny)), 0);
    deny = true;
    int status = maqet_child_wait(maqet_child_fork(0, close_many, &deny));
    if (WEXITSTATUS(status) != CANNOT_DENY) /* as in a container without seccomp */
        CU_ASSERT_EQUAL(status, 0);
}

/* What was printed before is not printed twice. */
static void
test_buffers(void)
{
    FILE *file = tmpfile();
    int code = 0;
    char text[16] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("once", file);
    maqet_child_wait(maqet_child_fork(0, end_at_once, &code));
    fflush(file);
    CU_ASSERT_EQUAL(pread(fileno(file), text, sizeof(text) - 1, 0), 4);
    UNIT_SAME(text, "once");
    fclose(file);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"words to a child, and back", test_start},
        {"its exit code", test_fork},
        {"a word to one that has ended", test_say_to_nobody},
        {"who ends with its parent", test_ends_with_parent},
        {"one with a life of its own", test_detach},
        {"descriptors of others", test_close},
        {"inherited descriptors", test_close_others},
        {"what is buffered", test_buffers},
        CU_TEST_INFO_NULL,
    };

    return unit_run("child", tests);
}
