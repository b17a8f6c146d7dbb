/* SPDX-License-Identifier: MIT */
/* Option tables against a mapping: types, limits, messages. */
#include "core/config/options.h"
#include "core/config/yaml.h"
#include "tests/unit/unit.h"

static const char *const modes[] = {"none", "falloc", "full", NULL};
static const struct maqet_option secrets[] = {
    {.name = "format", .type = MAQET_OPTION_CHOICE, .choices = modes},
    {.name = "key_file", .type = MAQET_OPTION_PATH, .flags = MAQET_REQUIRED},
    {.name = "deeper",
     .type = MAQET_OPTION_MAP,
     .options = (const struct maqet_option[]){{.name = "flag", .type = MAQET_OPTION_BOOL},
                                              {.name = NULL}}},
    {.name = NULL},
};
static const struct maqet_option storage[] = {
    {.name = "name", .type = MAQET_OPTION_STRING},
    {.name = "file", .type = MAQET_OPTION_PATH},
    {.name = "size", .type = MAQET_OPTION_SIZE},
    {.name = "cluster",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 512,
     .maximum = INT64_C(2) << 20,
     .fallback = "64K"},
    {.name = "count",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = -2,
     .maximum = 255},
    {.name = "number", .type = MAQET_OPTION_INT},
    {.name = "readonly", .type = MAQET_OPTION_BOOL},
    {.name = "preallocation", .type = MAQET_OPTION_CHOICE, .choices = modes},
    {.name = "fmode", .type = MAQET_OPTION_MODE},
    {.name = "encryption", .type = MAQET_OPTION_MAP, .options = secrets},
    {.name = NULL},
};
static const struct maqet_option interface[] = {
    {.name = "serial", .type = MAQET_OPTION_STRING, .flags = MAQET_REQUIRED},
    {.name = "readonly",
     .type = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED}, /* hidden */
    {.name = NULL},
};

/* Checks a drive; returns its tree. */
static json_object *
check(const char *yaml, const struct maqet_option *more, const char *owner,
      struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;
    const struct maqet_option *const tables[] = {storage, more, NULL};
    json_object *tree = maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", err);

    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    maqet_strings_add(&others, "media");
    int result = maqet_options_check(tree, tables, &others, owner, err);
    CU_ASSERT_EQUAL(result, *err ? -1 : 0);
    return tree;
}

#define GOOD(yaml, json) good(yaml, json, __LINE__)

static void
good(const char *yaml, const char *json, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = check(yaml, NULL, NULL, &err);

    unit_no_error(&err, __FILE__, line);
    unit_same(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_NOSLASHESCAPE), json,
              __FILE__, line);
}

#define BAD(yaml, message) bad(yaml, NULL, "drive 'hdd'", message, __LINE__)

static void
bad(const char *yaml, const struct maqet_option *more, const char *owner,
    const char *message, unsigned line)
{
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = check(yaml, more, owner, &err);

    unit_error(&err, MAQET_ERROR_INVALID, message, __FILE__, line);
}

/* ---- text to value ---- */

static void
test_sizes(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } right[] = {
        {"0", 0},
        {"0G", 0},
        {"1", 1},
        {"007", 7},
        {"512", 512},
        {"1b", 1},
        {"1B", 1},
        {"1k", 1024},
        {"1K", 1024},
        {"10M", 10 << 20},
        {"10m", 10 << 20},
        {"20G", UINT64_C(20) << 30},
        {"2T", UINT64_C(2) << 40},
        {"2p", UINT64_C(2) << 50},
        {"15E", UINT64_C(15) << 60},
        {"1.5G", UINT64_C(3) << 29},
        {"10GB", UINT64_C(10) << 30},
        {"10GiB", UINT64_C(10) << 30},
        {"20.0GB", UINT64_C(20) << 30},
        {"1.5gib", UINT64_C(3) << 29},
        {"1KB", 1024},
        {"0.5k", 512},
        {"1.1G", 1181116006},
        {"0.1T", 109951162777},
        {"1.999999999999999999999999999999K", 2047},
        {"15.9375E", (UINT64_C(15) << 60) + (UINT64_C(15) << 56)},
        {"1.0000000000000000001E", UINT64_C(1) << 60},
        {"0x20", 32},
        {"0X1f", 31},
        {"18446744073709551615", UINT64_MAX},
        {"0xffffffffffffffff", UINT64_MAX},
    };
    static const char *const wrong[] = {
        "",
        "G",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1 G",
        "1BB",
        "1BiB",
        "1Gi",
        "1GBB",
        "1GiiB",
        "1.5B",
        "1GbG",
        "1.",
        "1.G",
        ".5G",
        "1.5",
        "1.5B",
        "1.0",
        "1,5G",
        "1e3",
        "16E",
        "0x",
        "0x1G",
        "1X",
        "1.5.5G",
        "18446744073709551616",
        "99999999999999999999999",
        "17592186044416M",
        "0x10000000000000000",
        "-0",
        "G1",
        "1\n",
        "0x-1",
        "1\xc7",
    };
    uint64_t bytes;

    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        _cleanup_free_ char *got = NULL;
        _cleanup_free_ char *wanted =
            maqet_format("%s %ju", right[i].text, (uintmax_t)right[i].bytes);

        bytes = 42;
        CU_ASSERT_TRUE(maqet_parse_size(right[i].text, &bytes));
        got = maqet_format("%s %ju", right[i].text, (uintmax_t)bytes);
        UNIT_SAME(got, wanted);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        UNIT_SAME(maqet_parse_size(wrong[i], &bytes) ? wrong[i] : NULL, NULL);
}

/* A disk of a few bytes is nothing that anybody wants. */
static void
test_doubtful_sizes(void)
{
    static const struct {
        const char *text;
        const char *doubt; /* NULL: none */
    } sizes[] = {
        {"1", "is 1 byte; did you mean 1G?"},
        {"20", "is 20 bytes; did you mean 20G?"},
        {"255", "is 255 bytes; did you mean 255G?"},
        {"512", "is 512 bytes; did you mean 512M?"},
        {"0x14", "is 20 bytes; did you mean 20G?"},
        {"0xb", "is 11 bytes; did you mean 11G?"},
        {"1048575", "is 1048575 bytes; did you mean 1048575M?"},
        {"1048577",
         "is 1048577 bytes, and a disk has whole sectors of 512 bytes; did you "
         "mean 1049088?"},
        {"0", NULL}, /* what it makes is no disk, and the plugin says so */
        {"1048576", NULL},
        {"0x100000", NULL},
        {"20B", NULL},
        {"64K", NULL},
        {"1.5G", NULL},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        uint64_t bytes;

        CU_ASSERT_TRUE_FATAL(maqet_parse_size(sizes[i].text, &bytes));
        _cleanup_free_ char *doubt = maqet_size_doubt(sizes[i].text, bytes);
        UNIT_SAME(doubt, sizes[i].doubt);
    }
}

static void
test_ints(void)
{
    static const struct {
        const char *text;
        int64_t value;
    } right[] = {
        {"0", 0},
        {"42", 42},
        {"-42", -42},
        {"010", 10},
        {"0x1F", 31},
        {"-0x10", -16},
        {"-0", 0},
        {"9223372036854775807", INT64_MAX},
        {"0X0", 0},
        {"-9223372036854775808", INT64_MIN},
        {"0x7fffffffffffffff", INT64_MAX},
    };
    static const char *const wrong[] = {
        "",
        "-",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "1e3",
        "0x",
        "0xg",
        "five",
        "--1",
        "1k",
        "0x-1",
        "9223372036854775808",
        "-9223372036854775809",
        "0x8000000000000000",
    };
    int64_t value;

    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        value = 99;
        UNIT_SAME(maqet_parse_int(right[i].text, &value) ? NULL : right[i].text, NULL);
        CU_ASSERT_EQUAL(value, right[i].value);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        UNIT_SAME(maqet_parse_int(wrong[i], &value) ? wrong[i] : NULL, NULL);
}

static void
test_bools(void)
{
    static const char *const yes[] = {"on", "true", "yes", "On", "TRUE", "Yes"};
    static const char *const no[] = {"off", "false", "no", "OFF", "False", "nO"};
    static const char *const neither[] = {"", "1", "0", "y", "n", "maybe", "on ", "o"};
    bool value;

    for (size_t i = 0; i < 6; i++) {
        value = false;
        CU_ASSERT_TRUE(maqet_parse_bool(yes[i], &value) && value);
        value = true;
        CU_ASSERT_TRUE(maqet_parse_bool(no[i], &value) && !value);
    }
    for (size_t i = 0; i < sizeof(neither) / sizeof(*neither); i++)
        UNIT_SAME(maqet_parse_bool(neither[i], &value) ? neither[i] : NULL, NULL);
}

static void
test_modes(void)
{
    static const struct {
        const char *text;
        int64_t mode;
    } right[] = {{"0644", 0644},  {"644", 0644},    {"0o755", 0755}, {"0", 0},
                 {"7777", 07777}, {"04755", 04755}, {"0o0", 0}};
    static const char *const wrong[] = {
        "",    "10000", "888", "0x1ff", "-1",
        "rwx", "0o",    "64 ", "0o0o1", "777777777777777777777777"};
    int64_t mode;

    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        mode = -1;
        CU_ASSERT_TRUE(maqet_parse_mode(right[i].text, &mode));
        CU_ASSERT_EQUAL(mode, right[i].mode);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        UNIT_SAME(maqet_parse_mode(wrong[i], &mode) ? wrong[i] : NULL, NULL);
}

/* ---- looking up ---- */

static void
test_find(void)
{
    CU_ASSERT_PTR_EQUAL(maqet_options_find(storage, "name"), &storage[0]);
    CU_ASSERT_PTR_EQUAL(maqet_options_find(storage, "encryption.key_file"), &secrets[1]);
    UNIT_SAME(maqet_options_find(storage, "encryption.deeper.flag")->name, "flag");
    CU_ASSERT_PTR_NULL(maqet_options_find(storage, "nam"));
    CU_ASSERT_PTR_NULL(maqet_options_find(storage, "names"));
    CU_ASSERT_PTR_NULL(maqet_options_find(storage, ""));
    CU_ASSERT_PTR_NULL(maqet_options_find(storage, "name.x"));
    CU_ASSERT_PTR_NULL(maqet_options_find(storage, "encryption."));
    CU_ASSERT_PTR_NULL(maqet_options_find(NULL, "name"));
}

/* ---- checking ---- */

static void
test_good(void)
{
    GOOD("name: on\nsize: 20G\ncluster: 64K\ncount: -2\nnumber: 0x10\nreadonly: off\n"
         "preallocation: full\nfmode: 0644\nmedia: [unchecked]\n",
         "{\"name\":\"on\",\"size\":\"20G\",\"cluster\":\"64K\",\"count\":\"-2\","
         "\"number\":\"0x10\",\"readonly\":\"off\",\"preallocation\":\"full\","
         "\"fmode\":\"0644\",\"media\":[\"unchecked\"]}");
    GOOD("{}", "{}"); /* no fallback is written into the tree */
    GOOD("name: ''\n", "{\"name\":\"\"}");
    GOOD("cluster: 512\ncount: 255\n", "{\"cluster\":\"512\",\"count\":\"255\"}");
    GOOD("cluster: 2M\n", "{\"cluster\":\"2M\"}");
    GOOD("size: \nencryption: ~\n", "{\"size\":null,\"encryption\":null}");
    GOOD("encryption: {key_file: k, deeper: {flag: yes}}\n",
         "{\"encryption\":{\"key_file\":\"/vms/k\",\"deeper\":{\"flag\":\"yes\"}}}");
}

static void
test_paths(void)
{
    _cleanup_free_ char *home = maqet_strdup(getenv("HOME"));

    setenv("HOME", "/home/me", 1);
    GOOD("file: disk\n", "{\"file\":\"/vms/disk\"}");
    GOOD("file: ../x/./disk\n", "{\"file\":\"/vms/../x/disk\"}");
    GOOD("file: /a//b\n", "{\"file\":\"/a/b\"}");
    GOOD("file: ~/disk\n", "{\"file\":\"/home/me/disk\"}");
    GOOD("name: disk\n", "{\"name\":\"disk\"}");
    if (home)
        setenv("HOME", home, 1);

    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = check("\nfile: disk\n", NULL, NULL, &err);
    _cleanup_free_ char *place =
        maqet_place_text(maqet_tree_place_of_value(tree, "file"));
    UNIT_NO_ERROR(&err);
    UNIT_SAME(place, "vm.yaml:2:7");
    BAD("file: ''\n", "vm.yaml:1:7: 'file' of drive 'hdd' is '', but it must be a path");
}

static void
test_unknown_keys(void)
{
    BAD("name: x\nsise: 20G\n",
        "vm.yaml:2:1: unknown key 'sise' in drive 'hdd'; did you mean 'size'?");
    BAD("medai: x\n",
        "vm.yaml:1:1: unknown key 'medai' in drive 'hdd'; did you mean 'media'?");
    bad("fiel: 1\n", NULL, NULL, "vm.yaml:1:1: unknown key 'fiel'; did you mean 'file'?",
        __LINE__);
    bad("nonsense: 1\n", interface, NULL,
        "vm.yaml:1:1: unknown key 'nonsense'; there are: name, file, size, cluster, "
        "count, "
        "number, readonly, preallocation, fmode, encryption, serial, media",
        __LINE__);
    BAD("encryption: {key_file: k, fromat: x}\n",
        "vm.yaml:1:27: unknown key 'fromat' in 'encryption' of drive 'hdd'; did you mean "
        "'format'?");
    BAD("encryption: {key_file: k, deeper: {a.b: x}}\n",
        "vm.yaml:1:36: unknown key 'a.b' in 'deeper' of 'encryption' of drive 'hdd'; "
        "there "
        "are: flag");
    BAD("encryption.format: none\n", "vm.yaml:1:1: unknown key 'encryption.format' in "
                                     "drive 'hdd'; there are: name, file, "
                                     "size, cluster, count, number, readonly, "
                                     "preallocation, fmode, encryption, media");
}

static void
test_wrong_values(void)
{
    BAD("size: 20GiBB\n",
        "vm.yaml:1:7: 'size' of drive 'hdd' is '20GiBB', which is not a size; write "
        "it like 512M, 20G or 1.5T");
    bad("size: -1\n", NULL, NULL,
        "vm.yaml:1:7: 'size' is '-1', which is not a size; write it like 512M, 20G or "
        "1.5T",
        __LINE__);
    BAD("cluster: 511\n",
        "vm.yaml:1:10: 'cluster' of drive 'hdd' is '511'; it must be from 512 to 2M");
    BAD("cluster: 2097153\n",
        "vm.yaml:1:10: 'cluster' of drive 'hdd' is '2097153'; it must be from 512 to 2M");
    BAD("cluster: 0xffffffffffffffff\n", "vm.yaml:1:10: 'cluster' of drive 'hdd' is "
                                         "'0xffffffffffffffff'; it must be from 512 "
                                         "to 2M");
    BAD("number: 1.5\n",
        "vm.yaml:1:9: 'number' of drive 'hdd' is '1.5', which is not an integer");
    BAD("count: 256\n",
        "vm.yaml:1:8: 'count' of drive 'hdd' is '256'; it must be from -2 to "
        "255");
    BAD("count: -3\n",
        "vm.yaml:1:8: 'count' of drive 'hdd' is '-3'; it must be from -2 to "
        "255");
    BAD("readonly: maybe\n",
        "vm.yaml:1:11: 'readonly' of drive 'hdd' is 'maybe'; it can be: on, off");
    BAD("fmode: 999\n",
        "vm.yaml:1:8: 'fmode' of drive 'hdd' is '999', which is not a file mode; "
        "write it in octal, like 0644");
    BAD("preallocation: fallloc\n", "vm.yaml:1:16: 'preallocation' of drive 'hdd' is "
                                    "'fallloc'; did you mean 'falloc'? It "
                                    "can be: none, falloc, full");
    BAD("preallocation: on\n",
        "vm.yaml:1:16: 'preallocation' of drive 'hdd' is 'on'; it can "
        "be: none, falloc, full");
    BAD("encryption: {key_file: k, deeper: {flag: x}}\n",
        "vm.yaml:1:42: 'flag' of 'deeper' of 'encryption' of drive 'hdd' is 'x'; it can "
        "be: "
        "on, off");
}

static void
test_values_in_messages(void)
{
    BAD("readonly: \"a\\nb\\e[1m\"\n",
        "vm.yaml:1:11: 'readonly' of drive 'hdd' is 'a?b?[1m'; it can be: on, off");
    BAD("readonly: "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xbc"
        "bbbbb\n",
        "vm.yaml:1:11: 'readonly' of drive 'hdd' is "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'; it can be: "
        "on, off");
}

static void
test_wrong_kinds(void)
{
    BAD("size: [1]\n",
        "vm.yaml:1:7: 'size' of drive 'hdd' is a list, but it must be a text");
    BAD("name: {a: b}\n",
        "vm.yaml:1:7: 'name' of drive 'hdd' is a mapping, but it must be a text");
    BAD("encryption: luks\n",
        "vm.yaml:1:13: 'encryption' of drive 'hdd' is a text, but it "
        "must be a mapping of keys and values");
    BAD("encryption: []\n",
        "vm.yaml:1:13: 'encryption' of drive 'hdd' is a list, but it must "
        "be a mapping of keys and values");
}

static void
test_required(void)
{
    bad("name: x\n", interface, "drive 'hdd'",
        "vm.yaml:1:1: drive 'hdd': 'serial' is missing; add a line `serial: ...`",
        __LINE__);
    bad("\n\nserial:\n", interface, NULL,
        "vm.yaml:3:1: 'serial' is missing; add a line `serial: ...`", __LINE__);
    BAD("encryption: {format: none}\n",
        "vm.yaml:1:13: 'encryption' of drive 'hdd': 'key_file' is missing; add a line "
        "`key_file: ...`");
    /* The second table's `readonly` is hidden by the first one's, which is not required.
     */
    struct maqet_error *err = NULL;
    _cleanup_json_ json_object *tree = check("serial: x\n", interface, NULL, &err);
    UNIT_NO_ERROR(&err);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"sizes", test_sizes},
        {"sizes of disks that are in doubt", test_doubtful_sizes},
        {"whole numbers", test_ints},
        {"on and off", test_bools},
        {"file modes", test_modes},
        {"finding a row", test_find},
        {"what is right", test_good},
        {"paths", test_paths},
        {"unknown keys", test_unknown_keys},
        {"wrong values", test_wrong_values},
        {"values in messages", test_values_in_messages},
        {"wrong kinds", test_wrong_kinds},
        {"required options", test_required},
        CU_TEST_INFO_NULL,
    };

    return unit_run("options", tests);
}
