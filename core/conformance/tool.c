/* SPDX-License-Identifier: MIT */
#include "core/conformance/tool.h"
#include "core/base/removal.h"

#include <string.h>

#include "core/base/process.h"
#include "core/base/replacement.h"

/* The scripts are in the first folder of PATH. */
#define BEGIN                                                                            \
    "#!/bin/sh\n"                                                                        \
    "folder=${0%/*}\n"                                                                   \
    "echo $$ >\"$folder/called.new\" && mv \"$folder/called.new\" \"$folder/called\"\n"

static const char *const scripts[] = {
    [TOOL_FAILS] = BEGIN "echo '" TOOL_WORDS "' >&2\n"
                         "exit 1\n",
    [TOOL_SLOW] = BEGIN "PATH=${PATH#*:}\n"
                        "qemu-img \"$@\"\n"
                        "status=$?\n"
                        "sleep 1\n"
                        ": >\"$folder/finished\"\n"
                        "exit $status\n",
    [TOOL_HANGS] = BEGIN "exec sleep 600\n",
};

/* A file in the tool's folder, beside that of the check. The caller frees. */
static char *
beside(const struct bench *bench, const char *name)
{
    return maqet_format("%s.tool/%s", bench->folder, name);
}

int
tool_replace(struct bench *bench, enum tool tool)
{
    _cleanup_free_ char *real = maqet_process_find("qemu-img");
    _cleanup_free_ char *folder = maqet_format("%s.tool", bench->folder);
    _cleanup_free_ char *path = beside(bench, "qemu-img");
    const char *before = getenv("PATH");

    if (!real)
        return -1;
    maqet_dir_remove(folder, NULL);
    if (maqet_dir_make(folder, 0700, NULL) < 0 ||
        maqet_file_replace(path, scripts[tool], strlen(scripts[tool]), 0700, NULL) < 0)
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
