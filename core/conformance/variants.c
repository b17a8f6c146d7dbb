/* SPDX-License-Identifier: MIT */
#include "core/conformance/variants.h"

#include <inttypes.h>
#include <string.h>

/* ---- the options ---- */

static char *
find_option(const struct maqet_option *table, const char *before, unsigned *index,
            const struct maqet_option **found)
{
    for (const struct maqet_option *row = table; row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", before, row->name);
        _cleanup_free_ char *inner = maqet_format("%s.", name);

        if (row->type == MAQET_OPTION_MAP) {
            char *inside = find_option(row->options, inner, index, found);

            if (inside)
                return inside;
        } else if ((*index)-- == 0) {
            *found = row;
            return TAKE_PTR(name);
        }
    }
    return NULL;
}

char *
variant_option(const struct bench *bench, unsigned index, const struct maqet_option **row)
{
    return find_option(bench_options(bench), "", &index, row);
}

/* ---- variants ---- */

/* The @index-th value that an option may well have; NULL after the last one. */
static char *
value_at(const struct maqet_option *row, unsigned index)
{
    if (row->type == MAQET_OPTION_BOOL && index < 2)
        return maqet_strdup(index == 0 ? "on" : "off");
    if (row->type == MAQET_OPTION_INT && row->maximum != 0 && index < 2)
        return maqet_format("%" PRId64, index == 0 ? row->minimum : row->maximum);
    if (row->type == MAQET_OPTION_MODE && index == 0)
        return maqet_strdup("0640");
    if (row->type != MAQET_OPTION_CHOICE)
        return NULL;
    for (unsigned i = 0; i < index; i++)
        if (!row->choices[i])
            return NULL;
    return maqet_strdup(row->choices[index]);
}

json_object *
variant_entry(const struct bench *bench, unsigned index, char **what)
{
    _cleanup_free_ char *name = maqet_format("disk-%u", index);
    _cleanup_json_ json_object *entry = bench_entry(bench, name, 0);
    unsigned left = index - 2; /* values */

    *what = NULL;
    if (index == 1 && bench->storage->plugin.interface)
        bench_set(entry, "media", "cdrom");
    if (index < 2) {
        *what = maqet_strdup(index == 0 ? "plain" : "media: cdrom");
        return TAKE_PTR(entry);
    }
    for (unsigned i = 0;; i++) {
        const struct maqet_option *row;
        _cleanup_free_ char *option = variant_option(bench, i, &row);

        if (!option)
            return NULL;
        for (unsigned j = 0;; j++) {
            _cleanup_free_ char *value = value_at(row, j);

            if (!value)
                break;
            if (left-- > 0)
                continue;
            bench_set(entry, option, value);
            *what = maqet_format("%s: %s", option, value);
            return TAKE_PTR(entry);
        }
    }
}

int
variants_try(struct bench *bench, variant_call *call, struct maqet_error **err)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *what = NULL;
        _cleanup_json_ json_object *entry = variant_entry(bench, i, &what);

        if (!entry)
            return 0;
        if (call(bench, entry, what, err) < 0)
            return -1;
    }
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
