/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_image.h"

#include "core/plugin/call.h"
#include "core/qemu/block_nodes.h"
#include "core/qemu/keyval.h"
#include "core/qemu/objects.h"
#include "core/storage/emitted.h"
#include "core/storage/overlay_name.h"

/* Appends what opens the image of a node; @alone: without what it stands on. */
static int
add_image(const struct maqet_drive *drive, uint64_t id, bool alone,
          struct maqet_command *command, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *name = drive->overlays ? maqet_overlay_node_name(drive->name, id)
                                                : maqet_strdup(maqet_drive_node(drive));

    if ((drive->overlays ? maqet_storage_emit_node(drive, id, args, err)
                         : maqet_storage_emit_args(drive, args, err)) < 0)
        return -1;
    /* QEMU may have them open, too, and writes to none of them. */
    for (size_t i = 0; drive->running && i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev)
            json_object_object_add(args->objects[i]->json, "force-share",
                                   json_object_new_boolean(true));
    json_object *node = alone ? maqet_block_node_find(args, name) : NULL;
    if (node && json_object_object_get_ex(node, "backing", NULL))
        json_object_object_add(node, "backing", NULL);
    if (!maqet_args_render_image(args, name, &command->argv))
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "it has no image that qemu-img could open");
    maqet_secrets_find(&command->argv, NULL, &command->secrets);
    return 0;
}

int
maqet_overlays_add_image(const struct maqet_drive *drive, uint64_t id,
                         struct maqet_command *command, struct maqet_error **err)
{
    return add_image(drive, id, false, command, err);
}

int
maqet_overlays_add_node(const struct maqet_drive *drive, uint64_t id,
                        struct maqet_command *command, struct maqet_error **err)
{
    return add_image(drive, id, true, command, err);
}
