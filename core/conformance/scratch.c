/* SPDX-License-Identifier: MIT */
#include "core/conformance/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/removal.h"

/* Bytes that its path may have, so that those of sockets in the folders of checks are not
 * too long (unix(7): 107 bytes). */
enum { SCRATCH_LIMIT = 78 };

/* Repeats it because a process that is ending may still create a file. */
void
scratch_remove(const char *folder)
{
    for (int i = 0; i < 50 && maqet_dir_remove(folder, NULL) < 0; i++)
        maqet_sleep(100);
}

/* The janitor: waits for our end, and removes the folder if we are killed. */
static int
clean_up(void *data, int fd)
{
    maqet_child_receive(fd);
    scratch_remove(data);
    return 0;
}

int
scratch_make(struct scratch *scratch, const char *plugin, struct maqet_error **err)
{
    const char *set = getenv("TMPDIR"), *named = set && *set ? set : "/tmp";
    _cleanup_free_ char *base = realpath(named, NULL);

    if (!base)
        return maqet_error_errno(err, errno, "Cannot find the folder %s", named);
    _cleanup_free_ char *pattern = maqet_format("%s/maqet-check-XXXXXX", base);

    if (strlen(pattern) > SCRATCH_LIMIT) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "The folder for temporary files has too long a name for sockets "
                        "in it: %s",
                        base);
        maqet_error_next(err, MAQET_NEXT_SHORTEN_TMPDIR, plugin, NULL);
        return -1;
    }
    if (!mkdtemp(pattern))
        return maqet_error_errno(err, errno, "Cannot create a folder %s", pattern);
    scratch->folder = TAKE_PTR(pattern);
    return maqet_child_detach(&scratch->janitor, NULL, 0, clean_up, scratch->folder) < 0
               ? maqet_error_errno(err, errno, "Cannot start a child process")
               : 0;
}

void
scratch_leave(const struct scratch *scratch)
{
    close(scratch->janitor.fd);
}

void
scratch_end(struct scratch *scratch)
{
    if (scratch->folder)
        scratch_remove(scratch->folder);
    maqet_child_reap(&scratch->janitor);
    free(scratch->folder);
    scratch->folder = NULL;
}
