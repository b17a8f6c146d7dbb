/* SPDX-License-Identifier: MIT */
#include "core/plugin/loader.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"
#include "core/plugin/call.h"
#include "core/plugin/option_table.h"

/* How the two kinds differ. */
struct kind {
    const struct maqet_plugin_kind *folder;
    uint32_t number;
    const char *symbol; /* the entry */
    size_t first;       /* the size of ABI 1's first struct, the minimum */
    size_t size;        /* of the struct as we know it */
    size_t whole;       /* of ours, which begins with a struct maqet_plugin */
    size_t copy;        /* where the copy of the plugin's struct is in it */
    int (*check)(struct maqet_plugin *plugin, struct maqet_error **err);
};

/* The sizes with which ABI 1 began, up to its last member then. Never changed, even if
 * members are added. */
#define FIRST_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)NULL)->last))

enum {
    OPTION_SIZE_MIN = FIRST_SIZE(struct maqet_option, maximum),
    OPTION_SIZE_MAX = 4096
};
static const size_t SNAPSHOT_SIZE_MIN =
    FIRST_SIZE(struct maqet_snapshot_table, can_create);
static const size_t OVERLAY_SIZE_MIN = FIRST_SIZE(struct maqet_overlay_table, used);

/* The beginning of the structs of both kinds. */
struct head {
    struct maqet_plugin_header header;
    const char *name;
    const char *summary;
    const char *version;
    const char *author;
    const char *url;
    const struct maqet_option *options;
    uint32_t flags;
    uint32_t media;
};

#define BEGINS_AS_HEAD(type)                                                             \
    static_assert(offsetof(type, name) == offsetof(struct head, name) &&                 \
                      offsetof(type, media) == offsetof(struct head, media),             \
                  "both kinds begin alike")
BEGINS_AS_HEAD(struct maqet_storage_plugin);
BEGINS_AS_HEAD(struct maqet_iface_plugin);

/* All that are loaded: one list, since dlopen() loads a file once per process. */
static struct maqet_plugin *loaded;

/* ---- required members ---- */

static int
require(bool there, const char *callback, struct maqet_error **err)
{
    if (there)
        return 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID, "it has no %s", callback);
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
    return maqet_plugin_check_flags(ours->flags, "its snapshot table", err) < 0 ||
                   require(ours->create, "snapshot.create", err) < 0 ||
                   require(ours->load, "snapshot.load", err) < 0 ||
                   require(ours->remove, "snapshot.remove", err) < 0 ||
                   require(ours->list, "snapshot.list", err) < 0
               ? -1
               : 0;
}

/* The same for the overlay table. */
static int
check_overlay_table(struct maqet_storage *storage, struct maqet_error **err)
{
    const struct maqet_overlay_table *theirs = storage->plugin.overlay;
    struct maqet_overlay_table *ours = &storage->overlay;

    if (!theirs)
        return 0;
    if (theirs->size < OVERLAY_SIZE_MIN)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its overlay table has %" PRIu32 " bytes, less than "
                               "the %zu that it began with",
                               theirs->size, OVERLAY_SIZE_MIN);
    memcpy(ours, theirs, theirs->size < sizeof(*ours) ? theirs->size : sizeof(*ours));
    return maqet_plugin_check_flags(ours->flags, "its overlay table", err) < 0 ||
                   require(storage->plugin.path_option, "path_option", err) < 0 ||
                   require(storage->plugin.inspect, "inspect", err) < 0 ||
                   require(ours->create, "overlay.create", err) < 0 ||
                   require(ours->rename_backing, "overlay.rename_backing", err) < 0 ||
                   require(ours->merge_down, "overlay.merge_down", err) < 0 ||
                   require(ours->merge_up, "overlay.merge_up", err) < 0 ||
                   require(ours->used, "overlay.used", err) < 0
               ? -1
               : 0;
}

/* The option of a role, which may be NULL: whether it is in the table. */
static int
check_role(const struct maqet_storage *storage, const char *member, const char *option,
           enum maqet_option_type type, const char *word, struct maqet_error **err)
{
    if (!option)
        return 0;
    for (const struct maqet_option *row = storage->common.options; row->name; row++)
        if (strcmp(row->name, option) == 0 && row->type == type)
            return 0;
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "its %s '%s' is not one of its %s options", member, option,
                           word);
}

static int
error_never_called(const char *callback, const char *why, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_INVALID,
                           "it has %s, which is never called for storage that %s",
                           callback, why);
}

/* Whether it has what its kind of creation needs, and nothing that would not be called. */
static int
check_creation(const struct maqet_storage_plugin *plugin, struct maqet_error **err)
{
    if (plugin->remove && plugin->path_option)
        return error_never_called("remove", "is a file at its path_option", err);
    if (plugin->remove && plugin->creation != MAQET_CREATION_ONCE)
        return error_never_called("remove", "is not created once", err);
    if (plugin->snapshot && plugin->creation == MAQET_CREATION_EACH_START)
        return error_never_called("snapshot", "is created for each start", err);
    switch (plugin->creation) {
    case MAQET_CREATION_NEVER:
        return plugin->create ? maqet_error_set(err, MAQET_ERROR_INVALID,
                                                "it has create, and no creation that "
                                                "says when that is called")
                              : 0;
    case MAQET_CREATION_ONCE:
        return require(plugin->create, "create", err) < 0 ||
                       require(plugin->path_option ? !!plugin->space : !!plugin->inspect,
                               plugin->path_option ? "space" : "inspect", err) < 0
                   ? -1
                   : 0;
    case MAQET_CREATION_EACH_START:
        if (plugin->path_option)
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "it is created for each start, and has a "
                                   "path_option all the same");
        return require(plugin->create, "create", err);
    default:
        return maqet_error_set(err, MAQET_ERROR_INVALID, "it has the unknown creation %d",
                               (int)plugin->creation);
    }
}

static int
check_storage(struct maqet_plugin *common, struct maqet_error **err)
{
    struct maqet_storage *storage = (struct maqet_storage *)common;
    const struct maqet_storage_plugin *plugin = &storage->plugin;

    if (!plugin->format)
        storage->plugin.format = plugin->name;
    if (plugin->media == 0)
        storage->plugin.media = MAQET_MEDIA_DISK;
    if (require(plugin->emit_args, "emit_args", err) < 0 ||
        (plugin->resize &&
         require(plugin->inspect, "inspect, which resize needs", err) < 0) ||
        (plugin->open && require(plugin->close, "close, which open needs", err) < 0) ||
        check_snapshot_table(storage, err) < 0 || check_overlay_table(storage, err) < 0 ||
        check_role(storage, "path_option", plugin->path_option, MAQET_OPTION_PATH, "PATH",
                   err) < 0 ||
        check_role(storage, "size_option", plugin->size_option, MAQET_OPTION_SIZE, "SIZE",
                   err) < 0 ||
        check_role(storage, "readonly_option", plugin->readonly_option, MAQET_OPTION_BOOL,
                   "BOOL", err) < 0)
        return -1;
    return check_creation(plugin, err);
}

static int
check_iface(struct maqet_plugin *common, struct maqet_error **err)
{
    struct maqet_iface_plugin *plugin = &((struct maqet_iface *)common)->plugin;

    if (plugin->media == 0)
        plugin->media = MAQET_MEDIA_DISK;
    return require(plugin->capacity, "capacity", err) < 0
               ? -1
               : require(plugin->emit_device, "emit_device", err);
}

static const struct kind storage_kind = {
    .folder = &maqet_storage_kind,
    .number = MAQET_PLUGIN_KIND_STORAGE,
    .symbol = "maqet_storage_plugin",
    .first = FIRST_SIZE(struct maqet_storage_plugin, overlay),
    .size = sizeof(struct maqet_storage_plugin),
    .whole = sizeof(struct maqet_storage),
    .copy = offsetof(struct maqet_storage, plugin),
    .check = check_storage,
};

static const struct kind iface_kind = {
    .folder = &maqet_iface_kind,
    .number = MAQET_PLUGIN_KIND_IFACE,
    .symbol = "maqet_iface_plugin",
    .first = FIRST_SIZE(struct maqet_iface_plugin, emit_device),
    .size = sizeof(struct maqet_iface_plugin),
    .whole = sizeof(struct maqet_iface),
    .copy = offsetof(struct maqet_iface, plugin),
    .check = check_iface,
};

/* ---- opening one ---- */

/* Checks what both kinds have in common, and copies the struct into ours. */
static int
adopt(const struct kind *kind, const void *theirs, void *ours, struct maqet_error **err)
{
    struct maqet_plugin_header header;

    memcpy(&header, theirs, sizeof(header));
    if (header.kind != kind->number)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "it is not of the kind '%s'",
                               kind->folder->word);
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
    /* Members that the plugin is too old for stay NULL; those that we are too old for are
     * not copied. */
    memcpy(ours, theirs, header.size < kind->size ? header.size : kind->size);
    return 0;
}

/* Opens the file and calls its entry. Returns the plugin's struct, or NULL. */
static const void *
open_entry(const struct kind *kind, const char *file, void **handle,
           struct maqet_error **err)
{
    struct maqet_call *call = maqet_call_current();
    const void *(*entry)(void);

    call->callback = "its constructor";
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
    call->callback = kind->symbol;
    const void *theirs = entry();
    if (!theirs)
        maqet_error_set(err, MAQET_ERROR_INVALID, "%s returned NULL", kind->symbol);
    return theirs;
}

/* Opens, copies and checks it. */
static int
load(const struct kind *kind, struct maqet_plugin *plugin, const char *real,
     const char *name, struct maqet_error **err)
{
    const void *theirs = open_entry(kind, real, &plugin->handle, err);
    void *ours = (char *)plugin + kind->copy;
    struct head head;

    if (!theirs || adopt(kind, theirs, ours, err) < 0)
        return -1;
    memcpy(&head, ours, sizeof(head));
    if (require(head.name, "name", err) < 0 ||
        maqet_plugin_check_flags(head.flags, "it", err) < 0)
        return -1;
    plugin->summary = head.summary;
    plugin->version = head.version;
    plugin->author = head.author;
    plugin->url = head.url;
    if (strcmp(head.name, name) != 0)
        return maqet_error_set(err, MAQET_ERROR_INVALID,
                               "its name is '%s', which does not match the name of "
                               "its file",
                               head.name);
    if (maqet_option_table_copy(head.options, head.header.option_size, &plugin->options,
                                err) < 0)
        return -1;
    return kind->check(plugin, err);
}

static void
add_loaded(struct maqet_plugin *plugin, const struct maqet_plugin_kind *kind,
           const char *name)
{
    plugin->kind = kind;
    plugin->name = name;
    plugin->next = loaded;
    loaded = plugin;
}

static struct maqet_plugin *
load_file(const struct kind *kind, const struct maqet_context *context, const char *file,
          const char *name, struct maqet_error **err)
{
    _cleanup_free_ char *real = realpath(file, NULL);
    struct maqet_call *call = maqet_call_current();
    MAQET_CALL(MAQET_CALL_QUICK);

    if (!real) {
        maqet_error_errno(err, errno, "Cannot inspect %s", file);
        return NULL;
    }
    if (maqet_plugin_check_place(file, real, err) < 0)
        return NULL;
    call->context = context;
    call->plugin = name;
    /* Opens the file that was checked, even if a link in its path was replaced. */
    struct maqet_plugin *plugin = maqet_alloc(kind->whole);
    if (load(kind, plugin, real, name, err) < 0) {
        maqet_error_wrap(err, "Cannot load the plugin %s", file);
        maqet_option_table_free(plugin->options);
        call->callback = "its destructor";
        if (plugin->handle)
            dlclose(plugin->handle);
        free(plugin);
        return NULL;
    }
    plugin->file = maqet_strdup(file);
    add_loaded(plugin, kind->folder, maqet_strdup(name));
    return plugin;
}

/* ---- finding one ---- */

static struct maqet_plugin *
load_name(const struct kind *kind, const struct maqet_context *context, const char *name,
          struct maqet_error **err)
{
    _cleanup_free_ char *folders = maqet_strings_join(&context->plugin_dirs, ":");

    for (struct maqet_plugin *plugin = loaded; plugin; plugin = plugin->next)
        if (plugin->kind == kind->folder && strcmp(plugin->name, name) == 0 &&
            plugin->folders && strcmp(plugin->folders, folders) == 0)
            return plugin;
    _cleanup_free_ char *file = maqet_plugin_find(context, kind->folder, name, err);
    struct maqet_plugin *plugin = file ? load_file(kind, context, file, name, err) : NULL;

    if (!plugin)
        return NULL;
    plugin->folders = TAKE_PTR(folders);
    maqet_context_say(context, MAQET_LEVEL_DEBUG, "Loaded the %s plugin %s",
                      kind->folder->word, file);
    return plugin;
}

const struct maqet_storage *
maqet_storage_load(const struct maqet_context *context, const char *name,
                   struct maqet_error **err)
{
    return (struct maqet_storage *)load_name(&storage_kind, context, name, err);
}

const struct maqet_iface *
maqet_iface_load(const struct maqet_context *context, const char *name,
                 struct maqet_error **err)
{
    return (struct maqet_iface *)load_name(&iface_kind, context, name, err);
}

const struct maqet_plugin *
maqet_plugin_load_file(const char *file, bool *is_iface, struct maqet_error **err)
{
    _cleanup_free_ char *name = maqet_plugin_valid_name_of(file, is_iface, err);

    return name
               ? load_file(*is_iface ? &iface_kind : &storage_kind, NULL, file, name, err)
               : NULL;
}

const char *
maqet_plugin_contact(const struct maqet_plugin *plugin)
{
    return plugin->url ? plugin->url : plugin->author;
}

const struct maqet_storage *
maqet_storage_stand_in(const char *name)
{
    for (struct maqet_plugin *plugin = loaded; plugin; plugin = plugin->next)
        if (!plugin->kind && strcmp(plugin->name, name) == 0)
            return (struct maqet_storage *)plugin;
    struct maqet_storage *storage = maqet_alloc(sizeof(*storage));

    storage->common.file = maqet_strdup(name);
    storage->common.options = maqet_alloc(sizeof(*storage->common.options));
    storage->plugin.name = storage->common.file;
    storage->plugin.interface = "none";
    add_loaded(&storage->common, NULL, storage->common.file);
    return storage;
}
