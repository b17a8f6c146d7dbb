/* SPDX-License-Identifier: MIT */
#include "core/conformance/variants.h"

#include <inttypes.h>
#include <string.h>

#include "core/config/options.h"
#include "core/conformance/made_up.h"

/* ---- the options ---- */

static void
add_options(const struct maqet_option *table, const char *before,
            struct maqet_strings *names)
{
    for (const struct maqet_option *row = table; row->name; row++) {
        _cleanup_free_ char *name = maqet_format("%s%s", before, row->name);
        _cleanup_free_ char *inner = maqet_format("%s.", name);

        if (row->type == MAQET_OPTION_MAP)
            add_options(row->options, inner, names);
        else
            maqet_strings_take(names, TAKE_PTR(name));
    }
}

void
variants_options(const struct maqet_option *table, struct maqet_strings *names)
{
    add_options(table, "", names);
}

/* ---- variants ---- */

/* The @index-th value to try of an option; NULL after the last one. */
static char *
value_at(const struct maqet_option *row, unsigned index)
{
    if (row->type == MAQET_OPTION_BOOL && index < 2)
        return maqet_strdup(index == 0 ? "on" : "off");
    if (row->type == MAQET_OPTION_INT && (row->flags & MAQET_LIMITS) == MAQET_LIMITS &&
        index < 2)
        return maqet_format("%" PRId64, index == 0 ? row->minimum : row->maximum);
    if (row->type == MAQET_OPTION_MODE && index == 0)
        return maqet_strdup("0640");
    /* It is called with one index after another, so this is at most the NULL at the
     * end. */
    return row->type == MAQET_OPTION_CHOICE ? maqet_strdup(row->choices[index]) : NULL;
}

/* `media` is the core's, the others are the plugin's. */
static void
set(const struct bench *bench, json_object *entry, const char *option, const char *value)
{
    if (strcmp(option, "media") == 0)
        bench_set(entry, option, value);
    else
        made_up_set(bench, entry, option, value);
}

/* Tries an entry with this value of an option; without an option, the plain entry. */
static int
try_variant(struct bench *bench, const char *option, const char *value,
            variant_call *call, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, "variant", 0);
    _cleanup_free_ char *what =
        option ? maqet_format("%s: %s", option, value) : maqet_strdup("plain");

    if (option)
        set(bench, entry, option, value);
    return call(bench, entry, what, err);
}

int
variants_try(struct bench *bench, variant_call *call, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (try_variant(bench, NULL, NULL, call, err) < 0 ||
        (bench->storage->plugin.interface &&
         try_variant(bench, "media", "cdrom", call, err) < 0))
        return -1;
    variants_options(bench->options, &names);
    for (size_t i = 0; i < names.count; i++) {
        const struct maqet_option *row =
            maqet_options_find(bench->options, names.items[i]);

        for (unsigned j = 0;; j++) {
            _cleanup_free_ char *value = value_at(row, j);

            if (!value)
                break;
            if (try_variant(bench, names.items[i], value, call, err) < 0)
                return -1;
        }
    }
    return 0;
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
        {"a path upwards", "../../../../../../proc/maqet-none"},
        {"printf conversions", "%s%s%s%s%s%s%n%n%n%p%1000d"},
        {"an empty text", ""},
        {"an option", "--help"},
        {"a negative number", "-1"},
        {"a number that is too large", "99999999999999999999999999"},
        {"the largest number", "9223372036854775807"},
        {"zero", "0"},
        {"an unknown word", "maqet-no-such-word"},
        {"shell syntax", "$(touch maqet-was-here) `touch x`;'\"|&\\"},
        {"invalid UTF-8", "\xff\xfe\x80 \xc0\xaf"},
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
