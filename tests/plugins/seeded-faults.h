/* SPDX-License-Identifier: MIT */
/*
 * seeded-faults.h - the faults of seeded.c and seeded-iface.c: each with the check of
 * `maqet plugin check` that is there for it. tests/functional/plugin-check-seeded.sh
 * reads this table.
 */
#ifndef MAQET_SEEDED_FAULTS_H
#define MAQET_SEEDED_FAULTS_H

#ifndef FAULT
#define FAULT 0 /* none */
#endif

#define NO_HELP 1           /* options: an option without a word of help */
#define BAD_FALLBACK 2      /* options: a fallback that is no value of its type */
#define EXPORTS 3           /* file: a function that is visible to other plugins */
#define CONSTRUCTOR 4       /* file: code that runs when it is loaded */
#define WRONG_ABI 5         /* loads: an ABI that there is not */
#define REFUSES 6           /* drive: an option is needed, and is not said to be */
#define VALIDATE_WRITES 7   /* validate: it makes a file */
#define VALIDATE_COUNTS 8   /* validate: the second answer is another one */
#define NODE_NAME 9         /* emit: the node has a name of the plugin's own */
#define EMITS_ONCE 10       /* emit: the second time there is something else */
#define STATIC_PATH 11      /* two-drives: the first drive's path for all */
#define SILENT 12           /* errors: a failure without an error */
#define READS_ERR 13        /* null-errors: *err is looked at */
#define SHORT_BUFFER 14     /* hostile-values: a long text does not fit */
#define SPLITS 15           /* hostile-values: an object for each comma */
#define LEAVES_FILE 16      /* create: a file beside the image stays */
#define SPACE_UNTOLD 17     /* space: much more than was said */
#define SHELL 18            /* create-odd-path: a shell reads the path */
#define OWN_PATH 19         /* create-existing: it writes to the drive's path */
#define IGNORES 20          /* create-failing: qemu-img fails, and nobody looks */
#define BACKGROUND 21       /* create-slow: nobody waits for qemu-img */
#define FORKS 22            /* create-killed: a process that does not die with maqet */
#define FIXED_NAME 23       /* create-two: one temporary name for all */
#define WRONG_SIZE 24       /* inspect: half of the size */
#define TRUSTS 25           /* hostile-images: a number in the image is an index */
#define BAD_PROPERTY 26     /* qemu: a property that QEMU does not know */
#define LATE_OBJECT 27      /* hotplug: an object after the node that refers to it */
#define LOADS_NOTHING 28    /* snapshots: load does nothing */
#define WRONG_NODE 29       /* live-snapshots: of a node that there is not */
#define SAME_SIZE 30        /* resize: it stays as large as it was */
#define WRITES_ELSEWHERE 31 /* writes: a file for a moment in the common folder */
#define LEAKS 32            /* descriptors: one stays open */
#define LEAVES_CHILD 33     /* children: a process stays */
#define CHANGES_UMASK 34    /* environment: another umask */
#define PRINTS 35           /* output: words for nobody */
#define SERVES_NOW 36       /* served-snapshots: what is there now */
#define LIVE_HALF 37        /* live-resize: half of what was asked for */
#define PLAIN_UNSAID 41     /* options: plain, and nobody can say so */
#define MISSPELT 43         /* asked: an option that is not in the table */
#define SUSPECTS 42         /* check: damage where there is none */

/* Of seeded-iface.c: */
#define TOO_MANY 38  /* capacity: more places than there are */
#define DEVICE_ID 39 /* emit: the device has another id */
#define COLD 40      /* hotplug: a device that must be there from the start */

#endif
