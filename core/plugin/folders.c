/* SPDX-License-Identifier: MIT */
#include "core/plugin/folders.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"

const struct maqet_plugin_kind maqet_storage_kind = {.word = "storage",
                                                     .prefix = "maqet-storage-"};
const struct maqet_plugin_kind maqet_iface_kind = {.word = "interface",
                                                   .prefix = "maqet-iface-"};

bool
maqet_plugin_name_valid(const char *name)
{
    return name[0] && name[0] != '-' && strlen(name) <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* ---- names ---- */

/* The plugin's name if the file is named like a plugin of the kind, or NULL. The caller
 * frees. */
static char *
name_in(const struct maqet_plugin_kind *kind, const char *file)
{
    size_t length = strlen(file), prefix = strlen(kind->prefix);

    return maqet_text_starts(file, kind->prefix) && length >= prefix + 4 &&
                   maqet_text_ends(file, ".so")
               ? maqet_strndup(file + prefix, length - prefix - 3)
               : NULL;
}

char *
maqet_plugin_name_of(const char *path, bool *is_iface)
{
    const char *slash = strrchr(path, '/');
    char *name = name_in(&maqet_iface_kind, slash ? slash + 1 : path);

    *is_iface = name;
    return name ? name : name_in(&maqet_storage_kind, slash ? slash + 1 : path);
}

char *
maqet_plugin_valid_name_of(const char *path, bool *is_iface, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_plugin_name_of(path, is_iface);

    if (name && maqet_plugin_name_valid(name))
        return TAKE_PTR(name);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "%s is not named like a plugin: maqet-storage-NAME.so or "
                    "maqet-iface-NAME.so, NAME of [a-z0-9][a-z0-9-]*",
                    path);
    return NULL;
}

void
maqet_plugin_files(const struct maqet_context *context, struct maqet_strings *paths)
{
    for (size_t i = 0; i < context->plugin_dirs.count; i++) {
        const char *dir = context->plugin_dirs.items[i];
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        maqet_dir_list(dir, &files, NULL);
        for (size_t j = 0; j < files.count; j++) {
            bool is_iface;
            _cleanup_free_ char *name = maqet_plugin_name_of(files.items[j], &is_iface);

            if (name)
                maqet_strings_addf(paths, "%s/%s", dir, files.items[j]);
        }
    }
}

void
maqet_plugin_names(const struct maqet_context *context,
                   const struct maqet_plugin_kind *kind, struct maqet_strings *names)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    maqet_plugin_files(context, &paths);
    for (size_t i = 0; i < paths.count; i++) {
        _cleanup_free_ char *name = name_in(kind, strrchr(paths.items[i], '/') + 1);

        if (name && !maqet_strings_has(names, name))
            maqet_strings_add(names, name);
    }
    maqet_strings_sort(names);
}

static int
error_missing(const struct maqet_context *context, const struct maqet_plugin_kind *kind,
              const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *dirs = maqet_strings_join(&context->plugin_dirs, ", ");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_plugin_names(context, kind, &names);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "There is no %s plugin '%s' (searched in: %s)", kind->word, name,
                    dirs);
    maqet_error_hint_names(err, name, &names);
    return -1;
}

char *
maqet_plugin_find(const struct maqet_context *context,
                  const struct maqet_plugin_kind *kind, const char *name,
                  struct maqet_error **err)
{
    if (!maqet_plugin_name_valid(name)) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "invalid %s plugin name '%s': use lower-case letters, digits "
                        "and '-'",
                        kind->word, name);
        return NULL;
    }
    for (size_t i = 0; i < context->plugin_dirs.count; i++) {
        const char *dir = context->plugin_dirs.items[i];
        _cleanup_free_ char *path = maqet_format("%s/%s%s.so", dir, kind->prefix, name);

        if (access(path, F_OK) == 0)
            return TAKE_PTR(path);
    }
    error_missing(context, kind, name, err);
    return NULL;
}

/* ---- who can write there ---- */

static int
check_writers(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot inspect %s", path);
    return maqet_file_check_writers(path, &status, 0, err) < 0
               ? maqet_error_wrap(err, "Refusing to load a plugin")
               : 0;
}

/* A user who can rename a folder above can replace the plugin. In a sticky folder, such as
 * /tmp, only the owner can (chmod(2)). */
static int
check_above(const char *dir, struct maqet_error **err)
{
    _cleanup_free_ char *above = maqet_path_folder(dir);
    struct stat status;
    bool sticky = stat(above, &status) == 0 && (status.st_mode & S_ISVTX) &&
                  (status.st_uid == 0 || status.st_uid == geteuid());

    if (!sticky && check_writers(above, err) < 0)
        return -1;
    return strcmp(above, "/") == 0 ? 0 : check_above(above, err);
}

static int
check_folder(const char *file, struct maqet_error **err)
{
    _cleanup_free_ char *dir = maqet_path_folder(file);
    _cleanup_free_ char *real = realpath(dir, NULL);

    if (!real)
        return maqet_error_errno(err, errno, "Cannot inspect %s", dir);
    return check_writers(dir, err) < 0 ? -1 : check_above(real, err);
}

int
maqet_plugin_check_place(const char *file, const char *real, struct maqet_error **err)
{
    return check_folder(file, err) < 0 || check_folder(real, err) < 0
               ? -1
               : check_writers(real, err);
}
