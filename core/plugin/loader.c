/* SPDX-License-Identifier: MIT */
#include "core/plugin/loader.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/files.h"
#include "core/base/shell.h"
#include "core/plugin/option_table.h"

/* The two kinds differ in these words, and in the layout of their struct. */
struct kind {
    uint32_t number;
    const char *word;   /* for messages */
    const char *one;    /* the same with its article */
    const char *prefix; /* of the file's name */
    const char *symbol; /* the entry */
    size_t first;       /* the size of ABI 1's first struct: none was ever smaller */
    size_t size;        /* of the struct as we know it */
};

/* The sizes with which ABI 1 began, up to the last member that it had: never to be
 * changed, however many members follow. */
#define FIRST_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)NULL)->last))

static const struct kind storage_kind = {
    .number = MAQET_PLUGIN_KIND_STORAGE,
    .word = "storage",
    .one = "a storage",
    .prefix = "maqet-storage-",
    .symbol = "maqet_storage_plugin",
    .first = FIRST_SIZE(struct maqet_storage_plugin, emit_args),
    .size = sizeof(struct maqet_storage_plugin),
};

static const struct kind iface_kind = {
    .number = MAQET_PLUGIN_KIND_IFACE,
    .word = "interface",
    .one = "an interface",
    .prefix = "maqet-iface-",
    .symbol = "maqet_iface_plugin",
    .first = FIRST_SIZE(struct maqet_iface_plugin, emit_device),
    .size = sizeof(struct maqet_iface_plugin),
};

enum { OPTION_SIZE_MIN = FIRST_SIZE(struct maqet_option, help), OPTION_SIZE_MAX = 4096 };
static const size_t SNAPSHOT_SIZE_MIN =
    FIRST_SIZE(struct maqet_snapshot_table, write_out);

bool
maqet_plugin_name_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    return name[0] && strchr(first, name[0]) && strlen(name) <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* ---- where plugins are ---- */

static int
check_writers(const char *path, struct maqet_error **err)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return maqet_error_errno(err, errno, "Can't look at %s", path);
    if (status.st_uid != 0 && status.st_uid != geteuid()) {
        maqet_error_set(
            err, MAQET_ERROR_PERMISSION,
            "%s belongs to another user (uid %u), so no plugin is loaded from it", path,
            (unsigned)status.st_uid);
        maqet_error_hint(err, "Make root or yourself its owner");
        return -1;
    }
    if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        maqet_error_set(
            err, MAQET_ERROR_PERMISSION,
            "%s can be written by other users, so no plugin is loaded from it", path);
        _cleanup_free_ char *word = maqet_shell_quoted(path);
        maqet_error_hint(err, "Close it: chmod go-w %s", word);
        return -1;
    }
    return 0;
}

/* The name that a file of that name has as a plugin of the kind, or NULL. The caller
 * frees. */
static char *
name_in(const struct kind *kind, const char *file)
{
    size_t length = strlen(file), prefix = strlen(kind->prefix);

    return maqet_text_starts(file, kind->prefix) && length >= prefix + 4 &&
                   strcmp(file + length - 3, ".so") == 0
               ? maqet_strndup(file + prefix, length - prefix - 3)
               : NULL;
}

/* The names that plugins of a kind have in the folders. */
static void
find_names(const struct maqet_context *context, const struct kind *kind,
           struct maqet_strings *names)
{
    for (size_t i = 0; i < context->plugin_dirs.count; i++) {
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        maqet_dir_list(context->plugin_dirs.items[i], &files, NULL);
        for (size_t j = 0; j < files.count; j++) {
            _cleanup_free_ char *name = name_in(kind, files.items[j]);

            if (name && !maqet_strings_has(names, name))
                maqet_strings_add(names, name);
        }
    }
    maqet_strings_sort(names);
}

void
maqet_plugin_files(const struct maqet_context *context, struct maqet_strings *paths)
{
    for (size_t i = 0; i < context->plugin_dirs.count; i++) {
        const char *dir = context->plugin_dirs.items[i];
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        maqet_dir_list(dir, &files, NULL);
        maqet_strings_sort(&files);
        for (size_t j = 0; j < files.count; j++) {
            _cleanup_free_ char *storage = name_in(&storage_kind, files.items[j]);
            _cleanup_free_ char *iface = name_in(&iface_kind, files.items[j]);

            if (storage || iface)
                maqet_strings_addf(paths, "%s/%s", dir, files.items[j]);
        }
    }
}

char *
maqet_plugin_name_of(const char *path, bool *is_iface)
{
    const char *slash = strrchr(path, '/');
    char *name = name_in(&iface_kind, slash ? slash + 1 : path);

    *is_iface = name;
    return name ? name : name_in(&storage_kind, slash ? slash + 1 : path);
}

static int
error_missing(const struct maqet_context *context, const struct kind *kind,
              const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *dirs = maqet_strings_join(&context->plugin_dirs, ", ");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    find_names(context, kind, &names);
    _cleanup_free_ char *list = maqet_strings_list(&names);
    const char *closest = maqet_text_closest(name, &names);

    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "There is no %s plugin '%s' (searched in: %s)", kind->word, name,
                    dirs);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'? There are: %s", closest, list);
    else
        maqet_error_hint(err, "There are: %s", list);
    return -1;
}

static char *
find(const struct maqet_context *context, const struct kind *kind, const char *name,
     struct maqet_error **err)
{
    if (!maqet_plugin_name_valid(name)) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "'%s' can't name %s plugin: lower-case letters, digits and '-'",
                        name, kind->one);
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

/* ---- opening one ---- */

/* Checks what both kinds have in common, and copies the struct into ours. */
static int
adopt(const struct kind *kind, const void *theirs, void *ours, struct maqet_error **err)
{
    struct maqet_plugin_header header;

    memcpy(&header, theirs, sizeof(header));
    if (header.kind != kind->number)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "it is not of the kind '%s'",
                               kind->word);
    if (header.abi != MAQET_PLUGIN_ABI)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "it was built for plugin ABI %u; this maqet has ABI %u",
                               header.abi, MAQET_PLUGIN_ABI);
    if (header.size < kind->first || header.option_size < OPTION_SIZE_MIN ||
        header.option_size > OPTION_SIZE_MAX)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its structs have %u and %u bytes; ABI 1 has %zu and %zu",
                               header.size, header.option_size, kind->first,
                               (size_t)OPTION_SIZE_MIN);
    /* What the plugin is too old to have stays NULL, what we are too old to know is left.
     */
    memcpy(ours, theirs, header.size < kind->size ? header.size : kind->size);
    return 0;
}

static int
require(bool there, const char *callback, struct maqet_error **err)
{
    if (there)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID, "it has no %s", callback);
}

static int
check_name(const char *theirs, const char *name, struct maqet_error **err)
{
    if (require(theirs, "name", err) < 0)
        return -1;
    if (strcmp(theirs, name) != 0)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "it calls itself '%s', which is not its file's name",
                               theirs);
    return 0;
}

/* Opens the file and calls its entry. Returns the plugin's struct, or NULL. */
static const void *
open_entry(const struct kind *kind, const char *file, void **handle,
           struct maqet_error **err)
{
    const void *(*entry)(void);

    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!*handle) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s", dlerror());
        return NULL;
    }
    *(void **)&entry = dlsym(*handle, kind->symbol);
    if (!entry) {
        maqet_error_set(err, MAQET_ERROR_INVALID, "it doesn't export %s", kind->symbol);
        return NULL;
    }
    const void *theirs = entry();
    if (!theirs)
        maqet_error_set(err, MAQET_ERROR_INVALID, "%s returned NULL", kind->symbol);
    return theirs;
}

/* Whoever can write a plugin, or the folder that it is in, can run code as its user. */
/* Whoever can rename a folder above can put another one in the plugin's place. In a
 * sticky one, such as /tmp, only the owner can (chmod(2)). */
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
        return maqet_error_errno(err, errno, "Can't look at %s", dir);
    return check_writers(dir, err) < 0 ? -1 : check_above(real, err);
}

/* The file, and the one that it may be a link to, lie where only root and the user write.
 */
static int
check_place(const char *file, const char *real, struct maqet_error **err)
{
    return check_folder(file, err) < 0 || check_folder(real, err) < 0
               ? -1
               : check_writers(real, err);
}

/* All that loading has in common. @ours is zeroed; all outputs are the caller's. */
static int
load(const struct kind *kind, const char *file, void *ours, void **handle,
     struct maqet_error **err)
{
    _cleanup_free_ char *real = realpath(file, NULL);

    if (!real)
        return maqet_error_errno(err, errno, "Can't look at %s", file);
    if (check_place(file, real, err) < 0)
        return -1;
    /* What was checked is opened: a link on the way may lead elsewhere by now. */
    const void *theirs = open_entry(kind, real, handle, err);
    return !theirs || adopt(kind, theirs, ours, err) < 0
               ? maqet_error_wrap(err, "Can't load the plugin %s", file)
               : 0;
}

/* @file is NULL when it was not. */
static void
say_loaded(const struct maqet_context *context, const struct kind *kind, const char *file)
{
    if (file)
        maqet_context_say(context, MAQET_LEVEL_DEBUG, "Loaded the %s plugin %s",
                          kind->word, file);
}

/* Copies the snapshot table as far as both sides know it. */
static int
check_snapshot_table(struct maqet_storage *storage, struct maqet_error **err)
{
    const struct maqet_snapshot_table *theirs = storage->plugin.snapshot;
    struct maqet_snapshot_table *ours = &storage->snapshot;

    if (!theirs)
        return 0;
    if (theirs->size < SNAPSHOT_SIZE_MIN)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its snapshot table has %" PRIu32 " bytes, less than "
                               "the %zu that it began with",
                               theirs->size, SNAPSHOT_SIZE_MIN);
    memcpy(ours, theirs, theirs->size < sizeof(*ours) ? theirs->size : sizeof(*ours));
    return require(ours->create, "snapshot.create", err) < 0 ||
                   require(ours->load, "snapshot.load", err) < 0 ||
                   require(ours->remove, "snapshot.remove", err) < 0 ||
                   require(ours->list, "snapshot.list", err) < 0
               ? -1
               : 0;
}

static int
check_storage(struct maqet_storage *storage, const char *name, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &storage->plugin;

    if (check_name(plugin->name, name, err) < 0 ||
        require(plugin->emit_args, "emit_args", err) < 0 ||
        (plugin->resize &&
         require(plugin->inspect, "inspect, which resize needs", err) < 0) ||
        check_snapshot_table(storage, err) < 0)
        return -1;
    storage->options =
        maqet_option_table_copy(plugin->options, plugin->header.option_size, err);
    if (!storage->options)
        return -1;
    if (!plugin->path_option)
        return 0;
    for (const struct maqet_option *row = storage->options; row->name; row++)
        if (strcmp(row->name, plugin->path_option) == 0 && row->type == MAQET_OPTION_PATH)
            return require(plugin->create, "create", err) < 0 ||
                           require(plugin->space, "space", err) < 0
                       ? -1
                       : 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "its path_option '%s' is none of its PATH options",
                           plugin->path_option);
}

void
maqet_storage_names(const struct maqet_context *context, struct maqet_strings *names)
{
    find_names(context, &storage_kind, names);
}

struct maqet_storage *
maqet_storage_load_file(const char *file, const char *name, struct maqet_error **err)
{
    struct maqet_storage *storage = maqet_alloc(sizeof(*storage));

    storage->file = maqet_strdup(file);
    if (load(&storage_kind, file, &storage->plugin, &storage->handle, err) < 0)
        goto fail;
    if (check_storage(storage, name, err) < 0) {
        maqet_error_wrap(err, "Can't load the plugin %s", file);
        goto fail;
    }
    return storage;
fail:
    maqet_storage_unload(storage);
    return NULL;
}

struct maqet_storage *
maqet_storage_load(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    _cleanup_free_ char *file = find(context, &storage_kind, name, err);
    struct maqet_storage *storage =
        file ? maqet_storage_load_file(file, name, err) : NULL;

    say_loaded(context, &storage_kind, storage ? file : NULL);
    return storage;
}

struct maqet_storage *
maqet_storage_stand_in(const char *name)
{
    struct maqet_storage *storage = maqet_alloc(sizeof(*storage));

    storage->file = maqet_strdup(name);
    storage->plugin.name = storage->file;
    storage->plugin.interface = "none";
    storage->options = maqet_alloc(sizeof(*storage->options));
    return storage;
}

void
maqet_storage_unload(struct maqet_storage *storage)
{
    if (!storage)
        return;
    maqet_option_table_free(storage->options);
    if (storage->handle)
        dlclose(storage->handle);
    free(storage->file);
    free(storage);
}

static int
check_iface(struct maqet_iface *iface, const char *name, struct maqet_error **err)
{
    const struct maqet_iface_plugin *plugin = &iface->plugin;

    if (check_name(plugin->name, name, err) < 0 ||
        require(plugin->capacity, "capacity", err) < 0 ||
        require(plugin->emit_device, "emit_device", err) < 0)
        return -1;
    iface->options =
        maqet_option_table_copy(plugin->options, plugin->header.option_size, err);
    return iface->options ? 0 : -1;
}

struct maqet_iface *
maqet_iface_load_file(const char *file, const char *name, struct maqet_error **err)
{
    struct maqet_iface *iface = maqet_alloc(sizeof(*iface));

    iface->file = maqet_strdup(file);
    if (load(&iface_kind, file, &iface->plugin, &iface->handle, err) < 0)
        goto fail;
    if (check_iface(iface, name, err) < 0) {
        maqet_error_wrap(err, "Can't load the plugin %s", file);
        goto fail;
    }
    return iface;
fail:
    maqet_iface_unload(iface);
    return NULL;
}

struct maqet_iface *
maqet_iface_load(const struct maqet_context *context, const char *name,
                 struct maqet_error **err)
{
    _cleanup_free_ char *file = find(context, &iface_kind, name, err);
    struct maqet_iface *iface = file ? maqet_iface_load_file(file, name, err) : NULL;

    say_loaded(context, &iface_kind, iface ? file : NULL);
    return iface;
}

void
maqet_iface_unload(struct maqet_iface *iface)
{
    if (!iface)
        return;
    maqet_option_table_free(iface->options);
    if (iface->handle)
        dlclose(iface->handle);
    free(iface->file);
    free(iface);
}
