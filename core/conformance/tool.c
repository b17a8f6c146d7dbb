/* SPDX-License-Identifier: MIT */
#include "core/conformance/tool.h"

#include <string.h>

#include "core/base/process.h"
#include "core/base/replacement.h"

static const char TOOL[] = "qemu-img";

/* A word of a shell's, whatever is in it; the caller frees. */
static char *
quoted(const char *word)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_append(&text, "'");
    for (const char *c = word; *c; c++)
        if (*c == '\'')
            maqet_text_append(&text, "'\\''");
        else
            maqet_text_append_bytes(&text, c, 1);
    maqet_text_append(&text, "'");
    return maqet_text_take(&text);
}

/* Beside the check's folder, where no image is. */
static char *
beside(const struct bench *bench, const char *name)
{
    return maqet_format("%s.tool/%s", bench->folder, name);
}

static char *
script(const struct bench *bench, enum tool tool, const char *real)
{
    _cleanup_free_ char *called = beside(bench, "called");
    _cleanup_free_ char *finished = beside(bench, "finished");
    _cleanup_free_ char *called_word = quoted(called);
    _cleanup_free_ char *finished_word = quoted(finished);
    _cleanup_free_ char *real_word = quoted(real);
    _cleanup_free_ char *begin =
        maqet_format("#!/bin/sh\necho $$ >%s.new && mv %s.new %s\n", called_word,
                     called_word, called_word);

    switch (tool) {
    case TOOL_FAILS:
        return maqet_format("%secho '%s' >&2\nexit 1\n", begin, TOOL_WORDS);
    case TOOL_SLOW:
        return maqet_format("%s%s \"$@\"\nstatus=$?\nsleep 1\n: >%s\nexit $status\n",
                            begin, real_word, finished_word);
    default:
        return maqet_format("%sexec sleep 600\n", begin);
    }
}

int
tool_replace(struct bench *bench, enum tool tool)
{
    _cleanup_free_ char *real = maqet_process_find(TOOL);
    _cleanup_free_ char *folder = maqet_format("%s.tool", bench->folder);
    _cleanup_free_ char *path = beside(bench, TOOL);
    const char *before = getenv("PATH");

    if (!real)
        return -1;
    maqet_dir_remove(folder, NULL);
    _cleanup_free_ char *text = script(bench, tool, real);
    if (maqet_dir_make(folder, 0700, NULL) < 0 ||
        maqet_file_replace(path, text, strlen(text), 0700, NULL) < 0)
        return -1;
    _cleanup_free_ char *all =
        maqet_format("%s:%s", folder, before ? before : "/usr/local/bin:/usr/bin:/bin");
    setenv("PATH", all, 1);
    return 0;
}

void
tool_restore(struct bench *bench)
{
    _cleanup_free_ char *folder = maqet_format("%s.tool", bench->folder);
    const char *path = getenv("PATH");

    if (path && maqet_text_starts(path, folder)) {
        _cleanup_free_ char *before = maqet_strdup(path + strlen(folder) + 1);

        setenv("PATH", before, 1);
    }
}

int
tool_called(const struct bench *bench)
{
    _cleanup_free_ char *path = beside(bench, "called");
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, 64, &text, NULL, NULL) < 0 ? 0
                                                            : (int)strtol(text, NULL, 10);
}

bool
tool_finished(const struct bench *bench)
{
    _cleanup_free_ char *path = beside(bench, "finished");

    return access(path, F_OK) == 0;
}
