/* SPDX-License-Identifier: MIT */
/*
 * keyval.h - QEMU's option syntax: "first,key=value,key=value", in which a comma within a
 * value is doubled (QEMU: util/qemu-option.c); and QEMU's syntax of file names.
 */
#ifndef MAQET_QEMU_KEYVAL_H
#define MAQET_QEMU_KEYVAL_H

#include "core/base/text.h"

/*
 * Renders a mapping; the value of the key @implied (NULL: none) comes first, without the
 * key. Nested mappings become dotted keys, items of lists get their index as the key, null
 * becomes a key without a value, true and false become "on" and "off". The caller frees.
 */
char *maqet_keyval_render(json_object *mapping, const char *implied);

/* The same for a JSON object in a text; NULL: it is something else. The caller frees. */
char *maqet_keyval_of_json(const char *text);

/* ---- reading; a text of NULL has no keys ---- */

/*
 * The value of @key in @text; the last one if there are several, as in QEMU. A first word
 * without '=' is the value of the key @implied; any other word, or the first if @implied
 * is NULL, is a key with the value "on". NULL: not there. The caller frees.
 */
char *maqet_keyval_get(const char *text, const char *implied, const char *key);

/* The value of the first of these keys that is there. NULL ends the list. */
char *maqet_keyval_first(const char *text, const char *const *keys);

/* Whether the value of @key is @wanted. */
bool maqet_keyval_has(const char *text, const char *key, const char *wanted);

/* The same where the first word may be the value of @key: "socket,id=a" and
 * "id=a,backend=socket" are both of the backend "socket". */
bool maqet_keyval_is_of(const char *text, const char *key, const char *type);

/* Whether a key is on, or there without a value, as "server" in "socket,server". */
bool maqet_keyval_is_on(const char *text, const char *key);

/* Whether it describes a drive, node or object that is read-only, or a CD-ROM. */
bool maqet_keyval_is_readonly(const char *text);

/*
 * Reads the pair at *at, and advances to the next one; false: the text has ended.
 * @implied applies to the first word only: pass NULL for the others. The caller frees key
 * and value.
 */
bool maqet_keyval_next(const char **at, const char *implied, char **key, char **value);

/* The last part of a dotted key. */
const char *maqet_keyval_last_part(const char *key);

/* ---- file names ---- */

/* Whether a file name begins with a protocol, "nbd:", instead of being a path (QEMU:
 * path_has_protocol in block.c). */
bool maqet_qemu_has_protocol(const char *name);

/* A path as QEMU resolves it, which does not expand "~"; relative to @folder (NULL: it
 * stays relative). The caller frees. */
char *maqet_qemu_path(const char *path, const char *folder);

/* Whether a property of an object or of an option, by its last part, names a file. */
bool maqet_qemu_names_file(const char *key);

/* Appends the paths of the files from which a command line of QEMU, or of one of its
 * tools, reads keys: `-object secret,file=...`. */
void maqet_secrets_find(const struct maqet_strings *argv, const char *folder,
                        struct maqet_strings *paths);

#endif
