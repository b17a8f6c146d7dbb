/* SPDX-License-Identifier: MIT */
/* What is used between two samples. */
#include "core/machine/usage.h"
#include "tests/unit/unit.h"

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

int
main(void)
{
    CU_TestInfo tests[] = {
        {"rates", test_rates},
        {"what is not known", test_what_is_not_known},
        {"of a process", test_of_a_process},
        CU_TEST_INFO_NULL,
    };

    return unit_run("usage", tests);
}
