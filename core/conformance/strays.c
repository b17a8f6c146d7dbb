/* SPDX-License-Identifier: MIT */
#include "core/conformance/strays.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/procfs.h"

void
strays_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void
strays_list(struct maqet_strings *pids)
{
    DIR *dir = opendir("/proc");

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        struct maqet_procfs_stat stat;
        int pid = (int)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && maqet_procfs_stat(pid, &stat) && stat.parent == getpid())
            maqet_strings_add(pids, entry->d_name);
    }
    if (dir)
        closedir(dir);
}

void
strays_end(const struct maqet_strings *known)
{
    /* Whom one of them had started becomes our child when it ends: look again. */
    for (bool found = true; found;) {
        _cleanup_strings_ struct maqet_strings pids = MAQET_STRINGS_INIT;

        found = false;
        strays_list(&pids);
        for (size_t i = 0; i < pids.count; i++) {
            pid_t pid = (pid_t)strtol(pids.items[i], NULL, 10);

            if (maqet_strings_has(known, pids.items[i]))
                continue;
            found = true;
            kill(pid, SIGKILL);
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        }
    }
}
