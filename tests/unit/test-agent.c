/* SPDX-License-Identifier: MIT */
/* The client of the guest agent: it believes nothing that it did not ask for. */
#include "core/qemu/agent.h"

#include "tests/fake/agent.h"
#include "tests/unit/unit.h"

#define PATIENCE unit_patience(60000)
enum { SHORT = 200 /* ms */ };

/* What the agent says, in answer to each client's first command and to later ones. */
enum manner {
    WELL,
    CROWDED,     /* lines of all kinds before the mark and after it */
    UNCALLED,    /* the answer to another one's number, and no other */
    FLOODING,    /* it never ends, and never answers */
    FLOODING_ON, /* the same, but for the first command */
    ENDLESS,     /* a line that has no end */
};

/* ---- the agent, a child ---- */

/* Until the client has gone. */
static void
flood(int client, const char *text)
{
    while (send(client, text, strlen(text), MSG_NOSIGNAL) > 0)
        ;
}

static void
begin_crowded(int client, json_object *arguments)
{
    fake_agent_say(client, "\xff\xff\n{\"return\": 7}\n{\"return\": \"x\"}\n"
                           "[1]\n\"\"\n{\"return\": {}}\n{}\n}{\n{\"return\": ");
    fake_agent_synchronise(client, arguments, "{\"err\xff or\": \xff");
}

static void
begin(int client, enum manner manner, json_object *arguments)
{
    if (manner == CROWDED)
        begin_crowded(client, arguments);
    else if (manner == UNCALLED)
        fake_agent_say(client, "\xff{\"return\": 0}\n\xff{\"return\": \"1\"}\n");
    else if (manner == FLOODING)
        flood(client, "\xff{\"return\": 0}\n{{{\n");
    else
        fake_agent_synchronise(client, arguments, "");
}

/* The answer that a command's name asks for. */
static void
answer(int client, int manner, const char *command, json_object *arguments)
{
    static const char *const answers[][2] = {
        {"number", "{\"return\": 5}\n"},
        {"object", "{\"return\": {\"a\": 1}}\n"},
        {"nothing", "{\"return\": {}}\n"},
        {"null", "{\"return\": null}\n"},
        {"empty", "{}\n"},
        {"unknown",
         "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"not known\"}}\n"},
        {"failing",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no luck\"}}\n"},
        {"wordless", "{\"error\": {\"class\": \"GenericError\"}}\n"},
        {"odd-error", "{\"error\": \"no object\", \"return\": 1}\n"},
        {"after-noise", "\n[]\nnoise\n\x01{\n5\n{\"return\": 6}\n"},
    };

    if (strcmp(command, "guest-sync-delimited") == 0) {
        begin(client, (enum manner)manner, arguments);
        return;
    }
    if (manner == FLOODING_ON)
        flood(client, "noise\n");
    if (manner == ENDLESS) {
        _cleanup_free_ char *part = maqet_format("%065536d", 0);

        flood(client, part);
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
        if (strcmp(answers[i][0], command) == 0)
            fake_agent_say(client, answers[i][1]);
}

/* ---- a machine that has it ---- */

struct scene {
    char *folder;
    int dir_fd;
    struct fake_agent agent;
};

static struct scene
scene_new(enum manner manner)
{
    struct scene scene = {.folder = unit_folder()};

    scene.dir_fd = open(scene.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scene.agent = fake_agent_start(scene.folder, answer, manner);
    return scene;
}

/* @wanted is what the agent has heard, as fake_agent_end() has it. */
static void
scene_end(struct scene *scene, const char *wanted)
{
    fake_agent_end(&scene->agent, wanted);
    close(scene->dir_fd);
    unit_remove_folder(&scene->folder);
}

static struct maqet_agent *
must_open(const struct scene *scene)
{
    struct maqet_error *error = NULL;
    struct maqet_agent *agent = maqet_agent_open(scene->dir_fd, PATIENCE, -1, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(agent);
    return agent;
}

static void
check_answer(struct maqet_agent *agent, const char *command, const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *value =
        maqet_agent_execute(agent, command, NULL, PATIENCE, &error);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), wanted);
}

static void
check_failure(struct maqet_agent *agent, const char *command, int64_t timeout,
              enum maqet_error_code code, const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_agent_execute(agent, command, NULL, timeout, &error));
    UNIT_ERROR(&error, code, message);
}

/* ---- answers ---- */

static void
test_answers(void)
{
    struct scene scene = scene_new(WELL);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_answer(agent, "number", "5");
    check_answer(agent, "object", "{\"a\":1}");
    check_answer(agent, "nothing", "{}");
    check_answer(agent, "after-noise", "6");
    scene_end(&scene, "delimited number object nothing noise");
}

static void
test_refusals(void)
{
    struct scene scene = scene_new(WELL);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_failure(agent, "unknown", PATIENCE, MAQET_ERROR_UNSUPPORTED,
                  "The guest agent: not known");
    check_failure(agent, "failing", PATIENCE, MAQET_ERROR_FAILED,
                  "The guest agent: no luck");
    check_failure(agent, "wordless", PATIENCE, MAQET_ERROR_FAILED,
                  "The guest agent: it failed");
    check_failure(agent, "odd-error", PATIENCE, MAQET_ERROR_FAILED,
                  "The guest agent: it failed");
    check_answer(agent, "number", "5"); /* and it goes on */
    scene_end(&scene, NULL);
}

/* What is neither a success nor a refusal is taken for none. */
static void
test_no_answers(void)
{
    struct scene scene = scene_new(WELL);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_failure(agent, "empty", PATIENCE, MAQET_ERROR_FAILED,
                  "The guest agent's answer to 'empty' says nothing");
    check_failure(agent, "null", PATIENCE, MAQET_ERROR_FAILED,
                  "The guest agent's answer to 'null' says nothing");
    check_failure(agent, "hang", SHORT, MAQET_ERROR_TIMEOUT,
                  "Timed out after 0.2 s waiting for the guest agent's answer to "
                  "'hang'");
    scene_end(&scene, NULL);
}

/* What is sent without waiting arrives, and after what came before it. */
static void
test_post(void)
{
    struct scene scene = scene_new(WELL);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_agent_post(agent, "hang", PATIENCE, &error), 0);
    CU_ASSERT_EQUAL(maqet_agent_post(agent, "silent", PATIENCE, &error), 0);
    UNIT_NO_ERROR(&error);
    check_answer(agent, "number", "5");
    scene_end(&scene, "delimited hang silent number");
}

/* Answers that nobody waited for any more are not taken for those to the next client. */
static void
test_clients_in_turn(void)
{
    struct scene scene = scene_new(WELL);

    for (int i = 0; i < 3; i++) {
        _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

        check_answer(agent, "number", "5");
        CU_ASSERT_EQUAL(maqet_agent_post(agent, "object", PATIENCE, NULL), 0);
    }
    /* Who answers to this one has heard all that came before. */
    _cleanup_agent_ struct maqet_agent *last = must_open(&scene);
    scene_end(&scene, "delimited number object delimited number object "
                      "delimited number object delimited");
}

/* ---- beginning ---- */

static void
test_noise_at_first(void)
{
    struct scene scene = scene_new(CROWDED);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_answer(agent, "number", "5");
    scene_end(&scene, NULL);
}

static void
check_no_agent(enum manner manner)
{
    struct scene scene = scene_new(manner);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_agent_open(scene.dir_fd, SHORT, -1, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, "Is qemu-guest-agent running in the guest?");
    UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT,
               "Timed out after 0.2 s waiting for the guest agent's answer");
    scene_end(&scene, "delimited");
}

static void
test_no_agent(void)
{
    check_no_agent(UNCALLED);
    check_no_agent(FLOODING);
}

static void
test_no_socket(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_agent_open(dir_fd, PATIENCE, -1, &error));
    UNIT_ERROR(&error, MAQET_ERROR_MISSING,
               "Cannot connect to QEMU's socket 'agent.sock': No such file or "
               "directory");
    close(fake_agent_listen(folder));
    CU_ASSERT_PTR_NULL(maqet_agent_open(dir_fd, PATIENCE, -1, &error));
    CU_ASSERT_EQUAL(error ? error->hints.count : 1, 0);
    UNIT_ERROR(&error, MAQET_ERROR_STATE, "QEMU has ended");
}

/* ---- no end ---- */

static void
test_noise_without_end(void)
{
    struct scene scene = scene_new(FLOODING_ON);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_failure(agent, "x", SHORT, MAQET_ERROR_TIMEOUT,
                  "Timed out after 0.2 s waiting for the guest agent's answer to 'x'");
    scene_end(&scene, "delimited x");
}

static void
test_line_without_end(void)
{
    struct scene scene = scene_new(ENDLESS);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    check_failure(agent, "x", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent a message of more than 64 MiB");
    check_failure(agent, "x", PATIENCE, MAQET_ERROR_FAILED,
                  "The connection to QEMU is lost");
    scene_end(&scene, "delimited x");
}

static void
test_agent_ends(void)
{
    struct scene scene = scene_new(WELL);
    _cleanup_agent_ struct maqet_agent *agent = must_open(&scene);

    fake_agent_kill(&scene.agent);
    check_failure(agent, "number", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_EQUAL(maqet_agent_post(agent, "number", PATIENCE, NULL), -1);
    scene_end(&scene, "delimited");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"answers", test_answers},
        {"refusals", test_refusals},
        {"what is no answer", test_no_answers},
        {"sending without waiting", test_post},
        {"one client after another", test_clients_in_turn},
        {"noise at first", test_noise_at_first},
        {"no agent", test_no_agent},
        {"no socket", test_no_socket},
        {"noise without end", test_noise_without_end},
        {"a line without end", test_line_without_end},
        {"an agent that ends", test_agent_ends},
        CU_TEST_INFO_NULL,
    };

    return unit_run("agent", tests);
}
