/* SPDX-License-Identifier: MIT */
/* Drives keep the slots that are recorded for them, and the record is kept in a file. */
#include <string.h>

#include "core/base/json.h"
#include "core/base/replacement.h"
#include "core/config/yaml.h"
#include "core/machine/slots.h"
#include "core/qemu/addresses.h"
#include "core/storage/entry.h"
#include "tests/unit/plugins.h"

enum { DRIVES_MAX = 8 };

/* ---- drives with slots ---- */

struct scene {
    char *folder;
    struct maqet_context context;
    struct maqet_machine machine;
    struct maqet_drive *drives[DRIVES_MAX];
    size_t count;
};

static void
scene_fill(struct scene *scene)
{
    *scene = (struct scene){.folder = unit_folder()};
    scene->machine.vm_name = (char *)"web";
    scene->machine.arch = (char *)"x86_64";
    /* One slot of its own, and two controllers with two slots each. */
    scene->machine.type = (char *)"q35";
    scene->machine.storage_dir = (char *)"/images";
    maqet_strings_add(&scene->context.plugin_dirs, scene->folder);
    scene->context.data_dir = scene->folder;
    unit_plugin(scene->folder, "maqet-storage-maker.so");
    unit_plugin(scene->folder, "maqet-iface-slots.so");
}

static void
forget_drives(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        maqet_drive_free(scene->drives[i]);
    scene->count = 0;
}

static void
scene_clear(struct scene *scene)
{
    forget_drives(scene);
    maqet_strings_clear(&scene->context.plugin_dirs);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* Gives the scene drives of these names, in this order: "a b c". */
static void
set_drives(struct scene *scene, const char *names)
{
    _cleanup_free_ char *copy = maqet_strdup(names);
    char *rest = copy;

    forget_drives(scene);
    for (const char *name = strsep(&rest, " "); name; name = strsep(&rest, " ")) {
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *yaml =
            maqet_format("{name: %s, type: maker, media: cdrom}", name);
        _cleanup_json_ json_object *entry =
            maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &error);

        scene->drives[scene->count++] =
            maqet_drive_new(&scene->context, &scene->machine, entry, &error);
        UNIT_NO_ERROR(&error);
    }
}

/* Emits the drives, and replaces the record by where they are then. The caller frees what
 * came out, as "NAME=CONTROLLER.INDEX ...", with "own" for the machine's, and "+CONTROLLER"
 * for one that is added; NULL: an error. */
static char *
emit(struct scene *scene, struct maqet_slots *slots)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;
    _cleanup_slots_ struct maqet_slots placed = {0};

    if (maqet_drives_emit(scene->drives, scene->count, slots, args, &placed, NULL) < 0)
        return NULL;
    maqet_args_render(args, &argv);
    for (size_t i = 1; i < argv.count; i += 2) {
        _cleanup_json_ json_object *device = json_tokener_parse(argv.items[i]);
        const char *bus = maqet_json_text(device, "bus");

        if (bus)
            maqet_strings_addf(&words, "%s=%s.%d", maqet_json_text(device, "id"), bus,
                               (int)maqet_json_int(device, "unit"));
        else
            maqet_strings_addf(&words, "+%s", maqet_json_text(device, "id"));
    }
    maqet_slots_copy(slots, &placed);
    return maqet_strings_join(&words, " ");
}

static void
check(struct scene *scene, const char *drives, struct maqet_slots *slots,
      const char *expected)
{
    set_drives(scene, drives);
    _cleanup_free_ char *text = emit(scene, slots);
    UNIT_SAME(text, expected);
}

static void
test_kept(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_slots_ struct maqet_slots slots = {0};

    scene_fill(&scene);
    check(&scene, "a b c", &slots,
          "a=own.0 +maqet-slots-0 b=maqet-slots-0.0 c=maqet-slots-0.1");
    /* Whichever goes. */
    check(&scene, "b c", &slots, "+maqet-slots-0 b=maqet-slots-0.0 c=maqet-slots-0.1");
    check(&scene, "c", &slots, "+maqet-slots-0 c=maqet-slots-0.1");
    /* The first free one, also for one that stands before the others. */
    check(&scene, "d c e", &slots,
          "d=own.0 +maqet-slots-0 c=maqet-slots-0.1 e=maqet-slots-0.0");
    /* The order of the list is no reason to move. */
    check(&scene, "e c d", &slots,
          "+maqet-slots-0 e=maqet-slots-0.0 c=maqet-slots-0.1 d=own.0");
}

static void
test_controllers_stay(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_slots_ struct maqet_slots slots = {0};

    scene_fill(&scene);
    check(&scene, "a b c d", &slots,
          "a=own.0 +maqet-slots-0 b=maqet-slots-0.0 c=maqet-slots-0.1 "
          "+maqet-slots-1 d=maqet-slots-1.0");
    check(&scene, "d", &slots, "+maqet-slots-0 +maqet-slots-1 d=maqet-slots-1.0");
}

/* A record that the machine, or the interface, has no place for. */
static void
test_not_kept(void)
{
    static const struct maqet_drive_slot wrong[] = {
        {-1, 1}, {0, 2}, {2, 0}, {INT64_MAX, UINT32_MAX}};
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        _cleanup_slots_ struct maqet_slots slots = {0};

        maqet_slots_add(&slots, "a", "slots", wrong[i]);
        check(&scene, "a", &slots, "a=own.0");
    }
    _cleanup_slots_ struct maqet_slots slots = {0};
    maqet_slots_add(&slots, "a", "other", (struct maqet_drive_slot){0, 1});
    check(&scene, "a", &slots, "a=own.0");
}

/* Free slots before those that are kept don't make more of them. */
static void
test_full(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_slots_ struct maqet_slots slots = {0};

    scene_fill(&scene);
    set_drives(&scene, "a b c d e");
    _cleanup_free_ char *all = emit(&scene, &slots);
    CU_ASSERT_PTR_NOT_NULL(all);
    set_drives(&scene, "e x y z v");
    _cleanup_free_ char *others = emit(&scene, &slots);
    UNIT_SAME(others, "+maqet-slots-0 +maqet-slots-1 e=maqet-slots-1.1 x=own.0 "
                      "y=maqet-slots-0.0 z=maqet-slots-0.1 v=maqet-slots-1.0");
    set_drives(&scene, "e x y z v w");
    _cleanup_free_ char *more = emit(&scene, &slots);
    CU_ASSERT_PTR_NULL(more);
}

/* ---- addresses of the PCI bus ---- */

/* Appends a node, and a device for each word, "ON:ID" for one on a bus; all others take
 * addresses. The caller frees what comes out: the ids of all, in their order. */
static char *
keep_addresses(const char *devices, const char *machine_type,
               struct maqet_strings *record)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;
    struct maqet_strings now = MAQET_STRINGS_INIT;
    _cleanup_free_ char *copy = maqet_strdup(devices);
    char *rest = copy;

    for (const char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        const char *colon = strchr(word, ':');
        struct maqet_props *device =
            maqet_args_device(args, "virtio-blk-pci", colon ? colon + 1 : word);

        if (colon)
            maqet_props_string(device, "bus", "somewhere");
    }
    maqet_args_blockdev(args, "node");
    maqet_addresses_mark(args, 0, false);
    maqet_addresses_keep(args, record, machine_type, &now);
    maqet_strings_clear(record);
    *record = now;
    CU_ASSERT_PTR_NULL(args->fault);
    for (size_t i = 0; i < args->count; i++) {
        json_object *json = args->objects[i]->json;
        const char *driver = maqet_json_text(json, "driver");

        maqet_strings_addf(&ids, "%s%s", args->objects[i]->id,
                           !driver || strcmp(driver, "virtio-blk-pci") == 0 ? ""
                           : strcmp(driver, "pci-bridge") == 0              ? "=bridge"
                                                                            : "=port");
    }
    return maqet_strings_join(&ids, " ");
}

static void
check_addresses(const char *devices, const char *machine_type,
                struct maqet_strings *record, const char *expected,
                const char *expected_record)
{
    _cleanup_free_ char *ids = keep_addresses(devices, machine_type, record);
    _cleanup_free_ char *recorded = maqet_strings_join(record, " ");

    UNIT_SAME(ids, expected);
    UNIT_SAME(recorded, expected_record);
}

static void
test_addresses(void)
{
    _cleanup_strings_ struct maqet_strings record = MAQET_STRINGS_INIT;

    check_addresses("a on:x b c", "pc", &record, "a x b c node", "a b c");
    /* The same again, and in another order. */
    check_addresses("a on:x b c", "pc", &record, "a x b c node", "a b c");
    check_addresses("c on:x b a", "pc", &record, "node a b c x", "a b c");
    /* One that has gone is remembered, as long as another is behind it. */
    check_addresses("on:x c a", "pc", &record, "node a maqet-vacant-1=bridge c x",
                    "a b c");
    check_addresses("c", "pc-q35-7.2", &record,
                    "node maqet-vacant-0=port maqet-vacant-1=port c", "a b c");
    check_addresses("b c", "virt", &record, "node maqet-vacant-0=port b c", "a b c");
    /* New ones get what is vacant first. */
    check_addresses("d e b c", "q35", &record, "node d b c e", "d b c e");
    check_addresses("e d", "q35", &record,
                    "node d maqet-vacant-1=port maqet-vacant-2=port e", "d b c e");
    check_addresses("d", "q35", &record, "d node", "d");
    check_addresses("f", "q35", &record, "f node", "f");
    check_addresses("on:x", "q35", &record, "x node", "");
    /* A record with an id twice. */
    maqet_strings_add(&record, "a");
    maqet_strings_add(&record, "a");
    check_addresses("b a", "q35", &record, "node a b", "a b");
}

/* ---- the record ---- */

static bool
read_list(json_object *list, struct maqet_slots *slots)
{
    void *items;
    size_t count;

    if (maqet_fields_list_from_json(&maqet_slot_record_fields, list, &items, &count,
                                    NULL) < 0)
        return false;
    *slots = (struct maqet_slots){.items = items, .count = count};
    return true;
}

static void
test_json(void)
{
    _cleanup_slots_ struct maqet_slots slots = {0}, read = {0};

    maqet_slots_add(&slots, "a", "sata", (struct maqet_drive_slot){-1, 3});
    maqet_slots_add(&slots, "b", "sata", (struct maqet_drive_slot){0, 3});
    maqet_slots_add(&slots, "c", "scsi", (struct maqet_drive_slot){0, 3});
    _cleanup_json_ json_object *list =
        maqet_fields_list_to_json(&maqet_slot_record_fields, slots.items, slots.count);
    CU_ASSERT_TRUE(read_list(list, &read));
    CU_ASSERT_EQUAL(read.count, 3);
    for (size_t i = 0; i < read.count; i++) {
        UNIT_SAME(read.items[i].drive, slots.items[i].drive);
        UNIT_SAME(read.items[i].interface, slots.items[i].interface);
        CU_ASSERT_EQUAL(read.items[i].slot.controller, slots.items[i].slot.controller);
        CU_ASSERT_EQUAL(read.items[i].slot.index, slots.items[i].slot.index);
    }
}

static void
test_damaged(void)
{
    static const char *const damaged[] = {
        "3",
        "[3]",
        "[{\"drive\":\"a\",\"controller\":0,\"index\":0}]",
        "[{\"interface\":\"sata\",\"controller\":0,\"index\":0}]",
        "[{\"drive\":\"a\",\"interface\":\"sata\",\"index\":0}]",
        "[{\"drive\":\"a\",\"interface\":\"sata\",\"controller\":0}]",
        "[{\"drive\":\"a\",\"interface\":\"sata\",\"controller\":0,\"index\":-1}]",
        "[{\"drive\":\"a\",\"interface\":\"sata\",\"controller\":0,\"index\":4294967296}]",
        "[{\"drive\":\"a\",\"interface\":\"sata\",\"controller\":\"0\",\"index\":0}]",
        ("[{\"drive\":\"a\",\"interface\":\"sata\",\"controller\":0,\"index\":0},"
         "{\"drive\":\"b\",\"interface\":\"sata\",\"controller\":0,\"index\":0}]"),
    };
    _cleanup_slots_ struct maqet_slots slots = {0};

    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
        _cleanup_json_ json_object *list = json_tokener_parse(damaged[i]);

        CU_ASSERT_FALSE(read_list(list, &slots) && maqet_slots_are_distinct(&slots));
        maqet_slots_clear(&slots);
    }
}

static void
test_file(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_slots_ struct maqet_slots slots = {0}, read = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    _cleanup_free_ char *vms = maqet_format("%s/vms", scene.folder);
    _cleanup_free_ char *folder = maqet_format("%s/web", vms);
    _cleanup_free_ char *path = maqet_format("%s/slots.json", folder);
    CU_ASSERT_EQUAL(maqet_dir_make(vms, 0700, &error), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(folder, 0700, &error), 0);
    CU_ASSERT_EQUAL(maqet_slots_load(&scene.context, "web", &read, &error), 0);
    CU_ASSERT_EQUAL(read.count, 0);
    CU_ASSERT_EQUAL(maqet_slots_save(&scene.context, "web", &slots, &error), 0);
    CU_ASSERT_TRUE(maqet_file_missing(path));
    maqet_slots_add(&slots, "a", "sata", (struct maqet_drive_slot){2, 3});
    CU_ASSERT_EQUAL(maqet_slots_save(&scene.context, "web", &slots, &error), 0);
    CU_ASSERT_EQUAL(maqet_slots_load(&scene.context, "web", &read, &error), 0);
    const struct maqet_slot_record *record = maqet_slots_find(&read, "a", "sata");
    CU_ASSERT_PTR_NOT_NULL_FATAL(record);
    CU_ASSERT_EQUAL(record->slot.controller, 2);
    CU_ASSERT_EQUAL(record->slot.index, 3);
    CU_ASSERT_PTR_NULL(maqet_slots_find(&read, "a", "scsi"));

    /* One that is there already is not written again. */
    struct maqet_file_id before, now;
    CU_ASSERT_TRUE(maqet_file_id_of_path(path, &before));
    CU_ASSERT_EQUAL(maqet_slots_save(&scene.context, "web", &read, &error), 0);
    CU_ASSERT_TRUE(maqet_file_id_of_path(path, &now));
    CU_ASSERT_TRUE(maqet_file_id_equal(&before, &now));

    CU_ASSERT_EQUAL(maqet_file_replace(path, "{\"format\":2}", 12, 0600, &error), 0);
    CU_ASSERT_EQUAL(maqet_slots_load(&scene.context, "web", &read, &error), -1);
    CU_ASSERT_EQUAL(read.count, 0);
    _cleanup_free_ char *message =
        maqet_format("%s is damaged, or was written by a later version of maqet", path);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"kept", test_kept},
        {"controllers stay", test_controllers_stay},
        {"not kept", test_not_kept},
        {"full", test_full},
        {"addresses", test_addresses},
        {"as JSON", test_json},
        {"damaged", test_damaged},
        {"in a file", test_file},
        CU_TEST_INFO_NULL,
    };

    return unit_plugins_built() ? unit_run("slots", tests) : UNIT_SKIP;
}
