/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/list.h"

#include "core/job/recover.h"
#include "core/snapshot/session.h"

static int
by_date(const void *a, const void *b)
{
    const struct maqet_checkpoint *first = a, *second = b;

    return (first->date > second->date) - (first->date < second->date);
}

void
maqet_checkpoints_clear(struct maqet_checkpoints *checkpoints)
{
    for (size_t i = 0; i < checkpoints->count; i++)
        maqet_checkpoint_clear(&checkpoints->items[i]);
    free(checkpoints->items);
    *checkpoints = (struct maqet_checkpoints){0};
}

int
maqet_checkpoint_list(const struct maqet_context *context, const char *vm,
                      struct maqet_checkpoints *list, struct maqet_error **err)
{
    _cleanup_session_ struct maqet_session *session =
        maqet_session_look(context, vm, err);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (!session)
        return -1;
    maqet_interrupted_warn(session->job);
    if (maqet_state_file_list(context, session->machine->name, ".json", &names, err) < 0)
        return -1;
    list->items = maqet_alloc(names.count * sizeof(*list->items) + 1);
    for (size_t i = 0; i < names.count; i++) {
        struct maqet_checkpoint *about = &list->items[list->count];
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (maqet_state_file_about(context, session->machine->name, names.items[i], about,
                                   &reason) == 0) {
            list->count++;
            continue;
        }
        maqet_checkpoint_clear(about);
        maqet_error_wrap(&reason, "VM '%s': cannot list checkpoint '%s'",
                         session->machine->name, names.items[i]);
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, reason);
    }
    qsort(list->items, list->count, sizeof(*list->items), by_date);
    return 0;
}
