/* SPDX-License-Identifier: MIT */
/*
 * check_create.c - making images, with all as it should be but the names.
 */
#include <errno.h>
#include <string.h>

#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"
#include "core/storage/creation.h"

/* Bytes that a file system may take for an image besides what the image needs. */
static const uint64_t SLACK = 1 << 20;

static const char no_path[] = "it makes no image in a file (no .path_option)";

/* What lies in a folder besides the image and folders that were made up. */
static int
check_leftovers(const char *folder, const char *image, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &names, NULL);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, names.items[i]);
        struct stat status;

        if (strcmp(path, image) == 0 ||
            (lstat(path, &status) == 0 && S_ISDIR(status.st_mode)))
            continue;
        return bench_fail(err, "Remove what create needs for a moment only",
                          "create leaves '%s' beside the image", names.items[i]);
    }
    return 0;
}

static int
check_made(struct bench *bench, const struct maqet_drive *drive, struct maqet_error **err)
{
    struct maqet_image_state state;
    bool created = false;
    struct stat status;

    bench_doing(bench, "create");
    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return -1;
    if (lstat(drive->path, &status) < 0 || !S_ISREG(status.st_mode) || !created)
        return bench_fail(err, "Write to the path that create is given",
                          "create says that all is well, and there is no file at %s",
                          drive->path);
    return 0;
}

int
check_create(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive)
        return -1;
    if (!bench_has_path(bench)) {
        /* What lies elsewhere is made once, too. */
        return bench_prepare(bench, drive, err) < 0 ? -1
                                                    : bench_prepare(bench, drive, err);
    }
    if (check_made(bench, drive, err) < 0)
        return -1;
    if (check_leftovers(bench->folder, drive->path, err) < 0)
        return -1;
    _cleanup_free_ char *before = bench_picture(bench->folder);
    struct maqet_image_state state;
    bool created = false;
    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return maqet_error_wrap(err, "It does not recognise what it made");
    _cleanup_free_ char *after = bench_picture(bench->folder);
    if (created || strcmp(before, after) != 0)
        return bench_fail(err, "Change nothing in inspect",
                          "an image that is there already is changed by the next start");
    return 0;
}

int
check_space(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    uint64_t at_once = 0, at_most = 0;
    struct maqet_image_state state;
    bool created;

    if (!drive)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    bench_doing(bench, "space");
    if (maqet_drive_judge(drive, bench->name, "space",
                          drive->storage->plugin.space(drive, &at_once, &at_most, err),
                          err) < 0)
        return -1;
    if (at_once > at_most)
        return bench_fail(err, "The second number is the most that it can ever take",
                          "space says %llu bytes at once, and %llu at most",
                          (unsigned long long)at_once, (unsigned long long)at_most);
    uint64_t size = bench_has_size(bench) ? maqet_drive_size(drive, "size") : 0;
    if (at_most < size)
        return bench_fail(err, "A disk that is full takes its whole size",
                          "space says %llu bytes at most for a disk of %llu",
                          (unsigned long long)at_most, (unsigned long long)size);
    bench_doing(bench, "create");
    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return -1;
    if (state.allocated_size <= at_once + SLACK)
        return 0;
    return bench_fail(err, "Count what create writes or reserves",
                      "space says that a new image takes %llu bytes at once, and it "
                      "takes %llu",
                      (unsigned long long)at_once,
                      (unsigned long long)state.allocated_size);
}

/* ---- odd paths ---- */

/* What counts at the beginning of a name only. */
static const char *const odd_beginnings[] = {"-dash", "--help", "json:{colon}"};

/* The rest, and all of it in one name: a format that takes its time is not made so often.
 */
static const char *const odd_names[] = {
    "a b  c",          "comma,,and,size=1",
    "single'double\"", "\xc3\xbcn\xc3\xaf \xe6\xbc\xa2 \xf0\x9f\x92\xbe",
    "back\\slash",     "per%cent%s%n",
    "$HOME`id`;&|<>",  "#hash=equals?*",
    "new\nline",
};
static const char odd_name[] =
    "a b  c,comma,,and,size=1 single'double\" \xc3\xbcn\xc3\xaf \xe6\xbc\xa2 "
    "\xf0\x9f\x92\xbe back\\slash per%cent%s%n $HOME`id`;&|<> #hash=equals?* "
    "new\nline";

/* Has qemu-img open what is emitted: that the name came through is seen there only. */
static int
open_by_tool(struct bench *bench, const struct maqet_drive *drive,
             struct maqet_error **err)
{
    _cleanup_free_ char *found = maqet_process_find("qemu-img");

    if (!found || !drive->storage->plugin.interface)
        return 0;
    struct maqet_command *command = maqet_command_new("qemu-img");
    maqet_command_arg(command, "info");
    bench_doing(bench, "emit_args");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    return maqet_command_run(command, err);
}

static int
try_path(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_format("%s/%s", bench->folder, name);
    _cleanup_free_ char *image = maqet_format("%s/%s", name, name);
    _cleanup_drive_ struct maqet_drive *drive = NULL;

    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    drive = bench_drive(bench, "disk", image, 0, err);
    if (!drive || check_made(bench, drive, err) < 0 ||
        check_leftovers(folder, drive->path, err) < 0)
        return -1;
    return open_by_tool(bench, drive, err);
}

static int
error_name(const char *name, struct maqet_error *reason, struct maqet_error **err)
{
    maqet_error_hint(&reason, "Give a path to a program as one argument, after \"--\" or "
                              "as an option's value; never to a shell");
    maqet_error_wrap(&reason, "With a folder and an image named '%s'", name);
    return maqet_error_move(err, reason);
}

/* Tries some names; the first that fails is told of. */
static int
try_paths(struct bench *bench, const char *const *names, size_t count,
          struct maqet_error **err)
{
    struct maqet_error *reason = NULL;

    for (size_t i = 0; i < count; i++)
        if (try_path(bench, names[i], &reason) < 0)
            return error_name(names[i], reason, err);
    return 0;
}

int
check_odd_path(struct bench *bench, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;

    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (try_paths(bench, odd_beginnings, sizeof(odd_beginnings) / sizeof(*odd_beginnings),
                  err) < 0)
        return -1;
    if (try_path(bench, odd_name, &reason) == 0)
        return 0;
    /* Which of the characters it was. */
    if (try_paths(bench, odd_names, sizeof(odd_names) / sizeof(*odd_names), err) < 0) {
        maqet_error_free(reason);
        return -1;
    }
    return error_name(odd_name, reason, err);
}

/* ---- a file that is there ---- */

static const char precious[] = "This was here before, and is precious.\n";

static int
check_precious(const char *path, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;

    if (maqet_file_read(path, 4096, &text, &length, NULL) == 0 &&
        length == strlen(precious) && strcmp(text, precious) == 0)
        return 0;
    return bench_fail(err,
                      "Write to the @path that create is given, and never to "
                      "maqet_drive_path()",
                      "%s destroys the file that is at the drive's own path", what);
}

int
check_existing(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);
    _cleanup_free_ char *temporary = bench_path(bench, ".disk.maqet-new");
    _cleanup_error_ struct maqet_error *ignored = NULL;
    struct maqet_image_state state;
    struct stat status;
    bool created;

    if (!drive)
        return -1;
    if (!bench_has_path(bench))
        return bench_skip(bench, "%s", no_path);
    if (bench_write(drive->path, precious, strlen(precious), err) < 0 ||
        bench_write(temporary, "", 0, err) < 0)
        return -1;
    bench_doing(bench, "create");
    if (maqet_drive_judge(drive, bench->name, "create",
                          drive->storage->plugin.create(drive, temporary, err), err) < 0)
        return check_precious(drive->path, "create", NULL) < 0
                   ? maqet_error_wrap(err, "create destroys a file that is there")
                   : -1;
    if (check_precious(drive->path, "create", err) < 0)
        return -1;
    if (stat(temporary, &status) < 0)
        return bench_fail(err, "Write to the @path that create is given",
                          "create leaves no file at the path that it is given");
    /* What a start makes of it is the plugin's to say, but nothing is overwritten. */
    bench_doing(bench, "inspect of a text");
    maqet_image_prepare(drive, &state, &created, NULL, &ignored);
    return check_precious(drive->path, "a start", err);
}
