/* SPDX-License-Identifier: MIT */
/*
 * yaml_fault.h - libyaml's complaints in words that help: one line, with the place.
 */
#ifndef MAQET_CONFIG_YAML_FAULT_H
#define MAQET_CONFIG_YAML_FAULT_H

#include <yaml.h>

#include "core/base/error.h"

/* The error that a parser stopped with. @text is all that it was given, @name is for the
 * message. Returns -1. */
int maqet_yaml_fault(const yaml_parser_t *parser, const char *text, size_t length,
                     const char *name, struct maqet_error **err);

#endif
