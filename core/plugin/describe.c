/* SPDX-License-Identifier: MIT */
#include "core/plugin/describe.h"

#include <string.h>

#include "core/base/apart.h"
#include "core/plugin/loader.h"

/* ms in which a plugin must load. */
static const int64_t LOAD_TIMEOUT = 10000;

MAQET_WORDS(kind_word, "storage", "interface")
MAQET_WORDS(state_word, "loads", "refused", "shadowed")
/* In the order of enum maqet_option_type. */
MAQET_WORDS(type_word, "string", "path", "size", "int", "bool", "choice", "mode", "map",
            "list", "secret")
/* In the order of enum maqet_creation. */
MAQET_WORDS(creation_word, "never", "once", "each-start")

static const struct maqet_fields option_fields;
static const struct maqet_fields option_fields = MAQET_FIELDS_OF(
    struct maqet_plugin_option, MAQET_ROW(struct maqet_plugin_option, name, "its key"),
    {"type", MAQET_FIELD_CHOICE(struct maqet_plugin_option, type, type_word),
     .help = "what its value is"},
    {"items", MAQET_FIELD_CHOICE(struct maqet_plugin_option, items, type_word),
     .help = "of a list, what its items are", .optional = true},
    MAQET_ROW(struct maqet_plugin_option, required, "whether a drive must have it"),
    MAQET_ROW(struct maqet_plugin_option, fallback, "the value if it is not given",
              .optional = true),
    MAQET_ROW(struct maqet_plugin_option, help, "what it is for", .optional = true),
    MAQET_ROW(struct maqet_plugin_option, choices,
              "the words of a choice, or of a list of choices",
              .known = MAQET_KNOWN(struct maqet_plugin_option, is_choice)),
    MAQET_ROW(struct maqet_plugin_option, minimum, "the smallest value",
              .known = MAQET_KNOWN(struct maqet_plugin_option, has_minimum)),
    MAQET_ROW(struct maqet_plugin_option, maximum, "the largest value",
              .known = MAQET_KNOWN(struct maqet_plugin_option, has_maximum)),
    {"options",
     MAQET_FIELD_LIST(struct maqet_plugin_option, options, option_count, &option_fields),
     .known = MAQET_KNOWN(struct maqet_plugin_option, is_map),
     .help = "the keys of a map, or of a list of maps"});

#define LOADED .known = MAQET_KNOWN(struct maqet_plugin_info, loads)
#define PLUGIN_ROWS                                                                      \
    MAQET_ROW(struct maqet_plugin_info, name, "the plugin's name"),                      \
        {"kind", MAQET_FIELD_CHOICE(struct maqet_plugin_info, kind, kind_word),          \
         .help = "what it is for"},                                                      \
        MAQET_ROW(struct maqet_plugin_info, summary, "its own description",              \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, version, "its own version",                  \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, author, "who answers for it",                \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, url, "where to find more about it",          \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, abi, "the plugin ABI that it was built for", \
                  LOADED),                                                               \
        MAQET_ROW(struct maqet_plugin_info, file, "where it is"),                        \
        {"options",                                                                      \
         MAQET_FIELD_LIST(struct maqet_plugin_info, options, option_count,               \
                          &option_fields),                                               \
         LOADED, .help = "the options of a drive that uses it"},                         \
        MAQET_ROW(struct maqet_plugin_info, media,                                       \
                  "what the guest may see: `disk`, `cdrom`", LOADED),                    \
        MAQET_ROW(struct maqet_plugin_info, interface,                                   \
                  "of a storage, the interface that it takes by default",                \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, path_option,                                 \
                  "of a storage, the option that says where its image is",               \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, size_option,                                 \
                  "of a storage, the option with the size of a new image",               \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, readonly_option,                             \
                  "of a storage, the option by which the guest may only read",           \
                  .optional = true),                                                     \
        MAQET_ROW(struct maqet_plugin_info, format,                                      \
                  "of a storage, QEMU's name of its format", .optional = true),          \
        {"creation",                                                                     \
         MAQET_FIELD_CHOICE(struct maqet_plugin_info, creation, creation_word),          \
         .help = "of a storage, when what it consists of is created", .optional = true}, \
        MAQET_ROW(struct maqet_plugin_info, capabilities, "what it can do, in words",    \
                  LOADED)

const struct maqet_fields maqet_plugin_fields =
    MAQET_FIELDS_OF(struct maqet_plugin_info, PLUGIN_ROWS);
const struct maqet_fields maqet_listed_plugin_fields = MAQET_FIELDS_OF(
    struct maqet_plugin_info, PLUGIN_ROWS,
    {"state", MAQET_FIELD_CHOICE(struct maqet_plugin_info, state, state_word),
     .help = "whether it can be used; another one of its name comes before one that is "
             "`shadowed`"},
    MAQET_ROW(struct maqet_plugin_info, reason, "why it is refused", .optional = true));

/* ---- one of them, in the child ---- */

/* Appends the rows of a table. */
static void
describe_options(const struct maqet_option *table, struct maqet_plugin_option **options,
                 size_t *count)
{
    for (const struct maqet_option *row = table; row && row->name; row++) {
        struct maqet_plugin_option *option = MAQET_APPEND(*options, *count);
        bool is_list = row->type == MAQET_OPTION_LIST;
        enum maqet_option_type type = is_list ? row->items : row->type;

        *option = (struct maqet_plugin_option){
            .name = maqet_strdup(row->name),
            .type = maqet_strdup(type_word(row->type - MAQET_OPTION_STRING)),
            .items = is_list ? maqet_strdup(type_word(type - MAQET_OPTION_STRING)) : NULL,
            .required = row->flags & MAQET_REQUIRED,
            .fallback = maqet_strdup(row->fallback),
            .help = maqet_strdup(row->help),
            .is_choice = type == MAQET_OPTION_CHOICE,
            .has_minimum = row->flags & MAQET_MINIMUM,
            .minimum = row->minimum,
            .has_maximum = row->flags & MAQET_MAXIMUM,
            .maximum = row->maximum,
            .is_map = type == MAQET_OPTION_MAP,
        };
        for (size_t j = 0; option->is_choice && row->choices[j]; j++)
            maqet_strings_add(&option->choices, row->choices[j]);
        if (option->is_map)
            describe_options(row->options, &option->options, &option->option_count);
    }
}

json_object *
maqet_options_describe(const struct maqet_option *table)
{
    struct maqet_plugin_option *options = NULL;
    size_t count = 0;

    describe_options(table, &options, &count);
    json_object *list = maqet_fields_list_to_json(&option_fields, options, count);
    maqet_fields_list_free(&option_fields, options, count);
    return list;
}

static void
add_capabilities(const struct maqet_storage *storage, struct maqet_strings *words)
{
    const struct maqet_storage_plugin *plugin = &storage->plugin;
    const struct maqet_snapshot_table *table = &storage->snapshot;
    const struct {
        bool there;
        const char *word;
    } all[] = {
        {plugin->create, "create"},
        {plugin->inspect, "inspect"},
        {table->create, "snapshot"},
        {table->live_create, "live-snapshot"},
        {table->rename, "snapshot-rename"},
        {table->write_out, "snapshot-export"},
        {table->serve, "snapshot-serve"},
        {storage->overlay.create, "overlay"},
        {plugin->resize, "resize"},
        {plugin->live_resize, "live-resize"},
        {plugin->check, "check"},
        {plugin->holders, "holders"},
        {plugin->helper, "helper"},
        {plugin->flags & MAQET_STORAGE_HOTPLUG, "hotplug"},
        {plugin->flags & MAQET_STORAGE_LIVE_READ, "live-read"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i].there)
            maqet_strings_add(words, all[i].word);
}

static void
add_media(uint32_t media, struct maqet_strings *words)
{
    if (media & MAQET_MEDIA_DISK)
        maqet_strings_add(words, "disk");
    if (media & MAQET_MEDIA_CDROM)
        maqet_strings_add(words, "cdrom");
}

static void
describe_iface(const struct maqet_iface_plugin *plugin, struct maqet_plugin_info *info)
{
    add_media(plugin->media, &info->media);
    if (plugin->flags & MAQET_IFACE_HOTPLUG)
        maqet_strings_add(&info->capabilities, "hotplug");
}

static void
describe_storage(const struct maqet_storage *storage, struct maqet_plugin_info *info)
{
    const struct maqet_storage_plugin *plugin = &storage->plugin;

    info->interface = maqet_strdup(plugin->interface);
    info->path_option = maqet_strdup(plugin->path_option);
    info->size_option = maqet_strdup(plugin->size_option);
    info->readonly_option = maqet_strdup(plugin->readonly_option);
    info->creation = maqet_strdup(creation_word((unsigned)plugin->creation));
    /* A share is neither a disk nor an image. */
    if (plugin->interface) {
        info->format = maqet_strdup(plugin->format);
        add_media(plugin->media, &info->media);
    }
    add_capabilities(storage, &info->capabilities);
}

static json_object *
describe_file(void *data, struct maqet_error **err)
{
    struct maqet_plugin_info *info = data;
    bool is_iface;
    const struct maqet_plugin *plugin =
        maqet_plugin_load_file(info->file, &is_iface, err);

    if (!plugin)
        return NULL;
    info->loads = true;
    info->abi = MAQET_PLUGIN_ABI;
    info->summary = maqet_strdup(plugin->summary);
    info->version = maqet_strdup(plugin->version);
    info->author = maqet_strdup(plugin->author);
    info->url = maqet_strdup(plugin->url);
    describe_options(plugin->options, &info->options, &info->option_count);
    if (is_iface)
        describe_iface(&((const struct maqet_iface *)plugin)->plugin, info);
    else
        describe_storage((const struct maqet_storage *)plugin, info);
    return maqet_fields_to_json(&maqet_plugin_fields, info);
}

/* ---- all of them ---- */

/* The part that the file's name determines, without loading it. */
static struct maqet_plugin_info
info_of(const char *file)
{
    bool is_iface;
    char *name = maqet_plugin_name_of(file, &is_iface);

    return (struct maqet_plugin_info){
        .name = name,
        .kind = maqet_strdup(is_iface ? "interface" : "storage"),
        .file = maqet_strdup(file),
    };
}

/* Adds the rest. */
static int
load_info(struct maqet_plugin_info *info, struct maqet_error **err)
{
    struct maqet_error *reason = NULL;
    struct maqet_plugin_info whole = {0};
    _cleanup_json_ json_object *object =
        maqet_apart(describe_file, info, LOAD_TIMEOUT, NULL, &reason);

    if (!object) {
        /* The loader's reasons name the file; a crash or timeout does not. */
        if (!strstr(reason->message, info->file))
            maqet_error_wrap(&reason, "Cannot load the plugin %s", info->file);
        return maqet_error_move(err, reason);
    }
    if (maqet_fields_from_json(&maqet_plugin_fields, object, &whole, err) < 0)
        return -1;
    maqet_fields_clear(&maqet_plugin_fields, info);
    *info = whole;
    return 0;
}

/* Whether a list has a plugin of that name and kind. */
static bool
is_listed(const struct maqet_plugin_list *list, const struct maqet_plugin_info *info)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, info->name) == 0 &&
            strcmp(list->items[i].kind, info->kind) == 0)
            return true;
    return false;
}

void
maqet_plugin_list_all(const struct maqet_context *context, struct maqet_plugin_list *list)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_plugin_files(context, &files);
    for (size_t i = 0; i < files.count; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        struct maqet_plugin_info info = info_of(files.items[i]);
        bool shadowed = is_listed(list, &info);

        if (!shadowed && load_info(&info, &reason) < 0)
            info.reason = maqet_strdup(reason->message);
        info.state = maqet_strdup(shadowed ? "shadowed" : reason ? "refused" : "loads");
        *MAQET_APPEND(list->items, list->count) = info;
    }
}

bool
maqet_plugin_is_usable(const struct maqet_plugin_info *info, const char *kind)
{
    return strcmp(info->state, "loads") == 0 && strcmp(info->kind, kind) == 0;
}

int
maqet_plugin_list_named(const struct maqet_context *context, const char *name,
                        struct maqet_plugin_list *list, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_plugin_files(context, &files);
    for (size_t i = 0; i < files.count; i++) {
        struct maqet_plugin_info info = info_of(files.items[i]);
        bool wanted = strcmp(info.name, name) == 0 && !is_listed(list, &info);

        if (wanted && load_info(&info, err) == 0) {
            *MAQET_APPEND(list->items, list->count) = info;
            continue;
        }
        maqet_fields_clear(&maqet_plugin_fields, &info);
        if (wanted)
            return -1;
    }
    if (list->count > 0)
        return 0;
    maqet_plugin_names(context, &maqet_storage_kind, &names);
    maqet_plugin_names(context, &maqet_iface_kind, &names);
    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no plugin '%s'", name);
    maqet_error_hint_names(err, name, &names);
    return -1;
}

void
maqet_plugin_list_clear(struct maqet_plugin_list *list)
{
    maqet_fields_list_free(&maqet_listed_plugin_fields, list->items, list->count);
}
