/* SPDX-License-Identifier: MIT */
#include "core/qemu/silence.h"

#include "core/base/procfs.h"

bool
maqet_silence_is_stopped(char state)
{
    return state == 'T' || state == 't';
}

static const char *
reason_of(char state)
{
    switch (state) {
    case 'T':
        return "a signal has stopped it (process state T)";
    case 't':
        return "a debugger has stopped it (process state t)";
    case 'D':
        return "it waits for its storage in uninterruptible sleep (process state D)";
    default:
        return "it hangs, or another program is connected to its monitor";
    }
}

int
maqet_silence_notice(const char *vm, int pid, char state, int64_t waited,
                     struct maqet_error **err)
{
    struct maqet_error *error = NULL;
    _cleanup_free_ char *number = pid > 0 ? maqet_format(" (PID %d)", pid) : NULL;

    /* 0.95 s and more, which is what remains of a limit of 1 s, are shown as 1 s. */
    maqet_error_set(&error, MAQET_ERROR_TIMEOUT,
                    "QEMU of VM '%s'%s has not answered within %.*f s: %s", vm,
                    number ? number : "", waited < 950 ? 1 : 0, (double)waited / 1000,
                    reason_of(state));
    if (state == 'T')
        maqet_error_hint(&error, "Let it continue: kill -CONT %d", pid);
    else if (state == 't')
        maqet_error_hint(&error, "Let the debugger continue it, or detach it");
    else if (state == 'D')
        maqet_error_hint(&error, "See whether the storage of its images can be reached");
    maqet_error_next(&error, MAQET_NEXT_END_SILENT, vm, NULL);
    error->silent = true;
    return maqet_error_move(err, error);
}

int
maqet_silence_error(const char *vm, int pidfd, int64_t waited, struct maqet_error **err)
{
    int pid = maqet_pidfd_pid(pidfd);

    return maqet_silence_notice(vm, pid, maqet_procfs_state(pid), waited, err);
}

int
maqet_silence_error_survived(const char *vm, int pidfd, struct maqet_error **err)
{
    int pid = maqet_pidfd_pid(pidfd);
    char state = maqet_procfs_state(pid);

    maqet_error_set(err, MAQET_ERROR_FAILED,
                    "QEMU of VM '%s' (PID %d) survived SIGKILL: %s", vm, pid,
                    state == 't' || state == 'D' ? reason_of(state)
                                                 : "the kernel has not ended it yet");
    maqet_error_remark(err, "It ends as soon as %s",
                       state == 't' ? "the debugger lets it go" : "its storage answers");
    return -1;
}
