/* SPDX-License-Identifier: MIT */
#include "core/machine/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/logfile.h"
#include "core/base/sockets.h"
#include "core/machine/keeper.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "core/machine/store.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* ---- of the user's arguments ---- */

/* The character device of a serial port or console that an argument creates, as it is
 * called in QEMU; NULL: it creates none. @number: how many -serial there were before. The
 * caller frees. */
static char *
chardev_of(const struct maqet_argument *argument, unsigned number)
{
    static const char named[] = "chardev:";

    if (!argument->value)
        return NULL;
    if (maqet_argument_is(argument, "serial"))
        return maqet_text_starts(argument->value, named)
                   ? maqet_strdup(argument->value + strlen(named))
                   : maqet_format("serial%u", number);
    if (!maqet_argument_is(argument, "device"))
        return NULL;
    _cleanup_free_ char *driver = maqet_keyval_get(argument->value, "driver", "driver");
    /* Ports for programs ("virtserialport") are no consoles. */
    bool is_console =
        driver && (strstr(driver, "console") ||
                   (strstr(driver, "serial") && !maqet_text_starts(driver, "virt")));

    return is_console ? maqet_keyval_get(argument->value, "driver", "chardev") : NULL;
}

/* What QEMU calls the character devices of serial ports and consoles, the first one first. */
static void
list_chardevs(struct maqet_opened *machine, struct maqet_strings *chardevs)
{
    const struct maqet_vm *vm = maqet_opened_vm(machine, NULL);
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(vm ? maqet_vm_arguments(vm) : NULL);
    unsigned number = 0;

    for (size_t i = 0; i < arguments.count; i++) {
        char *chardev = chardev_of(&arguments.items[i], number);

        if (chardev)
            maqet_strings_take(chardevs, chardev);
        number += maqet_argument_is(&arguments.items[i], "serial");
    }
    /* Those that QEMU creates by itself. */
    maqet_strings_add(chardevs, "serial0");
}

/* The path in QEMU's description of a character device, "unix:/run/x,server=on" or
 * "pty:/dev/pts/3"; NULL: it has none. The caller frees. */
static char *
path_in(const char *description, const char *folder)
{
    static const char *const kinds[] = {"unix:", "pty:"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        const char *path = strstr(description, kinds[i]);

        if (!path)
            continue;
        path += strlen(kinds[i]);
        const char *end = strstr(path, ",server");
        _cleanup_free_ char *written =
            maqet_strndup(path, end ? (size_t)(end - path) : strlen(path));
        return maqet_qemu_path(written, folder);
    }
    return NULL;
}

static char *
path_of(json_object *list, const char *chardev, const char *folder)
{
    for (size_t i = 0;
         json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
         i++) {
        json_object *row = json_object_array_get_idx(list, i);
        const char *label = maqet_json_text(row, "label");
        const char *description = maqet_json_text(row, "filename");

        if (label && description && strcmp(label, chardev) == 0)
            return path_in(description, folder);
    }
    return NULL;
}

/* The caller frees. */
static char *
own_path(struct maqet_opened *machine)
{
    _cleanup_strings_ struct maqet_strings chardevs = MAQET_STRINGS_INIT;
    _cleanup_json_ json_object *list =
        maqet_monitor_ask(machine, "query-chardev", NULL, NULL);
    char *path = NULL;

    /* QEMU's monitor serves one client at a time. */
    maqet_monitor_leave(machine);
    list_chardevs(machine, &chardevs);
    const char *folder =
        machine->vm ? maqet_tree_place(machine->vm->definition->tree).folder : NULL;
    for (size_t i = 0; i < chardevs.count && !path; i++)
        path = path_of(list, chardevs.items[i], folder);
    return path;
}

static int
error_no_console(const char *path, struct maqet_error **err)
{
    return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                           "The console %s is neither a socket nor a terminal", path);
}

/* Opens a terminal. QEMU has said where it is, and might be wrong. */
static int
open_terminal(int dir_fd, const char *name, const char *path, struct maqet_error **err)
{
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return maqet_error_errno(err, errno, "Cannot open the console %s", path);
    if (!isatty(fd))
        return error_no_console(path, err);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return maqet_error_errno(err, errno, "Cannot open the console %s", path);
    return TAKE_FD(fd);
}

/* Opens what the user's arguments connect a serial port to. */
static int
open_own(const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_close_ int dir_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *name = strrchr(path, '/') + 1;
    struct stat status;

    if (dir_fd < 0 || fstatat(dir_fd, name, &status, 0) < 0)
        return maqet_error_errno(err, errno, "Cannot open the console %s", path);
    if (S_ISSOCK(status.st_mode))
        return maqet_socket_connect(dir_fd, name, err);
    return S_ISCHR(status.st_mode) ? open_terminal(dir_fd, name, path, err)
                                   : error_no_console(path, err);
}

/* ---- all of it ---- */

static bool
has_socket(const struct maqet_opened *machine)
{
    return machine->run.dir_fd >= 0 &&
           faccessat(machine->run.dir_fd, MAQET_CONSOLE_SOCKET, F_OK, 0) == 0;
}

char *
maqet_console_path(struct maqet_opened *machine)
{
    return has_socket(machine)
               ? maqet_format("%s/" MAQET_CONSOLE_SOCKET, machine->run.folder)
               : own_path(machine);
}

static int
error_none(const struct maqet_opened *machine, struct maqet_error **err)
{
    maqet_error_set(err, MAQET_ERROR_STATE,
                    "VM '%s' has no serial port that one can connect to", machine->name);
    maqet_error_hint(err,
                     "Say `serial: console` in its YAML file, without a serial port in "
                     "`arguments`; that applies from the next start on");
    return -1;
}

static int
error_killed(const struct maqet_opened *machine, struct maqet_error **err)
{
    maqet_error_set(
        err, MAQET_ERROR_STATE,
        "VM '%s' is running without a console: the process that connects to its "
        "serial port was killed",
        machine->name);
    return maqet_error_next(err, MAQET_NEXT_STOP_AND_START, machine->name, NULL);
}

static int
join(struct maqet_opened *machine, const char *socket, struct maqet_error **err)
{
    if (maqet_run_check_reachable(&machine->run, machine->name, err) < 0)
        return -1;
    if (has_socket(machine))
        return maqet_keeper_works(machine->run.dir_fd)
                   ? maqet_socket_connect(machine->run.dir_fd, socket, err)
                   : error_killed(machine, err);
    _cleanup_free_ char *path = own_path(machine);
    return path ? open_own(path, err) : error_none(machine, err);
}

int
maqet_console_connect(struct maqet_opened *machine, struct maqet_error **err)
{
    return join(machine, MAQET_CONSOLE_SOCKET, err);
}

int
maqet_console_connect_all(struct maqet_opened *machine, struct maqet_error **err)
{
    return join(machine, MAQET_CONSOLE_START_SOCKET, err);
}

/* ---- its log ---- */

int
maqet_console_log_save(const struct maqet_opened *machine, const char *path, mode_t mode,
                       struct maqet_error **err)
{
    enum { CHUNK = 64 * 1024 };
    _cleanup_logfile_ struct maqet_logfile log = MAQET_LOGFILE_INIT;
    _cleanup_free_ char *folder = maqet_store_file(machine->context, machine->name, ".");
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    _cleanup_free_ char *chunk = maqet_alloc(CHUNK);
    uint64_t position = 0;
    size_t count;

    if (to < 0 || fchmod(to, mode) < 0)
        return maqet_error_errno(err, errno, "Cannot create %s", path);
    if (dir_fd < 0)
        return 0;
    if (maqet_logfile_open_reader(dir_fd, MAQET_CONSOLE_LOG, &log, err) < 0)
        return -1;
    while ((count = maqet_logfile_read(&log, &position, chunk, CHUNK)) > 0)
        if (maqet_fd_write(to, chunk, count) < 0)
            return maqet_error_errno(err, errno, "Cannot write %s", path);
    return 0;
}
