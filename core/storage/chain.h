/* SPDX-License-Identifier: MIT */
/*
 * chain.h - what a drive is made of: a chain of block nodes, the one that the guest's
 * device is attached to on top, then its backing nodes in order, of any depth. The files
 * of this host that QEMU opens besides them, keys and shared folders, stand behind the
 * chain, so that there is one list of all files of a drive.
 *
 * A node holds what was looked at, and what is remembered of a file (record.h). QEMU opens
 * files by name, so another one under such a name by then was checked by nobody.
 */
#ifndef MAQET_STORAGE_CHAIN_H
#define MAQET_STORAGE_CHAIN_H

#include "core/base/files.h"

/* Who made what a node is made of. */
enum maqet_node_creator {
    MAQET_NODE_THERE,    /* it was there, as far as is known */
    MAQET_NODE_MADE,     /* maqet made it for this machine */
    MAQET_NODE_DECLARED, /* the user names it as something that is only read */
};

struct maqet_node {
    char *name;   /* its node-name in QEMU; NULL: it is no block node */
    char *option; /* of the drive, that names its file: "file", "encryption.key_file" */
    char *file; /* absolute, links in it not resolved; NULL: it is no file of this host */
    char *format; /* the driver that QEMU opens it with; NULL: not known */
    enum maqet_node_creator creator;
    struct maqet_file_id
        id;        /* of what the file's name leads to; birth, device and inode 0:
                              * nothing was there, or it was not looked at */
    uint64_t size; /* bytes of the file, or of the block device */
    int64_t mtime; /* ns since 1970; 0 for a block device */
    char
        *checksum; /* of its beginning, see core/base/checksum.h; NULL: it was not read */
};

struct maqet_chain {
    struct maqet_node *nodes;
    size_t count; /* of all of them */
    size_t depth; /* of the block nodes, which are the first */
};

void maqet_chain_clear(struct maqet_chain *chain);

#define _cleanup_chain_ _cleanup_(maqet_chain_clear)

void maqet_node_clear(struct maqet_node *node);

/* The node-name of a drive's node: the top has that of the drive, and those below it are
 * numbered from the lowest one, so they keep their names when another is put on top:
 * "maqet-DRIVE.1". No drive is called so. Where that is too long for QEMU, a checksum
 * stands for the drive's name. The caller frees. */
char *maqet_node_name(const char *drive, size_t number);

/* Adds a node below the others, or a file behind the chain. The texts are copied. The
 * result is valid until the next one is added. */
struct maqet_node *maqet_chain_add_node(struct maqet_chain *chain, const char *option,
                                        const char *file);
struct maqet_node *maqet_chain_add_file(struct maqet_chain *chain, const char *option,
                                        const char *file);

/* Takes the nodes over from what a plugin has emitted for QEMU, where the top is called
 * @drive: their formats, and which files are below the image, so far taken for some behind
 * the chain. Backing nodes that have no name get one. */
void maqet_chain_read(struct maqet_chain *chain, const char *drive,
                      struct maqet_args *args);

/* ---- which file it is ---- */

/* Looks which file a node's name leads to. False: to none. */
bool maqet_node_look(struct maqet_node *node);

/* Whether that was done, and there was one. */
bool maqet_node_is_known(const struct maqet_node *node);

/* The same, and reads what a change would show in. False: the file can't be read. */
bool maqet_node_read(struct maqet_node *node);

/* How a file that was read differs from what was recorded, as a phrase to follow its path
 * ("was replaced by another file"); NULL: it doesn't. One of the same size, the same time
 * of modification and the same beginning is the same, wherever it was moved or copied to.
 * The caller frees. */
char *maqet_node_compare(const struct maqet_node *then, const struct maqet_node *now);

#endif
