/* SPDX-License-Identifier: MIT */
/* A log of two files, its writer, and its readers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/logfile.h"
#include "tests/unit/unit.h"

struct scene {
    char *folder;
    int dir_fd;
    struct maqet_logfile log;
};

static struct scene
scene_new(uint64_t limit)
{
    struct scene scene = {.folder = unit_folder(), .log = MAQET_LOGFILE_INIT};
    struct maqet_error *err = NULL;

    scene.dir_fd = open(scene.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_EQUAL(maqet_logfile_open(scene.dir_fd, "log", limit, &scene.log, &err), 0);
    UNIT_NO_ERROR(&err);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_logfile_clear(&scene->log);
    close(scene->dir_fd);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static size_t
add(struct scene *scene, const char *text)
{
    return maqet_logfile_write(&scene->log, text, strlen(text));
}

/* All from a position on; the caller frees. */
static char *
rest(const struct maqet_logfile *log, uint64_t position)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    char chunk[3];

    for (size_t count;
         (count = maqet_logfile_read(log, &position, chunk, sizeof(chunk)));)
        maqet_text_append_bytes(&text, chunk, count);
    return maqet_text_take(&text);
}

#define HAS_REST(log, position, wanted)                                                  \
    do {                                                                                 \
        _cleanup_free_ char *got_ = rest(log, position);                                 \
        UNIT_SAME(got_, wanted);                                                         \
    } while (0)

static off_t
size_of(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, name);
    struct stat status;

    return stat(path, &status) < 0 ? -1 : status.st_size;
}

static void
test_two_files(void)
{
    _cleanup_scene_ struct scene scene = scene_new(4);
    struct stat status;

    HAS_REST(&scene.log, 0, "");
    CU_ASSERT_EQUAL(add(&scene, "abc"), 3);
    HAS_REST(&scene.log, 0, "abc");
    CU_ASSERT_EQUAL(size_of(&scene, "log.1"), -1);
    CU_ASSERT_EQUAL(add(&scene, "defg"), 4);
    CU_ASSERT_EQUAL(size_of(&scene, "log.1"), 4);
    CU_ASSERT_EQUAL(size_of(&scene, "log"), 3);
    HAS_REST(&scene.log, 0, "abcdefg");
    HAS_REST(&scene.log, 5, "fg");
    /* More than both can have: neither grows beyond the limit. */
    CU_ASSERT_EQUAL(add(&scene, "hijklmnopq"), 10);
    CU_ASSERT_EQUAL(size_of(&scene, "log.1"), 4);
    CU_ASSERT_EQUAL(size_of(&scene, "log"), 1);
    HAS_REST(&scene.log, 3, "mnopq");
    HAS_REST(&scene.log, 14, "opq");
    CU_ASSERT_EQUAL(fstat(scene.log.newer, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

static void
test_opened_again(void)
{
    _cleanup_scene_ struct scene scene = scene_new(4);

    add(&scene, "abcdef");
    maqet_logfile_clear(&scene.log);
    CU_ASSERT_EQUAL(maqet_logfile_open(scene.dir_fd, "log", 4, &scene.log, NULL), 0);
    CU_ASSERT_EQUAL(scene.log.end, 6);
    add(&scene, "g");
    HAS_REST(&scene.log, 0, "abcdefg");
}

static void
test_reader(void)
{
    _cleanup_scene_ struct scene scene = scene_new(4);
    _cleanup_logfile_ struct maqet_logfile reader = MAQET_LOGFILE_INIT;
    _cleanup_logfile_ struct maqet_logfile none = MAQET_LOGFILE_INIT;

    CU_ASSERT_EQUAL(maqet_logfile_open_reader(scene.dir_fd, "none", &none, NULL), 0);
    HAS_REST(&none, 0, "");
    maqet_logfile_refresh(&none);
    CU_ASSERT_EQUAL(size_of(&scene, "none"), -1);

    add(&scene, "ab");
    CU_ASSERT_EQUAL(maqet_logfile_open_reader(scene.dir_fd, "log", &reader, NULL), 0);
    HAS_REST(&reader, 0, "ab");
    add(&scene, "cd");
    HAS_REST(&reader, 2, "");
    maqet_logfile_refresh(&reader);
    HAS_REST(&reader, 2, "cd");
    /* The file is replaced, after more was written to it. */
    add(&scene, "efg");
    maqet_logfile_refresh(&reader);
    HAS_REST(&reader, 2, "cdefg");
    add(&scene, "hi");
    maqet_logfile_refresh(&reader);
    HAS_REST(&reader, 4, "efghi");
    HAS_REST(&reader, 0, "efghi");
}

/* Somebody empties the file, as people do. */
static void
test_shortened(void)
{
    _cleanup_scene_ struct scene scene = scene_new(8);
    _cleanup_logfile_ struct maqet_logfile reader = MAQET_LOGFILE_INIT;

    add(&scene, "abcdef");
    CU_ASSERT_EQUAL(maqet_logfile_open_reader(scene.dir_fd, "log", &reader, NULL), 0);
    CU_ASSERT_EQUAL(ftruncate(scene.log.newer, 0), 0);
    HAS_REST(&scene.log, 2, "");
    add(&scene, "gh");
    HAS_REST(&scene.log, 2, "gh");
    HAS_REST(&scene.log, 6, "gh");
    maqet_logfile_refresh(&reader);
    HAS_REST(&reader, 7, "");
}

static void
test_full_disk(void)
{
    _cleanup_scene_ struct scene scene = scene_new(4);

    add(&scene, "ab");
    unit_disk_full(true);
    CU_ASSERT_EQUAL(add(&scene, "cd"), 0);
    unit_disk_full(false);
    CU_ASSERT_EQUAL(add(&scene, "ef"), 2);
    HAS_REST(&scene.log, 0, "abef");
}

/* A folder that was removed: nothing grows any more, and nothing fails for good. */
static void
test_lost_folder(void)
{
    _cleanup_scene_ struct scene scene = scene_new(4);
    _cleanup_free_ char *path = maqet_format("%s/log", scene.folder);

    add(&scene, "ab");
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(add(&scene, "cdef"), 4);
    HAS_REST(&scene.log, 0, "abcdef");
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(scene.folder), 0);
    CU_ASSERT_EQUAL(add(&scene, "ghijklmn"), 2);
    HAS_REST(&scene.log, 0, "abcdefgh");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"two files", test_two_files},
        {"opened again", test_opened_again},
        {"a reader", test_reader},
        {"shortened", test_shortened},
        {"a full disk", test_full_disk},
        {"a lost folder", test_lost_folder},
        CU_TEST_INFO_NULL,
    };

    return unit_run("logfile", tests);
}
