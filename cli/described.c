/* SPDX-License-Identifier: MIT */
#include "cli/described.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/printable.h"
#include "core/machine/autostart.h"
#include "core/machine/devices.h"
#include "core/machine/monitor.h"
#include "core/machine/ports.h"
#include "core/machine/store.h"

static const struct maqet_fields confined_fields = MAQET_FIELDS_OF(
    struct maqet_confined,
    MAQET_ROW(struct maqet_confined, landlock,
              "the version of Landlock that confines it; null if none does",
              .known = MAQET_KNOWN(struct maqet_confined, has_landlock)),
    MAQET_ROW(struct maqet_confined, seccomp, "whether its system calls are filtered"),
    MAQET_ROW(struct maqet_confined, user,
              "the user it runs as; null if that user has no name", .optional = true));

const struct maqet_fields described_fields = MAQET_FIELDS_OF(
    struct described,
    {"name", MAQET_FIELD(struct described, vm.name), .help = "the VM's name"},
    MAQET_ROW(struct described, uuid, "its UUID; null if its definition cannot be read",
              .optional = true),
    SHOWN_ROWS(struct described, vm),
    {"machine", MAQET_FIELD(struct described, inventory.machine), .optional = true,
     .help =
         "QEMU's machine type: of the VM that runs, or as it is defined; null if that "
         "is not known"},
    {"vcpus", MAQET_FIELD(struct described, inventory.vcpus),
     .known = MAQET_KNOWN(struct described, has_vcpus),
     .help = "the processors of the guest"},
    {"guest_memory", MAQET_FIELD(struct described, inventory.memory),
     .known = MAQET_KNOWN(struct described, has_memory), .unit = MAQET_UNIT_BYTES,
     .title = "MEMORY", .help = "the memory of the guest"},
    {"network", MAQET_FIELD_CHOICE(struct described, network, maqet_network_type_name),
     .optional = true,
     .help = "how the guest is connected; null if `arguments` or QEMU's defaults do it"},
    MAQET_ROW(struct described, network_interface,
              "the interface or bridge of the host that it is connected to",
              .optional = true),
    {"ports",
     MAQET_FIELD_LIST(struct described, ports.items, ports.count, &maqet_forward_fields),
     .help = "the ports of the host that lead to the guest"},
    MAQET_ROW(struct described, ssh,
              "the command that logs in to the guest; null if no port leads there",
              .optional = true),
    {"confinement", MAQET_FIELD_OBJECT(struct described, confinement, &confined_fields),
     .known = MAQET_KNOWN(struct described, vm.runs), .title = "CONFINED",
     .help = "how QEMU is confined; null if it does not run"},
    MAQET_ROW(struct described, autostart,
              "whether systemd starts it with the host or the user's session"),
    MAQET_ROW(struct described, changed_files,
              "its YAML files that have been changed since they were added",
              .title = "CHANGED FILES"),
    {"storage",
     MAQET_FIELD_LIST(struct described, drives.items, drives.count,
                      &inspected_drive_fields),
     .help = "its drives"},
    {"other_drives",
     MAQET_FIELD_LIST(struct described, inventory.others, inventory.other_count,
                      &maqet_other_drive_fields),
     .known = MAQET_KNOWN(struct described, inventory.has_drives),
     .help = "the other disks that QEMU really has: of `arguments`, or added through the "
             "monitor; null if it was not asked"});

void
described_clear(struct described *described)
{
    free(described->uuid);
    free(described->network_interface);
    free(described->ssh);
    maqet_forwards_clear(&described->ports);
    maqet_fields_clear(&confined_fields, &described->confinement);
    maqet_fields_list_free(&inspected_drive_fields, described->drives.items,
                           described->drives.count);
    maqet_inventory_clear(&described->inventory);
    maqet_strings_clear(&described->changed_files);
}

/* What the running QEMU has. Only a QEMU that has just answered is asked. */
static void
read_inventory(struct maqet_opened *machine, const struct maqet_vm *vm,
               const struct maqet_state *state, struct described *described)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_inventory *inventory = &described->inventory;

    if (state->pid <= 0)
        maqet_inventory_expect(vm, inventory);
    else if (state->response != MAQET_RESPONSE_GIVEN || machine->run.pid != state->pid)
        return;
    else if (maqet_inventory_read(machine, vm, inventory, &error) < 0)
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, error);
    described->has_memory = inventory->memory > 0;
    described->has_vcpus = inventory->vcpus > 0;
    for (size_t i = 0; inventory->has_drives && i < described->drives.count; i++) {
        struct drive_row *drive = &described->drives.items[i];

        /* QEMU lists no disk that another program serves, and nobody knows what the user
         * attaches by `arguments`. */
        drive->asked =
            vm->drives[i]->iface && !maqet_drive_is_opened_by_helper(vm->drives[i]);
        drive->attached = maqet_strings_has(&inventory->drives, drive->name);
    }
}

/* ---- the network ---- */

/* "ssh -p 2222 -i KEY debian@127.0.0.1" for the port that leads to the guest's, as the key
 * `ssh` of the definition names them. */
static void
find_ssh(const struct maqet_vm *vm, struct described *described)
{
    json_object *login = json_object_object_get(vm->definition->tree, "ssh");
    const char *user = maqet_tree_text(login, "user"),
               *key = maqet_tree_text(login, "key");
    const char *written = maqet_tree_text(login, "port");
    unsigned long wanted = written ? strtoul(written, NULL, 10) : 22;
    _cleanup_free_ char *quoted = key ? maqet_shell_quoted(key) : NULL;

    for (size_t i = 0; i < described->ports.count && !described->ssh; i++) {
        const struct maqet_forward *port = &described->ports.items[i];
        bool is_any = strcmp(port->address, "0.0.0.0") == 0;

        if (port->guest_port == wanted && port->host_port > 0 &&
            strcmp(port->protocol, "tcp") == 0)
            described->ssh =
                maqet_format("ssh -p %u %s%s%s%s%s%s", port->host_port, key ? "-i " : "",
                             key ? quoted : "", key ? " " : "", user ? user : "",
                             user ? "@" : "", is_any ? "127.0.0.1" : port->address);
    }
}

/* Those that QEMU really has, if it was just asked for other things, too; else those of the
 * definition. */
static void
read_ports(struct maqet_opened *machine, const struct maqet_network *network,
           struct described *described)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_forwards *ports = &described->ports;

    if (described->inventory.has_drives && maqet_ports_ask(machine, ports, &error) == 0)
        return;
    if (error)
        maqet_context_say_error(machine->context, MAQET_LEVEL_WARNING, error);
    for (size_t i = 0; i < network->ports.count; i++)
        maqet_fields_copy(&maqet_forward_fields, &network->ports.items[i],
                          MAQET_APPEND(ports->items, ports->count), NULL);
}

static void
read_network(struct maqet_opened *machine, const struct maqet_vm *vm,
             struct described *described)
{
    _cleanup_network_ struct maqet_network network = {0};
    bool has = maqet_devices_have_network(vm, &network);
    const char *interface = network.type == MAQET_NETWORK_TAP      ? network.interface
                            : network.type == MAQET_NETWORK_BRIDGE ? network.bridge
                                                                   : NULL;

    if (has || (network.given && network.type == MAQET_NETWORK_NONE))
        described->network = maqet_network_type_name(network.type);
    described->network_interface = has ? maqet_strdup(interface) : NULL;
    if (has || described->vm.runs)
        read_ports(machine, &network, described);
    find_ssh(vm, described);
}

/* ---- all of it ---- */

void
described_read(struct maqet_opened *machine, const struct maqet_state *state,
               struct described *described)
{
    const struct maqet_context *context = machine->context;
    const char *name = machine->name;
    _cleanup_error_ struct maqet_error *damage = NULL, *error = NULL;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, name, &damage);
    const struct maqet_vm *vm = maqet_opened_vm(machine, &error);

    if (!definition)
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The definition of VM '%s' cannot be read: %s", name,
                          damage->message);
    else
        maqet_added_changed(&definition->added, &described->changed_files);
    described->uuid = maqet_strdup(definition ? definition->uuid : NULL);
    described->autostart = maqet_autostart_is_on(name);
    if (state->pid > 0)
        maqet_sandbox_describe(context, name, state->pid, &described->confinement);
    if (!vm) {
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The drives of '%s' cannot be shown: %s", name, error->message);
        return;
    }
    drives_inspect(vm, machine->run.pid > 0, &described->drives);
    read_inventory(machine, vm, state, described);
    read_network(machine, vm, described);
    maqet_monitor_leave(machine);
}
