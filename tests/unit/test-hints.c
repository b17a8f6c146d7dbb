/* SPDX-License-Identifier: MIT */
/* The words of the steps that the core advises: each has some, with names that a shell takes
 * for one word. */
#include <string.h>

#include "cli/hints.h"
#include "tests/unit/unit.h"

/* The words of a step about these operands, each of which is more than one word. */
static char *
words_of(enum maqet_next next)
{
    struct maqet_hint hint = {.next = next};
    char *text;

    for (unsigned i = 1; i <= 5; i++)
        maqet_strings_addf(&hint.operands, "%% %u", i);
    text = hint_text(&hint);
    maqet_strings_clear(&hint.operands);
    return text;
}

static void
test_each_has_words(void)
{
    for (enum maqet_next next = MAQET_NEXT_WORDS + 1; next < MAQET_NEXT_COUNT; next++) {
        _cleanup_free_ char *text = words_of(next);

        CU_ASSERT_TRUE_FATAL(*text != '\0');
        CU_ASSERT_TRUE(*text < 'a' || *text > 'z' || maqet_text_starts(text, "maqet "));
        CU_ASSERT_NOT_EQUAL(text[strlen(text) - 1], '.');
        /* No field is left, and none is of an operand that there can't be. */
        CU_ASSERT_PTR_NULL(strpbrk(text, "{}?"));
    }
}

/* What follows a command is what can be pasted. */
static void
test_names_are_quoted(void)
{
    for (enum maqet_next next = MAQET_NEXT_WORDS + 1; next < MAQET_NEXT_COUNT; next++) {
        _cleanup_free_ char *text = words_of(next);
        char *command = strstr(text, "maqet ");

        /* An explanation may follow it. */
        if (command)
            command[strcspn(command, "(")] = '\0';
        for (const char *at = command; at && (at = strstr(at, "% ")); at++)
            CU_ASSERT_TRUE(at[-1] == '\'');
    }
}

static void
check(enum maqet_next next, const char *one, const char *other, const char *wanted)
{
    struct maqet_error *error = NULL;

    maqet_error_set(&error, MAQET_ERROR_FAILED, "it failed");
    maqet_error_next(&error, next, one, other, NULL);
    UNIT_HINT(error, 0, wanted);
    maqet_error_free(error);
}

static void
test_operands_of_any_number(void)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_strings_ struct maqet_strings operands = MAQET_STRINGS_INIT;

    maqet_error_set(&error, MAQET_ERROR_FAILED, "it failed");
    maqet_strings_add(&operands, "web");
    maqet_error_next_about(&error, MAQET_NEXT_KEEP_DRIVES_LIVE, &operands);
    maqet_strings_add(&operands, "plain");
    maqet_strings_add(&operands, "two words");
    maqet_error_next_about(&error, MAQET_NEXT_KEEP_DRIVES_LIVE, &operands);
    UNIT_HINT(error, 0,
              "Create a snapshot of the drives only: maqet snapshot web create --all "
              "NAME --live");
    UNIT_HINT(
        error, 1,
        "Create a snapshot of the drives only: maqet snapshot web create --all NAME "
        "--live --exclude plain --exclude 'two words'");
}

static void
test_operands(void)
{
    check(MAQET_NEXT_WORDS, "Say {1} or {", NULL, "Say {1} or {");
    check(MAQET_NEXT_ONLY_STOP, "web", NULL, "It can only be stopped: maqet stop web");
    check(MAQET_NEXT_STOP_FIRST_IN, "web", "/data",
          "Stop it first: maqet --data-dir '/data' stop web");
    check(MAQET_NEXT_FREE_SPACE_IN, "web", "/a folder",
          "Free up disk space in /a folder, then resume the guest: maqet resume web");
    check(
        MAQET_NEXT_USE_QEMU_AS_BEFORE, "web", "7.2.22",
        "Use QEMU 7.2.22 again, for example with `binary` in the definition of VM 'web'");
    check(MAQET_NEXT_REPAIR_VERSION, "web", "/a folder/qemu",
          "Make `'/a folder/qemu' --version` print its version again");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"each has words", test_each_has_words},
        {"names are quoted", test_names_are_quoted},
        {"operands", test_operands},
        {"operands of any number", test_operands_of_any_number},
        CU_TEST_INFO_NULL,
    };

    return unit_run("hints", tests);
}
