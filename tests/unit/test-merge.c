/* SPDX-License-Identifier: MIT */
/* Several files make one tree, and what --set does to it. */
#include "core/config/yaml.h"
#include "core/machine/merge.h"
#include "core/qemu/arguments.h"
#include "tests/unit/unit.h"

static json_object *
tree_of(const char *yaml, const char *file, const char *folder)
{
    struct maqet_error *err = NULL;
    json_object *tree = maqet_yaml_parse(yaml, strlen(yaml), file, folder, &err);

    UNIT_NO_ERROR(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    return tree;
}

static const char *
json_of(json_object *tree)
{
    return json_object_to_json_string_ext(tree, JSON_C_TO_STRING_NOSLASHESCAPE);
}

#define MERGED(base, later, json) merged(base, later, json, __LINE__)

static void
merged(const char *base, const char *later, const char *json, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = tree_of(base, "base.yaml", "/base");
    _cleanup_json_ json_object *other = tree_of(later, "site.yaml", "/site");
    _cleanup_free_ char *before = maqet_strdup(json_of(other));

    CU_ASSERT_EQUAL(maqet_merge(tree, other, &err), 0);
    unit_no_error(&err, __FILE__, line);
    unit_same(json_of(tree), json, __FILE__, line);
    unit_same(json_of(other), before, __FILE__, line);
}

#define CLASH(base, later, message) clash(base, later, message, __LINE__)

static void
clash(const char *base, const char *later, const char *message, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = tree_of(base, "base.yaml", "/base");
    _cleanup_json_ json_object *other = tree_of(later, "site.yaml", "/site");

    CU_ASSERT_EQUAL(maqet_merge(tree, other, &err), -1);
    unit_error(&err, MAQET_ERROR_INVALID, message, __FILE__, line);
}

/* ---- mappings, lists, texts ---- */

static void
test_texts_are_replaced(void)
{
    MERGED("a: 1\nb: 2\n", "b: 3\nc: 4\n", "{\"a\":\"1\",\"b\":\"3\",\"c\":\"4\"}");
    MERGED("a: ~\n", "a: 1\n", "{\"a\":\"1\"}");
    MERGED("a: ~\nb: ~\n", "a: {c: d}\nb: [e]\n", "{\"a\":{\"c\":\"d\"},\"b\":[\"e\"]}");
}

static void
test_null(void)
{
    MERGED("a: 1\n", "a:\n", "{\"a\":null}");
    /* `storage:` with all its drives commented out takes none away. */
    MERGED("storage: [{name: a}]\nm: {n: o}\n", "storage:\nm: ~\n",
           "{\"storage\":[{\"name\":\"a\"}],\"m\":{\"n\":\"o\"}}");
}

static void
test_mappings_merge_deep(void)
{
    MERGED("a: {b: {c: 1, d: 2}, e: [1]}\n", "a: {b: {d: 3, f: 4}, e: [2]}\n",
           "{\"a\":{\"b\":{\"c\":\"1\",\"d\":\"3\",\"f\":\"4\"},\"e\":[\"1\",\"2\"]}}");
}

static void
test_lists_concatenate(void)
{
    MERGED("a: [1, 2]\n", "a: [2, ~, {b: c}]\n",
           "{\"a\":[\"1\",\"2\",\"2\",null,{\"b\":\"c\"}]}");
    /* Only at the top do these two lists know what their items are. */
    MERGED("x: {arguments: [{m: 1}], storage: [{name: a}]}\n",
           "x: {arguments: [{m: 2}], storage: [{name: a}]}\n",
           "{\"x\":{\"arguments\":[{\"m\":\"1\"},{\"m\":\"2\"}],"
           "\"storage\":[{\"name\":\"a\"},{\"name\":\"a\"}]}}");
}

static void
test_clashes(void)
{
    CLASH("a: {b: c}\n", "\na: [d]\n",
          "site.yaml:2:4: 'a' is a list here, but a mapping at base.yaml:1:4: they "
          "cannot be merged");
    CLASH("a: [d]\n", "a: {b: c}\n",
          "site.yaml:1:4: 'a' is a mapping here, but a list at base.yaml:1:4: they "
          "cannot be merged");
    CLASH("a: text\n", "a: [b]\n",
          "site.yaml:1:4: 'a' is a list here, but a text at base.yaml:1:4: they "
          "cannot be merged");
    CLASH("a: {b: {c: d}}\n", "a: {b: text}\n",
          "site.yaml:1:8: 'b' is a text here, but a mapping at base.yaml:1:8: they "
          "cannot be merged");
    CLASH("arguments: [a]\n", "arguments: {m: 2G}\n",
          "site.yaml:1:12: 'arguments' is a mapping here, but a list at "
          "base.yaml:1:12: they cannot be merged");
    CLASH("storage: [{name: a, x: {y: z}}]\n", "storage: [{name: a, x: y}]\n",
          "site.yaml:1:24: 'x' is a text here, but a mapping at base.yaml:1:24: they "
          "cannot be merged");
}

static void
test_places_travel(void)
{
    _cleanup_json_ json_object *tree =
        tree_of("a: 1\nl: [x]\nstorage:\n- name: hdd\n  file: f\n  size: 1\n",
                "base.yaml", "/base");
    json_object *other =
        tree_of("\na: 2\nl: [y]\nstorage:\n- {name: hdd, file: g}\n- {name: b}\n",
                "site.yaml", "/site");
    json_object *list, *storage;

    CU_ASSERT_EQUAL(maqet_merge(tree, other, NULL), 0);
    json_object_put(other);
    json_object_object_get_ex(tree, "l", &list);
    json_object_object_get_ex(tree, "storage", &storage);
    json_object *drive = json_object_array_get_idx(storage, 0);
    UNIT_SAME(maqet_tree_place_of_value(tree, "a").file, "site.yaml");
    CU_ASSERT_EQUAL(maqet_tree_place_of_key(tree, "a").line, 2);
    UNIT_SAME(maqet_tree_place_of_item(list, 0).folder, "/base");
    UNIT_SAME(maqet_tree_place_of_item(list, 1).folder, "/site");
    UNIT_SAME(maqet_tree_place(drive).file, "base.yaml");
    UNIT_SAME(maqet_tree_place_of_value(drive, "file").folder, "/site");
    UNIT_SAME(maqet_tree_place_of_value(drive, "size").folder, "/base");
    UNIT_SAME(maqet_tree_place(json_object_array_get_idx(storage, 1)).file, "site.yaml");
}

/* ---- drives ---- */

static void
test_drives_merge_by_name(void)
{
    MERGED("storage: [{name: a, size: 1}, {name: b}]\n",
           "storage: [{name: c}, {name: a, size: 2, x: {y: z}}]\n",
           "{\"storage\":[{\"name\":\"a\",\"size\":\"2\",\"x\":{\"y\":\"z\"}},"
           "{\"name\":\"b\"},{\"name\":\"c\"}]}");
    MERGED("storage: [{size: 1}, text, ~]\n", "storage: [{size: 1}, text, ~, {name: }]\n",
           "{\"storage\":[{\"size\":\"1\"},\"text\",null,{\"size\":\"1\"},\"text\",null,"
           "{\"name\":null}]}");
}

/* In a drive, a single value is a list of one. */
static void
test_lists_of_drives(void)
{
    MERGED("storage: [{name: a, x: [y]}]\n", "storage: [{name: a, x: z}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":[\"y\",\"z\"]}]}");
    MERGED("storage: [{name: a, x: y}]\n", "storage: [{name: a, x: [z]}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":[\"y\",\"z\"]}]}");
    MERGED("storage: [{name: a, x: {h: 1}}]\n", "storage: [{name: a, x: [{h: 2}]}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":[{\"h\":\"1\"},{\"h\":\"2\"}]}]}");
    MERGED("storage: [{name: a, o: {x: [y]}}]\n", "storage: [{name: a, o: {x: z}}]\n",
           "{\"storage\":[{\"name\":\"a\",\"o\":{\"x\":[\"y\",\"z\"]}}]}");
    MERGED("storage: [{name: a, x: [y]}]\n", "storage: [{name: a, x: }]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":[\"y\"]}]}");
    MERGED("storage: [{name: a, x: }]\n", "storage: [{name: a, x: [y]}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":[\"y\"]}]}");
}

static void
test_two_of_one_name_stay_two(void)
{
    MERGED("storage: []\n", "storage: [{name: a}, {name: a, b: c}]\n",
           "{\"storage\":[{\"name\":\"a\"},{\"name\":\"a\",\"b\":\"c\"}]}");
    MERGED("storage: [{name: a, x: y}]\n",
           "storage: [{name: a, b: c}, {name: a, d: e}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":\"y\",\"b\":\"c\"},"
           "{\"name\":\"a\",\"d\":\"e\"}]}");
    MERGED("storage: [{name: a, x: y}, {name: a}]\n", "storage: [{name: a, b: c}]\n",
           "{\"storage\":[{\"name\":\"a\",\"x\":\"y\",\"b\":\"c\"},{\"name\":\"a\"}]}");
}

/* ---- arguments ---- */

static void
test_single_options_are_replaced(void)
{
    static const char *const single[] = {"m",   "smp",    "machine", "cpu",    "display",
                                         "vga", "kernel", "initrd",  "append", "accel"};

    for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++) {
        _cleanup_free_ char *base =
            maqet_format("arguments: [{%s: 1}, {device: a}]\n", single[i]);
        _cleanup_free_ char *later = maqet_format("arguments: [{%s: 2}]\n", single[i]);
        _cleanup_free_ char *json = maqet_format(
            "{\"arguments\":[{\"device\":\"a\"},{\"%s\":\"2\"}]}", single[i]);

        MERGED(base, later, json);
    }
}

static void
test_the_rest_accumulates(void)
{
    static const char *const many[] = {"device", "drive",  "netdev", "chardev",
                                       "object", "serial", "global", "M1"};

    for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
        _cleanup_free_ char *base = maqet_format("arguments: [{%s: 1}]\n", many[i]);
        _cleanup_free_ char *json = maqet_format(
            "{\"arguments\":[{\"%s\":\"1\"},{\"%s\":\"1\"}]}", many[i], many[i]);

        MERGED(base, base, json);
    }
}

static void
test_names_of_options(void)
{
    UNIT_SAME(maqet_argument_name("m"), "m");
    UNIT_SAME(maqet_argument_name("-m"), "m");
    UNIT_SAME(maqet_argument_name("--machine"), "machine");
    UNIT_SAME(maqet_argument_name("-M"), "machine");
    UNIT_SAME(maqet_argument_name("---m"), "-m");
    MERGED("arguments: [{-m: 1}, {M: q35}]\n",
           "arguments: [{--m: 2}, {machine: {type: pc}}]\n",
           "{\"arguments\":[{\"--m\":\"2\"},{\"machine\":{\"type\":\"pc\"}}]}");
}

static void
test_items_with_several_options(void)
{
    MERGED(
        "arguments: [{m: 1, device: a, smp: 2}, {cpu: max}]\n",
        "arguments: [{smp: 4, m: 2, device: b}, {cpu: host}]\n",
        "{\"arguments\":[{\"device\":\"a\"},{\"smp\":\"4\",\"m\":\"2\",\"device\":\"b\"},"
        "{\"cpu\":\"host\"}]}");
    MERGED("arguments: [{m: 1, M: pc, -machine: q35}]\n",
           "arguments: [{machine: virt}]\n",
           "{\"arguments\":[{\"m\":\"1\"},{\"machine\":\"virt\"}]}");
}

static void
test_one_file_is_left_alone(void)
{
    MERGED("arguments: []\n", "arguments: [{m: 1}, {m: 2}, a, a]\n",
           "{\"arguments\":[{\"m\":\"1\"},{\"m\":\"2\"},\"a\",\"a\"]}");
    MERGED("name: x\n", "arguments: [{m: 1}, {m: 2}]\n",
           "{\"name\":\"x\",\"arguments\":[{\"m\":\"1\"},{\"m\":\"2\"}]}");
}

static void
test_flags_collapse(void)
{
    MERGED(
        "arguments: [enable-kvm, {no-reboot: }]\n",
        "arguments: [-enable-kvm, --no-reboot, S, {enable-kvm: ~, device: a}]\n",
        "{\"arguments\":[\"enable-kvm\",{\"no-reboot\":null},\"S\",{\"device\":\"a\"}]}");
    MERGED("arguments: [{s: x}]\n", "arguments: [s]\n",
           "{\"arguments\":[{\"s\":\"x\"},\"s\"]}");
    MERGED("arguments: [{display: }]\n", "arguments: [{display: }]\n",
           "{\"arguments\":[{\"display\":null}]}");
    MERGED("arguments: [~, [a], {}]\n", "arguments: [~, [a], {}]\n",
           "{\"arguments\":[null,[\"a\"],{},null,[\"a\"],{}]}");
}

/* ---- --set ---- */

static const char machine[] = "name: x\n"
                              "memory: 1G\n"
                              "arguments: [{smp: 2}]\n"
                              "storage:\n"
                              "  - {name: hdd, size: 1G}\n"
                              "  - {name: hdd.2, size: 2G, crypt: {a: b}}\n";

#define ASSIGNED(assignment, key, json) assigned(assignment, key, json, __LINE__)

/* The value of a top-level key after an assignment. */
static void
assigned(const char *assignment, const char *key, const char *json, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = tree_of(machine, "vm.yaml", "/vms");
    json_object *value;

    maqet_assign(tree, assignment, "/here", &err);
    unit_no_error(&err, __FILE__, line);
    json_object_object_get_ex(tree, key, &value);
    unit_same(value ? json_of(value) : "null", json, __FILE__, line);
}

#define UNASSIGNED(assignment, message) unassigned(assignment, message, __LINE__)

static void
unassigned(const char *assignment, const char *message, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = tree_of(machine, "vm.yaml", "/vms");
    _cleanup_free_ char *whole = maqet_format("--set %s: %s", assignment, message);

    CU_ASSERT_EQUAL(maqet_assign(tree, assignment, "/here", &err), -1);
    unit_error(&err, MAQET_ERROR_INVALID, whole, __FILE__, line);
}

static void
test_set_top_level(void)
{
    ASSIGNED("memory=2G", "memory", "\"2G\"");
    ASSIGNED("cpu=host,+x2apic", "cpu", "\"host,+x2apic\"");
    ASSIGNED("memory=", "memory", "null");
    ASSIGNED("memory=~", "memory", "null");
    ASSIGNED("memory=null", "memory", "null");
    ASSIGNED("memory='null'", "memory", "\"null\"");
    ASSIGNED("memory=\"a\\tb\"", "memory", "\"a\\tb\"");
    ASSIGNED("memory=a: b # c", "memory", "\"a: b # c\"");
    ASSIGNED("memory=a=b", "memory", "\"a=b\"");
    ASSIGNED("memory=*x", "memory", "\"*x\"");
    ASSIGNED("memory=0755", "memory", "\"0755\"");
    ASSIGNED("new={a: [b, {c: d}]}", "new", "{\"a\":[\"b\",{\"c\":\"d\"}]}");
}

static void
test_set_arguments(void)
{
    ASSIGNED("arguments.smp=4", "arguments", "[{\"smp\":\"4\"}]");
    ASSIGNED("arguments.device=a", "arguments", "[{\"smp\":\"2\"},{\"device\":\"a\"}]");
    ASSIGNED("arguments.S=", "arguments", "[{\"smp\":\"2\"},{\"S\":null}]");
    ASSIGNED("arguments.device={driver: a, b: c}", "arguments",
             "[{\"smp\":\"2\"},{\"device\":{\"driver\":\"a\",\"b\":\"c\"}}]");
    ASSIGNED("arguments=[S, {smp: 8}]", "arguments", "[\"S\",{\"smp\":\"8\"}]");
}

static void
test_set_drives(void)
{
    ASSIGNED("storage.hdd.size=3G", "storage",
             "[{\"name\":\"hdd\",\"size\":\"3G\"},"
             "{\"name\":\"hdd.2\",\"size\":\"2G\",\"crypt\":{\"a\":\"b\"}}]");
    ASSIGNED("storage.hdd.2.size=3G", "storage",
             "[{\"name\":\"hdd\",\"size\":\"1G\"},"
             "{\"name\":\"hdd.2\",\"size\":\"3G\",\"crypt\":{\"a\":\"b\"}}]");
    ASSIGNED("storage.hdd.2.crypt.c=d", "storage",
             "[{\"name\":\"hdd\",\"size\":\"1G\"},"
             "{\"name\":\"hdd.2\",\"size\":\"2G\",\"crypt\":{\"a\":\"b\",\"c\":\"d\"}}]");
    ASSIGNED("storage=[{name: new}]", "storage",
             "[{\"name\":\"hdd\",\"size\":\"1G\"},"
             "{\"name\":\"hdd.2\",\"size\":\"2G\",\"crypt\":{\"a\":\"b\"}},"
             "{\"name\":\"new\"}]");
}

static void
test_set_is_a_place(void)
{
    _cleanup_json_ json_object *tree = tree_of(machine, "vm.yaml", "/vms");

    CU_ASSERT_EQUAL(maqet_assign(tree, "memory=2G", "/here", NULL), 0);
    _cleanup_free_ char *place =
        maqet_place_text(maqet_tree_place_of_value(tree, "memory"));
    UNIT_SAME(place, "--set memory=2G");
    UNIT_SAME(maqet_tree_place_of_key(tree, "memory").folder, "/here");
}

static void
test_set_faults(void)
{
    static const char keys[] =
        "a key is one of the top level, or storage.DRIVE.KEY, arguments.OPTION, "
        "cloud_init.KEY, network.KEY, sandbox.KEY or ssh.KEY";

    UNASSIGNED("nonsense", "this is not KEY=VALUE, such as memory=2G");
    UNASSIGNED("=5", "this is not KEY=VALUE, such as memory=2G");
    UNASSIGNED("memory.x=5", keys);
    UNASSIGNED("storage.hdd=5", keys);
    UNASSIGNED("storage.hdd.=5", keys);
    UNASSIGNED("storage..size=5", keys);
    UNASSIGNED("arguments.=5", keys);
    UNASSIGNED("storage.hhd.size=5", "there is no drive 'hhd'; did you mean 'hdd'?");
    UNASSIGNED("storage.other.size=5",
               "there is no drive 'other'; the drives are: hdd, hdd.2");
    UNASSIGNED("storage.hdd.name=5", "the name of a drive cannot be changed");
    UNASSIGNED("a=[b", "this '[' is not closed, or a ',' is missing in it");
    UNASSIGNED("a='b': c", "the value goes on after its closing quote");
    UNASSIGNED("a=\"b", "this quote is never closed");
    UNASSIGNED(
        "arguments=5",
        "'arguments' is a text here, but a list at vm.yaml:3:12: they cannot be merged");
}

static void
test_set_without_drives(void)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree =
        tree_of("name: x\nstorage: ~\n", "vm.yaml", "/vms");

    CU_ASSERT_EQUAL(maqet_assign(tree, "storage.a.b=c", "/", &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_INVALID,
               "--set storage.a.b=c: there is no drive 'a'; the drives are: none");
    _cleanup_json_ json_object *odd =
        tree_of("storage: [{size: 1}, text, ~, {name: \"a\\nb\"}]\n", "vm.yaml", "/vms");
    CU_ASSERT_EQUAL(maqet_assign(odd, "storage.other.b=c", "/", &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_INVALID,
               "--set storage.other.b=c: there is no drive 'other'; the drives are: a?b");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"texts are replaced", test_texts_are_replaced},
        {"null", test_null},
        {"mappings merge deep", test_mappings_merge_deep},
        {"lists concatenate", test_lists_concatenate},
        {"lists of drives", test_lists_of_drives},
        {"what cannot be merged", test_clashes},
        {"places travel", test_places_travel},
        {"drives merge by name", test_drives_merge_by_name},
        {"two drives of one name stay two", test_two_of_one_name_stay_two},
        {"options that QEMU takes once", test_single_options_are_replaced},
        {"the other options accumulate", test_the_rest_accumulates},
        {"the names of options", test_names_of_options},
        {"items with several options", test_items_with_several_options},
        {"one file is left alone", test_one_file_is_left_alone},
        {"bare flags collapse", test_flags_collapse},
        {"--set at the top level", test_set_top_level},
        {"--set for arguments", test_set_arguments},
        {"--set for drives", test_set_drives},
        {"--set is a place", test_set_is_a_place},
        {"--set in error", test_set_faults},
        {"--set without drives", test_set_without_drives},
        CU_TEST_INFO_NULL,
    };

    return unit_run("merge", tests);
}
