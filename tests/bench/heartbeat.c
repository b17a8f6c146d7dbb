// SPDX-License-Identifier: MIT
/*
 * How long a guest stands still, seen from the host:
 *
 *   heartbeat beat PORT DISK
 *   heartbeat watch SOCKET WINDOW [COMMAND [ARGUMENT...]]
 *   heartbeat begin SOCKET WINDOW COMMAND [ARGUMENT...]
 *
 * In the guest, `beat` writes a counter to a serial port every 2 ms; a second process
 * writes 64 KiB to a disk every 10 ms, so that a snapshot has something to do. On the
 * host, `watch` reads it from the port's unix socket for WINDOW milliseconds. After a
 * quarter of them it runs the command, whose output is its own; when that ends late,
 * another quarter follows. The last line it prints has the longest gap between two beats,
 * what the command took (both in microseconds; 0 without one), and the number of beats. A
 * beat that was lost is a failure: it would look like a gap.
 *
 * `begin` is for a guest that the command brings to life again: it runs the command, connects
 * as soon as there is a socket, and listens for WINDOW milliseconds from the first beat on.
 * It prints the longest gap, the time of the first beat (microseconds since the epoch, as
 * QEMU's events have it), and the number of beats.
 *
 * Also compiled by itself, statically, for the guest.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    BEAT_NS = 2000000,
    WRITE_NS = 10000000,
    WRITE_SIZE = 64 * 1024,
    WRITE_PLACES = 4096,
    SETTLE = 50,         /* beats before the window begins */
    SILENCE_MS = 120000, /* the guest is given up */
};

_Noreturn static void
die(const char *what, const char *why)
{
    fprintf(stderr, "heartbeat: %s: %s\n", what, why);
    exit(1);
}

/* ---- in the guest ---- */

/* Past the guest's cache, now here and now there in the first 256 MiB. */
_Noreturn static void
write_on(const char *disk)
{
    int fd = open(disk, O_WRONLY | O_DIRECT | O_CLOEXEC);
    const struct timespec pause = {.tv_nsec = WRITE_NS};
    void *buffer = NULL;

    if (fd < 0 || posix_memalign(&buffer, 4096, WRITE_SIZE) != 0)
        die(disk, strerror(errno));
    memset(buffer, 0x5a, WRITE_SIZE);
    for (off_t count = 0;; count++) {
        if (pwrite(fd, buffer, WRITE_SIZE, count * 1237 % WRITE_PLACES * WRITE_SIZE) < 0)
            die(disk, strerror(errno));
        nanosleep(&pause, NULL);
    }
}

_Noreturn static void
beat(const char *device)
{
    int fd = open(device, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios mode;

    if (fd < 0 || tcgetattr(fd, &mode) < 0)
        die(device, strerror(errno));
    cfmakeraw(&mode);
    mode.c_cflag |= CLOCAL;
    cfsetspeed(&mode, B115200);
    if (tcsetattr(fd, TCSANOW, &mode) < 0 || fcntl(fd, F_SETFL, 0) < 0)
        die(device, strerror(errno));
    for (uint64_t count = 0;; count++) {
        /* Not at fixed times: a guest that stood still would then catch up in a burst. */
        const struct timespec pause = {.tv_nsec = BEAT_NS};

        if (dprintf(fd, "%llu\n", (unsigned long long)count) < 0)
            die(device, strerror(errno));
        nanosleep(&pause, NULL);
    }
}

/* ---- on the host ---- */

struct watch {
    const char *path;
    int fd;
    char line[32];
    size_t length;
    bool partial; /* the first line may have begun before we were there */
    uint64_t beats, last;
    int64_t first_at, last_at, longest; /* us */
};

static int64_t
now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Whether somebody listens there. */
static bool
try_connect(struct watch *watch)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(watch->path) >= sizeof(address.sun_path))
        die(watch->path, "the name is too long for a socket");
    memcpy(address.sun_path, watch->path, strlen(watch->path));
    watch->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watch->fd < 0)
        die(watch->path, strerror(errno));
    watch->partial = true;
    if (connect(watch->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    close(watch->fd);
    return false;
}

static void
end_line(struct watch *watch, int64_t at)
{
    uint64_t count;

    watch->line[watch->length] = '\0';
    watch->length = 0;
    if (watch->partial) {
        watch->partial = false;
        watch->last_at = watch->first_at = at;
        return;
    }
    count = strtoull(watch->line, NULL, 10);
    if (watch->beats > 0 && count != watch->last + 1)
        die(watch->path, "a beat was lost");
    if (at - watch->last_at > watch->longest)
        watch->longest = at - watch->last_at;
    watch->last = count;
    watch->last_at = at;
    watch->beats++;
}

/* Takes the beats that come until @until. */
static void
listen_until(struct watch *watch, int64_t until)
{
    struct pollfd polled = {.fd = watch->fd, .events = POLLIN};
    int64_t left = until - now_us();
    char buffer[4096];
    ssize_t got;

    if (poll(&polled, 1, left > 0 ? (int)((left + 999) / 1000) : 0) <= 0)
        return;
    got = read(watch->fd, buffer, sizeof(buffer));
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        die(watch->path, "the VM has gone");
    int64_t at = now_us();
    for (ssize_t i = 0; i < got; i++) {
        if (buffer[i] == '\n')
            end_line(watch, at);
        else if (watch->length + 1 < sizeof(watch->line))
            watch->line[watch->length++] = buffer[i];
    }
}

static void
settle(struct watch *watch)
{
    int64_t until = now_us() + (int64_t)SILENCE_MS * 1000;

    while (watch->beats < SETTLE) {
        listen_until(watch, now_us() + 1000);
        if (now_us() > until)
            die(watch->path, "the guest's heart does not beat");
    }
    watch->beats = 1;
    watch->longest = 0;
}

static pid_t
spawn(char **command)
{
    pid_t pid;
    int error = posix_spawnp(&pid, *command, NULL, NULL, command, environ);

    if (error)
        die(*command, strerror(error));
    return pid;
}

/* Whether the command has ended. */
static bool
has_ended(pid_t pid, const char *name)
{
    int status;
    pid_t got = waitpid(pid, &status, WNOHANG);

    if (got == 0)
        return false;
    if (got < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die(name, "the command failed");
    return true;
}

/* The time since the last beat counts as a gap, too. */
static void
end_watch(struct watch *watch)
{
    if (now_us() - watch->last_at > watch->longest)
        watch->longest = now_us() - watch->last_at;
}

static int
watch_it(const char *path, int64_t window, char **command)
{
    struct watch watch = {.path = path};
    int64_t begin, end, started = 0, wall = 0;
    bool runs = false;
    pid_t pid = 0;

    if (!try_connect(&watch))
        die(path, strerror(errno));
    settle(&watch);
    begin = now_us();
    end = begin + window;
    while (runs || now_us() < end) {
        /* One millisecond at a time, to see the command's end. */
        listen_until(&watch, now_us() + 1000);
        if (*command && !started && now_us() >= begin + window / 4) {
            started = now_us();
            pid = spawn(command);
            runs = true;
        }
        if (runs && has_ended(pid, *command)) {
            runs = false;
            wall = now_us() - started;
            if (end < now_us() + window / 4)
                end = now_us() + window / 4;
        }
        if (now_us() - watch.last_at > (int64_t)SILENCE_MS * 1000)
            die(path, "the guest's heart does not beat any more");
    }
    end_watch(&watch);
    printf("%lld %lld %llu\n", (long long)watch.longest, (long long)wall,
           (unsigned long long)watch.beats);
    return 0;
}

static int64_t
since_epoch_us(int64_t at)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000 - (now_us() - at);
}

static int
watch_begin(const char *path, int64_t window, char **command)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct watch watch = {.path = path};
    pid_t pid = spawn(command);
    bool runs = true;

    for (; !try_connect(&watch); nanosleep(&moment, NULL))
        if (has_ended(pid, *command))
            die(path, "nobody listens");
    int64_t give_up = now_us() + (int64_t)SILENCE_MS * 1000;
    while (runs || !watch.first_at || now_us() < watch.first_at + window) {
        listen_until(&watch, now_us() + 1000);
        if (runs && has_ended(pid, *command))
            runs = false;
        if (!watch.first_at && now_us() > give_up)
            die(path, "the guest's heart does not beat");
    }
    end_watch(&watch);
    printf("%lld %lld %llu\n", (long long)watch.longest,
           (long long)since_epoch_us(watch.first_at), (unsigned long long)watch.beats);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "beat") == 0) {
        if (fork() == 0)
            write_on(argv[3]);
        beat(argv[2]);
    }
    if (argc >= 4 && strcmp(argv[1], "watch") == 0)
        return watch_it(argv[2], (int64_t)strtol(argv[3], NULL, 10) * 1000, argv + 4);
    if (argc >= 5 && strcmp(argv[1], "begin") == 0)
        return watch_begin(argv[2], (int64_t)strtol(argv[3], NULL, 10) * 1000, argv + 4);
    fputs("usage: heartbeat beat PORT DISK\n"
          "       heartbeat watch SOCKET WINDOW [COMMAND [ARGUMENT...]]\n"
          "       heartbeat begin SOCKET WINDOW COMMAND [ARGUMENT...]\n",
          stderr);
    return 2;
}
