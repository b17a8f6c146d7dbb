/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "cli/invocation.h"
#include "cli/machines.h"
#include "cli/shown.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/machine/store.h"

/* ---- what is shown ---- */

struct used {
    struct shown vm;
};

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct used, {"name", MAQET_FIELD(struct used, vm.name), .help = "the VM's name"},
    SHOWN_ROWS(struct used, vm));

static char *
state_text(const void *row)
{
    return shown_state_text(row);
}

static enum shade
state_shade(const void *row)
{
    return shown_state_shade(row);
}

static const struct cell cells[] = {{"status", state_text, state_shade}, {0}};
static const struct view view = {
    .table = {&fields,
              "name status cpu_now memory read_rate write_rate receive_rate send_rate",
              cells},
    .empty = "No VM is running.\n",
    .each = "VM that runs",
};

/* ---- one look ---- */

/* The VMs, and the counters of the last look, by their names. */
struct top {
    const struct maqet_context *context;
    struct maqet_strings wanted; /* of these; none: all */
    struct maqet_state_row *rows;
    struct maqet_usage_counters *counters;
    struct maqet_strings names;
};

static void
top_clear_look(struct top *top)
{
    for (size_t i = 0; i < top->names.count; i++) {
        maqet_error_free(top->rows[i].error);
        maqet_state_clear(&top->rows[i].state);
    }
    free(top->rows);
    free(top->counters);
    maqet_strings_clear(&top->names);
    top->rows = NULL;
    top->counters = NULL;
}

static void
top_clear(struct top *top)
{
    top_clear_look(top);
    maqet_strings_clear(&top->wanted);
}

/* Looks at all VMs, and reads their counters. */
static int
look(struct top *top, struct maqet_error **err)
{
    if (top->wanted.count > 0)
        maqet_strings_add_all(&top->names, &top->wanted);
    else if (maqet_store_list(top->context, &top->names, err) < 0)
        return -1;
    top->rows = maqet_alloc((top->names.count + 1) * sizeof(*top->rows));
    top->counters = maqet_alloc((top->names.count + 1) * sizeof(*top->counters));
    for (size_t i = 0; i < top->names.count; i++)
        top->rows[i].name = top->names.items[i];
    maqet_states_read(top->context, top->rows, top->names.count, true);
    maqet_usage_sample(top->rows, top->names.count, top->counters);
    return 0;
}

static const struct maqet_usage_counters *
counters_of(const struct top *top, const char *name, int pid)
{
    static const struct maqet_usage_counters none;

    for (size_t i = 0; i < top->names.count; i++)
        if (strcmp(top->names.items[i], name) == 0 && top->rows[i].state.pid == pid)
            return &top->counters[i];
    return &none;
}

static int
compare_used(const void *one, const void *other)
{
    double first = ((const struct used *)one)->vm.usage.cpu;
    double second = ((const struct used *)other)->vm.usage.cpu;

    return first < second ? 1 : first > second ? -1 : 0;
}

/* Those that run, the busiest first, with what they have used since the look @before. The
 * caller frees. */
static struct used *
used_between(const struct top *before, const struct top *now, size_t *count)
{
    struct used *used = maqet_alloc((now->names.count + 1) * sizeof(*used));

    *count = 0;
    for (size_t i = 0; i < now->names.count; i++) {
        const struct maqet_state *state = &now->rows[i].state;

        if (now->rows[i].error || state->pid <= 0)
            continue;
        struct maqet_usage usage = maqet_usage_between(
            counters_of(before, now->names.items[i], state->pid), &now->counters[i]);
        used[(*count)++].vm = shown_of(now->names.items[i], state, &usage);
    }
    qsort(used, *count, sizeof(*used), compare_used);
    return used;
}

/* Takes the second look, which becomes the first one of the next time. */
static struct used *
look_again(struct top *top, struct top *before, size_t *count, struct maqet_error **err)
{
    top_clear_look(before);
    before->rows = TAKE_PTR(top->rows);
    before->counters = TAKE_PTR(top->counters);
    before->names = top->names;
    top->names = MAQET_STRINGS_INIT;
    return look(top, err) < 0 ? NULL : used_between(before, top, count);
}

/* ---- a screen ---- */

/* Whether to go on: nobody has pressed q or Ctrl-C, or told us to end, within @timeout ms. */
static bool
goes_on(int signals, int64_t timeout)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);
    struct pollfd fds[] = {{.fd = signals, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};

    for (;;) {
        int ready = poll(fds, 2, (int)maqet_deadline_left(deadline));
        char key;

        if (ready == 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready < 0)
            continue;
        if (fds[0].revents)
            return false;
        if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')
            return false;
    }
}

static void
draw(const struct used *used, size_t count)
{
    _cleanup_free_ char *table =
        count > 0 ? table_text(&view.table, used, count) : maqet_strdup(view.empty);
    _cleanup_free_ char *text = maqet_format("%s\nq: quit\n", table);

    terminal_screen_draw(text);
}

/* Messages would disturb the screen. */
static void
say_nothing(void *data, enum maqet_level level, const char *message)
{
    (void)data;
    (void)level;
    (void)message;
}

static int
refresh(struct top *top, struct top *before, int64_t interval, int signals,
        struct maqet_error **err)
{
    int64_t wait = MAQET_USAGE_INTERVAL;

    for (; goes_on(signals, wait); wait = interval) {
        size_t count;
        _cleanup_free_ struct used *used = look_again(top, before, &count, err);

        if (!used)
            return -1;
        draw(used, count);
    }
    return 0;
}

/* ---- the command ---- */

static int
show_once(struct invocation *invocation, struct top *top, struct top *before,
          struct maqet_error **err)
{
    size_t count;

    maqet_sleep(MAQET_USAGE_INTERVAL);
    _cleanup_free_ struct used *used = look_again(top, before, &count, err);
    if (!used)
        return -1;
    output_list(&invocation->output, &view, used, count);
    return invocation->exit_code;
}

static int
show_always(struct invocation *invocation, struct top *top, struct top *before,
            struct maqet_error **err)
{
    struct maqet_context quiet = invocation->context;
    int64_t interval = invocation_milliseconds(invocation, "interval");
    sigset_t mask;
    _cleanup_close_ int signals = maqet_signals_hold(&mask);

    if (signals < 0)
        return maqet_error_errno(err, errno, "Cannot wait for signals");
    if (!terminal_screen_begin()) {
        sigprocmask(SIG_SETMASK, &mask, NULL);
        return show_once(invocation, top, before, err);
    }
    quiet.message = say_nothing;
    top->context = before->context = &quiet;
    int result = refresh(top, before, interval < 100 ? 100 : interval, signals, err);
    terminal_screen_end();
    /* Those that have asked us to end are not needed any more. */
    for (char buffer[1024]; read(signals, buffer, sizeof(buffer)) > 0;)
        continue;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    top->context = before->context = &invocation->context;
    return result;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_(top_clear) struct top top = {.context = &invocation->context};
    _cleanup_(top_clear) struct top before = {.context = &invocation->context};
    bool once =
        invocation_has(invocation, "once") || invocation->output.format != FORMAT_TABLE;

    if (invocation->operands.count > 0)
        machines_select(invocation, &top.wanted);
    if (invocation->operands.count > 0 && top.wanted.count == 0)
        return invocation->exit_code;
    if (look(&top, err) < 0)
        return -1;
    return once ? show_once(invocation, &top, &before, err)
                : show_always(invocation, &top, &before, err);
}

const struct command command_top = {
    .name = "top",
    .related = "ls",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_VM | OPERAND_OPTIONAL | OPERAND_REPEATED},
    .only_running = true,
    .summary = "Show what running VMs use now",
    .description =
        "The busiest VM comes first. On a terminal, the list is refreshed until you "
        "press q or Ctrl-C; otherwise, and with --once or another --format, it is "
        "printed once. CPU is QEMU's share of one processor, so a guest with several can "
        "use more than 100%. 'maqet ls --help' explains what the columns count and what "
        "they leave out.",
    .options = {{"once", '1', .help = "print the list once"},
                {"interval", 'n', .type = OPTION_SECONDS, .argument = "SECONDS",
                 .fallback = "2", .help = "the time between two refreshes"}},
    .examples = {{"maqet top", "Watch all running VMs"},
                 {"maqet top --once web db", "What two VMs use now"}},
    .view = &view,
    .run = run,
};
