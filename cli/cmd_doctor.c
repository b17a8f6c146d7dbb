/* SPDX-License-Identifier: MIT */
/* maqet doctor. */
#include "cli/invocation.h"
#include "core/doctor/doctor.h"

/* The exit code if something is wrong. */
enum { EXIT_WRONG = 1 };

enum { TEXT_COLUMN = 9, NEXT_COLUMN = 11 };

static enum shade
verdict_shade(enum maqet_verdict verdict)
{
    switch (verdict) {
    case MAQET_VERDICT_OK:
        return SHADE_GREEN;
    case MAQET_VERDICT_WARNING:
        return SHADE_YELLOW;
    case MAQET_VERDICT_ERROR:
        break;
    }
    return SHADE_RED;
}

/* "warning  What was found.", and below it a paragraph for each next step. */
static char *
finding_text(const void *row)
{
    static const char *const words[] = {[MAQET_VERDICT_OK] = "ok",
                                        [MAQET_VERDICT_WARNING] = "warning",
                                        [MAQET_VERDICT_ERROR] = "error"};
    const struct maqet_finding *finding = row;
    _cleanup_free_ char *found =
        text_wrap(finding->text, TEXT_COLUMN, terminal_text_columns());
    enum shade shade = verdict_shade(finding->verdict);
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s%-*s%s%s\n", shade_begin(shade), TEXT_COLUMN,
                       words[finding->verdict], shade_end(shade), found);
    for (size_t i = 0; i < finding->next.count; i++) {
        _cleanup_free_ char *step =
            text_wrap(finding->next.items[i], NEXT_COLUMN, terminal_text_columns());

        maqet_text_appendf(&text, "%*s- %s\n", TEXT_COLUMN, "", step);
    }
    return maqet_text_take(&text);
}

static const struct view view = {
    .table = {.fields = &maqet_finding_fields, .columns = "verdict check text next"},
    .text = finding_text,
    .each = "finding",
};

static void
show(void *data, const struct maqet_finding *finding)
{
    struct invocation *invocation = data;

    output_row(&invocation->output, &view, finding);
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_doctor doctor = {
        .context = &invocation->context,
        .fix = invocation_has(invocation, "fix"),
        .boot_timeout = invocation_milliseconds(invocation, "timeout"),
        .found = show,
        .data = invocation,
    };

    (void)err;
    maqet_doctor_examine(&doctor);
    return doctor.worst == MAQET_VERDICT_ERROR ? EXIT_WRONG : 0;
}

const struct command command_doctor = {
    .name = "doctor",
    .endable = true,
    .summary = "Check whether this host has what maqet needs",
    .description =
        "Examines QEMU and its version, KVM, userfaultfd, Landlock, the plugins, free "
        "space, what interrupted commands have left, and discarded forks that have ended. "
        "Each line begins with ok, warning or error, and is followed by the next steps. "
        "That KVM can be opened does not mean that it works, so a guest of one sector is "
        "booted with it, which has no access to any file.\n--fix removes what interrupted commands, and VMs "
        "that no longer exist, have left, and discarded forks that have ended, with all "
        "that their guests have written. It removes no other images, and no files of a "
        "VM that runs.\nThe exit status is 1 if there is an error, and "
        "otherwise 0, also with warnings.",
    .related = "storage",
    .options = {{"fix", .help =
                            "remove what interrupted commands have left, and discarded "
                            "forks that have ended"},
                {"timeout", 't', .type = OPTION_SECONDS, .argument = "SECONDS",
                 .fallback = "10",
                 .help = "how long the guest may take to boot before KVM counts as "
                         "broken"}},
    .examples = {{"maqet doctor", "Check this host"},
                 {"maqet doctor --fix", "And remove leftovers"}},
    .no_machines = true,
    .view = &view,
    .run = run,
};
