/* SPDX-License-Identifier: MIT */
/* Giving up a migration, against tests/fake/fake-qemu; all else of it is tested with the
 * real QEMU, in tests/functional/checkpoint-*.sh. */
#include "core/qemu/migration.h"
#include "core/qemu/migration_save.h"
#include "tests/fake/fake.h"
#include "tests/unit/unit.h"

#define PATIENCE unit_patience(60000)

/* @mapped: whether "mapped-ram" is still on; may be NULL. */
static int
abandon(const char *mode, bool *mapped, struct maqet_error **err)
{
    struct fake fake = start_fake(mode);
    struct maqet_qmp *qmp =
        maqet_qmp_open(fake.dir_fd, "qmp", NULL, PATIENCE, fake.gone, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    int done = maqet_migration_abandon(qmp, err);
    if (mapped) {
        _cleanup_json_ json_object *answer =
            maqet_qmp_execute(qmp, "query-mapped", NULL, PATIENCE, NULL);

        *mapped = json_object_get_boolean(json_object_object_get(answer, "on"));
    }
    maqet_qmp_cleanup(&qmp);
    end_fake(&fake);
    return done;
}

/* QEMU's thread waits where "migrate_cancel" has not looked for it; what the one that began
 * has switched on can only be switched off afterwards. */
static void
test_cancel_at_switchover(void)
{
    struct maqet_error *error = NULL;
    bool mapped = true;

    CU_ASSERT_EQUAL(abandon("cancelling", &mapped, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_FALSE(mapped);
}

/* A QEMU that can't say what it does is left alone, and the failure is told. */
static void
test_no_migration(void)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(abandon("", NULL, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED, "QEMU: The command is not known");
}

static void
note(void *data)
{
    (void)data;
}

/* The drives' snapshots, which are not to be made. */
static int
note_still(void *data, struct maqet_error **err)
{
    *(bool *)data = true;
    return maqet_error_set(err, MAQET_ERROR_FAILED, "they are made");
}

/* A QEMU that went on saving before the guest was stopped has devices and memory of
 * another moment: the drives are left alone, and all is given up. */
static void
test_one_that_does_not_wait(void)
{
    struct fake fake = start_fake("cancelling");
    struct maqet_qmp *qmp =
        maqet_qmp_open(fake.dir_fd, "qmp", NULL, PATIENCE, fake.gone, NULL);
    struct maqet_migration_result result;
    struct maqet_error *error = NULL;
    bool stood_still = false;
    const struct maqet_migration_save save = {
        .fd = fake.dir_fd, /* any will do */
        .file = -1,
        .pid = fake.pid,
        .method = MAQET_MIGRATION_BACKGROUND,
        .take = note,
        .soon = note,
        .given = note,
        .still = note_still,
        .data = &stood_still,
    };

    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    CU_ASSERT_EQUAL(maqet_migration_save(qmp, &save, &result, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED,
               "QEMU did not wait for the guest to pause (active)");
    CU_ASSERT_FALSE(stood_still);
    CU_ASSERT_FALSE(result.stuck);
    maqet_qmp_cleanup(&qmp);
    end_fake(&fake);
}

static void
test_precopy_sound(void)
{
    CU_ASSERT_TRUE(maqet_migration_precopy_sound(70222, false));
    CU_ASSERT_FALSE(maqet_migration_precopy_sound(70222, true));
    CU_ASSERT_FALSE(maqet_migration_precopy_sound(90204, true));
    CU_ASSERT_TRUE(maqet_migration_precopy_sound(100000, true));
    CU_ASSERT_TRUE(maqet_migration_precopy_sound(100013, true));
}

static void
test_method_names(void)
{
    UNIT_SAME(maqet_migration_method_name(MAQET_MIGRATION_AUTO), "auto");
    UNIT_SAME(maqet_migration_method_name(MAQET_MIGRATION_STOP), "stop");
    CU_ASSERT_PTR_NULL(maqet_migration_method_name(MAQET_MIGRATION_STOP + 1));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"cancelled at the switch-over", test_cancel_at_switchover},
        {"a QEMU that knows no migration", test_no_migration},
        {"one that does not wait", test_one_that_does_not_wait},
        {"where precopy is sound", test_precopy_sound},
        {"the methods' names", test_method_names},
        CU_TEST_INFO_NULL,
    };

    return unit_run("migration", tests);
}
