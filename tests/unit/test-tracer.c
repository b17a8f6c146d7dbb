/* SPDX-License-Identifier: MIT */
#include "core/conformance/tracer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

/* What a traced child does, in a folder that it may write to and one beside it. */
struct deed {
    const char *inside;
    const char *outside;
    int (*does)(const struct deed *deed);
};

static void
call(void *data)
{
    const struct deed *deed = data;

    deed->does(deed);
}

/* Traces it by all rules. */
static int
see(struct deed *deed, struct trace_report *report, struct maqet_error **err)
{
    const char *const allowed[] = {deed->inside, NULL};
    const struct trace_rules rules = {
        .folders = allowed,
        .readable = allowed,
        .descriptors = true,
        .secret = "open sesame",
        .callback = "deed",
    };

    return tracer_run(call, deed, &rules, report, err);
}

/* What is changed outside; the caller frees. */
static char *
seen(struct deed *deed, struct maqet_error **err)
{
    const char *const allowed[] = {deed->inside, NULL};
    const struct trace_rules rules = {.folders = allowed};
    struct trace_report report = {0};

    tracer_run(call, deed, &rules, &report, err);
    return report.changed;
}

static int
touch_at(const char *folder, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd < 0 ? -1 : close(fd);
}

/* ---- what may be done ---- */

static int
lives_inside(const struct deed *deed)
{
    _cleanup_free_ char *a = maqet_format("%s/a", deed->inside);
    _cleanup_free_ char *b = maqet_format("%s/b", deed->inside);
    _cleanup_free_ char *c = maqet_format("%s/old", deed->outside);

    touch_at(deed->inside, "a");
    rename(a, b);
    unlink(b);
    mkdir(a, 0700);
    mkdir(deed->outside, 0700); /* it is there */
    rmdir(a);
    close(open(c, O_RDONLY | O_CLOEXEC));
    close(open("/dev/null", O_WRONLY | O_CLOEXEC));
    return 0;
}

/* ---- what may not ---- */

static int
makes(const struct deed *deed)
{
    return touch_at(deed->outside, "made");
}

static int
climbs(const struct deed *deed)
{
    _cleanup_free_ char *way = maqet_format("%s/../outside/climbed", deed->inside);

    return chdir(deed->inside) < 0 ? -1 : close(open(way, O_RDWR | O_CREAT, 0600));
}

static int
works_there(const struct deed *deed)
{
    return chdir(deed->outside) < 0 ? -1
                                    : close(open("relative", O_RDWR | O_CREAT, 0600));
}

static int
by_descriptor(const struct deed *deed)
{
    _cleanup_close_ int dir = open(deed->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return mkdirat(dir, "folder", 0700);
}

static int
removes(const struct deed *deed)
{
    _cleanup_free_ char *path = maqet_format("%s/old", deed->outside);

    return unlink(path);
}

static int
moves_out(const struct deed *deed)
{
    _cleanup_free_ char *from = maqet_format("%s/moved", deed->inside);
    _cleanup_free_ char *to = maqet_format("%s/moved", deed->outside);

    touch_at(deed->inside, "moved");
    return rename(from, to);
}

/* A link inside that leads outside. */
static int
follows(const struct deed *deed)
{
    _cleanup_free_ char *link = maqet_format("%s/way", deed->inside);
    int made = symlink(deed->outside, link);

    return made < 0 ? -1 : touch_at(link, "followed");
}

static int
binds(const struct deed *deed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", deed->outside);
    return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Neither needs a file that was opened for writing. */
static int
stamps(const struct deed *deed)
{
    _cleanup_free_ char *path = maqet_format("%s/old", deed->outside);

    return utimensat(AT_FDCWD, path, NULL, 0);
}

static int
opens_and_changes(const struct deed *deed)
{
    _cleanup_free_ char *path = maqet_format("%s/old", deed->outside);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fchmod(fd, 0640);
}

/* What it runs is watched, too. */
static int
runs(const struct deed *deed)
{
    pid_t pid = fork();

    if (pid == 0) {
        _cleanup_free_ char *path = maqet_format("%s/run", deed->outside);

        execlp("touch", "touch", path, (char *)NULL);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int
crashes(const struct deed *deed)
{
    (void)deed;
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* ---- what is read, inherited and revealed ---- */

static int
reads_inside(const struct deed *deed)
{
    _cleanup_free_ char *path = maqet_format("%s/own", deed->inside);
    _cleanup_close_ int later = open("/dev/null", O_RDONLY);

    fcntl(later, F_SETFD, FD_CLOEXEC);
    touch_at(deed->inside, "own");
    close(open(path, O_RDONLY | O_CLOEXEC));
    close(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    close(open("/etc/maqet-none", O_RDONLY | O_CLOEXEC));
    close(open(deed->outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return close(fcntl(later, F_DUPFD_CLOEXEC, 3));
}

static int
reads_outside(const struct deed *deed)
{
    _cleanup_free_ char *path = maqet_format("%s/../outside/old", deed->inside);

    return close(open(path, O_RDONLY | O_CLOEXEC));
}

static int
reads_by_link(const struct deed *deed)
{
    _cleanup_free_ char *link = maqet_format("%s/link", deed->inside);
    int made = symlink("../outside/old", link);

    return made < 0 ? -1 : close(open(link, O_RDONLY | O_CLOEXEC));
}

static int
opens(const struct deed *deed)
{
    (void)deed;
    return close(open("/dev/null", O_RDONLY));
}

static int
connects(const struct deed *deed)
{
    (void)deed;
    return close(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
copies(const struct deed *deed)
{
    (void)deed;
    return close(fcntl(0, F_DUPFD, 3));
}

static int
run_with(char *const *argv, char *const *environment)
{
    pid_t pid = fork();

    if (pid == 0) {
        execve("/bin/true", argv, environment);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) < 0 ? -1 : 0;
}

static int
tells(const struct deed *deed)
{
    (void)deed;
    return run_with((char *[]){(char *)"true", (char *)"--word=open sesame", NULL},
                    (char *[]){NULL});
}

static int
exports(const struct deed *deed)
{
    (void)deed;
    return run_with((char *[]){(char *)"true", NULL},
                    (char *[]){(char *)"WORD=open sesame!", NULL});
}

static int
leaves(const struct deed *deed)
{
    (void)deed;
    exit(0);
}

/* ---- tests ---- */

struct place {
    char *inside;
    char *outside;
};

static struct place
make_place(const char *folder)
{
    struct place place = {.inside = maqet_format("%s/inside", folder),
                          .outside = maqet_format("%s/outside", folder)};

    mkdir(place.inside, 0700);
    mkdir(place.outside, 0700);
    touch_at(place.outside, "old");
    return place;
}

static void
place_clear(struct place *place)
{
    free(place->inside);
    free(place->outside);
}

static void
test_inside_is_free(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_(place_clear) struct place place = make_place(folder);
    struct deed deed = {place.inside, place.outside, lives_inside};
    struct maqet_error *err = NULL;
    _cleanup_free_ char *outside = seen(&deed, &err);

    UNIT_NO_ERROR(&err);
    UNIT_SAME(outside, NULL);
}

static void
test_outside_is_seen(void)
{
    static const struct {
        int (*does)(const struct deed *deed);
        const char *name;
    } all[] = {
        {makes, "made"},       {climbs, "climbed"},        {works_there, "relative"},
        {removes, "old"},      {moves_out, "moved"},       {by_descriptor, "folder"},
        {follows, "followed"}, {binds, "socket"},          {runs, "run"},
        {stamps, "old"},       {opens_and_changes, "old"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        _cleanup_folder_ char *folder = unit_folder();
        _cleanup_(place_clear) struct place place = make_place(folder);
        struct deed deed = {place.inside, place.outside, all[i].does};
        struct maqet_error *err = NULL;
        _cleanup_free_ char *outside = seen(&deed, &err);
        _cleanup_free_ char *wanted = maqet_format("%s/%s", place.outside, all[i].name);
        const char *space = outside ? strchr(outside, ' ') : NULL;

        UNIT_NO_ERROR(&err);
        UNIT_SAME(space ? space + 1 : NULL, wanted);
    }
}

/* A path begins with the test's folder. */
static void
check_end(const char *text, const char *wanted)
{
    size_t length = text ? strlen(text) : 0, end = wanted ? strlen(wanted) : 0;

    UNIT_SAME(length > end ? text + length - end : text, wanted);
}

static void
test_files_and_descriptors_are_seen(void)
{
    static const struct {
        int (*does)(const struct deed *deed);
        const char *read, *inherited, *revealed;
    } all[] = {
        {reads_inside, NULL, NULL, NULL},
        {reads_outside, "outside/old in deed", NULL, NULL},
        {reads_by_link, "outside/old in deed", NULL, NULL},
        {opens, NULL, "/dev/null in deed", NULL},
        {connects, NULL, "socket in deed", NULL},
        {copies, NULL, "fcntl in deed", NULL},
        {tells, NULL, NULL, "the argument '--word=open sesame' in deed"},
        {exports, NULL, NULL, "the environment 'WORD=open sesame!' in deed"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        _cleanup_folder_ char *folder = unit_folder();
        _cleanup_(place_clear) struct place place = make_place(folder);
        struct deed deed = {place.inside, place.outside, all[i].does};
        _cleanup_trace_report_ struct trace_report report = {0};
        struct maqet_error *err = NULL;

        CU_ASSERT_EQUAL(see(&deed, &report, &err), 0);
        UNIT_NO_ERROR(&err);
        check_end(report.read, all[i].read);
        check_end(report.inherited, all[i].inherited);
        check_end(report.revealed, all[i].revealed);
    }
}

static void
test_exit_is_told(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_(place_clear) struct place place = make_place(folder);
    struct deed deed = {place.inside, place.outside, leaves};
    struct maqet_error *err = NULL;
    _cleanup_free_ char *outside = seen(&deed, &err);

    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "it ended the program (exit status 0)");
    UNIT_SAME(outside, NULL);
}

static void
test_crash_is_told(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_(place_clear) struct place place = make_place(folder);
    struct deed deed = {place.inside, place.outside, crashes};
    struct maqet_error *err = NULL;
    _cleanup_free_ char *outside = seen(&deed, &err);

    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "it crashed (Aborted)");
    UNIT_SAME(outside, NULL);
}

/* ---- strays ---- */

static void
test_strays_are_found_and_ended(void)
{
    _cleanup_strings_ struct maqet_strings before = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings during = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings after = MAQET_STRINGS_INIT;

    tracer_adopt();
    tracer_list_children(&before);
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0)
            for (;;)
                pause();
        _exit(0); /* whose child is ours from now on */
    }
    waitpid(middle, NULL, 0);
    tracer_list_children(&during);
    CU_ASSERT_EQUAL(during.count, before.count + 1);
    tracer_end_children(&before);
    tracer_list_children(&after);
    CU_ASSERT_EQUAL(after.count, before.count);
}

/* Where nobody may be watched (a debugger watches us already), nothing can be tested. */
static bool
may_watch(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_(place_clear) struct place place = make_place(folder);
    struct deed deed = {place.inside, place.outside, lives_inside};
    _cleanup_error_ struct maqet_error *err = NULL;
    _cleanup_free_ char *outside = seen(&deed, &err);

    return !err || err->code != MAQET_ERROR_UNSUPPORTED;
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what is done inside is no matter", test_inside_is_free},
        {"what is done outside is seen, however it is done", test_outside_is_seen},
        {"what is read, inherited and revealed is seen",
         test_files_and_descriptors_are_seen},
        {"a crash is told", test_crash_is_told},
        {"so is an exit", test_exit_is_told},
        {"children that stay are found and ended", test_strays_are_found_and_ended},
        CU_TEST_INFO_NULL,
    };

    return may_watch() ? unit_run("tracer", tests) : 77;
}
