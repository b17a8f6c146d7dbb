/* SPDX-License-Identifier: MIT */
/*
 * usage.h - what machines use now: processor, disks and network, from two samples of all of
 * them.
 *
 * The processor is that of QEMU's process. Disks are what the guest reads and writes, by
 * QEMU's own counters, so a drive that another program serves is not included. QEMU counts
 * nothing for the network of its user mode; the host counts for TAP devices.
 */
#ifndef MAQET_MACHINE_USAGE_H
#define MAQET_MACHINE_USAGE_H

#include "core/machine/state.h"

/* ms between two samples, if nobody wants to wait longer. */
#define MAQET_USAGE_INTERVAL INT64_C(100)

/* The counters of a machine at one time, by maqet_now_exact(). */
struct maqet_usage_counters {
    bool has_cpu, has_disk, has_network;
    double cpu_at, disk_at, network_at;
    uint64_t cpu;            /* ns */
    uint64_t read, written;  /* bytes */
    uint64_t received, sent; /* bytes, as the guest sees it */
};

/* Per second, between two times. */
struct maqet_usage {
    bool has_cpu, has_disk, has_network;
    double cpu;              /* percent of one processor */
    uint64_t read, written;  /* bytes */
    uint64_t received, sent; /* bytes */
};

/* Reads the counters of several machines, whose states maqet_states_read() has read, into as
 * many structs. Those that do not run have none, and a QEMU that did not answer then is not
 * asked. */
void maqet_usage_sample(const struct maqet_state_row *rows, size_t count,
                        struct maqet_usage_counters *counters);

/* What was used between two samples. What is only in one of them is not known. */
struct maqet_usage maqet_usage_between(const struct maqet_usage_counters *before,
                                       const struct maqet_usage_counters *after);

/* Takes two samples, and fills as many structs. Waits only if a machine runs. */
void maqet_usage_read(const struct maqet_state_row *rows, size_t count,
                      struct maqet_usage *usages);

#endif
