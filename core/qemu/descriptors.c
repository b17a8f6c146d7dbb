/* SPDX-License-Identifier: MIT */
#include "core/qemu/descriptors.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"

/* After the standard streams. */
enum { FIRST_NUMBER = 3 };

static const struct {
    const char *name;
    int number;
} fixed[] = {
    {MAQET_DESCRIPTOR_MONITOR, 3},
    {MAQET_DESCRIPTOR_RUN, 4},
    {MAQET_DESCRIPTOR_AGENT, 5},
    {MAQET_DESCRIPTOR_MONITOR_FILE, 6},
};

enum { FIXED_COUNT = sizeof(fixed) / sizeof(*fixed) };

int
maqet_descriptor_number(const char *name)
{
    for (size_t i = 0; i < FIXED_COUNT; i++)
        if (strcmp(fixed[i].name, name) == 0)
            return fixed[i].number;
    return -1;
}

char *
maqet_descriptor_path(int pid, const char *name)
{
    return maqet_format("/proc/%d/fd/%d", pid, maqet_descriptor_number(name));
}

/* The first number above all that are given to rows, or kept for them. */
static int
number_above(const struct maqet_descriptors *descriptors)
{
    int number = FIRST_NUMBER + FIXED_COUNT;

    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->rows[i].number >= number)
            number = descriptors->rows[i].number + 1;
    return number;
}

void
maqet_descriptors_add(struct maqet_descriptors *descriptors, const char *name, int fd)
{
    int number = maqet_descriptor_number(name);

    if (fd < 0)
        return;
    if (number < 0)
        number = number_above(descriptors);
    descriptors->rows = maqet_realloc(descriptors->rows, (descriptors->count + 1) *
                                                             sizeof(*descriptors->rows));
    descriptors->rows[descriptors->count++] =
        (struct maqet_descriptor){.name = name, .number = number, .fd = fd};
}

void
maqet_descriptors_clear(struct maqet_descriptors *descriptors)
{
    free(descriptors->rows);
    *descriptors = (struct maqet_descriptors){0};
}

/* ---- between fork and exec ---- */

int
maqet_descriptors_move_away(const struct maqet_descriptors *descriptors, int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, number_above(descriptors));
}

static bool
is_given(const struct maqet_descriptors *descriptors, int number)
{
    for (size_t i = 0; i < descriptors->count; i++)
        if (descriptors->rows[i].number == number)
            return true;
    return false;
}

int
maqet_descriptors_place(struct maqet_descriptors *descriptors, int kept)
{
    int above = number_above(descriptors);

    /* First out of the way of one another. */
    for (size_t i = 0; i < descriptors->count; i++) {
        struct maqet_descriptor *row = &descriptors->rows[i];

        if ((row->fd = maqet_descriptors_move_away(descriptors, row->fd)) < 0)
            return -1;
    }
    for (size_t i = 0; i < descriptors->count; i++)
        if (dup2(descriptors->rows[i].fd, descriptors->rows[i].number) < 0)
            return -1;
    for (int number = FIRST_NUMBER; number < above; number++)
        if (!is_given(descriptors, number))
            close(number);
    /* What the caller's caller forgot to close is not QEMU's business. */
    syscall(SYS_close_range, above, kept - 1, 0);
    syscall(SYS_close_range, kept + 1, ~0U, 0);
    return 0;
}
