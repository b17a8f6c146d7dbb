/* SPDX-License-Identifier: MIT */
#include "cli/backups.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/context.h"
#include "core/backup/prune.h"
#include "core/backup/restore_new.h"
#include "core/backup/verify.h"

/* The operands are a VM, a folder, and perhaps a backup. */
static const char *
vm_of(const struct invocation *invocation)
{
    return invocation->operands.items[0];
}

static char *
folder_of(const struct invocation *invocation)
{
    return context_path(invocation->operands.items[1]);
}

static bool
is_meant(const struct invocation *invocation, const char *id)
{
    return invocation->operands.count < 3 ||
           strcmp(invocation->operands.items[2], id) == 0;
}

/* ---- list ---- */

MAQET_WORDS(state_word, "complete", "damaged", "unfinished")

struct listed_drive {
    const char *name;
    bool incremental;
    const char *base;
    const char *why;
    uint64_t virtual_size;
    uint64_t size;
    const char *file;
};

struct listed {
    const char *vm;
    const char *id;
    int64_t date;
    char *kind; /* NULL: not known */
    uint64_t size;
    bool quiesced;
    struct listed_drive *drives;
    size_t drive_count;
    struct maqet_strings skipped;
    const char *state;
    struct maqet_strings faults;
};

static const struct maqet_fields drive_fields = MAQET_FIELDS_OF(
    struct listed_drive, MAQET_ROW(struct listed_drive, name, "the drive"),
    MAQET_ROW(struct listed_drive, incremental,
              "whether its image holds only what has changed since another backup"),
    MAQET_ROW(struct listed_drive, base, "the backup that it stands on",
              .optional = true),
    MAQET_ROW(struct listed_drive, why,
              "why it is a full image although an increment was wanted",
              .optional = true),
    MAQET_ROW(struct listed_drive, virtual_size, "the size that the guest sees",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct listed_drive, size, "the length of the image's file",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct listed_drive, file, "the image"));

static const struct maqet_fields list_fields = MAQET_FIELDS_OF(
    struct listed, MAQET_ROW(struct listed, vm, "the VM's name"),
    MAQET_ROW(struct listed, id, "the backup, by the time in UTC", .title = "BACKUP"),
    {"date", MAQET_FIELD_DATE(struct listed, date), .optional = true,
     .help = "when it was created"},
    MAQET_ROW(struct listed, kind,
              "'full', 'incremental', or 'mixed' if that differs between the drives",
              .optional = true),
    MAQET_ROW(struct listed, size, "what its files take up on the disk",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct listed, quiesced, "whether the guest's file systems were frozen"),
    {"drives", MAQET_FIELD_LIST(struct listed, drives, drive_count, &drive_fields),
     .help = "the drives that are in it"},
    MAQET_ROW(struct listed, skipped, "the drives that are not"),
    {"state", MAQET_FIELD_CHOICE(struct listed, state, state_word),
     .help = "whether it can be restored, as a quick look tells; 'unfinished': it is no "
             "backup, but was being created or deleted"},
    MAQET_ROW(struct listed, faults, "what is wrong, in sentences"));

static char *
drives_cell(const void *row)
{
    const struct listed *listed = row;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < listed->drive_count; i++)
        maqet_strings_add(&names, listed->drives[i].name);
    return names.count > 0 ? maqet_strings_join(&names, ", ") : maqet_strdup("-");
}

static enum shade
state_shade(const void *row)
{
    const struct listed *listed = row;

    return strcmp(listed->state, "complete") == 0  ? SHADE_GREEN
           : strcmp(listed->state, "damaged") == 0 ? SHADE_RED
                                                   : SHADE_YELLOW;
}

const struct view backup_list_view = {
    .table = {.fields = &list_fields,
              .columns = "vm id date kind size drives state",
              .cells = (const struct cell[]){{.key = "drives", .text = drives_cell},
                                             {.key = "state", .shade = state_shade},
                                             {0}}},
    .empty = "There are no backups.\n",
    .each = "backup",
};

static const char *
kind_of(const struct maqet_backup *backup)
{
    size_t increments = 0;

    for (size_t i = 0; i < backup->drive_count; i++)
        increments += backup->drives[i].incremental;
    return increments == 0                     ? "full"
           : increments == backup->drive_count ? "incremental"
                                               : "mixed";
}

static void
fill(const struct maqet_catalog *catalog, const struct maqet_backup *backup,
     struct listed *row)
{
    row->date = backup->date;
    row->kind = maqet_strdup(kind_of(backup));
    row->quiesced = backup->quiesced;
    for (size_t i = 0; i < backup->drive_count; i++) {
        const struct maqet_backup_drive *drive = &backup->drives[i];
        _cleanup_free_ char *path = maqet_format("%s/%s/%s/%s", catalog->folder,
                                                 catalog->vm, backup->id, drive->file);
        struct stat status;

        if (lstat(path, &status) == 0)
            row->size += (uint64_t)status.st_blocks * 512;
        *MAQET_APPEND(row->drives, row->drive_count) =
            (struct listed_drive){.name = drive->name,
                                  .incremental = drive->incremental,
                                  .base = drive->base,
                                  .why = drive->why,
                                  .virtual_size = drive->virtual_size,
                                  .size = drive->size,
                                  .file = drive->file};
    }
    for (size_t i = 0; i < backup->skipped_count; i++)
        maqet_strings_add(&row->skipped, backup->skipped[i].name);
}

static void
fill_row(const struct invocation *invocation, const struct maqet_catalog *catalog,
         const struct maqet_backup_entry *entry, struct listed *row)
{
    row->vm = catalog->vm;
    row->id = entry->id;
    if (!entry->fault)
        fill(catalog, &entry->backup, row);
    if (entry->going)
        maqet_strings_add(&row->faults, "It is being deleted");
    else
        maqet_catalog_faults(catalog, entry, &row->faults);
    row->state = entry->going            ? "unfinished"
                 : row->faults.count > 0 ? "damaged"
                                         : "complete";
    for (size_t i = 0; !entry->going && i < row->faults.count; i++)
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "The backup %s of VM '%s' is damaged: %s", entry->id,
                          catalog->vm, row->faults.items[i]);
}

static void
say_unfinished(const struct invocation *invocation, const struct maqet_catalog *catalog)
{
    for (size_t i = 0; i < catalog->unfinished.count; i++)
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "%s was left by an interrupted command, and is no backup; the "
                          "next command that changes the backups of VM '%s' deletes it",
                          catalog->unfinished.items[i], catalog->vm);
}

int
backup_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(invocation);
    _cleanup_catalog_ struct maqet_catalog catalog = {0};

    if (maqet_catalog_read(folder, vm_of(invocation), &catalog, err) < 0)
        return -1;
    _cleanup_free_ struct listed *rows = maqet_alloc(catalog.count * sizeof(*rows) + 1);
    for (size_t i = 0; i < catalog.count; i++)
        fill_row(invocation, &catalog, &catalog.items[i], &rows[i]);
    say_unfinished(invocation, &catalog);
    output_list(&invocation->output, &backup_list_view, rows, catalog.count);
    for (size_t i = 0; i < catalog.count; i++) {
        free(rows[i].kind);
        free(rows[i].drives);
        maqet_strings_clear(&rows[i].skipped);
        maqet_strings_clear(&rows[i].faults);
    }
    return invocation->exit_code;
}

/* ---- verify ---- */

struct verified_row {
    const char *vm;
    const char *id;
    int64_t date;
    const char *result;
    struct maqet_strings faults;
};

MAQET_WORDS(result_word, "sound", "damaged")

static const struct maqet_fields verify_fields = MAQET_FIELDS_OF(
    struct verified_row, MAQET_ROW(struct verified_row, vm, "the VM's name"),
    MAQET_ROW(struct verified_row, id, "the backup", .title = "BACKUP"),
    {"date", MAQET_FIELD_DATE(struct verified_row, date), .optional = true,
     .help = "when it was created"},
    {"result", MAQET_FIELD_CHOICE(struct verified_row, result, result_word),
     .help = "whether it can be restored"},
    MAQET_ROW(struct verified_row, faults, "what is wrong, in sentences"));

static char *
verify_text(const void *data)
{
    const struct verified_row *row = data;
    bool sound = strcmp(row->result, "sound") == 0;
    enum shade shade = sound ? SHADE_GREEN : SHADE_RED;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "Backup %s of VM '%s': %s%s%s%s\n", row->id, row->vm,
                       shade_begin(shade), row->result, shade_end(shade),
                       sound ? ", it can be restored" : ", it cannot be restored");
    for (size_t i = 0; i < row->faults.count; i++)
        maqet_text_appendf(&text, "  %s\n", row->faults.items[i]);
    return maqet_text_take(&text);
}

const struct view backup_verify_view = {
    .table = {.fields = &verify_fields, .columns = "vm id date result faults"},
    .text = verify_text,
    .empty = "There are no backups.\n",
    .each = "backup",
};

/* The number of damaged ones is added to *damaged. */
static int
verify_all(struct invocation *invocation, const struct maqet_catalog *catalog,
           size_t *damaged, struct maqet_error **err)
{
    const struct maqet_backup_verify how = {
        .checksums = !invocation_has(invocation, "quick"),
        .damage = !invocation_has(invocation, "quick")};
    _cleanup_verified_ struct maqet_verified verified = {0};

    for (size_t i = 0; i < catalog->count; i++) {
        const struct maqet_backup_entry *entry = &catalog->items[i];
        _cleanup_strings_ struct maqet_strings faults = MAQET_STRINGS_INIT;

        if (!is_meant(invocation, entry->id))
            continue;
        if (maqet_backup_verify(&invocation->context, catalog, entry, NULL, &how,
                                &verified, &faults, err) < 0)
            return -1;
        const struct verified_row row = {.vm = catalog->vm,
                                         .id = entry->id,
                                         .date = entry->fault ? 0 : entry->backup.date,
                                         .result = faults.count > 0 ? "damaged" : "sound",
                                         .faults = faults};
        *damaged += faults.count > 0;
        output_row(&invocation->output, &backup_verify_view, &row);
    }
    return 0;
}

int
backup_verify(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(invocation);
    _cleanup_catalog_ struct maqet_catalog catalog = {0};
    size_t damaged = 0;

    if (maqet_catalog_read(folder, vm_of(invocation), &catalog, err) < 0 ||
        (invocation->operands.count > 2 &&
         !maqet_catalog_get(&catalog, invocation->operands.items[2], err)) ||
        verify_all(invocation, &catalog, &damaged, err) < 0)
        return -1;
    say_unfinished(invocation, &catalog);
    return damaged > 0 ? 1 : 0;
}

/* ---- prune ---- */

static const struct maqet_fields prune_fields = MAQET_FIELDS_OF(
    struct maqet_backup_pruned,
    MAQET_ROW(struct maqet_backup_pruned, vm, "the VM's name"),
    MAQET_ROW(struct maqet_backup_pruned, id, "the backup", .title = "BACKUP"),
    {"date", MAQET_FIELD_DATE(struct maqet_backup_pruned, date), .optional = true,
     .help = "when it was created"},
    MAQET_ROW(struct maqet_backup_pruned, size, "what its files took up on the disk",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_backup_pruned, deleted, "whether it is deleted"),
    MAQET_ROW(struct maqet_backup_pruned, merged,
              "whether increments that stay were merged with it"),
    MAQET_ROW(struct maqet_backup_pruned, reason,
              "why it stays although it does not count", .optional = true));

static char *
prune_text(const void *data)
{
    const struct maqet_backup_pruned *row = data;

    return maqet_format("Backup %s of VM '%s': %s%s%s\n", row->id, row->vm,
                        !row->deleted ? "stays"
                        : row->merged ? "deleted, and merged with the next one"
                                      : "deleted",
                        row->reason ? ": " : "", row->reason ? row->reason : "");
}

static char *
planned_text(const void *data)
{
    const struct maqet_backup_pruned *row = data;

    return maqet_format("Backup %s of VM '%s' would %s%s%s\n", row->id, row->vm,
                        !row->deleted ? "stay"
                        : row->merged ? "be deleted, and merged with the next one"
                                      : "be deleted",
                        row->reason ? ": " : "", row->reason ? row->reason : "");
}

#define PRUNE_TABLE                                                                      \
    .table = {.fields = &prune_fields,                                                   \
              .columns = "vm id date size deleted merged reason"},                       \
    .empty = "There are no backups.\n", .each = "backup"

const struct view backup_prune_view = {PRUNE_TABLE, .text = prune_text,
                                       .confirmation = true};
static const struct view planned_view = {PRUNE_TABLE, .text = planned_text};

static int
read_keep(const struct invocation *invocation, uint64_t *keep, struct maqet_error **err)
{
    const char *text = invocation_text(invocation, "keep");
    char *end;

    if (!text) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "It is not said how many backups are kept");
        maqet_error_hint(err, "Give --keep N");
        return -1;
    }
    *keep = strtoull(text, &end, 10);
    if (*keep > 0 && *keep < 1000000 && !*end && strspn(text, "0123456789") > 0)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "'%s' is no number of backups that are kept: it is at least 1",
                           text);
}

int
backup_prune(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_free_ char *folder = folder_of(invocation);
    _cleanup_backup_pruned_ struct maqet_backup_pruned_list list = {0};
    struct maqet_backup_prune how = {.dry_run = invocation_has(invocation, "dry-run")};

    if (read_keep(invocation, &how.keep, err) < 0 ||
        maqet_backup_prune(&invocation->context, folder, vm_of(invocation), &how, &list,
                           err) < 0)
        return -1;
    output_list(&invocation->output, how.dry_run ? &planned_view : &backup_prune_view,
                list.items, list.count);
    return invocation->exit_code;
}

/* ---- restore ---- */

static const struct maqet_fields restore_fields = MAQET_FIELDS_OF(
    struct maqet_restored_drive,
    MAQET_ROW(struct maqet_restored_drive, vm, "the VM whose drive it is"),
    MAQET_ROW(struct maqet_restored_drive, id, "the backup", .title = "BACKUP"),
    MAQET_ROW(struct maqet_restored_drive, name, "the drive", .title = "DRIVE"),
    MAQET_ROW(struct maqet_restored_drive, image, "the restored image"),
    MAQET_ROW(struct maqet_restored_drive, size, "the size that the guest sees",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_restored_drive, kept,
              "where the image is that the drive had before; null if it had none",
              .optional = true));

static char *
restore_text(const void *data)
{
    const struct maqet_restored_drive *row = data;
    _cleanup_free_ char *kept =
        row->kept ? maqet_format("  Its former image is kept: %s\n", row->kept)
                  : maqet_strdup("");

    return maqet_format("Restored drive '%s' of VM '%s' from the backup %s: %s\n%s",
                        row->name, row->vm, row->id, row->image, kept);
}

const struct view backup_restore_view = {
    .table = {.fields = &restore_fields, .columns = "vm name id image size kept"},
    .text = restore_text,
    .confirmation = true,
    .each = "drive",
};

/* The folder of the images of a new VM: --folder, or one with its name here. */
static char *
new_folder(const struct invocation *invocation, const char *name)
{
    const char *folder = invocation_text(invocation, "folder");

    return context_path(folder ? folder : name);
}

int
backup_restore(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const char *name = invocation_text(invocation, "to");
    _cleanup_free_ char *folder = folder_of(invocation);
    _cleanup_free_ char *images = name ? new_folder(invocation, name) : NULL;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    _cleanup_restored_ struct maqet_restored restored = {0};
    const struct maqet_backup_restore how = {
        .folder = folder,
        .vm = vm_of(invocation),
        .id = invocation->operands.count > 2 ? invocation->operands.items[2] : NULL,
        .drives = &drives,
        .trust = invocation_has(invocation, "trust")};

    invocation_texts(invocation, "drive", &drives);
    if ((name ? maqet_backup_restore_new(context, &how, name, images, &restored, err)
              : maqet_backup_restore(context, &how, how.vm, &restored, err)) < 0)
        return -1;
    output_list(&invocation->output, &backup_restore_view, restored.drives,
                restored.count);
    return invocation->exit_code;
}
