/* SPDX-License-Identifier: MIT */
/*
 * options.h - rows that are in the option tables of several commands.
 */
#ifndef MAQET_CLI_OPTIONS_H
#define MAQET_CLI_OPTIONS_H

#include "cli/command.h"
#include "core/qemu/migration_save.h"

#define OPTION_ROW(...)                                                                  \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }

/* Of commands that read YAML files. */
#define OPTION_NAME_ROW                                                                  \
    OPTION_ROW("name", .type = OPTION_TEXT, .argument = "NAME",                          \
               .help = "use this name instead of the one in the files")
#define OPTION_SET_ROW                                                                   \
    OPTION_ROW("set", .type = OPTION_TEXT, .argument = "KEY=VALUE",                      \
               .help = "set a key after the files were merged, such as memory=2G, "      \
                       "storage.hdd.size=40G or arguments.smp=4; may be repeated")

/* Of commands that do the same for several VMs; and a sentence of their descriptions. */
#define OPTION_ALL_VMS_ROW OPTION_ROW("all", 'a', .help = "all VMs, instead of VM")
#define PATTERNS                                                                           \
    "VM can also be a pattern in quotes, such as 'web*' or 'db[12]' (see glob(7)), which " \
    "selects all VMs whose names match; a pattern that no name matches is an error."

/* Of commands that talk to QEMU. */
#define OPTION_WAIT_ROW                                                                  \
    OPTION_ROW("wait", 'w', .type = OPTION_SECONDS, .argument = "SECONDS",               \
               .fallback = "30", .help = "how long QEMU may take to answer, in total")

/* Of start and restart: what could hide a loss of data, and so must be requested. */
#define OPTION_CREATE_MISSING_ROW                                                        \
    OPTION_ROW("create-missing",                                                         \
               .help = "replace images that existed before and are missing now with "    \
                       "new, empty ones")
#define OPTION_ACCEPT_BASE_ROW                                                           \
    OPTION_ROW("accept-base",                                                            \
               .help = "start although a backing file has changed, and accept it as it " \
                       "is now")

/* Of stop and restart. */
#define OPTION_TIMEOUT_ROW                                                               \
    OPTION_ROW("timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",            \
               .fallback = "30", .help = "how long the guest may take to power off")
#define OPTION_FORCE_STOP_ROW                                                            \
    OPTION_ROW("force", 'f', .help = "kill QEMU if the guest does not power off in time")

/* Of commands that create a checkpoint. */
#define OPTION_METHOD_ROW                                                                \
    OPTION_ROW("method", .type = OPTION_CHOICE, .argument = "METHOD",                    \
               .fallback = "auto", .choice = maqet_migration_method_name,                \
               .help =                                                                   \
                   "how memory is saved: background, precopy or stop; auto uses the "    \
                   "one with the shortest pause that works and is safe")
#define OPTION_LIMIT_ROW                                                                 \
    OPTION_ROW("limit", .type = OPTION_SECONDS, .argument = "SECONDS", .fallback = "30", \
               .help = "how long precopy may take before it is cut short")
#define OPTION_COMPRESS_STATE_ROW                                                        \
    OPTION_ROW("compress", .help = "compress the saved memory")
#define OPTION_READ_ROW                                                                  \
    OPTION_ROW("read", .help = "read the memory of a checkpoint instead of mapping it, " \
                               "which takes longer the more it is")

#endif
