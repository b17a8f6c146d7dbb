/* SPDX-License-Identifier: MIT */
/* The command line, sorted into a command, options and operands; and what is wrong in it.
 */
#include <string.h>

#include "cli/invocation.h"
#include "tests/unit/unit.h"

enum { WORDS_MAX = 16 };

/* Parses a command line of words with single spaces between them. */
static int
parse(struct invocation *invocation, const char *line, struct maqet_error **err)
{
    /* Values point into the line, so it lives as long as the test. */
    static char *copy;
    char *argv[WORDS_MAX + 1] = {NULL};
    int argc = 0;

    free(copy);
    copy = maqet_strdup(line);
    for (char *word = strtok(copy, " "); word && argc < WORDS_MAX;
         word = strtok(NULL, " "))
        argv[argc++] = word;
    return invocation_parse(invocation, argc, argv, err);
}

/* The operands of a line that is right. */
static void
check_operands(const char *line, const char *expected)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(parse(&invocation, line, &error), 0);
    CU_ASSERT_PTR_NULL(error);
    _cleanup_free_ char *operands = maqet_strings_join(&invocation.operands, " ");
    UNIT_SAME(operands, expected);
}

/* The message and the last hint of a line that is wrong. */
static void
check_error(const char *line, const char *message, const char *hint)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    if (parse(&invocation, line, &error) == 0)
        operands_check(&invocation, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_INVALID);
    UNIT_SAME(error->message, message);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, hint);
}

/* ---- what is right ---- */

static void
test_operands(void)
{
    check_operands("maqet start", "");
    check_operands("maqet start a b", "a b");
    check_operands("maqet start a --wait 3 b -q c", "a b c");
    check_operands("maqet -q --format json start a", "a");
    check_operands("maqet start -- --wait -q", "--wait -q");
    check_operands("maqet start a -- -b --", "a -b --");
    check_operands("maqet add -", "-");
    check_operands("maqet -- start a", "a");
}

static void
test_operands_whatever_the_environment_says(void)
{
    setenv("POSIXLY_CORRECT", "1", 1);
    check_operands("maqet stop a --timeout 3 b", "a b");
    unsetenv("POSIXLY_CORRECT");
}

static void
test_values(void)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

    CU_ASSERT_EQUAL(parse(&invocation, "maqet -vqv stop a -ft7 --timeout=1.5 b", NULL),
                    0);
    UNIT_SAME(invocation.command->name, "stop");
    CU_ASSERT_TRUE(invocation_has(&invocation, "verbose"));
    CU_ASSERT_TRUE(invocation_has(&invocation, "quiet"));
    CU_ASSERT_TRUE(invocation_has(&invocation, "force"));
    /* The last one counts. */
    UNIT_SAME(invocation_text(&invocation, "timeout"), "1.5");
    CU_ASSERT_EQUAL(invocation_milliseconds(&invocation, "timeout"), 1500);
    /* What is not given falls back. */
    CU_ASSERT_EQUAL(invocation_milliseconds(&invocation, "lock-timeout"), 30000);
    UNIT_SAME(invocation_text(&invocation, "format"), "table");
    CU_ASSERT_PTR_NULL(invocation_text(&invocation, "data-dir"));
}

static void
test_global_options_anywhere(void)
{
    static const char *const lines[] = {
        "maqet --data-dir /x ls",
        "maqet ls --data-dir /x",
        "maqet ls --data-dir=/x",
        "maqet --data-dir /y ls --data-dir /x",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

        CU_ASSERT_EQUAL(parse(&invocation, lines[i], NULL), 0);
        UNIT_SAME(invocation_text(&invocation, "data-dir"), "/x");
    }
}

static void
test_repeated_values(void)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_strings_ struct maqet_strings values = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(parse(&invocation, "maqet add f --set a=1 --set=b=2", NULL), 0);
    invocation_texts(&invocation, "set", &values);
    CU_ASSERT_EQUAL_FATAL(values.count, 2);
    UNIT_SAME(values.items[0], "a=1");
    UNIT_SAME(values.items[1], "b=2");
}

static void
test_no_command(void)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

    CU_ASSERT_EQUAL(parse(&invocation, "maqet -v", NULL), 0);
    CU_ASSERT_PTR_NULL(invocation.command);
}

/* ---- actions ---- */

/* The action of a line that is right, and its operand of a kind. */
static void
check_action(const char *line, const char *title, enum operand_kind kind,
             const char *operand)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(parse(&invocation, line, &error), 0);
    CU_ASSERT_EQUAL(operands_check(&invocation, &error), 0);
    _cleanup_free_ char *found =
        maqet_format("%s %s", invocation.group->name, invocation.command->name);
    UNIT_SAME(found, title);
    if (operand)
        UNIT_SAME(operand_find(&invocation, kind), operand);
    else
        CU_ASSERT_PTR_NULL(operand_find(&invocation, kind));
}

static void
test_actions(void)
{
    check_action("maqet snapshot vm create hdd one", "snapshot create", OPERAND_DRIVE,
                 "hdd");
    check_action("maqet snapshot vm create hdd one", "snapshot create", OPERAND_VM, "vm");
    check_action("maqet snapshot --live vm -w 3 create --overwrite hdd one",
                 "snapshot create", OPERAND_NEW_NAME, "one");
    check_action("maqet snapshot vm create --all one", "snapshot create",
                 OPERAND_NEW_NAME, "one");
    check_action("maqet snapshot vm create --all one", "snapshot create", OPERAND_DRIVE,
                 NULL);
    check_action("maqet snapshot vm list", "snapshot list", OPERAND_DRIVE, NULL);
    check_action("maqet snapshot vm list hdd", "snapshot list", OPERAND_DRIVE, "hdd");
    /* A VM may be called as an action is. */
    check_action("maqet snapshot list load list list", "snapshot load", OPERAND_SNAPSHOT,
                 "list");
    /* The action may come first. */
    check_action("maqet snapshot create vm hdd one", "snapshot create", OPERAND_VM, "vm");
    check_action("maqet snapshot create vm hdd one --live", "snapshot create",
                 OPERAND_NEW_NAME, "one");
    check_action("maqet snapshot list vm", "snapshot list", OPERAND_DRIVE, NULL);
    check_action("maqet snapshot load --all vm one", "snapshot load", OPERAND_SNAPSHOT,
                 "one");
    check_action("maqet checkpoint delete vm one", "checkpoint delete",
                 OPERAND_CHECKPOINT, "one");
    check_action("maqet plugin list", "plugin list", OPERAND_PLUGIN, NULL);
    check_action("maqet storage rm a b", "storage rm", OPERAND_IMAGE, "a");
    check_action("maqet rm --all", "rm rm", OPERAND_VM, NULL);
}

/* An option of export that a global one has the name of. */
static void
test_options_of_an_action(void)
{
    static const char *const lines[] = {
        "maqet snapshot vm export hdd one file --format raw",
        "maqet snapshot --format raw vm export hdd one file",
        "maqet --format raw snapshot vm export hdd one file",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

        CU_ASSERT_EQUAL(parse(&invocation, lines[i], NULL), 0);
        UNIT_SAME(invocation_text(&invocation, "format"), "raw");
        /* What only others have is not given. */
        CU_ASSERT_FALSE(invocation_has(&invocation, "live"));
        CU_ASSERT_FALSE(invocation_knows(&invocation, "live"));
    }
}

/* ---- what is wrong ---- */

static void
test_unknown_words(void)
{
    check_error("maqet strat a", "Unknown command 'strat'; did you mean 'start'?",
                "Try 'maqet --help'");
    check_error("maqet frobnicate", "Unknown command 'frobnicate'", "Try 'maqet --help'");
    check_error("maqet --formt json ls",
                "Unknown option '--formt'; did you mean '--format'?",
                "Try 'maqet --help'");
    check_error("maqet stop a --forse",
                "Unknown option '--forse'; did you mean '--force'?",
                "Try 'maqet stop --help'");
    check_error("maqet stop a --frobnicate=3", "Unknown option '--frobnicate'",
                "Try 'maqet stop --help'");
    check_error("maqet stop -Z a", "Unknown option '-Z'", "Try 'maqet stop --help'");
    check_error("maqet stop -fZ a", "Unknown option '-Z'", "Try 'maqet stop --help'");
    check_error("maqet start --fo a",
                "Option '--fo' is ambiguous: --foreground or --format",
                "Try 'maqet start --help'");
}

/* Words of other tools run what they mean, unless that would stop or delete something. */
static void
test_other_words(void)
{
    check_action("maqet list", "ls ls", OPERAND_VM, NULL);
    check_action("maqet show vm", "status status", OPERAND_VM, "vm");
    check_action("maqet up vm --wait 3", "start start", OPERAND_VM, "vm");
    check_action("maqet images", "storage ls", OPERAND_IMAGE, NULL);
    check_action("maqet snapshots vm", "snapshot list", OPERAND_VM, "vm");
    check_error("maqet shutdown vm", "maqet has no command 'shutdown'",
                "To ask the guest to power off: maqet stop VM");
    check_error("maqet reboot vm", "maqet has no command 'reboot'",
                "To stop a VM and start it again: maqet restart VM");
    check_error("maqet poweroff vm --force", "maqet has no command 'poweroff'",
                "To ask the guest to power off: maqet stop VM");
}

/* Where words lead that people type who know virsh, podman, docker, lima, multipass, incus or
 * vagrant: those that read run something that reads, or are an error that names it; no guess
 * is made at them. */
static void
test_reading_words(void)
{
    static const char *const words[] = {
        "list",      "ps",           "show",          "info",
        "inspect",   "describe",     "state",         "stat",
        "ip",        "port",         "ports",         "dominfo",
        "domstate",  "domstats",     "domblklist",    "domblkinfo",
        "domiflist", "domifaddr",    "dumpxml",       "get",
        "log",       "event",        "history",       "stats",
        "images",    "volumes",      "vol-list",      "pool-list",
        "snapshots", "version",      "network",       "networks",
        "net-list",  "domdisplay",   "vncdisplay",    "monitor",
        "image",     "volume",       "global-status", "snapshot-list",
        "view",      "cat",          "find",          "search",
        "dump",      "uri",          "nodeinfo",      "mounts",
        "hostname",  "capabilities", "disk",          "df",
        "du",        "tag",
    };
    static const char *const reads[] = {
        "ls",   "status", "config", "logs", "events", "top",  "storage",    "snapshot",
        "args", "plugin", "help",   "diff", "doctor", "wait", "checkpoint", NULL};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        const char *action;
        const struct command *command =
            invocation_find_command(&INVOCATION_INIT, words[i], &action, &error);

        if (command) {
            CU_ASSERT_TRUE(maqet_text_is_one_of(command->name, reads));
            CU_ASSERT_TRUE(!command->actions || action);
        } else {
            CU_ASSERT_PTR_NULL(strstr(error->message, "did you mean"));
        }
    }
    /* A misspelt one is corrected to itself. */
    check_error("maqet shwo vm", "Unknown command 'shwo'; did you mean 'show'?",
                "Try 'maqet --help'");
    check_error("maqet lits", "Unknown command 'lits'; did you mean 'list'?",
                "Try 'maqet --help'");
    check_error("maqet statsu vm", "Unknown command 'statsu'; did you mean 'status'?",
                "Try 'maqet --help'");
}

/* Nor does a misspelling lead to what stops, removes or discards. */
static void
test_misspellings_are_harmless(void)
{
    static const char *const words[] = {"stpo",   "sotp", "stopp",  "rmm",    "restrat",
                                        "rstart", "shwo", "delete", "destroi"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *line = maqet_format("maqet %s vm", words[i]);

        CU_ASSERT_EQUAL(parse(&invocation, line, &error), -1);
        CU_ASSERT_PTR_NULL(strstr(error->message, "did you mean 'stop'"));
        CU_ASSERT_PTR_NULL(strstr(error->message, "did you mean 'restart'"));
        CU_ASSERT_PTR_NULL(strstr(error->message, "did you mean 'rm'"));
    }
    check_error(
        "maqet snapshot vm lod hdd one",
        "Unknown action 'lod'; there are: create, list, load, delete, tree, export, "
        "convert",
        "Try 'maqet snapshot --help'");
    check_error("maqet checkpoint vm delet one",
                "Unknown action 'delet'; there are: create, list, load, verify, delete",
                "Try 'maqet checkpoint --help'");
}

static void
test_wrong_values(void)
{
    static const char *const wrong[] = {"abc",  "-1",  "1s", "1.2.3", ".",
                                        "0x10", "inf", "",   "1e3",   "9999999999"};

    check_error("maqet stop a --timeout", "Option '--timeout' needs a value: SECONDS",
                "Try 'maqet stop --help'");
    check_error("maqet stop a --force=yes", "Option '--force' takes no value",
                "Try 'maqet stop --help'");
    check_error(
        "maqet ls --status gone",
        "Option '--status' takes one of created, running, paused, panicked, stopped, "
        "crashed, unresponsive, "
        "not 'gone'",
        "Try 'maqet ls --help'");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        _cleanup_free_ char *line = maqet_format("maqet stop a --timeout=%s", wrong[i]);
        _cleanup_free_ char *message = maqet_format(
            "Option '--timeout' takes a number of seconds, not '%s'", wrong[i]);
        check_error(line, message, "Try 'maqet stop --help'");
    }
}

static void
test_wrong_counts(void)
{
    check_error("maqet start", "Missing operand; usage: maqet start VM...",
                "Try 'maqet start --help'");
    check_error("maqet apply a", "Missing operand; usage: maqet apply VM FILE...",
                "Try 'maqet apply --help'");
    check_error("maqet ls b", "Unexpected operand 'b'; usage: maqet ls",
                "Try 'maqet ls --help'");
    check_error("maqet rm", "Missing operand; usage: maqet rm VM...",
                "Try 'maqet rm --help'");
    check_error("maqet rm a --all", "--all and VM are mutually exclusive",
                "Try 'maqet rm --help'");
}

static void
test_wrong_actions(void)
{
    check_error("maqet snapshot vm",
                "Missing operand; usage: maqet snapshot VM "
                "create|list|load|delete|tree|export|convert",
                "Try 'maqet snapshot --help'");
    check_error("maqet snapshot vm creat hdd one",
                "Unknown action 'creat'; did you mean 'create'?",
                "Try 'maqet snapshot --help'");
    check_error("maqet storage prune", "Unknown action 'prune'; there are: ls, rm",
                "Try 'maqet storage --help'");
    check_error("maqet snapshot vm create hdd",
                "Missing operand; usage: maqet snapshot VM create DRIVE NAME",
                "Try 'maqet snapshot create --help'");
    check_error("maqet snapshot vm create hdd one --all",
                "--all and DRIVE are mutually exclusive",
                "Try 'maqet snapshot create --help'");
    check_error("maqet plugin list qcow2",
                "Unexpected operand 'qcow2'; usage: maqet plugin list",
                "Try 'maqet plugin list --help'");
}

static void
test_options_of_other_actions(void)
{
    check_error("maqet snapshot --compress vm list",
                "--compress is not an option of 'snapshot list', but of 'snapshot "
                "create' and 'snapshot export'",
                "Try 'maqet snapshot list --help'");
    check_error("maqet snapshot vm export --mem hdd one file",
                "--memory is not an option of 'snapshot export', but of 'snapshot "
                "create'",
                "Try 'maqet snapshot export --help'");
    check_error("maqet plugin list --set=a=b",
                "--set is not an option of 'plugin list', but of 'plugin check'",
                "Try 'maqet plugin list --help'");
    check_error("maqet storage ls -y",
                "--yes is not an option of 'storage ls', but of 'storage rm'",
                "Try 'maqet storage ls --help'");
    /* Of one that no action has, the closest that this one has. */
    check_error("maqet snapshot vm list --exclud hdd --bogus", "Unknown option '--bogus'",
                "Try 'maqet snapshot list --help'");
    check_error("maqet snapshot vm create hdd one --format raw",
                "Option '--format' takes one of table, json, yaml, plain, not 'raw'",
                "Try 'maqet snapshot create --help'");
}

/* An error is shown in the format that is asked for, wherever that stands. */
static void
test_parsing_goes_on_after_a_fault(void)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(
        parse(&invocation, "maqet stop --forse --bogus --format json", &error), -1);
    UNIT_SAME(error->message, "Unknown option '--forse'; did you mean '--force'?");
    UNIT_SAME(invocation_text(&invocation, "format"), "json");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"operands", test_operands},
        {"operands, whatever the environment says",
         test_operands_whatever_the_environment_says},
        {"values of options", test_values},
        {"global options anywhere", test_global_options_anywhere},
        {"repeated values", test_repeated_values},
        {"no command", test_no_command},
        {"actions", test_actions},
        {"options of an action", test_options_of_an_action},
        {"unknown words", test_unknown_words},
        {"words of other tools", test_other_words},
        {"words of other tools that read", test_reading_words},
        {"misspellings are harmless", test_misspellings_are_harmless},
        {"wrong values", test_wrong_values},
        {"wrong counts", test_wrong_counts},
        {"wrong actions", test_wrong_actions},
        {"options of other actions", test_options_of_other_actions},
        {"parsing goes on after a fault", test_parsing_goes_on_after_a_fault},
        CU_TEST_INFO_NULL,
    };

    return unit_run("invocation", tests);
}
