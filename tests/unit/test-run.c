/* SPDX-License-Identifier: MIT */
/* Who holds the run file, and how its monitor is reached, with children in QEMU's place.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/machine/monitor.h"
#include "core/machine/run_folder.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"
#include "tests/unit/plugins.h"

/* ---- the folder of a machine that is called "web" ---- */

struct scene {
    char *folder;
    struct maqet_context context;
    int dir_fd;
    int run_fd;
};

/* A machine in the store. */
static void
add_machine(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *folder = maqet_format("%s/vms/%s", context->data_dir, name);

    _cleanup_free_ char *file = maqet_format("%s/vm.json", folder);
    _cleanup_json_ json_object *tree = maqet_tree_mapping((struct maqet_place){0});
    const struct maqet_definition definition = {
        .name = (char *)name,
        .uuid = (char *)"11111111-2222-3333-4444-555555555555",
        .tree = tree,
    };

    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(folder, 0700, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(maqet_definition_save(file, &definition, NULL), 0);
}

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder()};
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;

    scene.context.data_dir = maqet_format("%s/data", scene.folder);
    scene.context.runtime_dir = maqet_format("%s/runtime/maqet", scene.folder);
    add_machine(&scene.context, "web");
    CU_ASSERT_EQUAL_FATAL(maqet_run_open(&scene.context, "web", &run, NULL), 0);
    scene.dir_fd = TAKE_FD(run.dir_fd);
    CU_ASSERT_TRUE_FATAL(scene.dir_fd >= 0);
    CU_ASSERT_TRUE(fcntl(run.run_fd, F_GETFD) & FD_CLOEXEC);
    /* Not as the descriptor that it is in QEMU: we stand for somebody else. */
    scene.run_fd = fcntl(run.run_fd, F_DUPFD_CLOEXEC, 50);
    CU_ASSERT_TRUE_FATAL(scene.run_fd >= 0);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    close(scene->dir_fd);
    close(scene->run_fd);
    maqet_context_clear(&scene->context);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
pause_for(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
              NULL);
}

/* A child in QEMU's place, and how it behaves. */
struct holder {
    const char *pid; /* what it writes for its PID; NULL: its PID */
    int64_t delay;   /* ms between taking the lock and writing */
    bool elsewhere;  /* has the run file open, but not as descriptor 4 */
    bool leaves;     /* ends instead of writing */
};

static void
hold(const struct scene *scene, const struct holder *how, int ready)
{
    int fd = maqet_store_open_run(&scene->context, "web", NULL);

    /* Out of the way of the number that it is to get, or not to get. */
    fd = fcntl(fd, F_DUPFD, 50);
    ready = fcntl(ready, F_DUPFD, 50);
    close(maqet_descriptor_number(MAQET_DESCRIPTOR_RUN));
    if (!how->elsewhere)
        dup2(fd, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN));
    if (maqet_lock_try(fd, NULL) != 1 || write(ready, "", 1) != 1)
        _exit(1);
    pause_for(how->delay);
    if (how->leaves)
        _exit(0);
    if (ftruncate(fd, 0) < 0 ||
        (how->pid ? dprintf(fd, "%s", how->pid) : dprintf(fd, "%d\n", (int)getpid())) < 0)
        _exit(1);
    if (!how->delay && write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* Returns when the child holds the lock, and has written what is to be written at once.
 */
static pid_t
holder_new(const struct scene *scene, struct holder how)
{
    int ready[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0)
        hold(scene, &how, ready[1]);
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    if (!how.delay)
        CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

/* Ends the child if need be. Returns its status. */
static int
holder_end(pid_t child)
{
    int status = -1;

    kill(child, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return status;
}

static int
holder_of(const struct scene *scene, int *pidfd)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    int pid = maqet_run_holder(scene->run_fd, pidfd, maqet_now() + MAQET_RUN_FORK_TIMEOUT,
                               &error);

    UNIT_NO_ERROR(&error);
    return pid;
}

/* ---- the folder and the run file ---- */

static void
test_folder(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *path = maqet_format("%s/web", scene.context.runtime_dir);
    _cleanup_free_ char *run = maqet_store_file(&scene.context, "web", MAQET_STORE_RUN);
    const char *const folders[] = {scene.context.runtime_dir, path};
    struct stat status;

    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(stat(folders[i], &status), 0);
        CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
    }
    CU_ASSERT_EQUAL(stat(run, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    CU_ASSERT_TRUE(fcntl(scene.dir_fd, F_GETFD) & FD_CLOEXEC);
}

/* Whoever can change what is in the folder could have us signal or remove something else.
 */
static void
test_folder_that_others_can_write(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *path = maqet_format("%s/web", scene.context.runtime_dir);
    const char *const folders[] = {path, scene.context.runtime_dir};

    for (size_t i = 0; i < 4; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        struct maqet_run run = MAQET_RUN_INIT;
        const char *folder = folders[i / 2];
        _cleanup_free_ char *message =
            maqet_format("%s is writable by other users", folder);

        CU_ASSERT_EQUAL(chmod(folder, i % 2 ? 0720 : 01702), 0);
        CU_ASSERT_EQUAL(maqet_run_open(&scene.context, "web", &run, &error), -1);
        maqet_run_clear(&run);
        UNIT_ERROR(&error, MAQET_ERROR_PERMISSION, message);
        CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
    }
}

static void
test_folder_is_no_link(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    struct maqet_run run = MAQET_RUN_INIT;
    _cleanup_free_ char *link_path = maqet_format("%s/link", scene.context.runtime_dir);
    _cleanup_error_ struct maqet_error *error = NULL;

    add_machine(&scene.context, "link");
    CU_ASSERT_EQUAL(symlink("web", link_path), 0);
    CU_ASSERT_EQUAL(maqet_run_open(&scene.context, "link", &run, &error), -1);
    maqet_run_clear(&run);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_PERMISSION);
}

static void
test_folder_of_another(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_run run = MAQET_RUN_INIT;
    _cleanup_free_ char *message =
        maqet_format("%s belongs to another user (uid 12345)", scene.context.runtime_dir);

    if (geteuid() != 0)
        return; /* nobody else can give folders away */
    CU_ASSERT_EQUAL(chown(scene.context.runtime_dir, 12345, 0), 0);
    CU_ASSERT_EQUAL(maqet_run_open(&scene.context, "web", &run, &error), -1);
    maqet_run_clear(&run);
    UNIT_ERROR(&error, MAQET_ERROR_PERMISSION, message);
}

static void
test_run_file_is_no_link(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *run = maqet_store_file(&scene.context, "web", MAQET_STORE_RUN);
    _cleanup_free_ char *target = maqet_store_file(&scene.context, "web", "target");
    _cleanup_free_ char *message =
        maqet_format("Cannot open %s: Too many levels of symbolic links", run);

    CU_ASSERT_EQUAL(unlink(run), 0);
    CU_ASSERT_EQUAL(symlink("target", run), 0);
    CU_ASSERT_EQUAL(maqet_store_open_run(&scene.context, "web", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_EQUAL(access(target, F_OK), -1);
}

/* ---- who holds it ---- */

static void
test_nobody(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    int pidfd = 7;

    CU_ASSERT_EQUAL(holder_of(&scene, &pidfd), 0);
    CU_ASSERT_EQUAL(pidfd, -1);
    /* A PID that stands there without a lock says nothing, even of a living process. */
    CU_ASSERT_TRUE(dprintf(scene.run_fd, "%d\n", (int)getpid()) > 0);
    CU_ASSERT_EQUAL(holder_of(&scene, &pidfd), 0);
    CU_ASSERT_EQUAL(pidfd, -1);
}

static void
test_holder(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t child = holder_new(&scene, (struct holder){0});
    _cleanup_close_ int pidfd = -1;

    CU_ASSERT_EQUAL(holder_of(&scene, &pidfd), child);
    CU_ASSERT_FALSE(maqet_pidfd_wait(pidfd, 0));
    CU_ASSERT_EQUAL(maqet_pidfd_kill(pidfd, SIGTERM), 0);
    CU_ASSERT_TRUE(maqet_pidfd_wait(pidfd, 20000));
    /* The kernel has given the lock back by then, though nobody has waited for the child.
     */
    int after = 7;
    CU_ASSERT_EQUAL(holder_of(&scene, &after), 0);
    CU_ASSERT_EQUAL(after, -1);
    CU_ASSERT_EQUAL(holder_end(child), SIGTERM);
}

/* Between the lock and the PID there is the instant in which a start forks. */
static void
test_pid_comes_late(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_close_ int pidfd = -1;

    CU_ASSERT_TRUE(dprintf(scene.run_fd, "%d\n", (int)getpid()) > 0);
    pid_t child = holder_new(&scene, (struct holder){.delay = 100});
    CU_ASSERT_EQUAL(holder_of(&scene, &pidfd), child);
    CU_ASSERT_TRUE(pidfd >= 0);
    CU_ASSERT_EQUAL(holder_end(child), SIGKILL);
}

static void
test_start_that_fails(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t child = holder_new(&scene, (struct holder){.delay = 100, .leaves = true});
    int pidfd = 7;

    CU_ASSERT_EQUAL(holder_of(&scene, &pidfd), 0);
    CU_ASSERT_EQUAL(pidfd, -1);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

static void
check_not_believed(struct holder how)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t child = holder_new(&scene, how);
    int pidfd = 7;

    CU_ASSERT_EQUAL(maqet_run_holder(scene.run_fd, &pidfd,
                                     maqet_now() + MAQET_RUN_FORK_TIMEOUT, &error),
                    -1);
    CU_ASSERT_EQUAL(pidfd, -1);
    UNIT_ERROR(
        &error, MAQET_ERROR_FAILED,
        "the lock on its run file is held, but the process that the file names is not "
        "QEMU");
    CU_ASSERT_EQUAL(holder_end(child), SIGKILL);
}

/* A PID that was reused must never be taken for QEMU, and never be signalled. */
static void
test_wrong_pid(void)
{
    _cleanup_free_ char *ours = maqet_format("%d\n", (int)getpid());
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *other = unit_file(folder, "other", "");
    int fd = open(other, O_RDONLY | O_CLOEXEC);

    /* We have some file as that descriptor, too. */
    CU_ASSERT_EQUAL(dup2(fd, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)),
                    maqet_descriptor_number(MAQET_DESCRIPTOR_RUN));
    check_not_believed((struct holder){.pid = ours});
    check_not_believed((struct holder){.pid = "-1\n"});
    check_not_believed((struct holder){.elsewhere = true});
    if (fd != maqet_descriptor_number(MAQET_DESCRIPTOR_RUN))
        close(fd);
    close(maqet_descriptor_number(MAQET_DESCRIPTOR_RUN));
}

/* ---- the end ---- */

static void
test_end(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t child = holder_new(&scene, (struct holder){0});
    _cleanup_close_ int pidfd = maqet_pidfd_open(child);
    int status = -1;

    maqet_qemu_end(pidfd, unit_patience(60000));
    CU_ASSERT_EQUAL(waitpid(child, &status, WNOHANG), child);
    CU_ASSERT_EQUAL(status, SIGTERM); /* so that it could have flushed its images */
}

static void
check_last_words(const struct scene *scene, const char *text, const char *expected)
{
    _cleanup_free_ char *path = unit_file(scene->folder, "log", text);
    _cleanup_close_ int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    _cleanup_free_ char *words = maqet_run_last_words(fd);

    UNIT_SAME(words, expected);
}

static void
test_last_words(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *none = maqet_run_last_words(-1);
    char text[5001];

    UNIT_SAME(none, "");
    check_last_words(&scene, "", "");
    check_last_words(&scene, "one\ntwo\n", "one\ntwo\n");
    memset(text, 'a', sizeof(text) - 1);
    memcpy(text + sizeof(text) - 4, "end", 4);
    check_last_words(&scene, text, text + 5000 - MAQET_LAST_BYTES);
    check_last_words(&scene, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
                     "2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
}

/* ---- the monitor ---- */

/* A monitor for one connection: notes the commands that it gets in the file "commands",
 * and answers each of them @delay ms later. */
static void
serve(int listener, int dir_fd, const char *status, int64_t delay)
{
    static const char greeting[] = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, "
                                   "\"minor\": 2, \"major\": 7}, \"package\": \"\"}, "
                                   "\"capabilities\": []}}\r\n";
    int fd = accept(listener, NULL, NULL);
    int log = openat(dir_fd, "commands", O_WRONLY | O_CREAT | O_APPEND, 0600);
    FILE *stream = fdopen(fd, "r");
    char *line = NULL;
    size_t space = 0;

    if (write(fd, greeting, strlen(greeting)) < 0 || log < 0 || !stream)
        _exit(1);
    while (getline(&line, &space, stream) > 0) {
        json_object *command = json_tokener_parse(line), *name = NULL, *id = NULL;

        if (!json_object_object_get_ex(command, "execute", &name) ||
            !json_object_object_get_ex(command, "id", &id))
            _exit(1);
        dprintf(log, "%s\n", json_object_get_string(name));
        pause_for(delay);
        dprintf(fd, "{\"return\": {\"running\": %s, \"status\": \"%s\"}, \"id\": %s}\r\n",
                strcmp(status, "running") == 0 ? "true" : "false", status,
                json_object_get_string(id));
    }
    _exit(0);
}

/* Whether the next monitor has the file of its socket open, as QEMU has. */
static bool monitor_child_socket;

static pid_t
slow_monitor_new(const struct scene *scene, const char *status, int64_t delay)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/qmp.sock",
             scene->dir_fd);
    CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)),
                          0);
    CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
    _cleanup_close_ int fd = openat(scene->dir_fd, "qmp.sock", O_PATH | O_CLOEXEC);
    pid_t child = fork();
    if (child == 0) {
        /* Out of the way of QEMU's number first. */
        listener = fcntl(listener, F_DUPFD, 50);
        fd = fcntl(fd, F_DUPFD, 50);
        int dir_fd = fcntl(scene->dir_fd, F_DUPFD, 50);
        close(maqet_descriptor_number(MAQET_DESCRIPTOR_MONITOR_FILE));
        if (monitor_child_socket)
            dup2(fd, maqet_descriptor_number(MAQET_DESCRIPTOR_MONITOR_FILE));
        serve(listener, dir_fd, status, delay);
    }
    return child;
}

static pid_t
monitor_new(const struct scene *scene, const char *status)
{
    return slow_monitor_new(scene, status, 0);
}

static void
check_commands(const struct scene *scene, pid_t monitor, const char *expected)
{
    _cleanup_free_ char *path =
        maqet_format("%s/web/commands", scene->context.runtime_dir);
    _cleanup_free_ char *commands = NULL;
    int status = -1;

    CU_ASSERT_EQUAL(waitpid(monitor, &status, 0), monitor);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(maqet_file_read(path, 4096, &commands, NULL, NULL), 0);
    UNIT_SAME(commands, expected);
}

/* One client at a time: the second waits for the lock, not in QEMU's queue. */
static void
test_monitor_lock(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t monitor = monitor_new(&scene, "running");
    int lock = -1, second = -1;

    struct maqet_qmp *qmp =
        maqet_monitor_open(scene.dir_fd, "web", unit_patience(60000), -1, &lock, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    CU_ASSERT_TRUE(lock >= 0);
    CU_ASSERT_PTR_NULL(maqet_monitor_open(scene.dir_fd, "web", 100, -1, &second, &error));
    UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT,
               "Another maqet process has been working on the monitor of VM 'web' for "
               "0.1 s");
    CU_ASSERT_EQUAL(second, -1);
    maqet_qmp_cleanup(&qmp);
    close(lock);
    check_commands(&scene, monitor, "qmp_capabilities\n");
}

/* A lock that was taken for a connection that fails is given back. */
static void
test_monitor_is_not_there(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    int lock = -1;

    for (int i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NULL(
            maqet_monitor_open(scene.dir_fd, "web", 100, -1, &lock, &error));
        CU_ASSERT_EQUAL(lock, -1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_NOT_EQUAL(error->code, MAQET_ERROR_TIMEOUT);
        maqet_error_free(TAKE_PTR(error));
    }
}

/* It is named, with what can be done about it; though what can be seen first is that
 * another maqet has its monitor. */
static void
test_monitor_of_a_stopped_qemu(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t monitor = monitor_new(&scene, "running");
    _cleanup_close_ int pidfd = maqet_pidfd_open(monitor);
    _cleanup_free_ char *message =
        maqet_format("QEMU of VM 'web' (PID %d) has not answered within 0.1 s: a signal "
                     "has stopped it "
                     "(process state T)",
                     (int)monitor);
    int lock = -1;

    CU_ASSERT_EQUAL(kill(monitor, SIGSTOP), 0);
    CU_ASSERT_EQUAL(waitpid(monitor, NULL, WUNTRACED), monitor);
    for (int i = 0; i < 2; i++) {
        _cleanup_close_ int other = openat(scene.dir_fd, MAQET_RUN_MONITOR_LOCK,
                                           O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (i > 0)
            CU_ASSERT_EQUAL(maqet_lock_try(other, NULL), 1);
        CU_ASSERT_PTR_NULL(
            maqet_monitor_open(scene.dir_fd, "web", 100, pidfd, &lock, &error));
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_TRUE(error->silent);
        CU_ASSERT_EQUAL_FATAL(error->hints.count, 2);
        _cleanup_free_ char *step =
            maqet_format("Let it continue: kill -CONT %d", (int)monitor);
        UNIT_HINT(error, 0, step);
        UNIT_HINT(error, 1,
                  "End it, which is a power failure to the guest: maqet stop web "
                  "--force");
        UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT, message);
    }
    holder_end(monitor);
}

static int
press(const struct scene *scene, int64_t timeout, struct maqet_error **err)
{
    const struct maqet_opened machine = {
        .name = (char *)"web",
        .run = {.dir_fd = scene->dir_fd, .run_fd = -1, .pidfd = -1}};

    return maqet_power_button_press(&machine, timeout, err);
}

/* All that is said to QEMU for it has one limit: each answer alone comes in time, and
 * they do not come together. */
static void
test_power_button_has_one_limit(void)
{
    enum { DELAY = 500, LIMIT = 1250 };
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t monitor = slow_monitor_new(&scene, "running", DELAY);

    CU_ASSERT_EQUAL(press(&scene, LIMIT, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_TIMEOUT);
    CU_ASSERT_TRUE(error->silent);
    holder_end(monitor);
}

/* One that is stopped would not get the signal that lets it flush its images. */
static void
test_end_of_a_stopped_one(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t child = holder_new(&scene, (struct holder){0});
    _cleanup_close_ int pidfd = maqet_pidfd_open(child);
    int status = -1;

    CU_ASSERT_EQUAL(kill(child, SIGSTOP), 0);
    CU_ASSERT_EQUAL(waitpid(child, NULL, WUNTRACED), child);
    maqet_qemu_end(pidfd, unit_patience(60000));
    CU_ASSERT_EQUAL(waitpid(child, &status, WNOHANG), child);
    CU_ASSERT_EQUAL(status, SIGTERM);
}

static void
check_button(const char *status, const char *expected)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t monitor = monitor_new(&scene, status);

    CU_ASSERT_EQUAL(press(&scene, unit_patience(60000), &error), 0);
    UNIT_NO_ERROR(&error);
    check_commands(&scene, monitor, expected);
}

static void
test_power_button(void)
{
#define BEGIN "qmp_capabilities\nquery-status\n"
    check_button("running", BEGIN "system_powerdown\n");
    /* A guest that stands still or sleeps could not react. */
    check_button("paused", BEGIN "cont\nsystem_powerdown\n");
    check_button("suspended", BEGIN "system_wakeup\nsystem_powerdown\n");
    /* There is no guest any more: `-no-shutdown`. */
    check_button("shutdown", BEGIN "quit\n");
    /* There was none yet, and it may not run. */
    check_button("prelaunch", BEGIN "quit\n");
}

/* ---- where the folder is ---- */

/* The folder that a machine "web" gets in the scene's runtime folder, when its data
 * folder is the one of that name. */
static char *
folder_in(const struct scene *scene, const char *data)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;
    struct maqet_context context = scene->context;
    _cleanup_free_ char *data_dir = maqet_format("%s/%s", scene->folder, data);

    context.data_dir = data_dir;
    add_machine(&context, "web");
    CU_ASSERT_EQUAL(maqet_run_open(&context, "web", &run, &error), 0);
    UNIT_NO_ERROR(&error);
    _cleanup_free_ char *found = maqet_run_folder(&context, "web");
    UNIT_SAME(found, run.folder);
    return run.folder ? maqet_strdup(run.folder + strlen(context.runtime_dir)) : NULL;
}

#define CHECK_FOLDER(scene, data, wanted)                                                \
    do {                                                                                 \
        _cleanup_free_ char *folder_ = folder_in(scene, data);                           \
        UNIT_SAME(folder_, wanted);                                                      \
    } while (0)

static void
run_in_shell(const struct scene *scene, const char *command)
{
    _cleanup_free_ char *text = maqet_format("cd '%s' && %s", scene->folder, command);

    CU_ASSERT_EQUAL_FATAL(system(text), 0);
}

static void
test_one_name(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    CHECK_FOLDER(&scene, "data", "/web");
    CHECK_FOLDER(&scene, "other", "/web@2");
    CHECK_FOLDER(&scene, "third", "/web@3");
    CHECK_FOLDER(&scene, "other", "/web@2");
    CHECK_FOLDER(&scene, "data", "/web");
    /* A copy has the same UUID, and is another machine all the same. */
    run_in_shell(&scene, "cp -a data copy");
    CHECK_FOLDER(&scene, "copy", "/web@4");
    /* A data folder that was moved has the same machine. */
    run_in_shell(&scene, "mv data moved");
    CHECK_FOLDER(&scene, "moved", "/web");
}

/* What a machine has left that is no more is taken over, unless something may still run
 * there. */
static void
test_folder_of_nobody(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    run_in_shell(&scene, "rm -r data && touch runtime/maqet/web/qmp.sock");
    CHECK_FOLDER(&scene, "other", "/web@2");
    run_in_shell(&scene, "rm -r other runtime/maqet/web@2 runtime/maqet/web/qmp.sock");
    CHECK_FOLDER(&scene, "third", "/web");
    /* One that a person has made. */
    run_in_shell(&scene, "rm -r third runtime/maqet/web && mkdir -p runtime/maqet/web/a");
    CHECK_FOLDER(&scene, "other", "/web");
}

/* An earlier maqet had no `owner`, and the run file in the folder. */
static void
test_folder_of_an_earlier_maqet(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    static const char earlier[] =
        "rm -rf runtime/maqet/web* && mkdir -m 700 runtime/maqet/web && "
        "cp data/vms/web/vm.json runtime/maqet/web && touch runtime/maqet/web/run";

    run_in_shell(&scene, earlier);
    CHECK_FOLDER(&scene, "data", "/web");
    run_in_shell(&scene, earlier);
    run_in_shell(&scene, "sed -i s/1111/2222/g runtime/maqet/web/vm.json && "
                         "touch runtime/maqet/web/pid");
    CHECK_FOLDER(&scene, "data", "/web@2");
    run_in_shell(&scene, "rm -r runtime/maqet/web@2 runtime/maqet/web/pid");
    CHECK_FOLDER(&scene, "data", "/web");
}

static int
look(const struct scene *scene, struct maqet_run *run)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_close_ int vms_fd = maqet_store_open(&scene->context);

    maqet_run_clear(run);
    CU_ASSERT_EQUAL(
        maqet_run_look(&scene->context, vms_fd, "web", maqet_now() + 20000, run, &error),
        0);
    UNIT_NO_ERROR(&error);
    return run->pid;
}

/* The QEMU that an earlier maqet has started is found, but not that of another machine.
 */
static void
test_qemu_of_an_earlier_maqet(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;

    run_in_shell(&scene, "rm -r runtime/maqet/web && mkdir -m 700 runtime/maqet/web && "
                         "cp data/vms/web/vm.json runtime/maqet/web && "
                         "ln data/vms/web/run runtime/maqet/web/run");
    pid_t child = holder_new(&scene, (struct holder){0});
    run_in_shell(&scene, "rm data/vms/web/run && touch runtime/maqet/web/qmp.sock");
    CU_ASSERT_EQUAL(look(&scene, &run), child);
    CU_ASSERT_FALSE(run.lost);
    run_in_shell(&scene, "sed -i s/1111/2222/g runtime/maqet/web/vm.json");
    CU_ASSERT_EQUAL(look(&scene, &run), 0);
    holder_end(child);
}

/* It runs where its start has noted, whatever the runtime folder is now; and without that
 * folder it runs as well. */
static void
test_lost_folder(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_run_ struct maqet_run run = MAQET_RUN_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *first = maqet_run_folder(&scene.context, "web");

    look(&scene, &run);
    CU_ASSERT_EQUAL(maqet_run_note_folder(&scene.context, "web", &run, NULL), 0);
    free(scene.context.runtime_dir);
    scene.context.runtime_dir = maqet_format("%s/elsewhere", scene.folder);
    CU_ASSERT_EQUAL(look(&scene, &run), 0);
    CU_ASSERT_EQUAL(run.dir_fd, -1);
    pid_t child = holder_new(&scene, (struct holder){0});
    run_in_shell(&scene, "touch runtime/maqet/web/qmp.sock");
    CU_ASSERT_EQUAL(look(&scene, &run), child);
    CU_ASSERT_FALSE(run.lost);
    UNIT_SAME(run.folder, first);
    CU_ASSERT_EQUAL(maqet_run_check_reachable(&run, "web", NULL), 0);

    run_in_shell(&scene, "rm runtime/maqet/web/qmp.sock");
    CU_ASSERT_EQUAL(look(&scene, &run), child);
    CU_ASSERT_TRUE(run.lost);
    run_in_shell(&scene, "rm -r runtime");
    CU_ASSERT_EQUAL(look(&scene, &run), child);
    CU_ASSERT_TRUE(run.lost);
    CU_ASSERT_EQUAL(run.dir_fd, -1);
    _cleanup_free_ char *message =
        maqet_format("VM 'web' is running (PID %d), but its runtime folder is lost (%s), "
                     "so it can only be stopped",
                     (int)child, first);
    CU_ASSERT_EQUAL(maqet_run_check_reachable(&run, "web", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_STATE, message);
    /* Nothing is made in its place while it runs. */
    maqet_run_clear(&run);
    CU_ASSERT_EQUAL(maqet_run_open(&scene.context, "web", &run, NULL), 0);
    CU_ASSERT_TRUE(run.lost);
    CU_ASSERT_EQUAL(access(scene.context.runtime_dir, F_OK), -1);
    holder_end(child);
    CU_ASSERT_EQUAL(look(&scene, &run), 0);
    CU_ASSERT_FALSE(run.lost);
}

/* A QEMU whose monitor's socket is gone has a descriptor of it. */
static void
test_power_button_of_a_lost_one(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_opened machine = {.name = (char *)"web", .run = MAQET_RUN_INIT};
    struct maqet_run *run = &machine.run;

    for (int known = 1; known >= 0; known--) {
        pid_t monitor;

        monitor_child_socket = known;
        monitor = monitor_new(&scene, "running");
        monitor_child_socket = false;
        run->pid = monitor;
        run->pidfd = maqet_pidfd_open(monitor);
        run_in_shell(&scene, "rm runtime/maqet/web/qmp.sock");
        if (known) {
            CU_ASSERT_EQUAL(maqet_power_button_press(&machine, 20000, &error), 0);
            UNIT_NO_ERROR(&error);
            check_commands(&scene, monitor,
                           "qmp_capabilities\nquery-status\nsystem_powerdown\n");
            CU_ASSERT_EQUAL(maqet_power_button_press(&machine, 20000, &error), -1);
            CU_ASSERT_PTR_NOT_NULL_FATAL(error);
            maqet_error_free(TAKE_PTR(error));
        } else {
            CU_ASSERT_EQUAL(maqet_power_button_press(&machine, 20000, &error), -1);
            UNIT_ERROR(&error, MAQET_ERROR_FAILED,
                       "its monitor's socket is lost, and QEMU has no descriptor for "
                       "it");
            holder_end(monitor);
        }
        close(run->pidfd);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"folder", test_folder},
        {"folder that others can write", test_folder_that_others_can_write},
        {"folder is not a link", test_folder_is_no_link},
        {"folder of another user", test_folder_of_another},
        {"the run file is not a link", test_run_file_is_no_link},
        {"nobody", test_nobody},
        {"holder", test_holder},
        {"a PID that comes late", test_pid_comes_late},
        {"a start that fails", test_start_that_fails},
        {"a wrong PID", test_wrong_pid},
        {"the end", test_end},
        {"last words", test_last_words},
        {"the monitor's lock", test_monitor_lock},
        {"a monitor that is not there", test_monitor_is_not_there},
        {"the power button", test_power_button},
        {"the power button has one limit", test_power_button_has_one_limit},
        {"the monitor of a stopped QEMU", test_monitor_of_a_stopped_qemu},
        {"the end of a stopped one", test_end_of_a_stopped_one},
        {"machines of one name", test_one_name},
        {"a folder of nobody", test_folder_of_nobody},
        {"the folder of an earlier maqet", test_folder_of_an_earlier_maqet},
        {"QEMU of an earlier maqet", test_qemu_of_an_earlier_maqet},
        {"a lost folder", test_lost_folder},
        {"the power button of a lost one", test_power_button_of_a_lost_one},
        CU_TEST_INFO_NULL,
    };

    /* An old valgrind doesn't know the system call. */
    if (maqet_pidfd_open(getpid()) < 0 && errno == ENOSYS)
        return UNIT_SKIP;
    return unit_run("run", tests);
}
