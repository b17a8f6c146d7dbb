/* SPDX-License-Identifier: MIT */
/*
 * memory SPARE [RATE]
 *
 * Fills the memory of a guest with pages that no two are alike and that nothing can
 * compress, but for SPARE megabytes, and keeps it. It returns when that is done, having
 * said how many megabytes that is; a process stays behind. With a RATE, that process goes
 * through its memory and changes so many megabytes a second, a few bytes in each page;
 * how many it really was in the last second is in the file /tmp/rate. Without one, it reads a
 * word of each of its pages at every SIGUSR1, and then says how many megabytes these are in
 * the FIFO /tmp/read.
 *
 * Compiled by itself, statically, for the guest.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

enum {
    MEGABYTE = 1 << 20,
    PAGE = 4096,
    BEGINNINGS = 100, /* of a piece of work, in a second */
};

static void
fill(uint64_t *words, size_t size)
{
    uint64_t state = 0x9e3779b97f4a7c15;

    for (size_t i = 0; i < size / sizeof(*words); i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state;
    }
}

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
note(const char *path, double figure)
{
    FILE *file = fopen(path, "w");

    if (file) {
        fprintf(file, "%.0f\n", figure);
        fclose(file);
    }
}

/* In pieces, each as large as the time since the last one wants it: no piece is made up
 * for that the guest had no time for. */
_Noreturn static void
change(char *bytes, size_t size, size_t rate)
{
    const struct timespec pause = {.tv_nsec = 1000000000 / BEGINNINGS};
    size_t place = 0, pages = 0;
    double noted = now(), last = noted;

    for (uint64_t count = 0;; count++) {
        double at = now();
        double since = at - last < 0.05 ? at - last : 0.05;

        last = at;
        for (size_t left = (size_t)((double)rate * MEGABYTE / PAGE * since); left > 0;
             left--, pages++) {
            *(volatile uint64_t *)(bytes + place) += count;
            place = place + PAGE < size ? place + PAGE : 0;
        }
        if (at - noted >= 1) {
            note("/tmp/rate", (double)pages * PAGE / MEGABYTE / (at - noted));
            pages = 0;
            noted = at;
        }
        nanosleep(&pause, NULL);
    }
}

_Noreturn static void
read_when_told(const char *bytes, size_t size, const sigset_t *told)
{
    for (;;) {
        size_t place = 0;
        int number;

        if (sigwait(told, &number) != 0)
            exit(1);
        for (; place < size; place += PAGE)
            (void)*(const volatile uint64_t *)(bytes + place);
        note("/tmp/read", (double)place / MEGABYTE);
    }
}

/* Says on the descriptor when it has filled the memory. */
_Noreturn static void
stay(char *bytes, size_t size, size_t rate, int done)
{
    int null = open("/dev/null", O_RDWR);
    sigset_t told;

    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    sigemptyset(&told);
    sigaddset(&told, SIGUSR1);
    sigprocmask(SIG_BLOCK, &told, NULL);
    mkfifo("/tmp/read", 0600);
    fill((uint64_t *)bytes, size);
    if (write(done, "d", 1) != 1)
        exit(1);
    if (rate > 0)
        change(bytes, size, rate);
    read_when_told(bytes, size, &told);
}

int
main(int argc, char **argv)
{
    struct sysinfo info;
    int done[2];
    char word;

    if (argc < 2 || sysinfo(&info) < 0 || pipe(done) < 0) {
        fputs("usage: memory SPARE [RATE]\n", stderr);
        return 2;
    }
    size_t spare = strtoul(argv[1], NULL, 10) * MEGABYTE;
    size_t rate = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    size_t free_now = (size_t)info.freeram * info.mem_unit;
    size_t size = free_now > spare ? (free_now - spare) / MEGABYTE * MEGABYTE : 0;
    char *bytes =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (size == 0 || bytes == MAP_FAILED) {
        fputs("memory: there is none to fill\n", stderr);
        return 1;
    }
    if (fork() == 0)
        stay(bytes, size, rate, done[1]);
    close(done[1]);
    if (read(done[0], &word, 1) != 1) {
        fputs("memory: it could not be filled\n", stderr);
        return 1;
    }
    printf("%zu\n", size / MEGABYTE);
    return 0;
}
