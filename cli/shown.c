/* SPDX-License-Identifier: MIT */
#include "cli/shown.h"

#include <string.h>

#include "core/base/context.h"

const struct maqet_fields shown_full_drive_fields = MAQET_FIELDS_OF(
    struct maqet_full_drive,
    MAQET_ROW(struct maqet_full_drive, drive,
              "its name; of a disk in `arguments`, QEMU's name for it"),
    MAQET_ROW(struct maqet_full_drive, file,
              "its image; null if it lies in no file of this host", .optional = true),
    MAQET_ROW(struct maqet_full_drive, file_system,
              "where the file system of the image is mounted", .optional = true),
    MAQET_ROW(struct maqet_full_drive, free, "what may still be written there",
              .known = MAQET_KNOWN(struct maqet_full_drive, measured),
              .unit = MAQET_UNIT_BYTES));

const char *
shown_status_word(unsigned index)
{
    static const struct maqet_state lost = {.status = MAQET_STATUS_RUNNING, .lost = true};

    return index == MAQET_STATUS_UNRESPONSIVE + 1 ? maqet_state_text(&lost)
                                                  : maqet_status_name(index);
}

struct shown
shown_of(const char *name, const struct maqet_state *state,
         const struct maqet_usage *usage)
{
    struct shown shown = {
        .name = name,
        .known = true,
        .runs = state->pid > 0,
        .asked = state->response == MAQET_RESPONSE_GIVEN ||
                 state->response == MAQET_RESPONSE_MISSING,
        .responds = state->response == MAQET_RESPONSE_GIVEN,
        .runtime_folder_lost = state->lost,
        .status = maqet_state_text(state),
        .reason = maqet_pause_name(state->pause),
        .full = state->full,
        .pid = state->pid,
        .memory = state->memory,
        .cpu = state->cpu,
        .uptime = (uint64_t)state->uptime / 1000,
        .pending = state->pending,
    };

    if (usage)
        shown.usage = *usage;
    shown.disk_rate = shown.usage.read + shown.usage.written;
    shown.network_rate = shown.usage.received + shown.usage.sent;
    return shown;
}

char *
shown_state_text(const struct shown *shown)
{
    return shown->reason ? maqet_format("%s (%s)", shown->status, shown->reason)
                         : maqet_strdup(shown->status);
}

enum shade
shown_state_shade(const struct shown *shown)
{
    static const struct {
        enum maqet_status status;
        enum shade shade;
    } shades[] = {
        {MAQET_STATUS_RUNNING, SHADE_GREEN},    {MAQET_STATUS_PAUSED, SHADE_YELLOW},
        {MAQET_STATUS_PANICKED, SHADE_RED},     {MAQET_STATUS_CRASHED, SHADE_RED},
        {MAQET_STATUS_UNRESPONSIVE, SHADE_RED},
    };

    if (shown->reason && maqet_pause_is_fault(shown->reason))
        return SHADE_RED;
    for (size_t i = 0; shown->status && i < sizeof(shades) / sizeof(*shades); i++)
        if (strcmp(shown->status, maqet_status_name(shades[i].status)) == 0)
            return shades[i].shade;
    return SHADE_NONE;
}

void
shown_warn(const struct maqet_context *context, const char *name,
           const struct maqet_state *state)
{
    _cleanup_error_ struct maqet_error *notice = maqet_state_notice(name, state);

    if (notice)
        maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
}
