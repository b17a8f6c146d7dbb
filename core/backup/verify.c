/* SPDX-License-Identifier: MIT */
#include "core/backup/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/backup/chain.h"
#include "core/base/checksum.h"
#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/storage/image.h"
#include "core/storage/overlay_view.h"

struct verification {
    const struct maqet_context *context;
    const struct maqet_catalog *catalog;
    const struct maqet_backup_verify *how;
    struct maqet_verified *verified;
};

void
maqet_verified_clear(struct maqet_verified *verified)
{
    for (size_t i = 0; i < verified->count; i++) {
        free(verified->items[i].path);
        maqet_strings_clear(&verified->items[i].faults);
    }
    free(verified->items);
    *verified = (struct maqet_verified){0};
}

static void
add_fault(struct maqet_strings *faults, const char *fault)
{
    if (!maqet_strings_has(faults, fault))
        maqet_strings_add(faults, fault);
}

static void
add_faults(struct maqet_strings *faults, const struct maqet_strings *more)
{
    for (size_t i = 0; i < more->count; i++)
        add_fault(faults, more->items[i]);
}

/* Makes an error a fault; but an interrupt stays one. */
static int
to_fault(struct maqet_error *error, struct maqet_strings *faults,
         struct maqet_error **err)
{
    if (error->signal != 0)
        return maqet_error_move(err, error);
    add_fault(faults, error->message);
    maqet_error_free(error);
    return 0;
}

/* ---- checksums ---- */

struct reading {
    const struct maqet_context *context;
    char *what;
    uint64_t size;
    int64_t begun;
};

static int
show(void *data, uint64_t done, struct maqet_error **err)
{
    const struct reading *reading = data;

    maqet_context_progress(reading->context, reading->what, done, reading->size,
                           reading->begun);
    return maqet_interrupt_check(err);
}

char *
maqet_backup_checksum(const struct maqet_context *context, const char *path,
                      struct maqet_error **err)
{
    _cleanup_close_ int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0) {
        maqet_error_errno(err, errno, "Cannot open %s", path);
        return NULL;
    }
    _cleanup_free_ char *what = maqet_format("Reading %s", path);
    struct reading reading = {.context = context,
                              .what = what,
                              .size = (uint64_t)status.st_size,
                              .begun = maqet_now()};
    char *checksum = maqet_fd_checksum_watched(fd, path, UINT64_MAX, show, &reading, err);
    maqet_context_progress_end(context);
    return checksum;
}

static int
check_checksum(const struct verification *verification,
               const struct maqet_backup_link *link, struct maqet_strings *faults,
               struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    _cleanup_free_ char *checksum = NULL;

    if (!verification->how->checksums || maqet_backup_link_changes(link))
        return 0;
    checksum = maqet_backup_checksum(verification->context, link->path, &error);
    if (!checksum)
        return to_fault(error, faults, err);
    if (strcmp(checksum, link->drive->checksum) != 0)
        maqet_strings_addf(faults, "%s has changed: its checksum is %s instead of %s",
                           link->path, checksum, link->drive->checksum);
    return 0;
}

/* ---- images ---- */

/* The faults of an image that was looked at; NULL: it was not. */
static const struct maqet_strings *
find(const struct maqet_verified *verified, const char *path)
{
    for (size_t i = 0; i < verified->count; i++)
        if (strcmp(verified->items[i].path, path) == 0)
            return &verified->items[i].faults;
    return NULL;
}

static void
note(struct maqet_verified *verified, const char *path,
     const struct maqet_strings *faults)
{
    struct maqet_verified_image *image = MAQET_APPEND(verified->items, verified->count);

    image->path = maqet_strdup(path);
    maqet_strings_add_all(&image->faults, faults);
}

/* What the plugin finds wrong with one image of a chain that was inspected. */
static int
check_damage(const struct maqet_drive *drive, size_t index, struct maqet_strings *faults,
             struct maqet_error **err)
{
    _cleanup_view_ struct maqet_view view = {0};
    struct maqet_error *error = NULL;

    if (drive->overlays &&
        maqet_view_make(drive, maqet_backup_chain_node(index), &view, &error) < 0)
        return to_fault(error, faults, err);
    if (view.drive)
        view.drive->readonly = true;
    _cleanup_check_report_ struct maqet_check_report report = {
        .drive = view.drive ? view.drive : drive};
    if (!report.drive->storage->plugin.check)
        return 0;
    if (maqet_drive_check(&report, MAQET_CHECK_FULL, &error) < 0)
        return to_fault(error, faults, err);
    for (size_t i = 0; i < report.count; i++)
        if (maqet_checked_file_is_damaged(&report.files[i]))
            maqet_strings_take(faults, maqet_checked_file_text(&report.files[i]));
    return 0;
}

/* Verifies one image of a chain, and notes the result. @drive: the chain; NULL: it cannot be
 * opened. */
static int
verify_link(const struct verification *verification,
            const struct maqet_backup_links *links, size_t index,
            const struct maqet_drive *drive, struct maqet_strings *faults,
            struct maqet_error **err)
{
    const struct maqet_backup_link *link = &links->items[index];
    const struct maqet_strings *known = find(verification->verified, link->path);
    _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;

    if (known) {
        add_faults(faults, known);
        return 0;
    }
    char *fault = maqet_backup_link_fault(link);
    if (fault)
        maqet_strings_take(&found, fault);
    else if (check_checksum(verification, link, &found, err) < 0)
        return -1;
    /* qemu-img is not given what has changed. */
    if (drive && found.count == 0 && verification->how->damage &&
        check_damage(drive, index, &found, err) < 0)
        return -1;
    /* Without the chain, whether it is damaged was not asked. */
    if (drive || found.count > 0 || !verification->how->damage)
        note(verification->verified, link->path, &found);
    add_faults(faults, &found);
    return 0;
}

/* ---- backups ---- */

static int
verify_drive(const struct verification *verification,
             const struct maqet_backup_entry *entry,
             const struct maqet_backup_drive *drive, struct maqet_strings *faults,
             struct maqet_error **err)
{
    _cleanup_backup_links_ struct maqet_backup_links links = {0};
    _cleanup_backup_chain_ struct maqet_backup_chain chain = {0};
    struct maqet_error *error = NULL;

    if (maqet_catalog_links(verification->catalog, entry, drive, &links, &error) < 0)
        return to_fault(error, faults, err);
    bool opened =
        maqet_backup_chain_open(verification->context, verification->catalog->vm, &links,
                                &chain, &error) == 0;
    if (!opened && to_fault(error, faults, err) < 0)
        return -1;
    for (size_t i = 0; i < links.count; i++)
        if (verify_link(verification, &links, i, chain.drive, faults, err) < 0)
            return -1;
    return 0;
}

int
maqet_backup_verify(const struct maqet_context *context,
                    const struct maqet_catalog *catalog,
                    const struct maqet_backup_entry *entry,
                    const struct maqet_strings *drives,
                    const struct maqet_backup_verify *how,
                    struct maqet_verified *verified, struct maqet_strings *faults,
                    struct maqet_error **err)
{
    const struct verification verification = {
        .context = context, .catalog = catalog, .how = how, .verified = verified};

    if (entry->going)
        maqet_strings_addf(faults, "The backup %s is being deleted", entry->id);
    if (entry->fault)
        add_fault(faults, entry->fault->message);
    for (size_t i = 0; !entry->going && !entry->fault && i < entry->backup.drive_count;
         i++) {
        const struct maqet_backup_drive *drive = &entry->backup.drives[i];

        if ((!drives || maqet_strings_has(drives, drive->name)) &&
            verify_drive(&verification, entry, drive, faults, err) < 0)
            return -1;
    }
    return 0;
}
