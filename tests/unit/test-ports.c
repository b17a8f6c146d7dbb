/* SPDX-License-Identifier: MIT */
/* PCIe ports: which device gets which, and what stays where it is; and entries of drives. */
#include "core/qemu/ports.h"

#include "core/base/json.h"
#include "core/machine/entries.h"
#include "core/machine/merge.h"
#include "tests/unit/unit.h"

/* Splits a list of words, in which "-" is the empty one. */
static void
split(const char *words, struct maqet_strings *list)
{
    _cleanup_free_ char *copy = maqet_strdup(words);
    char *rest = copy;

    for (const char *word; *words && (word = strsep(&rest, " "));)
        maqet_strings_add(list, strcmp(word, "-") == 0 ? "" : word);
}

static char *
join(const struct maqet_strings *list)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < list->count; i++)
        maqet_text_appendf(&text, "%s%s", i > 0 ? " " : "",
                           *list->items[i] ? list->items[i] : "-");
    return maqet_text_take(&text);
}

/* A device is hot unless its name is in capitals. */
static void
add_devices(struct maqet_args *args, const char *words)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    split(words, &names);
    for (size_t i = 0; i < names.count; i++) {
        maqet_args_device(args, "virtio-blk-pci", names.items[i]);
        maqet_addresses_mark(args, args->count - 1, names.items[i][0] >= 'a');
    }
}

/* The objects as "ID@BUS", in their order; the record becomes the new one. */
static void
check_assigned(const char *type, const char *devices, const char *before,
               const char *rooted, unsigned free, const char *expected,
               const char *expected_record)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings then = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings root = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings seen = MAQET_STRINGS_INIT;
    const struct maqet_ports ports = {
        .before = &then, .rooted = &root, .free = free, .machine_type = type};

    split(before, &then);
    split(rooted, &root);
    add_devices(args, devices);
    maqet_ports_assign(args, &ports, &now);
    CU_ASSERT_PTR_NULL(args->fault);
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];
        const char *bus = maqet_json_text(props->json, "bus");
        const char *driver = maqet_json_text(props->json, "driver");

        CU_ASSERT_EQUAL(props->takes_address, bus == NULL);
        maqet_strings_addf(&seen, "%s%s%s%s", props->id, bus ? "@" : "",
                           bus ? bus + strlen(MAQET_PORTS_PREFIX) : "",
                           strcmp(driver, "pcie-root-port") == 0 ? "!" : "");
    }
    _cleanup_free_ char *got = maqet_strings_join(&seen, " ");
    _cleanup_free_ char *record = join(&now);
    UNIT_SAME(got, expected);
    UNIT_SAME(record, expected_record);
}

static void
test_assignment(void)
{
    /* Other buses need no ports. */
    check_assigned("pc", "a b", "", "", 2, "a b", "");
    check_assigned("q35", "a b", "", "", 1,
                   "maqet-port-0! maqet-port-1! maqet-port-2! a@0 b@1", "a b -");
    /* What cannot be added later needs none. */
    check_assigned("q35", "a B", "", "", 1, "maqet-port-0! maqet-port-1! a@0 B", "a -");
    /* Each keeps its own; a port that is free is used first. */
    check_assigned("virt", "b c", "a b", "", 1,
                   "maqet-port-0! maqet-port-1! maqet-port-2! b@1 c@0", "c b -");
    check_assigned("q35", "b", "a b - -", "", 1, "maqet-port-0! maqet-port-1! b@1",
                   "- b");
    /* Those that were on the root bus stay there. */
    check_assigned("q35", "a b", "", "a", 1, "maqet-port-0! maqet-port-1! a b@0", "b -");
    /* Without ports to be left free, only those that have one are in one. */
    check_assigned("q35", "a b", "", "", 0, "a b", "");
    check_assigned("q35", "a b", "- b -", "", 0, "maqet-port-0! maqet-port-1! a b@1",
                   "- b");
}

/* What is attached to a machine that runs gets the first port that is free there. */
static void
test_plugging(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings ports = MAQET_STRINGS_INIT;
    _cleanup_plugged_ struct maqet_plugged plugged = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    /* The record may have more than QEMU was started with. */
    split("a - - -", &ports);
    split("maqet-port-0 maqet-port-1 maqet-port-2 a", &plugged.devices);
    add_devices(args, "b c");
    CU_ASSERT_EQUAL(maqet_ports_plug(args, &plugged, "q35", &ports, &error), 0);
    UNIT_SAME(maqet_json_text(args->objects[0]->json, "bus"), "maqet-port-1");
    UNIT_SAME(maqet_json_text(args->objects[1]->json, "bus"), "maqet-port-2");
    maqet_ports_note(&ports, "maqet-port-1", "b");
    maqet_ports_note(&ports, "maqet-port-2", "c");
    add_devices(args, "d");
    CU_ASSERT_EQUAL(maqet_ports_plug(args, &plugged, "q35", &ports, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_STATE);
    /* Elsewhere QEMU chooses the address. */
    CU_ASSERT_EQUAL(maqet_ports_plug(args, &plugged, "pc", &ports, NULL), 0);
    CU_ASSERT_PTR_NULL(maqet_json_text(args->objects[2]->json, "bus"));
    maqet_ports_clear(&ports);
    maqet_ports_note(&ports, "maqet-port-2", "x");
    maqet_ports_note(&ports, "pcie.0", "y");
    _cleanup_free_ char *record = join(&ports);
    UNIT_SAME(record, "- - x -");
}

/* QEMU gives the first free address: not that of a bridge. */
static void
test_addresses(void)
{
    _cleanup_strings_ struct maqet_strings pci = MAQET_STRINGS_INIT;
    _cleanup_plugged_ struct maqet_plugged plugged = {0};

    split("a b c", &pci);
    split("a maqet-vacant-1", &plugged.devices);
    maqet_addresses_note(&pci, "d", &plugged);
    maqet_strings_add(&plugged.devices, "d");
    maqet_addresses_note(&pci, "e", &plugged);
    maqet_addresses_note(&pci, "e", &plugged);
    _cleanup_free_ char *record = join(&pci);
    UNIT_SAME(record, "a b d e");
}

/* What was recorded of a QEMU that runs is what another one gets. */
static void
test_exact(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    char device[] = "a", gone[] = "maqet-vacant-3", bus[] = "pci.0";
    const struct maqet_address addresses[] = {{device, bus, 5 * 8},
                                              {gone, bus, 6 * 8 + 1}};

    add_devices(args, "a b");
    maqet_addresses_fix(args, addresses, 2, "pc");
    CU_ASSERT_EQUAL_FATAL(args->count, 3);
    UNIT_SAME(args->objects[0]->id, "maqet-vacant-3");
    UNIT_SAME(maqet_json_text(args->objects[0]->json, "addr"), "6.1");
    UNIT_SAME(maqet_json_text(args->objects[1]->json, "addr"), "5.0");
    UNIT_SAME(maqet_json_text(args->objects[1]->json, "bus"), "pci.0");
    CU_ASSERT_PTR_NULL(maqet_json_text(args->objects[2]->json, "addr"));
}

/* Objects come before the nodes that refer to them, in their own order. */
static void
test_objects_first(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    static const char *const expected[] = {"k", "l", "n", "d"};

    maqet_args_blockdev(args, "n");
    maqet_args_object(args, "secret", "k");
    maqet_args_device(args, "virtio-blk-pci", "d");
    maqet_args_object(args, "secret", "l");
    maqet_args_objects_first(args);
    for (size_t i = 0; i < 4; i++)
        UNIT_SAME(args->objects[i]->id, expected[i]);
}

/* ---- entries ---- */

static json_object *
entry(const char *name, const char *assignment)
{
    _cleanup_strings_ struct maqet_strings assignments = MAQET_STRINGS_INIT;

    split(assignment, &assignments);
    return maqet_assign_entry(name, &assignments, "/folder", NULL);
}

static void
test_entries(void)
{
    struct maqet_definition definition = {
        .tree = maqet_tree_mapping((struct maqet_place){0})};
    _cleanup_json_ json_object *one = entry("one", "size=1M a.b=c"),
                               *two = entry("two", "size=2M"),
                               *other = entry("one", "size=3M");

    CU_ASSERT_PTR_NULL(maqet_entries_find(&definition, "one"));
    CU_ASSERT_FALSE(maqet_entries_remove(&definition, "one"));
    maqet_entries_put(&definition, one);
    maqet_entries_put(&definition, two);
    CU_ASSERT_PTR_EQUAL(maqet_entries_find(&definition, "two"), two);
    UNIT_SAME(maqet_tree_text(json_object_object_get(one, "a"), "b"), "c");
    maqet_entries_put(&definition, other);
    CU_ASSERT_PTR_EQUAL(maqet_entries_find(&definition, "one"), other);
    CU_ASSERT_EQUAL(
        json_object_array_length(json_object_object_get(definition.tree, "storage")), 2);
    _cleanup_free_ char *place =
        maqet_place_text(maqet_tree_place_of_value(other, "size"));
    UNIT_SAME(place, "command line");
    CU_ASSERT_TRUE(maqet_entries_remove(&definition, "one"));
    CU_ASSERT_PTR_NULL(maqet_entries_find(&definition, "one"));
    CU_ASSERT_PTR_EQUAL(maqet_entries_find(&definition, "two"), two);
    json_object_put(definition.tree);
}

static void
test_bad_assignments(void)
{
    static const char *const bad[] = {"size", "=1", ".a=1", "a..b=1", "a.=1"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CU_ASSERT_PTR_NULL(entry("one", bad[i]));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"devices get ports", test_assignment},
        {"a port for what is attached", test_plugging},
        {"an address for what is attached", test_addresses},
        {"exact addresses", test_exact},
        {"objects come first", test_objects_first},
        {"entries of drives", test_entries},
        {"what is no KEY=VALUE", test_bad_assignments},
        CU_TEST_INFO_NULL,
    };

    return unit_run("ports", tests);
}
