/* SPDX-License-Identifier: MIT */
/*
 * maker.c - a storage plugin whose images are one line of text, "maker SIZE", and which
 * makes them in the way, or fails in the way, that the drive's `act` says. It needs no
 * program, so the tests of drives and images run everywhere.
 */
#include <maqet-plugin.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 4096 };

static const char *const acts[] = {
    "write",    /* makes the image */
    "slowly",   /* the same, but takes a moment */
    "anew",     /* the same, but as another file in the place of the empty one */
    "no-space", /* doesn't know how much space it needs */
    "half",     /* fails with an error when half is done */
    "mute",     /* fails without an error when half is done */
    "odd",      /* returns what no callback may return */
    "vanish",   /* says that all is well, but there is no file */
    "hang",     /* gets stuck when half is done */
    "rival",   /* makes the image, but somebody else has put one into its place by then */
    "invalid", /* validate refuses it */
    "unsure",  /* validate sets an error and says that all is well */
    NULL,
};
static const struct maqet_option limits[] = {
    {.name = "depth",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 9,
     .help = "a number"},
    {.name = "word", .type = MAQET_OPTION_STRING, .fallback = "none", .help = "a text"},
    {.name = NULL},
};
static const struct maqet_option options[] = {
    {.name = "file", .type = MAQET_OPTION_PATH, .help = "image file"},
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1M", .help = "virtual size"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "base", .type = MAQET_OPTION_PATH, .help = "a file that the image may name"},
    {.name = "log", .type = MAQET_OPTION_PATH, .help = "gets a line for each creation"},
    {.name = "mode", .type = MAQET_OPTION_MODE, .help = "of no use"},
    {.name = "limits", .type = MAQET_OPTION_MAP, .options = limits, .help = "of no use"},
    {.name = "act",
     .type = MAQET_OPTION_CHOICE,
     .fallback = "write",
     .choices = acts,
     .help = "what creation does"},
    {.name = NULL},
};

static bool
acts_as(const struct maqet_drive *drive, const char *act)
{
    return strcmp(maqet_drive_string(drive, "act"), act) == 0;
}

static int
maker_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (acts_as(drive, "unsure")) {
        maqet_drive_error(drive, "act", err, MAQET_ERROR_INVALID, "or maybe not");
        return 0;
    }
    return acts_as(drive, "invalid")
               ? maqet_drive_error(drive, "act", err, MAQET_ERROR_INVALID, "it won't do")
               : 0;
}

static int
maker_space(const struct maqet_drive *drive, uint64_t *at_once, uint64_t *at_most,
            struct maqet_error **err)
{
    if (acts_as(drive, "no-space"))
        return -1;
    *at_once = AT_ONCE;
    *at_most = maqet_drive_size(drive, "size");
    return *at_most > 0 ? 0
                        : maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                                            "an image of no size cannot be created");
}

static int
append(const char *path, int flags, const char *text, struct maqet_error **err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600);
    bool failed = fd < 0 || write(fd, text, strlen(text)) < 0;

    if (fd >= 0)
        close(fd);
    return failed ? maqet_error_set(err, MAQET_ERROR_FAILED, "cannot write %s: %m", path)
                  : 0;
}

/* What the acts that make no image do when half of one is there. */
static int
fail(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    if (acts_as(drive, "hang"))
        for (;;)
            pause();
    if (acts_as(drive, "half"))
        return maqet_error_set(err, MAQET_ERROR_FAILED, "the ink has run out");
    if (acts_as(drive, "odd"))
        return 1;
    return acts_as(drive, "vanish") ? unlink(path) : -1;
}

static int
maker_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    const char *log = maqet_drive_string(drive, "log");
    char line[64];

    snprintf(line, sizeof(line), "maker %llu\n",
             (unsigned long long)maqet_drive_size(drive, "size"));
    if (log && append(log, O_CREAT, line, err) < 0)
        return -1;
    if (acts_as(drive, "slowly"))
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    if (acts_as(drive, "anew") &&
        (unlink(path) < 0 || append(path, O_CREAT, "", err) < 0))
        return -1;
    if (acts_as(drive, "rival") &&
        append(maqet_drive_path(drive), O_CREAT, "maker 7\n", err) < 0)
        return -1;
    if (acts_as(drive, "write") || acts_as(drive, "slowly") || acts_as(drive, "anew") ||
        acts_as(drive, "rival"))
        return append(path, 0, line, err);
    return append(path, 0, "mak", err) < 0 ? -1 : fail(drive, path, err);
}

/* An image is "FORMAT SIZE", or "FORMAT SIZE NAME" when it names another file. */
static int
maker_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
              struct maqet_error **err)
{
    char text[512] = "", format[16] = "", name[256] = "";
    unsigned long long size = 0;
    ssize_t count = read(fd, text, sizeof(text) - 1);
    int words = sscanf(text, "%15s %llu %255s", format, &size, name);

    if (count < 0 || words < 2)
        return strcmp(format, "mute") == 0
                   ? -1
                   : maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                       "there is no image in %s",
                                       maqet_drive_path(drive));
    maqet_image_format(image, format);
    maqet_image_virtual_size(image, size);
    if (words == 3)
        maqet_image_names_file(image, "base", "base", name);
    return 0;
}

static int
maker_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_error **err)
{
    (void)err;
    if (!maqet_drive_path(drive))
        return 0;
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "file");
    maqet_props_string(node, "filename", maqet_drive_path(drive));
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "maker",
    .summary = "images of one line, for tests",
    .options = options,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "slots",
    .path_option = "file",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = maker_validate,
    .space = maker_space,
    .create = maker_create,
    .inspect = maker_inspect,
    .emit_args = maker_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
