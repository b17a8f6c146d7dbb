/* SPDX-License-Identifier: MIT */
/*
 * damage.h - damage to a qcow2 image that can be seen at once: marks in its header, and
 * tables that do not lie in the file, as those of a copy that was cut off.
 */
#ifndef QCOW2_DAMAGE_H
#define QCOW2_DAMAGE_H

#include "plugins/qcow2/header.h"

/*
 * Looks at the header, the active L1 table (the first MiB of it), the refcount table, and
 * at where the snapshot table is. Nothing is an error that QEMU itself leaves when it, or
 * the host, dies: data that an L2 table refers to may lie behind the end of the file. An
 * image whose refcounts are out of date (QCOW2_DIRTY) is none that is damaged. No QEMU
 * should be writing to it meanwhile. Returns 0, or -1 with *fault set.
 */
int qcow2_damage_find(int fd, const struct qcow2_header *header, const char **fault);

#endif
