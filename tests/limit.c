/* SPDX-License-Identifier: MIT */
/*
 * limit COMMAND [ARGUMENT...] - runs a test, and ends it when it takes longer than thirty
 * minutes, or the seconds that MAQET_TEST_LIMIT says, times MAQET_TEST_SLOW. `make check`
 * runs every test by it.
 *
 * What the test has started becomes a child of this process when its own parent ends, so
 * whatever it was, a daemon too, it is found and ended with the test, which then counts
 * as failed. The test's log says what ran at that moment, and which step the test was at:
 * the last line of the file that MAQET_TEST_STEP names in its environment. A test that
 * ends in time and leaves processes behind fails as well.
 *
 * The log ends with what a test took: the time, and that of the processors, of all that it
 * has started.
 *
 * SIGTERM comes first, so that a test can tidy up (unmount, remove its folder); what is
 * there afterwards gets SIGKILL. The exit code is the test's; 124 after the limit; 99,
 * automake's "the harness failed", for a mistake of the caller's.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/slow.h"

enum {
    LIMIT_S = 1800,
    TIDY_S = 30,   /* for a test to tidy up after SIGTERM */
    LEAVE_S = 10,  /* for processes that are ending when the test ends */
    VANISH_S = 10, /* for processes to end after SIGKILL */
    EXIT_LIMIT = 124,
    EXIT_HARNESS = 99,
};

static const char *test_name;

/* A process that descends from this one. */
struct process {
    pid_t pid, parent;
    char state;
    bool ours;
};

struct processes {
    struct process *items;
    size_t count;
};

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads a file of /proc/PID, with spaces in the place of null bytes. */
static bool
read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, size - 1, file);
    fclose(file);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || text[i] == '\n')
            text[i] = ' ';
    text[length] = '\0';
    return length > 0;
}

static void
add_process(struct processes *all, pid_t pid)
{
    struct process process = {.pid = pid};
    char text[512];
    int parent;

    if (!read_proc(pid, "stat", text, sizeof(text)))
        return;
    const char *end = strrchr(text, ')'); /* the name before it may have brackets too */
    if (!end || sscanf(end, ") %c %d", &process.state, &parent) != 2)
        return;
    process.parent = parent;
    all->items = realloc(all->items, (all->count + 1) * sizeof(process));
    if (!all->items)
        abort();
    all->items[all->count++] = process;
}

/* Drops what does not descend from this process. */
static void
keep_ours(struct processes *all)
{
    size_t kept = 0;

    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < all->count; i++) {
            bool ours = all->items[i].parent == getpid();

            for (size_t j = 0; j < all->count && !ours; j++)
                ours = all->items[j].ours && all->items[j].pid == all->items[i].parent;
            changed = changed || ours != all->items[i].ours;
            all->items[i].ours = ours;
        }
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].ours)
            all->items[kept++] = all->items[i];
    all->count = kept;
}

/* The processes that descend from this one; the caller frees the items. */
static struct processes
find_descendants(void)
{
    struct processes all = {NULL, 0};
    DIR *folder = opendir("/proc");
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            add_process(&all, (pid_t)strtol(entry->d_name, NULL, 10));
    if (folder)
        closedir(folder);
    keep_ours(&all);
    return all;
}

static void
show(const struct processes *all)
{
    char command[300], place[64];

    for (size_t i = 0; i < all->count; i++) {
        const struct process *process = &all->items[i];

        if (!read_proc(process->pid, "cmdline", command, sizeof(command)) &&
            !read_proc(process->pid, "comm", command, sizeof(command)))
            continue;
        if (!read_proc(process->pid, "wchan", place, sizeof(place)))
            place[0] = '\0';
        fprintf(stderr, "limit:   %d (parent %d, state %c, in %s): %s\n",
                (int)process->pid, (int)process->parent, process->state,
                place[0] ? place : "?", command);
    }
}

/* Sends a signal to all descendants, also to those that are stopped. Returns how many. */
static size_t
signal_all(int number)
{
    struct processes all = find_descendants();
    size_t count = all.count;

    for (size_t i = 0; i < count; i++) {
        kill(all.items[i].pid, number);
        if (number != SIGKILL)
            kill(all.items[i].pid, SIGCONT);
    }
    free(all.items);
    return count;
}

/* The test itself, until it has ended, and how it did. */
struct test {
    pid_t pid;
    int status;
    bool ended;
};

/* Reaps who has ended, and whoever that leaves to us. Returns whether there is anyone
 * left. */
static bool
reap(struct test *test)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != test->pid)
            continue;
        test->ended = true;
        test->status = status;
    }
    return pid == 0;
}

/*
 * Waits until the test has ended, or until all processes have (@all), but no longer than
 * the time @end. Returns 0, or a signal that came for us, or -1 when the time is over.
 */
static int
await(struct test *test, bool all, int64_t end, const sigset_t *signals)
{
    while (reap(test) && (all || !test->ended)) {
        int64_t left = end - now_ms();
        struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};

        if (left <= 0)
            return -1;
        int number = sigtimedwait(signals, NULL, &wait);
        if (number > 0 && number != SIGCHLD)
            return number;
    }
    return 0;
}

/* Ends all there is, and waits for that. */
static void
kill_all(struct test *test, const sigset_t *signals)
{
    int64_t end = now_ms() + slow_ms(VANISH_S * INT64_C(1000));

    /* Again and again: one that forks goes on in its child. */
    while (signal_all(SIGKILL) > 0 && now_ms() < end)
        await(test, true, now_ms() + 20, signals);
    reap(test);
    struct processes left = find_descendants();
    if (left.count) {
        fprintf(stderr, "limit: these can't be ended:\n");
        show(&left);
    }
    free(left.items);
}

static void
end_all(struct test *test, const sigset_t *signals)
{
    signal_all(SIGTERM);
    await(test, false, now_ms() + slow_ms(TIDY_S * INT64_C(1000)), signals);
    kill_all(test, signals);
}

static void
report(int64_t seconds, const char *step_file)
{
    struct processes all = find_descendants();
    char step[1000] = "";
    FILE *file = fopen(step_file, "re");

    if (file) {
        size_t length = fread(step, 1, sizeof(step) - 1, file);

        step[length] = '\0';
        if (length > 0 && step[length - 1] == '\n')
            step[length - 1] = '\0';
        fclose(file);
    }
    fprintf(stderr,
            "\nlimit: %s took longer than %lld s and is ended; on a slow machine, set "
            "MAQET_TEST_SLOW (now %d)\n",
            test_name, (long long)seconds, slow_factor());
    fprintf(stderr, "limit: its last step: %s\n",
            step[0] ? step : "what is printed above");
    fprintf(stderr, "limit: what ran at that moment:\n");
    show(&all);
    free(all.items);
}

/* What the test has left behind. Returns the exit code. */
static int
sweep(struct test *test, const sigset_t *signals)
{
    int status = WIFEXITED(test->status) ? WEXITSTATUS(test->status)
                                         : 128 + WTERMSIG(test->status);

    if (await(test, true, now_ms() + slow_ms(LEAVE_S * INT64_C(1000)), signals) == 0)
        return status;
    struct processes left = find_descendants();
    if (left.count) {
        fprintf(stderr, "limit: %s has left these processes behind:\n", test_name);
        show(&left);
    }
    free(left.items);
    kill_all(test, signals);
    return status == 0 || status == 77 ? 1 : status;
}

_Noreturn static void
become_test(char **command, const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, mask, NULL);
    /* Whoever starts us in the background may have them ignored, and tests press Ctrl-C. */
    signal(SIGINT, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    execvp(command[0], command);
    fprintf(stderr, "limit: %s: %s\n", command[0], strerror(errno));
    _exit(EXIT_HARNESS);
}

static int
run(char **command, int64_t seconds, const char *step_file)
{
    struct test test = {0};
    sigset_t signals, before;

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    test.pid = fork();
    if (test.pid == 0)
        become_test(command, &before);
    if (test.pid < 0) {
        perror("limit: fork");
        return EXIT_HARNESS;
    }
    int result = await(&test, false, now_ms() + seconds * 1000, &signals);
    if (result == 0)
        return sweep(&test, &signals);
    if (result < 0)
        report(seconds, step_file);
    end_all(&test, &signals);
    return result < 0 ? EXIT_LIMIT : 128 + result;
}

static void
report_times(int64_t begun)
{
    struct rusage used;

    getrusage(RUSAGE_CHILDREN, &used);
    fprintf(stderr, "limit: %.1f s, with %.1f s of processor time\n",
            (double)(now_ms() - begun) / 1000,
            (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

int
main(int count, char **arguments)
{
    const char *folder = getenv("TMPDIR");
    char step_file[4096];
    const char *limit = getenv("MAQET_TEST_LIMIT");
    int64_t seconds = slow_ms(limit && *limit ? strtol(limit, NULL, 10) : LIMIT_S);

    if (count < 2 || seconds <= 0) {
        fprintf(stderr,
                "usage: [MAQET_TEST_LIMIT=SECONDS] limit COMMAND [ARGUMENT...]\n");
        return EXIT_HARNESS;
    }
    test_name = arguments[count - 1];
    snprintf(step_file, sizeof(step_file), "%s/maqet-step-XXXXXX",
             folder && *folder ? folder : "/tmp");
    int fd = mkstemp(step_file);
    if (fd < 0 || setenv("MAQET_TEST_STEP", step_file, 1) < 0) {
        perror("limit: a file for the test's steps");
        return EXIT_HARNESS;
    }
    close(fd);
    int64_t begun = now_ms();
    int status = run(arguments + 1, seconds, step_file);
    report_times(begun);
    unlink(step_file);
    return status;
}
