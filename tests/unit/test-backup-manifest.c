/* SPDX-License-Identifier: MIT */
/* Backups on the disk: their names, their manifests, and whether their images have changed. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backup/manifest.h"
#include "core/backup/place.h"
#include "core/base/checksum.h"
#include "core/base/json.h"
#include "core/config/yaml.h"
#include "tests/unit/unit.h"

static const char *const FIRST = "20261129T065302Z", *const SECOND = "20261129T070000Z";

/* A folder with the backup SECOND of the VM "web", of the drives hdd, which stands on FIRST,
 * and data; the images are short texts. */
struct scene {
    char *folder;
    char *path;
    struct maqet_backup backup;
};

static void
add_drive(struct scene *scene, const char *name, const char *base, const char *why)
{
    struct maqet_backup_drive *drive =
        MAQET_APPEND(scene->backup.drives, scene->backup.drive_count);
    _cleanup_free_ char *file = maqet_format("%s.img", name);
    _cleanup_free_ char *path = unit_file(scene->path, file, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    CU_ASSERT_EQUAL(fstat(fd, &status), 0);
    *drive = (struct maqet_backup_drive){
        .name = maqet_strdup(name),
        .type = maqet_strdup("block"),
        .format = maqet_strdup("layer"),
        .file = maqet_strdup(file),
        .incremental = base != NULL,
        .base = maqet_strdup(base),
        .why = maqet_strdup(why),
        .virtual_size = 1 << 20,
        .size = (uint64_t)status.st_size,
        .modified = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
        .checksum = maqet_fd_checksum(fd, path, UINT64_MAX, NULL),
    };
}

static struct maqet_definition *
define(const char *folder)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;

    maqet_strings_take(&files, unit_file(folder, "web.yaml", "memory: 2G\n"));
    return maqet_definition_read(&files, &none, NULL, NULL);
}

static void
scene_fill(struct scene *scene)
{
    *scene = (struct scene){.folder = unit_folder()};
    scene->path = maqet_backup_path(scene->folder, "web", SECOND);
    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(scene->path, 0700, NULL), 0);
    scene->backup = (struct maqet_backup){
        .format = MAQET_BACKUP_FORMAT,
        .id = maqet_strdup(SECOND),
        .vm = maqet_strdup("web"),
        .uuid = maqet_strdup("f0e1"),
        .chain = maqet_strdup("0123abcd"),
        .date = 1795935600,
        .version = maqet_strdup("1.0"),
        .running = true,
        .definition = define(scene->folder),
    };
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->backup.definition);
    add_drive(scene, "hdd", FIRST, NULL);
    add_drive(scene, "data", NULL, "its bitmap is gone");
    *MAQET_APPEND(scene->backup.skipped, scene->backup.skipped_count) =
        (struct maqet_backup_skipped){.name = maqet_strdup("cd"),
                                      .why = maqet_strdup("it is a CD-ROM")};
    maqet_slots_add(&scene->backup.slots, "hdd", "bus", (struct maqet_drive_slot){0});
}

static void
scene_clear(struct scene *scene)
{
    maqet_backup_clear(&scene->backup);
    free(scene->path);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
write_manifest(struct scene *scene)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_backup_write(scene->path, &scene->backup, &error), 0);
    UNIT_NO_ERROR(&error);
}

/* Changes a text in the manifest. */
static void
change_manifest(const struct scene *scene, const char *what, const char *with)
{
    _cleanup_free_ char *file = maqet_format("%s/manifest.json", scene->path);
    _cleanup_free_ char *data = NULL;
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    size_t length;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(file, 1 << 20, &data, &length, NULL), 0);
    char *at = strstr(data, what);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    maqet_text_append_bytes(&text, data, (size_t)(at - data));
    maqet_text_append(&text, with);
    maqet_text_append(&text, at + strlen(what));
    free(unit_file(scene->path, "manifest.json", text.data));
}

/* ---- names ---- */

static void
test_ids(void)
{
    CU_ASSERT_TRUE(maqet_backup_is_id(FIRST));
    CU_ASSERT_FALSE(maqet_backup_is_id("20261129T065302"));
    CU_ASSERT_FALSE(maqet_backup_is_id("20261129T065302Zx"));
    CU_ASSERT_FALSE(maqet_backup_is_id("20261329T065302Z"));
    CU_ASSERT_FALSE(maqet_backup_is_id("20260231T065302Z"));
    CU_ASSERT_FALSE(maqet_backup_is_id("+0261129T065302Z"));
    CU_ASSERT_FALSE(maqet_backup_is_id(".."));
    CU_ASSERT_FALSE(maqet_backup_is_id(""));
}

static void
test_next_id_is_the_last(void)
{
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;
    _cleanup_free_ char *first = maqet_backup_next_id(&ids, 1795935182);

    UNIT_SAME(first, FIRST);
    maqet_strings_add(&ids, FIRST);
    _cleanup_free_ char *second = maqet_backup_next_id(&ids, 1795935182);
    UNIT_SAME(second, "20261129T065303Z");
    /* The clock has gone back for months. */
    _cleanup_free_ char *third = maqet_backup_next_id(&ids, 1785935182);
    UNIT_SAME(third, "20261129T065303Z");
    _cleanup_free_ char *later = maqet_backup_next_id(&ids, 1795935600);
    UNIT_SAME(later, SECOND);
}

/* ---- folders ---- */

static void
test_only_complete_backups_are_listed(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_strings_ struct maqet_strings ids = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings vms = MAQET_STRINGS_INIT;
    _cleanup_free_ char *new = NULL, *first = NULL, *other = NULL;

    scene_fill(&scene);
    new = maqet_backup_new_path(scene.folder, "web", "20261129T080000Z");
    first = maqet_backup_path(scene.folder, "web", FIRST);
    other = maqet_backup_path(scene.folder, "other", "notes");
    CU_ASSERT_EQUAL(maqet_dir_make(new, 0700, NULL), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(first, 0700, NULL), 0);
    CU_ASSERT_EQUAL(maqet_dir_make(other, 0700, NULL), 0);
    CU_ASSERT_EQUAL(maqet_backup_ids(scene.folder, "web", &ids, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(ids.count, 2);
    UNIT_SAME(ids.items[0], FIRST);
    UNIT_SAME(ids.items[1], SECOND);
    CU_ASSERT_EQUAL(maqet_backup_vms(scene.folder, &vms, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(vms.count, 1);
    UNIT_SAME(vms.items[0], "web");

    /* What is not complete is removed, and nothing else. */
    CU_ASSERT_EQUAL(maqet_backup_sweep(scene.folder, "web", NULL), 0);
    CU_ASSERT_TRUE(maqet_file_missing(new));
    CU_ASSERT_FALSE(maqet_file_missing(first));
    CU_ASSERT_FALSE(maqet_file_missing(scene.path));
    CU_ASSERT_EQUAL(maqet_backup_sweep(scene.folder, "other", NULL), 0);
    CU_ASSERT_FALSE(maqet_file_missing(other));
}

static void
test_lock(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_context context = {.lock_timeout = 0};

    scene_fill(&scene);
    _cleanup_free_ char *none =
        maqet_format("There are no backups of VM 'none' in %s", scene.folder);
    CU_ASSERT_EQUAL(maqet_backup_lock(&context, scene.folder, "none", false, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, none);
    {
        _cleanup_close_ int one =
            maqet_backup_lock(&context, scene.folder, "none", true, &error);

        UNIT_NO_ERROR(&error);
        CU_ASSERT_TRUE(one >= 0);
        CU_ASSERT_EQUAL(maqet_backup_lock(&context, scene.folder, "none", true, NULL),
                        -1);
    }
    _cleanup_close_ int again =
        maqet_backup_lock(&context, scene.folder, "none", false, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(again >= 0);
}

/* ---- manifests ---- */

static void
test_manifest_is_read_as_written(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_backup_ struct maqet_backup read = {0};
    _cleanup_error_ struct maqet_error *error = NULL;
    struct stat status;

    scene_fill(&scene);
    write_manifest(&scene);
    CU_ASSERT_EQUAL_FATAL(maqet_backup_read(scene.folder, "web", SECOND, &read, &error),
                          0);
    UNIT_NO_ERROR(&error);
    UNIT_SAME(read.id, SECOND);
    UNIT_SAME(read.vm, "web");
    CU_ASSERT_EQUAL(read.date, 1795935600);
    CU_ASSERT_TRUE(read.running);
    CU_ASSERT_FALSE(read.quiesced);
    UNIT_SAME(maqet_tree_text(read.definition->tree, "memory"), "2G");
    UNIT_SAME(read.definition->uuid, scene.backup.definition->uuid);
    CU_ASSERT_EQUAL(read.slots.count, 1);
    const struct maqet_backup_drive *hdd = maqet_backup_drive(&read, "hdd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hdd);
    CU_ASSERT_TRUE(hdd->incremental);
    UNIT_SAME(hdd->base, FIRST);
    UNIT_SAME(hdd->why, NULL);
    CU_ASSERT_EQUAL(hdd->virtual_size, 1 << 20);
    UNIT_SAME(hdd->checksum, scene.backup.drives[0].checksum);
    const struct maqet_backup_drive *data = maqet_backup_drive(&read, "data");
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    UNIT_SAME(data->base, NULL);
    UNIT_SAME(data->why, "its bitmap is gone");
    CU_ASSERT_PTR_NULL(maqet_backup_drive(&read, "cd"));
    CU_ASSERT_EQUAL(read.skipped_count, 1);

    _cleanup_free_ char *file = maqet_format("%s/manifest.json", scene.path);
    CU_ASSERT_EQUAL(stat(file, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
}

static void
check_refused(const char *what, const char *with)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_backup_ struct maqet_backup read = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    write_manifest(&scene);
    change_manifest(&scene, what, with);
    CU_ASSERT_EQUAL(maqet_backup_read(scene.folder, "web", SECOND, &read, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "/manifest.json"));
    CU_ASSERT_EQUAL(read.drive_count, 0);
}

static void
test_hostile_manifests(void)
{
    check_refused("hdd.img", "../hdd.img");
    check_refused("hdd.img", "data.img");
    check_refused("hdd.img", "..");
    check_refused("\"hdd\"", "\"a/b\"");
    check_refused("\"hdd\"", "\"data\"");
    check_refused("20261129T065302Z", "../../../secret");
    /* A backup that stands on itself, or on a later one. */
    check_refused("20261129T065302Z", "20261129T070000Z");
    check_refused("20261129T065302Z", "20261129T070001Z");
    check_refused("20261129T070000Z", "20261129T070001Z");
    check_refused("\"format\"", "\"former\"");
    check_refused("\"definition\"", "\"defined\"");
    check_refused("true", "1");
    check_refused("{", "");
}

static void
test_missing_and_later_manifests(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_backup_ struct maqet_backup read = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    scene.backup.format++;
    write_manifest(&scene);
    _cleanup_free_ char *missing =
        maqet_format("There is no backup '%s' of VM 'web' in %s", FIRST, scene.folder);
    CU_ASSERT_EQUAL(maqet_backup_read(scene.folder, "web", FIRST, &read, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, missing);
    _cleanup_free_ char *later = maqet_format(
        "%s/manifest.json was written by a later version of maqet", scene.path);
    CU_ASSERT_EQUAL(maqet_backup_read(scene.folder, "web", SECOND, &read, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_UNSUPPORTED, later);
    CU_ASSERT_EQUAL(maqet_backup_read(scene.folder, "web", "../web", &read, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
}

/* ---- images ---- */

/* What is wrong with the image of hdd begins after its path; NULL: nothing is. */
static void
check_image(const struct scene *scene, bool reads, const char *wanted)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *fault = NULL;
    _cleanup_free_ char *path = maqet_format("%s/hdd.img", scene->path);

    CU_ASSERT_EQUAL(maqet_backup_check_image(scene->folder, "web", SECOND,
                                             &scene->backup.drives[0], reads, &fault,
                                             &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(fault != NULL, wanted != NULL);
    if (!fault || !wanted)
        return;
    CU_ASSERT_TRUE(maqet_text_starts(fault, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(fault, wanted));
}

static void
test_images(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_free_ char *path = maqet_format("%s/hdd.img", scene.path);
    check_image(&scene, false, NULL);
    check_image(&scene, true, NULL);
    /* Another date alone is no change. */
    free(unit_file(scene.path, "hdd.img", "hdd"));
    const struct timespec times[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
    check_image(&scene, false, NULL);
    free(unit_file(scene.path, "hdd.img", "hxd"));
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
    check_image(&scene, false, " has changed");
    free(unit_file(scene.path, "hdd.img", "hddd"));
    check_image(&scene, false, " has 4 bytes instead of 3");
    CU_ASSERT_EQUAL(unlink(path), 0);
    check_image(&scene, false, " is missing");
    CU_ASSERT_EQUAL(symlink("data.img", path), 0);
    check_image(&scene, false, " is not a regular file");
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    check_image(&scene, true, " is not a regular file");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"IDs are times", test_ids},
        {"the next ID is the last one", test_next_id_is_the_last},
        {"only complete backups are listed", test_only_complete_backups_are_listed},
        {"a VM's backups are locked", test_lock},
        {"a manifest is read as it was written", test_manifest_is_read_as_written},
        {"hostile manifests are refused", test_hostile_manifests},
        {"missing and later manifests", test_missing_and_later_manifests},
        {"images are compared with the manifest", test_images},
        CU_TEST_INFO_NULL,
    };

    return unit_run("backup manifest", tests);
}
