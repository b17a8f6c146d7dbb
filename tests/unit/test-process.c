/* SPDX-License-Identifier: MIT */
/* Helpers are run to their end: their words, their faults, their deadlines. */
#include "core/base/process.h"
#include "core/base/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "core/base/clock.h"
#include "tests/unit/unit.h"

static int
shell(const char *script, int64_t timeout, char **output, struct maqet_error **err)
{
    return maqet_process_run((const char *const[]){"sh", "-c", script, "sh", NULL},
                             timeout, output, err);
}

static size_t
count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void
test_output(void)
{
    _cleanup_free_ char *output = NULL, *nothing = NULL;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(shell("echo out; echo err >&2", -1, &output, &err), 0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(output, "out\n");
    CU_ASSERT_EQUAL(shell(":", -1, &nothing, &err), 0);
    UNIT_SAME(nothing, "");
    CU_ASSERT_EQUAL(shell("echo dropped", -1, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
}

static void
test_large_output(void)
{
    _cleanup_free_ char *output = NULL;
    struct maqet_error *err = NULL;

    /* More than a pipe holds, on both outputs at once. */
    CU_ASSERT_EQUAL(shell("head -c 300000 /dev/zero | tr '\\0' a >&2 & "
                          "head -c 300000 /dev/zero | tr '\\0' b; wait",
                          -1, &output, &err),
                    0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(strlen(output), 300000);
    CU_ASSERT_EQUAL(strspn(output, "b"), 300000);
}

/* Lines "1", "2", ... up to @count on standard error, and a failure. */
static struct maqet_error *
fail_with_lines(int count, const char *log)
{
    _cleanup_free_ char *script = maqet_format("seq %d >&2; exit 3", count);
    const struct maqet_process_manner manner = {.timeout = -1, .log = log};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_process_run_as((const char *const[]){"sh", "-c", script, NULL},
                                         &manner, NULL, &err),
                    -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    return err;
}

static void
test_last_lines(void)
{
    _cleanup_free_ char *folder = unit_folder();
    _cleanup_free_ char *log = maqet_format("%s/tool.log", folder);
    _cleanup_free_ char *nowhere = maqet_format("%s/none/tool.log", folder);
    _cleanup_free_ char *named = NULL, *data = NULL;
    struct stat status;
    size_t length;

    /* What fits is all in the message, and in no log. */
    _cleanup_error_ struct maqet_error *few = fail_with_lines(10, log);
    UNIT_SAME(few->message, "sh failed: 1\n2\n3\n4\n5\n6\n7\n8\n9\n10");
    CU_ASSERT_NOT_EQUAL(access(log, F_OK), 0);

    _cleanup_error_ struct maqet_error *many = fail_with_lines(66866, log);
    named = maqet_format("sh failed (all of its output, 66866 lines, is in %s):\n66857\n"
                         "66858\n66859\n66860\n66861\n66862\n66863\n66864\n66865\n66866",
                         log);
    UNIT_SAME(many->message, named);
    CU_ASSERT_EQUAL_FATAL(stat(log, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(log, 1 << 20, &data, &length, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(data, "$ sh -c seq 66866 >&2; exit 3\n1\n2\n3\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(data, "\n66866\n"));

    /* The next one replaces it; without a log, the lines alone. */
    _cleanup_error_ struct maqet_error *next = fail_with_lines(11, log);
    free(TAKE_PTR(data));
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(log, 1 << 20, &data, &length, NULL), 0);
    UNIT_SAME(data, "$ sh -c seq 11 >&2; exit 3\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n");
    _cleanup_error_ struct maqet_error *bare = fail_with_lines(11, nowhere);
    UNIT_SAME(bare->message, "sh failed (these are the last of 11 lines):\n"
                             "2\n3\n4\n5\n6\n7\n8\n9\n10\n11");
    maqet_dir_remove(folder, NULL);
}

/* More than is kept: the end is there all the same, and the log stays bounded. */
static void
test_endless_output(void)
{
    _cleanup_free_ char *folder = unit_folder();
    _cleanup_free_ char *log = maqet_format("%s/tool.log", folder);
    const struct maqet_process_manner manner = {.timeout = -1, .log = log};
    _cleanup_error_ struct maqet_error *err = NULL;
    struct stat status;

    CU_ASSERT_EQUAL(
        maqet_process_run_as(
            (const char *const[]){"sh", "-c",
                                  "head -c 40000000 /dev/zero | tr '\\0' a >&2; "
                                  "echo the end >&2; exit 1",
                                  NULL},
            &manner, NULL, &err),
        -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT(strlen(err->message) < MAQET_LAST_BYTES + 500);
    UNIT_SAME(err->message + strlen(err->message) - 7, "the end");
    CU_ASSERT_EQUAL_FATAL(stat(log, &status), 0);
    CU_ASSERT(status.st_size > 16 * 1024 * 1024 && status.st_size < 17 * 1024 * 1024);
    maqet_dir_remove(folder, NULL);
}

static int
run_as(const char *script, const struct maqet_process_manner *manner, char **output,
       struct maqet_error **err)
{
    return maqet_process_run_as((const char *const[]){"sh", "-c", script, NULL}, manner,
                                output, err);
}

/* Any exit code is good then, but there must be one. */
static void
test_exit_code(void)
{
    int exit_code = -1;
    const struct maqet_process_manner manner = {.timeout = -1, .exit_code = &exit_code};
    _cleanup_error_ struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(run_as("echo why >&2; exit 3", &manner, NULL, &err), 0);
    CU_ASSERT_EQUAL(exit_code, 3);
    CU_ASSERT_EQUAL(run_as("exit 127", &manner, NULL, &err), 0);
    CU_ASSERT_EQUAL(exit_code, 127);
    CU_ASSERT_EQUAL(run_as(":", &manner, NULL, &err), 0);
    CU_ASSERT_EQUAL(exit_code, 0);
    CU_ASSERT_EQUAL(run_as("kill -9 $$", &manner, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh was killed by signal 9 (Killed)");
}

/* A program that cannot be run is not one that has exited with some code. */
static void
test_cannot_be_run(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *tool = unit_file(folder, "tool", "#!/nowhere/interpreter\n");
    _cleanup_free_ char *message =
        maqet_format("Cannot run %s: %s", tool, strerror(ENOENT));
    int exit_code = -1;
    char *error_output = (char *)"never set";
    const struct maqet_process_manner manner = {
        .timeout = -1, .exit_code = &exit_code, .error_output = &error_output};
    struct maqet_error *err = NULL;

    if (unit_under_valgrind()) /* it looks for the interpreter by itself */
        return;
    CU_ASSERT_EQUAL(chmod(tool, 0755), 0);
    CU_ASSERT_EQUAL(
        maqet_process_run_as((const char *const[]){tool, NULL}, &manner, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, message);
    CU_ASSERT_EQUAL(exit_code, -1);
    CU_ASSERT_PTR_NULL(error_output);
    /* Longer than the kernel allows. */
    _cleanup_free_ char *word = maqet_alloc(4 << 20);
    memset(word, 'x', (4 << 20) - 1);
    CU_ASSERT_EQUAL(
        maqet_process_run((const char *const[]){"true", word, NULL}, -1, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "Cannot run true: Argument list too long");
}

/* More than a pipe holds, with zeros, for a program that reads and writes at once, and for
 * one that reads nothing. */
static void
test_input(void)
{
    enum { SIZE = 3 << 20 };
    _cleanup_free_ char *bytes = maqet_alloc(SIZE), *output = NULL;
    size_t size = 0;
    struct maqet_process_manner manner = {
        .timeout = -1, .input = bytes, .input_size = SIZE, .output_size = &size};
    struct maqet_error *err = NULL;

    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7 % 251);
    CU_ASSERT_EQUAL(run_as("exec cat", &manner, &output, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL_FATAL(size, SIZE);
    CU_ASSERT_EQUAL(memcmp(output, bytes, SIZE), 0);
    CU_ASSERT_EQUAL(output[SIZE], '\0');
    CU_ASSERT_EQUAL(run_as(":", &manner, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
    free(TAKE_PTR(output));
    manner.input_size = 0;
    CU_ASSERT_EQUAL(run_as("exec cat", &manner, &output, &err), 0);
    UNIT_SAME(output, "");
}

static void
test_environment(void)
{
    _cleanup_strings_ struct maqet_strings changes = MAQET_STRINGS_INIT;
    const struct maqet_process_manner manner = {.timeout = -1, .environment = &changes};
    _cleanup_free_ char *output = NULL;
    struct maqet_error *err = NULL;

    setenv("MAQET_UNIT_ONE", "1", 1);
    setenv("MAQET_UNIT_ONE_MORE", "2", 1);
    setenv("MAQET_UNIT_GONE", "3", 1);
    maqet_strings_add(&changes, "MAQET_UNIT_ONE=first");
    maqet_strings_add(&changes, "MAQET_UNIT_ONE=a = b");
    maqet_strings_add(&changes, "MAQET_UNIT_GONE");
    maqet_strings_add(&changes, "MAQET_UNIT_NEW=");
    CU_ASSERT_EQUAL(run_as("env | grep -E \"^MAQET_UNIT_(ONE|NEW|GONE)\" | sort", &manner,
                           &output, &err),
                    0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(output, "MAQET_UNIT_NEW=\nMAQET_UNIT_ONE=a = b\nMAQET_UNIT_ONE_MORE=2\n");
    UNIT_SAME(getenv("MAQET_UNIT_GONE"), "3"); /* ours stays */
    unsetenv("MAQET_UNIT_ONE");
    unsetenv("MAQET_UNIT_ONE_MORE");
    unsetenv("MAQET_UNIT_GONE");
}

/* A program that never stops writing is ended, if its output is wanted. */
static void
test_too_much_output(void)
{
    _cleanup_free_ char *output = NULL, *whole = NULL;
    struct maqet_error *err = NULL;
    size_t size = 0;
    const struct maqet_process_manner manner = {.timeout = -1, .output_size = &size};

    CU_ASSERT_EQUAL(run_as("exec yes", &manner, &output, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED,
               "sh wrote more than 16 MiB to its standard output and was stopped");
    CU_ASSERT_PTR_NULL(output);
    CU_ASSERT_EQUAL(run_as("exec head -c 16777216 /dev/zero", &manner, &whole, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(size, 16777216);
    CU_ASSERT_EQUAL(run_as("head -c 17777216 /dev/zero", &manner, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
}

/* The end of it, whatever became of the program. */
static void
test_error_output(void)
{
    char *text = NULL;
    const struct maqet_process_manner manner = {.timeout = -1, .error_output = &text};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(run_as("echo out; echo one >&2; echo two >&2", &manner, NULL, &err),
                    0);
    UNIT_SAME(text, "one\ntwo\n");
    free(text);
    CU_ASSERT_EQUAL(run_as("exit 1", &manner, NULL, &err), -1);
    maqet_error_clear(&err);
    UNIT_SAME(text, "");
    free(text);
    CU_ASSERT_EQUAL(run_as("head -c 40000000 /dev/zero | tr '\\0' a >&2; echo end >&2; "
                           "exit 1",
                           &manner, NULL, &err),
                    -1);
    maqet_error_clear(&err);
    CU_ASSERT_EQUAL_FATAL(strlen(text), 65536);
    UNIT_SAME(text + 65536 - 5, "aend\n");
    free(text);
}

static void
test_arguments_are_not_interpreted(void)
{
    _cleanup_free_ char *output = NULL;
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_process_run((const char *const[]){"printf", "[%s]", "a b",
                                                            "$HOME", "", "'*", NULL},
                                      -1, &output, &err),
                    0);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(output, "[a b][$HOME][]['*]");
}

static void
test_failures(void)
{
    struct maqet_error *err = NULL;
    char *output = NULL;

    CU_ASSERT_EQUAL(
        shell("echo; echo bad >&2; echo worse >&2; exit 3", -1, &output, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh failed: bad\nworse");
    CU_ASSERT_PTR_NULL(output);
    CU_ASSERT_EQUAL(shell("exit 3", -1, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh failed with exit status 3");
    CU_ASSERT_EQUAL(shell("kill -9 $$", -1, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh was killed by signal 9 (Killed)");
    CU_ASSERT_EQUAL(shell("exit 3", -1, NULL, NULL), -1);
}

static void
test_missing_program(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(
        maqet_process_run((const char *const[]){"maqet-no-such-program", NULL}, -1, NULL,
                          &err),
        -1);
    /* Only of QEMU's own we know where they come from. */
    CU_ASSERT_EQUAL_FATAL(err->hints.count, 1);
    UNIT_HINT(err, 0, "Install it, or add its folder to PATH");
    UNIT_ERROR(&err, MAQET_ERROR_FAILED,
               "The program maqet-no-such-program was not found in PATH");
}

/* The kernel tells nobody how a child has ended then. */
static void
test_unknown_end_is_no_success(void)
{
    struct maqet_error *err = NULL;

    signal(SIGCHLD, SIG_IGN);
    CU_ASSERT_EQUAL(shell("exit 3", -1, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh failed with exit status 255");
    CU_ASSERT_EQUAL(shell("exit 3", unit_patience(60000), NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "sh failed with exit status 255");
    signal(SIGCHLD, SIG_DFL);
    CU_ASSERT_EQUAL(shell("exit 0", -1, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
}

static void
test_deadline(void)
{
    struct maqet_error *err = NULL;
    int64_t start = maqet_now();

    CU_ASSERT_EQUAL(shell("exec sleep 100000", 1000, NULL, &err), -1);
    CU_ASSERT_TRUE(maqet_now() - start >= 1000);
    UNIT_ERROR(&err, MAQET_ERROR_TIMEOUT, "sh took longer than 1 s and was stopped");
    CU_ASSERT_EQUAL(shell("echo in time", unit_patience(60000), NULL, &err), 0);
    UNIT_NO_ERROR(&err);
}

/* Its outputs are at their end long before it is. */
static void
test_deadline_without_outputs(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(shell("exec sleep 100000 >&- 2>&-", 1000, NULL, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_TIMEOUT, "sh took longer than 1 s and was stopped");
}

static void
test_nothing_is_inherited(void)
{
    _cleanup_free_ char *input = NULL, *signals = NULL;
    struct maqet_error *err = NULL;
    sigset_t all, before;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    shell("grep SigBlk /proc/self/status", -1, &signals, &err);
    sigprocmask(SIG_SETMASK, &before, NULL);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(signals, "SigBlk:\t0000000000000000\n");
    _cleanup_close_ int ours = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 200);
    /* One that a plugin has opened without O_CLOEXEC. */
    _cleanup_close_ int leaked = fcntl(STDERR_FILENO, F_DUPFD, 210);
    _cleanup_free_ char *script = maqet_format(
        "[ ! -e /proc/$$/fd/%d ] && [ ! -e /proc/$$/fd/%d ] && [ -e /proc/$$/fd/2 ] && "
        "[ ! -e /proc/$$/fd/3 ]",
        ours, leaked);
    CU_ASSERT_EQUAL(shell(script, -1, NULL, &err), 0);
    UNIT_NO_ERROR(&err);
    shell("cat", -1, &input, &err); /* it would wait for ever, were it our terminal */
    UNIT_NO_ERROR(&err);
    UNIT_SAME(input, "");
}

static void
test_nothing_leaks(void)
{
    size_t before = count_descriptors();

    shell("echo x", -1, NULL, NULL);
    shell("exit 1", -1, NULL, NULL);
    shell("exec sleep 100000", 10, NULL, NULL);
    CU_ASSERT_EQUAL(count_descriptors(), before);
}

static void
test_find(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *tool = unit_file(folder, "maqet-tool", "#!/bin/sh\n");
    _cleanup_free_ char *inner = maqet_format("%s/first/maqet-tool", folder);
    _cleanup_free_ char *path = maqet_format("/nowhere:%s/first:%s", folder, folder);
    _cleanup_free_ char *empties = maqet_format(":.:%s:", folder);
    _cleanup_free_ char *before = maqet_strdup(getenv("PATH"));

    setenv("PATH", path, 1);
    CU_ASSERT_PTR_NULL(maqet_process_find("maqet-tool")); /* may not be executed */
    CU_ASSERT_EQUAL(chmod(tool, 0755), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(inner, 0755, NULL), 0); /* a folder of that name */
    _cleanup_free_ char *found = maqet_process_find("maqet-tool");
    UNIT_SAME(found, tool);
    _cleanup_free_ char *by_path = maqet_process_find(tool);
    UNIT_SAME(by_path, tool);
    CU_ASSERT_PTR_NULL(maqet_process_find("/nowhere/maqet-tool"));
    CU_ASSERT_PTR_NULL(maqet_process_find(folder));
    CU_ASSERT_PTR_NULL(maqet_process_find("maqet-no-such-program"));
    setenv("PATH", empties, 1);
    _cleanup_free_ char *last = maqet_process_find("maqet-tool");
    UNIT_SAME(last, tool);
    setenv("PATH", ":", 1); /* empty entries are not the current folder */
    CU_ASSERT_PTR_NULL(maqet_process_find("maqet-tool"));
    unsetenv("PATH");
    _cleanup_free_ char *standard = maqet_process_find("sh");
    CU_ASSERT_PTR_NOT_NULL(standard);
    if (before)
        setenv("PATH", before, 1);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"output", test_output},
        {"large outputs", test_large_output},
        {"the last lines and the log", test_last_lines},
        {"output without end", test_endless_output},
        {"an exit code", test_exit_code},
        {"a program that cannot be run", test_cannot_be_run},
        {"what it reads", test_input},
        {"its environment", test_environment},
        {"too much output", test_too_much_output},
        {"what it complains of", test_error_output},
        {"arguments are not interpreted", test_arguments_are_not_interpreted},
        {"failures", test_failures},
        {"a missing program", test_missing_program},
        {"an end that nobody knows is no success", test_unknown_end_is_no_success},
        {"a deadline", test_deadline},
        {"a deadline without outputs", test_deadline_without_outputs},
        {"nothing is inherited", test_nothing_is_inherited},
        {"nothing leaks", test_nothing_leaks},
        {"finding a program", test_find},
        CU_TEST_INFO_NULL,
    };

    return unit_run("process", tests);
}
