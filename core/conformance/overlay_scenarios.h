/* SPDX-License-Identifier: MIT */
/*
 * overlay_scenarios.h - the scenarios (scenarios.h) of the callbacks of an overlay table. Where
 * an overlay is needed, it is an empty file, or a folder.
 */
#ifndef MAQET_CONFORMANCE_OVERLAY_SCENARIOS_H
#define MAQET_CONFORMANCE_OVERLAY_SCENARIOS_H

#include "core/conformance/bench.h"

int overlay_create(struct bench *bench, struct maqet_error **err);
int overlay_create_nowhere(struct bench *bench, struct maqet_error **err);
int overlay_rename_empty(struct bench *bench, struct maqet_error **err);
int overlay_merge_down_empty(struct bench *bench, struct maqet_error **err);
int overlay_merge_up_empty(struct bench *bench, struct maqet_error **err);
int overlay_used_empty(struct bench *bench, struct maqet_error **err);
int overlay_used_folder(struct bench *bench, struct maqet_error **err);

/* The whole life of a drive with overlays. */
void overlay_live(struct bench *bench);

#endif
