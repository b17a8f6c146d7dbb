/* SPDX-License-Identifier: MIT */
/*
 * operands.h - the operands of a command: a list of kinds, from which their number, the
 * synopsis and the shell completion follow.
 */
#ifndef MAQET_CLI_OPERANDS_H
#define MAQET_CLI_OPERANDS_H

#include "core/machine/vm.h"

struct command;
struct invocation;

/* Each has a row in operands.c. */
enum operand_kind {
    OPERAND_NONE, /* ends a list */
    OPERAND_VM,
    OPERAND_VM_OR_FILE,
    OPERAND_DRIVE,
    OPERAND_SIZE,
    OPERAND_SETTING,  /* KEY=VALUE */
    OPERAND_SNAPSHOT, /* of the drive before it */
    OPERAND_SNAPSHOT_KIND,
    OPERAND_CHECKPOINT, /* of the VM before it */
    OPERAND_NEW_NAME,   /* of what is created */
    OPERAND_NEW_FILE,
    OPERAND_MEDIUM, /* an image, for a CD-ROM drive */
    OPERAND_YAML,
    OPERAND_IMAGE,
    OPERAND_PLUGIN,
    OPERAND_PLUGIN_FILE,
    OPERAND_COMMAND,       /* of maqet */
    OPERAND_ACTION,        /* of the command before it */
    OPERAND_PROGRAM,       /* of the host, with its arguments */
    OPERAND_GUEST_PROGRAM, /* the same of the guest */
    OPERAND_COPIED,        /* a path, of the host or VM:PATH */
    OPERAND_QMP_COMMAND,
    OPERAND_QMP_ARGUMENTS,
    /* Only values of options. */
    OPERAND_ASSIGNMENT, /* KEY=VALUE of a definition */
    OPERAND_TYPE,       /* a storage plugin */
    OPERAND_FOLDER,
    OPERAND_CONDITION, /* what a guest must have come to */
    OPERAND_KINDS,

    /* Flags. */
    OPERAND_OPTIONAL = 0x100,
    OPERAND_REPEATED = 0x200, /* only the last one */
    OPERAND_OR_ALL = 0x400,   /* --all replaces it */
    /* Which drives the completion offers. */
    OPERAND_WITH_SNAPSHOTS = 0x800,
    OPERAND_WITH_SIZE = 0x1000,
    OPERAND_CDROM = 0x2000,
};

enum { OPERANDS_MAX = 4 };

/* "VM DRIVE NAME" for a command, "VM create DRIVE NAME" for an action, "VM create|list|load"
 * for a command with actions. The caller frees. */
char *operands_synopsis(const struct command *group, const struct command *command);

/* The name of a kind for --complete. */
const char *operand_completion(enum operand_kind kind);

/* The same as operand_kind_at(), with its flags. */
unsigned operand_at(const struct invocation *invocation, size_t index);

/* The kind of the operand at an index of the command line, whether it is given or could
 * be; OPERAND_NONE if there cannot be one. */
enum operand_kind operand_kind_at(const struct invocation *invocation, size_t index);

/* The first operand of a kind, a part of the invocation; NULL if it is not given. */
const char *operand_find(const struct invocation *invocation, enum operand_kind kind);

/* Checks the number of operands, and that the action exists. */
int operands_check(const struct invocation *invocation, struct maqet_error **err);

/* The definition in the YAML files among the operands, from number @first on, merged and
 * changed as --set says. @name, unless NULL, replaces the files' name. */
struct maqet_definition *operands_define(const struct invocation *invocation,
                                         size_t first, const char *name,
                                         struct maqet_error **err);

/* The VM that all operands, --name and --set define. */
struct maqet_vm *operands_vm(const struct invocation *invocation,
                             struct maqet_error **err);

#endif
