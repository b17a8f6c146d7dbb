/* SPDX-License-Identifier: MIT */
/* The user's settings file. */
#include "core/config/settings.h"

#include "tests/unit/unit.h"

/* What the files say. */
struct settings {
    struct maqet_context context;
    char *verbosity;
};

static void
clear_settings(struct settings *settings)
{
    maqet_context_clear(&settings->context);
    free(settings->verbosity);
}

#define _cleanup_settings_ _cleanup_(clear_settings)

static void
check_nothing(const struct settings *settings)
{
    UNIT_SAME(settings->context.data_dir, NULL);
    UNIT_SAME(settings->context.runtime_dir, NULL);
    UNIT_SAME(settings->context.storage_dir, NULL);
    UNIT_SAME(settings->context.accel, NULL);
    CU_ASSERT_EQUAL(settings->context.plugin_dirs.count, 0);
    UNIT_SAME(settings->verbosity, NULL);
}

static void
test_all(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path =
        unit_file(folder, "maqet.conf",
                  "data_dir: /data\nruntime_dir: run/./time\nstorage_dir: ~/images\n"
                  "accel: tcg\nverbosity: quiet\n"
                  "plugin_path: '/opt/plugins::~/plugins:more'\n");
    _cleanup_free_ char *more = maqet_format("%s/more", folder);
    _cleanup_free_ char *runtime = maqet_format("%s/run/time", folder);
    _cleanup_free_ char *home = maqet_strdup(getenv("HOME"));
    _cleanup_settings_ struct settings settings = {0};
    struct maqet_error *err = NULL;

    setenv("HOME", "/home/me", 1);
    CU_ASSERT_EQUAL(
        maqet_settings_read(path, &settings.context, &settings.verbosity, &err), 0);
    if (home)
        setenv("HOME", home, 1);
    UNIT_NO_ERROR(&err);
    UNIT_SAME(settings.context.data_dir, "/data");
    UNIT_SAME(settings.context.runtime_dir, runtime);
    UNIT_SAME(settings.context.storage_dir, "/home/me/images");
    UNIT_SAME(settings.context.accel, "tcg");
    UNIT_SAME(settings.verbosity, "quiet");
    CU_ASSERT_EQUAL_FATAL(settings.context.plugin_dirs.count, 3);
    UNIT_SAME(settings.context.plugin_dirs.items[0], "/opt/plugins");
    UNIT_SAME(settings.context.plugin_dirs.items[1], "/home/me/plugins");
    UNIT_SAME(settings.context.plugin_dirs.items[2], more);
}

static void
test_nothing(void)
{
    static const char *const texts[] = {"", "# accel: tcg\n", "{}\n", "---\n",
                                        "accel:\n"};
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *nowhere = maqet_format("%s/none/maqet.conf", folder);
    struct settings settings = {0};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(
        maqet_settings_read(nowhere, &settings.context, &settings.verbosity, &err), 0);
    UNIT_NO_ERROR(&err);
    check_nothing(&settings);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_free_ char *path = unit_file(folder, "maqet.conf", texts[i]);

        CU_ASSERT_EQUAL(
            maqet_settings_read(path, &settings.context, &settings.verbosity, &err), 0);
        UNIT_NO_ERROR(&err);
        check_nothing(&settings);
    }
}

/* The user's file is read before the system's. */
static void
test_what_is_said_already(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(
        folder, "maqet.conf", "accel: tcg\nverbosity: quiet\nplugin_path: /b\n");
    _cleanup_settings_ struct settings settings = {.context.accel = maqet_strdup("kvm")};

    maqet_strings_add(&settings.context.plugin_dirs, "/a");
    CU_ASSERT_EQUAL(
        maqet_settings_read(path, &settings.context, &settings.verbosity, NULL), 0);
    UNIT_SAME(settings.context.accel, "kvm");
    UNIT_SAME(settings.verbosity, "quiet");
    CU_ASSERT_EQUAL_FATAL(settings.context.plugin_dirs.count, 2);
    UNIT_SAME(settings.context.plugin_dirs.items[1], "/b");
}

static void
test_faults(void)
{
    static const char *const cases[][2] = {
        {"accel: turbo\n", ":1:8: 'accel' is 'turbo'; it can be: auto, kvm, tcg"},
        {"accel: tgc\n",
         ":1:8: 'accel' is 'tgc'; did you mean 'tcg'? It can be: auto, kvm, tcg"},
        {"\nverbosity: loud\n",
         ":2:12: 'verbosity' is 'loud'; it can be: quiet, normal, verbose"},
        {"data-dir: /x\n", ":1:1: unknown key 'data-dir'; did you mean 'data_dir'?"},
        {"data_dir: [x]\n", ":1:11: 'data_dir' is a list, but it must be a text"},
        {"- accel\n",
         ":1:1: this must be a mapping of keys and values (such as `name: vm`), "
         "but it is a list"},
        {"accel: [a\n", ":1:8: this '[' is not closed, or a ',' is missing in it"},
    };
    _cleanup_folder_ char *folder = unit_folder();

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *path = unit_file(folder, "maqet.conf", cases[i][0]);
        _cleanup_free_ char *message = maqet_format("%s%s", path, cases[i][1]);
        struct settings settings = {0};
        struct maqet_error *err = NULL;

        CU_ASSERT_EQUAL(
            maqet_settings_read(path, &settings.context, &settings.verbosity, &err), -1);
        UNIT_ERROR(&err, MAQET_ERROR_INVALID, message);
        check_nothing(&settings);
    }
}

static void
test_a_folder(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *message = maqet_format("%s is a folder, not a file", folder);
    struct settings settings = {0};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(
        maqet_settings_read(folder, &settings.context, &settings.verbosity, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, message);
    CU_ASSERT_EQUAL(
        maqet_settings_read(folder, &settings.context, &settings.verbosity, NULL), -1);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"all settings", test_all},
        {"no settings", test_nothing},
        {"what is said already", test_what_is_said_already},
        {"wrong settings", test_faults},
        {"a folder in its place", test_a_folder},
        CU_TEST_INFO_NULL,
    };

    return unit_run("settings", tests);
}
