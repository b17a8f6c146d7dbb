/* SPDX-License-Identifier: MIT */
#include "core/machine/devices.h"

#include <string.h>

#include "core/base/text.h"
#include "core/machine/generation.h"
#include "core/machine/network.h"
#include "core/machine/run.h"
#include "core/machine/serial.h"
#include "core/qemu/arguments.h"
#include "core/qemu/launch.h"
#include "core/qemu/objects.h"

/* ---- the monitor ---- */

/* A socket of maqet's, which QEMU inherits and which listens already. */
static void
add_socket(struct maqet_args *args, const char *id, const char *descriptor)
{
    struct maqet_props *socket = maqet_args_chardev(args, "socket", id);

    maqet_props_int(socket, "fd", maqet_descriptor_number(descriptor));
    maqet_props_bool(socket, "server", true);
    maqet_props_bool(socket, "wait", false);
}

/* QEMU's PID file, and maqet's own monitor. */
static void
add_monitor(const struct maqet_vm *vm, struct maqet_args *args)
{
    _cleanup_free_ char *file = maqet_format("%s/" MAQET_RUN_PID, vm->machine.run_dir);
    struct maqet_props *monitor;

    maqet_args_option(args, "-pidfile", file);
    add_socket(args, "maqet-monitor", MAQET_DESCRIPTOR_MONITOR);
    monitor = maqet_args_settings(args, "-mon", NULL);
    maqet_props_string(monitor, "chardev", "maqet-monitor");
    maqet_props_string(monitor, "mode", "control");
}

bool
maqet_devices_have_events(const struct maqet_vm *vm)
{
    return vm->definition->defaults > 0;
}

/* A monitor of the keeper's, which records the events. */
static void
add_events(const struct maqet_vm *vm, struct maqet_args *args)
{
    struct maqet_props *monitor;

    if (!maqet_devices_have_events(vm))
        return;
    maqet_props_int(maqet_args_chardev(args, "socket", "maqet-events"), "fd",
                    maqet_descriptor_number(MAQET_DESCRIPTOR_EVENTS));
    monitor = maqet_args_settings(args, "-mon", NULL);
    maqet_props_string(monitor, "chardev", "maqet-events");
    maqet_props_string(monitor, "mode", "control");
}

/* ---- addresses ---- */

/* Gives a device its address, which does not depend on what else the machine has. */
static void
set_address(const struct maqet_vm *vm, struct maqet_props *device, unsigned slot)
{
    _cleanup_free_ char *text = maqet_format("0x%x", slot);

    /* Earlier machines have their agent's bus where QEMU puts it. */
    if (vm->definition->defaults > 0)
        maqet_props_string(device, "addr", text);
}

/* ---- the guest agent ---- */

/* The port of the guest agent. */
static void
add_agent(const struct maqet_vm *vm, struct maqet_args *args)
{
    struct maqet_props *port;

    if (!maqet_vm_has_agent(vm))
        return;
    add_socket(args, MAQET_AGENT_CHARDEV, MAQET_DESCRIPTOR_AGENT);
    set_address(vm, maqet_args_device(args, MAQET_AGENT_BUS, "maqet-agent-bus"),
                MAQET_SLOT_AGENT);
    port = maqet_args_append(args, &maqet_kind_device, "virtserialport", NULL);
    maqet_props_string(port, "bus", "maqet-agent-bus.0");
    maqet_props_string(port, "chardev", MAQET_AGENT_CHARDEV);
    maqet_props_string(port, "name", MAQET_AGENT_PORT);
}

/* ---- the network ---- */

/* The value of -netdev. The caller frees. */
static char *
netdev_of(const struct maqet_network *network)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    switch (network->type) {
    case MAQET_NETWORK_TAP:
    case MAQET_NETWORK_BRIDGE:
        return maqet_format("tap,id=" MAQET_NETDEV ",fd=%d",
                            maqet_descriptor_number(MAQET_DESCRIPTOR_NETWORK));
    default:
        maqet_text_append(&text, "user,id=" MAQET_NETDEV);
    }
    /* Port 0 has the kernel choose one. */
    for (size_t i = 0; i < network->ports.count; i++) {
        const struct maqet_forward *port = &network->ports.items[i];

        maqet_text_appendf(&text, ",hostfwd=%s:%s:%u-:%u", port->protocol, port->address,
                           port->host_port, port->guest_port);
    }
    return maqet_text_take(&text);
}

bool
maqet_devices_have_network(const struct maqet_vm *vm, struct maqet_network *network)
{
    maqet_network_read(vm->definition->tree, network);
    return network->type != MAQET_NETWORK_NONE &&
           (network->given || maqet_vm_has_own_devices(vm)) &&
           !maqet_arguments_say_network(maqet_vm_arguments(vm));
}

static void
add_network(const struct maqet_vm *vm, struct maqet_args *args)
{
    _cleanup_network_ struct maqet_network network = {0};
    json_object *tree = vm->definition->tree;
    struct maqet_props *card;

    if (!maqet_devices_have_network(vm, &network)) {
        if (network.given && maqet_arguments_say_network(maqet_vm_arguments(vm)))
            maqet_vm_say_ignored(
                vm, json_object_object_get(tree, "network") ? "network" : "ports",
                "-netdev, -nic or -net");
        return;
    }
    _cleanup_free_ char *netdev = netdev_of(&network);
    _cleanup_free_ char *mac = maqet_network_mac(vm->definition->uuid, 0);
    maqet_args_option(args, "-netdev", netdev);
    card = maqet_args_device(args, network.model, "maqet-network-card");
    maqet_props_string(card, "netdev", MAQET_NETDEV);
    maqet_props_string(card, "mac", network.mac ? network.mac : mac);
    set_address(vm, card, MAQET_SLOT_NETWORK);
}

/* ---- the display ---- */

/* QEMU's device for a word of the key `vga` (QEMU: vga_interfaces in softmmu/vl.c); NULL:
 * none. The caller frees. */
static char *
video_device(const char *word)
{
    static const char *const without[] = {"none", "off", "xenfb", NULL};

    if (strcmp(word, "std") == 0)
        return maqet_strdup("VGA");
    if (strcmp(word, "vmware") == 0)
        return maqet_strdup("vmware-svga");
    return maqet_text_is_one_of(word, without) ? NULL : maqet_format("%s-vga", word);
}

/* Whether the definition wants a display. That nobody is logged in graphically now does not
 * matter: the guest's hardware must not depend on it. */
static bool
wants_display(const struct maqet_vm *vm)
{
    json_object *arguments = maqet_vm_arguments(vm);
    const char *key = maqet_tree_text(vm->definition->tree, "display");
    _cleanup_free_ char *argument =
        maqet_arguments_property(arguments, "display", "type", "type");

    if (argument && strcmp(argument, "none") != 0)
        return true;
    if (argument || maqet_arguments_has(arguments, "nographic"))
        return false;
    return maqet_arguments_say_display(arguments) || !key || strcmp(key, "none") != 0;
}

/* A machine that is not a PC has no keyboard of its own. */
static void
add_keyboard(const struct maqet_vm *vm, struct maqet_args *args)
{
    set_address(vm, maqet_args_device(args, "qemu-xhci", "maqet-usb"), MAQET_SLOT_USB);
    maqet_props_string(maqet_args_device(args, "usb-kbd", "maqet-keyboard"), "bus",
                       "maqet-usb.0");
    maqet_props_string(maqet_args_device(args, "usb-tablet", "maqet-tablet"), "bus",
                       "maqet-usb.0");
}

/* The video card, unless `arguments` have one. */
static void
add_video(const struct maqet_vm *vm, struct maqet_args *args)
{
    const char *vga = maqet_tree_text(vm->definition->tree, "vga");
    bool pc = maqet_vm_arch_is_pc(vm->machine.arch);

    if (maqet_arguments_has(maqet_vm_arguments(vm), "vga")) {
        if (vga)
            maqet_vm_say_ignored(vm, "vga", "-vga");
        return;
    }
    if (!vga && !wants_display(vm))
        return;
    _cleanup_free_ char *device =
        vga ? video_device(vga) : maqet_strdup(pc ? "VGA" : MAQET_VIDEO_CARD);
    if (!device) {
        maqet_args_option(args, "-vga", vga);
        return;
    }
    set_address(vm, maqet_args_device(args, device, "maqet-video"), MAQET_SLOT_VIDEO);
    if (!pc)
        add_keyboard(vm, args);
}

/* ---- a panic of the guest ---- */

/* Whether an argument has a device for it, or says what is done about one. */
static bool
arguments_say_panic(const struct maqet_vm *vm)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_arguments_render(maqet_vm_arguments(vm), &argv);
    for (size_t i = 0; i < argv.count; i++)
        if (strstr(argv.items[i], "pvpanic") ||
            (strstr(argv.items[i], "panic=") && i > 0 &&
             strcmp(maqet_argument_name(argv.items[i - 1]), "action") == 0))
            return true;
    return false;
}

/* A device by which the guest's kernel reports that it has panicked (QEMU:
 * docs/specs/pvpanic). QEMU pauses it then, so that it can be examined. */
static void
add_panic(const struct maqet_vm *vm, struct maqet_args *args)
{
    if (arguments_say_panic(vm))
        return;
    if (maqet_vm_arch_is_pc(vm->machine.arch))
        maqet_args_device(args, "pvpanic", "maqet-panic");
    else
        set_address(vm, maqet_args_device(args, "pvpanic-pci", "maqet-panic"),
                    MAQET_SLOT_PANIC);
    maqet_args_option(args, "-action", "panic=pause");
}

/* ---- the generation ID ---- */

/* It has no address on a bus (QEMU: docs/specs/vmgenid). */
static void
add_generation(const struct maqet_vm *vm, struct maqet_args *args)
{
    if (!maqet_vm_has_generation(vm))
        return;
    _cleanup_free_ char *generation = maqet_generation_of(vm);
    maqet_props_string(maqet_args_device(args, MAQET_GENERATION_DEVICE, "maqet-genid"),
                       "guid", generation);
}

/* ---- the firmware ---- */

/* Both flash memories: the code, and the drive with the variables. */
static void
add_firmware(const struct maqet_vm *vm, struct maqet_args *args)
{
    struct maqet_props *code, *machine;

    if (maqet_firmware_is_ignored(vm->definition->tree))
        maqet_vm_say_ignored(vm, "firmware", "-bios or flash memory");
    if (!vm->uefi.code)
        return;
    code = maqet_args_append(args, &maqet_kind_blockdev, NULL, MAQET_FIRMWARE_CODE);
    maqet_props_string(code, "driver", vm->uefi.code_format);
    maqet_props_bool(code, "read-only", true);
    maqet_props_string(code, "file.driver", "file");
    maqet_props_string(code, "file.filename", vm->uefi.code);
    machine = maqet_args_settings(args, "-machine", NULL);
    maqet_props_string(machine, "pflash0", MAQET_FIRMWARE_CODE);
    maqet_props_string(machine, "pflash1", MAQET_FIRMWARE_DRIVE);
}

/* ---- all of them ---- */

void
maqet_devices_add(const struct maqet_vm *vm, struct maqet_args *args)
{
    add_monitor(vm, args);
    add_events(vm, args);
    add_agent(vm, args);
    maqet_serial_add(vm, args);
    if (maqet_vm_has_own_devices(vm)) {
        add_video(vm, args);
        add_panic(vm, args);
    }
    add_generation(vm, args);
    add_network(vm, args);
    add_firmware(vm, args);
}
