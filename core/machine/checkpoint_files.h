/* SPDX-License-Identifier: MIT */
/*
 * checkpoint_files.h - the files of a checkpoint, in checkpoints/ in the machine's
 * folder: NAME.state, the guest's memory and devices as QEMU wrote them, and NAME.json,
 * the description; if the memory can be mapped, it is in NAME.ram (checkpoint_memory.h). The description is written last: if it exists, the checkpoint is
 * complete.
 */
#ifndef MAQET_MACHINE_CHECKPOINT_FILES_H
#define MAQET_MACHINE_CHECKPOINT_FILES_H

#include "core/machine/slots.h"
#include "core/storage/snapshots.h"

/* The description, and what is known without it. Texts that are not known are NULL, since
 * an earlier maqet wrote fewer. */
struct maqet_checkpoint {
    char *name; /* not in the file */

    /* The saved machine. */
    char *machine; /* QEMU's machine type */
    char *qemu;    /* its version, as a text and as a number */
    int version;
    char *program; /* which file it was (maqet_file_mark) */
    struct maqet_strings arguments;
    struct maqet_strings drives;
    struct maqet_slots slots;
    struct maqet_strings flash; /* files of flash and persistent memory, and of a TPM */
    uint64_t memory;            /* of the guest, in bytes */
    bool has_memory;            /* @memory is known */

    /* How it was saved. */
    char *method;
    char *compression; /* NULL: the file is not compressed */
    bool mapped;       /* QEMU's mapped-ram */
    bool splittable;   /* see struct maqet_migration_save */
    double pause;      /* ms for which the guest was paused */
    int64_t date;      /* s since 1970 */

    /* NAME.state */
    int64_t size; /* in bytes */
    bool has_size;
    char *checksum;

    /* NAME.ram, which is as long as the memory. */
    char *block;      /* QEMU's name of the memory; NULL: there is no such file */
    char *unmappable; /* then, why */
    char *memory_checksum;
    char *memory_identity;

    /* Of both; not in the description. */
    int64_t allocated; /* bytes that they take up on the disk */
    int64_t length;    /* in bytes */
    bool is_there;

    /* The snapshots of its drives, if they are recorded. */
    bool has_snapshots;
    struct maqet_checkpoint_snapshot {
        char *drive;
        char
            *image; /* for people, since it may be moved; NULL: not a file of this host */
        struct maqet_snapshot snapshot; /* its id and date */
    } * snapshots;
    size_t snapshot_count;
};

void maqet_checkpoint_clear(struct maqet_checkpoint *about);

#define _cleanup_checkpoint_ _cleanup_(maqet_checkpoint_clear)

/* Records the snapshot of a drive. */
void maqet_checkpoint_add_snapshot(struct maqet_checkpoint *about,
                                   const struct maqet_drive *drive,
                                   const struct maqet_snapshot *snapshot);

/* The snapshot of a drive; NULL: it is not recorded. */
const struct maqet_snapshot *
maqet_checkpoint_snapshot(const struct maqet_checkpoint *about, const char *drive);

/* Creates NAME.state with a temporary name and mode 0600. Returns a descriptor, or -1. */
int maqet_state_file_create(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Syncs that file, gives it its name, and writes the description. @memory: NAME.ram, which is
 * published before if @about has a block, and else removed; -1: there is none. @about gets
 * sizes, checksums and allocated size. */
int maqet_state_file_publish(const struct maqet_context *context, const char *vm,
                             const char *name, int fd, int memory,
                             struct maqet_checkpoint *about, struct maqet_error **err);

/* Opens it for reading, decompressed, and checks NAME.ram, whose new identity is recorded if
 * it was copied. Returns a descriptor, or -1, also if its length or checksum is wrong. *verified is the file that was verified (maqet_file_mark), which
 * need not be read again: NULL, or the value from an earlier call. The caller frees. */
int maqet_state_file_open(const struct maqet_context *context, const char *vm,
                          const char *name, struct maqet_checkpoint *about,
                          char **verified, struct maqet_error **err);

/* Reads all files of a checkpoint, and compares their checksums. */
int maqet_state_file_verify(const struct maqet_context *context, const char *vm,
                            const char *name, const struct maqet_checkpoint *about,
                            struct maqet_error **err);

/* Removes all its files, complete or not. */
int maqet_state_file_remove(const struct maqet_context *context, const char *vm,
                            const char *name, struct maqet_error **err);

/* Whether there is a checkpoint of that name. */
bool maqet_state_file_exists(const struct maqet_context *context, const char *vm,
                             const char *name);

/* Reads a checkpoint's description. MAQET_ERROR_MISSING names the existing ones. */
int maqet_state_file_about(const struct maqet_context *context, const char *vm,
                           const char *name, struct maqet_checkpoint *about,
                           struct maqet_error **err);

/* The names of all checkpoints that have a file with the suffix: ".json" or ".state". */
int maqet_state_file_list(const struct maqet_context *context, const char *vm,
                          const char *suffix, struct maqet_strings *names,
                          struct maqet_error **err);

#endif
