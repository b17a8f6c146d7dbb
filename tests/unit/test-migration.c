/* SPDX-License-Identifier: MIT */
/* Giving up a migration, against tests/fake/fake-qemu; all else of it is tested with the
 * real QEMU, in tests/functional/checkpoint-*.sh. */
#include "core/qemu/migration.h"
#include "tests/fake/fake.h"
#include "tests/unit/unit.h"

enum { PATIENCE = 30000 /* ms */ };

static int
abandon(const char *mode, struct maqet_error **err)
{
    struct fake fake = start_fake(mode);
    struct maqet_qmp *qmp = maqet_qmp_open(fake.dir_fd, "qmp", PATIENCE, fake.gone, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    int done = maqet_migration_abandon(qmp, err);
    maqet_qmp_close(qmp);
    end_fake(&fake);
    return done;
}

/* QEMU's thread waits where "migrate_cancel" has not looked for it. */
static void
test_cancel_at_switchover(void)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(abandon("cancelling", &error), 0);
    UNIT_NO_ERROR(&error);
}

/* A QEMU that can't say what it does is left alone, and the failure is told. */
static void
test_no_migration(void)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(abandon("", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED, "QEMU: The command is not known");
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
        {"the methods' names", test_method_names},
        CU_TEST_INFO_NULL,
    };

    return unit_run("migration", tests);
}
