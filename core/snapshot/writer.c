/* SPDX-License-Identifier: MIT */
#include "core/snapshot/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/process.h"

enum { CHUNK = 1 << 20 /* bytes, of one read; and what the pipe holds */ };

struct maqet_writer {
    pid_t pid;
    int control; /* its end means that nobody needs the file any more */
    int pipe;    /* -1: released */
};

/* ---- the child ---- */

static int
write_all(int file, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(file, bytes, length);

        if (count < 0 && errno != EINTR)
            return errno;
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        }
    }
    return 0;
}

/* Whether the other side has hung up. */
static bool
is_useless(int control)
{
    struct pollfd fd = {.fd = control, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

/* Takes all that comes; returns the error number of the first failure, 0: all is written.
 */
static int
take(int source, int file, int control)
{
    char *bytes = malloc(CHUNK);
    int failed = bytes ? 0 : ENOMEM;
    char little[4096];

    for (;;) {
        char *target = bytes ? bytes : little;
        ssize_t count = read(source, target, bytes ? CHUNK : sizeof(little));

        if (count == 0)
            break;
        if (count < 0 && errno != EINTR) {
            failed = failed ? failed : errno;
            break;
        }
        if (failed == 0 && is_useless(control))
            failed = ECANCELED;
        if (count > 0 && failed == 0)
            failed = write_all(file, target, (size_t)count);
    }
    free(bytes);
    return failed;
}

static void
become_writer(int source, int file, int control)
{
    int *const kept[] = {&source, &file, &control};
    int failed;

    if (maqet_process_detach(kept, 3) < 0)
        _exit(1);
    failed = take(source, file, control);
    if (send(control, &failed, sizeof(failed), MSG_NOSIGNAL) < 0)
        _exit(1);
    _exit(0);
}

/* ---- the parent ---- */

struct maqet_writer *
maqet_writer_begin(int file, struct maqet_error **err)
{
    int control[2], data[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0) {
        maqet_error_errno(err, errno, "Can't write the guest's memory");
        return NULL;
    }
    if (pipe2(data, O_CLOEXEC) < 0) {
        maqet_error_errno(err, errno, "Can't write the guest's memory");
        close(control[0]);
        close(control[1]);
        return NULL;
    }
    fcntl(data[1], F_SETPIPE_SZ, CHUNK); /* a smaller one is slower, and does */
    pid_t pid = fork();
    if (pid == 0)
        become_writer(data[0], file, control[0]);
    close(control[0]);
    close(data[0]);
    if (pid < 0) {
        maqet_error_errno(err, errno, "Can't write the guest's memory");
        close(control[1]);
        close(data[1]);
        return NULL;
    }
    struct maqet_writer *writer = maqet_alloc(sizeof(*writer));
    *writer = (struct maqet_writer){.pid = pid, .control = control[1], .pipe = data[1]};
    return writer;
}

int
maqet_writer_pipe(const struct maqet_writer *writer)
{
    return writer->pipe;
}

void
maqet_writer_release(struct maqet_writer *writer)
{
    if (writer->pipe >= 0)
        close(writer->pipe);
    writer->pipe = -1;
}

/* What the child says at its end: an error number. */
static int
hear(const struct maqet_writer *writer)
{
    ssize_t count;
    int failed;

    do
        count = recv(writer->control, &failed, sizeof(failed), MSG_WAITALL);
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(failed) ? failed : EIO;
}

int
maqet_writer_end(struct maqet_writer *writer, bool useless, struct maqet_error **err)
{
    int failed = 0;

    maqet_writer_release(writer);
    if (!useless)
        failed = hear(writer);
    close(writer->control);
    waitpid(writer->pid, NULL, useless ? WNOHANG : 0);
    free(writer);
    return failed == 0 ? 0
                       : maqet_error_errno(err, failed, "Can't write the guest's memory");
}
