/* SPDX-License-Identifier: MIT */
/*
 * seeded-emit.h - what seeded.c, which includes it, emits.
 */
#ifndef MAQET_SEEDED_EMIT_H
#define MAQET_SEEDED_EMIT_H

static const char *
path_of(const struct maqet_drive *drive)
{
    static char *first;

    if (FAULT != STATIC_PATH)
        return maqet_drive_path(drive);
    if (!first)
        first = strdup(maqet_drive_path(drive));
    return first;
}

/* One object for each part of a text. */
static void
emit_parts(const struct maqet_drive *drive, struct maqet_args *args)
{
    const char *label = maqet_drive_string(drive, "label");
    int number = 0;

    for (const char *c = label ? label : ""; *c; c++) {
        char id[64];

        if (*c != ',')
            continue;
        snprintf(id, sizeof(id), "%.31s-%d", maqet_drive_name(drive), number++);
        maqet_args_object(args, "throttle-group", id);
    }
}

/* A node whose group of limits is told of after it. */
static void
emit_late(const struct maqet_drive *drive, struct maqet_args *args)
{
    char id[64];

    snprintf(id, sizeof(id), "%.31s-limits", maqet_drive_name(drive));
    struct maqet_props *node = maqet_args_blockdev(args, maqet_drive_node(drive));
    maqet_props_string(node, "driver", "throttle");
    maqet_props_bool(node, "read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "throttle-group", id);
    maqet_props_string(node, "file.driver", "qcow2");
    maqet_props_bool(node, "file.read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.file.driver", "file");
    maqet_props_bool(node, "file.file.read-only", maqet_drive_readonly(drive));
    maqet_props_string(node, "file.file.filename", maqet_drive_path(drive));
    maqet_args_object(args, "throttle-group", id);
}

/* The base and its file, which nobody writes to, and nothing below them. */
static void
emit_base(struct maqet_props *node, const char *base)
{
    if (!base) {
        maqet_props_string(node, "backing", NULL);
        return;
    }
    maqet_props_string(node, "backing.driver", "qcow2");
    maqet_props_bool(node, "backing.read-only", true);
    maqet_props_string(node, "backing.file.driver", "file");
    maqet_props_string(node, "backing.file.filename", base);
    maqet_props_bool(node, "backing.file.read-only", true);
    maqet_props_string(node, "backing.backing", NULL);
}

static void
emit_odd_things(const struct maqet_drive *drive, struct maqet_args *args,
                struct maqet_props *node)
{
    const char *label = maqet_drive_string(drive, "label");
    static int calls;

    if (FAULT == BAD_PROPERTY)
        maqet_props_string(node, "colour", "red");
    if (FAULT == EMITS_ONCE && calls++ % 2 == 1)
        maqet_props_string(node, "discard", "unmap");
    if (FAULT == KEY_TWICE)
        maqet_props_string(node, "driver", "qcow2");
    if (FAULT == VALUE_AS_KEY && label)
        maqet_props_string(node, label, "on");
    if (FAULT == COMMON_ID)
        maqet_args_object(args, "throttle-group", "limits");
    if (FAULT == SPLITS)
        emit_parts(drive, args);
}

static int
seeded_emit_args(const struct maqet_drive *drive, struct maqet_args *args,
                 struct maqet_error **err)
{
    (void)err;
    if (FAULT == LATE_OBJECT) {
        emit_late(drive, args);
        return 0;
    }
    struct maqet_props *node =
        maqet_args_blockdev(args, FAULT == NODE_NAME    ? "node0"
                                  : FAULT == DRIVE_NODE ? maqet_drive_name(drive)
                                                        : maqet_drive_node(drive));
    bool readonly = FAULT == NEVER_WRITABLE ||
                    (maqet_drive_readonly(drive) && FAULT != IGNORES_READONLY);
    maqet_props_string(node, "driver", "qcow2");
    maqet_props_bool(node, "read-only", readonly);
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename",
                       FAULT == FOREIGN_FILE ? "/etc/hostname" : path_of(drive));
    maqet_props_bool(node, "file.read-only", readonly);
    if (maqet_drive_backing_node(drive) && FAULT != OVERLAY_BY_FILE)
        maqet_props_string(node, "backing", maqet_drive_backing_node(drive));
    else
        emit_base(node, maqet_drive_string(drive, "base"));
    emit_odd_things(drive, args, node);
    return 0;
}

#endif
