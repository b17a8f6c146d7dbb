/* SPDX-License-Identifier: MIT */
/*
 * seeded-faults.h - the faults of the plugins in seeded*.c: for each the check of `maqet
 * plugin check` that is there for it, and what is wrong. A source is compiled with
 * -DFAULT=NAME and, for what is not in a function, -DFAULT_IS_NAME.
 * tests/functional/plugin-check-seeded.sh reads this table: one row a line, below the name
 * of its source.
 */
#ifndef MAQET_SEEDED_FAULTS_H
#define MAQET_SEEDED_FAULTS_H

#ifndef FAULT
#define FAULT NO_FAULT
#endif

enum fault {
    NO_FAULT,

    /* Of seeded.c, a storage whose drives are files: */
    EXPORTS,          /* file: a function that is visible to other plugins */
    CONSTRUCTOR,      /* file: code that runs when it is loaded */
    WRONG_ABI,        /* loads: an ABI that there is not */
    NO_SUMMARY,       /* options: the plugin itself is not described */
    NO_HELP,          /* options: an option without a word of help */
    FULL_STOP,        /* options: a help text that ends with a full stop */
    BAD_FALLBACK,     /* options: a fallback that is no value of its type */
    NEVER_USED,       /* options: a fallback of an option that is required */
    CHOICE_TWICE,     /* options: one word twice */
    EMPTY_CHOICE,     /* options: a word that nobody can write */
    OPTION_TWICE,     /* options: one option twice */
    PLAIN_UNSAID,     /* options: plain, and nobody can say so */
    REFUSES,          /* drive: an option is needed, and is not said to be */
    VALIDATE_WRITES,  /* validate: it makes a file */
    VALIDATE_COUNTS,  /* validate: the second answer is another one */
    VALIDATE_SILENT,  /* hostile-values: it refuses without saying why */
    NODE_NAME,        /* emit: the node has a name of the plugin's own */
    EMITS_ONCE,       /* emit: the second time there is something else */
    COMMON_ID,        /* emit: an object whose ID all drives share */
    FOREIGN_FILE,     /* qemu: a file that nobody named */
    KEY_TWICE,        /* emit: a property is set twice */
    MISSPELT,         /* asked: an option that is not in the table */
    STATIC_PATH,      /* two-drives: the first drive's path for all */
    SILENT,           /* errors: a failure without an error */
    RESIZE_SILENT,    /* errors: qemu-img fails, and the reason is dropped */
    CONTRADICTS,      /* errors: success, with an error */
    ODD_RESULT,       /* errors: a result that is neither 0 nor -1 */
    LINE_FEED,        /* errors: a message that ends with a line feed */
    ODD_CODE,         /* errors: a code that there is not */
    READS_ERR,        /* null-errors: *err is looked at */
    SHORT_BUFFER,     /* hostile-values: a long text does not fit */
    SPLITS,           /* hostile-values: an object for each comma */
    VALUE_AS_KEY,     /* hostile-values: a value becomes a key */
    CREATES_NOTHING,  /* create: success, and there is no image */
    ENDS_MAQET,       /* create: it ends the program as if all were well */
    LEAVES_FILE,      /* create: a file beside the image stays */
    CHANGES_MODE,     /* create-mode: anybody may write to the image */
    SPACE_UNTOLD,     /* space: much more than was said */
    SPACE_SWAPPED,    /* space: more at once than at most */
    SPACE_OF_EMPTY,   /* space: less at most than the disk is large */
    SHELL,            /* create-odd-path: a shell reads the path */
    OWN_PATH,         /* create-existing: it writes to the drive's path */
    IGNORES,          /* create-failing: qemu-img fails, and nobody looks */
    OWN_WORDS,        /* create-failing: what qemu-img says is lost */
    BACKGROUND,       /* create-slow: nobody waits for qemu-img */
    FORKS,            /* create-killed: a process that does not die with maqet */
    FIXED_NAME,       /* create-two: one temporary name for all */
    WRONG_SIZE,       /* inspect: half of the size */
    ANOTHER_FORMAT,   /* inspect: a format that is not its own */
    INSPECT_WRITES,   /* inspect: it leaves a note beside the image */
    NEVER_LOOKS,      /* looks: it says what the options say */
    SIZE_OF_OPTION,   /* looks: the size is that of the option */
    TAKES_ANYTHING,   /* looks: each file is an image */
    HIDES_BASE,       /* named-files: the backing file is not reported */
    HIDES_DATA,       /* named-files: nor is the file with the data */
    OPENS_BASE,       /* named-files: what the image names is opened */
    TRUSTS,           /* hostile-images: a number in the image is an index */
    SUSPECTS,         /* check: damage where there is none */
    CHECK_WRITES,     /* check: it touches what it looks at */
    BAD_PROPERTY,     /* qemu: a property that QEMU does not know */
    DRIVE_NODE,       /* node: it takes the drive's name for that of the node */
    LIVE_DRIVE_NODE,  /* node: so do its actions */
    PCI_FOR_NOTHING,  /* pci: no device takes an address */
    FIXED_SIZE,       /* size: one size for all */
    IGNORES_READONLY, /* readonly: the node is writable all the same */
    NEVER_WRITABLE,   /* readonly: the node is read-only in any case */
    LATE_OBJECT,      /* hotplug: an object after the node that refers to it */
    LOADS_NOTHING,    /* snapshots: load does nothing */
    LOAD_REMOVES,     /* snapshots: what was loaded is gone */
    KEEPS_NOTHING,    /* snapshots: create does nothing */
    REMOVES_NOTHING,  /* snapshots: remove does nothing */
    LISTS_TWICE,      /* snapshots: each is listed twice */
    LOADS_NEWEST,     /* several-snapshots: always the one that was made last */
    PHANTOM,          /* several-snapshots: one is listed that is not there */
    COMMON_SNAPSHOT,  /* several-snapshots: all have the same ID */
    WRONG_NODE,       /* live-snapshots: of a node that there is not */
    SERVES_NOW,       /* served-snapshots: what is there now */
    OVERLAY_REPLACED, /* overlay: another file in the place of the empty one */
    OVERLAY_HALF,     /* overlay: half as large as was asked for */
    OVERLAY_COPIES,   /* overlay-create: a copy of what is below */
    OVERLAY_ABSOLUTE, /* overlay-names: an absolute name */
    OVERLAY_OLD_NAME, /* overlay-names: rename_backing does nothing */
    OVERLAY_PATHS,    /* overlay-names: every name is stored as a path */
    OVERLAY_BY_FILE,  /* overlay-node: it stands on nothing */
    DOWN_NOTHING,     /* overlay-down: nothing is written below */
    DOWN_EMPTIES,     /* overlay-down: the overlay is emptied */
    UP_NAME_ONLY,     /* overlay-up: it stores the name, and that is all */
    MERGES_ONCE,      /* overlay-killed: the second time is a failure */
    USED_SIZE,        /* overlay-used: the size that the guest sees */
    USED_READS_ALL,   /* overlay-used: it reads all that there is */
    SAME_SIZE,        /* resize: it stays as large as it was */
    RESIZE_EMPTIES,   /* resize: a new image in the place of the old one */
    LIVE_HALF,        /* live-resize: half of what was asked for */
    WRITES_ELSEWHERE, /* writes: a file for a moment in the common folder */
    READS_ELSEWHERE,  /* reads: a file that nobody named */
    LEAKS,            /* descriptors: one stays open */
    CLOSES_FOREIGN,   /* descriptors: the core's own is closed */
    INHERITED,        /* descriptors: programs get one that they should not */
    LEAVES_CHILD,     /* children: a process stays */
    LEAVES_THREAD,    /* children: a thread stays */
    CHANGES_UMASK,    /* environment: another umask */
    CHANGES_FOLDER,   /* environment: another working directory */
    SETS_VARIABLE,    /* environment: another environment */
    IGNORES_SIGNAL,   /* environment: a signal is ignored */
    SETS_ALARM,       /* environment: an alarm is pending */
    PRINTS,           /* output: words for nobody */
    KEEPS_MEMORY,     /* memory: some is lost with each call */
    KEEPS_GIGABYTE,   /* memory: a lot is lost with each call */

    /* Of seeded-folder.c, a storage that is not a file: */
    OTHERS_WRITE,      /* create-mode: others may write to what it creates */
    WIPES,             /* create-again: what is there is emptied */
    NEVER_FINDS,       /* create-again: inspect never finds what there is */
    LEAVES_IT,         /* remove: it stays */
    REMOVES_ONCE,      /* remove: a failure if nothing is there */
    TELLS_ARGUMENT,    /* secrets: a program gets it as an argument */
    TELLS_ENVIRONMENT, /* secrets: a program gets it in its environment */
    ENDS_ONCE,         /* ended: a failure if it was called before */

    /* Of seeded-start.c, one that is created for each start: */
    START_ELSEWHERE, /* each-start: not all of it is in the drive's folder */

    /* Of seeded-iface.c, an interface: */
    IFACE_EXPORTS,  /* file: a function that is visible to other plugins */
    IFACE_MISSPELT, /* asked: an option that is not in the table */
    TOO_MANY,       /* capacity: more places than there are */
    NO_PLACE,       /* capacity: no place at all */
    PCI_UNSAID,     /* pci: its devices take addresses, and it does not say so */
    IFACE_NODE,     /* node: it takes the drive's name for that of the node */
    SHOWS_DISK,     /* media: a CD-ROM drive is shown as a disk */
    SHOWS_CDROM,    /* media: a disk is shown as a CD-ROM drive */
    DEVICE_ID,      /* emit: the device has another ID */
    NO_DEVICE,      /* emit: there is no device */
    FIRST_DRIVE,    /* two-drives: the first drive is shown by all devices */
    COLD,           /* hotplug: a device that must be there from the start */
    IFACE_REFUSES,  /* drive: an option is needed, and is not said to be */
    IFACE_BUFFER,   /* hostile-values: a long text does not fit */
    IFACE_PRINTS,   /* output: words for nobody */
    IFACE_MEMORY,   /* memory: some is lost with each call */

    FAULT_COUNT
};

#endif
