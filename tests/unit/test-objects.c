/* SPDX-License-Identifier: MIT */
/* What plugins append, as QEMU gets it; and that a real QEMU takes it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/process.h"
#include "core/qemu/render.h"
#include "core/qemu/qmp.h"
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

    UNIT_SAME(maqet_args_fault(args), NULL);
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
    UNIT_SAME(maqet_args_fault(args), NULL);
    maqet_props_int(node, second, 1);
    UNIT_SAME(maqet_args_fault(args), wanted);
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
    check_pair_fault(NULL, "", "-blockdev 'disk': '' is no key");
    check_pair_fault(NULL, NULL, "-blockdev 'disk': '' is no key");
    check_pair_fault(NULL, ".a", "-blockdev 'disk': '.a' is no key");
    check_pair_fault(NULL, "a.", "-blockdev 'disk': 'a.' is no key");
    check_pair_fault(NULL, "a..b", "-blockdev 'disk': 'a..b' is no key");
    check_pair_fault(NULL, "a,b", "-blockdev 'disk': 'a,b' is no key");
    check_pair_fault(NULL, "a=b", "-blockdev 'disk': 'a=b' is no key");
}

static void
check_id_fault(const char *id, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_blockdev(args, id);
    UNIT_SAME(maqet_args_fault(args), wanted);
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
    UNIT_SAME(maqet_args_fault(args), NULL);
    maqet_args_device(args, "ide-hd", "disk");
    UNIT_SAME(maqet_args_fault(args), "-device 'disk': the id is given to two objects");
}

static void
test_empty_type(void)
{
    _cleanup_args_ struct maqet_args *device = maqet_args_new();
    _cleanup_args_ struct maqet_args *object = maqet_args_new();
    _cleanup_args_ struct maqet_args *fsdev = maqet_args_new();

    maqet_args_device(device, "", "disk");
    UNIT_SAME(maqet_args_fault(device), "-device 'disk': its driver is empty");
    maqet_args_object(object, NULL, "disk");
    UNIT_SAME(maqet_args_fault(object), "-object 'disk': its qom-type is empty");
    maqet_args_fsdev(fsdev, NULL, "disk");
    UNIT_SAME(maqet_args_fault(fsdev), "-fsdev 'disk': its driver is empty");
}

static void
check_text(const char *text, bool is_fine)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_props_string(maqet_args_blockdev(args, "disk"), "file.filename", text);
    UNIT_SAME(maqet_args_fault(args),
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
    UNIT_SAME(maqet_args_fault(args),
              "-fsdev 'share': the value of 'path' is null, which this option can't "
              "say");
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
    UNIT_SAME(maqet_args_fault(args), "-blockdev 'disk': the key 'a' is set twice");
}

/* ---- a real QEMU ---- */

/* A name with all that quoting could stumble over. */
#define ODD_NAME "a, b,,c=\"d\" 'e' \\f \xc3\xbc"

#define PATIENCE unit_patience(60000)

/* QEMU, and the folder with its monitor's socket. */
struct qemu {
    char *folder;
    int dir_fd;
    pid_t pid;
};

static int
make_socket(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/qmp", folder);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    return fd;
}

/* Starts QEMU with what was appended, and waits until it has taken or refused it all. */
static struct maqet_qmp *
start(struct qemu *qemu, const struct maqet_args *args, struct maqet_error **err)
{
    static const char own[] =
        "qemu-system-x86_64 -S -M q35 -accel tcg -m 64 -display none "
        "-nodefaults -mon chardev=mon,mode=control -chardev "
        "socket,id=mon,server=on,wait=off,fd=";
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    int listener = make_socket(qemu->folder);
    _cleanup_free_ char *words = maqet_format("%s%d", own, listener);
    char *word, *rest = words;

    while ((word = strsep(&rest, " ")))
        maqet_strings_add(&argv, word);
    maqet_args_render(args, &argv);
    fflush(stdout);
    qemu->pid = fork();
    if (qemu->pid == 0) {
        execvp(argv.items[0], argv.items);
        _exit(127);
    }
    close(listener);
    return maqet_qmp_open(qemu->dir_fd, "qmp", PATIENCE, -1, err);
}

static void
stop(const struct qemu *qemu, struct maqet_qmp *qmp)
{
    json_object *answer = maqet_qmp_execute(qmp, "quit", NULL, PATIENCE, NULL);
    int status;

    CU_ASSERT_PTR_NOT_NULL(answer);
    if (!answer)
        kill(qemu->pid, SIGKILL);
    json_object_put(answer);
    CU_ASSERT_EQUAL(waitpid(qemu->pid, &status, 0), qemu->pid);
    CU_ASSERT_EQUAL(status, 0);
}

/* Checks that QEMU's answer to a command, whose arguments are json or NULL, holds a text.
 */
static void
check_answer(struct maqet_qmp *qmp, const char *command, const char *arguments,
             const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *answer = maqet_qmp_execute(
        qmp, command, arguments ? json_tokener_parse(arguments) : NULL, PATIENCE, &error);
    const char *all = json_object_to_json_string_ext(
        answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(strstr(all, wanted) ? wanted : all, wanted);
}

static void
make_files(int dir_fd)
{
    CU_ASSERT_EQUAL_FATAL(mkdirat(dir_fd, ODD_NAME, 0700), 0);
    _cleanup_close_ int image =
        openat(dir_fd, ODD_NAME "/image", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_EQUAL_FATAL(ftruncate(image, 1 << 20), 0);
}

static void
append_all(struct maqet_args *args, const char *folder)
{
    _cleanup_free_ char *image = maqet_format("%s/" ODD_NAME "/image", folder);
    _cleanup_free_ char *share = maqet_format("%s/" ODD_NAME, folder);
    struct maqet_props *props;

    props = maqet_args_object(args, "secret", "key");
    maqet_props_string(props, "data", ODD_NAME);
    props = maqet_args_blockdev(args, "file");
    maqet_props_string(props, "driver", "raw");
    maqet_props_string(props, "file.driver", "file");
    maqet_props_string(props, "file.filename", image);
    maqet_props_bool(props, "read-only", true);
    props = maqet_args_blockdev(args, "null");
    maqet_props_string(props, "driver", "null-co");
    maqet_props_int(props, "size", 1 << 20);
    maqet_props_bool(props, "read-zeroes", true);
    props = maqet_args_blockdev(args, "disk");
    maqet_props_string(props, "driver", "quorum");
    maqet_props_string(props, "children.0", "file");
    maqet_props_string(props, "children.1", "null");
    maqet_props_int(props, "vote-threshold", 1);
    maqet_props_bool(props, "read-only", true);
    props = maqet_args_device(args, "virtio-blk-pci", "disk");
    maqet_props_string(props, "drive", "disk");
    maqet_props_string(props, "serial", "a, \"b\"");
    maqet_props_int(props, "bootindex", 1);
    props = maqet_args_fsdev(args, "local", "share");
    maqet_props_string(props, "path", share);
    maqet_props_string(props, "security_model", "mapped-xattr");
    maqet_props_bool(props, "readonly", true);
    props = maqet_args_device(args, "virtio-9p-pci", "share");
    maqet_props_string(props, "fsdev", "share");
    maqet_props_string(props, "mount_tag", "a, b");
}

static void
test_real_qemu_takes_it(void)
{
    _cleanup_free_ char *program = maqet_process_find("qemu-system-x86_64");
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_folder_ char *folder = unit_folder();
    struct maqet_error *error = NULL;
    struct qemu qemu = {.folder = folder};

    if (!program) {
        printf("skipped: there is no qemu-system-x86_64 here\n");
        return;
    }
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    qemu.dir_fd = dir_fd;
    make_files(dir_fd);
    append_all(args, folder);
    UNIT_SAME(maqet_args_fault(args), NULL);
    _cleanup_qmp_ struct maqet_qmp *qmp = start(&qemu, args, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);

    check_answer(qmp, "query-named-block-nodes", NULL,
                 "/a, b,,c=\\\"d\\\" 'e' \\\\f \xc3\xbc/image\"");
    check_answer(qmp, "query-named-block-nodes", NULL, "\"drv\":\"quorum\"");
    check_answer(qmp, "qom-get",
                 "{\"path\": \"/machine/peripheral/disk\", \"property\": \"serial\"}",
                 "\"a, \\\"b\\\"\"");
    check_answer(qmp, "qom-get",
                 "{\"path\": \"/machine/peripheral/share/virtio-backend\", "
                 "\"property\": \"mount_tag\"}",
                 "\"a, b\"");
    check_answer(qmp, "qom-get", "{\"path\": \"/objects/key\", \"property\": \"data\"}",
                 "\"a, b,,c=\\\"d\\\" 'e' \\\\f \xc3\xbc\"");
    stop(&qemu, qmp);
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
        {"texts that JSON can't carry", test_texts_that_json_cannot_carry},
        {"-fsdev has no null", test_fsdev_has_no_null},
        {"the first fault stays", test_first_fault_stays},
        {"a real QEMU takes it", test_real_qemu_takes_it},
        CU_TEST_INFO_NULL,
    };

    return unit_run("objects", tests);
}
