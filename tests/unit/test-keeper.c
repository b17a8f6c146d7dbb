/* SPDX-License-Identifier: MIT */
/* The console's keeper beside a process that is taken for QEMU, whose serial port is ours. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/procfs.h"
#include "core/machine/console_port.h"
#include "core/machine/events.h"
#include "core/machine/keeper.h"
#include "tests/unit/unit.h"

struct scene {
    char *folder;
    int dir_fd;
    pid_t qemu;
    int pidfd;
    int port; /* QEMU's end, and that of the monitor */
    int monitor;
};

static void
begin(struct scene *scene, uint64_t limit, const char *mark)
{
    _cleanup_keeper_ struct maqet_keeper keeper = MAQET_KEEPER_INIT;
    struct maqet_error *err = NULL;

    scene->qemu = fork();
    if (scene->qemu == 0) {
        pause();
        _exit(0);
    }
    scene->pidfd = maqet_pidfd_open(scene->qemu);
    keeper.limit = limit;
    CU_ASSERT_EQUAL(maqet_keeper_prepare(scene->dir_fd, scene->folder, &keeper, &err), 0);
    CU_ASSERT_EQUAL(maqet_keeper_add_console(&keeper, &err), 0);
    CU_ASSERT_EQUAL(maqet_keeper_add_events(&keeper, &err), 0);
    UNIT_NO_ERROR(&err);
    scene->port = TAKE_FD(keeper.qemu_fd);
    scene->monitor = TAKE_FD(keeper.monitor_fd);
    /* What comes before the keeper is not lost. */
    CU_ASSERT_EQUAL(write(scene->port, "early\n", 6), 6);
    CU_ASSERT_EQUAL(maqet_keeper_start(&keeper, scene->pidfd, mark, "started", &err), 0);
    UNIT_NO_ERROR(&err);
}

static struct scene
scene_new(uint64_t limit)
{
    struct scene scene = {.folder = unit_folder()};

    scene.dir_fd = open(scene.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    begin(&scene, limit, "-- one --");
    return scene;
}

static void
end_qemu(struct scene *scene)
{
    if (scene->qemu <= 0)
        return;
    close(scene->port);
    close(scene->monitor);
    kill(scene->qemu, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(scene->qemu, NULL, 0), scene->qemu);
    close(scene->pidfd);
    scene->qemu = 0;
    maqet_keeper_settle(scene->dir_fd);
}

static void
scene_clear(struct scene *scene)
{
    end_qemu(scene);
    maqet_keeper_end(scene->dir_fd);
    close(scene->dir_fd);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
say(const struct scene *scene, const char *text)
{
    CU_ASSERT_EQUAL(maqet_fd_write(scene->port, text, strlen(text)), 0);
}

static char *
log_text(const struct scene *scene)
{
    char *text = NULL;

    return maqet_file_read_at(scene->dir_fd, MAQET_CONSOLE_LOG, 1 << 26, &text, NULL,
                              NULL) < 0
               ? maqet_strdup("")
               : text;
}

static bool
log_is(const struct scene *scene, const char *wanted)
{
    _cleanup_free_ char *text = log_text(scene);

    return strcmp(text, wanted) == 0;
}

static int
join(const struct scene *scene, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
             scene->dir_fd, name);
    CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads until the end of what arrives is @wanted; or to the end, if it is NULL. The caller
 * frees. */
static char *
hear(int fd, const char *wanted)
{
    struct maqet_text heard = MAQET_TEXT_INIT;
    int64_t end = maqet_now() + unit_patience(60000);
    char byte;

    while (maqet_now() < end &&
           !(wanted && heard.data && maqet_text_ends(heard.data, wanted))) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};

        if (poll(&entry, 1, 1000) <= 0)
            continue;
        if (read(fd, &byte, 1) <= 0)
            break;
        maqet_text_append_bytes(&heard, &byte, 1);
    }
    return maqet_text_take(&heard);
}

#define HEARS(fd, wanted)                                                                \
    do {                                                                                 \
        _cleanup_free_ char *heard_ = hear(fd, wanted);                                  \
        UNIT_SAME(heard_, wanted);                                                       \
    } while (0)

static void
test_log_and_clients(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    struct stat status;

    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\n"));
    CU_ASSERT_TRUE(maqet_keeper_works(scene.dir_fd));
    CU_ASSERT_EQUAL(fstatat(scene.dir_fd, MAQET_CONSOLE_LOG, &status, 0), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(fstatat(scene.dir_fd, MAQET_CONSOLE_SOCKET, &status, 0), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
    say(&scene, "up\nlogin: ");
    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\nup\nlogin: "));
    /* A new client gets the prompt, or all since the start, which has no mark in it. */
    _cleanup_close_ int now = join(&scene, MAQET_CONSOLE_SOCKET);
    _cleanup_close_ int all = join(&scene, MAQET_CONSOLE_START_SOCKET);
    HEARS(now, "login: ");
    HEARS(all, "early\nup\nlogin: ");
    say(&scene, "\xff\n");
    HEARS(now, "\xff\n");
    HEARS(all, "\xff\n");
    /* Both may write. */
    CU_ASSERT_EQUAL(write(now, "root\n", 5), 5);
    HEARS(scene.port, "root\n");
    CU_ASSERT_EQUAL(write(all, "toor\n", 5), 5);
    HEARS(scene.port, "toor\n");
    /* One that has said all still gets what the guest writes; one that has left does not
     * matter. */
    CU_ASSERT_EQUAL(shutdown(now, SHUT_WR), 0);
    CU_ASSERT_EQUAL(write(all, "bye\n", 4), 4);
    close(TAKE_FD(all));
    HEARS(scene.port, "bye\n");
    say(&scene, "more\n");
    HEARS(now, "more\n");
    say(&scene, "last");
    end_qemu(&scene);
    CU_ASSERT_FALSE(maqet_keeper_works(scene.dir_fd));
    HEARS(now, "last");
    CU_ASSERT_TRUE(log_is(&scene, "-- one --\nearly\nup\nlogin: \xff\nmore\nlast"));
}

static void
test_started_again(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);

    say(&scene, "unfinished");
    end_qemu(&scene);
    maqet_keeper_end(scene.dir_fd);
    CU_ASSERT_NOT_EQUAL(faccessat(scene.dir_fd, MAQET_CONSOLE_SOCKET, F_OK, 0), 0);
    begin(&scene, MAQET_CONSOLE_LOG_LIMIT, "-- two --");
    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\nunfinished\n-- two --\nearly\n"));
    _cleanup_close_ int all = join(&scene, MAQET_CONSOLE_START_SOCKET);
    HEARS(all, "early\n");
}

/* What a guest writes with all its might, while one client does not read at all. */
static void
test_flood(void)
{
    enum { LIMIT = 1 << 18, LINES = 20000 };
    _cleanup_scene_ struct scene scene = scene_new(LIMIT);
    _cleanup_close_ int slow = join(&scene, MAQET_CONSOLE_START_SOCKET);
    _cleanup_close_ int quick = join(&scene, MAQET_CONSOLE_START_SOCKET);
    _cleanup_free_ char *sent = maqet_alloc(LINES * 10 + 1);
    struct stat status;

    HEARS(slow, "early\n");
    HEARS(quick, "early\n");
    for (int i = 0; i < LINES; i++)
        sprintf(sent + (size_t)i * 10, "%09d\n", i);
    pid_t guest = fork();
    if (guest == 0)
        _exit(maqet_fd_write(scene.port, sent, strlen(sent)) < 0);
    _cleanup_free_ char *got = hear(quick, "000019999\n");
    UNIT_SAME(got, sent);
    int code = -1;
    CU_ASSERT_EQUAL(waitpid(guest, &code, 0), guest);
    CU_ASSERT_EQUAL(code, 0);
    /* The slow one lost nothing, since the log has it all. */
    _cleanup_free_ char *late = hear(slow, "000019999\n");
    UNIT_SAME(late, sent);
    for (int i = 0; i < 4; i++)
        say(&scene, sent);
    end_qemu(&scene);
    CU_ASSERT_EQUAL(fstatat(scene.dir_fd, MAQET_CONSOLE_LOG, &status, 0), 0);
    CU_ASSERT_TRUE(status.st_size <= LIMIT);
    CU_ASSERT_EQUAL(fstatat(scene.dir_fd, MAQET_CONSOLE_LOG ".1", &status, 0), 0);
    CU_ASSERT_EQUAL(status.st_size, LIMIT);
    _cleanup_free_ char *text = log_text(&scene);
    CU_ASSERT_TRUE(maqet_text_ends(text, "000019998\n000019999\n"));
}

/* A guest that reads nothing: what is sent to it waits, and everything else works. */
static void
test_deaf_guest(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_close_ int loud = join(&scene, MAQET_CONSOLE_SOCKET);
    _cleanup_close_ int calm = join(&scene, MAQET_CONSOLE_SOCKET);
    char block[4096];
    size_t sent = 0;

    memset(block, 'x', sizeof(block));
    while (sent < (64 << 20)) {
        ssize_t count = send(loud, block, sizeof(block), MSG_DONTWAIT);
        struct pollfd entry = {.fd = loud, .events = POLLOUT};

        if (count > 0)
            sent += (size_t)count;
        else if (poll(&entry, 1, 200) == 0)
            break;
    }
    CU_ASSERT_TRUE(sent < (64 << 20));
    close(TAKE_FD(loud));
    say(&scene, "alive\n");
    _cleanup_free_ char *heard = hear(calm, "alive\n");
    CU_ASSERT_TRUE(maqet_text_ends(heard, "alive\n"));
    /* When it reads, it gets all, though the sender has left. */
    while (sent > 0) {
        ssize_t count = read(scene.port, block, sizeof(block));

        if (count <= 0)
            break;
        sent -= (size_t)count;
    }
    CU_ASSERT_EQUAL(sent, 0);
}

/* Those that have sent something to such a guest, and left, do not keep others out. */
static void
test_hung_up(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_close_ int loud = join(&scene, MAQET_CONSOLE_SOCKET);
    char block[4096];
    struct pollfd entry = {.fd = loud, .events = POLLOUT};

    memset(block, 'x', sizeof(block));
    while (poll(&entry, 1, 200) > 0)
        if (send(loud, block, sizeof(block), MSG_DONTWAIT) < 0 && errno != EAGAIN)
            break;
    for (int i = 0; i < MAQET_CONSOLE_CLIENTS + 4; i++) {
        _cleanup_close_ int client = join(&scene, MAQET_CONSOLE_SOCKET);

        CU_ASSERT_EQUAL(write(client, "x", 1), 1);
    }
    _cleanup_close_ int last = join(&scene, MAQET_CONSOLE_SOCKET);
    say(&scene, "alive");
    HEARS(last, "alive");
}

/* A Ctrl-C, which ends whatever waits, does not cut off a keeper that still writes. */
static void
test_settled_interrupted(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_free_ char *record = NULL;

    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\n"));
    maqet_file_read_at(scene.dir_fd, "keeper", 64, &record, NULL, NULL);
    pid_t pid = (pid_t)strtol(record, NULL, 10);
    kill(pid, SIGSTOP);
    UNIT_EVENTUALLY(maqet_procfs_state((int)pid) == 'T');
    say(&scene, "last");
    pid_t waker = fork();
    if (waker == 0) {
        maqet_sleep(300);
        kill(pid, SIGCONT);
        _exit(0);
    }
    CU_ASSERT_EQUAL(maqet_interrupt_catch(), 0);
    raise(SIGINT);
    CU_ASSERT_EQUAL(maqet_interrupt_check(NULL), -1);
    end_qemu(&scene);
    CU_ASSERT_TRUE(log_is(&scene, "-- one --\nearly\nlast"));
    CU_ASSERT_EQUAL(maqet_interrupt_check(NULL), -1);
    maqet_interrupt_release();
    CU_ASSERT_EQUAL(waitpid(waker, NULL, 0), waker);
}

/* A keeper whose disk does not answer: a lease of ours makes its open(2) wait. */
static void
test_never_begins(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_keeper_ struct maqet_keeper keeper = MAQET_KEEPER_INIT;
    _cleanup_error_ struct maqet_error *err = NULL;

    end_qemu(&scene);
    maqet_keeper_end(scene.dir_fd);
    signal(SIGIO, SIG_IGN);
    _cleanup_close_ int leased =
        openat(scene.dir_fd, "keeper", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CU_ASSERT_EQUAL(fcntl(leased, F_SETLEASE, F_WRLCK), 0);
    CU_ASSERT_EQUAL(maqet_keeper_prepare(scene.dir_fd, scene.folder, &keeper, NULL), 0);
    CU_ASSERT_EQUAL(maqet_keeper_add_console(&keeper, NULL), 0);
    keeper.patience = 300;
    pid_t qemu = fork();
    if (qemu == 0) {
        pause();
        _exit(0);
    }
    _cleanup_close_ int pidfd = maqet_pidfd_open(qemu);
    CU_ASSERT_EQUAL(maqet_keeper_start(&keeper, pidfd, "-- two --", "started", &err), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(err);
    CU_ASSERT_STRING_EQUAL(err->message,
                           "Cannot start the console's keeper: Connection timed out");
    /* It ends with QEMU, and not before. */
    CU_ASSERT_EQUAL(fcntl(leased, F_SETLEASE, F_UNLCK), 0);
    UNIT_EVENTUALLY(maqet_keeper_works(scene.dir_fd));
    kill(qemu, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(qemu, NULL, 0), qemu);
    UNIT_EVENTUALLY(!maqet_keeper_works(scene.dir_fd));
    signal(SIGIO, SIG_DFL);
}

static void
test_killed(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_free_ char *record = NULL;

    CU_ASSERT_EQUAL(maqet_file_read_at(scene.dir_fd, "keeper", 64, &record, NULL, NULL),
                    0);
    int pid = (int)strtol(record, NULL, 10);
    _cleanup_free_ char *name = maqet_procfs_name(pid);
    UNIT_SAME(name, "maqet-console");
    /* Signals of a terminal, or of a service manager, do not concern it. */
    kill(pid, SIGTERM);
    kill(pid, SIGINT);
    say(&scene, "x\n");
    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\nx\n"));
    kill(pid, SIGKILL);
    UNIT_EVENTUALLY(!maqet_keeper_works(scene.dir_fd));
    CU_ASSERT_EQUAL(maqet_procfs_state((int)scene.qemu), 'S');
}

/* A guest's last words, which the keeper has not read when QEMU ends: all of them are in the
 * log, and whoever has connected by then gets them. */
static void
check_last_words(bool connected)
{
    enum { LENGTH = 120000 };
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_free_ char *words = maqet_alloc(LENGTH + 1), *record = NULL;
    _cleanup_close_ int all = -1;

    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\n"));
    maqet_file_read_at(scene.dir_fd, "keeper", 64, &record, NULL, NULL);
    pid_t pid = (pid_t)strtol(record, NULL, 10);
    memset(words, 'w', LENGTH);
    kill(pid, SIGSTOP);
    UNIT_EVENTUALLY(maqet_procfs_state((int)pid) == 'T');
    say(&scene, words);
    if (connected)
        all = join(&scene, MAQET_CONSOLE_START_SOCKET);
    kill(scene.qemu, SIGKILL);
    UNIT_EVENTUALLY(maqet_pidfd_wait(scene.pidfd, 0));
    kill(pid, SIGCONT);
    end_qemu(&scene);
    _cleanup_free_ char *logged = maqet_format("-- one --\nearly\n%s", words);
    CU_ASSERT_TRUE(log_is(&scene, logged));
    _cleanup_free_ char *sent = connected ? hear(all, NULL) : NULL;
    UNIT_SAME(sent, connected ? logged + strlen("-- one --\n") : NULL);
}

static void
test_last_words(void)
{
    check_last_words(false);
    check_last_words(true);
}

/* A disk that is full for a while: the console goes on, and the log says what it lacks. */
static void
test_full_disk(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    _cleanup_close_ int now = join(&scene, MAQET_CONSOLE_SOCKET);
    _cleanup_free_ char *record = NULL;
    struct rlimit none = {0}, before;

    maqet_file_read_at(scene.dir_fd, "keeper", 64, &record, NULL, NULL);
    pid_t pid = (pid_t)strtol(record, NULL, 10);
    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\n"));
    /* A new client gets an unfinished line, whenever it is accepted. */
    say(&scene, "here");
    HEARS(now, "here");
    CU_ASSERT_EQUAL(prlimit(pid, RLIMIT_FSIZE, NULL, &before), 0);
    none.rlim_max = before.rlim_max;
    CU_ASSERT_EQUAL(prlimit(pid, RLIMIT_FSIZE, &none, NULL), 0);
    say(&scene, "unlogged");
    HEARS(now, "unlogged");
    CU_ASSERT_EQUAL(prlimit(pid, RLIMIT_FSIZE, &before, NULL), 0);
    say(&scene, "again\n");
    _cleanup_free_ char *last = hear(now, "again\n");
    CU_ASSERT_TRUE(maqet_text_ends(last, "again\n"));
    CU_ASSERT_TRUE(log_is(&scene, "-- one --\nearly\nhere\n[maqet: 8 bytes are missing "
                                  "here: the log could not be written]\nagain\n"));
}

static bool
events_are(const struct scene *scene, const char *wanted)
{
    _cleanup_text_ struct maqet_text seen = MAQET_TEXT_INIT;
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read_at(scene->dir_fd, MAQET_EVENTS_LOG, 1 << 20, &text, NULL, NULL) <
        0)
        return false;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        _cleanup_event_ struct maqet_event event = {0};

        CU_ASSERT_TRUE(maqet_event_read(line, &event));
        _cleanup_free_ char *details = maqet_strings_join(&event.details, ",");
        maqet_text_appendf(&seen, "%s(%s) ", event.event ? event.event : "", details);
    }
    return seen.data && strcmp(seen.data, wanted) == 0;
}

/* What QEMU sends on its monitor, in pieces and with answers in between. */
static void
test_events(void)
{
    _cleanup_scene_ struct scene scene = scene_new(MAQET_CONSOLE_LOG_LIMIT);
    static const char greeting[] = "{\"QMP\": {\"version\": {}}}\r\n";
    static const char first[] =
        "{\"return\": {}}\r\n"
        "{\"timestamp\": {\"seconds\": 1764379200, \"microseconds\": 123}, "
        "\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"d2\", "
        "\"path\": \"/machine\"}}\r\n{\"timestamp\": {\"seconds\": 1, ";
    static const char second[] = "\"microseconds\": 0}, \"event\": \"RESET\"}\r\n";
    _cleanup_free_ char *text = NULL;

    UNIT_EVENTUALLY(events_are(&scene, "started() "));
    maqet_fd_write(scene.monitor, greeting, sizeof(greeting) - 1);
    HEARS(scene.monitor, "{\"execute\":\"qmp_capabilities\"}\n");
    maqet_fd_write(scene.monitor, first, sizeof(first) - 1);
    UNIT_EVENTUALLY(
        events_are(&scene, "started() DEVICE_DELETED(device=d2,path=/machine) "));
    maqet_fd_write(scene.monitor, second, sizeof(second) - 1);
    UNIT_EVENTUALLY(
        events_are(&scene, "started() DEVICE_DELETED(device=d2,path=/machine) RESET() "));
    CU_ASSERT_EQUAL(
        maqet_file_read_at(scene.dir_fd, MAQET_EVENTS_LOG, 4096, &text, NULL, NULL), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"2025-11-29T01:20:00.000123Z\""));
    /* What is no QMP ends the connection, and nothing else. */
    maqet_fd_write(scene.monitor, "nonsense\n", 9);
    say(&scene, "alive\n");
    UNIT_EVENTUALLY(log_is(&scene, "-- one --\nearly\nalive\n"));
    end_qemu(&scene);
    CU_ASSERT_TRUE(events_are(
        &scene, "started() DEVICE_DELETED(device=d2,path=/machine) RESET() ended() "));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the log and the clients", test_log_and_clients},
        {"started again", test_started_again},
        {"a flood", test_flood},
        {"a guest that reads nothing", test_deaf_guest},
        {"clients that have hung up", test_hung_up},
        {"settled while interrupted", test_settled_interrupted},
        {"one that never begins", test_never_begins},
        {"killed", test_killed},
        {"the last words", test_last_words},
        {"a full disk", test_full_disk},
        {"events", test_events},
        CU_TEST_INFO_NULL,
    };

    return unit_run("keeper", tests);
}
