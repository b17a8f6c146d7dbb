/* SPDX-License-Identifier: MIT */
/*
 * Restored images take the place of those of a VM: what an interruption leaves, and what the next
 * command makes of it.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backup/restoring.h"
#include "tests/unit/jobs.h"

#define SAID "VM 'vm': restoring of backup '20260101T000000Z' was interrupted; "

/* Where the image of a drive is, and its names besides. */
static void
plan(const struct scene *scene, const char *name, struct maqet_restoring *restoring)
{
    struct maqet_restoring_drive *drive =
        MAQET_APPEND(restoring->drives, restoring->count);
    _cleanup_free_ char *file = maqet_format(".%s.maqet-restored", name);

    drive->name = maqet_strdup(name);
    drive->image = maqet_format("%s/%s.img", scene->folder, name);
    drive->kept = maqet_format("%s/%s.img.before-restore", scene->folder, name);
    drive->staged = unit_file(scene->folder, file, "restored\n");
    drive->size = 1024 * 1024;
    CU_ASSERT_TRUE(maqet_file_id_of_path(drive->staged, &drive->id));
}

/* Both drives are restored, and the job is left in that phase. */
static void
leave(struct scene *scene, struct maqet_restoring *restoring, size_t phase)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&scene->context, "vm", MAQET_OPEN_LOCK | MAQET_OPEN_VM, NULL);
    _cleanup_job_ struct maqet_job job = {0};
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    plan(scene, "hdd", restoring);
    plan(scene, "data", restoring);
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_restore, "20260101T000000Z");
    maqet_restoring_note(restoring, &job);
    CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, &error), 0);
    UNIT_NO_ERROR(&error);
    if (phase > 0)
        CU_ASSERT_EQUAL_FATAL(maqet_job_phase(&job, phase, NULL), 0);
}

static void
test_write(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_restoring_ struct maqet_restoring restoring = {0};

    scene_begin(&scene);
    leave(&scene, &restoring, MAQET_RESTORING_WRITE);
    /* That of the second drive is another file by now, which is not the job's. */
    CU_ASSERT_EQUAL(unlink(restoring.drives[1].staged), 0);
    free(unit_file(scene.folder, ".data.maqet-restored", "foreign\n"));
    scene_recover(&scene, SAID "the drives are as they were");
    SCENE_IMAGE(&scene, "hdd", "a |");
    SCENE_IMAGE(&scene, "data", "b |");
    CU_ASSERT_NOT_EQUAL(access(restoring.drives[0].staged, F_OK), 0);
    CU_ASSERT_EQUAL(access(restoring.drives[1].staged, F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(restoring.drives[0].kept, F_OK), 0);
}

static void
test_replace(void)
{
    /* What was done of the first drive: nothing; its image has both names; only the other one; all. */
    for (int done = 0; done < 4; done++) {
        _cleanup_scene_ struct scene scene;
        _cleanup_restoring_ struct maqet_restoring restoring = {0};

        scene_begin(&scene);
        leave(&scene, &restoring, MAQET_RESTORING_REPLACE);
        const struct maqet_restoring_drive *drive = &restoring.drives[0];
        if (done == 1 || done == 3)
            CU_ASSERT_EQUAL(link(drive->image, drive->kept), 0);
        if (done == 2)
            CU_ASSERT_EQUAL(rename(drive->image, drive->kept), 0);
        if (done == 3)
            CU_ASSERT_EQUAL(rename(drive->staged, drive->image), 0);
        scene_recover(&scene, SAID "it has been completed");
        SCENE_IMAGE(&scene, "hdd", "restored |");
        SCENE_IMAGE(&scene, "data", "restored |");
        for (size_t i = 0; i < restoring.count; i++) {
            _cleanup_free_ char *text = NULL;

            CU_ASSERT_EQUAL(
                maqet_file_read(restoring.drives[i].kept, 100, &text, NULL, NULL), 0);
            UNIT_SAME(text, i == 0 ? "a\n" : "b\n");
            CU_ASSERT_NOT_EQUAL(access(restoring.drives[i].staged, F_OK), 0);
        }
    }
}

/* What stays is named. */
static void
test_forget(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_restoring_ struct maqet_restoring restoring = {0};
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    bool pending = false;

    scene_begin(&scene);
    leave(&scene, &restoring, MAQET_RESTORING_REPLACE);
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, NULL),
                    0);
    CU_ASSERT_TRUE(pending);
    CU_ASSERT_EQUAL(kept.count, 2);
    SCENE_IMAGE(&scene, "hdd", "a |");
    CU_ASSERT_EQUAL(access(restoring.drives[0].staged, F_OK), 0);
}

int
main(void)
{
    static CU_TestInfo tests[] = {
        {"new images that are not complete", test_write},
        {"images that are being replaced", test_replace},
        {"forgotten", test_forget},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built())
        return UNIT_SKIP;
    return unit_run("recovery of restored images", tests);
}
