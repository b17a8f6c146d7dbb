/* SPDX-License-Identifier: MIT */
#include "core/machine/usage.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/machine/run.h"
#include "core/qemu/survey.h"

/* ms for all QEMUs to answer, and bytes of a file with one number. */
enum { ANSWER_TIMEOUT = 1000, NUMBER_LIMIT = 64 };

/* ---- one sample ---- */

/* A counter of a network interface of this host. */
static bool
read_counter(const char *interface, const char *counter, uint64_t *sum)
{
    _cleanup_free_ char *path =
        maqet_format("/sys/class/net/%s/statistics/%s", interface, counter);
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(path, NUMBER_LIMIT, &text, NULL, NULL) < 0)
        return false;
    *sum += strtoull(text, NULL, 10);
    return true;
}

/* What the host receives from a TAP device, the guest has sent. */
static void
sample_network(int pid, struct maqet_usage_counters *counters)
{
    _cleanup_strings_ struct maqet_strings taps = MAQET_STRINGS_INIT;

    maqet_procfs_taps(pid, &taps);
    counters->has_network = taps.count > 0;
    for (size_t i = 0; i < taps.count; i++)
        counters->has_network =
            read_counter(taps.items[i], "tx_bytes", &counters->received) &&
            read_counter(taps.items[i], "rx_bytes", &counters->sent) &&
            counters->has_network;
    counters->network_at = maqet_now_exact();
}

static uint64_t
number_of(json_object *statistics, const char *key)
{
    return json_object_get_uint64(json_object_object_get(statistics, key));
}

/* The answer to query-blockstats (QEMU: qapi/block-core.json). */
static void
sum_drives(json_object *answer, struct maqet_usage_counters *counters)
{
    for (size_t i = 0; i < json_object_array_length(answer); i++) {
        json_object *of_drive = json_object_array_get_idx(answer, i);
        json_object *statistics = json_object_object_get(of_drive, "stats");

        counters->read += number_of(statistics, "rd_bytes");
        counters->written += number_of(statistics, "wr_bytes");
    }
}

static void
sample_disks(const struct maqet_state_row *rows, size_t count,
             struct maqet_usage_counters *counters)
{
    _cleanup_free_ struct maqet_survey *surveys =
        maqet_alloc((count + 1) * sizeof(*surveys));

    for (size_t i = 0; i < count; i++) {
        const struct maqet_state *state = &rows[i].state;

        surveys[i] = MAQET_SURVEY_INIT;
        surveys[i].skipped = rows[i].error || state->pid <= 0 || !state->folder ||
                             state->response != MAQET_RESPONSE_GIVEN;
        surveys[i].folder = maqet_strdup(surveys[i].skipped ? NULL : state->folder);
    }
    maqet_survey_run(surveys, count, MAQET_RUN_MONITOR, MAQET_RUN_MONITOR_LOCK,
                     "query-blockstats", ANSWER_TIMEOUT);
    for (size_t i = 0; i < count; i++) {
        if (!surveys[i].skipped &&
            json_object_is_type(surveys[i].answer, json_type_array)) {
            counters[i].has_disk = true;
            counters[i].disk_at = surveys[i].answered;
            sum_drives(surveys[i].answer, &counters[i]);
        }
        maqet_survey_clear(&surveys[i]);
    }
}

void
maqet_usage_sample(const struct maqet_state_row *rows, size_t count,
                   struct maqet_usage_counters *counters)
{
    for (size_t i = 0; i < count; i++) {
        struct maqet_usage_counters *each = &counters[i];
        int pid = rows[i].error ? 0 : rows[i].state.pid;

        *each = (struct maqet_usage_counters){0};
        if (pid <= 0)
            continue;
        each->has_cpu = maqet_procfs_cpu_time(pid, &each->cpu);
        each->cpu_at = maqet_now_exact();
        sample_network(pid, each);
    }
    sample_disks(rows, count, counters);
}

/* ---- two of them ---- */

/* False: the counter was set back, or no time has passed. */
static bool
per_second(uint64_t before, uint64_t after, double ms, uint64_t *rate)
{
    if (after < before || ms <= 0)
        return false;
    *rate = (uint64_t)((double)(after - before) * 1000 / ms);
    return true;
}

struct maqet_usage
maqet_usage_between(const struct maqet_usage_counters *before,
                    const struct maqet_usage_counters *after)
{
    struct maqet_usage usage = {0};
    double cpu_ms = after->cpu_at - before->cpu_at;
    double disk_ms = after->disk_at - before->disk_at;
    double network_ms = after->network_at - before->network_at;

    usage.has_cpu =
        before->has_cpu && after->has_cpu && after->cpu >= before->cpu && cpu_ms > 0;
    if (usage.has_cpu)
        usage.cpu = 100 * ((double)(after->cpu - before->cpu) / 1e6) / cpu_ms;
    usage.has_disk = before->has_disk && after->has_disk &&
                     per_second(before->read, after->read, disk_ms, &usage.read) &&
                     per_second(before->written, after->written, disk_ms, &usage.written);
    usage.has_network =
        before->has_network && after->has_network &&
        per_second(before->received, after->received, network_ms, &usage.received) &&
        per_second(before->sent, after->sent, network_ms, &usage.sent);
    return usage;
}

static bool
runs_any(const struct maqet_state_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!rows[i].error && rows[i].state.pid > 0)
            return true;
    return false;
}

void
maqet_usage_read(const struct maqet_state_row *rows, size_t count,
                 struct maqet_usage *usages)
{
    size_t bytes = (count + 1) * sizeof(struct maqet_usage_counters);
    _cleanup_free_ struct maqet_usage_counters *before = maqet_alloc(bytes);
    _cleanup_free_ struct maqet_usage_counters *after = maqet_alloc(bytes);

    if (runs_any(rows, count)) {
        maqet_usage_sample(rows, count, before);
        maqet_sleep(MAQET_USAGE_INTERVAL);
        maqet_usage_sample(rows, count, after);
    }
    for (size_t i = 0; i < count; i++)
        usages[i] = maqet_usage_between(&before[i], &after[i]);
}
