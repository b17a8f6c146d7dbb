/* SPDX-License-Identifier: MIT */
/*
 * operands.h - what the operands of a command are. One list of kinds says how many there may
 * be, and makes the synopsis and the shell completion.
 */
#ifndef MAQET_CLI_OPERANDS_H
#define MAQET_CLI_OPERANDS_H

#include "core/machine/definition.h"

struct command;
struct invocation;

/* Each has a row in operands.c. */
enum operand_kind {
    OPERAND_NONE, /* ends a list */
    OPERAND_VM,
    OPERAND_VM_OR_FILE,
    OPERAND_DRIVE,
    OPERAND_SIZE,
    OPERAND_SNAPSHOT,   /* of the drive before it */
    OPERAND_CHECKPOINT, /* of the VM before it */
    OPERAND_NEW_NAME,   /* of what is made */
    OPERAND_NEW_FILE,
    OPERAND_YAML,
    OPERAND_IMAGE,
    OPERAND_PLUGIN,
    OPERAND_PLUGIN_FILE,
    OPERAND_COMMAND, /* one of maqet's */
    OPERAND_ACTION,  /* of the command before it */
    OPERAND_PROGRAM, /* one of the host's, with its arguments */
    OPERAND_QMP_COMMAND,
    OPERAND_QMP_ARGUMENTS,
    OPERAND_KINDS,

    /* What may be added to a kind. */
    OPERAND_OPTIONAL = 0x100,
    OPERAND_REPEATED = 0x200, /* only the last one */
    OPERAND_OR_ALL = 0x400,   /* --all stands for it */
};

enum { OPERANDS_MAX = 4 };

/* "VM DRIVE NAME" of a command, "VM create DRIVE NAME" of an action of it, and of a command
 * with actions "VM create|list|load"; the caller frees. */
char *operands_synopsis(const struct command *group, const struct command *command);

/* What the shell completion calls a kind; it has a case for each. */
const char *operand_completion(enum operand_kind kind);

/*
 * What the operand at an index of the command line is, of those that the command line has
 * or could have; OPERAND_NONE where there is none.
 */
enum operand_kind operand_kind_at(const struct invocation *invocation, size_t index);

/* The (first) operand of a kind; NULL: it was not given. A part of the invocation. */
const char *operand_find(const struct invocation *invocation, enum operand_kind kind);

/* Checks the number of operands, and that the action is one. */
int operands_check(const struct invocation *invocation, struct maqet_error **err);

/*
 * The definition in the YAML files that are the operands from number @first on, merged, and
 * with what --set says (the command has that option). @name overrides the files' name;
 * NULL: it doesn't.
 */
struct maqet_definition *operands_define(const struct invocation *invocation,
                                         size_t first, const char *name,
                                         struct maqet_error **err);

#endif
