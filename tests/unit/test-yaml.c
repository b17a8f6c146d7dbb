/* SPDX-License-Identifier: MIT */
/* YAML to a tree: what is read, what is refused and in which words; and json to YAML. */
#include <sys/wait.h>
#include <time.h>

#include "core/config/yaml.h"
#include "core/config/yaml_write.h"
#include "tests/unit/unit.h"

static json_object *
parse(const char *text, struct maqet_error **err)
{
    return maqet_yaml_parse(text, strlen(text), "vm.yaml", "/vms", err);
}

#define READS(text, json) reads(text, strlen(text), json, __FILE__, __LINE__)

static void
reads(const char *text, size_t length, const char *json, const char *file, unsigned line)
{
    _cleanup_error_ struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree =
        maqet_yaml_parse(text, length, "vm.yaml", "/vms", &err);

    unit_no_error(&err, file, line);
    unit_same(tree ? json_object_to_json_string_ext(tree, JSON_C_TO_STRING_NOSLASHESCAPE)
                   : "NULL",
              json, file, line);
}

#define REFUSED(text, message)                                                           \
    refused(text, sizeof(text) - 1, MAQET_ERROR_INVALID, message, __FILE__, __LINE__)

static void
refused(const char *text, size_t length, enum maqet_error_code code, const char *message,
        const char *file, unsigned line)
{
    struct maqet_error *err = NULL;
    json_object *tree = maqet_yaml_parse(text, length, "vm.yaml", "/vms", &err);

    CU_ASSERT_PTR_NULL(tree);
    unit_error(&err, code, message, file, line);
}

/* ---- what is read ---- */

static void
test_scalars_are_texts(void)
{
    READS("a: on\nb: 0755\nc: 1e3\nd: 2001-01-01\ne: .inf\n",
          "{\"a\":\"on\",\"b\":\"0755\",\"c\":\"1e3\",\"d\":\"2001-01-01\",\"e\":\"."
          "inf\"}");
    READS("a: user,id=net0,hostfwd=tcp::2222-:22\n",
          "{\"a\":\"user,id=net0,hostfwd=tcp::2222-:22\"}");
    READS("a: |\n  one\n  two\nb: >-\n  three\n  four\n",
          "{\"a\":\"one\\ntwo\\n\",\"b\":\"three four\"}");
    READS("a: \"\\t\\u00fc\"\nb: 'it''s'\n", "{\"a\":\"\\tü\",\"b\":\"it's\"}");
}

static void
test_nulls(void)
{
    READS("a:\nb: ~\nc: null\nd: Null\ne: NULL\n",
          "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null}");
    READS("a: ''\nb: '~'\nc: \"null\"\nd: nULL\ne: !!str null\n",
          "{\"a\":\"\",\"b\":\"~\",\"c\":\"null\",\"d\":\"nULL\",\"e\":\"null\"}");
    READS("[a, ~]\n", "[\"a\",null]");
    READS("- \n- a\n", "[null,\"a\"]");
}

static void
test_collections(void)
{
    READS("a: {b: {c: d}, e: [f, g]}\n",
          "{\"a\":{\"b\":{\"c\":\"d\"},\"e\":[\"f\",\"g\"]}}");
    READS("a:\n- b: c\n  d: e\n- f\n", "{\"a\":[{\"b\":\"c\",\"d\":\"e\"},\"f\"]}");
    READS("- device: {driver: x, netdev: y}\n",
          "[{\"device\":{\"driver\":\"x\",\"netdev\":\"y\"}}]");
    READS("a: {}\nb: []\n", "{\"a\":{},\"b\":[]}");
    READS("a: [\tb,\n\tc]\n", "{\"a\":[\"b\",\"c\"]}");
    READS("'quoted key': a\n", "{\"quoted key\":\"a\"}");
    READS("just a text\n", "\"just a text\"");
}

static void
test_kinds_of_files(void)
{
    READS("a: b\r\nc:\r\n  - d\r\n", "{\"a\":\"b\",\"c\":[\"d\"]}");
    READS("\xef\xbb\xbf"
          "a: b\n",
          "{\"a\":\"b\"}");
    READS("%YAML 1.1\n---\na: b\n...\n", "{\"a\":\"b\"}");
    READS("# only\n\n---\n# comments\na: b # here\n", "{\"a\":\"b\"}");
    READS("a: b", "{\"a\":\"b\"}");
    READS("a: \xc3\xbc \xe2\x82\xac \xf0\x9f\x90\x84\n", "{\"a\":\"ü € 🐄\"}");
}

static void
test_aliases(void)
{
    READS(
        "a: &x {b: c}\nd: *x\ne: [*x, *x]\n",
        "{\"a\":{\"b\":\"c\"},\"d\":{\"b\":\"c\"},\"e\":[{\"b\":\"c\"},{\"b\":\"c\"}]}");
    READS("a: &x b\nc: &x d\ne: *x\n", "{\"a\":\"b\",\"c\":\"d\",\"e\":\"d\"}");
    READS("a: &x\nb: *x\n", "{\"a\":null,\"b\":null}");
}

static void
test_alias_is_a_copy(void)
{
    _cleanup_json_ json_object *tree = parse("a: &x {b: c}\nd: *x\n", NULL);
    json_object *a, *d;

    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    json_object_object_get_ex(tree, "a", &a);
    json_object_object_get_ex(tree, "d", &d);
    CU_ASSERT_PTR_NOT_EQUAL(a, d);
    UNIT_SAME(maqet_tree_place_of_value(tree, "d").file, "vm.yaml");
    CU_ASSERT_EQUAL(maqet_tree_place_of_value(tree, "d").line, 2);
    CU_ASSERT_EQUAL(maqet_tree_place_of_value(tree, "d").column, 4);
    CU_ASSERT_EQUAL(maqet_tree_place_of_key(d, "b").line, 1);
}

/* "KEY VALUE" of a key in a mapping. */
static void
check_places(json_object *mapping, const char *key, const char *places, unsigned line)
{
    _cleanup_free_ char *of_key = maqet_place_text(maqet_tree_place_of_key(mapping, key));
    _cleanup_free_ char *of_value =
        maqet_place_text(maqet_tree_place_of_value(mapping, key));
    _cleanup_free_ char *both = maqet_format("%s %s", of_key, of_value);

    unit_same(both, places, __FILE__, line);
}

static void
test_places(void)
{
    _cleanup_json_ json_object *tree = parse(
        "\xef\xbb\xbfname: x\n\nstorage:\n  - name: hdd\n    \xc3\xbc: \xc3\xbc\n  - {a: "
        "[b, c]}\n",
        NULL);
    json_object *list, *first, *second, *inner;

    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    check_places(tree, "name", "vm.yaml:1:1 vm.yaml:1:7", __LINE__);
    check_places(tree, "storage", "vm.yaml:3:1 vm.yaml:4:3", __LINE__);
    json_object_object_get_ex(tree, "storage", &list);
    first = json_object_array_get_idx(list, 0);
    second = json_object_array_get_idx(list, 1);
    check_places(first, "name", "vm.yaml:4:5 vm.yaml:4:11", __LINE__);
    check_places(first, "\xc3\xbc", "vm.yaml:5:5 vm.yaml:5:8", __LINE__);
    check_places(second, "a", "vm.yaml:6:6 vm.yaml:6:9", __LINE__);
    CU_ASSERT_EQUAL(maqet_tree_place(second).column, 5);
    CU_ASSERT_EQUAL(maqet_tree_place_of_item(list, 1).line, 6);
    json_object_object_get_ex(second, "a", &inner);
    CU_ASSERT_EQUAL(maqet_tree_place_of_item(inner, 1).column, 13);
    UNIT_SAME(maqet_tree_place(tree).folder, "/vms");
}

/* ---- what is refused ---- */

static void
test_tabs(void)
{
    REFUSED("name: x\n\tmemory: 2G\n",
            "vm.yaml:2:1: YAML cannot be indented with tabs; use spaces");
    REFUSED("a:\n\tb: 1\n", "vm.yaml:2:1: YAML cannot be indented with tabs; use "
                            "spaces");
    REFUSED("a:\n  b: 1\n  \tc: 2\n", "vm.yaml:3:3: YAML cannot be indented with "
                                      "tabs; use spaces");
    REFUSED("name x\n \tmemory: 2G\n",
            "vm.yaml:2:2: YAML cannot be indented with tabs; use spaces");
    REFUSED("- \tname: x\n", "vm.yaml:1:3: YAML cannot be indented with tabs; use "
                             "spaces");
    REFUSED("a: |\n\tfoo\n", "vm.yaml:2:1: YAML cannot be indented with tabs; use "
                             "spaces");
    REFUSED("\xc3\xbc:\r\n\tb: 1\r\n",
            "vm.yaml:2:1: YAML cannot be indented with tabs; use spaces");
    REFUSED("# \xe2\x82\xac\xe2\x82\xac\n\ta: 1\n",
            "vm.yaml:2:1: YAML cannot be indented with tabs; use spaces");
}

static void
test_keys(void)
{
    REFUSED("name: x\na: b\nname: y\n",
            "vm.yaml:3:1: duplicate key 'name'; the first is at vm.yaml:1:1");
    REFUSED("a: {b: 1, 'b': 2}\n",
            "vm.yaml:1:11: duplicate key 'b'; the first is at vm.yaml:1:5");
    REFUSED("? [a]\n: b\n", "vm.yaml:1:3: a key must be a string");
    REFUSED("{{a: b}: c}\n", "vm.yaml:1:2: a key must be a string");
    REFUSED("a: &x b\n*x : c\n", "vm.yaml:2:1: a key must be a string");
    REFUSED("a: b\n? \n: c\n", "vm.yaml:2:2: there is no key before this ':'");
    REFUSED("'': b\n", "vm.yaml:1:1: there is no key before this ':'");
    REFUSED("a: &x {b: c}\nd:\n  <<: *x\n",
            "vm.yaml:3:3: merge keys (<<) are not supported; write the keys out");
    READS("'<<': b\n", "{\"<<\":\"b\"}");
    REFUSED("\"a\\nb\": c\n", "vm.yaml:1:1: a key cannot contain control characters");
    REFUSED("\"a\\e[1mb\": c\n", "vm.yaml:1:1: a key cannot contain control characters");
    REFUSED("\"a\\0b\": c\n", "vm.yaml:1:1: a key cannot contain control characters");
    REFUSED("!foo a: c\n", "vm.yaml:1:1: tags (!...) cannot be used here, but for "
                           "!!str");

    _cleanup_free_ char *key = maqet_alloc(130);
    memset(key, 'k', 129);
    _cleanup_free_ char *text = maqet_format("%s: a\n", key);
    refused(text, strlen(text), MAQET_ERROR_INVALID, "vm.yaml:1:1: this key is too long",
            __FILE__, __LINE__);
}

static void
test_tags(void)
{
    REFUSED("a: !foo b\n", "vm.yaml:1:4: tags (!...) cannot be used here, but for "
                           "!!str");
    REFUSED("a: !!int 5\n", "vm.yaml:1:4: tags (!...) cannot be used here, but for "
                            "!!str");
    REFUSED("a: !!map {b: c}\n",
            "vm.yaml:1:4: tags (!...) cannot be used here, but for !!str");
    REFUSED("a: !!str [b]\n",
            "vm.yaml:1:4: tags (!...) cannot be used here, but for !!str");
    REFUSED("a: !e!foo b\n",
            "vm.yaml:1:4: a string that begins with '!' must be in quotes");
    REFUSED("a: !<foo b\n", "vm.yaml:1:4: a string that begins with '!' must be in "
                            "quotes");
}

static void
test_odd_beginnings(void)
{
    REFUSED("file: *.img\n",
            "vm.yaml:1:7: a string that begins with '*' must be in quotes");
    REFUSED("file: *img\n",
            "vm.yaml:1:7: there is no anchor '&img' before this alias; a string that "
            "begins with '*' must be in quotes");
    REFUSED("a: &x [b, *x]\n",
            "vm.yaml:1:11: there is no anchor '&x' before this alias; a string that "
            "begins with '*' must be in quotes");
    REFUSED("a: &\n", "vm.yaml:1:4: a string that begins with '&' must be in quotes");
    REFUSED("a: @foo\n",
            "vm.yaml:1:4: a string that begins with this character must be in quotes");
    REFUSED("a: %foo\n",
            "vm.yaml:1:4: a string that begins with this character must be in quotes");
    REFUSED("%FOO\n---\na: b\n",
            "vm.yaml:1:1: a line cannot begin with '%'; put the string in quotes, or "
            "leave the directive out");
    REFUSED("%YAML 9.1\n---\na: b\n",
            "vm.yaml:1:1: this version of YAML is not supported; remove the line");
    REFUSED("%YAML x\n---\na: b\n",
            "vm.yaml:1:1: this directive cannot be read; leave it out");
    REFUSED("%YAML 1.1\n%YAML 1.1\n---\na: b\n",
            "vm.yaml:2:1: this directive stands here twice");
}

static void
test_structure(void)
{
    REFUSED("name: x\nmemory 2G\nb: c\n", "vm.yaml:2:1: there is no ':' after this key");
    REFUSED("name x\nmemory: 2G\n",
            "vm.yaml:2:7: a ':' is not allowed here; put the string in quotes, or "
            "check the indentation");
    REFUSED("a: b: c\n",
            "vm.yaml:1:5: a ':' is not allowed here; put the string in quotes, or "
            "check the indentation");
    REFUSED("a: - b\n", "vm.yaml:1:4: a list begins on a line of its own");
    REFUSED("a: ? b\n", "vm.yaml:1:4: a '?' is not allowed here; put the string in "
                        "quotes");
    REFUSED("a:\n    b: 1\n  c: 2\n",
            "vm.yaml:3:3: a key should begin here; check the indentation");
    REFUSED("a: \"x\" y\n",
            "vm.yaml:1:8: a key should begin here; check the indentation");
    REFUSED("storage:\n  - name: x\n   size: 2G\n",
            "vm.yaml:3:4: a '-' should stand here; check the indentation");
    REFUSED("  a: 1\nb: 2\n",
            "vm.yaml:2:1: this doesn't go with what stands above; check the indentation");
    REFUSED("a: [1, 2\nb: c\n",
            "vm.yaml:1:4: this '[' is not closed, or a ',' is missing in it");
    REFUSED("a: {b: c\n",
            "vm.yaml:1:4: this '{' is not closed, or a ',' is missing in it");
    REFUSED("a: ]\n", "vm.yaml:1:4: a value is missing here");
    REFUSED("--- ]\n", "vm.yaml:1:5: a value is missing here");
    REFUSED("[a, , b]\n", "vm.yaml:1:5: a value is missing here");
    REFUSED("a: |foo\n",
            "vm.yaml:1:5: the text after '|' or '>' begins on the next line");
}

static void
test_quotes(void)
{
    REFUSED("name: \"x\nb: c\n", "vm.yaml:1:7: this quote is never closed");
    REFUSED("a: b\nname: 'x\n", "vm.yaml:2:7: this quote is never closed");
    REFUSED("name: 'x\n---\n", "vm.yaml:1:7: this quote is never closed");
    REFUSED("a: \"C:\\qemu\"\n",
            "vm.yaml:1:7: this escape is not known; write \\\\ for a "
            "backslash, or use single quotes");
    REFUSED("a: \"\\xZZ\"\n", "vm.yaml:1:7: this escape needs hexadecimal digits");
    REFUSED("a: \"\\ud800\"\n", "vm.yaml:1:7: this escape stands for no character");
}

static void
test_bytes(void)
{
    static const char utf8[] = ": this is not UTF-8 text; save the file as UTF-8";
    static const char *const texts[][2] = {
        {"a: b\nc: \xff\xfe\n", "2:4"},
        {"a: \xc3(\n", "1:4"},
        {"a: \xed\xa0\x80\n", "1:4"},
        {"a: \xf8\x88\x80\x80\x80\n", "1:4"},
        {"\xc3\xbc\xc3\xbc: \xe9t\xe9\n", "1:5"},
        {"a: \xc3", "1:4"},
        {"\xff\xfe"
         "a",
         "1:1"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_free_ char *message = maqet_format("vm.yaml:%s%s", texts[i][1], utf8);

        refused(texts[i][0], strlen(texts[i][0]), MAQET_ERROR_INVALID, message, __FILE__,
                __LINE__);
    }
    REFUSED("name: x\nmem\0ory: 2G\n",
            "vm.yaml:2:4: a text file cannot contain a NUL byte");
    REFUSED("a: \"\\0\"\n", "vm.yaml:1:4: a string cannot contain a NUL byte");
    REFUSED("a: \x1b[1m\n",
            "vm.yaml:1:4: a text file cannot contain the control character 0x1b");
    REFUSED("a: \x7f\n",
            "vm.yaml:1:4: a text file cannot contain the control character 0x7f");
}

static void
test_documents(void)
{
    static const char *const empty[] = {"", "\n", "# nothing\n", "\xef\xbb\xbf"};

    REFUSED("a: b\n---\nc: d\n",
            "vm.yaml:2:1: a second document begins here; a file holds one");
    REFUSED("---\n---\na: b\n",
            "vm.yaml:2:1: a second document begins here; a file holds one");
    REFUSED("a: b\n...\nc: d\n",
            "vm.yaml:3:1: this doesn't go with what stands above; check the indentation");
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        struct maqet_error *err = NULL;

        CU_ASSERT_PTR_NULL(parse(empty[i], &err));
        CU_ASSERT_PTR_NOT_NULL_FATAL(err);
        CU_ASSERT_EQUAL(err->code, MAQET_ERROR_MISSING);
        CU_ASSERT_PTR_NOT_NULL(strstr(err->message, ": it is empty"));
        maqet_error_free(err);
    }
    refused("\n--- ~\n", 7, MAQET_ERROR_MISSING, "vm.yaml:2:5: it is empty", __FILE__,
            __LINE__);
}

/* ---- limits ---- */

/* @count times the same text. The caller frees. */
static char *
repeated(const char *text, size_t count)
{
    struct maqet_text all = MAQET_TEXT_INIT;

    while (count-- > 0)
        maqet_text_append(&all, text);
    return maqet_text_take(&all);
}

static void
test_depth(void)
{
    static const char message[] = "vm.yaml:1:33: this is nested more than 32 levels deep";
    _cleanup_free_ char *open32 = repeated("[", 32), *close32 = repeated("]", 32);
    _cleanup_free_ char *open2000 = repeated("[", 2000), *maps = repeated("{", 2000);
    _cleanup_free_ char *dashes = repeated("- ", 2000);
    _cleanup_free_ char *fits = maqet_format("%s%s", open32, close32);
    _cleanup_json_ json_object *tree = parse(fits, NULL);

    CU_ASSERT_PTR_NOT_NULL(tree);
    refused(open2000, 2000, MAQET_ERROR_INVALID, message, __FILE__, __LINE__);
    refused(maps, 2000, MAQET_ERROR_INVALID, "vm.yaml:1:2: a key must be a string",
            __FILE__, __LINE__);
    refused(dashes, 4000, MAQET_ERROR_INVALID,
            "vm.yaml:1:65: this is nested more than 32 levels deep", __FILE__, __LINE__);
}

static void
test_depth_through_aliases(void)
{
    REFUSED("- &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n"
            "- [[[[[[[[[[[[[*a]]]]]]]]]]]]]\n",
            "vm.yaml:2:16: this is nested more than 32 levels deep");
    _cleanup_json_ json_object *tree = parse(
        "- &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\n- [[[[[[[[[[[*a]]]]]]]]]]]\n",
        NULL);
    CU_ASSERT_PTR_NOT_NULL(tree);
}

static void
test_nodes(void)
{
    _cleanup_free_ char *items = repeated("x,", 9999), *more = repeated("- x\n", 10000);
    _cleanup_free_ char *fits = maqet_format("[%s]", items);
    _cleanup_json_ json_object *tree = parse(fits, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    CU_ASSERT_EQUAL(json_object_array_length(tree), 9999);
    refused(more, strlen(more), MAQET_ERROR_INVALID,
            "vm.yaml:10000:3: there are more than 10000 values up to here", __FILE__,
            __LINE__);
}

static void
test_billion_laughs(void)
{
    REFUSED("a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
            "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
            "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]\n",
            "vm.yaml:4:36: there are more than 10000 values up to here, since aliases "
            "expand to them");
}

static void
test_length(void)
{
    _cleanup_free_ char *text = repeated("#", 1024 * 1024 + 1);

    refused(text, 1024 * 1024, MAQET_ERROR_MISSING, "vm.yaml:2:1: it is empty", __FILE__,
            __LINE__);
    refused(text, 1024 * 1024 + 1, MAQET_ERROR_INVALID,
            "vm.yaml: this is longer than 1 MiB", __FILE__, __LINE__);
}

/* What is within the length but slow to read would be a way to hang the program. */
static void
test_hostile_text_is_quick(void)
{
    static const char *const pieces[] = {
        "%TAG !a! x\n", "[",    "{a: ",  "? ",   "- ",      "a: &a\n",
        "*a ",          "!a ",  "a\n",   "\"\n", "x: [\n",  "'''",
        "# ",           "%x\n", "a:\n ", "&a ",  "- - a\n",
    };

    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        _cleanup_free_ char *text = repeated(pieces[i], 1024 * 1024 / strlen(pieces[i]));
        struct maqet_error *err = NULL;
        clock_t start =
            clock(); /* the processor's time: other programs have no part in it */

        json_object_put(parse(text, &err));
        unit_same((clock() - start) / CLOCKS_PER_SEC < unit_patience(30) ? pieces[i]
                                                                         : "too slow",
                  pieces[i], __FILE__, __LINE__);
        maqet_error_free(err);
    }
}

/* ---- files ---- */

static void
test_file(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "vm.yaml", "name: x\nstorage: []\n");
    _cleanup_error_ struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = maqet_yaml_read(path, &err);

    UNIT_NO_ERROR(&err);
    UNIT_SAME(maqet_tree_text(tree, "name"), "x");
    UNIT_SAME(maqet_tree_place(tree).file, path);
    UNIT_SAME(maqet_tree_place(tree).folder, folder);
}

static void
test_file_beside(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *inner = maqet_format("%s/inner", folder);
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *here = realpath(".", NULL);

    CU_ASSERT_EQUAL_FATAL(mkdir(inner, 0755), 0);
    CU_ASSERT_EQUAL_FATAL(chdir(inner), 0);
    path = unit_file(folder, "vm.yaml", "name: x\n");
    _cleanup_json_ json_object *tree = maqet_yaml_read("../vm.yaml", NULL);
    CU_ASSERT_EQUAL(chdir(here), 0);
    UNIT_SAME(maqet_tree_place(tree).file, "../vm.yaml");
    UNIT_SAME(maqet_tree_place(tree).folder, folder);
}

static void
test_file_faults(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *nowhere = maqet_format("%s/nowhere.yaml", folder);
    _cleanup_free_ char *missing =
        maqet_format("Cannot read %s: No such file or directory", nowhere);
    _cleanup_free_ char *is_folder = maqet_format("%s is a folder, not a file", folder);
    _cleanup_free_ char *denied =
        maqet_format("Cannot read %s: Permission denied", nowhere);
    struct maqet_error *err = NULL;

    CU_ASSERT_PTR_NULL(maqet_yaml_read(nowhere, &err));
    UNIT_ERROR(&err, MAQET_ERROR_MISSING, missing);
    CU_ASSERT_PTR_NULL(maqet_yaml_read(folder, &err));
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, is_folder);

    _cleanup_free_ char *secret = unit_file(folder, "nowhere.yaml", "name: x\n");
    if (geteuid() != 0) { /* root may read everything */
        CU_ASSERT_EQUAL(chmod(secret, 0), 0);
        CU_ASSERT_PTR_NULL(maqet_yaml_read(nowhere, &err));
        UNIT_ERROR(&err, MAQET_ERROR_PERMISSION, denied);
    }
}

static void
test_large_file(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *text = repeated("#", 1024 * 1024 + 1);
    _cleanup_free_ char *path = unit_file(folder, "vm.yaml", text);
    _cleanup_free_ char *message = maqet_format("%s is larger than 1.0MB", path);
    struct maqet_error *err = NULL;

    CU_ASSERT_PTR_NULL(maqet_yaml_read(path, &err));
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, message);
    CU_ASSERT_PTR_NULL(maqet_yaml_read("/dev/zero", &err));
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, "/dev/zero is larger than 1.0MB");
}

static void
test_roots(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *list = unit_file(folder, "list.yaml", "\n  - name: x\n");
    _cleanup_free_ char *text = unit_file(folder, "text.yaml", "hello\n");
    _cleanup_free_ char *list_message =
        maqet_format("%s:2:3: this must be a mapping of keys and values (such as `name: "
                     "vm`), but it is a "
                     "list",
                     list);
    _cleanup_free_ char *text_message =
        maqet_format("%s:1:1: this must be a mapping of keys and values (such as `name: "
                     "vm`), but it is a "
                     "text",
                     text);
    struct maqet_error *err = NULL;

    CU_ASSERT_PTR_NULL(maqet_yaml_read(list, &err));
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, list_message);
    CU_ASSERT_PTR_NULL(maqet_yaml_read(text, &err));
    UNIT_ERROR(&err, MAQET_ERROR_INVALID, text_message);
}

/* Reads @path, or standard input, while @text comes through a pipe, late. */
static json_object *
read_pipe(const char *path, const char *text, struct maqet_error **err)
{
    int ends[2], kept = dup(STDIN_FILENO);

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        unit_await_sleep(getppid());
        _exit(write(ends[1], text, strlen(text)) < 0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    json_object *tree = maqet_yaml_read(path, err);
    dup2(kept, STDIN_FILENO);
    close(kept);
    waitpid(child, NULL, 0);
    return tree;
}

static void
test_standard_input(void)
{
    _cleanup_free_ char *here = realpath(".", NULL);
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = read_pipe("-", "name: x\n", &err);

    UNIT_NO_ERROR(&err);
    UNIT_SAME(maqet_tree_text(tree, "name"), "x");
    UNIT_SAME(maqet_tree_place(tree).folder, here);
    CU_ASSERT_PTR_NULL(read_pipe("-", "name: x\nname: y\n", &err));
    UNIT_ERROR(
        &err, MAQET_ERROR_INVALID,
        "standard input:2:1: duplicate key 'name'; the first is at standard input:1:1");
}

/* The shell's <(...) gives such a path. */
static void
test_pipe_as_a_file(void)
{
    _cleanup_free_ char *here = realpath(".", NULL);
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = read_pipe("/dev/fd/0", "name: x\n", &err);

    UNIT_NO_ERROR(&err);
    UNIT_SAME(maqet_tree_text(tree, "name"), "x");
    UNIT_SAME(maqet_tree_place(tree).folder, here);
}

/* ---- writing ---- */

static void
check_written(const char *json, const char *yaml, unsigned line)
{
    _cleanup_json_ json_object *value = json_tokener_parse(json);
    _cleanup_free_ char *text = maqet_yaml_write(value);

    unit_same(text, yaml, __FILE__, line);
}

static void
test_written(void)
{
    check_written(
        "{\"name\":\"vm\",\"list\":[1,-2,true,null,1.5,{\"a\":\"b\",\"c\":[]},{}]}",
        "name: vm\nlist:\n- 1\n- -2\n- true\n- null\n- 1.5\n- a: b\n  c: []\n- {}\n",
        __LINE__);
    check_written("[]", "[]\n", __LINE__);
    check_written("\"x\"", "x\n", __LINE__);
    check_written("null", "null\n", __LINE__);
    check_written(
        "{\"a\":\"one\\ntwo\",\"b\":\" padded \",\"c\":\"ü €\",\"d\":\"\\u0000\"}",
        "a: \"one\\ntwo\"\nb: ' padded '\nc: ü €\nd: \"\\0\"\n", __LINE__);
}

static void
test_written_texts_stay_texts(void)
{
    static const char *const quoted[] = {
        "",           "~",     "null",
        "Null",       "y",     "N",
        "yes",        "No",    "on",
        "OFF",        "true",  "=",
        "<<",         "0",     "12",
        "-1",         "+1",    "0x1F",
        "0o17",       "017",   "1_000",
        "1.5",        ".5",    "1e3",
        "1.e3",       ".inf",  "-.Inf",
        ".NaN",       "12:30", "0b1",
        "+.inf",      "1:2",   "2001-12-14T21:59:43.10-05:00",
        "2001-01-01",
    };
    static const char *const plain[] = {
        "x",    "20G",   "no one",
        "a=b",  "nulls", "1.5T",
        "q35",  "-m",    "user,id=net0,hostfwd=tcp::2222-:22",
        "once", "/a b",  "onto"};

    for (size_t i = 0; i < sizeof(quoted) / sizeof(*quoted); i++) {
        _cleanup_json_ json_object *value = json_object_new_string(quoted[i]);
        _cleanup_free_ char *text = maqet_yaml_write(value);
        _cleanup_free_ char *wanted = maqet_format("\"%s\"\n", quoted[i]);

        UNIT_SAME(text, wanted);
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
        _cleanup_json_ json_object *value = json_object_new_string(plain[i]);
        _cleanup_free_ char *text = maqet_yaml_write(value);
        _cleanup_free_ char *wanted = maqet_format("%s\n", plain[i]);

        UNIT_SAME(text, wanted);
    }
    check_written("{\"on\":\"a\",\"5\":\"b\"}", "\"on\": a\n\"5\": b\n", __LINE__);
}

static void
test_written_is_read_back(void)
{
    static const char *const texts[] = {
        "- a",          "a: b",     "# c",   "*d",    "&e",
        "!f",           "%g",       "@h",    "`i",    "[j]",
        "{k}",          "'l'",      "\"m\"", "|",     ">",
        "? n",          "a\tb",     "\ttab", "tail ", "two\n\nlines\n",
        "\n",           "\xc2\xa0", "a, b",  "\\",    "\x1b[0m",
        "\xef\xbb\xbf", "a #b",     "a:",    ":a",    "---",
        "...",          "-",        "--- a",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_json_ json_object *list = json_object_new_array();
        json_object_array_add(list, json_object_new_string(texts[i]));
        _cleanup_free_ char *text = maqet_yaml_write(list);
        _cleanup_json_ json_object *back = parse(text, NULL);

        UNIT_SAME(json_object_get_string(back), json_object_get_string(list));
    }
}

static void
test_written_bytes(void)
{
    static const char *const cases[][2] = {
        {"a\xff/\xc3\xbc", "a\xef\xbf\xbd"
                           "ff/\xc3\xbc\n"},
        {"\xef\xbf\xbd", "\xef\xbf\xbd"
                         "ef\xef\xbf\xbd"
                         "bf\xef\xbf\xbd"
                         "bd\n"},
        {"a\xe2\x80\xae: b", "\"a\\u202E: b\"\n"},
        {"\xf3\xa0\x81\x81", "\"\\U000E0041\"\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_json_ json_object *value = json_object_new_string(cases[i][0]);
        _cleanup_free_ char *text = maqet_yaml_write(value);

        UNIT_SAME(text, cases[i][1]);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"every scalar is its text", test_scalars_are_texts},
        {"nulls", test_nulls},
        {"collections", test_collections},
        {"kinds of files: CRLF, BOM, directives", test_kinds_of_files},
        {"aliases", test_aliases},
        {"an alias is a copy", test_alias_is_a_copy},
        {"places", test_places},
        {"tabs", test_tabs},
        {"keys", test_keys},
        {"tags", test_tags},
        {"odd beginnings", test_odd_beginnings},
        {"structure", test_structure},
        {"quotes and escapes", test_quotes},
        {"bytes that are no text", test_bytes},
        {"documents", test_documents},
        {"depth", test_depth},
        {"depth through aliases", test_depth_through_aliases},
        {"number of values", test_nodes},
        {"billion laughs", test_billion_laughs},
        {"length", test_length},
        {"hostile text is read quickly", test_hostile_text_is_quick},
        {"a file", test_file},
        {"a file elsewhere", test_file_beside},
        {"faults of files", test_file_faults},
        {"a file that is too large", test_large_file},
        {"the root is a mapping", test_roots},
        {"standard input", test_standard_input},
        {"a pipe as a file", test_pipe_as_a_file},
        {"json is written", test_written},
        {"texts stay texts", test_written_texts_stay_texts},
        {"what is written is read back", test_written_is_read_back},
        {"bytes that YAML cannot hold", test_written_bytes},
        CU_TEST_INFO_NULL,
    };

    return unit_run("yaml", tests);
}
