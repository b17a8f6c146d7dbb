/* SPDX-License-Identifier: MIT */
/*
 * keys.h - what keys of the top level mean whose values are texts with a form of their own.
 */
#ifndef MAQET_MACHINE_KEYS_H
#define MAQET_MACHINE_KEYS_H

#include "core/config/tree.h"

/* More vCPUs than any machine type of QEMU supports. */
enum { MAQET_KEYS_VCPUS_MAX = 4096 };

/* Checks what the option table cannot: sizes of the memory and numbers of vCPUs that are
 * most likely mistakes, and machine types that are none. */
int maqet_keys_check(json_object *tree, struct maqet_error **err);

/* The number of vCPUs, by the key `vcpus`, or `cpu` if that is a number; 0: none of them. */
unsigned maqet_keys_vcpus(json_object *tree);

/* The key that has that number; NULL: none of them. */
const char *maqet_keys_name_of_vcpus(json_object *tree);

/* The machine type of the key `machine`, without properties behind it; NULL: it is absent,
 * or has none. The caller frees. */
char *maqet_keys_machine_type(json_object *tree);

#endif
