/* SPDX-License-Identifier: MIT */
#include "cli/context.h"
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/backup/create.h"

/* ---- create ---- */

struct created {
    char *path;
    uint64_t size;
    struct maqet_backup backup;
};

static const struct maqet_fields drive_fields = MAQET_FIELDS_OF(
    struct maqet_backup_drive,
    MAQET_ROW(struct maqet_backup_drive, name, "the drive's name"),
    MAQET_ROW(struct maqet_backup_drive, file, "its image in the backup"),
    MAQET_ROW(struct maqet_backup_drive, incremental,
              "whether that holds only what has changed since another backup"),
    MAQET_ROW(struct maqet_backup_drive, base, "the ID of that backup", .optional = true),
    MAQET_ROW(struct maqet_backup_drive, why,
              "why it is a full one although an increment was requested",
              .optional = true),
    MAQET_ROW(struct maqet_backup_drive, virtual_size, "the size that the guest sees",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_backup_drive, size, "the size of the image",
              .unit = MAQET_UNIT_BYTES),
    MAQET_ROW(struct maqet_backup_drive, checksum, "the checksum of the image"));

static const struct maqet_fields skipped_fields = MAQET_FIELDS_OF(
    struct maqet_backup_skipped,
    MAQET_ROW(struct maqet_backup_skipped, name, "the drive's name"),
    MAQET_ROW(struct maqet_backup_skipped, why, "why it is not in the backup"));

static const struct maqet_fields created_fields = MAQET_FIELDS_OF(
    struct created,
    {"vm", MAQET_FIELD(struct created, backup.vm), .help = "the VM's name"},
    {"id", MAQET_FIELD(struct created, backup.id), .help = "the ID of the backup"},
    MAQET_ROW(struct created, path, "the folder of the backup"),
    {"running", MAQET_FIELD(struct created, backup.running),
     .help = "whether the VM was running"},
    {"quiesced", MAQET_FIELD(struct created, backup.quiesced),
     .help = "whether the guest's file systems were frozen at that moment"},
    MAQET_ROW(struct created, size, "the size of its images", .unit = MAQET_UNIT_BYTES),
    {"drives",
     MAQET_FIELD_LIST(struct created, backup.drives, backup.drive_count, &drive_fields),
     .help = "the drives that it contains"},
    {"skipped",
     MAQET_FIELD_LIST(struct created, backup.skipped, backup.skipped_count,
                      &skipped_fields),
     .help = "the drives that it does not contain"});

static char *
created_text(const void *row)
{
    const struct created *created = row;
    const struct maqet_backup *backup = &created->backup;
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "Created backup '%s' of VM '%s' in %s.\n", backup->id,
                       backup->vm, created->path);
    for (size_t i = 0; i < backup->drive_count; i++) {
        const struct maqet_backup_drive *drive = &backup->drives[i];
        _cleanup_free_ char *size = maqet_text_bytes(drive->size);

        maqet_text_appendf(&text, "Drive '%s': %s, %s", drive->name,
                           drive->incremental ? "an increment" : "a full image", size);
        if (drive->base)
            maqet_text_appendf(&text, ", of what has changed since %s", drive->base);
        maqet_text_appendf(&text, "%s%s.\n", drive->why ? "; no increment, as " : "",
                           drive->why ? drive->why : "");
    }
    for (size_t i = 0; i < backup->skipped_count; i++)
        maqet_text_appendf(&text, "Drive '%s' is not in it: %s.\n",
                           backup->skipped[i].name, backup->skipped[i].why);
    return maqet_text_take(&text);
}

static const struct view created_view = {
    .table = {.fields = &created_fields, .columns = "vm id path size"},
    .text = created_text,
    .confirmation = true};

static int
create(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_free_ char *folder = context_path(operand_find(invocation, OPERAND_FOLDER));
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    struct created created = {0};
    const struct maqet_backup_request request = {
        .vm = operand_find(invocation, OPERAND_VM),
        .folder = folder,
        .drives = &drives,
        .incremental = invocation_has(invocation, "incremental"),
        .compress = invocation_has(invocation, "compress"),
        .freeze_timeout = invocation_has(invocation, "quiesce")
                              ? invocation_milliseconds(invocation, "freeze-timeout")
                              : -1,
        .version = PACKAGE_VERSION};

    invocation_texts(invocation, "drive", &drives);
    int result =
        maqet_backup_create(&invocation->context, &request, &created.backup, err);
    if (result == 0) {
        created.path = maqet_backup_path(folder, created.backup.vm, created.backup.id);
        for (size_t i = 0; i < created.backup.drive_count; i++)
            created.size += created.backup.drives[i].size;
        output_result(&invocation->output, &created_view, &created);
    }
    free(created.path);
    maqet_backup_clear(&created.backup);
    return result;
}

/* ---- the command ---- */

static const struct command actions[] = {
    {.name = "create",
     .undoes = true,
     .undone = "Nothing is left of the backup",
     .summary =
         "Back up the drives of a VM, running or stopped, as they are at one moment",
     .description =
         "Creates the folder DIR/VM/ID, where the ID is the time. It contains an image of "
         "each drive, which other programs can read, too, and a manifest with all that is "
         "needed to restore the VM. 'maqet backup VM DIR' is the same if DIR contains a "
         "'/'.\nShares, CD-ROM drives and drives that are read-only or encrypted are left "
         "out, and named.\nIf DIR has no space, or cannot be written to any more, the backup "
         "fails, and the guest goes on. While the backup is created, a write of the guest to "
         "a place that is not copied yet waits until that is copied: a slow DIR makes the "
         "guest slow.",
     .operands = {OPERAND_FOLDER},
     .options =
         {{"drive", .type = OPTION_TEXT, .argument = "DRIVE", .value = OPERAND_DRIVE,
           .help = "only this drive; may be repeated"},
          {"incremental",
           .help =
               "copy only what was written since the last backup in DIR, where that is "
               "known; other drives are copied in full, with the reason"},
          {"compress", .help = "compress the images"},
          {"quiesce", .help =
                          "have the guest agent freeze file systems for the moment of "
                          "the backup, if the VM is running"},
          {"freeze-timeout", .type = OPTION_SECONDS, .argument = "SECONDS",
           .fallback = "10", .help = "how long freezing may take before it is undone"}},
     .examples = {{"maqet backup myvm create /srv/backups", "Back up all drives"},
                  {"maqet backup myvm create /srv/backups --incremental",
                   "Back up what was written since"}},
     .view = &created_view,
     .run = create},
    {.name = NULL},
};

const struct command command_backup = {
    .name = "backup",
    .summary = "Back up VMs to another folder, in full or what has changed",
    .related = "snapshot qemu-img(1)",
    .operands = {OPERAND_VM},
    .description =
        "A backup is a folder with the images of a VM's drives, as they were at one "
        "moment, and its definition. It does not depend on the VM, which may run "
        "meanwhile. An increment contains only what was written since another backup, and "
        "needs that one.\nAn interrupted backup leaves nothing behind: the next command that "
        "changes something removes what there is of it.",
    .actions = actions,
    .implied = "create",
};
