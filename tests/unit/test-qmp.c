/* SPDX-License-Identifier: MIT */
/* The QMP client, against tests/fake/fake-qemu, which fails in every way we thought of.
 */
#include "core/base/clock.h"
#include "core/qemu/channel.h"
#include "core/qemu/qmp.h"
#include "tests/fake/fake.h"
#include "tests/unit/unit.h"

#define PATIENCE unit_patience(60000)
enum { SHORT = 200 /* ms */ };

static struct maqet_qmp *
must_open(const struct fake *fake)
{
    struct maqet_error *error = NULL;
    struct maqet_qmp *qmp =
        maqet_qmp_open(fake->dir_fd, "qmp", NULL, PATIENCE, fake->gone, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    return qmp;
}

static void
must_not_open(const struct fake *fake, int64_t timeout, enum maqet_error_code code,
              const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(
        maqet_qmp_open(fake->dir_fd, "qmp", NULL, timeout, fake->gone, &error));
    UNIT_ERROR(&error, code, message);
}

static void
check_json(json_object *value, const char *wanted)
{
    UNIT_SAME(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                        JSON_C_TO_STRING_NOSLASHESCAPE),
              wanted);
}

static void
check_answer(struct maqet_qmp *qmp, const char *command, const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, command, NULL, PATIENCE, &error);

    UNIT_NO_ERROR(&error);
    check_json(answer, wanted);
}

static void
check_failure(struct maqet_qmp *qmp, const char *command, int64_t timeout,
              enum maqet_error_code code, const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_qmp_execute(qmp, command, NULL, timeout, &error));
    UNIT_ERROR(&error, code, message);
}

static void
check_event(struct maqet_qmp *qmp, const char *name, int64_t timeout, const char *wanted)
{
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *event = maqet_qmp_event(qmp, name, timeout, &error);

    UNIT_NO_ERROR(&error);
    check_json(event, wanted);
}

static void
check_no_event(struct maqet_qmp *qmp, const char *name, int64_t timeout,
               enum maqet_error_code code, const char *message)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(maqet_qmp_event(qmp, name, timeout, &error));
    UNIT_ERROR(&error, code, message);
}

/* ---- when all is well ---- */

static void
test_commands(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    CU_ASSERT_EQUAL(qmp->version, 70222);
    UNIT_SAME(qmp->version_text, "7.2.22 (Fake 1:7.2)");
    check_answer(qmp, "query-status", "{\"status\":\"running\",\"running\":true}");
    check_answer(qmp, "query-block", "[]");
    check_answer(qmp, "cont", "{}");
    check_failure(qmp, "no-such", PATIENCE, MAQET_ERROR_UNSUPPORTED,
                  "QEMU: The command is not known");
    check_failure(qmp, "device_del", PATIENCE, MAQET_ERROR_MISSING,
                  "QEMU: Device 'x' not found");
    check_failure(qmp, "screendump", PATIENCE, MAQET_ERROR_FAILED, "QEMU: no surface");
    check_answer(qmp, "quit", "{}");
    wait_fake(&fake);
    check_failure(qmp, "query-status", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_EQUAL(end_fake(&fake), 0);
}

static void
test_arguments_are_sent(void)
{
    struct fake fake = start_fake("echo");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);
    json_object *arguments = json_tokener_parse("{\"a\": \"b/c\", \"d\": [1, null]}");
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "x", arguments, PATIENCE, NULL);

    json_object_object_del(answer, "id");
    check_json(answer,
               "{\"execute\":\"x\",\"arguments\":{\"a\":\"b/c\",\"d\":[1,null]}}");
    end_fake(&fake);
}

/* One that is larger than all that fits into the kernel's buffers. */
static void
test_a_large_command(void)
{
    struct fake fake = start_fake("echo");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);
    json_object *arguments = json_object_new_object();
    _cleanup_free_ char *text = maqet_format("%08388608d", 0);
    _cleanup_free_ char *wanted =
        maqet_format("{\"execute\":\"x\",\"arguments\":{\"text\":\"%s\"}}", text);

    json_object_object_add(arguments, "text", json_object_new_string(text));
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "x", arguments, PATIENCE, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    json_object_object_del(answer, "id");
    CU_ASSERT_TRUE(strcmp(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN),
                          wanted) == 0);
    end_fake(&fake);
}

static void
test_one_client_after_another(void)
{
    struct fake fake = start_fake("");

    for (int i = 0; i < 3; i++) {
        _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

        check_answer(qmp, "query-block", "[]");
    }
    end_fake(&fake);
}

#define STOP "{\"event\":\"STOP\",\"timestamp\":{}}"
#define RESUME "{\"event\":\"RESUME\",\"timestamp\":{}}"
#define SHUTDOWN "{\"event\":\"SHUTDOWN\",\"timestamp\":{}}"

static void
test_events(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_no_event(qmp, "STOP", SHORT, MAQET_ERROR_TIMEOUT,
                   "Timed out after 0.2 s waiting for QEMU's event STOP");
    check_answer(qmp, "stop", "{}");
    check_answer(qmp, "cont", "{}");
    check_event(qmp, "RESUME", PATIENCE, RESUME);
    check_event(qmp, NULL, 0, STOP);
    check_no_event(qmp, NULL, 0, MAQET_ERROR_TIMEOUT,
                   "Timed out after 0 s waiting for QEMU's event");
    end_fake(&fake);
}

/* Of 300 events the last 256 are kept, and none that is too large. */
static void
test_many_events(void)
{
    struct fake fake = start_fake("events");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_answer(qmp, "query-block", "[]");
    for (int i = 300 - 256; i < 300; i++) {
        _cleanup_free_ char *wanted =
            maqet_format("{\"event\":\"RTC_CHANGE\",\"data\":{\"offset\":%d}}", i);

        check_event(qmp, NULL, 0, wanted);
    }
    check_no_event(qmp, NULL, 0, MAQET_ERROR_TIMEOUT,
                   "Timed out after 0 s waiting for QEMU's event");
    end_fake(&fake);
}

/* That QEMU has gone, which we know at once, does not keep us from hearing what it said.
 */
static void
test_last_words(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_answer(qmp, "quit", "{}");
    wait_fake(&fake);
    check_event(qmp, NULL, 0, SHUTDOWN);
    check_no_event(qmp, NULL, PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    end_fake(&fake);
}

/* ---- when no connection comes about ---- */

/* Checks what opening a connection to such a QEMU ends in. Returns QEMU's status. */
static int
check_open(const char *mode, int64_t timeout, enum maqet_error_code code,
           const char *message)
{
    struct fake fake = start_fake(mode);

    must_not_open(&fake, timeout, code, message);
    if (code == MAQET_ERROR_STATE)
        wait_fake(&fake);
    return end_fake(&fake);
}

static void
test_old_version(void)
{
    check_open("old", PATIENCE, MAQET_ERROR_UNSUPPORTED,
               "QEMU 5.2.0 is too old: maqet needs 6.2 or later");
}

static void
test_garbage(void)
{
    check_open("garbage", PATIENCE, MAQET_ERROR_FAILED,
               "QEMU sent something that is not QMP");
    check_open("nonsense", PATIENCE, MAQET_ERROR_FAILED,
               "QEMU's greeting does not say its version");
}

#define NO_GREETING                                                                      \
    "Timed out after 0.2 s waiting for QEMU's greeting: it hangs, or another client "    \
    "is "                                                                                \
    "connected "                                                                         \
    "to its monitor"

static void
test_silence(void)
{
    check_open("silent", SHORT, MAQET_ERROR_TIMEOUT, NO_GREETING);
}

/* A connection that QEMU has lost: it greets the next client, and listens to it. */
static void
test_lost_connections(void)
{
    static const char *const modes[] = {"ungreeted",  "distracted", "deaf",
                                        "negotiated", "hasty",      NULL};

    for (const char *const *mode = modes; *mode; mode++) {
        struct fake fake = start_fake(*mode);
        struct maqet_qmp *qmp = must_open(&fake);

        maqet_qmp_cleanup(&qmp);
        end_fake(&fake);
    }
}

static void
test_death_before_the_greeting(void)
{
    int status = check_open("exit:3:(fake-qemu says this, and it is no failure)",
                            PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);

    status = check_open("sigsys", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* The connection tells nothing while somebody else has the listening socket open too. */
static void
test_death_that_the_socket_does_not_tell(void)
{
    struct fake fake = {0};

    make_socket(&fake);
    if (fork_fake(&fake))
        _exit(0);
    must_not_open(&fake, PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    close(fake.listener);
    end_fake(&fake);
}

static void
test_no_socket(void)
{
    struct maqet_error *error = NULL;
    struct fake fake = {0};

    make_socket(&fake);
    if (fork_fake(&fake))
        _exit(0);
    close(fake.listener);
    CU_ASSERT_PTR_NULL(maqet_qmp_open(fake.dir_fd, "qmp", NULL, PATIENCE, -1, &error));
    UNIT_ERROR(&error, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_PTR_NULL(maqet_qmp_open(fake.dir_fd, "none", NULL, PATIENCE, -1, &error));
    UNIT_ERROR(&error, MAQET_ERROR_MISSING,
               "Cannot connect to QEMU's socket 'none': No such file or directory");
    _cleanup_free_ char *name = maqet_format("%0108d", 0);
    _cleanup_free_ char *wanted =
        maqet_format("The path of the socket '%s' is too long", name);
    CU_ASSERT_PTR_NULL(maqet_qmp_open(fake.dir_fd, name, NULL, PATIENCE, -1, &error));
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, wanted);
    end_fake(&fake);
}

/* After two the kernel lets no other into the queue; the words are the same. */
static void
test_other_clients(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *first = must_open(&fake);

    for (int i = 0; i < 4; i++)
        must_not_open(&fake, SHORT, MAQET_ERROR_TIMEOUT, NO_GREETING);
    check_answer(first, "query-block", "[]");
    end_fake(&fake);
}

/* ---- when a connection fails later ---- */

/* Checks what a command ends in, on a connection that was well until then. */
static void
check_command(const char *mode, int64_t timeout, enum maqet_error_code code,
              const char *message)
{
    struct fake fake = start_fake(mode);
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_failure(qmp, "query-status", timeout, code, message);
    end_fake(&fake);
}

#define NO_ANSWER "Timed out after 0.2 s waiting for QEMU's answer to 'query-status'"

static void
test_commands_that_hang(void)
{
    check_command("hang", SHORT, MAQET_ERROR_TIMEOUT, NO_ANSWER);
}

static void
test_death_in_an_answer(void)
{
    check_command("close", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
}

static void
test_huge_answers(void)
{
    check_command("huge", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent a message of more than 64 MiB");
    check_command("deep", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent something that is not QMP");
}

static void
test_events_without_end(void)
{
    check_command("flood", SHORT, MAQET_ERROR_TIMEOUT, NO_ANSWER);
}

/* Who has always something to say must not keep us for longer than we wanted to wait. */
static void
test_deadline_of_a_talker(void)
{
    struct maqet_channel channel = MAQET_CHANNEL_INIT;
    struct maqet_wait wait = maqet_wait_for("the rest", 1);
    struct maqet_error *error = NULL;
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    channel.fd = ends[0];
    wait.deadline.end += PATIENCE; /* the first one is in time, on any machine */
    CU_ASSERT_EQUAL(write(ends[1], "{}\n", 3), 3);
    json_object_put(maqet_channel_receive(&channel, &wait, &error));
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(write(ends[1], "{}\n", 3), 3);
    wait.deadline.end = maqet_now() - 1;
    CU_ASSERT_PTR_NULL(maqet_channel_receive(&channel, &wait, &error));
    UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT,
               "Timed out after 0.001 s waiting for the "
               "rest");
    maqet_channel_clear(&channel);
    close(ends[1]);
}

/* An answer that came too late is not taken for that of the next command. */
static void
test_late_answers(void)
{
    struct fake fake = start_fake("late");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_failure(qmp, "query-status", SHORT, MAQET_ERROR_TIMEOUT, NO_ANSWER);
    check_answer(qmp, "query-block", "[]");
    end_fake(&fake);
}

/* A command that QEMU could not read, or has thrown away, is sent again, and what it says of the
 * first one is not taken for an answer to the second. */
static void
test_torn_commands(void)
{
    struct fake fake = start_fake("torn");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_answer(qmp, "query-status", "{\"status\":\"running\",\"running\":true}");
    check_failure(qmp, "query-block", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU cannot read the command 'query-block'");
    check_answer(qmp, "stop", "{}");
    check_event(qmp, "STOP", 0, STOP);
    check_answer(qmp, "query-status", "{\"status\":\"running\",\"running\":true}");
    end_fake(&fake);
}

/* After nonsense nobody knows where the next message begins. */
static void
test_nothing_follows_nonsense(void)
{
    struct fake fake = start_fake("deep");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_failure(qmp, "query-status", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent something that is not QMP");
    check_failure(qmp, "query-block", PATIENCE, MAQET_ERROR_FAILED,
                  "The connection to QEMU is lost");
    end_fake(&fake);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"commands and refusals", test_commands},
        {"arguments are sent", test_arguments_are_sent},
        {"a large command", test_a_large_command},
        {"one client after another", test_one_client_after_another},
        {"events", test_events},
        {"many events", test_many_events},
        {"last words", test_last_words},
        {"an old version", test_old_version},
        {"garbage", test_garbage},
        {"silence", test_silence},
        {"lost connections", test_lost_connections},
        {"death before the greeting", test_death_before_the_greeting},
        {"death that the socket does not tell", test_death_that_the_socket_does_not_tell},
        {"no socket", test_no_socket},
        {"other clients", test_other_clients},
        {"commands that hang", test_commands_that_hang},
        {"death in an answer", test_death_in_an_answer},
        {"huge answers", test_huge_answers},
        {"events without end", test_events_without_end},
        {"the deadline of a talker", test_deadline_of_a_talker},
        {"late answers", test_late_answers},
        {"torn commands", test_torn_commands},
        {"nothing follows nonsense", test_nothing_follows_nonsense},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qmp", tests);
}
