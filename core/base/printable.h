/* SPDX-License-Identifier: MIT */
/*
 * printable.h - what stands between foreign text and any output. Tags in images, names of
 * files, what QEMU, the guest agent and plugins say, YAML, the environment, /proc: each
 * may hold anything, and must not mislead a terminal or whoever reads the output. Which
 * characters may be shown is decided here alone; each format has its own way to write the
 * others (cli/output.h).
 */
#ifndef MAQET_BASE_PRINTABLE_H
#define MAQET_BASE_PRINTABLE_H

#include "core/base/text.h"

/* The code of a byte that belongs to no character. */
#define MAQET_NO_CHARACTER UINT32_MAX

/* Reads the character that a text of @left bytes (at least 1) begins with: returns its
 * length, and sets its code. A byte that is not part of valid UTF-8 (RFC 3629) is taken
 * alone, and its code is MAQET_NO_CHARACTER. */
size_t maqet_character(const char *text, size_t left, uint32_t *code);

/* Whether a character may be shown as it is. Not so: controls, line and paragraph
 * separators, what is invisible but changes how the rest is shown or compared (Unicode's
 * category Cf), noncharacters, and MAQET_NO_CHARACTER. */
bool maqet_character_is_printable(uint32_t code);

/* Whether all of a text may be shown as it is. */
bool maqet_text_is_printable(const char *text, size_t length);

/* How many bytes of one value are shown to people, and of one message in any format. */
enum { MAQET_SHOWN_MAX = 4096, MAQET_MESSAGE_MAX = 8192 };

/* The text, or where it is longer than @limit bytes its beginning and its end with its
 * length in between: "aaa… (10485760 bytes) …zzz". No character is cut in two. The caller
 * frees. */
char *maqet_text_shortened(const char *text, size_t length, size_t limit);

/* One line of valid UTF-8 that can be shown anywhere: what may not be shown is written
 * \t, \n, \x1b (a byte: C0, DEL, or no character), \u202e or \U000e0001. It is shortened
 * to @limit bytes before. The caller frees. */
char *maqet_text_printable(const char *text, size_t length, size_t limit);

/* The same for one value: the limit is MAQET_SHOWN_MAX. */
char *maqet_text_shown(const char *text);

/* The same for a message of several lines, as QEMU's errors are: each line but the first
 * begins with "  | ", so that none can be taken for a message of its own. The caller
 * frees. */
char *maqet_text_printable_lines(const char *text);

/* One line that `printf %b` of any shell turns into the text: a backslash is written \\,
 * and what may not be shown \t, \n or, byte by byte, \0ooo (octal). The caller frees. */
char *maqet_text_reversible(const char *text, size_t length);

/* Valid UTF-8 from which the text can be restored: a byte that belongs to no character is
 * written as U+FFFD and two hexadecimal digits, and so are the three bytes of a U+FFFD
 * itself. The caller frees; *converted is the result's length. */
char *maqet_text_utf8(const char *text, size_t length, size_t *converted);

/* Appends a word for a shell, in quotes where it needs them, for command lines that
 * people copy: a name in one may hold anything, and must not end its word. */
void maqet_shell_append(struct maqet_text *text, const char *word);

/* A word in quotes, whether it needs them or not. The caller frees. */
char *maqet_shell_quoted(const char *word);

#endif
