/* SPDX-License-Identifier: MIT */
#include "core/qemu/version.h"

#include <stdio.h>
#include <string.h>

#include "core/base/process.h"

static const int64_t TIMEOUT = 10000; /* ms */

/* The first that takes -device as JSON. */
enum { OLDEST_VERSION = 60200 };

int
maqet_qemu_version(const char *program)
{
    const char *const argv[] = {program, "--version", NULL};
    _cleanup_free_ char *words = NULL;
    int major, minor;

    if (maqet_process_run(argv, TIMEOUT, &words, NULL) < 0)
        return 0;
    const char *version = strstr(words, "version ");
    return version && sscanf(version, "version %d.%d", &major, &minor) == 2
               ? major * 10000 + minor * 100
               : 0;
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
maqet_qemu_version_check_program(const char *program, struct maqet_error **err)
{
    int version = maqet_qemu_version(program);
    _cleanup_free_ char *text =
        maqet_format("%d.%d", version / 10000, version / 100 % 100);

    return version == 0 ? 0 : maqet_qemu_version_check(version, text, err);
}
