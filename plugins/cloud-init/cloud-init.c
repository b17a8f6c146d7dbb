/* SPDX-License-Identifier: MIT */
/*
 * cloud-init.c - a small disk by which cloud-init in the guest learns who may log in, and
 * all else that it is to set up. It is what cloud-init calls the data source NoCloud: an ISO
 * image with the volume id "cidata". bsdtar, the program of libarchive, makes it for each
 * start: libarchive's own functions would need a temporary file in a folder that
 * nobody named.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than anybody has written, in bytes. */
enum { TEXT_MAX = 16 << 20 };

static const char image_name[] = "seed.iso";

/* What cloud-init reads, and the options that say it: as text, or by the file that has it. */
static const struct part {
    const char *file;
    const char *text_option;
    const char *file_option;
} parts[] = {
    {"user-data", "user_data", "user_data_file"},
    {"meta-data", "meta_data", "meta_data_file"},
    {"network-config", "network_config", "network_config_file"},
};
enum { USER_DATA, META_DATA, PARTS = sizeof(parts) / sizeof(*parts) };

static const struct maqet_option options[] = {
    {.name = "user_data",
     .type = MAQET_OPTION_STRING,
     .help = "what cloud-init is to do, as text, such as one that begins with "
             "#cloud-config"},
    {.name = "user_data_file",
     .type = MAQET_OPTION_PATH,
     .help = "a file with that text"},
    {.name = "meta_data",
     .type = MAQET_OPTION_STRING,
     .help =
         "lines about the machine; instance-id and local-hostname are added unless they "
         "are there"},
    {.name = "meta_data_file",
     .type = MAQET_OPTION_PATH,
     .help = "a file with those lines"},
    {.name = "network_config",
     .type = MAQET_OPTION_STRING,
     .help = "the guest's network, as text; DHCP unless given"},
    {.name = "network_config_file",
     .type = MAQET_OPTION_PATH,
     .help = "a file with that text"},
    {.name = "instance_id",
     .type = MAQET_OPTION_STRING,
     .help =
         "what tells the machine from others: cloud-init sets up a guest once for each "
         "id; the VM's name unless given"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .fallback = "on",
     .help = "the guest may only read it: it cannot be off"},
    {.name = NULL},
};

/* ---- checks ---- */

/* Whether a line of the text begins with the key and a colon. */
static bool
has_key(const char *text, const char *key)
{
    size_t length = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            return true;
    }
    return false;
}

/* cloud-init tells by the beginning of user data what they are, and ignores what it does not
 * know with no more than a line in its log. */
static int
check_user_data(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *text = maqet_drive_string(drive, parts[USER_DATA].text_option);

    if (!text || text[0] == '#' || strncasecmp(text, "content-type:", 13) == 0 ||
        strncasecmp(text, "mime-version:", 13) == 0)
        return 0;
    maqet_drive_error(drive, parts[USER_DATA].text_option, err, MAQET_ERROR_INVALID,
                      "cloud-init does not understand user data whose first line is not "
                      "`#cloud-config`, `#!` and a program, or the like");
    maqet_error_hint(err, "Write `#cloud-config` above the keys");
    return -1;
}

/* Reads a file. NULL on error; the caller frees. */
static char *
read_text(const struct maqet_drive *drive, const char *option, size_t *size,
          struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, option);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    char *text = NULL;
    ssize_t count = -1;

    if (fd >= 0 && fstat(fd, &status) == 0) {
        if (!S_ISREG(status.st_mode))
            errno = EINVAL;
        else if (status.st_size > TEXT_MAX)
            errno = EFBIG;
        else if ((text = malloc((size_t)status.st_size + 1)) != NULL)
            count = pread(fd, text, (size_t)status.st_size, 0);
    }
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (count >= 0) {
        text[count] = '\0';
        *size = (size_t)count;
        return text;
    }
    free(text);
    maqet_drive_error(drive, option, err,
                      number == ENOENT   ? MAQET_ERROR_MISSING
                      : number == EACCES ? MAQET_ERROR_PERMISSION
                                         : MAQET_ERROR_INVALID,
                      "cannot read %s: %s", path,
                      number == EINVAL ? "it is not a file" : strerror(number));
    return NULL;
}

static int
cloud_init_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    for (size_t i = 0; i < PARTS; i++) {
        size_t size;

        if (!maqet_drive_has(drive, parts[i].file_option))
            continue;
        if (maqet_drive_has(drive, parts[i].text_option))
            return maqet_drive_error(drive, parts[i].file_option, err,
                                     MAQET_ERROR_INVALID,
                                     "`%s` and `%s` both say the same: remove one",
                                     parts[i].text_option, parts[i].file_option);
        char *text = read_text(drive, parts[i].file_option, &size, err);
        if (!text)
            return -1;
        free(text);
    }
    if (!maqet_drive_bool(drive, "readonly"))
        return maqet_drive_error(drive, "readonly", err, MAQET_ERROR_INVALID,
                                 "the guest can only read this disk");
    return check_user_data(drive, err);
}

/* ---- what the image holds ---- */

/* A name in quotes: that of a machine may look like a number. No host is named with an
 * underscore. */
static char *
host_name(const struct maqet_drive *drive)
{
    char *name = strdup(maqet_drive_vm_name(drive));

    for (char *at = name; at && *at; at++)
        if (*at == '_')
            *at = '-';
    return name;
}

/* The user's lines, after those that must not be missing. Whoever writes JSON writes all of
 * it. The caller frees. */
static char *
complete_meta_data(const struct maqet_drive *drive, const char *written)
{
    const char *id = maqet_drive_string(drive, "instance_id");
    char *host = host_name(drive), *text = NULL;
    bool json = written[strspn(written, " \n\t")] == '{';
    bool has_id = json || has_key(written, "instance-id");
    bool has_host = json || has_key(written, "local-hostname");

    if (!host || asprintf(&text, "%s%s%s%s%s%s%s", has_id ? "" : "instance-id: \"",
                          has_id ? ""
                          : id   ? id
                                 : maqet_drive_vm_name(drive),
                          has_id ? "" : "\"\n", has_host ? "" : "local-hostname: \"",
                          has_host ? "" : host, has_host ? "" : "\"\n", written) < 0)
        text = NULL;
    free(host);
    return text;
}

/* The content of a part; *size is 0 if it has none. NULL on error; the caller frees. */
static char *
content_of(const struct maqet_drive *drive, size_t part, size_t *size,
           struct maqet_error **err)
{
    const char *written = maqet_drive_string(drive, parts[part].text_option);
    bool in_file = maqet_drive_has(drive, parts[part].file_option);
    char *text = in_file ? read_text(drive, parts[part].file_option, size, err)
                         : strdup(written ? written : "");

    if (!text && in_file)
        return NULL;
    if (text && part == META_DATA) {
        char *whole = complete_meta_data(drive, text);

        free(text);
        text = whole;
    }
    if (!text) {
        maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
        return NULL;
    }
    /* What a file holds need not be text: user data may be compressed. */
    if (!in_file || part == META_DATA)
        *size = strlen(text);
    return text;
}

/* ---- the image ---- */

/* The caller frees. */
static char *
path_in_folder(const struct maqet_drive *drive, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", maqet_drive_folder(drive), name) < 0 ? NULL : path;
}

static int
write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);

        if (count < 0 && errno != EINTR)
            return -1;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    return 0;
}

static int
write_part(const struct maqet_drive *drive, size_t part, struct maqet_error **err)
{
    size_t size;
    char *text = content_of(drive, part, &size, err);
    char *path = text ? path_in_folder(drive, parts[part].file) : NULL;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    int result = fd < 0 ? -1 : write_all(fd, text, size);
    int number = errno;

    if (fd >= 0)
        close(fd);
    if (text && result < 0)
        maqet_error_set(err,
                        number == ENOSPC || number == EDQUOT ? MAQET_ERROR_NO_SPACE
                                                             : MAQET_ERROR_FAILED,
                        "cannot write %s: %s", path ? path : parts[part].file,
                        strerror(number));
    free(path);
    free(text);
    return result;
}

/* Without user data and meta data there is no data source; without a network, none is
 * configured. */
static bool
is_wanted(const struct maqet_drive *drive, size_t part)
{
    return part <= META_DATA || maqet_drive_has(drive, parts[part].text_option) ||
           maqet_drive_has(drive, parts[part].file_option);
}

static int
run_bsdtar(const struct maqet_drive *drive, const char *image, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("bsdtar");

    /* It writes a temporary file. */
    maqet_command_environment(command, "TMPDIR", maqet_drive_folder(drive));
    maqet_command_word(command, "--create");
    maqet_command_word(command, "--format");
    maqet_command_word(command, "iso9660");
    maqet_command_word(command, "--options");
    maqet_command_word(command, "volume-id=cidata");
    maqet_command_word(command, "--uid");
    maqet_command_word(command, "0");
    maqet_command_word(command, "--gid");
    maqet_command_word(command, "0");
    maqet_command_word(command, "--file");
    maqet_command_word(command, image);
    maqet_command_word(command, "--directory");
    maqet_command_word(command, maqet_drive_folder(drive));
    for (size_t i = 0; i < PARTS; i++)
        if (is_wanted(drive, i))
            maqet_command_word(command, parts[i].file);
    if (maqet_command_run(command, err) == 0)
        return 0;
    maqet_error_hint(err,
                     "bsdtar is in the package libarchive-tools of Debian and Ubuntu, "
                     "and in bsdtar of Fedora");
    return -1;
}

/* Only the user may read it: it may contain passwords. */
static int
make_image(const struct maqet_drive *drive, struct maqet_error **err)
{
    char *image = path_in_folder(drive, image_name);
    int fd = image ? open(image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;

    int result = fd < 0 ? maqet_error_set(err, MAQET_ERROR_FAILED, "cannot create %s: %s",
                                          image ? image : image_name, strerror(errno))
                        : run_bsdtar(drive, image, err);
    if (fd >= 0)
        close(fd);
    free(image);
    return result;
}

static int
cloud_init_create(const struct maqet_drive *drive, const char *path,
                  struct maqet_error **err)
{
    (void)path;
    for (size_t i = 0; i < PARTS; i++)
        if (is_wanted(drive, i) && write_part(drive, i, err) < 0)
            return -1;
    if (make_image(drive, err) < 0)
        return -1;
    /* They are in the image now. */
    for (size_t i = 0; i < PARTS; i++) {
        char *file = path_in_folder(drive, parts[i].file);

        if (file)
            unlink(file);
        free(file);
    }
    return 0;
}

static int
cloud_init_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                     struct maqet_error **err)
{
    char *image = path_in_folder(drive, image_name);
    struct maqet_props *node;

    if (!image)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
    node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "raw");
    maqet_props_bool(node, "read-only", true);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", image);
    free(image);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "cloud-init",
    .summary = "a disk that tells cloud-init in the guest what to set up",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .media = MAQET_MEDIA_DISK | MAQET_MEDIA_CDROM,
    .interface = "virtio",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_EACH_START,
    .validate = cloud_init_validate,
    .create = cloud_init_create,
    .emit_args = cloud_init_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
