/* SPDX-License-Identifier: MIT */
#include "core/conformance/bait.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/inotify.h>

#include "core/base/process.h"

int
bait_lay(struct bait *bait, const struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *folder = bench_path(bench, "given");

    *bait = (struct bait){.path = maqet_format("%s/bait", folder), .fd = -1};
    maqet_dir_make(folder, 0700, NULL);
    if (bench_write(bait->path, "", 0, err) < 0)
        return -1;
    return truncate(bait->path, (off_t)BENCH_SIZE) < 0
               ? maqet_error_errno(err, errno, "Cannot write %s", bait->path)
               : 0;
}

void
bait_clear(struct bait *bait)
{
    maqet_cleanup_close(&bait->fd);
    free(bait->path);
}

int
bait_watch(struct bait *bait, struct maqet_error **err)
{
    maqet_cleanup_close(&bait->fd);
    bait->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return bait->fd < 0 || inotify_add_watch(bait->fd, bait->path, IN_OPEN) < 0
               ? maqet_error_errno(err, errno, "Cannot watch %s", bait->path)
               : 0;
}

bool
bait_taken(const struct bait *bait)
{
    char events[4096];

    return read(bait->fd, events, sizeof(events)) > 0;
}

/* ---- images that name it ---- */

/* Runs qemu-img. 1: it knows no such image. */
static int
create(const char *path, const char *format, const char *option, const char *value,
       bool unchecked)
{
    _cleanup_free_ char *size = maqet_format("%" PRIu64, BENCH_SIZE);
    const char *argv[14] = {"qemu-img", "create", "-q", "-f", format, option, value};
    size_t count = 7;

    if (unchecked) {
        argv[count++] = "-u";
        argv[count++] = "-F";
        argv[count++] = "raw";
    }
    argv[count++] = "--";
    argv[count++] = path;
    argv[count++] = size;
    unlink(path);
    return maqet_process_run(argv, BENCH_STEP_TIMEOUT, NULL, NULL) < 0 ? 1 : 0;
}

int
bait_make_image(unsigned index, const char *path, const char *format, const char *named,
                const char **what)
{
    _cleanup_free_ char *doubled = maqet_text_double_commas(named);
    _cleanup_free_ char *data = maqet_format("data_file=%s", doubled);

    switch (index) {
    case 0:
        *what = "a backing file";
        return create(path, format, "-b", named, true);
    case 1:
        *what = "a file with its data";
        return create(path, format, "-o", data, false);
    case 2:
        *what = "a file with its extents";
        return create(path, format, "-o", "subformat=monolithicFlat", false);
    default:
        *what = NULL;
        return 1;
    }
}
