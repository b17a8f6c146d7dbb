/* SPDX-License-Identifier: MIT */
/*
 * words.h - words that other tools use for what maqet does (virsh, podman, docker, lima,
 * multipass, incus, vagrant). One that only reads, or starts something, runs our command;
 * one that could stop or delete something, or has no exact counterpart, is an error that
 * names the command.
 */
#ifndef MAQET_CLI_WORDS_H
#define MAQET_CLI_WORDS_H

#include "core/base/text.h"

struct word {
    const char *word; /* NULL ends the table */
    /* What it runs: a command, and its action (may be NULL). NULL: it runs nothing. */
    const char *command;
    const char *action;
    /* Otherwise: what is probably wanted, up to three hints. */
    const char *hints[3];
};

extern const struct word all_words[];

/* Adds the words that run a command. */
void words_that_run(struct maqet_strings *words);

/* The row of a word, or NULL. */
const struct word *word_find(const char *text);

#endif
