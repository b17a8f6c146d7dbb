/* SPDX-License-Identifier: MIT */
/*
 * states.h - what a machine is doing, as a part of a result.
 */
#ifndef MAQET_CLI_STATES_H
#define MAQET_CLI_STATES_H

#include "cli/table.h"
#include "core/machine/state.h"

/* The first member of a struct that has a state; what it points to is the state's. All zero
 * where the machine could not be looked at. */
struct state_part {
    bool known, runs, asked, responds, lost;
    const char *status;
    const char *reason;
    struct maqet_full full;
    int pid;
    uint64_t memory;
    double cpu;
    uint64_t uptime;
};

extern const struct maqet_fields full_drive_fields;

/* All that a status may be; NULL after the last one. */
const char *state_word(unsigned index);

#define STATE_ROWS(of, part)                                                             \
    {"status", MAQET_FIELD_CHOICE(of, part.status, state_word), .optional = true,        \
     .help = "what the VM is doing; null if it cannot be inspected"},                    \
        {"reason", MAQET_FIELD(of, part.reason), .optional = true,                       \
         .help = "why QEMU has paused it; null if a person has, or it is not paused"},   \
        {"full",                                                                         \
         MAQET_FIELD_LIST(of, part.full.items, part.full.count, &full_drive_fields),     \
         .known = MAQET_KNOWN(of, part.known),                                           \
         .help = "the drives for which the host has no room"},                           \
        {"pid", MAQET_FIELD(of, part.pid), .known = MAQET_KNOWN(of, part.runs),          \
         .help = "QEMU's process ID; null if it does not run"},                          \
        {"memory", MAQET_FIELD(of, part.memory), .known = MAQET_KNOWN(of, part.runs),    \
         .unit = MAQET_UNIT_BYTES, .help = "what QEMU occupies"},                        \
        {"cpu", MAQET_FIELD(of, part.cpu), .known = MAQET_KNOWN(of, part.runs),          \
         .unit = MAQET_UNIT_PERCENT,                                                     \
         .help = "QEMU's share of one processor since it was started"},                  \
        {"uptime", MAQET_FIELD(of, part.uptime), .known = MAQET_KNOWN(of, part.runs),    \
         .unit = MAQET_UNIT_SECONDS, .help = "how long QEMU has been running"},          \
        {"responds", MAQET_FIELD(of, part.responds),                                     \
         .known = MAQET_KNOWN(of, part.asked),                                           \
         .help = "whether QEMU answers; null if it was not asked"},                      \
    {                                                                                    \
        "runtime_folder_lost", MAQET_FIELD(of, part.lost),                               \
            .known = MAQET_KNOWN(of, part.runs),                                         \
            .help = "whether its runtime folder is gone, so that it can only be stopped" \
    }

struct state_part state_part_of(const struct maqet_state *state);

/* The cell of a status, in a row that begins with the state: "paused (disk full)". */
char *state_text(const void *row);
enum shade state_shade(const void *row);

#endif
