/* SPDX-License-Identifier: MIT */
#include "core/base/input.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "core/base/interrupt.h"

int
maqet_input_wait(int fd, struct maqet_deadline deadline, struct maqet_error **err)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                           {.fd = maqet_interrupt_fd(), .events = POLLIN}};

    for (;;) {
        int64_t left = maqet_deadline_left(deadline);

        poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left);
        if (maqet_interrupt_check(err) < 0)
            return -1;
        if (fds[0].revents)
            return 1;
        if (left == 0)
            return 0;
    }
}

int
maqet_input_read(int fd, const char *name, size_t limit, char **data, size_t *length,
                 struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    char buffer[16384];
    ssize_t count = 1;

    while (count != 0) {
        if (maqet_input_wait(fd, maqet_deadline_in(-1), err) < 0)
            return -1;
        count = read(fd, buffer, sizeof(buffer));
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return maqet_error_errno(err, errno, "Cannot read %s", name);
        if (count > 0)
            maqet_text_append_bytes(&text, buffer, (size_t)count);
        if (text.length > limit) {
            _cleanup_free_ char *most = maqet_text_bytes(limit);
            return maqet_error_set(err, MAQET_ERROR_INVALID, "%s is larger than %s", name,
                                   most);
        }
    }
    *length = text.length;
    *data = maqet_text_take(&text);
    return 0;
}
