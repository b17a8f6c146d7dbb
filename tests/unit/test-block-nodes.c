/* SPDX-License-Identifier: MIT */
/* Block nodes: what they consist of, which files they name, and how qemu-img gets them. */
#include <string.h>

#include "core/base/json.h"
#include "core/qemu/block_nodes.h"
#include "tests/unit/unit.h"

/* Appends a node with the properties "key=value ..."; a value that begins with '!' is a
 * truth. */
static struct maqet_props *
add_node(struct maqet_args *args, const char *name, const char *properties)
{
    struct maqet_props *node = maqet_args_blockdev(args, name);
    _cleanup_free_ char *copy = maqet_strdup(properties);
    char *rest = copy;

    for (char *word; (word = strsep(&rest, " "));) {
        char *value = strchr(word, '=');

        *value++ = '\0';
        if (*value == '!')
            maqet_props_bool(node, word, strcmp(value, "!true") == 0);
        else
            maqet_props_string(node, word, value);
    }
    return node;
}

/* ---- what a node consists of ---- */

static int
note(void *data, json_object *node)
{
    const char *driver = maqet_json_text(node, "driver");

    maqet_strings_add(data, driver ? driver : "?");
    return driver && strcmp(driver, "last") == 0;
}

static void
check_walk(const char *properties, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings seen = MAQET_STRINGS_INIT;

    maqet_block_node_walk(add_node(args, "d", properties)->json, note, &seen);
    _cleanup_free_ char *text = maqet_strings_join(&seen, " ");
    UNIT_SAME(args->fault, NULL);
    UNIT_SAME(text, wanted);
}

static void
test_walk(void)
{
    check_walk("driver=qcow2 file.driver=file file.filename=/a", "qcow2 file");
    check_walk("driver=qcow2 file=f backing.driver=qcow2 backing.file.driver=file",
               "qcow2 qcow2 file");
    check_walk("driver=quorum children.0.driver=raw children.0.file.driver=file "
               "children.1=other children.2.driver=file",
               "quorum raw file file");
    check_walk("driver=nbd server.type=unix server.path=/s", "nbd");
    /* QEMU would probe it. */
    check_walk("driver=throttle file.filename=/a", "throttle ?");
    check_walk("driver=new odd.driver=file other.deep.driver=raw", "new file raw");
    check_walk("driver=raw file.driver=last file.file.driver=file", "raw last");
}

/* Also in nodes within, but not against what was said, nor where there is no file of this host. */
static void
test_cached(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    json_object *node =
        add_node(args, "d",
                 "driver=qcow2 file.driver=file file.filename=/a backing.driver=raw "
                 "backing.file.driver=host_device backing.file.drop-cache=!true "
                 "data-file.driver=nbd")
            ->json;

    maqet_block_node_keep_cached(node);
    maqet_block_node_keep_cached(node);
    UNIT_SAME(json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE),
              "{\"node-name\":\"d\",\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\","
              "\"filename\":\"/a\",\"drop-cache\":false},\"backing\":{\"driver\":\"raw\","
              "\"file\":{\"driver\":\"host_device\",\"drop-cache\":true}},"
              "\"data-file\":{\"driver\":\"nbd\"}}");
}

static void
check_references(const char *properties, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    maqet_block_node_references(add_node(args, "d", properties)->json, &names);
    _cleanup_free_ char *text = maqet_strings_join(&names, " ");
    UNIT_SAME(text, wanted);
}

static void
test_references(void)
{
    check_references("driver=qcow2 file=a backing=b data-file=c", "a b c");
    check_references("driver=quorum children.0=a children.1.driver=raw children.2=b",
                     "a b");
    check_references("driver=copy-on-read file=a bottom=b", "a b");
    check_references("driver=blkdebug image=a", "a");
    /* Names of other things. */
    check_references("driver=rbd pool=p image=i", "");
    check_references("driver=iscsi target=t portal=p", "");
    check_references("driver=throttle file.driver=raw file.file=a throttle-group=g", "");
}

static void
test_backing(void)
{
    static const char *const able[] = {"qcow2", "qcow", "qed", "vmdk", NULL};
    static const char *const unable[] = {"raw", "vdi", "file", "throttle", "new", NULL};

    for (size_t i = 0; able[i]; i++) {
        _cleanup_json_ json_object *node =
            maqet_json_object("driver", json_object_new_string(able[i]), NULL);
        CU_ASSERT_TRUE(maqet_block_node_may_back(node));
    }
    for (size_t i = 0; unable[i]; i++) {
        _cleanup_json_ json_object *node =
            maqet_json_object("driver", json_object_new_string(unable[i]), NULL);
        CU_ASSERT_FALSE(maqet_block_node_may_back(node));
    }
}

/* ---- files ---- */

static void
check_files(const char *properties, const char *wanted)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_block_node_files(add_node(args, "d", properties)->json, &files);
    _cleanup_free_ char *text = maqet_strings_join(&files, " ");
    UNIT_SAME(text, wanted);
}

static void
test_files_of_nodes(void)
{
    check_files("driver=file filename=/a/b", "/a/b");
    check_files("driver=host_device filename=/dev/a", "/dev/a");
    check_files("driver=host_cdrom filename=a", "a");
    check_files("driver=vvfat dir=/d", "/d");
    check_files("driver=blkdebug config=/c x-image=/i image.driver=raw", "/c /i");
    check_files("driver=nbd server.type=unix server.path=/s", "/s");
    check_files("driver=nbd server.type=inet server.host=/s server.port=1", "");
    check_files("driver=nbd server.type=unix server.path=s server.abstract=!true", "");
    check_files("driver=nbd server.type=unix server.path=/s server.abstract=!false",
                "/s");
    check_files("driver=gluster server.0.type=unix server.0.path=/g server.1.type=inet",
                "/g");
    check_files("driver=rbd pool=p image=i conf=/etc/x", "/etc/x");
    check_files("driver=virtio-blk-vhost-user path=/v", "/v");
    /* Services have paths and names of their own. */
    check_files("driver=ssh path=/far server.host=h", "");
    check_files("driver=nfs path=/far", "");
    check_files("driver=https url=https://a/b", "");
    check_files("driver=new filename=/a", "/a");
    check_files("driver=new filename=far:a", "");
    /* Those of the nodes in it are their own. */
    check_files("driver=qcow2 file.driver=file file.filename=/a", "");
}

static void
test_files_of_objects(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    struct maqet_props *props = maqet_args_object(args, "secret", "key");

    maqet_props_string(props, "file", "/key");
    maqet_props_string(props, "format", "base64");
    props = maqet_args_object(args, "throttle-group", "limits");
    maqet_props_int(props, "limits.iops-total", 10);
    props = maqet_args_chardev(args, "socket", "c");
    maqet_props_string(props, "path", "/socket");
    props = maqet_args_chardev(args, "socket", "abstract");
    maqet_props_string(props, "path", "name");
    maqet_props_bool(props, "abstract", true);
    props = maqet_args_fsdev(args, "local", "share");
    maqet_props_string(props, "path", "/folder");
    props = maqet_args_device(args, "virtio-9p-pci", "share");
    maqet_props_string(props, "mount_tag", "/tag");
    maqet_props_string(props, "romfile", "efi.rom");
    for (size_t i = 0; i < args->count; i++)
        maqet_object_files(args->objects[i], &files);
    maqet_props_string(props, "vhostdev", "/dev/v");
    maqet_object_files(props, &files);
    _cleanup_free_ char *text = maqet_strings_join(&files, " ");
    UNIT_SAME(text, "/key /socket /folder /dev/v");
}

/* ---- the image of a node ---- */

/* The arguments of qemu-img, one a line; NULL: there is no image. The caller frees. */
static char *
image_of(const struct maqet_args *args, const char *name)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    UNIT_SAME(args->fault, NULL);
    return maqet_args_render_image(args, name, &argv) ? maqet_strings_join(&argv, "\n")
                                                      : NULL;
}

static void
test_image(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    add_node(args, "other", "driver=raw file.driver=null-co");
    add_node(args, "d", "driver=raw file.driver=file file.filename=/a");
    _cleanup_free_ char *image = image_of(args, "d");
    _cleanup_free_ char *none = image_of(args, "e");
    UNIT_SAME(image, "json:{\"node-name\":\"d\",\"driver\":\"raw\",\"file\":"
                     "{\"driver\":\"file\",\"filename\":\"/a\"}}");
    UNIT_SAME(none, NULL);
}

/* Named nodes are put in their places, and only the objects that are needed come first. */
static void
test_image_of_nodes(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *secret;

    maqet_args_object(args, "iothread", "d-thread");
    maqet_props_string(maqet_args_object(args, "secret", "d-master"), "file", "/m");
    secret = maqet_args_object(args, "secret", "d-key");
    maqet_props_string(secret, "file", "/k");
    maqet_props_string(secret, "keyid", "d-master");
    maqet_args_object(args, "throttle-group", "d-limits");
    add_node(args, "d-file", "driver=file filename=/a");
    add_node(args, "d-base", "driver=raw file=d-low");
    add_node(args, "d-low", "driver=file filename=/b");
    add_node(args, "d-image",
             "driver=qcow2 file=d-file backing=d-base "
             "encrypt.format=luks encrypt.key-secret=d-key");
    add_node(args, "d", "driver=blkdebug image=d-image set=d-limits");
    _cleanup_free_ char *image = image_of(args, "d");
    UNIT_SAME(
        image,
        "--object\n{\"qom-type\":\"secret\",\"id\":\"d-master\",\"file\":\"/m\"}\n"
        "--object\n{\"qom-type\":\"secret\",\"id\":\"d-key\",\"file\":\"/k\","
        "\"keyid\":\"d-master\"}\n"
        "--object\n{\"qom-type\":\"throttle-group\",\"id\":\"d-limits\"}\n"
        "json:{\"node-name\":\"d\",\"driver\":\"blkdebug\","
        "\"image\":{\"node-name\":\"d-image\",\"driver\":\"qcow2\",\"file\":"
        "{\"node-name\":\"d-file\",\"driver\":\"file\",\"filename\":\"/a\"},\"backing\":"
        "{\"node-name\":\"d-base\",\"driver\":\"raw\",\"file\":{\"node-name\":\"d-low\","
        "\"driver\":\"file\",\"filename\":\"/b\"}},\"encrypt\":{\"format\":\"luks\","
        "\"key-secret\":\"d-key\"}},\"set\":\"d-limits\"}");
    /* What was emitted is as before. */
    UNIT_SAME(maqet_json_text(args->objects[args->count - 1]->json, "image"), "d-image");
}

/* Filters of the guest's requests hide from qemu-img what it works on. */
static void
test_image_of_filters(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_object(args, "throttle-group", "d-limits");
    add_node(args, "d-image",
             "driver=qcow2 file.driver=throttle "
             "file.throttle-group=d-limits file.file.driver=null-co");
    add_node(args, "d-limited", "driver=throttle throttle-group=d-limits file=d-image");
    add_node(args, "d", "driver=copy-on-read file=d-limited bottom=d-image");
    add_node(args, "e", "driver=throttle throttle-group=d-limits file=e");
    _cleanup_free_ char *image = image_of(args, "d");
    _cleanup_free_ char *none = image_of(args, "e");
    UNIT_SAME(image, "json:{\"node-name\":\"d-image\",\"driver\":\"qcow2\",\"file\":"
                     "{\"driver\":\"null-co\"}}");
    UNIT_SAME(none, NULL);
}

static void
test_image_of_lists(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    add_node(args, "d-1", "driver=null-co");
    add_node(args, "d",
             "driver=quorum vote-threshold=1 children.0=d-1 children.1.driver=null-aio");
    _cleanup_free_ char *image = image_of(args, "d");
    UNIT_SAME(image, "json:{\"node-name\":\"d\",\"driver\":\"quorum\","
                     "\"vote-threshold\":\"1\",\"children\":[{\"node-name\":\"d-1\","
                     "\"driver\":\"null-co\"},{\"driver\":\"null-aio\"}]}");
}

static void
test_no_image(void)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    add_node(args, "lost", "driver=throttle file=nowhere");
    add_node(args, "self", "driver=quorum children.0=self children.1=self");
    add_node(args, "a", "driver=raw file=b");
    add_node(args, "b", "driver=raw file.driver=raw file.file=a");
    for (size_t i = 0; i < 3; i++) {
        _cleanup_free_ char *none = image_of(args, args->objects[i]->id);
        UNIT_SAME(none, NULL);
    }
    /* Nor does it fall over null. */
    maqet_props_string(maqet_args_blockdev(args, "n"), "backing", NULL);
    _cleanup_free_ char *image = image_of(args, "n");
    UNIT_SAME(image, "json:{\"node-name\":\"n\",\"backing\":null}");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the nodes in a node", test_walk},
        {"what is cached of its files", test_cached},
        {"the nodes that it refers to", test_references},
        {"which have backing files", test_backing},
        {"the files of nodes", test_files_of_nodes},
        {"the files of other objects", test_files_of_objects},
        {"an image", test_image},
        {"named nodes in their places", test_image_of_nodes},
        {"filters are left out", test_image_of_filters},
        {"lists of nodes", test_image_of_lists},
        {"no image", test_no_image},
        CU_TEST_INFO_NULL,
    };

    return unit_run("block-nodes", tests);
}
