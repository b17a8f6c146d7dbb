/* SPDX-License-Identifier: MIT */
/* What a command line allows QEMU to open. The rules are only written down here; that the
 * kernel keeps them, tests/functional/confined.sh shows. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/qemu/confinement_arguments.h"
#include "core/base/removal.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/maqet-confinement.XXXXXX";

static char *
path_of(const char *name)
{
    return maqet_format("%s/%s", folder, name);
}

static bool
make(const char *name)
{
    _cleanup_free_ char *path = path_of(name);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0;
}

/* The rules for one option, with the folder as "." in them. */
static void
check(const char *option, const char *value, const char *wanted)
{
    const char *const argv[] = {"qemu", option, value, NULL};
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_confinement_begin(&confinement, 0, &error), 0);
    CU_ASSERT_EQUAL(maqet_confinement_allow_arguments(&confinement, argv, folder, &error),
                    0);
    UNIT_NO_ERROR(&error);
    for (const char *at = confinement.rules.data ? confinement.rules.data : ""; *at;) {
        if (maqet_text_starts(at, folder)) {
            maqet_text_append(&text, ".");
            at += strlen(folder);
        } else {
            maqet_text_append_bytes(&text, at++, 1);
        }
    }
    UNIT_SAME(text.data ? text.data : "", wanted);
    maqet_confinement_undo(&confinement);
}

static void
test_images(void)
{
    check("-drive", "file=a.img,if=virtio", "read,write ./a.img\n");
    check("-drive", "file=a.img,readonly=on", "read ./a.img\n");
    check("-drive", "media=cdrom,file=a.img", "read ./a.img\n");
    check("-drive", "file=b,,c,format=raw", "read,write ./b,c\n");
    check("-hda", "b,c", "read,write ./b,c\n");
    check("-cdrom", "a.img", "read ./a.img\n");
    check("-drive", "file=fat:rw:sub", "read,write,change ./sub\n");
    check("-drive", "file=fat:sub,readonly=on", "read ./sub\n");
    check("-blockdev",
          "{\"driver\":\"qcow2\",\"read-only\":true,\"file\":{\"driver\":\"file\","
          "\"filename\":\"a.img\"}}",
          "read ./a.img\n");
    check("-blockdev",
          "{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"a.img\"},"
          "\"backing\":{\"read-only\":true,\"driver\":\"file\",\"filename\":\"b,c\"}}",
          "read,write ./a.img\nread ./b,c\n");
    check("-blockdev",
          "driver=qcow2,file.driver=file,file.filename=a.img,backing.driver=raw,"
          "backing.read-only=on,backing.file.driver=file,backing.file.filename=b,,c",
          "read,write ./a.img\nread ./b,c\n");
    check("-drive", "file=json:{\"driver\":\"file\",,\"filename\":\"a.img\"}",
          "read,write ./a.img\n");
    check("-blockdev", "driver=file,node-name=n,filename=a.img", "read,write ./a.img\n");
    /* Elsewhere, or nothing. */
    check("-drive", "file=nbd://host/a.img", "");
    check("-drive", "if=none,id=a.img", "");
    check("-drive", "file=missing", "");
}

static void
test_files(void)
{
    check("-kernel", "a.img", "read ./a.img\n");
    check("-L", "sub", "read ./sub\n");
    check("-append", "root=/dev/null", "");
    check("-device", "loader,file=a.img", "read ./a.img\n");
    check("-device",
          "{\"driver\":\"nic\",\"romfile\":\"a.img\",\"serial\":\"/dev/null\"}",
          "read ./a.img\n");
    check("-object", "secret,id=s,file=a.img", "read ./a.img\n");
    check("-object", "{\"qom-type\":\"secret\",\"id\":\"s\",\"file\":\"a.img\"}",
          "read ./a.img\n");
    check("-object", "memory-backend-file,id=m,size=1M,mem-path=sub",
          "read,write,change ./sub\n");
    check("-machine", "q35,firmware=a.img", "read ./a.img\n");
    check("-smbios", "type=1,serial=/dev/null", "");
    check("-fsdev", "local,id=f,path=sub,security_model=none",
          "read,write,change ./sub\n");
    check("-fsdev", "local,id=f,path=sub,security_model=none,readonly=on",
          "read ./sub\n");
    /* An option that has no value has none of the next one. */
    check("-nodefaults", "-kernel", "");
}

/* What QEMU would create, and what it listens on. */
static void
test_made(void)
{
    struct stat status;
    _cleanup_free_ char *log = path_of("new.log"), *socket_path = path_of("stale.sock");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check("-chardev", "file,id=c,path=new.log", "read,write ./new.log\n");
    check("-chardev", "null,id=c,logfile=new.log", "read,write ./new.log\n");
    check("-serial", "file:new.log", "read,write ./new.log\n");
    check("-D", "new.log", "read,write ./new.log\n");
    check("-object", "filter-dump,id=d,netdev=n,file=new.log", "read,write ./new.log\n");
    check("-serial", "file:nowhere/new.log", "");
    check("-drive", "file=new.img", "");
    CU_ASSERT_NOT_EQUAL(stat(log, &status), 0); /* undone */

    strcpy(address.sun_path, socket_path);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    check("-chardev", "socket,id=c,path=stale.sock", "read,write ./stale.sock\n");
    check("-chardev", "socket,id=c,path=stale.sock,server=on,wait=off", "listen .\n");
    CU_ASSERT_NOT_EQUAL(stat(socket_path, &status), 0);
    check("-serial", "unix:x.sock,server", "listen .\n");
    check("-netdev",
          "{\"type\":\"stream\",\"id\":\"n\",\"server\":true,\"addr\":"
          "{\"type\":\"unix\",\"path\":\"x.sock\"}}",
          "listen .\n");
    check("-vnc", "unix:x.sock", "listen .\n");
    check("-vnc", ":1,password=on", "");
    check("-serial", "unix:x.sock", "");
    check("-chardev", "pipe,id=p,path=pipe",
          "read,write ./pipe.in\nread,write ./pipe.out\n");
}

static void
test_devices(void)
{
    check("-chardev", "pty,id=p", "read,write /dev/ptmx\nread,write /dev/pts\n");
    check("-serial", "/dev/null", "read,write /dev/null\n");
    check("-accel", "tcg", "");
}

/* Files that a file of QEMU's configuration names. */
static void
test_configuration(void)
{
    _cleanup_free_ char *path = path_of("vm.cfg");
    _cleanup_file_ FILE *file = fopen(path, "we");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs("# drive\n[drive \"d\"]\n  file = \"a.img\"\n  if = \"none\"\n"
          "[object \"s\"]\n  qom-type = \"secret\"\n  file = \"b,c\"\n",
          file);
    fflush(file);
    check("-readconfig", "vm.cfg",
          "read ./vm.cfg\nread,write ./a.img\nread,write ./b,c\n");
}

/* A file that was looked at, and replaced before the rule was made. */
static void
test_replaced(void)
{
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_free_ char *path = path_of("a.img"), *other = path_of("other.img");
    struct maqet_error *error = NULL;
    struct maqet_file_id id;

    CU_ASSERT_EQUAL_FATAL(maqet_confinement_begin(&confinement, 0, &error), 0);
    CU_ASSERT_TRUE_FATAL(maqet_file_id_of_path(path, &id));
    maqet_confinement_know(&confinement, path, &id);
    CU_ASSERT_EQUAL(
        maqet_confinement_allow(&confinement, path, MAQET_ACCESS_READ, &error), 0);
    CU_ASSERT_TRUE(make("other.img"));
    CU_ASSERT_EQUAL(rename(other, path), 0);
    CU_ASSERT_EQUAL(
        maqet_confinement_allow(&confinement, path, MAQET_ACCESS_READ, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_STATE);
    maqet_error_free(error);
}

static void
test_versions(void)
{
    int version = maqet_landlock_version();

    CU_ASSERT_TRUE(version >= 0);
    for (int i = 1; i <= version; i++) {
        struct maqet_error *error = NULL;
        _cleanup_close_ int ruleset = maqet_landlock_new(i, &error);
        _cleanup_close_ int fd = open(folder, O_PATH | O_CLOEXEC);

        UNIT_NO_ERROR(&error);
        CU_ASSERT_TRUE(ruleset >= 0);
        CU_ASSERT_EQUAL(maqet_landlock_allow(ruleset, i, fd,
                                             MAQET_ACCESS_READ | MAQET_ACCESS_WRITE |
                                                 MAQET_ACCESS_CHANGE,
                                             folder, &error),
                        0);
        UNIT_NO_ERROR(&error);
    }
}

int
main(void)
{
    struct maqet_error *error = NULL;

    if (!mkdtemp(folder))
        return 1;
    _cleanup_free_ char *sub = path_of("sub");
    if (!make("a.img") || !make("b,c") || !make("pipe.in") || !make("pipe.out") ||
        mkdir(sub, 0700) < 0)
        return 1;
    CU_TestInfo tests[] = {
        {"images", test_images},
        {"files", test_files},
        {"made", test_made},
        {"devices", test_devices},
        {"configuration", test_configuration},
        {"replaced", test_replaced},
        {"versions", test_versions},
        CU_TEST_INFO_NULL,
    };
    int result = unit_run("confinement", tests);
    maqet_dir_remove(folder, &error);
    maqet_error_free(error);
    return result;
}
