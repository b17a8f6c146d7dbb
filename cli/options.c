/* SPDX-License-Identifier: MIT */
#include "cli/command.h"
#include "cli/output.h"

const struct command_option global_options[] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     .argument = "FORMAT",
     .fallback = "table",
     .choice = format_name,
     .help = "the format of results: table (for people), json, yaml, or plain (values "
             "separated by tabs)"},
    {.name = "verbose", .letter = 'v', .help = "print more messages; may be repeated"},
    {.name = "quiet", .letter = 'q', .help = "print only results and errors"},
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where definitions of VMs are stored"},
    {.name = "runtime-dir",
     .type = OPTION_TEXT,
     .argument = "DIR",
     .help = "where sockets, locks and logs of running VMs are stored"},
    {.name = "lock-timeout",
     .type = OPTION_SECONDS,
     .argument = "SECONDS",
     .fallback = "30",
     .help = "how long to wait for another maqet process that is working on the same "
             "VM"},
    {.name = "help", .letter = 'h', .help = "show this help"},
    {.name = "version", .help = "show the version"},

    /* For the build and the shell completion. */
    {.name = "dump-man"},
    {.name = "dump-json-reference"},
    {.name = "list-commands"},
    {.name = "complete"},
    {0},
};
