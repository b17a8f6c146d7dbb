/* SPDX-License-Identifier: MIT */
#include "core/conformance/strays.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "core/base/files.h"

void
strays_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The text of /proc/PID/stat; NULL: there is no such process. The caller frees. */
static char *
stat_of(const char *pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%s/stat", pid);
    char *text = NULL;

    return maqet_file_read(path, 4096, &text, NULL, NULL) < 0 ? NULL : text;
}

void
strays_list(struct maqet_strings *pids)
{
    DIR *dir = opendir("/proc");

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        bool number = strspn(entry->d_name, "0123456789") == strlen(entry->d_name);
        _cleanup_free_ char *text = number ? stat_of(entry->d_name) : NULL;
        /* The name may hold anything, so what follows it is looked for from the end. */
        const char *end = text ? strrchr(text, ')') : NULL;
        int parent;

        if (end && sscanf(end + 1, " %*c %d", &parent) == 1 && parent == getpid())
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

char *
strays_name(const char *pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%s/comm", pid);
    char *name = NULL;

    if (maqet_file_read(path, 64, &name, NULL, NULL) < 0)
        return maqet_strdup("?");
    name[strcspn(name, "\n")] = '\0';
    return name;
}
