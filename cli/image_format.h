/* SPDX-License-Identifier: MIT */
/*
 * image_format.h - options about images that are not drives: their format, for which --format
 * has further words, and their mode.
 */
#ifndef MAQET_CLI_IMAGE_FORMAT_H
#define MAQET_CLI_IMAGE_FORMAT_H

#include <sys/types.h>

#include "cli/invocation.h"

/* The formats, as QEMU calls them; NULL after the last one. */
const char *image_format(unsigned index);

/* The choices of --format: the formats of results, and those of images. */
const char *format_or_image_format(unsigned index);

/* The format of an image that the command line gives; NULL: none. */
const char *given_image_format(const struct invocation *invocation);

/* Reads --mode; 0 if it is not given. */
int image_mode(const struct invocation *invocation, mode_t *mode,
               struct maqet_error **err);

#endif
