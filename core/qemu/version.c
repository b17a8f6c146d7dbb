/* SPDX-License-Identifier: MIT */
#include "core/qemu/version.h"

#include <stdio.h>
#include <string.h>

#include "core/base/process.h"

/* The first version that takes -device as JSON. */
enum { OLDEST_VERSION = 60200 };

static const int64_t VERSION_TIMEOUT = 10000; /* ms */

/* The numbers of QEMU's version. Returns how many of them are known. */
static int
ask_version(const char *program, unsigned numbers[3])
{
    const char *const argv[] = {program, "--version", NULL};
    _cleanup_free_ char *words = NULL;

    if (maqet_process_run(argv, VERSION_TIMEOUT, &words, NULL) < 0)
        return 0;
    const char *version = strstr(words, "version ");
    return version ? sscanf(version, "version %3u.%3u.%3u", &numbers[0], &numbers[1],
                            &numbers[2])
                   : 0;
}

int
maqet_qemu_version(const char *program)
{
    unsigned numbers[3];

    return ask_version(program, numbers) < 2
               ? 0
               : (int)(numbers[0] * 10000 + numbers[1] * 100);
}

uint32_t
maqet_qemu_exact_version(const char *program)
{
    unsigned numbers[3] = {0};

    return ask_version(program, numbers) < 2
               ? 0
               : numbers[0] * 1000000 + numbers[1] * 1000 + numbers[2];
}

int
maqet_qemu_version_check(int version, const char *text, struct maqet_error **err)
{
    return version >= OLDEST_VERSION
               ? 0
               : maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                                 "QEMU %s is too old: maqet needs 6.2 or later", text);
}

int
maqet_qemu_check_version(const char *program, struct maqet_error **err)
{
    int version = maqet_qemu_version(program);
    _cleanup_free_ char *text =
        maqet_format("%d.%d", version / 10000, version / 100 % 100);

    return version == 0 ? 0 : maqet_qemu_version_check(version, text, err);
}
