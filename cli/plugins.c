/* SPDX-License-Identifier: MIT */
#include "cli/plugins.h"

MAQET_WORDS(kind_word, "storage", "interface")
MAQET_WORDS(state_word, "loads", "refused", "shadowed")
MAQET_WORDS(type_word, "string", "path", "size", "int", "bool", "choice", "mode", "map")

static const struct maqet_fields option_fields;

static const struct maqet_fields option_fields = MAQET_FIELDS_OF(
    struct plugin_option, MAQET_ROW(struct plugin_option, name, "its key"),
    {"type", MAQET_FIELD_CHOICE(struct plugin_option, type, type_word),
     .help = "what its value is"},
    MAQET_ROW(struct plugin_option, required, "whether a drive must say it"),
    MAQET_ROW(struct plugin_option, fallback, "the value that holds where it is not said",
              .optional = true),
    MAQET_ROW(struct plugin_option, help, "what it is for", .optional = true),
    MAQET_ROW(struct plugin_option, choices, "the words of a choice",
              .known = MAQET_KNOWN(struct plugin_option, is_choice)),
    MAQET_ROW(struct plugin_option, minimum, "the least that it may be",
              .known = MAQET_KNOWN(struct plugin_option, has_minimum)),
    MAQET_ROW(struct plugin_option, maximum, "the most that it may be",
              .known = MAQET_KNOWN(struct plugin_option, has_maximum)),
    {"options",
     MAQET_FIELD_LIST(struct plugin_option, options, option_count, &option_fields),
     .known = MAQET_KNOWN(struct plugin_option, is_map), .help = "the keys of a map"});

#define LOADED .known = MAQET_KNOWN(struct plugin, loads)
#define PLUGIN_ROWS                                                                      \
    MAQET_ROW(struct plugin, name, "the plugin's name"),                                 \
        {"kind", MAQET_FIELD_CHOICE(struct plugin, kind, kind_word),                     \
         .help = "what it is for"},                                                      \
        MAQET_ROW(struct plugin, summary, "what it says of itself", .optional = true),   \
        MAQET_ROW(struct plugin, abi, "the plugin ABI that it was built for", LOADED),   \
        MAQET_ROW(struct plugin, file, "where it lies"),                                 \
        {"options",                                                                      \
         MAQET_FIELD_LIST(struct plugin, options, option_count, &option_fields), LOADED, \
         .help = "what a drive that uses it may say"},                                   \
        MAQET_ROW(struct plugin, interface,                                              \
                  "of a storage, the interface that it takes by default",                \
                  .optional = true),                                                     \
        MAQET_ROW(struct plugin, path_option,                                            \
                  "of a storage, the option that says where its image is",               \
                  .optional = true),                                                     \
        MAQET_ROW(struct plugin, capabilities, "what it can do, in words", LOADED)

const struct maqet_fields plugin_fields = MAQET_FIELDS_OF(struct plugin, PLUGIN_ROWS);
const struct maqet_fields listed_plugin_fields = MAQET_FIELDS_OF(
    struct plugin, PLUGIN_ROWS,
    {"state", MAQET_FIELD_CHOICE(struct plugin, state, state_word),
     .help = "whether it can be used; another one of its name comes before one that is "
             "`shadowed`"},
    MAQET_ROW(struct plugin, reason, "why it is refused", .optional = true));

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
