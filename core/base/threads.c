/* SPDX-License-Identifier: MIT */
#include "core/base/threads.h"

#include <dirent.h>
#include <string.h>

#include "core/base/files.h"

enum { STAT_LIMIT = 4096 /* bytes */ };

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

/* The state comes after the name, which may have brackets of its own. */
static bool
sleeps(int pid, const char *thread)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/task/%s/stat", pid, thread);
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (maqet_file_read(path, STAT_LIMIT, &text, &length, NULL) < 0)
        return true; /* it has ended */
    const char *name_end = strrchr(text, ')');
    return name_end && strncmp(name_end, ") S", 3) == 0;
}

bool
maqet_threads_others_sleep(int pid, const struct maqet_strings *known)
{
    _cleanup_strings_ struct maqet_strings now = MAQET_STRINGS_INIT;
    bool some = false;

    maqet_threads_list(pid, &now);
    for (size_t i = 0; i < now.count; i++) {
        if (maqet_strings_has(known, now.items[i]))
            continue;
        if (!sleeps(pid, now.items[i]))
            return false;
        some = true;
    }
    return some;
}
