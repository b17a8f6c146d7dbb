/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/at_cursor.h"
#include "cli/completion.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/invocation.h"
#include "cli/machines.h"
#include "cli/manual.h"
#include "cli/manual_command.h"
#include "cli/reference.h"
#include "cli/related.h"
#include "cli/terminal.h"
#include "cli/welcome.h"
#include "core/base/ending.h"
#include "core/base/interrupt.h"
#include "core/machine/store.h"
#include "core/storage/close.h"

/* If descriptor 0, 1 or 2 is closed, the next file that is opened gets its number, and
 * messages would be written to that file. */
static void
open_standard_streams(void)
{
    int fd;

    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd >= 0)
        close(fd);
}

/* Handles the options that ask about the program itself. Returns whether there is one. */
static bool
answer(const struct invocation *invocation)
{
    if (invocation_has(invocation, "complete"))
        completion_print(invocation);
    else if (invocation_has(invocation, "help"))
        help_print(invocation->commands, invocation->group, invocation->command);
    else if (invocation_has(invocation, "version"))
        help_print_version();
    else if (invocation_has(invocation, "dump-man"))
        manual_print(invocation->commands);
    else if (invocation_has(invocation, "dump-man-command"))
        return manual_print_command(invocation->commands,
                                    invocation_text(invocation, "dump-man-command")) == 0;
    else if (invocation_has(invocation, "dump-man-checks"))
        manual_print_checks(invocation->commands);
    else if (invocation_has(invocation, "dump-man-related"))
        related_print(invocation->commands,
                      invocation_text(invocation, "dump-man-related"));
    else if (invocation_has(invocation, "dump-json-reference"))
        reference_print(invocation->commands);
    else if (invocation_has(invocation, "list-commands"))
        completion_list_commands(invocation->commands);
    else
        return false;
    return true;
}

/* Whatever takes over a second shows that it goes on. */
static void
show_working(const struct invocation *invocation)
{
    const struct command *command = invocation->command;
    const struct maqet_strings *operands = &invocation->operands;
    bool has_terminal = invocation_knows(invocation, "foreground") &&
                        invocation_has(invocation, "foreground"); /* QEMU has it */
    /* The user writes what standard input is to have. */
    bool writes = maqet_strings_has(operands, "-") && isatty(STDIN_FILENO);

    if (command->fills_terminal || has_terminal || writes ||
        invocation->output.loudness == QUIET || invocation->output.format == FORMAT_JSON)
        return;
    _cleanup_free_ char *text = maqet_format(
        "maqet %s%s%s%s%s", invocation->group->name, operands->count > 0 ? " " : "",
        operands->count > 0 ? operands->items[0] : "",
        command != invocation->group ? " " : "",
        command != invocation->group ? command->name : "");
    terminal_working_begin(text);
}

static int
run(struct invocation *invocation, int argc, char **argv, struct maqet_error **err)
{
    struct maqet_error *wrong = NULL;

    invocation_parse(invocation, argc, argv, &wrong);
    if (invocation_has(invocation, "candidates")) {
        maqet_error_free(wrong);
        return at_cursor_print(invocation);
    }
    /* Errors about the command line are in that format, too. */
    invocation->output.format = invocation_choice(invocation, "format", format_name);
    if ((!wrong || invocation->command) && answer(invocation)) {
        maqet_error_free(wrong);
        return 0;
    }
    if (wrong)
        return maqet_error_move(err, wrong);
    if (!invocation->command) {
        if (context_fill(invocation, err) < 0)
            return -1;
        welcome_print(invocation);
        return 0;
    }
    if (operands_check(invocation, err) < 0 || context_fill(invocation, err) < 0 ||
        (!invocation->group->no_machines &&
         maqet_store_check_owner(&invocation->context, err) < 0))
        return -1;
    machines_name(invocation);
    const struct command *command = invocation->command;
    if (command->undoes && maqet_interrupt_catch() < 0)
        return maqet_error_errno(err, errno, "Cannot wait for signals");
    show_working(invocation);
    int exit_code = command->run ? command->run(invocation, err)
                                 : machines_run(invocation, command->run_each);
    terminal_working_end();
    return exit_code;
}

int
main(int argc, char **argv)
{
    _cleanup_(invocation_clear) struct invocation invocation = INVOCATION_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    open_standard_streams();
    /* Files that we and our programs create are private, because an image contains
     * everything that the guest has written. `mode:` is for those who share one. */
    invocation.umask = umask(077);
    /* A write beyond the limit of file sizes is an error to report (EFBIG), not a reason
     * to be killed. Programs that we run get the default back. */
    signal(SIGXFSZ, SIG_IGN);
    /* If our parent ignores it, wait(2) does not report how children ended, and a failure
     * would look like success. */
    signal(SIGCHLD, SIG_DFL);
    /* Only for the widths of characters: numbers and messages are the same in every
     * locale, and output is always UTF-8. If the locale does not exist, "C" remains. */
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    int exit_code = run(&invocation, argc, argv, &error);
    maqet_drives_close();
    if (error) {
        invocation_note_undone(&invocation, error);
        output_error(&invocation.output, error);
        exit_code = invocation.command && invocation.command->failure
                        ? invocation.command->failure
                        : maqet_error_exit_code(error->code);
    }
    exit_code = output_finish(&invocation.output, exit_code);
    maqet_interrupt_end();
    return maqet_ending_settle(exit_code);
}
