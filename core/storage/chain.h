/* SPDX-License-Identifier: MIT */
/*
 * chain.h - the block nodes of a drive: the top node, which the guest's device is
 * attached to, then its backing nodes in order. The other files of this host that QEMU
 * opens (keys, shared folders) follow, so this is the list of all files of a drive.
 *
 * QEMU opens files by name, and by then the name may lead to another file. So a node
 * notes which file was checked, and serves as the record of a file (record.h).
 */
#ifndef MAQET_STORAGE_CHAIN_H
#define MAQET_STORAGE_CHAIN_H

#include "core/base/files.h"

struct maqet_node {
    char *name;    /* its node-name in QEMU; NULL: it is not a block node */
    char *option;  /* of the drive, that names its file: "file", "encryption.key_file",
                    * "files.0", or of its interface: "interface_options.log" */
    char *file;    /* absolute, links not resolved; NULL: it is not a file of this host */
    char *format;  /* QEMU's driver; NULL: not known */
    bool declared; /* the user names it as a file that the guest only reads */
    struct maqet_file_id id; /* of the file; all 0: it was missing or not looked at */
    uint64_t size;           /* bytes of the file or block device */
    int64_t mtime;           /* ns since 1970; 0 for a block device */
    char *checksum;          /* of its beginning; NULL: it was not read */
};

struct maqet_chain {
    struct maqet_node *nodes;
    size_t count; /* of all nodes */
    size_t depth; /* of the block nodes, which come first */
};

void maqet_chain_clear(struct maqet_chain *chain);

#define _cleanup_chain_ _cleanup_(maqet_chain_clear)

void maqet_node_clear(struct maqet_node *node);

/* The node-name of a backing node: "maqet-DRIVE.1", which is no valid name of a drive.
 * The numbers begin at the lowest node, so they stay when another one is put on top. A
 * checksum replaces a drive's name that is too long. The caller frees. */
char *maqet_node_name(const char *drive, size_t number);

/* Add a node below the others, or a file that is not a block node. The texts are copied.
 * The result is valid until the next one is added. */
struct maqet_node *maqet_chain_add_node(struct maqet_chain *chain, const char *option,
                                        const char *file);
struct maqet_node *maqet_chain_add_file(struct maqet_chain *chain, const char *option,
                                        const char *file);

/* Reads the formats and the backing nodes from the objects that the plugin of the drive
 * @drive has emitted. Files of backing nodes become part of the chain, and backing nodes
 * without a name get one. A filter has the backing node of what it filters. */
void maqet_chain_read(struct maqet_chain *chain, const char *drive,
                      struct maqet_args *args);

/* ---- which file it is ---- */

/* Notes which file a node's name leads to. False: to none. */
bool maqet_node_look(struct maqet_node *node);

/* Whether it was noted. */
bool maqet_node_is_known(const struct maqet_node *node);

/* Notes it, and reads what shows a change of the file. False: the file cannot be read. */
bool maqet_node_read(struct maqet_node *node);

/* How a file has changed, as a phrase after its path: "was replaced by another file".
 * NULL: its size, modification time and beginning are the same, wherever it was moved or
 * copied to. The caller frees. */
char *maqet_node_compare(const struct maqet_node *then, const struct maqet_node *now);

#endif
