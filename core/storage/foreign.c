/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_SETLEASE, F_SETSIG */
#endif
#include "core/storage/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/process.h"
#include "core/qemu/image_tool.h"

/* ms in which the beginning of an image can be read, also from a slow disk. */
static const int64_t INSPECTION_TIMEOUT = INT64_C(60) * 1000;

void
maqet_foreign_clear(struct maqet_foreign *foreign)
{
    free(foreign->path);
    free(foreign->format);
    free(foreign->mark);
    maqet_strings_clear(&foreign->others);
    *foreign = (struct maqet_foreign){0};
}

/* ---- the files that it names ---- */

/* Keys by which QEMU reports them (qapi/block-core.json, ImageInfo). */
static const char *const naming_keys[] = {"filename", "data-file", "backing-filename",
                                          NULL};

/* A name as qemu-img understands it: relative ones start at the image's folder. */
static char *
path_of(const struct maqet_foreign *foreign, const char *name)
{
    _cleanup_free_ char *folder = maqet_path_folder(foreign->path);

    return name[0] == '/' ? maqet_strdup(name) : maqet_format("%s/%s", folder, name);
}

static bool
is_allowed(const struct maqet_foreign *foreign, const char *name)
{
    _cleanup_free_ char *path = path_of(foreign, name);

    if (strcmp(path, foreign->path) == 0 || maqet_file_is_same(path, foreign->path))
        return true;
    for (size_t i = 0; i < foreign->others.count; i++)
        if (strcmp(path, foreign->others.items[i]) == 0 ||
            maqet_file_is_same(path, foreign->others.items[i]))
            return true;
    return false;
}

/* Appends the names in a part of qemu-img's report that are not allowed. */
static void
find_named(const struct maqet_foreign *foreign, json_object *report,
           struct maqet_strings *names)
{
    if (json_object_is_type(report, json_type_array))
        for (size_t i = 0; i < json_object_array_length(report); i++)
            find_named(foreign, json_object_array_get_idx(report, i), names);
    if (!json_object_is_type(report, json_type_object))
        return;
    json_object_object_foreach(report, key, value)
    {
        const char *name =
            maqet_text_is_one_of(key, naming_keys) ? json_object_get_string(value) : NULL;

        if (name && !is_allowed(foreign, name) && !maqet_strings_has(names, name))
            maqet_strings_add(names, name);
        find_named(foreign, value, names);
    }
}

/* The step that allows them; those that are not files of this host cannot be allowed. */
static void
advise(const struct maqet_foreign *foreign, const struct maqet_strings *names,
       struct maqet_error **err)
{
    _cleanup_free_ char *first = path_of(foreign, names->items[0]);

    if (maqet_file_missing(first))
        maqet_error_hint(err, "Put the missing file beside it, or get an image that is "
                              "complete in itself");
    else
        maqet_error_next(err, MAQET_NEXT_ALLOW_NAMED, first, NULL);
}

static int
check_named(const struct maqet_foreign *foreign, json_object *report,
            struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    find_named(foreign, report, &names);
    if (names.count == 0)
        return 0;
    _cleanup_free_ char *list = maqet_strings_list(&names);
    _cleanup_free_ char *readable = maqet_text_readable(list);
    maqet_error_set(err, MAQET_ERROR_INVALID,
                    "%s names further files: %s; they are not read, because such a name "
                    "can make any file of the host readable in the guest",
                    foreign->path, readable);
    advise(foreign, &names, err);
    return -1;
}

/* ---- what it is ---- */

/* qemu-img's report. The caller puts it. */
static json_object *
report_of(const struct maqet_foreign *foreign, struct maqet_error **err)
{
    const char *argv[9] = {"qemu-img", "info", "--output=json"};
    _cleanup_confinement_ struct maqet_confinement confinement = MAQET_CONFINEMENT_INIT;
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_free_ char *output = NULL;
    size_t count = 3;

    if (foreign->format) {
        argv[count++] = "-f";
        argv[count++] = foreign->format;
    }
    argv[count++] = "--";
    argv[count] = foreign->path;
    maqet_strings_add(&files, foreign->path);
    maqet_strings_add_all(&files, &foreign->others);
    if (maqet_image_tool_confine(&confinement, &files, NULL, err) < 0)
        return NULL;
    const struct maqet_process_manner manner = {
        .timeout = INSPECTION_TIMEOUT, .ruleset = maqet_image_tool_ruleset(&confinement)};
    return maqet_process_run_as(argv, &manner, &output, err) == 0
               ? maqet_json_parse(output, "qemu-img", err)
               : NULL;
}

/* An image of several files may name one that qemu-img was not allowed to open. */
static int
error_unreadable(const struct maqet_foreign *foreign, struct maqet_error **err)
{
    if (!err || !*err || (*err)->signal)
        return -1;
    maqet_error_wrap(err, "Cannot read the image %s", foreign->path);
    (*err)->code = MAQET_ERROR_INVALID;
    if (strstr((*err)->message, strerror(EACCES)))
        maqet_error_next(err, MAQET_NEXT_ALLOW_NAMED, NULL);
    return -1;
}

static int
take_report(struct maqet_foreign *foreign, json_object *report, struct maqet_error **err)
{
    const char *format = maqet_json_text(report, "format");
    json_object *snapshots = json_object_object_get(report, "snapshots");
    int64_t size = maqet_json_int(report, "virtual-size");

    if (json_object_get_boolean(json_object_object_get(report, "encrypted"))) {
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "%s is encrypted, so its content cannot be read", foreign->path);
        maqet_error_hint(err, "Decrypt it with the program that has encrypted it");
        return -1;
    }
    if (!format || size <= 0)
        return maqet_error_set(err, MAQET_ERROR_INVALID, "%s is empty, or no disk image",
                               foreign->path);
    foreign->probed = !foreign->format;
    if (foreign->probed)
        foreign->format = maqet_strdup(format);
    foreign->virtual_size = (uint64_t)size;
    foreign->snapshots = json_object_is_type(snapshots, json_type_array)
                             ? json_object_array_length(snapshots)
                             : 0;
    return 0;
}

int
maqet_foreign_inspect(struct maqet_foreign *foreign, struct maqet_error **err)
{
    foreign->mark = maqet_file_mark(foreign->path);
    _cleanup_json_ json_object *report = report_of(foreign, err);

    if (!report)
        return error_unreadable(foreign, err);
    return check_named(foreign, report, err) < 0 ? -1 : take_report(foreign, report, err);
}

/* ---- whether others write to it ---- */

/* The kernel gives no lease for reading to a file that anybody has open for writing, and
 * only to its owner (fcntl(2)). */
bool
maqet_foreign_is_written(const struct maqet_foreign *foreign)
{
    _cleanup_close_ int fd =
        open(foreign->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    /* One who opens it for writing now makes the kernel send a signal. */
    return fd >= 0 && fcntl(fd, F_SETSIG, SIGURG) == 0 &&
           fcntl(fd, F_SETLEASE, F_RDLCK) < 0 && errno == EAGAIN;
}

int
maqet_foreign_check_unchanged(const struct maqet_foreign *foreign,
                              struct maqet_error **err)
{
    _cleanup_free_ char *mark = maqet_file_mark(foreign->path);

    if (mark && foreign->mark && strcmp(mark, foreign->mark) == 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_BUSY,
                    "%s was written to or replaced while it was copied", foreign->path);
    maqet_error_hint(err, "Find out who writes to it, and try again");
    return -1;
}
