/* SPDX-License-Identifier: MIT */
/* QEMU's own jobs: against a QEMU that answers to order, and one against a real one. */
#include "core/job/block_jobs.h"

#include <errno.h>

#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "tests/fake/fake.h"

/* ---- a machine that runs ---- */

struct scene {
    struct fake fake;
    char *folder;
    char *shown; /* the last progress */
    struct maqet_context context;
    struct maqet_opened machine;
};

static void
show(void *data, const char *what, double percent, int64_t elapsed)
{
    struct scene *scene = data;

    (void)elapsed;
    if (!what)
        return;
    free(scene->shown);
    scene->shown = maqet_format("%s %g", what, percent);
}

/* As maqet_open() leaves a machine that runs. */
static void
scene_open(struct scene *scene, pid_t pid, int dir_fd, int gone)
{
    scene->context.progress = show;
    scene->context.data = scene;
    scene->machine = (struct maqet_opened){
        .context = &scene->context,
        .name = maqet_strdup("vm"),
        .lock = -1,
        .run = {.dir_fd = dir_fd, .run_fd = -1, .pidfd = gone, .pid = pid},
        .qmp_lock = -1,
        .answer_limit = unit_patience(60000),
        .answer_left = unit_patience(60000),
    };
}

static void
scene_begin(struct scene *scene, const char *answers)
{
    *scene = (struct scene){.folder = unit_folder()};
    _cleanup_free_ char *file = unit_file(scene->folder, "answers", answers);
    _cleanup_free_ char *mode = maqet_format("answers:%s", file);

    scene->fake = start_fake(mode);
    CU_ASSERT_EQUAL(symlinkat("qmp", scene->fake.dir_fd, MAQET_RUN_MONITOR), 0);
    scene_open(scene, scene->fake.pid, scene->fake.dir_fd, scene->fake.gone);
}

static void
scene_clear(struct scene *scene)
{
    maqet_monitor_leave(&scene->machine);
    free(scene->machine.name);
    if (scene->fake.pid > 0)
        end_fake(&scene->fake);
    unit_remove_folder(&scene->folder);
    free(scene->shown);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* How often it was told so. */
static size_t
times_told(const struct scene *scene, const char *words)
{
    _cleanup_free_ char *path = maqet_format("%s/answers.told", scene->folder);
    _cleanup_free_ char *text = NULL;
    size_t count = 0;

    if (maqet_file_read(path, 65536, &text, NULL, NULL) < 0)
        return 0;
    for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
        count++;
    return count;
}

#define JOB(status, more)                                                                \
    "query-jobs return [{\"id\": \"other\", \"status\": \"running\"}, "                  \
    "{\"id\": \"j\", \"status\": \"" status "\"" more "}]\n"
#define NO_JOB "query-jobs return []\n"
#define CHANGES                                                                          \
    "query-jobs event {\"event\": \"JOB_STATUS_CHANGE\", \"data\": {\"id\": \"j\"}, "    \
    "\"timestamp\": {}}\n"
#define OBEYS                                                                            \
    "job-dismiss return {}\n"                                                            \
    "job-cancel return {}\n"                                                             \
    "job-complete return {}\n"

static const struct maqet_block_job job = {
    .id = "j", .what = "drive 'hdd': copied", .limit = -1};

static void
check(struct scene *scene, const struct maqet_block_job *how, enum maqet_error_code code,
      const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene->machine, how, &error), message ? -1 : 0);
    if (message)
        UNIT_ERROR(&error, code, message);
    else
        UNIT_NO_ERROR(&error);
}

/* ---- waiting ---- */

static void
test_end(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene,
                CHANGES JOB("created", "") JOB("running", ", \"current-progress\": 1, "
                                                          "\"total-progress\": 4")
                    JOB("concluded", "") OBEYS);
    check(&scene, &job, 0, NULL);
    UNIT_SAME(scene.shown, "drive 'hdd': copied 25");
    CU_ASSERT_EQUAL(times_told(&scene, "\"query-jobs\""), 3);
    CU_ASSERT_EQUAL(times_told(&scene, "\"job-dismiss\",\"arguments\":{\"id\":\"j\"}"),
                    1);
    CU_ASSERT_EQUAL(times_told(&scene, "job-cancel"), 0);
}

static void
test_failure(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene,
                JOB("concluded", ", \"error\": \"No space left on device\"") OBEYS);
    check(&scene, &job, MAQET_ERROR_FAILED,
          "drive 'hdd': copied: QEMU: No space left on device");
    CU_ASSERT_EQUAL(times_told(&scene, "job-dismiss"), 1);
}

static void
test_missing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene, CHANGES JOB("running", "") NO_JOB);
    check(&scene, &job, MAQET_ERROR_MISSING,
          "drive 'hdd': copied: QEMU has no job 'j' any more");
}

static void
test_no_list(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene, "query-jobs return {}\n");
    check(&scene, &job, MAQET_ERROR_FAILED, "VM 'vm': QEMU's list of jobs is not a list");
}

static void
test_unknown_command(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, "");
    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene.machine, &job, &error), -1);
    CU_ASSERT_TRUE(error && error->code == MAQET_ERROR_UNSUPPORTED);
    maqet_error_free(error);
}

/* A job that can't be dismissed is one that is still there. */
static void
test_undismissed(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene,
                JOB("concluded", "") "job-dismiss error {\"class\": \"GenericError\", "
                                     "\"desc\": \"not now\"}\n");
    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene.machine, &job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_error_free(error);
}

static void
test_gone(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, JOB("running", ""));
    kill(scene.fake.pid, SIGKILL);
    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene.machine, &job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_error_free(error);
}

/* ---- giving it up ---- */

static void
test_too_long(void)
{
    _cleanup_scene_ struct scene scene;
    const struct maqet_block_job short_one = {
        .id = "j", .what = "drive 'hdd': copied", .limit = 0};

    scene_begin(&scene,
                CHANGES JOB("running", "") JOB("running", "") JOB("aborting", "")
                    JOB("concluded", ", \"error\": \"Operation canceled\"") NO_JOB OBEYS);
    check(&scene, &short_one, MAQET_ERROR_TIMEOUT,
          "drive 'hdd': copied: it took longer than 0 s, and was given up");
    CU_ASSERT_EQUAL(times_told(&scene, "job-cancel"), 1);
    CU_ASSERT_EQUAL(times_told(&scene, "job-dismiss"), 1);
}

static void
test_cancel(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, NO_JOB OBEYS);
    CU_ASSERT_EQUAL(maqet_block_job_cancel(&scene.machine, "j", &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(times_told(&scene, "job-cancel"), 0);
    scene_clear(&scene);
    /* It has just come to its end: that it can't be cancelled any more is no error. */
    scene_begin(&scene, CHANGES JOB("running", "") JOB("concluded", "") NO_JOB
                "job-cancel error {\"class\": \"GenericError\", \"desc\": "
                "\"it is over\"}\njob-dismiss return {}\n");
    CU_ASSERT_EQUAL(maqet_block_job_cancel(&scene.machine, "j", &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(times_told(&scene, "job-dismiss"), 1);
}

/* ---- two steps ---- */

static void
test_ready(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_block_job mirror = job;
    struct maqet_error *error = NULL;

    mirror.ready_is_over = true;
    scene_begin(&scene, CHANGES JOB("running", "") JOB("ready", "") JOB("ready", "")
                            JOB("concluded", "") OBEYS);
    check(&scene, &mirror, 0, NULL);
    CU_ASSERT_EQUAL(times_told(&scene, "query-jobs"), 2);
    CU_ASSERT_EQUAL(times_told(&scene, "job-dismiss"), 0);
    CU_ASSERT_EQUAL(maqet_block_job_complete(&scene.machine, &mirror, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(times_told(&scene, "job-complete"), 1);
    CU_ASSERT_EQUAL(times_told(&scene, "job-dismiss"), 1);
}

static void
test_not_ready(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene, "job-complete error {\"class\": \"GenericError\", \"desc\": "
                        "\"it is not ready\"}\n");
    CU_ASSERT_EQUAL(maqet_block_job_complete(&scene.machine, &job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_error_free(error);
}

/* ---- a real one ---- */

/* Not the machine type "none": its main loop begins so early that it can accept a client
 * before the monitor's thread does, and then the client is never greeted. */
static const struct program {
    const char *name;
    const char *machine;
} programs[] = {{"qemu-system-x86_64", "pc"}, {"qemu-system-aarch64", "virt"}, {0}};

static void
become_qemu(int listener)
{
    _cleanup_free_ char *chardev =
        maqet_format("socket,id=m,fd=%d,server=on,wait=off", listener);

    fcntl(listener, F_SETFD, 0);
    for (const struct program *program = programs; program->name; program++)
        execlp(program->name, program->name, "-machine", program->machine, "-accel",
               "tcg", "-S", "-nodefaults", "-display", "none", "-chardev", chardev,
               "-mon", "chardev=m,mode=control", NULL);
    _exit(127);
}

static bool
is_installed(void)
{
    const char *path = getenv("PATH");
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;

    maqet_path_split(path ? path : "", "/", &folders);
    for (size_t i = 0; i < folders.count; i++)
        for (const struct program *program = programs; program->name; program++) {
            _cleanup_free_ char *file =
                maqet_format("%s/%s", folders.items[i], program->name);

            if (access(file, X_OK) == 0)
                return true;
        }
    return false;
}

static void
tell(struct scene *scene, const char *command, const char *arguments)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *answer = maqet_monitor_work(
        &scene->machine, command, json_tokener_parse(arguments), &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL(answer);
}

/* QEMU makes a file, and fails to make one in a folder that is not there. */
static void
test_real(void)
{
    _cleanup_scene_ struct scene scene = {.folder = unit_folder()};
    struct maqet_error *error = NULL;

    if (!is_installed()) {
        CU_PASS("no QEMU");
        return;
    }
    make_socket(&scene.fake);
    if (fork_fake(&scene.fake))
        become_qemu(scene.fake.listener);
    close(scene.fake.listener);
    CU_ASSERT_EQUAL(symlinkat("qmp", scene.fake.dir_fd, MAQET_RUN_MONITOR), 0);
    scene_open(&scene, scene.fake.pid, scene.fake.dir_fd, scene.fake.gone);

    _cleanup_free_ char *path = maqet_format("%s/disk", scene.folder);
    _cleanup_free_ char *create =
        maqet_format("{\"job-id\": \"j\", \"options\": {\"driver\": \"file\", "
                     "\"filename\": \"%s\", \"size\": 65536}}",
                     path);
    tell(&scene, "blockdev-create", create);
    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene.machine, &job, &error), 0);
    UNIT_NO_ERROR(&error);
    struct stat status;
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_size, 65536);

    _cleanup_free_ char *nowhere =
        maqet_format("{\"job-id\": \"j\", \"options\": {\"driver\": \"file\", "
                     "\"filename\": \"%s/none/disk\", \"size\": 65536}}",
                     scene.folder);
    tell(&scene, "blockdev-create", nowhere);
    CU_ASSERT_EQUAL(maqet_block_job_wait(&scene.machine, &job, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "No such file or directory"));
    maqet_error_free(TAKE_PTR(error));
    CU_ASSERT_EQUAL(maqet_block_job_cancel(&scene.machine, "j", &error), 0);
    UNIT_NO_ERROR(&error);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"its end", test_end},
        {"its failure", test_failure},
        {"one that is missing", test_missing},
        {"no list", test_no_list},
        {"an unknown command", test_unknown_command},
        {"one that stays", test_undismissed},
        {"a QEMU that ends", test_gone},
        {"one that takes too long", test_too_long},
        {"giving it up", test_cancel},
        {"ready, and completed", test_ready},
        {"not ready", test_not_ready},
        {"a real QEMU", test_real},
        CU_TEST_INFO_NULL,
    };

    return unit_run("block-jobs", tests);
}
