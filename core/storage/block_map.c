/* SPDX-License-Identifier: MIT */
#include "core/storage/block_map.h"

#include "core/base/json.h"
#include "core/plugin/call.h"
#include "core/storage/overlay_image.h"

json_object *
maqet_block_map(const struct maqet_drive *drive, uint64_t id)
{
    static const char *const words[] = {"qemu-img", "map", "--output=json"};
    struct maqet_command *command = maqet_alloc(sizeof(*command));
    _cleanup_free_ char *output = NULL;
    size_t size;

    MAQET_CALL(MAQET_CALL_LONG);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        maqet_strings_add(&command->argv, words[i]);
    if (drive->running)
        maqet_strings_add(&command->argv, "--force-share");
    /* What lies below need not be there: a server may be gone, or serve one client only. */
    if ((id > 0 ? maqet_overlays_add_node(drive, id, command, NULL)
                : maqet_overlays_add_image(drive, id, command, NULL)) < 0) {
        maqet_command_free(command);
        return NULL;
    }
    json_object *map = maqet_command_finish(command, &output, &size, NULL) < 0
                           ? NULL
                           : maqet_json_parse(output, "qemu-img", NULL);
    if (json_object_is_type(map, json_type_array))
        return map;
    json_object_put(map);
    return NULL;
}

bool
maqet_block_map_is_data(json_object *entry, int64_t *depth)
{
    *depth = maqet_json_int(entry, "depth");
    return json_object_get_boolean(json_object_object_get(entry, "data"));
}
