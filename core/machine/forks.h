/* SPDX-License-Identifier: MIT */
/*
 * forks.h - of which checkpoint a machine is a fork, in fork.json in its folder.
 */
#ifndef MAQET_MACHINE_FORKS_H
#define MAQET_MACHINE_FORKS_H

#include "core/machine/vm.h"

struct maqet_fork_record {
    char *source; /* the UUID of the machine whose checkpoint it is */
    char *checkpoint;
    bool discard; /* the fork is removed when it has ended */
    /* Its drives without an image of their own: its guest sees the source's, and what it writes is
     * discarded. */
    struct maqet_strings shown;
};

void maqet_fork_record_clear(struct maqet_fork_record *record);

#define _cleanup_fork_record_ _cleanup_(maqet_fork_record_clear)

/* Writes it to a folder that is about to become a machine's. */
int maqet_fork_record_write(const struct maqet_fork_record *record, const char *folder,
                            struct maqet_error **err);

/* Reads that of a machine. False: it is no fork. */
bool maqet_fork_record_read(const struct maqet_context *context, const char *name,
                            struct maqet_fork_record *record);

/* Gives the drives of a fork that runs and have no image of their own a fault, by which commands
 * refuse to work on them. Nothing, if the machine is no such fork. */
void maqet_fork_mark_shown(struct maqet_vm *vm);

/* MAQET_ERROR_BUSY if a program beside the QEMU of another machine has the image of a drive open, and reads
 * a snapshot there that this machine's checkpoints do not protect: whose other machine has the
 * same image, such as a copy of its source. Before a snapshot is deleted while QEMU runs. */
int maqet_forks_check_readers(const struct maqet_vm *vm, const struct maqet_drive *drive,
                              struct maqet_error **err);

/* Whether a machine is removed when it has ended. */
bool maqet_fork_is_discarded(const struct maqet_context *context, const char *name);

/* Notes that we use a machine, by its folder, that is removed when it has ended, until the descriptor is closed or
 * we end, whether its QEMU runs or not. -1 and errno. */
int maqet_fork_hold(const char *folder);

/* Whether a process has noted that. */
bool maqet_fork_is_held(const struct maqet_context *context, const char *name);

/* Adds the names of the machines that are removed when they have ended, and are forks of the
 * machine with this UUID. */
void maqet_forks_discarded(const struct maqet_context *context, const char *source,
                           struct maqet_strings *forks);

/* Adds the names of the forks of a machine's checkpoint (NULL: of any), also those in other data
 * folders that the machine's images name, with their folder. */
int maqet_forks_find(const struct maqet_vm *vm, const char *checkpoint,
                     struct maqet_strings *forks, struct maqet_error **err);

/* Sorts the names of machines so that each comes after its forks. */
void maqet_forks_put_first(const struct maqet_context *context,
                           struct maqet_strings *names);

#endif
