/* SPDX-License-Identifier: MIT */
/* `attach` and `detach`: drives, while the VM is running or not. */
#include "cli/invocation.h"
#include "cli/options.h"
#include "core/lifecycle/attach.h"
#include "core/lifecycle/detach.h"

#define TRANSIENT_ROW(what)                                                              \
    OPTION_ROW("transient", .help = "only until the VM stops: its definition " what)

/* ---- attach ---- */

struct attached {
    const char *vm;
    const char *drive;
    bool running;
    bool created;
    bool transient;
};

static const struct maqet_fields attached_fields = MAQET_FIELDS_OF(
    struct attached, MAQET_ROW(struct attached, vm, "the VM's name"),
    MAQET_ROW(struct attached, drive, "the drive's name"),
    MAQET_ROW(struct attached, running, "whether the guest has it now"),
    MAQET_ROW(struct attached, created, "whether its image was created now"),
    MAQET_ROW(struct attached, transient, "whether it goes when the VM stops"));

static char *
attached_text(const void *row)
{
    const struct attached *attached = row;

    return maqet_format("Drive '%s' is attached to VM '%s'%s.\n", attached->drive,
                        attached->vm,
                        !attached->running    ? ", from its next start on"
                        : attached->transient ? " until that stops"
                                              : "");
}

static const struct view attached_view = {
    .table = {.fields = &attached_fields, .columns = "vm drive running created"},
    .text = attached_text,
    .confirmation = true};

/* The keys that have options of their own come first. */
static void
read_keys(const struct invocation *invocation, struct maqet_strings *assignments)
{
    static const char *const keys[] = {"type", "size"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const char *value = invocation_text(invocation, keys[i]);

        if (value)
            maqet_strings_addf(assignments, "%s=%s", keys[i], value);
    }
    for (size_t i = 1; i < invocation->operands.count; i++)
        maqet_strings_add(assignments, invocation->operands.items[i]);
}

static int
run_attach(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings assignments = MAQET_STRINGS_INIT;
    struct attached shown = {.vm = invocation->operands.items[0],
                             .drive = invocation_text(invocation, "name"),
                             .transient = invocation_has(invocation, "transient")};
    const struct maqet_attach how = {.drive = shown.drive,
                                     .assignments = &assignments,
                                     .transient = shown.transient,
                                     .consent.create_missing =
                                         invocation_has(invocation, "create-missing")};
    struct maqet_attached attached = {0};

    if (!shown.drive)
        return usage_error(invocation, err, "The drive needs a name: --name DRIVE");
    read_keys(invocation, &assignments);
    if (maqet_vm_attach(&invocation->context, shown.vm, &how, &attached, err) < 0)
        return -1;
    shown.running = attached.running;
    shown.created = attached.created;
    output_result(&invocation->output, &attached_view, &shown);
    return 0;
}

const struct command command_attach = {
    .name = "attach",
    .undoes = true,
    .related = "cdrom detach resize maqet.yaml(5)",
    .undone = "Nothing was attached",
    .operands = {OPERAND_VM, OPERAND_SETTING | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .summary = "Attach a drive, also while the VM is running",
    .description =
        "Adds a drive to a VM. KEY=VALUE are the keys that it would have in the YAML "
        "file, such as `file=data.qcow2`, `interface=scsi` or `media=cdrom`. A missing "
        "image is created.\nA running guest has the drive at once, if its type and its "
        "interface can be attached while the VM is running (`maqet plugin list` shows "
        "`hotplug`). The drive is added to the stored definition, too; add it to your "
        "YAML file before you apply that again.",
    .options =
        {
            {.name = "name",
             .type = OPTION_TEXT,
             .argument = "DRIVE",
             .help = "the name of the new drive"},
            {.name = "type",
             .type = OPTION_TEXT,
             .argument = "TYPE",
             .help = "its storage plugin, such as qcow2 or raw"},
            {.name = "size",
             .type = OPTION_TEXT,
             .argument = "SIZE",
             .help = "the size of a new image"},
            TRANSIENT_ROW("does not get it"),
            {.name = "create-missing",
             .help = "create the image even if it existed before and is missing now"},
        },
    .examples = {{"maqet attach myvm --name data --size 10G", "A new, empty disk"},
                 {"maqet attach myvm --name old --type raw file=old.img readonly=on",
                  "An existing image, which the guest can only read"}},
    .view = &attached_view,
    .run = run_attach,
};

/* ---- detach ---- */

struct detached {
    const char *vm;
    const char *drive;
    bool running;
    char *image;
    bool transient;
};

static const struct maqet_fields detached_fields = MAQET_FIELDS_OF(
    struct detached, MAQET_ROW(struct detached, vm, "the VM's name"),
    MAQET_ROW(struct detached, drive, "the drive's name"),
    MAQET_ROW(struct detached, running, "whether a running guest had it"),
    MAQET_ROW(struct detached, image, "its image, which is kept", .optional = true),
    MAQET_ROW(struct detached, transient, "whether it is back when the VM starts again"));

static char *
detached_text(const void *row)
{
    const struct detached *detached = row;

    return maqet_format("Drive '%s' is detached from VM '%s'%s%s%s%s.\n", detached->drive,
                        detached->vm, detached->transient ? " until that stops" : "",
                        detached->image ? "; its image " : "",
                        detached->image ? detached->image : "",
                        detached->image ? " is kept" : "");
}

static const struct view detached_view = {
    .table = {.fields = &detached_fields, .columns = "vm drive image"},
    .text = detached_text,
    .confirmation = true};

static int
run_detach(struct invocation *invocation, struct maqet_error **err)
{
    struct detached shown = {.vm = invocation->operands.items[0],
                             .drive = invocation->operands.items[1],
                             .transient = invocation_has(invocation, "transient")};
    const struct maqet_detach how = {.drive = shown.drive,
                                     .transient = shown.transient,
                                     .timeout =
                                         invocation_milliseconds(invocation, "timeout")};
    struct maqet_detached detached = {0};
    int result = maqet_vm_detach(&invocation->context, shown.vm, &how, &detached, err);

    shown.running = detached.running;
    shown.image = detached.image;
    if (result == 0)
        output_result(&invocation->output, &detached_view, &shown);
    maqet_detached_clear(&detached);
    return result;
}

const struct command command_detach = {
    .name = "detach",
    .undoes = true,
    .related = "rm",
    .undone = "The drive is still attached",
    .operands = {OPERAND_VM, OPERAND_DRIVE},
    .summary = "Detach a drive, also while the VM is running",
    .description =
        "Removes a drive from a VM. Its image is kept. A running guest is asked to "
        "release the drive, and must do so in time; unmount it in the guest first. If "
        "the guest does not, everything is as before.\nThe drive is removed from the "
        "stored definition, too; remove it from your YAML file before you apply that "
        "again.",
    .options = {OPTION_ROW("timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",
                           .fallback = "30",
                           .help = "how long the guest may take to release it"),
                TRANSIENT_ROW("keeps it")},
    .examples = {{"maqet detach myvm data", "Detach the drive `data`"}},
    .view = &detached_view,
    .run = run_detach,
};
