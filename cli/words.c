/* SPDX-License-Identifier: MIT */
#include "cli/words.h"

#include <stddef.h>
#include <string.h>

#define RUNS(ours) .command = (ours)
#define HINTS(...) .hints = {__VA_ARGS__}

#define POWER_OFF "To ask the guest to power off: maqet stop VM"
#define POWER_FAILURE                                                                    \
    "To end QEMU, which is a power failure to the guest: maqet stop VM --timeout 0 "     \
    "--force"
#define REMOVE "To remove a VM, and keep its images: maqet rm VM"
#define REMOVE_ALL "To delete its images, too: maqet rm VM --delete-storage"
#define RESTART "To stop a VM and start it again: maqet restart VM"
#define ADD "To add a VM that a YAML file defines: maqet add FILE"
#define NEW "To make one from an image with cloud-init: maqet new NAME --image FILE"
#define SAVE "To save a guest with its memory: maqet checkpoint VM create NAME"
#define LOAD "To go on from a checkpoint: maqet checkpoint VM load NAME"
#define REVERT "To revert its drives to a snapshot: maqet snapshot VM load DRIVE NAME"

const struct word all_words[] = {
    /* VMs. */
    {"list", RUNS("ls")},
    {"ps", RUNS("ls")},
    {"show", RUNS("status")},
    {"info", RUNS("status")},
    {"inspect", RUNS("status")},
    {"dominfo", RUNS("status")},
    {"domstate", RUNS("status")},
    {"domblklist", RUNS("status")},
    {"up", RUNS("start")},
    {"boot", RUNS("start")},
    {"unpause", RUNS("resume")},
    {"define", RUNS("add")},
    {"shell", RUNS("ssh")},
    {"login", RUNS("ssh")},
    {"connect", RUNS("console")},
    {"log", RUNS("logs")},
    {"stats", RUNS("top")},
    {"images", .command = "storage", .action = "ls"},
    {"plugins", .command = "plugin", .action = "list"},
    {"snapshots", .command = "snapshot", .action = "list"},
    {"snapshot-list", .command = "snapshot", .action = "list"},
    {"checkpoints", .command = "checkpoint", .action = "list"},

    {"create", HINTS(ADD, NEW)},
    {"launch", HINTS(ADD, NEW, "To start one: maqet start VM")},
    {"clone",
     HINTS("Add a VM with a drive that has `backing_file: IMAGE`: maqet add FILE")},
    {"suspend", HINTS("To pause the guest's CPUs: maqet pause VM", SAVE)},
    {"save", HINTS(SAVE)},
    {"restore", HINTS(LOAD, REVERT)},
    {"revert", HINTS(REVERT, LOAD)},
    {"snapshot-create", HINTS("To create one: maqet snapshot VM create DRIVE NAME")},
    {"snapshot-revert", HINTS(REVERT)},
    {"snapshot-delete", HINTS("To delete one: maqet snapshot VM delete DRIVE NAME")},

    {"shutdown", HINTS(POWER_OFF)},
    {"poweroff", HINTS(POWER_OFF)},
    {"halt", HINTS(POWER_OFF)},
    {"down", HINTS(POWER_OFF)},
    {"kill", HINTS(POWER_FAILURE)},
    {"reboot", HINTS(RESTART)},
    {"reset", HINTS(RESTART, "To press the reset button: maqet qmp VM system_reset")},
    {"destroy", HINTS(POWER_FAILURE, REMOVE)},
    {"delete", HINTS(REMOVE, REMOVE_ALL)},
    {"remove", HINTS(REMOVE, REMOVE_ALL)},
    {"undefine", HINTS(REMOVE, REMOVE_ALL)},
    {"rmi", HINTS("To delete an image that no VM uses: maqet storage rm PATH")},
    {"prune", HINTS("To delete images that no VM uses: maqet storage rm PATH")},
    {0},
};

const struct word *
word_find(const char *text)
{
    for (const struct word *word = all_words; word->word; word++)
        if (strcmp(word->word, text) == 0)
            return word;
    return NULL;
}
