/* SPDX-License-Identifier: MIT */
#include "core/backup/site.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "core/backup/place.h"
#include "core/backup/prune.h"
#include "core/base/checksum.h"
#include "core/machine/bitmaps.h"
#include "core/storage/overlays.h"
#include "core/storage/record.h"

/* ---- the place ---- */

void
maqet_site_clear(struct maqet_backup_site *site)
{
    free(site->folder);
    free(site->vm);
    free(site->chain);
    maqet_strings_clear(&site->ids);
    if (site->lock >= 0)
        close(TAKE_FD(site->lock));
}

static int
new_chain(char **chain, struct maqet_error **err)
{
    uint32_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return maqet_error_errno(err, errno, "Cannot get a random number");
    *chain = maqet_format("%08" PRIx32, number);
    return 0;
}

/* Reads the last backup that can be read. *found: there is one. */
static void
read_last(const struct maqet_backup_site *site, struct maqet_backup *backup, bool *found)
{
    *found = false;
    for (size_t i = site->ids.count; i-- > 0 && !*found;)
        *found = maqet_backup_read(site->folder, site->vm, site->ids.items[i], backup,
                                   NULL) == 0;
}

static int
take_chain(struct maqet_backup_site *site, const struct maqet_definition *definition,
           struct maqet_error **err)
{
    _cleanup_backup_ struct maqet_backup last = {0};
    bool found;

    read_last(site, &last, &found);
    if (!found)
        return new_chain(&site->chain, err);
    if (strcmp(last.uuid, definition->uuid) != 0) {
        maqet_error_set(err, MAQET_ERROR_EXISTS,
                        "VM '%s': the backups in %s/%s are of another VM of that name, "
                        "with the UUID %s",
                        definition->name, site->folder, site->vm, last.uuid);
        maqet_error_hint(err, "Choose another folder");
        return -1;
    }
    site->chain = maqet_strdup(last.chain);
    return 0;
}

int
maqet_site_open(const struct maqet_context *context, const char *folder,
                const struct maqet_definition *definition, struct maqet_backup_site *site,
                struct maqet_error **err)
{
    *site = (struct maqet_backup_site){.context = context,
                                       .folder = maqet_strdup(folder),
                                       .vm = maqet_strdup(definition->name),
                                       .lock = -1};
    site->lock = maqet_backup_lock(context, folder, site->vm, true, err);
    return site->lock < 0 ||
                   maqet_backup_prune_finish(context, folder, site->vm, err) < 0 ||
                   maqet_backup_sweep(folder, site->vm, err) < 0 ||
                   maqet_backup_ids(folder, site->vm, &site->ids, err) < 0
               ? -1
               : take_chain(site, definition, err);
}

/* ---- what an increment stands on ---- */

void
maqet_base_clear(struct maqet_backup_base *base)
{
    free(base->id);
    free(base->name);
    free(base->format);
    free(base->bitmap);
    free(base->below);
    *base = (struct maqet_backup_base){0};
}

/* Reads the last backup that has a drive. NULL: none has; @backup is empty then. */
static const struct maqet_backup_drive *
find_last(const struct maqet_backup_site *site, const char *drive,
          struct maqet_backup *backup)
{
    for (size_t i = site->ids.count; i-- > 0;) {
        const struct maqet_backup_drive *found = NULL;

        if (maqet_backup_read(site->folder, site->vm, site->ids.items[i], backup, NULL) ==
            0)
            found = maqet_backup_drive(backup, drive);
        if (found)
            return found;
        maqet_backup_clear(backup);
    }
    return NULL;
}

/* Whether the images that a drive's image in a backup stands on are as they were, and that one
 * itself. */
static int
check_images(const struct maqet_backup_site *site, const char *id, const char *name,
             char **why, struct maqet_error **err)
{
    _cleanup_free_ char *at = maqet_strdup(id);

    while (at && !*why) {
        _cleanup_backup_ struct maqet_backup backup = {0};
        _cleanup_error_ struct maqet_error *reason = NULL;
        const struct maqet_backup_drive *drive = NULL;

        if (maqet_backup_read(site->folder, site->vm, at, &backup, &reason) < 0) {
            *why = maqet_strdup(reason->message);
            return 0;
        }
        drive = maqet_backup_drive(&backup, name);
        if (!drive)
            *why = maqet_format("the backup %s, which it stands on, lacks the drive", at);
        else if (maqet_backup_check_image(site->folder, site->vm, at, drive, false, why,
                                          err) < 0)
            return -1;
        free(at);
        at = drive ? maqet_strdup(drive->base) : NULL;
    }
    return 0;
}

static void
add_file(struct maqet_text *text, const struct maqet_node *node)
{
    maqet_text_appendf(text, "%" PRIu64 " %" PRId64 " %s\n", node->size, node->mtime,
                       node->checksum ? node->checksum : "");
}

char *
maqet_site_below(const struct maqet_drive *drive)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    const struct maqet_overlays *overlays = drive->overlays;

    for (uint64_t id = overlays ? overlays->top : 0; id != 0;) {
        id = maqet_overlays_node(overlays, id)->parent;
        const struct maqet_overlay *node = maqet_overlays_node(overlays, id);
        add_file(&text, &node->file);
        if (!node->file.file)
            maqet_text_appendf(&text, "%" PRIu64 " %s\n", node->size, node->place);
    }
    for (size_t i = 0; drive->record && i < drive->record->bases.depth; i++)
        add_file(&text, &drive->record->bases.nodes[i]);
    _cleanup_free_ char *files = maqet_text_take(&text);
    return files && *files ? maqet_text_checksum(files) : NULL;
}

int
maqet_site_find_base(const struct maqet_backup_site *site,
                     const struct maqet_drive *drive, uint64_t size,
                     struct maqet_backup_base *base, char **why, struct maqet_error **err)
{
    _cleanup_backup_ struct maqet_backup backup = {0};
    const struct maqet_backup_drive *last = find_last(site, drive->name, &backup);

    *why = NULL;
    if (!last)
        *why = maqet_strdup("there is no backup yet that it could stand on");
    else if (last->virtual_size != size)
        *why = maqet_strdup("its size has changed since the last backup");
    else if (check_images(site, backup.id, drive->name, why, err) < 0)
        return -1;
    if (*why)
        return 0;
    *base = (struct maqet_backup_base){
        .id = maqet_strdup(backup.id),
        .name = maqet_format("../%s/%s", backup.id, last->file),
        .format = maqet_strdup(last->format),
        .bitmap = maqet_bitmap_name(site->chain, backup.id, drive->name),
        .below = last->below ? maqet_strdup(last->below) : NULL,
    };
    return 0;
}

char *
maqet_site_last_bitmap(const struct maqet_backup_site *site, const char *drive)
{
    _cleanup_backup_ struct maqet_backup backup = {0};

    return find_last(site, drive, &backup)
               ? maqet_bitmap_name(site->chain, backup.id, drive)
               : NULL;
}
