/* SPDX-License-Identifier: MIT */
/*
 * plugins.h - the plugins of tests/plugins/ for unit tests, as copies in a folder of the
 * test: there they may be changed, and neither the umask of who built them nor the owner
 * of the build tree makes the loader refuse them.
 */
#ifndef MAQET_UNIT_PLUGINS_H
#define MAQET_UNIT_PLUGINS_H

#include <unistd.h>

#include "core/base/context.h"
#include "core/base/replacement.h"
#include "tests/unit/unit.h"

enum { UNIT_SKIP = 77 }; /* the test harness's word for "can't be tested here" */

/* Where a plugin was built; NULL: it wasn't. The caller frees. */
static inline char *
unit_plugin_built(const char *file)
{
    const char *top = getenv("abs_top_builddir");
    char *path = maqet_format("%s/tests/plugins/.libs/%s", top ? top : ".", file);

    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* Whether the plugins were built at all: main() returns UNIT_SKIP if not. */
static inline bool
unit_plugins_built(void)
{
    _cleanup_free_ char *path = unit_plugin_built("maqet-storage-good.so");

    return path != NULL;
}

/* Copies a plugin ("maqet-storage-good.so") into a folder under a name. */
static inline void
unit_plugin_as(const char *folder, const char *file, const char *name)
{
    _cleanup_free_ char *path = unit_plugin_built(file);
    _cleanup_free_ char *copy = maqet_format("%s/%s", folder, name);
    _cleanup_free_ char *data = NULL;
    size_t length;

    if (!path || maqet_file_read(path, 64 << 20, &data, &length, NULL) < 0 ||
        maqet_file_replace(copy, data, length, 0644, NULL) < 0)
        abort();
}

static inline void
unit_plugin(const char *folder, const char *file)
{
    unit_plugin_as(folder, file, file);
}

#endif
