/* SPDX-License-Identifier: MIT */
#include "cli/hints.h"

#include <string.h>

#include "core/base/shell.h"

/*
 * "{1}" is the first operand as a word for a shell, "{=1}" as it is. "{2+ --exclude }" is
 * each operand from the second on, with that text before it.
 */
static const char *const templates[MAQET_NEXT_COUNT] = {
    [MAQET_NEXT_WORDS] = "{=1}",

    [MAQET_NEXT_END_SILENT] =
        "End it, which is a power cut to the guest: maqet stop {1} --force",
    [MAQET_NEXT_REMOVE_REPEATED] =
        "Remove one of them. To replace it now and then, use a "
        "second file, or --set",
    [MAQET_NEXT_USE_CONSOLE] =
        "Use a socket (`serial: \"unix:console.sock,server=on,wait=off\"`) or a file, or "
        "start the VM with --foreground",
    [MAQET_NEXT_START_FOREGROUND] = "Start the VM with --foreground",
    [MAQET_NEXT_LOAD_CHECKPOINT] =
        "A guest goes on from a checkpoint: maqet checkpoint VM load NAME",
    [MAQET_NEXT_LOAD_ONCE] = "Load a checkpoint or a snapshot once: maqet checkpoint VM "
                             "load NAME, or maqet snapshot VM load --all NAME",
    [MAQET_NEXT_ASK_PID] = "maqet ls and maqet status tell the PID",
    [MAQET_NEXT_RUN_DISCARDED] =
        "Throw away what a guest changes: maqet run VM --from CHECKPOINT --discard; a "
        "-drive of your own can say snapshot=on",
    [MAQET_NEXT_SHOW_ARGUMENTS] = "See all of it: maqet args VM",
    [MAQET_NEXT_KEEP_GUEST_STATE] =
        "Keep a guest's state by a checkpoint: maqet checkpoint VM create NAME",

    [MAQET_NEXT_START_TO_MAKE_IMAGE] =
        "It is made when the machine starts: maqet start {1}",
    [MAQET_NEXT_MOVE_BACK] = "If it was moved, move it back, or name its new place and "
                             "run: maqet apply {1} FILE",
    [MAQET_NEXT_BRING_BACK] =
        "Bring it back, or name its new place and run: maqet apply {1} FILE",
    [MAQET_NEXT_START_EMPTY] = "If it is gone for good, start with a new, empty one: "
                               "maqet start {1} --create-missing",
    [MAQET_NEXT_EXPORT_DECRYPTED] =
        "Add --decrypt if the file may hold the data of the drive in clear",
    [MAQET_NEXT_EXPORT_ENCRYPTED] = "Leave out --decrypt",

    [MAQET_NEXT_ONLY_STOP] = "It can only be stopped: maqet stop {1}",
    [MAQET_NEXT_REPAIR_AND_RESUME] = "Once that is put right: maqet resume {1}",
    [MAQET_NEXT_FREE_LEAKS] =
        "Clusters that it lost in images only take up space; to free "
        "them: maqet check {1} --repair",
    [MAQET_NEXT_FREE_SPACE] =
        "Free up disk space, then let the guest go on: maqet resume {1}",
    [MAQET_NEXT_FREE_SPACE_IN] =
        "Free up disk space in {=2}, then let the guest go on: maqet resume {1}",
};

static void
append_operand(struct maqet_text *text, const struct maqet_hint *hint, size_t index,
               bool quoted)
{
    const char *operand =
        index < hint->operands.count ? hint->operands.items[index] : "?";

    if (quoted)
        maqet_shell_append(text, operand);
    else
        maqet_text_append(text, operand);
}

/* What stands between braces. */
static void
append_field(struct maqet_text *text, const struct maqet_hint *hint, const char *field,
             size_t length)
{
    bool quoted = *field != '=';
    size_t index = (size_t)(field[!quoted] - '1');

    if (length < 2 || field[1] != '+') {
        append_operand(text, hint, index, quoted);
        return;
    }
    for (; index < hint->operands.count; index++) {
        maqet_text_appendf(text, "%.*s", (int)length - 2, field + 2);
        append_operand(text, hint, index, quoted);
    }
}

char *
hint_text(const struct maqet_hint *hint)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const char *rest = templates[hint->next]; *rest;) {
        size_t plain = strcspn(rest, "{"), length = strcspn(rest + plain, "}");

        maqet_text_appendf(&text, "%.*s", (int)plain, rest);
        rest += plain;
        if (!*rest)
            break;
        append_field(&text, hint, rest + 1, length - 1);
        rest += length + 1;
    }
    return maqet_text_take(&text);
}
