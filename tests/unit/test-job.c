/* SPDX-License-Identifier: MIT */
/* What can be interrupted: its course, how it is found, and who decides about it; with
 * kinds of job of the test's own. */
#include "core/job/job.h"
#include "core/base/removal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/base/replacement.h"
#include "core/job/recover.h"
#include "core/snapshot/list.h"
#include "tests/unit/jobs.h"

/* ---- kinds ---- */

static struct {
    int recovered;  /* how often */
    bool fails;     /* recovery does */
    bool by_itself; /* recovery found the command that began the job */
    int forgotten;
    int swept;
} seen;

static int
recover(struct maqet_job *job, struct maqet_error **err)
{
    seen.recovered++;
    seen.by_itself = job->command != NULL;
    if (seen.fails)
        return maqet_error_set(err, MAQET_ERROR_FAILED, "no way");
    maqet_job_say(job, "all is well");
    return maqet_job_done(job, err);
}

static int
forget(struct maqet_job *job, struct maqet_strings *kept, struct maqet_error **err)
{
    (void)err;
    seen.forgotten++;
    maqet_strings_addf(kept, "what %s made", job->journal.name);
    return 0;
}

#define FINISHING "ends {name} on {drives}"

enum { PHASE_FIRST, PHASE_REVERT, PHASE_QEMU };

static const struct maqet_job_phase phases[] = {
    [PHASE_FIRST] = {.word = "first", .finishing = FINISHING},
    [PHASE_REVERT] = {.word = "revert", .reverts = true, .finishing = FINISHING},
    [PHASE_QEMU] = {.word = "qemu", .without_images = true, .finishing = FINISHING},
};

static const struct maqet_job_kind trial = {
    .word = "trial",
    .noun = "trial of",
    .phases = phases,
    .phase_count = 3,
    .blocks_start = true,
    .makes_snapshots = true,
    .recover = recover,
    .forget = forget,
};

static const struct maqet_job_kind harmless = {
    .word = "harmless",
    .noun = "harmless",
    .phases = phases,
    .phase_count = 1,
    .recover = recover,
};

static int
sweep(struct maqet_job *job, struct maqet_error **err)
{
    _cleanup_free_ char *path =
        maqet_store_file(job->machine->context, job->machine->name, "swept.json");

    seen.swept++;
    return maqet_file_remove(path, err);
}

static const struct maqet_job_kind swept = {
    .word = "swept", .noun = "sweep", .file = "swept.json", .recover = sweep};

static const struct maqet_job_kind *const kinds[] = {&trial, &harmless, &swept, NULL};

static void
begin(struct scene *scene)
{
    scene_begin(scene);
    scene->context.job_kinds = kinds;
    memset(&seen, 0, sizeof(seen));
}

/* ---- a job ---- */

static struct maqet_opened *
open_machine(struct scene *scene, unsigned how)
{
    struct maqet_error *error = NULL;
    struct maqet_opened *machine =
        maqet_open(&scene->context, "vm", MAQET_OPEN_LOCK | MAQET_OPEN_VM | how, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    return machine;
}

/* Plans one at both drives. */
static void
plan(struct maqet_job *job, struct maqet_opened *machine,
     const struct maqet_job_kind *kind)
{
    maqet_job_find(job, machine);
    maqet_job_plan(job, kind, "x");
    for (size_t i = 0; i < machine->vm->drive_count; i++)
        maqet_job_add_target(job, machine->vm->drives[i], NULL);
}

static void
must_begin(struct maqet_job *job)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_job_begin(job, &error), 0);
    UNIT_NO_ERROR(&error);
}

/* Leaves a job behind, interrupted in that phase. */
static void
interrupt(struct scene *scene, const struct maqet_job_kind *kind, size_t phase)
{
    struct maqet_opened *machine = open_machine(scene, 0);
    struct maqet_job job;

    plan(&job, machine, kind);
    must_begin(&job);
    if (phase > 0)
        CU_ASSERT_EQUAL(maqet_job_phase(&job, phase, NULL), 0);
    maqet_job_clear(&job);
    maqet_opened_close(machine);
    CU_ASSERT_TRUE(scene_pending(scene));
}

static void
read_journal(struct scene *scene, struct maqet_journal *journal)
{
    struct maqet_error *error = NULL;

    maqet_journal_read(&scene->context, "vm", journal, &error);
    UNIT_NO_ERROR(&error);
}

/* ---- its course ---- */

static void
test_course(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_journal journal = {0};
    struct maqet_job job;

    begin(&scene);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    CU_ASSERT_FALSE(scene_pending(&scene));
    must_begin(&job);
    CU_ASSERT_TRUE(job.own);
    read_journal(&scene, &journal);
    CU_ASSERT_PTR_EQUAL(journal.kind, &trial);
    CU_ASSERT_EQUAL(journal.phase, PHASE_FIRST);
    CU_ASSERT_EQUAL(journal.target_count, 2);
    CU_ASSERT_TRUE(journal.begun > 0);
    CU_ASSERT_FALSE(journal.sealed);
    CU_ASSERT_EQUAL(maqet_job_phase(&job, PHASE_REVERT, NULL), 0);
    read_journal(&scene, &journal);
    CU_ASSERT_EQUAL(journal.phase, PHASE_REVERT);
    CU_ASSERT_EQUAL(maqet_job_done(&job, NULL), 0);
    CU_ASSERT_FALSE(job.own);
    CU_ASSERT_FALSE(scene_pending(&scene));
    maqet_job_clear(&job);
    maqet_opened_close(machine);
    maqet_journal_clear(&journal);
    scene_recover(&scene, "");
    CU_ASSERT_EQUAL(seen.recovered, 0);
}

/* What is done next has to be what a recovery after a kill would do. */
static void
test_phase_that_is_not_written(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_journal journal = {0};
    struct maqet_error *error = NULL;
    struct maqet_job job;

    begin(&scene);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    must_begin(&job);
    unit_disk_full(true);
    CU_ASSERT_EQUAL(maqet_job_phase(&job, PHASE_REVERT, &error), -1);
    unit_disk_full(false);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_error_free(error);
    CU_ASSERT_EQUAL(job.journal.phase, PHASE_FIRST);
    read_journal(&scene, &journal);
    CU_ASSERT_EQUAL(journal.phase, PHASE_FIRST);
    CU_ASSERT_EQUAL(maqet_job_done(&job, NULL), 0);
    maqet_job_clear(&job);
    maqet_opened_close(machine);
    maqet_journal_clear(&journal);
}

/* ---- what is not begun ---- */

static void
must_not_begin(struct scene *scene, struct maqet_job *job, enum maqet_error_code code,
               const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_job_begin(job, &error), -1);
    UNIT_ERROR(&error, code, message);
    CU_ASSERT_FALSE(job->own);
    CU_ASSERT_PTR_NULL(job->journal.kind);
    CU_ASSERT_FALSE(scene_pending(scene));
    /* There is nothing to put right. */
    maqet_error_set(&error, MAQET_ERROR_FAILED, "it failed");
    CU_ASSERT_EQUAL(maqet_job_fail(job, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, "it failed");
    CU_ASSERT_EQUAL(seen.recovered, 0);
}

static void
test_refused(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_job job;

    begin(&scene);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    scene_fail(&scene, "data", "can_create");
    must_not_begin(&scene, &job, MAQET_ERROR_FAILED, "can_create fails to order");
    maqet_job_clear(&job);
    maqet_opened_close(machine);
}

static void
test_held_image(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    struct maqet_job job;

    begin(&scene);
    _cleanup_free_ char *path = maqet_format("%s/data.img", scene.folder);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(maqet_lock_try(fd, NULL), 1);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    CU_ASSERT_EQUAL(maqet_job_begin(&job, &error), -1);
    CU_ASSERT_TRUE(error && error->code == MAQET_ERROR_BUSY);
    maqet_error_free(error);
    CU_ASSERT_FALSE(scene_pending(&scene));
    maqet_job_clear(&job);
    maqet_opened_close(machine);
}

static void
test_unwritable_journal(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_job job;

    begin(&scene);
    _cleanup_free_ char *message = maqet_format(
        "Cannot write %s/machines/vms/vm/pending.json: File too large", scene.folder);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    unit_disk_full(true);
    struct maqet_error *error = NULL;
    CU_ASSERT_EQUAL(maqet_job_begin(&job, &error), -1);
    unit_disk_full(false);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_FALSE(scene_pending(&scene));
    maqet_job_clear(&job);
    maqet_opened_close(machine);
}

/* ---- failing ---- */

static void
test_failure(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    struct maqet_job job;

    begin(&scene);
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    job.command = &scene;
    must_begin(&job);
    maqet_error_set(&error, MAQET_ERROR_FAILED, "it failed");
    CU_ASSERT_EQUAL(maqet_job_fail(&job, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, "it failed");
    CU_ASSERT_EQUAL(seen.recovered, 1);
    CU_ASSERT_TRUE(seen.by_itself);
    CU_ASSERT_FALSE(scene_pending(&scene));
    maqet_job_clear(&job);
    maqet_opened_close(machine);
}

/* It stays pending, and the next command puts it right. */
static void
test_failed_recovery(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    struct maqet_job job;

    begin(&scene);
    seen.fails = true;
    struct maqet_opened *machine = open_machine(&scene, 0);
    plan(&job, machine, &trial);
    must_begin(&job);
    maqet_error_set(&error, MAQET_ERROR_FAILED, "it failed");
    CU_ASSERT_EQUAL(maqet_job_fail(&job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    UNIT_SAME(error->message, "it failed");
    UNIT_SAME(error->remark, "What it left behind could not be recovered: VM 'vm': "
                             "trial of 'x' was interrupted, and cannot be recovered: "
                             "no way");
    CU_ASSERT_EQUAL(error->hints.count, 1);
    maqet_error_free(TAKE_PTR(error));
    maqet_job_clear(&job);
    maqet_opened_close(machine);

    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED,
               "VM 'vm': trial of 'x' was interrupted, and cannot be recovered: no way");
    CU_ASSERT_TRUE(scene_pending(&scene));
    seen.fails = false;
    scene_recover(&scene, "VM 'vm': trial of 'x' was interrupted; all is well");
    CU_ASSERT_FALSE(seen.by_itself);
}

/* ---- being interrupted ---- */

/* A job that nobody ended has its images' state recorded. */
static void
test_sealed(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_journal journal = {0};

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    read_journal(&scene, &journal);
    CU_ASSERT_TRUE(journal.sealed);
    CU_ASSERT_TRUE(journal.interrupted >= journal.begun);
    maqet_journal_clear(&journal);
    scene_recover(&scene, "VM 'vm': trial of 'x' was interrupted; all is well");
    CU_ASSERT_EQUAL(seen.recovered, 1);
}

/* The same where maqet was killed in the middle of a step, which a child finds out. */
static void
test_killed(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_journal journal = {0};

    begin(&scene);
    scene.context.lock_timeout = unit_patience(60000);
    pid_t pid = fork();
    if (pid == 0) {
        struct maqet_opened *machine = open_machine(&scene, 0);
        struct maqet_job job;

        plan(&job, machine, &trial);
        must_begin(&job);
        maqet_job_phase(&job, PHASE_REVERT, NULL);
        scene_write(&scene, "hdd", "half");
        kill(getpid(), SIGKILL);
    }
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    /* The child has the machine's lock until then. */
    struct maqet_opened *machine = open_machine(&scene, MAQET_OPEN_ALLOW_PENDING);
    read_journal(&scene, &journal);
    CU_ASSERT_TRUE(journal.sealed);
    maqet_journal_clear(&journal);
    maqet_opened_close(machine);
    scene_recover(&scene, "VM 'vm': trial of 'x' was interrupted; all is well");
}

/* ---- what has changed since ---- */

#define SINCE ", and something has changed since. The images have not been changed.\n"

/* The user is asked, for that reason; who agrees has it finished. */
static void
check_asked(struct scene *scene, const char *changes)
{
    _cleanup_interruption_ struct maqet_interruption interruption = {0};
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    CU_ASSERT_EQUAL(scene_open(scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    const char *since = strstr(error->message, SINCE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(since);
    UNIT_SAME(since + strlen(SINCE), changes);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_STATE);
    UNIT_HINT(error, 0,
              "Finish it anyway: maqet recover vm --finish "
              "(this ends x on drives 'hdd', 'data')");
    maqet_error_free(TAKE_PTR(error));
    CU_ASSERT_EQUAL(seen.recovered, 0);

    CU_ASSERT_EQUAL(maqet_job_interruption(&scene->context, "vm", &interruption, &error),
                    0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(interruption.what);
    CU_ASSERT_TRUE(maqet_text_starts(interruption.what,
                                     "VM 'vm': trial of 'x' was interrupted on "));
    UNIT_SAME(interruption.finish, "ends x on drives 'hdd', 'data'");
    _cleanup_free_ char *list = maqet_strings_join(&interruption.changes, "\n");
    UNIT_SAME(list, changes);

    CU_ASSERT_EQUAL(maqet_job_decide(&scene->context, "vm", MAQET_RECOVERY_SAFE, &pending,
                                     &kept, &error),
                    -1);
    maqet_error_free(TAKE_PTR(error));
    CU_ASSERT_TRUE(pending && scene_pending(scene));
    CU_ASSERT_EQUAL(maqet_job_decide(&scene->context, "vm", MAQET_RECOVERY_FINISH,
                                     &pending, &kept, &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(pending && !scene_pending(scene));
    CU_ASSERT_EQUAL(seen.recovered, 1);
    CU_ASSERT_EQUAL(kept.count, 0);
}

/* Writing is found only where it would be lost. */
static void
test_written_since(void)
{
    _cleanup_scene_ struct scene scene;
    const struct timespec date[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    scene_write(&scene, "hdd", "other");
    scene_recover(&scene, "VM 'vm': trial of 'x' was interrupted; all is well");

    seen.recovered = 0;
    interrupt(&scene, &trial, PHASE_REVERT);
    scene_write(&scene, "hdd", "another");
    _cleanup_free_ char *path = maqet_format("%s/hdd.img", scene.folder);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, date, 0), 0);
    setenv("TZ", "UTC", 1);
    _cleanup_free_ char *changes = maqet_format(
        "drive 'hdd': %s was written to since, last on 2001-09-09 01:46:40", path);
    check_asked(&scene, changes);
}

static void
test_other_file(void)
{
    _cleanup_scene_ struct scene scene;

    begin(&scene);
    _cleanup_free_ char *path = maqet_format("%s/data.img", scene.folder);
    _cleanup_free_ char *changes =
        maqet_format("drive 'data': %s was replaced by another file", path);
    interrupt(&scene, &trial, PHASE_FIRST);
    _cleanup_free_ char *kept = maqet_format("%s/kept", scene.folder);
    CU_ASSERT_EQUAL(rename(path, kept), 0);
    free(unit_file(scene.folder, "data.img", "b\n"));
    check_asked(&scene, changes);
}

/* What is missing is not recovered even where the user agrees. */
static void
test_missing_image(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    _cleanup_free_ char *path = maqet_format("%s/data.img", scene.folder);
    _cleanup_free_ char *message = maqet_format(
        "VM 'vm': trial of 'x' was interrupted, and cannot be recovered: drive "
        "'data': %s is missing",
        path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "data.img is missing"));
    maqet_error_free(TAKE_PTR(error));
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FINISH,
                                     &pending, &kept, &error),
                    -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, message);
    CU_ASSERT_EQUAL(seen.recovered, 0);
    CU_ASSERT_TRUE(scene_pending(&scene));
}

/* Replaces the stored definition's drives. */
static void
define(struct scene *scene, const char *storage)
{
    _cleanup_free_ char *path = maqet_store_file(&scene->context, "vm", "pending.json");
    _cleanup_free_ char *aside = maqet_format("%s/aside", scene->folder);
    _cleanup_free_ char *folder = maqet_store_file(&scene->context, "vm", "");

    CU_ASSERT_EQUAL(rename(path, aside), 0);
    CU_ASSERT_EQUAL(maqet_dir_remove(folder, NULL), 0);
    scene_add_machine(scene, storage);
    CU_ASSERT_EQUAL(rename(aside, path), 0);
}

static void
test_other_drives(void)
{
    _cleanup_scene_ struct scene scene;

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    free(unit_file(scene.folder, "new.img", "b\n"));
    define(&scene, "  - {name: data, type: shelf, file: new.img}\n");
    _cleanup_free_ char *changes =
        maqet_format("drive 'hdd' is no longer a drive of the VM\n"
                     "drive 'data' was %s/data.img, and is %s/new.img now",
                     scene.folder, scene.folder);
    check_asked(&scene, changes);
}

static void
test_unknown_type(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    define(&scene, "  - {name: hdd, type: gone, file: hdd.img}\n"
                   "  - {name: data, type: shelf, file: data.img}\n");
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "drive 'hdd' cannot be inspected: "));
    maqet_error_free(error);
    CU_ASSERT_EQUAL(seen.recovered, 0);
}

static void
test_copied_folder(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *text = NULL;

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    _cleanup_free_ char *path = maqet_store_file(&scene.context, "vm", "pending.json");
    CU_ASSERT_EQUAL(maqet_file_read(path, 65536, &text, NULL, NULL), 0);
    CU_ASSERT_EQUAL(maqet_file_replace(path, text, strlen(text), 0600, NULL), 0);
    check_asked(&scene, "the data folder is a copy, or was restored from a backup, so "
                        "the state of the images is unknown");
}

/* ---- where it can't go on ---- */

static void
write_pending(struct scene *scene, const char *text)
{
    _cleanup_free_ char *folder = maqet_store_file(&scene->context, "vm", "");

    free(unit_file(folder, "pending.json", text));
}

/* It can't be read: that is an error for whoever changes something, and can be forgotten.
 */
static void
test_damaged_journal(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_interruption_ struct maqet_interruption interruption = {0};
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    begin(&scene);
    write_pending(&scene, "{");
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "but cannot be read"));
    maqet_error_free(TAKE_PTR(error));
    CU_ASSERT_EQUAL(maqet_job_interruption(&scene.context, "vm", &interruption, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(interruption.what);
    CU_ASSERT_PTR_NULL(interruption.finish);
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(pending && !scene_pending(&scene));
    CU_ASSERT_EQUAL(seen.forgotten, 0);
}

/* What can't be read now may be as good as ever. */
static void
test_unread_journal(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    begin(&scene);
    _cleanup_free_ char *path = maqet_store_file(&scene.context, "vm", "pending.json");
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, &error),
                    -1);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_error_free(error);
    CU_ASSERT_TRUE(pending && scene_pending(&scene));
}

static void
test_forgotten(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    bool pending;

    begin(&scene);
    interrupt(&scene, &trial, PHASE_REVERT);
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, NULL),
                    0);
    CU_ASSERT_TRUE(pending && !scene_pending(&scene));
    CU_ASSERT_EQUAL(seen.forgotten, 1);
    CU_ASSERT_EQUAL(seen.recovered, 0);
    CU_ASSERT_EQUAL_FATAL(kept.count, 1);
    UNIT_SAME(kept.items[0], "what x made");
    CU_ASSERT_EQUAL(maqet_job_decide(&scene.context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, NULL),
                    0);
    CU_ASSERT_FALSE(pending);
}

/* While drives revert, no QEMU runs that this job knows of; one that is just ending is
 * waited for. */
static void
test_ending(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    int ends[2];

    begin(&scene);
    interrupt(&scene, &trial, PHASE_REVERT);
    struct maqet_opened *machine = open_machine(&scene, MAQET_OPEN_ALLOW_PENDING);
    maqet_strings_clear(&scene.said);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    close(ends[1]);
    machine->run.pid = 12;
    machine->run.pidfd = ends[0];
    CU_ASSERT_EQUAL(maqet_job_recover(machine, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(machine->run.pid, 0);
    CU_ASSERT_EQUAL(seen.recovered, 1);
    CU_ASSERT_FALSE(scene_pending(&scene));
    maqet_opened_close(machine);
}

/* ---- kinds that are special ---- */

/* One that keeps no guest from starting is a warning, and no other begins before it is put
 * right. */
static void
test_harmless(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;
    struct maqet_job job;

    begin(&scene);
    interrupt(&scene, &harmless, PHASE_FIRST);
    seen.fails = true;
    struct maqet_opened *machine = open_machine(&scene, 0);
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    UNIT_SAME(scene.said.items[0], "VM 'vm': harmless 'x' was interrupted, and cannot "
                                   "be recovered: no way");
    CU_ASSERT_TRUE(scene_pending(&scene));
    plan(&job, machine, &trial);
    CU_ASSERT_EQUAL(maqet_job_begin(&job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_STATE);
    maqet_error_free(error);
    maqet_job_clear(&job);
    maqet_opened_close(machine);
    CU_ASSERT_TRUE(scene_pending(&scene));
    seen.fails = false;
    scene_recover(&scene, "VM 'vm': harmless 'x' was interrupted; all is well");
}

/* What is recorded in another file is put right as well, whatever is pending. */
static void
test_own_file(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    begin(&scene);
    scene_recover(&scene, "");
    CU_ASSERT_EQUAL(seen.swept, 0);
    _cleanup_free_ char *folder = maqet_store_file(&scene.context, "vm", "");
    free(unit_file(folder, "swept.json", "[]"));
    write_pending(&scene, "{");
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    maqet_error_free(error);
    CU_ASSERT_EQUAL(seen.swept, 1);
}

/* ---- who only looks ---- */

static void
test_warned(void)
{
    _cleanup_scene_ struct scene scene;
    const struct maqet_snapshot_request request = {.vm = "vm"};

    begin(&scene);
    interrupt(&scene, &trial, PHASE_FIRST);
    {
        _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
            maqet_snapshot_list(&scene.context, &request, NULL);
        CU_ASSERT_PTR_NOT_NULL(list);
    }
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    CU_ASSERT_TRUE(maqet_text_starts(scene.said.items[0],
                                     "VM 'vm': trial of 'x' was interrupted on "));
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.said.items[0], ". Recover it: maqet recover vm"));
    CU_ASSERT_TRUE(scene_pending(&scene));
    maqet_strings_clear(&scene.said);
    write_pending(&scene, "{");
    _cleanup_snapshot_list_ struct maqet_snapshot_list *list =
        maqet_snapshot_list(&scene.context, &request, NULL);
    CU_ASSERT_PTR_NOT_NULL(list);
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(scene.said.items[0], ": maqet recover vm --forget"));
}

/* ---- progress ---- */

static char *shown;

static void
show(void *data, const char *what, double percent, int64_t elapsed)
{
    (void)data;
    CU_ASSERT_TRUE(elapsed >= 0);
    free(shown);
    shown = maqet_format("%s %g", what ? what : "over", percent);
}

static void
test_progress(void)
{
    struct maqet_context context = {0};
    int64_t begun = maqet_now();

    maqet_context_progress(&context, "nobody looks", 1, 2, begun);
    maqet_context_progress_end(&context);
    context.progress = show;
    maqet_context_progress(&context, "copied", 1, 4, begun);
    UNIT_SAME(shown, "copied 25");
    maqet_context_progress(&context, "copied", 1, 0, begun);
    UNIT_SAME(shown, "copied -1");
    maqet_context_progress_end(&context);
    UNIT_SAME(shown, "over -1");
    free(TAKE_PTR(shown));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"from its beginning to its end", test_course},
        {"a phase that is not written", test_phase_that_is_not_written},
        {"refused by its kind", test_refused},
        {"an image that is held", test_held_image},
        {"a journal that cannot be written", test_unwritable_journal},
        {"a failure", test_failure},
        {"a failed recovery", test_failed_recovery},
        {"interrupted", test_sealed},
        {"killed", test_killed},
        {"an image that was written to since", test_written_since},
        {"another file", test_other_file},
        {"a missing image", test_missing_image},
        {"other drives", test_other_drives},
        {"a type that is not known", test_unknown_type},
        {"a copied folder", test_copied_folder},
        {"a damaged journal", test_damaged_journal},
        {"a journal that is not read", test_unread_journal},
        {"forgotten", test_forgotten},
        {"while QEMU ends", test_ending},
        {"one that keeps nobody from starting", test_harmless},
        {"one with a file of its own", test_own_file},
        {"who only looks", test_warned},
        {"progress", test_progress},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built())
        return UNIT_SKIP;
    return unit_run("job", tests);
}
