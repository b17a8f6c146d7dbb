/* SPDX-License-Identifier: MIT */
/*
 * describe.h - what a plugin says of itself, as JSON. It is asked in a child, so that one
 * that crashes when it is loaded takes nobody down.
 */
#ifndef MAQET_PLUGIN_DESCRIBE_H
#define MAQET_PLUGIN_DESCRIBE_H

#include <json-c/json.h>

#include "core/base/context.h"
#include "core/base/error.h"

/*
 * Loads the plugin of a file and tells: name, kind ("storage", "interface"), summary,
 * abi, file, options (maqet_option_table_describe), capabilities (a list of words), and for
 * a storage interface and path_option (either may be null). NULL on error; the caller puts
 * it.
 */
json_object *maqet_plugin_describe(const char *file, struct maqet_error **err);

/* All plugins that lie in the folders, in the order in which these are searched: as
 * above, and state ("loads"; "refused" with its reason; "shadowed" by one of that name in
 * an earlier folder). The caller puts it. */
json_object *maqet_plugin_list(const struct maqet_context *context);

/* The storage and the interface plugin of that name, one or both, as
 * maqet_plugin_describe has them. NULL on error: there is none (it names the closest
 * one), or it is refused. The caller puts it. */
json_object *maqet_plugin_info(const struct maqet_context *context, const char *name,
                               struct maqet_error **err);

#endif
