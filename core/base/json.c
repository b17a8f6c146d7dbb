/* SPDX-License-Identifier: MIT */
#include "core/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/durable.h"
#include "core/base/files.h"
#include "core/base/replacement.h"

/* As in QEMU (QEMU: qobject/json-streamer.c). In QEMU's arguments, the block nodes of a backing
 * chain are one in another, and json-c alone reads 32 levels. */
enum { DEPTH_MAX = 1024 };

int
maqet_json_write(const char *path, json_object *value, struct maqet_error **err)
{
    const char *text = json_object_to_json_string_ext(
        value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
    _cleanup_free_ char *line = maqet_format("%s\n", text);

    return maqet_file_replace(path, line, strlen(line), 0600, err);
}

int
maqet_json_write_at_once(const char *path, json_object *value, struct maqet_error **err)
{
    struct maqet_durable *before = maqet_durable_postpone(NULL);
    int result = maqet_json_write(path, value, err);

    maqet_durable_postpone(before);
    return result;
}

/* *end: where it ends; *deep: it is not a value because of its depth. */
static json_object *
parse(const char *text, int depth, size_t *end, bool *deep)
{
    struct json_tokener *tokener = json_tokener_new_ex(depth);
    json_object *value = json_tokener_parse_ex(tokener, text, -1);

    *end = json_tokener_get_parse_end(tokener);
    *deep = json_tokener_get_error(tokener) == json_tokener_error_depth;
    json_tokener_free(tokener);
    return value;
}

/* A tokener initialises memory for each level that it may get, and hardly any text has many. */
json_object *
maqet_json_parse(const char *text, const char *path, struct maqet_error **err)
{
    size_t end;
    bool deep;
    json_object *value = parse(text, JSON_TOKENER_DEFAULT_DEPTH, &end, &deep);

    if (deep)
        value = parse(text, DEPTH_MAX, &end, &deep);
    /* A file with more than one value is damaged. */
    if (end < strlen(text) && text[end + strspn(text + end, " \t\r\n")] != '\0') {
        json_object_put(value);
        value = NULL;
    }
    if (!value)
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s is damaged: it is not JSON", path);
    return value;
}

json_object *
maqet_json_read(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, MAQET_JSON_LIMIT, &text, NULL, err) < 0
               ? NULL
               : maqet_json_parse(text, path, err);
}

json_object *
maqet_json_read_plain(const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    _cleanup_free_ char *text = NULL;
    struct stat status;

    if ((fd < 0 && errno == ELOOP) ||
        (fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)))
        maqet_error_set(err, MAQET_ERROR_FAILED, "%s is not a regular file", path);
    else if (fd < 0)
        maqet_error_errno(err, errno, "Cannot read %s", path);
    else if (maqet_fd_read(fd, path, MAQET_JSON_LIMIT, &text, NULL, err) == 0)
        return maqet_json_parse(text, path, err);
    return NULL;
}

const char *
maqet_json_text(json_object *object, const char *key)
{
    json_object *value = json_object_object_get(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value)
                                                        : NULL;
}

bool
maqet_json_is(json_object *object, const char *key, const char *text)
{
    const char *found = maqet_json_text(object, key);

    return found && strcmp(found, text) == 0;
}

int64_t
maqet_json_int(json_object *object, const char *key)
{
    json_object *value = json_object_object_get(object, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : 0;
}

json_object *
maqet_json_object(const char *key, ...)
{
    json_object *object = json_object_new_object();
    va_list rest;

    va_start(rest, key);
    for (; key; key = va_arg(rest, const char *)) {
        json_object *value = va_arg(rest, json_object *);

        if (value)
            json_object_object_add(object, key, value);
    }
    va_end(rest);
    return object;
}

json_object *
maqet_strings_to_json(const struct maqet_strings *strings)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < strings->count; i++)
        json_object_array_add(list, json_object_new_string(strings->items[i]));
    return list;
}

void
maqet_json_texts(json_object *list, struct maqet_strings *texts)
{
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));

        maqet_strings_add(texts, text ? text : "");
    }
}
