/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_elsewhere.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/json.h"
#include "core/plugin/call.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/objects.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_frozen.h"
#include "core/storage/overlay_image.h"
#include "core/storage/overlay_view.h"

/* Bytes of a name that images store of the one below them at most, in any format. */
enum { NAME_MAX_STORED = 1023 };

#define JSON_PREFIX "json:"

bool
maqet_overlay_is_elsewhere(const struct maqet_drive *drive)
{
    return drive->overlays && !drive->overlays->image;
}

const char *
maqet_overlay_lowest_file(const struct maqet_drive *drive)
{
    const struct maqet_chain *chain = &drive->chain;

    if (drive->overlays->image)
        return drive->overlays->image;
    /* What a plugin emits may be a file that no path option names. */
    return chain->depth > 0 ? chain->nodes[chain->depth - 1].file : NULL;
}

/* ---- the name ---- */

/* Whether a node may be written to, its name in one QEMU, and what QEMU does when it has saved a guest are not
 * stored. */
static int
drop_state(void *data, json_object *node)
{
    (void)data;
    json_object_object_del(node, "node-name");
    json_object_object_del(node, "read-only");
    json_object_object_del(node, MAQET_BLOCK_NODE_DROPS);
    return 0;
}

static int
error_objects(const struct maqet_drive *drive, struct maqet_error **err)
{
    return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
                             "it has no overlays, since QEMU opens it with a password or "
                             "a certificate, to which the name that an overlay stores of "
                             "it cannot refer");
}

/* Whether a node is offered by a program that runs beside QEMU. */
static int
find_helper(void *data, json_object *node)
{
    const struct maqet_drive *drive = data;
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_block_node_files(node, &files);
    return maqet_strings_has(&files, drive->socket);
}

/* Of the words by which qemu-img opens node 0. */
static int
name_from(const struct maqet_drive *drive, const struct maqet_strings *words, char **name,
          char **format, struct maqet_error **err)
{
    if (words->count != 1)
        return error_objects(drive, err);
    _cleanup_json_ json_object *node =
        maqet_json_parse(words->items[0] + strlen(JSON_PREFIX), "a node", err);
    if (!node)
        return -1;
    if (maqet_block_node_walk(node, find_helper, (void *)drive) != 0)
        return maqet_drive_error(
            drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
            "it has no overlays, since what it holds is offered by a "
            "program that runs beside QEMU only");
    maqet_block_node_walk(node, drop_state, NULL);
    _cleanup_free_ char *stored =
        maqet_format(JSON_PREFIX "%s",
                     json_object_to_json_string_ext(
                         node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    if (strlen(stored) > NAME_MAX_STORED)
        return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
                                 "it has no overlays, since the name that these would "
                                 "store of it has %zu bytes, and may have %d",
                                 strlen(stored), NAME_MAX_STORED);
    *format = maqet_strdup(maqet_json_text(node, "driver"));
    *name = TAKE_PTR(stored);
    return 0;
}

int
maqet_overlay_elsewhere_name(const struct maqet_drive *drive, char **name, char **format,
                             struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;
    _cleanup_view_ struct maqet_view view = {0};

    if (maqet_view_make(drive, 0, &view, err) < 0)
        return -1;
    /* As it is when overlays stand on it, of which there may be none yet. */
    view.drive->readonly = true;
    if (maqet_storage_emit_args(view.drive, args, err) < 0)
        return -1;
    if (!maqet_args_render_image(args, maqet_drive_node(view.drive), &words))
        return maqet_drive_error(drive, "snapshots", err, MAQET_ERROR_UNSUPPORTED,
                                 "it has no overlays, since QEMU opens it by no block "
                                 "node on which they could stand");
    return name_from(drive, &words, name, format, err);
}

/* Keys of nodes that say how storage is used, and not which it is (QEMU: qapi/block-core.json). */
static const char *const of_use[] = {
    "discard",        "detect-zeroes",       "cache",        "force-share",
    "auto-read-only", "reconnect-delay",     "open-timeout", "node-name",
    "read-only",      MAQET_BLOCK_NODE_DROPS};

static int
drop_use(void *data, json_object *node)
{
    (void)data;
    for (size_t i = 0; i < sizeof(of_use) / sizeof(*of_use); i++)
        json_object_object_del(node, of_use[i]);
    return 0;
}

json_object *
maqet_overlay_elsewhere_identity(const char *stored_name)
{
    json_object *node =
        maqet_json_parse(stored_name + strlen(JSON_PREFIX), "a node", NULL);

    if (node)
        maqet_block_node_walk(node, drop_use, NULL);
    return node;
}

json_object *
maqet_overlay_elsewhere_identify(const struct maqet_drive *drive)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    if (maqet_storage_emit_args(drive, args, NULL) < 0 ||
        !maqet_args_render_image(args, maqet_drive_node(drive), &words) ||
        !maqet_text_starts(words.items[words.count - 1], JSON_PREFIX))
        return NULL;
    return maqet_overlay_elsewhere_identity(words.items[words.count - 1]);
}

/* ---- what is noted ---- */

static struct maqet_overlay *
lowest(const struct maqet_drive *drive)
{
    return maqet_overlays_node(drive->overlays, 0);
}

int
maqet_overlay_elsewhere_note(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlay *node = lowest(drive);

    if (node->stored_name)
        return 0;
    if (maqet_overlay_elsewhere_name(drive, &node->stored_name, &node->stored_format,
                                     err) < 0)
        return -1;
    free(node->place);
    node->place = maqet_strdup(drive->overlays->place);
    return 0;
}

/* ---- the size ---- */

static struct maqet_command *
describe(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const words[] = {"qemu-img", "info", "--output=json"};
    struct maqet_command *command = maqet_alloc(sizeof(*command));

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        maqet_strings_add(&command->argv, words[i]);
    if (maqet_overlays_add_image(drive, 0, command, err) == 0)
        return command;
    maqet_command_free(command);
    return NULL;
}

static int
ask_size(const struct maqet_drive *drive, uint64_t *bytes, struct maqet_error **err)
{
    _cleanup_free_ char *output = NULL;
    size_t size;

    MAQET_CALL(MAQET_CALL_SERVICE);
    struct maqet_command *command = describe(drive, err);
    if (!command)
        return -1;
    if (maqet_command_finish(command, &output, &size, err) < 0) {
        maqet_error_wrap(err,
                         "its storage, on which its snapshots stand, cannot be opened");
        maqet_error_hint(err,
                         "Make sure that it can be reached, and that a server serves "
                         "several clients at a time");
        return -1;
    }
    _cleanup_json_ json_object *info = maqet_json_parse(output, "qemu-img", err);
    if (!info)
        return -1;
    *bytes = (uint64_t)maqet_json_int(info, "virtual-size");
    return *bytes > 0 ? 0
                      : maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                                          "its storage, on which its snapshots stand, is "
                                          "empty");
}

int
maqet_overlay_elsewhere_size(const struct maqet_drive *drive, uint64_t *bytes,
                             struct maqet_error **err)
{
    *bytes = lowest(drive)->size;
    return *bytes > 0 ? 0 : ask_size(drive, bytes, err);
}

int
maqet_overlay_elsewhere_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    uint64_t then = lowest(drive)->size, now;

    if (drive->overlays->count == 1)
        return 0;
    if (ask_size(drive, &now, err) < 0)
        return -1;
    if (now == then)
        return 0;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_STATE,
                      "its storage, on which overlays stand, has %" PRIu64
                      " bytes, and had %" PRIu64 "; the guest would see damaged data",
                      now, then);
    maqet_error_hint(err, "Restore it as it was when they were created");
    return -1;
}

int
maqet_overlay_check_below(const struct maqet_drive *drive, uint64_t id,
                          struct maqet_error **err)
{
    return maqet_overlays_check(drive->overlays, id, err) < 0 ||
                   (maqet_overlay_is_elsewhere(drive) && !drive->running &&
                    maqet_overlay_elsewhere_check(drive, err) < 0)
               ? -1
               : 0;
}

int
maqet_overlay_elsewhere_accept(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_overlay *node = lowest(drive);
    uint64_t bytes;

    if (ask_size(drive, &bytes, err) < 0)
        return -1;
    node->size = bytes;
    free(node->place);
    node->place = maqet_strdup(drive->overlays->place);
    return 0;
}
