/* SPDX-License-Identifier: MIT */
/* Where things are kept: who says it first is heard. */
#include <string.h>
#include <sys/stat.h>

#include "cli/context.h"
#include "tests/unit/unit.h"

/* A home of our own; it goes with the test. */
static char *home;

static void
write_settings(const char *text)
{
    _cleanup_free_ char *folder = maqet_format("%s/config/maqet", home);

    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(folder, 0700, NULL), 0);
    free(unit_file(folder, "maqet.conf", text));
}

static void
set_up(void)
{
    static const char *const variables[] = {
        "MAQET_DATA_DIR",    "MAQET_RUNTIME_DIR", "MAQET_STORAGE_DIR",
        "MAQET_PLUGIN_PATH", "XDG_RUNTIME_DIR",   "XDG_DATA_HOME",
    };

    home = unit_folder();
    for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
        unsetenv(variables[i]);
    _cleanup_free_ char *config = maqet_format("%s/config", home);
    setenv("HOME", home, 1);
    setenv("XDG_CONFIG_HOME", config, 1);
}

static void
tear_down(void)
{
    unit_remove_folder(&home);
}

/* Fills a context as a command line says it. */
static void
fill(struct invocation *invocation, char **argv)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    int argc = 0;

    while (argv[argc])
        argc++;
    CU_ASSERT_EQUAL_FATAL(invocation_parse(invocation, argc, argv, &error), 0);
    CU_ASSERT_EQUAL_FATAL(context_fill(invocation, &error), 0);
}

static void
check_data_dir(char **argv, const char *expected)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

    fill(&invocation, argv);
    UNIT_SAME(invocation.context.data_dir, expected);
}

static void
test_who_says_it_first(void)
{
    char *plain[] = {"maqet", "ls", NULL};
    char *option[] = {"maqet", "ls", "--data-dir", "/by/option", NULL};

    set_up();
    write_settings("data_dir: /by/settings\n");
    check_data_dir(plain, "/by/settings");
    setenv("MAQET_DATA_DIR", "/by/environment", 1);
    check_data_dir(plain, "/by/environment");
    check_data_dir(option, "/by/option");
    /* Empty is as good as absent. */
    setenv("MAQET_DATA_DIR", "", 1);
    check_data_dir(plain, "/by/settings");
    tear_down();
}

static void
test_relative_paths(void)
{
    char *option[] = {"maqet", "ls", "--data-dir", "here", NULL};
    char *at_home[] = {"maqet", "ls", "--data-dir", "~/here", NULL};
    _cleanup_free_ char *before = realpath(".", NULL);

    set_up();
    _cleanup_free_ char *expected = maqet_format("%s/here", home);
    CU_ASSERT_EQUAL_FATAL(chdir(home), 0);
    check_data_dir(option, expected);
    CU_ASSERT_EQUAL_FATAL(chdir(before), 0);
    check_data_dir(at_home, expected);
    tear_down();
}

static void
test_defaults(void)
{
    char *argv[] = {"maqet", "ls", NULL};
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

    set_up();
    /* What sudo leaves of the user's session is not root's. */
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    fill(&invocation, argv);
    if (geteuid() == 0) {
        UNIT_SAME(invocation.context.data_dir, "/var/lib/maqet");
        UNIT_SAME(invocation.context.runtime_dir, "/run/maqet");
    } else {
        _cleanup_free_ char *data = maqet_format("%s/.local/share/maqet", home);
        UNIT_SAME(invocation.context.data_dir, data);
        UNIT_SAME(invocation.context.runtime_dir, "/run/user/1/maqet");
    }
    CU_ASSERT_PTR_NULL(invocation.context.storage_dir);
    CU_ASSERT_EQUAL(invocation.context.lock_timeout, 30000);
    tear_down();
}

static void
test_loudness(void)
{
    static const struct {
        const char *settings;
        const char *option;
        int loudness;
    } cases[] = {
        {"", NULL, MAQET_LEVEL_INFO},
        {"", "-q", QUIET},
        {"", "-v", MAQET_LEVEL_DEBUG},
        {"verbosity: quiet\n", NULL, QUIET},
        {"verbosity: quiet\n", "-v", MAQET_LEVEL_DEBUG},
        {"verbosity: verbose\n", NULL, MAQET_LEVEL_DEBUG},
        {"verbosity: verbose\n", "-q", QUIET},
    };

    set_up();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
        char *argv[] = {"maqet", "ls", (char *)cases[i].option, NULL};

        write_settings(cases[i].settings);
        fill(&invocation, argv);
        CU_ASSERT_EQUAL(invocation.output.loudness, cases[i].loudness);
    }
    tear_down();
}

static void
test_plugin_folders(void)
{
    char *argv[] = {"maqet", "ls", "-q", NULL};
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;

    set_up();
    _cleanup_free_ char *own = maqet_format("%s/own", home);
    _cleanup_free_ char *foreign = maqet_format("%s/foreign", home);
    _cleanup_free_ char *path = maqet_format(":%s::%s", foreign, own);
    CU_ASSERT_EQUAL_FATAL(mkdir(own, 0755), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(foreign, 0755), 0);
    /* The settings' folders come after the environment's, and are judged alike. */
    _cleanup_free_ char *settings = maqet_format("plugin_path: '%s:/later'\n", foreign);
    write_settings(settings);
    bool is_foreign = geteuid() == 0 && chown(foreign, 12345, 12345) == 0;
    setenv("MAQET_PLUGIN_PATH", path, 1);
    fill(&invocation, argv);

    /* Root loads nothing from a folder of somebody else's. */
    const struct maqet_strings *folders = &invocation.context.plugin_dirs;
    CU_ASSERT_EQUAL(maqet_strings_has(folders, foreign), !is_foreign);
    CU_ASSERT_TRUE(maqet_strings_has(folders, own));
    CU_ASSERT_EQUAL(folders->count, is_foreign ? 3 : 5);
    UNIT_SAME(folders->items[folders->count - 2], "/later");
    UNIT_SAME(folders->items[folders->count - 1], MAQET_PLUGIN_DIR);
    tear_down();
}

static void
test_broken_settings(void)
{
    char *argv[] = {"maqet", "ls", NULL};
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    set_up();
    write_settings("data_dri: /x\n");
    CU_ASSERT_EQUAL(invocation_parse(&invocation, 2, argv, NULL), 0);
    CU_ASSERT_EQUAL(context_fill(&invocation, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "maqet.conf:1:1"));
    tear_down();
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"who says it first", test_who_says_it_first},
        {"relative paths", test_relative_paths},
        {"defaults", test_defaults},
        {"loudness", test_loudness},
        {"plugin folders", test_plugin_folders},
        {"broken settings", test_broken_settings},
        CU_TEST_INFO_NULL,
    };

    return unit_run("context", tests);
}
