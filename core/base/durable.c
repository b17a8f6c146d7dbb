/* SPDX-License-Identifier: MIT */
#include "core/base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"

/* Where syncs are noted; NULL: nowhere. */
static struct maqet_durable *current;

struct maqet_durable *
maqet_durable_postpone(struct maqet_durable *group)
{
    struct maqet_durable *before = current;

    if (group)
        group->process = getpid();
    current = group;
    return before;
}

bool
maqet_durable_is_postponed(void)
{
    return current && current->process == getpid();
}

int
maqet_durable_sync(int fd, const char *path)
{
    if (!maqet_durable_is_postponed() || path[0] != '/')
        return fsync(fd);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *copy = maqet_strndup(path, length);
    if (maqet_strings_has(&current->paths, copy))
        free(copy);
    else
        maqet_strings_take(&current->paths, copy);
    return 0;
}

/* Some network file systems cannot sync folders (EINVAL). */
static int
sync_again(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    return fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
}

/* ---- several at the same time, since most of each is waiting for the disk ---- */

/* Besides our own thread, and for how many paths there is one. */
enum { THREADS = 7, EACH = 4 };

struct settling {
    const struct maqet_strings *paths;
    atomic_size_t next; /* the path that is due */
    pthread_mutex_t lock;
    size_t failed; /* the first that could not be synced, counted from 1, */
    int number;    /* and its errno */
};

static void
note_failure(struct settling *settling, size_t i, int number)
{
    pthread_mutex_lock(&settling->lock);
    if (settling->failed == 0) {
        settling->failed = i + 1;
        settling->number = number;
    }
    pthread_mutex_unlock(&settling->lock);
}

static void *
sync_some(void *data)
{
    struct settling *settling = data;
    size_t i;

    while ((i = atomic_fetch_add(&settling->next, 1)) < settling->paths->count)
        if (sync_again(settling->paths->items[i]) < 0)
            note_failure(settling, i, errno);
    return NULL;
}

/* Signals are for our own thread. If no other can be started, it does everything. */
static void
sync_all(struct settling *settling)
{
    pthread_t threads[THREADS];
    size_t count = 0;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (count < THREADS && (count + 1) * EACH < settling->paths->count &&
           pthread_create(&threads[count], NULL, sync_some, settling) == 0)
        count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sync_some(settling);
    while (count > 0)
        pthread_join(threads[--count], NULL);
}

int
maqet_durable_settle(struct maqet_durable *group, struct maqet_error **err)
{
    struct settling settling = {.paths = &group->paths,
                                .lock = PTHREAD_MUTEX_INITIALIZER};

    sync_all(&settling);
    if (settling.failed > 0)
        maqet_error_errno(err, settling.number, "Cannot write %s to the disk",
                          group->paths.items[settling.failed - 1]);
    maqet_durable_forget(group);
    return settling.failed > 0 ? -1 : 0;
}

void
maqet_durable_forget(struct maqet_durable *group)
{
    maqet_strings_clear(&group->paths);
}
