/* SPDX-License-Identifier: MIT */
#include "core/qemu/hotplug_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/qemu/block_nodes.h"

/* What QEMU reads of the file of a secret is not limited, but keys are not longer. */
enum { SECRET_LIMIT = 64 * 1024 };

static const char SET_PREFIX[] = "/dev/fdset/";

/* One call. */
struct passing {
    const struct maqet_hotplug *hotplug;
    const char *mark;
    maqet_hotplug_file_check *check;
    void *data;
};

/* ---- block nodes ---- */

/* Whether QEMU opens the file of such a node in a way that takes a descriptor. */
static bool
takes_descriptor(json_object *node)
{
    static const char *const drivers[] = {"file", "host_device", "host_cdrom", NULL};
    const char *driver = maqet_json_text(node, "driver");

    return driver && maqet_text_is_one_of(driver, drivers);
}

/* Opens a file, and passes it; *set is the set of descriptors, negative: a new one. */
static int
pass_one(const struct passing *passing, const char *path, int flags, int64_t *set,
         struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    json_object *arguments =
        maqet_json_object("opaque", json_object_new_string(passing->mark), "fdset-id",
                          *set < 0 ? NULL : json_object_new_int64(*set), NULL);

    if (fd < 0 || passing->check(passing->data, path, fd, err) < 0) {
        json_object_put(arguments);
        return fd < 0 ? maqet_error_errno(err, errno, "Cannot open %s", path) : -1;
    }
    /* QEMU's own descriptors wait for a disk. */
    if (fcntl(fd, F_SETFL, flags) < 0) {
        json_object_put(arguments);
        return maqet_error_errno(err, errno, "Cannot open %s", path);
    }
    _cleanup_json_ json_object *answer = maqet_qmp_pass(
        passing->hotplug->qmp, "add-fd", arguments, fd, passing->hotplug->timeout, err);
    if (!answer)
        return maqet_error_wrap(err, "QEMU does not take %s", path);
    *set = maqet_json_int(answer, "fdset-id");
    return 0;
}

/* QEMU looks in the set for a descriptor with the access that it needs at the moment. */
static int
pass_file(const struct passing *passing, json_object *node, bool readonly,
          struct maqet_error **err)
{
    const char *path = maqet_json_text(node, "filename");
    int64_t set = -1;

    if (!path || *path != '/' || maqet_text_starts(path, SET_PREFIX))
        return 0;
    bool reads = readonly || !passing->hotplug->stays_writable;
    if ((!readonly && pass_one(passing, path, O_RDWR, &set, err) < 0) ||
        (reads && pass_one(passing, path, O_RDONLY, &set, err) < 0))
        return -1;
    _cleanup_free_ char *name = maqet_format("%s%lld", SET_PREFIX, (long long)set);
    json_object_object_add(node, "filename", json_object_new_string(name));
    return 0;
}

static int pass_node(const struct passing *passing, json_object *node, bool readonly,
                     struct maqet_error **err);

/* Nodes in a value, whatever its type. */
static int
pass_value(const struct passing *passing, json_object *value, bool readonly,
           struct maqet_error **err)
{
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            if (pass_value(passing, json_object_array_get_idx(value, i), readonly, err) <
                0)
                return -1;
        return 0;
    }
    return json_object_is_type(value, json_type_object)
               ? pass_node(passing, value, readonly, err)
               : 0;
}

/* A node in another one is read-only if that is, and a backing node always is, unless it
 * says so itself (QEMU: block.c, bdrv_inherited_options() and bdrv_backing_options()). */
static int
pass_node(const struct passing *passing, json_object *node, bool readonly,
          struct maqet_error **err)
{
    json_object *own = NULL;

    if (json_object_object_get_ex(node, "read-only", &own))
        readonly = json_object_get_boolean(own);
    if (takes_descriptor(node) && pass_file(passing, node, readonly, err) < 0)
        return -1;
    json_object_object_foreach(node, key, value)
    {
        if (pass_value(passing, value, readonly || strcmp(key, "backing") == 0, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- secrets ---- */

static char *
base64(const char *bytes, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = maqet_alloc((length + 2) / 3 * 4 + 1), *to = text;

    for (size_t i = 0; i < length; i += 3) {
        unsigned group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (i + j < length ? (unsigned char)bytes[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            *to++ = i + j > length ? '=' : letters[group >> (18 - 6 * j) & 63];
    }
    return text;
}

/* QEMU reads the file of a secret by its name only. The monitor is as private as the file. */
static int
pass_secret(const struct passing *passing, json_object *secret, struct maqet_error **err)
{
    const char *path = maqet_json_text(secret, "file");
    bool encoded = maqet_json_is(secret, "format", "base64");
    _cleanup_free_ char *content = NULL;
    size_t length;

    if (!path)
        return 0;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open %s", path);
    if (passing->check(passing->data, path, fd, err) < 0 ||
        maqet_fd_read(fd, path, SECRET_LIMIT, &content, &length, err) < 0)
        return -1;
    _cleanup_free_ char *text = encoded ? maqet_strdup(content) : base64(content, length);
    explicit_bzero(content, length);
    json_object_object_del(secret, "file");
    json_object_object_add(secret, "data", json_object_new_string(text));
    json_object_object_add(secret, "format", json_object_new_string("base64"));
    explicit_bzero(text, strlen(text));
    return 0;
}

/* ---- all objects ---- */

int
maqet_hotplug_pass_files(const struct maqet_hotplug *hotplug, const char *mark,
                         maqet_hotplug_file_check *check, void *data,
                         struct maqet_error **err)
{
    const struct passing passing = {
        .hotplug = hotplug, .mark = mark, .check = check, .data = data};

    for (size_t i = hotplug->skipped; i < hotplug->args->count; i++) {
        const struct maqet_props *props = hotplug->args->objects[i];
        int result = 0;

        if (props->kind == &maqet_kind_blockdev)
            result = pass_node(&passing, props->json, false, err);
        else if (props->kind == &maqet_kind_object &&
                 maqet_json_is(props->json, "qom-type", "secret"))
            result = pass_secret(&passing, props->json, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* Whether a set has a descriptor with that mark. */
static bool
is_marked(json_object *set, const char *mark)
{
    json_object *fds = json_object_object_get(set, "fds");

    for (size_t i = 0;
         json_object_is_type(fds, json_type_array) && i < json_object_array_length(fds);
         i++)
        if (maqet_json_is(json_object_array_get_idx(fds, i), "opaque", mark))
            return true;
    return false;
}

int
maqet_hotplug_drop_files(struct maqet_qmp *qmp, int64_t timeout, const char *mark,
                         struct maqet_error **err)
{
    _cleanup_json_ json_object *sets =
        maqet_qmp_execute(qmp, "query-fdsets", NULL, timeout, err);

    if (!sets)
        return -1;
    for (size_t i = 0;
         json_object_is_type(sets, json_type_array) && i < json_object_array_length(sets);
         i++) {
        json_object *set = json_object_array_get_idx(sets, i);
        json_object *id = json_object_new_int64(maqet_json_int(set, "fdset-id"));
        json_object *arguments = maqet_json_object("fdset-id", id, NULL);

        if (!is_marked(set, mark))
            json_object_put(arguments);
        else if (maqet_qmp_tell(qmp, "remove-fd", arguments, -1, timeout, err) < 0)
            return -1;
    }
    return 0;
}

/* Judged when it was passed for reading. */
static int
accept_file(void *data, const char *path, int fd, struct maqet_error **err)
{
    (void)data;
    (void)path;
    (void)fd;
    (void)err;
    return 0;
}

/* The set of descriptors with that number. NULL: there is none. */
static json_object *
find_set(json_object *sets, int64_t number)
{
    for (size_t i = 0;
         json_object_is_type(sets, json_type_array) && i < json_object_array_length(sets);
         i++) {
        json_object *set = json_object_array_get_idx(sets, i);

        if (maqet_json_int(set, "fdset-id") == number)
            return set;
    }
    return NULL;
}

/* Takes the descriptors without that mark out of a set. A node that uses one keeps it as long as it does. */
static int
take_out(struct maqet_qmp *qmp, int64_t timeout, json_object *set, const char *mark,
         struct maqet_error **err)
{
    json_object *fds = json_object_object_get(set, "fds");

    for (size_t i = 0;
         json_object_is_type(fds, json_type_array) && i < json_object_array_length(fds);
         i++) {
        json_object *one = json_object_array_get_idx(fds, i);

        if (maqet_json_is(one, "opaque", mark))
            continue;
        json_object *arguments = maqet_json_object(
            "fdset-id", json_object_new_int64(maqet_json_int(set, "fdset-id")), "fd",
            json_object_new_int64(maqet_json_int(one, "fd")), NULL);
        if (maqet_qmp_tell(qmp, "remove-fd", arguments, -1, timeout, err) < 0)
            return -1;
    }
    return 0;
}

int
maqet_hotplug_pass_for_writing(struct maqet_qmp *qmp, int64_t timeout, const char *name,
                               const char *path, const char *mark,
                               struct maqet_error **err)
{
    const struct maqet_hotplug hotplug = {.qmp = qmp, .timeout = timeout};
    const struct passing passing = {
        .hotplug = &hotplug, .mark = mark, .check = accept_file};

    if (!name || !maqet_text_starts(name, SET_PREFIX))
        return 0;
    int64_t set = strtoll(name + strlen(SET_PREFIX), NULL, 10);
    _cleanup_json_ json_object *sets =
        maqet_qmp_execute(qmp, "query-fdsets", NULL, timeout, err);
    if (!sets)
        return -1;
    json_object *present = find_set(sets, set);
    if (!present)
        return 0;
    /* A killed command may have passed it, and no more. */
    if (!is_marked(present, mark) && pass_one(&passing, path, O_RDWR, &set, err) < 0)
        return -1;
    return take_out(qmp, timeout, present, mark, err);
}
