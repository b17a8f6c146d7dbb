/* SPDX-License-Identifier: MIT */
/*
 * drive.h - one entry of the `storage` list, paired with its storage plugin and its
 * interface plugin. How an entry becomes one stands in entry.h.
 */
#ifndef MAQET_STORAGE_DRIVE_H
#define MAQET_STORAGE_DRIVE_H

#include <sys/types.h>

#include "core/base/context.h"
#include "core/config/values.h"
#include "core/plugin/loader.h"
#include "core/storage/chain.h"

/* What a drive must know of the machine that it is in. */
struct maqet_machine {
    char *vm_name;
    char *arch;        /* "x86_64" */
    char *type;        /* "q35", "pc-i440fx-7.2"; "" when not known */
    char *storage_dir; /* where images with no path go */
    char *run_dir;     /* its run folder */
};

/* What the sockets of programs beside QEMU begin with, in the run folder. */
#define MAQET_DRIVE_SOCKET_PREFIX "helper-"

struct maqet_image_record; /* record.h */

/* Where a drive sits: in which place on which controller of its interface. */
struct maqet_drive_slot {
    int64_t controller; /* of those that are added; -1: the machine's own */
    uint32_t index;
};

struct maqet_drive {
    const struct maqet_context *context;
    const struct maqet_machine *machine;
    json_object *tree; /* the entry; owned */
    char *name;
    const struct maqet_storage *storage;
    const struct maqet_iface *iface; /* NULL: a share, or `interface: none` */
    struct maqet_drive_slot slot;    /* what maqet_drives_emit() has given it */
    struct maqet_values values;      /* what its options come to */
    /* What the core itself wants of them. */
    enum maqet_media media;
    bool overcommit;
    bool readonly; /* `readonly: on` */
    uint64_t size; /* `size`, bytes; 0: the user has not said it */
    mode_t mode;   /* that a new image gets */
    /* What it is made of. A share has no block node, any other drive a top: that of a
     * CD-ROM drive without a medium has no file, and QEMU none of it. */
    struct maqet_chain chain;
    const char *path;  /* what maqet_drive_path() says: the file of the top */
    bool default_path; /* @path was made up by us */
    char *socket;      /* what maqet_drive_socket() says */
    bool running;      /* what maqet_drive_running() says */
    char *log;         /* for what a program says that its plugin runs, see callback.h */
    char *served; /* the socket of a server that the guest gets the content from, writing
                   * to a copy of it; NULL: the image itself, as ever */
    /* What is remembered of the image; both belong to the machine, and may be NULL. */
    const struct maqet_image_record *record;  /* of this very image */
    const struct maqet_image_record *earlier; /* of another one that the drive had */
    bool create_missing; /* the image is made though one that was there is missing */
    /* Why it can't be used as it is defined, and how much of it that concerns;
     * NULL: it can be used. */
    struct maqet_error *fault;
    enum maqet_drive_fault {
        MAQET_FAULT_NONE,
        MAQET_FAULT_INTERFACE, /* how it is attached; its storage is sound */
        MAQET_FAULT_STORAGE,   /* its storage lacks something; its options are sound */
        MAQET_FAULT_ENTRY,     /* the entry; @storage is a stand-in that can do nothing */
    } fault_of;
};

/* The file in RUNTIME/NAME/ that a failing program's output goes to where it is long. */
#define MAQET_DRIVE_LOG "tool.log"

/* The node-name of what the guest's device is attached to, by which QEMU is asked about
 * the drive, and told what to do with it. */
const char *maqet_drive_node(const struct maqet_drive *drive);

/* Gives it a chain with a top in a file; NULL: it has none. What it had is gone. */
void maqet_drive_set_top(struct maqet_drive *drive, const char *file);

/* What maqet_drive_string() says, for the core, which may ask for any option. */
const char *maqet_drive_text(const struct maqet_drive *drive, const char *option);

/* The place of an option in the YAML file, for errors about it: "map.option" is that of a
 * nested mapping; NULL, and one that is not there: the place of the drive. */
struct maqet_place maqet_drive_place_of(const struct maqet_drive *drive,
                                        const char *option);

/* ---- the files and folders of this host that it is made of ---- */

/* Makes the drive's chain of what its options name, and looks at the files. Which file the
 * image is, a start notes as soon as it has been inspected or created. */
void maqet_drive_files_look(struct maqet_drive *drive);

/* Whether all that is known is still there under its name: a missing file
 * (MAQET_ERROR_MISSING) and another one (MAQET_ERROR_FAILED) are errors. */
int maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err);

/* An error for a file that has come in the place of a known one, and for one that is
 * gone. Returns -1. */
int maqet_drive_files_error(const struct maqet_drive *drive,
                            const struct maqet_node *node, bool there,
                            struct maqet_error **err);

/* ---- a drive that can't be used as it is defined ---- */

/* What a command does with a machine seldom needs all of its drives, so each asks for what
 * it needs. */

/* Puts a stand-in, which can do nothing, in the place of what an entry says that can't be
 * understood. */
void maqet_drive_stand_in(struct maqet_drive *drive);

/* Whether what the drive is made of is not known at all: MAQET_FAULT_ENTRY. */
bool maqet_drive_is_unknown(const struct maqet_drive *drive);

/* 0, or -1 with the drive's fault: whether the guest can be given the drive. */
int maqet_drive_check_sound(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for who works on its image, and needs nothing of how it is attached. */
int maqet_drive_check_storage(const struct maqet_drive *drive, struct maqet_error **err);

/* The same for who can do with what is known of it, as QEMU has it open. */
int maqet_drive_check_known(const struct maqet_drive *drive, struct maqet_error **err);

/* Where the image of an unknown drive lies unless its entry says otherwise. The caller
 * frees. */
char *maqet_drive_presumed_path(const struct maqet_drive *drive);

#endif
