/* SPDX-License-Identifier: MIT */
#include "core/storage/volatile.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/storage/system_folders.h"

enum { FILE_LIMIT = 1 << 20 /* bytes of a configuration file */ };

static const char DEFAULT_DIR[] = "/tmp";

const char *
maqet_storage_dir(const struct maqet_context *context)
{
    return context->storage_dir ? context->storage_dir : DEFAULT_DIR;
}

/* ---- tmpfiles.d ---- */

/* In the order of precedence: of files with the same name, the first one counts. */
static const char *const folders[] = {"/etc/tmpfiles.d", "/run/tmpfiles.d",
                                      "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"};

/* Fills *files with the paths that count, in the order in which they are read. */
static void
list_files(const char *root, struct maqet_strings *files)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        _cleanup_strings_ struct maqet_strings found = MAQET_STRINGS_INIT;
        _cleanup_free_ char *folder = maqet_format("%s%s", root, folders[i]);

        maqet_dir_list(folder, &found, NULL);
        for (size_t j = 0; j < found.count; j++)
            if (maqet_text_ends(found.items[j], ".conf") &&
                !maqet_strings_has(&names, found.items[j]))
                maqet_strings_add(&names, found.items[j]);
    }
    maqet_strings_sort(&names);
    for (size_t i = 0; i < names.count; i++)
        for (size_t j = 0; j < sizeof(folders) / sizeof(*folders); j++) {
            _cleanup_free_ char *path =
                maqet_format("%s%s/%s", root, folders[j], names.items[i]);

            if (access(path, F_OK) < 0)
                continue;
            maqet_strings_take(files, TAKE_PTR(path));
            break;
        }
}

/* A line: its type without modifiers, the path, and the age ("" if none is given). */
struct line {
    char type;
    char *path, *age;
};

static void
line_clear(struct line *line)
{
    free(line->path);
    free(line->age);
}

/* The word of that number in a line, "" if it has fewer; the caller frees. */
static char *
word_of(const char *text, size_t number)
{
    for (;; number--) {
        text += strspn(text, " \t\"");
        size_t length = strcspn(text, " \t\"\n");

        if (number == 0 || length == 0)
            return maqet_strndup(text, length);
        text += length;
    }
}

static struct line
line_of(const char *text)
{
    enum { TYPE, PATH, MODE, USER, GROUP, AGE };
    _cleanup_free_ char *type = word_of(text, TYPE);
    struct line line = {
        .type = *type, .path = word_of(text, PATH), .age = word_of(text, AGE)};

    return line;
}

/* What a line does to the files in a folder; NULL: nothing. *kept: it exempts them. */
static char *
effect_of(const struct line *line, const char *folder, const char *file, bool *kept)
{
    bool has_age = *line->age && strcmp(line->age, "-") != 0;

    if (line->type == '#' || line->path[0] != '/')
        return NULL;
    if (strchr("xX", line->type)) {
        *kept |= fnmatch(line->path, folder, FNM_PATHNAME) == 0;
        return NULL;
    }
    if (!maqet_path_is_within(folder, line->path) || !strchr("dDvqQe", line->type))
        return NULL;
    if (line->type == 'D')
        return maqet_format("which is emptied when the host boots (%s)", file);
    return has_age
               ? maqet_format("where files that were not used for %s are deleted (%s)",
                              line->age, file)
               : NULL;
}

/* Of the lines about the folder, the first one counts, in all files; but any may exempt it. */
static void
read_file(const char *file, const char *folder, char **effect, bool *kept)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(file, FILE_LIMIT, &text, NULL, NULL) < 0)
        return;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        _cleanup_free_ char *words = maqet_strndup(at, length);
        _cleanup_(line_clear) struct line line = line_of(words);
        char *found = effect_of(&line, folder, file, kept);

        if (*effect)
            free(found);
        else
            *effect = found;
        at += length + (at[length] == '\n');
    }
}

char *
maqet_folder_tmpfiles(const char *root, const char *folder)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *manager = maqet_format("%s/run/systemd/system", root);
    _cleanup_free_ char *effect = NULL;
    bool kept = false;

    /* Without systemd, nobody reads them (sd_booted(3)). */
    if (access(manager, F_OK) < 0)
        return NULL;
    list_files(root, &files);
    for (size_t i = 0; i < files.count; i++)
        read_file(files.items[i], folder, &effect, &kept);
    return kept ? NULL : TAKE_PTR(effect);
}

/* ---- the folder ---- */

char *
maqet_folder_volatile(const char *folder)
{
    _cleanup_free_ char *path = realpath(folder, NULL);
    struct statfs status;

    if (!path)
        return NULL;
    if (statfs(path, &status) == 0 &&
        (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC))
        return maqet_strdup("which is in memory (tmpfs)");
    char *effect = maqet_folder_tmpfiles("", path);
    /* Without systemd, it depends on the distribution. */
    if (!effect && strcmp(path, DEFAULT_DIR) == 0 &&
        access("/run/systemd/system", F_OK) < 0)
        effect = maqet_strdup("which the system may empty when it boots");
    return effect;
}
