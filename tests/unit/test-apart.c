/* SPDX-License-Identifier: MIT */
#include "core/base/apart.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define PATIENCE unit_patience(60000)
enum { SHORT = 300 /* ms */ };

/* What a word makes the child do. */
static json_object *
behave(void *data, struct maqet_error **err)
{
    const char *word = data;

    if (strcmp(word, "crash") == 0)
        raise(SIGABRT);
    if (strcmp(word, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(word, "exit") == 0)
        _exit(3);
    if (strcmp(word, "print") == 0)
        printf("it prints\n");
    if (strcmp(word, "leave") == 0 && fork() == 0)
        for (;;)
            pause();
    if (strcmp(word, "fail") == 0) {
        maqet_error_set(err, MAQET_ERROR_BUSY, "somebody has it");
        maqet_error_hint(err, "ask them");
        maqet_error_hint(err, "or wait");
        return NULL;
    }
    return strcmp(word, "nothing") == 0 ? NULL : json_object_new_string(word);
}

static void
check_failure(const char *word, int64_t timeout, enum maqet_error_code code,
              const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_apart(behave, (void *)word, timeout, NULL, &error));
    UNIT_ERROR(&error, code, message);
}

static void
check_success(const char *word, const char *wanted)
{
    struct maqet_error *error = NULL;
    char *printed = NULL;
    json_object *found = maqet_apart(behave, (void *)word, PATIENCE, &printed, &error);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(json_object_get_string(found), word);
    UNIT_SAME(printed, wanted);
    json_object_put(found);
    free(printed);
}

static void
test_success(void)
{
    check_success("fine", "");
    check_success("print", "it prints\n");
}

/* What it has started ends with it, and nobody waits for that. */
static void
test_leaves_a_child(void)
{
    struct maqet_error *error = NULL;
    json_object *found = maqet_apart(behave, (void *)"leave", PATIENCE, NULL, &error);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(json_object_get_string(found), "leave");
    json_object_put(found);
}

static void
test_failures(void)
{
    struct maqet_error *error = NULL;

    check_failure("crash", PATIENCE, MAQET_ERROR_FAILED, "it crashed (Aborted)");
    check_failure("hang", SHORT, MAQET_ERROR_TIMEOUT, "it did not finish within 0.3 s");
    check_failure("exit", PATIENCE, MAQET_ERROR_FAILED,
                  "it ended the program (exit status 3)");
    check_failure("nothing", PATIENCE, MAQET_ERROR_FAILED,
                  "it failed without saying why");
    CU_ASSERT_PTR_NULL(maqet_apart(behave, (void *)"fail", PATIENCE, NULL, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->hints.count, 2);
    UNIT_HINT(error, 1, "or wait");
    UNIT_ERROR(&error, MAQET_ERROR_BUSY, "somebody has it");
}

static void
count(void *data)
{
    ++*(unsigned *)data;
}

static void
test_watched(void)
{
    struct maqet_error *error = NULL;
    unsigned ticks = 0;
    int pair[2];

    CU_ASSERT_EQUAL_FATAL(pipe(pair), 0);
    const struct maqet_apart_watch watch = {
        .stop_fd = pair[0], .tick = count, .data = &ticks};
    json_object *found =
        maqet_apart_watched(behave, (void *)"fine", PATIENCE, &watch, NULL, &error);
    UNIT_NO_ERROR(&error);
    UNIT_SAME(json_object_get_string(found), "fine");
    json_object_put(found);
    CU_ASSERT(ticks > 0);

    CU_ASSERT_EQUAL(write(pair[1], "x", 1), 1);
    CU_ASSERT_PTR_NULL(
        maqet_apart_watched(behave, (void *)"hang", PATIENCE, &watch, NULL, &error));
    UNIT_ERROR(&error, MAQET_ERROR_REFUSED, "it was stopped");
    close(pair[0]);
    close(pair[1]);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what it found and printed", test_success},
        {"one that leaves a child", test_leaves_a_child},
        {"what fails", test_failures},
        {"one that is watched", test_watched},
        CU_TEST_INFO_NULL,
    };

    return unit_run("apart", tests);
}
