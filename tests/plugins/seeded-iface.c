/* SPDX-License-Identifier: MIT */
/*
 * seeded-iface.c - an interface plugin that is right, or wrong in the one way that
 * -DFAULT=NAME says (seeded-faults.h): what `maqet plugin check` is measured by.
 */
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seeded-faults.h"

#ifdef FAULT_IS_IFACE_EXPORTS
int seeded_help_function(void);
int
seeded_help_function(void)
{
    return 0;
}
#endif

static const struct maqet_option options[] = {
    {.name = "label",
     .type = MAQET_OPTION_STRING,
     .help = "a text that is looked at and not used"},
    {.name = NULL},
};

static int
iface_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *label =
        maqet_drive_string(drive, FAULT == IFACE_MISSPELT ? "lable" : "label");
    char copy[24];

    if (!label)
        return FAULT == IFACE_REFUSES ? maqet_drive_error(drive, "label", err,
                                                          MAQET_ERROR_INVALID, "no label")
                                      : 0;
    if (FAULT == IFACE_BUFFER)
        strcpy(copy, label);
    else if (strlen(label) >= sizeof(copy))
        return maqet_drive_error(drive, "label", err, MAQET_ERROR_INVALID,
                                 "the label is longer than %zu bytes", sizeof(copy) - 1);
    else
        memcpy(copy, label, strlen(label) + 1);
    return copy[0] == '\n' ? maqet_drive_error(drive, "label", err, MAQET_ERROR_INVALID,
                                               "the label begins with a line feed")
                           : 0;
}

static int
iface_capacity(const struct maqet_drive *drive, struct maqet_capacity *capacity,
               struct maqet_error **err)
{
    (void)drive;
    (void)err;
    if (FAULT == IFACE_PRINTS) {
        puts("as many as fit");
        fflush(stdout);
    }
    if (FAULT != NO_PLACE)
        maqet_capacity_builtin(capacity, FAULT == TOO_MANY ? 50 : FAULT == COLD ? 4 : 20);
    return 0;
}

/* The node that the device shows. */
static const char *
node_of(const struct maqet_drive *drive)
{
    static char *first;

    if (FAULT == IFACE_NODE)
        return maqet_drive_name(drive);
    if (FAULT != FIRST_DRIVE)
        return maqet_drive_node(drive);
    if (!first)
        first = strdup(maqet_drive_node(drive));
    return first;
}

static int
iface_emit_device(const struct maqet_drive *drive, const struct maqet_slot *slot,
                  struct maqet_args *args, struct maqet_error **err)
{
    char id[64];

    (void)slot;
    (void)err;
    if (FAULT == NO_DEVICE)
        return 0;
    if (FAULT == IFACE_MEMORY)
        *(volatile char *)malloc(4096) = 1;
    snprintf(id, sizeof(id), "%.31s%s", maqet_drive_name(drive),
             FAULT == DEVICE_ID ? "-device" : "");
    struct maqet_props *device =
        maqet_args_device(args,
                          FAULT == COLD          ? "ide-hd"
                          : FAULT == SHOWS_CDROM ? "ide-cd"
                                                 : "virtio-blk-pci",
                          id);
    maqet_props_string(device, "drive", node_of(drive));
    return 0;
}

static const struct maqet_iface_plugin plugin = {
    .header = MAQET_IFACE_PLUGIN_HEADER,
    .name = "seeded",
    .summary = "a bus for the test of the conformance kit",
    .options = options,
    .flags = MAQET_IFACE_HOTPLUG | (FAULT == PCI_UNSAID ? 0 : MAQET_IFACE_PCI),
    .media = MAQET_MEDIA_DISK | (FAULT == SHOWS_DISK ? MAQET_MEDIA_CDROM : 0),
    .validate = iface_validate,
    .capacity = iface_capacity,
    .emit_device = iface_emit_device,
};
MAQET_REGISTER_IFACE_PLUGIN(plugin)
