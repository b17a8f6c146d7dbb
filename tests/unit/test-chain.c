/* SPDX-License-Identifier: MIT */
/* What a drive is made of: its block nodes by their names, the files that they are in, and
 * whether these are still what they were. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/qemu/objects.h"
#include "core/storage/chain.h"
#include "tests/unit/unit.h"

/* ---- names ---- */

static void
check_name(const char *drive, size_t number, const char *wanted)
{
    _cleanup_free_ char *name = maqet_node_name(drive, number);
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    UNIT_SAME(name, wanted);
    maqet_args_blockdev(args, name);
    CU_ASSERT_PTR_NULL(args->fault);
}

static void
test_names(void)
{
    check_name("a", 1, "maqet-a.1");
    check_name("a.1", 1, "maqet-a.1.1");
    check_name("a234567890123456789012.", 9, "maqet-a234567890123456789012..9");
    /* Too long for QEMU: other drives have other names all the same. */
    check_name("a234567890123456789012.", 10, "maqet-00f18a61ad6e2ef54.10");
    check_name("a234567890123456789012345678901", 1, "maqet-0f09d0152a7a6d0c7.1");
    check_name("a234567890123456789012345678902", 1, "maqet-0f09d0252a7a6d27a.1");
}

/* ---- the list ---- */

static void
check_nodes(const struct maqet_chain *chain, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < chain->count; i++) {
        const struct maqet_node *node = &chain->nodes[i];

        maqet_strings_addf(&words, "%s%s:%s:%s:%s", i == chain->depth ? "| " : "",
                           node->name ? node->name : "", node->option ? node->option : "",
                           node->file ? node->file : "",
                           node->format ? node->format : "");
    }
    _cleanup_free_ char *text = maqet_strings_join(&words, " ");
    UNIT_SAME(text, wanted);
}

static struct maqet_chain
chain_with_top(const char *file)
{
    struct maqet_chain chain = {0};

    maqet_chain_add_node(&chain, "file", file)->name = maqet_strdup("hdd");
    return chain;
}

static void
test_list(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top");

    maqet_chain_add_file(&chain, "key", "/key");
    maqet_chain_add_node(&chain, "base", "/base");
    maqet_chain_add_node(&chain, NULL, NULL);
    check_nodes(&chain, "hdd:file:/top: :base:/base: ::: | :key:/key:");
    CU_ASSERT_EQUAL(chain.depth, 3);
    CU_ASSERT_FALSE(chain.nodes[0].declared);
    CU_ASSERT_TRUE(chain.nodes[1].declared);
}

/* ---- what a plugin has emitted ---- */

static json_object *
props_of(const struct maqet_args *args, size_t index)
{
    return args->objects[index]->json;
}

static void
test_read_one(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top");
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "hdd");

    maqet_chain_add_file(&chain, "key", "/key");
    maqet_props_string(node, "driver", "luks");
    maqet_props_string(node, "file.filename", "/top");
    maqet_props_string(node, "backing", NULL);
    maqet_chain_read(&chain, "hdd", args);
    check_nodes(&chain, "hdd:file:/top:luks | :key:/key:");
}

static void
test_read_deep(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top");
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "hdd");

    maqet_chain_add_file(&chain, "key", "/key");
    maqet_chain_add_file(&chain, "base", "/base");
    maqet_chain_add_file(&chain, "more", "/more");
    maqet_chain_add_file(&chain, "lowest", "/lowest");
    maqet_props_string(node, "driver", "top");
    maqet_props_string(node, "file.filename", "/top");
    maqet_props_string(node, "backing.driver", "second");
    maqet_props_string(node, "backing.file.filename", "/base");
    maqet_props_string(node, "backing.backing.driver", "remote");
    maqet_props_string(node, "backing.backing.host", "far");
    maqet_props_string(node, "backing.backing.backing.driver", "file");
    maqet_props_string(node, "backing.backing.backing.filename", "/lowest");
    /* A second time, as for each command line that is made. */
    for (int i = 0; i < 2; i++) {
        maqet_chain_read(&chain, "hdd", args);
        check_nodes(&chain, "hdd:file:/top:top maqet-hdd.3:base:/base:second "
                            "maqet-hdd.2:::remote maqet-hdd.1:lowest:/lowest:file "
                            "| :key:/key: :more:/more:");
    }
    /* QEMU is told the names. */
    json_object *below = json_object_object_get(props_of(args, 0), "backing");
    UNIT_SAME(maqet_json_text(below, "node-name"), "maqet-hdd.3");
    below = json_object_object_get(below, "backing");
    UNIT_SAME(maqet_json_text(below, "node-name"), "maqet-hdd.2");

    /* A chain may become shorter. */
    _cleanup_args_ struct maqet_args *less = maqet_args_new();
    maqet_props_string(maqet_args_blockdev(less, "hdd"), "driver", "top");
    maqet_chain_read(&chain, "hdd", less);
    check_nodes(&chain, "hdd:file:/top:top | :base:/base:second :lowest:/lowest:file "
                        ":key:/key: :more:/more:");
}

/* A plugin may append each node by itself, and name it. */
static void
test_read_named(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top");
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *base = maqet_args_blockdev(args, "hdd-base");

    maqet_props_string(base, "driver", "lower");
    maqet_props_string(base, "file.filename", "/base");
    struct maqet_props *node = maqet_args_blockdev(args, "hdd");
    maqet_props_string(node, "driver", "upper");
    maqet_props_string(node, "backing", "hdd-base");
    maqet_chain_read(&chain, "hdd", args);
    check_nodes(&chain, "hdd:file:/top:upper hdd-base::/base:lower");
}

static void
test_read_none(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top"), none = {0};
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    maqet_args_blockdev(args, "other");
    maqet_chain_read(&chain, "hdd", args);
    check_nodes(&chain, "hdd:file:/top:");
    maqet_chain_read(&none, "other", args);
    CU_ASSERT_EQUAL(none.count, 0);
}

/* ---- which file it is ---- */

static void
test_look(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "a.img", "a");
    _cleanup_free_ char *other = unit_file(folder, "b.img", "b");
    struct maqet_node node = {.file = path}, again = {.file = path}, nothing = {0};

    CU_ASSERT_FALSE(maqet_node_is_known(&node));
    CU_ASSERT_TRUE(maqet_node_look(&node));
    CU_ASSERT_TRUE(maqet_node_is_known(&node));
    CU_ASSERT_TRUE(maqet_node_look(&again));
    CU_ASSERT_TRUE(maqet_file_id_equal(&node.id, &again.id));
    CU_ASSERT_EQUAL(rename(other, path), 0);
    CU_ASSERT_TRUE(maqet_node_look(&again));
    CU_ASSERT_FALSE(maqet_file_id_equal(&node.id, &again.id));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_FALSE(maqet_node_look(&node));
    CU_ASSERT_FALSE(maqet_node_is_known(&node));
    CU_ASSERT_FALSE(maqet_node_look(&nothing));
}

static void
set_time(const char *path, int64_t ns)
{
    const struct timespec times[] = {
        {.tv_nsec = UTIME_OMIT}, {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}};

    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* How a file differs from what was recorded of it. */
static char *
changed(const struct maqet_node *then, const char *path)
{
    _cleanup_(maqet_node_clear) struct maqet_node now = {.file = maqet_strdup(path)};

    CU_ASSERT_TRUE_FATAL(maqet_node_read(&now));
    return maqet_node_compare(then, &now);
}

static void
check_change(const struct maqet_node *then, const char *path, const char *wanted)
{
    _cleanup_free_ char *change = changed(then, path);

    if (!wanted)
        UNIT_SAME(change, NULL);
    else
        CU_ASSERT_TRUE(change && maqet_text_starts(change, wanted));
}

static void
test_content(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "base.img", "0123456789");
    _cleanup_free_ char *moved = maqet_format("%s/moved.img", folder);
    _cleanup_free_ char *copy = NULL;
    _cleanup_(maqet_node_clear) struct maqet_node then = {.file = maqet_strdup(path)};

    set_time(path, 1000000000000000007);
    CU_ASSERT_TRUE_FATAL(maqet_node_read(&then));
    check_change(&then, path, NULL);

    /* Written to, by whatever program. */
    set_time(path, 1000000000000000008);
    check_change(&then, path, "was written to");
    set_time(path, then.mtime);
    check_change(&then, path, NULL);

    /* Its time was set back afterwards: the content tells. */
    int fd = open(path, O_WRONLY);
    CU_ASSERT_EQUAL(pwrite(fd, "X", 1, 3), 1);
    set_time(path, then.mtime);
    check_change(&then, path, "was written to: its beginning");
    CU_ASSERT_EQUAL(pwrite(fd, "3", 1, 3), 1);
    CU_ASSERT_EQUAL(ftruncate(fd, 20), 0);
    set_time(path, then.mtime);
    check_change(&then, path, "was written to: it has 20 bytes, and had 10");
    CU_ASSERT_EQUAL(ftruncate(fd, 10), 0);
    close(fd);
    set_time(path, then.mtime);
    check_change(&then, path, NULL);

    /* A copy that keeps size, time and content is the same base, wherever it lies: it may
     * have come back from a backup. */
    copy = unit_file(folder, "copy.img", "0123456789");
    set_time(copy, then.mtime);
    check_change(&then, copy, NULL);
    CU_ASSERT_EQUAL(rename(path, moved), 0);
    check_change(&then, moved, NULL);
    CU_ASSERT_EQUAL(rename(copy, path), 0);
    check_change(&then, path, NULL);
    set_time(path, then.mtime + 1);
    check_change(&then, path, "was replaced by another file");
    CU_ASSERT_EQUAL(unlink(path), 0);
    free(copy);
    copy = unit_file(folder, "base.img", "0123");
    check_change(&then, path, "was replaced by another file: it has 4 bytes, and had 10");
    check_change(&then, moved, NULL);
    set_time(moved, 1);
    check_change(&then, moved, "was written to");
    free(copy);
    copy = unit_file(folder, "other.img", "0123");
    check_change(&then, copy, "is another file than ");
    CU_ASSERT_EQUAL(unlink(path), 0);
    struct maqet_node none = {.file = path};
    CU_ASSERT_FALSE(maqet_node_read(&none));
}

/* A filter has the backing nodes of what it filters. */
static void
test_read_filtered(void)
{
    _cleanup_chain_ struct maqet_chain chain = chain_with_top("/top");
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    struct maqet_props *node = maqet_args_blockdev(args, "hdd-image");

    maqet_chain_add_file(&chain, "base", "/base");
    maqet_props_string(node, "driver", "format");
    maqet_props_string(node, "file.driver", "file");
    maqet_props_string(node, "file.filename", "/top");
    maqet_props_string(node, "backing.driver", "throttle");
    maqet_props_string(node, "backing.file.driver", "format");
    maqet_props_string(node, "backing.file.file.filename", "/base");
    maqet_props_string(node, "backing.file.backing.driver", "file");
    maqet_props_string(node, "backing.file.backing.filename", "/lowest");
    node = maqet_args_blockdev(args, "hdd");
    maqet_props_string(node, "driver", "throttle");
    maqet_props_string(node, "file", "hdd-image");
    maqet_chain_read(&chain, "hdd", args);
    check_nodes(&chain, "hdd:file:/top:throttle maqet-hdd.2:base:/base:throttle "
                        "maqet-hdd.1::/lowest:file");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"names", test_names},
        {"the list", test_list},
        {"one node", test_read_one},
        {"several nodes", test_read_deep},
        {"nodes with names", test_read_named},
        {"nodes below filters", test_read_filtered},
        {"no node", test_read_none},
        {"which file it is", test_look},
        {"whether its content changed", test_content},
        CU_TEST_INFO_NULL,
    };

    return unit_run("chain", tests);
}
