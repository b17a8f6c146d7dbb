/* SPDX-License-Identifier: MIT */
#include "core/qemu/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ = MAQET_ACCESS_READ,
    RUN = MAQET_ACCESS_READ | MAQET_ACCESS_EXECUTE,
    USE = MAQET_ACCESS_READ | MAQET_ACCESS_WRITE
};

/* ---- the rules ---- */

int
maqet_confinement_begin(struct maqet_confinement *confinement, int version,
                        struct maqet_error **err)
{
    *confinement = MAQET_CONFINEMENT_INIT;
    confinement->version = version;
    if (version == 0)
        return 0;
    confinement->ruleset = maqet_landlock_new(version, err);
    return confinement->ruleset < 0 ? -1 : 0;
}

void
maqet_confinement_clear(struct maqet_confinement *confinement)
{
    if (confinement->ruleset >= 0)
        close(confinement->ruleset);
    for (size_t i = 0; i < confinement->known_count; i++)
        free(confinement->known[i].path);
    free(confinement->known);
    maqet_text_clear(&confinement->rules);
    maqet_strings_clear(&confinement->made);
    *confinement = MAQET_CONFINEMENT_INIT;
}

void
maqet_confinement_know(struct maqet_confinement *confinement, const char *path,
                       const struct maqet_file_id *id)
{
    size_t count = confinement->known_count;

    confinement->known =
        maqet_realloc(confinement->known, (count + 1) * sizeof(*confinement->known));
    confinement->known[count] =
        (struct maqet_known_file){.path = maqet_strdup(path), .id = *id};
    confinement->known_count++;
}

/* Whether what is open is the file that was looked at under that name, if one was. */
static int
check_known(const struct maqet_confinement *confinement, const char *path, int fd,
            struct maqet_error **err)
{
    struct maqet_file_id now;

    for (size_t i = 0; i < confinement->known_count; i++) {
        const struct maqet_known_file *known = &confinement->known[i];

        if (strcmp(known->path, path) != 0 ||
            (maqet_file_id_of_fd(fd, &now) && maqet_file_id_equal(&known->id, &now)))
            continue;
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "%s was replaced by another file while it was inspected", path);
        maqet_error_hint(err, "Find out who can write to its folder, and start again");
        return -1;
    }
    return 0;
}

/* "read,write /path": in the words of the key `sandbox`, as far as there are any. */
static void
record_rule(struct maqet_confinement *confinement, const char *path, unsigned access)
{
    static const struct {
        unsigned access;
        const char *word;
    } words[] = {
        {MAQET_ACCESS_READ, "read"},     {MAQET_ACCESS_EXECUTE, "execute"},
        {MAQET_ACCESS_WRITE, "write"},   {MAQET_ACCESS_CHANGE, "change"},
        {MAQET_ACCESS_LISTEN, "listen"}, {MAQET_ACCESS_REMOVE, "remove"},
    };
    const char *separator = "";

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!(access & words[i].access))
            continue;
        maqet_text_appendf(&confinement->rules, "%s%s", separator, words[i].word);
        separator = ",";
    }
    maqet_text_appendf(&confinement->rules, " %s\n", path);
}

int
maqet_confinement_allow(struct maqet_confinement *confinement, const char *path,
                        unsigned access, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

    /* Nothing that can't be found can be opened; who has to find it says so. */
    if (fd < 0)
        return 0;
    if (check_known(confinement, path, fd, err) < 0 ||
        (confinement->version > 0 &&
         maqet_landlock_allow(confinement->ruleset, confinement->version, fd, access,
                              path, err) < 0))
        return -1;
    record_rule(confinement, path, access);
    return 0;
}

void
maqet_confinement_undo(struct maqet_confinement *confinement)
{
    for (size_t i = 0; i < confinement->made.count; i++)
        maqet_file_remove_empty(confinement->made.items[i]);
    maqet_strings_cut(&confinement->made, 0);
}

/* ---- what every QEMU needs ---- */

struct place {
    const char *path;
    unsigned access;
};

/*
 * Of /etc only what libraries read: it holds secrets, too, which root's QEMU could read.
 * No folder here can be written to by anybody but root.
 */
static const struct place system_places[] = {
    {"/usr", RUN},
    {"/lib", RUN},
    {"/lib32", RUN},
    {"/lib64", RUN},
    {"/bin", RUN},
    {"/sbin", RUN},
    {"/gnu/store", RUN},
    {"/nix/store", RUN},
    {"/run/current-system/sw", RUN},
    /* the dynamic linker */
    {"/etc/ld.so.cache", READ},
    {"/etc/ld.so.conf", READ},
    {"/etc/ld.so.conf.d", READ},
    {"/etc/ld.so.preload", READ},
    {"/etc/alternatives", RUN},
    /* names of users, hosts and services */
    {"/etc/nsswitch.conf", READ},
    {"/etc/passwd", READ},
    {"/etc/group", READ},
    {"/etc/hosts", READ},
    {"/etc/host.conf", READ},
    {"/etc/gai.conf", READ},
    {"/etc/resolv.conf", READ},
    {"/etc/services", READ},
    {"/etc/protocols", READ},
    {"/etc/machine-id", READ},
    /* time and languages */
    {"/etc/localtime", READ},
    {"/etc/timezone", READ},
    {"/etc/locale.alias", READ},
    /* cryptography */
    {"/etc/crypto-policies", READ},
    {"/etc/gcrypt", READ},
    {"/etc/gnutls", READ},
    {"/etc/pki/tls/certs", READ},
    {"/etc/pki/ca-trust/extracted", READ},
    {"/etc/ssl/certs", READ},
    {"/etc/ssl/openssl.cnf", READ},
    {"/etc/sasl2", READ},
    /* QEMU's own, and those of its libraries */
    {"/etc/qemu", READ},
    {"/etc/qemu-ifup", RUN},
    {"/etc/qemu-ifdown", RUN},
    {"/etc/ceph", READ},
    {"/etc/libnl", READ},
    {"/etc/libnl-3", READ},
    {"/etc/fonts", READ},
    {"/etc/gtk-3.0", READ},
    {"/etc/pulse", READ},
    {"/etc/alsa", READ},
    {"/etc/drirc", READ},
    {"/etc/glvnd", READ},
    {"/etc/vulkan", READ},
    {"/etc/X11", READ},
    {"/etc/xdg", READ},
    {"/etc/terminfo", READ},
    /* what the kernel tells */
    {"/proc/cpuinfo", READ},
    {"/proc/filesystems", READ},
    {"/proc/meminfo", READ},
    {"/proc/stat", READ},
    {"/proc/sys", READ},
    {"/sys", READ},
    /* devices without a state */
    {"/dev/null", USE},
    {"/dev/zero", USE},
    {"/dev/full", USE},
    {"/dev/random", READ},
    {"/dev/urandom", READ},
    {"/dev/tty", USE},
};

/* What a window on the user's screen needs, below the user's home. */
static const char *const desktop_places[] = {
    ".Xauthority",
    ".cache/fontconfig",
    ".config/dconf",
    ".config/fontconfig",
    ".config/gtk-3.0",
    ".config/pulse",
    ".config/user-dirs.dirs",
    ".fonts",
    ".icons",
    ".local/share/fonts",
    ".local/share/icons",
    ".local/share/themes",
    ".themes",
};

static int
allow_all(struct maqet_confinement *confinement, const struct place *places, size_t count,
          struct maqet_error **err)
{
    for (size_t i = 0; i < count; i++)
        if (maqet_confinement_allow(confinement, places[i].path, places[i].access, err) <
            0)
            return -1;
    return 0;
}

/* A QEMU that was installed below a folder of its own has "bin" and "share" there; one in
 * the folder in which it was built finds its firmware from there. A script that runs QEMU
 * may lie anywhere, so nothing else beside it is allowed. */
static int
allow_program(struct maqet_confinement *confinement, const char *program,
              struct maqet_error **err)
{
    static const char *const installed[] = {"bin",     "lib",   "lib32",    "lib64",
                                            "libexec", "share", "etc/qemu", NULL};
    static const char *const built[] = {"qemu-bundle", "pc-bios", "../pc-bios", NULL};
    _cleanup_free_ char *real = realpath(program, NULL);

    if (!real)
        return 0;
    if (maqet_confinement_allow(confinement, real, RUN, err) < 0)
        return -1;
    _cleanup_free_ char *folder = maqet_path_folder(real);
    _cleanup_free_ char *above = maqet_path_folder(folder);
    const char *last = strrchr(folder, '/');
    bool in_bin = last && strcmp(last, "/bin") == 0;

    if (strcmp(above, "/usr") == 0)
        return 0;
    for (const char *const *name = in_bin ? installed : built; *name; name++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", in_bin ? above : folder, *name);

        if (maqet_confinement_allow(confinement, path, RUN, err) < 0)
            return -1;
    }
    return 0;
}

/* Folders of libraries and of QEMU's modules that the environment names. */
static int
allow_environment(struct maqet_confinement *confinement, struct maqet_error **err)
{
    static const char *const names[] = {"LD_LIBRARY_PATH", "LD_PRELOAD",
                                        "QEMU_MODULE_DIR"};
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (getenv(names[i]))
            maqet_path_split(getenv(names[i]), "/", &paths);
    for (size_t i = 0; i < paths.count; i++)
        if (maqet_confinement_allow(confinement, paths.items[i], RUN, err) < 0)
            return -1;
    return 0;
}

static int
allow_desktop(struct maqet_confinement *confinement, struct maqet_error **err)
{
    static const struct place devices[] = {
        {"/dev/dri", USE}, {"/dev/snd", USE}, {"/dev/udmabuf", USE}};
    const char *home = getenv("HOME"), *authority = getenv("XAUTHORITY");
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    size_t count = sizeof(desktop_places) / sizeof(*desktop_places);

    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return 0;
    for (size_t i = 0; home && i < count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", home, desktop_places[i]);

        if (maqet_confinement_allow(confinement, path, READ, err) < 0)
            return -1;
    }
    if (authority && maqet_confinement_allow(confinement, authority, READ, err) < 0)
        return -1;
    if (runtime) {
        _cleanup_free_ char *pulse = maqet_format("%s/pulse", runtime);

        if (maqet_confinement_allow(confinement, pulse, READ, err) < 0)
            return -1;
    }
    return allow_all(confinement, devices, sizeof(devices) / sizeof(*devices), err);
}

int
maqet_confinement_allow_system(struct maqet_confinement *confinement, const char *program,
                               struct maqet_error **err)
{
    size_t count = sizeof(system_places) / sizeof(*system_places);

    return allow_all(confinement, system_places, count, err) < 0 ||
                   allow_program(confinement, program, err) < 0 ||
                   allow_environment(confinement, err) < 0 ||
                   allow_desktop(confinement, err) < 0
               ? -1
               : 0;
}
