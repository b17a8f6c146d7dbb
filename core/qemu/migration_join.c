/* SPDX-License-Identifier: MIT */
#include "core/qemu/migration_join.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/files.h"
#include "core/qemu/launch.h"
#include "core/qemu/migration_pages.h"
#include "core/qemu/migration_preamble.h"

struct joining {
    struct maqet_split_plan plan;
    int target;
};

/* Where the first record of memory is in the first bytes of the rest; 0: nowhere. */
static size_t
end_of_preamble(const struct maqet_split_plan *plan, const unsigned char *bytes,
                size_t count)
{
    uint32_t section;
    const char *reason;

    for (size_t length = 1; length <= count; length++)
        if (maqet_preamble_read(plan, bytes, length, &section, &reason))
            return reason ? 0 : length;
    return 0;
}

/* The pages come before all other records. */
static int
join(void *data, int fd)
{
    const struct joining *joining = data;
    struct maqet_split_plan plan = joining->plan;
    unsigned char bytes[MAQET_SPLIT_PAGE];
    ssize_t count = pread(plan.rest, bytes, sizeof(bytes), 0);
    size_t preamble = end_of_preamble(&plan, bytes, count > 0 ? (size_t)count : 0);
    struct maqet_pages pages;

    (void)fd;
    plan.rest = joining->target;
    if (preamble == 0 || !maqet_pages_open(&pages, &plan))
        return 1;
    maqet_pages_keep(&pages, bytes, preamble);
    maqet_pages_see_all(&pages);
    maqet_pages_put_back(&pages, plan.block);
    for (off_t at = (off_t)preamble; !pages.failed; at += count) {
        count = pread(joining->plan.rest, bytes, sizeof(bytes), at);
        if (count == 0)
            break;
        if (count > 0)
            maqet_pages_keep(&pages, bytes, (size_t)count);
        else if (errno == EINTR)
            count = 0;
        else
            pages.failed = errno;
    }
    maqet_pages_flush(&pages);
    return pages.failed != 0;
}

int
maqet_join(const struct maqet_split_plan *plan, struct maqet_error **err)
{
    struct joining joining = {.plan = *plan, .target = -1};
    int *const kept[] = {&joining.plan.memory, &joining.plan.rest, &joining.target};
    struct maqet_child child = MAQET_CHILD_INIT;
    _cleanup_close_ int source = -1;

    if (maqet_pipe(&source, &joining.target) == 0)
        maqet_child_detach(&child, kept, 3, join, &joining);
    int number = errno;
    maqet_cleanup_close(&joining.target);
    if (child.pid <= 0)
        return maqet_error_errno(err, number, "Cannot read the guest's memory");
    maqet_child_leave(&child); /* it ends when the pipe is closed */
    return TAKE_FD(source);
}
