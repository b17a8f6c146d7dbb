/* SPDX-License-Identifier: MIT */
#include "core/qemu/surroundings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/sockets.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* ---- files ---- */

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

/* ---- sockets ---- */

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
