/* SPDX-License-Identifier: MIT */
/* Between pipes and a connection, whose other end is ours. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/relay.h"
#include "tests/unit/unit.h"

struct scene {
    int peer;          /* the other end of the connection */
    int input, output; /* the other ends of the pipes */
    int signals;       /* likewise */
    pid_t pid;         /* of the relay; its exit code is why it ended */
};

static struct scene
scene_new(int escape, int64_t quiet)
{
    int pair[2], input[2], output[2], signals[2];
    struct scene scene;

    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 &&
                    maqet_pipe(&input[0], &input[1]) == 0 &&
                    maqet_pipe(&output[0], &output[1]) == 0 &&
                    maqet_pipe(&signals[0], &signals[1]) == 0);
    scene = (struct scene){
        .peer = pair[1], .input = input[1], .output = output[0], .signals = signals[1]};
    scene.pid = fork();
    if (scene.pid == 0) {
        const struct maqet_relay relay = {.peer = pair[0],
                                          .input = input[0],
                                          .output = output[1],
                                          .escape = escape,
                                          .signals = signals[0],
                                          .quiet = quiet};
        const int theirs[] = {pair[1], input[1], output[0], signals[1]};

        for (size_t i = 0; i < 4; i++)
            close(theirs[i]);
        signal(SIGPIPE, SIG_IGN);
        _exit(maqet_relay_run(&relay));
    }
    close(pair[0]);
    close(input[0]);
    close(output[1]);
    close(signals[0]);
    return scene;
}

/* Why it ended. */
static int
wait_for(struct scene *scene)
{
    int status = -1;

    CU_ASSERT_EQUAL(waitpid(scene->pid, &status, 0), scene->pid);
    scene->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
scene_clear(struct scene *scene)
{
    const int fds[] = {scene->peer, scene->input, scene->output, scene->signals};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (scene->pid > 0) {
        kill(scene->pid, SIGKILL);
        waitpid(scene->pid, NULL, 0);
    }
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
say(int fd, const char *text)
{
    CU_ASSERT_EQUAL(maqet_fd_write(fd, text, strlen(text)), 0);
}

static void
hears(int fd, const char *wanted)
{
    size_t length = strlen(wanted);
    _cleanup_free_ char *text = maqet_alloc(length + 1);

    for (size_t at = 0; at < length;) {
        ssize_t count = read(fd, text + at, length - at);

        if (count <= 0)
            break;
        at += (size_t)count;
    }
    UNIT_SAME(text, wanted);
}

static void
test_both_ways(void)
{
    _cleanup_scene_ struct scene scene = scene_new(-1, -1);
    char byte;

    say(scene.input, "to \x1d it\n");
    hears(scene.peer, "to \x1d it\n");
    say(scene.peer, "from it\n");
    hears(scene.output, "from it\n");
    /* The end of the input is the peer's, too, and it may still answer. */
    close(TAKE_FD(scene.input));
    CU_ASSERT_EQUAL(read(scene.peer, &byte, 1), 0);
    say(scene.peer, "last words");
    close(TAKE_FD(scene.peer));
    hears(scene.output, "last words");
    CU_ASSERT_EQUAL(wait_for(&scene), MAQET_RELAY_CLOSED);
}

static void
test_escape(void)
{
    _cleanup_scene_ struct scene scene = scene_new(0x1d, -1);

    say(scene.input, "some\x1dmore");
    hears(scene.peer, "some");
    CU_ASSERT_EQUAL(wait_for(&scene), MAQET_RELAY_ESCAPED);
    char byte;
    CU_ASSERT_EQUAL(read(scene.peer, &byte, 1), 0);
}

static void
test_quiet(void)
{
    _cleanup_scene_ struct scene scene = scene_new(-1, 50);

    say(scene.input, "question");
    close(TAKE_FD(scene.input));
    hears(scene.peer, "question");
    say(scene.peer, "answer");
    hears(scene.output, "answer");
    CU_ASSERT_EQUAL(wait_for(&scene), MAQET_RELAY_QUIET);
}

static void
test_signalled(void)
{
    _cleanup_scene_ struct scene scene = scene_new(-1, -1);

    say(scene.signals, "!");
    CU_ASSERT_EQUAL(wait_for(&scene), MAQET_RELAY_SIGNALLED);
}

static void
test_output_closed(void)
{
    _cleanup_scene_ struct scene scene = scene_new(-1, -1);

    close(TAKE_FD(scene.output));
    say(scene.peer, "for nobody");
    CU_ASSERT_EQUAL(wait_for(&scene), MAQET_RELAY_OUTPUT_CLOSED);
}

/* More than all buffers hold, both ways at once. */
static void
test_plenty(void)
{
    enum { LENGTH = 4 << 20 };
    if (unit_under_valgrind()) /* it has a status of its own for children */
        return;
    _cleanup_scene_ struct scene scene = scene_new(-1, -1);
    _cleanup_free_ char *sent = maqet_alloc(LENGTH + 1);

    for (size_t i = 0; i < LENGTH; i++)
        sent[i] = (char)('a' + i * 7 % 26 + i / 4096 % 3);
    pid_t one = fork();
    if (one == 0)
        _exit(maqet_fd_write(scene.input, sent, LENGTH) < 0);
    pid_t other = fork();
    if (other == 0)
        _exit(maqet_fd_write(scene.peer, sent, LENGTH) < 0);
    pid_t reader = fork();
    if (reader == 0) {
        hears(scene.output, sent);
        _exit(CU_get_number_of_failures() > 0);
    }
    hears(scene.peer, sent);
    const pid_t children[] = {one, other, reader};
    for (size_t i = 0; i < 3; i++) {
        int status = -1;

        CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
        CU_ASSERT_EQUAL(status, 0);
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"both ways", test_both_ways},
        {"the escape byte", test_escape},
        {"a silent peer", test_quiet},
        {"a signal", test_signalled},
        {"a closed output", test_output_closed},
        {"plenty", test_plenty},
        CU_TEST_INFO_NULL,
    };

    return unit_run("relay", tests);
}
