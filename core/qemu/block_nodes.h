/* SPDX-License-Identifier: MIT */
/*
 * block_nodes.h - the block nodes among the objects that QEMU gets: which nodes they
 * consist of, whether these are in them or are named there, and the files of this host
 * that they name (QEMU: qapi/block-core.json).
 */
#ifndef MAQET_QEMU_BLOCK_NODES_H
#define MAQET_QEMU_BLOCK_NODES_H

#include "core/qemu/objects.h"

/* The node of that name: that of the last drive. NULL: there is none. */
json_object *maqet_block_node_find(const struct maqet_args *args, const char *name);

/* Whether one of the nodes, or a node in one, has that name. */
bool maqet_block_node_is_named(const struct maqet_args *args, const char *name);

/* ---- one node ---- */

/* Whether the node's driver opens the backing file that an image names, unless the node
 * says which one it is. */
bool maqet_block_node_may_back(json_object *node);

/* Whether a property of the node is a node, or the name of one. */
bool maqet_block_node_is_child(json_object *node, const char *key);

/* Called with each node that is in another one, and with the node itself first. Another
 * result than 0 ends the walk, which returns it. */
typedef int maqet_block_node_visit(void *data, json_object *node);

/* Visits a node and, at any depth, all nodes in it. */
int maqet_block_node_walk(json_object *node, maqet_block_node_visit *visit, void *data);

/* Appends the names of nodes that the node itself refers to. */
void maqet_block_node_references(json_object *node, struct maqet_strings *names);

/* Appends the files and the sockets that the node itself names, and not those of the nodes
 * in it. A name need not be an absolute path. */
void maqet_block_node_files(json_object *node, struct maqet_strings *files);

/* The same for an object that is no block node. */
void maqet_object_files(const struct maqet_props *props, struct maqet_strings *files);

/* Has the node, and all nodes in it, keep what the host has cached of their files (by the property of that
 * name). Otherwise QEMU throws that away whenever it has saved the guest's state, since another host could
 * go on with it, and the guest waits until it is read again. */
#define MAQET_BLOCK_NODE_DROPS "drop-cache"
void maqet_block_node_keep_cached(json_object *node);

/* ---- the image of a node ---- */

/* Appends the arguments by which qemu-img opens the image of a node: first the objects
 * that the node refers to (secrets, throttle groups), then the node as a "json:" name, in
 * which the nodes that it refers to are in their places. Filters of the guest's requests
 * are left out. False: there is no such node, or
 * it refers to one that is not there, or to itself. */
bool maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                             struct maqet_strings *argv);

#endif
