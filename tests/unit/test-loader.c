/* SPDX-License-Identifier: MIT */
/* Plugins are found, checked and copied; the wrong ones are refused with their reason. */
#include <string.h>

#include "core/plugin/loader.h"
#include "tests/unit/plugins.h"

/* ---- a folder of plugins ---- */

struct scene {
    char *folder;
    struct maqet_context context;
};

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder()};

    maqet_strings_add(&scene.context.plugin_dirs, scene.folder);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* What a plugin can't be loaded for; @why follows "Cannot load the plugin FILE: ". */
static void
check_refused(const struct scene *scene, const char *name, enum maqet_error_code code,
              const char *why)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message = maqet_format(
        "Cannot load the plugin %s/maqet-storage-%s.so: %s", scene->folder, name, why);

    CU_ASSERT_PTR_NULL(maqet_storage_load(&scene->context, name, &error));
    UNIT_ERROR(&error, code, message);
}

/* ---- names ---- */

static void
test_names(void)
{
    static const char longest[] =
        "a2345678901234567890123456789012345678901234567890123456789012-4";
    _cleanup_free_ char *too_long = maqet_format("%s5", longest);

    CU_ASSERT_EQUAL(strlen(longest), 64);
    CU_ASSERT_TRUE(maqet_plugin_name_valid("a"));
    CU_ASSERT_TRUE(maqet_plugin_name_valid("9p"));
    CU_ASSERT_TRUE(maqet_plugin_name_valid("a-b-"));
    CU_ASSERT_TRUE(maqet_plugin_name_valid(longest));
    CU_ASSERT_FALSE(maqet_plugin_name_valid(too_long));
    CU_ASSERT_FALSE(maqet_plugin_name_valid(""));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("-a"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("A"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("a_b"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("a/b"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("../a"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("a.so"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("a b"));
    CU_ASSERT_FALSE(maqet_plugin_name_valid("\xc3\xa4"));
}

static void
test_invalid_name_is_not_searched(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_storage_load(&scene.context, "../good", &error));
    UNIT_ERROR(
        &error, MAQET_ERROR_INVALID,
        "invalid storage plugin name '../good': use lower-case letters, digits and '-'");
    CU_ASSERT_PTR_NULL(maqet_iface_load(&scene.context, "", &error));
    UNIT_ERROR(&error, MAQET_ERROR_INVALID,
               "invalid interface plugin name '': use lower-case letters, digits and "
               "'-'");
}

/* ---- finding ---- */

static void
test_missing(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_folder_ char *second = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *storage = maqet_format(
        "There is no storage plugin 'god' (searched in: %s, %s)", scene.folder, second);
    _cleanup_free_ char *iface = maqet_format(
        "There is no interface plugin 'god' (searched in: %s, %s)", scene.folder, second);

    maqet_strings_add(&scene.context.plugin_dirs, second);
    unit_plugin(scene.folder, "maqet-storage-good.so");
    unit_plugin(second, "maqet-storage-good.so");
    unit_plugin_as(second, "maqet-storage-good.so", "maqet-storage-a.so");
    unit_plugin_as(second, "maqet-storage-good.so", "maqet-storage-.so");
    unit_plugin_as(second, "maqet-storage-good.so", "maqet-storage-b.so.1");
    CU_ASSERT_PTR_NULL(maqet_storage_load(&scene.context, "god", &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, "Did you mean 'good'? There are: a, good");
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, storage);
    CU_ASSERT_PTR_NULL(maqet_iface_load(&scene.context, "god", &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, "There are: none");
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, iface);
}

static void
test_first_folder_wins(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_folder_ char *second = unit_folder();
    _cleanup_free_ char *in_first =
        maqet_format("%s/maqet-storage-good.so", scene.folder);
    _cleanup_free_ char *in_second = maqet_format("%s/maqet-storage-good.so", second);
    const struct maqet_storage *storage;

    maqet_strings_add(&scene.context.plugin_dirs, second);
    unit_plugin(second, "maqet-storage-good.so");
    storage = maqet_storage_load(&scene.context, "good", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    UNIT_SAME(storage->common.file, in_second);
    const struct maqet_storage *before = storage;

    /* Other folders may have another plugin of that name. */
    maqet_strings_cut(&scene.context.plugin_dirs, 1);
    unit_plugin(scene.folder, "maqet-storage-good.so");
    storage = maqet_storage_load(&scene.context, "good", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    UNIT_SAME(storage->common.file, in_first);
    maqet_strings_add(&scene.context.plugin_dirs, second);
    CU_ASSERT_PTR_EQUAL(maqet_storage_load(&scene.context, "good", NULL), before);
}

/* Whoever can write a plugin can run code as its user. */
static void
check_writers(const struct scene *scene, const char *path, mode_t mode)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message =
        maqet_format("Refusing to load a plugin: %s is writable by other users", path);
    _cleanup_free_ char *hint = maqet_format("Make it writable for its owner only "
                                             "(chmod go-w '%s'), or use another one",
                                             path);

    CU_ASSERT_EQUAL(chmod(path, mode), 0);
    CU_ASSERT_PTR_NULL(maqet_storage_load(&scene->context, "good", &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, hint);
    UNIT_ERROR(&error, MAQET_ERROR_PERMISSION, message);
}

static void
test_writers(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *file = maqet_format("%s/maqet-storage-good.so", scene.folder);

    unit_plugin(scene.folder, "maqet-storage-good.so");
    check_writers(&scene, file, 0664);
    check_writers(&scene, file, 0646);
    CU_ASSERT_EQUAL(chmod(file, 0644), 0);
    check_writers(&scene, scene.folder, 0770);
    check_writers(&scene, scene.folder, 01777);
    CU_ASSERT_EQUAL(chmod(scene.folder, 0755), 0);
    const struct maqet_storage *storage =
        maqet_storage_load(&scene.context, "good", NULL);
    CU_ASSERT_PTR_NOT_NULL(storage);
}

static void
test_owner(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *file = maqet_format("%s/maqet-storage-good.so", scene.folder);
    const char *const paths[] = {file, scene.folder};

    if (geteuid() != 0)
        return; /* nobody else can give files away */
    unit_plugin(scene.folder, "maqet-storage-good.so");
    for (size_t i = 0; i < 2; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *message = maqet_format(
            "Refusing to load a plugin: %s belongs to another user (uid 12345)",
            paths[i]);

        CU_ASSERT_EQUAL(chown(paths[i], 12345, 0), 0);
        CU_ASSERT_PTR_NULL(maqet_storage_load(&scene.context, "good", &error));
        UNIT_ERROR(&error, MAQET_ERROR_PERMISSION, message);
        CU_ASSERT_EQUAL(chown(paths[i], 0, 0), 0);
    }
}

/* ---- checking ---- */

static void
test_faults(void)
{
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
        {"wrong-abi", "it was built for plugin ABI 77; this maqet has ABI 1"},
        {"wrong-kind", "it is not of the kind 'storage'"},
        {"wrong-name", "its name is 'another', which does not match the name of its "
                       "file"},
        {"no-entry", "it doesn't export maqet_storage_plugin"},
        {"null-entry", "maqet_storage_plugin returned NULL"},
        {"no-emit", "it has no emit_args"},
        {"no-create", "it has no create"},
        {"no-space", "it has no space"},
        {"no-snapshots", "it has no snapshot.create"},
        {"path-option", "its path_option 'nowhere' is not one of its PATH options"},
        {"bad-option", "its option 'Bad-Name' is not named [a-z][a-z0-9_]*"},
        {"reserved-option", "the name of its option 'media' is reserved for maqet"},
        {"no-choices", "its option 'word' has no choices"},
    };
    _cleanup_scene_ struct scene scene = scene_new();

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_free_ char *file = maqet_format("maqet-storage-%s.so", rows[i].name);

        unit_plugin(scene.folder, file);
        check_refused(&scene, rows[i].name, MAQET_ERROR_INVALID, rows[i].why);
    }
}

static void
test_small_struct(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    size_t size = sizeof(struct maqet_storage_plugin), row = sizeof(struct maqet_option);
    _cleanup_free_ char *why =
        maqet_format("its structs have %zu and %zu bytes; ABI 1 has %zu and %zu",
                     size - sizeof(void *), row, size, row);

    unit_plugin(scene.folder, "maqet-storage-small.so");
    check_refused(&scene, "small", MAQET_ERROR_INVALID, why);
}

static void
test_not_loadable(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *empty = unit_file(scene.folder, "maqet-storage-empty.so", "");
    _cleanup_free_ char *file =
        maqet_format("%s/maqet-storage-missing-symbol.so", scene.folder);
    _cleanup_free_ char *too_short = maqet_format("%s: file too short", empty);
    _cleanup_free_ char *undefined =
        maqet_format("%s: undefined symbol: maqet_not_in_this_version", file);

    check_refused(&scene, "empty", MAQET_ERROR_FAILED, too_short);
    unit_plugin(scene.folder, "maqet-storage-missing-symbol.so");
    check_refused(&scene, "missing-symbol", MAQET_ERROR_FAILED, undefined);
}

/* The entry's name tells the kinds apart, whatever the file is called. */
static void
test_other_kind(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message =
        maqet_format("Cannot load the plugin %s/maqet-iface-good.so: it doesn't "
                     "export maqet_iface_plugin",
                     scene.folder);

    unit_plugin_as(scene.folder, "maqet-iface-slots.so", "maqet-storage-slots.so");
    check_refused(&scene, "slots", MAQET_ERROR_INVALID,
                  "it doesn't export maqet_storage_plugin");
    unit_plugin_as(scene.folder, "maqet-storage-good.so", "maqet-iface-good.so");
    CU_ASSERT_PTR_NULL(maqet_iface_load(&scene.context, "good", &error));
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, message);
}

/* ---- what is loaded ---- */

static void
check_rows_of_good(const struct maqet_option *row)
{
    UNIT_SAME(row[0].name, "file");
    CU_ASSERT_EQUAL(row[0].type, MAQET_OPTION_PATH);
    UNIT_SAME(row[1].name, "size");
    CU_ASSERT_EQUAL(row[1].type, MAQET_OPTION_SIZE);
    UNIT_SAME(row[2].name, "colour");
    UNIT_SAME(row[2].fallback, "red");
    CU_ASSERT_PTR_NULL(row[3].name);
}

static void
test_good(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    unit_plugin(scene.folder, "maqet-storage-good.so");
    const struct maqet_storage *storage =
        maqet_storage_load(&scene.context, "good", &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    UNIT_NO_ERROR(&error);
    UNIT_SAME(storage->plugin.name, "good");
    UNIT_SAME(storage->plugin.interface, "virtio");
    UNIT_SAME(storage->plugin.path_option, "file");
    CU_ASSERT_PTR_NOT_NULL(storage->plugin.create);
    CU_ASSERT_PTR_NULL(storage->plugin.inspect);
    CU_ASSERT_PTR_NOT_EQUAL(storage->common.options, storage->plugin.options);
    check_rows_of_good(storage->common.options);
}

/* Longer structs and longer rows: what we know of them is where it always was. */
static void
test_newer(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    unit_plugin(scene.folder, "maqet-storage-newer.so");
    const struct maqet_storage *storage =
        maqet_storage_load(&scene.context, "newer", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    CU_ASSERT_TRUE(storage->plugin.header.size > sizeof(struct maqet_storage_plugin));
    CU_ASSERT_TRUE(storage->plugin.header.option_size > sizeof(struct maqet_option));
    CU_ASSERT_PTR_NOT_NULL(storage->plugin.emit_args);
    check_rows_of_good(storage->common.options);
}

static void
test_small_snapshot_table(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *why = maqet_format(
        "its snapshot table has %zu bytes, less than the %zu that it began with",
        offsetof(struct maqet_snapshot_table, can_create),
        sizeof(struct maqet_snapshot_table));

    unit_plugin(scene.folder, "maqet-storage-small-table.so");
    check_refused(&scene, "small-table", MAQET_ERROR_INVALID, why);
}

static void
test_options_within_options(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    unit_plugin(scene.folder, "maqet-storage-maker.so");
    const struct maqet_storage *storage =
        maqet_storage_load(&scene.context, "maker", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    const struct maqet_option *row = storage->common.options;
    while (row->name && row->type != MAQET_OPTION_MAP)
        row++;
    UNIT_SAME(row->name, "limits");
    CU_ASSERT_PTR_NOT_NULL_FATAL(row->options);
    UNIT_SAME(row->options[0].name, "depth");
    CU_ASSERT_EQUAL(row->options[0].maximum, 9);
    UNIT_SAME(row->options[1].fallback, "none");
    CU_ASSERT_PTR_NULL(row->options[2].name);
}

static void
test_iface(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    unit_plugin(scene.folder, "maqet-iface-slots.so");
    const struct maqet_iface *iface = maqet_iface_load(&scene.context, "slots", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(iface);
    UNIT_SAME(iface->plugin.name, "slots");
    CU_ASSERT_PTR_NOT_NULL(iface->plugin.emit_controller);
    UNIT_SAME(iface->common.options[0].name, "unit");
    CU_ASSERT_PTR_NULL(iface->common.options[1].name);
}

static bool
is_mapped(const char *file)
{
    _cleanup_free_ char *maps = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read("/proc/self/maps", 64 << 20, &maps, NULL, NULL),
                          0);
    return strstr(maps, file) != NULL;
}

static void
heard(void *data, enum maqet_level level, const char *message)
{
    (void)level;
    maqet_strings_add(data, message);
}

/* Whoever asks for a plugin again gets the same one, and nothing is looked at again. */
static void
test_loaded_once(void)
{
    _cleanup_strings_ struct maqet_strings messages = MAQET_STRINGS_INIT;
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *file = maqet_format("%s/maqet-storage-good.so", scene.folder);

    scene.context.message = heard;
    scene.context.data = &messages;
    unit_plugin(scene.folder, "maqet-storage-good.so");
    unit_plugin(scene.folder, "maqet-iface-slots.so");
    const struct maqet_storage *storage =
        maqet_storage_load(&scene.context, "good", NULL);
    const struct maqet_iface *iface = maqet_iface_load(&scene.context, "slots", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
    CU_ASSERT_PTR_NOT_NULL_FATAL(iface);
    CU_ASSERT_EQUAL(unlink(file), 0);
    CU_ASSERT_PTR_EQUAL(maqet_storage_load(&scene.context, "good", NULL), storage);
    CU_ASSERT_PTR_EQUAL(maqet_iface_load(&scene.context, "slots", NULL), iface);
    CU_ASSERT_EQUAL(messages.count, 2);

    /* By its file it is loaded all the same, and a name does not lead to that one. */
    unit_plugin(scene.folder, "maqet-storage-good.so");
    bool is_iface = true;
    const struct maqet_plugin *again = maqet_plugin_load_file(file, &is_iface, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_FALSE(is_iface);
    CU_ASSERT_PTR_NOT_EQUAL(again, &storage->common);
    CU_ASSERT_PTR_EQUAL(maqet_storage_load(&scene.context, "good", NULL), storage);
}

static void
test_stand_in(void)
{
    const struct maqet_storage *one = maqet_storage_stand_in("gone"),
                               *other = maqet_storage_stand_in("away");

    UNIT_SAME(one->plugin.name, "gone");
    UNIT_SAME(other->plugin.name, "away");
    CU_ASSERT_PTR_EQUAL(maqet_storage_stand_in("gone"), one);
}

static void
test_refused_is_unloaded(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    unit_plugin(scene.folder, "maqet-storage-wrong-abi.so");
    CU_ASSERT_PTR_NULL(maqet_storage_load(&scene.context, "wrong-abi", NULL));
    CU_ASSERT_FALSE(is_mapped("wrong-abi"));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"names", test_names},
        {"an invalid name is not searched for", test_invalid_name_is_not_searched},
        {"missing", test_missing},
        {"the first folder wins", test_first_folder_wins},
        {"writers", test_writers},
        {"owner", test_owner},
        {"faults", test_faults},
        {"a small struct", test_small_struct},
        {"not loadable", test_not_loadable},
        {"the other kind", test_other_kind},
        {"a good one", test_good},
        {"a newer one", test_newer},
        {"a small snapshot table", test_small_snapshot_table},
        {"options within options", test_options_within_options},
        {"an interface", test_iface},
        {"loaded once", test_loaded_once},
        {"a stand-in", test_stand_in},
        {"what was refused is unloaded", test_refused_is_unloaded},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built())
        return UNIT_SKIP;
    return unit_run("loader", tests);
}
