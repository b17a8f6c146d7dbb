/* SPDX-License-Identifier: MIT */
/*
 * check_options.c - the option table: its help texts, limits, choices and fallbacks.
 */
#include <inttypes.h>
#include <string.h>

#include "core/config/options.h"
#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"

/* A text for the help and the manual. */
static int
check_help(const char *text, const char *whose, struct maqet_error **err)
{
    size_t length = text ? strlen(text) : 0;

    if (length == 0 || strspn(text, " ") == length)
        return bench_fail(err, "Say in one line what it is for", "%s has no help text",
                          whose);
    if (text[length - 1] == '.')
        return bench_fail(err, "Remove it: maqet puts the text into sentences",
                          "the help text of %s ends with a full stop", whose);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            return bench_fail(err, "Write one line",
                              "the help text of %s contains a control character", whose);
    return 0;
}

static int
check_choices(const struct maqet_option *row, const char *whose, struct maqet_error **err)
{
    for (const char *const *word = row->choices; *word; word++) {
        if (!**word)
            return bench_fail(err, "Remove it: no user can write it",
                              "%s has an empty choice", whose);
        for (const char *const *other = row->choices; other < word; other++)
            if (strcmp(*word, *other) == 0)
                return bench_fail(err, "Remove one of them",
                                  "%s has the choice '%s' twice", whose, *word);
    }
    return 0;
}

static int
check_limits(const struct maqet_option *row, const char *whose, struct maqet_error **err)
{
    bool number = row->type == MAQET_OPTION_INT || row->type == MAQET_OPTION_SIZE;

    if (!number && (row->flags & MAQET_LIMITS))
        return bench_fail(err, "Limits are for INT and SIZE",
                          "%s has limits, and is not a number", whose);
    if ((row->minimum != 0 && !(row->flags & MAQET_MINIMUM)) ||
        (row->maximum != 0 && !(row->flags & MAQET_MAXIMUM)))
        return bench_fail(err, "Set .flags = MAQET_LIMITS, or one of the two",
                          "%s has a limit that has no effect", whose);
    if ((row->flags & MAQET_LIMITS) == MAQET_LIMITS && row->minimum > row->maximum)
        return bench_fail(err, "Swap them",
                          "the minimum of %s is greater than its maximum", whose);
    if (row->type == MAQET_OPTION_SIZE && row->minimum < 0)
        return bench_fail(err, "Sizes begin at 0", "the minimum of %s is negative",
                          whose);
    return 0;
}

/* Checks the fallback like a value that a user has written. */
static int
check_fallback(const struct bench *bench, const struct maqet_option *row,
               const char *whose, struct maqet_error **err)
{
    const struct maqet_option one[] = {*row, {0}};
    const struct maqet_option *const tables[] = {one, NULL};
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (!row->fallback)
        return 0;
    if (row->flags & MAQET_REQUIRED)
        return bench_fail(err, "Remove one of the two",
                          "%s is required, so its fallback has no effect", whose);
    if (row->type == MAQET_OPTION_MAP)
        return bench_fail(err, "Give its options fallbacks",
                          "%s is a mapping and has a fallback", whose);
    if (row->type == MAQET_OPTION_LIST || row->type == MAQET_OPTION_SECRET)
        return bench_fail(err, "Remove it", "%s is a %s and has a fallback", whose,
                          row->type == MAQET_OPTION_LIST ? "list" : "secret");
    _cleanup_json_ json_object *tree =
        maqet_tree_mapping((struct maqet_place){.folder = bench->folder});
    bench_set(tree, row->name, row->fallback);
    if (maqet_options_check(tree, tables, NULL, NULL, &reason) < 0)
        return bench_fail(err, "Give it a value that a user could write",
                          "the fallback '%s' of %s is refused: %s", row->fallback, whose,
                          reason->message);
    return 0;
}

static int check_table(const struct bench *bench, const struct maqet_option *table,
                       const char *before, struct maqet_error **err);

static int
check_row(const struct bench *bench, const struct maqet_option *row, const char *before,
          struct maqet_error **err)
{
    _cleanup_free_ char *whose = maqet_format("the option '%s%s'", before, row->name);

    if (check_help(row->help, whose, err) < 0 || check_limits(row, whose, err) < 0 ||
        (row->type == MAQET_OPTION_CHOICE && check_choices(row, whose, err) < 0) ||
        check_fallback(bench, row, whose, err) < 0)
        return -1;
    if (row->type != MAQET_OPTION_MAP)
        return 0;
    _cleanup_free_ char *inner = maqet_format("%s%s.", before, row->name);
    return check_table(bench, row->options, inner, err);
}

static int
check_table(const struct bench *bench, const struct maqet_option *table,
            const char *before, struct maqet_error **err)
{
    for (const struct maqet_option *row = table; row->name; row++) {
        for (const struct maqet_option *other = table; other < row; other++)
            if (strcmp(row->name, other->name) == 0)
                return bench_fail(err, "Remove one of them: only the first counts",
                                  "the option '%s%s' is there twice", before, row->name);
        if (check_row(bench, row, before, err) < 0)
            return -1;
    }
    return 0;
}

/* With the option 'format', users state that a disk is of its type, whatever its guest
 * writes to the beginning of it. */
static int
check_plain(const struct bench *bench, struct maqet_error **err)
{
    const struct maqet_storage_plugin *plugin = &bench->storage->plugin;
    const struct maqet_option *row =
        maqet_options_find(bench->storage->common.options, "format");

    if (bench->is_iface || !(plugin->flags & MAQET_STORAGE_PLAIN))
        return 0;
    if (row && row->type == MAQET_OPTION_CHOICE && row->choices[0] &&
        strcmp(row->choices[0], plugin->format) == 0 && !row->choices[1])
        return 0;
    return bench_fail(
        err,
        "Add it: else a guest that writes the beginning of another format "
        "to its disk makes its own machine unstartable",
        "it has MAQET_STORAGE_PLAIN, and no CHOICE option 'format' with the "
        "one word '%s'",
        plugin->format);
}

static int
check_options(struct bench *bench, struct maqet_error **err)
{
    const char *summary =
        bench->is_iface ? bench->iface->plugin.summary : bench->storage->plugin.summary;
    const char *interface = bench->storage->plugin.interface;

    if (check_help(summary, "the plugin itself (.summary)", err) < 0)
        return -1;
    if (!bench->is_iface && interface && !maqet_plugin_name_valid(interface))
        return bench_fail(err, "Name an interface plugin, or NULL for a share",
                          "its .interface '%s' is not a valid name", interface);
    return check_plain(bench, err) < 0 ? -1 : check_table(bench, bench->options, "", err);
}

const struct check checks_of_options[] = {
    {"options", OF_BOTH, NEEDS_PLUGIN, 10, check_options,
     "The summary and every option have a help text, fallbacks are valid values, limits "
     "and choices make sense"},
    {0},
};
