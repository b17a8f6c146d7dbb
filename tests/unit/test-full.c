/* SPDX-License-Identifier: MIT */
/* Which drives have no room, as QEMU's answer to query-block tells it. */
#include "core/machine/full.h"

#include "core/base/cleanup.h"
#include "core/base/replacement.h"
#include "tests/unit/unit.h"

/* The device's own fields, and those of what is inserted. */
static void
read_device(const char *device, const char *inserted, const char *folder,
            struct maqet_full *full)
{
    _cleanup_free_ char *text =
        maqet_format("[{%s, \"inserted\": {%s}}]", device, inserted);
    _cleanup_json_ json_object *answer = json_tokener_parse(text);

    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    maqet_full_read(answer, folder, full);
}

static void
test_status(void)
{
    static const char *const others[] = {"\"io-status\": \"ok\"",
                                         "\"io-status\": \"failed\"", "\"locked\": true"};
    _cleanup_full_ struct maqet_full full = {0};

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        read_device(others[i], "\"node-name\": \"hdd\", \"file\": \"/x\"", NULL, &full);
    CU_ASSERT_EQUAL(full.count, 0);
    maqet_full_read(NULL, NULL, &full);
    CU_ASSERT_EQUAL(full.count, 0);
    CU_ASSERT_FALSE(maqet_full_lasts(&full));
}

static void
test_names(void)
{
    static const struct {
        const char *device, *inserted, *drive, *file;
    } cases[] = {
        {"\"device\": \"\"", "\"node-name\": \"hdd\", \"file\": \"/i/hdd.img\"", "hdd",
         "/i/hdd.img"},
        {"\"device\": \"extra\"", "\"node-name\": \"#block1\", \"file\": \"a.img\"",
         "extra", "/here/a.img"},
        {"\"device\": \"\"",
         "\"node-name\": \"hdd\", \"file\": \"json:{\\\"driver\\\": \\\"f\\\", "
         "\\\"file\\\": {\\\"driver\\\": \\\"file\\\", \\\"filename\\\": "
         "\\\"/i/a b.img\\\"}}\"",
         "hdd", "/i/a b.img"},
        {"\"device\": \"\"", "\"node-name\": \"net\", \"file\": \"json:{\\\"a\\\": 1}\"",
         "net", NULL},
        {"\"device\": \"\"", "\"node-name\": \"net\", \"file\": \"json:{\"", "net", NULL},
        {"\"device\": \"\", \"qdev\": \"/machine/x\"", "\"ro\": false", "/machine/x",
         NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_full_ struct maqet_full full = {0};
        _cleanup_free_ char *device =
            maqet_format("\"io-status\": \"nospace\", %s", cases[i].device);

        read_device(device, cases[i].inserted, "/here", &full);
        CU_ASSERT_EQUAL_FATAL(full.count, 1);
        CU_ASSERT_STRING_EQUAL(full.items[0].drive, cases[i].drive);
        if (cases[i].file) {
            CU_ASSERT_PTR_NOT_NULL_FATAL(full.items[0].file);
            CU_ASSERT_STRING_EQUAL(full.items[0].file, cases[i].file);
        } else {
            CU_ASSERT_PTR_NULL(full.items[0].file);
        }
        /* None of these files is there, so nothing is known of the room for them. */
        CU_ASSERT_PTR_NULL(full.items[0].file_system);
        CU_ASSERT_FALSE(maqet_full_lasts(&full));
    }
}

/* Those with another error have their names only. */
static void
test_failed(void)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *answer = json_tokener_parse(
        "[{\"device\": \"a\", \"io-status\": \"ok\"},"
        " {\"device\": \"b\", \"io-status\": \"failed\"},"
        " {\"device\": \"c\", \"io-status\": \"nospace\"}, {\"device\": \"d\"},"
        " {\"device\": \"\", \"io-status\": \"failed\","
        "  \"inserted\": {\"node-name\": \"hdd\"}}]");

    maqet_failed_read(NULL, &names);
    CU_ASSERT_EQUAL(names.count, 0);
    maqet_failed_read(answer, &names);
    CU_ASSERT_EQUAL_FATAL(names.count, 2);
    CU_ASSERT_STRING_EQUAL(names.items[0], "'b'");
    CU_ASSERT_STRING_EQUAL(names.items[1], "'hdd'");
}

static void
test_file_system(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/disk", folder);
    _cleanup_free_ char *inserted =
        maqet_format("\"node-name\": \"hdd\", \"file\": \"%s\"", path);
    _cleanup_full_ struct maqet_full full = {0};
    struct stat file, mount;

    CU_ASSERT_EQUAL(maqet_file_replace(path, "x", 1, 0600, NULL), 0);
    read_device("\"io-status\": \"nospace\"", inserted, NULL, &full);
    CU_ASSERT_EQUAL_FATAL(full.count, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(full.items[0].file_system);
    CU_ASSERT_EQUAL(stat(path, &file), 0);
    CU_ASSERT_EQUAL(stat(full.items[0].file_system, &mount), 0);
    CU_ASSERT_EQUAL(file.st_dev, mount.st_dev);
    _cleanup_free_ char *text = maqet_full_text(&full);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "there is no space for drive 'hdd': "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, full.items[0].file_system));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, path));

    /* With less than any write may need, nobody tries. */
    full.items[0].free = 4096;
    CU_ASSERT_TRUE(maqet_full_lasts(&full));
    full.items[0].free = 1 << 30;
    CU_ASSERT_FALSE(maqet_full_lasts(&full));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"devices that are not full", test_status},
        {"names and files", test_names},
        {"drives with another error", test_failed},
        {"the file system", test_file_system},
        CU_TEST_INFO_NULL,
    };

    return unit_run("full", tests);
}
