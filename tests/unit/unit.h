/* SPDX-License-Identifier: MIT */
/*
 * unit.h - what the unit tests share: a program is a table of tests and one call,
 *
 *     int
 *     main(void)
 *     {
 *         CU_TestInfo tests[] = {
 *             {"what is shown", test_what_is_shown},
 *             CU_TEST_INFO_NULL,
 *         };
 *
 *         return unit_run("module", tests);
 *     }
 *
 * and checks whose failures say what was there instead.
 */
#ifndef MAQET_UNIT_H
#define MAQET_UNIT_H

#include <CUnit/Basic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/hints.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/removal.h"
#include "core/base/procfs.h"
#include "core/base/replacement.h"
#include "tests/slow.h"

/* How many of so many similar cases are to be tried: all of them, and a fifth where only
 * the memory is watched, since that takes twenty times as long (unit-under-valgrind.sh). */
static inline int
unit_rounds(int all)
{
    return getenv("MAQET_UNIT_BRIEF") ? all / 5 : all;
}

/* Runs the tests, ends with CUnit's summary, and returns the program's exit code. */
/* Whether the test runs under valgrind, which does some of the kernel's work by itself. */
static inline bool
unit_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return preloaded && strstr(preloaded, "vgpreload");
}

static inline int
unit_run(const char *suite, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{.pName = suite, .pTests = tests}, CU_SUITE_INFO_NULL};

    if (CU_initialize_registry() != CUE_SUCCESS ||
        CU_register_suites(suites) != CUE_SUCCESS)
        return 99; /* the test harness's word for "could not even begin" */
    /* Each test is named before it runs, and what it printed is in the log also when it
     * hangs or a child of its ends: nothing waits in a buffer. */
    setvbuf(stdout, NULL, _IONBF, 0);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    bool failed = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return failed;
}

/*
 * How long to wait, in @ms, for what should come, times MAQET_TEST_SLOW. It is a bound,
 * so that a test ends when something is broken; no test depends on how quick anything is.
 */
static inline int64_t
unit_patience(int64_t ms)
{
    return slow_ms(ms);
}

/* Ends the loop of a test that waits for a condition and has waited too long, as a
 * failure. */
#define UNIT_EVENTUALLY(condition)                                                       \
    do {                                                                                 \
        int64_t unit_end = maqet_now() + unit_patience(60000);                           \
        bool unit_met;                                                                   \
                                                                                         \
        while (!(unit_met = (condition)) && maqet_now() < unit_end)                      \
            poll(NULL, 0, 1);                                                            \
        CU_ASSERT_TRUE(unit_met);                                                        \
    } while (0)

/*
 * Waits until a process sleeps, which it does when it waits for something: for a child
 * that is to act only when its parent already waits for that.
 */
static inline void
unit_await_sleep(pid_t pid)
{
    int64_t end = maqet_now() + unit_patience(60000);
    char state;

    do {
        poll(NULL, 0, 5);
        state = maqet_procfs_state((int)pid);
        if (state == '\0' || state == 'S')
            return;
    } while (maqet_now() < end);
}

/* Two texts are the same; either may be NULL. */
#define UNIT_SAME(actual, wanted) unit_same(actual, wanted, __FILE__, __LINE__)

static inline void
unit_same(const char *actual, const char *wanted, const char *file, unsigned line)
{
    bool same = actual == wanted || (actual && wanted && strcmp(actual, wanted) == 0);
    _cleanup_free_ char *words =
        maqet_format("\n      wanted: %s\n      got:    %s", wanted ? wanted : "NULL",
                     actual ? actual : "NULL");

    CU_assertImplementation(same, line, words, file, "", CU_FALSE);
}

/* The hint of an error at an index says this to people; NULL: there is none. */
#define UNIT_HINT(error, index, wanted)                                                  \
    unit_hint(error, index, wanted, __FILE__, __LINE__)

static inline void
unit_hint(const struct maqet_error *error, size_t index, const char *wanted,
          const char *file, unsigned line)
{
    _cleanup_free_ char *text = error && index < error->hints.count
                                    ? hint_text(&error->hints.items[index])
                                    : NULL;

    unit_same(text, wanted, file, line);
}

/* The error has this code and exactly this message. It is freed, to be used again. */
#define UNIT_ERROR(err, code, message) unit_error(err, code, message, __FILE__, __LINE__)

static inline void
unit_error(struct maqet_error **err, enum maqet_error_code code, const char *message,
           const char *file, unsigned line)
{
    unit_same(*err ? (*err)->message : NULL, message, file, line);
    unit_same(*err ? maqet_error_code_name((*err)->code) : NULL,
              maqet_error_code_name(code), file, line);
    maqet_error_free(*err);
    *err = NULL;
}

/* There is no error. It is freed, to be used again. */
#define UNIT_NO_ERROR(err) unit_no_error(err, __FILE__, __LINE__)

static inline void
unit_no_error(struct maqet_error **err, const char *file, unsigned line)
{
    unit_same(*err ? (*err)->message : NULL, NULL, file, line);
    maqet_error_free(*err);
    *err = NULL;
}

/* A new folder for a test's files, and its removal. Declare it with _cleanup_folder_. */
static inline char *
unit_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *pattern = maqet_format("%s/maqet-unit-XXXXXX", base && *base ? base : "/tmp");

    if (!mkdtemp(pattern))
        abort();
    char *path = realpath(pattern, NULL);
    free(pattern);
    return path;
}

static inline void
unit_remove_folder(char **path)
{
    maqet_dir_remove(*path, NULL);
    free(*path);
}

#define _cleanup_folder_ _cleanup_(unit_remove_folder)

/* Writes a file into such a folder. Returns its path; the caller frees. */
static inline char *
unit_file(const char *folder, const char *name, const char *text)
{
    char *path = maqet_format("%s/%s", folder, name);

    if (maqet_file_replace(path, text, strlen(text), 0644, NULL) < 0)
        abort();
    return path;
}

/* Begins, or ends, a time in which no file can be written, as on a disk that is full. */
static inline void
unit_disk_full(bool full)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
    limit.rlim_cur = full ? 0 : limit.rlim_max;
    signal(SIGXFSZ, full ? SIG_IGN : SIG_DFL);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        abort();
}

#endif
