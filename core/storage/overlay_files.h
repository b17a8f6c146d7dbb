/* SPDX-License-Identifier: MIT */
/*
 * overlay_files.h - the files in a folder of overlays (overlays.h): which of them a tree knows, which
 * it knew, and which are of a later time.
 */
#ifndef MAQET_STORAGE_OVERLAY_FILES_H
#define MAQET_STORAGE_OVERLAY_FILES_H

#include "core/storage/overlays.h"

/* The record of the tree, in the folder. */
#define MAQET_OVERLAYS_TREE "tree.json"

/* Whether a file in such a folder is an overlay; and whether it is anything of maqet's, the tree and
 * what a killed command has left included. */
bool maqet_overlay_files_is_overlay(const char *name);
bool maqet_overlay_files_is_own(const char *name);

/* The lowest id of which, and of later ones, none of the files is. */
uint64_t maqet_overlay_files_next(const struct maqet_strings *names);

/* The path of a file with an id that the tree has not given away yet: it is of a later time.
 * NULL: there is none. The caller frees. */
char *maqet_overlay_files_newer(const struct maqet_overlays *overlays,
                                const struct maqet_strings *names);

/* Removes the files with ids that were given away and belong to no node, and what a killed command
 * has left; of a tree without all of its files, only what has a temporary name. */
void maqet_overlay_files_sweep(const struct maqet_overlays *overlays);

#endif
