/* SPDX-License-Identifier: MIT */
/* How a machine is opened, with a child in QEMU's place. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/config/tree.h"
#include "core/machine/opened.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"
#include "tests/unit/plugins.h"

static const char UUID[] = "11111111-2222-3333-4444-555555555555";

/* ---- a machine that is called "web" ---- */

struct scene {
    char *folder;
    struct maqet_context context;
    /* What context.recover() is told to do, and what it has seen. */
    bool fails;
    int recovered;
    int lock;
};

static struct maqet_definition *
definition_new(const char *memory)
{
    struct maqet_definition *definition = maqet_alloc(sizeof(*definition));
    struct maqet_place place = {0};

    definition->name = maqet_strdup("web");
    definition->uuid = maqet_strdup(UUID);
    definition->tree = maqet_tree_mapping(place);
    maqet_tree_set(definition->tree, "memory", json_object_new_string(memory), place,
                   place);
    return definition;
}

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder()};
    _cleanup_definition_ struct maqet_definition *definition = definition_new("1G");

    scene.context.data_dir = maqet_format("%s/data", scene.folder);
    scene.context.runtime_dir = maqet_format("%s/runtime", scene.folder);
    CU_ASSERT_EQUAL_FATAL(maqet_store_add(&scene.context, definition, NULL), 0);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static bool
is_there(const struct scene *scene, const char *path)
{
    _cleanup_free_ char *whole = maqet_format("%s/%s", scene->folder, path);
    struct stat status;

    return lstat(whole, &status) == 0;
}

/* A file with the text in it. */
static void
put(const struct scene *scene, const char *path, const char *text)
{
    free(unit_file(scene->folder, path, text));
}

static struct maqet_opened *
opened(const struct scene *scene, unsigned how)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_opened *machine = maqet_open(&scene->context, "web", how, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    return machine;
}

#define CHECK_REFUSED(scene, how, code, message)                                         \
    do {                                                                                 \
        _cleanup_error_ struct maqet_error *refusal = NULL;                              \
                                                                                         \
        CU_ASSERT_PTR_NULL(maqet_open(&(scene)->context, "web", how, &refusal));         \
        UNIT_ERROR(&refusal, code, message);                                             \
    } while (0)

/* ---- a child in QEMU's place ---- */

static void
hold(const struct scene *scene, int ready)
{
    int number = maqet_descriptor_number(MAQET_DESCRIPTOR_RUN);
    int fd = fcntl(maqet_store_open_run(&scene->context, "web", NULL), F_DUPFD, 50);

    ready = fcntl(ready, F_DUPFD, 60);
    if (dup2(fd, number) != number || maqet_lock_try(fd, NULL) != 1 ||
        dprintf(fd, "%d\n", (int)getpid()) < 0 || write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* Where the monitor's socket would be there is a file, if @reachable: nobody connects. */
static pid_t
qemu_begin(struct scene *scene, bool reachable)
{
    int ready[2];
    char byte;

    maqet_opened_close(opened(scene, MAQET_OPEN_FOLDER));
    CU_ASSERT_TRUE(is_there(scene, "runtime/web"));
    if (reachable)
        put(scene, "runtime/web/qmp.sock", "");
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0)
        hold(scene, ready[1]);
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void
qemu_end(pid_t child)
{
    kill(child, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

/* ---- its name and its lock ---- */

static void
test_name(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    const char *const words[] = {"web", UUID};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(&scene.context, words[i], MAQET_OPEN_LOCK, &error);

        UNIT_NO_ERROR(&error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
        UNIT_SAME(machine->name, "web");
        CU_ASSERT_TRUE(machine->lock >= 0);
        CU_ASSERT_EQUAL(machine->run.pid, 0);
    }
    CU_ASSERT_PTR_NULL(maqet_open(&scene.context, "wbe", 0, &error));
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, "There is no VM 'wbe'");
}

static void
test_lock(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_opened_ struct maqet_opened *first = opened(&scene, MAQET_OPEN_LOCK);
    _cleanup_opened_ struct maqet_opened *second = opened(&scene, MAQET_OPEN_TRY_LOCK);
    _cleanup_opened_ struct maqet_opened *third = opened(&scene, 0);

    CU_ASSERT_TRUE(first->lock >= 0);
    CU_ASSERT_EQUAL(second->lock, -1);
    CU_ASSERT_EQUAL(third->lock, -1);
    scene.context.lock_timeout = 100;
    CHECK_REFUSED(&scene, MAQET_OPEN_LOCK, MAQET_ERROR_TIMEOUT,
                  "Another maqet process has been working on VM 'web' for 0.1 s");
    maqet_opened_unlock(first);
    CU_ASSERT_EQUAL(first->lock, -1);
    _cleanup_opened_ struct maqet_opened *next = opened(&scene, MAQET_OPEN_TRY_LOCK);
    CU_ASSERT_TRUE(next->lock >= 0);
}

/* ---- what is made, and what is swept ---- */

static void
test_looking_makes_nothing(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    maqet_opened_close(opened(&scene, 0));
    maqet_opened_close(opened(&scene, MAQET_OPEN_LOCK | MAQET_OPEN_VM));
    CU_ASSERT_FALSE(is_there(&scene, "runtime"));
    CU_ASSERT_FALSE(is_there(&scene, "data/vms/web/run"));
    _cleanup_opened_ struct maqet_opened *machine = opened(&scene, 0);
    CU_ASSERT_EQUAL(machine->run.dir_fd, -1);
    CU_ASSERT_EQUAL(maqet_opened_enter(machine, NULL), 0);
    CU_ASSERT_TRUE(machine->run.dir_fd >= 0);
    CU_ASSERT_TRUE(is_there(&scene, "runtime/web"));
}

/* Only with the lock, and while nothing runs. */
static void
test_sweeping(void)
{
    static const char socket[] = "runtime/web/qmp.sock";
    static const char server[] = "runtime/web/drive0.sock";
    _cleanup_scene_ struct scene scene = scene_new();

    pid_t qemu = qemu_begin(&scene, true);
    put(&scene, server, "");
    maqet_opened_close(opened(&scene, MAQET_OPEN_LOCK));
    CU_ASSERT_TRUE(is_there(&scene, socket) && is_there(&scene, server));
    qemu_end(qemu);
    maqet_opened_close(opened(&scene, 0));
    CU_ASSERT_TRUE(is_there(&scene, socket) && is_there(&scene, server));
    maqet_opened_close(opened(&scene, MAQET_OPEN_LOCK));
    CU_ASSERT_FALSE(is_there(&scene, socket) || is_there(&scene, server));
}

/* ---- whether it runs ---- */

static void
test_running(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    CHECK_REFUSED(&scene, MAQET_OPEN_RUNNING, MAQET_ERROR_STATE,
                  "VM 'web' is not running");
    pid_t qemu = qemu_begin(&scene, true);
    _cleanup_opened_ struct maqet_opened *machine =
        opened(&scene, MAQET_OPEN_LOCK | MAQET_OPEN_RUNNING);
    _cleanup_free_ char *already =
        maqet_format("VM 'web' is already running (PID %d)", (int)qemu);
    CU_ASSERT_EQUAL(machine->run.pid, qemu);
    CU_ASSERT_EQUAL(maqet_opened_error_running(machine, true, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_STATE, already);
    /* The same QEMU has the same pidfd: a connection may be watching it. */
    int pidfd = machine->run.pidfd;
    CU_ASSERT_EQUAL(maqet_opened_look(machine, NULL), 0);
    CU_ASSERT_EQUAL(machine->run.pidfd, pidfd);
    machine->silent = true;
    qemu_end(qemu);
    CU_ASSERT_EQUAL(maqet_opened_look(machine, NULL), 0);
    CU_ASSERT_EQUAL(machine->run.pid, 0);
    CU_ASSERT_EQUAL(machine->run.pidfd, -1);
    CU_ASSERT_FALSE(machine->silent);
}

/* A QEMU that can't be asked. */
static void
test_lost(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    static const unsigned refused[] = {MAQET_OPEN_RUNNING,
                                       MAQET_OPEN_LOCK | MAQET_OPEN_REACHABLE};
    pid_t qemu = qemu_begin(&scene, false);
    _cleanup_free_ char *message =
        maqet_format("VM 'web' is running (PID %d), but its monitor's socket is lost "
                     "(%s/web/qmp.sock), so it can only be stopped",
                     (int)qemu, scene.context.runtime_dir);

    for (size_t i = 0; i < 2; i++)
        CHECK_REFUSED(&scene, refused[i], MAQET_ERROR_STATE, message);
    _cleanup_opened_ struct maqet_opened *machine = opened(&scene, MAQET_OPEN_LOCK);
    CU_ASSERT_TRUE(machine->run.lost);
    qemu_end(qemu);
}

static void
test_end_of_qemu(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    pid_t qemu = qemu_begin(&scene, true);
    _cleanup_opened_ struct maqet_opened *machine =
        opened(&scene, MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER);

    CU_ASSERT_EQUAL(maqet_opened_end_qemu(machine, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(machine->run.pid, 0);
    CU_ASSERT_FALSE(is_there(&scene, "runtime/web/qmp.sock"));
    CU_ASSERT_EQUAL(waitpid(qemu, NULL, 0), qemu);
}

/* ---- its definition ---- */

static const char *
memory_of(const struct maqet_vm *vm)
{
    return vm ? maqet_tree_text(vm->definition->tree, "memory") : NULL;
}

/* What runs is what it was started with. */
static void
test_definition(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_definition_ struct maqet_definition *running = definition_new("2G");
    pid_t qemu = qemu_begin(&scene, true);

    _cleanup_opened_ struct maqet_opened *machine = opened(&scene, 0);
    CU_ASSERT_EQUAL(maqet_opened_note_definition(machine, running, NULL), 0);
    CU_ASSERT_PTR_NULL(machine->vm);
    UNIT_SAME(memory_of(maqet_opened_vm(machine, NULL)), "2G");
    CU_ASSERT_PTR_EQUAL(maqet_opened_vm(machine, NULL), machine->vm);
    qemu_end(qemu);
    _cleanup_opened_ struct maqet_opened *at_rest = opened(&scene, MAQET_OPEN_VM);
    CU_ASSERT_PTR_NOT_NULL(at_rest->vm);
    UNIT_SAME(memory_of(at_rest->vm), "1G");
}

/* ---- what was interrupted ---- */

static int
recover(struct maqet_opened *machine, struct maqet_error **err)
{
    struct scene *scene = machine->context->data;
    _cleanup_free_ char *path =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_PENDING);

    scene->recovered++;
    scene->lock = machine->lock;
    CU_ASSERT_TRUE(machine->run.dir_fd >= 0); /* for what tools say */
    CU_ASSERT_PTR_NOT_NULL(maqet_opened_vm(machine, NULL));
    if (scene->fails)
        return maqet_error_set(err, MAQET_ERROR_STATE, "the user has to decide");
    CU_ASSERT_EQUAL(unlink(path), 0);
    return 0;
}

static const char REFUSED[] = "VM 'web': an operation on its snapshots "
                              "was interrupted, and must be recovered first";

static void
test_pending_without_recovery(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    put(&scene, "data/vms/web/pending.json", "{}");
    CHECK_REFUSED(&scene, MAQET_OPEN_LOCK, MAQET_ERROR_STATE, REFUSED);
    _cleanup_opened_ struct maqet_opened *machine =
        opened(&scene, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING);
    CU_ASSERT_TRUE(maqet_store_pending(&scene.context, machine->name));
}

static void
test_pending(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    static const unsigned untouched[] = {0, MAQET_OPEN_LOCK | MAQET_OPEN_ALLOW_PENDING,
                                         MAQET_OPEN_TRY_LOCK | MAQET_OPEN_ALLOW_PENDING};

    scene.context.recover = recover;
    scene.context.data = &scene;
    put(&scene, "data/vms/web/pending.json", "{}");
    for (size_t i = 0; i < 3; i++)
        maqet_opened_close(opened(&scene, untouched[i]));
    CHECK_REFUSED(&scene, MAQET_OPEN_LOCK | MAQET_OPEN_REFUSE_PENDING, MAQET_ERROR_STATE,
                  REFUSED);
    CU_ASSERT_EQUAL(scene.recovered, 0);
    scene.fails = true;
    CHECK_REFUSED(&scene, MAQET_OPEN_LOCK, MAQET_ERROR_STATE, "the user has to decide");
    CU_ASSERT_EQUAL(scene.recovered, 1);
    scene.fails = false;
    _cleanup_opened_ struct maqet_opened *machine = opened(&scene, MAQET_OPEN_LOCK);
    CU_ASSERT_EQUAL(scene.recovered, 2);
    CU_ASSERT_EQUAL(scene.lock, machine->lock);
    CU_ASSERT_FALSE(maqet_store_pending(&scene.context, machine->name));
    /* Its drives may have changed by that. */
    CU_ASSERT_PTR_NULL(machine->vm);
}

/* Nobody could tell QEMU what is to be done. */
static void
test_pending_of_a_lost_one(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    pid_t qemu = qemu_begin(&scene, false);
    _cleanup_free_ char *message =
        maqet_format("VM 'web' is running (PID %d), but its monitor's socket is lost "
                     "(%s/web/qmp.sock), so it can only be stopped",
                     (int)qemu, scene.context.runtime_dir);

    scene.context.recover = recover;
    scene.context.data = &scene;
    put(&scene, "data/vms/web/pending.json", "{}");
    CHECK_REFUSED(&scene, MAQET_OPEN_LOCK, MAQET_ERROR_STATE, message);
    CU_ASSERT_EQUAL(scene.recovered, 0);
    qemu_end(qemu);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"by name and by UUID", test_name},
        {"its lock", test_lock},
        {"looking makes nothing", test_looking_makes_nothing},
        {"what was left behind", test_sweeping},
        {"one that runs", test_running},
        {"one that is lost", test_lost},
        {"the end of QEMU", test_end_of_qemu},
        {"the definition that runs", test_definition},
        {"interrupted, and nobody recovers", test_pending_without_recovery},
        {"interrupted", test_pending},
        {"interrupted, and lost", test_pending_of_a_lost_one},
        CU_TEST_INFO_NULL,
    };

    return unit_run("opened", tests);
}
