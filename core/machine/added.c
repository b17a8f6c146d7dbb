/* SPDX-License-Identifier: MIT */
#include "core/machine/added.h"

#include <fcntl.h>
#include <string.h>

#include "core/base/checksum.h"
#include "core/base/field.h"
#include "core/base/files.h"

static const struct maqet_fields file_fields = MAQET_FIELDS_OF(
    struct maqet_added_file, {"path", MAQET_FIELD(struct maqet_added_file, path)},
    {"checksum", MAQET_FIELD(struct maqet_added_file, checksum)});

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_added,
    {"files", MAQET_FIELD_LIST(struct maqet_added, files, count, &file_fields)},
    {"others", MAQET_FIELD(struct maqet_added, others)},
    {"assignments", MAQET_FIELD(struct maqet_added, assignments)});

void
maqet_added_clear(struct maqet_added *added)
{
    maqet_fields_clear(&fields, added);
}

/* Of a regular file; NULL: it is none, or cannot be read. A pipe is not even opened, which
 * would take away its reader again. The caller frees. */
static char *
checksum_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return NULL;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? NULL : maqet_fd_checksum(fd, path, UINT64_MAX, NULL);
}

/* Whether the path will lead to another file, or none, in another process. */
static bool
is_of_process(const char *path)
{
    return maqet_text_starts(path, "/dev/") || maqet_text_starts(path, "/proc/");
}

void
maqet_added_note(struct maqet_added *added, const struct maqet_strings *files,
                 const struct maqet_strings *assignments)
{
    _cleanup_free_ char *here = realpath(".", NULL);

    maqet_added_clear(added);
    for (size_t i = 0; i < files->count; i++) {
        bool is_file = strcmp(files->items[i], "-") != 0;
        _cleanup_free_ char *path =
            is_file ? maqet_path_absolute(files->items[i], here) : NULL;
        _cleanup_free_ char *checksum =
            path && !is_of_process(path) ? checksum_of(path) : NULL;

        if (checksum)
            *MAQET_APPEND(added->files, added->count) = (struct maqet_added_file){
                .path = TAKE_PTR(path), .checksum = TAKE_PTR(checksum)};
        else
            added->others = true;
    }
    maqet_strings_add_all(&added->assignments, assignments);
}

json_object *
maqet_added_to_json(const struct maqet_added *added)
{
    return added->count > 0 || added->others ? maqet_fields_to_json(&fields, added)
                                             : NULL;
}

void
maqet_added_from_json(json_object *value, struct maqet_added *added)
{
    maqet_added_clear(added);
    if (value)
        maqet_fields_from_json(&fields, value, added, NULL);
}

bool
maqet_added_equal(const struct maqet_added *one, const struct maqet_added *other)
{
    json_object *first = maqet_added_to_json(one);
    json_object *second = maqet_added_to_json(other);
    bool equal = json_object_equal(first, second);

    json_object_put(first);
    json_object_put(second);
    return equal;
}

const char *
maqet_added_only_file(const struct maqet_added *added)
{
    return added->count == 1 && !added->others && added->assignments.count == 0
               ? added->files[0].path
               : NULL;
}

void
maqet_added_changed(const struct maqet_added *added, struct maqet_strings *paths)
{
    for (size_t i = 0; i < added->count; i++) {
        const struct maqet_added_file *file = &added->files[i];
        _cleanup_free_ char *now = checksum_of(file->path);

        if (now && strcmp(now, file->checksum) != 0 &&
            !maqet_strings_has(paths, file->path))
            maqet_strings_add(paths, file->path);
    }
}
