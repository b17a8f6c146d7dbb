/* SPDX-License-Identifier: MIT */
#include "core/base/complaint.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"

/* Bytes of the beginning and of the end that are kept. */
enum { BEGINNING_MAX = 16 * 1024 * 1024, END_MAX = 64 * 1024 };

void
maqet_complaint_add(struct maqet_complaint *complaint, const char *bytes, size_t count)
{
    struct maqet_text *text = &complaint->text;

    for (size_t i = 0; i < count; i++)
        complaint->lines += bytes[i] == '\n';
    maqet_text_append_bytes(text, bytes, count);
    if (text->length <= BEGINNING_MAX + 2 * (size_t)END_MAX)
        return;
    size_t dropped = text->length - BEGINNING_MAX - END_MAX;
    char *end = text->data + BEGINNING_MAX;
    memmove(end, end + dropped, END_MAX + 1);
    text->length -= dropped;
    complaint->left_out += dropped;
}

char *
maqet_complaint_end(const struct maqet_complaint *complaint)
{
    const struct maqet_text *text = &complaint->text;
    size_t length = text->length < END_MAX ? text->length : END_MAX;
    struct maqet_text end = MAQET_TEXT_INIT;

    if (length == 0)
        return maqet_strdup("");
    maqet_text_append_bytes(&end, text->data + text->length - length, length);
    return maqet_text_take(&end);
}

void
maqet_complaint_clear(struct maqet_complaint *complaint)
{
    maqet_text_clear(&complaint->text);
}

/* Replaces the file. Nobody else can have put a link there, since only we can write to
 * the folder. */
static int
create_log(const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    const char *name = strrchr(path, '/') + 1;
    struct stat status;
    _cleanup_close_ int dir_fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (dir_fd < 0 || fstat(dir_fd, &status) < 0 ||
        maqet_file_check_writers(folder, &status, geteuid(), NULL) < 0)
        return -1;
    unlinkat(dir_fd, name, 0);
    return openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

bool
maqet_complaint_log(const struct maqet_complaint *complaint, const char *const *argv,
                    const char *path)
{
    _cleanup_text_ struct maqet_text head = MAQET_TEXT_INIT, gap = MAQET_TEXT_INIT;
    _cleanup_close_ int fd = create_log(path);
    const struct maqet_text *text = &complaint->text;
    size_t beginning = text->length;

    if (fd < 0)
        return false;
    for (size_t i = 0; argv[i]; i++)
        maqet_text_appendf(&head, "%s%s", i > 0 ? " " : "$ ", argv[i]);
    maqet_text_append(&head, "\n");
    if (complaint->left_out > 0) {
        beginning = BEGINNING_MAX;
        maqet_text_appendf(&gap, "\n[%" PRIu64 " bytes are left out here]\n",
                           complaint->left_out);
    }
    return maqet_fd_write(fd, head.data, head.length) == 0 &&
           maqet_fd_write(fd, text->data, beginning) == 0 &&
           maqet_fd_write(fd, gap.data, gap.length) == 0 &&
           (beginning == text->length ||
            maqet_fd_write(fd, text->data + beginning, text->length - beginning) == 0);
}

char *
maqet_complaint_text(const struct maqet_complaint *complaint, const char *const *argv,
                     const char *log)
{
    const struct maqet_text *text = &complaint->text;
    size_t length = text->length;
    bool more;

    while (length > 0 && strchr("\r\n ", text->data[length - 1]))
        length--;
    if (length == 0)
        return maqet_strdup("");
    const char *last = maqet_text_last_lines(text->data, length, &more);
    int count = (int)(length - (size_t)(last - text->data));
    if (!more)
        return maqet_format(": %.*s", count, last);
    if (log && maqet_complaint_log(complaint, argv, log))
        return maqet_format(" (all of its output, %" PRIu64 " lines, is in %s):\n%.*s",
                            complaint->lines, log, count, last);
    return maqet_format(" (these are the last of %" PRIu64 " lines):\n%.*s",
                        complaint->lines, count, last);
}
