/* SPDX-License-Identifier: MIT */
/* A terminal that is raw, and what restores it. */
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>

#include "cli/raw.h"
#include "tests/unit/unit.h"

/* A child on a terminal of its own. */
struct scene {
    int master;
    pid_t pid;
    struct termios before;
};

static struct scene
scene_new(void)
{
    static const struct rlimit none = {0};
    struct scene scene = {0};
    char byte;

    scene.pid = forkpty(&scene.master, NULL, NULL, NULL);
    if (scene.pid == 0) {
        setrlimit(RLIMIT_CORE, &none);
        if (read(STDIN_FILENO, &byte, 1) != 1 || raw_begin(NULL) < 0)
            _exit(1);
        while (read(STDIN_FILENO, &byte, 1) != 1 || byte != '.')
            continue;
        raw_end();
        _exit(0);
    }
    CU_ASSERT_FATAL(scene.pid > 0);
    tcgetattr(scene.master, &scene.before);
    CU_ASSERT_EQUAL(maqet_fd_write(scene.master, "\n", 1), 0);
    return scene;
}

/* On Linux, the master has the settings of the terminal. */
static bool
is_raw(const struct scene *scene)
{
    struct termios now;

    return tcgetattr(scene->master, &now) == 0 &&
           !(now.c_lflag & (ICANON | ECHO | ISIG)) && !(now.c_oflag & OPOST);
}

static bool
is_restored(const struct scene *scene)
{
    struct termios now;

    return tcgetattr(scene->master, &now) == 0 && now.c_lflag == scene->before.c_lflag &&
           now.c_oflag == scene->before.c_oflag && now.c_iflag == scene->before.c_iflag;
}

static void
test_ended(void)
{
    struct scene scene = scene_new();
    int status = -1;

    UNIT_EVENTUALLY(is_raw(&scene));
    CU_ASSERT_EQUAL(maqet_fd_write(scene.master, ".", 1), 0);
    CU_ASSERT_EQUAL(waitpid(scene.pid, &status, 0), scene.pid);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_TRUE(is_restored(&scene));
    close(scene.master);
}

static void
test_killed(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGSEGV, SIGABRT};

    if (unit_under_valgrind()) /* it takes part in what ends a program */
        return;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        struct scene scene = scene_new();
        int status = 0;

        UNIT_EVENTUALLY(is_raw(&scene));
        kill(scene.pid, signals[i]);
        CU_ASSERT_EQUAL(waitpid(scene.pid, &status, 0), scene.pid);
        CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        CU_ASSERT_TRUE(is_restored(&scene));
        close(scene.master);
    }
}

/* While it is stopped, the terminal is as it was. */
static void
test_stopped(void)
{
    struct scene scene = scene_new();
    int status = 0;

    UNIT_EVENTUALLY(is_raw(&scene));
    for (int round = 0; round < 2; round++) {
        kill(scene.pid, SIGTSTP);
        CU_ASSERT_EQUAL(waitpid(scene.pid, &status, WUNTRACED), scene.pid);
        CU_ASSERT_TRUE(WIFSTOPPED(status));
        CU_ASSERT_TRUE(is_restored(&scene));
        kill(scene.pid, SIGCONT);
        UNIT_EVENTUALLY(is_raw(&scene));
    }
    CU_ASSERT_EQUAL(maqet_fd_write(scene.master, ".", 1), 0);
    CU_ASSERT_EQUAL(waitpid(scene.pid, &status, 0), scene.pid);
    CU_ASSERT_TRUE(is_restored(&scene));
    close(scene.master);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"ended", test_ended},
        {"killed", test_killed},
        {"stopped", test_stopped},
        CU_TEST_INFO_NULL,
    };

    return unit_run("raw", tests);
}
