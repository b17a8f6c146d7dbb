/* SPDX-License-Identifier: MIT */
/*
 * objects.h - what plugins append (maqet_args_blockdev and the like in maqet-plugin.h),
 * and how it is rendered for QEMU's command line: JSON for -object, -blockdev and
 * -device, and key=value with doubled commas for -fsdev, which takes no JSON.
 *
 * In JSON, a number in a dotted key is a place in a list, as in QEMU's own dotted keys:
 * "server.0.host", "server.1.host".
 */
#ifndef MAQET_QEMU_OBJECTS_H
#define MAQET_QEMU_OBJECTS_H

#include "core/base/error.h"

struct maqet_args *maqet_args_new(void);
void maqet_args_free(struct maqet_args *args);
void maqet_args_cleanup(struct maqet_args **args);

#define _cleanup_args_ _cleanup_(maqet_args_cleanup)

/*
 * What a plugin did wrong with its objects so far: the first fault, as a sentence that
 * names the object, or NULL. Faults are a key that is set twice or is malformed, a
 * malformed or overlong id, two objects of one kind with the same id, a text that JSON
 * can't carry (it is no UTF-8).
 */
const char *maqet_args_fault(const struct maqet_args *args);

/* Whether a plugin has said that another process must be able to map the guest's memory.
 */
bool maqet_args_shares_memory(const struct maqet_args *args);

/* Appends a drive whose content a server offers at a unix socket (NBD), and of which the
 * guest writes to a copy that nobody ever sees again (QEMU: `snapshot=on`). */
void maqet_args_scratch(struct maqet_args *args, const char *id, const char *socket);

/* Appends the objects to a command line, in the order in which they were appended. */
void maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv);

/*
 * Appends what qemu-img takes for the image that a node of this name is: its objects, and
 * the node as a "json:" name. False: there is no such node.
 */
bool maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                             struct maqet_strings *argv);

/* ---- actions of the monitor ---- */

struct maqet_actions *maqet_actions_new(void);
void maqet_actions_cleanup(struct maqet_actions **actions);

#define _cleanup_actions_ _cleanup_(maqet_actions_cleanup)

/* As maqet_args_fault(). */
const char *maqet_actions_fault(const struct maqet_actions *actions);

size_t maqet_actions_count(const struct maqet_actions *actions);
const char *maqet_actions_name(const struct maqet_actions *actions, size_t index);

/* What the action is told, as an object; the caller puts it. */
json_object *maqet_actions_arguments(const struct maqet_actions *actions, size_t index);

#endif
