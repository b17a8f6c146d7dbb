/* SPDX-License-Identifier: MIT */
#include "cli/labelled.h"

#include <string.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "core/base/printable.h"

static void
append_line(struct maqet_text *lines, const char *label, const char *line, size_t length)
{
    maqet_text_appendf(lines, "%s: ", label);
    for (size_t at = 0; at < length; at++) {
        size_t piece = strcspn(line + at, "\t\n");
        _cleanup_free_ char *shown = maqet_text_printable(line + at, piece, piece);

        at += piece;
        maqet_text_appendf(lines, "%s%s", shown, at < length ? "\t" : "");
    }
    maqet_text_append(lines, "\n");
}

void
output_labelled(const char *label, const char *text, bool is_error)
{
    _cleanup_text_ struct maqet_text lines = MAQET_TEXT_INIT;

    while (*text) {
        size_t length = strcspn(text, "\n");

        append_line(&lines, label, text, length);
        text += length + (text[length] == '\n');
    }
    if (lines.length == 0)
        return;
    if (is_error)
        terminal_write(stderr, lines.data);
    else
        output_text(lines.data);
}
