/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#include "cli/invocation.h"
#include "cli/terminal.h"
#include "core/base/logfile.h"
#include "core/base/procfs.h"
#include "core/base/unstyled.h"
#include "core/config/parse.h"
#include "core/machine/keeper.h"
#include "core/machine/opened.h"
#include "core/machine/store.h"

enum { CHUNK = 65536, LINES_MAX = 1000000 };

/* ms between two looks at a log that is followed. */
static const int64_t INTERVAL = 100;

/* What is shown. */
struct shown {
    struct invocation *invocation;
    struct maqet_logfile log;
    uint64_t position;
    bool plain; /* for a terminal: as lines of text */
    struct maqet_unstyled unstyled;
};

/* Shows what is in the log and was not shown yet. */
static void
show_rest(struct shown *shown)
{
    _cleanup_free_ char *chunk = maqet_alloc(CHUNK);
    size_t count;

    maqet_logfile_refresh(&shown->log);
    while ((count = maqet_logfile_read(&shown->log, &shown->position, chunk, CHUNK)) >
           0) {
        _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;

        if (!shown->plain) {
            output_bytes(chunk, count);
            continue;
        }
        maqet_unstyled_add(&shown->unstyled, chunk, count, &text);
        if (text.data)
            output_text(text.data);
    }
}

/* Shows what is added until QEMU ends. */
static void
follow(struct shown *shown, const struct maqet_opened *machine)
{
    bool ended = machine->run.pid == 0;

    while (!ended) {
        ended = maqet_pidfd_wait(machine->run.pidfd, INTERVAL);
        if (ended)
            maqet_keeper_settle(machine->run.dir_fd);
        show_rest(shown);
    }
}

/* Moves on to the last lines; a line that is not finished counts. */
static void
skip_to_last(struct shown *shown, size_t lines)
{
    _cleanup_free_ uint64_t *begins = maqet_alloc((lines + 1) * sizeof(*begins));
    _cleanup_free_ char *chunk = maqet_alloc(CHUNK);
    uint64_t position = 0;
    size_t count, number = 0;
    bool begun = false;

    while ((count = maqet_logfile_read(&shown->log, &position, chunk, CHUNK)) > 0)
        for (size_t i = 0; i < count; i++) {
            if (!begun)
                begins[number++ % (lines + 1)] = position - count + i;
            begun = chunk[i] != '\n';
        }
    if (lines == 0)
        shown->position = position;
    else if (number > lines)
        shown->position = begins[(number - lines) % (lines + 1)];
}

/* Opens the guest's log, or QEMU's. */
static int
open_log(const struct maqet_opened *machine, bool qemu, struct maqet_logfile *log,
         struct maqet_error **err)
{
    _cleanup_free_ char *own = maqet_store_file(machine->context, machine->name, ".");
    const char *folder = qemu ? machine->run.folder : own;
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd >= 0 &&
        maqet_logfile_open_reader(dir_fd, qemu ? MAQET_RUN_LOG : MAQET_CONSOLE_LOG, log,
                                  err) < 0)
        return -1;
    if (dir_fd >= 0 && log->newer >= 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    qemu ? "VM '%s' has no log of QEMU's: it has not been started in the "
                           "background"
                         : "VM '%s' has no log of its console",
                    machine->name);
    if (!qemu)
        maqet_error_hint(err, "There is one from the next start on, if its YAML file has "
                              "`serial: console` and no serial port in `arguments`");
    return -1;
}

static int
read_lines(const struct invocation *invocation, int64_t *lines, struct maqet_error **err)
{
    const char *text = invocation_text(invocation, "lines");

    *lines = -1;
    if (!text || (maqet_parse_int(text, lines) && *lines >= 0 && *lines <= LINES_MAX))
        return 0;
    return usage_error(invocation, err, "--lines takes a number from 0 to %d, not '%s'",
                       LINES_MAX, text);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct shown shown = {.invocation = invocation, .log = MAQET_LOGFILE_INIT};
    bool qemu = invocation_has(invocation, "qemu");
    int64_t lines;

    if (read_lines(invocation, &lines, err) < 0)
        return -1;
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, invocation->operands.items[0], 0, err);
    if (!machine)
        return -1;
    if (machine->run.pid == 0)
        maqet_keeper_settle(machine->run.dir_fd);
    if (open_log(machine, qemu, &shown.log, err) == 0) {
        shown.plain = isatty(STDOUT_FILENO) && !invocation_has(invocation, "raw");
        if (lines >= 0)
            skip_to_last(&shown, (size_t)lines);
        show_rest(&shown);
        if (invocation_has(invocation, "follow"))
            follow(&shown, machine);
    }
    maqet_logfile_clear(&shown.log);
    return err && *err ? -1 : 0;
}

const struct command command_logs = {
    .name = "logs",
    .related = "events",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_VM},
    .summary = "Show what a guest has written to its serial console",
    .description =
        "Shows the log of the guest's serial console, from the boot loader on. It "
        "survives the end of the VM, the loading of snapshots and checkpoints, and "
        "restarts; a line marks each start. Of a guest that writes a lot, the last 16 to "
        "32 MiB are kept.\nOn a terminal the log is shown as lines of text, without "
        "colours and other control sequences. Elsewhere, and with --raw, it is written "
        "unchanged, whatever --format says.",
    .options = {{"follow", 'f',
                 .help = "wait for more, and show it, until the VM has ended"},
                {"lines", 'n', .type = OPTION_TEXT, .argument = "NUMBER",
                 .help = "begin with the last NUMBER lines"},
                {"qemu", .help = "show what QEMU itself has written since its last start "
                                 "in the background"},
                {"raw", .help = "write the log unchanged, even to a terminal"}},
    .examples = {{"maqet logs myvm", "See how the guest boots"},
                 {"maqet logs myvm --follow --lines 20", "Watch the guest"},
                 {"maqet logs myvm --qemu", "See the messages of QEMU"}},
    .run = run,
};
