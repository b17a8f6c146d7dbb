/* SPDX-License-Identifier: MIT */
/* What the recovery of each kind of job does about what it finds, row by row of the table
 * in docs/architecture.md. A job is begun and led so far by its own steps, and then left. */
#include <signal.h>
#include <time.h>

#include "core/base/json.h"
#include "core/base/removal.h"
#include "core/checkpoint/checkpoint.h"
#include "core/machine/checkpoint_files.h"
#include "core/clone/clone.h"
#include "core/fork/one.h"
#include "core/lifecycle/attach.h"
#include "core/lifecycle/cdrom.h"
#include "core/lifecycle/detach.h"
#include "core/lifecycle/plugging_job.h"
#include "core/lifecycle/resize.h"
#include "core/machine/exports.h"
#include "core/snapshot/session.h"
#include "core/snapshot/revert.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/steps.h"
#include "tests/fake/fake.h"
#include "tests/unit/jobs.h"

enum { HDD, DATA };

/* ---- before it ---- */

/* Both drives get a snapshot, as one set. */
static void
create(struct scene *scene, const char *name)
{
    const struct maqet_snapshot_request request = {
        .vm = "vm", .name = name, .freeze_timeout = -1};
    struct maqet_snapshot_receipt receipt = {0};
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_snapshot_create(&scene->context, &request, &receipt, &error),
                    0);
    UNIT_NO_ERROR(&error);
    maqet_snapshot_receipt_clear(&receipt);
}

/* A snapshot that somebody else made long ago, or at another time. */
static void
add_foreign(const struct scene *scene, const char *drive, const char *line)
{
    _cleanup_free_ char *path = maqet_format("%s/%s.img", scene->folder, drive);
    FILE *file = fopen(path, "ae");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file, "%s\n", line);
    fclose(file);
}

/* ---- its steps ---- */

static struct maqet_session *
begin(struct scene *scene, const struct maqet_job_kind *kind, const char *name,
      const char *stand_in, const char *drive)
{
    struct maqet_error *error = NULL;
    struct maqet_session *session = scene_session(scene, drive);

    CU_ASSERT_EQUAL_FATAL(maqet_session_begin(session, kind, name, stand_in, &error), 0);
    UNIT_NO_ERROR(&error);
    return session;
}

static void
make(struct maqet_session *session, size_t member, const char *name)
{
    CU_ASSERT_EQUAL(
        maqet_drive_snapshot_create(session->members[member].drive, name, NULL, NULL), 0);
    CU_ASSERT_EQUAL(maqet_members_refresh(session, NULL), 0);
}

static const struct maqet_snapshot *
find(struct maqet_session *session, size_t member, const char *name)
{
    const struct maqet_snapshot *found =
        maqet_snapshots_find(&session->members[member].snapshots, name, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(found);
    return found;
}

static void
drop(struct maqet_session *session, size_t member, const char *name)
{
    CU_ASSERT_EQUAL(maqet_drive_snapshot_remove(session->members[member].drive,
                                                find(session, member, name), NULL, NULL),
                    0);
    CU_ASSERT_EQUAL(maqet_members_refresh(session, NULL), 0);
}

static void
revert(struct maqet_session *session, size_t member, const char *name)
{
    CU_ASSERT_EQUAL(maqet_drive_snapshot_load(session->members[member].drive,
                                              find(session, member, name), NULL),
                    0);
}

/* It is interrupted here. */
static void
leave(struct scene *scene, struct maqet_session *session)
{
    maqet_session_free(session);
    CU_ASSERT_TRUE(scene_pending(scene));
    maqet_strings_clear(&scene->said);
}

/* The next command fails over it. */
static void
must_fail(struct scene *scene, enum maqet_error_code code, const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(scene_open(scene, &error), -1);
    UNIT_ERROR(&error, code, message);
    CU_ASSERT_TRUE(scene_pending(scene));
}

/* ---- create ---- */

#define CREATION "VM 'vm': creation of snapshot 'new' was interrupted; "

static void
test_create_complete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session = begin(&scene, &maqet_kind_create, "new", NULL, NULL);
    make(session, HDD, "new");
    make(session, DATA, "new");
    leave(&scene, session);
    scene_recover(&scene, CREATION "it is complete");
    SCENE_IMAGE(&scene, "hdd", "a | new=a");
    SCENE_IMAGE(&scene, "data", "b | new=b");
    /* They are noted as one set. */
    session = scene_session(&scene, NULL);
    CU_ASSERT_TRUE(
        maqet_history_in_set(session->history, "new", "hdd", find(session, HDD, "new")));
    maqet_session_free(session);
}

static void
test_create_incomplete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session = begin(&scene, &maqet_kind_create, "new", NULL, NULL);
    make(session, HDD, "new");
    leave(&scene, session);
    scene_recover(&scene, CREATION "the incomplete snapshot has been deleted");
    SCENE_IMAGE(&scene, "hdd", "a |");
    SCENE_IMAGE(&scene, "data", "b |");
}

static void
test_create_nothing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL));
    scene_recover(&scene, CREATION "nothing to clean up");
    SCENE_IMAGE(&scene, "hdd", "a |");
}

/* One of the same name that is not its own stays. */
static void
test_create_foreign(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL));
    add_foreign(&scene, "hdd", "7 1000 0 new z");
    scene_recover(&scene, CREATION "the incomplete snapshot has been deleted");
    SCENE_IMAGE(&scene, "hdd", "a | new=z");
}

static void
test_create_undeletable(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session = begin(&scene, &maqet_kind_create, "new", NULL, NULL);
    make(session, DATA, "new");
    leave(&scene, session);
    scene_fail(&scene, "data", "remove");
    must_fail(&scene, MAQET_ERROR_FAILED,
              "VM 'vm': creation of snapshot 'new' was interrupted, and cannot be "
              "recovered: VM 'vm', drive 'data': cannot delete the snapshot "
              "'new': remove fails to order");
    scene_fail(&scene, "data", "");
    scene_recover(&scene, CREATION "the incomplete snapshot has been deleted");
}

/* ---- overwrite ---- */

#define REPLACEMENT "VM 'vm': replacement of snapshot 'keep' was interrupted; "
#define EITHER "either the old or the new one is complete; nothing was lost"

static struct maqet_session *
begin_overwrite(struct scene *scene)
{
    scene_begin(scene);
    create(scene, "keep");
    scene_write(scene, "hdd", "A");
    scene_write(scene, "data", "B");
    return begin(scene, &maqet_kind_overwrite, "keep", ".eep", NULL);
}

static void
test_overwrite_nothing(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_overwrite(&scene));
    scene_recover(&scene, REPLACEMENT "nothing to clean up");
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
}

static void
test_overwrite_stand_in_incomplete(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_overwrite(&scene);

    make(session, HDD, ".eep");
    leave(&scene, session);
    scene_recover(&scene, REPLACEMENT EITHER);
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

/* The old ones are still all there. */
static void
test_overwrite_stand_in_complete(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_overwrite(&scene);

    make(session, HDD, ".eep");
    make(session, DATA, ".eep");
    leave(&scene, session);
    scene_recover(&scene, REPLACEMENT EITHER);
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

#define PROMOTED                                                                         \
    REPLACEMENT "the new one was complete under a temporary name and replaces the old "  \
                "one"

static struct maqet_session *
begin_promotion(struct scene *scene)
{
    struct maqet_session *session = begin_overwrite(scene);

    make(session, HDD, ".eep");
    make(session, DATA, ".eep");
    drop(session, HDD, "keep");
    return session;
}

/* They get their name at once, since the machine is stopped. */
static void
test_overwrite_promoted(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_promotion(&scene));
    scene_recover(&scene,
                  PROMOTED "; VM 'vm', drive 'hdd': the snapshot 'keep' has been "
                           "given its name, which was not possible while the VM was "
                           "running; VM 'vm', drive 'data': the snapshot 'keep' has "
                           "been given its name, which was not possible while the VM "
                           "was running");
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
    SCENE_IMAGE(&scene, "data", "B | keep=B");
}

/* Until a stand-in can be renamed, users know it by the name; and what was interrupted
 * again comes to the same. */
static void
test_overwrite_alias(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_promotion(&scene));
    scene_fail(&scene, "hdd", "rename");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), 0);
    SCENE_IMAGE(&scene, "hdd", "A | .eep=A");
    SCENE_IMAGE(&scene, "data", "B | keep=B");
    struct maqet_session *session = scene_session(&scene, NULL);
    CU_ASSERT_EQUAL(maqet_members_count_named(session, "keep"), 2);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(scene.said.items[scene.said.count - 1], "is still called '.eep'"));
    maqet_session_free(session);

    session = begin(&scene, &maqet_kind_overwrite, "keep", ".eep", NULL);
    leave(&scene, session);
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), 0);
    SCENE_IMAGE(&scene, "hdd", "A | .eep=A");
    scene_fail(&scene, "hdd", "");
    maqet_session_free(scene_session(&scene, NULL));
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
}

static void
test_overwrite_complete(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_promotion(&scene);

    drop(session, DATA, "keep");
    make(session, HDD, "keep");
    make(session, DATA, "keep");
    drop(session, HDD, ".eep");
    leave(&scene, session);
    scene_recover(&scene, REPLACEMENT "the new one is complete");
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
    SCENE_IMAGE(&scene, "data", "B | keep=B");
}

/* A later one of the name does not count as the new one: the stand-in is all that has it.
 */
static void
test_overwrite_foreign(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_promotion(&scene);

    drop(session, DATA, "keep");
    leave(&scene, session);
    add_foreign(&scene, "hdd", "9 1000 0 keep z");
    add_foreign(&scene, "data", "9 1000 0 keep z");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), 0);
    SCENE_IMAGE(&scene, "hdd", "A | keep=A keep=z");
}

/* ---- load ---- */

#define LOAD "VM 'vm': load of snapshot 'keep' was interrupted; "
#define SAVED MAQET_SAVED_STATE

static struct maqet_session *
begin_load(struct scene *scene, const struct maqet_job_kind *kind, const char *drive)
{
    scene_begin(scene);
    create(scene, "keep");
    scene_write(scene, "hdd", "A");
    scene_write(scene, "data", "B");
    return begin(scene, kind, "keep", NULL, drive);
}

/* The same, when the first of the drives has reverted. */
static struct maqet_session *
begin_revert(struct scene *scene, const struct maqet_job_kind *kind)
{
    struct maqet_session *session = begin_load(scene, kind, NULL);

    make(session, HDD, SAVED);
    make(session, DATA, SAVED);
    CU_ASSERT_EQUAL(maqet_job_phase(session->job, MAQET_REVERT_DRIVES, NULL), 0);
    revert(session, HDD, "keep");
    return session;
}

static void
test_load_prepare(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_load(&scene, &maqet_kind_load, NULL);

    make(session, HDD, SAVED);
    leave(&scene, session);
    scene_recover(&scene, LOAD "nothing had been reverted; the VM is stopped");
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

static void
test_load_finished(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_revert(&scene, &maqet_kind_load));
    scene_recover(&scene, LOAD "it has been completed; the VM is stopped");
    SCENE_IMAGE(&scene, "hdd", "a | keep=a");
    SCENE_IMAGE(&scene, "data", "b | keep=b");
}

/* What can't be finished is undone. */
static void
test_load_undone(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_revert(&scene, &maqet_kind_load));
    scene_fail_once(&scene, "data", "load");
    scene_recover(&scene, LOAD "the drives are as they were before");
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

/* Neither works: it stays pending, in the phase in which it is undone. */
static void
test_load_stuck(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_journal journal = {0};

    leave(&scene, begin_revert(&scene, &maqet_kind_load));
    scene_fail(&scene, "data", "load");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), -1);
    CU_ASSERT_EQUAL(maqet_journal_read(&scene.context, "vm", &journal, NULL), 0);
    CU_ASSERT_EQUAL(journal.phase, MAQET_REVERT_UNDO);
    maqet_journal_clear(&journal);
    SCENE_IMAGE(&scene, "hdd", "A | keep=a " SAVED "=A");
    scene_fail(&scene, "data", "");
    scene_recover(&scene, LOAD "the drives are as they were before");
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

/* A single drive has no saved state to go back to. */
static void
test_load_single(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_load(&scene, &maqet_kind_load, "hdd");

    CU_ASSERT_EQUAL(maqet_job_phase(session->job, MAQET_REVERT_DRIVES, NULL), 0);
    leave(&scene, session);
    scene_fail(&scene, "hdd", "load");
    must_fail(&scene, MAQET_ERROR_FAILED,
              "VM 'vm': load of snapshot 'keep' was interrupted, and cannot be "
              "recovered: VM 'vm', drive 'hdd': cannot load the snapshot "
              "'keep': load fails to order");
    scene_fail(&scene, "hdd", "");
    scene_recover(&scene, LOAD "it has been completed; the VM is stopped");
    SCENE_IMAGE(&scene, "hdd", "a | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
}

/* What it was to load is gone, and there is no way back: that is said, and no more. */
static void
test_load_gone(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_load(&scene, &maqet_kind_load, "hdd");

    CU_ASSERT_EQUAL(maqet_job_phase(session->job, MAQET_REVERT_DRIVES, NULL), 0);
    drop(session, HDD, "keep");
    leave(&scene, session);
    scene_recover(&scene,
                  LOAD "There is no longer a snapshot 'keep' of drive 'hdd' on VM "
                       "'vm'");
}

/* A saved state of an earlier load is the user's, where none is made. */
static void
test_load_single_keeps_saved(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session;

    scene_begin(&scene);
    create(&scene, "keep");
    add_foreign(&scene, "hdd", "9 1000 0 " SAVED " z");
    session = begin(&scene, &maqet_kind_load, "keep", NULL, "hdd");
    CU_ASSERT_EQUAL(maqet_job_phase(session->job, MAQET_REVERT_DRIVES, NULL), 0);
    leave(&scene, session);
    scene_recover(&scene, LOAD "it has been completed; the VM is stopped");
    SCENE_IMAGE(&scene, "hdd", "a | keep=a " SAVED "=z");
}

/* ---- delete ---- */

#define DELETION "VM 'vm': deletion of snapshot 'keep' was interrupted; "

static void
test_delete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    create(&scene, "keep");
    struct maqet_session *session = begin(&scene, &maqet_kind_delete, "keep", NULL, NULL);
    drop(session, HDD, "keep");
    leave(&scene, session);
    scene_fail(&scene, "data", "remove");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), -1);
    scene_fail(&scene, "data", "");
    scene_recover(&scene, DELETION "it has been completed");
    SCENE_IMAGE(&scene, "hdd", "a |");
    SCENE_IMAGE(&scene, "data", "b |");
}

/* One that has the name by now is another one, however new it is. */
static void
test_delete_other(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    create(&scene, "keep");
    struct maqet_session *session = begin(&scene, &maqet_kind_delete, "keep", NULL, NULL);
    drop(session, HDD, "keep");
    make(session, HDD, "keep");
    make(session, HDD, "keep");
    drop(session, HDD, "keep");
    leave(&scene, session);
    scene_recover(&scene, DELETION "it has been completed");
    SCENE_IMAGE(&scene, "hdd", "a | keep=a");
    SCENE_IMAGE(&scene, "data", "b |");
}

/* ---- checkpoints ---- */

/* Its file of state is complete, or not. */
static void
write_state(struct scene *scene, const char *name, bool complete)
{
    _cleanup_checkpoint_ struct maqet_checkpoint about = {0};
    int fd = maqet_state_file_create(&scene->context, "vm", name, NULL);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    if (complete)
        CU_ASSERT_EQUAL(
            maqet_state_file_publish(&scene->context, "vm", name, fd, -1, &about, NULL),
            0);
    close(fd);
}

/* How many files there are of checkpoints. */
static size_t
count_state(struct scene *scene)
{
    _cleanup_free_ char *folder = maqet_store_file(&scene->context, "vm", "checkpoints");
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

    maqet_dir_list(folder, &files, NULL);
    return files.count;
}

#define CHECKPOINT "VM 'vm': creation of checkpoint 'new' was interrupted; "

static void
test_checkpoint_complete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session =
        begin(&scene, &maqet_kind_checkpoint_create, "new", NULL, NULL);
    make(session, HDD, "new");
    make(session, DATA, "new");
    write_state(&scene, "new", true);
    leave(&scene, session);
    scene_recover(&scene, CHECKPOINT "it is complete");
    SCENE_IMAGE(&scene, "hdd", "a | new=a");
    CU_ASSERT_EQUAL(count_state(&scene), 2);
}

static void
test_checkpoint_incomplete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session =
        begin(&scene, &maqet_kind_checkpoint_create, "new", NULL, NULL);
    make(session, HDD, "new");
    make(session, DATA, "new");
    write_state(&scene, "new", false);
    leave(&scene, session);
    CU_ASSERT_EQUAL(count_state(&scene), 1);
    scene_fail(&scene, "hdd", "remove");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), -1);
    scene_fail(&scene, "hdd", "");
    scene_recover(&scene, CHECKPOINT "the incomplete checkpoint has been deleted");
    SCENE_IMAGE(&scene, "hdd", "a |");
    SCENE_IMAGE(&scene, "data", "b |");
    CU_ASSERT_EQUAL(count_state(&scene), 0);
}

static void
test_checkpoint_nothing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_checkpoint_create, "new", NULL, NULL));
    scene_recover(&scene, CHECKPOINT "the incomplete checkpoint has been deleted");
}

static void
test_checkpoint_delete(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    create(&scene, "keep");
    write_state(&scene, "keep", true);
    struct maqet_session *session =
        begin(&scene, &maqet_kind_checkpoint_delete, "keep", NULL, NULL);
    drop(session, HDD, "keep");
    leave(&scene, session);
    scene_fail(&scene, "data", "remove");
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), -1);
    scene_fail(&scene, "data", "");
    scene_recover(
        &scene,
        "VM 'vm': deletion of checkpoint 'keep' was interrupted; it has been completed");
    SCENE_IMAGE(&scene, "data", "b |");
    CU_ASSERT_EQUAL(count_state(&scene), 0);
}

#define RESUME "VM 'vm': load of checkpoint 'keep' was interrupted; "

static void
test_checkpoint_load(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_revert(&scene, &maqet_kind_checkpoint_load));
    scene_recover(&scene, RESUME "the drives are at the checkpoint, and the VM is "
                                 "stopped");
    SCENE_IMAGE(&scene, "data", "b | keep=b");
}

/* A load whose drives have reverted. */
static struct maqet_session *
begin_resume(struct scene *scene)
{
    struct maqet_session *session = begin_load(scene, &maqet_kind_checkpoint_load, NULL);

    CU_ASSERT_EQUAL(maqet_job_phase(session->job, MAQET_REVERT_COUNT, NULL), 0);
    return session;
}

static void
test_checkpoint_resume_stopped(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_resume(&scene));
    scene_recover(&scene, RESUME "the drives are at the checkpoint, and the VM is "
                                 "stopped");
}

/* ---- while QEMU runs ---- */

/* A QEMU that answers to order, in the place of the machine's. */
struct running {
    struct fake fake;
    struct maqet_opened *machine;
};

static void
begin_running(struct scene *scene, struct running *running, const char *answers)
{
    _cleanup_free_ char *file = unit_file(scene->folder, "answers", answers);
    _cleanup_free_ char *mode = maqet_format("answers:%s", file);
    struct maqet_error *error = NULL;

    running->fake = start_fake(mode);
    CU_ASSERT_EQUAL(symlinkat("qmp", running->fake.dir_fd, "qmp.sock"), 0);
    running->machine =
        maqet_open(&scene->context, "vm",
                   MAQET_OPEN_LOCK | MAQET_OPEN_VM | MAQET_OPEN_ALLOW_PENDING, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(running->machine);
    struct maqet_run *run = &running->machine->run;
    close(run->dir_fd);
    run->pid = running->fake.pid;
    run->dir_fd = dup(running->fake.dir_fd);
    run->pidfd = dup(running->fake.gone);
    maqet_strings_clear(&scene->said);
}

static void
end_running(struct running *running)
{
    maqet_opened_close(running->machine);
    end_fake(&running->fake);
}

static void
recover_running(struct scene *scene, struct running *running, const char *said)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_job_recover(running->machine, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_FALSE(scene_pending(scene));
    _cleanup_free_ char *all = maqet_strings_join(&scene->said, "; ");
    UNIT_SAME(all, said);
}

/* Whether it was told so. */
static bool
was_told(const struct scene *scene, const char *words)
{
    _cleanup_free_ char *path = maqet_format("%s/answers.told", scene->folder);
    _cleanup_free_ char *text = NULL;

    return maqet_file_read(path, 65536, &text, NULL, NULL) == 0 && strstr(text, words);
}

#define NODE(name, snapshots)                                                            \
    "{\"node-name\": \"" name "\", \"image\": {\"snapshots\": [" snapshots "]}}"
#define NODES(hdd, data)                                                                 \
    "query-named-block-nodes return [" NODE("hdd", hdd) ", " NODE("data", data) "]\n"
#define IDLE                                                                             \
    "query-migrate return {}\n"                                                          \
    "query-migrate-capabilities return []\n"                                             \
    "migrate-set-capabilities return {}\n"                                               \
    "query-migrate-parameters return {}\n"                                               \
    "migrate-set-parameters return {}\n"

static void
test_live_prepare(void)
{
    _cleanup_scene_ struct scene scene;
    struct running running;

    leave(&scene, begin_load(&scene, &maqet_kind_load, NULL));
    begin_running(&scene, &running, NODES("", ""));
    recover_running(&scene, &running,
                    LOAD "nothing had been reverted, and the VM is running");
    end_running(&running);
}

/* QEMU deletes what there is; and nothing else is done to the images. */
static void
test_live_create(void)
{
    static const char one[] =
        NODES("{\"id\": \"5\", \"name\": \"new\", \"date-sec\": 1, \"date-nsec\": 2}",
              "") "shelf-remove return {}\n";
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *now = NULL;
    struct running running;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL));
    now = maqet_format("\"date-sec\": %lld", (long long)time(NULL));
    const char *date = strstr(one, "\"date-sec\": 1");
    _cleanup_free_ char *answers = maqet_format("%.*s%s%s", (int)(date - one), one, now,
                                                date + strlen("\"date-sec\": 1"));
    begin_running(&scene, &running, answers);
    recover_running(&scene, &running,
                    CREATION "the incomplete snapshot has been deleted");
    CU_ASSERT_TRUE(was_told(&scene, "{\"device\":\"hdd\",\"id\":\"5\"}"));
    end_running(&running);
}

/* The guest may stand still for it. */
static void
test_live_checkpoint(void)
{
    _cleanup_scene_ struct scene scene;
    struct running running;

    scene_begin(&scene);
    struct maqet_session *session =
        begin(&scene, &maqet_kind_checkpoint_create, "new", NULL, NULL);
    write_state(&scene, "new", false);
    leave(&scene, session);
    begin_running(&scene, &running,
                  NODES("", "") IDLE "query-status return {\"status\": \"paused\"}\n"
                                     "query-status return {\"status\": \"running\"}\n"
                                     "cont return {}\n");
    recover_running(&scene, &running,
                    CHECKPOINT "the incomplete checkpoint has been deleted");
    CU_ASSERT_TRUE(was_told(&scene, "\"cont\""));
    CU_ASSERT_EQUAL(count_state(&scene), 0);
    end_running(&running);
}

static void
test_live_resume(void)
{
    _cleanup_scene_ struct scene scene;
    struct running running;

    leave(&scene, begin_resume(&scene));
    begin_running(&scene, &running,
                  NODES("", "") "query-migrate return {\"status\": \"completed\"}\n"
                                "query-status return {\"status\": \"paused\"}\n"
                                "cont return {}\n");
    recover_running(&scene, &running,
                    RESUME "it has been completed; the guest is running");
    CU_ASSERT_TRUE(was_told(&scene, "\"cont\""));
    end_running(&running);
}

/* ---- forgotten ---- */

/* The images are as they are, and what was left in them is told. */
static void
forget(struct scene *scene, const char *wanted)
{
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    CU_ASSERT_EQUAL(maqet_snapshot_recover(&scene->context, "vm", MAQET_RECOVERY_FORGET,
                                           &pending, &kept, &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(pending && !scene_pending(scene));
    _cleanup_free_ char *all = maqet_strings_join(&kept, "; ");
    UNIT_SAME(all, wanted);
}

static void
test_forget_create(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session = begin(&scene, &maqet_kind_create, "new", NULL, NULL);
    make(session, HDD, "new");
    leave(&scene, session);
    forget(&scene, "the snapshot 'new' of drive 'hdd', which other drives may not "
                   "have. When you no longer need it: maqet snapshot vm delete hdd new");
    SCENE_IMAGE(&scene, "hdd", "a | new=a");
}

static void
test_forget_overwrite(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_session *session = begin_overwrite(&scene);

    make(session, DATA, ".eep");
    leave(&scene, session);
    forget(&scene, "the snapshot '.eep' of drive 'data', which was meant to replace "
                   "another one. When you no longer need it: maqet snapshot vm delete "
                   "data .eep");
}

static void
test_forget_load(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_revert(&scene, &maqet_kind_load));
    scene_fail(&scene, "hdd", "list");
    forget(&scene, "the snapshot '" SAVED "' of drive 'data', its state before the "
                   "load. When you no longer need it: maqet "
                   "snapshot vm delete data " SAVED);
    CU_ASSERT_EQUAL(scene.said.count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.said.items[0], "cannot be determined: "));
    SCENE_IMAGE(&scene, "hdd", "a | keep=a " SAVED "=A");
}

static void
test_forget_checkpoint(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    struct maqet_session *session =
        begin(&scene, &maqet_kind_checkpoint_create, "new", NULL, NULL);
    write_state(&scene, "new", false);
    leave(&scene, session);
    forget(&scene, "");
    CU_ASSERT_EQUAL(count_state(&scene), 0);
}

static void
test_forget_resume(void)
{
    _cleanup_scene_ struct scene scene;

    leave(&scene, begin_resume(&scene));
    forget(&scene, "");
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    UNIT_SAME(scene.said.items[0], RESUME "the drives are at the checkpoint, and the "
                                          "VM is stopped");
}

/* ---- what they have in common ---- */

/* The user is told what finishing does. */
static void
check_finishing(struct scene *scene, struct maqet_session *session, size_t phase,
                const char *wanted)
{
    _cleanup_interruption_ struct maqet_interruption interruption = {0};
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    bool pending;

    if (phase > 0)
        CU_ASSERT_EQUAL(maqet_job_phase(session->job, phase, NULL), 0);
    leave(scene, session);
    CU_ASSERT_EQUAL(maqet_job_interruption(&scene->context, "vm", &interruption, NULL),
                    0);
    UNIT_SAME(interruption.finish, wanted);
    CU_ASSERT_EQUAL(maqet_job_decide(&scene->context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, NULL),
                    0);
}

static void
test_finishing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    create(&scene, "keep");
    check_finishing(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL), 0,
                    "keeps 'new' if it is complete on drives 'hdd', 'data', and "
                    "deletes its parts if not");
    check_finishing(&scene, begin(&scene, &maqet_kind_delete, "keep", NULL, "hdd"), 0,
                    "deletes snapshot 'keep' from drive 'hdd'");
    check_finishing(&scene, begin(&scene, &maqet_kind_load, "keep", NULL, NULL), 0,
                    "deletes what the load had saved in drives 'hdd', 'data'; nothing "
                    "is reverted");
    check_finishing(&scene, begin(&scene, &maqet_kind_load, "keep", NULL, NULL),
                    MAQET_REVERT_DRIVES,
                    "reverts drives 'hdd', 'data' to snapshot 'keep', or to the state "
                    "before the load if that fails; what has been written since is "
                    "lost");
    check_finishing(&scene, begin(&scene, &maqet_kind_load, "keep", NULL, "hdd"),
                    MAQET_REVERT_DRIVES,
                    "reverts drive 'hdd' to snapshot 'keep'; what has been written "
                    "since is lost");
    check_finishing(&scene, begin(&scene, &maqet_kind_load, "keep", NULL, NULL),
                    MAQET_REVERT_UNDO,
                    "reverts drives 'hdd', 'data' to the state before the load; what "
                    "has been written since is lost");
    check_finishing(&scene,
                    begin(&scene, &maqet_kind_checkpoint_load, "keep", NULL, NULL),
                    MAQET_REVERT_COUNT,
                    "resumes the guest if QEMU has its memory, and ends QEMU if not");
}

/* What can't be tidied is only room that is lost. */
static void
test_untidy(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL));
    scene_fail(&scene, "data", "repair");
    scene_recover(&scene,
                  "VM 'vm', drive 'data': cannot repair the image after an interrupted "
                  "operation: repair fails to order. See what is wrong: maqet check vm "
                  "data; " CREATION "nothing to clean up");
}

/* Without the history, nothing is changed. */
static void
test_history(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave(&scene, begin(&scene, &maqet_kind_create, "new", NULL, NULL));
    _cleanup_free_ char *path = maqet_store_file(&scene.context, "vm", "snapshots.json");
    unlink(path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), -1);
    CU_ASSERT_TRUE(scene_pending(&scene));
    CU_ASSERT_EQUAL(rmdir(path), 0);
    scene_recover(&scene, CREATION "nothing to clean up");
}

/* ---- export ---- */

static void
test_export(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_file_id id;

    scene_begin(&scene);
    _cleanup_free_ char *file = unit_file(scene.folder, ".out.maqet-export", "half");
    CU_ASSERT_TRUE(maqet_file_id_of_path(file, &id));
    CU_ASSERT_EQUAL(maqet_exports_record(&scene.context, "vm", file, &id, NULL), 0);
    CU_ASSERT_TRUE(maqet_exports_any(&scene.context, "vm"));
    CU_ASSERT_EQUAL(scene_open(&scene, NULL), 0);
    CU_ASSERT_TRUE(maqet_file_missing(file));
    CU_ASSERT_FALSE(maqet_exports_any(&scene.context, "vm"));
    CU_ASSERT_EQUAL(scene.said.count, 1);
}

/* ---- resize ---- */

/* The definition gets the size that the image has. */
static void
test_resize(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_job job;

    scene_begin(&scene);
    unit_plugin(scene.context.plugin_dirs.items[0], "maqet-storage-copies.so");
    _cleanup_free_ char *folder = maqet_store_file(&scene.context, "vm", "");
    CU_ASSERT_EQUAL(maqet_dir_remove(folder, NULL), 0);
    scene_add_machine(&scene, "  - {name: disk, type: copies, interface: slots, "
                              "file: disk.img, size: 1M}\n");
    _cleanup_free_ char *path = unit_file(scene.folder, "disk.img", "");
    CU_ASSERT_EQUAL(truncate(path, 1 << 20), 0);
    struct maqet_opened *machine =
        maqet_open(&scene.context, "vm", MAQET_OPEN_LOCK | MAQET_OPEN_VM, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_resize, "disk");
    maqet_job_add_target(&job, machine->vm->drives[0], NULL);
    CU_ASSERT_EQUAL(maqet_job_begin(&job, NULL), 0);
    CU_ASSERT_EQUAL(truncate(path, 2 << 20), 0);
    maqet_job_clear(&job);
    maqet_opened_close(machine);
    scene_recover(&scene,
                  "VM 'vm': growth of drive 'disk' was interrupted; it has the size 2M");
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(&scene.context, "vm", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    json_object *entry =
        json_object_array_get_idx(json_object_object_get(definition->tree, "storage"), 0);
    UNIT_SAME(maqet_json_text(entry, "size"), "2M");
}

/* ---- attach, detach and cdrom, of which QEMU has ended ---- */

/* The drive that this job is about has the file NAME.img, created by now unless it was there;
 * the job is left in that phase. */
static void
leave_plugging(struct scene *scene, const struct maqet_job_kind *kind, const char *drive,
               const char *file, size_t phase)
{
    const struct maqet_drives_consent consent = {.create_missing = true};
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&scene->context, "vm", MAQET_OPEN_LOCK, NULL);
    _cleanup_json_ json_object *entry =
        maqet_json_object("name", json_object_new_string(drive), "type",
                          json_object_new_string("shelf"), NULL);
    _cleanup_plugging_ struct maqet_plugging plugging = {0};
    _cleanup_job_ struct maqet_job job = {0};
    _cleanup_free_ char *path = maqet_format("%s/%s.img", scene->folder, file);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    json_object_object_add(entry, "file", json_object_new_string(path));
    CU_ASSERT_EQUAL_FATAL(maqet_plugging_open(&plugging, machine, entry, &error), 0);
    plugging.exists = access(path, F_OK) == 0;
    CU_ASSERT_EQUAL_FATAL(maqet_plugging_begin(&plugging, &job, kind, &error), 0);
    CU_ASSERT_EQUAL(maqet_vm_drive_prepare(plugging.vm, plugging.drive, &consent, &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    while (job.journal.phase < phase)
        CU_ASSERT_EQUAL_FATAL(maqet_job_phase(&job, job.journal.phase + 1, NULL), 0);
}

/* "hdd=hdd.img data=data.img": the drives in the definition. The caller frees. */
static char *
stored_drives(struct scene *scene)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(&scene->context, "vm", NULL);
    json_object *list = json_object_object_get(definition->tree, "storage");
    struct maqet_text text = MAQET_TEXT_INIT;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *entry = json_object_array_get_idx(list, i);
        const char *file = maqet_json_text(entry, "file");
        const char *slash = strrchr(file, '/');

        maqet_text_appendf(&text, "%s%s=%s", i > 0 ? " " : "",
                           maqet_json_text(entry, "name"), slash ? slash + 1 : file);
    }
    return maqet_text_take(&text);
}

#define STORED(scene, wanted)                                                            \
    do {                                                                                 \
        _cleanup_free_ char *stored_ = stored_drives(scene);                             \
        UNIT_SAME(stored_, wanted);                                                      \
    } while (0)

#define BOTH "hdd=hdd.img data=data.img"
#define ATTACHMENT "VM 'vm': attachment of drive 'new' was interrupted; "

static void
test_attach(void)
{
    static const struct {
        size_t phase;
        const char *said, *stored;
        bool image;
    } rows[] = {
        {0, ATTACHMENT "nothing is left of it", BOTH, false},
        {1, ATTACHMENT "it has been completed", BOTH " new=new.img", true},
        {2, ATTACHMENT "it has been completed", BOTH " new=new.img", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_plugging(&scene, &maqet_kind_attach, "new", "new", rows[i].phase);
        scene_recover(&scene, rows[i].said);
        STORED(&scene, rows[i].stored);
        _cleanup_free_ char *path = maqet_format("%s/new.img", scene.folder);
        CU_ASSERT_EQUAL(access(path, F_OK) == 0, rows[i].image);
    }
}

/* Its image is not deleted if it was there before, or if others may have written to it. */
static void
test_attach_kept(void)
{
    _cleanup_scene_ struct scene scene;
    const struct timespec later[] = {{.tv_nsec = UTIME_OMIT},
                                     {.tv_sec = time(NULL) + 60}};

    scene_begin(&scene);
    _cleanup_free_ char *path = unit_file(scene.folder, "new.img", "n\n");
    leave_plugging(&scene, &maqet_kind_attach, "new", "new", 0);
    scene_recover(&scene, ATTACHMENT "nothing is left of it");
    CU_ASSERT_EQUAL(unlink(path), 0);
    leave_plugging(&scene, &maqet_kind_attach, "new", "new", 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, later, 0), 0);
    _cleanup_free_ char *said = maqet_format(
        ATTACHMENT "the guest does not have the drive. %s, which was created "
                   "for it, is kept: it was written to since",
        path);
    scene_recover(&scene, said);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    STORED(&scene, BOTH);
}

/* An interrupted job that makes a machine: that is removed with the images that were created for it,
 * and no others. */
static void
removes_machine(const struct maqet_job_kind *kind, const char *said)
{
    _cleanup_scene_ struct scene scene;
    const struct maqet_drives_consent consent = {.create_missing = true};

    scene_begin(&scene);
    _cleanup_free_ char *made = maqet_format("%s/hdd.img", scene.folder);
    _cleanup_free_ char *other = maqet_format("%s/data.img", scene.folder);
    CU_ASSERT_EQUAL(unlink(made), 0);
    CU_ASSERT_EQUAL(access(other, F_OK), 0);
    {
        _cleanup_opened_ struct maqet_opened *machine =
            maqet_open(&scene.context, "vm", MAQET_OPEN_LOCK | MAQET_OPEN_VM, NULL);
        _cleanup_job_ struct maqet_job job = {0};

        CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
        maqet_job_find(&job, machine);
        maqet_job_plan(&job, kind, "web");
        CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, NULL), 0);
        CU_ASSERT_EQUAL(
            maqet_vm_drive_prepare(machine->vm, machine->vm->drives[0], &consent, NULL),
            0);
        CU_ASSERT_EQUAL(maqet_images_confirm(machine->vm, NULL), 0);
    }
    CU_ASSERT_EQUAL(access(made, F_OK), 0);
    CU_ASSERT_TRUE(scene_pending(&scene));
    scene_recover(&scene, said);
    CU_ASSERT_TRUE(maqet_file_missing(made));
    CU_ASSERT_EQUAL(access(other, F_OK), 0);
    _cleanup_free_ char *left = maqet_store_resolve(&scene.context, "vm", NULL);
    CU_ASSERT_PTR_NULL(left);
}

static void
test_clone(void)
{
    removes_machine(&maqet_kind_clone,
                    "VM 'vm': cloning of VM 'web' was interrupted; nothing "
                    "is left of it");
}

static void
test_fork(void)
{
    removes_machine(&maqet_kind_fork,
                    "VM 'vm': fork of VM 'web' was interrupted; nothing is left of it");
}

#define DETACHMENT "VM 'vm': detachment of drive 'data' was interrupted; "

static void
test_detach(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave_plugging(&scene, &maqet_kind_detach, "data", "data", 0);
    scene_recover(&scene, DETACHMENT "the drive is still attached");
    STORED(&scene, BOTH);
    leave_plugging(&scene, &maqet_kind_detach, "data", "data", 1);
    scene_recover(&scene, DETACHMENT "it has been completed");
    STORED(&scene, "hdd=hdd.img");
    SCENE_IMAGE(&scene, "data", "b |");
}

static void
test_cdrom(void)
{
    static const char said[] = "VM 'vm': change of the medium of drive 'data' was "
                               "interrupted; it is known what is in it";

    for (size_t phase = 0; phase < 3; phase++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_plugging(&scene, &maqet_kind_cdrom, "data", "other", phase);
        scene_recover(&scene, said);
        STORED(&scene, phase == 0 ? BOTH : "hdd=hdd.img data=other.img");
    }
}

/* ---- commands whose steps fail ---- */

static int
run_create(struct scene *scene, const char *name, bool overwrite)
{
    const struct maqet_snapshot_request request = {
        .vm = "vm", .name = name, .overwrite = overwrite, .freeze_timeout = -1};
    struct maqet_snapshot_receipt receipt = {0};
    int result = maqet_snapshot_create(&scene->context, &request, &receipt, NULL);

    maqet_snapshot_receipt_clear(&receipt);
    CU_ASSERT_FALSE(scene_pending(scene));
    return result;
}

static void
test_failing_create(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    scene_fail(&scene, "data", "create");
    CU_ASSERT_EQUAL(run_create(&scene, "new", false), -1);
    SCENE_IMAGE(&scene, "hdd", "a |");
    scene_fail(&scene, "data", "can_create");
    CU_ASSERT_EQUAL(run_create(&scene, "new", false), -1);
    SCENE_IMAGE(&scene, "hdd", "a |");
}

static void
test_failing_overwrite(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    create(&scene, "keep");
    scene_write(&scene, "hdd", "A");
    scene_write(&scene, "data", "B");
    scene_fail_once(&scene, "data", "remove");
    CU_ASSERT_EQUAL(run_create(&scene, "keep", true), -1);
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
    SCENE_IMAGE(&scene, "data", "B | keep=B");
    scene_fail_once(&scene, "hdd", "create");
    CU_ASSERT_EQUAL(run_create(&scene, "keep", true), -1);
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
    CU_ASSERT_EQUAL(run_create(&scene, "keep", true), 0);
    SCENE_IMAGE(&scene, "hdd", "A | keep=A");
}

static void
test_failing_load(void)
{
    _cleanup_scene_ struct scene scene;
    const struct maqet_snapshot_request request = {.vm = "vm", .name = "keep"};
    int pid;

    scene_begin(&scene);
    create(&scene, "keep");
    scene_write(&scene, "hdd", "A");
    scene_write(&scene, "data", "B");
    scene_fail_once(&scene, "data", "load");
    CU_ASSERT_EQUAL(maqet_snapshot_load(&scene.context, &request, &pid, NULL), -1);
    CU_ASSERT_FALSE(scene_pending(&scene));
    SCENE_IMAGE(&scene, "hdd", "A | keep=a");
    SCENE_IMAGE(&scene, "data", "B | keep=b");
    CU_ASSERT_EQUAL(maqet_snapshot_load(&scene.context, &request, &pid, NULL), 0);
    SCENE_IMAGE(&scene, "data", "b | keep=b");
    /* What was kept of an earlier one would be taken for the present state. */
    add_foreign(&scene, "hdd", "9 1000 0 " SAVED " z");
    CU_ASSERT_EQUAL(maqet_snapshot_load(&scene.context, &request, &pid, NULL), -1);
    CU_ASSERT_FALSE(scene_pending(&scene));
}

/* What is gone is gone. */
static void
test_failing_delete(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;
    const struct maqet_snapshot_request request = {.vm = "vm", .name = "keep"};
    struct maqet_error *error = NULL;

    scene_begin(&scene);
    create(&scene, "keep");
    scene_fail_once(&scene, "data", "remove");
    CU_ASSERT_EQUAL(
        maqet_snapshot_delete(&scene.context, &request, &drives, NULL, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->remark, "hdd"));
    maqet_error_free(error);
    CU_ASSERT_FALSE(scene_pending(&scene));
    SCENE_IMAGE(&scene, "hdd", "a |");
    SCENE_IMAGE(&scene, "data", "b | keep=b");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"create: complete", test_create_complete},
        {"create: incomplete", test_create_incomplete},
        {"create: nothing", test_create_nothing},
        {"create: another one's", test_create_foreign},
        {"create: what cannot be deleted", test_create_undeletable},
        {"overwrite: nothing", test_overwrite_nothing},
        {"overwrite: an incomplete stand-in", test_overwrite_stand_in_incomplete},
        {"overwrite: a complete stand-in", test_overwrite_stand_in_complete},
        {"overwrite: the stand-in alone", test_overwrite_promoted},
        {"overwrite: another name", test_overwrite_alias},
        {"overwrite: complete", test_overwrite_complete},
        {"overwrite: another one's", test_overwrite_foreign},
        {"load: prepared", test_load_prepare},
        {"load: finished", test_load_finished},
        {"load: undone", test_load_undone},
        {"load: neither", test_load_stuck},
        {"load: a single drive", test_load_single},
        {"load: of what is gone", test_load_gone},
        {"load: a saved state of another one", test_load_single_keeps_saved},
        {"delete", test_delete},
        {"delete: another one", test_delete_other},
        {"checkpoint: complete", test_checkpoint_complete},
        {"checkpoint: incomplete", test_checkpoint_incomplete},
        {"checkpoint: nothing", test_checkpoint_nothing},
        {"checkpoint: deleted", test_checkpoint_delete},
        {"checkpoint: its drives revert", test_checkpoint_load},
        {"checkpoint: its drives have reverted", test_checkpoint_resume_stopped},
        {"live: prepared", test_live_prepare},
        {"live: create", test_live_create},
        {"live: a checkpoint", test_live_checkpoint},
        {"live: its guest goes on", test_live_resume},
        {"forgotten: create", test_forget_create},
        {"forgotten: overwrite", test_forget_overwrite},
        {"forgotten: load", test_forget_load},
        {"forgotten: a checkpoint", test_forget_checkpoint},
        {"forgotten: the load of one", test_forget_resume},
        {"what finishing does", test_finishing},
        {"what cannot be tidied", test_untidy},
        {"a history that cannot be read", test_history},
        {"export", test_export},
        {"resize", test_resize},
        {"clone", test_clone},
        {"fork", test_fork},
        {"attach", test_attach},
        {"attach: an image that is kept", test_attach_kept},
        {"detach", test_detach},
        {"cdrom", test_cdrom},
        {"a failing create", test_failing_create},
        {"a failing overwrite", test_failing_overwrite},
        {"a failing load", test_failing_load},
        {"a failing delete", test_failing_delete},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built())
        return UNIT_SKIP;
    return unit_run("recovery", tests);
}
