/* SPDX-License-Identifier: MIT */
#include "core/storage/drive_files.h"

#include <string.h>

void
maqet_drive_files_look(struct maqet_drive *drive)
{
    const char *image = drive->storage->plugin.path_option;

    for (size_t i = 0; i < drive->values.count; i++) {
        const struct maqet_value *value = &drive->values.items[i];

        if (value->row->type == MAQET_OPTION_PATH && value->text &&
            !(image && strcmp(value->name, image) == 0))
            maqet_node_look(
                maqet_chain_add_file(&drive->chain, value->name, value->text));
    }
}

void
maqet_drive_files_note(struct maqet_drive *drive, const struct maqet_file_id *id)
{
    drive->chain.nodes[0].id = *id;
}

int
maqet_drive_files_error(const struct maqet_drive *drive, const struct maqet_node *node,
                        bool there, struct maqet_error **err)
{
    maqet_drive_error(drive, node->option, err,
                      there ? MAQET_ERROR_FAILED : MAQET_ERROR_MISSING,
                      there ? "%s was replaced by another file after it was checked, "
                              "so it is not used"
                            : "%s has disappeared since it was checked",
                      node->file);
    maqet_error_hint(err, "Find out who changes the folder; keep the file in one that "
                          "only you can write to");
    return -1;
}

int
maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err)
{
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];
        struct maqet_node now = {.file = node->file};

        if (maqet_node_is_known(node) &&
            (!maqet_node_look(&now) || !maqet_file_id_equal(&now.id, &node->id)))
            return maqet_drive_files_error(drive, node, maqet_node_is_known(&now), err);
    }
    return 0;
}
