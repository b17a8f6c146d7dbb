/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/clock.h"
#include "core/base/printable.h"

/* ---- colours ---- */

static bool
is_capable(FILE *stream)
{
    const char *terminal = getenv("TERM");

    return isatty(fileno(stream)) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool
has_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"); /* https://no-color.org */

    return !(no_color && *no_color) && is_capable(stream);
}

static const char *const shades[] = {
    [SHADE_NONE] = "",           [SHADE_RED] = "\033[1;31m", [SHADE_GREEN] = "\033[32m",
    [SHADE_YELLOW] = "\033[33m", [SHADE_BOLD] = "\033[1m",   [SHADE_DIM] = "\033[2m",
};
static const char no_shade[] = "\033[0m";

const char *
shade_begin(enum shade shade)
{
    return shades[shade];
}

const char *
shade_end(enum shade shade)
{
    return shade == SHADE_NONE ? "" : no_shade;
}

/* ---- writing ---- */

/* The length of the shade that a text begins with, or 0. */
static size_t
shade_length(const char *text)
{
    for (size_t i = SHADE_NONE + 1; i < sizeof(shades) / sizeof(*shades); i++)
        if (maqet_text_starts(text, shades[i]))
            return strlen(shades[i]);
    return maqet_text_starts(text, no_shade) ? strlen(no_shade) : 0;
}

void
terminal_write(FILE *stream, const char *text)
{
    _cleanup_text_ struct maqet_text shown = MAQET_TEXT_INIT;
    bool colour = has_colour(stream);
    uint32_t code;

    for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
        size_t shade = shade_length(text);

        size = shade ? shade : maqet_character(text, left, &code);
        if (shade || *text == '\n' || *text == '\t') {
            if (!shade || colour)
                maqet_text_append_bytes(&shown, text, size);
            continue;
        }
        _cleanup_free_ char *character = maqet_text_printable(text, size, size);
        maqet_text_append(&shown, character);
    }
    terminal_progress_clear();
    fwrite(shown.data ? shown.data : "", 1, shown.length, stream);
}

int
terminal_pass(FILE *stream, const char *bytes, size_t count)
{
    terminal_progress_clear();
    if (count > 0)
        fwrite(bytes, 1, count, stream);
    return fflush(stream) == EOF ? -1 : 0;
}

/* ---- progress ---- */

static bool progress_shown;

static size_t
screen_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : 80;
}

/* Drawing is also done by a thread, below. */
static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER;
static int64_t drawn; /* when somebody else has drawn or cleared the line */

static void
draw(const char *text)
{
    _cleanup_free_ char *line = maqet_text_printable(text, strlen(text), MAQET_SHOWN_MAX);

    progress_shown = true;
    fprintf(stderr, "\r%.*s\033[K", (int)text_fitting(line, screen_width() - 1), line);
    fflush(stderr);
}

static void
clear(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    progress_shown = false;
}

void
terminal_progress(const char *text)
{
    if (!is_capable(stderr))
        return;
    pthread_mutex_lock(&drawing);
    drawn = maqet_now();
    draw(text);
    pthread_mutex_unlock(&drawing);
}

void
terminal_progress_clear(void)
{
    pthread_mutex_lock(&drawing);
    drawn = maqet_now();
    clear();
    pthread_mutex_unlock(&drawing);
}

/* ---- what shows no progress of its own ---- */

/* ms between two looks, and without another line before this one is drawn. */
enum { LOOK_INTERVAL = 200, SILENCE = 1000 };

static char *working; /* what is shown; NULL: nothing */
static int64_t working_since;

static void *
show_working(void *data)
{
    (void)data;
    for (;;) {
        maqet_sleep(LOOK_INTERVAL);
        pthread_mutex_lock(&drawing);
        int64_t now = maqet_now();
        if (working && now - drawn >= SILENCE) {
            _cleanup_free_ char *text =
                maqet_format("%s (%d s)", working, (int)((now - working_since) / 1000));

            draw(text);
        }
        pthread_mutex_unlock(&drawing);
    }
    return NULL;
}

static void
before_fork(void)
{
    pthread_mutex_lock(&drawing);
}

static void
after_fork(void)
{
    pthread_mutex_unlock(&drawing);
}

/* A child has no such thread, and must not clear our line. */
static void
after_fork_in_child(void)
{
    progress_shown = false;
    pthread_mutex_unlock(&drawing);
}

void
terminal_working_begin(const char *text)
{
    pthread_t thread;
    sigset_t all, before;

    if (!is_capable(stderr))
        return;
    working = maqet_strdup(text);
    drawn = working_since = maqet_now();
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
    /* Signals are for the thread that works. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, show_working, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void
terminal_working_end(void)
{
    pthread_mutex_lock(&drawing);
    free(TAKE_PTR(working));
    clear();
    pthread_mutex_unlock(&drawing);
}

size_t
terminal_columns(FILE *stream)
{
    struct winsize size;

    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 &&
                   size.ws_col > 0
               ? size.ws_col
               : SIZE_MAX;
}

size_t
terminal_text_columns(void)
{
    enum { USUAL = 80 };
    size_t columns = terminal_columns(stdout);

    return columns < SIZE_MAX ? columns : USUAL;
}

/* ---- a screen ---- */

/* What the terminal was before; valid while a screen is shown. */
static struct termios before_screen;

/* The alternate screen without a cursor, in which a long line does not wrap (xterm's
 * control sequences, which all terminals of today know). */
static const char screen_on[] = "\033[?1049h\033[?25l\033[?7l";
static const char screen_off[] = "\033[?7h\033[?25h\033[?1049l";

bool
terminal_screen_begin(void)
{
    struct termios quiet;

    if (!is_capable(stdout) || !isatty(STDIN_FILENO) ||
        tcgetattr(STDIN_FILENO, &before_screen) < 0)
        return false;
    quiet = before_screen;
    quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    /* Stopped by Ctrl-Z, the terminal would be left like this. */
    quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &quiet) < 0)
        return false;
    fputs(screen_on, stdout);
    fflush(stdout);
    return true;
}

void
terminal_screen_end(void)
{
    fputs(screen_off, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &before_screen);
}

void
terminal_screen_draw(const char *text)
{
    struct winsize size = {0};
    size_t lines = 24;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        lines = size.ws_row;
    fputs("\033[H", stdout);
    for (; *text && lines > 0; lines--) {
        size_t length = strcspn(text, "\n");
        _cleanup_free_ char *line = maqet_strndup(text, length);

        terminal_write(stdout, line);
        fputs(lines > 1 ? "\033[K\r\n" : "\033[K", stdout);
        text += length + (text[length] == '\n');
    }
    fputs("\033[J", stdout);
    fflush(stdout);
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
    terminal_working_end();
    _cleanup_free_ char *words =
        maqet_text_printable(question, strlen(question), MAQET_SHOWN_MAX);
    _cleanup_free_ char *line = NULL;
    size_t space = 0;

    _cleanup_free_ char *asked = maqet_format("%s [y/N]", words);
    _cleanup_free_ char *wrapped = text_wrap(asked, 0, terminal_columns(stderr));

    terminal_progress_clear();
    fprintf(stderr, "%s ", wrapped);
    fflush(stderr);
    if (getline(&line, &space, stdin) < 0) {
        fputc('\n', stderr);
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

/* ---- text ---- */

/* The columns of one character; 1 if the C library does not know it or if it is not
 * printable. */
static size_t
columns_of(uint32_t code)
{
    int columns = code == MAQET_NO_CHARACTER ? 1 : wcwidth((wchar_t)code);

    return columns < 0 ? 1 : (size_t)columns;
}

size_t
text_fitting(const char *text, size_t columns)
{
    size_t left = strlen(text), fits = 0, used = 0;
    uint32_t code;

    while (fits < left) {
        size_t size = maqet_character(text + fits, left - fits, &code);

        used += columns_of(code);
        if (used > columns)
            break;
        fits += size;
    }
    return fits;
}

size_t
text_width(const char *text)
{
    size_t width = 0;
    uint32_t code;

    for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
        size = maqet_character(text, left, &code);
        width += columns_of(code);
    }
    return width;
}

char *
text_cut(const char *text, size_t width)
{
    static const char omitted[] = "…";
    uint32_t code;

    if (text_width(text) <= width)
        return maqet_strdup(text);
    /* Files differ in their names, and other texts at their ends. */
    const char *name = *text == '/' ? strrchr(text, '/') : NULL;
    size_t end = name && text_width(name) < width ? width - 1 : (width - 1) * 2 / 3;
    size_t head = text_fitting(text, width - 1 - end);
    const char *tail = text + head;
    while (*tail && text_width(tail) > end)
        tail += maqet_character(tail, strlen(tail), &code);
    return maqet_format("%.*s%s%s", (int)head, text, omitted, tail);
}

char *
text_wrap(const char *paragraph, size_t indent, size_t width)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    size_t column = indent;

    while (*paragraph) {
        size_t length = strcspn(paragraph, " ");
        _cleanup_free_ char *word = maqet_strndup(paragraph, length);
        size_t columns = text_width(word);

        if (column > indent && column + 1 + columns > width) {
            maqet_text_appendf(&text, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            maqet_text_append(&text, " ");
            column++;
        }
        maqet_text_append(&text, word);
        column += columns;
        paragraph += length + strspn(paragraph + length, " ");
    }
    return maqet_text_take(&text);
}

char *
text_fill(const char *template,
          void (*append)(struct maqet_text *text, const char *field, const void *data),
          const void *data)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    while (*template) {
        size_t plain = strcspn(template, "{");

        maqet_text_append_bytes(&text, template, plain);
        template += plain;
        if (*template) {
            size_t length = strcspn(template, "}");
            _cleanup_free_ char *field = maqet_strndup(template + 1, length - 1);

            append(&text, field, data);
            template += length + 1;
        }
    }
    return maqet_text_take(&text);
}
