/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/snapshots.h"

#include <stdlib.h>
#include <unistd.h>

#include "plugins/qcow2/bytes.h"

/* The limits are QEMU's own (QEMU: block/qcow2.h). */
enum {
    COUNT_MAX = 65536,
    ENTRY_LENGTH = 40, /* the fields that every entry has */
    EXTRA_MAX = 1024,
    TABLE_MAX = 64 * 1024 * 1024,
    L1_MAX = 32 * 1024 * 1024 / 8, /* entries */
};

void
qcow2_snapshots_clear(struct qcow2_snapshots *snapshots)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        free(snapshots->items[i].id);
        free(snapshots->items[i].name);
    }
    free(snapshots->items);
    *snapshots = (struct qcow2_snapshots){0};
}

static char *
text_of(const uint8_t *bytes, size_t length)
{
    return strndup((const char *)bytes, length);
}

/* The fields that every entry has. */
static int
read_fields(struct qcow2_snapshot *snapshot, const uint8_t *start, uint32_t cluster_size,
            const char **fault)
{
    snapshot->l1_offset = be64(start);
    snapshot->l1_size = be32(start + 8);
    snapshot->name_length = be16(start + 14);
    snapshot->date_seconds = be32(start + 16);
    snapshot->date_nanoseconds = be32(start + 20);
    snapshot->vm_clock = be64(start + 24);
    snapshot->vm_state_size = be32(start + 32);
    if (snapshot->l1_size > L1_MAX || snapshot->l1_offset % cluster_size != 0)
        return fail(fault, "the L1 table of a snapshot is out of bounds");
    return 0;
}

/* Reads the entry at @offset, which the caller clears in any case. */
static int
read_entry(int fd, const struct qcow2_header *header, struct qcow2_snapshot *snapshot,
           uint64_t offset, const char **fault)
{
    uint8_t start[ENTRY_LENGTH];

    if (read_at(fd, start, sizeof(start), offset, fault) < 0 ||
        read_fields(snapshot, start, UINT32_C(1) << header->cluster_bits, fault) < 0)
        return -1;
    uint32_t id_length = be16(start + 12);
    uint32_t extra = be32(start + 36);
    if (extra > EXTRA_MAX)
        return fail(fault, "a snapshot has too much extra data");
    size_t length = (size_t)extra + id_length + snapshot->name_length;
    uint8_t *rest = malloc(length + 1);
    if (!rest)
        return fail(fault, strerror(ENOMEM));
    int result = read_at(fd, rest, length, offset + ENTRY_LENGTH, fault);
    if (result == 0) {
        snapshot->disk_size = extra >= 16 ? be64(rest + 8) : header->virtual_size;
        if (extra >= 8)
            snapshot->vm_state_size = be64(rest);
        snapshot->id = text_of(rest + extra, id_length);
        snapshot->name = text_of(rest + extra + id_length, snapshot->name_length);
        snapshot->name_offset = offset + ENTRY_LENGTH + extra + id_length;
        snapshot->entry_size = (uint32_t)(ENTRY_LENGTH + length + 7) & ~UINT32_C(7);
        if (!snapshot->id || !snapshot->name)
            result = fail(fault, strerror(ENOMEM));
    }
    free(rest);
    return result;
}

int
qcow2_snapshots_read(int fd, const struct qcow2_header *header,
                     struct qcow2_snapshots *snapshots, const char **fault)
{
    uint64_t file_size;

    *snapshots = (struct qcow2_snapshots){0};
    if (header->snapshot_count == 0)
        return 0;
    if (header->snapshot_count > COUNT_MAX)
        return fail(fault, "it has too many snapshots");
    if (probe_size(fd, &file_size) < 0)
        return fail(fault, strerror(errno));
    snapshots->items = calloc(header->snapshot_count, sizeof(*snapshots->items));
    if (!snapshots->items)
        return fail(fault, strerror(ENOMEM));
    while (snapshots->count < header->snapshot_count) {
        struct qcow2_snapshot *snapshot = &snapshots->items[snapshots->count++];
        uint64_t offset = header->snapshots_offset + snapshots->size;
        int result = header->snapshots_offset >= file_size || offset >= file_size ||
                             snapshots->size > TABLE_MAX
                         ? fail(fault, "its snapshot table is outside of the file")
                         : read_entry(fd, header, snapshot, offset, fault);

        if (result < 0) {
            qcow2_snapshots_clear(snapshots);
            return -1;
        }
        snapshots->size += snapshot->entry_size;
    }
    return 0;
}

int
qcow2_snapshot_rename(int fd, const struct qcow2_snapshot *snapshot, const char *name,
                      const char **fault)
{
    size_t length = snapshot->name_length;

    if (strlen(name) != length)
        return fail(fault, "a name can only be replaced by one of the same length");
    char *there = malloc(length + 1);
    if (!there)
        return fail(fault, strerror(ENOMEM));
    int result = read_at(fd, there, length, snapshot->name_offset, fault);
    if (result == 0 && memcmp(there, name, length) != 0) {
        if (strncmp(there, snapshot->name, length) != 0)
            result = fail(fault, "its snapshot table has changed meanwhile");
        else if (pwrite(fd, name, length, (off_t)snapshot->name_offset) !=
                 (ssize_t)length)
            result = fail(fault, strerror(errno));
    }
    free(there);
    if (result == 0 && fdatasync(fd) < 0)
        result = fail(fault, strerror(errno));
    return result;
}
