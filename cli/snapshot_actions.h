/* SPDX-License-Identifier: MIT */
/*
 * snapshot_actions.h - what `maqet snapshot` does and shows, one function for each
 * action. They return 0, or -1 with an error.
 */
#ifndef MAQET_CLI_SNAPSHOT_ACTIONS_H
#define MAQET_CLI_SNAPSHOT_ACTIONS_H

#include "cli/context.h"
#include "core/snapshot/snapshot.h"

/* What a call is about, taken from the operands by the action's rules. */
struct asked {
    struct maqet_snapshot_request request;
    struct maqet_strings exclude;
    const char *file;
    const char *format; /* of an exported image; NULL: not given */
};

int snapshot_create(struct invocation *invocation, struct asked *asked,
                    struct maqet_error **err);
int snapshot_list(struct invocation *invocation, struct asked *asked,
                  struct maqet_error **err);
int snapshot_tree(struct invocation *invocation, struct asked *asked,
                  struct maqet_error **err);
int snapshot_load(struct invocation *invocation, struct asked *asked,
                  struct maqet_error **err);
int snapshot_delete(struct invocation *invocation, struct asked *asked,
                    struct maqet_error **err);
int snapshot_export(struct invocation *invocation, struct asked *asked,
                    struct maqet_error **err);

/* Says what a load discards (taken) and asks whether to go on, unless the user has said
 * so or nobody is there to ask. @live: a guest loses its memory. */
int snapshot_confirm(const struct invocation *invocation, bool live, char *words,
                     struct maqet_error **err);

#endif
