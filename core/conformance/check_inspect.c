/* SPDX-License-Identifier: MIT */
/*
 * check_inspect.c - inspecting images: those that the plugin creates, and damaged and
 * hostile ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/storage/creation.h"
#include "core/storage/image.h"
#include "core/storage/snapshots.h"

enum { IMAGE_BYTES = 256 << 10, MUTATIONS = 200, HEADER_BYTES = 512 };

static int
check_inspect(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    struct maqet_image_state state;
    bool created;

    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return maqet_error_wrap(err, "It does not recognise what it created");
    _cleanup_free_ char *before = bench_picture(bench->folder);
    if (maqet_drive_inspect(drive, &state, err) < 0)
        return maqet_error_wrap(err, "It does not recognise what it created");
    if (bench_check_unchanged(bench, before, "inspect", err) < 0)
        return -1;
    /* A service may have kept what an earlier check has created and resized. */
    uint64_t wanted = created && bench_has_size(bench) ? drive->size : 0;
    if (!state.exists)
        return bench_fail(err, NULL, "what create created is not there");
    if (wanted == 0 || state.virtual_size / 512 == (wanted + 511) / 512)
        return 0;
    return bench_fail(err, "Report it with maqet_image_virtual_size(), in bytes",
                      "inspect reports for a disk of %" PRIu64 " bytes %" PRIu64
                      " (0: not known)",
                      wanted, state.virtual_size);
}

static int
check_depth(struct bench *bench, enum maqet_check_depth depth, struct maqet_error **err)
{
    _cleanup_check_report_ struct maqet_check_report report = {.drive = bench->drive};
    _cleanup_free_ char *before = bench_picture(bench->folder);

    if (maqet_drive_check(&report, depth, err) < 0)
        return maqet_error_wrap(err, "What it created cannot be checked");
    for (size_t i = 0; i < report.count; i++) {
        if (!maqet_checked_file_is_damaged(&report.files[i]))
            continue;
        _cleanup_free_ char *text = maqet_checked_file_text(&report.files[i]);
        return bench_fail(err, NULL, "check finds damage in a new image: %s", text);
    }
    return bench_check_unchanged(bench, before, "check", err);
}

static int
check_damage(struct bench *bench, struct maqet_error **err)
{
    return bench_prepare(bench->drive, err) < 0 ||
                   check_depth(bench, MAQET_CHECK_QUICK, err) < 0
               ? -1
               : check_depth(bench, MAQET_CHECK_FULL, err);
}

/* ---- hostile images ---- */

/* The same sequence in each run, so that a failure can be reproduced. */
static uint32_t
next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Inspects what is there now. The callbacks must return, and change nothing. */
static int
inspect_hostile(struct bench *bench, const char *what, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = {0};
    _cleanup_check_report_ struct maqet_check_report report = {.drive = drive};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *before = bench_picture(bench->folder);
    struct maqet_image_state state;

    bench_doing(bench, "%s", what);
    int result = maqet_image_inspect(drive, &state, &error);
    if (result == 0 && drive->storage->plugin.check)
        result = maqet_drive_check(&report, MAQET_CHECK_QUICK, &error);
    if (result == 0 && maqet_drive_has_snapshots(drive))
        result = maqet_drive_snapshots_read(drive, &snapshots, &error);
    if (result < 0 && strstr(error->message, "without saying why"))
        return bench_fail(err, "Say what is wrong with the image", "%s (%s)",
                          error->message, what);
    _cleanup_free_ char *who = maqet_format("inspect of %s", what);
    return bench_check_unchanged(bench, before, who, err);
}

/* Inspects an image that consists of these bytes. */
static int
inspect_bytes(struct bench *bench, const char *bytes, size_t length, const char *what,
              struct maqet_error **err)
{
    return bench_write(bench->drive->path, bytes, length, err) < 0
               ? -1
               : inspect_hostile(bench, what, err);
}

/* Inspects the image with another beginning. */
static int
inspect_with_start(struct bench *bench, const char *bytes, size_t length,
                   const char *what, struct maqet_error **err)
{
    const char *path = bench->drive->path;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || pwrite(fd, bytes, length, 0) != (ssize_t)length)
        return maqet_error_errno(err, errno, "Cannot write %s", path);
    return inspect_hostile(bench, what, err);
}

static int
try_truncated(struct bench *bench, const char *bytes, size_t length,
              struct maqet_error **err)
{
    static const size_t sizes[] = {0,    1,     3,     4,     16,     63,    72,
                                   103,  104,   200,   511,   512,    513,   1024,
                                   4096, 65535, 65536, 65537, 131072, 262144};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        _cleanup_free_ char *what =
            maqet_format("an image that ends after %zu bytes", sizes[i]);

        if (sizes[i] <= length && inspect_bytes(bench, bytes, sizes[i], what, err) < 0)
            return -1;
    }
    return 0;
}

/* Changes some bytes of the header. */
static int
try_mutated(struct bench *bench, const char *bytes, size_t within,
            struct maqet_error **err)
{
    uint32_t random = 4711;

    for (int i = 0; i < MUTATIONS && within > 0; i++) {
        _cleanup_free_ char *what = maqet_format("an image with odd bytes (%d)", i);
        char copy[HEADER_BYTES];

        memcpy(copy, bytes, within);
        for (uint32_t count = 1 + next_random(&random) % 6; count > 0; count--)
            copy[next_random(&random) % within] =
                (char)(next_random(&random) % 3 ? next_random(&random) : 0xff);
        if (inspect_with_start(bench, copy, within, what, err) < 0)
            return -1;
    }
    return 0;
}

/* Sets each number of four or eight bytes that the header may have to its extremes. */
static int
try_extremes(struct bench *bench, const char *bytes, size_t within,
             struct maqet_error **err)
{
    for (size_t at = 4; at + 8 <= within; at += 4)
        for (int kind = 0; kind < 3; kind++) {
            _cleanup_free_ char *what =
                maqet_format("an image with an extreme number at byte %zu", at);
            char copy[HEADER_BYTES];

            memcpy(copy, bytes, within);
            memset(copy + at, kind == 0 ? 0xff : 0, kind == 2 ? 4 : 8);
            if (kind == 2)
                copy[at] = (char)0x7f;
            if (inspect_with_start(bench, copy, within, what, err) < 0)
                return -1;
        }
    return 0;
}

static int
try_random(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *bytes = maqet_alloc(65536);
    uint32_t random = 815;

    for (size_t i = 0; i < 65536; i++)
        bytes[i] = (char)next_random(&random);
    if (inspect_bytes(bench, bytes, 65536, "a file of random bytes", err) < 0)
        return -1;
    memset(bytes, 0, 65536);
    return inspect_bytes(bench, bytes, 65536, "a file of zeros", err);
}

/* The core refuses what is not a regular file. */
static int
try_other_files(struct bench *bench, struct maqet_error **err)
{
    static const char *const whats[] = {"a FIFO", "a folder", "a link to nothing"};
    const char *path = bench->drive->path;
    struct maqet_image_state state;

    for (int i = 0; i < 3; i++) {
        remove(path);
        int made = i == 0   ? mkfifo(path, 0600)
                   : i == 1 ? mkdir(path, 0700)
                            : symlink("nothing", path);
        if (made < 0)
            return maqet_error_errno(err, errno, "Cannot create %s", whats[i]);
        bench_doing(bench, "%s", whats[i]);
        if (maqet_image_inspect(bench->drive, &state, NULL) == 0)
            return bench_fail(err, NULL, "%s is taken for an image", whats[i]);
    }
    return 0;
}

/* Has the drive use an image that may be spoilt, and not the author's. */
static int
use_own_image(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;

    if (plugin->creation != MAQET_CREATION_NEVER)
        return bench_prepare(bench->drive, err);
    if (made_up_is_authors(bench)) {
        _cleanup_free_ char *path = bench_path(bench, "spoilt");
        _cleanup_json_ json_object *entry = maqet_tree_copy(bench->drive->tree);

        made_up_set_storage(bench, entry, plugin->path_option, path);
        maqet_drive_free(TAKE_PTR(bench->drive));
        bench->drive = bench_drive_of(bench, entry, err);
        made_up_image(path, plugin->format);
    }
    return bench->drive ? 0 : -1;
}

static int
check_hostile_images(struct bench *bench, struct maqet_error **err)
{
    if (use_own_image(bench, err) < 0)
        return -1;
    const char *path = bench->drive->path;
    _cleanup_free_ char *bytes = maqet_alloc(IMAGE_BYTES);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : pread(fd, bytes, IMAGE_BYTES, 0);
    if (got < 0)
        return maqet_error_errno(err, errno, "Cannot read %s", path);
    size_t length = (size_t)got;
    size_t within = length < HEADER_BYTES ? length : HEADER_BYTES;
    if (try_truncated(bench, bytes, length, err) < 0 ||
        bench_write(path, bytes, length, err) < 0 ||
        try_mutated(bench, bytes, within, err) < 0 ||
        try_extremes(bench, bytes, within, err) < 0 || try_random(bench, err) < 0)
        return -1;
    return try_other_files(bench, err);
}

const struct check checks_of_images[] = {
    {"inspect", OF_STORAGE, NEEDS_DRIVE | NEEDS_INSPECT | NEEDS_THERE, 30, check_inspect,
     "inspect recognises what create created, reports its size, and changes nothing"},
    {"hostile-images", OF_STORAGE, NEEDS_DRIVE | NEEDS_PATH | NEEDS_INSPECT, 60,
     check_hostile_images,
     "An image that is truncated, empty, of another format or of random bytes is refused "
     "or accepted, without a crash or an endless loop"},
    {"check", OF_STORAGE, NEEDS_DRIVE | NEEDS_CHECK | NEEDS_THERE, 30, check_damage,
     "check finds no damage in a new image, and changes nothing"},
    {0},
};
