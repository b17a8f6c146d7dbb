/* SPDX-License-Identifier: MIT */
#include "core/qemu/argument_list.h"

#include <string.h>

#include "core/config/merge.h"
#include "core/config/options.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"

void
maqet_argument_list_clear(struct maqet_argument_list *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->items[i].value);
    free(arguments->items);
}

/* In QEMU's own syntax; NULL: there is none. */
static char *
value_text(json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return maqet_keyval_render(value, NULL);
    const char *text = value ? json_object_get_string(value) : NULL;
    char *rendered = text ? maqet_keyval_of_json(text) : NULL;
    return rendered ? rendered : maqet_strdup(text);
}

static void
add(struct maqet_argument_list *arguments, const char *written, json_object *value,
    struct maqet_place place)
{
    arguments->items = maqet_realloc(arguments->items,
                                     (arguments->count + 1) * sizeof(*arguments->items));
    arguments->items[arguments->count++] =
        (struct maqet_argument){.name = maqet_argument_name(written),
                                .written = value,
                                .value = value_text(value),
                                .place = place};
}

struct maqet_argument_list
maqet_argument_list_read(json_object *list)
{
    struct maqet_argument_list arguments = {0};

    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_object)) {
            json_object_object_foreach(item, written, value)
                add(&arguments, written, value, maqet_tree_place_of_key(item, written));
        } else if (item) {
            add(&arguments, json_object_get_string(item), NULL,
                maqet_tree_place_of_item(list, i));
        }
    }
    return arguments;
}

bool
maqet_argument_is(const struct maqet_argument *argument, const char *name)
{
    return strcmp(argument->name, name) == 0;
}

bool
maqet_argument_is_one_of(const struct maqet_argument *argument, const char *const *names)
{
    return maqet_text_is_one_of(argument->name, names);
}

bool
maqet_argument_is_image(const struct maqet_argument *argument)
{
    return maqet_qemu_option_find(argument->name)->nature == MAQET_QEMU_IMAGE;
}

char *
maqet_argument_property(const struct maqet_argument *argument, const char *key)
{
    return argument->value ? maqet_keyval_get(argument->value, NULL, key) : NULL;
}

char *
maqet_argument_first(const struct maqet_argument *argument, const char *const *keys)
{
    char *found = NULL;

    for (; !found && *keys; keys++)
        found = maqet_argument_property(argument, *keys);
    return found;
}

bool
maqet_argument_has(const struct maqet_argument *argument, const char *key,
                   const char *wanted)
{
    _cleanup_free_ char *value = maqet_argument_property(argument, key);

    return value && strcmp(value, wanted) == 0;
}

bool
maqet_argument_is_of(const struct maqet_argument *argument, const char *key,
                     const char *type)
{
    return argument->value && maqet_keyval_has(argument->value, key, type);
}

bool
maqet_argument_is_on(const struct maqet_argument *argument, const char *key)
{
    _cleanup_free_ char *value = maqet_argument_property(argument, key);
    bool on = false;

    return value && maqet_parse_bool(value, &on) && on;
}

const struct maqet_argument *
maqet_argument_list_named(const struct maqet_argument_list *arguments,
                          const struct maqet_argument *argument, const char *key,
                          const char *name, const char *id)
{
    _cleanup_free_ char *wanted = maqet_argument_property(argument, key);

    for (size_t i = 0; wanted && i < arguments->count; i++)
        if (maqet_argument_is(&arguments->items[i], name) &&
            maqet_argument_has(&arguments->items[i], id, wanted))
            return &arguments->items[i];
    return NULL;
}
