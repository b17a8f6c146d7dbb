/* SPDX-License-Identifier: MIT */
/* Giving up a migration, against tests/fake/fake-qemu; all else of it is tested with the
 * real QEMU, in tests/functional/checkpoint-*.sh. */
#include "core/qemu/migration.h"

#include <fcntl.h>

#include "core/base/files.h"
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
        .memory = -1,
        .pid = fake.pid,
        .method = MAQET_MIGRATION_BACKGROUND,
        .take = note,
        .discard = note,
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

/* ---- which method ---- */

struct scene {
    char *folder;
    struct fake fake;
    struct maqet_qmp *qmp;
};

/* A fake QEMU that claims to be of that version, as in struct maqet_qmp. */
static void
scene_begin(struct scene *scene, int version, const char *answers)
{
    *scene = (struct scene){.folder = unit_folder()};
    _cleanup_free_ char *file = unit_file(scene->folder, "answers", answers);
    _cleanup_free_ char *mode = maqet_format("answers:%s", file);

    scene->fake = start_fake(mode);
    scene->qmp =
        maqet_qmp_open(scene->fake.dir_fd, "qmp", NULL, PATIENCE, scene->fake.gone, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->qmp);
    scene->qmp->version = version;
}

static void
scene_clear(struct scene *scene)
{
    maqet_qmp_cleanup(&scene->qmp);
    end_fake(&scene->fake);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* How often QEMU was told a command. */
static int
times_told(const struct scene *scene, const char *command)
{
    _cleanup_free_ char *path = maqet_format("%s/answers.told", scene->folder);
    _cleanup_free_ char *key = maqet_format("\"execute\":\"%s\"", command);
    _cleanup_free_ char *text = NULL;
    int count = 0;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 65536, &text, NULL, NULL), 0);
    for (const char *at = text; (at = strstr(at, key)); at += strlen(key))
        count++;
    return count;
}

#define KVM "query-kvm return {\"enabled\": true, \"present\": true}\n"
#define TCG "query-kvm return {\"enabled\": false, \"present\": true}\n"
/* With userfaultfd, or without: each first attempt to use it fails. */
#define UFFD "migrate-set-capabilities return {}\n"
#define NO_UFFD                                                                             \
    "migrate-set-capabilities error {\"class\": \"GenericError\", \"desc\": \"no uffd\"}\n" \
    "migrate-set-capabilities return {}\n"

static void
check_choice(int version, const char *answers, enum maqet_migration_method method,
             bool background, const char *reason)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    struct maqet_migration_choice choice;

    scene_begin(&scene, version, answers);
    CU_ASSERT_EQUAL(
        maqet_migration_choose(scene.qmp, MAQET_MIGRATION_AUTO, &choice, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(choice.method, method);
    CU_ASSERT_EQUAL(choice.background, background);
    if (reason)
        CU_ASSERT(choice.reason && strstr(choice.reason, reason));
    if (!reason)
        CU_ASSERT_PTR_NULL(choice.reason);
    free(choice.reason);
}

static void
test_choice(void)
{
    check_choice(70222, TCG UFFD, MAQET_MIGRATION_BACKGROUND, false, NULL);
    check_choice(80108, KVM UFFD, MAQET_MIGRATION_BACKGROUND, false, NULL);
    check_choice(70222, KVM NO_UFFD, MAQET_MIGRATION_PRECOPY, false, "no uffd");
    check_choice(70222, TCG NO_UFFD, MAQET_MIGRATION_STOP, false, "no uffd");
    check_choice(80200, KVM UFFD, MAQET_MIGRATION_PRECOPY, true, NULL);
    check_choice(80200, TCG UFFD, MAQET_MIGRATION_BACKGROUND, true,
                 "QEMU 8.2.0 misses writes of an emulated guest (TCG)");
    check_choice(100013, TCG UFFD, MAQET_MIGRATION_PRECOPY, true, NULL);
    check_choice(100013, TCG NO_UFFD, MAQET_MIGRATION_PRECOPY, false, NULL);
}

/* ---- a guest that changes its memory too fast ---- */

#define FIRST_PASS                                                                       \
    "query-migrate return {\"status\": \"active\", \"ram\": {\"dirty-sync-count\": 1}}\n"
#define SECOND_PASS                                                                      \
    "query-migrate return {\"status\": \"active\", \"ram\": {\"dirty-sync-count\": 2}}\n"
#define CANCELLED "query-migrate return {\"status\": \"cancelled\"}\n"

/* A precopy in its second pass of 4 GB, the rest of which takes so many milliseconds. */
#define SECOND_PASS_OF(downtime)                                                         \
    "query-migrate return {\"status\": \"active\", \"expected-downtime\": " downtime     \
    ", \"ram\": {\"dirty-sync-count\": 2, \"dirty-pages-rate\": 1000, "                  \
    "\"total\": 4294967296}}\n"

/* A precopy in its first pass of 4 GB, of which so much is left. */
#define FIRST_PASS_WITH(left)                                                            \
    "query-migrate return {\"status\": \"active\", \"ram\": {\"dirty-sync-count\": 1, "  \
    "\"total\": 4294967296, \"remaining\": " left "}}\n"

#define ANSWERS                                                                          \
    "query-migrate-parameters return {}\n"                                               \
    "query-migrate-capabilities return []\n"                                             \
    "migrate-set-parameters return {}\n"                                                 \
    "getfd return {}\n"                                                                  \
    "migrate return {}\n"                                                                \
    "migrate_cancel return {}\n"                                                         \
    "stop return {}\n"

/* A precopy that is in its first pass, in the second one, and then cancelled. */
static const char busy[] =
    ANSWERS FIRST_PASS FIRST_PASS SECOND_PASS SECOND_PASS CANCELLED;
/* One whose rest takes longer than the pause of the background, and one whose does not. */
static const char much_left[] = ANSWERS SECOND_PASS_OF("70") SECOND_PASS CANCELLED;
static const char little_left[] = ANSWERS SECOND_PASS_OF("50") SECOND_PASS CANCELLED;

/* How often soon() was called. */
static int flushes;

static void
note_flush(void *data)
{
    (void)data;
    flushes++;
}

static int
save_busy(const struct scene *scene, int memory, struct maqet_migration_result *result,
          struct maqet_error **err)
{
    bool stood_still = false;
    const struct maqet_migration_save save = {
        .fd = scene->fake.dir_fd,
        .file = -1,
        .memory = memory,
        .pid = scene->fake.pid,
        .take = note,
        .discard = note,
        .soon = note_flush,
        .given = note,
        .still = note_still,
        .data = &stood_still,
    };
    int saved = maqet_migration_save(scene->qmp, &save, result, err);

    CU_ASSERT_FALSE(stood_still && saved > 0);
    return saved;
}

/* Precopy is given up, without a pause, and the background is next. */
static void
check_given_up(const char *how, int queries)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *answers = maqet_format("%s%s", KVM UFFD, how);
    struct maqet_migration_result result;
    struct maqet_error *error = NULL;

    scene_begin(&scene, 80200, answers);
    CU_ASSERT_EQUAL(save_busy(&scene, -1, &result, &error), 1);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_FALSE(result.stuck);
    CU_ASSERT(result.reason && strstr(result.reason, "faster than it can be written"));
    CU_ASSERT_EQUAL(times_told(&scene, "stop"), 0);
    CU_ASSERT_EQUAL(times_told(&scene, "migrate_cancel"), 1);
    CU_ASSERT_EQUAL(times_told(&scene, "query-migrate"), queries);
    free(result.reason);
}

/* The guest is paused for the rest. */
static void
check_paused(const char *capabilities, const char *how)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *answers = maqet_format("%s%s%s", KVM, capabilities, how);
    struct maqet_migration_result result;
    struct maqet_error *error = NULL;

    scene_begin(&scene, 80200, answers);
    CU_ASSERT_EQUAL(save_busy(&scene, -1, &result, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED,
               "QEMU could not save the guest's state: cancelled");
    CU_ASSERT_EQUAL(result.method, MAQET_MIGRATION_STOP);
    CU_ASSERT_EQUAL(times_told(&scene, "stop"), 1);
    /* In the beginning, before that, and in the end. */
    CU_ASSERT_EQUAL(times_told(&scene, "migrate-set-parameters"), 3);
    CU_ASSERT_EQUAL(times_told(&scene, "migrate_cancel"), 0);
    free(result.reason);
}

static void
test_too_fast(void)
{
    check_given_up(busy, 5); /* not in the first pass */
    check_given_up(much_left, 3);
    check_paused(UFFD, little_left);
    /* Without userfaultfd; what is set before does not depend on it. */
    check_paused(UFFD UFFD NO_UFFD, much_left);
}

/* The bandwidths that were set, in words. The caller frees. */
static char *
bandwidths_told(const char *text)
{
    static const char key[] = "\"max-bandwidth\":";
    _cleanup_strings_ struct maqet_strings words = MAQET_STRINGS_INIT;

    while ((text = strstr(text, key))) {
        text += strlen(key);
        long long bytes = atoll(text);
        maqet_strings_add(&words, bytes == 1LL << 40           ? "any"
                                  : bytes == 1LL << 20         ? "held"
                                  : bytes == (256LL << 20) + 1 ? "slow"
                                                               : "before");
    }
    return maqet_strings_join(&words, " ");
}

/* Before the first pass ends, QEMU hardly writes until the disk has what it has written; then
 * the images are flushed. @expected: the bandwidths that are set, from the first one to that of before. */
static void
check_held(const char *passes, bool known, const char *expected, int flushed, int saved)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *answers =
        maqet_format("%s%s" ANSWERS "%s" CANCELLED, KVM, UFFD, passes);
    struct maqet_migration_result result;
    struct maqet_error *error = NULL;
    _cleanup_free_ char *text = NULL;

    scene_begin(&scene, 100013, answers);
    _cleanup_free_ char *told = maqet_format("%s/answers.told", scene.folder);
    _cleanup_free_ char *file = unit_file(scene.folder, "memory", "pages");
    _cleanup_close_ int memory = known ? open(file, O_WRONLY | O_CLOEXEC) : -1;
    flushes = 0;
    CU_ASSERT_EQUAL(save_busy(&scene, memory, &result, &error), saved);
    maqet_error_clear(&error);
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(told, 65536, &text, NULL, NULL), 0);
    _cleanup_free_ char *bandwidths = bandwidths_told(text);
    UNIT_SAME(bandwidths, expected);
    CU_ASSERT_EQUAL(flushes, flushed);
    free(result.reason);
}

static void
test_held(void)
{
    /* All of it: slow near the end, between the first time and the second one. */
    check_held(FIRST_PASS_WITH("1000000000") FIRST_PASS_WITH("500000000")
                   FIRST_PASS_WITH("400000000") FIRST_PASS_WITH("300000000")
                       FIRST_PASS_WITH("200000000") FIRST_PASS_WITH("40000000")
                           FIRST_PASS_WITH("39000000") FIRST_PASS_WITH("38000000")
                               FIRST_PASS_WITH("100000"),
               true, "any held any slow held any before", 3, -1);
    check_held(FIRST_PASS_WITH("1000000000") FIRST_PASS_WITH("500000000"), false,
               "any before", 2, -1);
    /* The pass has ended meanwhile: before the first time, while it is held, and before the second time. */
    check_held(FIRST_PASS_WITH("1000000000") SECOND_PASS, true, "any before", 2, 1);
    check_held(FIRST_PASS_WITH("500000000") SECOND_PASS, true, "any held any before", 2,
               1);
    check_held(FIRST_PASS_WITH("500000000") FIRST_PASS_WITH("400000000")
                   FIRST_PASS_WITH("300000000") SECOND_PASS,
               true, "any held any any before", 2, 1);
    check_held(FIRST_PASS_WITH("250000000") FIRST_PASS_WITH("240000000")
                   FIRST_PASS_WITH("230000000") SECOND_PASS,
               true, "any held slow any before", 2, 1);
    /* Nearly nothing is left at once. */
    check_held(FIRST_PASS_WITH("1000000") FIRST_PASS_WITH("900000")
                   FIRST_PASS_WITH("800000"),
               true, "any held any before", 2, -1);
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
        {"which method", test_choice},
        {"a guest that changes memory too fast", test_too_fast},
        {"held until the disk has the memory", test_held},
        {"where precopy is sound", test_precopy_sound},
        {"the methods' names", test_method_names},
        CU_TEST_INFO_NULL,
    };

    return unit_run("migration", tests);
}
