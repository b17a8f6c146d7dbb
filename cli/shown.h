/* SPDX-License-Identifier: MIT */
/*
 * shown.h - a VM as ls, status and top show it: its state, and what it uses now.
 */
#ifndef MAQET_CLI_SHOWN_H
#define MAQET_CLI_SHOWN_H

#include "cli/table.h"
#include "core/machine/state.h"
#include "core/machine/usage.h"

/* What its state consists of is all zero if it cannot be inspected; texts and lists belong
 * to struct maqet_state. */
struct shown {
    const char *name;
    bool known, runs, asked, responds, runtime_folder_lost;
    const char *status;
    const char *reason;
    struct maqet_full full;
    int pid;
    uint64_t memory;
    double cpu;
    uint64_t uptime;
    struct maqet_usage usage;
    uint64_t disk_rate, network_rate;
    struct maqet_strings pending;
};

/* Rows of a struct in which a struct shown is the member @shown; and all statuses. */
extern const struct maqet_fields shown_full_drive_fields;
const char *shown_status_word(unsigned index);

#define SHOWN_KNOWN(of, shown, member) .known = MAQET_KNOWN(of, shown.member)
#define SHOWN_ROW(of, shown, member, text, ...)                                          \
    {                                                                                    \
        .key = #member, MAQET_FIELD(of, shown.member), .help = text, __VA_ARGS__         \
    }
#define SHOWN_RATE(name, of, shown, member, which, heading, text)                        \
    {                                                                                    \
        .key = name, MAQET_FIELD(of, shown.member), .title = heading, .help = text,      \
        .unit = MAQET_UNIT_BYTES_PER_SECOND, SHOWN_KNOWN(of, shown, usage.which)         \
    }
#define SHOWN_ROWS(of, shown)                                                            \
    {"status", MAQET_FIELD_CHOICE(of, shown.status, shown_status_word),                  \
     .optional = true, .help = "what the VM is doing; null if it cannot be inspected"},  \
        SHOWN_ROW(of, shown, reason,                                                     \
                  "why it is paused; null if a person has paused it, or it is not "      \
                  "paused",                                                              \
                  .optional = true),                                                     \
        {"full",                                                                         \
         MAQET_FIELD_LIST(of, shown.full.items, shown.full.count,                        \
                          &shown_full_drive_fields),                                     \
         SHOWN_KNOWN(of, shown, known),                                                  \
         .help = "the drives for which the host has no room"},                           \
        SHOWN_ROW(of, shown, pid, "QEMU's process ID; null if it does not run",          \
                  SHOWN_KNOWN(of, shown, runs)),                                         \
        SHOWN_ROW(of, shown, memory, "what QEMU occupies", .unit = MAQET_UNIT_BYTES,     \
                  SHOWN_KNOWN(of, shown, runs)),                                         \
        SHOWN_ROW(of, shown, cpu, "QEMU's share of one processor since it was started",  \
                  .unit = MAQET_UNIT_PERCENT, SHOWN_KNOWN(of, shown, runs)),             \
        {"cpu_now",                                                                      \
         MAQET_FIELD(of, shown.usage.cpu),                                               \
         .unit = MAQET_UNIT_PERCENT,                                                     \
         .title = "CPU",                                                                 \
         SHOWN_KNOWN(of, shown, usage.has_cpu),                                          \
         .help = "QEMU's share of one processor now"},                                   \
        SHOWN_RATE("disk_rate", of, shown, disk_rate, has_disk, "DISK/S",                \
                   "what the guest reads from its drives and writes to them now"),       \
        SHOWN_RATE("read_rate", of, shown, usage.read, has_disk, "READ/S",               \
                   "what it reads"),                                                     \
        SHOWN_RATE("write_rate", of, shown, usage.written, has_disk, "WRITE/S",          \
                   "what it writes"),                                                    \
        SHOWN_RATE("network_rate", of, shown, network_rate, has_network, "NET/S",        \
                   "what the guest receives and sends now through TAP devices; null if " \
                   "it has none"),                                                       \
        SHOWN_RATE("receive_rate", of, shown, usage.received, has_network, "IN/S",       \
                   "what it receives"),                                                  \
        SHOWN_RATE("send_rate", of, shown, usage.sent, has_network, "OUT/S",             \
                   "what it sends"),                                                     \
        SHOWN_ROW(of, shown, uptime, "how long QEMU has been running",                   \
                  .unit = MAQET_UNIT_SECONDS, SHOWN_KNOWN(of, shown, runs)),             \
        SHOWN_ROW(of, shown, responds, "whether QEMU answers; null if it was not asked", \
                  SHOWN_KNOWN(of, shown, asked)),                                        \
        SHOWN_ROW(of, shown, runtime_folder_lost,                                        \
                  "whether its runtime folder is gone, so that it can only be stopped",  \
                  SHOWN_KNOWN(of, shown, runs)),                                         \
        SHOWN_ROW(of, shown, pending,                                                    \
                  "the keys of its definition that have changed since it was started, "  \
                  "so that its next start changes them",                                 \
                  SHOWN_KNOWN(of, shown, runs))

/* @usage may be NULL. */
struct shown shown_of(const char *name, const struct maqet_state *state,
                      const struct maqet_usage *usage);

/* "paused (disk full)". The caller frees. */
char *shown_state_text(const struct shown *shown);
enum shade shown_state_shade(const struct shown *shown);

/* Warns of what a person should know of a VM's state. */
void shown_warn(const struct maqet_context *context, const char *name,
                const struct maqet_state *state);

#endif
