/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/invocation.h"
#include "core/guest/copy.h"

static const struct maqet_fields copied_fields = MAQET_FIELDS_OF(
    struct maqet_copied, MAQET_ROW(struct maqet_copied, path, "the path of the copy"),
    MAQET_ROW(struct maqet_copied, is_folder, "whether it is a folder"),
    MAQET_ROW(struct maqet_copied, size, "the size of a file in bytes; 0 for a folder"));

static const struct view view = {
    .table = {.fields = &copied_fields, .columns = "path size"},
    .sentence = "Copied to {path}.\n",
    .confirmation = true,
};

/* Splits "VM:PATH". NULL: it is a path of the host, as one with a slash before the colon is.
 * The caller frees the name of the VM. */
static char *
split(const char *operand, const char **path)
{
    size_t length = strcspn(operand, ":/");

    if (length == 0 || operand[length] != ':')
        return NULL;
    *path = operand[length + 1] ? operand + length + 1 : ".";
    return maqet_strndup(operand, length);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    char *const *operands = invocation->operands.items;
    struct maqet_copy copy = {
        .source = operands[0],
        .target = operands[1],
        .folders = invocation_has(invocation, "recursive"),
        .agent = invocation_has(invocation, "agent"),
        .umask = invocation->umask,
        .answer_timeout = invocation_milliseconds(invocation, "wait"),
    };
    _cleanup_free_ char *from = split(operands[0], &copy.source);
    _cleanup_free_ char *to = split(operands[1], &copy.target);
    _cleanup_copied_ struct maqet_copied copied = {0};

    copy.to_guest = to;
    if (!from == !to)
        return usage_error(invocation, err,
                           from ? "Only one of the two can be in a VM: '%s' and '%s'"
                                : "Neither is in a VM, as VM:PATH would be: '%s' and "
                                  "'%s'",
                           operands[0], operands[1]);
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, to ? to : from, MAQET_OPEN_RUNNING, err);
    if (!machine || maqet_guest_copy(machine, &copy, &copied, err) < 0)
        return -1;
    output_result(&invocation->output, &view, &copied);
    return 0;
}

const struct command command_cp = {
    .name = "cp",
    .related = "ssh scp(1)",
    .operands = {OPERAND_COPIED, OPERAND_COPIED},
    .only_running = true,
    .summary = "Copy a file or a folder to or from a guest",
    .description =
        "One of the two is VM:PATH, a path in the guest of a running VM; the other is a "
        "path on this host. If the target is a folder, the source is copied into it, "
        "under its own name. A file replaces one of the same name; a folder does not. "
        "The copy appears under its name once it is complete, or not at all, and has the "
        "permissions of the source, but not its owner; those of a copy from a guest are "
        "limited by the umask, and only the owner may write to it.\nIf the VM's "
        "definition has the key `ssh`, ssh(1) is used, and paths are relative to the "
        "home folder of its user. Otherwise, or with --agent, the guest's "
        "qemu-guest-agent is used, and paths are relative to /. A copy from a guest "
        "leaves a twentieth of its file system free, but at most 1 GiB. The guest needs "
        "a "
        "shell and, for a folder, tar(1) and space for two copies of it.",
    .undoes = true,
    .undone = "Nothing was copied",
    .options = {{"recursive", 'r', .help = "copy a folder with all that is in it"},
                {"agent", .help = "use the guest agent even if there is ssh"},
                {"wait", 'w', .type = OPTION_SECONDS, .argument = "SECONDS",
                 .fallback = "30",
                 .help = "how long the guest agent may take to answer"}},
    .examples = {{"maqet cp site.conf myvm:/etc/", "Copy a file to the guest"},
                 {"maqet cp -r myvm:/var/log logs", "Copy a folder from it"}},
    .view = &view,
    .run = run,
};
