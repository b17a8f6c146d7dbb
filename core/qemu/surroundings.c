/* SPDX-License-Identifier: MIT */
#include "core/qemu/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/sockets.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* ---- files that are read ---- */

/* The file that an option reads; NULL: none is known. The caller frees. */
static char *
file_of(const struct maqet_argument *argument)
{
    static const char *const whole[] = {"initrd", "kernel", "readconfig", NULL};
    static const struct {
        const char *option;
        const char *type; /* of an object; those of other types write or create a file */
        const char *properties[3];
    } readers[] = {
        {"blockdev", NULL, {"filename", "file.filename"}},
        {"drive", NULL, {"file", "file.filename"}},
        {"fw_cfg", NULL, {"file"}},
        {"object", "authz-list-file", {"filename"}},
        {"object", "rng-random", {"filename"}},
        {"object", "secret", {"file"}},
        {"smbios", NULL, {"file"}},
    };

    if (argument->known->nature == MAQET_QEMU_IMAGE ||
        maqet_text_is_one_of(argument->name, whole))
        return maqet_strdup(argument->value);
    for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
        if (maqet_argument_is(argument, readers[i].option) &&
            (!readers[i].type ||
             maqet_keyval_is_of(argument->value, "qom-type", readers[i].type)))
            return maqet_keyval_first(argument->value, readers[i].properties);
    return NULL;
}

static int
check_file(const struct maqet_argument *argument, const char *folder,
           struct maqet_error **err)
{
    _cleanup_free_ char *file = file_of(argument);

    if (!file || !*file || maqet_qemu_has_protocol(file) ||
        maqet_text_starts(file, "/dev/fdset/"))
        return 0;
    _cleanup_free_ char *path = maqet_qemu_path(file, folder);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0)
        return 0;
    return maqet_place_error(
        argument->place, err,
        errno == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
        "-%s cannot use its file %s: %s", argument->name, path, strerror(errno));
}

/* ---- sockets that QEMU connects to ---- */

static bool
is_socket(const struct maqet_argument *argument)
{
    return maqet_argument_is(argument, "chardev") &&
           maqet_keyval_is_of(argument->value, "backend", "socket");
}

/* Nobody needs to listen if QEMU itself does, or if it retries. */
static bool
needs_listener(const struct maqet_argument *argument)
{
    static const char *const retries[] = {"reconnect", "reconnect-ms", NULL};
    _cleanup_free_ char *retry = maqet_keyval_first(argument->value, retries);

    return !maqet_keyval_is_on(argument->value, "server") &&
           !maqet_keyval_is_on(argument->value, "abstract") &&
           (!retry || strcmp(retry, "0") == 0);
}

/* The socket that QEMU connects to; NULL: none. The caller frees. */
static char *
socket_of(const struct maqet_argument *argument)
{
    static const char *const servers[] = {"server.path", "file.server.path", NULL};
    static const char *const addresses[] = {"path", "addr.path", NULL};

    if (!needs_listener(argument))
        return NULL;
    if (is_socket(argument) || (maqet_argument_is(argument, "netdev") &&
                                maqet_keyval_has(argument->value, "addr.type", "unix")))
        return maqet_keyval_first(argument->value, addresses);
    if (maqet_argument_is(argument, "blockdev") || maqet_argument_is(argument, "drive"))
        return maqet_keyval_first(argument->value, servers);
    if (!maqet_qemu_option_is_like(argument->known, "serial") ||
        !maqet_text_starts(argument->value, "unix:"))
        return NULL;
    const char *path = argument->value + strlen("unix:");
    return maqet_strndup(path, strcspn(path, ","));
}

static int
check_socket(const struct maqet_argument *argument, const char *folder,
             struct maqet_error **err)
{
    _cleanup_free_ char *written = socket_of(argument);
    _cleanup_free_ char *path = written ? maqet_qemu_path(written, folder) : NULL;

    if (!path || maqet_socket_listener(path) != MAQET_LISTENER_NONE)
        return 0;
    maqet_place_error(argument->place, err, MAQET_ERROR_STATE,
                      "-%s connects to %s, on which nobody listens", argument->name,
                      path);
    maqet_error_hint(err, "Start the program that listens there");
    return -1;
}

int
maqet_arguments_check_surroundings(json_object *list, const char *folder,
                                   struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];

        if (argument->value && (check_file(argument, folder, err) < 0 ||
                                check_socket(argument, folder, err) < 0))
            return -1;
    }
    return 0;
}

char *
maqet_arguments_tpm_emulator(json_object *list)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        const struct maqet_argument *other =
            maqet_argument_list_named(&arguments, argument, "chardev", "chardev", "id");

        if (maqet_argument_is(argument, "tpmdev") && other && is_socket(other))
            return maqet_keyval_get(argument->value, NULL, "id");
    }
    return NULL;
}

/* ---- written files ---- */

/* Levels of "json:" names, or of nodes, within one another. */
enum { NESTING_LIMIT = 8 };

/* The search in one option. */
struct search {
    struct maqet_written_files *files;
    const struct maqet_argument *option;
    const char *folder;
    bool unlocked; /* locking=off */
    bool rw;       /* a FAT file system may be written to */
};

void
maqet_written_files_clear(struct maqet_written_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct maqet_written_files){0};
}

static void
add(const struct search *search, enum maqet_written_kind kind, const char *path)
{
    struct maqet_written_files *files = search->files;

    /* A set of descriptors is not a file, and nothing stays of what goes to /dev/null. */
    if (!*path || maqet_text_starts(path, "/dev/fdset/") ||
        strcmp(path, "/dev/null") == 0)
        return;
    *MAQET_APPEND(files->items, files->count) = (struct maqet_written){
        .kind = kind,
        .path = maqet_qemu_path(path, search->folder),
        .option = search->option->name,
        .place = search->option->place,
    };
}

/* ---- written block nodes ---- */

/* The syntax of file names is that of QEMU's block.c (a protocol and a colon) and vvfat.c
 * ("fat:rw:FOLDER"). */

/* Whether a key is that of a backing file, which is never written to. */
static bool
is_of_backing(const char *key)
{
    return maqet_text_starts(key, "backing.") || strstr(key, ".backing.");
}

/* "fat:[floppy:][rw:]FOLDER" */
static void
add_fat(const struct search *search, const char *rest)
{
    static const char *const words[] = {"floppy:", "rw:", "12:", "16:", "32:", NULL};
    bool rw = false;

    for (const char *word; (word = maqet_text_prefix(rest, words)); rest += strlen(word))
        rw = rw || strcmp(word, "rw:") == 0;
    if (rw)
        add(search, MAQET_WRITTEN_FOLDER, rest);
}

static void search_pairs(struct search *search, const char *text, int depth);

/* Adds what a file name in QEMU's syntax refers to. */
static void
add_name(struct search *search, const char *name, int depth)
{
    static const char *const protocols[] = {"file:", "host_device:", NULL};

    if (maqet_text_starts(name, "json:") && depth < NESTING_LIMIT) {
        name += strlen("json:");
        name += strspn(name, " \t\r\n");
        _cleanup_free_ char *pairs = maqet_keyval_of_json(name);

        if (pairs)
            search_pairs(search, pairs, depth + 1);
        return;
    }
    if (maqet_text_starts(name, "fat:")) {
        add_fat(search, name + strlen("fat:"));
        return;
    }
    const char *protocol = maqet_text_prefix(name, protocols);

    if (protocol || !maqet_qemu_has_protocol(name))
        add(search, search->unlocked ? MAQET_WRITTEN_UNLOCKED : MAQET_WRITTEN_IMAGE,
            protocol ? name + strlen(protocol) : name);
}

/* Whether a key names a file. `file` of -drive does; that of -blockdev names a node. */
static bool
names_file(const struct search *search, const char *key)
{
    return strcmp(maqet_keyval_last_part(key), "filename") == 0 ||
           (strcmp(key, "file") == 0 && maqet_argument_is(search->option, "drive"));
}

/* Reads what applies to the whole text first, and then the files. */
static void
search_pairs(struct search *search, const char *text, int depth)
{
    char *key, *value;

    for (const char *at = text; maqet_keyval_next(&at, NULL, &key, &value);) {
        if (strcmp(maqet_keyval_last_part(key), "locking") == 0)
            search->unlocked = strcmp(value, "off") == 0;
        if (strcmp(maqet_keyval_last_part(key), "rw") == 0)
            search->rw = strcmp(value, "off") != 0 && strcmp(value, "false") != 0;
        free(key);
        free(value);
    }
    for (const char *at = text; maqet_keyval_next(&at, NULL, &key, &value);) {
        if (!is_of_backing(key) && names_file(search, key))
            add_name(search, value, depth);
        else if (!is_of_backing(key) && search->rw &&
                 strcmp(maqet_keyval_last_part(key), "dir") == 0)
            add(search, MAQET_WRITTEN_FOLDER, value);
        free(key);
        free(value);
    }
}

/* Whether QEMU writes nothing to it, or only to a copy. */
static bool
is_left_alone(const struct maqet_argument *option)
{
    return maqet_keyval_is_readonly(option->value) ||
           maqet_keyval_is_on(option->value, "snapshot");
}

/* Whether others may write to the node or drive @name, too, or whether it is below a node
 * for which that is so, or which is left alone. */
static bool
is_exempt(const struct maqet_argument_list *options, const char *name, int depth)
{
    for (size_t i = 0; i < options->count; i++) {
        const struct maqet_argument *other = &options->items[i];

        if (maqet_argument_is(other, "device") &&
            maqet_keyval_has(other->value, "drive", name) &&
            maqet_keyval_is_on(other->value, "share-rw"))
            return true;
        if (!maqet_argument_is(other, "blockdev") ||
            !maqet_keyval_has(other->value, "file", name))
            continue;
        _cleanup_free_ char *above = maqet_keyval_get(other->value, NULL, "node-name");
        if (is_left_alone(other) ||
            (above && depth < NESTING_LIMIT && is_exempt(options, above, depth + 1)))
            return true;
    }
    return false;
}

static void
search_block(struct search *search, const struct maqet_argument_list *options)
{
    static const char *const names[] = {"node-name", "id", NULL};
    _cleanup_free_ char *name = maqet_keyval_first(search->option->value, names);

    if (!is_left_alone(search->option) && !(name && is_exempt(options, name, 0)))
        search_pairs(search, search->option->value, 0);
}

/* ---- written memory ---- */

/* Whether several machines are meant to share the memory. */
static bool
is_shared_memory(const struct maqet_argument_list *options, const char *id)
{
    for (size_t i = 0; i < options->count; i++)
        if (options->items[i].value && maqet_argument_is(&options->items[i], "device") &&
            strstr(options->items[i].value, "ivshmem") &&
            maqet_keyval_has(options->items[i].value, "memdev", id))
            return true;
    return false;
}

static void
search_memory(const struct search *search, const struct maqet_argument_list *options)
{
    const struct maqet_argument *option = search->option;
    _cleanup_free_ char *id = maqet_keyval_get(option->value, NULL, "id");
    _cleanup_free_ char *memory = maqet_keyval_get(option->value, NULL, "mem-path");

    if (maqet_keyval_is_of(option->value, "qom-type", "memory-backend-file") && memory &&
        maqet_keyval_is_on(option->value, "share") &&
        !maqet_keyval_is_on(option->value, "readonly") &&
        !(id && is_shared_memory(options, id)))
        add(search, MAQET_WRITTEN_UNLOCKED, memory);
}

/* ---- output ---- */

/* "file:PATH", or "mon:file:PATH" if the monitor is there, too. */
static void
search_serial(const struct search *search)
{
    const char *value = search->option->value;

    if (maqet_text_starts(value, "mon:"))
        value += strlen("mon:");
    if (maqet_text_starts(value, "file:"))
        add(search, MAQET_WRITTEN_OUTPUT, value + strlen("file:"));
}

/* Properties that name files which QEMU empties or appends to. */
static void
search_outputs(const struct search *search)
{
    static const struct {
        const char *option, *property;
        const char *key, *wanted; /* only if that property has this value; NULL: always */
        const char *appends;      /* only appended to if that property is on; or NULL */
    } outputs[] = {
        {"audio", "path", "driver", "wav", NULL},
        {"audiodev", "path", "driver", "wav", NULL},
        {"chardev", "path", "backend", "file", "append"},
        {"chardev", "logfile", NULL, NULL, "logappend"},
        {"icount", "rrfile", "rr", "record", NULL},
        {"object", "file", "qom-type", "filter-dump", NULL},
        {"trace", "file", NULL, NULL, NULL},
    };
    const struct maqet_argument *option = search->option;

    for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
        if (!maqet_argument_is(option, outputs[i].option) ||
            (outputs[i].key &&
             !maqet_keyval_is_of(option->value, outputs[i].key, outputs[i].wanted)))
            continue;
        _cleanup_free_ char *path =
            maqet_keyval_get(option->value, NULL, outputs[i].property);
        bool appends =
            outputs[i].appends && maqet_keyval_is_on(option->value, outputs[i].appends);
        if (path)
            add(search, appends ? MAQET_WRITTEN_APPENDED : MAQET_WRITTEN_OUTPUT, path);
    }
}

/* ---- all written files ---- */

/* False: it is not an option whose whole value is an image or an output. */
static bool
search_whole(struct search *search)
{
    const struct maqet_argument *option = search->option;

    if (option->known->nature == MAQET_QEMU_IMAGE && !maqet_argument_is(option, "cdrom"))
        add_name(search, option->value, 0);
    else if (maqet_qemu_option_is_like(option->known, "serial"))
        search_serial(search);
    else if (maqet_argument_is(option, "qtest-log") && strcmp(option->value, "none") != 0)
        add(search, MAQET_WRITTEN_OUTPUT, option->value);
    else if (!maqet_argument_is(option, "D"))
        return false;
    /* With "%d" each process has its own file. */
    else if (!strstr(option->value, "%d"))
        add(search, MAQET_WRITTEN_OUTPUT, option->value);
    return true;
}

void
maqet_arguments_written(json_object *list, const char *folder,
                        struct maqet_written_files *files)
{
    _cleanup_argument_list_ struct maqet_argument_list options =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < options.count; i++) {
        struct search search = {
            .files = files, .option = &options.items[i], .folder = folder};

        if (!search.option->value || search_whole(&search))
            continue;
        if (maqet_argument_is(search.option, "drive") ||
            maqet_argument_is(search.option, "blockdev"))
            search_block(&search, &options);
        if (maqet_argument_is(search.option, "object"))
            search_memory(&search, &options);
        search_outputs(&search);
    }
}
