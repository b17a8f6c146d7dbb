/* SPDX-License-Identifier: MIT */
/* Bytes as text, and back; and what a guest sends as an archive. */
#include "core/base/base64.h"

#include "core/guest/archive.h"
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

/* A member of an archive with a type and a size, and its content, in pieces of @step. */
static int
send_member(struct maqet_archive *archive, char type, const char *size, size_t content,
            size_t step, struct maqet_error **err)
{
    size_t length = MAQET_ARCHIVE_BLOCK + content, count;
    _cleanup_free_ char *bytes = maqet_alloc(length);
    int result = 0;

    memcpy(bytes, "./name", 6);
    memcpy(bytes + 124, size, strlen(size));
    bytes[156] = type;
    /* What looks like a device in a file's content is none. */
    memset(bytes + MAQET_ARCHIVE_BLOCK, '3', content);
    for (size_t at = 0; result == 0 && at < length; at += count) {
        count = length - at < step ? length - at : step;
        result = maqet_archive_check(archive, bytes + at, count, err);
    }
    return result;
}

static void
test_archive(void)
{
    for (size_t step = 1; step < 2000; step += 333) {
        struct maqet_archive archive = {0};
        struct maqet_error *error = NULL;

        CU_ASSERT_EQUAL(send_member(&archive, '0', "00000001001", 1024, step, &error), 0);
        CU_ASSERT_EQUAL(send_member(&archive, '5', "00000000000", 0, step, &error), 0);
        CU_ASSERT_EQUAL(send_member(&archive, '2', "00000000005", 0, step, &error), 0);
        UNIT_NO_ERROR(&error);
        CU_ASSERT_EQUAL(send_member(&archive, '4', "00000000000", 0, step, &error), -1);
        UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED,
                   "'./name' is a device, which is not copied");
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"known texts", test_known},
        {"all bytes", test_all_bytes},
        {"what is no base64", test_wrong},
        {"devices in an archive", test_archive},
        CU_TEST_INFO_NULL,
    };

    return unit_run("base64", tests);
}
