// SPDX-License-Identifier: MIT
/*
 * A busy program for the test guest: rewrites its memory again and again, and verifies
 * all of it while it does so.
 *
 *   rewriter MEGABYTES REPORT
 *
 * Each word of memory is a function of its place and of the pass that has written it. A
 * pass goes over all pages: it verifies that a page is as the last pass has left it, then
 * writes it anew. After each pass, REPORT has the line "PASSES FAULTS CHECKSUM": how many
 * passes are done, how many words were found to be others than were written, and a
 * checksum of all that the last pass has verified. REPORT is replaced whole.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_WORDS = 4096 / sizeof(uint64_t) };

static uint64_t
word_of(uint64_t place, uint64_t pass)
{
    return (place ^ (pass * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);
}

static void
write_page(uint64_t *page, uint64_t place, uint64_t pass)
{
    for (uint64_t i = 0; i < PAGE_WORDS; i++)
        page[i] = word_of(place + i, pass);
}

/* Returns how many words are wrong. */
static uint64_t
verify_page(const uint64_t *page, uint64_t place, uint64_t pass, uint64_t *checksum)
{
    uint64_t faults = 0;

    for (uint64_t i = 0; i < PAGE_WORDS; i++) {
        faults += page[i] != word_of(place + i, pass);
        *checksum = *checksum * 31 + page[i];
    }
    return faults;
}

static void
report(const char *path, uint64_t passes, uint64_t faults, uint64_t checksum)
{
    char temporary[256];
    FILE *file;

    snprintf(temporary, sizeof(temporary), "%s.new", path);
    file = fopen(temporary, "w");
    if (!file ||
        fprintf(file, "%" PRIu64 " %" PRIu64 " %016" PRIx64 "\n", passes, faults,
                checksum) < 0 ||
        fclose(file) != 0 || rename(temporary, path) != 0) {
        perror(path);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    uint64_t words, faults = 0;
    uint64_t *memory;

    if (argc != 3 || atoi(argv[1]) < 1) {
        fputs("usage: rewriter MEGABYTES REPORT\n", stderr);
        return 2;
    }
    words = (uint64_t)atoi(argv[1]) * 1024 * 1024 / sizeof(uint64_t);
    memory = mmap(NULL, words * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (uint64_t at = 0; at < words; at += PAGE_WORDS)
        write_page(memory + at, at, 0);
    for (uint64_t pass = 1;; pass++) {
        uint64_t checksum = 0;

        for (uint64_t at = 0; at < words; at += PAGE_WORDS) {
            faults += verify_page(memory + at, at, pass - 1, &checksum);
            write_page(memory + at, at, pass);
        }
        report(argv[2], pass, faults, checksum);
    }
}
