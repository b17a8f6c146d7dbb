/* SPDX-License-Identifier: MIT */
#include "cli/raw.h"

#include <errno.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

static struct termios before, raw;
static volatile sig_atomic_t is_raw;

/* Signals that end the program unless they are waited for. */
static const int fatal[] = {SIGHUP, SIGINT,  SIGQUIT, SIGILL,  SIGABRT, SIGFPE,  SIGSEGV,
                            SIGBUS, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGSYS};

/* ---- handlers: async-signal-safe functions only ---- */

static void
on_fatal(int number)
{
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    /* SA_RESETHAND has restored the default action, which follows. */
    raise(number);
}

/* The terminal is the shell's while we are stopped. */
static void
on_stop(int number)
{
    int code = errno;

    (void)number;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    raise(SIGSTOP);
    errno = code;
}

/* In the background, this stops us until we are in the foreground. */
static void
on_continue(int number)
{
    int code = errno;

    (void)number;
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    errno = code;
}

/* ---- all of it ---- */

static void
handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

int
raw_begin(struct maqet_error **err)
{
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return maqet_error_errno(err, errno, "Cannot use the terminal");
    raw = before;
    cfmakeraw(&raw);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
        handle(fatal[i], on_fatal, (int)SA_RESETHAND);
    handle(SIGTSTP, on_stop, 0);
    handle(SIGCONT, on_continue, 0);
    is_raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0)
        return 0;
    is_raw = 0;
    return maqet_error_errno(err, errno, "Cannot use the terminal");
}

void
raw_end(void)
{
    if (!is_raw)
        return;
    is_raw = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}
