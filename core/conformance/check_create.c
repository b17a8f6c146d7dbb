/* SPDX-License-Identifier: MIT */
/*
 * check_create.c - creating images when nothing fails, also with unusual names.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/process.h"
#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"
#include "core/storage/creation.h"

/* Bytes that a file system may add to those that an image needs. */
static const uint64_t SLACK = 1 << 20;

/* Looks for files beside the image. Folders hold made-up files. */
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
        return bench_fail(err, "Delete the temporary files of create",
                          "create leaves '%s' beside the image", names.items[i]);
    }
    return 0;
}

static int
check_made(const struct maqet_drive *drive, const char *folder, struct maqet_error **err)
{
    struct maqet_image_state state;
    bool created = false;
    struct stat status;

    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return -1;
    if (lstat(drive->path, &status) < 0 || !S_ISREG(status.st_mode) || !created)
        return bench_fail(err, "Write to the path that create is given",
                          "create reports success, and there is no file at %s",
                          drive->path);
    return check_leftovers(folder, drive->path, err);
}

static int
check_create(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    struct maqet_image_state state;
    bool created = false;

    if (bench->storage->plugin.creation == MAQET_CREATION_NEVER)
        return bench_skip(bench, "it creates nothing");
    if (!bench->storage->plugin.path_option) {
        /* The second call must not create it again. */
        return bench_prepare(drive, err) < 0 ? -1 : bench_prepare(drive, err);
    }
    if (check_made(drive, bench->folder, err) < 0)
        return -1;
    _cleanup_free_ char *before = bench_picture(bench->folder);
    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return maqet_error_wrap(err, "It does not recognise what it created");
    return created
               ? bench_fail(err, "Change nothing in inspect",
                            "the next start creates the image again")
               : bench_check_unchanged(bench, before, "inspect, at the next start,", err);
}

static int
check_space(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    uint64_t at_once = 0, at_most = 0;
    uint64_t size = bench_has_size(bench) ? drive->size : 0;
    struct maqet_image_state state;
    bool created;

    if (maqet_storage_space(drive, &at_once, &at_most, err) < 0)
        return -1;
    if (at_once > at_most)
        return bench_fail(err, "The second number is the most that it can ever occupy",
                          "space says %" PRIu64 " bytes at once, and %" PRIu64 " at most",
                          at_once, at_most);
    if (at_most < size)
        return bench_fail(err, "A full disk occupies its whole size",
                          "space says %" PRIu64 " bytes at most for a disk of %" PRIu64,
                          at_most, size);
    if (maqet_image_prepare(drive, &state, &created, NULL, err) < 0)
        return -1;
    if (state.allocated_size <= at_once + SLACK)
        return 0;
    return bench_fail(err, "Count what create writes or reserves",
                      "space says that a new image occupies %" PRIu64
                      " bytes at once, and it occupies %" PRIu64,
                      at_once, state.allocated_size);
}

/* ---- odd paths ---- */

/* These matter only at the beginning of a name. */
static const char *const odd_beginnings[] = {"-dash", "--help", "json:{colon}", NULL};

/* All others; and all of them in one name, so that a slow format is created once. */
static const char *const odd_names[] = {
    "a b  c",          "comma,,and,size=1",
    "single'double\"", "\xc3\xbcn\xc3\xaf \xe6\xbc\xa2 \xf0\x9f\x92\xbe",
    "back\\slash",     "per%cent%s%n",
    "$HOME`id`;&|<>",  "#hash=equals?*",
    "new\nline",       NULL,
};
static const char *const odd_name[] = {
    "a b  c,comma,,and,size=1 single'double\" \xc3\xbcn\xc3\xaf \xe6\xbc\xa2 "
    "\xf0\x9f\x92\xbe back\\slash per%cent%s%n $HOME`id`;&|<> #hash=equals?* "
    "new\nline",
    NULL,
};

/* Has qemu-img open what is emitted, since only that shows whether the name is intact. */
static int
open_by_tool(const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_free_ char *found = maqet_process_find("qemu-img");

    /* What runs beside QEMU does not run beside qemu-img. */
    if (!found || !drive->storage->plugin.interface || drive->storage->plugin.helper)
        return 0;
    struct maqet_command *command = maqet_command_new("qemu-img");
    maqet_command_arg(command, "info");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    return maqet_command_run(command, err);
}

/* Creates an image with that name in a folder with that name. */
static int
try_path(struct bench *bench, const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *folder = bench_path(bench, name);
    _cleanup_free_ char *image = maqet_format("%s/%s", folder, name);
    _cleanup_json_ json_object *entry = maqet_tree_copy(bench->drive->tree);

    made_up_set_storage(bench, entry, bench->storage->plugin.path_option, image);
    if (maqet_dir_make(folder, 0700, err) < 0)
        return -1;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, err);
    return !drive || check_made(drive, folder, err) < 0 ? -1 : open_by_tool(drive, err);
}

/* Tries names, which NULL ends. The error is about the first that fails. */
static int
try_paths(struct bench *bench, const char *const *names, struct maqet_error **err)
{
    for (; *names; names++) {
        struct maqet_error *reason = NULL;

        if (try_path(bench, *names, &reason) == 0)
            continue;
        maqet_error_hint(&reason, "Give a path to a program as one argument, after "
                                  "\"--\" or as an option's value; never to a shell");
        maqet_error_wrap(&reason, "With a folder and an image named '%s'", *names);
        return maqet_error_move(err, reason);
    }
    return 0;
}

static int
check_odd_path(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (try_paths(bench, odd_beginnings, err) < 0)
        return -1;
    if (try_paths(bench, odd_name, &reason) == 0)
        return 0;
    /* Which of the characters causes it? */
    return try_paths(bench, odd_names, err) < 0 ? -1
                                                : maqet_error_move(err, TAKE_PTR(reason));
}

/* ---- a file that exists ---- */

static const char precious[] = "This was here before, and is precious.\n";

static int
check_precious(const char *path, const char *what, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;

    if (maqet_file_read(path, 4096, &text, &length, NULL) == 0 &&
        length == strlen(precious) && strcmp(text, precious) == 0)
        return 0;
    return bench_fail(err, "Write to create's @path, and never to maqet_drive_path()",
                      "%s overwrites the file at the drive's own path", what);
}

static int
check_existing(struct bench *bench, struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    _cleanup_free_ char *temporary = bench_path(bench, ".disk.maqet-new");
    _cleanup_error_ struct maqet_error *ignored = NULL;

    if (bench_write(drive->path, precious, strlen(precious), err) < 0 ||
        bench_write(temporary, "", 0, err) < 0)
        return -1;
    if (maqet_storage_create(drive, temporary, err) < 0)
        return check_precious(drive->path, "create", NULL) < 0
                   ? maqet_error_wrap(err, "create overwrites a file that exists")
                   : -1;
    if (check_precious(drive->path, "create", err) < 0)
        return -1;
    if (access(temporary, F_OK) < 0)
        return bench_fail(err, "Write to the @path that create is given",
                          "create leaves no file at the path that it is given");
    /* The plugin may accept it as an image or refuse it, but must not overwrite it. */
    bench_prepare(drive, &ignored);
    return check_precious(drive->path, "a start", err);
}

const struct check checks_of_create[] = {
    {"create", OF_STORAGE, NEEDS_DRIVE, 30, check_create,
     "create creates one file, which is recognised and not changed later"},
    {"space", OF_STORAGE, NEEDS_DRIVE | NEEDS_CREATE, 30, check_space,
     "space says how much a new image really occupies"},
    {"create-odd-path", OF_STORAGE, NEEDS_DRIVE | NEEDS_CREATE, 60, check_odd_path,
     "A path may contain spaces, commas, quotes, dashes, line feeds and any letters"},
    {"create-existing", OF_STORAGE, NEEDS_DRIVE | NEEDS_CREATE, 30, check_existing,
     "create writes to the path that it is given and never to the drive's own, where a "
     "file may exist"},
    {0},
};
