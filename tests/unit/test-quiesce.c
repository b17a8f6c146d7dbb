/* SPDX-License-Identifier: MIT */
/* Freezing and thawing, against a guest agent that is as bad as one in a guest may be. */
#include "core/snapshot/quiesce.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/json.h"
#include "core/base/process.h"
#include "core/qemu/agent.h"
#include "core/qemu/launch.h"
#include "tests/unit/unit.h"

enum { PATIENCE = 30000, SHORT = 300 /* ms */ };

/* What the agent does wrong. */
enum manner {
    WELL,
    MUTE,             /* it never answers */
    HANGING,          /* it never answers to the freeze */
    IGNORANT,         /* it does not know how to freeze */
    REFUSING,         /* it can't freeze */
    TALKATIVE,        /* what former clients left unread comes first */
    INCOMPREHENSIBLE, /* its answer to the freeze is no JSON */
};

/* ---- the agent, a child ---- */

static void
say(int client, const char *text)
{
    if (write(client, text, strlen(text)) < 0)
        _exit(1);
}

/* Answers a command. */
static void
answer(int client, enum manner manner, const char *command, json_object *arguments)
{
    bool freezes = strcmp(command, "guest-fsfreeze-freeze") == 0;

    if (manner == MUTE || (manner == HANGING && freezes))
        return;
    if (strcmp(command, "guest-sync-delimited") == 0) {
        _cleanup_free_ char *text =
            maqet_format("%s\xff{\"return\": %" PRId64 "}\n",
                         manner == TALKATIVE ? "{\"return\": 7}\n{\"error\": {\"re" : "",
                         maqet_json_int(arguments, "id"));
        say(client, text);
    } else if (manner == IGNORANT) {
        say(client,
            "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such\"}}\n");
    } else if (manner == REFUSING && freezes) {
        say(client,
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no luck\"}}\n");
    } else if (manner == INCOMPREHENSIBLE && freezes) {
        say(client, "}frozen{\n");
    } else if (strcmp(command, "guest-fsfreeze-status") == 0) {
        say(client, "{\"return\": \"thawed\"}\n");
    } else {
        say(client, "{\"return\": 1}\n");
    }
}

/* Serves one client to its end, and tells what it has asked for, one command a line. */
static void
serve(int client, enum manner manner, int told)
{
    json_tokener *parser = json_tokener_new();
    char byte;

    while (read(client, &byte, 1) == 1) {
        if (byte == '\xff') { /* as the agent does: begin anew */
            json_tokener_reset(parser);
            continue;
        }
        _cleanup_json_ json_object *message = json_tokener_parse_ex(parser, &byte, 1);
        json_object *arguments = NULL;
        const char *command = maqet_json_text(message, "execute");

        if (!command)
            continue;
        _cleanup_free_ char *line = maqet_format("%s\n", command);
        say(told, line);
        json_object_object_get_ex(message, "arguments", &arguments);
        answer(client, manner, command, arguments);
    }
    json_tokener_free(parser);
}

static void
be_agent(int listener, enum manner manner, int told)
{
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int client = accept(listener, NULL, NULL);

        if (client < 0)
            _exit(0);
        serve(client, manner, told);
        close(client);
    }
}

/* ---- a machine that has it ---- */

struct scene {
    char *folder;
    int dir_fd;
    int listener;
    int told; /* what the agent has heard */
    pid_t agent;
    pid_t qemu;
    int gone; /* its pidfd */
};

static struct scene
scene_new(enum manner manner)
{
    struct scene scene = {.folder = unit_folder()};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int pair[2];

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", scene.folder,
             MAQET_AGENT_SOCKET);
    scene.dir_fd = open(scene.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scene.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(
        bind(scene.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(scene.listener, 5), 0);
    CU_ASSERT_EQUAL_FATAL(pipe2(pair, O_CLOEXEC), 0);
    scene.agent = fork();
    if (scene.agent == 0)
        be_agent(scene.listener, manner, pair[1]);
    scene.qemu = fork();
    if (scene.qemu == 0)
        for (;;)
            pause();
    close(pair[1]);
    close(TAKE_FD(scene.listener));
    scene.told = pair[0];
    scene.gone = maqet_pidfd_open(scene.qemu);
    CU_ASSERT_TRUE_FATAL(scene.agent > 0 && scene.qemu > 0 && scene.gone >= 0);
    return scene;
}

/* QEMU is killed, and the agent's end of the socket with it. */
static void
kill_qemu(struct scene *scene)
{
    if (scene->qemu == 0)
        return;
    kill(scene->agent, SIGKILL);
    kill(scene->qemu, SIGKILL);
    waitpid(scene->agent, NULL, 0);
    waitpid(scene->qemu, NULL, 0);
    scene->qemu = 0;
}

/* Ends it all; no watchdog outlives its QEMU. */
static void
scene_end(struct scene *scene)
{
    kill_qemu(scene);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    CU_ASSERT_EQUAL(errno, ECHILD);
    close(scene->dir_fd);
    close(scene->told);
    close(scene->gone);
    unit_remove_folder(&scene->folder);
}

/* Waits until the agent hears a command; NULL: it ended before. Others before it are
 * passed over, but for @never. */
static bool
hears(const struct scene *scene, const char *command, const char *never)
{
    struct maqet_text line = MAQET_TEXT_INIT;
    bool heard = false;
    char byte;

    while (!heard) {
        struct pollfd fd = {.fd = scene->told, .events = POLLIN};

        if (poll(&fd, 1, PATIENCE) <= 0 || read(scene->told, &byte, 1) != 1)
            break;
        if (byte != '\n') {
            maqet_text_append_bytes(&line, &byte, 1);
            continue;
        }
        heard = strcmp(line.data, command) == 0;
        CU_ASSERT_FALSE(never && strcmp(line.data, never) == 0);
        maqet_text_clear(&line);
    }
    maqet_text_clear(&line);
    return heard;
}

static struct maqet_quiesce *
begin(const struct scene *scene, int64_t freeze_timeout, int64_t hold_timeout,
      struct maqet_error **err)
{
    return maqet_quiesce_begin(scene->dir_fd, "vm", scene->gone, freeze_timeout,
                               hold_timeout, err);
}

static struct maqet_quiesce *
must_begin(const struct scene *scene, int64_t hold_timeout)
{
    struct maqet_error *error = NULL;
    struct maqet_quiesce *quiesce = begin(scene, PATIENCE, hold_timeout, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(quiesce);
    CU_ASSERT_TRUE(hears(scene, "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"));
    return quiesce;
}

static void
must_end(struct maqet_quiesce *quiesce, bool wanted)
{
    struct maqet_error *error = NULL;
    bool held = !wanted;

    CU_ASSERT_EQUAL(maqet_quiesce_end(quiesce, &held, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(held, wanted);
}

static void
must_not_begin(enum manner manner, int64_t timeout, enum maqet_error_code code,
               const char *message)
{
    struct scene scene = scene_new(manner);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(begin(&scene, timeout, PATIENCE, &error));
    UNIT_ERROR(&error, code, message);
    scene_end(&scene);
}

/* The only other child: the watchdog. */
static pid_t
find_watchdog(const struct scene *scene)
{
    _cleanup_free_ char *path =
        maqet_format("/proc/self/task/%d/children", (int)getpid());
    _cleanup_free_ char *text = NULL;
    pid_t found = 0;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 4096, &text, NULL, NULL), 0);
    for (char *rest = text, *end; *rest; rest = end) {
        pid_t pid = (pid_t)strtol(rest, &end, 10);

        if (end == rest)
            break;
        if (pid != scene->agent && pid != scene->qemu)
            found = pid;
    }
    CU_ASSERT_TRUE_FATAL(found > 0);
    return found;
}

/* ---- when all is well ---- */

static void
test_freeze_and_thaw(void)
{
    struct scene scene = scene_new(WELL);

    for (int i = 0; i < 3; i++) {
        must_end(must_begin(&scene, PATIENCE), true);
        CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", "guest-fsfreeze-freeze"));
        CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-status", NULL));
    }
    scene_end(&scene);
}

static void
test_stale_answers(void)
{
    struct scene scene = scene_new(TALKATIVE);

    must_end(must_begin(&scene, PATIENCE), true);
    scene_end(&scene);
}

/* ---- it can't be frozen ---- */

static void
test_no_port(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(unlinkat(scene.dir_fd, MAQET_AGENT_SOCKET, 0), 0);
    CU_ASSERT_PTR_NULL(begin(&scene, PATIENCE, PATIENCE, &error));
    CU_ASSERT_EQUAL(error ? error->hints.count : 0, 2);
    UNIT_ERROR(
        &error, MAQET_ERROR_UNSUPPORTED,
        "Virtual machine 'vm' was started without a port for a guest agent, so its "
        "file systems can't be frozen");
    scene_end(&scene);
}

static void
test_refusals(void)
{
    must_not_begin(
        IGNORANT, PATIENCE, MAQET_ERROR_UNSUPPORTED,
        "Virtual machine 'vm': can't freeze its file systems: The guest agent: "
        "no such");
    must_not_begin(
        REFUSING, PATIENCE, MAQET_ERROR_FAILED,
        "Virtual machine 'vm': can't freeze its file systems: The guest agent: "
        "no luck");
}

static void
test_mute(void)
{
    must_not_begin(MUTE, SHORT, MAQET_ERROR_TIMEOUT,
                   "Virtual machine 'vm': can't freeze its file systems: Waited 0.3 s in "
                   "vain for the guest agent's answer");
}

static void
test_broken_answer(void)
{
    struct scene scene = scene_new(INCOMPREHENSIBLE);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(begin(&scene, SHORT, PATIENCE, &error));
    CU_ASSERT_EQUAL(error ? error->code : 0, MAQET_ERROR_TIMEOUT);
    CU_ASSERT_EQUAL(error ? error->hints.count : 0, 1);
    maqet_error_free(error);
    /* It may have frozen all the same. */
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    scene_end(&scene);
}

static void
test_qemu_ends_before(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_error *error = NULL;

    kill_qemu(&scene);
    CU_ASSERT_PTR_NULL(begin(&scene, PATIENCE, PATIENCE, &error));
    UNIT_ERROR(&error, MAQET_ERROR_STATE,
               "Virtual machine 'vm': can't freeze its file systems: QEMU has ended");
    scene_end(&scene);
}

/* ---- it thaws, whatever happens ---- */

static void
test_hanging_freeze(void)
{
    struct scene scene = scene_new(HANGING);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(begin(&scene, SHORT, PATIENCE, &error));
    CU_ASSERT_EQUAL(error ? error->code : 0, MAQET_ERROR_TIMEOUT);
    maqet_error_free(error);
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"));
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    scene_end(&scene);
}

static void
test_held_too_long(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, SHORT);

    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    must_end(quiesce, false);
    scene_end(&scene);
}

static void
test_maqet_is_killed(void)
{
    struct scene scene = scene_new(WELL);
    pid_t maqet = fork();

    if (maqet == 0) {
        if (!begin(&scene, PATIENCE, PATIENCE, NULL))
            _exit(1);
        for (;;)
            pause();
    }
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"));
    kill(maqet, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(maqet, NULL, 0), maqet);
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    scene_end(&scene);
}

static void
test_watchdog_is_killed(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, PATIENCE);

    kill(find_watchdog(&scene), SIGKILL);
    must_end(quiesce, false);
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    scene_end(&scene);
}

static void
test_qemu_ends_meanwhile(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, PATIENCE);
    bool held;

    kill_qemu(&scene);
    CU_ASSERT_EQUAL(maqet_quiesce_end(quiesce, &held, NULL), 0);
    scene_end(&scene);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"it freezes and thaws", test_freeze_and_thaw},
        {"answers to former clients are passed over", test_stale_answers},
        {"a machine without a port", test_no_port},
        {"an agent that refuses", test_refusals},
        {"an agent that never answers", test_mute},
        {"an agent whose answer is broken", test_broken_answer},
        {"QEMU has ended", test_qemu_ends_before},
        {"a freeze that hangs is undone", test_hanging_freeze},
        {"a freeze that lasts too long is ended", test_held_too_long},
        {"maqet is killed while all is frozen", test_maqet_is_killed},
        {"the watchdog is killed while all is frozen", test_watchdog_is_killed},
        {"QEMU ends while all is frozen", test_qemu_ends_meanwhile},
        CU_TEST_INFO_NULL,
    };

    return unit_run("quiesce", tests);
}
