/* SPDX-License-Identifier: MIT */
#include "core/storage/callback.h"

#include <string.h>

#include "core/qemu/objects.h"

/* ---- that it runs ---- */

/* "qemu-img create": the program, and the subcommand, where it has one. The caller frees.
 */
static char *
words_of(const char *const *argv)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    const char *slash = strrchr(argv[0], '/');
    const char *program = slash ? slash + 1 : argv[0];

    return argv[1] && *argv[1] && argv[1][strspn(argv[1], letters)] == '\0'
               ? maqet_format("%s %s", program, argv[1])
               : maqet_strdup(program);
}

void
maqet_drive_sign(const void *about, const char *const *argv, int64_t elapsed)
{
    const struct maqet_drive *drive = about;
    const struct maqet_context *context = drive->context;

    if (!context->progress)
        return;
    if (!argv) {
        context->progress(context->data, NULL, -1, elapsed);
        return;
    }
    _cleanup_free_ char *words = words_of(argv);
    _cleanup_free_ char *what = maqet_format("VM '%s', drive '%s': %s is still running",
                                             drive->machine->vm_name, drive->name, words);
    context->progress(context->data, what, -1, elapsed);
}

void
maqet_drive_call(const struct maqet_drive *drive)
{
    maqet_call_log_set(drive->log);
    maqet_call_sign_set(maqet_drive_sign, drive);
}

/* ---- what it has come to ---- */

int
maqet_drive_judge(const struct maqet_drive *drive, const char *plugin,
                  const char *callback, int result, struct maqet_error **err)
{
    if (err && *err)
        return -1;
    if (result == 0)
        return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                             "the plugin '%s' failed in %s without saying why", plugin,
                             callback);
}

int
maqet_drive_judge_actions(const struct maqet_drive *drive,
                          const struct maqet_actions *actions, const char *callback,
                          int result, struct maqet_error **err)
{
    if (maqet_drive_judge(drive, drive->storage->plugin.name, callback, result, err) < 0)
        return -1;
    if (!maqet_actions_fault(actions))
        return 0;
    return maqet_drive_error(drive, NULL, err, MAQET_ERROR_FAILED,
                             "its plugin wants what QEMU can't be told: %s",
                             maqet_actions_fault(actions));
}
