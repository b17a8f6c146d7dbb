/* SPDX-License-Identifier: MIT */
#include "core/lifecycle/relocation_guard.h"

#include <errno.h>

#include "core/base/clock.h"
#include "core/base/procfs.h"
#include "core/machine/store.h"

/* ms between two attempts, and for all of them. */
static const int64_t ATTEMPT_INTERVAL = 500;
static const int64_t ATTEMPT_LIMIT = INT64_C(600) * 1000;

/* What the child works with. */
struct post {
    struct maqet_context context; /* one that says nothing */
    const char *vm;
    int gone; /* QEMU's pidfd */
};

/* Opening it recovers it. True: there is nothing more to do. */
static bool
recover(const struct post *post)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&post->context, post->vm, MAQET_OPEN_LOCK, NULL);

    return machine && !maqet_store_pending(&post->context, post->vm);
}

static int
watch(void *data, int fd)
{
    struct post *post = data;

    if (maqet_child_receive(fd) != '\0')
        return 0;
    const struct maqet_deadline deadline = maqet_deadline_in(ATTEMPT_LIMIT);
    while (!recover(post) && maqet_deadline_left(deadline) > 0 &&
           !maqet_pidfd_wait(post->gone, ATTEMPT_INTERVAL))
        continue;
    return 0;
}

int
maqet_relocation_guard_begin(struct maqet_relocation_guard *guard,
                             const struct maqet_opened *machine, struct maqet_error **err)
{
    struct post post = {
        .context = *machine->context, .vm = machine->name, .gone = machine->run.pidfd};
    int *const kept[] = {&post.gone};
    sigset_t suspending;

    post.context.message = NULL;
    post.context.progress = NULL;
    post.context.misuse = NULL;
    post.context.calling = NULL;
    post.context.ending = NULL;
    if (maqet_child_detach(&guard->child, kept, 1, watch, &post) < 0)
        return maqet_error_errno(err, errno, "Cannot watch the guest");
    sigemptyset(&suspending);
    sigaddset(&suspending, SIGTSTP);
    sigaddset(&suspending, SIGTTOU);
    sigaddset(&suspending, SIGTTIN);
    sigprocmask(SIG_BLOCK, &suspending, &guard->before);
    return 0;
}

void
maqet_relocation_guard_end(struct maqet_relocation_guard *guard, bool runs)
{
    if (runs && maqet_child_send(&guard->child, 'd'))
        maqet_child_reap(&guard->child);
    else
        maqet_child_leave(&guard->child);
    sigprocmask(SIG_SETMASK, &guard->before, NULL);
}
