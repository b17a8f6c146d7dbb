/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/sockets.h"
#include "core/base/text.h"
#include "tests/unit/unit.h"

/* A service manager: a socket that is bound to a name, and the environment that says so.
 */
static int
manager(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    CU_ASSERT_EQUAL_FATAL(
        bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
        0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void
hears(int fd, const char *wanted)
{
    char text[64] = "";

    CU_ASSERT_EQUAL(recv(fd, text, sizeof(text) - 1, 0), (ssize_t)strlen(wanted));
    CU_ASSERT_STRING_EQUAL(text, wanted);
    CU_ASSERT_EQUAL(recv(fd, text, sizeof(text), 0), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
}

static void
test_path(void)
{
    char folder[] = "/tmp/maqet-notify.XXXXXX";

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    _cleanup_free_ char *path = maqet_format("%s/socket", folder);
    _cleanup_close_ int fd = manager(path);
    maqet_notify("READY=1");
    hears(fd, "READY=1");
    unlink(path);
    maqet_notify("READY=1");
    rmdir(folder);
}

static void
test_abstract(void)
{
    _cleanup_free_ char *name = maqet_format("@maqet-notify-%d", (int)getpid());
    _cleanup_close_ int fd = manager(name);

    maqet_notify("READY=1");
    hears(fd, "READY=1");
}

static void
test_nobody(void)
{
    _cleanup_free_ char *longest = maqet_alloc(1000);
    const char *const names[] = {"", "/", "@", "relative", "/nowhere/at/all", longest};

    memset(longest, '/', 999);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        maqet_notify("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
    maqet_notify("READY=1");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"a socket in a folder", test_path},
        {"a socket with an abstract name", test_abstract},
        {"nobody who listens", test_nobody},
        CU_TEST_INFO_NULL,
    };

    return unit_run("notify", tests);
}
