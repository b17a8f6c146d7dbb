/* SPDX-License-Identifier: MIT */
#define MAQET_PLUGIN_ABI 1
#include "plugins/common/blockdev.h"

#include <string.h>
#include <sys/stat.h>

/*
 * The cache modes of QEMU's manual ("-drive cache="), as what -blockdev takes. The column
 * that is missing, cache.writeback, is no property of a node: interface plugins set
 * write-cache=off on the device when this drive's `cache` is writethrough or directsync.
 */
static const struct cache_mode {
    const char *word;
    bool direct;   /* past the host's page cache */
    bool no_flush; /* the guest's flushes are ignored */
} cache_modes[] = {
    {"none", true, false},          {"writeback", false, false},
    {"writethrough", false, false}, {"directsync", true, false},
    {"unsafe", false, true},
};

const char *const blockdev_cache_words[] = {"none",       "writeback", "writethrough",
                                            "directsync", "unsafe",    NULL};
const char *const blockdev_aio_words[] = {"threads", "native", "io_uring", NULL};
const char *const blockdev_discard_words[] = {"unmap", "ignore", NULL};
const char *const blockdev_detect_zeroes_words[] = {"off", "on", "unmap", NULL};

static bool
is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* NULL: the drive leaves it to QEMU. */
static const struct cache_mode *
cache_mode_of(const struct maqet_drive *drive)
{
    const char *word = maqet_drive_string(drive, "cache");

    for (size_t i = 0; i < sizeof(cache_modes) / sizeof(*cache_modes); i++)
        if (is(word, cache_modes[i].word))
            return &cache_modes[i];
    return NULL;
}

bool
blockdev_preallocated(const struct maqet_drive *drive)
{
    const char *preallocation = maqet_drive_string(drive, "preallocation");

    return is(preallocation, "falloc") || is(preallocation, "full");
}

/*
 * QEMU's own default is to ignore what the guest discards, and then an image only ever
 * grows. Ours is to give the space back, unless the user has asked for all of it at once.
 */
static const char *
discard_of(const struct maqet_drive *drive)
{
    const char *written = maqet_drive_string(drive, "discard");

    if (written)
        return written;
    return maqet_drive_readonly(drive) || blockdev_preallocated(drive) ? NULL : "unmap";
}

int
blockdev_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const struct cache_mode *cache = cache_mode_of(drive);

    if (is(maqet_drive_string(drive, "aio"), "native") && !(cache && cache->direct)) {
        maqet_drive_error(drive, "aio", err, MAQET_ERROR_INVALID,
                          "`aio: native` works only past the host's page cache");
        maqet_error_hint(err, "Add `cache: none` (or directsync)");
        maqet_error_hint(err, "Or use `aio: io_uring`, which takes every cache mode");
        return -1;
    }
    if (is(maqet_drive_string(drive, "detect_zeroes"), "unmap") &&
        !is(discard_of(drive), "unmap")) {
        maqet_drive_error(drive, "detect_zeroes", err, MAQET_ERROR_INVALID,
                          "`detect_zeroes: unmap` needs `discard: unmap`");
        maqet_error_hint(err, "Add `discard: unmap`, or say `detect_zeroes: on`");
        return -1;
    }
    return 0;
}

uint64_t
blockdev_round_up(uint64_t bytes)
{
    return (bytes + 511) & ~UINT64_C(511);
}

int
blockdev_error_no_size(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_has(drive, "size"))
        return maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                 "a `size` of 0 makes no disk");
    maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                      "%s is not there yet, and making it needs a `size`",
                      maqet_drive_path(drive));
    maqet_error_hint(err, "Add a line such as `size: 20G`, or give an existing `file`");
    return -1;
}

void
blockdev_emit_cache(const struct maqet_drive *drive, struct maqet_props *node,
                    const struct blockdev_layer *layer)
{
    const struct cache_mode *cache = cache_mode_of(drive);

    if (!cache)
        return;
    maqet_props_bool(node, layer->cache_direct, cache->direct);
    maqet_props_bool(node, layer->cache_no_flush, cache->no_flush);
}

void
blockdev_emit_file(const struct maqet_drive *drive, struct maqet_props *node,
                   const struct blockdev_layer *layer, const char *path)
{
    const char *aio = maqet_drive_string(drive, "aio");
    struct stat status;
    bool device = stat(path, &status) == 0 && S_ISBLK(status.st_mode);

    maqet_props_string(node, layer->driver, device ? "host_device" : "file");
    maqet_props_string(node, layer->filename, path);
    if (aio)
        maqet_props_string(node, layer->aio, aio);
    blockdev_emit_cache(drive, node, layer);
}

struct maqet_props *
blockdev_emit(const struct maqet_drive *drive, struct maqet_args *args,
              const char *format)
{
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    const char *discard = discard_of(drive);
    const char *detect_zeroes = maqet_drive_string(drive, "detect_zeroes");

    maqet_props_string(node, "driver", format);
    if (maqet_drive_readonly(drive))
        maqet_props_bool(node, "read-only", true);
    if (discard)
        maqet_props_string(node, "discard", discard);
    if (detect_zeroes)
        maqet_props_string(node, "detect-zeroes", detect_zeroes);
    blockdev_emit_cache(drive, node, BLOCKDEV_LAYER(""));
    blockdev_emit_file(drive, node, BLOCKDEV_LAYER("file."), maqet_drive_path(drive));
    return node;
}

int
blockdev_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "resize");
    maqet_command_arg(command, "-q");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_arg(command, "%llu", (unsigned long long)blockdev_round_up(bytes));
    return maqet_command_run(command, err);
}

int
blockdev_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                     struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", (int64_t)blockdev_round_up(bytes));
    return 0;
}
