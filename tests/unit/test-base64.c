/* SPDX-License-Identifier: MIT */
/* Bytes as text, and back; and what came from a guest as an archive. */
#include "core/base/base64.h"

#include <sys/stat.h>

#include "core/guest/unpacked.h"
#include "tests/unit/unit.h"

static void
test_known(void)
{
    /* RFC 4648, section 10. */
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        _cleanup_free_ char *text = maqet_base64_encode(pairs[i][0], strlen(pairs[i][0]));
        _cleanup_text_ struct maqet_text bytes = MAQET_TEXT_INIT;

        UNIT_SAME(text, pairs[i][1]);
        CU_ASSERT_TRUE(maqet_base64_decode(pairs[i][1], &bytes));
        CU_ASSERT_EQUAL(bytes.length, strlen(pairs[i][0]));
        CU_ASSERT_TRUE(bytes.length == 0 ||
                       memcmp(bytes.data, pairs[i][0], bytes.length) == 0);
    }
}

static void
test_all_bytes(void)
{
    _cleanup_text_ struct maqet_text bytes = MAQET_TEXT_INIT;
    unsigned char all[5000];

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)(i * 7);
    _cleanup_free_ char *text = maqet_base64_encode(all, sizeof(all));
    CU_ASSERT_TRUE(maqet_base64_decode(text, &bytes));
    CU_ASSERT_EQUAL_FATAL(bytes.length, sizeof(all));
    CU_ASSERT_EQUAL(memcmp(bytes.data, all, sizeof(all)), 0);
}

static void
test_wrong(void)
{
    static const char *const wrong[] = {
        "Z", "Zg=", "Zg", "Z===", "Zg==Zg==", "Z\xff==", "Zm 9", "===="};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        _cleanup_text_ struct maqet_text bytes = MAQET_TEXT_INIT;

        CU_ASSERT_FALSE(maqet_base64_decode(wrong[i], &bytes));
    }
}

static unsigned
mode_of(const char *path)
{
    struct stat status = {0};

    CU_ASSERT_EQUAL(lstat(path, &status), 0);
    return (unsigned)status.st_mode & 07777;
}

static void
test_unpacked(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *tree = maqet_format("%s/tree", folder);
    _cleanup_free_ char *sub = maqet_format("%s/sub", tree);
    _cleanup_free_ char *other = maqet_format("%s/pipe", tree);
    struct maqet_error *error = NULL;
    mode_t mode = 0;

    CU_ASSERT_EQUAL_FATAL(mkdir(tree, 0700) | mkdir(sub, 0700), 0);
    _cleanup_free_ char *file = unit_file(sub, "file", "");
    CU_ASSERT_EQUAL(chmod(file, 04777), 0);
    CU_ASSERT_EQUAL_FATAL(symlink("/etc/passwd", other), 0);
    CU_ASSERT_EQUAL(chmod(sub, 02555) | chmod(tree, 0577), 0);
    CU_ASSERT_EQUAL(maqet_unpacked_check(tree, 027, &mode, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(mode, 0550);
    CU_ASSERT_EQUAL(mode_of(tree), 0700);
    CU_ASSERT_EQUAL(mode_of(sub), 0550);
    CU_ASSERT_EQUAL(mode_of(file), 0750);
    /* What a guest says to be a folder must be one. */
    CU_ASSERT_EQUAL(maqet_unpacked_check(file, 027, &mode, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED,
               "'file' is not a folder, as the guest has said");
    CU_ASSERT_EQUAL(maqet_unpacked_check(other, 027, &mode, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED,
               "'pipe' is not a folder, as the guest has said");
    CU_ASSERT_EQUAL_FATAL(unlink(other) | mkfifo(other, 0600), 0);
    CU_ASSERT_EQUAL(maqet_unpacked_check(tree, 027, &mode, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED,
               "'tree/pipe' is neither a file, a folder nor a link, and is not copied");
    maqet_unpacked_remove(tree);
    CU_ASSERT_EQUAL(access(tree, F_OK), -1);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"known texts", test_known},
        {"all bytes", test_all_bytes},
        {"what is no base64", test_wrong},
        {"what was unpacked of an archive", test_unpacked},
        CU_TEST_INFO_NULL,
    };

    return unit_run("base64", tests);
}
