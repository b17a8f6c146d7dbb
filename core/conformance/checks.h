/* SPDX-License-Identifier: MIT */
/*
 * checks.h - the checks of the kit: one function each, which returns 0, or -1 with an
 * error that tells the plugin's author what the plugin did wrong, and what to do. A check
 * that finds nothing to check ends with bench_skip().
 */
#ifndef MAQET_CONFORMANCE_CHECKS_H
#define MAQET_CONFORMANCE_CHECKS_H

#include "core/conformance/bench.h"

enum { CHECK_STORAGE = 1, CHECK_IFACE = 2, CHECK_BOTH = 3 };

struct check {
    const char *name;
    const char *text;   /* what a plugin must do to pass: a sentence without full stop */
    unsigned kinds;     /* of plugins that it is for */
    unsigned seconds;   /* that it may take */
    bool without_load;  /* it looks at the file alone */
    bool without_drive; /* it needs no drive with made-up values */
    int (*run)(struct bench *bench, struct maqet_error **err);
};

/* In the order in which they run; a name of NULL ends the table. */
extern const struct check maqet_checks[];

/* check_file.c, check_options.c */
int check_file(struct bench *bench, struct maqet_error **err);
int check_loads(struct bench *bench, struct maqet_error **err);
int check_options(struct bench *bench, struct maqet_error **err);

/* check_calls.c, check_errors.c, check_hostile.c */
int check_drive(struct bench *bench, struct maqet_error **err);
int check_validate(struct bench *bench, struct maqet_error **err);
int check_emit(struct bench *bench, struct maqet_error **err);
int check_asked(struct bench *bench, struct maqet_error **err);
int check_two_drives(struct bench *bench, struct maqet_error **err);
int check_errors(struct bench *bench, struct maqet_error **err);
int check_null_errors(struct bench *bench, struct maqet_error **err);
int check_hostile_values(struct bench *bench, struct maqet_error **err);

/* check_create.c, check_tool.c */
int check_create(struct bench *bench, struct maqet_error **err);
int check_space(struct bench *bench, struct maqet_error **err);
int check_odd_path(struct bench *bench, struct maqet_error **err);
int check_existing(struct bench *bench, struct maqet_error **err);
int check_failing_tool(struct bench *bench, struct maqet_error **err);
int check_slow_tool(struct bench *bench, struct maqet_error **err);
int check_killed(struct bench *bench, struct maqet_error **err);
int check_two_at_once(struct bench *bench, struct maqet_error **err);

/* check_inspect.c */
int check_inspect(struct bench *bench, struct maqet_error **err);
int check_hostile_images(struct bench *bench, struct maqet_error **err);
int check_damage(struct bench *bench, struct maqet_error **err);

/* check_qemu.c, check_hotplug.c, check_snapshots.c */
int check_qemu(struct bench *bench, struct maqet_error **err);
int check_capacity(struct bench *bench, struct maqet_error **err);
int check_hotplug(struct bench *bench, struct maqet_error **err);
int check_snapshots(struct bench *bench, struct maqet_error **err);
int check_live_snapshots(struct bench *bench, struct maqet_error **err);
int check_served(struct bench *bench, struct maqet_error **err);

/* check_resize.c */
int check_resize(struct bench *bench, struct maqet_error **err);
int check_live_resize(struct bench *bench, struct maqet_error **err);

/* check_traces.c, check_writes.c */
int check_writes(struct bench *bench, struct maqet_error **err);
int check_descriptors(struct bench *bench, struct maqet_error **err);
int check_children(struct bench *bench, struct maqet_error **err);
int check_environment(struct bench *bench, struct maqet_error **err);
int check_output(struct bench *bench, struct maqet_error **err);

#endif
