/* SPDX-License-Identifier: MIT */
/*
 * check_named.c - other files that an image names: inspect reports them, and nobody opens
 * one that the configuration does not name. The images are made for that by qemu-img.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/base/process.h"
#include "core/config/options.h"
#include "core/conformance/bait.h"
#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/plugin/call.h"
#include "core/storage/callback.h"
#include "core/storage/image.h"

static const char hint[] = "Report each file that an image names by "
                           "maqet_image_names_file(), or refuse the image";

/* Has qemu-img open what is emitted. Its result does not matter. */
static void
open_emitted(const struct maqet_drive *drive)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, "map");
    if (maqet_command_image(command, drive, NULL) < 0)
        maqet_command_free(command);
    else
        maqet_command_run(command, NULL);
}

/* ---- a file that the configuration does not name ---- */

/* Asks inspect about an image. 1: it refuses it. *option gets the option that is to name
 * the file; NULL: none. */
static int
ask_inspect(const struct maqet_drive *drive, bool *reported, char **option)
{
    _cleanup_close_ int fd = open(drive->path, O_RDONLY | O_CLOEXEC);
    struct maqet_image image = {.drive = drive};

    int result = MAQET_STORAGE_CALL(NULL, drive, MAQET_CALL_SERVICE, inspect, fd, &image);
    *reported = image.undeclared;
    *option = maqet_strdup(image.option);
    maqet_image_clear(&image);
    return result < 0 ? 1 : 0;
}

/* Inspects and opens an image that names the bait. *option: as above. */
static int
try_named(struct bench *bench, struct bait *bait, const char *what, char **option,
          struct maqet_error **err)
{
    const struct maqet_drive *drive = bench->drive;
    bool reported = false;

    bench_doing(bench, "an image that names %s", what);
    if (bait_watch(bait, err) < 0)
        return -1;
    if (drive->storage->plugin.inspect &&
        (ask_inspect(drive, &reported, option) > 0 || reported))
        return bait_taken(bait) ? bench_fail(err, "Only report the name",
                                             "inspect opens the file that an "
                                             "image names as %s",
                                             what)
                                : 0;
    if (drive->storage->plugin.inspect)
        return bench_fail(err, hint, "inspect does not report that an image names %s",
                          what);
    open_emitted(drive);
    return bait_taken(bait)
               ? bench_fail(err, hint, "an image that names %s makes QEMU open it", what)
               : 0;
}

/* ---- the file that a base names ---- */

/* A drive whose option names the base; other options that say a format say this one.
 * NULL: it is refused. */
static struct maqet_drive *
drive_on(struct bench *bench, const char *option, const char *base)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);

    made_up_set_storage(bench, entry, option, base);
    for (const struct maqet_option *row = bench->options; row && row->name; row++)
        for (unsigned i = 0; row->type == MAQET_OPTION_CHOICE && row->choices[i]; i++)
            if (strcmp(row->choices[i], plugin->format) == 0)
                made_up_set_storage(bench, entry, row->name, plugin->format);
    return bench_drive_of(bench, entry, NULL);
}

/* Opens a drive on this base, and says whether it is accepted. */
static bool
accepts(struct bench *bench, const char *option, const char *base)
{
    _cleanup_drive_ struct maqet_drive *drive = drive_on(bench, option, base);
    struct maqet_image_state state;

    if (!drive || maqet_drive_inspect(drive, &state, NULL) < 0)
        return false;
    open_emitted(drive);
    return true;
}

/* A base that names the bait. */
static int
try_base(struct bench *bench, struct bait *bait, const char *option,
         struct maqet_error **err)
{
    const char *format = bench->storage->plugin.format;
    _cleanup_free_ char *base = bench_path(bench, "given/base");
    const char *what;

    made_up_image(base, format);
    if (bait_make_image(0, bench->drive->path, format, base, &what) > 0 ||
        !accepts(bench, option, base))
        return 0;
    bench_doing(bench, "a base that names %s", what);
    if (bait_make_image(0, base, format, bait->path, &what) > 0)
        return 0;
    if (bait_watch(bait, err) < 0)
        return -1;
    accepts(bench, option, base);
    return bait_taken(bait)
               ? bench_fail(err,
                            "Emit \"backing\": null where a chain ends, or refuse a "
                            "base that names further files",
                            "the file that a base names as its backing file is opened")
               : 0;
}

/* ---- the check ---- */

static int
check_named(struct bench *bench, struct maqet_error **err)
{
    _cleanup_bait_ struct bait bait = {.fd = -1};
    const char *what;
    unsigned made = 0;

    if (bait_lay(&bait, bench, err) < 0)
        return -1;
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *option = NULL;
        int result = bait_make_image(i, bench->drive->path, bench->storage->plugin.format,
                                     bait.path, &what);

        if (!what)
            break;
        if (result > 0)
            continue;
        made++;
        if (try_named(bench, &bait, what, &option, err) < 0 ||
            (i == 0 && option && try_base(bench, &bait, option, err) < 0))
            return -1;
    }
    return made > 0 ? 0
                    : bench_skip(bench,
                                 "qemu-img makes no image of the format '%s' that "
                                 "names another file",
                                 bench->storage->plugin.format);
}

/* ---- an inspect that looks ---- */

/* Has inspect look at other bytes than it expects. */
static int
inspect_instead(struct bench *bench, const char *path, const char *what,
                struct maqet_image *image)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    *image = (struct maqet_image){.drive = bench->drive};
    bench_doing(bench, "%s", what);
    return MAQET_STORAGE_CALL(NULL, bench->drive, MAQET_CALL_SERVICE, inspect, fd, image);
}

/* Whether a file without any format is taken for one of the plugin's. */
static bool
takes_anything(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *path = bench_path(bench, "given/noise");
    _cleanup_free_ char *noise = maqet_alloc(BENCH_NOISE);
    struct maqet_image image;

    memset(noise, 0xa5, BENCH_NOISE);
    if (bench_write(path, noise, BENCH_NOISE, err) < 0)
        return false;
    int result = inspect_instead(bench, path, "a file that is no image", &image);
    bool takes = result == 0 && image.format &&
                 strcmp(image.format, bench->storage->plugin.format) == 0;
    maqet_image_clear(&image);
    return takes;
}

/* Whether a new image has a beginning or an end by which it can be recognised. */
static bool
has_header(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = lseek(fd, 0, SEEK_END);
    char bytes[2 * 4096] = "";

    if (pread(fd, bytes, sizeof(bytes) / 2, 0) < 0 ||
        (size > (off_t)sizeof(bytes) &&
         pread(fd, bytes + sizeof(bytes) / 2, sizeof(bytes) / 2,
               size - (off_t)sizeof(bytes) / 2) < 0))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        if (bytes[i])
            return true;
    return false;
}

static int
check_looks(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *given = bench_path(bench, "given");
    _cleanup_drive_ struct maqet_drive *larger =
        bench_drive(bench, "larger", 2 * BENCH_SIZE, err);
    struct maqet_image_state state, other;

    if (!larger || bench_prepare(bench->drive, err) < 0 ||
        bench_prepare(larger, err) < 0 ||
        maqet_drive_inspect(bench->drive, &state, err) < 0 ||
        maqet_drive_inspect(larger, &other, err) < 0)
        return -1;
    maqet_dir_make(given, 0700, NULL);
    if (rename(larger->path, bench->drive->path) < 0)
        return maqet_error_errno(err, errno, "Cannot replace %s", bench->drive->path);
    struct maqet_image image;
    int result = inspect_instead(bench, bench->drive->path, "a larger image", &image);
    uint64_t size = image.virtual_size;
    maqet_image_clear(&image);
    if (result == 0 && state.virtual_size > 0 && size != other.virtual_size)
        return bench_fail(err, "Report what is in the image, not what the options say",
                          "inspect reports the size of the drive's options, and not that "
                          "of the image");
    if (!has_header(bench->drive->path) || !takes_anything(bench, err))
        return err && *err ? -1 : 0;
    return bench_fail(err, "Look for what each image of the format begins with",
                      "inspect reports the format '%s' of a file that is no image",
                      bench->storage->plugin.format);
}

enum { NEEDS_FILE = NEEDS_DRIVE | NEEDS_PATH };

const struct check checks_of_named_files[] = {
    {"looks", OF_STORAGE, NEEDS_FILE | NEEDS_CREATE | NEEDS_INSPECT | NEEDS_SIZE, 30,
     check_looks, "inspect reports what the image is, whatever the options say"},
    {"named-files", OF_STORAGE, NEEDS_FILE | NEEDS_QEMU_IMG, 30, check_named,
     "inspect reports every other file that an image names, and none is opened that the "
     "configuration does not name, nor one that a base names"},
    {0},
};
