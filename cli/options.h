/* SPDX-License-Identifier: MIT */
/*
 * options.h - rows that stand in the option tables of several commands.
 */
#ifndef MAQET_CLI_OPTIONS_H
#define MAQET_CLI_OPTIONS_H

#include "cli/command.h"

/* Of commands that read YAML files. */
#define OPTION_NAME_ROW                                                                  \
    {                                                                                    \
        .name = "name", .type = OPTION_TEXT, .argument = "NAME",                         \
        .help = "its name, in place of what the files say"                               \
    }
#define OPTION_SET_ROW                                                                   \
    {                                                                                    \
        .name = "set", .type = OPTION_TEXT, .argument = "KEY=VALUE",                     \
        .help = "set a key after the files were merged, such as memory=2G, "             \
                "storage.hdd.size=40G or arguments.smp=4; may be repeated"               \
    }

/* Of start and restart. */
#define OPTION_WAIT_ROW                                                                  \
    {                                                                                    \
        .name = "wait", .letter = 'w', .type = OPTION_SECONDS, .argument = "SECONDS",    \
        .fallback = "30",                                                                \
        .help = "how long QEMU may take to answer all that it is asked"                  \
    }

/* Of start and restart: what could hide the loss of data, and so has to be asked for. */
#define OPTION_CREATE_MISSING_ROW                                                        \
    {                                                                                    \
        .name = "create-missing",                                                        \
        .help = "create new, empty images in the place of those that were there before " \
                "and are missing"                                                        \
    }
#define OPTION_ACCEPT_BASE_ROW                                                           \
    {                                                                                    \
        .name = "accept-base",                                                           \
        .help = "start although a backing file has changed, and take it as it is now"    \
    }

/* Of stop and restart. */
#define OPTION_TIMEOUT_ROW                                                               \
    {                                                                                    \
        .name = "timeout", .letter = 't', .type = OPTION_SECONDS, .argument = "SECONDS", \
        .fallback = "30", .help = "how long the guest may take to power off"             \
    }
#define OPTION_FORCE_STOP_ROW                                                            \
    {                                                                                    \
        .name = "force", .letter = 'f', .type = OPTION_SWITCH,                           \
        .help = "kill QEMU when the guest has not powered off in time"                   \
    }

#endif
