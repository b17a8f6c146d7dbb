/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/drives.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "cli/shown.h"
#include "core/base/printable.h"
#include "core/machine/autostart.h"
#include "core/machine/inventory.h"
#include "core/machine/monitor.h"
#include "core/machine/opened.h"
#include "core/machine/panic.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/store.h"

/* Texts and lists belong to others. */
struct described {
    struct shown vm;
    const char *uuid;
    bool autostart;
    struct maqet_confined confinement;
    struct drive_rows drives;
    struct maqet_inventory inventory;
    bool has_vcpus, has_memory;
    struct maqet_strings changed_files;
};

static const struct maqet_fields confined_fields = MAQET_FIELDS_OF(
    struct maqet_confined,
    MAQET_ROW(struct maqet_confined, landlock,
              "the version of Landlock that confines it; null if none does",
              .known = MAQET_KNOWN(struct maqet_confined, has_landlock)),
    MAQET_ROW(struct maqet_confined, seccomp, "whether its system calls are filtered"),
    MAQET_ROW(struct maqet_confined, user,
              "the user it runs as; null if that user has no name", .optional = true));

static const struct maqet_fields fields = MAQET_FIELDS_OF(
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

#define MACHINE_COLUMNS                                                                  \
    "name uuid status pid machine vcpus guest_memory cpu disk_rate network_rate uptime " \
    "confinement autostart"
/* Each drive's line begins with the word "storage", for grep. */
#define DRIVE_COLUMNS                                                                    \
    "=storage name type interface media virtual_size allocated_size file"
#define OTHER_COLUMNS "=other name format readonly virtual_size file"

static char *
autostart_text(const void *row)
{
    return maqet_strdup(((const struct described *)row)->autostart ? "on" : "off");
}

static const struct cell cells[] = {{"status", state_text, state_shade},
                                    {"guest_memory", memory_text, NULL},
                                    {"cpu", cpu_text, NULL},
                                    {"disk_rate", disk_text, NULL},
                                    {"network_rate", network_text, NULL},
                                    {"confinement", confinement_text, NULL},
                                    {"autostart", autostart_text, NULL},
                                    {0}};
static const struct table machine_table = {&fields, MACHINE_COLUMNS, cells};
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
    _cleanup_free_ char *machine = table_fields(&machine_table, row);
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
        {&fields, "=name name", NULL},
        {&fields, "=uuid uuid", NULL},
        {&fields, "=status status", NULL},
        {&fields, "=pid pid", NULL},
        {&fields, "=memory memory", NULL},
        {&fields, "=cpu cpu", NULL},
        {&fields, "=uptime uptime", NULL},
        {&fields, "=machine machine", NULL},
        {&fields, "=vcpus vcpus", NULL},
        {&fields, "=guest_memory guest_memory", NULL},
        {&fields, "=cpu_now cpu_now", NULL},
        {&fields, "=read_rate read_rate", NULL},
        {&fields, "=write_rate write_rate", NULL},
        {&fields, "=receive_rate receive_rate", NULL},
        {&fields, "=send_rate send_rate", NULL},
        {&fields, "=autostart autostart", NULL},
    };
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
    for (size_t i = 0; i < described->inventory.other_count; i++)
        append_plain(&text, &other_table, &described->inventory.others[i]);
    return maqet_text_take(&text);
}

static const struct view view = {.table = {.fields = &fields, .columns = MACHINE_COLUMNS},
                                 .text = text,
                                 .plain = plain,
                                 .remark = "A list of such objects if several VMs are "
                                           "selected, by names, a pattern or --all."};

/* ---- the command ---- */

static void
described_clear(struct described *described)
{
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
    maqet_monitor_leave(machine);
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

static void
read_drives(struct maqet_opened *machine, const struct maqet_state *state,
            struct described *described)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_vm *vm = maqet_opened_vm(machine, &error);

    if (!vm) {
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "The drives of '%s' cannot be shown: %s", machine->name,
                          error->message);
        return;
    }
    drives_inspect(vm, machine->run.pid > 0, &described->drives);
    read_inventory(machine, vm, state, described);
}

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
    const struct maqet_state *state = &row->state;
    _cleanup_error_ struct maqet_error *damage = NULL;
    _cleanup_opened_ struct maqet_opened *machine =
        row->error ? NULL : maqet_open(context, row->name, 0, err);

    if (!machine)
        return row->error ? maqet_error_copy(err, row->error) : -1;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, row->name, &damage);
    struct described described = {.vm = shown_of(row->name, state, usage),
                                  .uuid = definition ? definition->uuid : NULL,
                                  .autostart = maqet_autostart_is_on(row->name)};
    if (!definition)
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The definition of VM '%s' cannot be read: %s", row->name,
                          damage->message);
    else
        maqet_added_changed(&definition->added, &described.changed_files);
    warn(context, row->name, state);
    if (state->pid > 0)
        maqet_sandbox_describe(context, row->name, state->pid, &described.confinement);
    read_drives(machine, state, &described);
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
