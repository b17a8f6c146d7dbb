/* SPDX-License-Identifier: MIT */
#include "core/config/yaml_write.h"

#include "core/config/yaml.h"

#include <inttypes.h>
#include <string.h>
#include <yaml.h>

#include "core/base/printable.h"

static int
append(void *data, unsigned char *bytes, size_t count)
{
    maqet_text_append_bytes(data, (const char *)bytes, count);
    return 1;
}

/* Whether a reader of YAML 1.1 or 1.2 may not take the plain text as a string. Unnecessary
 * quotes are harmless, so numbers are recognised by their characters only. */
static bool
looks_typed(const char *text)
{
    static const char *const words[] = {"",      "~",    "null",  "y",   "n",    "yes",
                                        "no",    "true", "on",    "off", ".nan", ".inf",
                                        "+.inf", "=",    "false", "<<",  "-.inf"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    /* Numbers of every base, times, and dates. */
    return strchr("0123456789+-.", text[0]) &&
           (text[strspn(text, "0123456789abcdefABCDEFxXoO_+-.:")] == '\0' ||
            (strspn(text, "0123456789") == 4 && text[4] == '-'));
}

/* @made is what libyaml's function for the event returned. */
static void
emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
    if (!made || !yaml_emitter_emit(emitter, event))
        abort(); /* it can only be out of memory */
}

/* @text is valid UTF-8. */
static void
emit_text(yaml_emitter_t *emitter, const char *text, size_t length,
          yaml_scalar_style_t style)
{
    yaml_event_t event;

    emit(emitter, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                      (int)length, 1, 1, style));
}

static void
emit_string(yaml_emitter_t *emitter, const char *text, size_t length)
{
    size_t size;
    _cleanup_free_ char *valid = maqet_text_utf8(text, length, &size);
    bool plain = !looks_typed(valid) && maqet_text_is_printable(valid, size);

    /* The emitter quotes what the syntax requires to be quoted. */
    emit_text(emitter, valid, size,
              plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

static void
emit_value(yaml_emitter_t *emitter, json_object *value)
{
    yaml_event_t event;

    switch (json_object_get_type(value)) {
    case json_type_object:
        emit(emitter, &event,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                 YAML_BLOCK_MAPPING_STYLE));
        json_object_object_foreach(value, key, inner)
        {
            emit_string(emitter, key, strlen(key));
            emit_value(emitter, inner);
        }
        emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
        break;
    case json_type_array:
        emit(emitter, &event,
             yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                  YAML_BLOCK_SEQUENCE_STYLE));
        for (size_t i = 0; i < json_object_array_length(value); i++)
            emit_value(emitter, json_object_array_get_idx(value, i));
        emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
        break;
    case json_type_string:
        emit_string(emitter, json_object_get_string(value),
                    (size_t)json_object_get_string_len(value));
        break;
    default: {
        const char *text = value ? json_object_get_string(value) : "null";

        emit_text(emitter, text, strlen(text), YAML_PLAIN_SCALAR_STYLE);
    }
    }
}

/* The emitter does not escape what YAML calls printable. Texts with characters that may not
 * be shown are in double quotes, where these can be escaped. */
static char *
escape_hidden(const struct maqet_text *yaml)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    uint32_t code;

    for (size_t at = 0, size; at < yaml->length; at += size) {
        size = maqet_character(yaml->data + at, yaml->length - at, &code);
        if (code == '\n' || maqet_character_is_printable(code))
            maqet_text_append_bytes(&text, yaml->data + at, size);
        else
            maqet_text_appendf(&text, code > 0xffff ? "\\U%08" PRIX32 : "\\u%04" PRIX32,
                               code);
    }
    return maqet_text_take(&text);
}

char *
maqet_yaml_write(json_object *value)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    yaml_emitter_t emitter;
    yaml_event_t event;

    if (!yaml_emitter_initialize(&emitter))
        abort();
    yaml_emitter_set_output(&emitter, append, &text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    emit(&emitter, &event,
         yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&emitter, &event,
         yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    emit_value(&emitter, value);
    emit(&emitter, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&emitter, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&emitter);
    return escape_hidden(&text);
}
