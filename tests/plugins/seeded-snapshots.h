/* SPDX-License-Identifier: MIT */
/*
 * seeded-snapshots.h - the snapshots of seeded.c, which includes it.
 */
#ifndef MAQET_SEEDED_SNAPSHOTS_H
#define MAQET_SEEDED_SNAPSHOTS_H

static int
run_snapshot(const struct maqet_drive *drive, const char *option, const char *name,
             struct maqet_error **err)
{
    return maqet_run(err, "qemu-img", "snapshot", "-q", option, name,
                     maqet_drive_path(drive), (char *)NULL);
}

/* The snapshot that was made last, for a fault. */
static char newest[256];

static int
snapshot_create(const struct maqet_drive *drive, const char *name,
                struct maqet_error **err)
{
    snprintf(newest, sizeof(newest), "%s", name);
    return FAULT == KEEPS_NOTHING ? 0 : run_snapshot(drive, "-c", name, err);
}

static int
snapshot_load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              struct maqet_error **err)
{
    const char *which = FAULT == LOADS_NEWEST ? newest : maqet_snapshot_id(snapshot);
    int result = FAULT == LOADS_NOTHING ? 0 : run_snapshot(drive, "-a", which, err);

    return FAULT == LOAD_REMOVES && result == 0
               ? run_snapshot(drive, "-d", maqet_snapshot_name(snapshot), err)
               : result;
}

static int
snapshot_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                struct maqet_error **err)
{
    return FAULT == REMOVES_NOTHING
               ? 0
               : run_snapshot(drive, "-d", maqet_snapshot_name(snapshot), err);
}

/* A text of the image's, which may have no end. */
static int
read_text(int fd, uint64_t at, uint64_t length, char *text, size_t space)
{
    if (length >= space || pread(fd, text, length, (off_t)at) != (ssize_t)length)
        return -1;
    text[length] = '\0';
    return 0;
}

/* Reads the table of snapshots, as QEMU's docs/interop/qcow2 has it. */
static int
snapshot_list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
              struct maqet_error **err)
{
    unsigned char header[HEADER_BYTES], row[40];
    char id[128], name[256];

    if (read_header(fd, header) < 0)
        return error_no_image(drive, err);
    uint64_t count = big_endian(header + 60, 4), at = big_endian(header + 64, 8);
    if (count > 1000 || at > INT64_MAX / 2)
        return error_no_image(drive, err);
    if (FAULT == PHANTOM)
        maqet_snapshots_add(snapshots, "9999", "phantom");
    for (uint64_t i = 0; i < count; i++) {
        if (pread(fd, row, sizeof(row), (off_t)at) != sizeof(row))
            return error_no_image(drive, err);
        uint64_t id_length = big_endian(row + 12, 2);
        uint64_t name_length = big_endian(row + 14, 2);

        at += sizeof(row) + big_endian(row + 36, 4);
        if (read_text(fd, at, id_length, id, sizeof(id)) < 0 ||
            read_text(fd, at + id_length, name_length, name, sizeof(name)) < 0)
            return error_no_image(drive, err);
        for (int j = FAULT == LISTS_TWICE ? 0 : 1; j < 2; j++)
            maqet_snapshots_add(snapshots, FAULT == COMMON_SNAPSHOT ? "1" : id, name);
        at = (at + id_length + name_length + 7) & ~UINT64_C(7);
    }
    return 0;
}

static int
live_create(const struct maqet_drive *drive, const char *name,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-internal-sync");

    (void)err;
    maqet_props_string(data, "device",
                       FAULT == WRONG_NODE ? "drive0" : maqet_drive_node(drive));
    maqet_props_string(data, "name", name);
    return 0;
}

static int
live_remove(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-delete-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
    maqet_props_string(data, "id", maqet_snapshot_id(snapshot));
    return 0;
}

static struct maqet_command *
serve(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
      const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");

    (void)err;
    maqet_command_arg(command, "--read-only");
    maqet_command_arg(command, "--persistent");
    maqet_command_arg(command, "--socket=%s", socket);
    maqet_command_arg(command, "--format=qcow2");
    if (FAULT != SERVES_NOW)
        maqet_command_arg(command, "--load-snapshot=snapshot.id=%s",
                          maqet_snapshot_id(snapshot));
    maqet_command_arg(command, "%s", maqet_drive_path(drive));
    return command;
}

static const struct maqet_snapshot_table snapshots = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = snapshot_create,
    .load = snapshot_load,
    .remove = snapshot_remove,
    .list = snapshot_list,
    .live_create = live_create,
    .live_remove = live_remove,
    .serve = serve,
};

#endif
