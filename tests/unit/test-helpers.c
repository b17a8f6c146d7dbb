/* SPDX-License-Identifier: MIT */
/* Programs beside a QEMU that runs, with a shell in the place of each. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/machine/helpers.h"
#include "tests/unit/unit.h"

/* What is taken for QEMU, and a folder with what the programs get. */
struct scene {
    char *folder;
    pid_t qemu;
    int pidfd;
    int log_fd, record_fd, socket_fd;
};

static int
make(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = unit_file(scene->folder, name, "");

    return open(path, O_RDWR | O_APPEND | O_CLOEXEC);
}

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder()};

    scene.qemu = fork();
    if (scene.qemu == 0) {
        pause();
        _exit(0);
    }
    scene.pidfd = maqet_pidfd_open(scene.qemu);
    scene.log_fd = make(&scene, "log");
    scene.record_fd = make(&scene, "record");
    scene.socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(scene.pidfd >= 0 && scene.log_fd >= 0 && scene.record_fd >= 0);
    return scene;
}

static void
end_qemu(struct scene *scene)
{
    if (scene->qemu <= 0)
        return;
    kill(scene->qemu, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(scene->qemu, NULL, 0), scene->qemu);
    scene->qemu = 0;
}

static void
scene_clear(struct scene *scene)
{
    const int fds[] = {scene->pidfd, scene->log_fd, scene->record_fd, scene->socket_fd};

    end_qemu(scene);
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        close(fds[i]);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static char *
text_of(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, name);
    char *text = NULL;

    return maqet_file_read(path, 65536, &text, NULL, NULL) < 0 ? maqet_strdup("") : text;
}

static bool
holds(const struct scene *scene, const char *name, const char *words)
{
    _cleanup_free_ char *text = text_of(scene, name);

    return strstr(text, words) != NULL;
}

/* Runs one or two scripts, whose $1 is the folder. */
static int
supervise(const struct scene *scene, const char *first, const char *second,
          int64_t patience, struct maqet_error **err)
{
    const char *const one[] = {"sh", "-c", first, "sh", scene->folder, NULL};
    const char *const two[] = {"sh", "-c", second, "sh", scene->folder, NULL};
    char *changes[] = {(char *)"MAQET_UNIT_NEW=a = b", (char *)"MAQET_UNIT_OLD",
                       (char *)"LISTEN_PID=1"};
    const struct maqet_strings environment = {.items = changes, .count = 3};
    struct maqet_helper programs[] = {
        {.drive = "one",
         .path = "/bin/sh",
         .argv = one,
         .environment = &environment,
         .socket_fd = scene->socket_fd},
        {.drive = "two",
         .path = second && *second ? "/bin/sh" : "/no/such/program",
         .argv = two,
         .socket_fd = scene->socket_fd},
    };
    const struct maqet_helpers helpers = {.items = programs,
                                          .count = second ? 2 : 1,
                                          .record_fd = scene->record_fd,
                                          .patience = patience};

    return maqet_helpers_start(&helpers, scene->pidfd, scene->log_fd, scene->folder, err);
}

/* A pidfd of the program of a line of the record; *supervisor (may be NULL) gets one of
 * what has started it. */
static int
open_program(const struct scene *scene, size_t line, int *supervisor)
{
    _cleanup_free_ char *record = text_of(scene, "record");
    struct maqet_procfs_stat stat = {0};
    uint64_t started;
    char *at = record;
    int pid = 0;

    for (size_t i = 0; i < line && at; i++)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    CU_ASSERT_EQUAL_FATAL(at ? sscanf(at, "%d %" SCNu64, &pid, &started) : 0, 2);
    int pidfd = maqet_pidfd_open(pid);
    if (pidfd >= 0 && maqet_procfs_stat(pid, &stat))
        CU_ASSERT_EQUAL(stat.started, started);
    if (supervisor)
        *supervisor = maqet_pidfd_open(stat.parent);
    return pidfd;
}

static void
check_ended(int pidfd)
{
    CU_ASSERT_TRUE(maqet_pidfd_wait(pidfd, unit_patience(60000)));
    close(pidfd);
}

/* ---- what a program is given ---- */

static void
test_what_it_gets(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    static const char script[] =
        "echo said; echo wrong >&2; pwd; echo $LISTEN_FDS ${LISTEN_FDNAMES-none};"
        "[ $LISTEN_PID = $$ ] && echo told; umask; cat;"
        "echo \"$MAQET_UNIT_NEW\" ${MAQET_UNIT_OLD-gone};"
        "for fd in /proc/$$/fd/*; do [ ! -e $fd ] || printf '%s ' ${fd##*/}; done; echo;"
        /* By the shell itself, which blocks signals while it forks. */
        "while read -r key value; do case $key in SigBlk:|SigIgn:)"
        " echo \"${key%:} ${value#?????????}\";; esac; done </proc/$$/status;"
        "echo done; exec sleep 1000";
    int leaked = fcntl(0, F_DUPFD, 150), supervisor;

    setenv("MAQET_UNIT_OLD", "there", 1);
    setenv("LISTEN_FDNAMES", "odd", 1);
    setenv("LISTEN_PID", "1", 1);
    mode_t mask = umask(027);
    CU_ASSERT_EQUAL(supervise(&scene, script, NULL, 1000, &error), 0);
    UNIT_NO_ERROR(&error);
    umask(mask);
    unsetenv("MAQET_UNIT_OLD");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("LISTEN_PID");
    UNIT_EVENTUALLY(holds(&scene, "log", "done\n"));
    _cleanup_free_ char *log = text_of(&scene, "log");
    _cleanup_free_ char *expected =
        maqet_format("said\nwrong\n%s\n1 none\ntold\n0027\na = b gone\n0 1 2 3 \n"
                     "SigBlk 0000000\nSigIgn 0000000\ndone\n",
                     scene.folder);
    UNIT_SAME(log, expected);
    close(leaked);
    int program = open_program(&scene, 0, &supervisor);
    end_qemu(&scene);
    check_ended(program);
    check_ended(supervisor);
    /* None of them was a child of ours. */
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

/* ---- the end ---- */

/* Several, at different times, for one QEMU that runs. */
static void
test_end_with_qemu(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    static const char script[] = "trap 'echo told >>$1/told; exit' TERM;"
                                 "echo ready >>$1/ready; while :; do sleep 0.05; done";
    int programs[3];

    CU_ASSERT_EQUAL(supervise(&scene, script, script, 60000, &error), 0);
    CU_ASSERT_EQUAL(supervise(&scene, script, NULL, 60000, &error), 0);
    UNIT_NO_ERROR(&error);
    UNIT_EVENTUALLY(holds(&scene, "ready", "ready\nready\nready\n"));
    for (size_t i = 0; i < 3; i++) {
        programs[i] = open_program(&scene, i, NULL);
        CU_ASSERT_FALSE(maqet_pidfd_wait(programs[i], 0));
    }
    /* Both supervisors have the record locked. */
    _cleanup_free_ char *path = maqet_format("%s/record", scene.folder);
    _cleanup_close_ int record = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(maqet_lock_held(record, NULL), 1);
    end_qemu(&scene);
    for (size_t i = 0; i < 3; i++)
        check_ended(programs[i]);
    CU_ASSERT_TRUE(holds(&scene, "told", "told\ntold\ntold\n"));
    CU_ASSERT_EQUAL(maqet_lock_wait(record, unit_patience(60000), "record", NULL), 0);
}

/* QEMU may have ended before its helpers are started. */
static void
test_qemu_has_ended(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    end_qemu(&scene);
    CU_ASSERT_EQUAL(supervise(&scene, "exec sleep 1000", NULL, 60000, &error), 0);
    UNIT_NO_ERROR(&error);
    int program = open_program(&scene, 0, NULL);
    if (program >= 0)
        check_ended(program);
}

static void
test_supervisor_is_killed(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    int supervisor;

    CU_ASSERT_EQUAL(supervise(&scene, "exec sleep 1000", NULL, 60000, &error), 0);
    int program = open_program(&scene, 0, &supervisor);
    CU_ASSERT_EQUAL(maqet_pidfd_kill(supervisor, SIGKILL), 0);
    check_ended(supervisor);
    check_ended(program);
    CU_ASSERT_FALSE(maqet_pidfd_wait(scene.pidfd, 0));
}

/* Signals from a terminal, and those that ask to end, are not the supervisor's. */
static void
test_supervisor_is_signalled(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    int supervisor;

    CU_ASSERT_EQUAL(supervise(&scene, "exec sleep 1000", NULL, 60000, &error), 0);
    int program = open_program(&scene, 0, &supervisor);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        CU_ASSERT_EQUAL(maqet_pidfd_kill(supervisor, signals[i]), 0);
    end_qemu(&scene);
    check_ended(program);
    check_ended(supervisor);
}

/* One that does not want to end is killed. */
static void
test_stubborn(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(
        supervise(&scene, "trap '' TERM; echo >$1/ready; while :; do sleep 0.05; done",
                  NULL, 10, &error),
        0);
    UNIT_EVENTUALLY(holds(&scene, "ready", "\n"));
    int program = open_program(&scene, 0, NULL);
    end_qemu(&scene);
    check_ended(program);
}

/* When all programs have ended, nobody has to wait for QEMU. */
static void
test_programs_end(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(supervise(&scene, "exit 0", "exit 1", 60000, &error), 0);
    UNIT_NO_ERROR(&error);
    /* It lets go of the record when it ends. */
    _cleanup_free_ char *path = maqet_format("%s/record", scene.folder);
    _cleanup_close_ int record = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(maqet_lock_wait(record, unit_patience(60000), "record", NULL), 0);
    CU_ASSERT_FALSE(maqet_pidfd_wait(scene.pidfd, 0));
}

/* Those that run already end, when another can't be run. */
static void
test_not_run(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(supervise(&scene, "exec sleep 1000", "", 60000, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING,
               "Drive 'two': cannot run /no/such/program, which must run beside QEMU: No "
               "such file or directory");
    int program = open_program(&scene, 0, NULL);
    if (program >= 0)
        check_ended(program);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what a program is given", test_what_it_gets},
        {"they end with QEMU", test_end_with_qemu},
        {"QEMU has ended already", test_qemu_has_ended},
        {"the supervisor is killed", test_supervisor_is_killed},
        {"the supervisor is signalled", test_supervisor_is_signalled},
        {"one that does not want to end", test_stubborn},
        {"programs that end by themselves", test_programs_end},
        {"one that cannot be run", test_not_run},
        CU_TEST_INFO_NULL,
    };

    return unit_run("helpers", tests);
}
