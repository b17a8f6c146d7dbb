/* SPDX-License-Identifier: MIT */
/*
 * made_up.h - entries of drives with made-up values for the options that the plugin
 * requires, and with what the author sets.
 */
#ifndef MAQET_CONFORMANCE_MADE_UP_H
#define MAQET_CONFORMANCE_MADE_UP_H

#include "core/conformance/bench.h"

/* The entry of a drive, with the image disk.NAME in the check's folder. @size: bytes; 0:
 * any. The caller puts it. */
json_object *bench_entry(struct bench *bench, const char *name, uint64_t size);

/* Sets an option of an entry; "map.option" leads into a mapping. NULL removes it. */
void bench_set(json_object *entry, const char *option, const char *value);

/* The same for an option of the plugin, or of the storage, in its full form if the other
 * plugin of the drive has an option of that name, too. */
void made_up_set(const struct bench *bench, json_object *entry, const char *option,
                 const char *value);
void made_up_set_storage(const struct bench *bench, json_object *entry,
                         const char *option, const char *value);

/* A value for a SIZE option that its limits allow. The caller frees. */
char *made_up_size(const struct maqet_option *row, uint64_t bytes);

/* Makes an image without data if nothing is there: by qemu-img if that knows the format
 * (may be NULL), else of zeros. */
void made_up_image(const char *path, const char *format);

/* Tries the next combination of what made-up paths lead to: folders, files, images, or
 * nothing. False: all were tried, and the first one is back. */
bool made_up_next_paths(struct bench *bench);

/* Whether the path of images is the author's own: nothing can be created for the storage,
 * and he says what there is. */
bool made_up_is_authors(const struct bench *bench);

#endif
