/* SPDX-License-Identifier: MIT */
#include "plugins/qcow2/snapshots.h"

#include <stdlib.h>
#include <unistd.h>

#include "plugins/qcow2/bytes.h"

enum {
    ENTRY_LENGTH = 40, /* of the part that every entry begins with */
    ENTRY_ALIGNMENT = 8,
    DATE_AT = 16, /* in an entry: the date, and the clock of the guest */
    DATE_LENGTH = 16,
    READ_SIZE = 64 * 1024, /* bytes that are read at once; mostly the whole table */
    /* At the least what follows an entry's beginning: extra data, id and name. */
    WINDOW_SIZE = QCOW2_SNAPSHOT_EXTRA_MAX + 2 * UINT16_MAX,
};

/* The part of the file that is in memory. */
struct window {
    int fd;
    uint64_t file_size;
    uint64_t offset;
    size_t length;
    uint8_t *bytes;
};

/* Returns the @length bytes at @offset, at most WINDOW_SIZE, until the next call; NULL
 * with *fault set. */
static const uint8_t *
window_at(struct window *window, uint64_t offset, size_t length, const char **fault)
{
    if (offset > window->file_size || length > window->file_size - offset) {
        *fault = "its snapshot table is cut off";
        return NULL;
    }
    if (offset < window->offset || offset - window->offset > window->length ||
        length > window->length - (offset - window->offset)) {
        uint64_t left = window->file_size - offset;
        size_t size = length > READ_SIZE ? WINDOW_SIZE : READ_SIZE;

        window->offset = offset;
        window->length = size < left ? size : (size_t)left;
        if (qcow2_read(window->fd, window->bytes, window->length, offset, fault) < 0)
            return NULL;
    }
    return window->bytes + (offset - window->offset);
}

/* The sizes of extra data, id and name, as an entry begins with them. */
struct lengths {
    uint32_t extra;
    uint16_t id;
    uint16_t name;
};

static void
read_fields(struct qcow2_snapshot *snapshot, const uint8_t *entry,
            struct lengths *lengths)
{
    snapshot->l1_offset = qcow2_be64(entry);
    snapshot->l1_size = qcow2_be32(entry + 8);
    lengths->id = qcow2_be16(entry + 12);
    lengths->name = qcow2_be16(entry + 14);
    snapshot->date_seconds = qcow2_be32(entry + 16);
    snapshot->date_nanoseconds = qcow2_be32(entry + 20);
    snapshot->vm_clock = qcow2_be64(entry + 24);
    snapshot->vm_state_size = qcow2_be32(entry + 32);
    lengths->extra = qcow2_be32(entry + 36);
}

/* What the extra data has depends on its length, which grew with QEMU's versions. */
static void
read_extra(struct qcow2_snapshot *snapshot, const uint8_t *extra)
{
    if (snapshot->extra_size >= 8)
        snapshot->vm_state_size = qcow2_be64(extra);
    if (snapshot->extra_size >= 16)
        snapshot->disk_size = qcow2_be64(extra + 8);
}

/* Reads the entry at *offset and moves that behind it. */
static int
read_entry(struct window *window, struct qcow2_snapshot *snapshot, uint64_t *offset,
           const char **fault)
{
    struct lengths lengths;
    const uint8_t *bytes = window_at(window, *offset, ENTRY_LENGTH, fault);

    if (!bytes)
        return -1;
    read_fields(snapshot, bytes, &lengths);
    snapshot->offset = *offset;
    if (lengths.extra > QCOW2_SNAPSHOT_EXTRA_MAX)
        return qcow2_fail(fault, "a snapshot has too much extra data");
    *offset += ENTRY_LENGTH;
    bytes = window_at(window, *offset, (size_t)lengths.extra + lengths.id + lengths.name,
                      fault);
    if (!bytes)
        return -1;
    snapshot->extra_size = lengths.extra;
    read_extra(snapshot, bytes);
    snapshot->name_offset = *offset + lengths.extra + lengths.id;
    snapshot->name_length = lengths.name;
    snapshot->id = strndup((const char *)bytes + lengths.extra, lengths.id);
    snapshot->name =
        strndup((const char *)bytes + lengths.extra + lengths.id, lengths.name);
    if (!snapshot->id || !snapshot->name)
        return qcow2_fail(fault, strerror(ENOMEM));
    *offset = snapshot->name_offset + lengths.name;
    return 0;
}

static int
read_entries(struct window *window, const struct qcow2_header *header,
             struct qcow2_snapshots *snapshots, const char **fault)
{
    uint64_t offset = header->snapshots_offset;

    for (uint32_t i = 0; i < header->snapshot_count; i++) {
        struct qcow2_snapshot *snapshot = &snapshots->items[i];

        offset = qcow2_round_up(offset, ENTRY_ALIGNMENT);
        snapshot->disk_size = header->virtual_size;
        snapshots->count = i + 1; /* whatever it has by then is freed */
        if (read_entry(window, snapshot, &offset, fault) < 0)
            return -1;
        snapshots->table_size = offset - header->snapshots_offset;
        if (snapshots->table_size > QCOW2_SNAPSHOT_TABLE_MAX)
            return qcow2_fail(fault, "its snapshot table is too large");
    }
    return 0;
}

/* What can be known of the table before any of it is read. */
static int
check_place(const struct qcow2_header *header, uint64_t file_size, const char **fault)
{
    uint64_t offset = header->snapshots_offset;

    if (header->snapshot_count > QCOW2_SNAPSHOTS_MAX)
        return qcow2_fail(fault, "it has too many snapshots");
    if (offset == 0 || offset & ((UINT64_C(1) << header->cluster_bits) - 1))
        return qcow2_fail(fault, "its snapshot table doesn't begin with a cluster");
    if (offset > file_size ||
        (uint64_t)header->snapshot_count * ENTRY_LENGTH > file_size - offset)
        return qcow2_fail(fault, "its snapshot table is cut off");
    return 0;
}

int
qcow2_snapshots_read(int fd, const struct qcow2_header *header,
                     struct qcow2_snapshots *snapshots, const char **fault)
{
    struct window window = {.fd = fd};
    int result = -1;

    *snapshots = (struct qcow2_snapshots){0};
    if (header->snapshot_count == 0)
        return 0; /* the offset may be anything then */
    if (probe_size(fd, &window.file_size) < 0)
        return qcow2_fail(fault, strerror(errno));
    if (check_place(header, window.file_size, fault) < 0)
        return -1;
    window.bytes = malloc(WINDOW_SIZE);
    snapshots->items = calloc(header->snapshot_count, sizeof(*snapshots->items));
    if (!window.bytes || !snapshots->items)
        qcow2_fail(fault, strerror(ENOMEM));
    else
        result = read_entries(&window, header, snapshots, fault);
    free(window.bytes);
    if (result < 0 && snapshots->items)
        qcow2_snapshots_clear(snapshots);
    return result;
}

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

/* Whether the bytes of the name's place are @name, which may end there with a NUL. */
static bool
is_there(const char *bytes, size_t length, const char *name)
{
    return strnlen(bytes, length) == strlen(name) &&
           memcmp(bytes, name, strlen(name)) == 0;
}

int
qcow2_snapshot_rename(int fd, const struct qcow2_snapshot *snapshot, const char *name,
                      const char **fault)
{
    char bytes[UINT16_MAX];
    size_t length = snapshot->name_length;

    if (length > sizeof(bytes) || strlen(name) != length)
        return qcow2_fail(fault, "the new name hasn't the length of the old one");
    if (qcow2_read(fd, bytes, length, snapshot->name_offset, fault) < 0)
        return -1;
    if (!is_there(bytes, length, name)) {
        if (!is_there(bytes, length, snapshot->name))
            return qcow2_fail(fault, "its snapshot table was changed meanwhile");
        ssize_t written = pwrite(fd, name, length, (off_t)snapshot->name_offset);
        if (written < 0)
            return qcow2_fail(fault, strerror(errno));
        if ((size_t)written != length)
            return qcow2_fail(fault, "the new name could be written in part only");
    }
    if (fdatasync(fd) < 0)
        return qcow2_fail(fault, strerror(errno));
    return 0;
}

static void
put(uint8_t *at, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(number >> 8 * (size - 1 - i));
}

int
qcow2_snapshot_set_date(int fd, const struct qcow2_snapshot *snapshot, const char **fault)
{
    uint8_t bytes[DATE_LENGTH];

    put(bytes, 4, snapshot->date_seconds);
    put(bytes + 4, 4, snapshot->date_nanoseconds);
    put(bytes + 8, 8, snapshot->vm_clock);
    ssize_t written =
        pwrite(fd, bytes, sizeof(bytes), (off_t)(snapshot->offset + DATE_AT));
    if (written < 0 || fdatasync(fd) < 0)
        return qcow2_fail(fault, strerror(errno));
    return written == sizeof(bytes)
               ? 0
               : qcow2_fail(fault, "the new date could be written in part only");
}
