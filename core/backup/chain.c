/* SPDX-License-Identifier: MIT */
#include "core/backup/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/files.h"
#include "core/config/tree.h"
#include "core/storage/callback.h"
#include "core/storage/entry.h"
#include "core/storage/image.h"
#include "core/storage/overlay_view.h"

void
maqet_backup_chain_close(struct maqet_backup_chain *chain)
{
    maqet_drive_free(chain->drive);
    free(chain->machine.vm_name);
    free(chain->machine.arch);
    free(chain->machine.type);
    free(chain->machine.storage_dir);
    free(chain->machine.run_dir);
    *chain = (struct maqet_backup_chain){0};
}

uint64_t
maqet_backup_chain_node(size_t index)
{
    return index;
}

char *
maqet_backup_chain_backing_name(const struct maqet_backup_link *below)
{
    return maqet_format("../%s/%s", below->entry->id, below->drive->file);
}

/* ---- drives ---- */

/* The entry of a drive for one image. */
static json_object *
entry_for(const struct maqet_backup_link *link, const char *path_option)
{
    struct maqet_place place = {0};
    json_object *entry = maqet_tree_mapping(place);
    const char *const pairs[][2] = {{"name", link->drive->name},
                                    {"type", link->drive->format},
                                    {"interface", "none"},
                                    {path_option, link->path}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
        maqet_tree_set(entry, pairs[i][0], json_object_new_string(pairs[i][1]), place,
                       place);
    return entry;
}

/* A drive for one image, as if it stood on no other. */
static struct maqet_drive *
drive_for(const struct maqet_context *context, const struct maqet_machine *machine,
          const struct maqet_backup_link *link, struct maqet_error **err)
{
    const struct maqet_storage *storage =
        maqet_storage_load(context, link->drive->format, err);

    if (!storage)
        return NULL;
    if (!storage->plugin.path_option) {
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "The type '%s' of %s is not one of files", link->drive->format,
                        link->path);
        return NULL;
    }
    _cleanup_json_ json_object *entry = entry_for(link, storage->plugin.path_option);
    struct maqet_drive *drive = maqet_drive_new(context, machine, entry, err);
    if (drive)
        drive->readonly = true;
    return drive;
}

/* Makes all images but the first overlays of a drive for the first one. */
static void
put_overlays(struct maqet_drive *drive, const struct maqet_backup_links *links)
{
    struct maqet_overlays *overlays = maqet_alloc(sizeof(*overlays));

    overlays->image = maqet_strdup(drive->path);
    overlays->folder = maqet_path_folder(drive->path);
    overlays->type = maqet_strdup(links->items[links->count - 1].drive->format);
    for (size_t i = 0; i < links->count; i++) {
        const struct maqet_backup_link *link = &links->items[i];
        struct maqet_overlay *node = MAQET_APPEND(overlays->nodes, overlays->count);

        node->id = maqet_backup_chain_node(i);
        node->parent = i > 0 ? maqet_backup_chain_node(i - 1) : 0;
        node->type = i > 0 ? maqet_strdup(link->drive->format) : NULL;
        node->size = link->drive->virtual_size;
        node->file.file = maqet_strdup(link->path);
    }
    overlays->top = maqet_backup_chain_node(links->count - 1);
    overlays->next = links->count;
    drive->image_storage = drive->storage;
    maqet_drive_set_overlays(drive, overlays);
}

/* ---- inspection ---- */

/* Whether an image names the one below it, by a name that leads there. */
static int
check_name(const struct maqet_backup_link *link, const struct maqet_backup_link *below,
           const struct maqet_image *image, struct maqet_error **err)
{
    /* A merge that was interrupted may be complete, though it is not recorded yet. */
    if (!image->undeclared && maqet_backup_link_changes(link))
        return 0;
    if (!image->undeclared)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "%s names no backing file, but according to the manifest "
                               "it stands on %s",
                               link->path, below->path);
    if (image->named && maqet_file_is_same(image->named, below->path))
        return 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "%s names the %s, but according to the manifest it stands on "
                           "%s; it is not opened, because such a name can lead to any "
                           "file of the host",
                           link->path, image->undeclared, below->path);
}

/* What the image of an increment names, as its plugin reports it. */
static int
check_increment(const struct maqet_context *context, const struct maqet_machine *machine,
                const struct maqet_backup_link *link,
                const struct maqet_backup_link *below, struct maqet_error **err)
{
    struct maqet_drive *drive = drive_for(context, machine, link, err);
    struct maqet_image image = {.drive = drive};

    if (!drive)
        return -1;
    _cleanup_close_ int fd =
        open(link->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    int result =
        fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", link->path)
        : drive->storage->plugin.inspect
            ? MAQET_STORAGE_CALL(err, drive, MAQET_CALL_SERVICE, inspect, fd, &image)
            : maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                              "The type '%s' of %s cannot be inspected",
                              link->drive->format, link->path);
    if (result == 0)
        result = check_name(link, below, &image, err);
    maqet_image_clear(&image);
    maqet_drive_free(drive);
    return result;
}

static int
error_size(const struct maqet_backup_link *link, uint64_t size, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "%s is a disk of %llu bytes, but the manifest says %llu",
                           link->path, (unsigned long long)size,
                           (unsigned long long)link->drive->virtual_size);
}

/* Inspects an image as the core does with those of a drive: its format, and that it names
 * nothing but what it stands on. */
static int
inspect(const struct maqet_drive *drive, const struct maqet_backup_links *links,
        size_t index, struct maqet_error **err)
{
    const struct maqet_backup_link *link = &links->items[index];
    _cleanup_view_ struct maqet_view view = {0};
    struct maqet_image_state state;

    if (links->count > 1 &&
        maqet_view_make(drive, maqet_backup_chain_node(index), &view, err) < 0)
        return -1;
    if (view.drive)
        view.drive->readonly = true;
    if (maqet_image_inspect(view.drive ? view.drive : drive, &state, err) < 0)
        return -1;
    if (!state.exists)
        return maqet_error_set(err, MAQET_ERROR_MISSING, "%s is missing", link->path);
    /* While images are merged, that of a backup that is deleted may have grown. */
    return link->entry->going || state.virtual_size == 0 ||
                   state.virtual_size / 512 == (link->drive->virtual_size + 511) / 512
               ? 0
               : error_size(link, state.virtual_size, err);
}

static int
open_chain(const struct maqet_context *context, const struct maqet_backup_links *links,
           struct maqet_backup_chain *chain, struct maqet_error **err)
{
    for (size_t i = 0; i < links->count; i++) {
        _cleanup_free_ char *fault = maqet_backup_link_fault(&links->items[i]);

        if (fault)
            return maqet_error_set(err, MAQET_ERROR_FAILED, "%s", fault);
    }
    chain->drive = drive_for(context, &chain->machine, &links->items[0], err);
    if (!chain->drive)
        return -1;
    if (links->count > 1)
        put_overlays(chain->drive, links);
    for (size_t i = 0; i < links->count; i++)
        if ((i > 0 && check_increment(context, &chain->machine, &links->items[i],
                                      &links->items[i - 1], err) < 0) ||
            inspect(chain->drive, links, i, err) < 0)
            return -1;
    return 0;
}

int
maqet_backup_chain_open(const struct maqet_context *context, const char *vm,
                        const struct maqet_backup_links *links,
                        struct maqet_backup_chain *chain, struct maqet_error **err)
{
    *chain = (struct maqet_backup_chain){
        .machine = {.vm_name = maqet_strdup(vm),
                    .arch = maqet_strdup(""),
                    .type = maqet_strdup(""),
                    /* There is none: nothing runs, and no log is written. */
                    .run_dir = maqet_strdup("/dev/null"),
                    .storage_dir = maqet_strdup(
                        context->storage_dir ? context->storage_dir : "/tmp")}};
    if (open_chain(context, links, chain, err) == 0)
        return 0;
    maqet_backup_chain_close(chain);
    return -1;
}
