/* SPDX-License-Identifier: MIT */
/*
 * yaml_fault.h - libyaml's errors in words that help: one line, with the place.
 */
#ifndef MAQET_CONFIG_YAML_FAULT_H
#define MAQET_CONFIG_YAML_FAULT_H

#include <yaml.h>

#include "core/base/error.h"

/* Sets the error with which the parser stopped. @text is all of its input, @name is for the
 * message. Returns -1. */
int maqet_yaml_fault(const yaml_parser_t *parser, const char *text, size_t length,
                     const char *name, struct maqet_error **err);

#endif
