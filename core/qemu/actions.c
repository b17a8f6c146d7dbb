/* SPDX-License-Identifier: MIT */
#include "core/qemu/actions.h"

#include "core/qemu/objects.h"

/* Actions are objects of a kind that no command line has, named by their command. */
struct maqet_actions {
    struct maqet_args *args;
};

static const struct maqet_object_kind action = {"QMP action", NULL, NULL, 0,
                                                true,         NULL, NULL};

struct maqet_props *
maqet_actions_add(struct maqet_actions *actions, const char *name)
{
    return maqet_args_append(actions->args, &action, NULL, name);
}

struct maqet_actions *
maqet_actions_new(void)
{
    struct maqet_actions *actions = maqet_alloc(sizeof(*actions));

    actions->args = maqet_args_new();
    return actions;
}

void
maqet_actions_cleanup(struct maqet_actions **actions)
{
    if (*actions)
        maqet_args_free((*actions)->args);
    free(*actions);
}

const char *
maqet_actions_fault(const struct maqet_actions *actions)
{
    return maqet_args_fault(actions->args);
}

size_t
maqet_actions_count(const struct maqet_actions *actions)
{
    return maqet_args_count(actions->args);
}

const char *
maqet_actions_name(const struct maqet_actions *actions, size_t index)
{
    return maqet_args_at(actions->args, index)->id;
}

json_object *
maqet_actions_arguments(const struct maqet_actions *actions, size_t index)
{
    return json_object_get(maqet_args_at(actions->args, index)->json);
}
