/* SPDX-License-Identifier: MIT */
#include "core/config/yaml_fault.h"

#include <string.h>

#include "core/config/tree.h"

/* The place of the error: where libyaml noticed it, or the beginning of the context. */
enum where { HERE, BEGINNING };

/* The first row whose texts are part of libyaml's counts ("" is part of each). */
static const struct {
    const char *problem;
    const char *context;
    enum where where;
    const char *message;
} faults[] = {
    {"", "a directive", BEGINNING,
     "a line cannot begin with '%'; put the string in quotes, or leave the directive "
     "out"},
    {"", "a %", BEGINNING, "this directive cannot be read; leave it out"},
    {"incompatible YAML", "", HERE,
     "this version of YAML is not supported; remove the line"},
    {"duplicate %", "", HERE, "this directive stands here twice"},
    {"", "an alias", BEGINNING, "a string that begins with '*' must be in quotes"},
    {"", "an anchor", BEGINNING, "a string that begins with '&' must be in quotes"},
    {"", "a tag", BEGINNING, "a string that begins with '!' must be in quotes"},
    {"undefined tag handle", "", HERE, "a string that begins with '!' must be in quotes"},
    {"cannot start any token", "", HERE,
     "a string that begins with this character must be in quotes"},
    {"unknown escape", "", HERE,
     "this escape is not known; write \\\\ for a backslash, or use single quotes"},
    {"hexdecimal", "", HERE, "this escape needs hexadecimal digits"},
    {"Unicode character escape", "", HERE, "this escape stands for no character"},
    {"", "quoted scalar", BEGINNING, "this quote is never closed"},
    {"", "a block scalar", HERE, "the text after '|' or '>' begins on the next line"},
    {"expected ':'", "", BEGINNING, "there is no ':' after this key"},
    {"mapping values", "", HERE,
     "a ':' is not allowed here; put the string in quotes, or check the indentation"},
    {"mapping keys", "", HERE, "a '?' is not allowed here; put the string in quotes"},
    {"block sequence entries", "", HERE, "a list begins on a line of its own"},
    {"expected key", "", HERE, "a key should begin here; check the indentation"},
    {"expected '-'", "", HERE, "a '-' should stand here; check the indentation"},
    {"',' or ']'", "", BEGINNING, "this '[' is not closed, or a ',' is missing in it"},
    {"',' or '}'", "", BEGINNING, "this '{' is not closed, or a ',' is missing in it"},
    {"node content", "", HERE, "a value is missing here"},
    {"<document start>", "", HERE,
     "this doesn't go with what stands above; check the indentation"},
};

/* ---- bytes that are not text ---- */

static int
reader_fault(const yaml_parser_t *parser, const char *problem, const char *text,
             size_t length, const char *name, struct maqet_error **err)
{
    struct maqet_place place = {.file = name, .line = 1, .column = 1};
    size_t offset = parser->problem_offset;

    /* libyaml points at the byte that does not continue a character, not at its start. */
    if (strstr(problem, "trailing"))
        do
            offset--;
        while (offset > 0 && ((unsigned char)text[offset] & 0xc0) == 0x80);
    for (size_t i = 0; i < offset && i < length; i++) {
        if (text[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++; /* counts characters, not bytes */
        }
    }
    if (!strstr(problem, "control character"))
        return maqet_place_invalid(place, err,
                                   "this is not UTF-8 text; save the file as UTF-8");
    if (parser->problem_value == 0)
        return maqet_place_invalid(place, err, "a text file cannot contain a NUL byte");
    return maqet_place_invalid(place, err,
                               "a text file cannot contain the control character 0x%02x",
                               (unsigned)parser->problem_value);
}

/* ---- text that is not YAML ---- */

/* The column, from 1, of a tab that may be the cause: in the line's indentation, or where
 * libyaml stopped. 0: there is none. A mark counts characters. */
static size_t
column_of_tab(const char *text, size_t length, yaml_mark_t mark)
{
    size_t byte = 0, start = 0;

    for (size_t left = mark.index; byte < length; byte++) {
        if (((unsigned char)text[byte] & 0xc0) != 0x80 && left-- == 0)
            break;
        if (text[byte] == '\n')
            start = byte + 1;
    }
    for (size_t i = start; i < byte && (text[i] == ' ' || text[i] == '\t'); i++)
        if (text[i] == '\t')
            return i - start + 1;
    return byte < length && text[byte] == '\t' ? mark.column + 1 : 0;
}

int
maqet_yaml_fault(const yaml_parser_t *parser, const char *text, size_t length,
                 const char *name, struct maqet_error **err)
{
    const char *problem = parser->problem ? parser->problem : "";
    const char *context = parser->context ? parser->context : "";
    yaml_mark_t mark = parser->problem_mark;
    const char *message = NULL;

    if (parser->error == YAML_MEMORY_ERROR)
        abort(); /* as everywhere, see text.h */
    if (parser->error == YAML_READER_ERROR)
        return reader_fault(parser, problem, text, length, name, err);

    /* Inside brackets, tabs are allowed. */
    size_t tab = strstr(context, "flow") ? 0 : column_of_tab(text, length, mark);
    if (tab > 0) {
        mark.column = tab - 1;
        message = "YAML cannot be indented with tabs; use spaces";
    }
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults) && !message; i++) {
        if (!strstr(problem, faults[i].problem) || !strstr(context, faults[i].context))
            continue;
        message = faults[i].message;
        if (faults[i].where == BEGINNING)
            mark = parser->context_mark;
    }
    struct maqet_place place = {.file = name,
                                .line = (unsigned)mark.line + 1,
                                .column = (unsigned)mark.column + 1};
    if (message)
        return maqet_place_invalid(place, err, "%s", message);
    return maqet_place_invalid(place, err, "this is not YAML: %s", problem);
}
