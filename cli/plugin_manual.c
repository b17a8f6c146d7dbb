/* SPDX-License-Identifier: MIT */
#include "cli/plugin_manual.h"

#include <inttypes.h>
#include <string.h>

#include "cli/roff.h"

/* What the words of capabilities mean (core/plugin/describe.c has the list). */
static const struct {
    const char *word, *meaning;
} capabilities[] = {
    {"create", "creates what is missing"},
    {"inspect", "inspects what exists before QEMU opens it"},
    {"snapshot", "snapshots of a stopped VM"},
    {"live-snapshot", "keeps snapshots while the VM is running"},
    {"snapshot-rename", "renames a snapshot in place"},
    {"snapshot-export", "writes the contents of a snapshot to a file"},
    {"snapshot-serve", "serves the contents of a snapshot to a VM that runs a test"},
    {"resize", "grows while the VM is stopped"},
    {"live-resize", "grows while the VM is running"},
    {"check", "finds damage"},
    {"holders", "reports who else uses it"},
    {"helper", "runs a program beside QEMU"},
    {"hotplug", "can be attached to a running VM, and detached"},
};

static void
append_capabilities(struct maqet_text *text, const struct maqet_strings *words)
{
    if (words->count > 0)
        maqet_text_append(text, ".SH CAPABILITIES\n");
    for (size_t i = 0; i < words->count; i++) {
        roff_append(text, ".TP\n.B ", words->items[i], "\n");
        for (size_t j = 0; j < sizeof(capabilities) / sizeof(*capabilities); j++)
            if (strcmp(capabilities[j].word, words->items[i]) == 0)
                roff_append(text, "It ", capabilities[j].meaning, ".\n");
    }
}

static void
append_choices(struct maqet_text *text, const struct maqet_strings *words)
{
    for (size_t i = 0; i < words->count; i++)
        roff_append(text, i == 0 ? "\nOne of: \\fB" : "\\fR, \\fB", words->items[i], "");
    if (words->count > 0)
        maqet_text_append(text, "\\fR.");
}

static void
append_limits(struct maqet_text *text, const struct plugin_option *option)
{
    if (!option->has_minimum)
        return;
    maqet_text_appendf(text, "\nAt least %" PRId64, option->minimum);
    if (option->has_maximum)
        maqet_text_appendf(text, ", at most %" PRId64, option->maximum);
    maqet_text_append(text, ".");
}

static void append_options(struct maqet_text *text, const struct plugin_option *options,
                           size_t count, const char *before);

static void
append_option(struct maqet_text *text, const struct plugin_option *option,
              const char *before)
{
    _cleanup_free_ char *name = maqet_format("%s%s", before, option->name);
    _cleanup_free_ char *inner = maqet_format("%s.", name);

    roff_append(text, ".TP\n\\fB", name, "\\fR");
    roff_append(text, " (\\fI", option->type, "\\fR");
    maqet_text_append(text, option->required ? ", required)\n" : ")\n");
    if (option->help) {
        _cleanup_free_ char *sentence = maqet_format("%s.", option->help);

        /* Of ASCII only: the page is the same in every locale. */
        if (*sentence >= 'a' && *sentence <= 'z')
            *sentence = (char)(*sentence - 'a' + 'A');
        roff_append(text, "", sentence, "");
    }
    if (option->fallback)
        roff_append(text, "\nDefault: \\fB", option->fallback, "\\fR.");
    append_choices(text, &option->choices);
    append_limits(text, option);
    maqet_text_append(text, "\n");
    append_options(text, option->options, option->option_count, inner);
}

static void
append_options(struct maqet_text *text, const struct plugin_option *options, size_t count,
               const char *before)
{
    for (size_t i = 0; i < count; i++)
        append_option(text, &options[i], before);
}

char *
plugin_manual(const struct plugin *plugin, const char *prose)
{
    bool storage = strcmp(plugin->kind, "storage") == 0;
    const char *name = plugin->name;
    _cleanup_free_ char *page =
        maqet_format("maqet-%s-%s", storage ? "storage" : "iface", name);
    _cleanup_free_ char *key =
        maqet_format("%s: %s", storage ? "type" : "interface", name);
    struct maqet_text text = MAQET_TEXT_INIT;

    roff_append(&text, ".TH ", page, " 5 \"\" \"maqet\" \"Plugins of maqet\"\n");
    roff_append(&text, ".SH NAME\n", page, " \\- ");
    roff_append(&text, "", plugin->summary ? plugin->summary : "a plugin of maqet",
                "\n.SH SYNOPSIS\n");
    roff_append(&text, ".EX\nstorage:\n  \\- name: DRIVE\n    ", key, "\n.EE\n");
    maqet_text_append(&text, ".SH DESCRIPTION\n");
    if (prose)
        maqet_text_append(&text, prose);
    if (storage && plugin->interface)
        roff_append(&text, ".PP\nIt is attached by the interface \\fB", plugin->interface,
                    "\\fR, unless the drive names another interface.\n");
    else if (storage)
        maqet_text_append(&text,
                          ".PP\nIt attaches itself: the drive has no `interface`.\n");
    maqet_text_append(&text, ".SH OPTIONS\n");
    if (plugin->option_count == 0)
        maqet_text_append(&text, "None.\n");
    append_options(&text, plugin->options, plugin->option_count, "");
    append_capabilities(&text, &plugin->capabilities);
    maqet_text_append(&text, ".SH SEE ALSO\n.BR maqet (1),\n.BR maqet\\-plugin (3)\n");
    return maqet_text_take(&text);
}
