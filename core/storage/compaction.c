/* SPDX-License-Identifier: MIT */
#include "core/storage/compaction.h"

#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/nbd.h"
#include "core/plugin/call.h"
#include "core/qemu/block_nodes.h"
#include "core/storage/emitted.h"
#include "core/storage/server.h"

/* Bytes, where the format has no clusters: those of a page, and of the blocks of most file
 * systems. */
enum { BLOCK = 4096 };

struct range {
    uint64_t offset, length;
};

struct compaction {
    const struct maqet_drive *drive;
    struct maqet_nbd nbd;
    uint64_t granule; /* bytes that are given back together */
    struct range *zero;
    size_t count;
};

static void
compaction_clear(struct compaction *compaction)
{
    maqet_nbd_clear(&compaction->nbd);
    free(compaction->zero);
}

/* ---- what is stored and zero ---- */

static bool
is_zero(const unsigned char *bytes, size_t count)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

static void
add_zero(struct compaction *compaction, uint64_t offset, uint64_t length)
{
    struct range *last =
        compaction->count > 0 ? &compaction->zero[compaction->count - 1] : NULL;

    if (last && last->offset + last->length == offset) {
        last->length += length;
        return;
    }
    *MAQET_APPEND(compaction->zero, compaction->count) =
        (struct range){.offset = offset, .length = length};
}

/* Only whole clusters can be given back: a part of one would be written as zeroes, for
 * which a cluster that a snapshot shares is copied. */
static void
note_stored(void *data, uint64_t offset, const unsigned char *bytes, size_t count)
{
    struct compaction *compaction = data;
    uint64_t granule = compaction->granule, end = offset + count;

    for (uint64_t at = (offset + granule - 1) / granule * granule; at < end;
         at += granule) {
        uint64_t length = granule;

        if (at + length > compaction->nbd.size)
            length = compaction->nbd.size - at;
        if (at + length > end)
            break;
        if (is_zero(bytes + (at - offset), length))
            add_zero(compaction, at, length);
    }
}

static int
compact_all(struct compaction *compaction, struct maqet_error **err)
{
    const struct maqet_drive *drive = compaction->drive;
    struct maqet_nbd *nbd = &compaction->nbd;
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': compacting",
                                             drive->machine->vm_name, drive->name);
    int64_t begun = maqet_now();

    for (uint64_t at = 0; at < nbd->size;) {
        uint64_t left = nbd->size - at;
        uint32_t length = left < MAQET_NBD_MAX ? (uint32_t)left : MAQET_NBD_MAX;

        compaction->count = 0;
        if (maqet_nbd_read(nbd, at, length, note_stored, compaction, err) < 0)
            return -1;
        for (size_t i = 0; i < compaction->count; i++)
            if (maqet_nbd_zero(nbd, compaction->zero[i].offset,
                               (uint32_t)compaction->zero[i].length, err) < 0)
                return -1;
        at += length;
        maqet_context_progress(drive->context, what, at, nbd->size, begun);
    }
    return maqet_nbd_flush(nbd, err);
}

/* ---- the server ---- */

/* The arguments by which QEMU's programs open the drive's image: with what is discarded
 * given back to the file system; or @alone, without what it stands on. */
static int
describe(const struct maqet_drive *drive, bool alone, struct maqet_strings *words,
         struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_storage_emit_args(drive, args, err) < 0)
        return -1;
    json_object *node = maqet_block_node_find(args, maqet_drive_node(drive));
    if (node && alone && json_object_object_get_ex(node, "backing", NULL))
        json_object_object_add(node, "backing", NULL);
    if (node && !alone)
        json_object_object_add(node, "discard", json_object_new_string("unmap"));
    return maqet_args_render_image(args, maqet_drive_node(drive), words)
               ? 0
               : maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "it has no image that can be compacted");
}

/* The size of the format's clusters. */
static int
find_granule(struct compaction *compaction, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_free_ char *output = NULL;

    maqet_strings_add(&argv, "qemu-img");
    maqet_strings_add(&argv, "info");
    maqet_strings_add(&argv, "--output=json");
    if (describe(compaction->drive, true, &argv, err) < 0 ||
        maqet_process_run((const char *const *)argv.items, MAQET_CALL_SERVICE, &output,
                          err) < 0)
        return -1;
    _cleanup_json_ json_object *info = maqet_json_parse(output, "qemu-img", err);
    if (!info)
        return -1;
    int64_t cluster = maqet_json_int(info, "cluster-size");
    compaction->granule = cluster > BLOCK ? (uint64_t)cluster : BLOCK;
    return compaction->granule <= MAQET_NBD_MAX &&
                   MAQET_NBD_MAX % compaction->granule == 0
               ? 0
               : maqet_drive_error(compaction->drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                   "its clusters are too large");
}

static int
serve(struct compaction *compaction, const struct maqet_strings *image,
      const char *socket, struct maqet_process_server *server, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    unlink(socket);
    maqet_strings_add(&argv, "qemu-nbd");
    maqet_strings_addf(&argv, "--socket=%s", socket);
    maqet_strings_add_all(&argv, image);
    if (maqet_process_serve((const char *const *)argv.items, NULL, server, err) < 0)
        return -1;
    int fd = maqet_server_connect(server, argv.items[0], socket, err);
    return fd < 0 ? -1 : maqet_nbd_begin(&compaction->nbd, fd, err);
}

int
maqet_drive_compact(const struct maqet_drive *drive, const char *socket,
                    struct maqet_error **err)
{
    _cleanup_(compaction_clear) struct compaction compaction = {.drive = drive,
                                                                .nbd = MAQET_NBD_INIT};
    _cleanup_strings_ struct maqet_strings image = MAQET_STRINGS_INIT;
    struct maqet_process_server server = {0};

    if (describe(drive, false, &image, err) < 0 || find_granule(&compaction, err) < 0)
        return -1;
    int result = serve(&compaction, &image, socket, &server, err) < 0
                     ? -1
                     : compact_all(&compaction, err);
    maqet_context_progress_end(drive->context);
    maqet_nbd_clear(&compaction.nbd);
    if (server.pid > 0)
        maqet_process_server_end(&server);
    unlink(socket);
    return result;
}
