/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "core/base/text.h"

/* ---- colours ---- */

static bool
is_capable(FILE *stream)
{
    const char *terminal = getenv("TERM");

    return isatty(fileno(stream)) && terminal && strcmp(terminal, "dumb") != 0;
}

bool
terminal_has_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */

    return !(no_color && *no_color) && is_capable(stream);
}

const char *
shade_begin(bool colour, enum shade shade)
{
    static const char *const codes[] = {
        [SHADE_NONE] = "",          [SHADE_RED] = "\033[1;31m",
        [SHADE_GREEN] = "\033[32m", [SHADE_YELLOW] = "\033[33m",
        [SHADE_BOLD] = "\033[1m",   [SHADE_DIM] = "\033[2m",
    };

    return colour ? codes[shade] : "";
}

const char *
shade_end(bool colour, enum shade shade)
{
    return colour && shade != SHADE_NONE ? "\033[0m" : "";
}

/* ---- the line that is redrawn ---- */

static bool progress_shown;

static size_t
screen_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : 80;
}

void
terminal_progress(const char *text)
{
    if (!is_capable(stderr))
        return;
    progress_shown = true;
    fprintf(stderr, "\r%.*s\033[K", (int)screen_width() - 1, text);
    fflush(stderr);
}

void
terminal_progress_clear(void)
{
    if (!progress_shown)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress_shown = false;
}

/* ---- questions ---- */

bool
terminal_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool
terminal_ask(const char *question)
{
    _cleanup_free_ char *line = NULL;
    size_t space = 0;

    fprintf(stderr, "%s [y/N] ", question);
    fflush(stderr);
    if (getline(&line, &space, stdin) < 0) {
        fputc('\n', stderr);
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

/* ---- text ---- */

/* C0, DEL, and the C1 controls as UTF-8 encodes them (C2 80 to C2 9F). */
size_t
text_control(const char *text)
{
    unsigned char first = (unsigned char)text[0];

    if (first == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] <= 0x9f)
        return 2;
    return (first < 0x20 && first != '\0') || first == 0x7f;
}

char *
text_printable(const char *text, const char *keep)
{
    struct maqet_text printable = MAQET_TEXT_INIT;

    for (const char *c = text; *c; c++) {
        size_t length = text_control(c);

        if (length == 0 || strchr(keep, *c))
            maqet_text_append_bytes(&printable, c, 1);
        else if (*c == '\t' || *c == '\n')
            maqet_text_append(&printable, *c == '\t' ? "\\t" : "\\n");
        else
            maqet_text_appendf(&printable, "\\x%02x", (unsigned char)c[length - 1]);
        c += length > 1;
    }
    return maqet_text_take(&printable);
}

size_t
text_width(const char *text)
{
    size_t width = 0, left = strlen(text);
    mbstate_t state = {0};

    while (left > 0) {
        wchar_t wide;
        size_t length = mbrtowc(&wide, text, left, &state);
        int columns = length <= left ? wcwidth(wide) : -1;

        /* A locale that doesn't know UTF-8, or bytes that are none: one column a byte. */
        if (length == 0 || length > left) {
            length = 1;
            state = (mbstate_t){0};
        }
        width += columns < 0 ? 1 : (size_t)columns;
        text += length;
        left -= length;
    }
    return width;
}

char *
text_wrap(const char *paragraph, size_t indent, size_t width)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t column = indent;

    while (*paragraph) {
        size_t length = strcspn(paragraph, " ");

        if (column > indent && column + 1 + length > width) {
            maqet_text_appendf(&text, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            maqet_text_append(&text, " ");
            column++;
        }
        maqet_text_append_bytes(&text, paragraph, length);
        column += length;
        paragraph += length + strspn(paragraph + length, " ");
    }
    return maqet_text_take(&text);
}
