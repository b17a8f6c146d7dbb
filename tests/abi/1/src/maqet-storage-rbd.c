/* SPDX-License-Identifier: MIT */
/*
 * rbd.c - block devices of a Ceph cluster, by QEMU's own driver: no kernel module, no
 * mount. The image is made when it is missing, and never removed.
 */
#include "rbd.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES_MAX = 1024, SECTOR = 512 };

static const char *const discard_words[] = {"unmap", "ignore", NULL};

/* QEMU's cache modes. That the guest sees no write cache with two of them is a property
 * of its device, for which interface plugins read this option. */
static const char *const cache_words[] = {"none",       "writeback", "writethrough",
                                          "directsync", "unsafe",    NULL};

static const struct maqet_option options[] = {
    {.name = "image",
     .type = MAQET_OPTION_STRING,
     .flags = MAQET_REQUIRED,
     .help = "the image's name, made when it is missing"},
    {.name = "pool",
     .type = MAQET_OPTION_STRING,
     .fallback = "rbd",
     .help = "the pool that it is in"},
    {.name = "namespace",
     .type = MAQET_OPTION_STRING,
     .help = "the namespace of the pool"},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .help = "size that the guest sees, such as 20G; used when the image is made"},
    {.name = "conf",
     .type = MAQET_OPTION_PATH,
     .help = "Ceph's configuration; /etc/ceph/ceph.conf unless given"},
    {.name = "monitors",
     .type = MAQET_OPTION_STRING,
     .help =
         "the cluster's monitors, HOST:PORT, separated by commas; instead of those of "
         "the configuration"},
    {.name = "user",
     .type = MAQET_OPTION_STRING,
     .fallback = "admin",
     .help = "the user, without \"client.\""},
    {.name = "key_file",
     .type = MAQET_OPTION_PATH,
     .help =
         "file that holds the user's key, as `ceph auth get-key` prints it; instead of "
         "the keyring of the configuration"},
    {.name = "cache",
     .type = MAQET_OPTION_CHOICE,
     .choices = cache_words,
     .help = "how the host caches, in QEMU's words; writeback unless given"},
    {.name = "discard",
     .type = MAQET_OPTION_CHOICE,
     .choices = discard_words,
     .help = "what becomes of space that the guest frees (fstrim): unmap, the default, "
             "gives it back to the cluster"},
    {.name = "readonly",
     .type = MAQET_OPTION_BOOL,
     .help = "the guest may only read, and the image is never made"},
    {.name = NULL},
};

/* ---- validate ---- */

/* '/' and '@' separate names in Ceph's own notation. */
static int
check_name(const struct maqet_drive *drive, const char *option, struct maqet_error **err)
{
    const char *name = maqet_drive_string(drive, option);

    if (!name)
        return 0;
    for (const char *at = name; *at; at++)
        if (iscntrl((unsigned char)*at) || strchr("/@", *at))
            return maqet_drive_error(drive, option, err, MAQET_ERROR_INVALID,
                                     "`%s` is one name, without '/' and '@': %s", option,
                                     name);
    return *name ? 0
                 : maqet_drive_error(drive, option, err, MAQET_ERROR_INVALID,
                                     "`%s` is empty", option);
}

/* What names and addresses of hosts are made of. */
#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/*
 * The next "HOST:PORT" of the list at *@at, which moves behind it; an IPv6 address stands
 * in brackets. Returns false where there is something else.
 */
static bool
next_monitor(const char **at, const char **host, int *host_length, const char **port,
             int *port_length)
{
    size_t length = strcspn(*at, ","), end;
    bool brackets = **at == '[';

    *host = *at + brackets;
    end = strspn(*host, brackets ? HOST_LETTERS ":" : HOST_LETTERS);
    *host_length = (int)end;
    *port = *host + end + brackets + 1;
    if (end == 0 || (brackets && (*host)[end] != ']') || (*port)[-1] != ':')
        return false;
    *port_length = (int)strspn(*port, "0123456789");
    if (*port_length == 0 || *port + *port_length != *at + length)
        return false;
    *at += length + ((*at)[length] == ',');
    return true;
}

static int
check_monitors(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *at = maqet_drive_string(drive, "monitors"), *host, *port;
    int host_length, port_length;

    while (at && *at)
        if (!next_monitor(&at, &host, &host_length, &port, &port_length)) {
            maqet_drive_error(drive, "monitors", err, MAQET_ERROR_INVALID,
                              "`monitors` are HOST:PORT, separated by commas without "
                              "spaces");
            maqet_error_hint(err,
                             "Such as: monitors: \"192.0.2.1:3300,[2001:db8::2]:3300\"");
            return -1;
        }
    return 0;
}

/* rbd prints a file that holds something else, which is mostly a keyring, with the key in
 * it; and that would be shown, as a program's words are. */
static int
check_key(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const char *path = maqet_drive_string(drive, "key_file");
    char key[KEY_BYTES_MAX + 1];
    struct stat status;

    if (!path)
        return 0;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return maqet_drive_error(drive, "key_file", err, MAQET_ERROR_INVALID,
                                 "the key file %s is no regular file", path);
    FILE *file = fopen(path, "re");
    if (!file)
        return maqet_drive_error(
            drive, "key_file", err,
            errno == EACCES ? MAQET_ERROR_PERMISSION : MAQET_ERROR_MISSING,
            "cannot read the key file %s: %s", path, strerror(errno));
    size_t length = fread(key, 1, KEY_BYTES_MAX, file);
    fclose(file);
    key[length] = '\0';
    if (length > 0 && key[length - 1] == '\n')
        key[--length] = '\0';
    bool sound = length > 0 && strspn(key, letters) == length;
    explicit_bzero(key, sizeof(key));
    if (sound)
        return 0;
    maqet_drive_error(drive, "key_file", err, MAQET_ERROR_INVALID,
                      "the file %s does not hold a key alone", path);
    maqet_error_hint(err,
                     "Write the key into it: (umask 077; ceph auth get-key client.%s "
                     "> '%s')",
                     maqet_drive_string(drive, "user"), path);
    return -1;
}

static int
rbd_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *user = maqet_drive_string(drive, "user");

    if (check_name(drive, "image", err) < 0 || check_name(drive, "pool", err) < 0 ||
        check_name(drive, "namespace", err) < 0 || check_name(drive, "user", err) < 0)
        return -1;
    if (strncmp(user, "client.", strlen("client.")) == 0)
        return maqet_drive_error(drive, "user", err, MAQET_ERROR_INVALID,
                                 "`user` is given without \"client.\"");
    /* Who starts the machine would be somebody else than who looks after its image. */
    if (getenv("CEPH_ARGS") && *getenv("CEPH_ARGS")) {
        maqet_drive_error(
            drive, NULL, err, MAQET_ERROR_INVALID,
            "CEPH_ARGS is set in the environment, which rbd follows and QEMU "
            "does not");
        maqet_error_hint(err, "Unset it, and say the same by the drive's options");
        return -1;
    }
    return check_monitors(drive, err) < 0 ? -1 : check_key(drive, err);
}

/* ---- making and looking ---- */

static unsigned long long
round_up(uint64_t bytes)
{
    return (bytes + SECTOR - 1) / SECTOR * SECTOR;
}

/* Two may make it at once; whoever comes second finds it made. */
static int
rbd_create(const struct maqet_drive *drive, const char *path, struct maqet_error **err)
{
    static const char *const words[] = {"create", "--no-progress", NULL};
    uint64_t size = maqet_drive_size(drive, "size");
    int exists;

    (void)path;
    if (size == 0) {
        maqet_drive_error(drive, "size", err, MAQET_ERROR_INVALID,
                          "the image '%s' is not there yet, and making it needs a `size`",
                          maqet_drive_string(drive, "image"));
        maqet_error_hint(err, "Add a line such as `size: 20G`");
        return -1;
    }
    for (int attempt = 0;; attempt++) {
        struct maqet_command *command = rbd_image_command(drive, words);

        maqet_command_arg(command, "--size=%lluB", round_up(size));
        if (attempt > 0)
            return rbd_run(drive, command, err);
        if (rbd_run(drive, command, NULL) == 0)
            return 0;
        exists = rbd_exists(drive, err);
        if (exists > 0)
            return maqet_drive_error(drive, "image", err, MAQET_ERROR_EXISTS,
                                     "the image '%s' has been made meanwhile",
                                     maqet_drive_string(drive, "image"));
        if (exists < 0)
            return -1;
    }
}

static int
rbd_inspect(const struct maqet_drive *drive, int fd, struct maqet_image *image,
            struct maqet_error **err)
{
    static const char *const words[] = {"info", NULL};
    int exists = rbd_exists(drive, err);
    json_object *info, *size = NULL;

    (void)fd;
    if (exists < 0)
        return -1;
    if (exists == 0) {
        maqet_image_missing(image);
        return rbd_error_missing(drive, err);
    }
    info = rbd_ask(drive, rbd_image_command(drive, words), json_type_object, err);
    if (!info)
        return -1;
    json_object_object_get_ex(info, "size", &size);
    maqet_image_format(image, "rbd");
    maqet_image_virtual_size(image, (uint64_t)json_object_get_int64(size));
    json_object_put(info);
    return 0;
}

/* ---- its size ---- */

static int
rbd_resize(const struct maqet_drive *drive, uint64_t bytes, struct maqet_error **err)
{
    static const char *const words[] = {"resize", "--no-progress", NULL};
    struct maqet_command *command = rbd_image_command(drive, words);

    maqet_command_arg(command, "--size=%lluB", round_up(bytes));
    return rbd_run(drive, command, err);
}

static int
rbd_live_resize(const struct maqet_drive *drive, uint64_t bytes,
                struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *action = maqet_actions_add(actions, "block_resize");

    (void)err;
    maqet_props_string(action, "node-name", maqet_drive_node(drive));
    maqet_props_int(action, "size", (int64_t)round_up(bytes));
    return 0;
}

/* ---- what QEMU is told ---- */

char *
rbd_secret_id(const struct maqet_drive *drive)
{
    char *id;

    if (!maqet_drive_has(drive, "key_file") ||
        asprintf(&id, "%s-key", maqet_drive_node(drive)) < 0)
        return NULL;
    return id;
}

static void
describe_monitors(const char *at,
                  void (*set)(void *data, const char *key, const char *value), void *data)
{
    const char *host, *port;
    int host_length, port_length;

    for (int i = 0;
         at && *at && next_monitor(&at, &host, &host_length, &port, &port_length); i++) {
        char key[64], text[512];

        snprintf(key, sizeof(key), "server.%d.host", i);
        snprintf(text, sizeof(text), "%.*s", host_length, host);
        set(data, key, text);
        snprintf(key, sizeof(key), "server.%d.port", i);
        snprintf(text, sizeof(text), "%.*s", port_length, port);
        set(data, key, text);
    }
}

void
rbd_describe(const struct maqet_drive *drive,
             void (*set)(void *data, const char *key, const char *value), void *data)
{
    static const char *const same[] = {"pool", "namespace", "image", "conf", "user"};
    char *secret = rbd_secret_id(drive);

    set(data, "driver", "rbd");
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        if (maqet_drive_has(drive, same[i]))
            set(data, same[i], maqet_drive_string(drive, same[i]));
    if (secret)
        set(data, "key-secret", secret);
    free(secret);
    describe_monitors(maqet_drive_string(drive, "monitors"), set, data);
}

static void
set_property(void *data, const char *key, const char *value)
{
    maqet_props_string(data, key, value);
}

/* The key stays in its file: an argument could be read by everybody on the host. */
static int
rbd_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
              struct maqet_error **err)
{
    const char *cache = maqet_drive_string(drive, "cache");
    const char *discard = maqet_drive_string(drive, "discard");
    char *secret = rbd_secret_id(drive);
    struct maqet_props *props;

    (void)err;
    if (secret) {
        props = maqet_args_object(args, "secret", secret);
        maqet_props_string(props, "format", "base64");
        maqet_props_string(props, "file", maqet_drive_string(drive, "key_file"));
        free(secret);
    }
    props = maqet_args_blockdev(args, maqet_drive_node(drive));
    rbd_describe(drive, set_property, props);
    if (maqet_drive_readonly(drive))
        maqet_props_bool(props, "read-only", true);
    if (discard || !maqet_drive_readonly(drive))
        maqet_props_string(props, "discard", discard ? discard : "unmap");
    if (cache) {
        maqet_props_bool(props, "cache.direct",
                         strcmp(cache, "none") == 0 || strcmp(cache, "directsync") == 0);
        maqet_props_bool(props, "cache.no-flush", strcmp(cache, "unsafe") == 0);
    }
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "rbd",
    .summary = "block devices of a Ceph cluster",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG,
    .interface = "virtio",
    .size_option = "size",
    .readonly_option = "readonly",
    .creation = MAQET_CREATION_ONCE,
    .validate = rbd_validate,
    .create = rbd_create,
    .inspect = rbd_inspect,
    .holders = rbd_holders,
    .resize = rbd_resize,
    .live_resize = rbd_live_resize,
    .emit_args = rbd_emit_args,
    .snapshot = &rbd_snapshot_table,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
