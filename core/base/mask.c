/* SPDX-License-Identifier: MIT */
#include "core/base/mask.h"

#include <string.h>

/* Bytes of one of several lines, of which some are likely to be words. */
enum { LINE_MIN_BYTES = 8 };

static const char SHOWN[] = "***";

/* A form in which a secret, or a line of it, may appear. */
struct form {
    const void *owner;
    char *bytes;
    size_t length;
    struct form *next;
};

/* For all of the process: a message is made in many places, and none may forget it. */
static struct form *forms;

static void
wipe(char *bytes, size_t length)
{
    if (bytes)
        explicit_bzero(bytes, length);
    free(bytes);
}

/* ---- what is secret ---- */

/* Takes the bytes. The whole text comes before its lines. */
static void
add_form(const void *owner, char *bytes, size_t length)
{
    struct form *form = maqet_alloc(sizeof(*form)), **end = &forms;

    while (*end)
        end = &(*end)->next;
    *end = form;
    *form = (struct form){.owner = owner, .bytes = bytes, .length = length};
}

/* Adds the form that @escape gives each byte, unless it is the plain one: it writes 6
 * bytes at most, and returns how many. The space is never moved, so no copy is left. */
static void
add_escaped(const void *owner, const char *bytes, size_t length,
            size_t (*escape)(char byte, char *to))
{
    char *escaped = maqet_alloc(length * 6 + 1);
    size_t end = 0;

    for (size_t i = 0; i < length; i++)
        end += escape(bytes[i], escaped + end);
    if (end == length)
        wipe(escaped, end);
    else
        add_form(owner, escaped, end);
}

/* As QEMU's options have it. */
static size_t
double_comma(char byte, char *to)
{
    to[0] = to[1] = byte;
    return byte == ',' ? 2 : 1;
}

/* As json-c writes it. */
static size_t
escape_json(char byte, char *to)
{
    static const char special[] = "\b\n\r\t\f\"\\", letters[] = "bnrtf\"\\";
    static const char digits[] = "0123456789abcdef";
    const char *at = byte ? strchr(special, byte) : NULL;

    to[0] = at || (byte > 0 && byte < ' ') ? '\\' : byte;
    if (at)
        to[1] = letters[at - special];
    if (at || to[0] == byte)
        return at ? 2 : 1;
    memcpy(to + 1, "u00", 3);
    to[4] = digits[byte >> 4];
    to[5] = digits[byte & 15];
    return 6;
}

/* The same with its default flags. */
static size_t
escape_json_slash(char byte, char *to)
{
    if (byte != '/')
        return escape_json(byte, to);
    memcpy(to, "\\/", 2);
    return 2;
}

/* Adds a text, which has no NUL, in all its forms. */
static void
add_forms(const void *owner, const char *bytes, size_t length)
{
    add_escaped(owner, bytes, length, double_comma);
    add_escaped(owner, bytes, length, escape_json);
    if (memchr(bytes, '/', length))
        add_escaped(owner, bytes, length, escape_json_slash);
    add_form(owner, maqet_strndup(bytes, length), length);
}

/* Adds one line, without the blanks around it, which a program may leave out. */
static void
add_line(const void *owner, const char *line, size_t length, size_t least)
{
    static const char blanks[] = " \t\r";

    while (length > 0 && strchr(blanks, line[length - 1]))
        length--;
    while (length > 0 && strchr(blanks, line[0])) {
        line++;
        length--;
    }
    if (length >= least)
        add_forms(owner, line, length);
}

void
maqet_mask_add(const void *owner, const char *secret, size_t size)
{
    const char *end = secret + size;
    bool single = !memchr(secret, '\n', size);

    /* A NUL ends a text, too. */
    if (!single && !memchr(secret, '\0', size))
        add_forms(owner, secret, size);
    while (secret < end) {
        const char *next = secret;

        while (next < end && *next != '\n' && *next != '\0')
            next++;
        add_line(owner, secret, (size_t)(next - secret),
                 single ? MAQET_MASK_MIN_BYTES : LINE_MIN_BYTES);
        secret = next + 1;
    }
}

void
maqet_mask_forget(const void *owner)
{
    for (struct form **at = &forms; *at;) {
        struct form *form = *at;

        if (form->owner != owner) {
            at = &form->next;
            continue;
        }
        *at = form->next;
        wipe(form->bytes, form->length);
        free(form);
    }
}

/* ---- in a text ---- */

/* Replaces a form, wherever it is. */
static void
replace(struct maqet_text *text, const struct form *form)
{
    struct maqet_text masked = MAQET_TEXT_INIT;
    const char *at = text->data, *end = text->data + text->length, *found;

    while ((found = memmem(at, (size_t)(end - at), form->bytes, form->length))) {
        maqet_text_append_bytes(&masked, at, (size_t)(found - at));
        maqet_text_append(&masked, SHOWN);
        at = found + form->length;
    }
    if (at == text->data)
        return;
    maqet_text_append_bytes(&masked, at, (size_t)(end - at));
    wipe(text->data, text->length);
    *text = masked;
}

void
maqet_mask_buffer(struct maqet_text *text)
{
    for (const struct form *form = forms; form && text->data; form = form->next)
        replace(text, form);
}

char *
maqet_mask(char *text)
{
    if (!forms || !text)
        return text;
    struct maqet_text buffer = {
        .data = text, .length = strlen(text), .space = strlen(text) + 1};
    maqet_mask_buffer(&buffer);
    return buffer.data;
}

bool
maqet_mask_is_empty(void)
{
    return !forms;
}

bool
maqet_mask_finds(const char *text)
{
    for (const struct form *form = forms; form; form = form->next)
        if (memmem(text, strlen(text), form->bytes, form->length))
            return true;
    return false;
}
