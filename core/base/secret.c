/* SPDX-License-Identifier: MIT */
#include "core/base/secret.h"

#include <sys/stat.h>

#include "core/base/printable.h"

int
maqet_secret_check(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *word = maqet_shell_quoted(path);
    struct stat status;

    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) ||
        !(status.st_mode & (S_IRWXG | S_IRWXO)))
        return 0;
    maqet_error_set(
        err, MAQET_ERROR_PERMISSION,
        "the key file %s is accessible to other users (mode %04o), who could decrypt "
        "what it protects",
        path, (unsigned)status.st_mode & 07777);
    maqet_error_hint(err, "Make it accessible for its owner only: chmod 600 %s", word);
    return -1;
}

int
maqet_secrets_check(const struct maqet_strings *paths, struct maqet_error **err)
{
    for (size_t i = 0; i < paths->count; i++)
        if (maqet_secret_check(paths->items[i], err) < 0)
            return -1;
    return 0;
}
