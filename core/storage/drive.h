/* SPDX-License-Identifier: MIT */
/*
 * drive.h - one entry of the `storage` list, paired with its storage plugin and its
 * interface plugin; and how all drives of a machine share out slots and controllers
 * (slots.c).
 */
#ifndef MAQET_STORAGE_DRIVE_H
#define MAQET_STORAGE_DRIVE_H

#include <sys/types.h>

#include "core/base/context.h"
#include "core/config/tree.h"
#include "core/plugin/loader.h"

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
struct maqet_drive_file;   /* drive_files.h */

struct maqet_drive {
    const struct maqet_context *context;
    const struct maqet_machine *machine;
    json_object *tree; /* the entry; owned */
    char *name;
    struct maqet_storage *storage;
    struct maqet_iface *iface; /* NULL: a share, or `interface: none` */
    enum maqet_media media;
    bool overcommit;
    mode_t mode;       /* that a new image gets */
    char *path;        /* what maqet_drive_path() says */
    bool default_path; /* @path was made up by us */
    char *socket;      /* what maqet_drive_socket() says */
    bool running;      /* what maqet_drive_running() says */
    char *log;    /* for what a program says that its plugin runs, see MAQET_DRIVE_CALL */
    char *served; /* the socket of a server that the guest gets the content from, writing
                   * to a copy of it; NULL: the image itself, as ever */
    /* What is remembered of the image; both belong to the machine, and may be NULL. */
    const struct maqet_image_record *record;  /* of this very image */
    const struct maqet_image_record *earlier; /* of another one that the drive had */
    bool create_missing; /* the image is made though one that was there is missing */
    /* Which files were looked at (drive_files.h). */
    struct maqet_drive_file *files;
    size_t file_count;
    /* Why it can't be used as it is defined, and how much of it that concerns (fault.h);
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

/* MAQET_CALL for a callback that is about a drive. */
#define MAQET_DRIVE_CALL(drive, limit)                                                   \
    MAQET_CALL(limit);                                                                   \
    maqet_drive_call(drive)

/* Says of the call that has begun that it is about this drive. */
void maqet_drive_call(const struct maqet_drive *drive);

/* Shows that a program runs for a drive which does not tell how far it is: a
 * maqet_call_sign. */
void maqet_drive_sign(const void *drive, const char *const *argv, int64_t elapsed);

/* Checks an entry of the list (not taken; its paths become absolute) and loads its
 * plugins. Nothing on the disk is looked at but by the plugins' validate. NULL on error.
 */
struct maqet_drive *maqet_drive_new(const struct maqet_context *context,
                                    const struct maqet_machine *machine,
                                    json_object *entry, struct maqet_error **err);

/*
 * The same for whoever can do with a part of it: never NULL. A drive that can't be used
 * as it is defined has a fault, and is as complete as it can be.
 */
struct maqet_drive *maqet_drive_look(const struct maqet_context *context,
                                     const struct maqet_machine *machine,
                                     json_object *entry);
void maqet_drive_free(struct maqet_drive *drive);

/* The keys that every drive may have, besides those of its plugins; a share has fewer. */
const struct maqet_option *maqet_drive_options(bool share);

/*
 * What a plugin's callback has come to: 0, or -1 with an error. A failure without a word
 * would leave nothing to show, so it gets one; and an error that was set is a failure,
 * whatever was returned with it.
 */
int maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                      const char *callback, int result, struct maqet_error **err);

/* The same for a storage's callback that appends actions: what it has appended must be
 * what QEMU can be told. */
int maqet_drive_judge_actions(const struct maqet_drive *drive,
                              const struct maqet_actions *actions, const char *callback,
                              int result, struct maqet_error **err);

/* Appends what all drives need, with the controllers and slots shared out in list order.
 */
int maqet_drives_emit(struct maqet_drive *const *drives, size_t count,
                      struct maqet_args *args, struct maqet_error **err);

#endif
