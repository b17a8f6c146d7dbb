/* SPDX-License-Identifier: MIT */
/* What is asked of the QEMU of an opened machine, with a fake one. */
#include <string.h>

#include "core/base/json.h"
#include "core/machine/monitor.h"
#include "core/machine/run.h"
#include "tests/fake/fake.h"

/* ---- a machine that runs ---- */

struct scene {
    struct fake fake;
    struct maqet_context context;
    struct maqet_opened machine;
    char *said; /* the last message */
    int count;  /* of messages */
};

static void
note_message(void *data, enum maqet_level level, const char *message)
{
    struct scene *scene = data;

    CU_ASSERT_EQUAL(level, MAQET_LEVEL_WARNING);
    free(scene->said);
    scene->said = maqet_strdup(message);
    scene->count++;
}

static void
begin(struct scene *scene, const char *mode, int64_t limit)
{
    *scene = (struct scene){.fake = start_fake(mode)};
    scene->context.message = note_message;
    scene->context.data = scene;
    scene->machine = (struct maqet_opened){
        .context = &scene->context,
        .name = (char *)"web",
        .lock = -1,
        .qmp_lock = -1,
        .run = {.dir_fd = scene->fake.dir_fd, .run_fd = -1, .pidfd = -1, .pid = 1},
        .answer_limit = limit,
        .answer_left = limit,
    };
    CU_ASSERT_EQUAL_FATAL(symlinkat("qmp", scene->fake.dir_fd, MAQET_RUN_MONITOR), 0);
}

static void
end(struct scene *scene)
{
    maqet_monitor_leave(&scene->machine);
    end_fake(&scene->fake);
    free(scene->said);
}

static bool
answers(struct scene *scene, const char *command, struct maqet_error **err)
{
    _cleanup_json_ json_object *answer =
        maqet_monitor_ask(&scene->machine, command, NULL, err);

    return answer;
}

/* ---- answers ---- */

/* The connection is made by the first question, and stays. */
static void
test_answer(void)
{
    struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    begin(&scene, "", unit_patience(60000));
    CU_ASSERT_PTR_NULL(scene.machine.qmp);
    CU_ASSERT_TRUE(answers(&scene, "query-status", &error));
    UNIT_NO_ERROR(&error);
    struct maqet_qmp *qmp = scene.machine.qmp;
    CU_ASSERT_PTR_NOT_NULL(qmp);
    CU_ASSERT_TRUE(answers(&scene, "query-block", &error));
    CU_ASSERT_PTR_EQUAL(scene.machine.qmp, qmp);
    CU_ASSERT_FALSE(answers(&scene, "nonsense", &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "VM 'web': "));
    CU_ASSERT_FALSE(scene.machine.silent);
    /* Given up, it is made anew. */
    maqet_monitor_leave(&scene.machine);
    CU_ASSERT_PTR_NULL(scene.machine.qmp);
    CU_ASSERT_TRUE(answers(&scene, "query-status", NULL));
    end(&scene);
}

/* One that does not answer is not asked again, but with a new connection. */
static void
test_silence(void)
{
    static const char *const modes[] = {"silent", "hang"};
    struct scene scene;

    for (size_t i = 0; i < 2; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        begin(&scene, modes[i], 100);
        for (int j = 0; j < 2; j++) {
            CU_ASSERT_FALSE(answers(&scene, "query-status", &error));
            CU_ASSERT_PTR_NOT_NULL_FATAL(error);
            CU_ASSERT_TRUE(error->silent);
            CU_ASSERT_EQUAL(error->code, MAQET_ERROR_TIMEOUT);
            maqet_error_free(TAKE_PTR(error));
        }
        CU_ASSERT_TRUE(scene.machine.silent);
        CU_ASSERT_PTR_NULL(scene.machine.qmp);
        CU_ASSERT_EQUAL(scene.machine.answer_left, 0);
        CU_ASSERT_FALSE(maqet_monitor_does_without(&scene.machine));
        CU_ASSERT_EQUAL(scene.count, 0);
        end(&scene);
    }
}

/* A command that needs no answer says so once. */
static void
test_doing_without(void)
{
    static const struct {
        enum maqet_on_silence how;
        const char *words;
    } rows[] = {
        {MAQET_ON_SILENCE_READ, "the images are read instead"},
        {MAQET_ON_SILENCE_END, "it is not needed: QEMU is ended"},
    };
    struct scene scene;

    for (size_t i = 0; i < 2; i++) {
        begin(&scene, "silent", 100);
        scene.machine.on_silence = rows[i].how;
        CU_ASSERT_FALSE(maqet_monitor_does_without(&scene.machine));
        for (int j = 0; j < 2; j++)
            CU_ASSERT_FALSE(answers(&scene, "query-status", NULL));
        CU_ASSERT_TRUE(maqet_monitor_does_without(&scene.machine));
        CU_ASSERT_EQUAL(scene.count, 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(scene.said);
        CU_ASSERT_PTR_NOT_NULL(strstr(scene.said, rows[i].words));
        end(&scene);
    }
}

/* Nobody waits for one whose socket is lost. */
static void
test_lost(void)
{
    struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    begin(&scene, "", unit_patience(60000));
    scene.machine.run.lost = true;
    scene.machine.run.folder = (char *)"/run/web";
    CU_ASSERT_FALSE(answers(&scene, "query-status", &error));
    UNIT_ERROR(&error, MAQET_ERROR_STATE,
               "VM 'web' is running (PID 1), but its monitor's socket is lost "
               "(/run/web/qmp.sock), so it can only be stopped");
    CU_ASSERT_TRUE(scene.machine.silent);
    end(&scene);
}

/* ---- block nodes ---- */

static void
test_nodes(void)
{
    _cleanup_json_ json_object *nodes = json_tokener_parse(
        "[{\"node-name\": \"a\", \"x\": 1}, {}, {\"node-name\": \"b\", \"x\": 2}]");
    _cleanup_json_ json_object *none = json_object_new_object();

    CU_ASSERT_EQUAL(maqet_json_int(maqet_monitor_find_node(nodes, "b"), "x"), 2);
    CU_ASSERT_PTR_NULL(maqet_monitor_find_node(nodes, "c"));
    CU_ASSERT_PTR_NULL(maqet_monitor_find_node(none, "a"));
    CU_ASSERT_PTR_NULL(maqet_monitor_find_node(NULL, "a"));
}

static void
test_nodes_that_are_no_list(void)
{
    struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    begin(&scene, "echo", unit_patience(60000));
    CU_ASSERT_PTR_NULL(maqet_monitor_nodes(&scene.machine, &error));
    UNIT_ERROR(&error, MAQET_ERROR_FAILED,
               "QEMU's list of the block nodes of VM 'web' is not a list");
    end(&scene);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"an answer", test_answer},
        {"no answer", test_silence},
        {"doing without an answer", test_doing_without},
        {"a socket that is lost", test_lost},
        {"block nodes", test_nodes},
        {"block nodes that are no list", test_nodes_that_are_no_list},
        CU_TEST_INFO_NULL,
    };

    return unit_run("monitor", tests);
}
