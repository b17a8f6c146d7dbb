/* SPDX-License-Identifier: MIT */
/* What is used between two samples. */
#include "core/machine/usage.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_rates(void)
{
    const struct maqet_usage_counters before = {.has_cpu = true,
                                                .has_disk = true,
                                                .has_network = true,
                                                .cpu_at = 1000,
                                                .disk_at = 1010,
                                                .network_at = 1000,
                                                .cpu = 5000000000,
                                                .read = 100,
                                                .written = 1000,
                                                .received = 7,
                                                .sent = 9};
    struct maqet_usage_counters after = before;

    after.cpu_at = 1200;
    after.disk_at = 1510;
    after.network_at = 1100;
    after.cpu += 300000000; /* 300 ms in 200 ms: two threads */
    after.read += 5000;
    after.written += 1;
    after.sent += 10;
    struct maqet_usage usage = maqet_usage_between(&before, &after);
    CU_ASSERT_TRUE(usage.has_cpu && usage.has_disk && usage.has_network);
    CU_ASSERT_DOUBLE_EQUAL(usage.cpu, 150, 0.001);
    CU_ASSERT_EQUAL(usage.read, 10000);
    CU_ASSERT_EQUAL(usage.written, 2);
    CU_ASSERT_EQUAL(usage.received, 0);
    CU_ASSERT_EQUAL(usage.sent, 100);
}

static void
test_what_is_not_known(void)
{
    const struct maqet_usage_counters none = {0};
    struct maqet_usage_counters some = {.has_cpu = true,
                                        .has_disk = true,
                                        .cpu_at = 10,
                                        .disk_at = 10,
                                        .cpu = 10,
                                        .read = 10};
    struct maqet_usage_counters less = some;

    CU_ASSERT_FALSE(maqet_usage_between(&none, &some).has_cpu);
    CU_ASSERT_FALSE(maqet_usage_between(&some, &none).has_disk);
    /* No time has passed. */
    CU_ASSERT_FALSE(maqet_usage_between(&some, &some).has_cpu);
    CU_ASSERT_FALSE(maqet_usage_between(&some, &some).has_disk);
    /* A drive has gone, with its counters. */
    less.disk_at = less.cpu_at = 20;
    less.read = 9;
    CU_ASSERT_FALSE(maqet_usage_between(&some, &less).has_disk);
    CU_ASSERT_TRUE(maqet_usage_between(&some, &less).has_cpu);
}

/* The counters of this process, whose time certainly goes on. */
static void
test_of_a_process(void)
{
    uint64_t before = 0, after = 0;

    CU_ASSERT_TRUE(maqet_procfs_cpu_time(getpid(), &before));
    do {
        CU_ASSERT_TRUE(maqet_procfs_cpu_time(getpid(), &after));
    } while (after == before);
    CU_ASSERT_TRUE(after > before);

    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    CU_ASSERT_FALSE(maqet_procfs_cpu_time(child, &after));

    _cleanup_strings_ struct maqet_strings taps = MAQET_STRINGS_INIT;
    maqet_procfs_taps(getpid(), &taps);
    CU_ASSERT_EQUAL(taps.count, 0);
}

/* A TAP device that is up; -1: we may not have one. */
static int
open_tap(struct ifreq *interface)
{
    int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *interface = (struct ifreq){.ifr_flags = IFF_TAP | IFF_NO_PI};
    strcpy(interface->ifr_name, "maqettest%d");
    bool made = tap >= 0 && ioctl(tap, TUNSETIFF, interface) == 0;
    interface->ifr_flags = IFF_UP;
    if (made && ioctl(any, SIOCSIFFLAGS, interface) == 0) {
        close(any);
        return tap;
    }
    close(any);
    if (tap >= 0)
        close(tap);
    return -1;
}

/* Has the host send a frame through a network interface. */
static void
send_frame(const char *interface, const char *frame, size_t size)
{
    _cleanup_close_ int packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_ifindex = (int)if_nametoindex(interface),
                                  .sll_halen = 6};

    CU_ASSERT_EQUAL(
        sendto(packets, frame, size, 0, (struct sockaddr *)&address, sizeof(address)),
        (ssize_t)size);
}

/* What a process writes to its TAP device, its guest has sent. */
static void
test_tap(void)
{
    struct maqet_state_row row = {.name = "vm", .state.pid = getpid()};
    struct maqet_usage_counters before, after;
    _cleanup_strings_ struct maqet_strings taps = MAQET_STRINGS_INIT;
    struct ifreq interface;
    char frame[100] = {0x33, 0x33, [12] = 0x08};
    _cleanup_close_ int tap = open_tap(&interface);

    if (tap < 0)
        return;
    maqet_procfs_taps(getpid(), &taps);
    CU_ASSERT_TRUE(maqet_strings_has(&taps, interface.ifr_name));
    maqet_usage_sample(&row, 1, &before);
    CU_ASSERT_TRUE(before.has_network);
    CU_ASSERT_EQUAL(write(tap, frame, sizeof(frame)), sizeof(frame));
    maqet_usage_sample(&row, 1, &after);
    CU_ASSERT_EQUAL(after.sent - before.sent, sizeof(frame));
    /* And what it reads, the guest has received. */
    send_frame(interface.ifr_name, frame, sizeof(frame));
    UNIT_EVENTUALLY(read(tap, frame, sizeof(frame)) > 0);
    maqet_usage_sample(&row, 1, &after);
    CU_ASSERT_TRUE(after.received > before.received);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"rates", test_rates},
        {"what is not known", test_what_is_not_known},
        {"of a process", test_of_a_process},
        {"a TAP device", test_tap},
        CU_TEST_INFO_NULL,
    };

    return unit_run("usage", tests);
}
