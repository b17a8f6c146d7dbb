/* SPDX-License-Identifier: MIT */
/*
 * check_life.c - from creation to removal: with which mode, where, never over something,
 * and whether it can be repeated.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/conformance/checks.h"
#include "core/conformance/data.h"
#include "core/conformance/tracer.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"
#include "core/storage/creation.h"
#include "core/storage/elsewhere.h"

/* ---- modes ---- */

/* The first file in a folder, or in one below it, that others may write to. The caller
 * frees; NULL: there is none. */
static char *
writable_in(const char *folder)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);
        struct stat status;

        if (lstat(path, &status) < 0)
            continue;
        if (S_ISREG(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)))
            return TAKE_PTR(path);
        char *below = S_ISDIR(status.st_mode) ? writable_in(path) : NULL;
        if (below)
            return below;
    }
    return NULL;
}

/* What create does to the mode of the file that it is given. */
static int
check_mode_at_path(struct bench *bench, struct maqet_error **err)
{
    static const mode_t mode = 0640;
    _cleanup_free_ char *path = bench_path(bench, ".disk.maqet-new");
    struct stat status;

    if (bench_write(path, "", 0, err) < 0 || chmod(path, mode) < 0 ||
        maqet_storage_create(bench->drive, path, err) < 0)
        return -1;
    if (stat(path, &status) == 0 && (status.st_mode & 07777) == mode)
        return 0;
    return bench_fail(err, "Write to the file that is there, and do not change its mode",
                      "create leaves the image with the mode %04o instead of %04o",
                      (unsigned)status.st_mode & 07777, (unsigned)mode);
}

static int
check_mode(struct bench *bench, struct maqet_error **err)
{
    if (bench->storage->plugin.creation == MAQET_CREATION_NEVER)
        return bench_skip(bench, "it creates nothing");
    umask(022);
    if (bench->storage->plugin.path_option)
        return check_mode_at_path(bench, err);
    if (bench_prepare(bench->drive, err) < 0)
        return -1;
    _cleanup_free_ char *open = writable_in(bench->folder);
    return open ? bench_fail(err, "Create files with the mode 0600",
                             "create leaves a file that other users may write to: %s",
                             open)
                : 0;
}

/* ---- creating it again ---- */

static int
create_again(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *before = bench_picture(bench->folder);

    bench_doing(bench, "create of what is there");
    if (maqet_storage_create(bench->drive, NULL, err) < 0)
        return maqet_error_wrap(err, "When what it creates is there already");
    _cleanup_free_ char *after = bench_picture(bench->folder);
    return strcmp(before, after) == 0
               ? 0
               : bench_fail(err,
                            "Look whether it is there: another start may have created it "
                            "since inspect was called",
                            "create changes what is there already");
}

static int
check_again(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *no_io = bench_lack(bench, NEEDS_QEMU_IO);
    struct maqet_image_state state;
    bool created;

    if (bench->storage->plugin.path_option ||
        bench->storage->plugin.creation != MAQET_CREATION_ONCE)
        return bench_skip(bench, "only storage without a path is created again");
    if (bench_prepare(bench->drive, err) < 0 ||
        (!no_io && data_write(bench, 7, err) < 0) ||
        maqet_image_prepare(bench->drive, &state, &created, NULL, err) < 0)
        return -1;
    if (created)
        return bench_fail(
            err, "Call maqet_image_missing() only if nothing is there",
            "inspect does not find what was created, so that the next start "
            "creates it again");
    if (create_again(bench, err) < 0)
        return -1;
    return !no_io && data_read(bench, 7, err) < 0
               ? maqet_error_wrap(err, "After create was called again")
               : 0;
}

/* ---- for each start ---- */

static void
prepare_traced(void *data)
{
    struct bench *bench = data;

    bench_prepare(bench->drive, NULL);
}

static int
check_each_start(struct bench *bench, struct maqet_error **err)
{
    _cleanup_trace_report_ struct trace_report report = {0};
    _cleanup_error_ struct maqet_error *reason = NULL;
    const char *const folders[] = {bench->drive->folder, bench->machine.run_dir, NULL};
    const struct trace_rules rules = {.folders = folders,
                                      .callback = bench->trail->callback};

    if (bench->storage->plugin.creation != MAQET_CREATION_EACH_START)
        return bench_skip(bench, "it creates nothing for each start");
    /* Whatever is left of a start must not prevent the next one. */
    if (bench_prepare(bench->drive, err) < 0 || bench_prepare(bench->drive, err) < 0)
        return -1;
    if (tracer_run(prepare_traced, bench, &rules, &report, &reason) < 0)
        return reason->code == MAQET_ERROR_UNSUPPORTED
                   ? bench_skip(bench, "%s", reason->message)
                   : maqet_error_move(err, TAKE_PTR(reason));
    return report.changed
               ? bench_fail(err,
                            "Create it in maqet_drive_folder(), which is "
                            "emptied when the machine has ended",
                            "what is created for each start is not in the drive's "
                            "folder: %s",
                            report.changed)
               : 0;
}

/* ---- removing it ---- */

static int
remove_it(struct bench *bench, const char *when, struct maqet_error **err)
{
    bench_doing(bench, "remove %s", when);
    return maqet_elsewhere_remove(bench->drive, err) < 0
               ? maqet_error_wrap(err, "remove %s", when)
               : 0;
}

static int
check_remove(struct bench *bench, struct maqet_error **err)
{
    struct maqet_image_state state = {0};
    bool created = false;

    if (bench->storage->plugin.path_option ||
        bench->storage->plugin.creation != MAQET_CREATION_ONCE)
        return bench_skip(bench, "only storage without a path is deleted by its plugin");
    if (bench_prepare(bench->drive, err) < 0 ||
        remove_it(bench, "of what is there", err) < 0 ||
        maqet_drive_inspect(bench->drive, &state, err) < 0)
        return -1;
    if (state.exists)
        return bench_fail(err, "Delete all that create has made, or return -1",
                          "remove reports success, and inspect still finds it");
    if (remove_it(bench, "of what is gone", err) < 0 ||
        maqet_image_prepare(bench->drive, &state, &created, NULL, err) < 0)
        return -1;
    return created
               ? 0
               : bench_fail(err, NULL, "it is not created again after it was removed");
}

/* ---- the machine's end ---- */

static int
check_ended(struct bench *bench, struct maqet_error **err)
{
    static const char *const whens[] = {"of a drive that was never used",
                                        "after the machine has ended", "once more"};

    for (size_t i = 0; i < sizeof(whens) / sizeof(*whens); i++) {
        if (i == 1 && bench_prepare(bench->drive, err) < 0)
            return -1;
        bench_doing(bench, "ended %s", whens[i]);
        if (MAQET_STORAGE_CALL(err, bench->drive, MAQET_CALL_SERVICE, ended) < 0) {
            maqet_error_hint(err, "It may be called again, and finds nothing then");
            return maqet_error_wrap(err, "ended %s", whens[i]);
        }
    }
    return bench_prepare(bench->drive, err) < 0
               ? maqet_error_wrap(err, "The next start fails after ended")
               : 0;
}

const struct check checks_of_life[] = {
    {"create-mode", OF_STORAGE, NEEDS_DRIVE, 30, check_mode,
     "No other user may write to what create makes, and an image keeps the mode that it was "
     "given"},
    {"create-again", OF_STORAGE, NEEDS_DRIVE, 30, check_again,
     "create changes nothing if it finds what it creates"},
    {"each-start", OF_STORAGE, NEEDS_DRIVE, 60, check_each_start,
     "What is created for each start is created in the drive's folder"},
    {"remove", OF_STORAGE, NEEDS_DRIVE | NEEDS_REMOVE, 30, check_remove,
     "remove deletes what create has made, and succeeds if there is nothing"},
    {"ended", OF_STORAGE, NEEDS_DRIVE | NEEDS_THERE | NEEDS_ENDED, 30, check_ended,
     "ended can be called again, and the next start succeeds"},
    {0},
};
