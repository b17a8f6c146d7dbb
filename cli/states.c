/* SPDX-License-Identifier: MIT */
#include "cli/states.h"

#include <string.h>

const struct maqet_fields full_drive_fields = MAQET_FIELDS_OF(
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
state_word(unsigned index)
{
    static const struct maqet_state lost = {.status = MAQET_STATUS_RUNNING, .lost = true};

    return index == MAQET_STATUS_UNRESPONSIVE + 1 ? maqet_state_text(&lost)
                                                  : maqet_status_name(index);
}

struct state_part
state_part_of(const struct maqet_state *state)
{
    return (struct state_part){
        .known = true,
        .runs = state->pid > 0,
        .asked = state->response == MAQET_RESPONSE_GIVEN ||
                 state->response == MAQET_RESPONSE_MISSING,
        .responds = state->response == MAQET_RESPONSE_GIVEN,
        .lost = state->lost,
        .status = maqet_state_text(state),
        .reason = maqet_pause_name(state->pause),
        .full = state->full,
        .pid = state->pid,
        .memory = state->memory,
        .cpu = state->cpu,
        .uptime = (uint64_t)state->uptime / 1000,
    };
}

char *
state_text(const void *row)
{
    const struct state_part *part = row;

    return part->reason ? maqet_format("%s (%s)", part->status, part->reason)
                        : maqet_strdup(part->status);
}

enum shade
state_shade(const void *row)
{
    static const struct {
        enum maqet_status status;
        enum shade shade;
    } shades[] = {
        {MAQET_STATUS_RUNNING, SHADE_GREEN},
        {MAQET_STATUS_PAUSED, SHADE_YELLOW},
        {MAQET_STATUS_CRASHED, SHADE_RED},
        {MAQET_STATUS_UNRESPONSIVE, SHADE_RED},
    };
    const struct state_part *part = row;

    if (part->reason)
        return SHADE_RED;
    for (size_t i = 0; part->status && i < sizeof(shades) / sizeof(*shades); i++)
        if (strcmp(part->status, maqet_status_name(shades[i].status)) == 0)
            return shades[i].shade;
    return SHADE_NONE;
}
