/* SPDX-License-Identifier: MIT */
/* Who has a file open, and what becomes of QEMU's words about a lock. */
#include "core/machine/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/procfs.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"
#include "tests/unit/plugins.h"

/* ---- a child that has a file open ---- */

struct opened {
    const char *path;
    bool locked;
    const char *run; /* this run file is locked too, as by QEMU; may be NULL */
};

static void
hold(const struct opened *opened, int ready)
{
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = open(opened->path, O_RDWR);

    if (fd < 0 || (opened->locked && maqet_lock_try(fd, NULL) != 1))
        _exit(1);
    if (opened->run) {
        /* Out of the way of QEMU's number for it first. */
        int away = fcntl(fd, F_DUPFD, 50), told = fcntl(ready, F_DUPFD, 50);
        int run = open(opened->run, O_RDWR | O_CREAT, 0600);

        if (away < 0 || told < 0 ||
            dup2(run, maqet_descriptor_number(MAQET_DESCRIPTOR_RUN)) < 0 ||
            maqet_lock_try(maqet_descriptor_number(MAQET_DESCRIPTOR_RUN), NULL) != 1 ||
            dprintf(maqet_descriptor_number(MAQET_DESCRIPTOR_RUN), "%d\n",
                    (int)getpid()) < 0)
            _exit(1);
        ready = told;
    }
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

/* Returns when the child has the file open; it has nothing else of ours. */
static pid_t
child_new(struct opened opened)
{
    int ready[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        hold(&opened, ready[1]);
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void
child_end(pid_t child)
{
    kill(child, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
}

/* ---- what is found ---- */

static const struct maqet_context nowhere = {.data_dir = "/nonexistent/data",
                                             .runtime_dir = "/nonexistent/run"};

/* The only holder must be this process; 0: there must be none. */
#define CHECK_HOLDER(path, pid) check_holder(path, pid, __LINE__)

static void
check_holder(const char *path, pid_t pid, int line)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};
    struct maqet_error *err = NULL;
    _cleanup_free_ char *wanted =
        pid ? maqet_format("%d: %d", line, (int)pid) : maqet_format("%d: none", line);
    _cleanup_free_ char *got = NULL;

    CU_ASSERT_EQUAL(maqet_holders_find(&nowhere, path, &users, &err), 0);
    UNIT_NO_ERROR(&err);
    got = users.count == 0   ? maqet_format("%d: none", line)
          : users.count == 1 ? maqet_format("%d: %d", line, users.items[0].pid)
                             : maqet_format("%d: %zu holders", line, users.count);
    UNIT_SAME(got, wanted);
}

static void
test_names_of_one_file(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    _cleanup_free_ char *other = unit_file(folder, "other", "x");
    _cleanup_free_ char *hard = maqet_format("%s/hard", folder);
    _cleanup_free_ char *soft = maqet_format("%s/soft", folder);

    CU_ASSERT_EQUAL(link(path, hard), 0);
    CU_ASSERT_EQUAL(symlink("file", soft), 0);
    CHECK_HOLDER(path, 0);
    pid_t child = child_new((struct opened){.path = path});
    CHECK_HOLDER(path, child);
    CHECK_HOLDER(hard, child);
    CHECK_HOLDER(soft, child);
    CHECK_HOLDER(other, 0);
    child_end(child);
    CHECK_HOLDER(path, 0);
    /* Opened by way of the link, it is the same file. */
    child = child_new((struct opened){.path = soft});
    CHECK_HOLDER(path, child);
    child_end(child);
}

/* Whoever has the old file open is not in the way of the new one. */
static void
test_made_anew(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    pid_t child = child_new((struct opened){.path = path});

    CU_ASSERT_EQUAL(unlink(path), 0);
    free(unit_file(folder, "file", "x"));
    CHECK_HOLDER(path, 0);
    child_end(child);
}

static void
test_not_ourselves(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

    CU_ASSERT_TRUE(fd >= 0);
    CHECK_HOLDER(path, 0);
}

static void
test_missing_file(void)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_holders_find(&nowhere, "/nonexistent/x", &users, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING,
               "Cannot inspect /nonexistent/x: No such file or directory");
    CU_ASSERT_EQUAL(users.count, 0);
    CU_ASSERT_PTR_NULL(users.items);
}

static void
test_locks(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    _cleanup_file_users_ struct maqet_file_users users = {0};

    pid_t first = child_new((struct opened){.path = path});
    CU_ASSERT_FALSE(maqet_file_users_locked(path));
    pid_t second = child_new((struct opened){.path = path, .locked = true});
    CU_ASSERT_TRUE(maqet_file_users_locked(path));
    CU_ASSERT_EQUAL(maqet_holders_find(&nowhere, path, &users, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(users.count, 2);
    for (size_t i = 0; i < users.count; i++) {
        CU_ASSERT_TRUE(users.items[i].pid == first || users.items[i].pid == second);
        CU_ASSERT_EQUAL(users.items[i].locked, users.items[i].pid == second);
    }
    CU_ASSERT_NOT_EQUAL(users.items[0].pid, users.items[1].pid);
    child_end(first);
    child_end(second);
    CU_ASSERT_FALSE(maqet_file_users_locked(path));
    CU_ASSERT_FALSE(maqet_file_users_locked("/nonexistent/x"));
}

/* Shown are the program's base name and the beginning of its arguments, on one line. */
static void
test_command(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    _cleanup_file_users_ struct maqet_file_users users = {0};
    int input[2], ready[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe2(input, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(input[0], 0) == 0 && open(path, O_RDONLY) >= 0)
            execl("/bin/cat", "/some/where/cat", "-", "a\nb",
                  "/a/path/that/is/too/long/to/be/shown/as/a/whole/image", NULL);
        _exit(1);
    }
    close(ready[1]);
    /* The pipe closes with exec. */
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 0);
    CU_ASSERT_EQUAL(maqet_holders_find(&nowhere, path, &users, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(users.count, 1);
    CU_ASSERT_EQUAL(users.items[0].pid, child);
    UNIT_SAME(users.items[0].command,
              "cat - a?b /a/path/that/is/too/long/to/be/shown/as/a/whole/im...");
    UNIT_SAME(users.items[0].vm, NULL);
    child_end(child);
    close(ready[0]);
    close(input[0]);
    close(input[1]);
}

/* ---- machines of ours ---- */

struct scene {
    char *folder;
    char *image;
    struct maqet_context context;
    struct maqet_definition definition;
    struct maqet_drive drives[2];
    struct maqet_drive *pointers[2];
    struct maqet_vm vm;
};

/* The machine "web" with the drive "hdd" and an empty CD-ROM drive. Beside it stand the
 * stored machines "db" and "idle". */
static void
scene_begin(struct scene *scene)
{
    static const char *const stored[] = {"db", "idle"};

    *scene = (struct scene){.folder = unit_folder()};
    scene->image = unit_file(scene->folder, "disk", "x");
    scene->context.data_dir = maqet_format("%s/data", scene->folder);
    scene->context.runtime_dir = maqet_format("%s/run", scene->folder);
    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *folder =
            maqet_format("%s/vms/%s", scene->context.data_dir, stored[i]);

        CU_ASSERT_EQUAL_FATAL(maqet_dir_make(folder, 0700, NULL), 0);
        free(unit_file(folder, "vm.json", "{}"));
    }
    scene->definition =
        (struct maqet_definition){.name = "web", .tree = json_object_new_object()};
    scene->drives[0] = (struct maqet_drive){.name = "cd"};
    scene->drives[1] = (struct maqet_drive){.name = "hdd", .path = scene->image};
    scene->pointers[0] = &scene->drives[0];
    scene->pointers[1] = &scene->drives[1];
    scene->vm = (struct maqet_vm){
        .context = &scene->context,
        .definition = &scene->definition,
        .drives = scene->pointers,
        .drive_count = 2,
    };
}

static void
scene_clear(struct scene *scene)
{
    json_object_put(scene->definition.tree);
    maqet_context_clear(&scene->context);
    free(scene->image);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* A child in the place of QEMU of the machine "db". */
static pid_t
machine_new(const struct scene *scene)
{
    _cleanup_free_ char *run = maqet_store_file(&scene->context, "db", MAQET_STORE_RUN);

    return child_new((struct opened){.path = scene->image, .locked = true, .run = run});
}

static void
test_machine(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_file_users_ struct maqet_file_users users = {0};

    scene_begin(&scene);
    _cleanup_free_ char *idle = maqet_format("%s/idle", scene.context.runtime_dir);
    pid_t child = machine_new(&scene);
    CU_ASSERT_EQUAL(maqet_holders_find(&scene.context, scene.image, &users, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(users.count, 1);
    CU_ASSERT_EQUAL(users.items[0].pid, child);
    UNIT_SAME(users.items[0].vm, "db");
    /* Looking makes nothing. */
    CU_ASSERT_EQUAL(access(idle, F_OK), -1);
    child_end(child);
}

static void
test_text(void)
{
    struct maqet_file_user list[] = {
        {.pid = 1, .command = "qemu-system-x86_64 -name a", .vm = "a"},
        {.pid = 22, .command = "qemu-img convert x"},
        {.pid = 333, .command = "cp y"},
        {.pid = 4444, .command = "cat"},
        {.pid = 5, .command = "dd"},
        {.pid = 6, .command = "ls"},
    };
    static const char *const wanted[] = {
        "another process, which is not visible from here (of another user, or on "
        "another host)",
        "QEMU of VM 'a' (PID 1)",
        "QEMU of VM 'a' (PID 1) and 'qemu-img convert x' (PID 22)",
        "QEMU of VM 'a' (PID 1), 'qemu-img convert x' (PID 22) and 'cp y' "
        "(PID 333)",
        "QEMU of VM 'a' (PID 1), 'qemu-img convert x' (PID 22), 'cp y' "
        "(PID 333) and 'cat' (PID 4444)",
        "QEMU of VM 'a' (PID 1), 'qemu-img convert x' (PID 22), 'cp y' "
        "(PID 333), 'cat' (PID 4444) and 1 more",
        "QEMU of VM 'a' (PID 1), 'qemu-img convert x' (PID 22), 'cp y' "
        "(PID 333), 'cat' (PID 4444) and 2 more",
    };

    const struct maqet_file_users users = {list, sizeof(list) / sizeof(*list)};

    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        _cleanup_free_ char *text = maqet_file_users_text(&users, i);

        UNIT_SAME(text, wanted[i]);
    }
}

/* ---- QEMU's words ---- */

static void
test_conflicts(void)
{
    static const struct {
        const char *words;
        bool conflict;
    } cases[] = {
        {"QEMU: -blockdev {\"node-name\":\"hdd\"}: Failed to get \"write\" lock; Is "
         "another process using the image [/x]?",
         true},
        {"qemu-img failed: qemu-img: Could not open 'a': Failed to get shared \"write\" "
         "lock\nIs another process using the image [a]?",
         true},
        {"Failed to get \"consistent read\" lock", true},
        {"Failed to get shared \"consistent read\" lock", true},
        {"Failed to get \"resize\" lock", true},
        {"qemu-img: Could not open 'a': Failed to lock byte 100", true},
        {"Failed to get a word; Failed to get \"write\" lock", true},
        {"Failed to get \"write\" permission", false},
        {"Failed to get shared memory", false},
        {"Failed to get \"write", false},
        {"Failed to get ", false},
        {"Cannot open /x: Permission denied", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        maqet_error_set(&error, MAQET_ERROR_FAILED, "%s", cases[i].words);
        _cleanup_free_ char *got =
            maqet_format("%s: %d", cases[i].words, maqet_holders_is_conflict(error));
        _cleanup_free_ char *wanted =
            maqet_format("%s: %d", cases[i].words, cases[i].conflict);
        UNIT_SAME(got, wanted);
    }
    CU_ASSERT_FALSE(maqet_holders_is_conflict(NULL));
}

/* Explains QEMU's words about an image, and compares what comes of them. */
static void
check_explained(const struct scene *scene, const struct maqet_drive *drive,
                const char *words, const char *message, const char *hint)
{
    struct maqet_error *err = NULL;

    maqet_error_set(&err, MAQET_ERROR_FAILED, "%s", words);
    CU_ASSERT_EQUAL(maqet_holders_explain(&scene->vm, drive, &err), -1);
    UNIT_HINT(err, 0, hint);
    UNIT_ERROR(&err, MAQET_ERROR_BUSY, message);
}

#define LOCK "Failed to get \"write\" lock"

static void
test_explained(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    _cleanup_free_ char *words =
        maqet_format(LOCK "; Is another process using the image [%s]?", scene.image);
    _cleanup_free_ char *used =
        maqet_format("VM 'web': drive 'hdd': the image %s is in use by", scene.image);
    pid_t child = machine_new(&scene);
    pid_t reader = child_new((struct opened){.path = scene.image});
    _cleanup_free_ char *ours =
        maqet_format("%s QEMU of VM 'db' (PID %d)", used, (int)child);
    check_explained(&scene, NULL, words, ours, "Stop it first: maqet stop db");
    check_explained(&scene, &scene.drives[1], words, ours,
                    "Stop it first: maqet stop db");
    /* Where QEMU names no image, the drives are asked for theirs. */
    check_explained(&scene, NULL, LOCK, ours, "Stop it first: maqet stop db");
    check_explained(&scene, &scene.drives[1], "Failed to lock byte 100", ours,
                    "Stop it first: maqet stop db");
    child_end(child);

    /* Nobody whom we could see: it is us, and we never count. The reader is not to blame.
     */
    _cleanup_close_ int fd = open(scene.image, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL(maqet_lock_try(fd, NULL), 1);
    _cleanup_free_ char *unseen = maqet_format(
        "%s another process, which is not visible from here (of another user, or on "
        "another host)",
        used);
    _cleanup_free_ char *hint =
        maqet_format("Look for it as root: fuser -v '%s'", scene.image);
    check_explained(&scene, NULL, words, unseen, hint);
    child_end(reader);
}

/* A base, which only QEMU's words name, beside the drive in whose argument it stands. */
static void
test_explained_base(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    _cleanup_free_ char *base = unit_file(scene.folder, "odd]? base", "x");
    _cleanup_free_ char *of_drive =
        maqet_format("-blockdev {\"filename\":\"%s\"}: " LOCK
                     "\nIs another process using the image [%s]?\nmore",
                     scene.image, base);
    _cleanup_free_ char *of_user = maqet_format(
        "-drive file=x: " LOCK "; Is another process using the image [%s]?; more", base);
    pid_t child = child_new((struct opened){.path = base, .locked = true});
    _cleanup_file_users_ struct maqet_file_users users = {0};

    CU_ASSERT_EQUAL(maqet_holders_find(&nowhere, base, &users, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(users.count, 1);
    _cleanup_free_ char *used = maqet_format("the image %s is in use by '%s' (PID %d)",
                                             base, users.items[0].command, (int)child);
    _cleanup_free_ char *drive_used = maqet_format("VM 'web': drive 'hdd': %s", used);
    _cleanup_free_ char *user_used = maqet_format("VM 'web': %s", used);
    _cleanup_free_ char *hint =
        maqet_format("Wait until it has ended, or end it: kill %d", (int)child);
    check_explained(&scene, NULL, of_drive, drive_used, hint);
    check_explained(&scene, NULL, of_user, user_used, hint);
    child_end(child);
}

/* What is no conflict, and a conflict that is over, keep their words. */
static void
test_left_alone(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *err = NULL;

    scene_begin(&scene);
    pid_t child = machine_new(&scene);
    maqet_error_set(&err, MAQET_ERROR_NO_SPACE, "The disk is full");
    maqet_holders_explain(&scene.vm, NULL, &err);
    CU_ASSERT_EQUAL(err->hints.count, 0);
    UNIT_ERROR(&err, MAQET_ERROR_NO_SPACE, "The disk is full");
    child_end(child);

    child = child_new((struct opened){.path = scene.image});
    maqet_error_set(&err, MAQET_ERROR_FAILED, LOCK);
    maqet_holders_explain(&scene.vm, &scene.drives[1], &err);
    child_end(child);
    CU_ASSERT_EQUAL_FATAL(err->hints.count, 1);
    UNIT_HINT(err, 0,
              "Nobody has the image locked now: try again, unless this VM itself uses "
              "it twice");
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, LOCK);

    CU_ASSERT_EQUAL(maqet_holders_explain(&scene.vm, NULL, &err), -1);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(maqet_holders_explain(&scene.vm, NULL, NULL), -1);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"names of one file", test_names_of_one_file},
        {"a file that was made anew", test_made_anew},
        {"not ourselves", test_not_ourselves},
        {"a missing file", test_missing_file},
        {"locks", test_locks},
        {"the command", test_command},
        {"a machine of ours", test_machine},
        {"holders in words", test_text},
        {"words of a conflict", test_conflicts},
        {"a conflict explained", test_explained},
        {"a base in use", test_explained_base},
        {"what is left alone", test_left_alone},
        CU_TEST_INFO_NULL,
    };

    /* An old valgrind doesn't know the system call. */
    if (maqet_pidfd_open(getpid()) < 0 && errno == ENOSYS)
        return UNIT_SKIP;
    return unit_run("holders", tests);
}
