/* SPDX-License-Identifier: MIT */
/* The plugins of this tree name a drive's node as the core says, which need not be the
 * drive's name. */
#include <string.h>

#include "core/base/json.h"
#include "core/config/yaml.h"
#include "core/storage/callback.h"
#include "core/storage/emitted.h"
#include "core/storage/entry.h"
#include "core/storage/overlay_elsewhere.h"
#include "core/storage/slots.h"
#include "tests/unit/plugins.h"

struct scene {
    char *folder; /* with the plugins, and with images */
    struct maqet_context context;
    struct maqet_machine machine;
    struct maqet_drive *drive;
};

/* The loader refuses plugins that others could have changed, so they are copied. */
static void
add_plugin(const struct scene *scene, const char *name)
{
    const char *top = getenv("abs_top_builddir");
    _cleanup_free_ char *built = maqet_format("%s/.libs/%s", top ? top : ".", name);
    _cleanup_free_ char *copy = maqet_format("%s/%s", scene->folder, name);
    _cleanup_free_ char *data = NULL;
    size_t length;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(built, 64 << 20, &data, &length, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(maqet_file_replace(copy, data, length, 0644, NULL), 0);
}

static void
scene_fill(struct scene *scene)
{
    static const char *const names[] = {
        "maqet-storage-qcow2.so", "maqet-storage-raw.so", "maqet-iface-virtio.so",
        "maqet-iface-scsi.so",    "maqet-iface-sata.so",  "maqet-iface-ide.so",
    };

    *scene = (struct scene){.folder = unit_folder()};
    scene->machine.vm_name = (char *)"web";
    scene->machine.arch = (char *)"x86_64";
    scene->machine.type = (char *)"pc";
    scene->machine.storage_dir = (char *)"/images";
    maqet_strings_add(&scene->context.plugin_dirs, scene->folder);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        add_plugin(scene, names[i]);
}

static void
scene_clear(struct scene *scene)
{
    maqet_strings_clear(&scene->context.plugin_dirs);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static struct maqet_drive *
drive_of(const struct scene *scene, const char *type, const char *interface,
         const char *more)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *yaml =
        maqet_format("{name: hdd, type: %s, interface: %s, file: %s/image%s}", type,
                     interface, scene->folder, more);
    _cleanup_json_ json_object *entry =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);
    struct maqet_drive *drive =
        maqet_drive_new(&scene->context, &scene->machine, entry, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(drive);
    return drive;
}

/* All that is said to QEMU, as one text. The caller frees. */
static char *
said_of(struct maqet_drive *drive)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_actions_ struct maqet_actions *actions = maqet_actions_new();
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_drives_emit(&drive, 1, NULL, args, NULL, &error), 0);
    maqet_args_render(args, &argv);
    CU_ASSERT_EQUAL(maqet_storage_live_resize(drive, 1 << 20, actions, &error), 0);
    if (drive->storage->snapshot.live_create)
        CU_ASSERT_EQUAL(maqet_storage_live_create(drive, "s", actions, &error), 0);
    maqet_args_render(&actions->args, &argv);
    UNIT_NO_ERROR(&error);
    return maqet_strings_join(&argv, "\n");
}

static void
check_named(const struct scene *scene, const char *type, const char *interface,
            const char *more)
{
    struct maqet_drive *drive = drive_of(scene, type, interface, more);

    maqet_drive_set_node(drive, "other");
    UNIT_SAME(maqet_drive_node(drive), "other");
    UNIT_SAME(maqet_drive_name(drive), "hdd");
    _cleanup_free_ char *said = said_of(drive);
    static const char *const wanted[] = {"\"node-name\":\"other\"", "\"drive\":\"other\"",
                                         "\"id\":\"hdd\""};
    static const char *const wrong[] = {"\"node-name\":\"hdd\"", "\"drive\":\"hdd\"",
                                        "\"device\":\"hdd\""};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(said, wanted[i]));
        CU_ASSERT_PTR_NULL(strstr(said, wrong[i]));
    }
    maqet_drive_free(drive);
}

static void
test_node_names(void)
{
    static const char *const interfaces[] = {"virtio", "scsi", "sata", "ide"};
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    for (size_t i = 0; i < sizeof(interfaces) / sizeof(*interfaces); i++) {
        check_named(&scene, "qcow2", interfaces[i], "");
        check_named(&scene, "raw", interfaces[i], ", cache: none");
    }
}

/* A share, and a CD-ROM drive without a disc, have no node. */
static void
test_no_node(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(&scene, "raw", "ide", ", media: cdrom");
    maqet_drive_set_top(drive, NULL);
    CU_ASSERT_TRUE(maqet_drive_empty(drive));
    CU_ASSERT_EQUAL(maqet_storage_emit_args(drive, args, NULL), 0);
    CU_ASSERT_EQUAL(args->count, 0);
    maqet_drive_free(drive);
}

/* QEMU is told to keep what is cached of a drive's file. That is no part of the name of storage that overlays
 * store, nor of what tells it from other storage: both were noted before QEMU was told that. */
static void
test_cached(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *name = NULL, *format = NULL;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(&scene, "raw", "virtio", "");
    _cleanup_free_ char *said = said_of(drive);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "\"drop-cache\":false"));
    struct maqet_overlays *overlays = maqet_overlays_read(maqet_drive_path(drive), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(overlays);
    maqet_drive_set_overlays(drive, overlays);
    drive->image_storage = drive->storage;
    CU_ASSERT_EQUAL_FATAL(maqet_overlay_elsewhere_name(drive, &name, &format, NULL), 0);
    CU_ASSERT_PTR_NULL(strstr(name, "drop-cache"));
    UNIT_SAME(format, "raw");
    _cleanup_json_ json_object *stored = maqet_overlay_elsewhere_identity(name);
    _cleanup_json_ json_object *present = maqet_overlay_elsewhere_identify(drive);
    CU_ASSERT(stored && json_object_equal(stored, present));
    maqet_drive_free(drive);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"nodes with names of their own", test_node_names},
        {"no node", test_no_node},
        {"what is cached", test_cached},
        CU_TEST_INFO_NULL,
    };

    return unit_run("emitted", tests);
}
