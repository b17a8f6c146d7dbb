/* SPDX-License-Identifier: MIT */
#include "core/qemu/confinement_arguments.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "core/base/sockets.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"

enum {
    READ = MAQET_ACCESS_READ,
    USE = MAQET_ACCESS_READ | MAQET_ACCESS_WRITE,
};

/* Options for files that QEMU only reads, for files that it creates, and for sockets on
 * which it listens even without `server`. */
static const char *const reading_options[] = {
    "L",    "acpitable", "bios",       "boot",   "cdrom",  "device",
    "dtb",  "fw_cfg",    "initrd",     "kernel", "plugin", "option-rom",
    "shim", "smbios",    "readconfig", NULL,
};
static const char *const creating_options[] = {
    "D",      "audiodev", "chardev", "debugcon", "machine", "monitor",
    "object", "parallel", "serial",  "trace",    NULL,
};
static const char *const listening_options[] = {"spice", "vnc", NULL};

/* Objects that only read their files. */
static const char *const reading_objects[] = {
    "authz-list-file", "rng-random",        "secret",
    "secret_keyring",  "tls-cipher-suites", "tls-creds-anon",
    "tls-creds-psk",   "tls-creds-x509",    NULL,
};

/* Properties whose files QEMU only reads. */
static const char *const read_keys[] = {
    "bootfile", "dtb",     "events", "firmware", "initrd",
    "kernel",   "romfile", "splash", "tftp",     NULL,
};

/* What may precede a path in a value. */
static const char *const prefixes[] = {
    "file:", "unix:", "pipe:",     "fat:",         "floppy:", "rw:",
    "raw:",  "json:", "nbd+unix:", "host_device:", "nbd:",    NULL,
};

/* Devices that an option, or one like it, needs if its value contains the word (NULL: any
 * value). */
static const struct device_need {
    const char *option;
    const char *word;
    const char *paths[2]; /* patterns of glob(3) */
    unsigned access;
} device_needs[] = {
    {"accel", "kvm", {"/dev/kvm"}, USE},
    {"enable-kvm", NULL, {"/dev/kvm"}, USE},
    {"machine", "kvm", {"/dev/kvm"}, USE},
    {"netdev", "tap", {"/dev/net/tun"}, USE},
    {"netdev", "vhost", {"/dev/vhost-net"}, USE},
    {"device", "vhost", {"/dev/vhost-*"}, USE},
    {"device", "vfio", {"/dev/vfio", "/dev/iommu"}, USE},
    {"object", "iommufd", {"/dev/iommu"}, USE},
    {"blockdev", "nvme", {"/dev/vfio"}, USE},
    {"drive", "nvme:", {"/dev/vfio"}, USE},
    {"device", "usb-host", {"/dev/bus/usb"}, USE},
    {"device", "usb-host", {"/run/udev"}, READ},
    {"chardev", "pty", {"/dev/ptmx", "/dev/pts"}, USE},
    {"serial", "pty", {"/dev/ptmx", "/dev/pts"}, USE},
    {"audiodev", NULL, {"/dev/snd"}, USE},
    {"audio", NULL, {"/dev/snd"}, USE},
    {"display", "egl", {"/dev/dri"}, USE},
    {"display", "gl", {"/dev/dri"}, USE},
    {"display", "dbus", {"/dev/dri"}, USE},
    {"spice", "gl", {"/dev/dri"}, USE},
    {"device", "gl", {"/dev/udmabuf"}, USE},
    {"device", "blob", {"/dev/udmabuf"}, USE},
    {"object", "sev", {"/dev/sev"}, USE},
    {"object", "epc", {"/dev/sgx_vepc"}, USE},
    {"object", "epc", {"/dev/sgx_provision"}, READ},
    {"tpmdev", "passthrough", {"/dev/tpm0", "/dev/tpmrm0"}, USE},
};

/* An option of the command line, and how QEMU uses the file that is named next. */
struct naming {
    struct maqet_confinement *confinement;
    const char *folder;
    const char *option;
    const struct maqet_qemu_option *known;
    bool may_create; /* the option is one that creates files */
    bool reads;      /* QEMU only reads it */
    bool listens;    /* it is a socket on which QEMU listens */
    bool creates;    /* QEMU creates it if it is missing */
};

static int visit_keyval(struct naming naming, const char *text, struct maqet_error **err);

/* ---- one path ---- */

/* QEMU creates the socket, and would first remove an old one. It may not do that, so the old
 * one is removed here, unless a process listens on it. */
static int
allow_listening(const struct naming *naming, const char *path, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    struct stat status;

    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        maqet_socket_listener(path) != MAQET_LISTENER_THERE)
        unlink(path);
    return maqet_confinement_allow(naming->confinement, folder, MAQET_ACCESS_LISTEN, err);
}

static int
allow_path(const struct naming *naming, const char *path, struct maqet_error **err)
{
    /* A pipe of QEMU is a pair of files. */
    _cleanup_free_ char *in = maqet_format("%s.in", path);
    _cleanup_free_ char *out = maqet_format("%s.out", path);
    unsigned access = naming->reads ? READ : USE;
    struct stat status;

    if (naming->listens)
        return allow_listening(naming, path, err);
    if (strcmp(naming->option, "chardev") == 0 &&
        (maqet_confinement_allow(naming->confinement, in, USE, err) < 0 ||
         maqet_confinement_allow(naming->confinement, out, USE, err) < 0))
        return -1;
    bool there = stat(path, &status) == 0;
    if (!there && errno == ENOENT && naming->creates && !naming->reads) {
        /* If that fails, QEMU reports it. */
        _cleanup_close_ int fd =
            open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd >= 0)
            maqet_strings_add(&naming->confinement->made, path);
    }
    if (there && S_ISDIR(status.st_mode) && !naming->reads)
        access |= MAQET_ACCESS_CHANGE;
    return maqet_confinement_allow(naming->confinement, path, access, err);
}

/* A value that may name a file. @sure: it does, even if it is not an absolute path. */
static int
visit_value(struct naming naming, const char *value, bool sure, struct maqet_error **err)
{
    for (const char *prefix; (prefix = maqet_text_prefix(value, prefixes));
         value += strlen(prefix)) {
        sure = true;
        naming.listens = naming.listens && strcmp(prefix, "unix:") == 0;
        naming.creates = naming.may_create && strcmp(prefix, "file:") == 0;
    }
    _cleanup_free_ char *pairs = maqet_keyval_of_json(value);
    if (pairs)
        return visit_keyval(naming, pairs, err);
    if (!*value || (*value != '/' && !sure))
        return 0;
    _cleanup_free_ char *path = maqet_qemu_path(value, naming.folder);
    return allow_path(&naming, path, err);
}

/* ---- one option ---- */

/* Whether QEMU creates the file that a property names. */
static bool
is_created(const char *key, const char *text)
{
    static const char *const always[] = {"logfile", "dumpdtb", "mem-path", NULL};
    static const char *const kinds[] = {"events", "file", "filter-dump", "wav", NULL};
    _cleanup_free_ char *first = maqet_strndup(text, strcspn(text, ",="));

    if (maqet_text_is_one_of(key, always))
        return true;
    return (strcmp(key, "path") == 0 || strcmp(key, "file") == 0) &&
           maqet_text_is_one_of(first, kinds);
}

static bool
is_only_read(const char *text)
{
    _cleanup_free_ char *type = maqet_keyval_get(text, "qom-type", "qom-type");

    return maqet_keyval_is_readonly(text) ||
           (type && maqet_text_is_one_of(type, reading_objects));
}

/* Whether a property belongs to a node that is read-only, or below one:
 * "backing.file.filename" does if "backing.read-only" is on. */
static bool
is_below_readonly(const char *text, const char *key)
{
    for (const char *dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
        _cleanup_free_ char *property =
            maqet_format("%.*s.read-only", (int)(dot - key), key);

        if (maqet_keyval_is_on(text, property))
            return true;
    }
    return false;
}

static int
visit_keyval(struct naming naming, const char *text, struct maqet_error **err)
{
    const char *implied = "";
    char *name, *text_of;

    naming.reads = naming.reads || is_only_read(text);
    naming.listens = maqet_text_is_one_of(naming.option, listening_options) ||
                     maqet_keyval_is_on(text, "server");
    for (const char *at = text; maqet_keyval_next(&at, implied, &name, &text_of);
         implied = NULL) {
        _cleanup_free_ char *key = name;
        _cleanup_free_ char *value = text_of;
        struct naming here = naming;

        here.reads = naming.reads || is_below_readonly(text, key) ||
                     maqet_text_is_one_of(maqet_keyval_last_part(key), read_keys);
        here.creates = naming.may_create && is_created(key, text);
        if (strcmp(key, "local.path") == 0)
            here.listens = true;
        else if (*key && !maqet_text_ends(key, "path") && strcmp(key, "addr") != 0)
            here.listens = false;
        if ((!*key || maqet_qemu_names_file(key) ||
             (here.listens && strcmp(key, "addr") == 0)) &&
            visit_value(here, value, *key, err) < 0)
            return -1;
    }
    return 0;
}

static int
allow_need(struct maqet_confinement *confinement, const struct device_need *need,
           struct maqet_error **err)
{
    glob_t found = {0};
    int result = 0;

    glob(need->paths[0], 0, NULL, &found);
    if (need->paths[1])
        glob(need->paths[1], GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc && result == 0; i++)
        result =
            maqet_confinement_allow(confinement, found.gl_pathv[i], need->access, err);
    globfree(&found);
    return result;
}

static int
visit_needs(const struct naming *naming, const char *value, struct maqet_error **err)
{
    for (size_t i = 0; i < sizeof(device_needs) / sizeof(*device_needs); i++) {
        const struct device_need *need = &device_needs[i];

        if (maqet_qemu_option_is_like(naming->known, need->option) &&
            (!need->word || (value && strstr(value, need->word))) &&
            allow_need(naming->confinement, need, err) < 0)
            return -1;
    }
    return 0;
}

static int
visit_option(struct maqet_confinement *confinement, const char *folder,
             const char *option, const char *value, struct maqet_error **err)
{
    const struct maqet_qemu_option *known = maqet_qemu_option_find(option);
    /* The whole value is a path, which may contain commas. */
    bool whole = known->nature == MAQET_QEMU_PATH ||
                 known->nature == MAQET_QEMU_SEARCHED ||
                 known->nature == MAQET_QEMU_IMAGE;
    struct naming naming = {
        .confinement = confinement,
        .folder = folder,
        .option = option,
        .known = known,
        .may_create = maqet_text_is_one_of(option, creating_options),
        .reads = maqet_text_is_one_of(option, reading_options),
    };

    if (visit_needs(&naming, value, err) < 0)
        return -1;
    if (!value)
        return 0;
    naming.creates = whole && naming.may_create;
    return whole || *value == '{' ? visit_value(naming, value, true, err)
                                  : visit_keyval(naming, value, err);
}

/* ---- the command line ---- */

/* A configuration file of QEMU: sections `[option "id"]` with lines `key = "value"` (QEMU:
 * util/qemu-config.c). */
static int
visit_configuration(struct maqet_confinement *confinement, const char *folder,
                    const char *file, struct maqet_error **err)
{
    enum { LIMIT = 1 << 20 };
    _cleanup_free_ char *path = maqet_qemu_path(file, folder);
    _cleanup_free_ char *text = NULL, *option = maqet_strdup("");
    char *rest = NULL;

    /* If it cannot be read, QEMU reports it. */
    if (maqet_file_read(path, LIMIT, &text, NULL, NULL) < 0)
        return 0;
    for (char *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *quote = strchr(line, '"'), *end = strrchr(line, '"');

        line += strspn(line, " \t");
        if (*line == '[') {
            free(option);
            option = maqet_strndup(line + 1, strcspn(line + 1, " ]"));
        } else if (quote && end > quote && *line != '#') {
            _cleanup_free_ char *key = maqet_strndup(line, strcspn(line, " \t="));
            _cleanup_free_ char *value =
                maqet_strndup(quote + 1, (size_t)(end - quote - 1));
            _cleanup_free_ char *doubled = maqet_text_double_commas(value);
            _cleanup_free_ char *pair = maqet_format("%s=%s", key, doubled);

            if (visit_option(confinement, folder, option, pair, err) < 0)
                return -1;
        }
    }
    return 0;
}

int
maqet_confinement_allow_arguments(struct maqet_confinement *confinement,
                                  const char *const *argv, const char *folder,
                                  struct maqet_error **err)
{
    for (size_t i = 1; argv[i]; i++) {
        const char *option = argv[i] + strspn(argv[i], "-");
        const char *value = argv[i + 1];

        if (argv[i][0] != '-')
            continue;
        if (value && value[0] == '-' && value[1])
            value = NULL;
        if (visit_option(confinement, folder, option, value, err) < 0 ||
            (value && strcmp(option, "readconfig") == 0 &&
             visit_configuration(confinement, folder, value, err) < 0))
            return -1;
    }
    return 0;
}
