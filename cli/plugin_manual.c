/* SPDX-License-Identifier: MIT */
#include "cli/plugin_manual.h"

#include <inttypes.h>
#include <string.h>

#include "cli/fields.h"
#include "cli/roff.h"
#include "core/base/json.h"

/* What the words of capabilities mean (core/plugin/describe.c has the list). */
static const struct {
    const char *word, *meaning;
} capabilities[] = {
    {"create", "makes what is missing"},
    {"inspect", "looks at what is there before QEMU does"},
    {"snapshot", "keeps snapshots of a machine that is stopped"},
    {"live-snapshot", "keeps snapshots while the machine runs"},
    {"snapshot-rename", "gives a snapshot another name in place"},
    {"snapshot-export", "writes what a snapshot holds to a file"},
    {"snapshot-serve", "offers what a snapshot holds to a machine that runs for a test"},
    {"resize", "grows while the machine is stopped"},
    {"live-resize", "grows while the machine runs"},
    {"check", "finds damage"},
    {"holders", "tells who else uses it"},
    {"helper", "runs a program beside QEMU"},
    {"hotplug", "can be added to a machine that runs, and removed"},
};

static void
append_capabilities(struct maqet_text *text, json_object *words)
{
    size_t count = json_object_array_length(words);

    if (count > 0)
        maqet_text_append(text, ".SH CAPABILITIES\n");
    for (size_t i = 0; i < count; i++) {
        const char *word = json_object_get_string(json_object_array_get_idx(words, i));

        roff_append(text, ".TP\n.B ", word, "\n");
        for (size_t j = 0; j < sizeof(capabilities) / sizeof(*capabilities); j++)
            if (strcmp(capabilities[j].word, word) == 0)
                roff_append(text, "It ", capabilities[j].meaning, ".\n");
    }
}

static void
append_choices(struct maqet_text *text, json_object *words)
{
    size_t count =
        json_object_is_type(words, json_type_array) ? json_object_array_length(words) : 0;

    for (size_t i = 0; i < count; i++)
        roff_append(text, i == 0 ? "\nOne of: \\fB" : "\\fR, \\fB",
                    json_object_get_string(json_object_array_get_idx(words, i)), "");
    if (count > 0)
        maqet_text_append(text, "\\fR.");
}

static void
append_limits(struct maqet_text *text, json_object *option)
{
    json_object *least, *most;

    if (!json_object_object_get_ex(option, "minimum", &least))
        return;
    maqet_text_appendf(text, "\nAt least %" PRId64, json_object_get_int64(least));
    if (json_object_object_get_ex(option, "maximum", &most))
        maqet_text_appendf(text, ", at most %" PRId64, json_object_get_int64(most));
    maqet_text_append(text, ".");
}

static void append_options(struct maqet_text *text, json_object *options,
                           const char *before);

static void
append_option(struct maqet_text *text, json_object *option, const char *before)
{
    const char *fallback = maqet_json_text(option, "fallback");
    const char *help = maqet_json_text(option, "help");
    _cleanup_free_ char *name =
        maqet_format("%s%s", before, maqet_json_text(option, "name"));
    _cleanup_free_ char *inner = maqet_format("%s.", name);

    roff_append(text, ".TP\n\\fB", name, "\\fR");
    roff_append(text, " (\\fI", maqet_json_text(option, "type"), "\\fR");
    maqet_text_append(text,
                      json_object_get_boolean(json_object_object_get(option, "required"))
                          ? ", required)\n"
                          : ")\n");
    if (help) {
        _cleanup_free_ char *sentence = maqet_format("%s.", help);

        /* Of ASCII only: the page is the same in every locale. */
        if (*sentence >= 'a' && *sentence <= 'z')
            *sentence = (char)(*sentence - 'a' + 'A');
        roff_append(text, "", sentence, "");
    }
    if (fallback)
        roff_append(text, "\nDefault: \\fB", fallback, "\\fR.");
    append_choices(text, json_object_object_get(option, "choices"));
    append_limits(text, option);
    maqet_text_append(text, "\n");
    append_options(text, json_object_object_get(option, "options"), inner);
}

static void
append_options(struct maqet_text *text, json_object *options, const char *before)
{
    for (size_t i = 0; options && i < json_object_array_length(options); i++)
        append_option(text, json_object_array_get_idx(options, i), before);
}

char *
plugin_manual(json_object *plugin, const char *prose)
{
    bool storage = strcmp(field_get(plugin, "kind"), "storage") == 0;
    const char *name = field_get(plugin, "name");
    const char *summary = maqet_json_text(plugin, "summary");
    const char *usual = maqet_json_text(plugin, "interface");
    json_object *options = json_object_object_get(plugin, "options");
    _cleanup_free_ char *page =
        maqet_format("maqet-%s-%s", storage ? "storage" : "iface", name);
    _cleanup_free_ char *key =
        maqet_format("%s: %s", storage ? "type" : "interface", name);
    struct maqet_text text = MAQET_TEXT_INIT;

    roff_append(&text, ".TH ", page, " 5 \"\" \"maqet\" \"Plugins of maqet\"\n");
    roff_append(&text, ".SH NAME\n", page, " \\- ");
    roff_append(&text, "", summary ? summary : "a plugin of maqet", "\n.SH SYNOPSIS\n");
    roff_append(&text, ".EX\nstorage:\n  \\- name: DRIVE\n    ", key, "\n.EE\n");
    maqet_text_append(&text, ".SH DESCRIPTION\n");
    if (prose)
        maqet_text_append(&text, prose);
    if (storage && usual)
        roff_append(&text, ".PP\nIt is attached by the interface \\fB", usual,
                    "\\fR, unless the drive says another one.\n");
    else if (storage)
        maqet_text_append(&text,
                          ".PP\nIt attaches itself: the drive has no `interface`.\n");
    maqet_text_append(&text, ".SH OPTIONS\n");
    if (json_object_array_length(options) == 0)
        maqet_text_append(&text, "None.\n");
    append_options(&text, options, "");
    append_capabilities(&text, json_object_object_get(plugin, "capabilities"));
    maqet_text_append(&text, ".SH SEE ALSO\n.BR maqet (1),\n.BR maqet\\-plugin (3)\n");
    return maqet_text_take(&text);
}
