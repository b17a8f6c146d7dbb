/* SPDX-License-Identifier: MIT */
#include "core/base/tool_output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/files.h"

/* Bytes that are kept of the beginning, and of the end. */
enum { BEGINNING_MAX = 16 * 1024 * 1024, END_MAX = 64 * 1024 };

void
maqet_tool_output_add(struct maqet_tool_output *output, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        output->lines += bytes[i] == '\n';
    if (output->beginning.length + count <= BEGINNING_MAX) {
        maqet_text_append_bytes(&output->beginning, bytes, count);
        return;
    }
    maqet_text_append_bytes(&output->end, bytes, count);
    if (output->end.length <= 2 * (size_t)END_MAX)
        return;
    size_t dropped = output->end.length - END_MAX;
    memmove(output->end.data, output->end.data + dropped, END_MAX + 1);
    output->end.length = END_MAX;
    output->left_out += dropped;
}

void
maqet_tool_output_clear(struct maqet_tool_output *output)
{
    maqet_text_clear(&output->beginning);
    maqet_text_clear(&output->end);
    *output = (struct maqet_tool_output){0};
}

/* ---- the log ---- */

static bool
write_text(int fd, const struct maqet_text *text)
{
    return text->length == 0 || maqet_fd_write(fd, text->data, text->length) == 0;
}

/* The file anew, in a folder that is ours alone: nobody can have put a link there. */
static int
create_log(const char *path)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    const char *name = strrchr(path, '/') + 1;
    struct stat status;
    _cleanup_close_ int dir_fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (dir_fd < 0 || fstat(dir_fd, &status) < 0 || status.st_uid != geteuid() ||
        status.st_mode & (S_IWGRP | S_IWOTH))
        return -1;
    unlinkat(dir_fd, name, 0);
    return openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
}

bool
maqet_tool_output_log(const struct maqet_tool_output *output, const char *const *argv,
                      const char *path)
{
    _cleanup_text_ struct maqet_text head = MAQET_TEXT_INIT, gap = MAQET_TEXT_INIT;
    _cleanup_close_ int fd = create_log(path);

    if (fd < 0)
        return false;
    for (size_t i = 0; argv[i]; i++)
        maqet_text_appendf(&head, "%s%s", i > 0 ? " " : "$ ", argv[i]);
    maqet_text_append(&head, "\n");
    if (output->left_out > 0)
        maqet_text_appendf(&gap, "\n[%" PRIu64 " bytes are left out here]\n",
                           output->left_out);
    return write_text(fd, &head) && write_text(fd, &output->beginning) &&
           write_text(fd, &gap) && write_text(fd, &output->end);
}

/* ---- the message ---- */

static size_t
trimmed_length(const struct maqet_text *text)
{
    size_t length = text->length;

    while (length > 0 && strchr("\r\n ", text->data[length - 1]))
        length--;
    return length;
}

char *
maqet_tool_output_text(const struct maqet_tool_output *output, const char *const *argv,
                       const char *log)
{
    /* What follows the beginning is longer than what a message may hold, or part of it.
     */
    _cleanup_text_ struct maqet_text words = MAQET_TEXT_INIT;
    const struct maqet_text *parts[] = {&output->beginning, &output->end};
    bool more;

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t kept = parts[i]->length < END_MAX ? parts[i]->length : END_MAX;

        if (kept > 0)
            maqet_text_append_bytes(&words, parts[i]->data + parts[i]->length - kept,
                                    kept);
    }
    size_t length = trimmed_length(&words);
    if (length == 0)
        return maqet_strdup("");
    const char *last = maqet_text_last_lines(words.data, length, &more);
    int count = (int)(length - (size_t)(last - words.data));
    if (!more)
        return maqet_format(": %.*s", count, last);
    if (log && maqet_tool_output_log(output, argv, log))
        return maqet_format(" (all of its output, %" PRIu64 " lines, is in %s):\n%.*s",
                            output->lines, log, count, last);
    return maqet_format(" (these are the last of %" PRIu64 " lines):\n%.*s",
                        output->lines, count, last);
}
