/* SPDX-License-Identifier: MIT */
/* Objects as commands of QEMU's monitor; and that a real QEMU takes both forms of them. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/process.h"
#include "core/qemu/hotplug.h"
#include "tests/unit/unit.h"

/* ---- commands ---- */

/* Checks the commands, one a line: "NAME ARGUMENTS". */
static void
check_commands(const struct maqet_args *args, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings lines = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];
        _cleanup_json_ json_object *arguments = maqet_hotplug_arguments(props, &error);

        UNIT_NO_ERROR(&error);
        maqet_strings_addf(
            &lines, "%s %s", props->kind->add,
            json_object_to_json_string_ext(
                arguments, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    }
    _cleanup_free_ char *text = maqet_strings_join(&lines, "\n");
    UNIT_SAME(text, wanted);
}

static void
check_refused(const struct maqet_args *args, const char *wanted)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_hotplug_arguments(args->objects[0], &error));
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED, wanted);
}

static void
check_command_line(const struct maqet_args *args, bool keyval, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    if (keyval)
        maqet_args_render_keyval(args, &argv);
    else
        maqet_args_render(args, &argv);
    _cleanup_free_ char *text = maqet_strings_join(&argv, "\n");
    UNIT_SAME(text, wanted);
}

/* All kinds that a QEMU which runs takes, in the order of appending. */
static void
test_all_forms(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *props = maqet_args_object(args, "iothread", "thread");

    maqet_props_int(props, "poll-max-ns", 0);
    props = maqet_args_blockdev(args, "disk");
    maqet_props_string(props, "driver", "qcow2");
    maqet_props_string(props, "file.driver", "file");
    maqet_props_string(props, "file.filename", "/a, b");
    maqet_props_string(props, "backing", NULL);
    props = maqet_args_device(args, "virtio-blk-pci", "disk");
    maqet_props_string(props, "drive", "disk");
    maqet_props_bool(props, "share-rw", true);
    maqet_props_int(props, "bootindex", 1);
    maqet_args_chardev(args, "null", "log");
    UNIT_SAME(args->fault, NULL);
    check_command_line(
        args, false,
        "-object\n{\"qom-type\":\"iothread\",\"id\":\"thread\",\"poll-max-ns\":0}\n"
        "-blockdev\n{\"node-name\":\"disk\",\"driver\":\"qcow2\",\"file\":{\"driver\":"
        "\"file\",\"filename\":\"/a, b\"},\"backing\":null}\n"
        "-device\n{\"driver\":\"virtio-blk-pci\",\"id\":\"disk\",\"drive\":\"disk\","
        "\"share-rw\":true,\"bootindex\":1}\n"
        "-chardev\nnull,id=log");
    check_commands(
        args,
        "object-add {\"qom-type\":\"iothread\",\"id\":\"thread\",\"poll-max-ns\":0}\n"
        "blockdev-add {\"node-name\":\"disk\",\"driver\":\"qcow2\",\"file\":{\"driver\":"
        "\"file\",\"filename\":\"/a, b\"},\"backing\":null}\n"
        "device_add {\"driver\":\"virtio-blk-pci\",\"id\":\"disk\",\"drive\":\"disk\","
        "\"share-rw\":true,\"bootindex\":1}\n"
        "chardev-add {\"id\":\"log\",\"backend\":{\"type\":\"null\",\"data\":{}}}");
}

static void
test_own_options(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *props = maqet_args_settings(args, "-sandbox", "on");

    maqet_props_string(props, "spawn", "deny");
    maqet_props_string(maqet_args_settings(args, "-machine", NULL), "type", "a,b");
    maqet_args_option(args, "-m", "64M,slots=2");
    maqet_args_option(args, "-S", NULL);
    props = maqet_args_append(args, &maqet_kind_device, "virtserialport", NULL);
    maqet_props_string(props, "chardev", "agent");
    props = maqet_args_object(args, "memory-backend-memfd", "memory");
    maqet_props_bool(props, "share", true);
    UNIT_SAME(args->fault, NULL);
    check_command_line(args, true,
                       "-sandbox\non,spawn=deny\n-machine\ntype=a,,b\n-m\n64M,slots=2\n"
                       "-S\n-device\nvirtserialport,chardev=agent\n"
                       "-object\nmemory-backend-memfd,id=memory,share=on");
}

static void
test_no_form(void)
{
    _cleanup_args_ struct maqet_args *share = maqet_args_new();
    _cleanup_args_ struct maqet_args *scratch = maqet_args_new();
    _cleanup_args_ struct maqet_args *option = maqet_args_new();
    _cleanup_strings_ struct maqet_strings image = MAQET_STRINGS_INIT;

    maqet_args_fsdev(share, "local", "share");
    check_refused(share, "a -fsdev cannot be added to a QEMU that runs");
    maqet_strings_add(&image, "json:{\"driver\":\"null-co\"}");
    maqet_args_scratch(scratch, "disk", &image);
    check_refused(scratch, "a -drive cannot be added to a QEMU that runs");
    maqet_args_option(option, "-m", "64M");
    check_refused(option, "a -m cannot be added to a QEMU that runs");
}

/* ---- character devices ---- */

/* The data of a character device with these properties, "key=value key=value". */
static void
check_chardev(const char *backend, const char *properties, const char *data)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *props = maqet_args_chardev(args, backend, "dev");
    _cleanup_free_ char *copy = maqet_strdup(properties);
    _cleanup_free_ char *wanted =
        maqet_format("chardev-add {\"id\":\"dev\",\"backend\":{\"type\":\"%s\","
                     "\"data\":%s}}",
                     backend, data);
    char *rest = copy;

    for (char *key; *rest && (key = strsep(&rest, " "));) {
        char *value = strchr(key, '=');

        *value++ = '\0';
        maqet_props_string(props, key, value);
        if (!rest)
            break;
    }
    if (data[0] == '{')
        check_commands(args, wanted);
    else
        check_refused(args, data);
}

static void
test_chardevs(void)
{
    check_chardev("socket", "path=/run/a",
                  "{\"server\":false,\"addr\":{\"type\":\"unix\",\"data\":{\"path\":"
                  "\"/run/a\"}}}");
    check_chardev("socket", "server=on fd=7 wait=off",
                  "{\"server\":true,\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"7\"}},"
                  "\"wait\":false}");
    check_chardev(
        "socket", "host=::1 port=5900 reconnect=3",
        "{\"server\":false,\"addr\":{\"type\":\"inet\",\"data\":{\"host\":\"::1\","
        "\"port\":\"5900\"}},\"reconnect\":3}");
    check_chardev("file", "path=/tmp/out append=on",
                  "{\"out\":\"/tmp/out\",\"append\":true}");
    check_chardev("pipe", "path=/run/pipe", "{\"device\":\"/run/pipe\"}");
    check_chardev("pty", "", "{}");
}

static void
test_chardevs_without_form(void)
{
    check_chardev("spicevmc", "name=vdagent",
                  "-chardev 'dev': a 'spicevmc' cannot be added to a QEMU that runs");
    check_chardev("socket", "path=/run/a telnet=on",
                  "-chardev 'dev': QEMU's monitor does not take its 'telnet'");
    check_chardev("socket", "path=/run/a host=::1",
                  "-chardev 'dev': QEMU's monitor does not take its 'host'");
    check_chardev("socket", "path=/run/a server=perhaps",
                  "-chardev 'dev': QEMU's monitor does not take its 'server'");
    check_chardev("socket", "path=/run/a reconnect=soon",
                  "-chardev 'dev': QEMU's monitor does not take its 'reconnect'");
    check_chardev("null", "path=/run/a",
                  "-chardev 'dev': QEMU's monitor does not take its 'path'");
    check_chardev("file", "path=/\xff",
                  "-chardev 'dev': QEMU's monitor does not take its 'path'");
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
start(struct qemu *qemu, const char *type, const struct maqet_args *args,
      struct maqet_error **err)
{
    static const char own[] = "qemu-system-x86_64 -S -accel tcg -m 64 -display none "
                              "-nodefaults -mon chardev=mon,mode=control -chardev "
                              "socket,id=mon,server=on,wait=off,fd=";
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    int listener = make_socket(qemu->folder);
    _cleanup_free_ char *words = maqet_format("%s%d -M %s", own, listener, type);
    char *word, *rest = words;

    while ((word = strsep(&rest, " ")))
        maqet_strings_add(&argv, word);
    if (args)
        maqet_args_render(args, &argv);
    fflush(stdout);
    qemu->pid = fork();
    if (qemu->pid == 0) {
        execvp(argv.items[0], argv.items);
        _exit(127);
    }
    close(listener);
    return maqet_qmp_open(qemu->dir_fd, "qmp", NULL, PATIENCE, -1, err);
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
}

/* What can't be added to a QEMU that runs. */
static void
append_share(struct maqet_args *args, const char *folder)
{
    _cleanup_free_ char *share = maqet_format("%s/" ODD_NAME, folder);
    struct maqet_props *props;

    props = maqet_args_fsdev(args, "local", "share");
    maqet_props_string(props, "path", share);
    maqet_props_string(props, "security_model", "mapped-xattr");
    maqet_props_bool(props, "readonly", true);
    props = maqet_args_device(args, "virtio-9p-pci", "share");
    maqet_props_string(props, "fsdev", "share");
    maqet_props_string(props, "mount_tag", "a, b");
}

/* Whether QEMU has all that append_all() appends. */
static void
check_all(struct maqet_qmp *qmp)
{
    check_answer(qmp, "query-named-block-nodes", NULL,
                 "/a, b,,c=\\\"d\\\" 'e' \\\\f \xc3\xbc/image\"");
    check_answer(qmp, "query-named-block-nodes", NULL, "\"drv\":\"quorum\"");
    check_answer(qmp, "qom-get",
                 "{\"path\": \"/machine/peripheral/disk\", \"property\": \"serial\"}",
                 "\"a, \\\"b\\\"\"");
    check_answer(qmp, "qom-get", "{\"path\": \"/objects/key\", \"property\": \"data\"}",
                 "\"a, b,,c=\\\"d\\\" 'e' \\\\f \xc3\xbc\"");
}

/* A QEMU of that machine type in a folder with the files; false: there is no program. */
static bool
scene_new(struct qemu *qemu)
{
    _cleanup_free_ char *program = maqet_process_find("qemu-system-x86_64");

    if (!program) {
        printf("skipped: there is no qemu-system-x86_64 here\n");
        return false;
    }
    qemu->folder = unit_folder();
    qemu->dir_fd = open(qemu->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_files(qemu->dir_fd);
    return true;
}

static void
scene_clear(struct qemu *qemu)
{
    close(qemu->dir_fd);
    unit_remove_folder(&qemu->folder);
}

static void
test_command_line_of_qemu(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_error *error = NULL;
    struct qemu qemu;

    if (!scene_new(&qemu))
        return;
    append_all(args, qemu.folder);
    append_share(args, qemu.folder);
    UNIT_SAME(args->fault, NULL);
    struct maqet_qmp *qmp = start(&qemu, "q35", args, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    check_all(qmp);
    check_answer(qmp, "qom-get",
                 "{\"path\": \"/machine/peripheral/share/virtio-backend\", "
                 "\"property\": \"mount_tag\"}",
                 "\"a, b\"");
    stop(&qemu, qmp);
    maqet_qmp_cleanup(&qmp);
    scene_clear(&qemu);
}

/* The same objects, added to a QEMU that was started without any; and again when they have
 * been removed. */
static void
test_commands_of_qemu(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_error *error = NULL;
    struct qemu qemu;

    if (!scene_new(&qemu))
        return;
    append_all(args, qemu.folder);
    struct maqet_qmp *qmp = start(&qemu, "pc", NULL, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    struct maqet_hotplug hotplug = {
        .qmp = qmp, .args = args, .timeout = PATIENCE, .resets = true};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(maqet_hotplug_add(&hotplug, &error), 0);
        UNIT_NO_ERROR(&error);
        check_all(qmp);
        CU_ASSERT_EQUAL(maqet_hotplug_remove(&hotplug, &error), 0);
        UNIT_NO_ERROR(&error);
        check_answer(qmp, "query-named-block-nodes", NULL, "[]");
        check_answer(
            qmp, "qom-list", "{\"path\": \"/objects\"}",
            "[{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"pc.ram\",\"type\":"
            "\"child<memory-backend-ram>\"}]");
    }
    hotplug.skipped = 1; /* the secret */
    CU_ASSERT_EQUAL(maqet_hotplug_add(&hotplug, &error), 0);
    UNIT_NO_ERROR(&error);
    check_answer(qmp, "query-named-block-nodes", NULL, "\"drv\":\"quorum\"");
    check_answer(qmp, "qom-list", "{\"path\": \"/objects\"}",
                 "[{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"pc.ram\",\"type\":"
                 "\"child<memory-backend-ram>\"}]");
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&hotplug, &error), 0);
    UNIT_NO_ERROR(&error);
    check_answer(qmp, "query-named-block-nodes", NULL, "[]");
    stop(&qemu, qmp);
    maqet_qmp_cleanup(&qmp);
    scene_clear(&qemu);
}

/* What comes after an object that QEMU refuses is not added, and what came before goes. */
static void
test_all_or_none(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_error *error = NULL;
    struct maqet_props *props;
    struct qemu qemu;

    if (!scene_new(&qemu))
        return;
    append_all(args, qemu.folder);
    props = maqet_args_device(args, "virtio-blk-pci", "second");
    maqet_props_string(props, "drive", "no-such-node");
    maqet_args_object(args, "iothread", "never");
    struct maqet_qmp *qmp = start(&qemu, "pc", NULL, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    const struct maqet_hotplug hotplug = {
        .qmp = qmp, .args = args, .timeout = PATIENCE, .resets = true};
    CU_ASSERT_EQUAL(maqet_hotplug_add(&hotplug, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NULL(error->remark);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(error->message, "The -device 'second' cannot be added: "));
    maqet_error_free(TAKE_PTR(error));
    check_answer(qmp, "query-named-block-nodes", NULL, "[]");
    check_answer(qmp, "qom-list", "{\"path\": \"/objects\"}",
                 "[{\"name\":\"type\",\"type\":\"string\"},{\"name\":\"pc.ram\",\"type\":"
                 "\"child<memory-backend-ram>\"}]");
    stop(&qemu, qmp);
    maqet_qmp_cleanup(&qmp);
    scene_clear(&qemu);
}

/* Nobody lets go of a device where no guest runs, and QEMU is not to be reset. */
static void
test_device_stays(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_error *error = NULL;
    struct qemu qemu;

    if (!scene_new(&qemu))
        return;
    append_all(args, qemu.folder);
    struct maqet_qmp *qmp = start(&qemu, "pc", NULL, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    struct maqet_hotplug hotplug = {.qmp = qmp, .args = args, .timeout = PATIENCE};
    CU_ASSERT_EQUAL(maqet_hotplug_add(&hotplug, &error), 0);
    UNIT_NO_ERROR(&error);
    hotplug.timeout = 1000;
    CU_ASSERT_EQUAL(maqet_hotplug_remove(&hotplug, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT,
               "The -device 'disk' cannot be removed: the guest did not release it "
               "within 1 s");
    check_all(qmp);
    stop(&qemu, qmp);
    maqet_qmp_cleanup(&qmp);
    scene_clear(&qemu);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"all kinds in both forms", test_all_forms},
        {"maqet's own options", test_own_options},
        {"what has no form in the monitor", test_no_form},
        {"character devices", test_chardevs},
        {"character devices without a form", test_chardevs_without_form},
        {"a real QEMU takes the command line", test_command_line_of_qemu},
        {"a real QEMU takes the commands", test_commands_of_qemu},
        {"all is added, or nothing", test_all_or_none},
        {"a device that stays", test_device_stays},
        CU_TEST_INFO_NULL,
    };

    return unit_run("render", tests);
}
