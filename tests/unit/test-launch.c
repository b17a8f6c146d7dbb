/* SPDX-License-Identifier: MIT */
/* What QEMU finds when it begins, with a shell in its place; and what is said when it
 * ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/qemu/launch.h"
#include "tests/unit/unit.h"

/* ---- a folder with what a launch needs ---- */

struct scene {
    char *folder;
    int monitor_fd;
    int lock_fd;
    int agent_fd;  /* -1: none */
    int socket_fd; /* the same */
    int log_fd;
    int more[3]; /* without fixed numbers */
    size_t more_count;
};

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder(), .agent_fd = -1, .socket_fd = -1};
    _cleanup_free_ char *run =
        unit_file(scene.folder, "run", "4194304 is what stood here\n");
    _cleanup_free_ char *log = unit_file(scene.folder, "log", "");

    scene.monitor_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    scene.lock_fd = open(run, O_RDWR | O_CLOEXEC);
    scene.log_fd = open(log, O_RDWR | O_APPEND | O_CLOEXEC);
    CU_ASSERT_FATAL(scene.monitor_fd >= 0 && scene.lock_fd >= 0 && scene.log_fd >= 0);
    CU_ASSERT_EQUAL(maqet_lock_try(scene.lock_fd, NULL), 1);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_cleanup_close(&scene->monitor_fd);
    maqet_cleanup_close(&scene->lock_fd);
    maqet_cleanup_close(&scene->agent_fd);
    maqet_cleanup_close(&scene->socket_fd);
    maqet_cleanup_close(&scene->log_fd);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static struct maqet_descriptors
descriptors_of(const struct scene *scene)
{
    struct maqet_descriptors descriptors = {0};

    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_MONITOR, scene->monitor_fd);
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_RUN, scene->lock_fd);
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_AGENT, scene->agent_fd);
    maqet_descriptors_add(&descriptors, MAQET_DESCRIPTOR_MONITOR_FILE, scene->socket_fd);
    for (size_t i = 0; i < scene->more_count; i++)
        maqet_descriptors_add(&descriptors, "more", scene->more[i]);
    return descriptors;
}

static int
launch(const struct scene *scene, const char *const *argv, struct maqet_process *process,
       struct maqet_error **err)
{
    _cleanup_descriptors_ struct maqet_descriptors descriptors = descriptors_of(scene);
    const struct maqet_launch how = {
        .argv = argv,
        .descriptors = &descriptors,
        .log_fd = scene->log_fd,
    };

    *process = (struct maqet_process){.pid = -1, .pidfd = -1};
    return maqet_launch(&how, process, err);
}

static int
wait_for(struct maqet_process *process)
{
    int status = -1;

    CU_ASSERT_TRUE(maqet_pidfd_wait(process->pidfd, 20000));
    CU_ASSERT_EQUAL(waitpid(process->pid, &status, 0), process->pid);
    close(TAKE_FD(process->pidfd));
    return status;
}

/* Runs a script, whose $1 is the folder, to its end; what it prints goes to the log with
 * its errors. Returns its status. */
static int
run(const struct scene *scene, const char *script, pid_t *pid)
{
    _cleanup_free_ char *printing = maqet_format("exec >&2; %s", script);
    const char *const argv[] = {"sh", "-c", printing, "sh", scene->folder, NULL};
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_process process;

    CU_ASSERT_EQUAL_FATAL(launch(scene, argv, &process, &error), 0);
    UNIT_NO_ERROR(&error);
    if (pid)
        *pid = process.pid;
    return wait_for(&process);
}

static char *
text_of(const struct scene *scene, const char *file)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, file);
    char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 65536, &text, NULL, NULL), 0);
    return text;
}

static void
check_text(const struct scene *scene, const char *file, const char *expected)
{
    _cleanup_free_ char *text = text_of(scene, file);

    UNIT_SAME(text, expected);
}

static unsigned
count_descriptors(void)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list("/proc/self/fd", &names, NULL), 0);
    return (unsigned)names.count;
}

static void
check_no_child(void)
{
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
}

/* ---- what is inherited ---- */

/* What a descriptor of ours refers to, as /proc tells it. The caller frees. */
static char *
target_of(int fd)
{
    _cleanup_free_ char *link = maqet_format("/proc/self/fd/%d", fd);
    char target[4096];
    ssize_t length = readlink(link, target, sizeof(target));

    return length < 0 ? maqet_strdup("") : maqet_strndup(target, (size_t)length);
}

/* @more is what there is besides the monitor and the lock. */
static void
check_descriptors(const struct scene *scene, const char *more)
{
    _cleanup_free_ char *monitor = target_of(scene->monitor_fd);
    _cleanup_free_ char *expected =
        maqet_format("0 /dev/null\n1 %s/log\n2 %s/log\n3 %s\n4 %s/run\n%s", scene->folder,
                     scene->folder, monitor, scene->folder, more);
    /* Descriptors that somebody forgot to close, on both sides of what we inherit. */
    int low = fcntl(0, F_DUPFD, 3), middle = fcntl(0, F_DUPFD, 12),
        high = fcntl(0, F_DUPFD, 200);

    CU_ASSERT_TRUE(low >= 3 && middle >= 12 && high >= 200);
    CU_ASSERT_EQUAL(run(scene,
                        "n=0; while [ $n -lt 300 ]; do fd=/proc/$$/fd/$n; "
                        "  [ ! -e $fd ] || echo $n $(readlink $fd); n=$((n + 1)); done",
                        NULL),
                    0);
    check_text(scene, "log", expected);
    close(low);
    close(middle);
    close(high);
}

static void
test_descriptors(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    check_descriptors(&scene, "");
}

static void
test_agent(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    scene.agent_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _cleanup_free_ char *agent = target_of(scene.agent_fd);
    _cleanup_free_ char *more = maqet_format("5 %s\n", agent);
    check_descriptors(&scene, more);
}

/* What has no fixed number gets those above, in the order of the rows, and other numbers
 * than it has with us. */
static void
test_further_descriptors(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *one = unit_file(scene.folder, "one", "");
    _cleanup_free_ char *two = unit_file(scene.folder, "two", "");
    _cleanup_free_ char *three = unit_file(scene.folder, "three", "");
    const char *const paths[] = {one, two, three};
    struct maqet_descriptors descriptors;

    /* The first number behind the fixed ones. */
    int first = maqet_descriptor_number(MAQET_DESCRIPTOR_EVENTS) + 1;

    CU_ASSERT_EQUAL(maqet_descriptor_number("more"), -1);
    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

        /* In the opposite order with us; so each stands in the place of another. */
        scene.more[i] = dup2(fd, first + 2 - i);
        if (fd != scene.more[i])
            close(fd);
    }
    scene.more_count = 3;
    descriptors = descriptors_of(&scene);
    CU_ASSERT_EQUAL(descriptors.count, 5);
    CU_ASSERT_EQUAL(descriptors.rows[4].number, first + 2);
    maqet_descriptors_clear(&descriptors);
    _cleanup_free_ char *more = maqet_format("%d %s\n%d %s\n%d %s\n", first, one,
                                             first + 1, two, first + 2, three);
    check_descriptors(&scene, more);
    for (int i = 0; i < 3; i++)
        close(scene.more[i]);
}

/* Our descriptors 3 to 5 go out of the way, and come back. */
static void
put_away(int away[3])
{
    for (int i = 0; i < 3; i++) {
        away[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 100);
        close(3 + i);
    }
}

static void
put_back(const int away[3])
{
    for (int i = 0; i < 3; i++) {
        if (away[i] < 0 || dup3(away[i], 3 + i, O_CLOEXEC) < 0)
            close(3 + i);
        close(away[i]);
    }
}

/* Runs what prints its descriptors 3 to 5, while monitor, lock and agent, @ours, have the
 * numbers @order with us; with no agent, a descriptor that was forgotten has the last. */
static void
run_in_order(const struct scene *scene, const int ours[3], const int order[3])
{
    _cleanup_close_ int log = fcntl(scene->log_fd, F_DUPFD_CLOEXEC, 100);
    struct scene crossed = {.folder = scene->folder,
                            .monitor_fd = order[0],
                            .lock_fd = order[1],
                            .agent_fd = order[2],
                            .socket_fd = -1,
                            .log_fd = log};
    int copies[3], away[3];

    for (int i = 0; i < 3; i++)
        copies[i] = fcntl(ours[i], F_DUPFD_CLOEXEC, 100);
    put_away(away);
    if (order[2] < 0)
        CU_ASSERT_EQUAL(dup2(0, 5), 5);
    for (int i = 0; i < 3 && order[i] >= 0; i++)
        CU_ASSERT_EQUAL(dup3(copies[i], order[i], O_CLOEXEC), order[i]);
    CU_ASSERT_EQUAL(
        run(&crossed, "for i in 3 4 5; do readlink /proc/$$/fd/$i; done; :", NULL), 0);
    for (int i = 0; i < 3; i++) {
        close(copies[i]);
        close(order[i]);
    }
    put_back(away);
}

static void
check_order(const int order[3])
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_close_ int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    _cleanup_free_ char *at_monitor = target_of(scene.monitor_fd);
    _cleanup_free_ char *at_agent = target_of(agent);
    _cleanup_free_ char *expected =
        maqet_format("%s\n%s/run\n%s%s", at_monitor, scene.folder,
                     order[2] < 0 ? "" : at_agent, order[2] < 0 ? "" : "\n");
    const int ours[] = {scene.monitor_fd, scene.lock_fd, agent};

    run_in_order(&scene, ours, order);
    check_text(&scene, "log", expected);
}

/* The numbers that the descriptors have with us may be anything, even each other's. */
static void
test_descriptors_in_the_way(void)
{
    static const int orders[][3] = {{3, 4, -1}, {4, 3, -1}, {60, 61, 62},
                                    {3, 4, 5},  {3, 5, 4},  {4, 3, 5},
                                    {4, 5, 3},  {5, 3, 4},  {5, 4, 3}};
    unsigned before = count_descriptors();

    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
        check_order(orders[i]);
    CU_ASSERT_EQUAL(count_descriptors(), before);
}

/* With an agent, and without one; whatever number it has with us. */
static void
test_socket_file(void)
{
    static const int numbers[] = {3, 4, 5, 6, 60};

    for (size_t i = 0; i < 10; i++) {
        _cleanup_scene_ struct scene scene = scene_new();
        _cleanup_free_ char *socket = unit_file(scene.folder, "qmp.sock", "");
        _cleanup_free_ char *expected = maqet_format("%s\n", socket);
        struct scene other = scene;
        int number = numbers[i % 5];
        int fd = open(socket, O_PATH | O_CLOEXEC);
        int before = fcntl(number, F_DUPFD_CLOEXEC, 100);

        /* What else has that number moves out of its way. */
        int *const ours[] = {&other.monitor_fd, &other.lock_fd, &other.log_fd};
        for (size_t j = 0; j < 3; j++)
            if (*ours[j] == number)
                *ours[j] = before;
        if (i >= 5)
            other.agent_fd = other.monitor_fd;
        other.socket_fd = dup3(fd, number, O_CLOEXEC) < 0 ? fd : number;
        CU_ASSERT_EQUAL(run(&other, "readlink /proc/$$/fd/6", NULL), 0);
        check_text(&scene, "log", expected);
        if (fd != number)
            close(fd);
        if (before < 0 || dup3(before, number, O_CLOEXEC) < 0)
            close(number);
        if (before >= 0)
            close(before);
    }
}

static void
test_pid_in_run_file(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t pid;

    CU_ASSERT_EQUAL(run(&scene, "echo $$", &pid), 0);
    _cleanup_free_ char *expected = maqet_format("%d\n", (int)pid);
    check_text(&scene, "run", expected);
    check_text(&scene, "log", expected);
}

/* The lock outlives us, and dies with the process however that dies. */
static void
test_lock_is_inherited(void)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *path = maqet_format("%s/run", scene.folder);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    struct maqet_process process;

    CU_ASSERT_EQUAL_FATAL(launch(&scene, argv, &process, NULL), 0);
    close(TAKE_FD(scene.lock_fd));
    CU_ASSERT_EQUAL(maqet_lock_held(fd, NULL), 1);
    CU_ASSERT_EQUAL(maqet_lock_try(fd, NULL), 0);
    CU_ASSERT_EQUAL(maqet_pidfd_kill(process.pidfd, SIGKILL), 0);
    CU_ASSERT_EQUAL(wait_for(&process), SIGKILL);
    CU_ASSERT_EQUAL(maqet_lock_held(fd, NULL), 0);
}

/* The guest's own console must not fill the host's disk. */
static void
test_output(void)
{
    const char *const argv[] = {"sh", "-c",
                                "there=$(readlink /proc/$$/fd/1); echo $there >&2", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_process process;

    CU_ASSERT_EQUAL_FATAL(launch(&scene, argv, &process, &error), 0);
    CU_ASSERT_EQUAL(wait_for(&process), 0);
    check_text(&scene, "log", "/dev/null\n");
}

static void
test_log(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    CU_ASSERT_EQUAL(run(&scene, "echo words; echo trouble >&2; cat; exit 3", NULL),
                    3 << 8);
    check_text(&scene, "log", "words\ntrouble\n");
}

static void
test_session(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    static const char script[] = "read -r a b c d e session rest < /proc/$$/stat;"
                                 "echo $session > $1/session";
    pid_t pid;

    CU_ASSERT_EQUAL(run(&scene, script, &pid), 0);
    _cleanup_free_ char *own = maqet_format("%d\n", (int)pid);
    check_text(&scene, "session", own);

    /* In the foreground it stays with our terminal, and with our outputs. */
    close(TAKE_FD(scene.log_fd));
    CU_ASSERT_EQUAL(run(&scene, script, NULL), 0);
    _cleanup_free_ char *ours = maqet_format("%d\n", (int)getsid(0));
    check_text(&scene, "session", ours);
}

static void
test_foreground_keeps_streams(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    /* The redirection is the subshell's: $$ is still the shell that was launched. */
    const char *const argv[] = {
        "sh",
        "-c",
        "(for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done > $1/log)",
        "sh",
        scene.folder,
        NULL};
    _cleanup_free_ char *input = target_of(0), *output = target_of(1),
                        *error = target_of(2);
    _cleanup_free_ char *expected = maqet_format("%s\n%s\n%s\n", input, output, error);
    struct maqet_process process;

    close(TAKE_FD(scene.log_fd));
    CU_ASSERT_EQUAL_FATAL(launch(&scene, argv, &process, NULL), 0);
    CU_ASSERT_EQUAL(wait_for(&process), 0);
    check_text(&scene, "log", expected);
}

static void
test_signals(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    sigset_t some, before;

    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGHUP);
    sigprocmask(SIG_BLOCK, &some, &before);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    /* The last seven digits are the signals 1 to 28; glibc keeps 32 and 33 to itself. */
    CU_ASSERT_EQUAL(run(&scene,
                        "exec sed -nE 's/^(Sig(Blk|Ign)):.*(.{7})$/\\1 \\3/p' "
                        "/proc/self/status",
                        NULL),
                    0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    check_text(&scene, "log", "SigBlk 0000000\nSigIgn 0000000\n");
}

/* Where it works; one that has gone changes nothing. */
static void
test_folder(void)
{
    static const char *const argv[] = {"sh", "-c", "pwd >&2", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *here = realpath(".", NULL);
    _cleanup_free_ char *expected =
        maqet_format("%s\n%s\n%s\n", scene.folder, here, here);
    const char *const folders[] = {scene.folder, "/no/such/folder", NULL};

    for (size_t i = 0; i < 3; i++) {
        _cleanup_descriptors_ struct maqet_descriptors descriptors =
            descriptors_of(&scene);
        const struct maqet_launch how = {
            .argv = argv,
            .descriptors = &descriptors,
            .log_fd = scene.log_fd,
            .folder = folders[i],
        };
        struct maqet_process process;

        CU_ASSERT_EQUAL_FATAL(maqet_launch(&how, &process, NULL), 0);
        CU_ASSERT_EQUAL(wait_for(&process), 0);
    }
    check_text(&scene, "log", expected);
}

/* ---- what can't be run ---- */

static void
test_not_found(void)
{
    const char *const argv[] = {"qemu-system-of-no-machine", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_process process;

    CU_ASSERT_EQUAL(launch(&scene, argv, &process, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->hints.count, 1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING,
               "QEMU's program qemu-system-of-no-machine was not found");
    check_no_child();
}

static void
check_exec_fails(const char *name, const char *content, mode_t mode,
                 enum maqet_error_code code, const char *why)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *program = unit_file(scene.folder, name, content);
    _cleanup_free_ char *message = maqet_format("Cannot run %s: %s", program, why);
    const char *const argv[] = {program, NULL};
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_process process;
    unsigned before = count_descriptors();

    CU_ASSERT_EQUAL(chmod(program, mode), 0);
    CU_ASSERT_EQUAL(launch(&scene, argv, &process, &error), -1);
    UNIT_ERROR(&error, code, message);
    CU_ASSERT_EQUAL(process.pidfd, -1);
    CU_ASSERT_EQUAL(process.pid, -1);
    CU_ASSERT_EQUAL(count_descriptors(), before);
    check_no_child();
}

static void
test_exec_fails(void)
{
    check_exec_fails("garbage", "neither ELF nor script", 0755, MAQET_ERROR_FAILED,
                     "Exec format error");
    check_exec_fails("script", "#!/no/such/interpreter\n", 0755, MAQET_ERROR_MISSING,
                     "No such file or directory");
}

/* What goes wrong in the child before exec is told in the same way. */
static void
test_child_fails_before_exec(void)
{
    const char *const argv[] = {"/bin/sh", "-c", "exit 0", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct scene wrong = scene;
    struct maqet_process process;

    wrong.log_fd = 987; /* no descriptor of ours */
    CU_ASSERT_EQUAL(launch(&wrong, argv, &process, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, "Cannot run /bin/sh: Bad file descriptor");
    check_no_child();

    wrong = scene;
    wrong.agent_fd = 987;
    CU_ASSERT_EQUAL(launch(&wrong, argv, &process, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, "Cannot run /bin/sh: Bad file descriptor");
    check_no_child();

    wrong = scene;
    _cleanup_free_ char *run = maqet_format("%s/run", scene.folder);
    _cleanup_close_ int read_only = open(run, O_RDONLY | O_CLOEXEC);
    wrong.lock_fd = read_only;
    CU_ASSERT_EQUAL(launch(&wrong, argv, &process, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, "Cannot run /bin/sh: Bad file descriptor");
    check_no_child();
}

static void
test_no_descriptor_is_lost(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    unsigned before = count_descriptors();

    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(run(&scene, "exit 0", NULL), 0);
    CU_ASSERT_EQUAL(count_descriptors(), before);
}

/* ---- pidfds ---- */

static void
test_pidfd(void)
{
    const char *const argv[] = {"sleep", "1000", NULL};
    _cleanup_scene_ struct scene scene = scene_new();
    struct maqet_process process;

    CU_ASSERT_EQUAL_FATAL(launch(&scene, argv, &process, NULL), 0);
    _cleanup_close_ int again = maqet_pidfd_open(process.pid);
    CU_ASSERT_TRUE(again >= 0);
    CU_ASSERT_TRUE(fcntl(again, F_GETFD) & FD_CLOEXEC);
    CU_ASSERT_FALSE(maqet_pidfd_wait(again, 0));
    int64_t began = maqet_now();
    CU_ASSERT_FALSE(maqet_pidfd_wait(again, 50));
    CU_ASSERT_TRUE(maqet_now() - began >= 50);
    CU_ASSERT_EQUAL(maqet_pidfd_kill(again, SIGTERM), 0);
    CU_ASSERT_EQUAL(wait_for(&process), SIGTERM);
    CU_ASSERT_TRUE(maqet_pidfd_wait(again, 0));
    CU_ASSERT_EQUAL(maqet_pidfd_kill(again, SIGTERM), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    CU_ASSERT_EQUAL(maqet_pidfd_open(process.pid), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
}

/* ---- why it ended ---- */

static void
check_error(int status, const char *words, const char *message, const char *hint)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_launch_error(status, words, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    UNIT_HINT(error, 0, hint);
    CU_ASSERT_EQUAL(error->hints.count, hint != NULL);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
}

static void
test_words_of_qemu(void)
{
    check_error(1 << 8, "", "QEMU exited with status 1 and printed nothing", NULL);
    check_error(1 << 8, "\n\r\n", "QEMU exited with status 1 and printed nothing", NULL);
    check_error(0, "", "QEMU exited with status 0 and printed nothing", NULL);
    check_error(1 << 8, "qemu-system-x86_64: -smp 0: Invalid CPU topology\n",
                "QEMU: -smp 0: Invalid CPU topology", NULL);
    check_error(1 << 8, "qemu: could not load kernel 'x': gone\n\nmore\r\nwords",
                "QEMU: could not load kernel 'x': gone; more; words", NULL);
    check_error(1 << 8,
                "qemu-system-x86_64: -drive x: Failed to get \"write\" lock\n"
                "Is another process using the image [a]?\n",
                "QEMU: -drive x: Failed to get \"write\" lock; Is another process "
                "using the image [a]?",
                NULL);
    check_error(1 << 8, "error: qemu: inner", "QEMU: error: qemu: inner", NULL);
    check_error(1 << 8, "qemu", "QEMU: qemu", NULL);
    check_error(1 << 8, "qemu-img:no space behind it",
                "QEMU: qemu-img:no space behind it", NULL);
    check_error(SIGABRT, "", "QEMU was killed by signal 6 (Aborted)", NULL);
    check_error(SIGSEGV, "qemu-system-x86_64: warning: w\n",
                "QEMU was killed by signal 11 (Segmentation fault): warning: w", NULL);
}

static void
test_hints(void)
{
    static const char sandbox[] =
        "QEMU's sandbox does not allow it to run other programs (scripts of -netdev "
        "tap, some displays); say `sandbox: off` in the VM's YAML file if the VM "
        "needs that";

    check_error(SIGSYS, "", "QEMU was killed by signal 31 (Bad system call)", sandbox);
    check_error(
        1 << 8,
        "qemu-system-x86_64: network script /etc/qemu-ifup failed with status 31\n",
        "QEMU: network script /etc/qemu-ifup failed with status 31", sandbox);
    check_error(1 << 8, "qemu-system-x86_64: could not launch network script\n",
                "QEMU: could not launch network script", sandbox);
    check_error(1 << 8, "gtk initialization failed\n", "QEMU: gtk initialization failed",
                "There is no graphical session; say `display: none`");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"descriptors 0 to 4 and no more", test_descriptors},
        {"descriptors with a guest agent", test_agent},
        {"descriptors without a fixed number", test_further_descriptors},
        {"descriptors that stand in one another's place", test_descriptors_in_the_way},
        {"the file of the monitor's socket", test_socket_file},
        {"PID in the run file", test_pid_in_run_file},
        {"lock is inherited", test_lock_is_inherited},
        {"standard output", test_output},
        {"outputs go to the log", test_log},
        {"session", test_session},
        {"foreground keeps our streams", test_foreground_keeps_streams},
        {"signals are reset", test_signals},
        {"folder", test_folder},
        {"program is not found", test_not_found},
        {"exec fails", test_exec_fails},
        {"child fails before exec", test_child_fails_before_exec},
        {"no descriptor is lost", test_no_descriptor_is_lost},
        {"pidfd", test_pidfd},
        {"words of QEMU", test_words_of_qemu},
        {"hints", test_hints},
        CU_TEST_INFO_NULL,
    };

    /* An old valgrind doesn't know the system call. */
    if (maqet_pidfd_open(getpid()) < 0 && errno == ENOSYS)
        return 77;
    return unit_run("launch", tests);
}
