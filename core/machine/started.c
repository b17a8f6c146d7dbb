/* SPDX-License-Identifier: MIT */
#include "core/machine/started.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/replacement.h"
#include "core/machine/store.h"

int
maqet_store_started_set(const struct maqet_context *context, const char *name,
                        struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "started");

    return access(path, F_OK) == 0 ? 0 : maqet_file_replace(path, "", 0, 0600, err);
}

void
maqet_store_started_clear(const struct maqet_context *context, const char *name)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, "started");

    maqet_file_remove(path, NULL);
}

bool
maqet_store_started(const struct maqet_context *context, const char *name)
{
    _cleanup_close_ int vms_fd = maqet_store_open(context);

    return maqet_store_started_at(vms_fd, name);
}

bool
maqet_store_started_at(int vms_fd, const char *name)
{
    _cleanup_free_ char *file = maqet_format("%s/started", name);

    return faccessat(vms_fd, file, F_OK, 0) == 0 ||
           (errno != ENOENT && errno != ENOTDIR && errno != EBADF);
}
