/* SPDX-License-Identifier: MIT */
/*
 * iface-lone.c - each drive is alone on a SCSI controller with a thread of its own. A drive
 * that is plugged brings its controller with it; with -DFIXED, controllers are there from
 * the start, so that there is never a place for it.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <string.h>

#ifdef FIXED
#define FLAGS (MAQET_IFACE_HOTPLUG | MAQET_IFACE_PCI)
#else
#define FLAGS (MAQET_IFACE_HOTPLUG | MAQET_IFACE_HOTPLUG_CONTROLLER | MAQET_IFACE_PCI)
#endif

static const struct maqet_option options[] = {
    {.name = "queue_size",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 16,
     .maximum = 1024,
     .fallback = "128",
     .help = "requests that fit into the controller's queue"},
    {.name = "model",
     .type = MAQET_OPTION_STRING,
     .help = "what the disk calls itself, up to 16 letters and digits"},
    {.name = NULL},
};

static int
lone_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *model = maqet_drive_string(drive, "model");
    int64_t entries = maqet_drive_int(drive, "queue_size");

    if ((entries & (entries - 1)) != 0)
        return maqet_drive_error(drive, "queue_size", err, MAQET_ERROR_INVALID,
                                 "it is not a power of two");
    if (model && (!*model || strlen(model) > 16 ||
                  model[strspn(model, "abcdefghijklmnopqrstuvwxyz0123456789")]))
        return maqet_drive_error(drive, "model", err, MAQET_ERROR_INVALID,
                                 "it is not 1 to 16 letters and digits");
    return 0;
}

static int
lone_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
              struct maqet_error **err)
{
    (void)drive;
    (void)err;
    maqet_capacity_controllers(capacity, 10, 1);
    return 0;
}

static int
lone_emit_controller(const struct maqet_drive *drive, const char *id,
                     struct maqet_args *args, struct maqet_error **err)
{
    char thread[256];

    (void)err;
    snprintf(thread, sizeof(thread), "%s-thread", id);
    maqet_args_object(args, "iothread", thread);
    struct maqet_props *controller = maqet_args_device(args, "virtio-scsi-pci", id);
    maqet_props_string(controller, "iothread", thread);
    maqet_props_int(controller, "num_queues", 1);
    maqet_props_int(controller, "virtqueue_size", maqet_drive_int(drive, "queue_size"));
    return 0;
}

static int
lone_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                 struct maqet_args *args, struct maqet_error **err)
{
    bool is_disc = maqet_drive_media(drive) == MAQET_MEDIA_CDROM;
    struct maqet_props *device =
        maqet_args_device(args, is_disc ? "scsi-cd" : "scsi-hd", maqet_drive_name(drive));
    char bus[256];

    (void)err;
    snprintf(bus, sizeof(bus), "%s.0", maqet_slot_controller(slot));
    maqet_props_string(device, "bus", bus);
    if (!maqet_drive_empty(drive))
        maqet_props_string(device, "drive", maqet_drive_node(drive));
    if (maqet_drive_has(drive, "model"))
        maqet_props_string(device, "product", maqet_drive_string(drive, "model"));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "right",
    .summary = "a SCSI controller and a thread for each drive",
    .options = options,
    .flags = FLAGS,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .validate = lone_validate,
    .capacity = lone_capacity,
    .emit_controller = lone_emit_controller,
    .emit_device = lone_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
