/* SPDX-License-Identifier: MIT */
/* maqet rename and maqet autostart. */
#include <string.h>

#include "cli/invocation.h"
#include "core/lifecycle/rename.h"
#include "core/machine/autostart.h"
#include "core/machine/store.h"

/* ---- rename ---- */

struct renamed {
    const char *name;
    const char *before;
};

static const struct maqet_fields rename_fields =
    MAQET_FIELDS_OF(struct renamed, MAQET_ROW(struct renamed, name, "the VM's name now"),
                    MAQET_ROW(struct renamed, before, "the name that it had"));

static const struct view rename_view = {
    .table = {.fields = &rename_fields, .columns = "name before"},
    .sentence = "Renamed VM '{before}' to '{name}'.\n",
    .confirmation = true};

/* Systemd starts it under its new name. The new unit is enabled first, so that a VM that
 * should start never stays behind. */
static void
move_autostart(const struct maqet_context *context, const struct renamed *renamed)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (!maqet_autostart_is_on(renamed->before))
        return;
    if (maqet_autostart_set(renamed->name, true, &error) < 0 ||
        maqet_autostart_set(renamed->before, false, &error) < 0)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, error);
}

static int
run_rename(struct invocation *invocation, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const struct renamed renamed = {.name = invocation->operands.items[1],
                                    .before = invocation->operands.items[0]};

    if (maqet_vm_rename(context, renamed.before, renamed.name, err) < 0)
        return -1;
    move_autostart(context, &renamed);
    output_result(&invocation->output, &rename_view, &renamed);
    return 0;
}

const struct command command_rename = {
    .name = "rename",
    .related = "apply autostart rm",
    .undoes = true,
    .undone = "The VM was not renamed",
    .operands = {OPERAND_VM, OPERAND_NEW_NAME},
    .only_stopped = true,
    .summary = "Give a VM another name",
    .description =
        "The VM must be stopped. Its UUID, snapshots, checkpoints, records and console "
        "log remain, and if systemd starts it, it starts it under the new name. Its "
        "images are not moved: those without a path keep the name that they have. YAML "
        "files are not changed; 'maqet apply' names the VM itself.",
    .examples = {{"maqet rename test web", "test is web from now on"}},
    .view = &rename_view,
    .run = run_rename,
};

/* ---- autostart ---- */

struct automatic {
    const char *name;
    bool autostart;
};

static const struct maqet_fields automatic_fields = MAQET_FIELDS_OF(
    struct automatic, MAQET_ROW(struct automatic, name, "the VM's name"),
    MAQET_ROW(struct automatic, autostart,
              "whether systemd starts it with the host or the user's session"));

static char *
automatic_text(const void *row)
{
    const struct automatic *automatic = row;

    return maqet_format("VM '%s' %s automatically.\n", automatic->name,
                        automatic->autostart ? "starts" : "does not start");
}

static const struct view automatic_view = {
    .table = {.fields = &automatic_fields, .columns = "name autostart"},
    .text = automatic_text,
    .confirmation = true};

/* The unit starts the VM of that name that maqet finds without options. */
static void
warn_of_data_folder(const struct invocation *invocation, const char *name)
{
    const char *variable = getenv("MAQET_DATA_DIR");
    _cleanup_text_ struct maqet_text setting = MAQET_TEXT_INIT;

    /* As systemd.exec(5) reads it: quoted, with specifiers doubled. */
    maqet_text_append(&setting, "Environment=\"MAQET_DATA_DIR=");
    for (const char *at = invocation->context.data_dir; *at; at++)
        maqet_text_appendf(&setting, "%s%c",
                           *at == '%'            ? "%"
                           : strchr("\"\\", *at) ? "\\"
                                                 : "",
                           *at);
    maqet_text_append(&setting, "\"");

    if (invocation_has(invocation, "data-dir") || (variable && *variable))
        maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING,
                          "The service looks for the VM in the default data folder. Tell "
                          "it of this one: systemctl %sedit maqet@%s, with the lines "
                          "[Service] and %s",
                          geteuid() == 0 ? "" : "--user ", name, setting.data);
}

static void
say_of_session(const struct invocation *invocation)
{
    if (geteuid() != 0)
        maqet_context_say(&invocation->context, MAQET_LEVEL_INFO,
                          "It starts with your session; with the host, if you are "
                          "allowed to linger: loginctl enable-linger");
}

static int
set_autostart(struct invocation *invocation, bool on, struct maqet_error **err)
{
    const char *name = invocation->operands.items[0];
    _cleanup_free_ char *stored = maqet_store_resolve(&invocation->context, name, err);
    const struct automatic automatic = {.name = stored, .autostart = on};

    if (!stored || maqet_autostart_set(stored, on, err) < 0)
        return -1;
    if (on) {
        warn_of_data_folder(invocation, stored);
        say_of_session(invocation);
    }
    output_result(&invocation->output, &automatic_view, &automatic);
    return 0;
}

static int
run_on(struct invocation *invocation, struct maqet_error **err)
{
    return set_autostart(invocation, true, err);
}

static int
run_off(struct invocation *invocation, struct maqet_error **err)
{
    return set_autostart(invocation, false, err);
}

static const struct command automatic_actions[] = {
    {
        .name = "on",
        .undoes = true,
        .undone = "Nothing was changed",
        .summary = "Have systemd start a VM",
        .description =
            "Enables the unit maqet@VM.service: of the system for root, otherwise of the "
            "user, whose VMs start with the session or, after 'loginctl enable-linger', "
            "with the host.",
        .examples = {{"maqet autostart web on", "web starts with the host"}},
        .view = &automatic_view,
        .run = run_on,
    },
    {
        .name = "off",
        .undoes = true,
        .undone = "Nothing was changed",
        .summary = "Have systemd not start a VM",
        .description = "Disables the unit maqet@VM.service. A VM that runs goes on.",
        .examples = {{"maqet autostart web off", "web is started by hand only"}},
        .view = &automatic_view,
        .run = run_off,
    },
    {0},
};

const struct command command_autostart = {
    .name = "autostart",
    .related = "systemctl(1)",
    .operands = {OPERAND_VM},
    .summary = "Have systemd start a VM, or not",
    .description =
        "A VM with autostart is started with the host, or, if it belongs to an "
        "ordinary user, when that user's systemd is started: at login, or with "
        "the host after `loginctl enable-linger`. `maqet status` shows whether "
        "it is on.",
    .actions = automatic_actions,
};
