/* SPDX-License-Identifier: MIT */
/*
 * keyval.h - QEMU's option syntax: "first,key=value,key=value", in which a comma within a
 * value is written twice (QEMU: util/qemu-option.c); and how it writes names of files.
 */
#ifndef MAQET_QEMU_KEYVAL_H
#define MAQET_QEMU_KEYVAL_H

#include "core/base/text.h"

/*
 * Renders a mapping; the value of the key @implied (NULL: of none) stands without it, as
 * the first word. What is nested gets dotted keys, an item of a list the key of its
 * number, null is a key without a value, true
 * and false are "on" and "off". Any bytes can be in a value. The caller frees.
 */
char *maqet_keyval_render(json_object *mapping, const char *implied);

/* The same of an object in JSON; NULL: the text is none. The caller frees. */
char *maqet_keyval_of_json(const char *text);

/*
 * The value of @key in @text; of several the last one, as in QEMU. The first word of
 * @text belongs to the key @implied when it bears no name (NULL: none is implied);
 * another word without a value is "on". NULL: not there. The caller frees.
 */
char *maqet_keyval_get(const char *text, const char *implied, const char *key);

/* Whether the value of @key, which the first word may have without the name, is @wanted. */
bool maqet_keyval_has(const char *text, const char *key, const char *wanted);

/* Whether a key is there without a value of its own, such as "socket" of "socket,id=a"; or
 * is on. */
bool maqet_keyval_is_on(const char *text, const char *key);

/*
 * Reads the pair at *at, and moves on to the next one; false: the text has ended.
 * @implied is that of the first word, and NULL for those after it. The caller frees key
 * and value.
 */
bool maqet_keyval_next(const char **at, const char *implied, char **key, char **value);

/* The last part of a dotted key. */
const char *maqet_keyval_last_part(const char *key);

/* Whether a name of a file begins with a protocol, "nbd:", instead of being a path (QEMU:
 * path_has_protocol in block.c). */
bool maqet_qemu_has_protocol(const char *name);

/* A path as QEMU finds it, which doesn't expand "~"; a relative one starts at @folder
 * (NULL: it stays relative). The caller frees. */
char *maqet_qemu_path(const char *path, const char *folder);

/* Appends the paths of the files that a command line of QEMU, or of one of its tools, takes
 * keys from: `-object secret,file=...`, whoever wrote it, a plugin or the user. */
void maqet_secrets_find(const struct maqet_strings *argv, const char *folder,
                        struct maqet_strings *paths);

#endif
