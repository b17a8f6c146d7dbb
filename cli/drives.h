/* SPDX-License-Identifier: MIT */
/*
 * drives.h - a machine's drives as rows of a result.
 */
#ifndef MAQET_CLI_DRIVES_H
#define MAQET_CLI_DRIVES_H

#include "core/machine/vm.h"

/* A list with name, type, interface, media and file of each drive. */
json_object *drives_describe(const struct maqet_vm *vm);

/* The same, with virtual_size and allocated_size of the images that are there, and the
 * damage that can be seen at once. One that can't be looked at is a warning, and so is
 * damage.
 * @running: QEMU may be writing to them. */
json_object *drives_inspect(const struct maqet_vm *vm, bool running);

#endif
