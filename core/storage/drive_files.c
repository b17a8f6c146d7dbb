/* SPDX-License-Identifier: MIT */
#include "core/storage/drive_files.h"

#include <string.h>

/* @prefix: what stands before the names of a nested mapping's options. */
static void
look_at_options(struct maqet_drive *drive, const struct maqet_option *rows,
                const char *prefix)
{
    const char *image = drive->storage->plugin.path_option;

    for (const struct maqet_option *row = rows; row && row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", prefix, row->name);

        if (row->type == MAQET_OPTION_MAP) {
            _cleanup_free_ char *inner = maqet_format("%s.", name);
            look_at_options(drive, row->options, inner);
        }
        if (row->type != MAQET_OPTION_PATH || (image && strcmp(name, image) == 0))
            continue;
        const char *path = maqet_drive_string(drive, name);
        if (path)
            maqet_node_look(maqet_chain_add_file(&drive->chain, name, path));
    }
}

void
maqet_drive_files_look(struct maqet_drive *drive)
{
    look_at_options(drive, drive->storage->common.options, "");
    if (drive->iface)
        look_at_options(drive, drive->iface->common.options, "");
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
                      there ? "another file has come in the place of %s since that was "
                              "checked, so it is not used"
                            : "%s is gone, which was there when it was checked",
                      node->file);
    maqet_error_hint(err, "Find out who changes the folder; keep it in one that only you "
                          "can write");
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
