// SPDX-License-Identifier: MIT
/*
 * read-snapshots IMAGE
 *
 * What `maqet snapshot VM list` reads of a qcow2 image, without the rest of the program:
 * prints the microseconds that the header and the table of snapshots took, and those that
 * what each snapshot uses took.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "plugins/qcow2/usage.h"

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int
main(int argc, char **argv)
{
    struct qcow2_snapshots snapshots = {0};
    struct qcow2_header header;
    const char *fault;
    uint64_t *used;
    int fd;

    if (argc != 2 || (fd = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0) {
        fputs("usage: read-snapshots IMAGE\n", stderr);
        return 2;
    }
    double begin = now();
    if (qcow2_header_read(fd, &header, &fault) < 0 ||
        qcow2_snapshots_read(fd, &header, &snapshots, &fault) < 0) {
        fprintf(stderr, "read-snapshots: %s\n", fault);
        return 1;
    }
    double table = now();
    used = calloc(snapshots.count + 1, sizeof(*used));
    if (!used || qcow2_usage_read(fd, &header, &snapshots, used, &fault) < 0) {
        fputs("read-snapshots: what they use cannot be determined\n", stderr);
        return 1;
    }
    double usage = now();
    printf("%.0f %.0f\n", table - begin, usage - table);
    free(used);
    qcow2_snapshots_clear(&snapshots);
    close(fd);
    return 0;
}
