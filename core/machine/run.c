/* SPDX-License-Identifier: MIT */
#include "core/machine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "core/base/pidfd.h"
#include "core/base/replacement.h"
#include "core/machine/helpers.h"
#include "core/machine/store.h"
#include "core/qemu/agent.h"

enum { LOG_TAIL = 4096 };

/* ---- the run folder ---- */

char *
maqet_run_server_socket(const char *folder, size_t index)
{
    return maqet_format("%s/drive%zu.sock", folder, index);
}

void
maqet_run_remove_servers(const char *folder)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &files, NULL);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, files.items[i]);

        if (fnmatch("drive[0-9]*.sock", files.items[i], 0) == 0)
            unlink(path);
    }
}

char *
maqet_run_last_words(int log_fd)
{
    struct stat status;
    char *words = maqet_alloc(LOG_TAIL + 1);

    if (log_fd < 0 || fstat(log_fd, &status) < 0)
        return words;
    off_t from = status.st_size > LOG_TAIL ? status.st_size - LOG_TAIL : 0;
    ssize_t count = pread(log_fd, words, LOG_TAIL, from);
    size_t length = count > 0 ? strnlen(words, (size_t)count) : 0;

    words[length] = '\0';
    const char *last = maqet_text_last_lines(words, length, NULL);
    memmove(words, last, length - (size_t)(last - words) + 1);
    return words;
}

/* ---- the end ---- */

void
maqet_qemu_end(int pidfd, int64_t flush)
{
    maqet_pidfd_terminate(pidfd);
    if (maqet_pidfd_wait(pidfd, flush))
        return;
    maqet_pidfd_kill(pidfd, SIGKILL);
    maqet_pidfd_wait(pidfd, MAQET_END_TIMEOUT);
}

/* QEMU removes its temporary files as soon as it has them open; one that was killed in
 * between has left them. */
void
maqet_run_remove_scratch(int dir_fd)
{
    char path[PATH_MAX];
    ssize_t length = readlinkat(dir_fd, MAQET_RUN_SCRATCH, path, sizeof(path) - 1);
    struct stat status;

    if (length <= 0)
        return;
    path[length] = '\0';
    /* It lies where others may write: once it has gone, as temporary files do, they could
     * have made something else, or a link to something else, under its name. */
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) ||
        maqet_dir_remove(path, NULL) == 0)
        unlinkat(dir_fd, MAQET_RUN_SCRATCH, 0);
}

void
maqet_run_sweep(int dir_fd)
{
    static const char *const files[] = {MAQET_RUN_MONITOR, MAQET_AGENT_SOCKET};
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);

    maqet_helpers_end(dir_fd);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        unlinkat(dir_fd, files[i], 0);
    unlinkat(dir_fd, MAQET_RUN_OWN, AT_REMOVEDIR);
    maqet_run_remove_scratch(dir_fd);
    if (folder)
        maqet_dir_sweep(folder, NULL);
}

void
maqet_run_tidy(int dir_fd)
{
    maqet_run_sweep(dir_fd);
    unlinkat(dir_fd, MAQET_RUN_PID, 0);
}
