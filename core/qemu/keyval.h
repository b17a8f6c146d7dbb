/* SPDX-License-Identifier: MIT */
/*
 * keyval.h - QEMU's option syntax: "first,key=value,key=value", in which a comma within a
 * value is written twice (QEMU: util/qemu-option.c).
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

/*
 * The value of @key in @text; of several the last one, as in QEMU. The first word of
 * @text belongs to the key @implied when it bears no name (NULL: none is implied);
 * another word without a value is "on". NULL: not there. The caller frees.
 */
char *maqet_keyval_get(const char *text, const char *implied, const char *key);

/*
 * Reads the pair at *at, and moves on to the next one; false: the text has ended.
 * @implied is that of the first word, and NULL for those after it. The caller frees key
 * and value.
 */
bool maqet_keyval_next(const char **at, const char *implied, char **key, char **value);

#endif
