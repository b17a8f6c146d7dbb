/* SPDX-License-Identifier: MIT */
#include "core/machine/folder.h"
#include "core/base/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/logfile.h"
#include "core/base/replacement.h"
#include "core/machine/checkpoint_memory.h"
#include "core/machine/events.h"
#include "core/machine/keeper.h"
#include "core/machine/store.h"
#include "core/storage/drive.h"
#include "core/storage/overlay_files.h"
#include "core/storage/snapshots.h"

/* Whether a name is @base, or that of a temporary file to replace it. */
static bool
is_file_or_temporary(const char *name, const char *base)
{
    _cleanup_free_ char *temporary = maqet_format(".%s" MAQET_FILE_TEMPORARY, base);

    return strcmp(name, base) == 0 || maqet_text_starts(name, temporary);
}

/* Whether a file in a machine's folder is one of ours. */
static bool
is_own_file(const char *file)
{
    static const char *const names[] = {
        "vm.json", MAQET_STORE_IMAGES, MAQET_STORE_SLOTS, MAQET_STORE_SNAPSHOTS,
        MAQET_STORE_SNAPSHOTS MAQET_STORE_DAMAGED, MAQET_STORE_PENDING,
        MAQET_STORE_EXPORTS, MAQET_STORE_ENDED, MAQET_STORE_EDITED,
        MAQET_STORE_EDITED_BASE, MAQET_STORE_IMAGE_NAME, MAQET_STORE_CREATED,
        MAQET_STORE_GENERATION, MAQET_STORE_FORK, MAQET_STORE_RUN, MAQET_STORE_RUN_FOLDER,
        MAQET_STORE_KNOWN_HOSTS,
        /* ssh(1) and ssh-keygen(1) leave these. */
        MAQET_STORE_KNOWN_HOSTS ".old", MAQET_CONSOLE_LOG, MAQET_EVENTS_LOG,
        MAQET_EVENTS_LOG MAQET_LOGFILE_OLDER, MAQET_CONSOLE_LOG MAQET_LOGFILE_OLDER,
        "started", "lock"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (is_file_or_temporary(file, names[i]))
            return true;
    return false;
}

/* Whether @name is the name of a snapshot with this suffix. */
static bool
is_named_with(const char *name, const char *suffix)
{
    if (!maqet_text_ends(name, suffix))
        return false;
    _cleanup_free_ char *stem = maqet_strndup(name, strlen(name) - strlen(suffix));
    return maqet_snapshot_name_valid(stem);
}

static bool
is_named_with_one_of(const char *file, const char *const *suffixes)
{
    for (; *suffixes; suffixes++)
        if (is_named_with(file, *suffixes))
            return true;
    return false;
}

/* In the folder of checkpoints: NAME.json, NAME.state, NAME.ram, and their names before they
 * are complete (core/machine/checkpoint_files.c). */
static bool
is_own_checkpoint_file(const char *file)
{
    static const char *const complete[] = {".json", ".state", MAQET_MEMORY_SUFFIX, NULL};
    static const char *const begun[] = {".state.new", MAQET_MEMORY_SUFFIX ".new", NULL};
    const char *temporary = *file ? strstr(file + 1, MAQET_FILE_TEMPORARY) : NULL;

    if (file[0] != '.')
        return is_named_with_one_of(file, complete);
    if (!temporary)
        return is_named_with_one_of(file + 1, begun);
    _cleanup_free_ char *replaced =
        maqet_strndup(file + 1, (size_t)(temporary - file) - 1);
    return is_named_with(replaced, ".json") || is_named_with_one_of(file + 1, begun);
}

/* Whether a folder in the folder of drives' folders is that of the overlays of a drive. */
static bool
is_overlays_folder(const char *name)
{
    return name[0] != '.' && maqet_text_ends(name, MAQET_OVERLAYS_SUFFIX);
}

/* Whether a folder in the folder of drives' folders is that of a drive. What is in it
 * belongs to the drive's plugin. */
static bool
is_drive_folder(const char *name)
{
    const char *at = strchr(name, MAQET_DRIVE_FOLDER_SEPARATOR);

    return name[0] != '.' && at && at > name && at[1] != '\0';
}

static bool
is_drive_or_overlays_folder(const char *name)
{
    return is_drive_folder(name) || is_overlays_folder(name);
}

/* Whether a folder belongs into a machine's folder. */
static bool
is_own_folder(const char *name)
{
    return strcmp(name, MAQET_STORE_CHECKPOINTS) == 0 ||
           strcmp(name, MAQET_STORE_DRIVES) == 0;
}

static bool
is_none(const char *name)
{
    (void)name;
    return false;
}

/* Fills *stray with the name of something in a folder that is neither one of our regular
 * files nor one of our folders; NULL: there is nothing. */
static int
stray_in(const char *folder, bool (*is_own)(const char *file),
         bool (*is_inner)(const char *file), char **stray, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    *stray = NULL;
    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folder, files.items[i]);
        struct stat status;

        /* A link is the user's. */
        if (lstat(path, &status) == 0 &&
            !(is_inner(files.items[i])
                  ? S_ISDIR(status.st_mode)
                  : S_ISREG(status.st_mode) && is_own(files.items[i]))) {
            *stray = maqet_strdup(files.items[i]);
            return 0;
        }
    }
    return 0;
}

/* The same in the folders of overlays. */
static int
stray_overlay(const char *drives, char **stray, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    *stray = NULL;
    if (maqet_dir_list(drives, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *folder = maqet_format("%s/%s", drives, names.items[i]);
        _cleanup_free_ char *inner = NULL;

        if (!is_overlays_folder(names.items[i]))
            continue;
        if (stray_in(folder, maqet_overlay_files_is_own, is_none, &inner, err) < 0)
            return -1;
        if (inner) {
            *stray = maqet_format("%s/%s", names.items[i], inner);
            return 0;
        }
    }
    return 0;
}

/* Fills *stray with the description of a checkpoint without its memory: that is the
 * user's own file. */
static int
stray_description(const char *folder, char **stray, struct maqet_error **err)
{
    static const char suffix[] = ".json";
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        const char *name = files.items[i];

        if (!is_named_with(name, suffix))
            continue;
        _cleanup_free_ char *state =
            maqet_format("%.*s.state", (int)(strlen(name) - strlen(suffix)), name);
        if (!maqet_strings_has(&files, state)) {
            *stray = maqet_strdup(name);
            return 0;
        }
    }
    return 0;
}

int
maqet_folder_stray(const char *folder, char **stray, struct maqet_error **err)
{
    _cleanup_free_ char *checkpoints =
        maqet_format("%s/" MAQET_STORE_CHECKPOINTS, folder);
    _cleanup_free_ char *drives = maqet_format("%s/" MAQET_STORE_DRIVES, folder);
    _cleanup_free_ char *pending = maqet_format("%s/" MAQET_STORE_PENDING, folder);
    _cleanup_free_ char *inner = NULL, *of_drives = NULL;

    if (stray_in(folder, is_own_file, is_own_folder, stray, err) < 0)
        return -1;
    if (*stray)
        return 0;
    if (stray_in(drives, is_none, is_drive_or_overlays_folder, &of_drives, err) < 0 ||
        (!of_drives && stray_overlay(drives, &of_drives, err) < 0))
        return -1;
    if (of_drives) {
        *stray = maqet_format(MAQET_STORE_DRIVES "/%s", of_drives);
        return 0;
    }
    if (stray_in(checkpoints, is_own_checkpoint_file, is_none, &inner, err) < 0)
        return -1;
    /* While a checkpoint is being created, its description comes first. */
    if (!inner && maqet_file_missing(pending) &&
        stray_description(checkpoints, &inner, err) < 0)
        return -1;
    if (inner)
        *stray = maqet_format(MAQET_STORE_CHECKPOINTS "/%s", inner);
    return 0;
}

/* Removes our files from a folder, and the folder itself if nothing else is in it.
 * Folders in it, or a link in its place, stay. */
static int
remove_own(const char *folder, bool (*is_own)(const char *file), struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_close_ int fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? 0
                               : maqet_error_errno(err, errno, "Cannot open %s", folder);
    if (maqet_dir_list(folder, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++)
        if (is_own(files.items[i]) && unlinkat(fd, files.items[i], 0) < 0 &&
            errno != ENOENT)
            return maqet_error_errno(err, errno, "Cannot delete %s/%s", folder,
                                     files.items[i]);
    return rmdir(folder) == 0 || errno == ENOENT
               ? 0
               : maqet_error_errno(err, errno, "Cannot delete the folder %s", folder);
}

int
maqet_folder_remove_drives(const char *folder, const struct maqet_strings *kept,
                           struct maqet_error **err)
{
    _cleanup_free_ char *drives = maqet_format("%s/" MAQET_STORE_DRIVES, folder);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct stat status;

    /* A link is the user's. */
    if (lstat(drives, &status) < 0 || !S_ISDIR(status.st_mode))
        return 0;
    if (maqet_dir_list(drives, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", drives, names.items[i]);

        if (is_drive_folder(names.items[i]) && !maqet_strings_has(kept, names.items[i]) &&
            maqet_dir_remove(path, err) < 0)
            return -1;
    }
    /* It stays if it is not empty. */
    rmdir(drives);
    return 0;
}

int
maqet_folder_overlays(const char *drives, struct maqet_strings *paths,
                      struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(drives, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *folder = maqet_format("%s/%s", drives, names.items[i]);
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        if (!is_overlays_folder(names.items[i]))
            continue;
        if (maqet_dir_list(folder, &files, err) < 0)
            return -1;
        for (size_t j = 0; j < files.count; j++)
            if (maqet_overlay_files_is_overlay(files.items[j]))
                maqet_strings_addf(paths, "%s/%s", folder, files.items[j]);
    }
    return 0;
}

/* Removes the overlays in a machine's folder that goes. */
static int
remove_overlays(const char *folder, struct maqet_error **err)
{
    _cleanup_free_ char *drives = maqet_format("%s/" MAQET_STORE_DRIVES, folder);
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_dir_list(drives, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", drives, names.items[i]);

        if (is_overlays_folder(names.items[i]) &&
            maqet_overlays_remove_folder(path, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_folder_remove_own(const char *folder, struct maqet_error **err)
{
    _cleanup_free_ char *checkpoints =
        maqet_format("%s/" MAQET_STORE_CHECKPOINTS, folder);
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    return remove_overlays(folder, err) < 0 ||
                   maqet_folder_remove_drives(folder, &none, err) < 0 ||
                   remove_own(checkpoints, is_own_checkpoint_file, err) < 0
               ? -1
               : remove_own(folder, is_own_file, err);
}

static bool
is_checkpoint_description(const char *file)
{
    return is_named_with(file, ".json");
}

void
maqet_folder_leftovers(const char *folder, struct maqet_strings *paths)
{
    _cleanup_free_ char *checkpoints =
        maqet_format("%s/" MAQET_STORE_CHECKPOINTS, folder);

    maqet_dir_leftovers(folder, is_own_file, paths);
    maqet_dir_leftovers(checkpoints, is_checkpoint_description, paths);
}

void
maqet_folder_sweep(const char *folder)
{
    _cleanup_free_ char *checkpoints =
        maqet_format("%s/" MAQET_STORE_CHECKPOINTS, folder);

    maqet_dir_sweep(folder, is_own_file);
    maqet_dir_sweep(checkpoints, is_checkpoint_description);
}
