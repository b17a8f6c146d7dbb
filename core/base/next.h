/* SPDX-License-Identifier: MIT */
/*
 * next.h - the steps that an error can advise, each with its operands. The program has the
 * words (cli/hints.c).
 */
#ifndef MAQET_BASE_NEXT_H
#define MAQET_BASE_NEXT_H

enum maqet_next {
    MAQET_NEXT_WORDS, /* the words themselves */

    /* Of QEMU, and of its arguments (core/qemu). */
    MAQET_NEXT_END_SILENT,       /* VM */
    MAQET_NEXT_REMOVE_REPEATED,  /* none */
    MAQET_NEXT_USE_CONSOLE,      /* none */
    MAQET_NEXT_START_FOREGROUND, /* none */
    MAQET_NEXT_LOAD_CHECKPOINT,  /* none */
    MAQET_NEXT_LOAD_ONCE,        /* none */
    MAQET_NEXT_ASK_PID,          /* none */
    MAQET_NEXT_RUN_DISCARDED,    /* none */
    MAQET_NEXT_SHOW_ARGUMENTS,   /* none */
    MAQET_NEXT_KEEP_GUEST_STATE, /* none */

    /* Of images (core/storage). */
    MAQET_NEXT_START_TO_MAKE_IMAGE, /* VM */
    MAQET_NEXT_MOVE_BACK,           /* VM */
    MAQET_NEXT_BRING_BACK,          /* VM */
    MAQET_NEXT_START_EMPTY,         /* VM */
    MAQET_NEXT_EXPORT_DECRYPTED,    /* none */
    MAQET_NEXT_EXPORT_ENCRYPTED,    /* none */
    MAQET_NEXT_CONVERT_SNAPSHOTS,   /* VM, drive, kind */
    MAQET_NEXT_ALLOW_NAMED,         /* file, or none */
    MAQET_NEXT_SAY_FORMAT,          /* format */

    /* Of machines (core/machine). */
    MAQET_NEXT_ONLY_STOP,           /* VM */
    MAQET_NEXT_REPAIR_AND_RESUME,   /* VM */
    MAQET_NEXT_FREE_LEAKS,          /* VM */
    MAQET_NEXT_FREE_SPACE,          /* VM */
    MAQET_NEXT_FREE_SPACE_IN,       /* VM, folder */
    MAQET_NEXT_ACCEPT_BASE,         /* VM */
    MAQET_NEXT_FORGET_IMAGE,        /* none */
    MAQET_NEXT_CHECK_DRIVE,         /* VM or file, drive */
    MAQET_NEXT_REPAIR_DRIVE,        /* VM or file, drive */
    MAQET_NEXT_STOP,                /* VM */
    MAQET_NEXT_STOP_FIRST,          /* VM */
    MAQET_NEXT_CLONE_SNAPSHOT,      /* VM */
    MAQET_NEXT_CLONE_FULL,          /* none */
    MAQET_NEXT_STOP_FIRST_IN,       /* VM, data folder */
    MAQET_NEXT_STOP_AND_START,      /* VM */
    MAQET_NEXT_START,               /* VM */
    MAQET_NEXT_LOAD_DRIVES,         /* VM, checkpoint */
    MAQET_NEXT_DELETE_CHECKPOINT,   /* VM, checkpoint */
    MAQET_NEXT_NAME_VM,             /* none */
    MAQET_NEXT_SHORTEN_RUNTIME_DIR, /* none */
    MAQET_NEXT_WAIT_FOR_LOCK,       /* none */
    MAQET_NEXT_NAME_DATA_DIR,       /* none */
    MAQET_NEXT_ADD_VM,              /* none */
    MAQET_NEXT_LIST_VMS,            /* none */
    MAQET_NEXT_APPLY,               /* VM */
    MAQET_NEXT_CORRECT,             /* VM */
    MAQET_NEXT_RESTORE_OR_REMOVE,   /* VM */
    MAQET_NEXT_START_BY_OTHERS,     /* VM */
    MAQET_NEXT_EDIT_AGAIN,          /* VM, file */
    MAQET_NEXT_APPLY_FILE,          /* VM, file */
    MAQET_NEXT_ADD_RENAMED,         /* none */
    MAQET_NEXT_RECOVER,             /* VM */
    MAQET_NEXT_LIST_IMAGES,         /* none */

    /* Of what an examination of the host finds (core/doctor). */
    MAQET_NEXT_FIX,           /* none */
    MAQET_NEXT_DELETE_IMAGES, /* none */

    /* Of jobs (core/job). */
    MAQET_NEXT_LIST_SNAPSHOTS,   /* VM */
    MAQET_NEXT_FORGET_OPERATION, /* VM */

    /* Of what changes a machine (core/lifecycle). */
    MAQET_NEXT_RESUME,                  /* VM */
    MAQET_NEXT_WAKE_UP,                 /* VM */
    MAQET_NEXT_QUERY_BLOCK,             /* VM */
    MAQET_NEXT_REMOVE_FORCED,           /* VM */
    MAQET_NEXT_OPEN_TRAY,               /* none */
    MAQET_NEXT_EXPORT_SNAPSHOTS,        /* VM, drive */
    MAQET_NEXT_DELETE_STORAGE,          /* none */
    MAQET_NEXT_REMOVE_OVERLAYS,         /* VM */
    MAQET_NEXT_START_SLOWER,            /* seconds */
    MAQET_NEXT_STOP_AND_START_EMULATOR, /* VM */
    MAQET_NEXT_END_LOSING,              /* VM */
    MAQET_NEXT_STOP_SLOWER,             /* VM */
    MAQET_NEXT_END,                     /* VM */

    /* Of snapshots (core/snapshot). */
    MAQET_NEXT_START_FOR_LIVE,            /* VM */
    MAQET_NEXT_USE_OFFLINE,               /* none */
    MAQET_NEXT_USE_AUTO_FOR_LIVE,         /* none */
    MAQET_NEXT_USE_LIVE,                  /* none */
    MAQET_NEXT_USE_AUTO,                  /* none */
    MAQET_NEXT_EXCLUDE,                   /* drive */
    MAQET_NEXT_EXCLUDE_IT,                /* what is excluded */
    MAQET_NEXT_EXCLUDE_THEM,              /* what is excluded */
    MAQET_NEXT_FREEZE_NOTHING,            /* none */
    MAQET_NEXT_OVERWRITE,                 /* none */
    MAQET_NEXT_LOAD_ONE_DRIVE,            /* VM, drive, snapshot */
    MAQET_NEXT_DELETE_CHECKPOINT_ALONE,   /* VM, checkpoint */
    MAQET_NEXT_DELETE_USELESS_CHECKPOINT, /* VM, checkpoint */
    MAQET_NEXT_DELETE_WHOLE_CHECKPOINT,   /* VM, checkpoint */
    MAQET_NEXT_LOAD_ONE_BY_ONE,           /* VM, drive, snapshot */
    MAQET_NEXT_LOAD_ONE_BY_ONE_LIVE,      /* VM, drive, snapshot */
    MAQET_NEXT_DELETE_ONE_BY_ONE,         /* VM, drive, snapshot */
    MAQET_NEXT_DELETE_ONE_BY_ONE_LIVE,    /* VM, drive, snapshot */
    MAQET_NEXT_FINISH,                    /* VM, what that does */
    MAQET_NEXT_FORGET,                    /* VM */
    MAQET_NEXT_MOUNT_AND_FINISH,          /* VM */
    MAQET_NEXT_START_WHEN_POSSIBLE,       /* VM */
    MAQET_NEXT_DO_NOT_QUIESCE,            /* none */
    MAQET_NEXT_RECOVER_OR_GO_ON,          /* VM */
    MAQET_NEXT_DELETE_SNAPSHOT,           /* VM, drive, snapshot */

    /* Of checkpoints (core/checkpoint). */
    MAQET_NEXT_APPLY_AS_BEFORE,     /* VM */
    MAQET_NEXT_USE_QEMU_AS_BEFORE,  /* VM, version */
    MAQET_NEXT_REPAIR_VERSION,      /* VM, QEMU */
    MAQET_NEXT_LOAD_DRIVES_INSTEAD, /* VM, checkpoint */
    MAQET_NEXT_CREATE_ANOTHER,      /* VM */
    MAQET_NEXT_OR_CREATE_ANOTHER,   /* VM */
    MAQET_NEXT_START_FROM,          /* VM, checkpoint */
    MAQET_NEXT_BOOT_FROM_DRIVES,    /* VM */
    MAQET_NEXT_LOAD_IN_PLACE,       /* VM, checkpoint */
    MAQET_NEXT_START_STOPPED,       /* VM */
    MAQET_NEXT_DO_NOT_KEEP,         /* none */
    MAQET_NEXT_KEEP_DRIVES_LIVE,    /* VM, and what is excluded */
    MAQET_NEXT_KEEP_DRIVES,         /* VM */

    /* Of backups (core/backup). */
    MAQET_NEXT_RESTORE_AS_NEW, /* none */

    /* Of what is inside a guest (core/guest). */
    MAQET_NEXT_COPY_FOLDERS, /* none */
    MAQET_NEXT_READ_LOG,     /* VM */

    /* Of the conformance kit (core/conformance). */
    MAQET_NEXT_SHORTEN_TMPDIR, /* plugin */
    MAQET_NEXT_DEBUG_CHECK,    /* check, plugin */
    MAQET_NEXT_SET_OPTION,     /* none */

    MAQET_NEXT_COUNT,
};

#endif
