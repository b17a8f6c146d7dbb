/* SPDX-License-Identifier: MIT */
/* Files that hold JSON: written whole or not at all, and read with limits. */
#include "core/base/json.h"

#include "tests/unit/unit.h"

static void
must_write(const char *path, json_object *value)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_json_write(path, value, &error), 0);
    UNIT_NO_ERROR(&error);
}

static json_object *
must_read(const char *path)
{
    struct maqet_error *error = NULL;
    json_object *value = maqet_json_read(path, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    return value;
}

/* ---- writing ---- */

static void
test_round_trip(void)
{
    static const char text[] = "{\"text\": \"a\\\"b\\\\c/d\\n\\u00e4\\u0001\", \"\": [], "
                               "\"list\": [1, -2, null, "
                               "true, 1.5, {}], \"large\": 9223372036854775807, "
                               "\"small\": -9223372036854775808}";
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/file", folder);
    _cleanup_json_ json_object *before = json_tokener_parse(text);

    CU_ASSERT_PTR_NOT_NULL_FATAL(before);
    must_write(path, before);
    _cleanup_json_ json_object *after = must_read(path);
    CU_ASSERT_TRUE(json_object_equal(before, after));
}

/* People look into them too. */
static void
test_file(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "old and much longer\n");
    _cleanup_json_ json_object *value = json_tokener_parse("{\"a\": \"/b\"}");
    _cleanup_free_ char *text = NULL;
    struct stat status = {0};

    must_write(path, value);
    CU_ASSERT_EQUAL(maqet_file_read(path, 4096, &text, NULL, NULL), 0);
    UNIT_SAME(text, "{\n  \"a\":\"/b\"\n}\n");
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

/* The old file stays whole, and nothing else stays. */
static void
test_failed_write(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", "[\"old\"]\n");
    _cleanup_free_ char *message = maqet_format("Cannot write %s: File too large", path);
    _cleanup_json_ json_object *value = json_tokener_parse("[\"new\"]");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    unit_disk_full(true);
    int result = maqet_json_write(path, value, &error);
    unit_disk_full(false);
    CU_ASSERT_EQUAL(result, -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_EQUAL(maqet_dir_list(folder, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 1);
    _cleanup_json_ json_object *kept = must_read(path);
    UNIT_SAME(json_object_get_string(json_object_array_get_idx(kept, 0)), "old");
}

/* ---- reading ---- */

static void
check_damaged(const char *text)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "file", text);
    _cleanup_free_ char *message = maqet_format("%s is damaged: it is not JSON", path);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_json_read(path, &error));
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
}

static void
test_damaged(void)
{
    check_damaged("");
    check_damaged("\n");
    check_damaged("{");
    check_damaged("{\"a\": 1");
    check_damaged("{\"a\": }");
    check_damaged("[1, 2");
    check_damaged("\"a");
    check_damaged("a: 1\n");
    check_damaged("null\n");
    check_damaged("\xff\xfe");
}

/* As after writing over another, longer file. */
static void
test_more_behind_it(void)
{
    check_damaged("{\"a\": 1}\n{\"b\": 2}\n");
    check_damaged("{\"a\": 1}}\n");
    check_damaged("[1] x");
}

/* With no line feed at the end, and with more space than we leave there. */
static void
test_space_behind_it(void)
{
    static const char *const texts[] = {"5", "5 ", "{}", "{}\r\n\t \n", "\"a\""};
    _cleanup_folder_ char *folder = unit_folder();

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_free_ char *path = unit_file(folder, "file", texts[i]);

        json_object_put(must_read(path));
    }
}

/* As deep as DEPTH_MAX, and not deeper. */
static void
test_depth(void)
{
    enum { DEEPEST = 1024 };
    _cleanup_folder_ char *folder = unit_folder();
    char text[2 * DEEPEST + 3];

    memset(text, '[', DEEPEST + 1);
    memset(text + DEEPEST + 1, ']', DEEPEST + 1);
    text[sizeof(text) - 1] = '\0';
    check_damaged(text);
    text[2 * DEEPEST + 1] = '\0';
    _cleanup_free_ char *path = unit_file(folder, "file", text + 1);
    _cleanup_json_ json_object *value = must_read(path);
    CU_ASSERT_TRUE(json_object_is_type(value, json_type_array));
}

static void
test_missing(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/none", folder);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_json_read(path, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, path));
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_MISSING);
    maqet_error_free(error);
}

/* ---- what is in an object ---- */

static void
test_members(void)
{
    _cleanup_json_ json_object *object =
        json_tokener_parse("{\"text\": \"x\", \"empty\": \"\", \"number\": -5, "
                           "\"large\": 9223372036854775807, "
                           "\"float\": 1.5, \"true\": true, \"null\": null, \"digits\": "
                           "\"5\", \"list\": [1]}");
    _cleanup_json_ json_object *list = json_tokener_parse("[\"text\"]");
    static const char *const no_texts[] = {"number", "float", "true",
                                           "null",   "list",  "none"};
    static const char *const no_numbers[] = {"text", "float",  "true", "null",
                                             "list", "digits", "none"};

    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    UNIT_SAME(maqet_json_text(object, "text"), "x");
    UNIT_SAME(maqet_json_text(object, "empty"), "");
    CU_ASSERT_EQUAL(maqet_json_int(object, "number"), -5);
    CU_ASSERT_EQUAL(maqet_json_int(object, "large"), INT64_MAX);
    for (size_t i = 0; i < sizeof(no_texts) / sizeof(*no_texts); i++)
        UNIT_SAME(maqet_json_text(object, no_texts[i]), NULL);
    for (size_t i = 0; i < sizeof(no_numbers) / sizeof(*no_numbers); i++)
        CU_ASSERT_EQUAL(maqet_json_int(object, no_numbers[i]), 0);
    /* Whatever it is that should be an object. */
    UNIT_SAME(maqet_json_text(NULL, "text"), NULL);
    UNIT_SAME(maqet_json_text(list, "text"), NULL);
    CU_ASSERT_EQUAL(maqet_json_int(NULL, "number"), 0);
    CU_ASSERT_EQUAL(maqet_json_int(list, "number"), 0);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a round trip", test_round_trip},
        {"the file", test_file},
        {"a failed write", test_failed_write},
        {"damaged files", test_damaged},
        {"more than one value", test_more_behind_it},
        {"space behind the value", test_space_behind_it},
        {"depth", test_depth},
        {"no file", test_missing},
        {"members of objects", test_members},
        CU_TEST_INFO_NULL,
    };

    return unit_run("json", tests);
}
