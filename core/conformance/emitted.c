/* SPDX-License-Identifier: MIT */
#include "core/conformance/emitted.h"

#include <string.h>

#include "core/base/text.h"
#include "core/qemu/keyval.h"

static const char *
text_of(json_object *json, const char *key, const char *other)
{
    const char *text = maqet_json_text(json, key);

    if (!text)
        text = maqet_json_text(json, other);
    return text ? text : "";
}

/* "first,key=value,..." as an object: of it only the id and the type are of interest. */
static json_object *
read_keyval(const char *value)
{
    json_object *json = json_object_new_object();
    _cleanup_free_ char *id = maqet_keyval_get(value, "driver", "id");
    _cleanup_free_ char *driver = maqet_keyval_get(value, "driver", "driver");

    json_object_object_add(json, "id", json_object_new_string(id ? id : ""));
    json_object_object_add(json, "driver", json_object_new_string(driver ? driver : ""));
    return json;
}

int
emitted_read(const struct maqet_strings *argv, struct emitted_list *list, char **fault)
{
    *fault = NULL;
    for (size_t i = 0; i + 1 < argv->count; i += 2) {
        const char *value = argv->items[i + 1];
        json_object *json =
            value[0] == '{' ? json_tokener_parse(value) : read_keyval(value);

        if (!json) {
            *fault = maqet_format("%s %s is no JSON", argv->items[i], value);
            return -1;
        }
        list->items =
            maqet_realloc(list->items, (list->count + 1) * sizeof(*list->items));
        list->items[list->count++] =
            (struct emitted){.option = argv->items[i],
                             .json = json,
                             .id = text_of(json, "id", "node-name"),
                             .type = text_of(json, "driver", "qom-type")};
    }
    return 0;
}

void
emitted_clear(struct emitted_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        json_object_put(list->items[i].json);
    free(list->items);
    *list = (struct emitted_list){0};
}

const struct emitted *
emitted_find(const struct emitted_list *list, const char *option, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].option, option) == 0 &&
            strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    return NULL;
}

size_t
emitted_count(const struct emitted_list *list, const char *option)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += !option || strcmp(list->items[i].option, option) == 0;
    return count;
}
