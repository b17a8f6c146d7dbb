/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "cli/shown.h"
#include "core/machine/store.h"

/* How many VMs are inspected before their lines are written. */
enum { LIST_PART = 256 };

/* A VM of the list. */
struct listed {
    struct shown vm;
};

static const struct maqet_fields list_fields = MAQET_FIELDS_OF(
    struct listed, {"name", MAQET_FIELD(struct listed, vm.name), .help = "the VM's name"},
    SHOWN_ROWS(struct listed, vm));

/* "running *" if the next start changes something. */
static char *
state_text(const void *row)
{
    const struct shown *shown = row;
    _cleanup_free_ char *text = shown_state_text(shown);

    return maqet_format("%s%s", text, shown->pending.count > 0 ? " *" : "");
}

static enum shade
state_shade(const void *row)
{
    return shown_state_shade(row);
}

/* The table for people, and what its mark means. */
static char *
list_text(const void *rows, size_t count)
{
    static const struct cell cells[] = {{"status", state_text, state_shade}, {0}};
    static const struct table table = {
        &list_fields, "name status pid memory cpu_now disk_rate network_rate uptime",
        cells};
    const struct listed *listed = rows;
    _cleanup_free_ char *text = table_text(&table, rows, count);

    for (size_t i = 0; i < count; i++)
        if (listed[i].vm.pending.count > 0)
            return maqet_format(
                "%s* Its definition has changed since it was started; see: "
                "maqet status VM\n",
                text);
    return TAKE_PTR(text);
}

static const struct view list_view = {
    .table = {&list_fields,
              "name status pid memory cpu uptime cpu_now read_rate write_rate "
              "receive_rate send_rate pending",
              NULL},
    .list_text = list_text,
    .empty = "No VMs found.\n",
    .each = "VM",
};

/* Whether only QEMU knows if a VM has that status. NULL, any status, is one of those. */
static bool
is_asked_for(const char *status)
{
    static const enum maqet_status asked[] = {MAQET_STATUS_RUNNING, MAQET_STATUS_PAUSED,
                                              MAQET_STATUS_PANICKED,
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
    _cleanup_free_ struct maqet_usage *usages =
        maqet_alloc((name_count + 1) * sizeof(*usages));
    _cleanup_free_ struct listed *all = maqet_alloc((name_count + 1) * sizeof(*all));
    size_t count = 0;

    for (size_t i = 0; i < name_count; i++)
        states[i].name = names[i];
    maqet_states_read(context, states, name_count, is_asked_for(status));
    if (is_asked_for(status))
        maqet_usage_read(states, name_count, usages);
    for (size_t i = 0; i < name_count; i++) {
        const struct maqet_error *error = states[i].error;

        /* A VM that cannot be inspected is listed, too. */
        if (error)
            maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", error->message);
        else
            shown_warn(context, names[i], &states[i].state);
        if (is_wanted(&states[i], status))
            all[count++].vm = error ? (struct shown){.name = names[i]}
                                    : shown_of(names[i], &states[i].state, &usages[i]);
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
    .endable = true,
    .summary = "List VMs",
    .description =
        "MEMORY is what QEMU occupies, CPU its share of one processor, DISK/S what the "
        "guest reads and writes, and NET/S what it receives and sends, all of them now: "
        "measured for a tenth of a second. DISK/S is QEMU's own count, without drives "
        "that another program serves. NET/S is the host's count of TAP devices; for the "
        "network `user`, which nobody counts, it is '-'. The status is created (never started), running, paused, panicked, stopped, "
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
    .related = "status top",
    .options = {{"status", 's', .type = OPTION_CHOICE, .argument = "STATUS",
                 .choice = maqet_status_name, .help = "list only VMs with this status"},
                {"all", 'a',
                 .help = "list VMs whatever their status, which is the "
                         "default"}},
    .examples = {{"maqet ls", "List all"},
                 {"maqet ls --status running --format plain | cut -f 1",
                  "The names of running VMs, for a script"}},
    .view = &list_view,
    .run = run_list,
};
