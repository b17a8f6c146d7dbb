/* SPDX-License-Identifier: MIT */
/*
 * mask.h - texts that are kept secret: the content of a file that a plugin reads with
 * maqet_drive_secret(). While one is known here, it is replaced by "***" in errors,
 * messages and the output of programs, and recognised in command lines. Each line of it
 * counts, since messages contain only some lines of a long text. It is recognised as it
 * is, as JSON writes it, and with doubled commas.
 */
#ifndef MAQET_BASE_MASK_H
#define MAQET_BASE_MASK_H

#include "core/base/text.h"

/* A shorter text would be part of many others by chance. */
enum { MAQET_MASK_MIN_BYTES = 4 };

/* Begins to keep a text secret; it is copied. @owner is any address, by which all of its
 * texts are forgotten, and the copies wiped. */
void maqet_mask_add(const void *owner, const char *secret, size_t size);
void maqet_mask_forget(const void *owner);

/* Takes a text, which may be NULL, and returns it without what is secret. */
char *maqet_mask(char *text);
void maqet_mask_buffer(struct maqet_text *text);

/* Whether a text contains something secret. */
bool maqet_mask_finds(const char *text);

/* Whether nothing is secret. */
bool maqet_mask_is_empty(void);

#endif
