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
#define DELETE_IMAGES "To delete images that no VM uses: maqet storage rm PATH"
#define RESTART "To stop a VM and start it again: maqet restart VM"
#define ADD "To add a VM that a YAML file defines: maqet add FILE"
#define NEW "To make one from an image with cloud-init: maqet new NAME --image FILE"
#define SAVE "To save a guest with its memory: maqet checkpoint VM create NAME"
#define LOAD "To go on from a checkpoint: maqet checkpoint VM load NAME"
#define REVERT "To revert its drives to a snapshot: maqet snapshot VM load DRIVE NAME"
#define SNAPSHOT "To create one: maqet snapshot VM create DRIVE NAME"
#define EDIT "To change a VM's memory, vcpus, network and so on: maqet edit VM"
#define ATTACH "To attach a drive: maqet attach VM --name DRIVE file=FILE"
#define DETACH "To detach a drive: maqet detach VM DRIVE"
#define MEDIUM "To change the medium of a CD-ROM drive: maqet cdrom VM DRIVE insert FILE"
#define COPY "To copy files to a guest, or from it: maqet cp VM:PATH PATH"
#define CLONE "To clone a VM: maqet clone VM NAME"
#define RENAME "To rename a VM: maqet rename VM NAME"
#define MOVE "To move the image of a drive: maqet move VM DRIVE FOLDER"
#define SHARE "To share a folder with the guest: maqet new NAME --image FILE --share DIR"
#define NETWORK "A VM's network, its ports and how to log in: maqet status VM"
#define MONITOR "To send a command to QEMU's monitor: maqet qmp VM QMP-COMMAND"

const struct word all_words[] = {
    /* What only reads. */
    {"list", RUNS("ls")},
    {"ps", RUNS("ls")},
    {"global-status", RUNS("ls")},
    {"show", RUNS("status")},
    {"info", RUNS("status")},
    {"inspect", RUNS("status")},
    {"describe", RUNS("status")},
    {"state", RUNS("status")},
    {"stat", RUNS("status")},
    {"ip", RUNS("status")},
    {"port", RUNS("status")},
    {"ports", RUNS("status")},
    {"dominfo", RUNS("status")},
    {"domstate", RUNS("status")},
    {"domstats", RUNS("status")},
    {"domblklist", RUNS("status")},
    {"domblkinfo", RUNS("status")},
    {"domiflist", RUNS("status")},
    {"domifaddr", RUNS("status")},
    {"dumpxml", RUNS("config")},
    {"get", RUNS("config")},
    {"log", RUNS("logs")},
    {"nodeinfo", RUNS("doctor")},
    {"event", RUNS("events")},
    {"history", RUNS("events")},
    {"stats", RUNS("top")},
    {"images", .command = "storage", .action = "ls"},
    {"volumes", .command = "storage", .action = "ls"},
    {"vol-list", .command = "storage", .action = "ls"},
    {"pool-list", .command = "storage", .action = "ls"},
    {"plugins", .command = "plugin", .action = "list"},
    {"snapshots", .command = "snapshot", .action = "list"},
    {"snapshot-list", .command = "snapshot", .action = "list"},
    {"checkpoints", .command = "checkpoint", .action = "list"},
    {"version", HINTS("To show the version: maqet --version")},
    {"image", HINTS("To list images that no VM uses: maqet storage ls", DELETE_IMAGES)},
    {"volume", HINTS("To list images that no VM uses: maqet storage ls", DELETE_IMAGES)},
    {"network", HINTS(NETWORK, EDIT)},
    {"networks", HINTS(NETWORK, EDIT)},
    {"net-list", HINTS(NETWORK)},
    {"domdisplay", HINTS("To connect to the guest's serial console: maqet console VM")},
    {"vncdisplay", HINTS("To connect to the guest's serial console: maqet console VM")},
    {"monitor", HINTS("To see what happens to a VM: maqet events VM -f", MONITOR)},

    /* What starts something, or reaches a guest. */
    {"up", RUNS("start")},
    {"boot", RUNS("start")},
    {"unpause", RUNS("resume")},
    {"define", RUNS("add")},
    {"shell", RUNS("ssh")},
    {"sh", RUNS("ssh")},
    {"login", RUNS("ssh")},
    {"connect", RUNS("console")},
    {"transfer", RUNS("cp")},
    {"domrename", RUNS("rename")},

    {"create", HINTS(ADD, NEW)},
    {"init", HINTS(NEW, ADD)},
    {"launch", HINTS(ADD, NEW, "To start one: maqet start VM")},
    {"pull", HINTS("maqet downloads nothing; once an image is here: maqet new NAME "
                   "--image FILE")},
    {"copy", HINTS(COPY, CLONE)},
    {"set", HINTS(EDIT)},
    {"setmem", HINTS(EDIT)},
    {"setvcpus", HINTS(EDIT)},
    {"update", HINTS(EDIT, "To change it to what a YAML file says: maqet apply VM FILE")},
    {"mv", HINTS(RENAME, MOVE, COPY)},
    {"mount", HINTS(SHARE, ATTACH, MEDIUM)},
    {"umount", HINTS(DETACH)},
    {"attach-disk", HINTS(ATTACH)},
    {"attach-device", HINTS(ATTACH)},
    {"detach-disk", HINTS(DETACH)},
    {"detach-device", HINTS(DETACH)},
    {"change-media", HINTS(MEDIUM)},
    {"blockresize", HINTS("To resize a drive: maqet resize VM DRIVE SIZE")},
    {"qemu-monitor-command", HINTS(MONITOR)},
    {"qemu-agent-command", HINTS("To run a command in the guest: maqet exec VM COMMAND")},

    {"suspend", HINTS("To pause the guest's CPUs: maqet pause VM", SAVE)},
    {"save", HINTS(SAVE)},
    {"managedsave", HINTS(SAVE)},
    {"commit", HINTS(SAVE, "To save its drives: maqet snapshot VM create --all NAME")},
    {"restore", HINTS(LOAD, REVERT)},
    {"revert", HINTS(REVERT, LOAD)},
    {"snapshot-create", HINTS(SNAPSHOT)},
    {"snapshot-create-as", HINTS(SNAPSHOT)},
    {"snapshot-revert", HINTS(REVERT)},
    {"snapshot-delete", HINTS("To delete one: maqet snapshot VM delete DRIVE NAME")},

    /* What stops or deletes something. */
    {"shutdown", HINTS(POWER_OFF)},
    {"poweroff", HINTS(POWER_OFF)},
    {"halt", HINTS(POWER_OFF)},
    {"down", HINTS(POWER_OFF)},
    {"kill", HINTS(POWER_FAILURE)},
    {"reboot", HINTS(RESTART)},
    {"reload", HINTS(RESTART)},
    {"reset", HINTS(RESTART, "To press the reset button: maqet qmp VM system_reset")},
    {"destroy", HINTS(POWER_FAILURE, REMOVE)},
    {"delete", HINTS(REMOVE, REMOVE_ALL)},
    {"del", HINTS(REMOVE, REMOVE_ALL)},
    {"remove", HINTS(REMOVE, REMOVE_ALL)},
    {"undefine", HINTS(REMOVE, REMOVE_ALL)},
    {"purge", HINTS(REMOVE_ALL, DELETE_IMAGES)},
    {"rmi", HINTS(DELETE_IMAGES)},
    {"prune", HINTS(DELETE_IMAGES)},
    {0},
};

void
words_that_run(struct maqet_strings *words)
{
    for (const struct word *word = all_words; word->word; word++)
        if (word->command)
            maqet_strings_add(words, word->word);
}

const struct word *
word_find(const char *text)
{
    for (const struct word *word = all_words; word->word; word++)
        if (strcmp(word->word, text) == 0)
            return word;
    return NULL;
}
