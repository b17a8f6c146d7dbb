/* SPDX-License-Identifier: MIT */
#include "core/base/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNAL_COUNT = sizeof(signals) / sizeof(*signals) };

/* ms in which others count as the same one: a service manager may send two, a person may
 * press Ctrl-C twice, and a parent may pass on what a terminal has sent already. */
static const int64_t SAME = 500;

static volatile sig_atomic_t number;
static volatile int64_t arrived; /* ms of CLOCK_MONOTONIC; used by the handler only */
static int event_fd = -1;
static bool is_deferred;

static int64_t
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void
end_by(int signal_number)
{
    sigset_t one;

    signal(signal_number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void
note(int signal_number)
{
    const uint64_t one = 1;
    int before = errno;

    if (number != 0) {
        if (now() - arrived > SAME)
            end_by(signal_number);
        errno = before;
        return;
    }
    number = signal_number;
    arrived = now();
    if (write(event_fd, &one, sizeof(one)) < 0)
        end_by(signal_number);
    errno = before;
}

int
maqet_interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = note}, before;

    if (event_fd >= 0)
        close(event_fd);
    number = 0;
    event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0)
        return -1;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&action.sa_mask, signals[i]);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    return 0;
}

void
maqet_interrupt_release(void)
{
    struct sigaction before;

    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == note)
            signal(signals[i], SIG_DFL);
    if (event_fd >= 0)
        close(event_fd);
    event_fd = -1;
    number = 0;
    is_deferred = false;
}

int
maqet_interrupt_fd(void)
{
    return is_deferred ? -1 : event_fd;
}

int
maqet_interrupt_check(struct maqet_error **err)
{
    struct pollfd fd = {.fd = event_fd, .events = POLLIN};
    uint64_t count;

    if (is_deferred)
        return 0;
    /* It must not be lost where errors are ignored. */
    if (!err)
        return event_fd >= 0 && poll(&fd, 1, 0) > 0 ? -1 : 0;
    if (event_fd < 0 || read(event_fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return 0;
    maqet_error_set(err, MAQET_ERROR_FAILED, "interrupted by %s",
                    number == SIGINT   ? "Ctrl-C"
                    : number == SIGHUP ? "SIGHUP"
                                       : "SIGTERM");
    if (err && *err)
        (*err)->signal = number;
    return -1;
}

void
maqet_interrupt_restore(void)
{
    const uint64_t one = 1;

    if (event_fd >= 0 && write(event_fd, &one, sizeof(one)) < 0)
        end_by(number);
}

void
maqet_interrupt_defer(bool deferred)
{
    is_deferred = deferred;
}

int
maqet_interrupt_number(void)
{
    return number;
}

void
maqet_interrupt_end(void)
{
    if (number != 0)
        end_by(number);
}
