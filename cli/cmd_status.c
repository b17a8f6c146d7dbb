/* SPDX-License-Identifier: MIT */
/* maqet ls and maqet status. */
#include <string.h>

#include "cli/drives.h"
#include "cli/machines.h"
#include "cli/options.h"
#include "core/base/printable.h"
#include "core/machine/opened.h"
#include "core/machine/sandbox_rules.h"
#include "core/machine/state.h"
#include "core/machine/store.h"

/* ---- the state of a VM ---- */

/* A VM as both commands show it. What its state consists of is all zero if it cannot be
 * inspected; texts and lists belong to struct maqet_state. */
struct shown {
    const char *name;
    bool known, runs, asked, responds, runtime_folder_lost;
    const char *status;
    const char *reason;
    struct maqet_full full;
    int pid;
    uint64_t memory;
    double cpu;
    uint64_t uptime;
    /* Of status only. */
    const char *uuid;
    struct maqet_confined confinement;
    struct drive_rows drives;
};

static const struct maqet_fields full_drive_fields = MAQET_FIELDS_OF(
    struct maqet_full_drive,
    MAQET_ROW(struct maqet_full_drive, drive,
              "its name; of a disk in `arguments`, QEMU's name for it"),
    MAQET_ROW(struct maqet_full_drive, file,
              "its image; null if it lies in no file of this host", .optional = true),
    MAQET_ROW(struct maqet_full_drive, file_system,
              "where the file system of the image is mounted", .optional = true),
    MAQET_ROW(struct maqet_full_drive, free, "what may still be written there",
              .known = MAQET_KNOWN(struct maqet_full_drive, measured),
              .unit = MAQET_UNIT_BYTES));

/* All statuses. */
static const char *
state_word(unsigned index)
{
    static const struct maqet_state lost = {.status = MAQET_STATUS_RUNNING, .lost = true};

    return index == MAQET_STATUS_UNRESPONSIVE + 1 ? maqet_state_text(&lost)
                                                  : maqet_status_name(index);
}

#define IF_RUNNING .known = MAQET_KNOWN(struct shown, runs)
#define STATE_ROWS                                                                       \
    {"status", MAQET_FIELD_CHOICE(struct shown, status, state_word), .optional = true,   \
     .help = "what the VM is doing; null if it cannot be inspected"},                    \
        MAQET_ROW(struct shown, reason,                                                  \
                  "why QEMU has paused it; null if a person has, or it is not paused",   \
                  .optional = true),                                                     \
        {"full",                                                                         \
         MAQET_FIELD_LIST(struct shown, full.items, full.count, &full_drive_fields),     \
         .known = MAQET_KNOWN(struct shown, known),                                      \
         .help = "the drives for which the host has no room"},                           \
        MAQET_ROW(struct shown, pid, "QEMU's process ID; null if it does not run",       \
                  IF_RUNNING),                                                           \
        MAQET_ROW(struct shown, memory, "what QEMU occupies", .unit = MAQET_UNIT_BYTES,  \
                  IF_RUNNING),                                                           \
        MAQET_ROW(struct shown, cpu,                                                     \
                  "QEMU's share of one processor since it was started",                  \
                  .unit = MAQET_UNIT_PERCENT, IF_RUNNING),                               \
        MAQET_ROW(struct shown, uptime, "how long QEMU has been running",                \
                  .unit = MAQET_UNIT_SECONDS, IF_RUNNING),                               \
        MAQET_ROW(struct shown, responds,                                                \
                  "whether QEMU answers; null if it was not asked",                      \
                  .known = MAQET_KNOWN(struct shown, asked)),                            \
        MAQET_ROW(struct shown, runtime_folder_lost,                                     \
                  "whether its runtime folder is gone, so that it can only be stopped",  \
                  IF_RUNNING)

static struct shown
shown_of(const char *name, const struct maqet_state *state)
{
    return (struct shown){
        .name = name,
        .known = true,
        .runs = state->pid > 0,
        .asked = state->response == MAQET_RESPONSE_GIVEN ||
                 state->response == MAQET_RESPONSE_MISSING,
        .responds = state->response == MAQET_RESPONSE_GIVEN,
        .runtime_folder_lost = state->lost,
        .status = maqet_state_text(state),
        .reason = maqet_pause_name(state->pause),
        .full = state->full,
        .pid = state->pid,
        .memory = state->memory,
        .cpu = state->cpu,
        .uptime = (uint64_t)state->uptime / 1000,
    };
}

/* "paused (disk full)" */
static char *
state_text(const void *row)
{
    const struct shown *shown = row;

    return shown->reason ? maqet_format("%s (%s)", shown->status, shown->reason)
                         : maqet_strdup(shown->status);
}

static enum shade
state_shade(const void *row)
{
    static const struct {
        enum maqet_status status;
        enum shade shade;
    } shades[] = {
        {MAQET_STATUS_RUNNING, SHADE_GREEN},
        {MAQET_STATUS_PAUSED, SHADE_YELLOW},
        {MAQET_STATUS_CRASHED, SHADE_RED},
        {MAQET_STATUS_UNRESPONSIVE, SHADE_RED},
    };
    const struct shown *shown = row;

    if (shown->reason)
        return SHADE_RED;
    for (size_t i = 0; shown->status && i < sizeof(shades) / sizeof(*shades); i++)
        if (strcmp(shown->status, maqet_status_name(shades[i].status)) == 0)
            return shades[i].shade;
    return SHADE_NONE;
}

static void
warn_of_state(const struct maqet_context *context, const char *name,
              const struct maqet_state *state)
{
    _cleanup_error_ struct maqet_error *notice = maqet_state_notice(name, state);

    if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
}

/* ---- ls ---- */

/* How many VMs are inspected before their lines are written. */
enum { LIST_PART = 256 };

static const struct maqet_fields list_fields = MAQET_FIELDS_OF(
    struct shown, MAQET_ROW(struct shown, name, "the VM's name"), STATE_ROWS);

static const struct cell list_cells[] = {{"status", state_text, state_shade}, {0}};
static const struct view list_view = {
    .table = {&list_fields, "name status pid memory cpu uptime", list_cells},
    .empty = "No VMs found.\n",
    .each = "VM",
};

/* Whether only QEMU knows if a VM has that status. NULL, any status, is one of those. */
static bool
is_asked_for(const char *status)
{
    static const enum maqet_status asked[] = {MAQET_STATUS_RUNNING, MAQET_STATUS_PAUSED,
                                              MAQET_STATUS_UNRESPONSIVE};

    for (size_t i = 0; status && i < sizeof(asked) / sizeof(*asked); i++)
        if (strcmp(status, maqet_status_name(asked[i])) == 0)
            return true;
    return !status;
}

static bool
is_wanted(const struct maqet_state_row *row, const char *status)
{
    return !status ||
           (!row->error && strcmp(maqet_status_name(row->state.status), status) == 0);
}

/* Lists the VMs of those names. */
static void
list(const struct invocation *invocation, char *const *names, size_t name_count)
{
    const struct maqet_context *context = &invocation->context;
    const char *status = invocation_text(invocation, "status");
    _cleanup_free_ struct maqet_state_row *states =
        maqet_alloc((name_count + 1) * sizeof(*states));
    _cleanup_free_ struct shown *all = maqet_alloc((name_count + 1) * sizeof(*all));
    size_t count = 0;

    for (size_t i = 0; i < name_count; i++)
        states[i].name = names[i];
    maqet_states_read(context, states, name_count, is_asked_for(status));
    for (size_t i = 0; i < name_count; i++) {
        const struct maqet_error *error = states[i].error;

        /* A VM that cannot be inspected is listed, too. */
        if (error)
            maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", error->message);
        else
            warn_of_state(context, names[i], &states[i].state);
        if (is_wanted(&states[i], status))
            all[count++] = error ? (struct shown){.name = names[i]}
                                 : shown_of(names[i], &states[i].state);
    }
    output_list(&invocation->output, &list_view, all, count);
    for (size_t i = 0; i < name_count; i++) {
        maqet_error_free(states[i].error);
        maqet_state_clear(&states[i].state);
    }
}

static int
run_list(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    size_t done = 0;

    if (maqet_store_list(&invocation->context, &names, err) < 0)
        return -1;
    /* A script gets the first lines while the others are read. The columns of a table are
     * as wide as all of its rows demand. */
    while (invocation->output.format == FORMAT_PLAIN && names.count - done > LIST_PART) {
        list(invocation, names.items + done, LIST_PART);
        done += LIST_PART;
    }
    list(invocation, names.items + done, names.count - done);
    return 0;
}

const struct command command_ls = {
    .name = "ls",
    .summary = "List VMs",
    .description =
        "MEMORY is what QEMU occupies now, CPU its share of one processor since it was "
        "started. The status is created (never started), running, paused, stopped, "
        "crashed (QEMU ended without cleaning up), or unresponsive (QEMU runs, but did "
        "not answer within a second); a warning then gives the reason, if known, and "
        "says what to do (in JSON, \"responds\" is false). A guest that QEMU paused "
        "because a disk of the host is full is shown as paused (disk full), and a "
        "warning names the drive, its file system and the free space (in JSON, "
        "\"reason\" and \"full\"). \"running, runtime folder lost\" means that the "
        "VM's runtime folder was removed while it ran, for example at the end of a "
        "login session: it can only be stopped. All running VMs are asked at the same "
        "time, with --format plain up to 256 at once; none is asked if --status names a "
        "status that is known without asking.",
    .options = {{"status", 's', .type = OPTION_CHOICE, .argument = "STATUS",
                 .choice = maqet_status_name, .help = "list only VMs with this status"}},
    .examples = {{"maqet ls", "List all"},
                 {"maqet ls --status running --format plain | cut -f 1",
                  "The names of running VMs, for a script"}},
    .view = &list_view,
    .run = run_list,
};

/* ---- status ---- */

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
    STATE_ROWS,
    {"confinement", MAQET_FIELD_OBJECT(struct shown, confinement, &confined_fields),
     IF_RUNNING, .title = "CONFINED",
     .help = "how QEMU is confined; null if it does not run"},
    {"storage",
     MAQET_FIELD_LIST(struct shown, drives.items, drives.count, &inspected_drive_fields),
     .help = "its drives"});

/* "landlock, seccomp, user qemu" */
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
/* A fault is a sentence, for which the other table has no room. */
static const struct table fault_table = {&inspected_drive_fields, "=fault name fault",
                                         NULL};

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
        shown->runs ? confinement_text(row) : maqet_strdup("");
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
                                 .plain = plain,
                                 .remark = "A list of such objects if several VMs are "
                                           "selected, by names, a pattern or --all."};

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

/* @list: it is one of a list. */
static int
show_status(struct invocation *invocation, const char *operand, bool list,
            struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_opened_ struct maqet_opened *machine = maqet_open(context, operand, 0, err);
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
    warn_of_state(context, name, &state);
    if (state.status == MAQET_STATUS_CRASHED) {
        _cleanup_error_ struct maqet_error *crash = maqet_crash_notice(context, name);

        maqet_context_say_error(context, MAQET_LEVEL_WARNING, crash);
    }
    struct shown shown = shown_of(name, &state);
    shown.uuid = definition ? definition->uuid : NULL;
    if (state.pid > 0)
        maqet_sandbox_describe(context, name, state.pid, &shown.confinement);
    read_drives(machine, &shown.drives);
    if (list)
        output_row(&invocation->output, &view, &shown);
    else
        output_result(&invocation->output, &view, &shown);
    maqet_fields_clear(&confined_fields, &shown.confinement);
    maqet_fields_list_free(&inspected_drive_fields, shown.drives.items,
                           shown.drives.count);
    return 0;
}

static int
run_status(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (machines_is_one(invocation))
        return show_status(invocation, invocation->operands.items[0], false, err);
    machines_select(invocation, &names);
    if (names.count == 0 && invocation->exit_code == 0)
        output_list(&invocation->output, &view, NULL, 0);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (i > 0 && invocation->output.format == FORMAT_TABLE)
            output_text("\n");
        if (show_status(invocation, names.items[i], true, &error) < 0)
            invocation_show_error(invocation, error);
    }
    return invocation->exit_code;
}

const struct command command_status = {
    .name = "status",
    .operands = {OPERAND_VM | OPERAND_REPEATED | OPERAND_OR_ALL},
    .summary = "Show the state of VMs and their storage",
    .description =
        "SIZE is what the guest sees, ALLOCATED what the image occupies on the host. "
        "Neither is known before the first start has created the image. FAULT says why "
        "a drive cannot be used now, for example because a folder or a key file is "
        "missing; it is shown only for such drives. Commands that do not need the "
        "drive work nevertheless. " PATTERNS,
    .options = {OPTION_ALL_VMS_ROW},
    .examples = {{"maqet status myvm", "Show everything about one VM"},
                 {"maqet status myvm | grep storage", "Show only its drives"}},
    .view = &view,
    .run = run_status,
};
