/* SPDX-License-Identifier: MIT */
#include "core/machine/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/machine/devices.h"

static const char DEVICE[] = "/dev/net/tun";

/* ms that the helper program has. */
enum { HELPER_TIMEOUT = 10000 };

static struct maqet_place
place_of(const struct maqet_vm *vm)
{
    return maqet_tree_place_of_value(vm->definition->tree, "network");
}

/* ---- whether it is there ---- */

/* The name is from the VM's file, which somebody else may have written; the command is for
 * root. */
static void
hint_tap(const char *name, struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT;

    maqet_shell_append(&word, name);
    maqet_error_hint(err, "Create it for you: sudo ip tuntap add %s mode tap user $USER",
                     word.data);
}

static void
hint_bridge(const char *name, struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT;

    maqet_shell_append(&word, name);
    maqet_error_hint(err, "Create it: sudo ip link add %s type bridge", word.data);
}

static void
hint_allow(const char *bridge, struct maqet_error **err)
{
    _cleanup_free_ char *line = maqet_format("allow %s", bridge);
    _cleanup_free_ char *word = maqet_shell_quoted(line);

    maqet_error_hint(err, "As root, allow the bridge: echo %s >>/etc/qemu/bridge.conf",
                     word);
}

static int
check_there(const struct maqet_vm *vm, const struct maqet_network *network,
            struct maqet_error **err)
{
    bool bridge = network->type == MAQET_NETWORK_BRIDGE;
    const char *name = bridge ? network->bridge : network->interface;

    if (if_nametoindex(name) > 0)
        return 0;
    maqet_place_error(place_of(vm), err, MAQET_ERROR_MISSING,
                      "VM '%s': this host has no %s '%s' for its network",
                      vm->definition->name, bridge ? "bridge" : "interface", name);
    if (bridge)
        hint_bridge(name, err);
    else
        hint_tap(name, err);
    return -1;
}

int
maqet_tap_check(const struct maqet_vm *vm, struct maqet_error **err)
{
    _cleanup_network_ struct maqet_network network = {0};

    if (!maqet_devices_have_network(vm, &network) || network.type == MAQET_NETWORK_USER)
        return 0;
    return check_there(vm, &network, err);
}

/* ---- one that exists ---- */

static int
open_tap(const struct maqet_vm *vm, const struct maqet_network *network,
         struct maqet_error **err)
{
    const char *name = network->interface;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    _cleanup_close_ int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return maqet_error_errno(err, errno, "VM '%s': cannot open %s for its network",
                                 vm->definition->name, DEVICE);
    memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
    if (ioctl(fd, TUNSETIFF, &request) == 0)
        return TAKE_FD(fd);
    if (errno == EBUSY)
        return maqet_place_error(place_of(vm), err, MAQET_ERROR_BUSY,
                                 "VM '%s': the interface '%s' is in use by another "
                                 "program",
                                 vm->definition->name, name);
    /* EPERM: of another user. EINVAL: it is no tap interface. */
    maqet_place_error(place_of(vm), err, MAQET_ERROR_PERMISSION,
                      "VM '%s': the interface '%s' cannot be used: %s",
                      vm->definition->name, name,
                      errno == EINVAL ? "it is not a tap interface" : strerror(errno));
    hint_tap(name, err);
    return -1;
}

/* ---- a new one on a bridge ---- */

/* The helper program (QEMU: qemu-bridge-helper.c). */
struct helper {
    const char *path;
    const char *bridge;
    int complaint; /* gets its standard error */
};

/* In the child. The helper sends the descriptor to its standard input, a socket. */
static int
run_helper(void *data, int fd)
{
    const struct helper *helper = data;
    _cleanup_free_ char *bridge = maqet_format("--br=%s", helper->bridge);
    const char *const argv[] = {helper->path, "--use-vnet", "--fd=0", bridge, NULL};

    maqet_child_reset_signals();
    if (dup2(fd, 0) < 0 || dup2(helper->complaint, 1) < 0 ||
        dup2(helper->complaint, 2) < 0)
        return 1;
    maqet_child_close(3, ~0U);
    execv(helper->path, (char *const *)argv);
    dprintf(2, "%s", strerror(errno));
    return 1;
}

/* Receives a descriptor (unix(7), SCM_RIGHTS), or -1. */
static int
receive_descriptor(int socket)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct pollfd ready = {.fd = socket, .events = POLLIN};
    int fd = -1;

    if (poll(&ready, 1, HELPER_TIMEOUT) <= 0 ||
        recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) <= 0)
        return -1;
    const struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    if (part && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(part), sizeof(fd));
    return fd;
}

/* Whether the other end of a socket is closed. */
static bool
has_ended(int socket)
{
    char byte;

    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static const char *
find_helper(void)
{
    static const char *const places[] = {"/usr/lib/qemu/qemu-bridge-helper",
                                         "/usr/libexec/qemu-bridge-helper",
                                         "/usr/local/libexec/qemu-bridge-helper"};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static int
error_helper(const struct maqet_vm *vm, const struct helper *helper,
             struct maqet_error **err)
{
    enum { LIMIT = 4096 };
    _cleanup_free_ char *words = maqet_alloc(LIMIT + 1);
    ssize_t length = pread(helper->complaint, words, LIMIT, 0);

    while (length > 0 && words[length - 1] == '\n')
        words[--length] = '\0';
    maqet_place_error(place_of(vm), err, MAQET_ERROR_PERMISSION,
                      "VM '%s': %s got no interface on the bridge '%s': %s",
                      vm->definition->name, helper->path, helper->bridge,
                      length > 0 ? words : "it said nothing");
    if (length > 0 && strstr(words, "acl file"))
        hint_allow(helper->bridge, err);
    else if (geteuid() != 0)
        maqet_error_hint(err, "As root, let all users run it: chmod u+s %s",
                         helper->path);
    return -1;
}

static int
open_on_bridge(const struct maqet_vm *vm, const struct maqet_network *network,
               struct maqet_error **err)
{
    _cleanup_close_ int complaint = memfd_create("complaint", MFD_CLOEXEC);
    struct helper helper = {find_helper(), network->bridge, complaint};
    struct maqet_child child = MAQET_CHILD_INIT;

    if (!helper.path) {
        maqet_place_error(place_of(vm), err, MAQET_ERROR_MISSING,
                          "VM '%s': its network needs the program qemu-bridge-helper, "
                          "which was not found",
                          vm->definition->name);
        maqet_error_hint(err, "Install it (Debian: apt install qemu-system-common)");
        return -1;
    }
    if (complaint < 0 || maqet_child_start(&child, SIGKILL, run_helper, &helper) < 0)
        return maqet_error_errno(err, errno, "Cannot run %s", helper.path);
    int fd = receive_descriptor(child.fd);
    if (fd < 0 && !has_ended(child.fd))
        kill(child.pid, SIGKILL); /* it hangs */
    maqet_child_reap(&child);
    return fd < 0 ? error_helper(vm, &helper, err) : fd;
}

int
maqet_tap_open(const struct maqet_vm *vm, const struct maqet_network *network,
               struct maqet_error **err)
{
    if (check_there(vm, network, err) < 0)
        return -1;
    return network->type == MAQET_NETWORK_TAP ? open_tap(vm, network, err)
                                              : open_on_bridge(vm, network, err);
}
