/* SPDX-License-Identifier: MIT */
#include "core/conformance/variants.h"

#include <inttypes.h>
#include <string.h>

/* ---- the options ---- */

static void
list(struct variant_options *options, const struct maqet_option *table,
     const char *before)
{
    for (const struct maqet_option *row = table; row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", before, row->name);

        if (row->type == MAQET_OPTION_MAP) {
            _cleanup_free_ char *inner = maqet_format("%s.", name);

            list(options, row->options, inner);
            continue;
        }
        options->items =
            maqet_realloc(options->items, (options->count + 1) * sizeof(*options->items));
        options->items[options->count++] =
            (struct variant_option){.name = TAKE_PTR(name), .row = row};
    }
}

void
variant_options_list(const struct bench *bench, struct variant_options *options)
{
    list(options, bench_options(bench), "");
}

void
variant_options_clear(struct variant_options *options)
{
    for (size_t i = 0; i < options->count; i++)
        free(options->items[i].name);
    free(options->items);
    *options = (struct variant_options){0};
}

/* ---- variants ---- */

/* The @index-th value that an option may well have; NULL after the last one. */
static char *
value_at(const struct maqet_option *row, unsigned index)
{
    static const char *const switches[] = {"on", "off"};

    if (row->type == MAQET_OPTION_BOOL)
        return index < 2 ? maqet_strdup(switches[index]) : NULL;
    if (row->type == MAQET_OPTION_CHOICE) {
        for (unsigned i = 0; i < index; i++)
            if (!row->choices[i])
                return NULL;
        return maqet_strdup(row->choices[index]);
    }
    if (row->type == MAQET_OPTION_INT && row->maximum != 0 && index < 2)
        return maqet_format("%" PRId64, index == 0 ? row->minimum : row->maximum);
    if (row->type == MAQET_OPTION_MODE && index == 0)
        return maqet_strdup("0640");
    return NULL;
}

static const char *const media[] = {NULL, "cdrom"};

json_object *
variant_entry(const struct bench *bench, unsigned index, const char *name, char **what)
{
    _cleanup_variant_options_ struct variant_options options = {0};
    json_object *entry = bench_entry(bench, name, NULL, 0);

    *what = NULL;
    if (index < 2) {
        if (media[index] && bench->storage->plugin.interface)
            bench_set(entry, "media", media[index]);
        *what = maqet_strdup(index == 0 ? "plain" : "media: cdrom");
        return entry;
    }
    index -= 2;
    variant_options_list(bench, &options);
    for (size_t i = 0; i < options.count; i++)
        for (unsigned j = 0;; j++) {
            _cleanup_free_ char *value = value_at(options.items[i].row, j);

            if (!value)
                break;
            if (index-- > 0)
                continue;
            bench_set(entry, options.items[i].name, value);
            *what = maqet_format("%s: %s", options.items[i].name, value);
            return entry;
        }
    json_object_put(entry);
    return NULL;
}

/* ---- hostile values ---- */

enum { LONG_VALUE = 70000 };

char *
variant_hostile(unsigned index, const char **what)
{
    static const struct {
        const char *what;
        const char *value; /* NULL: a long one */
    } all[] = {
        {"70000 letters", NULL},
        {"control characters", "a\x01\x1b[31m\tb\rc\nd"},
        {"options of QEMU's", "x,id=evil,file=/proc/maqet-none,,y"},
        {"JSON", "\",\"driver\":\"null-co\",\"x\":\""},
        {"another protocol", "json:{\"driver\":\"null-co\"}"},
        {"a way up", "../../../../../../proc/maqet-none"},
        {"conversions of printf", "%s%s%s%s%s%s%n%n%n%p%1000d"},
        {"an empty text", ""},
        {"an option", "--help"},
        {"a negative number", "-1"},
        {"a number that fits nowhere", "99999999999999999999999999"},
        {"the largest number", "9223372036854775807"},
        {"nothing at all", "0"},
        {"an unknown word", "maqet-no-such-word"},
        {"a shell's words", "$(touch maqet-was-here) `touch x`;'\"|&\\"},
        {"bytes that are no UTF-8", "\xff\xfe\x80 \xc0\xaf"},
    };

    if (index >= sizeof(all) / sizeof(*all))
        return NULL;
    *what = all[index].what;
    if (all[index].value)
        return maqet_strdup(all[index].value);
    char *text = maqet_alloc(LONG_VALUE + 1);
    memset(text, 'A', LONG_VALUE);
    return text;
}
