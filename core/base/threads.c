/* SPDX-License-Identifier: MIT */
#include "core/base/threads.h"

#include <dirent.h>
#include <string.h>

#include "core/base/procfs.h"

void
maqet_threads_list(int pid, struct maqet_strings *threads)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/task", pid);
    DIR *folder = opendir(path);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            maqet_strings_add(threads, entry->d_name);
    if (folder)
        closedir(folder);
}

bool
maqet_threads_others_sleep(int pid, const struct maqet_strings *known)
{
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    struct maqet_procfs_stat stat;
    bool some = false;

    maqet_threads_list(pid, &now);
    for (size_t i = 0; i < now.count; i++) {
        if (maqet_strings_has(known, now.items[i]))
            continue;
        /* One that is not there any more has ended. */
        if (maqet_procfs_thread_stat(pid, now.items[i], &stat) && stat.state != 'S')
            return false;
        some = true;
    }
    return some;
}
