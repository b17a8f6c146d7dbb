/* SPDX-License-Identifier: MIT */
/*
 * virtiofs.c - a folder that host and guest share by virtio-fs. QEMU only passes messages
 * on: a separate program, virtiofsd, reads and writes the files. It runs beside QEMU and
 * maps the guest's memory.
 *
 * There are two of that name, with different options: the one that came with QEMU until
 * 7.2, written in C, which only root can run, and its successor in Rust
 * (https://gitlab.com/virtio-fs/virtiofsd).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define MAQET_PLUGIN_ABI 1
#include <maqet-plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/common/quote.h"

enum { TAG_MAX = 36 }; /* bytes (Virtual I/O Device specification, 5.11.4) */

static const char *const caches[] = {"auto", "always", "never", NULL};
static const char *const sandboxes[] = {"namespace", "chroot", "none", NULL};

static const struct maqet_option options[] = {
    {.name = "path",
     .type = MAQET_OPTION_PATH,
     .flags = MAQET_REQUIRED,
     .help = "folder of the host"},
    {.name = "mount_tag",
     .type = MAQET_OPTION_STRING,
     .help = "name by which the guest mounts it; the drive's name unless it is given"},
    {.name = "readonly", .type = MAQET_OPTION_BOOL, .help = "the guest may only read"},
    {.name = "cache",
     .type = MAQET_OPTION_CHOICE,
     .choices = caches,
     .fallback = "auto",
     .help = "what the guest may keep in its memory: with never, it sees changes on the "
             "host at once, and with always, the host must change nothing"},
    {.name = "sandbox",
     .type = MAQET_OPTION_CHOICE,
     .choices = sandboxes,
     .fallback = "namespace",
     .help = "how virtiofsd is kept from other files of the host; chroot is for root"},
    {.name = "virtiofsd",
     .type = MAQET_OPTION_PATH,
     .help = "the program; without it, it is looked for where distributions put it"},
    {.name = NULL},
};

static const char *
tag_of(const struct maqet_drive *drive)
{
    const char *tag = maqet_drive_string(drive, "mount_tag");

    return tag ? tag : maqet_drive_name(drive);
}

/* The program; NULL and an error where there is none. */
static const char *
program_of(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const places[] = {"/usr/libexec/virtiofsd", "/usr/lib/virtiofsd",
                                         "/usr/lib/qemu/virtiofsd", NULL};
    const char *written = maqet_drive_string(drive, "virtiofsd");

    if (written && access(written, X_OK) == 0)
        return written;
    if (written) {
        maqet_drive_error(drive, "virtiofsd", err, MAQET_ERROR_MISSING,
                          "%s is not a program that you may run", written);
        return NULL;
    }
    for (const char *const *place = places; *place; place++)
        if (access(*place, X_OK) == 0)
            return *place;
    maqet_drive_error(drive, NULL, err, MAQET_ERROR_MISSING,
                      "sharing a folder by virtiofs requires the program virtiofsd");
    maqet_error_hint(err,
                     "Install it (Debian 13: apt install virtiofsd), or name it with "
                     "`virtiofsd:`");
    maqet_error_hint(err, "Or share the folder by 9p: `type: virtfs`");
    return NULL;
}

static int
virtiofs_validate(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *path = maqet_drive_string(drive, "path"), *tag = tag_of(drive);
    struct stat status;

    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        char *word = shell_quoted(path);

        maqet_drive_error(drive, "path", err, MAQET_ERROR_MISSING,
                          "cannot share %s: there is no such folder", path);
        if (word)
            maqet_error_hint(err, "Create it: mkdir -p %s", word);
        free(word);
        return -1;
    }
    if (!*tag || strlen(tag) > TAG_MAX)
        return maqet_drive_error(drive, "mount_tag", err, MAQET_ERROR_INVALID,
                                 "'%s' cannot be its mount tag: from 1 to %d bytes", tag,
                                 TAG_MAX);
    return program_of(drive, err) ? 0 : -1;
}

/* ---- the program beside QEMU ---- */

/* What a program can do, by its help. */
struct program {
    const char *path;
    bool newer;      /* it is the one in Rust */
    bool translates; /* it can give files other owners in the guest (since 1.12) */
};

static int
examine(const char *path, struct program *program, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new(path);

    maqet_command_arg(command, "--help");
    char *help = maqet_command_output(command, NULL, err);
    if (!help)
        return -1;
    *program = (struct program){.path = path,
                                .newer = strstr(help, "--shared-dir") != NULL,
                                .translates = strstr(help, "--translate-uid") != NULL};
    maqet_free(help);
    return 0;
}

/* An ordinary user's virtiofsd is in a namespace that has no other ID than the user's. So
 * whoever writes in the guest, the files belong to this user, who has the same ID there. */
static void
squash(struct maqet_command *command, const char *option, unsigned id)
{
    maqet_command_arg(command, "--%s=squash-guest:0:%u:4294967295", option, id);
}

static bool
confines_by_namespaces(const struct maqet_drive *drive)
{
    return strcmp(maqet_drive_string(drive, "sandbox"), "namespace") == 0;
}

/* By default virtiofsd confines itself in namespaces, which many containers, a chroot and some
 * hosts refuse; then it only ends. unshare(1) does the same calls. */
static int
check_namespaces(const struct maqet_drive *drive, const char *program,
                 struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("unshare");
    struct maqet_error *reason = NULL;

    if (geteuid() != 0)
        maqet_command_arg(command, "--user");
    maqet_command_arg(command, "--mount");
    maqet_command_arg(command, "--propagation=slave");
    maqet_command_arg(command, "true");
    if (maqet_command_run(command, &reason) == 0)
        return 0;
    maqet_drive_error(drive, "sandbox", err, MAQET_ERROR_PERMISSION,
                      "%s must create namespaces to confine itself, and cannot: %s",
                      program, maqet_error_text(reason));
    maqet_error_clear(&reason);
    maqet_error_hint(err, geteuid() == 0
                              ? "Add `sandbox: chroot` to the share"
                              : "Add `sandbox: none` to the share: then nothing but "
                                "permissions keeps the program from your other files");
    maqet_error_hint(err, "Or share the folder by 9p: `type: virtfs`");
    return -1;
}

static struct maqet_command *
successor(const struct maqet_drive *drive, const struct program *program)
{
    struct maqet_command *command = maqet_command_new(program->path);
    const char *sandbox = maqet_drive_string(drive, "sandbox");

    maqet_command_arg(command, "--fd=%d", MAQET_HELPER_FD);
    maqet_command_arg(command, "--shared-dir=%s", maqet_drive_string(drive, "path"));
    maqet_command_arg(command, "--cache=%s", maqet_drive_string(drive, "cache"));
    maqet_command_arg(command, "--sandbox=%s", sandbox);
    maqet_command_arg(command, "--log-level=warn");
    if (maqet_drive_readonly(drive))
        maqet_command_arg(command, "--readonly");
    if (program->translates && geteuid() != 0 && confines_by_namespaces(drive)) {
        squash(command, "translate-uid", geteuid());
        squash(command, "translate-gid", getegid());
    }
    return command;
}

/* Within -o, a comma ends an option; a backslash takes that meaning from it. */
static char *
escaped(const char *path)
{
    char *copy = malloc(2 * strlen(path) + 1), *to = copy;

    if (!copy)
        abort();
    for (; *path; path++) {
        if (*path == ',' || *path == '\\')
            *to++ = '\\';
        *to++ = *path;
    }
    *to = '\0';
    return copy;
}

static struct maqet_command *
predecessor(const struct maqet_drive *drive, const char *program,
            struct maqet_error **err)
{
    const char *cache = maqet_drive_string(drive, "cache");
    const char *sandbox = maqet_drive_string(drive, "sandbox");

    if (maqet_drive_readonly(drive) || strcmp(sandbox, "none") == 0) {
        maqet_drive_error(drive, maqet_drive_readonly(drive) ? "readonly" : "sandbox",
                          err, MAQET_ERROR_UNSUPPORTED,
                          "%s is that of QEMU 7.2, which does not support this", program);
        maqet_error_hint(err, "Install a newer virtiofsd, and name it with `virtiofsd:`");
        return NULL;
    }
    if (geteuid() != 0) {
        maqet_drive_error(drive, NULL, err, MAQET_ERROR_PERMISSION,
                          "%s is that of QEMU 7.2, which only root can run", program);
        maqet_error_hint(err, "Install a newer virtiofsd, and name it with `virtiofsd:`");
        maqet_error_hint(err, "Or share the folder by 9p: `type: virtfs`");
        return NULL;
    }
    struct maqet_command *command = maqet_command_new(program);
    char *path = escaped(maqet_drive_string(drive, "path"));
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "--fd=%d", MAQET_HELPER_FD);
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "source=%s", path);
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "cache=%s", strcmp(cache, "never") == 0 ? "none" : cache);
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "sandbox=%s", sandbox);
    maqet_command_arg(command, "-o");
    maqet_command_arg(command, "log_level=warn");
    free(path);
    return command;
}

static struct maqet_command *
virtiofs_helper(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *path = program_of(drive, err);
    struct program program;

    if (!path || examine(path, &program, err) < 0)
        return NULL;
    if ((program.newer || geteuid() == 0) && confines_by_namespaces(drive) &&
        check_namespaces(drive, path, err) < 0)
        return NULL;
    return program.newer ? successor(drive, &program) : predecessor(drive, path, err);
}

/* ---- QEMU's half ---- */

static int
virtiofs_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                   struct maqet_error **err)
{
    const char *name = maqet_drive_name(drive);
    struct maqet_props *socket = maqet_args_chardev(args, "socket", name);
    struct maqet_props *device = maqet_args_device(args, "vhost-user-fs-pci", name);

    (void)err;
    maqet_props_string(socket, "path", maqet_drive_socket(drive));
    maqet_props_string(device, "chardev", name);
    maqet_props_string(device, "tag", tag_of(drive));
    maqet_args_share_memory(args);
    return 0;
}

static const struct maqet_storage_plugin plugin = {
    .header = MAQET_STORAGE_PLUGIN_HEADER,
    .name = "virtiofs",
    .summary = "a folder of the host, shared by virtio-fs",
    .options = options,
    .flags = MAQET_STORAGE_HOTPLUG | MAQET_STORAGE_PCI,
    .readonly_option = "readonly",
    .validate = virtiofs_validate,
    .helper = virtiofs_helper,
    .emit_args = virtiofs_emit_args,
};
MAQET_REGISTER_STORAGE_PLUGIN(plugin)
