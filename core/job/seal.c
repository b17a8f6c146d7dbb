/* SPDX-License-Identifier: MIT */
#include "core/job/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/procfs.h"
#include "core/job/journal.h"
#include "core/machine/file_users.h"
#include "core/machine/store.h"
#include "core/qemu/launch.h"

/* ms between two signs of life in the journal, between two checks of a lock, and for which
 * a killed helper may hold one, since it does not end while it waits for its storage. */
static const int64_t SIGN_INTERVAL = 1000;
static const int64_t CHECK_INTERVAL = 20;
static const int64_t HELPER_TIMEOUT = 60000;

/* The characters that the child receives. */
enum { WORD_NONE = 0, WORD_OVER = 'o', WORD_SEAL = 's' };

/* What the child works with. */
struct seal_child {
    const struct maqet_context *context;
    const char *vm;
    int parent; /* its pidfd */
    int lock;
};

/* ---- the child ---- */

/* Updates the journal's timestamp: it shows how long the job was in progress if nobody is
 * left to seal it, as after a power cut. */
static void
give_sign(const struct seal_child *child)
{
    _cleanup_free_ char *path =
        maqet_store_file(child->context, child->vm, MAQET_STORE_PENDING);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    /* It may be gone, as the job is ending. */
    if (fd >= 0 && futimens(fd, NULL) == 0)
        (void)fsync(fd);
}

/* Waits for a character. If there is none, the parent must have ended, since only then
 * its helpers have got their signal (PR_SET_PDEATHSIG, prctl(2)). */
static char
wait_for_word(const struct seal_child *child, int fd)
{
    struct pollfd word_fd = {.fd = fd, .events = POLLIN};
    struct pollfd end = {.fd = child->parent, .events = POLLIN};
    int ready;

    while ((ready = poll(&word_fd, 1, (int)SIGN_INTERVAL)) <= 0)
        if (ready == 0)
            give_sign(child);
    char word = maqet_child_receive(fd);
    while (word == WORD_NONE && poll(&end, 1, -1) <= 0)
        continue;
    return word;
}

/* Whether no killed helper writes to the images any more. Others may read them for long, such as forks that stand
 * on a frozen one. */
static bool
wait_for_helpers(const struct maqet_journal *journal)
{
    const struct maqet_deadline deadline = maqet_deadline_in(HELPER_TIMEOUT);

    for (size_t i = 0; i < journal->target_count; i++) {
        const char *path = journal->targets[i].path;

        while (path && maqet_file_users_written(path)) {
            if (maqet_deadline_left(deadline) == 0)
                return false;
            maqet_sleep(CHECK_INTERVAL);
        }
    }
    return true;
}

/* @died: the parent did, and maybe a helper with it. */
static void
record_images(const struct seal_child *child, bool died)
{
    struct maqet_journal journal = {0};

    if (maqet_journal_read(child->context, child->vm, &journal, NULL) < 0 ||
        !journal.kind)
        return;
    /* In other phases QEMU may have the images open, and their content does not matter. */
    if (died && maqet_journal_phase(&journal)->reverts && !wait_for_helpers(&journal))
        return;
    if (!journal.interrupted)
        journal.interrupted = maqet_realtime();
    journal.sealed = true;
    maqet_journal_record(&journal);
    maqet_journal_write(child->context, child->vm, &journal, NULL);
    maqet_journal_clear(&journal);
}

static int
watch(void *data, int fd)
{
    const struct seal_child *child = data;
    char word = wait_for_word(child, fd);

    if (word != WORD_OVER)
        record_images(child, word == WORD_NONE);
    return 0;
}

/* ---- the parent ---- */

int
maqet_seal_begin(struct maqet_child *seal, const struct maqet_opened *machine,
                 struct maqet_error **err)
{
    _cleanup_close_ int parent = maqet_pidfd_open(getpid());
    struct seal_child data = {.context = machine->context,
                              .vm = machine->name,
                              .parent = parent,
                              .lock = machine->lock};
    int *const kept[] = {&data.parent, &data.lock};

    return parent < 0 || maqet_child_detach(seal, kept, 2, watch, &data) < 0
               ? maqet_error_errno(err, errno, "Cannot watch the operation")
               : 0;
}

void
maqet_seal_end(struct maqet_child *seal, bool over)
{
    if (seal->pid == 0)
        return;
    /* It may have been killed. */
    maqet_child_send(seal, over ? WORD_OVER : WORD_SEAL);
    maqet_child_reap(seal);
}
