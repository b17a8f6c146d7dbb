/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/drives.h"
#include "cli/invocation.h"
#include "cli/states.h"
#include "cli/table.h"
#include "core/base/printable.h"
#include "core/machine/opened.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/store.h"

struct shown {
    struct state_part state;
    const char *name;
    const char *uuid;
    struct maqet_confined confinement;
    struct drive_rows drives;
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
    struct shown, MAQET_ROW(struct shown, name, "the VM's name"),
    MAQET_ROW(struct shown, uuid, "its UUID; null if its definition cannot be read",
              .optional = true),
    STATE_ROWS(struct shown, state),
    {"confinement", MAQET_FIELD_OBJECT(struct shown, confinement, &confined_fields),
     .known = MAQET_KNOWN(struct shown, state.runs), .title = "CONFINED",
     .help = "how QEMU is confined; null if it does not run"},
    {"storage",
     MAQET_FIELD_LIST(struct shown, drives.items, drives.count, &inspected_drive_fields),
     .help = "its drives"});

/* "landlock, seccomp, user qemu": what there is of it. The caller frees. */
static char *
confinement_text(const void *row)
{
    const struct maqet_confined *confined = &((const struct shown *)row)->confinement;

    return maqet_format("%s%suser %s", confined->has_landlock ? "landlock, " : "",
                        confined->seccomp ? "seccomp, " : "",
                        confined->user ? confined->user : "unknown");
}

#define MACHINE_COLUMNS "name uuid status pid memory cpu uptime"
/* Each drive's line begins with the word "storage", for grep. */
#define DRIVE_COLUMNS                                                                    \
    "=storage name type interface media virtual_size allocated_size file"

static const struct cell cells[] = {
    {"status", state_text, state_shade}, {"confinement", confinement_text, NULL}, {0}};
static const struct table machine_table = {&fields, MACHINE_COLUMNS " confinement",
                                           cells};
static const struct table drive_table = {&inspected_drive_fields, DRIVE_COLUMNS, NULL};
/* A fault is a sentence, for which there is no room beside the rest. */
static const struct table fault_table = {&inspected_drive_fields, "=fault name fault",
                                         NULL};

/* Those drives that have a fault, or an empty text. The caller frees. */
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

static char *
text(const void *row)
{
    const struct shown *shown = row;
    _cleanup_free_ char *machine = table_fields(&machine_table, shown);
    _cleanup_free_ char *drives =
        table_text(&drive_table, shown->drives.items, shown->drives.count);
    _cleanup_free_ char *faults = faults_text(&shown->drives);

    return shown->drives.count > 0 ? maqet_format("%s\n%s%s", machine, drives, faults)
                                   : TAKE_PTR(machine);
}

/* "status<tab>running" for each field, and the drives' lines. */
static char *
plain(const void *row)
{
    static const struct table lines[] = {
        {&fields, "=name name", NULL},     {&fields, "=uuid uuid", NULL},
        {&fields, "=status status", NULL}, {&fields, "=pid pid", NULL},
        {&fields, "=memory memory", NULL}, {&fields, "=cpu cpu", NULL},
        {&fields, "=uptime uptime", NULL},
    };
    static const struct table drive = {&inspected_drive_fields, DRIVE_COLUMNS " fault",
                                       NULL};
    const struct shown *shown = row;
    _cleanup_free_ char *confined =
        shown->state.runs ? confinement_text(row) : maqet_strdup("");
    _cleanup_free_ char *confinement = maqet_text_reversible(confined, strlen(confined));
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        _cleanup_free_ char *line = table_plain(&lines[i], row);
        maqet_text_append(&text, line);
    }
    maqet_text_appendf(&text, "confinement\t%s\n", confinement);
    for (size_t i = 0; i < shown->drives.count; i++) {
        _cleanup_free_ char *line = table_plain(&drive, &shown->drives.items[i]);
        maqet_text_append(&text, line);
    }
    return maqet_text_take(&text);
}

static const struct view view = {.table = {.fields = &fields, .columns = MACHINE_COLUMNS},
                                 .text = text,
                                 .plain = plain};

/* The drives. What keeps one from being used is shown with it: the state of a machine can
 * be asked for in any case. */
static void
read_drives(struct maqet_opened *machine, struct drive_rows *drives)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_vm *vm = maqet_opened_vm(machine, &error);

    if (vm)
        drives_inspect(vm, machine->run.pid > 0, drives);
    else
        maqet_context_say(machine->context, MAQET_LEVEL_WARNING,
                          "The drives of '%s' cannot be shown: %s", machine->name,
                          error->message);
}

static void
warn(const struct maqet_context *context, const char *name,
     const struct maqet_state *state)
{
    _cleanup_error_ struct maqet_error *notice = maqet_state_notice(name, state);

    if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
    if (state->status == MAQET_STATUS_CRASHED) {
        _cleanup_error_ struct maqet_error *crash = maqet_crash_notice(context, name);
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, crash);
    }
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(context, invocation->operands.items[0], 0, err);
    const char *name = machine ? machine->name : NULL;
    _cleanup_definition_ struct maqet_definition *definition = NULL;
    _cleanup_error_ struct maqet_error *damage = NULL;
    _cleanup_state_ struct maqet_state state = {0};

    if (!name || maqet_state_read(context, name, &state, err) < 0)
        return -1;
    definition = maqet_store_load(context, name, &damage);
    if (!definition)
        maqet_context_say(context, MAQET_LEVEL_WARNING,
                          "The definition of VM '%s' cannot be read: %s", name,
                          damage->message);
    warn(context, name, &state);
    struct shown shown = {.state = state_part_of(&state),
                          .name = name,
                          .uuid = definition ? definition->uuid : NULL};
    if (state.pid > 0)
        maqet_sandbox_describe(context, name, state.pid, &shown.confinement);
    read_drives(machine, &shown.drives);
    output_result(&invocation->output, &view, &shown);
    maqet_fields_clear(&confined_fields, &shown.confinement);
    maqet_fields_list_free(&inspected_drive_fields, shown.drives.items,
                           shown.drives.count);
    return 0;
}

const struct command command_status = {
    .name = "status",
    .operands = {OPERAND_VM},
    .summary = "Show the state of a VM and its storage",
    .description =
        "SIZE is what the guest sees, ALLOCATED what the image occupies on the host. "
        "Neither is known before the first start has created the image. FAULT says why "
        "a drive cannot be used now, for example because a folder or a key file is "
        "missing; it is shown only for such drives. Commands that do not need the "
        "drive work nevertheless.",
    .examples = {{"maqet status myvm", "Show everything about one VM"},
                 {"maqet status myvm | grep storage", "Show only its drives"}},
    .view = &view,
    .run = run,
};
