/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - what a tag, a file's name or another program's words become on their way
 * out. Whatever the bytes are, these must hold:
 *
 *   - all that is printed is valid UTF-8, without controls, bidirectional controls and
 *     what else is not seen, and no longer than it may be
 *   - a message has no line that could be taken for a message of its own
 *   - what may be shown is left as it is, and nothing is escaped twice
 *   - plain, JSON, YAML and words for a shell give all bytes back
 *   - the columns of a text are those of what is printed
 *
 * Here these are told by iconv(3), by ranges of Unicode's own names, and by readers of
 * each format that know nothing of how it was written.
 *
 * tests/fuzz/run builds it with libFuzzer; foreign-inputs.c feeds it the same inputs
 * every time.
 */
#include "tests/fuzz/foreign.h"

#include <iconv.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <yaml.h>

#include "cli/output.h"
#include "core/base/printable.h"
#include "core/config/yaml.h"
#include "core/config/yaml_write.h"

static void
promise(bool kept)
{
    if (!kept)
        abort();
}

/* ---- what may be shown ---- */

/* The code points of a text; NULL: it is no UTF-8. The caller frees. */
static uint32_t *
code_points(const char *text, size_t length, size_t *count)
{
    uint32_t *codes = maqet_alloc((length + 1) * sizeof(*codes));
    iconv_t converter = iconv_open("UTF-32LE", "UTF-8");
    char *in = (char *)text, *out = (char *)codes;
    size_t left = length, room = (length + 1) * sizeof(*codes);

    promise(converter != (iconv_t)-1);
    size_t result = iconv(converter, &in, &left, &out, &room);
    iconv_close(converter);
    if (result == (size_t)-1) {
        free(codes);
        return NULL;
    }
    *count = (size_t)(out - (char *)codes) / sizeof(*codes);
    return codes;
}

static bool
is_harmless(uint32_t code)
{
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool separator = code == 0x2028 || code == 0x2029;
    bool embedding = code >= 0x202a && code <= 0x202e;
    bool isolate = code >= 0x2066 && code <= 0x2069;
    bool mark = code == 0x061c || code == 0x200e || code == 0x200f;
    bool unseen = code == 0x00ad || code == 0x180e || code == 0xfeff ||
                  (code >= 0x200b && code <= 0x200d) ||
                  (code >= 0x2060 && code <= 0x2064) ||
                  (code >= 0xe0000 && code <= 0xe007f);

    return !(control || separator || embedding || isolate || mark || unseen);
}

/* Whether all is harmless, but for the characters in @kept. */
static bool
is_safe(const char *text, size_t length, const char *kept)
{
    size_t count;
    _cleanup_free_ uint32_t *codes = code_points(text, length, &count);

    for (size_t i = 0; codes && i < count; i++)
        if (!is_harmless(codes[i]) &&
            !(codes[i] && codes[i] < 0x80 && strchr(kept, (int)codes[i])))
            return false;
    return codes != NULL;
}

/* Less than is_safe(): what isn't seen in other ways is the function's own decision. */
static bool
is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}

/* ---- for people ---- */

static void
check_printable(const char *text, size_t length, size_t limit)
{
    _cleanup_free_ char *shown = maqet_text_printable(text, length, limit);
    size_t size = strlen(shown);
    _cleanup_free_ char *again = maqet_text_printable(shown, size, SIZE_MAX);

    promise(is_safe(shown, size, ""));
    promise(size <= 4 * limit + 64);
    promise(strcmp(shown, again) == 0);
    if (length <= limit && is_ascii(text, length))
        promise(size == length && memcmp(shown, text, length) == 0);
    if (length > limit) {
        _cleanup_free_ char *told = maqet_format("… (%zu bytes) …", length);
        promise(strstr(shown, told));
    }
}

static void
check_lines(const char *text)
{
    _cleanup_free_ char *lines = maqet_text_printable_lines(text);
    size_t size = strlen(lines), count = 0;

    promise(is_safe(lines, size, "\n"));
    promise(size <= 4 * MAQET_MESSAGE_MAX + 512);
    for (const char *line = lines; (line = strchr(line, '\n')); line++, count++)
        promise(maqet_text_starts(line, "\n  | "));
    promise(count < 64);
}

/* The last filter: of what we write ourselves it lets nothing but lines and tabs through.
 */
static void
check_stream(const char *text)
{
    char *written = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&written, &size);

    promise(stream);
    terminal_write(stream, text);
    fclose(stream);
    promise(is_safe(written, size, "\n\t"));
    free(written);
}

static void
check_widths(const char *text, size_t length)
{
    _cleanup_free_ char *shown = maqet_text_printable(text, length, 64);
    size_t count, columns = 0, width = text_width(shown);
    _cleanup_free_ uint32_t *codes = code_points(shown, strlen(shown), &count);

    for (size_t i = 0; i < count; i++)
        columns +=
            wcwidth((wchar_t)codes[i]) < 0 ? 1 : (size_t)wcwidth((wchar_t)codes[i]);
    promise(columns == width);
    for (size_t room = 0; room <= width; room += 1 + width / 4) {
        size_t fits = text_fitting(shown, room);
        _cleanup_free_ char *part = maqet_strndup(shown, fits);

        promise(text_width(part) <= room && is_safe(part, fits, ""));
    }
}

/* ---- for programs ---- */

static unsigned
digits(const char *text, size_t count, unsigned base)
{
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        const char *digit = strchr("0123456789abcdef", text[i]);

        promise(text[i] && digit && (unsigned)(digit - "0123456789abcdef") < base);
        value = value * base + (unsigned)strtoul((char[]){text[i], '\0'}, NULL, 16);
    }
    return value;
}

/* What printf %b makes of it. */
static void
read_plain(const char *plain, struct maqet_text *back)
{
    for (const char *c = plain; *c; c++) {
        char byte = *c;

        if (*c == '\\') {
            c++;
            byte = *c == 't' ? '\t' : *c == 'n' ? '\n' : '\\';
            promise(strchr("tn\\0", *c) && *c);
            if (*c == '0') {
                byte = (char)digits(c + 1, 3, 8);
                c += 3;
            }
        }
        maqet_text_append_bytes(back, &byte, 1);
    }
}

/* U+FFFD and two digits are a byte. */
static void
read_utf8(const char *utf8, size_t length, struct maqet_text *back)
{
    for (size_t i = 0; i < length; i++) {
        char byte = utf8[i];

        if (length - i >= 5 && memcmp(utf8 + i, "\xef\xbf\xbd", 3) == 0) {
            byte = (char)digits(utf8 + i + 3, 2, 16);
            i += 4;
        }
        maqet_text_append_bytes(back, &byte, 1);
    }
}

/* What a shell makes of a word in $'...'. */
static void
read_escaped_word(const char *word, struct maqet_text *back)
{
    promise(maqet_text_starts(word, "$'"));
    for (word += 2; *word != '\''; word++) {
        char byte = *word;

        promise(*word);
        if (*word == '\\') {
            word++;
            byte = *word;
            if (*word != '\'' && *word != '\\') {
                byte = (char)digits(word, 3, 8);
                word += 2;
            }
        }
        maqet_text_append_bytes(back, &byte, 1);
    }
    promise(word[1] == '\0');
}

static void
check_same(const struct maqet_text *back, const char *text, size_t length)
{
    promise(back->length == length);
    promise(length == 0 || memcmp(back->data, text, length) == 0);
}

static void
check_plain(const char *text, size_t length)
{
    _cleanup_free_ char *plain = maqet_text_reversible(text, length);
    _cleanup_text_ struct maqet_text back = MAQET_TEXT_INIT;

    promise(is_safe(plain, strlen(plain), ""));
    read_plain(plain, &back);
    check_same(&back, text, length);
}

static void
check_json(const char *text, size_t length)
{
    _cleanup_json_ json_object *value = json_object_new_object();

    json_object_object_add(value, "k", json_object_new_string_len(text, (int)length));
    _cleanup_free_ char *line = json_line(value);
    _cleanup_free_ char *pretty = json_pretty(value);
    promise(is_safe(line, strlen(line), ""));
    promise(is_safe(pretty, strlen(pretty), "\n"));

    const char *written[] = {line, pretty};
    for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
        _cleanup_text_ struct maqet_text back = MAQET_TEXT_INIT;
        _cleanup_json_ json_object *read = json_tokener_parse(written[i]);
        json_object *field = json_object_object_get(read, "k");

        promise(field);
        read_utf8(json_object_get_string(field),
                  (size_t)json_object_get_string_len(field), &back);
        check_same(&back, text, length);
    }
}

/* The key and the value of the mapping's only pair. */
static void
check_yaml(const char *text, size_t length)
{
    _cleanup_json_ json_object *value = json_object_new_object();
    yaml_parser_t parser;
    yaml_event_t event;
    int scalars = 0;

    json_object_object_add(value, "k", json_object_new_string_len(text, (int)length));
    _cleanup_free_ char *yaml = maqet_yaml_write(value);
    promise(is_safe(yaml, strlen(yaml), "\n"));

    promise(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, strlen(yaml));
    for (bool more = true; more;) {
        promise(yaml_parser_parse(&parser, &event));
        more = event.type != YAML_STREAM_END_EVENT;
        if (event.type == YAML_SCALAR_EVENT && scalars++ == 1) {
            _cleanup_text_ struct maqet_text back = MAQET_TEXT_INIT;

            read_utf8((const char *)event.data.scalar.value, event.data.scalar.length,
                      &back);
            check_same(&back, text, length);
        }
        yaml_event_delete(&event);
    }
    promise(scalars == 2);
    yaml_parser_delete(&parser);
}

static void
check_word(const char *text)
{
    _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT, back = MAQET_TEXT_INIT;

    maqet_shell_append(&word, text);
    promise(is_safe(word.data, word.length, ""));
    if (*word.data != '$')
        return; /* bash reads these in tests/functional/foreign-text.sh */
    read_escaped_word(word.data, &back);
    check_same(&back, text, strlen(text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = maqet_alloc(size + 1); /* ends with NUL */
    const size_t limits[] = {16, 64, MAQET_SHOWN_MAX};

    setlocale(LC_CTYPE, "C.UTF-8");
    memcpy(text, data, size);
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        check_printable(text, size, limits[i]);
    check_lines(text);
    check_stream(text);
    check_widths(text, size);
    check_plain(text, size);
    check_json(text, size);
    check_yaml(text, size);
    check_word(text);
    return 0;
}
