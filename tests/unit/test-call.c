/* SPDX-License-Identifier: MIT */
/* The time limit of a callback, and of what it runs. */
#include "core/plugin/call.h"

#include <time.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/storage/drive.h"
#include "tests/unit/unit.h"

enum { SHORT = 200 /* ms */ };

static void
test_no_call(void)
{
    CU_ASSERT_EQUAL(maqet_call_left(), MAQET_CALL_LONG);
    CU_ASSERT_EQUAL(maqet_call_elapsed(), 0);
}

/* An inner call never ends later than the outer one, and the outer one goes on after it.
 */
static void
test_nested(void)
{
    {
        MAQET_CALL(MAQET_CALL_SERVICE);
        CU_ASSERT_TRUE(maqet_call_left() <= MAQET_CALL_SERVICE);
        CU_ASSERT_TRUE(maqet_call_left() > MAQET_CALL_QUICK);
        {
            MAQET_CALL(MAQET_CALL_QUICK);
            CU_ASSERT_TRUE(maqet_call_left() <= MAQET_CALL_QUICK);
        }
        {
            MAQET_CALL(MAQET_CALL_LONG);
            CU_ASSERT_TRUE(maqet_call_left() <= MAQET_CALL_SERVICE);
        }
        CU_ASSERT_TRUE(maqet_call_left() > MAQET_CALL_QUICK);
    }
    CU_ASSERT_EQUAL(maqet_call_left(), MAQET_CALL_LONG);
}

static void
test_late(void)
{
    MAQET_CALL(0);

    CU_ASSERT_EQUAL(maqet_call_left(), 0);
    CU_ASSERT_TRUE(maqet_call_elapsed() >= 0);
}

/* What a plugin runs is stopped with the call, however long it would go on. */
static void
test_program(void)
{
    struct maqet_error *err = NULL;
    int64_t begun = maqet_now();
    MAQET_CALL(SHORT);

    CU_ASSERT_EQUAL(maqet_run(&err, "sleep", "1000", NULL), -1);
    CU_ASSERT_TRUE(maqet_now() - begun >= SHORT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_EQUAL(err->code, MAQET_ERROR_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "sleep took longer"));
    maqet_error_free(err);
}

static void
test_output(void)
{
    struct maqet_error *err = NULL;
    struct maqet_command *command = maqet_command_new("printf");

    maqet_command_arg(command, "%s", "one\\ntwo%%");
    _cleanup_free_ char *text = maqet_command_output(command, NULL, &err);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(text, "one\ntwo%");

    command = maqet_command_new("cat");
    maqet_command_arg(command, "/nowhere/at/all");
    CU_ASSERT_PTR_NULL(maqet_command_output(command, NULL, &err));
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err->message, "/nowhere/at/all"));
    maqet_error_free(err);
    command = maqet_command_new("cat");
    maqet_command_arg(command, "/nowhere/at/all");
    CU_ASSERT_PTR_NULL(maqet_command_output(command, NULL, NULL));
}

/* What a program is given, and what it says, by the functions that plugins have. */
static void
test_command(void)
{
    struct maqet_command *command = maqet_command_new("sh");
    struct maqet_error *err = NULL;
    char *complaint = NULL;
    int status = -1;
    size_t size = 0;

    maqet_command_word(command, "-c");
    maqet_command_word(command, "cat; echo \"$ONE ${HOME-gone}\"; echo 100% >&2; exit 9");
    maqet_command_input(command, "a\0b\n", 4);
    maqet_command_environment(command, "ONE", "1 = 1");
    maqet_command_environment(command, "HOME", NULL);
    maqet_command_exit_status(command, &status);
    maqet_command_error_output(command, &complaint);
    char *output = maqet_command_output(command, &size, &err);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL(status, 9);
    CU_ASSERT_EQUAL_FATAL(size, 15);
    CU_ASSERT_EQUAL(memcmp(output, "a\0b\n1 = 1 gone\n", 16), 0);
    UNIT_SAME(complaint, "100%\n");
    maqet_free(output);
    maqet_free(complaint);

    /* Without an output to be kept, and nothing to read. */
    command = maqet_command_new("cat");
    maqet_command_input(command, NULL, 0);
    CU_ASSERT_EQUAL(maqet_command_run(command, &err), 0);
    command = maqet_command_new("/nowhere/tool");
    status = -1;
    maqet_command_exit_status(command, &status);
    CU_ASSERT_EQUAL(maqet_command_run(command, NULL), -1);
    CU_ASSERT_EQUAL(status, -1);
    maqet_command_free(NULL);
    maqet_free(NULL);
}

/* ---- how far it is ---- */

struct shown {
    unsigned count;
    double percent;
};

static void
show(void *data, const char *what, double percent, int64_t elapsed)
{
    struct shown *shown = data;

    UNIT_SAME(what, "VM 'web', drive 'hdd'");
    CU_ASSERT_TRUE(elapsed >= 0);
    shown->count++;
    shown->percent = percent;
}

/* A plugin may tell it as often as it likes, and whatever it takes for a percentage. */
static void
test_progress(void)
{
    static const double told[][2] = {{42, 42}, {500, 100}, {-3, -1}, {0.0 / 0.0, -1}};
    struct shown shown = {0};
    const struct maqet_context context = {.progress = show, .data = &shown};
    const struct maqet_machine machine = {.vm_name = (char *)"web"};
    const struct maqet_drive drive = {
        .context = &context, .machine = &machine, .name = (char *)"hdd"};
    int64_t begun = maqet_now();
    MAQET_CALL(MAQET_CALL_LONG);

    for (int i = 0; i < 10000; i++)
        maqet_progress(&drive, 1);
    CU_ASSERT_TRUE(shown.count >= 1);
    CU_ASSERT_TRUE(shown.count <= 1 + (maqet_now() - begun) / 100);
    for (size_t i = 0; i < sizeof(told) / sizeof(*told); i++) {
        maqet_sleep(110);
        maqet_progress(&drive, told[i][0]);
        CU_ASSERT_EQUAL(shown.percent, told[i][1]);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"without a call", test_no_call},      {"a call within a call", test_nested},
        {"a call that is late", test_late},    {"a program that goes on", test_program},
        {"what a program wrote", test_output}, {"what a program is given", test_command},
        {"how far it is", test_progress},      CU_TEST_INFO_NULL,
    };

    return unit_run("call", tests);
}
