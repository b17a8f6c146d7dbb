// SPDX-License-Identifier: MIT
/*
 * Runs commands in the test guest over its serial console, a unix socket of QEMU:
 *
 *   guest-console SOCKET wait [--timeout SECONDS]
 *   guest-console SOCKET run [--timeout SECONDS] COMMAND
 *
 * `wait` ends when the guest answers; `run` prints what the command printed, byte for
 * byte, and exits with its exit code. Codes of its own, always with a message on stderr,
 * are in enum exit_code below.
 *
 * tests/guest/rootfs/sbin/interpreter documents the other side. QEMU drops what the guest
 * prints while nobody is connected, so nothing here relies on a line printed earlier:
 * both commands ask, under a random tag that tells their answer from one meant for an
 * earlier connection. They ask once and wait: a guest that is slow answers late, and
 * would have to answer each question. Only a guest that says that it has begun to listen
 * is asked again, since what it was sent before may be lost; and one that says nothing at
 * all, at intervals that double.
 *
 * Limits of time are multiplied by MAQET_TEST_SLOW.
 */
/* Also compiled by itself, without config.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../slow.h"

enum exit_code {
    EXIT_GONE = 120,    /* no VM listens, it closed the console, or its kernel panicked */
    EXIT_TIMEOUT = 121, /* no answer in time */
    EXIT_USAGE = 122,   /* wrong arguments, or a failure on this side */
};

enum {
    DEFAULT_TIMEOUT_S = 300,
    APPEAR_MS = 60000, /* how long `wait` waits for the socket to appear */
    ASK_MS = 5000,    /* until a guest that says nothing is asked again, the first time */
    PANIC_MS = 500,   /* for the rest of a panic's words */
    TAIL_SIZE = 2000, /* how much of the console goes into an error message */
    READ_SIZE = 65536,
};

struct console {
    const char *path;
    int fd;
    int64_t deadline; /* CLOCK_MONOTONIC, ms */
    char tag[17];
    char *data; /* what was received and is not yet dealt with */
    size_t length, capacity;
};

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

_Noreturn static void
die(enum exit_code code, const char *path, const char *message)
{
    fprintf(stderr, "guest-console: %s: %s\n", path, message);
    exit(code);
}

/* Gives up on the guest, showing the last that it printed and that went nowhere else. */
_Noreturn static void
give_up(const struct console *c, enum exit_code code, const char *message)
{
    size_t shown = c->length < TAIL_SIZE ? c->length : TAIL_SIZE;

    fprintf(stderr, "guest-console: %s: %s\n", c->path, message);
    if (shown) {
        fputs("guest-console: the console's last output was:\n", stderr);
        fwrite(c->data + c->length - shown, 1, shown, stderr);
        fputc('\n', stderr);
    }
    exit(code);
}

/* A path too long for a socket address is reached through its directory's descriptor. */
static void
make_address(struct sockaddr_un *address, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory;
    int fd, length;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(address->sun_path)) {
        memcpy(address->sun_path, path, strlen(path));
        return;
    }
    if (!slash)
        die(EXIT_USAGE, path, "the name is too long for a socket");
    directory = strndup(path, (size_t)(slash - path) + 1);
    if (!directory)
        die(EXIT_USAGE, path, strerror(errno));
    fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        die(errno == ENOENT ? EXIT_GONE : EXIT_USAGE, path, strerror(errno));
    /* The descriptor stays open until the process ends. */
    length = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
                      fd, slash + 1);
    if (length < 0 || (size_t)length >= sizeof(address->sun_path))
        die(EXIT_USAGE, path, "the name is too long for a socket");
}

/* Connects. Until appear_by, a socket that isn't there yet is waited for. */
static void
open_console(struct console *c, int64_t appear_by)
{
    struct sockaddr_un address;

    make_address(&address, c->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die(EXIT_USAGE, c->path, strerror(errno));
    while (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;

        /* EAGAIN: another client is connected and one more waits. */
        if (error == EAGAIN) {
            if (now_ms() >= c->deadline)
                die(EXIT_TIMEOUT, c->path, "another program holds the console");
        } else if (error != EINTR && (now_ms() >= earlier(appear_by, c->deadline) ||
                                      (error != ENOENT && error != ECONNREFUSED))) {
            die(EXIT_GONE, c->path, strerror(error));
        }
        poll(NULL, 0, 20);
    }
}

/* Waits for more output, but no longer than `until`. Returns whether there was any. */
static bool
receive(struct console *c, int64_t until)
{
    for (;;) {
        struct pollfd polled = {.fd = c->fd, .events = POLLIN};
        int64_t left = earlier(until, c->deadline) - now_ms();
        ssize_t got;

        if (c->capacity - c->length < READ_SIZE) {
            char *larger = realloc(c->data, c->length + 2 * READ_SIZE);

            if (!larger)
                give_up(c, EXIT_USAGE, strerror(errno));
            c->data = larger;
            c->capacity = c->length + 2 * READ_SIZE;
        }
        if (poll(&polled, 1, left > 0 ? (int)earlier(left, 60000) : 0) <= 0) {
            if (left > 0)
                continue;
            return false;
        }
        got = read(c->fd, c->data + c->length, READ_SIZE);
        if (got > 0) {
            c->length += (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            give_up(c, EXIT_GONE, got ? strerror(errno) : "the VM closed the console");
    }
}

static void
transmit(struct console *c, const char *text, size_t length)
{
    while (length) {
        struct pollfd polled = {.fd = c->fd, .events = POLLOUT};
        ssize_t sent = send(c->fd, text, length, MSG_NOSIGNAL);

        if (sent >= 0) {
            text += sent;
            length -= (size_t)sent;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            give_up(c, EXIT_GONE, strerror(errno));
        if (now_ms() >= c->deadline)
            give_up(c, EXIT_TIMEOUT, "the guest reads nothing");
        poll(&polled, 1, 100);
    }
}

static char *
find(const struct console *c, const char *text)
{
    return c->length ? memmem(c->data, c->length, text, strlen(text)) : NULL;
}

static void
forget(struct console *c, size_t length)
{
    c->length -= length;
    memmove(c->data, c->data + length, c->length);
}

/* Prints and forgets that much of the output. */
static void
deliver(struct console *c, size_t length)
{
    if (fwrite(c->data, 1, length, stdout) != length || fflush(stdout))
        die(EXIT_USAGE, "stdout", strerror(errno));
    forget(c, length);
}

static void
new_tag(struct console *c)
{
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        die(EXIT_USAGE, c->path, "no random number");
    snprintf(c->tag, sizeof(c->tag), "%016" PRIx64, number);
}

/* A kernel that has panicked says a few words more, and nothing ever again. */
_Noreturn static void
give_up_panicked(struct console *c)
{
    int64_t until = now_ms() + PANIC_MS;

    while (receive(c, until))
        ;
    give_up(c, EXIT_GONE, "the guest's kernel panicked");
}

/* Whether the guest says that it begins to listen, which is then forgotten. */
static bool
is_ready(struct console *c)
{
    static const char ready[] = "MAQET-GUEST-READY\n";
    const char *found = find(c, ready);

    if (!found)
        return false;
    forget(c, (size_t)(found - c->data) + strlen(ready));
    return true;
}

/*
 * Asks, and waits for the answer. A guest that boots loses some of what it is sent, so a
 * question begins with a newline, and none of its tails is a command that does anything.
 */
static void
wait_for_guest(struct console *c)
{
    char question[64], answer[64];
    int64_t interval = slow_ms(ASK_MS);

    new_tag(c);
    snprintf(question, sizeof(question), "\n@%s :\n", c->tag);
    snprintf(answer, sizeof(answer), "MAQET-RC:%s:0\n", c->tag);
    for (;; interval *= 2) {
        int64_t until = now_ms() + interval;
        bool lost = false;

        transmit(c, question, strlen(question));
        while (!lost && receive(c, until)) {
            const char *found = find(c, answer);

            if (found) {
                forget(c, (size_t)(found - c->data) + strlen(answer));
                return;
            }
            if (find(c, "Kernel panic - not syncing"))
                give_up_panicked(c);
            lost = is_ready(c);
            if (c->length > 2 * READ_SIZE)
                forget(c, c->length - READ_SIZE);
        }
        if (now_ms() >= c->deadline)
            give_up(c, EXIT_TIMEOUT, "the guest doesn't answer");
    }
}

/* Receives until the text is there, and returns its offset; meanwhile prints what can't
 * be a part of it. */
static size_t
receive_until(struct console *c, const char *text, bool print)
{
    char *found;

    while (!(found = find(c, text))) {
        size_t held = strlen(text) - 1;

        if (print && c->length > held)
            deliver(c, c->length - held);
        if (!receive(c, c->deadline)) {
            if (print)
                deliver(c, c->length);
            give_up(c, EXIT_TIMEOUT, "the command didn't end in time");
        }
    }
    return (size_t)(found - c->data);
}

static int
run_command(struct console *c, const char *command)
{
    char *request = malloc(2 * strlen(command) + sizeof(c->tag) + 4), *end;
    char begin[64], answer[64];

    if (!request)
        die(EXIT_USAGE, c->path, strerror(errno));
    new_tag(c);
    end = request + sprintf(request, "@%s ", c->tag);
    for (; *command; command++) {
        if (*command == '\n' || *command == '\\')
            *end++ = '\\';
        *end++ = *command == '\n' ? 'n' : *command;
    }
    *end++ = '\n';
    transmit(c, request, (size_t)(end - request));
    free(request);

    snprintf(begin, sizeof(begin), "MAQET-RUN:%s\n", c->tag);
    forget(c, receive_until(c, begin, false) + strlen(begin));
    snprintf(answer, sizeof(answer), "\nMAQET-RC:%s:", c->tag);
    deliver(c, receive_until(c, answer, true));
    forget(c, strlen(answer));
    receive_until(c, "\n", false);
    return (int)strtol(c->data, NULL, 10);
}

/* Takes --timeout SECONDS or the environment's MAQET_GUEST_TIMEOUT; fractions are
 * allowed. */
static int64_t
timeout_ms(const char *text)
{
    char *end;
    double seconds;

    if (!text || !*text)
        return slow_ms(DEFAULT_TIMEOUT_S * INT64_C(1000));
    seconds = strtod(text, &end);
    if (*end || !(seconds >= 0) || seconds > 1e6)
        die(EXIT_USAGE, text, "not a number of seconds");
    return (int64_t)(seconds * 1000);
}

_Noreturn static void
usage(void)
{
    fputs("usage: guest-console SOCKET wait [--timeout SECONDS]\n"
          "       guest-console SOCKET run [--timeout SECONDS] COMMAND\n",
          stderr);
    exit(EXIT_USAGE);
}

int
main(int argc, char **argv)
{
    struct console c = {.fd = -1};
    const char *timeout = getenv("MAQET_GUEST_TIMEOUT");
    bool waits;
    int next = 3, status = 0;

    if (argc < 3)
        usage();
    waits = strcmp(argv[2], "wait") == 0;
    if (!waits && strcmp(argv[2], "run") != 0)
        usage();
    if (argc > next + 1 && strcmp(argv[next], "--timeout") == 0) {
        timeout = argv[next + 1];
        next += 2;
    }
    if (argc - next != (waits ? 0 : 1))
        usage();

    c.path = argv[1];
    c.deadline = now_ms() + timeout_ms(timeout);
    open_console(&c, waits ? now_ms() + slow_ms(APPEAR_MS) : 0);
    wait_for_guest(&c);
    if (!waits)
        status = run_command(&c, argv[next]);
    close(c.fd);
    free(c.data);
    return status;
}
