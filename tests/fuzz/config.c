/* SPDX-License-Identifier: MIT */
/*
 * config.c - what a hostile file could reach before a machine is made of it. An input is
 * one text or two, parted by a line "+++"; two are merged. Then these must hold:
 *
 *   - a fault is one line, begins with its place, and has no control characters in it
 *   - what is written as YAML is read back as the same tree
 *   - what is stored is loaded as the same tree, with the same places
 *   - merging and checking leave a tree that is as deep as it may be, and no deeper
 *
 * tests/fuzz/run builds it with libFuzzer; mutations.c feeds it the same inputs every
 * time.
 */
#include "tests/fuzz/config.h"

#include <string.h>

#include "core/config/options.h"
#include "core/config/saved.h"
#include "core/config/yaml.h"
#include "core/config/yaml_write.h"
#include "core/machine/merge.h"

enum { DEPTH_LIMIT = 32 };

static const char *const words[] = {"none", "some", NULL};
static const struct maqet_option inner[] = {
    {.name = "format",
     .type = MAQET_OPTION_CHOICE,
     .flags = MAQET_REQUIRED,
     .choices = words},
    {.name = "mode", .type = MAQET_OPTION_MODE},
    {.name = NULL},
};
static const struct maqet_option options[] = {
    {.name = "name", .type = MAQET_OPTION_STRING, .flags = MAQET_REQUIRED},
    {.name = "file", .type = MAQET_OPTION_PATH},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 512,
     .maximum = INT64_MAX},
    {.name = "count",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_LIMITS,
     .minimum = -5,
     .maximum = 5},
    {.name = "readonly", .type = MAQET_OPTION_BOOL},
    {.name = "inner", .type = MAQET_OPTION_MAP, .options = inner},
    {.name = NULL},
};

static void
promise(bool kept)
{
    if (!kept)
        abort();
}

static void
check_fault(struct maqet_error *err, const char *name)
{
    promise(err && err->code != MAQET_ERROR_FAILED);
    promise(maqet_text_starts(err->message, name));
    for (const char *c = err->message; *c; c++)
        promise((unsigned char)*c >= ' ' && *c != '\x7f');
    maqet_error_free(err);
}

static json_object *
read_yaml(const char *text, size_t length, const char *name)
{
    struct maqet_error *err = NULL;
    json_object *tree = maqet_yaml_parse(text, length, name, "/folder", &err);

    if (!tree)
        check_fault(err, name);
    else
        promise(!err);
    return tree;
}

static int
depth_of(json_object *tree)
{
    int depth = 0;

    if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            int below = depth_of(value);

            promise(*key && strlen(key) <= 128);
            depth = below > depth ? below : depth;
        }
    } else if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++) {
            int below = depth_of(json_object_array_get_idx(tree, i));

            depth = below > depth ? below : depth;
        }
    } else {
        return 0;
    }
    return depth + 1;
}

/* ---- what must come back as it went ---- */

static void
check_written(json_object *tree)
{
    _cleanup_free_ char *text = maqet_yaml_write(tree);
    _cleanup_json_ json_object *back =
        maqet_yaml_parse(text, strlen(text), "written", "/folder", NULL);

    /* Quotes make a text longer, so that the limits may come between. */
    promise(back ? json_object_equal(back, tree) : strlen(text) > 100000);
}

static void
check_stored(json_object *tree)
{
    _cleanup_json_ json_object *saved = maqet_tree_save(tree);
    _cleanup_json_ json_object *back = maqet_tree_load(saved, NULL);
    _cleanup_json_ json_object *again = back ? maqet_tree_save(back) : NULL;

    promise(again && json_object_equal(back, tree) && json_object_equal(again, saved));
}

/* ---- what is done with a tree ---- */

static void
check_options(json_object *tree)
{
    static const struct maqet_option *const tables[] = {options, NULL};
    _cleanup_strings_ struct maqet_strings others = MAQET_STRINGS_INIT;
    struct maqet_error *err = NULL;

    maqet_strings_add(&others, "arguments");
    maqet_strings_add(&others, "storage");
    if (maqet_options_check(tree, tables, &others, "the machine", &err) < 0)
        check_fault(err, "");
    else
        promise(!err && maqet_tree_text(tree, "name"));
}

/* The later text is an assignment too, up to what no command line would hold. */
static void
check_assignment(json_object *tree, const char *text)
{
    size_t length = 0;
    struct maqet_error *err = NULL;

    while ((unsigned char)text[length] >= ' ' && text[length] != '\x7f' && length < 100)
        length++;
    _cleanup_free_ char *assignment = maqet_strndup(text, length);
    if (maqet_assign(tree, assignment, "/folder", &err) < 0)
        check_fault(err, "--set ");
    else
        promise(!err);
}

static void
check_merge(json_object *tree, json_object *later)
{
    _cleanup_json_ json_object *before = maqet_tree_copy(later);
    struct maqet_error *err = NULL;

    if (maqet_merge(tree, later, &err) < 0)
        check_fault(err, "later.yaml:");
    promise(json_object_equal(later, before));
    promise(depth_of(tree) <= DEPTH_LIMIT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = maqet_alloc(size + 1);

    memcpy(text, data, size);
    char *parting = strstr(text, "\n+++\n");
    size_t length = parting ? (size_t)(parting - text) + 1 : size;
    size_t rest = parting ? length + 4 : size;
    _cleanup_json_ json_object *tree = read_yaml(text, length, "base.yaml");
    _cleanup_json_ json_object *later =
        parting ? read_yaml(text + rest, size - rest, "later.yaml") : NULL;

    if (!tree)
        return 0;
    promise(depth_of(tree) <= DEPTH_LIMIT);
    check_written(tree);
    check_stored(tree);
    if (!json_object_is_type(tree, json_type_object))
        return 0;
    if (json_object_is_type(later, json_type_object))
        check_merge(tree, later);
    check_assignment(tree, text + rest);
    check_options(tree);
    check_stored(tree);
    return 0;
}
