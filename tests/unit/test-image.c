/* SPDX-License-Identifier: MIT */
/* Images: what is there is looked at, what is missing is made, once and whole. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/config/yaml.h"
#include "core/storage/creation.h"
#include "core/storage/entry.h"
#include "core/storage/image.h"
#include "core/storage/system_folders.h"
#include "core/storage/space.h"
#include "tests/unit/plugins.h"

/* ---- a folder for images, and one for plugins ---- */

struct scene {
    char *plugins;
    char *images;
    struct maqet_context context;
    struct maqet_machine machine;
    struct maqet_strings said;
};

static void
listen(void *data, enum maqet_level level, const char *message)
{
    if (level != MAQET_LEVEL_DEBUG)
        maqet_strings_add(data, message);
}

static void
scene_fill(struct scene *scene)
{
    *scene = (struct scene){.plugins = unit_folder(), .images = unit_folder()};
    scene->context.message = listen;
    scene->context.data = &scene->said;
    scene->machine.vm_name = maqet_strdup("web");
    scene->machine.arch = maqet_strdup("x86_64");
    scene->machine.type = maqet_strdup("q35");
    scene->machine.storage_dir = maqet_strdup(scene->images);
    maqet_strings_add(&scene->context.plugin_dirs, scene->plugins);
    unit_plugin(scene->plugins, "maqet-storage-maker.so");
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    free(scene->machine.vm_name);
    free(scene->machine.arch);
    free(scene->machine.type);
    free(scene->machine.storage_dir);
    maqet_strings_clear(&scene->said);
    unit_remove_folder(&scene->plugins);
    unit_remove_folder(&scene->images);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
drive_free(struct maqet_drive **drive)
{
    maqet_drive_free(*drive);
}

#define _cleanup_drive_ _cleanup_(drive_free)

/* A drive with these keys, each on its line; paths start at the images' folder. */
static struct maqet_drive *
drive_of(const struct scene *scene, const char *keys)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *yaml =
        maqet_format("name: hdd\ntype: maker\ninterface: none\n%s\n", keys);
    _cleanup_json_ json_object *entry =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", scene->images, &error);
    struct maqet_drive *drive =
        entry ? maqet_drive_new(&scene->context, &scene->machine, entry, &error) : NULL;

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(drive);
    return drive;
}

static char *
in_images(const struct scene *scene, const char *name)
{
    return maqet_format("%s/%s", scene->images, name);
}

/* Exactly these files lie in the images' folder; their names, joined by spaces. */
static void
check_files(const struct scene *scene, const char *expected)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list(scene->images, &names, NULL), 0);
    _cleanup_free_ char *joined = maqet_strings_join(&names, " ");
    UNIT_SAME(joined, expected);
}

static void
check_content(const struct scene *scene, const char *name, const char *expected)
{
    _cleanup_free_ char *path = in_images(scene, name);
    _cleanup_free_ char *text = NULL;

    CU_ASSERT_EQUAL(maqet_file_read(path, 4096, &text, NULL, NULL), 0);
    UNIT_SAME(text, expected);
}

/* An error of preparing: the message is @place, the drive, and @what. */
static void
check_not_prepared(const struct maqet_drive *drive, enum maqet_error_code code,
                   const char *place, const char *what)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message =
        maqet_format("vm.yaml:%s: drive 'hdd' of VM 'web': %s", place, what);
    struct maqet_image_state state;
    bool created = true;

    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, &error), -1);
    CU_ASSERT_FALSE(created);
    UNIT_ERROR(&error, code, message);
}

static void
check_prepared(const struct maqet_drive *drive, bool by_us, uint64_t size)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;
    struct maqet_file_id id;
    bool created = !by_us;

    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(created, by_us);
    CU_ASSERT_TRUE(state.exists);
    CU_ASSERT_EQUAL(state.virtual_size, size);
    CU_ASSERT_TRUE(maqet_file_id_of_path(drive->path, &id));
    CU_ASSERT_TRUE(maqet_file_id_equal(&id, &state.id));
}

/* Where the value of `file` stands when it comes first, and where the drive begins. */
#define AT_FILE "4:7"
#define AT_DRIVE "1:1"

/* ---- what is there ---- */

static void
test_inspect(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state = {.exists = true, .virtual_size = 7};

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    CU_ASSERT_EQUAL(maqet_image_inspect(drive, &state, &error), 0);
    CU_ASSERT_FALSE(state.exists);
    CU_ASSERT_EQUAL(state.virtual_size, 0);

    _cleanup_free_ char *path = unit_file(scene.images, "a.img", "maker 4711\n");
    check_prepared(drive, false, 4711);
    CU_ASSERT_EQUAL(maqet_image_inspect(drive, &state, &error), 0);
    struct stat status;
    CU_ASSERT_EQUAL(stat(path, &status), 0);
    CU_ASSERT_EQUAL(state.allocated_size, (uint64_t)status.st_blocks * 512);
    CU_ASSERT_EQUAL(scene.said.count, 0);
    check_files(&scene, "a.img");
}

/* `size` counts when an image is made: another one is said, and left as it is. */
static void
test_size_of_existing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *same = drive_of(&scene, "file: a.img\nsize: 2K");
    _cleanup_drive_ struct maqet_drive *other = drive_of(&scene, "file: a.img\nsize: 3K");
    _cleanup_free_ char *words =
        maqet_format("Drive 'hdd' of VM 'web': the image %s has the size 2K and not "
                     "3K; `size` is used only when an image is created",
                     other->path);

    free(unit_file(scene.images, "a.img", "maker 2048\n"));
    check_prepared(same, false, 2048);
    CU_ASSERT_EQUAL(scene.said.count, 0);
    check_prepared(other, false, 2048);
    CU_ASSERT_EQUAL_FATAL(scene.said.count, 1);
    UNIT_SAME(scene.said.items[0], words);
}

static void
test_no_path(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "media: cdrom");
    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, NULL), 0);
    CU_ASSERT_FALSE(created);
    CU_ASSERT_FALSE(state.exists);
    CU_ASSERT_EQUAL(maqet_image_check(drive, NULL), 0);
    check_files(&scene, "");
}

/* What can't be an image, whatever a plugin would say of it. */
static void
test_no_image(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_free_ char *path = in_images(&scene, "a.img");
    _cleanup_free_ char *neither =
        maqet_format("%s is neither a file nor a block device", path);
    _cleanup_free_ char *nowhere =
        maqet_format("%s is a link to a file that does not exist", path);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");

    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    check_not_prepared(drive, MAQET_ERROR_INVALID, AT_FILE, neither);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    check_not_prepared(drive, MAQET_ERROR_INVALID, AT_FILE, neither);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(symlink("nowhere", path), 0);
    check_not_prepared(drive, MAQET_ERROR_MISSING, AT_FILE, nowhere);
    check_files(&scene, "a.img");
}

static void
test_what_the_plugin_finds(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    _cleanup_free_ char *damaged = maqet_format("there is no image in %s", drive->path);
    _cleanup_free_ char *other =
        maqet_format("vm.yaml:4:7: drive 'hdd' of VM 'web': %s is an "
                     "image of the format 'tape', not 'maker'",
                     drive->path);

    free(unit_file(scene.images, "a.img", "maker\n"));
    check_not_prepared(drive, MAQET_ERROR_INVALID, AT_FILE, damaged);
    free(unit_file(scene.images, "a.img", "mute\n"));
    check_not_prepared(drive, MAQET_ERROR_FAILED, AT_DRIVE,
                       "the plugin 'maker' failed in inspect without saying why");
    free(unit_file(scene.images, "a.img", "tape 10\n"));
    CU_ASSERT_EQUAL(maqet_image_inspect(drive, &state, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, "Give another file, or convert this one (qemu-img convert)");
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, other);
}

/* Makes an image that names that file, and has it refused by a drive that names none. */
static void
check_undeclared(const struct scene *scene, const struct maqet_drive *drive,
                 const char *name)
{
    _cleanup_free_ char *text = maqet_format("maker 9 %s\n", name);
    _cleanup_free_ char *what =
        maqet_format("the image %s names the base '%s', which the configuration does "
                     "not; it is not opened, because such a name can make any file of "
                     "the host readable in the guest",
                     drive->path, name);

    free(unit_file(scene->images, "a.img", text));
    check_not_prepared(drive, MAQET_ERROR_INVALID, AT_FILE, what);
}

/* A file that the image names must be one that the configuration names, too. */
static void
test_named_files(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_free_ char *base = unit_file(scene.images, "base.img", "maker 5\n");
    _cleanup_free_ char *absolute = maqet_format("maker 9 %s\n", base);
    _cleanup_drive_ struct maqet_drive *plain = drive_of(&scene, "file: a.img");
    _cleanup_drive_ struct maqet_drive *declared =
        drive_of(&scene, "file: a.img\nbase: base.img");
    /* What leads to no file is stale, since the image was moved. */
    static const char *const stale[] = {"/no/such/base.img", "~/base.img", "../base.img",
                                        "base.img/"};
    static const char *const refused[] = {"/etc/passwd", "nbd:host"};

    free(unit_file(scene.images, "a.img", absolute));
    check_prepared(declared, false, 9);
    free(unit_file(scene.images, "a.img", "maker 9 base.img\n"));
    check_prepared(declared, false, 9);
    free(unit_file(scene.images, "a.img", "maker 9 ./base.img\n"));
    check_prepared(declared, false, 9);
    for (size_t i = 0; i < sizeof(stale) / sizeof(*stale); i++) {
        check_undeclared(&scene, plain, stale[i]);
        check_prepared(declared, false, 9);
    }
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        _cleanup_free_ char *what = maqet_format(
            "the image %s names the base '%s', but the configuration names %s, which "
            "is a different file; with the wrong one, the guest would see damaged data",
            declared->path, refused[i], base);

        check_undeclared(&scene, plain, refused[i]);
        check_not_prepared(declared, MAQET_ERROR_INVALID, "5:7", what);
    }
    CU_ASSERT_EQUAL(unlink(base), 0);
    _cleanup_free_ char *gone = maqet_format(
        "the image %s names the base '/no/such/base.img', but the configuration names "
        "%s, which is a different file; with the wrong one, the guest would see "
        "damaged data",
        declared->path, base);
    free(unit_file(scene.images, "a.img", "maker 9 /no/such/base.img\n"));
    check_not_prepared(declared, MAQET_ERROR_INVALID, "5:7", gone);
}

static void
test_not_writable(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    if (geteuid() == 0)
        return; /* root may write everything */
    _cleanup_free_ char *path = unit_file(scene.images, "a.img", "maker 1\n");
    _cleanup_free_ char *may_not =
        maqet_format("you may not write %s: Permission denied", path);
    _cleanup_free_ char *cannot = maqet_format("cannot open %s: Permission denied", path);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    _cleanup_drive_ struct maqet_drive *reader =
        drive_of(&scene, "file: a.img\nreadonly: on");

    CU_ASSERT_EQUAL(chmod(path, 0400), 0);
    check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_FILE, may_not);
    check_prepared(reader, false, 1);
    CU_ASSERT_EQUAL(chmod(path, 0), 0);
    check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_FILE, cannot);
}

/* ---- under the default path ---- */

static void
check_not_ours(const struct maqet_drive *drive)
{
    _cleanup_free_ char *what = maqet_format(
        "%s is not a regular file that belongs to you, so somebody else may have put "
        "it there; it is not used",
        drive->path);

    check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_DRIVE, what);
    CU_ASSERT_EQUAL(unlink(drive->path), 0);
}

static void
test_default_path_must_be_ours(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "");
    _cleanup_free_ char *other = unit_file(scene.images, "other", "maker 3\n");

    CU_ASSERT_EQUAL(symlink(other, drive->path), 0);
    check_not_ours(drive);
    CU_ASSERT_EQUAL(symlink("nowhere", drive->path), 0);
    check_not_ours(drive);
    CU_ASSERT_EQUAL(link(other, drive->path), 0);
    check_not_ours(drive);
    CU_ASSERT_EQUAL(mkfifo(drive->path, 0600), 0);
    check_not_ours(drive);
    if (geteuid() == 0) {
        free(unit_file(scene.images, "maqet-web-hdd.maker", "maker 3\n"));
        CU_ASSERT_EQUAL(chown(drive->path, 12345, 0), 0);
        check_not_ours(drive);
    }
    free(unit_file(scene.images, "maqet-web-hdd.maker", "maker 3\n"));
    check_prepared(drive, false, 3);
    check_content(&scene, "other", "maker 3\n");
}

/* Where the user said which file, it may be anybody's, and a link. */
static void
test_given_path_may_be_a_link(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_free_ char *link_path = in_images(&scene, "link");
    _cleanup_free_ char *second_path = in_images(&scene, "second");
    _cleanup_free_ char *other = unit_file(scene.images, "other", "maker 3\n");
    _cleanup_drive_ struct maqet_drive *by_link = drive_of(&scene, "file: link");
    _cleanup_drive_ struct maqet_drive *by_second_name = drive_of(&scene, "file: second");
    struct maqet_image_state state;
    bool created;

    CU_ASSERT_EQUAL(symlink("other", link_path), 0);
    CU_ASSERT_EQUAL(link(other, second_path), 0);
    CU_ASSERT_EQUAL(maqet_image_prepare(by_link, &state, &created, NULL, NULL), 0);
    CU_ASSERT_TRUE(state.exists);
    check_prepared(by_second_name, false, 3);
}

/* ---- making ---- */

static void
check_said(const struct scene *scene, size_t index, const char *expected)
{
    CU_ASSERT_TRUE_FATAL(scene->said.count > index);
    UNIT_SAME(scene->said.items[index], expected);
}

static mode_t
mode_of(const char *path)
{
    struct stat status = {0};

    CU_ASSERT_EQUAL(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void
test_make(void)
{
    _cleanup_scene_ struct scene scene;
    mode_t before = umask(0);

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img\nsize: 2M");
    _cleanup_free_ char *begun =
        maqet_format("Creating maker storage file: %s (2M)", drive->path);
    _cleanup_free_ char *done =
        maqet_format("Successfully created storage file: %s", drive->path);

    check_prepared(drive, true, 2 << 20);
    umask(before);
    CU_ASSERT_EQUAL(mode_of(drive->path), 0600);
    check_files(&scene, "a.img");
    check_content(&scene, "a.img", "maker 2097152\n");
    CU_ASSERT_EQUAL(scene.said.count, 2);
    check_said(&scene, 0, begun);
    check_said(&scene, 1, done);
    check_prepared(drive, false, 2 << 20);
    CU_ASSERT_EQUAL(scene.said.count, 2);
}

static void
test_make_under_default_path(void)
{
    _cleanup_scene_ struct scene scene;
    mode_t before = umask(0);

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "");
    check_prepared(drive, true, 1 << 20);
    umask(before);
    CU_ASSERT_EQUAL(mode_of(drive->path), 0600);
    check_files(&scene, "maqet-web-hdd.maker");
    CU_ASSERT_EQUAL(scene.said.count, 2);
}

/* A plugin may put another file into the place of the empty one. */
static void
test_make_anew(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive =
        drive_of(&scene, "file: a.img\nact: anew");
    check_prepared(drive, true, 1 << 20);
    check_files(&scene, "a.img");
}

static void
check_create_fails(const struct scene *scene, const char *act, const char *why)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *keys = maqet_format("file: a.img\nact: %s", act);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(scene, keys);
    _cleanup_free_ char *message =
        maqet_format("Cannot create %s (drive 'hdd' of VM 'web'): %s", drive->path, why);
    struct maqet_image_state state;
    bool created = true;

    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, &error), -1);
    CU_ASSERT_FALSE(created);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    check_files(scene, "");
}

static void
test_failing_plugin_leaves_nothing(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    check_create_fails(&scene, "half", "the ink has run out");
    check_create_fails(&scene, "mute",
                       "vm.yaml:1:1: drive 'hdd' of VM 'web': the plugin 'maker' "
                       "failed in create without saying why");
    check_create_fails(&scene, "odd",
                       "vm.yaml:1:1: drive 'hdd' of VM 'web': the plugin 'maker' "
                       "failed in create without saying why");

    _cleanup_drive_ struct maqet_drive *vanish =
        drive_of(&scene, "file: a.img\nact: vanish");
    _cleanup_free_ char *gone = maqet_format(
        "cannot write %s to the disk: No such file or directory", vanish->path);
    check_not_prepared(vanish, MAQET_ERROR_FAILED, AT_DRIVE, gone);
    check_files(&scene, "");

    _cleanup_drive_ struct maqet_drive *space =
        drive_of(&scene, "file: a.img\nact: no-space");
    check_not_prepared(space, MAQET_ERROR_FAILED, AT_DRIVE,
                       "the plugin 'maker' failed in space without saying why");
    check_files(&scene, "");
}

static void
test_check(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    _cleanup_drive_ struct maqet_drive *no_size =
        drive_of(&scene, "file: a.img\nsize: 0");
    _cleanup_drive_ struct maqet_drive *reader =
        drive_of(&scene, "file: a.img\nsize: 0\nreadonly: on");

    CU_ASSERT_EQUAL(maqet_image_check(drive, &error), 0);
    CU_ASSERT_EQUAL(maqet_image_check(no_size, &error), -1);
    UNIT_ERROR(
        &error, MAQET_ERROR_INVALID,
        "vm.yaml:5:7: drive 'hdd' of VM 'web': an image of no size cannot be created");
    /* It will never be made, but may still arrive. */
    CU_ASSERT_EQUAL(maqet_image_check(reader, &error), 0);
    check_files(&scene, "");
    /* What exists needs no size. */
    free(unit_file(scene.images, "a.img", "maker 3\n"));
    CU_ASSERT_EQUAL(maqet_image_check(no_size, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(scene.said.count, 0);
}

static void
test_never_made(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *reader =
        drive_of(&scene, "file: a.img\nreadonly: on");
    _cleanup_drive_ struct maqet_drive *cdrom =
        drive_of(&scene, "file: a.img\nmedia: cdrom");
    _cleanup_free_ char *of_reader = maqet_format(
        "%s does not exist, and the image of a read-only drive is never created",
        reader->path);
    _cleanup_free_ char *of_cdrom = maqet_format(
        "%s does not exist, and the image of a CD-ROM drive is never created",
        cdrom->path);

    check_not_prepared(reader, MAQET_ERROR_MISSING, AT_FILE, of_reader);
    check_not_prepared(cdrom, MAQET_ERROR_MISSING, AT_FILE, of_cdrom);
    check_files(&scene, "");
}

/* ---- space ---- */

static void
test_space(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img\nsize: 8E");
    _cleanup_free_ char *begin = maqet_format(
        "Insufficient disk space for %s. Required: 8.0EB, Available: ", drive->path);

    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_NO_SPACE);
    CU_ASSERT_TRUE(maqet_text_starts(error->message, begin));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, ". Free up disk space and try again."));
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(
        error, 0,
        "Or say `overcommit: true` on the drive 'hdd' of VM 'web', which then needs "
        "only the 4.0KB that the image uses initially");
    check_files(&scene, "");
    CU_ASSERT_EQUAL(scene.said.count, 0);

    _cleanup_drive_ struct maqet_drive *bold =
        drive_of(&scene, "file: a.img\nsize: 8E\novercommit: true");
    check_prepared(bold, true, UINT64_C(1) << 63);
}

/* Two images that fit one by one, but not together, are refused before the first is made.
 */
static void
test_space_together(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct statvfs space;

    scene_fill(&scene);
    CU_ASSERT_EQUAL(statvfs(scene.images, &space), 0);
    uint64_t most = (uint64_t)space.f_bavail * space.f_frsize / 4 * 3;
    _cleanup_free_ char *size = maqet_format("size: %" PRIu64, most);
    _cleanup_free_ char *one = maqet_format("file: a.img\n%s", size);
    _cleanup_free_ char *other = maqet_format("file: b.img\n%s", size);
    _cleanup_free_ char *thin = maqet_format("%s\novercommit: on", other);
    struct maqet_drive *drives[] = {drive_of(&scene, one), drive_of(&scene, other)};
    _cleanup_free_ char *begin = maqet_format(
        "Insufficient disk space for %s and 1 more image of VM 'web'. ", drives[0]->path);

    CU_ASSERT_EQUAL(maqet_image_check_space(drives, 1, &error), 0);
    CU_ASSERT_EQUAL(maqet_image_check_space(drives, 2, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_NO_SPACE);
    CU_ASSERT_TRUE(maqet_text_starts(error->message, begin));
    maqet_error_free(TAKE_PTR(error));
    maqet_drive_free(drives[1]);
    drives[1] = drive_of(&scene, thin);
    CU_ASSERT_EQUAL(maqet_image_check_space(drives, 2, &error), 0);
    /* What is there needs no space. */
    maqet_drive_free(drives[1]);
    drives[1] = drive_of(&scene, other);
    free(unit_file(scene.images, "b.img", "maker 1\n"));
    CU_ASSERT_EQUAL(maqet_image_check_space(drives, 2, &error), 0);
    maqet_drive_free(drives[0]);
    maqet_drive_free(drives[1]);
}

static void
test_space_beyond_all(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;

    scene_fill(&scene);
    struct maqet_drive *drives[] = {drive_of(&scene, "file: a.img\nsize: 8E"),
                                    drive_of(&scene, "file: b.img\nsize: 8E")};
    CU_ASSERT_EQUAL(maqet_image_check_space(drives, 2, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
    maqet_drive_free(drives[0]);
    maqet_drive_free(drives[1]);
}

/* ---- folders ---- */

static void
test_missing_folder(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a b/c/x.img");
    _cleanup_free_ char *message =
        maqet_format("vm.yaml:4:7: drive 'hdd' of VM 'web': cannot create %s/a "
                     "b/c/x.img: the folder %s/a b/c: No such file or directory",
                     scene.images, scene.images);
    _cleanup_free_ char *hint =
        maqet_format("Create it: mkdir -p '%s/a b/c'", scene.images);

    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, NULL, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, hint);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, message);
    check_files(&scene, "");

    free(unit_file(scene.images, "file", ""));
    _cleanup_drive_ struct maqet_drive *below = drive_of(&scene, "file: file/x.img");
    _cleanup_free_ char *no_folder =
        maqet_format("cannot create %s: the folder %s/file: Not a directory", below->path,
                     scene.images);
    check_not_prepared(below, MAQET_ERROR_MISSING, AT_FILE, no_folder);
}

/* Links in the path are resolved before the rules of paths.c are asked. */
static void
test_system_folders(void)
{
    static const char *const ways[] = {"/etc", "link", "/tmp/../etc"};
    _cleanup_scene_ struct scene scene;
    _cleanup_free_ char *name = maqet_format("maqet-unit-test-%d.img", (int)getpid());
    _cleanup_free_ char *image = maqet_format("/etc/%s", name);
    _cleanup_free_ char *lock = maqet_format("/etc/.%s.maqet-lock", name);

    scene_fill(&scene);
    _cleanup_free_ char *link_path = in_images(&scene, "link");
    CU_ASSERT_EQUAL(symlink("/etc", link_path), 0);
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        _cleanup_free_ char *keys = maqet_format("file: %s/%s", ways[i], name);
        _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, keys);
        _cleanup_free_ char *what = maqet_format(
            "%s would be created in /etc, a system folder; this is refused", drive->path);

        check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_FILE, what);
        /* What should not be there must not stay there either. */
        CU_ASSERT_EQUAL(unlink(image), -1);
        CU_ASSERT_EQUAL(unlink(lock), -1);
    }
}

/* ---- remembering what was made ---- */

struct recorded {
    const char *path;
    struct maqet_file_id id;
    bool was_there; /* under its name, when it was recorded */
    bool refuse;
    int calls;
};

static int
note(void *data, const struct maqet_drive *drive, const char *file,
     const struct maqet_file_id *id, struct maqet_error **err)
{
    struct recorded *recorded = data;
    struct maqet_file_id there;

    recorded->path = drive->path;
    recorded->id = *id;
    recorded->was_there = access(drive->path, F_OK) == 0;
    CU_ASSERT_TRUE(maqet_file_id_of_path(file, &there) &&
                   maqet_file_id_equal(&there, id));
    recorded->calls++;
    return recorded->refuse ? maqet_error_set(err, MAQET_ERROR_BUSY, "not now") : 0;
}

/* The record is there before the image is: a kill in between leaves no unknown file. */
static void
test_recorder(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct recorded recorded = {.refuse = true};
    const struct maqet_image_recorder recorder = {.record = note, .data = &recorded};
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, &recorder, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_BUSY, "not now");
    CU_ASSERT_FALSE(created);
    check_files(&scene, "");

    recorded.refuse = false;
    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, &recorder, &error), 0);
    CU_ASSERT_TRUE(created);
    CU_ASSERT_EQUAL(recorded.calls, 2);
    CU_ASSERT_FALSE(recorded.was_there);
    UNIT_SAME(recorded.path, drive->path);
    CU_ASSERT_TRUE(maqet_file_id_equal(&recorded.id, &state.id));
    /* What is found is not ours to remember. */
    CU_ASSERT_EQUAL(maqet_image_prepare(drive, &state, &created, &recorder, &error), 0);
    CU_ASSERT_EQUAL(recorded.calls, 2);
}

static unsigned
count_descriptors(void)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list("/proc/self/fd", &names, NULL), 0);
    return (unsigned)names.count;
}

static void
test_no_descriptor_is_lost(void)
{
    static const char *const acts[] = {"half", "vanish", "no-space", "rival", "write"};
    _cleanup_scene_ struct scene scene;
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        _cleanup_free_ char *keys = maqet_format("file: a.img\nact: %s", acts[i]);
        _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, keys);
        unsigned before = count_descriptors();

        maqet_image_prepare(drive, &state, &created, NULL, NULL);
        maqet_image_prepare(drive, &state, &created, NULL, NULL);
        CU_ASSERT_EQUAL(count_descriptors(), before);
        unlink(drive->path);
    }
}

/* ---- others at the same image ---- */

/* Publication replaces nothing: not even what appeared while the image was made. */
static void
test_rival(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive =
        drive_of(&scene, "file: a.img\nact: rival");
    check_prepared(drive, false, 7);
    check_files(&scene, "a.img");
    check_content(&scene, "a.img", "maker 7\n");
}

/* Exits with 1 when it was the one that made the image, with 0 when it found it. */
static void
compete(const struct maqet_drive *drive, int start_fd)
{
    struct maqet_image_state state;
    bool created = false;
    char byte;

    if (read(start_fd, &byte, 1) != 0 ||
        maqet_image_prepare(drive, &state, &created, NULL, NULL) < 0 || !state.exists ||
        state.virtual_size != 1 << 20)
        _exit(99);
    _exit(created);
}

/* Many at once: one makes it, and the others use what it made. */
static void
test_race(void)
{
    enum { RIVALS = 8 };
    _cleanup_scene_ struct scene scene;
    pid_t rivals[RIVALS];
    int start[2], winners = 0;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive =
        drive_of(&scene, "file: a.img\nlog: log\nact: slowly");
    CU_ASSERT_EQUAL_FATAL(pipe(start), 0);
    for (int i = 0; i < RIVALS; i++) {
        rivals[i] = fork();
        if (rivals[i] == 0) {
            close(start[1]);
            compete(drive, start[0]);
        }
    }
    close(start[0]);
    close(start[1]); /* off they go */
    for (int i = 0; i < RIVALS; i++) {
        int status = -1;

        CU_ASSERT_EQUAL(waitpid(rivals[i], &status, 0), rivals[i]);
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        winners += WEXITSTATUS(status) == 1;
    }
    CU_ASSERT_EQUAL(winners, 1);
    check_content(&scene, "log", "maker 1048576\n");
    check_files(&scene, "a.img log");
}

/* Waits until a file has some content; false: it never gets any. */
static bool
wait_for_content(const char *path)
{
    struct stat status;

    for (int64_t deadline = maqet_now() + unit_patience(60000); maqet_now() < deadline;) {
        if (stat(path, &status) == 0 && status.st_size > 0)
            return true;
        maqet_sleep(2);
    }
    return false;
}

/* Killed when half is done: the next one clears that away and makes the image. */
static void
test_killed(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_image_state state;
    bool created;

    scene_fill(&scene);
    _cleanup_free_ char *temporary = in_images(&scene, ".a.img.maqet-new");
    _cleanup_drive_ struct maqet_drive *stuck =
        drive_of(&scene, "file: a.img\nact: hang");
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    pid_t child = fork();

    if (child == 0)
        _exit(maqet_image_prepare(stuck, &state, &created, NULL, NULL));
    CU_ASSERT_TRUE(wait_for_content(temporary));
    CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
    CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
    check_files(&scene, ".a.img.maqet-lock .a.img.maqet-new");
    check_prepared(drive, true, 1 << 20);
    check_files(&scene, "a.img");
}

/* Who makes an image, one after the other. */
struct makers {
    const char *lock; /* the lock file */
    int fd;           /* whose lock the present one holds */
    int waits;        /* how often we were told to wait */
};

static int
take(const char *lock)
{
    int fd = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    CU_ASSERT_EQUAL(maqet_lock_try(fd, NULL), 1);
    return fd;
}

/* As soon as we wait for the first one, that gives up, and the second one is quicker. */
static void
relay(void *data, enum maqet_level level, const char *message)
{
    struct makers *makers = data;

    (void)level;
    if (!maqet_text_starts(message, "Waiting for"))
        return;
    CU_ASSERT_EQUAL(unlink(makers->lock), 0);
    int next = makers->waits++ == 0 ? take(makers->lock) : -1;
    close(makers->fd);
    makers->fd = next;
}

/* The lock that we waited for is of no use when its file has gone meanwhile: somebody
 * else may have one of the file that is there now. */
static void
test_lock_without_file(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_free_ char *lock = in_images(&scene, ".a.img.maqet-lock");
    struct makers makers = {.lock = lock, .fd = take(lock)};

    scene.context.message = relay;
    scene.context.data = &makers;
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    check_prepared(drive, true, 1 << 20);
    CU_ASSERT_EQUAL(makers.waits, 2);
    check_files(&scene, "a.img");
}

/* The image is there after all, beside what a killed maqet left. */
static void
test_leftovers(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    free(unit_file(scene.images, "a.img", "maker 3\n"));
    free(unit_file(scene.images, ".a.img.maqet-new", "mak"));
    free(unit_file(scene.images, ".a.img.maqet-lock", ""));
    free(unit_file(scene.images, ".b.img.maqet-new", "not ours"));
    check_prepared(drive, false, 3);
    check_files(&scene, ".b.img.maqet-new a.img");
    check_content(&scene, "a.img", "maker 3\n");
}

/* What others may have put under the names that we use is not followed. */
static void
test_traps(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    _cleanup_free_ char *temporary = in_images(&scene, ".a.img.maqet-new");
    _cleanup_free_ char *lock = in_images(&scene, ".a.img.maqet-lock");
    _cleanup_free_ char *what = maqet_format(
        "cannot create %s: its lock file %s cannot be opened: Too many levels of "
        "symbolic links",
        drive->path, lock);

    free(unit_file(scene.images, "victim", "precious\n"));
    CU_ASSERT_EQUAL(symlink("victim", lock), 0);
    check_not_prepared(drive, MAQET_ERROR_FAILED, AT_FILE, what);
    CU_ASSERT_EQUAL(unlink(lock), 0);
    CU_ASSERT_EQUAL(symlink("victim", temporary), 0);
    check_prepared(drive, true, 1 << 20);
    check_content(&scene, "victim", "precious\n");
    check_files(&scene, "a.img victim");
}

static void
test_folder_without_permission(void)
{
    _cleanup_scene_ struct scene scene;

    scene_fill(&scene);
    if (geteuid() == 0)
        return; /* root may write everything */
    _cleanup_drive_ struct maqet_drive *drive = drive_of(&scene, "file: a.img");
    _cleanup_free_ char *folder =
        maqet_format("cannot create %s: no file can be created in %s: Permission "
                     "denied",
                     drive->path, scene.images);
    _cleanup_free_ char *lock = in_images(&scene, ".a.img.maqet-lock");
    _cleanup_free_ char *of_lock =
        maqet_format("cannot create %s: its lock file %s cannot be opened: Permission "
                     "denied",
                     drive->path, lock);

    CU_ASSERT_EQUAL(chmod(scene.images, 0500), 0);
    check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_FILE, folder);
    CU_ASSERT_EQUAL(chmod(scene.images, 0700), 0);
    free(unit_file(scene.images, ".a.img.maqet-lock", ""));
    CU_ASSERT_EQUAL(chmod(lock, 0), 0);
    check_not_prepared(drive, MAQET_ERROR_PERMISSION, AT_FILE, of_lock);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what is there", test_inspect},
        {"the size of what is there", test_size_of_existing},
        {"no path", test_no_path},
        {"what is no image", test_no_image},
        {"what the plugin finds", test_what_the_plugin_finds},
        {"files that an image names", test_named_files},
        {"not writable", test_not_writable},
        {"the default path must be ours", test_default_path_must_be_ours},
        {"a given path may be a link", test_given_path_may_be_a_link},
        {"making", test_make},
        {"making under the default path", test_make_under_default_path},
        {"making another file", test_make_anew},
        {"a failing plugin leaves nothing", test_failing_plugin_leaves_nothing},
        {"check", test_check},
        {"what is never made", test_never_made},
        {"space", test_space},
        {"space for several", test_space_together},
        {"space beyond all numbers", test_space_beyond_all},
        {"missing folder", test_missing_folder},
        {"folders of the system", test_system_folders},
        {"recorder", test_recorder},
        {"no descriptor is lost", test_no_descriptor_is_lost},
        {"a rival", test_rival},
        {"a race", test_race},
        {"killed in creation", test_killed},
        {"a lock without a file", test_lock_without_file},
        {"leftovers", test_leftovers},
        {"traps", test_traps},
        {"a folder without permission", test_folder_without_permission},
        CU_TEST_INFO_NULL,
    };
    _cleanup_folder_ char *folder = unit_folder();

    /* With TMPDIR in a folder of the system nothing could be made there. */
    if (!unit_plugins_built() || maqet_path_system(folder, geteuid()))
        return UNIT_SKIP;
    return unit_run("image", tests);
}
