/* SPDX-License-Identifier: MIT */
/* An entry of the storage list becomes a drive: its keys, its plugins, its path, its
 * place. */
#include <string.h>

#include "core/config/yaml.h"
#include "core/qemu/objects.h"
#include "core/plugin/call.h"
#include "core/storage/drive.h"
#include "core/storage/entry.h"
#include "core/storage/slots.h"
#include "tests/unit/plugins.h"

/* ---- a machine with the tests' plugins ---- */

struct scene {
    char *plugins;
    struct maqet_context context;
    struct maqet_machine machine;
    struct maqet_strings said;
};

static void
listen(void *data, enum maqet_level level, const char *message)
{
    if (level == MAQET_LEVEL_WARNING)
        maqet_strings_add(data, message);
}

static void
scene_fill(struct scene *scene)
{
    *scene = (struct scene){.plugins = unit_folder()};
    scene->context.message = listen;
    scene->context.data = &scene->said;
    scene->machine.vm_name = maqet_strdup("web");
    scene->machine.arch = maqet_strdup("x86_64");
    scene->machine.type = maqet_strdup("q35");
    scene->machine.storage_dir = maqet_strdup("/images");
    maqet_strings_add(&scene->context.plugin_dirs, scene->plugins);
    unit_plugin(scene->plugins, "maqet-storage-maker.so");
    unit_plugin(scene->plugins, "maqet-storage-good.so");
    unit_plugin(scene->plugins, "maqet-storage-key-twice.so");
    unit_plugin(scene->plugins, "maqet-iface-slots.so");
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    free(scene->machine.vm_name);
    free(scene->machine.arch);
    free(scene->machine.type);
    free(scene->machine.storage_dir);
    maqet_strings_clear(&scene->said);
    unit_remove_folder(&scene->plugins);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
set_machine(struct scene *scene, const char *type)
{
    free(scene->machine.type);
    scene->machine.type = maqet_strdup(type);
}

static json_object *
entry_of(const char *yaml)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *entry = maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    return entry;
}

static struct maqet_drive *
drive_of(const struct scene *scene, const char *yaml)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *entry = entry_of(yaml);
    struct maqet_drive *drive =
        maqet_drive_new(&scene->context, &scene->machine, entry, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(drive);
    return drive;
}

static void
check_refused(const struct scene *scene, const char *yaml, enum maqet_error_code code,
              const char *message)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *entry = entry_of(yaml);

    CU_ASSERT_PTR_NULL(maqet_drive_new(&scene->context, &scene->machine, entry, &error));
    UNIT_ERROR(&error, code, message);
}

/* What the interface of a drive reads. */
static int64_t
int_of_interface(const struct maqet_drive *drive, const char *option)
{
    MAQET_CALL(MAQET_CALL_QUICK);

    maqet_call_current()->of_interface = true;
    return maqet_drive_int(drive, option);
}

/* ---- names ---- */

static void
test_names(void)
{
    _cleanup_scene_ struct scene scene;
    static const char *const good[] = {"a", "Hdd", "a.b-c_9",
                                       "a234567890123456789012345678901", "maqet"};

    scene_fill(&scene);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        _cleanup_free_ char *yaml = maqet_format("{name: %s, type: maker}", good[i]);
        struct maqet_drive *drive = drive_of(&scene, yaml);

        UNIT_SAME(drive->name, good[i]);
        maqet_drive_free(drive);
    }
}

static void
test_wrong_names(void)
{
    _cleanup_scene_ struct scene scene;
    static const char *const wrong[] = {
        "9p",  "-a",  "_a", "a/b", "a,b",
        "a b", "a:b", "ä",  ".a",  "a2345678901234567890123456789012"};
    static const char no_name[] =
        "vm.yaml:1:1: this drive of VM 'web' has no name; add a line `name: ...`";

    scene_fill(&scene);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        _cleanup_free_ char *yaml = maqet_format("{type: maker, name: '%s'}", wrong[i]);
        _cleanup_free_ char *message = maqet_format(
            "vm.yaml:1:21: invalid drive name '%s' on VM 'web': use a letter, then "
            "letters, digits, '-', '.' and '_'; at most 31 characters",
            wrong[i]);

        check_refused(&scene, yaml, MAQET_ERROR_INVALID, message);
    }
    check_refused(&scene, "{type: maker}", MAQET_ERROR_INVALID, no_name);
    check_refused(&scene, "{type: maker, name: }", MAQET_ERROR_INVALID, no_name);
    check_refused(&scene, "{type: maker, name: ''}", MAQET_ERROR_INVALID, no_name);
    check_refused(&scene, "{type: maker, name: [a]}", MAQET_ERROR_INVALID, no_name);
    check_refused(
        &scene, "name: maqet-slots-0\ntype: maker", MAQET_ERROR_INVALID,
        "vm.yaml:1:7: invalid drive name 'maqet-slots-0' on VM 'web': names that begin "
        "with 'maqet-' are reserved for maqet's own nodes and controllers");
}

/* ---- keys ---- */

static void
test_values(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(
        &scene, "name: hdd\ntype: maker\nfile: a/b.img\nsize: 1.5K\nmode: 0640\n"
                "limits: {depth: 0x3}\nunit: 4\nreadonly: yes\novercommit: on\n");

    UNIT_SAME(maqet_drive_vm_name(drive), "web");
    UNIT_SAME(maqet_drive_machine(drive), "q35");
    UNIT_SAME(maqet_drive_arch(drive), "x86_64");
    UNIT_SAME(maqet_drive_path(drive), "/vms/a/b.img");
    UNIT_SAME(maqet_drive_string(drive, "file"), "/vms/a/b.img");
    UNIT_SAME(maqet_drive_string(drive, "size"), "1.5K");
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "size"), 1536);
    CU_ASSERT_EQUAL(maqet_drive_int(drive, "mode"), 0640);
    CU_ASSERT_EQUAL(maqet_drive_int(drive, "limits.depth"), 3);
    CU_ASSERT_EQUAL(int_of_interface(drive, "unit"), 4);
    CU_ASSERT_TRUE(maqet_drive_readonly(drive));
    CU_ASSERT_TRUE(drive->overcommit);
    CU_ASSERT_FALSE(drive->default_path);
    CU_ASSERT_EQUAL(maqet_drive_media(drive), MAQET_MEDIA_DISK);
    CU_ASSERT_TRUE(maqet_drive_has(drive, "limits"));
    CU_ASSERT_TRUE(maqet_drive_has(drive, "limits.depth"));
    maqet_drive_free(drive);
}

static void
test_absent_values(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(&scene, "{name: hdd, type: maker, mode: }");
    UNIT_SAME(maqet_drive_string(drive, "act"), "write");
    UNIT_SAME(maqet_drive_string(drive, "limits.word"), "none");
    UNIT_SAME(maqet_drive_string(drive, "base"), NULL);
    UNIT_SAME(maqet_drive_string(drive, "nonsense"), NULL);
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "size"), 1 << 20);
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "base"), 0);
    CU_ASSERT_EQUAL(maqet_drive_int(drive, "mode"), 0);
    CU_ASSERT_FALSE(maqet_drive_bool(drive, "readonly"));
    CU_ASSERT_FALSE(maqet_drive_readonly(drive));
    CU_ASSERT_TRUE(maqet_drive_has(drive, "act"));
    CU_ASSERT_FALSE(maqet_drive_has(drive, "mode"));
    CU_ASSERT_FALSE(maqet_drive_has(drive, "limits"));
    CU_ASSERT_FALSE(maqet_drive_has(drive, "limits.depth"));
    CU_ASSERT_FALSE(drive->overcommit);
    maqet_drive_free(drive);
}

static void
test_wrong_keys(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_refused(
        &scene, "name: hdd\ntype: maker\nsice: 1G", MAQET_ERROR_INVALID,
        "vm.yaml:3:1: unknown key 'sice' in drive 'hdd' of VM 'web'; did you mean "
        "'size'?");
    check_refused(
        &scene, "name: hdd\ntype: maker\nsize: 1X", MAQET_ERROR_INVALID,
        "vm.yaml:3:7: 'size' of drive 'hdd' of VM 'web' is '1X', which is not a size; "
        "write it like 512M, 20G or 1.5T");
    check_refused(
        &scene, "name: hdd\ntype: maker\nlimits: {depth: 10}", MAQET_ERROR_INVALID,
        "vm.yaml:3:17: 'depth' of 'limits' of drive 'hdd' of VM 'web' is '10'; it "
        "must be from 1 to 9");
    check_refused(
        &scene, "name: hdd\ntype: maker\nunit: 10", MAQET_ERROR_INVALID,
        "vm.yaml:3:7: 'unit' of drive 'hdd' of VM 'web' is '10'; it must be from 0 "
        "to 9");
    check_refused(&scene, "name: hdd\ntype: maker\nmedia: tape", MAQET_ERROR_INVALID,
                  "vm.yaml:3:8: 'media' of drive 'hdd' of VM 'web' is 'tape'; it can be: "
                  "disk, cdrom");
    /* The options of an interface are unknown where there is none. */
    check_refused(
        &scene, "name: hdd\ntype: maker\ninterface: none\nunit: 1", MAQET_ERROR_INVALID,
        "vm.yaml:4:1: unknown key 'unit' in drive 'hdd' of VM 'web'; there are: "
        "name, type, interface, media, overcommit, snapshots, mode, file, size, readonly, base, "
        "log, limits, act");
}

/* Keys below `options:` mean the same as those beside it. */
static void
test_nested_options(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(
        &scene, "name: hdd\nsize: 2M\noptions:\n  type: maker\n  file: x.img\n  unit: 2");
    UNIT_SAME(drive->storage->plugin.name, "maker");
    UNIT_SAME(drive->path, "/vms/x.img");
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "size"), 2 << 20);
    CU_ASSERT_EQUAL(int_of_interface(drive, "unit"), 2);
    CU_ASSERT_FALSE(json_object_object_get_ex(drive->tree, "options", NULL));
    maqet_drive_free(drive);

    drive = drive_of(&scene, "name: hdd\ntype: maker\noptions:");
    CU_ASSERT_FALSE(json_object_object_get_ex(drive->tree, "options", NULL));
    maqet_drive_free(drive);
}

static void
test_wrong_nested_options(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_refused(
        &scene, "name: hdd\ntype: maker\nsize: 1M\noptions:\n  size: 2M",
        MAQET_ERROR_INVALID,
        "vm.yaml:5:3: drive 'hdd' of VM 'web' has 'size' twice: beside 'options' "
        "and below it");
    check_refused(
        &scene, "name: hdd\ntype: maker\noptions: [size, 2M]", MAQET_ERROR_INVALID,
        "vm.yaml:3:10: drive 'hdd' of VM 'web': 'options' must be a mapping of keys "
        "and values");
    check_refused(
        &scene, "name: hdd\ntype: maker\noptions: size=2M", MAQET_ERROR_INVALID,
        "vm.yaml:3:10: drive 'hdd' of VM 'web': 'options' must be a mapping of keys "
        "and values");
    /* The place is that of the nested key, not of `options`. */
    check_refused(
        &scene, "name: hdd\ntype: maker\noptions:\n  size: 1M\n  unit: x",
        MAQET_ERROR_INVALID,
        "vm.yaml:5:9: 'unit' of drive 'hdd' of VM 'web' is 'x', which is not an "
        "integer");
}

/* ---- plugins ---- */

static void
test_missing_plugins(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    _cleanup_free_ char *by_default =
        maqet_format("vm.yaml:1:1: drive 'hdd' of VM 'web': There is no storage plugin "
                     "'%s' (searched in: "
                     "%s)",
                     MAQET_DEFAULT_STORAGE, scene.plugins);
    _cleanup_free_ char *written =
        maqet_format("vm.yaml:2:7: drive 'hdd' of VM 'web': There is no storage plugin "
                     "'tape' (searched "
                     "in: %s)",
                     scene.plugins);
    _cleanup_free_ char *interface = maqet_format(
        "vm.yaml:1:1: drive 'hdd' of VM 'web': There is no interface plugin 'virtio' "
        "(searched in: %s)",
        scene.plugins);

    check_refused(&scene, "name: hdd", MAQET_ERROR_INVALID, by_default);
    check_refused(&scene, "name: hdd\ntype: tape", MAQET_ERROR_INVALID, written);
    /* The storage's own word for the interface counts when the drive says nothing. */
    _cleanup_json_ json_object *entry = entry_of("name: hdd\ntype: good");
    CU_ASSERT_PTR_NULL(maqet_drive_new(&scene.context, &scene.machine, entry, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 2);
    UNIT_HINT(error, 1, "Or use `interface: none` with your own -device in `arguments`");
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, interface);
}

static void
test_interface(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive =
        drive_of(&scene, "{name: hdd, type: good, interface: slots}");
    CU_ASSERT_PTR_NOT_NULL_FATAL(drive->iface);
    UNIT_SAME(drive->iface->plugin.name, "slots");
    maqet_drive_free(drive);
    drive = drive_of(&scene, "{name: hdd, type: good, interface: none}");
    CU_ASSERT_PTR_NULL(drive->iface);
    maqet_drive_free(drive);
}

static void
test_validate(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_refused(&scene, "name: hdd\ntype: maker\nact: invalid", MAQET_ERROR_INVALID,
                  "vm.yaml:3:6: drive 'hdd' of VM 'web': it won't do");
    check_refused(&scene, "name: hdd\ntype: maker\nunit: 5", MAQET_ERROR_UNSUPPORTED,
                  "vm.yaml:3:7: drive 'hdd' of VM 'web': there is no unit 5");
    check_refused(&scene, "name: hdd\ntype: maker\nunit: 6", MAQET_ERROR_FAILED,
                  "vm.yaml:1:1: drive 'hdd' of VM 'web': the plugin 'slots' failed in "
                  "validate without saying why");
    /* An error is one, whatever the callback returned with it. */
    check_refused(&scene, "name: hdd\ntype: maker\nact: unsure", MAQET_ERROR_INVALID,
                  "vm.yaml:3:6: drive 'hdd' of VM 'web': or maybe not");
}

/* ---- what a plugin says of a drive ---- */

static void
test_error_places(void)
{
    _cleanup_scene_ struct scene scene;
    static const struct {
        const char *option;
        const char *place;
    } rows[] = {
        {NULL, "vm.yaml:1:1"},          {"size", "vm.yaml:3:7"},
        {"limits", "vm.yaml:4:9"},      {"limits.depth", "vm.yaml:4:17"},
        {"limits.word", "vm.yaml:4:9"}, {"base", "vm.yaml:1:1"},
        {"size.depth", "vm.yaml:3:7"},  {"nonsense.depth", "vm.yaml:1:1"},
    };

    scene_fill(&scene);
    struct maqet_drive *drive =
        drive_of(&scene, "name: hdd\ntype: maker\nsize: 1M\nlimits: {depth: 3}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *message =
            maqet_format("%s: drive 'hdd' of VM 'web': 1 wrong", rows[i].place);

        CU_ASSERT_EQUAL(maqet_drive_error(drive, rows[i].option, &error, MAQET_ERROR_BUSY,
                                          "%d %s", 1, "wrong"),
                        -1);
        UNIT_ERROR(&error, MAQET_ERROR_BUSY, message);
    }
    maqet_warn(drive, "take %s", "care");
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    UNIT_SAME(scene.said.items[0], "Drive 'hdd' of VM 'web': take care");
    maqet_drive_free(drive);
}

/* ---- paths and media ---- */

static void
test_paths(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(&scene, "{name: hdd, type: maker}");
    UNIT_SAME(drive->path, "/images/maqet-web-hdd.maker");
    CU_ASSERT_TRUE(drive->default_path);
    maqet_drive_free(drive);

    drive = drive_of(&scene, "{name: hdd, type: maker, file: ./../x.img}");
    UNIT_SAME(drive->path, "/vms/../x.img");
    CU_ASSERT_FALSE(drive->default_path);
    maqet_drive_free(drive);
}

static void
test_cdrom(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    struct maqet_drive *drive = drive_of(&scene, "{name: cd, type: maker, media: cdrom}");
    CU_ASSERT_EQUAL(maqet_drive_media(drive), MAQET_MEDIA_CDROM);
    CU_ASSERT_TRUE(maqet_drive_readonly(drive));
    UNIT_SAME(maqet_drive_path(drive), NULL);
    CU_ASSERT_FALSE(drive->default_path);
    maqet_drive_free(drive);

    drive = drive_of(&scene, "{name: cd, type: maker, media: cdrom, file: /a.iso}");
    UNIT_SAME(maqet_drive_path(drive), "/a.iso");
    maqet_drive_free(drive);
}

/* ---- places on the machine ---- */

enum { DRIVES_MAX = 8 };

/* Emits @count drives, of which the @bare-th (from 1; 0: none) has no interface. The
 * caller frees what comes out, one object a line; NULL: error. */
static char *
emit(const struct scene *scene, size_t count, size_t bare, struct maqet_error **err)
{
    struct maqet_drive *drives[DRIVES_MAX];
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *yaml =
            maqet_format("{name: d%zu, type: maker, media: cdrom%s}", i,
                         i + 1 == bare ? ", interface: none" : "");
        drives[i] = drive_of(scene, yaml);
    }
    int result = maqet_drives_emit(drives, count, NULL, args, NULL, err);
    for (size_t i = 0; i < count; i++)
        maqet_drive_free(drives[i]);
    if (result < 0)
        return NULL;
    maqet_args_render(args, &argv);
    return maqet_strings_join(&argv, " ");
}

static void
check_emitted(const struct scene *scene, size_t count, size_t bare, const char *expected)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *text = emit(scene, count, bare, &error);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(text, expected);
}

#define DISK(name, bus, unit)                                                            \
    "-device {\"driver\":\"disk\",\"id\":\"" name "\",\"bus\":\"" bus                    \
    "\",\"unit\":" unit "}"
#define CONTROLLER(id) "-device {\"driver\":\"controller\",\"id\":\"" id "\"}"

static void
test_slots(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_emitted(&scene, 0, 0, "");
    check_emitted(&scene, 1, 0, DISK("d0", "own", "0"));
    check_emitted(
        &scene, 5, 0,
        DISK("d0", "own", "0") " " CONTROLLER("maqet-slots-0") " " DISK(
            "d1", "maqet-slots-0",
            "0") " " DISK("d2", "maqet-slots-0",
                          "1") " " CONTROLLER("maqet-slots-1") " " DISK("d3",
                                                                        "maqet-slots-1",
                                                                        "0") " " DISK("d"
                                                                                      "4",
                                                                                      "ma"
                                                                                      "qe"
                                                                                      "t-"
                                                                                      "sl"
                                                                                      "ot"
                                                                                      "s-"
                                                                                      "1",
                                                                                      "1"));
}

/* A drive without an interface takes no place. */
static void
test_slots_skip_the_bare(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_emitted(&scene, 3, 1,
                  DISK("d1", "own", "0") " " CONTROLLER("maqet-slots-0") " " DISK(
                      "d2", "maqet-slots-0", "0"));
    check_emitted(&scene, 1, 1, "");
}

static void
check_emit_fails(struct scene *scene, const char *machine, size_t count, size_t bare,
                 enum maqet_error_code code, const char *message)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    set_machine(scene, machine);
    CU_ASSERT_PTR_NULL(emit(scene, count, bare, &error));
    UNIT_ERROR(&error, code, message);
}

static void
test_too_many(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_emit_fails(
        &scene, "q35", 6, 0, MAQET_ERROR_INVALID,
        "vm.yaml:1:1: drive 'd5' of VM 'web': too many drives for the interface "
        "'slots': 5 fit on the machine type 'q35'");
    check_emitted(
        &scene, 6, 3,
        DISK("d0", "own", "0") " " CONTROLLER("maqet-slots-0") " " DISK(
            "d1", "maqet-slots-0",
            "0") " " DISK("d3", "maqet-slots-0",
                          "1") " " CONTROLLER("maqet-slots-1") " " DISK("d4",
                                                                        "maqet-slots-1",
                                                                        "0") " " DISK("d"
                                                                                      "5",
                                                                                      "ma"
                                                                                      "qe"
                                                                                      "t-"
                                                                                      "sl"
                                                                                      "ot"
                                                                                      "s-"
                                                                                      "1",
                                                                                      "1"));
    check_emit_fails(
        &scene, "bare", 2, 0, MAQET_ERROR_INVALID,
        "vm.yaml:1:1: drive 'd1' of VM 'web': too many drives for the interface "
        "'slots': 1 fit on the machine type 'bare'");
    check_emit_fails(
        &scene, "none", 1, 0, MAQET_ERROR_INVALID,
        "vm.yaml:1:1: drive 'd0' of VM 'web': too many drives for the interface "
        "'slots': 0 fit on the machine type 'none'");
}

static void
overhear(void *data, const char *message)
{
    maqet_strings_add(data, message);
}

/* A plugin that misspells an option reads it as absent, and its author is told; keys of
 * others are unknown to it. But an interface may look for what only some storages have. */
static void
test_unknown_option(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    scene.context.misuse = overhear;
    struct maqet_drive *drive =
        drive_of(&scene, "{name: hdd, type: good, interface: none, size: 20G}");
    UNIT_SAME(maqet_drive_string(drive, "colour"), "red");
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "size"), UINT64_C(20) << 30);
    CU_ASSERT_EQUAL(scene.said.count, 0);
    {
        MAQET_CALL(MAQET_CALL_QUICK);
        maqet_call_current()->of_interface = true;
        CU_ASSERT_FALSE(maqet_drive_has(drive, "storage_options.color"));
        UNIT_SAME(maqet_drive_string(drive, "storage_options.colour"), "red");
    }
    CU_ASSERT_EQUAL(scene.said.count, 0);
    CU_ASSERT_PTR_NULL(maqet_drive_string(drive, "color"));
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    UNIT_SAME(scene.said.items[0],
              "A plugin asks for the option 'color', which is not in its table");
    CU_ASSERT_EQUAL(maqet_drive_size(drive, "colour.size"), 0);
    CU_ASSERT_EQUAL(scene.said.count, 2);
    CU_ASSERT_FALSE(maqet_drive_has(drive, "media"));
    CU_ASSERT_FALSE(maqet_drive_has(drive, "storage_options.colour"));
    CU_ASSERT_EQUAL(scene.said.count, 4);
    maqet_drive_free(drive);
}

static void
test_failing_callbacks(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_emit_fails(&scene, "mute", 1, 0, MAQET_ERROR_FAILED,
                     "vm.yaml:1:1: drive 'd0' of VM 'web': the plugin 'slots' failed in "
                     "capacity without saying why");
    check_emit_fails(&scene, "full", 2, 0, MAQET_ERROR_FAILED,
                     "vm.yaml:1:1: drive 'd1' of VM 'web': no room for the controller "
                     "maqet-slots-0");
}

static void
test_faults_of_what_is_emitted(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    struct maqet_drive *drive =
        drive_of(&scene, "{name: hdd, type: key-twice, interface: none}");
    CU_ASSERT_EQUAL(maqet_drives_emit(&drive, 1, NULL, args, NULL, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_TRUE(maqet_text_starts(
        error->message,
        "vm.yaml:1:1: drive 'hdd' of VM 'web': the plugin 'key-twice' emitted "
        "something that QEMU cannot take: "));
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_FAILED);
    maqet_drive_free(drive);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"names", test_names},
        {"wrong names", test_wrong_names},
        {"values", test_values},
        {"absent values", test_absent_values},
        {"wrong keys", test_wrong_keys},
        {"options below `options`", test_nested_options},
        {"wrong options below `options`", test_wrong_nested_options},
        {"missing plugins", test_missing_plugins},
        {"interface", test_interface},
        {"validate", test_validate},
        {"places of errors", test_error_places},
        {"paths", test_paths},
        {"CD-ROM drives", test_cdrom},
        {"slots", test_slots},
        {"slots are for drives on the interface only", test_slots_skip_the_bare},
        {"too many", test_too_many},
        {"an option that the plugin does not have", test_unknown_option},
        {"callbacks that fail", test_failing_callbacks},
        {"faults of what is emitted", test_faults_of_what_is_emitted},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built())
        return UNIT_SKIP;
    return unit_run("drive", tests);
}
