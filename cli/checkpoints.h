/* SPDX-License-Identifier: MIT */
/*
 * checkpoints.h - what several commands do with checkpoints. They return 0, or -1 with an
 * error.
 */
#ifndef MAQET_CLI_CHECKPOINTS_H
#define MAQET_CLI_CHECKPOINTS_H

#include "cli/context.h"
#include "core/checkpoint/checkpoint.h"

/* ms for which precopy may go on, unless it was said. */
enum { CHECKPOINT_LIMIT = 30000 };

/* The options of those that create one. */
#define OPTION_METHOD_ROW                                                                \
    {                                                                                    \
        .name = "method", .type = OPTION_CHOICE, .argument = "METHOD",                   \
        .fallback = "auto", .choice = maqet_migration_method_name,                       \
        .help = "how memory is kept: background, precopy or stop; auto takes the first " \
                "of them that works and is sound"                                        \
    }
#define OPTION_LIMIT_ROW                                                                 \
    {                                                                                    \
        .name = "limit", .type = OPTION_SECONDS, .argument = "SECONDS",                  \
        .fallback = "30",                                                                \
        .help = "how long precopy may go on before the guest is stopped for it"          \
    }

#define OPTION_COMPRESS_STATE_ROW                                                        \
    {                                                                                    \
        .name = "compress", .help = "compress the memory that is kept"                   \
    }

extern const struct view checkpoint_create_view;
extern const struct view checkpoint_load_view;

int checkpoint_create(struct invocation *invocation, const char *vm, const char *name,
                      struct maqet_error **err);

/* Asks where there is somebody who could answer. @keep may be NULL. */
int checkpoint_load(struct invocation *invocation, const char *vm, const char *name,
                    const char *keep, struct maqet_error **err);

#endif
