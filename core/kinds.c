/* SPDX-License-Identifier: MIT */
#include "core/kinds.h"

#include "core/backup/create.h"
#include "core/backup/export.h"
#include "core/backup/restore_new.h"
#include "core/backup/restoring.h"
#include "core/checkpoint/checkpoint.h"
#include "core/clone/clone.h"
#include "core/fork/one.h"
#include "core/lifecycle/attach.h"
#include "core/lifecycle/cdrom.h"
#include "core/lifecycle/detach.h"
#include "core/lifecycle/move.h"
#include "core/lifecycle/resize.h"
#include "core/snapshot/flatten.h"
#include "core/snapshot/snapshot.h"

const struct maqet_job_kind *const maqet_kinds[] = {
    &maqet_kind_create,
    &maqet_kind_overwrite,
    &maqet_kind_load,
    &maqet_kind_delete,
    &maqet_kind_export,
    &maqet_kind_checkpoint_create,
    &maqet_kind_checkpoint_load,
    &maqet_kind_checkpoint_delete,
    &maqet_kind_resize,
    &maqet_kind_attach,
    &maqet_kind_detach,
    &maqet_kind_cdrom,
    &maqet_kind_clone,
    &maqet_kind_fork,
    &maqet_kind_backup,
    &maqet_kind_export_running,
    &maqet_kind_restore,
    &maqet_kind_restore_new,
    &maqet_kind_move,
    &maqet_kind_convert,
    &maqet_kind_flatten,
    &maqet_kind_convert_snapshots,
    NULL,
};
