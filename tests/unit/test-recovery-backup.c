/* SPDX-License-Identifier: MIT */
/* What an interrupted backup has left: its folder is removed, unless it is complete. And the files of an
 * interrupted export of a drive of a VM that ran. */
#include "core/backup/create.h"
#include "core/backup/export.h"
#include "core/base/json.h"
#include "core/job/job.h"
#include "core/machine/exports.h"
#include "tests/unit/jobs.h"

static const char *const ID = "20261129T065302Z";

/* Leaves a backup in the phase, with its folder, which is complete or not. */
static void
leave_backup(struct scene *scene, const char *details, bool complete)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&scene->context, "vm", MAQET_OPEN_LOCK, NULL);
    _cleanup_job_ struct maqet_job job = {0};
    _cleanup_free_ char *to = maqet_format("%s/to", scene->folder);
    _cleanup_free_ char *path =
        complete ? maqet_backup_path(to, "vm", ID) : maqet_backup_new_path(to, "vm", ID);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_backup, ID);
    job.journal.details = maqet_strdup(details);
    CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(path, 0700, NULL), 0);
    free(unit_file(path, "hdd.img", "half\n"));
}

static char *
details_for(const struct scene *scene)
{
    return maqet_format(
        "{\"folder\":\"%s/to\",\"chain\":\"0123abcd\",\"drives\":[\"hdd\"]}",
        scene->folder);
}

static bool
is_there(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/to/vm/%s", scene->folder, name);

    return !maqet_file_missing(path);
}

static void
test_incomplete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    _cleanup_free_ char *details = details_for(&scene);
    leave_backup(&scene, details, false);
    CU_ASSERT_TRUE(is_there(&scene, ".20261129T065302Z.maqet-new"));
    scene_recover(&scene,
                  "VM 'vm': backup '20261129T065302Z' was interrupted; nothing is "
                  "left of it");
    CU_ASSERT_FALSE(is_there(&scene, ".20261129T065302Z.maqet-new"));
    CU_ASSERT_FALSE(is_there(&scene, ID));
    SCENE_IMAGE(&scene, "hdd", "a |");
}

static void
test_complete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    _cleanup_free_ char *details = details_for(&scene);
    leave_backup(&scene, details, true);
    scene_recover(&scene, "VM 'vm': backup '20261129T065302Z' was interrupted; it is "
                          "complete");
    CU_ASSERT_TRUE(is_there(&scene, "20261129T065302Z/hdd.img"));
}

/* A folder that is not mounted now has nothing that could be removed. */
static void
test_folder_is_gone(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    _cleanup_free_ char *details = details_for(&scene);
    leave_backup(&scene, details, false);
    _cleanup_free_ char *to = maqet_format("%s/to", scene.folder);
    CU_ASSERT_EQUAL(maqet_dir_remove(to, NULL), 0);
    scene_recover(&scene,
                  "VM 'vm': backup '20261129T065302Z' was interrupted; nothing is "
                  "left of it");
}

/* A record that was changed leads to no folder: the VM can be used nevertheless. */
static void
test_damaged_record(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene);
    leave_backup(&scene, "{}", false);
    CU_ASSERT_EQUAL(scene_open(&scene, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(scene_pending(&scene));
    CU_ASSERT_TRUE(is_there(&scene, ".20261129T065302Z.maqet-new"));
}

/* QEMU does not run any more; only its files are left. */
static void
test_export(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_file_id id;

    scene_begin(&scene);
    _cleanup_free_ char *file = unit_file(scene.folder, ".out.copy.maqet-new", "half");
    CU_ASSERT_TRUE(maqet_file_id_of_path(file, &id));
    {
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(&scene.context, "vm", MAQET_OPEN_LOCK, NULL);
        _cleanup_job_ struct maqet_job job = {0};

        CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
        CU_ASSERT_EQUAL(maqet_exports_record(&scene.context, "vm", file, &id, NULL), 0);
        maqet_job_find(&job, machine);
        maqet_job_plan(&job, &maqet_kind_export_running, "hdd");
        CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, NULL), 0);
    }
    CU_ASSERT_TRUE(scene_pending(&scene));
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), 0);
    CU_ASSERT_FALSE(scene_pending(&scene));
    CU_ASSERT_TRUE(maqet_file_missing(file));
    CU_ASSERT_FALSE(maqet_exports_any(&scene.context, "vm"));
    SCENE_IMAGE(&scene, "hdd", "a |");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"one that is not complete is removed", test_incomplete},
        {"one that is complete stays", test_complete},
        {"its folder is gone", test_folder_is_gone},
        {"its record is damaged", test_damaged_record},
        {"an export of a drive", test_export},
        CU_TEST_INFO_NULL,
    };

    return unit_run("recovery of backups", tests);
}
