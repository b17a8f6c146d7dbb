/* SPDX-License-Identifier: MIT */
#include "core/qemu/block_nodes.h"

#include <string.h>

#include "core/base/json.h"
#include "core/qemu/keyval.h"

/* ---- QEMU's drivers ---- */

/* Drivers of QEMU 7.2 to 10 of which something must be known. */
struct driver {
    const char *name;
    bool backs; /* maqet_block_node_may_back() */
    /* A filter of the guest's requests. It has the content of its "file", but hides its
     * format from qemu-img. */
    bool filters;
    bool cached; /* maqet_block_node_keep_cached() */
    /* Properties besides "file" and "backing" that are nodes. */
    const char *children[2];
    /* Those that name files; dots lead into objects, and a '*' stands for any item of a
     * list. */
    const char *files[3];
};

#define DRIVER(driver, ...)                                                              \
    {                                                                                    \
        .name = driver, __VA_ARGS__                                                      \
    }

/* Those with an "x-" are properties of qemu-img's "json:" names only, which are as old as
 * they are. */
static const struct driver drivers[] = {
    DRIVER("blkdebug", .children = {"image"}, .files = {"config", "x-image"}),
    DRIVER("blklogwrites", .children = {"log"}),
    DRIVER("blkreplay", .children = {"image"}),
    DRIVER("blkverify", .children = {"test", "raw"}, .files = {"x-image", "x-raw"}),
    DRIVER("copy-before-write", .children = {"target"}),
    DRIVER("copy-on-read", .filters = true, .children = {"bottom"}),
    DRIVER("file", .cached = true, .files = {"filename"}),
    DRIVER("gluster", .files = {"server.*.path", "server.*.socket", "logfile"}),
    DRIVER("host_cdrom", .files = {"filename"}),
    DRIVER("host_device", .cached = true, .files = {"filename"}),
    DRIVER("io_uring", .files = {"filename"}),
    DRIVER("luks", .children = {"header"}),
    DRIVER("nbd", .files = {"server.path", "path"}),
    DRIVER("nvme-io_uring", .files = {"filename"}),
    DRIVER("qcow", .backs = true),
    DRIVER("qcow2", .backs = true, .children = {"data-file"}),
    DRIVER("qed", .backs = true),
    DRIVER("quorum", .children = {"children"}),
    DRIVER("rbd", .files = {"conf"}),
    DRIVER("throttle", .filters = true),
    DRIVER("virtio-blk-vfio-pci", .files = {"path"}),
    DRIVER("virtio-blk-vhost-user", .files = {"path"}),
    DRIVER("virtio-blk-vhost-vdpa", .files = {"path"}),
    DRIVER("vmdk", .backs = true),
    DRIVER("vvfat", .files = {"dir"}),
};

enum { DRIVERS = sizeof(drivers) / sizeof(*drivers) };

/* Any other driver, such as those of services in a network: QEMU parses a file name in its
 * own way there, but a path is one. */
static const struct driver other_driver;

static const struct driver *
driver_of(json_object *node)
{
    const char *name = maqet_json_text(node, "driver");

    for (size_t i = 0; name && i < DRIVERS; i++)
        if (strcmp(drivers[i].name, name) == 0)
            return &drivers[i];
    return &other_driver;
}

bool
maqet_block_node_may_back(json_object *node)
{
    return driver_of(node)->backs;
}

bool
maqet_block_node_is_child(json_object *node, const char *key)
{
    const struct driver *driver = driver_of(node);

    if (strcmp(key, "file") == 0 || strcmp(key, "backing") == 0)
        return true;
    for (size_t i = 0; i < sizeof(driver->children) / sizeof(*driver->children); i++)
        if (driver->children[i] && strcmp(driver->children[i], key) == 0)
            return true;
    return false;
}

/* ---- the nodes ---- */

json_object *
maqet_block_node_find(const struct maqet_args *args, const char *name)
{
    for (size_t i = args->count; i-- > 0;) {
        const struct maqet_props *props = args->objects[i];

        if (props->kind == &maqet_kind_blockdev && strcmp(props->id, name) == 0)
            return props->json;
    }
    return NULL;
}

/* Visits the nodes in a value of any type. @child: an object is a node, even without a
 * driver. */
static int
walk_value(json_object *value, bool child, maqet_block_node_visit *visit, void *data)
{
    int result = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value) && result == 0; i++)
            result = walk_value(json_object_array_get_idx(value, i), child, visit, data);
        return result;
    }
    if (!json_object_is_type(value, json_type_object))
        return 0;
    if (child || json_object_object_get_ex(value, "driver", NULL))
        return maqet_block_node_walk(value, visit, data);
    json_object_object_foreach(value, key, member)
    {
        (void)key;
        if (result == 0)
            result = walk_value(member, false, visit, data);
    }
    return result;
}

int
maqet_block_node_walk(json_object *node, maqet_block_node_visit *visit, void *data)
{
    int result = visit(data, node);

    json_object_object_foreach(node, key, value)
    {
        if (result == 0)
            result = walk_value(value, maqet_block_node_is_child(node, key), visit, data);
    }
    return result;
}

static int
has_name(void *data, json_object *node)
{
    return maqet_json_is(node, "node-name", data);
}

bool
maqet_block_node_is_named(const struct maqet_args *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++)
        if (args->objects[i]->kind == &maqet_kind_blockdev &&
            maqet_block_node_walk(args->objects[i]->json, has_name, (char *)name) != 0)
            return true;
    return false;
}

static void
add_text(json_object *value, struct maqet_strings *texts)
{
    if (json_object_is_type(value, json_type_string))
        maqet_strings_add(texts, json_object_get_string(value));
}

void
maqet_block_node_references(json_object *node, struct maqet_strings *names)
{
    json_object_object_foreach(node, key, value)
    {
        if (!maqet_block_node_is_child(node, key))
            continue;
        add_text(value, names);
        for (size_t i = 0; json_object_is_type(value, json_type_array) &&
                           i < json_object_array_length(value);
             i++)
            add_text(json_object_array_get_idx(value, i), names);
    }
}

/* ---- files ---- */

/* Whether a socket's name is in no folder (unix(7)). */
static bool
is_abstract(json_object *container)
{
    json_object *abstract = json_object_object_get(container, "abstract");
    const char *text = json_object_is_type(abstract, json_type_string)
                           ? json_object_get_string(abstract)
                           : NULL;

    return text ? strcmp(text, "on") == 0 : json_object_get_boolean(abstract);
}

/* Appends the texts that a dotted key leads to. */
static void
add_texts(json_object *container, const char *key, struct maqet_strings *files)
{
    size_t length = strcspn(key, ".");
    const char *rest = key[length] == '.' ? key + length + 1 : NULL;
    _cleanup_free_ char *segment = maqet_strndup(key, length);

    if (strcmp(segment, "*") == 0) {
        for (size_t i = 0; json_object_is_type(container, json_type_array) &&
                           i < json_object_array_length(container);
             i++)
            add_texts(json_object_array_get_idx(container, i), rest, files);
        return;
    }
    json_object *value = json_object_is_type(container, json_type_object)
                             ? json_object_object_get(container, segment)
                             : NULL;
    if (rest)
        add_texts(value, rest, files);
    else if (value && !is_abstract(container))
        add_text(value, files);
}

void
maqet_block_node_files(json_object *node, struct maqet_strings *files)
{
    const struct driver *driver = driver_of(node);
    const char *name = maqet_json_text(node, "filename");

    for (size_t i = 0; i < sizeof(driver->files) / sizeof(*driver->files); i++)
        if (driver->files[i])
            add_texts(node, driver->files[i], files);
    if (!driver->files[0] && name && *name == '/')
        maqet_strings_add(files, name);
}

static void
add_named(const struct maqet_props *props, json_object *container,
          struct maqet_strings *files)
{
    /* QEMU searches for other names of a device in its own folders. */
    bool absolute = props->kind == &maqet_kind_device;

    json_object_object_foreach(container, key, value)
    {
        const char *text = json_object_is_type(value, json_type_string)
                               ? json_object_get_string(value)
                               : NULL;

        if (json_object_is_type(value, json_type_object))
            add_named(props, value, files);
        else if (text && *text && (!absolute || *text == '/') &&
                 (maqet_qemu_names_file(key) || strcmp(key, "socket") == 0) &&
                 !is_abstract(container))
            maqet_strings_add(files, text);
    }
}

void
maqet_object_files(const struct maqet_props *props, struct maqet_strings *files)
{
    if (json_object_is_type(props->json, json_type_object))
        add_named(props, props->json, files);
}

/* A maqet_block_node_visit. */
static int
keep_cached(void *data, json_object *node)
{
    (void)data;
    if (driver_of(node)->cached &&
        !json_object_object_get_ex(node, MAQET_BLOCK_NODE_DROPS, NULL))
        json_object_object_add(node, MAQET_BLOCK_NODE_DROPS,
                               json_object_new_boolean(false));
    return 0;
}

void
maqet_block_node_keep_cached(json_object *node)
{
    maqet_block_node_walk(node, keep_cached, NULL);
}

/* ---- the image of a node ---- */

/* Nodes that refer to each other in a circle are found by this depth, which no image has. */
enum { DEPTH_LIMIT = 64 };

static json_object *inlined(const struct maqet_args *args, json_object *node,
                            size_t depth);

/* A copy of a value in which names of nodes are replaced. @child: a text is such a name.
 * NULL, and *whole is false: one cannot be replaced. */
static json_object *
inlined_value(const struct maqet_args *args, json_object *value, bool child, size_t depth,
              bool *whole)
{
    json_object *copy = NULL;

    if (json_object_is_type(value, json_type_object)) {
        copy = inlined(args, value, depth);
    } else if (json_object_is_type(value, json_type_array)) {
        copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value) && *whole; i++)
            json_object_array_add(copy,
                                  inlined_value(args, json_object_array_get_idx(value, i),
                                                child, depth, whole));
    } else if (child && json_object_is_type(value, json_type_string)) {
        json_object *node = maqet_block_node_find(args, json_object_get_string(value));

        /* A node that is in another one stays there. */
        if (!node && maqet_block_node_is_named(args, json_object_get_string(value)))
            return json_object_get(value);
        copy = node ? inlined(args, node, depth + 1) : NULL;
    } else {
        return json_object_get(value); /* which may be null */
    }
    *whole = *whole && copy;
    return copy;
}

/* The node that a filter filters; NULL: it is no filter, or refers to no node. */
static json_object *
filtered(const struct maqet_args *args, json_object *node)
{
    json_object *file = json_object_object_get(node, "file");

    if (!driver_of(node)->filters)
        return NULL;
    return json_object_is_type(file, json_type_string)
               ? maqet_block_node_find(args, json_object_get_string(file))
               : file;
}

static json_object *
inlined(const struct maqet_args *args, json_object *node, size_t depth)
{
    json_object *below = depth < DEPTH_LIMIT ? filtered(args, node) : NULL;
    bool whole = depth < DEPTH_LIMIT;

    if (below)
        return inlined(args, below, depth + 1);
    json_object *copy = json_object_new_object();
    json_object_object_foreach(node, key, value)
    {
        bool child = maqet_block_node_is_child(node, key);

        if (whole)
            json_object_object_add(copy, key,
                                   inlined_value(args, value, child, depth, &whole));
    }
    if (!whole)
        json_object_put(TAKE_PTR(copy));
    return copy;
}

/* Whether a value is or contains this text. */
static bool
contains(json_object *value, const char *text)
{
    bool found = json_object_is_type(value, json_type_string) &&
                 strcmp(json_object_get_string(value), text) == 0;

    if (json_object_is_type(value, json_type_array))
        for (size_t i = 0; i < json_object_array_length(value) && !found; i++)
            found = contains(json_object_array_get_idx(value, i), text);
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            found = found || (strcmp(key, "node-name") != 0 && contains(member, text));
        }
    }
    return found;
}

/* Whether the node, or an object that it needs, refers to an object. A secret may be
 * encrypted with another one. */
static bool
is_needed(const struct maqet_args *args, json_object *node,
          const struct maqet_props *object, size_t depth)
{
    bool needed = contains(node, object->id);

    for (size_t i = 0; i < args->count && !needed && depth < DEPTH_LIMIT; i++) {
        const struct maqet_props *other = args->objects[i];

        if (other->kind != &maqet_kind_object || other == object)
            continue;
        json_object_object_foreach(other->json, key, value)
        {
            if (strcmp(key, "id") != 0 && !needed && contains(value, object->id))
                needed = is_needed(args, node, other, depth + 1);
        }
    }
    return needed;
}

static const char *
as_text(json_object *json)
{
    return json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
}

bool
maqet_args_render_image(const struct maqet_args *args, const char *node_name,
                        struct maqet_strings *argv)
{
    json_object *top = maqet_block_node_find(args, node_name);
    _cleanup_json_ json_object *node = top ? inlined(args, top, 0) : NULL;

    if (!node)
        return false;
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *props = args->objects[i];

        if (props->kind != &maqet_kind_object || !is_needed(args, node, props, 0))
            continue;
        maqet_strings_add(argv, "--object");
        maqet_strings_add(argv, as_text(props->json));
    }
    maqet_strings_addf(argv, "json:%s", as_text(node));
    return true;
}
