/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/states.h"
#include "core/machine/store.h"

struct listed {
    struct state_part state;
    const char *name;
};

static const struct maqet_fields fields =
    MAQET_FIELDS_OF(struct listed, MAQET_ROW(struct listed, name, "the VM's name"),
                    STATE_ROWS(struct listed, state));

static const struct cell cells[] = {{"status", state_text, state_shade}, {0}};
static const struct view view = {
    .table = {&fields, "name status pid memory cpu uptime", cells},
    .empty = "No VMs found.\n",
    .each = "VM",
};

/* Whether QEMU must be asked for that status; NULL: any. */
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

static void
warn(const struct maqet_context *context, const struct maqet_state_row *row)
{
    _cleanup_error_ struct maqet_error *notice =
        row->error ? NULL : maqet_state_notice(row->name, &row->state);

    if (row->error)
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", row->error->message);
    else if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
}

static bool
is_wanted(const struct maqet_state_row *row, const char *status)
{
    return !status ||
           (!row->error && strcmp(maqet_status_name(row->state.status), status) == 0);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    const char *status = invocation_text(invocation, "status");

    if (maqet_store_list(context, &names, err) < 0)
        return -1;

    _cleanup_free_ struct maqet_state_row *states =
        maqet_alloc((names.count + 1) * sizeof(*states));
    for (size_t i = 0; i < names.count; i++)
        states[i].name = names.items[i];
    maqet_states_read(context, states, names.count, is_asked_for(status));

    _cleanup_free_ struct listed *all = maqet_alloc((names.count + 1) * sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; i < names.count; i++) {
        warn(context, &states[i]);
        if (!is_wanted(&states[i], status))
            continue;
        /* A machine that can't be looked at doesn't keep the others from being listed. */
        if (!states[i].error)
            all[count].state = state_part_of(&states[i].state);
        all[count++].name = states[i].name;
    }
    output_list(&invocation->output, &view, all, count);
    for (size_t i = 0; i < names.count; i++) {
        maqet_error_free(states[i].error);
        maqet_state_clear(&states[i].state);
    }
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
        "time; none is asked if --status names a status that is known without asking.",
    .options = {{"status", 's', .type = OPTION_CHOICE, .argument = "STATUS",
                 .choice = maqet_status_name, .help = "list only VMs with this status"}},
    .examples = {{"maqet ls", "List all"},
                 {"maqet ls --status running --format plain | cut -f 1",
                  "The names of running VMs, for a script"}},
    .view = &view,
    .run = run,
};
