/* SPDX-License-Identifier: MIT */
/*
 * render.h - objects (core/qemu/objects.h) in the forms in which QEMU takes them: as
 * arguments of its command line, as arguments of qemu-img, and as commands of the monitor
 * of a QEMU that runs.
 */
#ifndef MAQET_QEMU_RENDER_H
#define MAQET_QEMU_RENDER_H

#include "core/qemu/objects.h"

/* Appends the objects to a command line, in the order in which they were appended: JSON
 * where the option takes it, else key=value with doubled commas. */
void maqet_args_render(const struct maqet_args *args, struct maqet_strings *argv);

/* The same in key=value alone. maqet's own devices are rendered so, since checkpoints
 * remember the command line, and those of earlier maqets are to fit. */
void maqet_args_render_keyval(const struct maqet_args *args, struct maqet_strings *argv);

/*
 * Appends what qemu-img takes for the image that a node of this name is: its objects, and
 * the node as a "json:" name. False: there is no such node.
 */
bool maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                             struct maqet_strings *argv);

/* ---- commands of the monitor ---- */

struct maqet_monitor_command {
    const struct maqet_props *props; /* the object, whose kind has the commands' names */
    json_object *arguments;          /* of the one that adds it; owned */
};

struct maqet_monitor_commands {
    struct maqet_monitor_command *items;
    size_t count;
};

/*
 * Makes the commands that add the objects to a QEMU that runs, in the order in which they
 * were appended, but for the @skipped first ones, which it has already. The args must
 * outlive the commands. MAQET_ERROR_UNSUPPORTED: an object, or one of its properties, has
 * no form in the monitor.
 */
int maqet_args_render_commands(const struct maqet_args *args, size_t skipped,
                               struct maqet_monitor_commands *commands,
                               struct maqet_error **err);
void maqet_monitor_commands_clear(struct maqet_monitor_commands *commands);

#define _cleanup_monitor_commands_ _cleanup_(maqet_monitor_commands_clear)

#endif
