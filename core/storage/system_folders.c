/* SPDX-License-Identifier: MIT */
/*
 * system_folders.c - identifies a folder by its place in its file system, from
 * /proc/self/mountinfo (proc_pid_mountinfo(5)), which is the same for a bind mount.
 */
#include "core/storage/system_folders.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/storage/keys.h"

enum { MOUNTS_LIMIT = 16 << 20, WORDS = 5 };

/* A place in a file system. */
struct place {
    char *device; /* "8:1" */
    char *inner;  /* the path from the root of the file system */
    char *path;   /* links resolved */
};

static void
place_clear(struct place *place)
{
    free(place->device);
    free(place->inner);
    free(place->path);
}

#define _cleanup_place_ _cleanup_(place_clear)

/* Replaces escapes ("\040") in place. */
static void
unescape(char *word)
{
    char *to = word;

    for (const char *at = word; *at; at++) {
        unsigned byte;

        if (*at == '\\' && sscanf(at + 1, "%3o", &byte) == 1) {
            *to++ = (char)byte;
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

bool
maqet_path_is_within(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(path, folder, length) == 0 &&
           (path[length] == '/' || path[length] == '\0');
}

/* The mount of a descriptor; 0: not known. */
static int
mount_of(int fd)
{
    _cleanup_free_ char *path = maqet_format("/proc/self/fdinfo/%d", fd);
    _cleanup_free_ char *text = NULL;
    int id = 0;

    if (maqet_file_read(path, 4096, &text, NULL, NULL) < 0)
        return 0;
    const char *found = strstr(text, "mnt_id:");
    return found && sscanf(found, "mnt_id: %d", &id) == 1 ? id : 0;
}

/* Fills the device and the inner path from the line of the mount: "ID PARENT DEVICE ROOT
 * MOUNTPOINT ...". */
static bool
locate(const char *mounts, int id, struct place *place)
{
    for (const char *line = mounts; *line;) {
        size_t length = strcspn(line, "\n");
        _cleanup_free_ char *copy = maqet_strndup(line, length);
        char *rest = copy, *words[WORDS] = {NULL};

        for (size_t i = 0; i < WORDS && rest; i++)
            words[i] = strsep(&rest, " ");
        line += length + (line[length] == '\n');
        if (!words[WORDS - 1] || (int)strtol(words[0], NULL, 10) != id)
            continue;
        unescape(words[3]);
        unescape(words[4]);
        if (!maqet_path_is_within(place->path, words[4]))
            return false;
        const char *below =
            place->path + (strcmp(words[4], "/") == 0 ? 0 : strlen(words[4]));
        place->device = maqet_strdup(words[2]);
        place->inner =
            strcmp(words[3], "/") == 0
                ? maqet_strdup(*below ? below : "/")
                : maqet_format("%s%s", words[3], strcmp(below, "/") == 0 ? "" : below);
        return true;
    }
    return false;
}

static bool
place_of(const char *mounts, const char *path, struct place *place)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat status;

    place->path = fd < 0 ? NULL : realpath(path, NULL);
    if (!place->path || fstat(fd, &status) < 0)
        return false;
    if (locate(mounts, mount_of(fd), place))
        return true;
    /* The root of a chroot need not be a mount: then compare the paths. */
    place->device = maqet_format("chroot %ju", (uintmax_t)status.st_dev);
    place->inner = maqet_strdup(place->path);
    return true;
}

static bool
lies_in(const struct place *place, const struct place *folder)
{
    return maqet_path_is_within(place->path, folder->path) ||
           (strcmp(place->device, folder->device) == 0 &&
            maqet_path_is_within(place->inner, folder->inner));
}

const char *
maqet_system_folder(const char *path)
{
    static const struct {
        const char *path;
        bool below; /* so are all folders in it */
    } folders[] = {
        {"/etc", true},        {"/usr", true},
        {"/bin", true},        {"/sbin", true},
        {"/lib", true},        {"/lib32", true},
        {"/lib64", true},      {"/libx32", true},
        {"/boot", true},       {"/dev", true},
        {"/proc", true},       {"/sys", true},
        {"/root/.ssh", true},  {"/var/spool/cron", true},
        {"/var", false},       {"/var/lib", false},
        {"/var/spool", false}, {"/run", false},
    };
    _cleanup_free_ char *mounts = NULL;
    _cleanup_place_ struct place place = {0};

    if (maqet_file_read("/proc/self/mountinfo", MOUNTS_LIMIT, &mounts, NULL, NULL) < 0)
        mounts = maqet_strdup("");
    if (!place_of(mounts, path, &place) || maqet_path_is_within(place.path, "/dev/shm"))
        return NULL;
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        _cleanup_place_ struct place folder = {0};

        if (place_of(mounts, folders[i].path, &folder) &&
            (lies_in(&folder, &place) || (folders[i].below && lies_in(&place, &folder))))
            return folders[i].path;
    }
    return NULL;
}

int
maqet_drive_check_share(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (drive->storage->plugin.interface || maqet_drive_readonly(drive) ||
        maqet_value_bool(maqet_drive_value(drive, MAQET_OF_CORE, "allow_system")))
        return 0;
    for (size_t i = 0; i < drive->chain.count; i++) {
        const struct maqet_node *node = &drive->chain.nodes[i];
        const char *folder = node->file ? maqet_system_folder(node->file) : NULL;

        if (!folder)
            continue;
        maqet_drive_error(drive, node->option, err, MAQET_ERROR_PERMISSION,
                          "the guest could write to %s, a system folder of the host, "
                          "through %s; this is refused",
                          folder, node->file);
        _cleanup_free_ char *readonly = maqet_keys_readonly(drive);
        maqet_error_hint(err, "%s%s%s another folder", readonly ? "Say " : "",
                         readonly ? readonly : "", readonly ? ", or share" : "Share");
        maqet_error_hint(err, "If the guest is meant to write there, say "
                              "`allow_system: on`");
        return -1;
    }
    return 0;
}

/* ---- where no image is created ---- */

const char *
maqet_path_system(const char *folder, uid_t uid)
{
    /* The first match decides, so exceptions come first. */
    static const struct {
        const char *path;
        bool allowed;
    } rules[] = {
        {"/dev/shm", true}, {"/var/lib/maqet", true}, {"/var/lib/libvirt/images", true},
        {"/var/tmp", true}, {"/bin", false},          {"/boot", false},
        {"/dev", false},    {"/etc", false},          {"/lib", false},
        {"/lib32", false},  {"/lib64", false},        {"/libn32", false},
        {"/libo32", false}, {"/libx32", false},       {"/proc", false},
        {"/sbin", false},   {"/sys", false},          {"/usr", false},
        {"/var", false},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (maqet_path_is_within(folder, rules[i].path))
            return rules[i].allowed ? NULL : rules[i].path;
    if (uid != 0 && maqet_path_is_within(folder, "/root"))
        return "/root";
    return NULL;
}
