/* SPDX-License-Identifier: MIT */
/*
 * hotplug_files.h - the files of objects that a running QEMU gets. QEMU may be unable to
 * open them by name: it is confined to the files that it was started with, or runs as
 * another user. So maqet opens them and passes descriptors (QEMU: qapi/misc.json, add-fd),
 * which the nodes then name as "/dev/fdset/N"; and it passes the content of secrets.
 */
#ifndef MAQET_QEMU_HOTPLUG_FILES_H
#define MAQET_QEMU_HOTPLUG_FILES_H

#include "core/qemu/hotplug.h"

/* Judges a file that was opened, before QEMU gets it: 0, or -1 with an error. */
typedef int maqet_hotplug_file_check(void *data, const char *path, int fd,
                                     struct maqet_error **err);

/* Passes the files of the objects, of which it changes the properties. @mark identifies
 * them, for their removal. After an error, remove those that were passed. */
int maqet_hotplug_pass_files(const struct maqet_hotplug *hotplug, const char *mark,
                             maqet_hotplug_file_check *check, void *data,
                             struct maqet_error **err);

/* Passes a file for writing that a node has for reading alone, from a set of descriptors: @name, which
 * QEMU gives as the node's file. The others are taken out of the set, as they would keep their locks when
 * the node changes over. If it has one with that mark already, none is passed. */
int maqet_hotplug_pass_for_writing(struct maqet_qmp *qmp, int64_t timeout,
                                   const char *name, const char *path, const char *mark,
                                   struct maqet_error **err);

/* Has QEMU close what was passed with that mark, as soon as no node uses it. */
int maqet_hotplug_drop_files(struct maqet_qmp *qmp, int64_t timeout, const char *mark,
                             struct maqet_error **err);

#endif
