/* SPDX-License-Identifier: MIT */
/*
 * seeded-overlays.h - the overlays of seeded.c, which includes it.
 */
#ifndef MAQET_SEEDED_OVERLAYS_H
#define MAQET_SEEDED_OVERLAYS_H

static const char *
name_below(const struct maqet_drive *drive)
{
    static char name[4096];
    const char *path = maqet_drive_path(drive);

    if (FAULT == OVERLAY_PATHS &&
        strncmp(maqet_drive_backing_name(drive), "json:", strlen("json:")) == 0) {
        snprintf(name, sizeof(name), "./%s", maqet_drive_backing_name(drive));
        return name;
    }
    if (FAULT != OVERLAY_ABSOLUTE && FAULT != OVERLAY_COPIES)
        return maqet_drive_backing_name(drive);
    snprintf(name, sizeof(name), "%.*s/%s", (int)(strrchr(path, '/') - path), path,
             maqet_drive_backing_name(drive));
    return name;
}

static int
overlay_create(const struct maqet_drive *drive, const char *path, uint64_t bytes,
               struct maqet_error **err)
{
    char size[32];

    snprintf(size, sizeof(size), "%llu",
             (unsigned long long)bytes / (FAULT == OVERLAY_HALF ? 2 : 1));
    if (FAULT == OVERLAY_REPLACED) {
        char *other = text_of("%s.new", path);

        touch(other);
        rename(other, path);
        free(other);
    }
    if (FAULT == OVERLAY_COPIES)
        return maqet_run(err, "qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", "--",
                         name_below(drive), path, (char *)NULL);
    return maqet_run(err, "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b",
                     name_below(drive), "-F", maqet_drive_backing_format(drive), "--",
                     path, size, (char *)NULL);
}

/* @mode: "-u": only the name; "-q": the data, too. */
static int
rebase(const struct maqet_drive *drive, const char *mode, const char *name,
       const char *format, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_word(command, "rebase");
    maqet_command_word(command, mode);
    maqet_command_word(command, "-f");
    maqet_command_word(command, "qcow2");
    maqet_command_word(command, "-b");
    maqet_command_word(command, name ? name : "");
    if (name) {
        maqet_command_word(command, "-F");
        maqet_command_word(command, format);
    }
    maqet_command_word(command, "--");
    maqet_command_word(command, maqet_drive_path(drive));
    return maqet_command_run(command, err);
}

static int
overlay_rename(const struct maqet_drive *drive, struct maqet_error **err)
{
    return FAULT == OVERLAY_OLD_NAME ? 0
                                     : rebase(drive, "-u", name_below(drive),
                                              maqet_drive_backing_format(drive), err);
}

static int
overlay_down(const struct maqet_drive *drive, struct maqet_error **err)
{
    if (FAULT == DOWN_NOTHING)
        return 0;
    if (FAULT == MERGES_ONCE) {
        char *mark = text_of("%s.merged", maqet_drive_path(drive));
        int fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        free(mark);
        if (fd < 0)
            return maqet_error_set(err, MAQET_ERROR_FAILED, "it is merged already");
        close(fd);
    }
    struct maqet_command *command = maqet_command_new("qemu-img");
    maqet_command_word(command, "commit");
    maqet_command_word(command, "-q");
    if (FAULT == DOWN_EMPTIES) {
        maqet_command_word(command, "-f");
        maqet_command_word(command, "qcow2");
        maqet_command_word(command, "--");
        maqet_command_word(command, maqet_drive_path(drive));
        return maqet_command_run(command, err);
    }
    maqet_command_word(command, "-d");
    if (maqet_command_image(command, drive, err) == 0)
        return maqet_command_run(command, err);
    maqet_command_free(command);
    return -1;
}

static int
overlay_up(const struct maqet_drive *drive, const char *name, const char *format,
           struct maqet_error **err)
{
    return rebase(drive, FAULT == UP_NAME_ONLY ? "-u" : "-q", name, format, err);
}

/* Entries of the second level that lead to a cluster (QEMU's docs/interop/qcow2); a table has a
 * cluster. */
static int
count_clusters(int fd, const unsigned char *header, uint64_t *clusters)
{
    uint64_t at = big_endian(header + 40, 8), size = UINT64_C(1)
                                                     << (big_endian(header + 20, 4) & 31);
    unsigned char entry[8], inner[8];

    *clusters = 0;
    for (uint64_t i = 0; i < big_endian(header + 36, 4); i++) {
        if (pread(fd, entry, sizeof(entry), (off_t)(at + 8 * i)) != sizeof(entry))
            return -1;
        uint64_t table = big_endian(entry, 8) & UINT64_C(0x00fffffffffffe00);
        for (uint64_t j = 0; table && j < size; j += sizeof(inner)) {
            if (pread(fd, inner, sizeof(inner), (off_t)(table + j)) != sizeof(inner))
                return -1;
            *clusters += (big_endian(inner, 8) & UINT64_C(0x00fffffffffffe00)) != 0;
        }
    }
    return 0;
}

static int
overlay_used(const struct maqet_drive *drive, int fd, uint64_t *bytes,
             struct maqet_error **err)
{
    unsigned char header[HEADER_BYTES], part[4096];

    if (read_header(fd, header) < 0 || count_clusters(fd, header, bytes) < 0)
        return error_no_image(drive, err);
    *bytes <<= big_endian(header + 20, 4) & 31;
    if (FAULT == USED_SIZE)
        *bytes = big_endian(header + 24, 8);
    for (off_t at = 0; FAULT == USED_READS_ALL &&
                       pread(fd, part, sizeof(part), at) == (ssize_t)sizeof(part);)
        at += (off_t)sizeof(part);
    return 0;
}

static const struct maqet_overlay_table overlays = {
    .size = sizeof(struct maqet_overlay_table),
    .create = overlay_create,
    .rename_backing = overlay_rename,
    .merge_down = overlay_down,
    .merge_up = overlay_up,
    .used = overlay_used,
};

#endif
