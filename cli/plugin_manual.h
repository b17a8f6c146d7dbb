/* SPDX-License-Identifier: MIT */
/*
 * plugin_manual.h - the manual page of a plugin, maqet-storage-NAME(5) or
 * maqet-iface-NAME(5), from what the plugin says of itself.
 */
#ifndef MAQET_CLI_PLUGIN_MANUAL_H
#define MAQET_CLI_PLUGIN_MANUAL_H

#include "cli/plugins.h"

/* The page for a plugin, whose texts are one line each. @prose is man(7) text to stand
 * before the options, or NULL. The caller frees. */
char *plugin_manual(const struct plugin *plugin, const char *prose);

#endif
