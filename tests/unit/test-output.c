/* SPDX-License-Identifier: MIT */
/* What the program writes, and to which stream, in each format. */
#include <fcntl.h>
#include <string.h>

#include "cli/output.h"
#include "core/base/printable.h"
#include "tests/unit/unit.h"

/* A stream that is caught in a file for a while. */
struct caught {
    FILE *stream;
    int before;
    int file;
};

static struct caught
catch_stream(FILE *stream)
{
    struct caught caught = {.stream = stream, .before = dup(fileno(stream))};

    caught.file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(caught.before >= 0 && caught.file >= 0);
    fflush(stream);
    dup2(caught.file, fileno(stream));
    return caught;
}

/* Ends that, and checks what was written. */
static void
check_caught(struct caught caught, const char *expected)
{
    char buffer[4096] = "";

    fflush(caught.stream);
    dup2(caught.before, fileno(caught.stream));
    CU_ASSERT_TRUE(pread(caught.file, buffer, sizeof(buffer) - 1, 0) >= 0);
    UNIT_SAME(buffer, expected);
    close(caught.before);
    close(caught.file);
}

/* ---- errors and messages ---- */

static void
check_error(enum format format, int hints, const char *expected)
{
    const struct output output = {.format = format};
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_error_set(&error, MAQET_ERROR_STATE, "VM \"x\" is \033[31m\nred");
    for (int i = 1; i <= hints; i++)
        maqet_error_hint(&error, "do %d", i);
    struct caught caught = catch_stream(stderr);
    output_error(&output, error);
    check_caught(caught, expected);
}

static void
test_errors(void)
{
    check_error(FORMAT_TABLE, 0, "ERROR: VM \"x\" is \\x1b[31m\n  | red\n");
    check_error(FORMAT_TABLE, 1, "ERROR: VM \"x\" is \\x1b[31m\n  | red\ndo 1\n");
    check_error(
        FORMAT_TABLE, 2,
        "ERROR: VM \"x\" is \\x1b[31m\n  | red\nOptions:\n  1. do 1\n  2. do 2\n");
    check_error(FORMAT_JSON, 0,
                "{\"code\":\"state\",\"message\":\"VM \\\"x\\\" is \\u001b[31m\\nred\","
                "\"hints\":[]}\n");
    check_error(FORMAT_JSON, 2,
                "{\"code\":\"state\",\"message\":\"VM \\\"x\\\" is \\u001b[31m\\nred\","
                "\"hints\":[\"do 1\",\"do 2\"]}\n");
}

/* A line that is ours stands there as it is; what others said is marked, and cut. */
static void
test_long_errors(void)
{
    const struct output people = {0}, programs = {.format = FORMAT_JSON};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *filler = maqet_format("%0*d", 10485760 - 3, 0);

    maqet_error_set(&error, MAQET_ERROR_FAILED, "a%sz\xff", filler);
    maqet_error_remark(&error, "Ours.");
    struct caught caught = catch_stream(stderr);
    output_error(&people, error);
    output_error(&programs, error);
    fflush(stderr);

    char buffer[4 * MAQET_MESSAGE_MAX] = "";
    CU_ASSERT_TRUE(pread(caught.file, buffer, sizeof(buffer) - 1, 0) <
                   2 * MAQET_MESSAGE_MAX + 200);
    dup2(caught.before, fileno(caught.stream));
    CU_ASSERT_TRUE(maqet_text_starts(buffer, "ERROR: a000"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "0… (10485760 bytes) …0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "0z\\xff\nOurs.\n{\"code\":\"failed\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "0z\\ufffdff\\nOurs.\",\"hints\":[]}\n"));
    close(caught.before);
    close(caught.file);
}

static void
check_messages(enum format format, int loudness, const char *expected)
{
    const struct output output = {.format = format, .loudness = loudness};
    struct caught caught = catch_stream(stderr);

    output_message(&output, MAQET_LEVEL_WARNING, "w");
    output_message(&output, MAQET_LEVEL_INFO, "i");
    output_message(&output, MAQET_LEVEL_DEBUG, "d");
    check_caught(caught, expected);
}

static void
test_messages(void)
{
    check_messages(FORMAT_TABLE, QUIET, "");
    check_messages(FORMAT_TABLE, MAQET_LEVEL_INFO, "WARNING: w\nINFO: i\n");
    check_messages(FORMAT_PLAIN, MAQET_LEVEL_DEBUG, "WARNING: w\nINFO: i\nDEBUG: d\n");
    check_messages(FORMAT_JSON, MAQET_LEVEL_INFO,
                   "{\"level\":\"warning\",\"message\":\"w\"}\n"
                   "{\"level\":\"info\",\"message\":\"i\"}\n");
}

/* ---- results ---- */

static char *
sentence(json_object *row, bool colour)
{
    json_object *name = json_object_object_get(row, "name");

    (void)colour;
    return maqet_format("Did %s.\n", json_object_get_string(name));
}

static const struct column columns[] = {{"name", "NAME", COLUMN_TEXT}, {0}};
static const struct view list = {.columns = columns, .empty = "None.\n"};
static const struct view deed = {
    .columns = columns, .text = sentence, .confirmation = true};

static void
check_result(struct output output, const struct view *view, const char *json,
             const char *expected)
{
    struct caught caught = catch_stream(stdout);

    output_result(&output, view, json_tokener_parse(json));
    check_caught(caught, expected);
}

static void
test_lists(void)
{
    const char *two = "[{\"name\": \"a\"}, {\"name\": \"b/c\"}]";

    check_result((struct output){.format = FORMAT_TABLE}, &list, two, "NAME\na\nb/c\n");
    check_result((struct output){.format = FORMAT_PLAIN}, &list, two, "a\nb/c\n");
    check_result((struct output){.format = FORMAT_YAML}, &list, two,
                 "- name: a\n- name: b/c\n");
    check_result(
        (struct output){.format = FORMAT_JSON}, &list, two,
        "[\n  {\n    \"name\": \"a\"\n  },\n  {\n    \"name\": \"b/c\"\n  }\n]\n");
    check_result((struct output){.format = FORMAT_TABLE}, &list, "[]", "None.\n");
    check_result((struct output){.format = FORMAT_PLAIN}, &list, "[]", "");
    check_result((struct output){.format = FORMAT_JSON}, &list, "[]", "[]\n");
    check_result((struct output){.format = FORMAT_JSON}, &list,
                 "[{\"a\": [], \"b\": {}}]",
                 "[\n  {\n    \"a\": [],\n    \"b\": {}\n  }\n]\n");
}

static void
test_confirmations(void)
{
    const char *row = "{\"name\": \"a\"}";

    check_result((struct output){.format = FORMAT_TABLE}, &deed, row, "Did a.\n");
    check_result((struct output){.loudness = QUIET}, &deed, row, "");
    /* Quiet or not, what a script asked for is written. */
    check_result((struct output){.format = FORMAT_PLAIN, .loudness = QUIET}, &deed, row,
                 "a\n");
    check_result((struct output){.format = FORMAT_JSON, .loudness = QUIET}, &deed, row,
                 "{\n  \"name\": \"a\"\n}\n");
}

/* Rows that come one by one: lines are written at once, a document at the end. */
static void
check_rows(enum format format, const char *at_once, const char *at_the_end)
{
    struct output output = {.format = format};
    struct caught caught = catch_stream(stdout);

    output_row(&output, &deed, json_tokener_parse("{\"name\": \"a\"}"));
    output_row(&output, &deed, json_tokener_parse("{\"name\": \"b\"}"));
    check_caught(caught, at_once);
    caught = catch_stream(stdout);
    CU_ASSERT_EQUAL(output_finish(&output, 3), 3);
    check_caught(caught, at_the_end);
    output_clear(&output);
}

static void
test_rows(void)
{
    check_rows(FORMAT_TABLE, "Did a.\nDid b.\n", "");
    check_rows(FORMAT_PLAIN, "a\nb\n", "");
    check_rows(FORMAT_YAML, "", "- name: a\n- name: b\n");
}

/* No view has to think of it. */
static void
test_foreign_texts(void)
{
    const char *row = "{\"name\": \"\\u001b[2J\\nERROR: x\\u202e\\u009b\"}";

    check_result((struct output){0}, &deed, row,
                 "Did \\x1b[2J\\nERROR: x\\u202e\\u009b.\n");
    check_result((struct output){0}, &list,
                 "[{\"name\": \"\\u001b\\n\"}, {\"name\": \"a\"}]",
                 "NAME\n\\x1b\\n\na\n");
    check_result((struct output){.format = FORMAT_PLAIN}, &deed, row,
                 "\\0033[2J\\nERROR: x\\0342\\0200\\0256\\0302\\0233\n");
    check_result((struct output){.format = FORMAT_JSON}, &deed, row,
                 "{\n  \"name\": \"\\u001b[2J\\nERROR: x\\u202e\\u009b\"\n}\n");
    check_result((struct output){.format = FORMAT_YAML}, &deed, row,
                 "name: \"\\e[2J\\nERROR: x\\u202E\\x9B\"\n");
}

static void
test_nothing_to_write(void)
{
    struct output output = {.format = FORMAT_JSON};
    struct caught caught = catch_stream(stdout);

    CU_ASSERT_EQUAL(output_finish(&output, 0), 0);
    check_caught(caught, "");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"errors", test_errors},
        {"long errors", test_long_errors},
        {"messages", test_messages},
        {"foreign texts", test_foreign_texts},
        {"lists", test_lists},
        {"confirmations", test_confirmations},
        {"rows one by one", test_rows},
        {"nothing to write", test_nothing_to_write},
        CU_TEST_INFO_NULL,
    };

    return unit_run("output", tests);
}
