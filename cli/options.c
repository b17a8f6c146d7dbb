/* SPDX-License-Identifier: MIT */
#include "cli/command.h"
#include "cli/output.h"

const struct command_option global_options[] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "table",
     .choice = format_name,
     .help = "how results are written: as a table for people, as json or yaml, or plain: "
             "values separated by tabs"},
    {.name = "verbose",
     .letter = 'v',
     .help = "tell more of what is being done; may be repeated"},
    {.name = "quiet", .letter = 'q', .help = "tell results and errors only"},
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where virtual machines are kept"},
    {.name = "runtime-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where sockets, locks and logs of running virtual machines are kept"},
    {.name = "lock-timeout",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .fallback = "30",
     .help = "how long to wait for another maqet that works on the same virtual machine"},
    {.name = "help", .letter = 'h', .help = "show this help"},
    {.name = "version", .help = "show the version"},

    /* For the build and the shell completion. */
    {.name = "dump-man"},
    {.name = "dump-json-reference"},
    {.name = "list-commands"},
    {.name = "complete"},
    {0},
};
