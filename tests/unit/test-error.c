/* SPDX-License-Identifier: MIT */
/* Errors as values: making them, reading them, and what they mean to the shell. */
#include "core/base/error.h"

#include <errno.h>

#include "core/base/apart.h"
#include "tests/unit/unit.h"

static void
test_set(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_error_set(&err, MAQET_ERROR_STATE, "%s is %d", "it", 5), -1);
    UNIT_ERROR(&err, MAQET_ERROR_STATE, "it is 5");
    errno = ENOENT;
    CU_ASSERT_EQUAL(maqet_error_set(&err, MAQET_ERROR_FAILED, "no: %m"), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "no: No such file or directory");
}

static void
test_nobody_wants_it(void)
{
    CU_ASSERT_EQUAL(maqet_error_set(NULL, MAQET_ERROR_STATE, "x"), -1);
    CU_ASSERT_EQUAL(maqet_error_wrap(NULL, "x"), -1);
    CU_ASSERT_EQUAL(maqet_error_errno(NULL, ENOENT, "x"), -1);
    maqet_error_hint(NULL, "x");
    maqet_error_free(NULL);
    CU_ASSERT_EQUAL(maqet_error_move(NULL, NULL), -1);
}

static void
test_wrap(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_error_wrap(&err, "x"), -1);
    maqet_error_hint(&err, "x");
    CU_ASSERT_PTR_NULL(err);
    maqet_error_set(&err, MAQET_ERROR_BUSY, "100%%");
    CU_ASSERT_EQUAL(maqet_error_wrap(&err, "drive '%s'", "hdd"), -1);
    maqet_error_wrap(&err, "VM");
    UNIT_ERROR(&err, MAQET_ERROR_BUSY, "VM: drive 'hdd': 100%");
}

static void
test_hints(void)
{
    _cleanup_error_ struct maqet_error *err = NULL;

    maqet_error_set(&err, MAQET_ERROR_BUSY, "no");
    maqet_error_hint(&err, "do %s", "this");
    maqet_error_hint(&err, "or that");
    CU_ASSERT_EQUAL(err->hints.count, 2);
    UNIT_HINT(err, 0, "do this");
    UNIT_HINT(err, 1, "or that");
}

static void
test_move(void)
{
    struct maqet_error *from = NULL, *to = NULL;

    maqet_error_set(&from, MAQET_ERROR_EXISTS, "there");
    CU_ASSERT_EQUAL(maqet_error_move(&to, from), -1);
    UNIT_ERROR(&to, MAQET_ERROR_EXISTS, "there");
    from = NULL;
    maqet_error_set(&from, MAQET_ERROR_EXISTS, "dropped, and not leaked");
    CU_ASSERT_EQUAL(maqet_error_move(NULL, from), -1);
}

/* A mistake at a place of a file. */
static struct maqet_error *
mistake(const char *file, unsigned line, unsigned column, const char *message)
{
    struct maqet_error *error = NULL;

    maqet_error_set(&error, MAQET_ERROR_INVALID, "%s", message);
    error->file = maqet_strdup(file);
    error->line = line;
    error->column = column;
    return error;
}

/* All messages of a list. */
static char *
messages(const struct maqet_error *error)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (; error; error = error->also)
        maqet_text_appendf(&text, "%s;", error->message);
    return maqet_text_take(&text);
}

/* Those of one file are in its order, whatever was found first; one is there only once. */
static void
test_several(void)
{
    struct maqet_error *rows[] = {
        mistake("a", 3, 1, "a3"),   mistake("b", 2, 1, "b2"), mistake("a", 1, 9, "a1.9"),
        mistake("a", 1, 2, "a1.2"), mistake("a", 3, 1, "a3"), mistake(NULL, 0, 0, "end"),
    };
    _cleanup_error_ struct maqet_error *all = NULL, *copy = NULL, *read = NULL,
                                       *nothing = NULL;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CU_ASSERT_EQUAL(maqet_error_add(&all, &rows[i]), -1);
        CU_ASSERT_PTR_NULL(rows[i]);
    }
    CU_ASSERT_EQUAL(maqet_error_add(&all, &nothing), 0);
    _cleanup_free_ char *text = messages(all);
    UNIT_SAME(text, "a1.2;a1.9;a3;b2;end;");

    maqet_error_copy(&copy, all);
    _cleanup_free_ char *copied = messages(copy);
    UNIT_SAME(copied, text);
    json_object *object = maqet_error_to_json(copy);
    maqet_error_from_json(object, &read);
    json_object_put(object);
    _cleanup_free_ char *transferred = messages(read);
    UNIT_SAME(transferred, text);
    CU_ASSERT_EQUAL(read->line, 1);
    UNIT_SAME(read->file, "a");

    /* A list is added as a whole; nobody may want it. */
    maqet_error_add(&nothing, &copy);
    _cleanup_free_ char *moved = messages(nothing);
    UNIT_SAME(moved, text);
    CU_ASSERT_EQUAL(maqet_error_add(NULL, &nothing), -1);
    CU_ASSERT_PTR_NULL(nothing);
}

static void
test_errno(void)
{
    static const struct {
        int number;
        enum maqet_error_code code;
    } cases[] = {
        {EACCES, MAQET_ERROR_PERMISSION}, {EPERM, MAQET_ERROR_PERMISSION},
        {EROFS, MAQET_ERROR_PERMISSION},  {ENOENT, MAQET_ERROR_MISSING},
        {ENOTDIR, MAQET_ERROR_MISSING},   {EEXIST, MAQET_ERROR_EXISTS},
        {ENOSPC, MAQET_ERROR_NO_SPACE},   {EDQUOT, MAQET_ERROR_NO_SPACE},
        {ETIMEDOUT, MAQET_ERROR_TIMEOUT}, {EIO, MAQET_ERROR_FAILED},
        {ELOOP, MAQET_ERROR_FAILED},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct maqet_error *err = NULL;
        _cleanup_free_ char *message =
            maqet_format("Cannot read x: %s", strerror(cases[i].number));

        CU_ASSERT_EQUAL(maqet_error_errno(&err, cases[i].number, "Cannot read %s", "x"),
                        -1);
        UNIT_ERROR(&err, cases[i].code, message);
    }
}

/* The table of docs/architecture.md. */
static void
test_codes(void)
{
    static const struct {
        enum maqet_error_code code;
        const char *name;
        int exit_code;
    } cases[] = {
        {MAQET_ERROR_FAILED, "failed", 1},
        {MAQET_ERROR_INVALID, "invalid", 3},
        {MAQET_ERROR_EXISTS, "exists", 3},
        {MAQET_ERROR_MISSING, "missing", 3},
        {MAQET_ERROR_STATE, "state", 3},
        {MAQET_ERROR_UNSUPPORTED, "unsupported", 3},
        {MAQET_ERROR_BUSY, "busy", 1},
        {MAQET_ERROR_NO_SPACE, "no-space", 1},
        {MAQET_ERROR_TIMEOUT, "timeout", 2},
        {MAQET_ERROR_REFUSED, "refused", 2},
        {MAQET_ERROR_PERMISSION, "permission", 4},
        {(enum maqet_error_code)0, "failed", 1}, /* what a later plugin may say */
        {(enum maqet_error_code)99, "failed", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        UNIT_SAME(maqet_error_code_name(cases[i].code), cases[i].name);
        CU_ASSERT_EQUAL(maqet_error_exit_code(cases[i].code), cases[i].exit_code);
    }
}

/* What plugins ask of an error, and of none. */
static void
test_asked(void)
{
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(maqet_error_what(err), 0);
    UNIT_SAME(maqet_error_text(err), "");
    maqet_error_clear(&err);
    maqet_error_set(&err, MAQET_ERROR_BUSY, "somebody has it");
    CU_ASSERT_EQUAL(maqet_error_what(err), MAQET_ERROR_BUSY);
    UNIT_SAME(maqet_error_text(err), "somebody has it");
    maqet_error_clear(&err);
    CU_ASSERT_PTR_NULL(err);
}

/* All that an error is made of comes through, whatever its words hold. */
static void
test_json(void)
{
    static const char *const words[] = {"plain", "two\nlines", "100% \"{}\"", "\xff\x01",
                                        ""};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        _cleanup_error_ struct maqet_error *error = NULL, *copy = NULL;

        maqet_error_set(&error, MAQET_ERROR_BUSY, "%s", words[i]);
        maqet_error_remark(&error, "remark: %s", words[i]);
        maqet_error_hint(&error, "first");
        maqet_error_hint(&error, "%s", words[i]);
        maqet_error_next(&error, MAQET_NEXT_FREE_SPACE_IN, "vm", words[i], NULL);
        error->silent = i % 2;
        _cleanup_json_ json_object *object = maqet_error_to_json(error);
        _cleanup_json_ json_object *there = json_tokener_parse(
            json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        CU_ASSERT_EQUAL(maqet_error_from_json(there, &copy), -1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
        CU_ASSERT_EQUAL(copy->code, MAQET_ERROR_BUSY);
        UNIT_SAME(copy->message, words[i]);
        UNIT_SAME(copy->remark, error->remark);
        CU_ASSERT_EQUAL_FATAL(copy->hints.count, 3);
        CU_ASSERT_EQUAL(copy->hints.items[2].next, MAQET_NEXT_FREE_SPACE_IN);
        CU_ASSERT_EQUAL_FATAL(copy->hints.items[2].operands.count, 2);
        UNIT_SAME(copy->hints.items[2].operands.items[1], words[i]);
        UNIT_HINT(copy, 0, "first");
        UNIT_HINT(copy, 1, words[i]);
        CU_ASSERT_EQUAL(copy->silent, error->silent);
    }
}

/* One who says nothing, or has nothing to say. */
static void
test_no_json(void)
{
    _cleanup_error_ struct maqet_error *bare = NULL, *copy = NULL, *none = NULL;

    maqet_error_set(&bare, MAQET_ERROR_MISSING, "gone");
    _cleanup_json_ json_object *object = maqet_error_to_json(bare);
    maqet_error_from_json(object, &copy);
    CU_ASSERT_PTR_NULL(copy->remark);
    CU_ASSERT_EQUAL(copy->hints.count, 0);
    CU_ASSERT_EQUAL(maqet_error_from_json(object, NULL), -1);
    CU_ASSERT_EQUAL(maqet_error_from_json(NULL, &none), -1);
    CU_ASSERT_EQUAL(none->code, MAQET_ERROR_FAILED);
    UNIT_SAME(none->message, "a process failed without saying why");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"an error is made", test_set},
        {"nobody wants the error", test_nobody_wants_it},
        {"context goes before the message", test_wrap},
        {"hints", test_hints},
        {"an error is moved", test_move},
        {"several mistakes", test_several},
        {"errors of the system", test_errno},
        {"codes, their names and exit codes", test_codes},
        {"what plugins ask", test_asked},
        {"through a pipe", test_json},
        {"nothing through a pipe", test_no_json},
        CU_TEST_INFO_NULL,
    };

    return unit_run("error", tests);
}
