/* SPDX-License-Identifier: MIT */
#include "cli/snapshot_request.h"

#include <string.h>

/* ---- formats of images ---- */

const char *
export_format_name(unsigned index)
{
    static const char *const names[] = {"qcow2", "raw"};

    return index < sizeof(names) / sizeof(*names) ? names[index] : NULL;
}

static bool
is_export_format(const char *word)
{
    for (unsigned i = 0; export_format_name(i); i++)
        if (strcmp(word, export_format_name(i)) == 0)
            return true;
    return false;
}

const char *
any_format_name(unsigned index)
{
    unsigned results = 0;

    while (format_name(results))
        results++;
    return index < results ? format_name(index) : export_format_name(index - results);
}

/* The last image format that was given, NULL: none. */
static const char *
export_format(const struct invocation *invocation)
{
    const char *format = NULL;

    for (size_t i = 0; i < invocation->given_count; i++)
        if (strcmp(invocation->given[i].option->name, "format") == 0 &&
            is_export_format(invocation->given[i].value))
            format = invocation->given[i].value;
    return format;
}

/* ---- the request ---- */

static enum maqet_way
way_of(const struct invocation *invocation)
{
    if (invocation_has(invocation, "auto"))
        return MAQET_WAY_AUTO;
    return invocation_has(invocation, "live") ? MAQET_WAY_LIVE : MAQET_WAY_OFFLINE;
}

/* With memory it is a checkpoint, which is of all drives of a VM that runs, or is none. */
static int
check_memory(const struct invocation *invocation, struct maqet_error **err)
{
    static const char *const others[] = {"exclude", "overwrite", "quiesce"};

    if (!invocation_has(invocation, "all") || !invocation_has(invocation, "live"))
        return usage_error(invocation, err,
                           "--memory goes with create --all NAME --live");
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (invocation_has(invocation, others[i]))
            return usage_error(invocation, err, "--memory does not go with --%s",
                               others[i]);
    return 0;
}

static int
check_options(const struct invocation *invocation, struct maqet_error **err)
{
    if (invocation_has(invocation, "exclude") && operand_find(invocation, OPERAND_DRIVE))
        return usage_error(invocation, err,
                           "--exclude goes with --all, not with one drive");
    if (invocation_has(invocation, "memory") && check_memory(invocation, err) < 0)
        return -1;
    if (invocation_has(invocation, "live") && invocation_has(invocation, "auto"))
        return usage_error(invocation, err, "--live and --auto are mutually exclusive");
    return 0;
}

int
asked_read(const struct invocation *invocation, struct asked *asked,
           struct maqet_error **err)
{
    const char *name = operand_find(invocation, OPERAND_SNAPSHOT);

    if (check_options(invocation, err) < 0)
        return -1;
    invocation_texts(invocation, "exclude", &asked->exclude);
    asked->request = (struct maqet_snapshot_request){
        .vm = operand_find(invocation, OPERAND_VM),
        .drive = operand_find(invocation, OPERAND_DRIVE),
        .name = name ? name : operand_find(invocation, OPERAND_NEW_NAME),
        .exclude = &asked->exclude,
        .way = way_of(invocation),
        .overwrite = invocation_has(invocation, "overwrite"),
        .freeze_timeout = invocation_has(invocation, "quiesce")
                              ? invocation_milliseconds(invocation, "freeze-timeout")
                              : -1,
        .timeout = invocation_milliseconds(invocation, "wait"),
    };
    asked->file = operand_find(invocation, OPERAND_NEW_FILE);
    asked->format = export_format(invocation);
    return 0;
}

void
asked_clear(struct asked *asked)
{
    maqet_strings_clear(&asked->exclude);
}
