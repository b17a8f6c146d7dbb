/* SPDX-License-Identifier: MIT */
#include "core/storage/chain.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checksum.h"
#include "core/base/json.h"
#include "core/qemu/block_nodes.h"

/* Bytes that are compared: the header, and usually the tables that follow it. */
enum { BEGINNING = 64 * 1024 };

/* ---- the list ---- */

void
maqet_node_clear(struct maqet_node *node)
{
    free(node->name);
    free(node->option);
    free(node->file);
    free(node->format);
    free(node->checksum);
    *node = (struct maqet_node){0};
}

void
maqet_chain_clear(struct maqet_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        maqet_node_clear(&chain->nodes[i]);
    free(chain->nodes);
    *chain = (struct maqet_chain){0};
}

/* Only the top node may be written to. */
static struct maqet_node *
insert(struct maqet_chain *chain, size_t at, const char *option, const char *file)
{
    chain->nodes =
        maqet_realloc(chain->nodes, (chain->count + 1) * sizeof(*chain->nodes));
    memmove(&chain->nodes[at + 1], &chain->nodes[at],
            (chain->count++ - at) * sizeof(*chain->nodes));
    chain->nodes[at] = (struct maqet_node){
        .option = maqet_strdup(option),
        .file = maqet_strdup(file),
        .declared = at > 0 || chain->depth == 0,
    };
    return &chain->nodes[at];
}

struct maqet_node *
maqet_chain_add_node(struct maqet_chain *chain, const char *option, const char *file)
{
    chain->depth++;
    return insert(chain, chain->depth - 1, option, file);
}

struct maqet_node *
maqet_chain_add_file(struct maqet_chain *chain, const char *option, const char *file)
{
    return insert(chain, chain->count, option, file);
}

/* ---- names ---- */

char *
maqet_node_name(const char *drive, size_t number)
{
    char *name = maqet_format("maqet-%s.%zu", drive, number);

    if (strlen(name) <= maqet_kind_blockdev.id_limit)
        return name;
    free(name);
    /* A drive's name begins with a letter, so the name above is never such a one. */
    return maqet_format("maqet-0%016" PRIx64 ".%zu", maqet_text_hash(drive), number);
}

/* ---- emitted nodes ---- */

/* The node that a property of another one is, or names; NULL: none. */
static json_object *
child_of(const struct maqet_args *args, json_object *node, const char *key)
{
    json_object *child = json_object_object_get(node, key);

    return json_object_is_type(child, json_type_string)
               ? maqet_block_node_find(args, json_object_get_string(child))
           : json_object_is_type(child, json_type_object) ? child
                                                          : NULL;
}

/* The node below a filter, or that with the image's bytes. */
static json_object *
below(const struct maqet_args *args, json_object *node)
{
    json_object *child = child_of(args, node, "file");

    return child ? child : child_of(args, node, "image");
}

/* More than any chain has. Nodes that refer to each other in a circle have been refused
 * (emitted.h). */
enum { DEPTH_LIMIT = 64 };

/* The backing node of a node, or of the one that it filters. NULL: none. */
static json_object *
backing_of(const struct maqet_args *args, json_object *node)
{
    json_object *backing = NULL;

    for (size_t i = 0; node && !backing && i < DEPTH_LIMIT; i++) {
        backing = child_of(args, node, "backing");
        node = below(args, node);
    }
    return backing;
}

/* NULL: the node is not a file. */
static const char *
file_of(const struct maqet_args *args, json_object *node)
{
    const char *file = NULL;

    for (size_t i = 0; node && !file && i < DEPTH_LIMIT; i++) {
        file = maqet_json_text(node, "filename");
        node = below(args, node);
    }
    return file;
}

/* Adds a backing node: one of the files after the chain, or one that no option names. */
static struct maqet_node *
take_file(struct maqet_chain *chain, const char *file)
{
    for (size_t i = chain->depth; file && i < chain->count; i++) {
        struct maqet_node node = chain->nodes[i];

        if (strcmp(node.file, file) != 0)
            continue;
        memmove(&chain->nodes[chain->depth + 1], &chain->nodes[chain->depth],
                (i - chain->depth) * sizeof(*chain->nodes));
        chain->nodes[chain->depth] = node;
        return &chain->nodes[chain->depth++];
    }
    return maqet_chain_add_node(chain, NULL, file);
}

static void
replace_text(char **text, const char *by)
{
    char *copy = maqet_strdup(by);

    free(*text);
    *text = copy;
}

/* Removes the backing nodes that were read before. */
static void
drop_backing_nodes(struct maqet_chain *chain)
{
    for (size_t i = chain->depth; i-- > 1;) {
        struct maqet_node *node = &chain->nodes[i];

        free(TAKE_PTR(node->name));
        if (node->option)
            continue;
        maqet_node_clear(node);
        memmove(node, node + 1, (--chain->count - i) * sizeof(*node));
    }
    chain->depth = 1;
}

void
maqet_chain_read(struct maqet_chain *chain, const char *drive, struct maqet_args *args)
{
    json_object *top =
        chain->depth > 0 ? maqet_block_node_find(args, chain->nodes[0].name) : NULL;
    size_t depth = 0;

    if (!top)
        return;
    replace_text(&chain->nodes[0].format, maqet_json_text(top, "driver"));
    for (json_object *at = backing_of(args, top); at; at = backing_of(args, at))
        depth++;
    drop_backing_nodes(chain);
    for (json_object *at = backing_of(args, top); at; at = backing_of(args, at)) {
        _cleanup_free_ char *name = maqet_node_name(drive, depth--);
        struct maqet_node *node = take_file(chain, file_of(args, at));

        if (!json_object_object_get_ex(at, "node-name", NULL))
            json_object_object_add(at, "node-name", json_object_new_string(name));
        replace_text(&node->name, maqet_json_text(at, "node-name"));
        replace_text(&node->format, maqet_json_text(at, "driver"));
    }
}

/* ---- which file it is ---- */

bool
maqet_node_look(struct maqet_node *node)
{
    if (node->file && maqet_file_id_of_target(node->file, &node->id))
        return true;
    node->id = (struct maqet_file_id){0};
    return false;
}

bool
maqet_node_is_known(const struct maqet_node *node)
{
    return node->id.inode != 0 || node->id.device != 0 || node->id.birth != 0;
}

bool
maqet_node_read(struct maqet_node *node)
{
    /* O_NONBLOCK: do not wait for a writer of a FIFO. */
    _cleanup_close_ int fd =
        open(node->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    free(TAKE_PTR(node->checksum));
    if (end < 0 || fstat(fd, &status) < 0 || !maqet_file_id_of_fd(fd, &node->id))
        return false;
    node->checksum = maqet_fd_checksum(fd, node->file, BEGINNING, NULL);
    node->size = (uint64_t)end;
    node->mtime = S_ISREG(status.st_mode) ? (int64_t)status.st_mtim.tv_sec * 1000000000 +
                                                status.st_mtim.tv_nsec
                                          : 0;
    return node->checksum != NULL;
}

char *
maqet_node_compare(const struct maqet_node *then, const struct maqet_node *now)
{
    /* The inode of a block device says nothing about its content. */
    bool same_file = then->mtime == 0 || now->mtime == 0 ||
                     maqet_file_id_is_same_file(&then->id, &now->id);

    if (then->size == now->size && then->mtime == now->mtime &&
        strcmp(then->checksum, now->checksum) == 0)
        return NULL;
    if (!same_file && strcmp(then->file, now->file) != 0)
        return maqet_format("is another file than %s, on which the image was created",
                            then->file);
    if (then->size != now->size)
        return maqet_format("%s: it has %" PRIu64 " bytes, and had %" PRIu64,
                            same_file ? "was written to" : "was replaced by another file",
                            now->size, then->size);
    if (!same_file)
        return maqet_strdup("was replaced by another file");
    if (then->mtime != now->mtime) {
        _cleanup_free_ char *when = maqet_text_date(now->mtime / 1000000000);

        return maqet_format("was written to (last modified %s)", when);
    }
    return maqet_strdup("was written to: its beginning differs");
}
