/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/context.h"
#include "cli/image_format.h"
#include "cli/options.h"
#include "core/backup/export.h"
#include "core/snapshot/export.h"

struct exported {
    const char *vm;
    const char *drive;
    const char *snapshot;
    const char *format;
    const char *file;
    bool decrypted;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct exported, MAQET_ROW(struct exported, vm, "the VM's name"),
    MAQET_ROW(struct exported, drive, "the drive's name"),
    MAQET_ROW(struct exported, snapshot,
              "the snapshot that was exported; null: what the drive holds now",
              .optional = true),
    MAQET_ROW(struct exported, format, "the format of the file"),
    MAQET_ROW(struct exported, file, "the file that was written"),
    MAQET_ROW(struct exported, decrypted,
              "whether --decrypt was given, and it is not encrypted"));

static char *
text(const void *row)
{
    const struct exported *exported = row;
    _cleanup_free_ char *snapshot =
        exported->snapshot ? maqet_format("Snapshot '%s' of drive", exported->snapshot)
                           : maqet_strdup("Drive");

    return maqet_format("%s '%s' of VM '%s' is in %s%s.\n", snapshot, exported->drive,
                        exported->vm, exported->file,
                        exported->decrypted ? ", which is not encrypted" : "");
}

static const struct view view = {
    .table = {.fields = &fields, .columns = "vm drive snapshot format file"},
    .text = text,
    .confirmation = true};

static int
write_out(const struct invocation *invocation, const struct maqet_export *export,
          struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    const char *snapshot = invocation_text(invocation, "snapshot");
    struct maqet_snapshot_request request = {
        .vm = operands[0], .drive = operands[1], .name = snapshot};

    return snapshot ? maqet_snapshot_export(&invocation->context, &request, export, err)
                    : maqet_vm_export(&invocation->context, operands[0], operands[1],
                                      export, err);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    const char *format = given_image_format(invocation);
    _cleanup_free_ char *path = context_path(operands[2]);
    struct maqet_export export = {
        .path = path,
        .format = format ? format : image_format(0),
        .compress = invocation_has(invocation, "compress"),
        .decrypt = invocation_has(invocation, "decrypt"),
    };

    if (image_mode(invocation, &export.mode, err) < 0)
        return -1;
    if (export.compress && strcmp(export.format, "raw") == 0)
        return usage_error(invocation, err, "A raw image cannot be compressed");
    if (write_out(invocation, &export, err) < 0)
        return -1;
    const struct exported exported = {
        .vm = operands[0],
        .drive = operands[1],
        .snapshot = invocation_text(invocation, "snapshot"),
        .format = export.format,
        .file = path,
        .decrypted = export.decrypt,
    };
    output_result(&invocation->output, &view, &exported);
    return 0;
}

const struct command command_export = {
    .name = "export",
    .related = "import snapshot compact qemu-img(1)",
    .undoes = true,
    .undone = "Nothing was exported",
    .operands = {OPERAND_VM, OPERAND_DRIVE, OPERAND_NEW_FILE},
    .summary = "Write what a drive holds to an image for other programs",
    .description =
        "Writes what a drive holds to a new image that stands alone, without backing "
        "files, overlays and snapshots. With --snapshot, it is what the drive held when "
        "that snapshot was created.\n"
        "While the VM is running, it is what the drive holds at one moment, as after a "
        "power cut. Unless it is written as qcow2, it needs space for a second copy in "
        "FILE's folder until it is complete.\n"
        "Only you may read the file unless --mode is given. What an encrypted drive holds "
        "is only written with --decrypt, and then it is not encrypted.",
    .options = {OPTION_ROW("format", .type = OPTION_CHOICE, .argument = "FORMAT",
                           .choice = format_or_image_format,
                           .help = "the format of FILE, qcow2 by default; or the format "
                                   "of the result, as for every command"),
                OPTION_ROW("snapshot", .type = OPTION_TEXT, .argument = "NAME",
                           .help = "export this snapshot of the drive"),
                OPTION_ROW("compress", .help = "compress FILE"),
                OPTION_ROW("decrypt", .help = "write the contents of an encrypted drive "
                                              "without encryption"),
                OPTION_ROW("mode", .type = OPTION_TEXT, .argument = "MODE",
                           .help = "who may read FILE, such as 0644; the default is "
                                   "0600"),
                OPTION_WAIT_ROW},
    .examples = {{"maqet export web hdd /tmp/web.vmdk --format vmdk",
                  "Write the drive to an image for VMware"},
                 {"maqet export web hdd web.qcow2 --snapshot nightly --compress",
                  "Write what it held when the snapshot was created"}},
    .view = &view,
    .run = run,
};
