/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/described.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "core/base/printable.h"
#include "core/machine/opened.h"
#include "core/machine/panic.h"
#include "core/machine/store.h"

/* ---- cells ---- */

static char *
state_text(const void *row)
{
    return shown_state_text(&((const struct described *)row)->vm);
}

static enum shade
state_shade(const void *row)
{
    return shown_state_shade(&((const struct described *)row)->vm);
}

/* "2.0GB; QEMU occupies 512.0MB" */
static char *
memory_text(const void *row)
{
    const struct described *described = row;
    _cleanup_free_ char *occupied = maqet_text_bytes(described->vm.memory);
    _cleanup_free_ char *given = maqet_text_bytes(described->inventory.memory);

    return described->vm.runs ? maqet_format("%s; QEMU occupies %s", given, occupied)
                              : TAKE_PTR(given);
}

/* "3.0% now, 12.5% since it was started" */
static char *
cpu_text(const void *row)
{
    const struct shown *vm = &((const struct described *)row)->vm;

    return vm->usage.has_cpu ? maqet_format("%.1f%% now, %.1f%% since it was started",
                                            vm->usage.cpu, vm->cpu)
                             : maqet_format("%.1f%% since it was started", vm->cpu);
}

/* Two rates, as "1.5MiB/s read, 0B/s written". */
static char *
rates_text(uint64_t first, const char *does, uint64_t second, const char *also)
{
    _cleanup_free_ char *one = maqet_text_bytes(first);
    _cleanup_free_ char *other = maqet_text_bytes(second);

    return maqet_format("%s/s %s, %s/s %s", one, does, other, also);
}

static char *
disk_text(const void *row)
{
    const struct maqet_usage *usage = &((const struct described *)row)->vm.usage;

    return rates_text(usage->read, "read", usage->written, "written");
}

static char *
network_text(const void *row)
{
    const struct maqet_usage *usage = &((const struct described *)row)->vm.usage;

    return rates_text(usage->received, "received", usage->sent, "sent");
}

/* "landlock, seccomp, user qemu" */
static char *
confinement_text(const void *row)
{
    const struct maqet_confined *confined = &((const struct described *)row)->confinement;

    return maqet_format("%s%suser %s", confined->has_landlock ? "landlock, " : "",
                        confined->seccomp ? "seccomp, " : "",
                        confined->user ? confined->user : "unknown");
}

/* ---- the text ---- */

#define COLUMNS_WITH(ports)                                                              \
    "name uuid status pid machine vcpus guest_memory network " ports                     \
    "ssh cpu disk_rate network_rate uptime confinement autostart"
#define MACHINE_COLUMNS COLUMNS_WITH("")
/* Each drive's line begins with the word "storage", for grep. */
#define DRIVE_COLUMNS                                                                    \
    "=storage name type interface media virtual_size allocated_size file"
#define OTHER_COLUMNS "=other name format readonly virtual_size file"

static char *
autostart_text(const void *row)
{
    return maqet_strdup(((const struct described *)row)->autostart ? "on" : "off");
}

/* "tap, tap0" */
static char *
network_type_text(const void *row)
{
    const struct described *described = row;
    const char *interface = described->network_interface;

    return maqet_format("%s%s%s", described->network, interface ? ", " : "",
                        interface ? interface : "");
}

/* "127.0.0.1:2222 -> 22, udp 0.0.0.0:5353 -> 53" */
static char *
ports_text(const void *row)
{
    const struct described *described = row;
    _cleanup_strings_ struct maqet_strings ports = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < described->ports.count; i++) {
        const struct maqet_forward *port = &described->ports.items[i];
        _cleanup_free_ char *text = maqet_forward_text(port);
        const char *shown = maqet_text_starts(text, "tcp ") ? text + 4 : text;

        maqet_strings_addf(&ports, "%s -> %u", shown, port->guest_port);
    }
    return maqet_strings_join(&ports, ", ");
}

static const struct cell cells[] = {{"status", state_text, state_shade},
                                    {"guest_memory", memory_text, NULL},
                                    {"cpu", cpu_text, NULL},
                                    {"disk_rate", disk_text, NULL},
                                    {"network_rate", network_text, NULL},
                                    {"confinement", confinement_text, NULL},
                                    {"autostart", autostart_text, NULL},
                                    {"network", network_type_text, NULL},
                                    {"ports", ports_text, NULL},
                                    {0}};
static const struct table machine_table = {&described_fields, MACHINE_COLUMNS, cells};
static const struct table machine_with_ports = {&described_fields, COLUMNS_WITH("ports "),
                                                cells};
static const struct table drive_table = {&inspected_drive_fields, DRIVE_COLUMNS, NULL};
/* A fault is a sentence, for which the other table has no room. */
static const struct table fault_table = {&inspected_drive_fields, "=fault name fault",
                                         NULL};
static const struct table other_table = {&maqet_other_drive_fields, OTHER_COLUMNS, NULL};

/* The drives that have a fault; "" if none has. */
static char *
faults_text(const struct drive_rows *drives)
{
    _cleanup_free_ struct drive_row *faulty =
        maqet_alloc(drives->count * sizeof(*faulty) + 1);
    size_t count = 0;

    for (size_t i = 0; i < drives->count; i++)
        if (drives->items[i].fault)
            faulty[count++] = drives->items[i];
    _cleanup_free_ char *table = table_text(&fault_table, faulty, count);
    return count > 0 ? maqet_format("\n%s", table) : maqet_strdup("");
}

/* The drives that QEMU does not have although it was started with them. */
static void
append_detached(struct maqet_text *text, const struct drive_rows *drives)
{
    for (size_t i = 0; i < drives->count; i++)
        if (drives->items[i].asked && !drives->items[i].attached)
            maqet_text_appendf(text, "\nQEMU does not have the drive '%s'.\n",
                               drives->items[i].name);
}

/* A line for each text, after a title. */
static void
append_lines(struct maqet_text *text, const char *title,
             const struct maqet_strings *lines)
{
    if (lines->count > 0)
        maqet_text_appendf(text, "\n%s%s%s\n", shade_begin(SHADE_BOLD), title,
                           shade_end(SHADE_BOLD));
    for (size_t i = 0; i < lines->count; i++)
        maqet_text_appendf(text, "  %s\n", lines->items[i]);
}

static char *
text(const void *row)
{
    const struct described *described = row;
    const struct maqet_inventory *inventory = &described->inventory;
    _cleanup_free_ char *machine = table_fields(
        described->ports.count > 0 ? &machine_with_ports : &machine_table, row);
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, machine);
    append_lines(&text, "Changed since it was started; the next start uses it:",
                 &described->vm.pending);
    append_lines(
        &text, "Changed since it was added, and not applied:", &described->changed_files);
    if (described->drives.count > 0) {
        _cleanup_free_ char *drives =
            table_text(&drive_table, described->drives.items, described->drives.count);
        _cleanup_free_ char *faults = faults_text(&described->drives);

        maqet_text_appendf(&text, "\n%s%s", drives, faults);
        append_detached(&text, &described->drives);
    }
    if (inventory->other_count > 0) {
        _cleanup_free_ char *others =
            table_text(&other_table, inventory->others, inventory->other_count);

        maqet_text_appendf(&text, "\n%s", others);
    }
    return maqet_text_take(&text);
}

/* ---- for scripts ---- */

static void
append_plain(struct maqet_text *text, const struct table *table, const void *row)
{
    _cleanup_free_ char *line = table_plain(table, row);

    maqet_text_append(text, line);
}

static void
append_plain_texts(struct maqet_text *text, const char *word,
                   const struct maqet_strings *values)
{
    for (size_t i = 0; i < values->count; i++) {
        _cleanup_free_ char *value =
            maqet_text_reversible(values->items[i], strlen(values->items[i]));

        maqet_text_appendf(text, "%s\t%s\n", word, value);
    }
}

/* "status<tab>running" for each field, and the drives' lines. */
static char *
plain(const void *row)
{
    static const struct table lines[] = {
        {&described_fields, "=name name", NULL},
        {&described_fields, "=uuid uuid", NULL},
        {&described_fields, "=status status", NULL},
        {&described_fields, "=pid pid", NULL},
        {&described_fields, "=memory memory", NULL},
        {&described_fields, "=cpu cpu", NULL},
        {&described_fields, "=uptime uptime", NULL},
        {&described_fields, "=machine machine", NULL},
        {&described_fields, "=vcpus vcpus", NULL},
        {&described_fields, "=guest_memory guest_memory", NULL},
        {&described_fields, "=cpu_now cpu_now", NULL},
        {&described_fields, "=read_rate read_rate", NULL},
        {&described_fields, "=write_rate write_rate", NULL},
        {&described_fields, "=receive_rate receive_rate", NULL},
        {&described_fields, "=send_rate send_rate", NULL},
        {&described_fields, "=autostart autostart", NULL},
        {&described_fields, "=network network network_interface", NULL},
        {&described_fields, "=ssh ssh", NULL},
    };
    static const struct table port_table = {
        &maqet_forward_fields, "=port protocol address host_port guest_port", NULL};
    static const struct table drive = {&inspected_drive_fields, DRIVE_COLUMNS " fault",
                                       NULL};
    const struct described *described = row;
    _cleanup_free_ char *confined =
        described->vm.runs ? confinement_text(row) : maqet_strdup("");
    _cleanup_free_ char *confinement = maqet_text_reversible(confined, strlen(confined));
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        append_plain(&text, &lines[i], row);
    maqet_text_appendf(&text, "confinement\t%s\n", confinement);
    append_plain_texts(&text, "pending", &described->vm.pending);
    append_plain_texts(&text, "changed_file", &described->changed_files);
    for (size_t i = 0; i < described->drives.count; i++)
        append_plain(&text, &drive, &described->drives.items[i]);
    for (size_t i = 0; i < described->ports.count; i++)
        append_plain(&text, &port_table, &described->ports.items[i]);
    for (size_t i = 0; i < described->inventory.other_count; i++)
        append_plain(&text, &other_table, &described->inventory.others[i]);
    return maqet_text_take(&text);
}

static const struct view view = {
    .table = {.fields = &described_fields, .columns = MACHINE_COLUMNS},
    .text = text,
    .plain = plain,
    .remark = "A list of such objects if several VMs are "
              "selected, by names, a pattern or --all."};

/* ---- the command ---- */

/* What a person should know besides the state. */
static void
warn(const struct maqet_context *context, const char *name,
     const struct maqet_state *state)
{
    _cleanup_error_ struct maqet_error *notice =
        state->status == MAQET_STATUS_CRASHED    ? maqet_crash_notice(context, name)
        : state->status == MAQET_STATUS_PANICKED ? maqet_panic_notice(context, name)
                                                 : NULL;

    shown_warn(context, name, state);
    if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
}

/* @list: it is one of a list. */
static int
show(struct invocation *invocation, const struct maqet_state_row *row,
     const struct maqet_usage *usage, bool list, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_opened_ struct maqet_opened *machine =
        row->error ? NULL : maqet_open(context, row->name, 0, err);
    struct described described = {.vm = shown_of(row->name, &row->state, usage)};

    if (!machine)
        return row->error ? maqet_error_copy(err, row->error) : -1;
    described_read(machine, &row->state, &described);
    warn(context, row->name, &row->state);
    if (list)
        output_row(&invocation->output, &view, &described);
    else
        output_result(&invocation->output, &view, &described);
    described_clear(&described);
    return 0;
}

/* Shows the VMs of these names, which are looked at together. */
static int
show_all(struct invocation *invocation, const struct maqet_strings *names, bool list)
{
    _cleanup_free_ struct maqet_state_row *rows =
        maqet_alloc((names->count + 1) * sizeof(*rows));
    _cleanup_free_ struct maqet_usage *usages =
        maqet_alloc((names->count + 1) * sizeof(*usages));

    for (size_t i = 0; i < names->count; i++)
        rows[i].name = names->items[i];
    maqet_states_read(&invocation->context, rows, names->count, true);
    maqet_usage_read(rows, names->count, usages);
    for (size_t i = 0; i < names->count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (i > 0 && invocation->output.format == FORMAT_TABLE)
            output_text("\n");
        if (show(invocation, &rows[i], &usages[i], list, &error) < 0)
            invocation_show_error(invocation, error);
        maqet_error_free(rows[i].error);
        maqet_state_clear(&rows[i].state);
    }
    return invocation->exit_code;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    bool one = machines_is_one(invocation);

    if (one) {
        char *name =
            maqet_store_resolve(&invocation->context, invocation->operands.items[0], err);

        if (!name)
            return -1;
        maqet_strings_take(&names, name);
    } else {
        machines_select(invocation, &names);
    }
    if (names.count == 0 && invocation->exit_code == 0)
        output_list(&invocation->output, &view, NULL, 0);
    return show_all(invocation, &names, !one);
}

const struct command command_status = {
    .name = "status",
    .related = "config doctor events logs",
    .endable = true,
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Show the state of VMs and their storage",
    .description =
        "If the VM runs, this is what its QEMU really has, whatever its definition "
        "says: machine type, processors, memory, and the drives. A disk that is not in "
        "the definition, because it comes from `arguments` or was added through the "
        "monitor, is listed as 'other'. The keys of the definition that have changed "
        "since the VM was started are listed, and so are the YAML files that have "
        "changed since they were added: 'maqet diff' shows how, 'maqet apply' stores "
        "them.\n"
        "CPU, disk and network are those of now, measured for a tenth of a second: see "
        "'maqet ls'.\n"
        "SIZE is what the guest sees, ALLOCATED what the image occupies on the host. "
        "Neither is known before the first start has created the image. FAULT says why "
        "a drive cannot be used now, for example because a folder or a key file is "
        "missing; it is shown only for such drives. Commands that do not need the "
        "drive work nevertheless. " PATTERNS,
    .options = {OPTION_ALL_VMS_ROW},
    .examples = {{"maqet status myvm", "Show everything about one VM"},
                 {"maqet status myvm | grep storage", "Show only its drives"}},
    .view = &view,
    .run = run,
};
