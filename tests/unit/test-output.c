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
                "\"hints\":[],\"file\":null,\"line\":null,\"column\":null}\n");
    check_error(
        FORMAT_JSON, 2,
        "{\"code\":\"state\",\"message\":\"VM \\\"x\\\" is \\u001b[31m\\nred\","
        "\"hints\":[\"do 1\",\"do 2\"],\"file\":null,\"line\":null,\"column\":null}\n");
}

/* A line that is ours stands there as it is; what others said is marked, and cut. */
static void
test_long_errors(void)
{
    const struct output people = {0}, programs = {.format = FORMAT_JSON};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *filler = maqet_format("%0*d", 60000 - 3, 0);

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
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "0… (60000 bytes) …0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buffer, "0z\\xff\nOurs.\n{\"code\":\"failed\""));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buffer, "0z\\ufffdff\\nOurs.\",\"hints\":[],\"file\":null,"));
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

struct deed {
    const char *name;
    struct maqet_strings words;
};

static const struct maqet_fields name_fields =
    MAQET_FIELDS_OF(struct deed, {"name", MAQET_FIELD(struct deed, name)});
static const struct maqet_fields all_fields =
    MAQET_FIELDS_OF(struct deed, {"name", MAQET_FIELD(struct deed, name)},
                    {"words", MAQET_FIELD(struct deed, words)});

static char *
sentence(const void *row)
{
    const struct deed *deed = row;

    /* What the fields don't tell of is not there. */
    return maqet_format("Did %s%s.\n", deed->name, deed->words.count > 0 ? "!" : "");
}

static char *
count_text(const void *rows, size_t count)
{
    const struct deed *deeds = rows;

    return maqet_format("%zu: %s\n", count, deeds[0].name);
}

static const struct view list = {.table = {.fields = &name_fields, .columns = "name"},
                                 .empty = "None.\n"};
static const struct view whole = {.table = {.fields = &name_fields, .columns = "name"},
                                  .list_text = count_text};
static const struct view deed = {.table = {.fields = &name_fields, .columns = "name"},
                                 .text = sentence,
                                 .confirmation = true};
static const struct view words = {.table = {.fields = &all_fields, .columns = "name"}};

static const struct deed a = {.name = "a"}, b = {.name = "b"};
static const struct deed two[] = {{.name = "a"}, {.name = "b/c"}};

static void
check_result(struct output output, const struct view *view, const struct deed *row,
             const char *expected)
{
    struct caught caught = catch_stream(stdout);

    output_result(&output, view, row);
    check_caught(caught, expected);
}

static void
check_list(enum format format, const struct view *view, const struct deed *rows,
           size_t count, const char *expected)
{
    const struct output output = {.format = format};
    struct caught caught = catch_stream(stdout);

    output_list(&output, view, rows, count);
    check_caught(caught, expected);
}

static void
test_lists(void)
{
    check_list(FORMAT_TABLE, &list, two, 2, "NAME\na\nb/c\n");
    check_list(FORMAT_TABLE, &deed, two, 2, "Did a.\nDid b/c.\n");
    check_list(FORMAT_TABLE, &whole, two, 2, "2: a\n");
    check_list(FORMAT_PLAIN, &whole, two, 2, "a\nb/c\n");
    check_list(FORMAT_YAML, &list, two, 2, "- name: a\n- name: b/c\n");
    check_list(FORMAT_JSON, &list, two, 2,
               "[\n  {\n    \"name\": \"a\"\n  },\n  {\n    \"name\": \"b/c\"\n  }\n]\n");
    check_list(FORMAT_TABLE, &list, NULL, 0, "None.\n");
    check_list(FORMAT_PLAIN, &list, NULL, 0, "");
    check_list(FORMAT_JSON, &list, NULL, 0, "[]\n");
    check_list(FORMAT_JSON, &words, two, 1,
               "[\n  {\n    \"name\": \"a\",\n    \"words\": []\n  }\n]\n");
}

/* What is not ours, or is a text with a syntax of its own. */
static void
check_texts(enum format format, const char *plain, const char *expected)
{
    const struct maqet_strings texts = {(char *[]){(char *)"-a", (char *)"b\nc"}, 2};
    const struct output output = {.format = format};
    struct caught caught = catch_stream(stdout);

    output_texts(&output, &texts, "-a 'b\nc'\n", plain);
    check_caught(caught, expected);
}

static void
check_json(enum format format, const char *expected)
{
    const struct output output = {.format = format};
    struct caught caught = catch_stream(stdout);

    output_json(&output, json_tokener_parse("{\"a\": [], \"b\": \"\\u001b\"}"));
    check_caught(caught, expected);
}

static void
test_documents(void)
{
    check_texts(FORMAT_TABLE, NULL, "-a 'b\nc'\n");
    check_texts(FORMAT_PLAIN, NULL, "-a\nb\\nc\n");
    check_texts(FORMAT_PLAIN, "own\n", "own\n");
    check_texts(FORMAT_JSON, NULL, "[\n  \"-a\",\n  \"b\\nc\"\n]\n");
    check_json(FORMAT_TABLE, "{\n  \"a\": [],\n  \"b\": \"\\u001b\"\n}\n");
    check_json(FORMAT_JSON, "{\n  \"a\": [],\n  \"b\": \"\\u001b\"\n}\n");
    check_json(FORMAT_PLAIN, "{\"a\":[],\"b\":\"\\u001b\"}\n");
}

static void
test_confirmations(void)
{
    check_result((struct output){.format = FORMAT_TABLE}, &deed, &a, "Did a.\n");
    check_result((struct output){.loudness = QUIET}, &deed, &a, "");
    /* Quiet or not, what a script asked for is written. */
    check_result((struct output){.format = FORMAT_PLAIN, .loudness = QUIET}, &deed, &a,
                 "a\n");
    check_result((struct output){.format = FORMAT_JSON, .loudness = QUIET}, &deed, &a,
                 "{\n  \"name\": \"a\"\n}\n");
}

/* Rows that come one by one: lines are written at once, a document at the end. */
static void
check_rows(enum format format, const char *at_once, const char *at_the_end)
{
    struct output output = {.format = format};
    struct caught caught = catch_stream(stdout);

    output_row(&output, &deed, &a);
    output_row(&output, &deed, &b);
    check_caught(caught, at_once);
    caught = catch_stream(stdout);
    CU_ASSERT_EQUAL(output_finish(&output, 3), 3);
    check_caught(caught, at_the_end);
}

static void
test_rows(void)
{
    check_rows(FORMAT_TABLE, "Did a.\nDid b.\n", "");
    check_rows(FORMAT_PLAIN, "a\nb\n", "");
    check_rows(FORMAT_YAML, "", "- name: a\n- name: b\n");
}

/* No view has to think of it, nor can it pass by what the fields tell of. */
static void
test_foreign_texts(void)
{
    const struct deed row = {.name = "\033[2J\nERROR: x\xe2\x80\xae\xc2\x9b",
                             .words = {(char *[]){(char *)"\033"}, 1}};
    const struct deed rows[] = {{.name = "\033\n"}, {.name = "a"}};

    check_result((struct output){0}, &deed, &row,
                 "Did \\x1b[2J\\nERROR: x\\u202e\\u009b.\n");
    check_list(FORMAT_TABLE, &list, rows, 2, "NAME\n\\x1b\\n\na\n");
    check_list(FORMAT_TABLE, &whole, rows, 2, "2: \\x1b\\n\n");
    check_result((struct output){.format = FORMAT_PLAIN}, &deed, &row,
                 "\\0033[2J\\nERROR: x\\0342\\0200\\0256\\0302\\0233\n");
    check_result((struct output){.format = FORMAT_JSON}, &deed, &row,
                 "{\n  \"name\": \"\\u001b[2J\\nERROR: x\\u202e\\u009b\"\n}\n");
    check_result((struct output){.format = FORMAT_YAML}, &deed, &row,
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
        {"documents", test_documents},
        {"confirmations", test_confirmations},
        {"rows one by one", test_rows},
        {"nothing to write", test_nothing_to_write},
        CU_TEST_INFO_NULL,
    };

    return unit_run("output", tests);
}
