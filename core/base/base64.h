/* SPDX-License-Identifier: MIT */
/*
 * base64.h - bytes as text, and back (RFC 4648, section 4).
 */
#ifndef MAQET_BASE_BASE64_H
#define MAQET_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/text.h"

/* The caller frees. */
char *maqet_base64_encode(const void *bytes, size_t size);

/* Appends the bytes that a text stands for. False: it is not base64; some may have been
 * appended. */
bool maqet_base64_decode(const char *text, struct maqet_text *bytes);

#endif
