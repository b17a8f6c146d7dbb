/* SPDX-License-Identifier: MIT */
#include "core/storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/plugin/describe.h"
#include "core/storage/callback.h"
#include "core/storage/keys.h"
#include "core/storage/overlays.h"
#include "core/storage/record.h"

void
maqet_image_clear(struct maqet_image *image)
{
    free(image->format);
    free(image->undeclared);
    free(image->named);
    free(image->declared);
    free(image->relink);
    maqet_chain_clear(&image->bases);
    *image = (struct maqet_image){.drive = image->drive};
}

/* ---- inspection ---- */

/* "KEY: VALUE" of an option. A single value may stand for a list of one. The caller frees. */
static char *
setting_of(const char *option, const char *value)
{
    size_t length = strlen(option) - (maqet_text_ends(option, ".0") ? strlen(".0") : 0);

    return maqet_format("%.*s: %s", (int)length, option, value);
}

/* The image names one file and the configuration another. */
static int
error_two_files(const struct maqet_drive *drive, const struct maqet_image *image,
                struct maqet_error **err)
{
    maqet_drive_error(
        drive, image->option, err, MAQET_ERROR_INVALID,
        "the image %s names the %s, but the configuration names %s, which is a "
        "different file; with the wrong one, the guest would see damaged data",
        drive->path ? drive->path : "", image->undeclared, image->declared);
    _cleanup_free_ char *setting =
        image->named ? setting_of(image->option, image->named) : NULL;
    if (setting)
        maqet_error_hint(err, "If the name in the image is right: `%s`", setting);
    if (image->relink)
        maqet_error_hint(err,
                         "If the configuration is right (the file was copied, say), "
                         "change the name in the image, and nothing else of it: %s",
                         image->relink);
    return -1;
}

static int
error_undeclared(const struct maqet_drive *drive, const struct maqet_image *image,
                 struct maqet_error **err)
{
    if (image->declared)
        return error_two_files(drive, image, err);
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_INVALID,
                      "the image %s names the %s, which the configuration does not; "
                      "it is not opened, because such a name can make any file of the "
                      "host readable in the guest",
                      drive->path ? drive->path : "", image->undeclared);
    _cleanup_free_ char *setting =
        image->option && image->named ? setting_of(image->option, image->named) : NULL;
    if (setting)
        maqet_error_hint(err, "If you trust the image, name that file, too: `%s`",
                         setting);
    maqet_error_hint(err, "%sive the drive another image", setting ? "Else g" : "G");
    return -1;
}

/* Whether the drive may have `format: TYPE` (MAQET_STORAGE_PLAIN). */
static bool
has_format_option(const struct maqet_storage *storage)
{
    return storage->plugin.flags & MAQET_STORAGE_PLAIN &&
           maqet_options_row(storage->common.options, "format");
}

/* The types whose images have a format, as "`type: a` or `type: b`"; NULL: there is
 * none. The caller frees. */
static char *
types_of_format(const struct maqet_drive *drive, const char *format)
{
    _cleanup_strings_ struct maqet_strings types = MAQET_STRINGS_INIT;
    _cleanup_plugin_list_ struct maqet_plugin_list list = {0};

    maqet_plugin_list_all(drive->context, &list);
    for (size_t i = 0; i < list.count; i++)
        if (maqet_plugin_is_usable(&list.items[i], "storage") && list.items[i].format &&
            strcmp(list.items[i].format, format) == 0)
            maqet_strings_addf(&types, "`type: %s`", list.items[i].name);
    return types.count > 0 ? maqet_strings_join(&types, " or ") : NULL;
}

static int
error_format(const struct maqet_drive *drive, const char *format,
             struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;
    bool plain = has_format_option(drive->storage);

    maqet_drive_error(drive, plugin->path_option, err, MAQET_ERROR_INVALID,
                      plain
                          ? "%s begins like an image of the format '%s', and its type is "
                            "%s"
                          : "%s is an image of the format '%s', not '%s'",
                      drive->path ? drive->path : "it", format, plugin->format);
    /* A guest may have written such a beginning to make QEMU read other files. */
    if (plain)
        maqet_error_hint(err,
                         "If it is a %s disk whose guest wrote that beginning: "
                         "`format: %s`",
                         plugin->format, plugin->format);
    if (!err)
        return -1;
    _cleanup_free_ char *types = types_of_format(drive, format);
    if (types)
        maqet_error_hint(err,
                         plain ? "If you know that it was created as such an image: %s"
                               : "Say %s, or give another file",
                         types);
    else
        maqet_error_hint(err,
                         "Give another file, or convert this one (qemu-img convert)");
    return -1;
}

/* Fills @image by the plugin. */
static int
inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
        struct maqet_image_state *state, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &drive->storage->plugin;

    drive->reported->asked = true;
    maqet_strings_cut(&drive->reported->files, 0);
    int result = plugin->inspect ? MAQET_STORAGE_CALL(err, drive, MAQET_CALL_SERVICE,
                                                      inspect, fd, image)
                                 : 0;

    if (result == 0 && image->format && strcmp(image->format, plugin->format) != 0 &&
        !maqet_image_keeps_type(drive, &state->id))
        result = error_format(drive, image->format, err);
    else if (result == 0 && image->undeclared)
        result = error_undeclared(drive, image, err);
    state->virtual_size = image->virtual_size;
    state->missing = result < 0 && image->missing;
    return result;
}

int
maqet_image_ask(const struct maqet_drive *drive, int fd, struct maqet_image_state *state,
                struct maqet_error **err)
{
    _cleanup_(maqet_image_clear) struct maqet_image image = {.drive = drive};

    return inspect(drive, fd, &image, state, err);
}

/* A file whose name others could guess must be ours alone. */
static int
check_default_path(const struct maqet_drive *drive, const struct stat *status,
                   struct maqet_error **err)
{
    if (S_ISREG(status->st_mode) && status->st_uid == geteuid() && status->st_nlink == 1)
        return 0;
    maqet_drive_error(
        drive, NULL, err, MAQET_ERROR_PERMISSION,
        "%s is not a regular file that belongs to you, so somebody else may have put "
        "it there; it is not used",
        drive->path);
    if (drive->template) /* no entry of the user's could give it a path */
        maqet_error_hint(err, "Set `storage_dir` to a folder that only you can write to");
    else
        maqet_error_hint(
            err, "Give the drive its own `%s`, in a folder that only you can write to",
            drive->storage->plugin.path_option);
    return -1;
}

static int
error_open(const struct maqet_drive *drive, int number, struct maqet_error **err)
{
    const char *option = drive->storage->plugin.path_option;

    if (number == ELOOP && drive->default_path)
        return check_default_path(drive, &(struct stat){0}, err);
    return maqet_drive_error(drive, option, err,
                             number == EACCES ? MAQET_ERROR_PERMISSION
                                              : MAQET_ERROR_FAILED,
                             "cannot open %s: %s", drive->path, strerror(number));
}

/* A dangling link is not missing: no image can be created in its place. */
static int
check_no_link(const struct maqet_drive *drive, struct maqet_error **err)
{
    struct stat status;

    if (lstat(drive->path, &status) < 0 || !S_ISLNK(status.st_mode))
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err, MAQET_ERROR_MISSING,
                      "%s is a link to a file that does not exist", drive->path);
    maqet_error_hint(err,
                     "Restore that file (is its disk mounted?), or name another one");
    return -1;
}

static int
check_writable(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (maqet_drive_readonly(drive) || drive->overlays ||
        faccessat(AT_FDCWD, drive->path, W_OK, AT_EACCESS) == 0)
        return 0;
    maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                      MAQET_ERROR_PERMISSION, "you are not allowed to write to %s: %s",
                      drive->path, strerror(errno));
    _cleanup_free_ char *readonly = maqet_keys_readonly(drive);
    maqet_error_hint(err, "Change its permissions%s%s", readonly ? ", or say " : "",
                     readonly ? readonly : "");
    return -1;
}

/* Opens the image and inspects it. *found gets the descriptor; -1: there is no image,
 * which is no error. */
/* What the overlays over an image take up, too. */
static uint64_t
allocated_by_overlays(const struct maqet_drive *drive)
{
    const struct maqet_overlays *overlays = drive->overlays;
    uint64_t bytes = 0;
    struct stat status;

    for (size_t i = 1; overlays && i < overlays->count; i++)
        if (stat(overlays->nodes[i].file.file, &status) == 0)
            bytes += (uint64_t)status.st_blocks * 512;
    return bytes;
}

static int
open_checked(const struct maqet_drive *drive, int access_mode,
             struct maqet_image_state *state, int *found, struct maqet_error **err)
{
    struct stat status;

    *found = -1;
    *state = (struct maqet_image_state){0};
    if (!drive->path)
        return 0;
    /* O_NONBLOCK: do not wait for a writer of a FIFO. */
    _cleanup_close_ int fd =
        open(drive->path, access_mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
                              (drive->default_path ? O_NOFOLLOW : 0));
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return check_no_link(drive, err);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_open(drive, errno, err);
    if (drive->default_path && check_default_path(drive, &status, err) < 0)
        return -1;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return maqet_drive_error(drive, drive->storage->plugin.path_option, err,
                                 MAQET_ERROR_INVALID,
                                 "%s is neither a file nor a block device", drive->path);
    state->exists = true;
    maqet_file_id_of_fd(fd, &state->id);
    state->allocated_size =
        (uint64_t)status.st_blocks * 512 + allocated_by_overlays(drive);
    if (maqet_image_ask(drive, fd, state, err) < 0)
        return -1;
    *found = TAKE_FD(fd);
    return 0;
}

/* Whether it is still the file that was noted. */
static int
check_same(const struct maqet_drive *drive, const struct maqet_image_state *state,
           struct maqet_error **err)
{
    /* With overlays, the top node is another file than the image. */
    const struct maqet_node *top =
        drive->path && !drive->overlays ? &drive->chain.nodes[0] : NULL;

    return !top || !maqet_node_is_known(top) ||
                   (state->exists && maqet_file_id_equal(&top->id, &state->id))
               ? 0
               : maqet_drive_files_error(drive, top, state->exists, err);
}

int
maqet_image_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                    struct maqet_error **err)
{
    _cleanup_close_ int fd = -1;

    if (open_checked(drive, O_RDONLY, state, &fd, err) < 0 ||
        check_same(drive, state, err) < 0)
        return -1;
    return fd < 0 ? 0 : check_writable(drive, err);
}

int
maqet_image_open(const struct maqet_drive *drive, bool writable, struct maqet_error **err)
{
    struct maqet_image_state state;
    int fd;

    if (open_checked(drive, writable ? O_RDWR : O_RDONLY, &state, &fd, err) < 0)
        return -1;
    if (fd >= 0)
        return fd;
    if (maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "The image of drive '%s' of VM '%s' does not exist: %s", drive->name,
                    drive->machine->vm_name, drive->path);
    maqet_error_next(err, MAQET_NEXT_START_TO_MAKE_IMAGE, drive->machine->vm_name, NULL);
    return -1;
}

int
maqet_image_dependencies(const struct maqet_drive *drive, struct maqet_chain *bases,
                         struct maqet_error **err)
{
    _cleanup_(maqet_image_clear) struct maqet_image image = {.drive = drive};
    struct maqet_image_state state;

    if (!drive->path)
        return 0;
    _cleanup_close_ int fd =
        open(drive->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : error_open(drive, errno, err);
    maqet_file_id_of_fd(fd, &state.id);
    if (inspect(drive, fd, &image, &state, err) < 0)
        return -1;
    *bases = image.bases;
    image.bases = (struct maqet_chain){0};
    return 0;
}

/* ---- storage that is not a file of this host ---- */

static int
inspect_elsewhere(const struct maqet_drive *drive, struct maqet_image_state *state,
                  struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    *state = (struct maqet_image_state){0};
    if (!drive->storage->plugin.inspect)
        return 0;
    if (maqet_image_ask(drive, -1, state, &reason) == 0) {
        state->exists = true;
        return 0;
    }
    return state->missing ? 0 : maqet_error_move(err, TAKE_PTR(reason));
}

int
maqet_drive_inspect(const struct maqet_drive *drive, struct maqet_image_state *state,
                    struct maqet_error **err)
{
    return drive->storage->plugin.path_option ? maqet_image_inspect(drive, state, err)
                                              : inspect_elsewhere(drive, state, err);
}

/* ---- who else uses it ---- */

static int
error_used(const struct maqet_drive *drive, const struct maqet_holders *holders,
           size_t ours, struct maqet_error **err)
{
    _cleanup_free_ char *list = maqet_strings_list(&holders->who);

    maqet_error_set(err, MAQET_ERROR_BUSY, "VM '%s': drive '%s' is in use by %s%s",
                    drive->machine->vm_name, drive->name, list,
                    ours > 0 ? ", only one of which is this VM" : "");
    for (size_t i = 0; i < holders->hints.count; i++)
        maqet_error_hint(err, "%s", holders->hints.items[i]);
    return -1;
}

int
maqet_drive_check_users(const struct maqet_drive *drive, size_t ours,
                        struct maqet_error **err)
{
    struct maqet_holders holders = {0};

    if (maqet_drive_readonly(drive) || !drive->storage->plugin.holders)
        return 0;
    int result = MAQET_STORAGE_CALL(err, drive, MAQET_CALL_SERVICE, holders, &holders);
    if (result == 0 && holders.who.count > ours)
        result = error_used(drive, &holders, ours, err);
    maqet_strings_clear(&holders.who);
    maqet_strings_clear(&holders.hints);
    return result;
}

/* ---- damage ---- */

void
maqet_check_report_clear(struct maqet_check_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->files[i].path);
        maqet_strings_clear(&report->files[i].damage);
    }
    free(report->files);
    *report = (struct maqet_check_report){.drive = report->drive};
}

int
maqet_drive_check(struct maqet_check_report *report, enum maqet_check_depth depth,
                  struct maqet_error **err)
{
    const struct maqet_drive *drive = report->drive;

    maqet_check_report_clear(report);
    if (!drive->storage->plugin.check)
        return maqet_drive_error(drive, NULL, err, MAQET_ERROR_UNSUPPORTED,
                                 "the type %s cannot be checked for damage",
                                 drive->storage->plugin.name);
    if (depth != MAQET_CHECK_QUICK)
        unlink(drive->log); /* afterwards it has the output of this check only */
    int64_t limit = depth == MAQET_CHECK_QUICK ? MAQET_CALL_QUICK : MAQET_CALL_LONG;
    return MAQET_STORAGE_CALL(err, drive, limit, check, depth, report);
}

bool
maqet_checked_file_is_damaged(const struct maqet_checked_file *file)
{
    return file->damage.count > 0 || file->errors > 0;
}

char *
maqet_checked_file_text(const struct maqet_checked_file *file)
{
    _cleanup_strings_ struct maqet_strings phrases = MAQET_STRINGS_INIT;

    maqet_strings_add_all(&phrases, &file->damage);
    if (file->errors > 0)
        maqet_strings_addf(&phrases, "%" PRIu64 " error%s", file->errors,
                           file->errors == 1 ? "" : "s");
    _cleanup_free_ char *list = maqet_strings_join(&phrases, "; ");
    return maqet_format("%s is damaged: %s", *file->path ? file->path : "its content",
                        list);
}
