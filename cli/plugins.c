/* SPDX-License-Identifier: MIT */
#include "cli/plugins.h"

MAQET_WORDS(kind_word, "storage", "interface")
MAQET_WORDS(state_word, "loads", "refused", "shadowed")
MAQET_WORDS(type_word, "string", "path", "size", "int", "bool", "choice", "mode", "map")

static const struct maqet_fields option_fields;

static const struct maqet_field option_rows[] = {
    {"name", MAQET_FIELD(struct plugin_option, name), .help = "its key"},
    {"type", MAQET_FIELD_CHOICE(struct plugin_option, type, type_word),
     .help = "what its value is"},
    {"required", MAQET_FIELD(struct plugin_option, required),
     .help = "whether a drive must say it"},
    {"fallback", MAQET_FIELD(struct plugin_option, fallback), .optional = true,
     .help = "the value that holds where it is not said"},
    {"help", MAQET_FIELD(struct plugin_option, help), .optional = true,
     .help = "what it is for"},
    {"choices", MAQET_FIELD(struct plugin_option, choices),
     .known = MAQET_KNOWN(struct plugin_option, is_choice),
     .help = "the words of a choice"},
    {"minimum", MAQET_FIELD(struct plugin_option, minimum),
     .known = MAQET_KNOWN(struct plugin_option, has_minimum),
     .help = "the least that it may be"},
    {"maximum", MAQET_FIELD(struct plugin_option, maximum),
     .known = MAQET_KNOWN(struct plugin_option, has_maximum),
     .help = "the most that it may be"},
    {"options",
     MAQET_FIELD_LIST(struct plugin_option, options, option_count, &option_fields),
     .known = MAQET_KNOWN(struct plugin_option, is_map), .help = "the keys of a map"},
    {0},
};
static const struct maqet_fields option_fields =
    MAQET_FIELDS(struct plugin_option, option_rows);

#define LOADED .known = MAQET_KNOWN(struct plugin, loads)
#define PLUGIN_ROWS                                                                      \
    {"name", MAQET_FIELD(struct plugin, name), .help = "the plugin's name"},             \
        {"kind", MAQET_FIELD_CHOICE(struct plugin, kind, kind_word),                     \
         .help = "what it is for"},                                                      \
        {"summary", MAQET_FIELD(struct plugin, summary), .optional = true,               \
         .help = "what it says of itself"},                                              \
        {"abi", MAQET_FIELD(struct plugin, abi), LOADED,                                 \
         .help = "the plugin ABI that it was built for"},                                \
        {"file", MAQET_FIELD(struct plugin, file), .help = "where it lies"},             \
        {"options",                                                                      \
         MAQET_FIELD_LIST(struct plugin, options, option_count, &option_fields), LOADED, \
         .help = "what a drive that uses it may say"},                                   \
        {"interface", MAQET_FIELD(struct plugin, interface), .optional = true,           \
         .help = "of a storage, the interface that it takes by default"},                \
        {"path_option", MAQET_FIELD(struct plugin, path_option), .optional = true,       \
         .help = "of a storage, the option that says where its image is"},               \
    {                                                                                    \
        "capabilities", MAQET_FIELD(struct plugin, capabilities), LOADED,                \
            .help = "what it can do, in words"                                           \
    }

static const struct maqet_field plugin_rows[] = {PLUGIN_ROWS, {0}};
static const struct maqet_field listed_rows[] = {
    PLUGIN_ROWS,
    {"state", MAQET_FIELD_CHOICE(struct plugin, state, state_word),
     .help = "whether it can be used; another one of its name comes before one that is "
             "`shadowed`"},
    {"reason", MAQET_FIELD(struct plugin, reason), .optional = true,
     .help = "why it is refused"},
    {0},
};
const struct maqet_fields plugin_fields = MAQET_FIELDS(struct plugin, plugin_rows);
const struct maqet_fields listed_plugin_fields = MAQET_FIELDS(struct plugin, listed_rows);

int
plugins_read(const struct maqet_fields *fields, json_object *list,
             struct plugins *plugins, struct maqet_error **err)
{
    _cleanup_json_ json_object *owned = list;
    void *items = NULL;
    int result =
        list ? maqet_fields_list_from_json(fields, list, &items, &plugins->count, err)
             : -1;

    plugins->items = items;
    return result;
}

void
plugins_clear(struct plugins *plugins)
{
    maqet_fields_list_free(&listed_plugin_fields, plugins->items, plugins->count);
}
