/* SPDX-License-Identifier: MIT */
/*
 * checkpoint_files.h - what a checkpoint has besides the snapshots of its drives, in the folder
 * checkpoints/ beside the machine's definition: NAME.state, the guest's memory and
 * devices as QEMU wrote them, and NAME.json, which tells what they belong to. The second
 * one is written last: where it is, the checkpoint is complete.
 */
#ifndef MAQET_MACHINE_CHECKPOINT_FILES_H
#define MAQET_MACHINE_CHECKPOINT_FILES_H

#include "core/machine/slots.h"
#include "core/storage/snapshots.h"

/* What NAME.json says, with what is found by reading it. Texts that are not known are
 * NULL: a former maqet wrote less. */
struct maqet_checkpoint {
    char *name; /* found */

    /* The machine that was saved, and that it fits. */
    char *machine; /* QEMU's machine type */
    char *qemu;    /* its version, as a text and as a number */
    int version;
    char *program; /* which file it was (maqet_file_mark) */
    struct maqet_strings arguments;
    struct maqet_strings drives;
    struct maqet_slots slots;
    struct maqet_strings flash; /* files of flash and persistent memory, and of a TPM */
    uint64_t memory;            /* of the guest, in bytes */
    bool has_memory;            /* that is known */

    /* How it was saved. */
    char *method;
    char *compression; /* NULL: the file is not compressed */
    bool mapped;       /* each page of memory has its place in it */
    double pause;      /* ms for which the guest did not run */
    int64_t date;      /* s since 1970 */

    /* NAME.state */
    int64_t size; /* its length in bytes */
    bool has_size;
    char *checksum;
    int64_t allocated; /* found: the bytes that it takes on the disk */
    bool is_there;     /* found */

    /* The snapshots of its drives, where they are recorded. */
    bool has_snapshots;
    struct maqet_checkpoint_snapshot {
        char *drive;
        char *image; /* for people: it may be moved; NULL: it lies elsewhere */
        struct maqet_snapshot snapshot; /* its id and date */
    } * snapshots;
    size_t snapshot_count;
};

void maqet_checkpoint_clear(struct maqet_checkpoint *about);

#define _cleanup_checkpoint_ _cleanup_(maqet_checkpoint_clear)

/* Records which snapshot of a drive belongs to it. */
void maqet_checkpoint_add_snapshot(struct maqet_checkpoint *about,
                                   const struct maqet_drive *drive,
                                   const struct maqet_snapshot *snapshot);

/* That snapshot; NULL: it is not recorded. */
const struct maqet_snapshot *
maqet_checkpoint_snapshot(const struct maqet_checkpoint *about, const char *drive);

/* A new file, under a temporary name, for its owner alone: a descriptor, or -1. */
int maqet_state_file_create(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Gives it its name, with its description, once it has reached the disk. @about gets its
 * size, checksum and allocated size. */
int maqet_state_file_publish(const struct maqet_context *context, const char *vm,
                             const char *name, int fd, struct maqet_checkpoint *about,
                             struct maqet_error **err);

/*
 * Opens it for reading, unpacked: a descriptor, or -1. One that is not as it was written,
 * by its length and its checksum, is an error. *verified tells which file has been found
 * to be so (maqet_file_mark), and saves reading it a second time: NULL, or what an
 * earlier call has left there. The caller frees.
 */
int maqet_state_file_open(const struct maqet_context *context, const char *vm,
                          const char *name, const struct maqet_checkpoint *about,
                          char **verified, struct maqet_error **err);

/* Removes all that there is of it, complete or not. */
int maqet_state_file_remove(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Whether there is a checkpoint of that name. */
bool maqet_state_file_exists(const struct maqet_context *context, const char *vm,
                             const char *name);

/* Reads a checkpoint's description. MAQET_ERROR_MISSING: with those that there are. */
int maqet_state_file_about(const struct maqet_context *context, const char *vm,
                           const char *name, struct maqet_checkpoint *about,
                           struct maqet_error **err);

/* The names of all checkpoints that have a file with the suffix: ".json", or ".state". */
int maqet_state_file_list(const struct maqet_context *context, const char *vm,
                          const char *suffix, struct maqet_strings *names,
                          struct maqet_error **err);

#endif
