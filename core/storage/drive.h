/* SPDX-License-Identifier: MIT */
/*
 * drive.h - one entry of the `storage` list, with its storage plugin and its interface
 * plugin. entry.h makes one from an entry.
 */
#ifndef MAQET_STORAGE_DRIVE_H
#define MAQET_STORAGE_DRIVE_H

#include <sys/types.h>

#include "core/base/context.h"
#include "core/config/values.h"
#include "core/plugin/loader.h"
#include "core/storage/chain.h"

/* What a drive knows about its machine. */
struct maqet_machine {
    char *vm_name;
    char *image_name; /* in default paths of images; NULL: @vm_name */
    char *arch;       /* "x86_64" */
    char *type;       /* "q35", "pc-i440fx-7.2"; "" if it is not known */
    /* Places that are left free for drives that are attached while it is running, where the
     * machine type needs such. */
    unsigned hotplug_slots;
    char *program; /* QEMU's; NULL: not known */
    /* Addresses of its PCI bus that are left for drives; interface plugins may assume more.
     * 0: not known. */
    uint32_t addresses;
    /* What maqet_drive_qemu_version() has found out; NULL: it finds out each time. */
    struct maqet_qemu_version *version;
    char *storage_dir; /* the folder of images without a path */
    char *run_dir;     /* its run folder */
    char *drives_dir;  /* where its drives have folders; NULL: nowhere */
};

/* QEMU is asked when a plugin first wants to know. */
struct maqet_qemu_version {
    bool asked;
    uint32_t number;
};

/* How the names of sockets of programs beside QEMU begin, in the run folder. */
#define MAQET_DRIVE_SOCKET_PREFIX "helper-"

/* maqet_drive_qemu_version() of the drives of a machine. */
uint32_t maqet_machine_qemu_version(const struct maqet_machine *machine);

struct maqet_image_record; /* record.h */
struct maqet_secret;       /* secret.h */

/* Whose options there are. Each has names of its own: neither can hide those of another. */
enum maqet_whose {
    MAQET_OF_CORE,
    MAQET_OF_STORAGE,
    MAQET_OF_INTERFACE,
    MAQET_WHOSE_COUNT,
};

/* How names begin that say whose the option is. */
#define MAQET_STORAGE_FORM "storage_options."
#define MAQET_INTERFACE_FORM "interface_options."

/* The options of a drive that the tables of one of them describe. */
struct maqet_drive_options {
    const struct maqet_option *tables[3]; /* ended by NULL */
    json_object *tree;                    /* what the entry says of them */
    struct maqet_values values;
};

/* Files that inspect has reported by maqet_image_file(). */
struct maqet_reported_files {
    bool asked; /* it has been called */
    struct maqet_strings files;
};

/* The position of a drive on its interface. */
struct maqet_drive_slot {
    int64_t controller; /* an added one; -1: the machine's own */
    uint32_t index;
};

/* What an overlay stands on; all NULL for any other drive. */
struct maqet_backing {
    char *node;   /* its node-name */
    char *name;   /* of its image, relative to the folder of the overlay */
    char *format; /* QEMU's name */
    bool written; /* the call is about to write to it */
};

struct maqet_blank;    /* blank.h */
struct maqet_overlays; /* overlays.h */
struct maqet_snapshot; /* snapshots.h */

struct maqet_drive {
    const struct maqet_context *context;
    const struct maqet_machine *machine;
    json_object *tree; /* the entry; owned */
    char *name;
    const struct maqet_storage *storage;
    const struct maqet_iface *iface; /* NULL: a share, or `interface: none` */
    struct maqet_drive_slot slot;    /* assigned by maqet_drives_emit() */
    struct maqet_drive_options options[MAQET_WHOSE_COUNT];
    struct maqet_secret **secrets; /* those that were read; points to the first */
    /* Those that the core needs. */
    enum maqet_media media;
    bool overcommit;
    bool readonly; /* by the storage's readonly_option */
    uint64_t size; /* by its size_option, bytes; 0: the user did not give it */
    mode_t mode;   /* of a new image */
    /* Its nodes and files. A share has no block node; any other drive has a top node,
     * which has no file if it is a CD-ROM drive without a medium. */
    struct maqet_chain chain;
    const char *path; /* maqet_drive_path(): the file of the top node, or with
                                     * @overlays that of the lowest one */
    /* With `snapshots: overlay`: the overlays over its image, possibly none yet, and the storage
     * of the image, of which @storage is a copy that keeps snapshots as overlays
     * (overlay_table.h). Else NULL. */
    struct maqet_overlays *overlays;
    const struct maqet_storage *image_storage;
    /* Of a drive that is an overlay itself (overlay_view.h): the drive that it is for, its id,
     * and what it stands on. */
    const struct maqet_drive *overlay_for;
    uint64_t overlay_id;
    /* Of the view of node 0: the drive that it is a copy of. */
    const struct maqet_drive *copy_of;
    struct maqet_backing backing;
    bool default_path;              /* the core chose @path */
    char *socket;                   /* maqet_drive_socket() */
    char *folder;                   /* maqet_drive_folder() */
    struct maqet_strings *children; /* of maqet_drive_child_node() */
    bool running;                   /* maqet_drive_running() */
    struct maqet_reported_files *reported;
    char *log; /* for long output of programs that its plugin runs */
    /* The image that the guest sees instead of its own, as of maqet_args_scratch(), which QEMU
     * discards the changes of; NULL: it has its own. */
    const struct maqet_strings *shown;
    /* What is recorded about the image; both belong to the machine, and may be NULL. */
    const struct maqet_image_record *record;  /* of this image */
    const struct maqet_image_record *earlier; /* of another one that the drive had */
    /* A file with whose content a new image begins, and its format; NULL: it is empty. */
    const char *template;
    const char *template_format;
    /* Where the content of a new image is kept for others, or has been; NULL: nowhere. */
    struct maqet_blank *blank;
    /* The snapshot of which a snapshot that is created is a copy; NULL: it is a new one. */
    const struct maqet_snapshot *copied_snapshot;
    bool create_missing; /* create the image even if an earlier one is missing */
    /* Why it cannot be used as it is defined, and what that affects; NULL: it can. */
    struct maqet_error *fault;
    enum maqet_drive_fault {
        MAQET_FAULT_NONE,
        MAQET_FAULT_INTERFACE, /* how it is attached; its storage is sound */
        MAQET_FAULT_STORAGE,   /* its storage; its options are sound */
        MAQET_FAULT_ENTRY,     /* the entry; @storage is a stand-in that does nothing */
        /* its files: what a killed command has left of them could not be settled (struct
         * maqet_context), or it has none of its own; commands cannot work on it at present */
        MAQET_FAULT_FILES,
    } fault_of;
};

/* Bytes of a message of a plugin that are shown. */
enum { MAQET_DRIVE_MESSAGE_MAX = 64 * 1024 };

/* The file in RUNTIME/NAME/ for long output of a program that failed. */
#define MAQET_DRIVE_LOG "tool.log"

/* Whether the program that its plugin describes opens the image, and QEMU does not. */
bool maqet_drive_is_opened_by_helper(const struct maqet_drive *drive);

/* The name of a drive's folder, which another drive of the same name but of another type
 * does not have. @type NULL: the default. The caller frees. */
char *maqet_drive_folder_name(const char *name, const char *type);
#define MAQET_DRIVE_FOLDER_SEPARATOR '@'

/* Replaces its chain by one with a top node in @file (NULL: without a file). */
void maqet_drive_set_top(struct maqet_drive *drive, const char *file);

/* Gives the top node another name than the drive's. */
void maqet_drive_set_node(struct maqet_drive *drive, const char *name);

/* Gives it the overlays (taken) over its image: its top node is that of the topmost one. */
void maqet_drive_set_overlays(struct maqet_drive *drive, struct maqet_overlays *overlays);

/* The value of an option, or NULL. */
const struct maqet_value *maqet_drive_value(const struct maqet_drive *drive,
                                            enum maqet_whose whose, const char *option);

/* The text of an option of the storage, or NULL. */
const char *maqet_drive_text(const struct maqet_drive *drive, const char *option);

/* The place of an option in the YAML file, for errors: of "map.option" or "list.0", too.
 * The place of the drive if @option is NULL or not given. */
struct maqet_place maqet_drive_place_of(const struct maqet_drive *drive,
                                        enum maqet_whose whose, const char *option);

/* As maqet_drive_error(), about an option of the core. Returns -1. */
int maqet_drive_invalid(const struct maqet_drive *drive, const char *option,
                        struct maqet_error **err, const char *format, ...)
    MAQET_PRINTF(4, 5);

/* ---- its files and folders on this host ---- */

/* Whether each noted file still has its name. MAQET_ERROR_MISSING: it is missing;
 * MAQET_ERROR_FAILED: another file has its name. */
int maqet_drive_files_check(const struct maqet_drive *drive, struct maqet_error **err);

/* That error, for a node whose name leads to another file (@there) or to none. Returns
 * -1. */
int maqet_drive_files_error(const struct maqet_drive *drive,
                            const struct maqet_node *node, bool there,
                            struct maqet_error **err);

/* ---- a drive that cannot be used as it is defined ---- */

/* Whether its entry is invalid, so that its storage is not known: MAQET_FAULT_ENTRY. */
bool maqet_drive_is_unknown(const struct maqet_drive *drive);

/* Fails with the drive's fault if it is @least or a later one: MAQET_FAULT_INTERFACE for
 * commands that attach the drive, MAQET_FAULT_STORAGE for those that use its image, and
 * MAQET_FAULT_ENTRY for those that use what QEMU has open. Each includes the later ones, such as
 * MAQET_FAULT_FILES. */
int maqet_drive_check_fault(const struct maqet_drive *drive, enum maqet_drive_fault least,
                            struct maqet_error **err);

/* The path of an unknown drive's image unless its entry gives one. The caller frees. */
char *maqet_drive_presumed_path(const struct maqet_drive *drive);

#endif
