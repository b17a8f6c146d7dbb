/* SPDX-License-Identifier: MIT */
/*
 * fold.h - lines that are longer than a terminal is wide are broken between words, where the
 * terminal would break them anywhere.
 */
#ifndef MAQET_CLI_FOLD_H
#define MAQET_CLI_FOLD_H

#include <stddef.h>

/* Breaks the lines of a text, which may have shades, after at most @columns columns; SIZE_MAX:
 * nowhere. What follows is indented as far as a title ("ERROR: "), a number ("1. ") or the
 * left columns of the line go. A word is never broken. The caller frees. */
char *fold_lines(const char *text, size_t columns);

#endif
