/* SPDX-License-Identifier: MIT */
/*
 * check_errors.c - what callbacks return, and the errors that they set or don't.
 */
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/scenarios.h"

static const char *
word_of(int result)
{
    return result == 0 ? "that all is well (0)" : "that it failed (-1)";
}

static int
judge(const char *name, int result, const struct maqet_error *error,
      struct maqet_error **err)
{
    if (result != 0 && result != -1)
        return bench_fail(err, "Return 0 or -1", "%s returns %d, which means nothing",
                          name, result);
    if (result == 0 && error)
        return bench_fail(err, "Return -1 when an error was set, or set none",
                          "%s says that all is well, and sets an error: %s", name,
                          error->message);
    if (result == -1 && !error)
        return bench_fail(err,
                          "Call maqet_error_set() or maqet_drive_error(), which return "
                          "-1, for every failure",
                          "%s fails without an error, so nobody will know why", name);
    if (error && (!*error->message || strchr(error->message, '\n') ==
                                          error->message + strlen(error->message) - 1))
        return bench_fail(err, "Write one sentence without a line feed at its end",
                          "%s fails with a message that is empty or ends with a line "
                          "feed",
                          name);
    if (error &&
        (error->code < MAQET_ERROR_FAILED || error->code > MAQET_ERROR_PERMISSION))
        return bench_fail(err, "Use one of the MAQET_ERROR_ codes",
                          "%s fails with the unknown code %d", name, (int)error->code);
    return 0;
}

int
check_errors(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive || (!bench->is_iface && bench_prepare(bench, drive, err) < 0))
        return -1;
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        bench_doing(bench, "%s", scenario->name);
        int result = scenario->call(bench, drive, &error);
        if (result != SCENARIO_NONE && judge(scenario->name, result, error, err) < 0)
            return -1;
    }
    return 0;
}

int
check_null_errors(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive || (!bench->is_iface && bench_prepare(bench, drive, err) < 0))
        return -1;
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        bench_doing(bench, "%s", scenario->name);
        int with = scenario->call(bench, drive, &error);
        bench_doing(bench, "%s, with err == NULL", scenario->name);
        int without = scenario->call(bench, drive, NULL);
        if (with == SCENARIO_NONE || without == SCENARIO_NONE || with == without)
            continue;
        return bench_fail(err, "Never look at *err to know whether something failed",
                          "%s says %s with an err, and %s when err is NULL",
                          scenario->name, word_of(with), word_of(without));
    }
    return 0;
}
