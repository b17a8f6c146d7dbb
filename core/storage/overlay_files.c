/* SPDX-License-Identifier: MIT */
#include "core/storage/overlay_files.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/replacement.h"

/* A file of ours is NUMBER.TYPE, with the number as it is written there, and nothing after the type: 3.TYPE.bak
 * is the user's. *number gets the id of the node that it is, or was, of. */
static bool
is_ours(const char *name, uint64_t *number)
{
    char *end;

    if (*name < '1' || *name > '9')
        return false;
    /* One that is too large becomes the largest, which is no id. */
    *number = strtoull(name, &end, 10);
    return *number < UINT64_MAX && *end == '.' && end[1] && !strpbrk(end + 1, "./");
}

bool
maqet_overlay_files_is_overlay(const char *name)
{
    uint64_t number;

    return is_ours(name, &number);
}

bool
maqet_overlay_files_is_own(const char *name)
{
    return maqet_overlay_files_is_overlay(name) ||
           strcmp(name, MAQET_OVERLAYS_TREE) == 0 ||
           maqet_text_starts(name, "." MAQET_OVERLAYS_TREE MAQET_FILE_TEMPORARY);
}

uint64_t
maqet_overlay_files_next(const struct maqet_strings *names)
{
    uint64_t next = 1, number;

    for (size_t i = 0; i < names->count; i++)
        if (is_ours(names->items[i], &number) && number >= next)
            next = number + 1;
    return next;
}

static bool
is_file_of_node(const struct maqet_overlays *overlays, const char *name)
{
    for (size_t i = 1; i < overlays->count; i++)
        if (strcmp(strrchr(overlays->nodes[i].file.file, '/') + 1, name) == 0)
            return true;
    return false;
}

char *
maqet_overlay_files_newer(const struct maqet_overlays *overlays,
                          const struct maqet_strings *names)
{
    uint64_t number;

    for (size_t i = 0; i < names->count; i++) {
        _cleanup_free_ char *file =
            maqet_format("%s/%s", overlays->folder, names->items[i]);

        /* It may have been removed since they were listed. */
        if (is_ours(names->items[i], &number) && number >= overlays->next &&
            !is_file_of_node(overlays, names->items[i]) && !maqet_file_missing(file))
            return TAKE_PTR(file);
    }
    return NULL;
}

/* Whether all nodes but node 0 have their files. */
static bool
is_complete(const struct maqet_overlays *overlays)
{
    for (size_t i = 1; i < overlays->count; i++)
        if (maqet_file_missing(overlays->nodes[i].file.file))
            return false;
    return true;
}

void
maqet_overlay_files_sweep(const struct maqet_overlays *overlays)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    uint64_t number;

    maqet_dir_sweep(overlays->folder, NULL);
    /* When a tree goes, ids begin anew. So one that is put back from before that may have given away the ids
     * of files that are of a later tree, and needed; its own files are gone then. */
    if (!is_complete(overlays) || maqet_dir_list(overlays->folder, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path =
            maqet_format("%s/%s", overlays->folder, names.items[i]);

        /* Ids are recorded before they are used. */
        if (is_ours(names.items[i], &number) && number < overlays->next &&
            !is_file_of_node(overlays, names.items[i]))
            maqet_file_remove(path, NULL);
    }
}
