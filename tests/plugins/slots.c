/* SPDX-License-Identifier: MIT */
/*
 * slots.c - an interface plugin with one place on the machine itself and two on each of
 * two controllers that can be added, whatever the machine; for the tests of how drives
 * are shared out. A few machine types make it fail.
 */
#include <maqet-plugin.h>

#include <string.h>

static const struct maqet_option options[] = {
    {.name = "unit",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .maximum = 9,
     .help = "5 and 6 are refused"},
    {.name = NULL},
};

static int
slots_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_int(drive, "unit") == 5)
        return maqet_drive_error(drive, "unit", err, MAQET_ERROR_UNSUPPORTED,
                                 "there is no unit 5");
    return maqet_drive_int(drive, "unit") == 6 ? -1 : 0;
}

static int
slots_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
               struct maqet_error **err)
{
    const char *machine = maqet_drive_machine(drive);

    (void)err;
    if (strcmp(machine, "mute") == 0)
        return -1;
    if (strcmp(machine, "none") == 0)
        return 0;
    maqet_capacity_builtin(capacity, 1);
    if (strcmp(machine, "bare") == 0)
        return 0;
    maqet_capacity_controllers(capacity, 2, 2);
    return 0;
}

static int
slots_emit_controller(const struct maqet_drive *drive, const char *id,
                      struct maqet_args *args, struct maqet_error **err)
{
    if (strcmp(maqet_drive_machine(drive), "full") == 0)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                                 "no room for the controller %s", id);
    maqet_args_device(args, "controller", id);
    return 0;
}

static int
slots_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                  struct maqet_args *args, struct maqet_error **err)
{
    struct maqet_props *device = maqet_args_device(args, "disk", maqet_drive_name(drive));

    (void)err;
    maqet_props_string(device, "bus",
                       maqet_slot_controller(slot) ? maqet_slot_controller(slot) : "own");
    maqet_props_int(device, "unit", maqet_slot_index(slot));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "slots",
    .summary = "few places, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .validate = slots_validate,
    .capacity = slots_capacity,
    .emit_controller = slots_emit_controller,
    .emit_device = slots_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
