/* SPDX-License-Identifier: MIT */
/* The keys of a definition as a list, and which differ between two. */
#include "core/config/yaml.h"
#include "core/machine/listing.h"
#include "tests/unit/unit.h"

static json_object *
tree_of(const char *yaml)
{
    struct maqet_error *err = NULL;
    json_object *tree = maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", &err);

    UNIT_NO_ERROR(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    return tree;
}

static void
test_every_key_has_its_place(void)
{
    _cleanup_json_ json_object *tree = tree_of("memory: 2G\n"
                                               "sandbox:\n"
                                               "  read: [/srv, /isos]\n"
                                               "vga:\n"
                                               "arguments:\n"
                                               "- smp: 2\n"
                                               "- enable-kvm\n"
                                               "- device: {driver: e1000, id: n}\n"
                                               "storage:\n"
                                               "- name: hdd\n"
                                               "  options: {size: 1G}\n"
                                               "- size: 2G\n");
    _cleanup_listing_ struct maqet_listing listing = {0};
    static const char *const expected[][3] = {
        {"memory", "2G", "vm.yaml:1"},
        {"sandbox.read", "[/srv, /isos]", "vm.yaml:3"},
        {"vga", NULL, "vm.yaml:4"},
        {"arguments.smp", "2", "vm.yaml:6"},
        {"arguments.enable-kvm", NULL, "vm.yaml:7"},
        {"arguments.device", "driver=e1000,id=n", "vm.yaml:8"},
        {"storage.hdd.name", "hdd", "vm.yaml:10"},
        {"storage.hdd.options.size", "1G", "vm.yaml:11"},
        {"storage.2.size", "2G", "vm.yaml:12"},
    };

    maqet_listing_add(&listing, tree, NULL);
    maqet_listing_add_default(&listing, "accel", "auto");
    CU_ASSERT_EQUAL_FATAL(listing.count, sizeof(expected) / sizeof(*expected) + 1);
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        UNIT_SAME(listing.items[i].key, expected[i][0]);
        UNIT_SAME(listing.items[i].origin, expected[i][2]);
        if (expected[i][1])
            UNIT_SAME(listing.items[i].value, expected[i][1]);
        else
            CU_ASSERT_PTR_NULL(listing.items[i].value);
    }
    UNIT_SAME(maqet_listing_find(&listing, "accel")->origin, "default");
    CU_ASSERT_PTR_NULL(maqet_listing_find(&listing, "cpu"));
}

/* In the order of another tree. */
static void
test_order(void)
{
    _cleanup_json_ json_object *tree = tree_of(
        "d: 1\nb: 2\na: 3\nstorage: [{name: y, q: 1, p: 2}, {name: x, p: 1, z: 2}]\n");
    _cleanup_json_ json_object *like =
        tree_of("a: 3\nb: {c: 1}\nstorage: [{name: x, z: 1, p: 1}, {name: y}]\n");
    _cleanup_listing_ struct maqet_listing listing = {0};
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;

    maqet_listing_add(&listing, tree, like);
    for (size_t i = 0; i < listing.count; i++)
        maqet_strings_add(&keys, listing.items[i].key);
    _cleanup_free_ char *list = maqet_strings_join(&keys, " ");
    UNIT_SAME(list, "a b storage.y.name storage.y.q storage.y.p storage.x.name "
                    "storage.x.z storage.x.p d");
}

#define DIFFER(before, after, keys) differ(before, after, keys, __LINE__)

static void
differ(const char *before, const char *after, const char *keys, unsigned line)
{
    _cleanup_json_ json_object *then = tree_of(before), *now = tree_of(after);
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;

    maqet_listing_differences(then, now, &found);
    _cleanup_free_ char *list = maqet_strings_join(&found, " ");
    unit_same(list, keys, __FILE__, line);
}

static void
test_differences(void)
{
    DIFFER("a: 1\n", "a: 1 # the same\n", "");
    DIFFER("a: 1\nb: 2\n", "b: 3\na: 1\n", "b");
    DIFFER("a: 1\n", "b: 1\n", "a b");
    DIFFER("a: 1\n", "a:\n", "a");
    DIFFER("storage: [{name: x, size: 1G}]\n",
           "storage: [{name: x, size: 2G}, {name: y}]\n",
           "storage.x.size storage.y.name");
    /* Of options that may be repeated, each counts. */
    DIFFER("arguments: [device: e1000, device: rtl8139]\n",
           "arguments: [device: e1000, device: e1000]\n", "arguments.device");
    DIFFER("arguments: [device: e1000]\n", "arguments: [device: e1000, device: e1000]\n",
           "arguments.device");
    /* Only the order. */
    DIFFER("arguments: [device: e1000, device: rtl8139]\n",
           "arguments: [device: rtl8139, device: e1000]\n", "arguments");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"every key has its place", test_every_key_has_its_place},
        {"order", test_order},
        {"differences", test_differences},
        CU_TEST_INFO_NULL,
    };

    return unit_run("listing", tests);
}
