/* SPDX-License-Identifier: MIT */
/*
 * printable.h - which characters of foreign texts may be shown, and how the others are
 * written: tags in images, file names, output of QEMU, the guest agent and plugins, YAML,
 * the environment and /proc may contain anything, and must not mislead a terminal or its
 * user. Each format has its own escapes (cli/output.h).
 */
#ifndef MAQET_BASE_PRINTABLE_H
#define MAQET_BASE_PRINTABLE_H

#include "core/base/text.h"

/* The code of a byte that is not part of a character. */
#define MAQET_NO_CHARACTER UINT32_MAX

/* Reads the first character of a text of @left bytes (at least 1): returns its length, and
 * sets its code. A byte that is not part of valid UTF-8 (RFC 3629) has the length 1 and
 * the code MAQET_NO_CHARACTER. */
size_t maqet_character(const char *text, size_t left, uint32_t *code);

/* Whether a character may be shown as it is: it is not a control, a line or paragraph
 * separator, an invisible format character (Unicode's category Cf), a noncharacter, or
 * MAQET_NO_CHARACTER. */
bool maqet_character_is_printable(uint32_t code);

/* Whether all characters of a text may be shown as they are. */
bool maqet_text_is_printable(const char *text, size_t length);

/* The maximum bytes of one value for people, and of one message in any format. */
enum { MAQET_SHOWN_MAX = 4096, MAQET_MESSAGE_MAX = 8192 };

/* A copy; if the text is longer than @limit bytes, its beginning and end with its length
 * in between: "aaa… (10485760 bytes) …zzz", without cutting characters. The caller
 * frees. */
char *maqet_text_shortened(const char *text, size_t length, size_t limit);

/* The text, shortened to @limit bytes, as one printable line of valid UTF-8: what may not
 * be shown is written \t, \n, \x1b (a byte: C0, DEL, or no character), \u202e or
 * \U000e0001. The caller frees. */
char *maqet_text_printable(const char *text, size_t length, size_t limit);

/* The same with the limit MAQET_SHOWN_MAX. */
char *maqet_text_shown(const char *text);

/* The same for a message of several lines: each line but the first begins with "  | ", so
 * that it cannot be mistaken for another message. The caller frees. */
char *maqet_text_printable_lines(const char *text);

/* One line from which `printf %b` of any shell restores the text: a backslash is written
 * \\, and what may not be shown \t, \n or, byte by byte, \0ooo (octal). The caller
 * frees. */
char *maqet_text_reversible(const char *text, size_t length);

/* Valid UTF-8 from which the text can be restored: a byte that is not part of a character
 * is written as U+FFFD and two hexadecimal digits, and so is each byte of a U+FFFD. The
 * caller frees; *converted is the result's length. */
char *maqet_text_utf8(const char *text, size_t length, size_t *converted);

/* Appends a word for a shell, quoted if necessary, for command lines that people copy. */
void maqet_shell_append(struct maqet_text *text, const char *word);

/* A word in quotes, even if it does not need them. The caller frees. */
char *maqet_shell_quoted(const char *word);

#endif
