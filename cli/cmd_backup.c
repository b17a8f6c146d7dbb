/* SPDX-License-Identifier: MIT */
#include "cli/backups.h"
#include "cli/context.h"
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/backup/create.h"
#include "core/config/parse.h"

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
    const char *speed = invocation_text(invocation, "speed");
    uint64_t bytes = 0;
    struct created created = {0};

    if (speed && (!maqet_parse_size(speed, &bytes) || bytes == 0 || bytes > INT64_MAX))
        return usage_error(invocation, err,
                           "--speed %s: a number of bytes such as 50M or 1G", speed);
    const struct maqet_backup_request request = {
        .vm = operand_find(invocation, OPERAND_VM),
        .folder = folder,
        .drives = &drives,
        .incremental = invocation_has(invocation, "incremental"),
        .compress = invocation_has(invocation, "compress"),
        .speed = (int64_t)bytes,
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
         "out, and named.\nIf DIR has no space, the backup fails, and the guest goes on; it may "
         "be paused until then. While the backup is created, a write of the guest to "
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
          {"speed", .type = OPTION_TEXT, .argument = "SIZE",
           .help = "copy at most that much of each drive a second, such as 50M"},
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
    {.name = "list",
     .endable = true,
     .summary = "List the backups of a VM in a folder, and whether they are complete",
     .description =
         "The VM need not exist, and nothing is written, so the folder may be a copy, or one "
         "that can only be read. A quick look tells what is missing: a file, a part of "
         "one, or a backup that an increment stands on. 'maqet backup verify' reads "
         "everything.",
     .operands = {OPERAND_FOLDER},
     .examples = {{"maqet backup web list /srv/backups", "List the backups of web"}},
     .view = &backup_list_view,
     .run = backup_list},
    {.name = "verify",
     .endable = true,
     .summary = "Verify that backups can be restored, and say what is damaged",
     .description =
         "Compares sizes and checksums with the manifests, and the names in the images' "
         "headers with what the manifests say; lets the storage plugin check each image for "
         "damage; and follows each increment to the full image. The exit status is 1 if any "
         "backup cannot be restored. The VM need not exist, and nothing is written.",
     .operands = {OPERAND_FOLDER, OPERAND_NEW_NAME | OPERAND_OPTIONAL},
     .options = {{"quick", .help = "only names and sizes, without reading the images"}},
     .examples = {{"maqet backup web verify /srv/backups", "Verify all backups of web"}},
     .view = &backup_verify_view,
     .run = backup_verify},
    {.name = "restore",
     .undoes = true,
     .undone = "Nothing is left of it",
     .summary = "Restore a backup, in place or as a new VM",
     .description =
         "Verifies the backup, the last one unless its ID is given, and writes its drives "
         "beside the present images. When all are complete, each takes the place of the "
         "present image, which is kept under the name that is printed. The VM must be "
         "stopped. A drive with snapshots, or a VM with checkpoints, is refused, since these "
         "belong to the present images.\n"
         "With --to, a new VM is added, with a UUID and a MAC address of its own: also on a "
         "host where the VM that was backed up never existed. Where it exists, the new one "
         "gets other forwarded ports.",
     .operands = {OPERAND_FOLDER, OPERAND_NEW_NAME | OPERAND_OPTIONAL},
     .options = {{"drive", .type = OPTION_TEXT, .argument = "DRIVE",
                  .value = OPERAND_DRIVE, .help = "only this drive; may be repeated"},
                 {"to", .type = OPTION_TEXT, .argument = "NAME",
                  .value = OPERAND_NEW_NAME, .help = "add a new VM with that name"},
                 {"folder", .type = OPTION_TEXT, .argument = "FOLDER",
                  .value = OPERAND_FOLDER,
                  .help = "with --to, where its images are; ./NAME unless given"},
                 {"trust", .help =
                               "do not verify checksums first, for which everything is "
                               "read twice"}},
     .examples = {{"maqet backup web restore /srv/backups", "Restore the last backup"},
                  {"maqet backup web restore /srv/backups --to web2",
                   "Add it as a VM of its own"}},
     .view = &backup_restore_view,
     .run = backup_restore},
    {.name = "prune",
     .undoes = true,
     .discards = true,
     .undone = "The backups that stay are complete",
     .summary = "Delete the oldest backups",
     .description =
         "Keeps the last N backups that can be restored, and deletes what is older. An "
         "increment that stays and stands on a deleted backup is merged with it first, so "
         "exactly the others can be restored. Damaged backups do not count. Wherever this "
         "is interrupted, those that stay are complete, and the next command that changes "
         "the backups continues.",
     .operands = {OPERAND_FOLDER},
     .options = {{"keep", .type = OPTION_TEXT, .argument = "N",
                  .help = "how many backups stay; needed"},
                 {"dry-run", 'n', .help = "only show what would be deleted"}},
     .examples = {{"maqet backup web prune /srv/backups --keep 7",
                   "Keep the last seven backups"}},
     .view = &backup_prune_view,
     .run = backup_prune},
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
