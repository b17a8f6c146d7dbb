/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* asprintf() */
#endif
#include "plugins/qcow2/operations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins/qcow2/bitmaps.h"
#include "plugins/qcow2/encryption.h"
#include "plugins/qcow2/header.h"
#include "plugins/qcow2/node.h"
#include "plugins/qcow2/snapshots.h"
#include "plugins/qcow2/usage.h"

/* ---- whether it can be done ---- */

/* A snapshot shares the clusters of the present state, which then have two references. */
static int
can_create(const struct maqet_drive *drive, int fd, struct maqet_error **err)
{
    const char *path = maqet_drive_path(drive);
    struct qcow2_header header;
    const char *fault;

    if (qcow2_header_read(fd, &header, &fault) < 0)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                                 "%s is no valid qcow2 image: %s", path, fault);
    if (qcow2_has_data_file(&header))
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_UNSUPPORTED,
                                 "the image %s has an external data file: no snapshots",
                                 path);
    if (header.snapshot_count >= QCOW2_SNAPSHOTS_MAX)
        return maqet_drive_error(drive, "file", err, MAQET_ERROR_UNSUPPORTED,
                                 "the image %s has %" PRIu32
                                 " snapshots already, which are as many as it can have",
                                 path, header.snapshot_count);
    if (header.refcount_bits > 1)
        return 0;
    maqet_drive_error(drive, "file", err, MAQET_ERROR_UNSUPPORTED,
                      "the image %s has 1-bit reference counts: no snapshots", path);
    maqet_error_hint(err,
                     "Stop the VM and widen them: qemu-img amend -f qcow2 -o "
                     "refcount_bits=16 '%s'",
                     path);
    return -1;
}

/* ---- by qemu-img ---- */

/* "qemu-img snapshot -q -X WORD IMAGE". The word is an option's value, so it may begin
 * with anything. */
static int
run_snapshot(const struct maqet_drive *drive, const char *option, const char *word,
             struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "snapshot");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "%s", option);
    maqet_command_arg(command, "%s", word);
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static int
error_fault(const struct maqet_drive *drive, const char *fault, struct maqet_error **err)
{
    return maqet_drive_error(drive, "file", err, MAQET_ERROR_INVALID,
                             "the snapshots in %s cannot be read: %s",
                             maqet_drive_path(drive), fault);
}

/* qemu-img gives a new snapshot the present date. */
static int
set_date(const struct maqet_drive *drive, const char *name, int64_t seconds,
         uint32_t nanoseconds, uint64_t vm_clock, struct maqet_error **err)
{
    int fd = open(maqet_drive_path(drive), O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct qcow2_header header;
    struct qcow2_snapshots table = {0};
    const char *fault = "it has no such snapshot";
    int result = -1;

    if (fd < 0)
        return error_fault(drive, strerror(errno), err);
    if (qcow2_header_read(fd, &header, &fault) == 0 &&
        qcow2_snapshots_read(fd, &header, &table, &fault) == 0)
        for (size_t i = table.count; result < 0 && i-- > 0;) {
            struct qcow2_snapshot *entry = &table.items[i];

            if (strcmp(entry->name, name) != 0)
                continue;
            entry->date_seconds = (uint32_t)seconds;
            entry->date_nanoseconds = nanoseconds;
            entry->vm_clock = vm_clock;
            result = qcow2_snapshot_set_date(fd, entry, &fault);
        }
    qcow2_snapshots_clear(&table);
    close(fd);
    return result < 0 ? error_fault(drive, fault, err) : 0;
}

static int
create(const struct maqet_drive *drive, const char *name, struct maqet_error **err)
{
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t vm_clock;

    if (bitmaps_remove_ours(drive, err) < 0 || run_snapshot(drive, "-c", name, err) < 0)
        return -1;
    return maqet_drive_snapshot_date(drive, &seconds, &nanoseconds, &vm_clock)
               ? set_date(drive, name, seconds, nanoseconds, vm_clock, err)
               : 0;
}

/* qemu-img takes what it is given for an id first and for a name only then, so that of a
 * snapshot named "2" would load another one: it gets the id. */
static int
load(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
     struct maqet_error **err)
{
    return bitmaps_remove_ours(drive, err) < 0
               ? -1
               : run_snapshot(drive, "-a", maqet_snapshot_id(snapshot), err);
}

/* Here it knows names only; of several alike it takes the first, and the core has made
 * sure that there are none. */
static int delete (const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                   struct maqet_error **err)
{
    return run_snapshot(drive, "-d", maqet_snapshot_name(snapshot), err);
}

/* Clusters that a killed program had allocated and nothing refers to are given back, unless
 * that would cost the snapshots: they are only space. */
static int
repair(const struct maqet_drive *drive, struct maqet_error **err)
{
    bool safe;

    if (bitmaps_make_repairable(drive, &safe, err) < 0)
        return -1;
    if (!safe)
        return 0;
    struct maqet_command *command = maqet_command_new("qemu-img");
    maqet_command_arg(command, "check");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-r");
    maqet_command_arg(command, "leaks");
    if (maqet_command_image(command, drive, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

/* ---- what a snapshot holds ---- */

static int
convert_plain(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
              const char *path, const char *format, bool compress,
              struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");
    uint64_t size;

    maqet_command_arg(command, "convert");
    maqet_command_arg(command, "-p");
    if (compress)
        maqet_command_arg(command, "-c");
    maqet_command_arg(command, "-O");
    maqet_command_arg(command, "%s", format);
    if (node_add_snapshot(drive, maqet_snapshot_id(snapshot), command, &size, err) < 0) {
        maqet_command_free(command);
        return -1;
    }
    maqet_command_arg(command, "%s", path);
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static struct maqet_command *
encrypted_command(const struct maqet_drive *drive, const char *path, uint64_t size)
{
    struct maqet_command *command = maqet_command_new("qemu-img");

    maqet_command_arg(command, "create");
    maqet_command_arg(command, "-q");
    maqet_command_arg(command, "-f");
    maqet_command_arg(command, "qcow2");
    encryption_add_options(drive, command);
    maqet_command_arg(command, "--");
    maqet_command_arg(command, "%s", path);
    maqet_command_arg(command, "%" PRIu64, size);
    return command;
}

/* The image is made by a command of its own, which can be tried again; qemu-img then
 * writes into it (-n). It is new, so what is not written reads as zeroes. */
static int
convert_encrypted(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                  const char *path, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-img");
    char *secret = node_secret_id(drive, err);
    char *target = NULL;
    uint64_t size;

    maqet_command_arg(command, "convert");
    maqet_command_arg(command, "-p");
    maqet_command_arg(command, "-n");
    maqet_command_arg(command, "--target-is-zero");
    maqet_command_arg(command, "--target-image-opts");
    if (!secret ||
        node_add_snapshot(drive, maqet_snapshot_id(snapshot), command, &size, err) < 0 ||
        encryption_create(drive, encrypted_command, path, size, err) < 0 ||
        asprintf(&target,
                 "driver=qcow2,encrypt.key-secret=%s,file.driver=file,"
                 "file.filename",
                 secret) < 0) {
        free(secret);
        maqet_command_free(command);
        return maqet_error_set(err, MAQET_ERROR_FAILED, "out of memory");
    }
    maqet_command_option(command, target, path);
    free(target);
    free(secret);
    maqet_command_show_progress(command, drive);
    return maqet_command_run(command, err);
}

static int
write_out(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
          const char *path, const char *format, bool compress, struct maqet_error **err)
{
    if (!encryption_wanted(drive))
        return convert_plain(drive, snapshot, path, format, compress, err);
    if (strcmp(format, "qcow2") != 0)
        return maqet_error_set(
            err, MAQET_ERROR_UNSUPPORTED,
            "the drive is encrypted, which an image of the format '%s' cannot be",
            format);
    /* qemu-img would write compressed clusters that are not encrypted. */
    if (compress)
        return maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                               "the drive is encrypted, and an encrypted image cannot "
                               "be compressed");
    return convert_encrypted(drive, snapshot, path, err);
}

static int
write_decrypted(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
                const char *path, const char *format, bool compress,
                struct maqet_error **err)
{
    if (!encryption_wanted(drive))
        return maqet_error_set(err, MAQET_ERROR_INVALID, "the drive is not encrypted");
    return convert_plain(drive, snapshot, path, format, compress, err);
}

static struct maqet_command *
serve(const struct maqet_drive *drive, const struct maqet_snapshot *snapshot,
      const char *socket, struct maqet_error **err)
{
    struct maqet_command *command = maqet_command_new("qemu-nbd");
    uint64_t size;

    maqet_command_arg(command, "--read-only");
    maqet_command_arg(command, "--persistent");
    maqet_command_arg(command, "--socket=%s", socket);
    if (node_add_snapshot(drive, maqet_snapshot_id(snapshot), command, &size, err) == 0)
        return command;
    maqet_command_free(command);
    return NULL;
}

/* ---- by QEMU's monitor ---- */

static int
live_create(const struct maqet_drive *drive, const char *name,
            struct maqet_actions *actions, struct maqet_error **err)
{
    struct maqet_props *data =
        maqet_actions_add(actions, "blockdev-snapshot-internal-sync");

    (void)err;
    maqet_props_string(data, "device", maqet_drive_node(drive));
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

/* ---- by ourselves ---- */

static int
read_table(const struct maqet_drive *drive, int fd, struct qcow2_header *header,
           struct qcow2_snapshots *table, struct maqet_error **err)
{
    const char *fault;

    if (qcow2_header_read(fd, header, &fault) < 0 ||
        qcow2_snapshots_read(fd, header, table, &fault) < 0)
        return error_fault(drive, fault, err);
    return 0;
}

/* What they cost is told where it can be found out: while QEMU writes the image its
 * tables may not fit together for a moment, which is no reason to show nothing. */
static int
list(const struct maqet_drive *drive, int fd, struct maqet_snapshots *snapshots,
     struct maqet_error **err)
{
    struct qcow2_header header;
    struct qcow2_snapshots table = {0};
    const char *fault;

    if (read_table(drive, fd, &header, &table, err) < 0)
        return -1;
    uint64_t *used = calloc(table.count + 1, sizeof(*used));
    bool known = used && qcow2_usage_read(fd, &header, &table, used, &fault) == 0;
    for (size_t i = 0; i < table.count; i++) {
        const struct qcow2_snapshot *entry = &table.items[i];
        struct maqet_snapshot *snapshot =
            maqet_snapshots_add(snapshots, entry->id, entry->name);

        maqet_snapshot_date(snapshot, entry->date_seconds, entry->date_nanoseconds);
        maqet_snapshot_vm_clock(snapshot, entry->vm_clock);
        maqet_snapshot_vm_state(snapshot, entry->vm_state_size);
        maqet_snapshot_virtual_size(snapshot, entry->disk_size);
        if (known)
            maqet_snapshot_used(snapshot, used[i]);
    }
    free(used);
    qcow2_snapshots_clear(&table);
    return 0;
}

/* No program renames snapshots; a name of the same length is one write in place. */
static int
rename_in_place(const struct maqet_drive *drive, int fd,
                const struct maqet_snapshot *snapshot, const char *name,
                struct maqet_error **err)
{
    struct qcow2_header header;
    struct qcow2_snapshots table = {0};
    const char *fault = "it has no such snapshot";
    int result = -1;

    if (read_table(drive, fd, &header, &table, err) < 0)
        return -1;
    for (size_t i = 0; i < table.count; i++)
        if (strcmp(table.items[i].id, maqet_snapshot_id(snapshot)) == 0)
            result = qcow2_snapshot_rename(fd, &table.items[i], name, &fault);
    qcow2_snapshots_clear(&table);
    return result < 0 ? error_fault(drive, fault, err) : 0;
}

const struct maqet_snapshot_table qcow2_snapshot_table = {
    .size = sizeof(struct maqet_snapshot_table),
    .create = create,
    .load = load,
    .remove = delete,
    .list = list,
    .live_create = live_create,
    .live_remove = live_remove,
    .rename = rename_in_place,
    .repair = repair,
    .write_out = write_out,
    .serve = serve,
    .write_decrypted = write_decrypted,
    .can_create = can_create,
};
