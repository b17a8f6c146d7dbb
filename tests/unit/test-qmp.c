/* SPDX-License-Identifier: MIT */
/* The QMP client, against tests/fake/fake-qemu, which fails in every way that we thought
 * of. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/qemu/qmp.h"
#include "tests/unit/unit.h"

enum { PATIENCE = 30000, SHORT = 200 };

/*
 * A folder with a socket in it, and a fake QEMU that listens there. What tells us that it
 * has gone is a pipe whose other end only it has; maqet takes a pidfd, which valgrind
 * doesn't know.
 */
struct fake {
    char *folder;
    int dir_fd;
    int listener;
    pid_t pid;
    int gone;
};

/* The socket lies in a folder whose path is much longer than a socket's address can be.
 */
static void
make_folder(struct fake *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char base[] = "/tmp/maqet-test-XXXXXX";

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(base));
    fake->folder = maqet_format("%s/%0200d", base, 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(fake->folder, 0700), 0);
    fake->dir_fd = open(fake->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/qmp",
             fake->dir_fd);
    CU_ASSERT_EQUAL_FATAL(
        bind(fake->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fake->listener, 1), 0);
}

static void
become_fake(const char *mode, int listener)
{
    const char *build = getenv("abs_top_builddir");
    _cleanup_free_ char *program =
        maqet_format("%s/tests/fake/fake-qemu", build ? build : ".");
    _cleanup_free_ char *chardev =
        maqet_format("socket,id=maqet-monitor,fd=%d,server=on,wait=off", listener);

    setenv("FAKE_QEMU", mode, 1);
    fcntl(listener, F_SETFD, 0);
    execl(program, "fake-qemu", "-chardev", chardev, NULL);
    perror(program);
    _exit(127);
}

/* Forks a child that is to be QEMU. Returns true in the child. */
static bool
fork_fake(struct fake *fake)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    fflush(stdout);
    fake->gone = ends[0];
    fake->pid = fork();
    if (fake->pid > 0)
        close(ends[1]);
    return fake->pid == 0;
}

static struct fake
start_fake(const char *mode)
{
    struct fake fake = {0};

    make_folder(&fake);
    if (fork_fake(&fake))
        become_fake(mode, fake.listener);
    /* As maqet does, so that the socket ends with its QEMU. */
    close(fake.listener);
    return fake;
}

/* Waits until it has ended by itself. */
static void
wait_fake(const struct fake *fake)
{
    siginfo_t info;

    waitid(P_PID, (id_t)fake->pid, &info, WEXITED | WNOWAIT);
}

/* Kills it if it still lives; returns its status as waitpid gives it. */
static int
end_fake(struct fake *fake)
{
    _cleanup_free_ char *base =
        maqet_strndup(fake->folder, strlen("/tmp/maqet-test-XXXXXX"));
    int status = -1;

    kill(fake->pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(fake->pid, &status, 0), fake->pid);
    maqet_dir_remove(base, NULL);
    close(fake->gone);
    close(fake->dir_fd);
    free(fake->folder);
    return status;
}

static struct maqet_qmp *
open_fake(const struct fake *fake, int64_t timeout, struct maqet_error **err)
{
    return maqet_qmp_open(fake->dir_fd, "qmp", timeout, fake->gone, err);
}

static struct maqet_qmp *
must_open(const struct fake *fake)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_qmp *qmp = open_fake(fake, PATIENCE, &error);

    if (error)
        fprintf(stderr, "%s\n", error->message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(qmp);
    return qmp;
}

static void
check_error(const struct maqet_error *error, enum maqet_error_code code,
            const char *message)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, code);
    if (strcmp(error->message, message) != 0)
        fprintf(stderr, "%s\n", error->message);
    CU_ASSERT_STRING_EQUAL(error->message, message);
}

/* Checks what opening a connection to such a QEMU ends in. Returns QEMU's status. */
static int
check_open(const char *mode, int64_t timeout, enum maqet_error_code code,
           const char *message)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct fake fake = start_fake(mode);

    CU_ASSERT_PTR_NULL(open_fake(&fake, timeout, &error));
    check_error(error, code, message);
    if (code == MAQET_ERROR_STATE)
        wait_fake(&fake);
    return end_fake(&fake);
}

/* Runs a command that is to be answered with this json; NULL: with this error. */
static void
check_command(struct maqet_qmp *qmp, const char *command, int64_t timeout,
              const char *expected, enum maqet_error_code code, const char *message)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, command, NULL, timeout, &error);

    if (!expected) {
        CU_ASSERT_PTR_NULL(answer);
        check_error(error, code, message);
        return;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN),
                           expected);
}

static void
check_answer(struct maqet_qmp *qmp, const char *command, const char *expected)
{
    check_command(qmp, command, PATIENCE, expected, 0, NULL);
}

static void
check_refusal(struct maqet_qmp *qmp, const char *command, enum maqet_error_code code,
              const char *message)
{
    check_command(qmp, command, PATIENCE, NULL, code, message);
}

static void
check_event(struct maqet_qmp *qmp, const char *name, int64_t timeout,
            const char *expected)
{
    _cleanup_json_ json_object *event = maqet_qmp_event(qmp, name, timeout, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(event);
    CU_ASSERT_STRING_EQUAL(json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN),
                           expected);
}

/* ---- when all is well ---- */

static void
test_commands(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    CU_ASSERT_EQUAL(maqet_qmp_version(qmp), 70222);
    CU_ASSERT_STRING_EQUAL(maqet_qmp_version_text(qmp), "7.2.22 (Fake 1:7.2)");
    check_answer(qmp, "query-status", "{\"status\":\"running\",\"running\":true}");
    check_answer(qmp, "query-block", "[]");
    check_answer(qmp, "cont", "{}");
    check_refusal(qmp, "no-such", MAQET_ERROR_UNSUPPORTED,
                  "QEMU: The command is not known");
    check_refusal(qmp, "device_del", MAQET_ERROR_MISSING, "QEMU: Device 'x' not found");
    check_refusal(qmp, "screendump", MAQET_ERROR_FAILED, "QEMU: no surface");
    check_answer(qmp, "quit", "{}");
    check_refusal(qmp, "query-status", MAQET_ERROR_STATE, "QEMU has ended");
    wait_fake(&fake);
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

    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_STRING_EQUAL(
        json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN |
                                                   JSON_C_TO_STRING_NOSLASHESCAPE),
        "{\"execute\":\"x\",\"arguments\":{\"a\":\"b/c\",\"d\":[1,null]},"
        "\"id\":2}");
    end_fake(&fake);
}

/* A command that is larger than all buffers between us, to one who reads it only later.
 */
static void
test_a_large_command(void)
{
    struct fake fake = start_fake("echo");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);
    json_object *arguments = json_object_new_object();
    size_t length = 8 << 20;
    _cleanup_free_ char *text = maqet_alloc(length + 1);

    memset(text, 'x', length);
    json_object_object_add(arguments, "text", json_object_new_string(text));
    _cleanup_json_ json_object *answer =
        maqet_qmp_execute(qmp, "x", arguments, PATIENCE, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_TRUE(strlen(json_object_to_json_string(answer)) > length);
    end_fake(&fake);
}

static void
test_one_client_after_another(void)
{
    struct fake fake = start_fake("");

    for (int i = 0; i < 3; i++) {
        struct maqet_qmp *qmp = must_open(&fake);

        check_answer(qmp, "query-block", "[]");
        maqet_qmp_close(qmp);
    }
    end_fake(&fake);
}

static void
test_events(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);
    _cleanup_error_ struct maqet_error *late = NULL, *later = NULL;

    CU_ASSERT_PTR_NULL(maqet_qmp_event(qmp, "STOP", SHORT, &late));
    check_error(late, MAQET_ERROR_TIMEOUT, "Waited 0.2 s in vain for QEMU's event STOP");
    check_answer(qmp, "stop", "{}");
    check_answer(qmp, "cont", "{}");
    check_event(qmp, "RESUME", PATIENCE, "{\"event\":\"RESUME\",\"timestamp\":{}}");
    check_event(qmp, NULL, 0, "{\"event\":\"STOP\",\"timestamp\":{}}");
    CU_ASSERT_PTR_NULL(maqet_qmp_event(qmp, NULL, 0, &later));
    check_error(later, MAQET_ERROR_TIMEOUT, "Waited 0 s in vain for QEMU's event");
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
        _cleanup_free_ char *expected =
            maqet_format("{\"event\":\"RTC_CHANGE\",\"data\":{\"offset\":%d}}", i);

        check_event(qmp, NULL, 0, expected);
    }
    CU_ASSERT_PTR_NULL(maqet_qmp_event(qmp, NULL, 0, NULL));
    end_fake(&fake);
}

/* What has arrived, but was not read before, is there without waiting. */
static void
test_events_that_are_there(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_answer(qmp, "quit", "{}");
    wait_fake(&fake);
    check_event(qmp, NULL, 0, "{\"event\":\"SHUTDOWN\",\"timestamp\":{}}");
    end_fake(&fake);
}

/* ---- when it is not ---- */

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
    "Waited 0.2 s in vain for QEMU's greeting: it hangs, or another client is "          \
    "connected "                                                                         \
    "to its monitor"

static void
test_silence(void)
{
    check_open("silent", SHORT, MAQET_ERROR_TIMEOUT, NO_GREETING);
}

static void
test_death_before_the_greeting(void)
{
    int status;

    status = check_open("exit:3:fake-qemu: these words are meant to be here", PATIENCE,
                        MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    status = check_open("sigsys", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* The connection itself tells nothing while somebody else has the listening socket open.
 */
static void
test_death_that_only_the_gone_tells(void)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct fake fake = {0};

    make_folder(&fake);
    if (fork_fake(&fake))
        _exit(0);
    CU_ASSERT_PTR_NULL(open_fake(&fake, PATIENCE, &error));
    check_error(error, MAQET_ERROR_STATE, "QEMU has ended");
    close(fake.listener);
    end_fake(&fake);
}

static void
test_no_socket(void)
{
    _cleanup_error_ struct maqet_error *dead = NULL, *missing = NULL, *name = NULL;
    struct fake fake = {0};

    make_folder(&fake);
    close(fake.listener);
    CU_ASSERT_PTR_NULL(maqet_qmp_open(fake.dir_fd, "qmp", PATIENCE, -1, &dead));
    check_error(dead, MAQET_ERROR_STATE, "QEMU has ended");
    CU_ASSERT_PTR_NULL(maqet_qmp_open(fake.dir_fd, "other", PATIENCE, -1, &missing));
    check_error(missing, MAQET_ERROR_MISSING,
                "Can't connect to QEMU's socket 'other': No such file or directory");
    CU_ASSERT_PTR_NULL(
        maqet_qmp_open(fake.dir_fd, strrchr(fake.folder, '/') + 1, PATIENCE, -1, &name));
    CU_ASSERT_EQUAL(name->code, MAQET_ERROR_INVALID);
    if (fork_fake(&fake))
        _exit(0);
    end_fake(&fake);
}

/* At last the kernel lets nobody into the queue any more; the words are the same. */
static void
test_other_clients(void)
{
    struct fake fake = start_fake("");
    _cleanup_qmp_ struct maqet_qmp *first = must_open(&fake);

    for (int i = 0; i < 4; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        CU_ASSERT_PTR_NULL(open_fake(&fake, SHORT, &error));
        check_error(error, MAQET_ERROR_TIMEOUT, NO_GREETING);
    }
    check_answer(first, "query-block", "[]");
    end_fake(&fake);
}

/* Checks what a command ends in, on a connection that was well until then. */
static void
check_failure(const char *mode, int64_t timeout, enum maqet_error_code code,
              const char *message)
{
    struct fake fake = start_fake(mode);
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_command(qmp, "query-status", timeout, NULL, code, message);
    end_fake(&fake);
}

static void
test_hanging_commands(void)
{
    check_failure("hang", SHORT, MAQET_ERROR_TIMEOUT,
                  "Waited 0.2 s in vain for QEMU's answer to 'query-status'");
}

static void
test_death_in_an_answer(void)
{
    check_failure("close", PATIENCE, MAQET_ERROR_STATE, "QEMU has ended");
}

static void
test_huge_answers(void)
{
    check_failure("huge", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent a message of more than 64 MiB");
    check_failure("deep", PATIENCE, MAQET_ERROR_FAILED,
                  "QEMU sent something that is not QMP");
}

static void
test_events_without_end(void)
{
    int64_t start = maqet_now();

    check_failure("flood", SHORT, MAQET_ERROR_TIMEOUT,
                  "Waited 0.2 s in vain for QEMU's answer to 'query-status'");
    fprintf(stderr, "XX %d\n", (int)(maqet_now() - start));
}

/* An answer that came too late is not taken for that of the next command. */
static void
test_late_answers(void)
{
    struct fake fake = start_fake("slow");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_command(qmp, "query-status", SHORT, NULL, MAQET_ERROR_TIMEOUT,
                  "Waited 0.2 s in vain for QEMU's answer to 'query-status'");
    check_answer(qmp, "query-block", "[]");
    end_fake(&fake);
}

/* After nonsense nobody knows where the next message begins. */
static void
test_nothing_follows_garbage(void)
{
    struct fake fake = start_fake("deep");
    _cleanup_qmp_ struct maqet_qmp *qmp = must_open(&fake);

    check_refusal(qmp, "query-status", MAQET_ERROR_FAILED,
                  "QEMU sent something that is not QMP");
    check_refusal(qmp, "query-block", MAQET_ERROR_FAILED,
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
        {"events that are there", test_events_that_are_there},
        {"last words", test_last_words},
        {"an old version", test_old_version},
        {"garbage", test_garbage},
        {"silence", test_silence},
        {"death before the greeting", test_death_before_the_greeting},
        {"death that only its PID tells", test_death_that_only_the_gone_tells},
        {"no socket", test_no_socket},
        {"other clients", test_other_clients},
        {"commands that hang", test_hanging_commands},
        {"death in an answer", test_death_in_an_answer},
        {"huge answers", test_huge_answers},
        {"events without end", test_events_without_end},
        {"late answers", test_late_answers},
        {"nothing follows garbage", test_nothing_follows_garbage},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qmp", tests);
}
