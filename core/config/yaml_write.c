/* SPDX-License-Identifier: MIT */
/* yaml_write.c - json to YAML text (libyaml's emitter). */
#include <string.h>
#include <yaml.h>

#include "core/config/options.h"
#include "core/config/yaml.h"

static int
append(void *data, unsigned char *bytes, size_t count)
{
    maqet_text_append_bytes(data, (const char *)bytes, count);
    return 1;
}

/* Whether a reader would take the plain text for something other than text. */
static bool
needs_quotes(const char *text)
{
    static const char *const words[] = {"null", "~",   "y",  "n",  "yes", "no",
                                        "true", "false", "on", "off", ".nan", ".inf"};
    size_t length = strlen(text);

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    /* Numbers of every base, times and dates: all begin alike and hold no other letters. */
    return length == 0 || (strchr("0123456789+-.", text[0]) &&
                           strspn(text, "0123456789abcdefABCDEFxXoO_+-.:eETZ ") == length);
}

static void
emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    if (!yaml_emitter_emit(emitter, event))
        abort(); /* only memory can fail: we write to a string */
}

static void
emit_scalar(yaml_emitter_t *emitter, const char *text, bool quoted)
{
    yaml_event_t event;
    yaml_scalar_style_t style =
        quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;

    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                 (int)strlen(text), 1, 1, style);
    emit(emitter, &event);
}

static void
emit_value(yaml_emitter_t *emitter, json_object *value)
{
    yaml_event_t event;

    switch (json_object_get_type(value)) {
    case json_type_object:
        yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
        emit(emitter, &event);
        json_object_object_foreach(value, key, inner)
        {
            emit_scalar(emitter, key, needs_quotes(key));
            emit_value(emitter, inner);
        }
        yaml_mapping_end_event_initialize(&event);
        emit(emitter, &event);
        break;
    case json_type_array:
        yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                             YAML_BLOCK_SEQUENCE_STYLE);
        emit(emitter, &event);
        for (size_t i = 0; i < json_object_array_length(value); i++)
            emit_value(emitter, json_object_array_get_idx(value, i));
        yaml_sequence_end_event_initialize(&event);
        emit(emitter, &event);
        break;
    case json_type_string:
        emit_scalar(emitter, json_object_get_string(value),
                    needs_quotes(json_object_get_string(value)));
        break;
    default:
        emit_scalar(emitter, value ? json_object_get_string(value) : "null", false);
    }
}

char *
maqet_yaml_write(json_object *value)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    yaml_emitter_t emitter;
    yaml_event_t event;

    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, append, &text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&emitter, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&emitter, &event);
    emit_value(&emitter, value);
    yaml_document_end_event_initialize(&event, 1);
    emit(&emitter, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
    return maqet_text_take(&text);
}
