/* SPDX-License-Identifier: MIT */
/* Freezing and thawing, against a guest agent that is as bad as one in a guest may be. */
#include "core/snapshot/quiesce.h"

#include "core/base/procfs.h"
#include "core/base/process.h"
#include "core/qemu/launch.h"
#include "tests/fake/agent.h"

#define PATIENCE unit_patience(60000)
enum { SHORT = 300 /* ms */ };

/* What the agent does wrong. */
enum manner {
    WELL,
    MUTE,             /* it never answers */
    HANGING,          /* it never answers to the freeze */
    IGNORANT,         /* it does not know how to freeze */
    REFUSING,         /* it can't freeze */
    TALKATIVE,        /* what former clients left unread comes first */
    INCOMPREHENSIBLE, /* its answer to the freeze is no JSON */
    EVASIVE,          /* its answer to the freeze is none */
    STUBBORN,         /* it has not thawed when it is first asked */
    IDLE,             /* it has nothing to freeze */
    NEGATIVE,         /* it counts below zero */
    WORDY,            /* it answers with a text */
    FRACTIONAL,       /* it counts by halves */
    DISLOYAL,         /* it has thawed by itself before it is asked */
    WEAK,             /* one of two has thawed by itself */
    GRADUAL,          /* it thaws one of two each time that it is asked */
    DEADLY,           /* QEMU ends in the freeze, of which the socket tells nothing */
};

static pid_t qemu_to_kill; /* by a deadly agent */

static void
answer_freeze(int client, enum manner manner)
{
    static const char *const answers[] = {
        [WELL] = "{\"return\": 1}\n",
        [TALKATIVE] = "{\"return\": 1}\n",
        [STUBBORN] = "{\"return\": 1}\n",
        [IGNORANT] =
            "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no such\"}}\n",
        [REFUSING] =
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no luck\"}}\n",
        [INCOMPREHENSIBLE] = "}frozen{\n",
        [EVASIVE] = "{\"frozen\": true}\n",
        [IDLE] = "{\"return\": 0}\n",
        [NEGATIVE] = "{\"return\": -5}\n",
        [WORDY] = "{\"return\": \"7\"}\n",
        [FRACTIONAL] = "{\"return\": 1.5}\n",
        [DISLOYAL] = "{\"return\": 1}\n",
        [WEAK] = "{\"return\": 2}\n",
        [GRADUAL] = "{\"return\": 2}\n",
        [DEADLY] = NULL,
    };

    if (manner == DEADLY)
        kill(qemu_to_kill, SIGKILL);
    if (answers[manner])
        fake_agent_say(client, answers[manner]);
}

static void
answer_status(int client, enum manner manner)
{
    static int asked;

    if ((manner == STUBBORN || manner == GRADUAL) && asked++ == 0)
        fake_agent_say(client, "{\"return\": \"frozen\"}\n");
    else
        fake_agent_say(client, "{\"return\": \"thawed\"}\n");
}

static void
answer(int client, int manner, const char *command, json_object *arguments)
{
    if (manner == MUTE)
        return;
    if (strcmp(command, "guest-sync-delimited") == 0)
        fake_agent_synchronise(
            client, arguments,
            manner == TALKATIVE ? "{\"return\": 7}\n{\"error\": {\xff\"re" : "");
    else if (strcmp(command, "guest-fsfreeze-freeze") == 0)
        answer_freeze(client, (enum manner)manner);
    else if (strcmp(command, "guest-fsfreeze-status") == 0)
        answer_status(client, (enum manner)manner);
    else
        fake_agent_say(client,
                       manner == DISLOYAL ? "{\"return\": 0}\n" : "{\"return\": 1}\n");
}

/* ---- a machine that has it ---- */

struct scene {
    char *folder;
    int dir_fd;
    struct fake_agent agent;
    pid_t qemu;
    int gone; /* its pidfd */
    size_t descriptors;
};

static size_t
count_descriptors(void)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list("/proc/self/fd", &names, NULL), 0);
    return names.count;
}

static struct scene
scene_new(enum manner manner)
{
    struct scene scene = {.folder = unit_folder(), .descriptors = count_descriptors()};

    scene.dir_fd = open(scene.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scene.qemu = fork();
    if (scene.qemu == 0) {
        fake_agent_die_with_test();
        for (;;)
            pause();
    }
    qemu_to_kill = scene.qemu;
    scene.gone = maqet_pidfd_open(scene.qemu);
    scene.agent = fake_agent_start(scene.folder, answer, manner);
    CU_ASSERT_TRUE_FATAL(scene.agent.pid > 0 && scene.qemu > 0 && scene.gone >= 0);
    return scene;
}

/* QEMU is killed, and the agent's end of the socket with it. */
static void
kill_qemu(struct scene *scene)
{
    if (scene->qemu == 0)
        return;
    fake_agent_kill(&scene->agent);
    kill(scene->qemu, SIGKILL);
    waitpid(scene->qemu, NULL, 0);
    scene->qemu = 0;
}

/* The only other child: the watchdog. 0: there is none. */
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
        if (pid != scene->agent.pid && pid != scene->qemu)
            found = pid;
    }
    return found;
}

static void
wait_watchdog(const struct scene *scene)
{
    siginfo_t info;
    pid_t pid = find_watchdog(scene);

    if (pid > 0)
        CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* Ends it all; no watchdog outlives its QEMU. @wanted are the last words that the agent
 * has heard, as fake_agent_end() has them. */
static void
scene_end(struct scene *scene, const char *wanted)
{
    kill_qemu(scene);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    CU_ASSERT_EQUAL(errno, ECHILD);
    fake_agent_end(&scene->agent, wanted);
    close(scene->dir_fd);
    close(scene->gone);
    CU_ASSERT_EQUAL(count_descriptors(), scene->descriptors);
    unit_remove_folder(&scene->folder);
}

/* Waits until the agent hears a command; false: it ended before. Others before it are
 * passed over, but for @never. */
static bool
hears(const struct scene *scene, const char *command, const char *never)
{
    for (;;) {
        _cleanup_free_ char *line = fake_agent_heard(&scene->agent);

        CU_ASSERT_FALSE(line && never && strcmp(line, never) == 0);
        if (!line || strcmp(line, command) == 0)
            return line != NULL;
    }
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

#define THAWING "What may have been frozen is being thawed"

/* The error has the words @why in it, and this hint, if any; @heard is all that the agent
 * was asked for. */
static void
must_not_begin(enum manner manner, int64_t timeout, enum maqet_error_code code,
               const char *why, const char *next, const char *heard)
{
    bool thaws = next && strcmp(next, THAWING) == 0;
    struct scene scene = scene_new(manner);
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(begin(&scene, timeout, PATIENCE, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    if (!strstr(error->message, why) && code == MAQET_ERROR_TIMEOUT &&
        timeout < PATIENCE) {
        /* Too short for this machine to get as far as that. */
        maqet_error_free(error);
        wait_watchdog(&scene);
        scene_end(&scene, NULL);
        must_not_begin(manner, 2 * timeout, code, why, next, heard);
        return;
    }
    UNIT_HINT(error, 0, thaws ? NULL : next);
    if (thaws)
        UNIT_SAME(error->remark, THAWING);
    CU_ASSERT_EQUAL(error->code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, why));
    CU_ASSERT_TRUE(
        maqet_text_starts(error->message, "VM 'vm': cannot freeze its file systems: "));
    maqet_error_free(error);
    wait_watchdog(&scene);
    scene_end(&scene, heard);
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
    CU_ASSERT_EQUAL(find_watchdog(&scene), 0);
    scene_end(&scene, "");
}

/* It must hold no lock of ours, nor keep a pipe open that somebody reads from us. */
static void
test_watchdog_has_nothing_else(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, PATIENCE);
    _cleanup_free_ char *path = maqet_format("/proc/%d/fd", (int)find_watchdog(&scene));
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list(path, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 3); /* the machine's folder, its pidfd, and to us */
    must_end(quiesce, true);
    scene_end(&scene, NULL);
}

static void
test_stale_answers(void)
{
    struct scene scene = scene_new(TALKATIVE);

    must_end(must_begin(&scene, PATIENCE), true);
    scene_end(&scene, "delimited thaw status");
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
        "VM 'vm' was started without a port for a guest agent, so its file systems "
        "cannot be frozen");
    scene_end(&scene, NULL);
}

#define THAWED "delimited freeze thaw delimited thaw status"

static void
test_refusals(void)
{
    must_not_begin(IGNORANT, PATIENCE, MAQET_ERROR_UNSUPPORTED,
                   "The guest agent: no such", NULL, "delimited freeze");
    must_not_begin(REFUSING, PATIENCE, MAQET_ERROR_FAILED, "The guest agent: no luck",
                   THAWING, THAWED);
}

static void
test_mute(void)
{
    must_not_begin(MUTE, SHORT, MAQET_ERROR_TIMEOUT,
                   "Timed out after 0.3 s waiting for the guest agent's answer",
                   "Is qemu-guest-agent running in the guest?", "delimited");
}

#define NO_ANSWER "s waiting for the guest agent's answer to 'guest-fsfreeze-freeze'"

/* It may have frozen all the same. */
static void
test_broken_answers(void)
{
    must_not_begin(INCOMPREHENSIBLE, SHORT, MAQET_ERROR_TIMEOUT, NO_ANSWER, THAWING,
                   THAWED);
    must_not_begin(EVASIVE, PATIENCE, MAQET_ERROR_FAILED,
                   "The guest agent's answer to 'guest-fsfreeze-freeze' says nothing",
                   THAWING, THAWED);
}

static void
test_qemu_ends_before(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_error *error = NULL;

    kill_qemu(&scene);
    CU_ASSERT_PTR_NULL(begin(&scene, PATIENCE, PATIENCE, &error));
    UNIT_ERROR(&error, MAQET_ERROR_STATE,
               "VM 'vm': cannot freeze its file systems: QEMU has ended");
    scene_end(&scene, "");
}

/* Its pidfd tells. */
static void
test_qemu_ends_in_freeze(void)
{
    must_not_begin(DEADLY, PATIENCE, MAQET_ERROR_STATE, "QEMU has ended", NULL,
                   "delimited freeze");
}

/* What the agent says that it froze decides, and is thawed all the same. */
#define NOT_A_NUMBER "answer to 'guest-fsfreeze-freeze' is not a number of file systems: "
static void
test_nothing_frozen(void)
{
    static const char leave_out[] =
        "Leave out --quiesce: the snapshot is then as after a power failure";

    must_not_begin(IDLE, PATIENCE, MAQET_ERROR_FAILED,
                   "the guest agent froze no file system", leave_out, THAWED);
    must_not_begin(NEGATIVE, PATIENCE, MAQET_ERROR_FAILED, NOT_A_NUMBER "-5", leave_out,
                   THAWED);
    must_not_begin(WORDY, PATIENCE, MAQET_ERROR_FAILED, NOT_A_NUMBER "\"7\"", leave_out,
                   THAWED);
    must_not_begin(FRACTIONAL, PATIENCE, MAQET_ERROR_FAILED, NOT_A_NUMBER "1.5",
                   leave_out, THAWED);
}

/* What it thaws tells what was frozen until then. */
static void
test_thawed_before(void)
{
    static const enum manner manners[] = {DISLOYAL, WEAK};

    for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++) {
        struct scene scene = scene_new(manners[i]);

        must_end(must_begin(&scene, PATIENCE), false);
        scene_end(&scene, "delimited thaw status");
    }
}

static void
test_thaw_by_and_by(void)
{
    struct scene scene = scene_new(GRADUAL);

    must_end(must_begin(&scene, PATIENCE), true);
    scene_end(&scene, "delimited thaw status delimited thaw status");
}

/* ---- it thaws, whatever happens ---- */

static void
test_hanging_freeze(void)
{
    must_not_begin(HANGING, SHORT, MAQET_ERROR_TIMEOUT, NO_ANSWER, THAWING, THAWED);
}

static void
test_thaw_that_takes_two(void)
{
    struct scene scene = scene_new(STUBBORN);

    must_end(must_begin(&scene, PATIENCE), true);
    scene_end(&scene, "delimited thaw status delimited thaw status");
}

/* An agent that hangs by then does not make it unknown that all was thawed. */
static void
test_held_too_long(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, SHORT);

    wait_watchdog(&scene);
    kill(scene.agent.pid, SIGSTOP);
    must_end(quiesce, false);
    scene_end(&scene, "delimited thaw status");
}

static void
test_maqet_is_killed(void)
{
    struct scene scene = scene_new(WELL);
    pid_t maqet = fork();

    if (maqet == 0) {
        fake_agent_die_with_test();
        if (!begin(&scene, PATIENCE, PATIENCE, NULL))
            _exit(1);
        for (;;)
            pause();
    }
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-freeze", "guest-fsfreeze-thaw"));
    kill(maqet, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(maqet, NULL, 0), maqet);
    CU_ASSERT_TRUE(hears(&scene, "guest-fsfreeze-thaw", NULL));
    scene_end(&scene, NULL);
}

static void
test_watchdog_is_killed(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, PATIENCE);

    pid_t watchdog = find_watchdog(&scene);

    CU_ASSERT_TRUE_FATAL(watchdog > 0);
    kill(watchdog, SIGKILL);
    must_end(quiesce, false);
    scene_end(&scene, "delimited thaw status");
}

static void
test_qemu_ends_meanwhile(void)
{
    struct scene scene = scene_new(WELL);
    struct maqet_quiesce *quiesce = must_begin(&scene, PATIENCE);
    bool held;

    kill_qemu(&scene);
    CU_ASSERT_EQUAL(maqet_quiesce_end(quiesce, &held, NULL), 0);
    scene_end(&scene, NULL);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"it freezes and thaws", test_freeze_and_thaw},
        {"the watchdog has nothing else of ours", test_watchdog_has_nothing_else},
        {"answers to former clients are passed over", test_stale_answers},
        {"a machine without a port", test_no_port},
        {"an agent that refuses", test_refusals},
        {"an agent that never answers", test_mute},
        {"an agent whose answer is none", test_broken_answers},
        {"an agent that froze nothing", test_nothing_frozen},
        {"a guest that has thawed by itself", test_thawed_before},
        {"a guest that thaws by and by", test_thaw_by_and_by},
        {"QEMU has ended", test_qemu_ends_before},
        {"QEMU ends in the freeze", test_qemu_ends_in_freeze},
        {"a freeze that hangs is undone", test_hanging_freeze},
        {"a thaw that takes two attempts", test_thaw_that_takes_two},
        {"a freeze that lasts too long is ended", test_held_too_long},
        {"maqet is killed while all is frozen", test_maqet_is_killed},
        {"the watchdog is killed while all is frozen", test_watchdog_is_killed},
        {"QEMU ends while all is frozen", test_qemu_ends_meanwhile},
        CU_TEST_INFO_NULL,
    };

    /* An old valgrind doesn't know the system call. */
    if (maqet_pidfd_open(getpid()) < 0 && errno == ENOSYS)
        return 77;
    return unit_run("quiesce", tests);
}
