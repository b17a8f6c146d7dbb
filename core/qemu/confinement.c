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
    *MAQET_APPEND(confinement->known, confinement->known_count) =
        (struct maqet_known_file){.path = maqet_strdup(path), .id = *id};
}

/* Whether an open file is the one that was inspected at that path, if one was. */
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

/* "read,write /path", with the words of the key `sandbox` where it has one. */
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

    /* If QEMU needs it, QEMU reports that it is missing. */
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

/* Lists of paths, separated as in $PATH. Only root can write to these folders. */
static const char run_places[] =
    "/usr:/lib:/lib32:/lib64:/bin:/sbin:/gnu/store:/nix/store:/run/current-system/sw:"
    "/etc/alternatives:/etc/qemu-ifup:/etc/qemu-ifdown";

/* Of the dynamic linker. */
static const char linker_places[] =
    "/etc/ld.so.cache:/etc/ld.so.conf:/etc/ld.so.conf.d:/etc/ld.so.preload";

/* Not all of /etc: it contains secrets, which a QEMU that runs as root could read. */
static const char read_places[] =
    /* names of users, hosts and services */
    "/etc/nsswitch.conf:/etc/passwd:/etc/group:/etc/hosts:/etc/host.conf:/etc/gai.conf:"
    "/etc/resolv.conf:/etc/services:/etc/protocols:/etc/machine-id:"
    /* time and locale */
    "/etc/localtime:/etc/timezone:/etc/locale.alias:"
    /* cryptography */
    "/etc/crypto-policies:/etc/gcrypt:/etc/gnutls:/etc/pki/tls/certs:"
    "/etc/pki/ca-trust/extracted:/etc/ssl/certs:/etc/ssl/openssl.cnf:/etc/sasl2:"
    /* QEMU and its libraries */
    "/etc/qemu:/etc/ceph:/etc/libnl:/etc/libnl-3:/etc/fonts:/etc/gtk-3.0:/etc/pulse:"
    "/etc/alsa:/etc/drirc:/etc/glvnd:/etc/vulkan:/etc/X11:/etc/xdg:/etc/terminfo:"
    /* the kernel */
    "/proc/cpuinfo:/proc/filesystems:/proc/meminfo:/proc/stat:/proc/sys:/sys:"
    "/dev/random:/dev/urandom";

/* Devices without a state. */
static const char use_places[] = "/dev/null:/dev/zero:/dev/full:/dev/tty";

/* What a window on the user's screen needs: devices, and paths below $HOME. */
static const char desktop_devices[] = "/dev/dri:/dev/snd:/dev/udmabuf";
static const char desktop_places[] =
    ".Xauthority:.cache/fontconfig:.config/dconf:.config/fontconfig:.config/gtk-3.0:"
    ".config/pulse:.config/user-dirs.dirs:.fonts:.icons:.local/share/fonts:"
    ".local/share/icons:.local/share/themes:.themes";

/* Allows each of a list of paths (NULL: none); relative ones start at @folder. */
static int
allow_all(struct maqet_confinement *confinement, const char *list, const char *folder,
          unsigned access, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings paths = MAQET_STRINGS_INIT;

    if (list)
        maqet_path_split(list, folder, &paths);
    for (size_t i = 0; i < paths.count; i++)
        if (maqet_confinement_allow(confinement, paths.items[i], access, err) < 0)
            return -1;
    return 0;
}

/* A QEMU that was installed with a prefix of its own has "bin" and "share" there; one in its
 * build folder finds its firmware from there. A script that runs QEMU may be anywhere, so
 * nothing else beside the program is allowed. */
static int
allow_program(struct maqet_confinement *confinement, const char *program,
              struct maqet_error **err)
{
    static const char installed[] = "bin:lib:lib32:lib64:libexec:share:etc/qemu";
    static const char built[] = "qemu-bundle:pc-bios:../pc-bios";
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
    return in_bin ? allow_all(confinement, installed, above, RUN, err)
                  : allow_all(confinement, built, folder, RUN, err);
}

/* Folders of libraries and of QEMU's modules from the environment. */
static int
allow_environment(struct maqet_confinement *confinement, struct maqet_error **err)
{
    static const char *const names[] = {"LD_LIBRARY_PATH", "LD_PRELOAD",
                                        "QEMU_MODULE_DIR"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (allow_all(confinement, getenv(names[i]), "/", RUN, err) < 0)
            return -1;
    return 0;
}

static int
allow_desktop(struct maqet_confinement *confinement, struct maqet_error **err)
{
    const char *home = getenv("HOME"), *authority = getenv("XAUTHORITY");
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        return 0;
    if ((home && allow_all(confinement, desktop_places, home, READ, err) < 0) ||
        (authority && maqet_confinement_allow(confinement, authority, READ, err) < 0) ||
        (runtime && allow_all(confinement, "pulse", runtime, READ, err) < 0))
        return -1;
    return allow_all(confinement, desktop_devices, "/", USE, err);
}

int
maqet_confinement_allow_program(struct maqet_confinement *confinement,
                                const char *program, struct maqet_error **err)
{
    return allow_all(confinement, run_places, "/", RUN, err) < 0 ||
                   allow_all(confinement, linker_places, "/", READ, err) < 0 ||
                   allow_program(confinement, program, err) < 0 ||
                   allow_environment(confinement, err) < 0
               ? -1
               : 0;
}

int
maqet_confinement_allow_system(struct maqet_confinement *confinement, const char *program,
                               struct maqet_error **err)
{
    return maqet_confinement_allow_program(confinement, program, err) < 0 ||
                   allow_all(confinement, read_places, "/", READ, err) < 0 ||
                   allow_all(confinement, use_places, "/", USE, err) < 0 ||
                   allow_desktop(confinement, err) < 0
               ? -1
               : 0;
}
