/* SPDX-License-Identifier: MIT */
/* Paths, folders, files that are replaced whole, and locks. */
#include "core/base/files.h"
#include "core/base/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/base/replacement.h"
#include "tests/unit/unit.h"

/* ---- paths ---- */

static void
test_absolute(void)
{
    static const char *const cases[][2] = {
        {"disk", "/vms/disk"},
        {"a/b", "/vms/a/b"},
        {"./a/./b", "/vms/a/b"},
        {"../a", "/vms/../a"},
        {"/a//b/", "/a/b"},
        {"/", "/"},
        {"//", "/"},
        {".", "/vms"},
        {"", "/vms"},
        {"~", "/home/me"},
        {"~/a b", "/home/me/a b"},
        {"a~", "/vms/a~"},
        {"~no-such-user/a", "/vms/~no-such-user/a"},
        {"...", "/vms/..."},
    };
    _cleanup_free_ char *home = maqet_strdup(getenv("HOME"));
    const struct passwd *root = getpwnam("root");

    setenv("HOME", "/home/me", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *path = maqet_path_absolute(cases[i][0], "/vms");

        UNIT_SAME(path, cases[i][1]);
    }
    if (root) {
        _cleanup_free_ char *path = maqet_path_absolute("~root/x", "/vms");
        _cleanup_free_ char *wanted = maqet_format("%s/x", root->pw_dir);
        UNIT_SAME(path, wanted);
    }
    setenv("HOME", "relative", 1); /* is not believed */
    _cleanup_free_ char *path = maqet_path_absolute("~", "/vms");
    CU_ASSERT_EQUAL(path[0], '/');
    CU_ASSERT_PTR_NULL(strstr(path, "relative"));
    if (home)
        setenv("HOME", home, 1);
}

static void
test_path_of_fd(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *found = maqet_path_of_fd(fd);

    UNIT_SAME(found, path);
    CU_ASSERT_PTR_NULL(maqet_path_of_fd(-1));
}

/* ---- folders ---- */

static mode_t
mode_of(const char *path)
{
    struct stat status = {0};

    CU_ASSERT_EQUAL(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void
test_make(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/a/b/c", folder);
    _cleanup_free_ char *above = maqet_format("%s/a/b", folder);
    _cleanup_free_ char *file = unit_file(folder, "file", "");
    _cleanup_free_ char *below = maqet_format("%s/file/x", folder);
    _cleanup_free_ char *message =
        maqet_format("Cannot create the folder %s: Not a directory", file);
    struct maqet_error *err = NULL;
    mode_t mask = umask(022);

    CU_ASSERT_EQUAL(maqet_dir_make(path, 0700, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(mode_of(path), 0700);
    CU_ASSERT_EQUAL(mode_of(above), 0700);
    CU_ASSERT_EQUAL(maqet_dir_make(path, 0755, &err), 0);
    CU_ASSERT_EQUAL(mode_of(path), 0700);
    CU_ASSERT_EQUAL(maqet_dir_make("/", 0700, &err), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(below, 0700, &err), -1);
    UNIT_SAME(err->message + strlen(err->message) - 15, "Not a directory");
    maqet_error_free(err);
    err = NULL;
    CU_ASSERT_EQUAL(maqet_dir_make(file, 0700, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, message);
    umask(mask);
}

static void
test_open_private(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/private", folder);
    struct maqet_error *err = NULL;
    _cleanup_close_ int fd = maqet_dir_open_own(path, O_NOFOLLOW, &err);

    UNIT_NO_ERROR(&err);
    CU_ASSERT_TRUE(fd >= 0);
    CU_ASSERT_EQUAL(mode_of(path), 0700);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CU_ASSERT_EQUAL(chmod(path, 0777), 0);
    _cleanup_free_ char *open_to_all =
        maqet_format("%s is writable by other users", path);
    CU_ASSERT_EQUAL(maqet_dir_open_own(path, O_NOFOLLOW, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_PERMISSION, open_to_all);
    CU_ASSERT_EQUAL(mode_of(path), 0777); /* it is not ours to change */
    CU_ASSERT_EQUAL(chmod(path, 0755), 0);
    _cleanup_close_ int again = maqet_dir_open_own(path, O_NOFOLLOW, &err);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_TRUE(again >= 0);
    _cleanup_free_ char *link = maqet_format("%s/link", folder);
    CU_ASSERT_EQUAL(symlink(path, link), 0);
    CU_ASSERT_EQUAL(maqet_dir_open_own(link, O_NOFOLLOW, &err), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_PERMISSION);
    maqet_error_free(TAKE_PTR(err));
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
        _cleanup_free_ char *message =
            maqet_format("%s belongs to another user (uid 12345)", path);
        CU_ASSERT_EQUAL(maqet_dir_open_own(path, O_NOFOLLOW, &err), -1);
        UNIT_ERROR(&err, MAQET_ERROR_PERMISSION, message);
    }
}

static void
test_list_and_remove(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *top = maqet_format("%s/top", folder);
    _cleanup_free_ char *inner = maqet_format("%s/inner/more", top);
    _cleanup_free_ char *link = maqet_format("%s/link", top);
    _cleanup_free_ char *kept = maqet_format("%s/kept", folder);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_dir_make(inner, 0700, NULL), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(kept, 0700, NULL), 0);
    free(unit_file(kept, "file", "kept"));
    free(unit_file(top, ".hidden", ""));
    free(unit_file(inner, "b", ""));
    CU_ASSERT_EQUAL(symlink(kept, link), 0);
    CU_ASSERT_EQUAL(maqet_dir_list(top, &names, &err), 0);
    _cleanup_free_ char *joined = maqet_strings_join(&names, " ");
    UNIT_SAME(joined, ".hidden inner link");

    CU_ASSERT_EQUAL(maqet_dir_remove(top, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(access(top, F_OK), -1);
    CU_ASSERT_EQUAL(maqet_dir_remove(top, &err), 0); /* it is gone: fine */
    UNIT_NO_ERROR(&err);

    /* A link is followed neither inside nor at the top. */
    _cleanup_free_ char *file = maqet_format("%s/file", kept);
    _cleanup_free_ char *message =
        maqet_format("Cannot delete the folder %s/link: Not a directory", folder);
    _cleanup_free_ char *link_at_top = maqet_format("%s/link", folder);
    CU_ASSERT_EQUAL(access(file, F_OK), 0);
    CU_ASSERT_EQUAL(symlink(kept, link_at_top), 0);
    CU_ASSERT_EQUAL(maqet_dir_remove(link_at_top, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, message);
    CU_ASSERT_EQUAL(access(file, F_OK), 0);
}

static void
test_list_faults(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *nowhere = maqet_format("%s/nowhere", folder);
    _cleanup_free_ char *file = unit_file(folder, "file", "");
    _cleanup_free_ char *message = maqet_format("Cannot read %s: Not a directory", file);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_dir_list(nowhere, &names, &err), 0);
    CU_ASSERT_EQUAL(names.count, 0);
    CU_ASSERT_EQUAL(maqet_dir_list(file, &names, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, message);
}

/* ---- files ---- */

static void
test_read(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "hello");
    _cleanup_free_ char *larger = maqet_format("%s is larger than 4B", path);
    _cleanup_free_ char *is_folder = maqet_format("%s is a folder, not a file", folder);
    _cleanup_free_ char *data = NULL;
    struct maqet_error *err = NULL;
    size_t length = 0;

    CU_ASSERT_EQUAL(maqet_file_read(path, 5, &data, &length, &err), 0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(data, "hello");
    CU_ASSERT_EQUAL(length, 5);
    CU_ASSERT_EQUAL(maqet_file_read(path, 4, &data, &length, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, larger);
    CU_ASSERT_EQUAL(maqet_file_read(folder, 4, &data, &length, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, is_folder);
    CU_ASSERT_EQUAL(maqet_file_read("/nowhere", 4, &data, &length, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING,
               "Cannot read /nowhere: No such file or directory");
}

static void
test_read_odd_files(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *fifo = maqet_format("%s/fifo", folder);
    _cleanup_free_ char *nothing = NULL, *status = NULL;
    struct maqet_error *err = NULL;
    size_t length = 42;

    /* Nobody writes to it: it is empty, and nobody waits. */
    CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
    CU_ASSERT_EQUAL(maqet_file_read(fifo, 100, &nothing, &length, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(length, 0);
    UNIT_SAME(nothing, "");
    CU_ASSERT_EQUAL(maqet_file_read("/proc/self/status", 1 << 20, &status, NULL, &err),
                    0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_TRUE(maqet_text_starts(status, "Name:"));
}

static void
test_read_pipe(void)
{
    _cleanup_free_ char *data = NULL;
    struct maqet_error *err = NULL;
    size_t length = 0;
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        unit_await_sleep(getppid());
        _exit(write(ends[1], "late", 4) != 4);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(maqet_fd_read(ends[0], "a pipe", 100, &data, &length, &err), 0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(data, "late");
    CU_ASSERT_EQUAL(length, 4);
    CU_ASSERT_EQUAL(close(ends[0]), 0); /* it stayed open */
    CU_ASSERT_EQUAL(maqet_fd_read(-1, "a pipe", 100, &data, &length, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "Cannot read a pipe: Bad file descriptor");
    waitpid(child, NULL, 0);
}

static void
test_replace(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "old");
    _cleanup_free_ char *data = NULL;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_close_ int before = open(path, O_RDONLY | O_CLOEXEC);
    struct maqet_error *err = NULL;
    size_t length = 0;
    char old[4] = "";

    CU_ASSERT_EQUAL(maqet_file_replace(path, "new\0er", 6, 0600, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(maqet_file_read(path, 100, &data, &length, NULL), 0);
    CU_ASSERT_EQUAL(length, 6);
    CU_ASSERT_EQUAL(memcmp(data, "new\0er", 7), 0);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    /* Who reads the old file goes on reading the old file. */
    CU_ASSERT_EQUAL(read(before, old, 3), 3);
    UNIT_SAME(old, "old");
    maqet_dir_list(folder, &names, NULL);
    CU_ASSERT_EQUAL(names.count, 1);
}

/* ---- what was left of a replacement ---- */

static bool
is_file(const char *name)
{
    return strcmp(name, "file") == 0;
}

/* A writer that has died, as he would be killed before the file gets its name. */
static void
leave_half(const char *path)
{
    pid_t child = fork();

    if (child == 0) {
        struct maqet_replacement replacement;

        if (maqet_replacement_begin(path, &replacement, NULL) == 0)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static size_t
count_files(const char *folder)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list(folder, &names, NULL), 0);
    return names.count;
}

static void
test_sweep(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/file", folder);
    _cleanup_free_ char *other = maqet_format("%s/other", folder);
    _cleanup_free_ char *link = maqet_format("%s/.file.maqet-abcdef", folder);
    _cleanup_replacement_ struct maqet_replacement replacement;

    leave_half(path);
    leave_half(other);
    CU_ASSERT_EQUAL(maqet_replacement_begin(path, &replacement, NULL), 0);
    CU_ASSERT_EQUAL(symlink("target", link), 0);
    free(unit_file(folder, "target", "x"));
    free(unit_file(folder, ".file.maqet-abcde", "x"));
    free(unit_file(folder, "file.maqet-abcdef", "x"));
    CU_ASSERT_EQUAL(count_files(folder), 7);
    maqet_dir_sweep(folder, is_file);
    CU_ASSERT_EQUAL(count_files(folder), 6);
    maqet_dir_sweep(folder, NULL);
    CU_ASSERT_EQUAL(count_files(folder), 5);
    /* What is being written comes to its end. */
    CU_ASSERT_EQUAL(maqet_replacement_finish(&replacement, "new", 3, 0600, NULL), 0);
    maqet_dir_sweep(folder, NULL);
    CU_ASSERT_EQUAL(count_files(folder), 5);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    maqet_dir_sweep("/nowhere", NULL);
}

static void
test_replace_here(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *here = realpath(".", NULL);
    _cleanup_free_ char *data = NULL;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
    CU_ASSERT_EQUAL(maqet_file_replace("file", "x", 1, 0600, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(maqet_file_read("file", 100, &data, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(data, "x");
    CU_ASSERT_EQUAL(chdir(here), 0);
}

static void
test_replace_faults(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *nowhere = maqet_format("%s/none/file", folder);
    _cleanup_free_ char *taken = maqet_format("%s/taken", folder);
    _cleanup_free_ char *missing =
        maqet_format("Cannot write %s: No such file or directory", nowhere);
    _cleanup_free_ char *is_folder =
        maqet_format("Cannot write %s: Is a directory", taken);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_file_replace(nowhere, "x", 1, 0600, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, missing);
    CU_ASSERT_EQUAL(mkdir(taken, 0700), 0);
    CU_ASSERT_EQUAL(maqet_file_replace(taken, "x", 1, 0600, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, is_folder);
    maqet_dir_list(folder, &names, NULL);
    CU_ASSERT_EQUAL(names.count, 1); /* no temporary file stays behind */
}

/* What is mounted below it is left as it is. */
static void
test_mounted(void)
{
    _cleanup_free_ char *top = unit_folder();
    _cleanup_free_ char *folder = maqet_format("%s/a", top);
    _cleanup_free_ char *below = maqet_format("%s/a/b", top);
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(mkdir(folder, 0700), 0);
    CU_ASSERT_EQUAL(mkdir(below, 0700), 0);
    if (mount("maqet", below, "tmpfs", 0, NULL) < 0)
        return; /* only root can, and not everywhere */
    _cleanup_free_ char *file = unit_file(below, "kept", "text");
    CU_ASSERT_EQUAL(maqet_dir_remove(folder, &err), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_BUSY);
    maqet_error_free(TAKE_PTR(err));
    CU_ASSERT_EQUAL(access(file, F_OK), 0);
    CU_ASSERT_EQUAL(umount(below), 0);
    CU_ASSERT_EQUAL(maqet_dir_remove(folder, &err), 0);
    UNIT_NO_ERROR(&err);
}

static void
test_ids(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "x");
    _cleanup_free_ char *link_path = maqet_format("%s/link", folder);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct maqet_file_id opened, named, linked, replaced;

    CU_ASSERT_EQUAL(symlink(path, link_path), 0);
    CU_ASSERT_TRUE(maqet_file_id_of_fd(fd, &opened));
    CU_ASSERT_TRUE(maqet_file_id_of_path(path, &named));
    CU_ASSERT_TRUE(maqet_file_id_equal(&opened, &named));
    CU_ASSERT_TRUE(maqet_file_id_of_path(link_path, &linked));
    CU_ASSERT_FALSE(maqet_file_id_equal(&opened, &linked));
    CU_ASSERT_EQUAL(maqet_file_replace(path, "x", 1, 0600, NULL), 0);
    CU_ASSERT_TRUE(maqet_file_id_of_path(path, &replaced));
    CU_ASSERT_FALSE(maqet_file_id_equal(&opened, &replaced));
    CU_ASSERT_FALSE(maqet_file_id_of_path("/nowhere", &named));
    CU_ASSERT_FALSE(maqet_file_id_of_fd(-1, &named));
}

/* ---- locks ---- */

static int
open_lock(const char *folder)
{
    _cleanup_free_ char *path = maqet_format("%s/lock", folder);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static void
test_locks(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    int first = open_lock(folder);
    _cleanup_close_ int second = open_lock(folder);
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_lock_held(second, &err), 0);
    CU_ASSERT_EQUAL(maqet_lock_try(first, &err), 1);
    CU_ASSERT_EQUAL(maqet_lock_try(first, &err), 1); /* it is ours already */
    CU_ASSERT_EQUAL(maqet_lock_held(first, &err), 0);
    CU_ASSERT_EQUAL(maqet_lock_held(second, &err), 1);
    CU_ASSERT_EQUAL(maqet_lock_try(second, &err), 0);
    close(first);
    CU_ASSERT_EQUAL(maqet_lock_held(second, &err), 0);
    CU_ASSERT_EQUAL(maqet_lock_try(second, &err), 1);
    UNIT_NO_ERROR(&err);
}

static void
test_lock_wait(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    int first = open_lock(folder);
    _cleanup_close_ int second = open_lock(folder);
    struct maqet_error *err = NULL;
    int told[2];

    CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
    CU_ASSERT_EQUAL(maqet_lock_wait(first, 0, "x", &err), 0);
    int64_t start = maqet_now();
    CU_ASSERT_EQUAL(maqet_lock_wait(second, 100, "VM 'x'", &err), -1);
    CU_ASSERT_TRUE(maqet_now() - start >= 100);
    UNIT_ERROR(&err, MAQET_ERROR_TIMEOUT,
               "Another maqet process has been working on VM 'x' for 0.1 s");

    /* A child that inherits the descriptor keeps the lock, until it dies. */
    pid_t child = fork();
    if (child == 0) {
        char byte;

        if (read(told[0], &byte, 1) == 1)
            unit_await_sleep(getppid());
        _exit(0);
    }
    close(first);
    CU_ASSERT_EQUAL(maqet_lock_held(second, &err), 1);
    CU_ASSERT_EQUAL(write(told[1], "", 1), 1);
    CU_ASSERT_EQUAL(maqet_lock_wait(second, unit_patience(60000), "x", &err), 0);
    UNIT_NO_ERROR(&err);
    close(told[0]);
    close(told[1]);
    waitpid(child, NULL, 0);
}

static void
test_lock_faults(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_lock_try(-1, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "Cannot lock a file: Bad file descriptor");
    CU_ASSERT_EQUAL(maqet_lock_held(-1, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "Cannot query a lock: Bad file descriptor");
    CU_ASSERT_EQUAL(maqet_lock_wait(-1, 5000, "x", &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "Cannot lock a file: Bad file descriptor");
}

static void
test_mark(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "a");
    _cleanup_free_ char *link = maqet_format("%s/link", folder);
    _cleanup_free_ char *before = maqet_file_mark(path);

    CU_ASSERT_PTR_NOT_NULL_FATAL(before);
    CU_ASSERT_EQUAL(symlink("file", link), 0);
    _cleanup_free_ char *by_link = maqet_file_mark(link);
    UNIT_SAME(by_link, before);
    free(unit_file(folder, "file", "ab"));
    _cleanup_free_ char *after = maqet_file_mark(path);
    CU_ASSERT_STRING_NOT_EQUAL(after, before);
    unlink(path);
    CU_ASSERT_PTR_NULL(maqet_file_mark(path));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"absolute paths", test_absolute},
        {"the path of a descriptor", test_path_of_fd},
        {"folders are made", test_make},
        {"private folders", test_open_private},
        {"folders are listed and removed", test_list_and_remove},
        {"what cannot be listed", test_list_faults},
        {"a file is read", test_read},
        {"odd files are read", test_read_odd_files},
        {"a pipe is read", test_read_pipe},
        {"a file is replaced", test_replace},
        {"a file is replaced here", test_replace_here},
        {"what was left is swept", test_sweep},
        {"what cannot be replaced", test_replace_faults},
        {"a mount in a folder that is deleted", test_mounted},
        {"what tells files apart", test_ids},
        {"locks", test_locks},
        {"waiting for a lock", test_lock_wait},
        {"what cannot be locked", test_lock_faults},
        {"the mark of a file", test_mark},
        CU_TEST_INFO_NULL,
    };

    return unit_run("files", tests);
}
