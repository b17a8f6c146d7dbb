/* SPDX-License-Identifier: MIT */
/* The tree of configuration: the places beside it, copies, and the stored form. */
#include "core/config/saved.h"
#include "core/config/tree.h"
#include "core/config/yaml.h"
#include "tests/unit/unit.h"

static const char text[] = "name: x\n"
                           "empty: ~\n"
                           "storage:\n"
                           "  - name: hdd\n"
                           "    nested: {a: [b, {c: d}]}\n"
                           "  - plain\n"
                           "none: {}\n";

static json_object *
tree_of(const char *yaml, const char *file, const char *folder)
{
    struct maqet_error *err = NULL;
    json_object *tree = maqet_yaml_parse(yaml, strlen(yaml), file, folder, &err);

    UNIT_NO_ERROR(&err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    return tree;
}

/* All that is in a tree with all its places, as text, one line each. */
static void
describe(json_object *tree, struct maqet_text *out)
{
    _cleanup_free_ char *own = maqet_place_text(maqet_tree_place(tree));

    if (json_object_is_type(tree, json_type_object)) {
        maqet_text_appendf(out, "{ %s %s\n", own, maqet_tree_place(tree).folder);
        json_object_object_foreach(tree, key, value)
        {
            _cleanup_free_ char *of_key =
                maqet_place_text(maqet_tree_place_of_key(tree, key));
            _cleanup_free_ char *of_value =
                maqet_place_text(maqet_tree_place_of_value(tree, key));

            maqet_text_appendf(out, "%s %s %s\n", key, of_key, of_value);
            describe(value, out);
        }
    } else if (json_object_is_type(tree, json_type_array)) {
        maqet_text_appendf(out, "[ %s %s\n", own, maqet_tree_place(tree).folder);
        for (size_t i = 0; i < json_object_array_length(tree); i++) {
            _cleanup_free_ char *of_item =
                maqet_place_text(maqet_tree_place_of_item(tree, i));

            maqet_text_appendf(out, "- %s\n", of_item);
            describe(json_object_array_get_idx(tree, i), out);
        }
    } else {
        maqet_text_appendf(out, "= %s\n", tree ? json_object_get_string(tree) : "null");
    }
}

static char *
described(json_object *tree)
{
    struct maqet_text out = MAQET_TEXT_INIT;

    describe(tree, &out);
    return maqet_text_take(&out);
}

/* ---- places ---- */

static void
test_place_text(void)
{
    static const struct {
        struct maqet_place place;
        const char *text;
    } cases[] = {
        {{.file = "vm.yaml", .line = 12, .column = 9}, "vm.yaml:12:9"},
        {{.file = "vm.yaml"}, "vm.yaml"},
        {{.file = "-", .line = 1, .column = 2}, "standard input:1:2"},
        {{.file = "--set memory=2G"}, "--set memory=2G"},
        {{.file = "--set a=[b]", .line = 1, .column = 2}, "--set a=[b]"},
        {{.line = 3}, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_free_ char *actual = maqet_place_text(cases[i].place);

        UNIT_SAME(actual, cases[i].text);
    }
}

static void
test_place_error(void)
{
    struct maqet_place place = {.file = "vm.yaml", .line = 1, .column = 2};
    struct maqet_error *err = NULL;

    CU_ASSERT_EQUAL(
        maqet_place_error(place, &err, MAQET_ERROR_STATE, "no %s: %d", "x", 5), -1);
    UNIT_ERROR(&err, MAQET_ERROR_STATE, "vm.yaml:1:2: no x: 5");
    place.file = NULL;
    maqet_place_error(place, &err, MAQET_ERROR_INVALID, "no");
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, "no");
    CU_ASSERT_EQUAL(maqet_place_error(place, NULL, MAQET_ERROR_INVALID, "no"), -1);
}

static void
test_building(void)
{
    char file[] = "a.yaml";
    struct maqet_place place = {.file = file, .folder = "/a", .line = 1, .column = 1};
    struct maqet_place other = {.file = "b.yaml", .folder = "/b", .line = 7, .column = 8};
    struct maqet_place unknown = {0};
    _cleanup_json_ json_object *mapping = maqet_tree_mapping(place);
    json_object *sequence = maqet_tree_sequence(other);

    maqet_tree_set(mapping, "x", json_object_new_string("1"), other, unknown);
    maqet_tree_set(mapping, "list", sequence, place, other);
    maqet_tree_append(sequence, NULL, place);
    maqet_tree_append(sequence, json_object_new_string("2"), unknown);
    file[0] = 'z'; /* the strings were copied */

    _cleanup_free_ char *words = described(mapping);
    UNIT_SAME(words, "{ a.yaml:1:1 /a\n"
                     "x b.yaml:7:8 a.yaml:1:1\n"
                     "= 1\n"
                     "list a.yaml:1:1 b.yaml:7:8\n"
                     "[ b.yaml:7:8 /b\n"
                     "- a.yaml:1:1\n"
                     "= null\n"
                     "- b.yaml:7:8\n"
                     "= 2\n");
}

static void
test_replacing(void)
{
    _cleanup_json_ json_object *tree = tree_of("a: {b: c}\nd: e\n", "vm.yaml", "/vms");
    json_object *a;

    json_object_object_get_ex(tree, "a", &a);
    /* The strings of the place belong to what is thrown away. */
    maqet_tree_set(tree, "a", json_object_new_string("x"),
                   maqet_tree_place_of_key(a, "b"), maqet_tree_place_of_value(a, "b"));
    _cleanup_free_ char *words = described(tree);
    UNIT_SAME(words, "{ vm.yaml:1:1 /vms\n"
                     "a vm.yaml:1:5 vm.yaml:1:8\n= x\n"
                     "d vm.yaml:2:1 vm.yaml:2:4\n= e\n");
}

static void
test_what_has_no_place(void)
{
    _cleanup_json_ json_object *plain = json_tokener_parse("{\"a\":[1,2.5],\"b\":{}}");
    _cleanup_json_ json_object *tree = tree_of("a: b\n", "vm.yaml", "/vms");
    struct maqet_place here = {.file = "f", .line = 1, .column = 1};
    json_object *list;

    UNIT_SAME(maqet_tree_place(plain).file, NULL);
    UNIT_SAME(maqet_tree_place_of_value(plain, "a").file, NULL);
    UNIT_SAME(maqet_tree_place(NULL).file, NULL);
    UNIT_SAME(maqet_tree_place_of_item(plain, 0).file, NULL);
    /* An absent key is looked for in its container. */
    CU_ASSERT_EQUAL(maqet_tree_place_of_key(tree, "nothing").line, 1);
    json_object_object_del(tree, "a");
    CU_ASSERT_EQUAL(maqet_tree_place_of_value(tree, "a").column, 1);
    /* What json-c made can be added to. */
    json_object_object_get_ex(plain, "a", &list);
    maqet_tree_append(list, json_object_new_string("x"), here);
    UNIT_SAME(maqet_tree_place_of_item(list, 2).file, "f");
    UNIT_SAME(maqet_tree_place_of_item(list, 1).file, NULL);
    UNIT_SAME(maqet_tree_place_of_item(list, 3).file, NULL);
    maqet_tree_set(plain, "a", json_object_new_string("y"), here, here);
    UNIT_SAME(maqet_tree_place_of_value(plain, "a").file, "f");
}

static void
test_text(void)
{
    _cleanup_json_ json_object *tree = tree_of(text, "vm.yaml", "/vms");

    UNIT_SAME(maqet_tree_text(tree, "name"), "x");
    UNIT_SAME(maqet_tree_text(tree, "empty"), NULL);
    UNIT_SAME(maqet_tree_text(tree, "storage"), NULL);
    UNIT_SAME(maqet_tree_text(tree, "none"), NULL);
    UNIT_SAME(maqet_tree_text(tree, "absent"), NULL);
    UNIT_SAME(maqet_tree_text(NULL, "name"), NULL);
}

/* ---- copies ---- */

static void
test_copy(void)
{
    json_object *tree = tree_of(text, "vm.yaml", "/vms");
    _cleanup_json_ json_object *copy = maqet_tree_copy(tree);
    _cleanup_free_ char *before = described(tree);
    json_object *list;

    json_object_object_get_ex(tree, "storage", &list);
    json_object_set_string(json_object_array_get_idx(list, 1), "changed");
    json_object_put(tree); /* the copy owes it nothing */
    _cleanup_free_ char *after = described(copy);
    UNIT_SAME(after, before);
    CU_ASSERT_PTR_NULL(maqet_tree_copy(NULL));
}

/* ---- stored ---- */

/* Through text and back, as store.c does it. */
static json_object *
stored(json_object *tree, struct maqet_error **err)
{
    _cleanup_json_ json_object *saved = maqet_tree_save(tree);
    const char *words = json_object_to_json_string(saved);
    json_tokener *tokener = json_tokener_new_ex(64);
    _cleanup_json_ json_object *read =
        json_tokener_parse_ex(tokener, words, (int)strlen(words));

    json_tokener_free(tokener);
    return maqet_tree_load(read, err);
}

static void
test_stored(void)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = tree_of(text, "/vms/vm.yaml", "/vms");
    _cleanup_json_ json_object *back = stored(tree, &err);

    UNIT_NO_ERROR(&err);
    _cleanup_free_ char *before = described(tree);
    _cleanup_free_ char *after = described(back);
    UNIT_SAME(after, before);
}

static void
test_stored_form(void)
{
    _cleanup_json_ json_object *tree = tree_of("a: [b]\n", "vm.yaml", "/vms");
    _cleanup_json_ json_object *saved = maqet_tree_save(tree);

    UNIT_SAME(json_object_to_json_string_ext(saved, JSON_C_TO_STRING_NOSLASHESCAPE),
              "{\"tree\":{\"a\":[\"b\"]},"
              "\"sources\":[{\"file\":\"/vms/vm.yaml\",\"folder\":\"/vms\"}],"
              "\"places\":[[1,1,1,1,1,1,1,1,4],[1,1,4,1,1,5]]}");
}

static void
test_stored_names_are_absolute(void)
{
    static const char *const cases[][3] = {
        {"vm.yaml", "/vms", "/vms/vm.yaml"},
        {"../a/vm.yaml", "/srv/a", "/srv/a/vm.yaml"},
        {"/vms/vm.yaml", "/vms", "/vms/vm.yaml"},
        {"-", "/vms", "-"},
        {"--set a=b/c", "/vms", "--set a=b/c"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct maqet_error *err = NULL;
        _cleanup_json_ json_object *tree = tree_of("a: b\n", cases[i][0], cases[i][1]);
        _cleanup_json_ json_object *back = stored(tree, &err);

        UNIT_NO_ERROR(&err);
        UNIT_SAME(maqet_tree_place(back).file, cases[i][2]);
        UNIT_SAME(maqet_tree_place(back).folder, cases[i][1]);
    }
}

static void
test_stored_without_places(void)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *plain =
        json_tokener_parse("{\"a\":[\"b\",null],\"c\":{}}");
    _cleanup_json_ json_object *back = stored(plain, &err);

    UNIT_NO_ERROR(&err);
    UNIT_SAME(json_object_get_string(back), json_object_get_string(plain));
    UNIT_SAME(maqet_tree_place(back).file, NULL);
}

static void
test_damaged(void)
{
    static const char parts[] = "it has no tree, no sources or no places";
    static const char fit[] = "the places don't fit the tree";
    static const char numbers[] = "a place is not three numbers";
    static const char *const cases[][2] = {
        {"[]", parts},
        {"{}", parts},
        {"{\"tree\":{},\"sources\":[]}", parts},
        {"{\"tree\":{},\"sources\":{},\"places\":[]}", parts},
        {"{\"tree\":null,\"sources\":[],\"places\":[]}", parts},
        {"{\"tree\":{},\"sources\":[],\"places\":[]}", fit},
        {"{\"tree\":{},\"sources\":[],\"places\":[5]}", fit},
        {"{\"tree\":{},\"sources\":[],\"places\":[[0,0]]}", fit},
        {"{\"tree\":{\"a\":\"b\"},\"sources\":[],\"places\":[[0,0,0]]}", fit},
        {"{\"tree\":{\"a\":[]},\"sources\":[],\"places\":[[0,0,0,0,0,0,0,0,0]]}", fit},
        {"{\"tree\":[\"a\"],\"sources\":[],\"places\":[[0,0,0]]}", fit},
        {"{\"tree\":{},\"sources\":[],\"places\":[[1,0,0]]}", numbers},
        {"{\"tree\":[\"a\"],\"sources\":[],\"places\":[[0,0,0,1,0,0]]}", numbers},
        {"{\"tree\":{\"a\":\"b\"},\"sources\":[],\"places\":[[0,0,0,0,0,0,1,0,0]]}",
         numbers},
        {"{\"tree\":{},\"sources\":[],\"places\":[[0,-1,0]]}", numbers},
        {"{\"tree\":{},\"sources\":[],\"places\":[[0,0,\"0\"]]}", numbers},
        {"{\"tree\":{},\"sources\":[],\"places\":[[0,0,9999999999]]}", numbers},
        {"{\"tree\":[5],\"sources\":[],\"places\":[[0,0,0,0,0,0]]}",
         "a value is neither a string nor null"},
        {"{\"tree\":true,\"sources\":[],\"places\":[]}",
         "a value is neither a string nor null"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_json_ json_object *value = json_tokener_parse(cases[i][0]);
        _cleanup_free_ char *message =
            maqet_format("the stored configuration is damaged: %s", cases[i][1]);
        struct maqet_error *err = NULL;

        CU_ASSERT_PTR_NULL(maqet_tree_load(value, &err));
        UNIT_ERROR(&err, MAQET_ERROR_FAILED, message);
    }
    CU_ASSERT_PTR_NULL(maqet_tree_load(NULL, NULL));
}

static struct maqet_place
line(unsigned number)
{
    return (struct maqet_place){.file = "f", .line = number, .column = 1};
}

/* Of many keys some are set anew, deleted, and set again. */
static void
test_many_keys(void)
{
    _cleanup_json_ json_object *tree = maqet_tree_mapping(line(1));

    for (unsigned i = 1; i <= 100; i++) {
        _cleanup_free_ char *key = maqet_format("key%u", i);

        maqet_tree_set(tree, key, json_object_new_string(key), line(2 * i),
                       line(2 * i + 1));
        /* From some number on there is an index, which learns of what comes later. */
        CU_ASSERT_EQUAL(maqet_tree_place_of_key(tree, "key1").line, 2);
    }
    maqet_tree_set(tree, "key7", NULL, line(1000), line(1001));
    json_object_object_del(tree, "key8");
    json_object_object_del(tree, "key9");
    maqet_tree_set(tree, "key9", json_object_new_string("again"), line(2000), line(2001));
    for (unsigned i = 1; i <= 100; i++) {
        _cleanup_free_ char *key = maqet_format("key%u", i);
        unsigned begin = i == 7 ? 1000 : i == 8 ? 1 : i == 9 ? 2000 : 2 * i;

        CU_ASSERT_EQUAL(maqet_tree_place_of_key(tree, key).line, begin);
        CU_ASSERT_EQUAL(maqet_tree_place_of_value(tree, key).line, begin + (i != 8));
    }
    CU_ASSERT_EQUAL(json_object_object_length(tree), 99);
    UNIT_SAME(maqet_tree_text(tree, "key9"), "again");
}

/* What was placed in a source outlives whoever made it, and other containers. */
static void
test_sources(void)
{
    struct maqet_source *source = maqet_source_new("file", "/folder");
    _cleanup_json_ json_object *outer =
        maqet_tree_mapping(maqet_source_place(source, 1, 1));
    json_object *inner = maqet_tree_sequence(maqet_source_place(source, 2, 1));

    for (unsigned i = 0; i < 20; i++)
        maqet_tree_append(inner, NULL,
                          i % 2 ? maqet_source_place(source, 3 + i, 1) : line(3 + i));
    maqet_source_put(source);
    maqet_tree_set(outer, "inner", inner, maqet_tree_place_of_item(inner, 1),
                   maqet_tree_place(inner));
    json_object_get(inner);
    json_object_object_del(outer, "inner");
    maqet_tree_set(outer, "x", NULL, maqet_tree_place_of_item(inner, 1), line(9));
    UNIT_SAME(maqet_tree_place_of_item(inner, 18).file, "f");
    CU_ASSERT_PTR_NULL(maqet_tree_place_of_item(inner, 18).folder);
    UNIT_SAME(maqet_tree_place_of_item(inner, 19).folder, "/folder");
    json_object_put(inner);
    UNIT_SAME(maqet_tree_place_of_key(outer, "x").folder, "/folder");
    CU_ASSERT_EQUAL(maqet_tree_place_of_key(outer, "x").line, 4);
    maqet_source_put(NULL);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"places in words", test_place_text},
        {"errors with a place", test_place_error},
        {"building", test_building},
        {"replacing", test_replacing},
        {"many keys", test_many_keys},
        {"sources", test_sources},
        {"what has no place", test_what_has_no_place},
        {"texts", test_text},
        {"a copy", test_copy},
        {"stored and loaded", test_stored},
        {"the stored form", test_stored_form},
        {"stored names are absolute", test_stored_names_are_absolute},
        {"stored without places", test_stored_without_places},
        {"what was stored is damaged", test_damaged},
        CU_TEST_INFO_NULL,
    };

    return unit_run("tree", tests);
}
