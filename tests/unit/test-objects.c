/* SPDX-License-Identifier: MIT */
/* What plugins append, as QEMU gets it on its command line. */
#include <string.h>

#include "core/qemu/objects.h"
#include "tests/unit/unit.h"

/* What is rendered, one argument a line. The caller frees. */
static char *
rendered(const struct maqet_args *args)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_args_render(args, &argv);
    return maqet_strings_join(&argv, "\n");
}

static void
check_rendered(const struct maqet_args *args, const char *wanted)
{
    _cleanup_free_ char *text = rendered(args);

    UNIT_SAME(args->fault, NULL);
    UNIT_SAME(text, wanted);
}

/* ---- rendering ---- */

static void
test_nothing(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    check_rendered(args, "");
}

static void
test_kinds_in_order(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *device = maqet_args_device(args, "virtio-blk-pci", "disk");
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_args_object(args, "iothread", "disk-thread");
    maqet_args_fsdev(args, "local", "share");
    maqet_props_string(device, "drive", "disk");
    maqet_props_string(node, "driver", "raw");
    check_rendered(
        args,
        "-device\n{\"driver\":\"virtio-blk-pci\",\"id\":\"disk\",\"drive\":\"disk\"}\n"
        "-blockdev\n{\"node-name\":\"disk\",\"driver\":\"raw\"}\n"
        "-object\n{\"qom-type\":\"iothread\",\"id\":\"disk-thread\"}\n"
        "-fsdev\nlocal,id=share");
}

static void
test_types(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_props_bool(node, "read-only", true);
    maqet_props_bool(node, "auto-read-only", false);
    maqet_props_int(node, "size", INT64_MAX);
    maqet_props_int(node, "offset", -1);
    maqet_props_string(node, "backing", NULL);
    maqet_props_string(node, "empty", "");
    check_rendered(args, "-blockdev\n{\"node-name\":\"disk\",\"read-only\":true,"
                         "\"auto-read-only\":false,\"size\":9223372036854775807,"
                         "\"offset\":-1,\"backing\":null,\"empty\":\"\"}");
}

static void
test_dots_lead_into_objects(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "cache.direct", "on");
    maqet_props_string(node, "file.filename", "/a.img");
    maqet_props_bool(node, "file.locking.strict", true);
    check_rendered(args, "-blockdev\n{\"node-name\":\"disk\","
                         "\"file\":{\"driver\":\"file\",\"filename\":\"/a.img\","
                         "\"locking\":{\"strict\":true}},\"cache\":{\"direct\":\"on\"}}");
}

static void
test_numbers_lead_into_lists(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_props_string(node, "server.0.host", "a");
    maqet_props_string(node, "server.0.port", "6789");
    maqet_props_string(node, "server.1.host", "b");
    maqet_props_string(node, "children.0", "x");
    maqet_props_string(node, "children.1", "y");
    check_rendered(args,
                   "-blockdev\n{\"node-name\":\"disk\",\"server\":[{\"host\":\"a\","
                   "\"port\":\"6789\"},{\"host\":\"b\"}],\"children\":[\"x\",\"y\"]}");
}

static void
test_texts_are_quoted(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_props_string(node, "filename", "/a, b/\"c\"/\\d/\xc3\xbc/\xf0\x9f\x92\xbe\n");
    check_rendered(args, "-blockdev\n{\"node-name\":\"disk\",\"filename\":"
                         "\"/a, b/\\\"c\\\"/\\\\d/\xc3\xbc/\xf0\x9f\x92\xbe\\n\"}");
}

static void
test_fsdev_as_key_and_value(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *share = maqet_args_fsdev(args, "local", "share");

    maqet_props_string(share, "path", "/a,b/\"c d\"/,,\xff");
    maqet_props_bool(share, "readonly", true);
    maqet_props_bool(share, "multi", false);
    maqet_props_int(share, "fmode", 420);
    maqet_props_int(share, "throttling.bps-total", 1000);
    maqet_props_string(share, "throttling.0", "x");
    check_rendered(args, "-fsdev\nlocal,id=share,path=/a,,b/\"c d\"/,,,,\xff,readonly=on,"
                         "multi=off,fmode=420,throttling.bps-total=1000,throttling.0=x");
}

/* ---- faults ---- */

/* Sets two properties of a block node, as one that is a text and one that is a number. */
static void
check_pair_fault(const char *first, const char *second, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    if (first)
        maqet_props_string(node, first, "x");
    UNIT_SAME(args->fault, NULL);
    maqet_props_int(node, second, 1);
    UNIT_SAME(args->fault, wanted);
}

static void
test_key_faults(void)
{
    check_pair_fault("a", "a", "-blockdev 'disk': the key 'a' is set twice");
    check_pair_fault("a.b", "a.b", "-blockdev 'disk': the key 'a.b' is set twice");
    check_pair_fault(NULL, "node-name",
                     "-blockdev 'disk': the key 'node-name' is set twice");
    check_pair_fault(
        "a", "a.b",
        "-blockdev 'disk': the key 'a.b' clashes with one that was set before");
    check_pair_fault(
        "a.b", "a", "-blockdev 'disk': the key 'a' clashes with one that was set before");
    check_pair_fault(
        "a.0", "a.b",
        "-blockdev 'disk': the key 'a.b' clashes with one that was set before");
    check_pair_fault("a.0", "a.0", "-blockdev 'disk': the key 'a.0' is set twice");
    check_pair_fault("a.0", "a.2",
                     "-blockdev 'disk': the key 'a.2' leaves a gap in a list");
    check_pair_fault(NULL, "a.1",
                     "-blockdev 'disk': the key 'a.1' leaves a gap in a list");
    check_pair_fault(NULL, "a.1.b",
                     "-blockdev 'disk': the key 'a.1.b' leaves a gap in a list");
    check_pair_fault(NULL, "", "-blockdev 'disk': '' is not a key");
    check_pair_fault(NULL, NULL, "-blockdev 'disk': '' is not a key");
    check_pair_fault(NULL, ".a", "-blockdev 'disk': '.a' is not a key");
    check_pair_fault(NULL, "a.", "-blockdev 'disk': 'a.' is not a key");
    check_pair_fault(NULL, "a..b", "-blockdev 'disk': 'a..b' is not a key");
    check_pair_fault(NULL, "a,b", "-blockdev 'disk': 'a,b' is not a key");
    check_pair_fault(NULL, "a=b", "-blockdev 'disk': 'a=b' is not a key");
}

static void
check_id_fault(const char *id, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_blockdev(args, id);
    UNIT_SAME(args->fault, wanted);
}

#define NAME_RULE                                                                        \
    ": the node-name must be a letter, then letters, digits, '-', '.' and '_'"

static void
test_id_faults(void)
{
    check_id_fault("a", NULL);
    check_id_fault("Az09-._", NULL);
    check_id_fault("a234567890123456789012345678901", NULL);
    check_id_fault("a2345678901234567890123456789012",
                   "-blockdev 'a2345678901234567890123456789012': "
                   "the node-name is longer than 31 bytes");
    check_id_fault("", "-blockdev ''" NAME_RULE);
    check_id_fault(NULL, "-blockdev ''" NAME_RULE);
    check_id_fault("1a", "-blockdev '1a'" NAME_RULE);
    check_id_fault("_a", "-blockdev '_a'" NAME_RULE);
    check_id_fault("a b", "-blockdev 'a b'" NAME_RULE);
    check_id_fault("a,b", "-blockdev 'a,b'" NAME_RULE);
    check_id_fault("a\xc3\xbc", "-blockdev 'a\xc3\xbc'" NAME_RULE);
}

static void
test_ids_are_unique_within_a_kind(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_blockdev(args, "disk");
    maqet_args_device(args, "virtio-blk-pci", "disk");
    maqet_args_object(args, "iothread", "disk");
    maqet_args_fsdev(args, "local", "disk");
    UNIT_SAME(args->fault, NULL);
    maqet_args_device(args, "ide-hd", "disk");
    UNIT_SAME(args->fault, "-device 'disk': the id is used for two objects");
}

static void
test_empty_type(void)
{
    _cleanup_args_ struct maqet_args *device = maqet_args_new();
    _cleanup_args_ struct maqet_args *object = maqet_args_new();
    _cleanup_args_ struct maqet_args *fsdev = maqet_args_new();

    maqet_args_device(device, "", "disk");
    UNIT_SAME(device->fault, "-device 'disk': its driver is empty");
    maqet_args_object(object, NULL, "disk");
    UNIT_SAME(object->fault, "-object 'disk': its qom-type is empty");
    maqet_args_fsdev(fsdev, NULL, "disk");
    UNIT_SAME(fsdev->fault, "-fsdev 'disk': its driver is empty");
}

static void
check_text(const char *text, bool is_fine)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_props_string(maqet_args_blockdev(args, "disk"), "file.filename", text);
    UNIT_SAME(args->fault,
              is_fine ? NULL
                      : "-blockdev 'disk': the value of 'file.filename' is not valid "
                        "UTF-8, and QEMU takes no other text");
}

static void
test_texts_that_json_cannot_carry(void)
{
    check_text("\x01\x1f\x7f", true);
    check_text("\xc2\x80\xdf\xbf", true);         /* the least and the last of 2 bytes */
    check_text("\xe0\xa0\x80\xef\xbf\xbd", true); /* of 3, but for the noncharacters */
    check_text("\xed\x9f\xbf\xee\x80\x80", true); /* around the surrogates */
    check_text("\xf0\x90\x80\x80\xf4\x8f\xbf\xbd", true);
    check_text("\xff", false);
    check_text("a\x80", false);
    check_text("a\xc3", false);
    check_text("\xc3(", false);
    check_text("\xc1\xbf", false); /* overlong */
    check_text("\xe0\x9f\xbf", false);
    check_text("\xf0\x8f\xbf\xbf", false);
    check_text("\xed\xa0\x80", false);     /* a surrogate */
    check_text("\xf4\x90\x80\x80", false); /* beyond Unicode */
    check_text("\xef\xbf\xbf", false);     /* noncharacters */
    check_text("\xef\xb7\x90", false);
    check_text("\xe2\x82", false);
}

static void
test_fsdev_has_no_null(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_props_string(maqet_args_fsdev(args, "local", "share"), "path", NULL);
    UNIT_SAME(args->fault,
              "-fsdev 'share': the value of 'path' is null, which this option cannot "
              "express");
}

static void
test_first_fault_stays(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "disk");

    maqet_props_string(node, "a", "1");
    maqet_props_string(node, "a", "2");
    maqet_props_string(node, "a.b", "3");
    maqet_props_string(maqet_args_blockdev(args, "1"), "", "\xff");
    UNIT_SAME(args->fault, "-blockdev 'disk': the key 'a' is set twice");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"no objects", test_nothing},
        {"kinds, in the order of appending", test_kinds_in_order},
        {"types of values", test_types},
        {"dots lead into objects", test_dots_lead_into_objects},
        {"numbers lead into lists", test_numbers_lead_into_lists},
        {"texts are quoted", test_texts_are_quoted},
        {"-fsdev as key=value", test_fsdev_as_key_and_value},
        {"wrong keys", test_key_faults},
        {"wrong ids", test_id_faults},
        {"ids are unique within a kind", test_ids_are_unique_within_a_kind},
        {"an empty type", test_empty_type},
        {"texts that JSON cannot carry", test_texts_that_json_cannot_carry},
        {"-fsdev has no null", test_fsdev_has_no_null},
        {"the first fault stays", test_first_fault_stays},
        CU_TEST_INFO_NULL,
    };

    return unit_run("objects", tests);
}
