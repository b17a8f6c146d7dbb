/* SPDX-License-Identifier: MIT */
/* Copies of images, with the plugins of this tree and the real qemu-img. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/interrupt.h"
#include "core/base/process.h"
#include "core/config/yaml.h"
#include "core/storage/copy.h"
#include "core/storage/creation.h"
#include "core/storage/entry.h"
#include "core/storage/overlay_table.h"
#include "core/storage/overlays.h"
#include "tests/unit/plugins.h"

/* ---- a folder for images, and one for plugins ---- */

struct scene {
    char *plugins;
    char *images;
    struct maqet_context context;
    struct maqet_machine machine;
};

static char *
built(const char *plugin)
{
    const char *top = getenv("abs_top_builddir");

    return maqet_format("%s/.libs/maqet-storage-%s.so", top ? top : ".", plugin);
}

static void
add_plugin(const char *folder, const char *plugin)
{
    _cleanup_free_ char *path = built(plugin);
    _cleanup_free_ char *copy = maqet_format("%s/maqet-storage-%s.so", folder, plugin);
    _cleanup_free_ char *data = NULL;
    size_t length;

    if (maqet_file_read(path, 64 << 20, &data, &length, NULL) < 0 ||
        maqet_file_replace(copy, data, length, 0644, NULL) < 0)
        abort();
}

static void
scene_fill(struct scene *scene)
{
    *scene = (struct scene){.plugins = unit_folder(), .images = unit_folder()};
    scene->machine.vm_name = maqet_strdup("web");
    scene->machine.arch = maqet_strdup("x86_64");
    scene->machine.type = maqet_strdup("q35");
    scene->machine.storage_dir = maqet_strdup(scene->images);
    maqet_strings_add(&scene->context.plugin_dirs, scene->plugins);
    add_plugin(scene->plugins, "raw");
    add_plugin(scene->plugins, "qcow2");
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    free(scene->machine.vm_name);
    free(scene->machine.arch);
    free(scene->machine.type);
    free(scene->machine.storage_dir);
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

/* A drive with these keys, each on its line. */
static struct maqet_drive *
drive_of(const struct scene *scene, const char *keys)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *yaml = maqet_format("name: hdd\ninterface: none\n%s\n", keys);
    _cleanup_json_ json_object *entry =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", scene->images, &error);
    struct maqet_drive *drive =
        entry ? maqet_drive_new(&scene->context, &scene->machine, entry, &error) : NULL;

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(drive);
    maqet_drive_take_overlays(drive);
    return drive;
}

/* Runs a program in the images' folder, whose words are separated by spaces. */
static void
run(const struct scene *scene, const char *line)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *command = maqet_format("cd '%s' && %s", scene->images, line);
    const char *const argv[] = {"sh", "-c", command, NULL};

    maqet_process_run(argv, 60000, NULL, &error);
    UNIT_NO_ERROR(&error);
}

/* A source with data at both ends and a hole between. */
static void
write_pattern(const struct scene *scene, const char *format, const char *file)
{
    _cleanup_free_ char *line = maqet_format(
        "qemu-io -f %s -c 'write -P 7 0 192k' -c 'write -P 9 6M 100k' %s", format, file);

    run(scene, line);
}

/* The first of two images, in qemu-img's words, is the same as the second. */
static void
check_equal(const struct scene *scene, const char *one, const char *format,
            const char *other, const char *other_format)
{
    _cleanup_free_ char *line = maqet_format("qemu-img compare -f %s -F %s %s %s", format,
                                             other_format, one, other);

    run(scene, line);
}

static void
check_files(const struct scene *scene, const char *expected)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    CU_ASSERT_EQUAL(maqet_dir_list(scene->images, &names, NULL), 0);
    _cleanup_free_ char *joined = maqet_strings_join(&names, " ");
    UNIT_SAME(joined, expected);
}

static void
check_copied(struct maqet_copy copy, bool as_file)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_copy(&copy, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(copy.copied != MAQET_COPIED_CONVERTED, as_file);
    CU_ASSERT_TRUE(copy.created);
}

/* ---- tests ---- */

static uint64_t
allocated(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->images, name);
    struct stat status;

    CU_ASSERT_EQUAL(stat(path, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

static void
test_as_file(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "truncate -s 8M a.raw");
    write_pattern(&scene, "raw", "a.raw");
    _cleanup_drive_ struct maqet_drive *from =
        drive_of(&scene, "type: raw\nfile: a.raw\nsize: 8M");
    _cleanup_drive_ struct maqet_drive *to = drive_of(&scene, "type: raw\nfile: b.raw");

    check_copied((struct maqet_copy){.from = {.drive = from}, .to = to}, true);
    check_equal(&scene, "a.raw", "raw", "b.raw", "raw");
    CU_ASSERT_TRUE(allocated(&scene, "b.raw") < 1 << 20);
    check_files(&scene, "a.raw b.raw");
}

static void
test_other_options(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "truncate -s 8M a.raw");
    write_pattern(&scene, "raw", "a.raw");
    _cleanup_drive_ struct maqet_drive *from = drive_of(&scene, "type: raw\nfile: a.raw");
    _cleanup_drive_ struct maqet_drive *full =
        drive_of(&scene, "type: raw\nfile: b.raw\npreallocation: full");
    _cleanup_drive_ struct maqet_drive *larger = drive_of(
        &scene, "type: qcow2\nfile: c.qcow2\nsize: 16M\npreallocation: metadata");

    check_copied((struct maqet_copy){.from = {.drive = from}, .to = full}, false);
    check_equal(&scene, "a.raw", "raw", "b.raw", "raw");
    CU_ASSERT_TRUE(allocated(&scene, "b.raw") >= 8 << 20);
    check_copied((struct maqet_copy){.from = {.drive = from}, .to = larger}, false);
    check_equal(&scene, "a.raw", "raw", "c.qcow2", "qcow2");
    run(&scene, "qemu-img info c.qcow2 | grep -q '16 MiB'");
}

static void
test_snapshots_stay_behind(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "qemu-img create -q -f qcow2 a.qcow2 8M");
    write_pattern(&scene, "qcow2", "a.qcow2");
    _cleanup_drive_ struct maqet_drive *from =
        drive_of(&scene, "type: qcow2\nfile: a.qcow2");
    _cleanup_drive_ struct maqet_drive *file =
        drive_of(&scene, "type: qcow2\nfile: b.qcow2");
    _cleanup_drive_ struct maqet_drive *to =
        drive_of(&scene, "type: qcow2\nfile: c.qcow2");
    _cleanup_drive_ struct maqet_drive *rewritten =
        drive_of(&scene, "type: qcow2\nfile: d.qcow2");

    check_copied((struct maqet_copy){.from = {.drive = from}, .to = file}, true);
    check_copied(
        (struct maqet_copy){.from = {.drive = from}, .to = rewritten, .rewrite = true},
        false);
    run(&scene, "qemu-img snapshot -c s a.qcow2");
    check_copied((struct maqet_copy){.from = {.drive = from}, .to = to}, false);
    check_equal(&scene, "a.qcow2", "qcow2", "b.qcow2", "qcow2");
    check_equal(&scene, "a.qcow2", "qcow2", "c.qcow2", "qcow2");
    check_equal(&scene, "a.qcow2", "qcow2", "d.qcow2", "qcow2");
    run(&scene, "test -z \"$(qemu-img snapshot -l c.qcow2)\"");
}

static void
test_backing_file_is_not_needed(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "truncate -s 8M base.raw");
    write_pattern(&scene, "raw", "base.raw");
    run(&scene, "qemu-img create -q -f qcow2 -b base.raw -F raw a.qcow2");
    run(&scene, "qemu-io -f qcow2 -c 'write -P 3 1M 64k' a.qcow2");
    _cleanup_drive_ struct maqet_drive *from = drive_of(
        &scene,
        "type: qcow2\nfile: a.qcow2\nbacking_file: base.raw\nbacking_format: raw");
    _cleanup_drive_ struct maqet_drive *to =
        drive_of(&scene, "type: qcow2\nfile: b.qcow2");

    check_copied((struct maqet_copy){.from = {.drive = from}, .to = to}, false);
    check_equal(&scene, "a.qcow2", "qcow2", "b.qcow2", "qcow2");
    run(&scene, "! qemu-img info b.qcow2 | grep backing");
}

static void
test_encrypted(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "umask 077; printf one >one.key; printf other >other.key");
    run(&scene, "truncate -s 8M a.raw");
    write_pattern(&scene, "raw", "a.raw");
    _cleanup_drive_ struct maqet_drive *plain =
        drive_of(&scene, "type: raw\nfile: a.raw");
    _cleanup_drive_ struct maqet_drive *one = drive_of(
        &scene,
        "type: qcow2\nfile: one.qcow2\nencryption: {format: luks, key_file: one.key}");
    _cleanup_drive_ struct maqet_drive *other = drive_of(
        &scene,
        "type: qcow2\nfile: other.qcow2\nencryption: {format: luks, key_file: other.key}");
    _cleanup_drive_ struct maqet_drive *open = drive_of(&scene, "type: raw\nfile: b.raw");

    check_copied((struct maqet_copy){.from = {.drive = plain}, .to = one}, false);
    check_copied((struct maqet_copy){.from = {.drive = one}, .to = other}, false);
    check_copied((struct maqet_copy){.from = {.drive = other}, .to = open}, false);
    check_equal(&scene, "a.raw", "raw", "b.raw", "raw");
    run(&scene, "qemu-img info other.qcow2 | grep -q 'encrypted: yes'");
}

static void
test_nodes(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    _cleanup_error_ struct maqet_error *error = NULL;
    run(&scene, "truncate -s 8M a.raw");
    write_pattern(&scene, "raw", "a.raw");
    run(&scene, "cp a.raw first.raw");
    _cleanup_drive_ struct maqet_drive *from =
        drive_of(&scene, "type: raw\nfile: a.raw\nsnapshots: overlay");
    maqet_drive_snapshot_create(from, "s", NULL, &error);
    UNIT_NO_ERROR(&error);
    _cleanup_free_ char *line =
        maqet_format("qemu-io -f qcow2 -c 'write -P 5 3M 64k' %s",
                     maqet_overlays_node(from->overlays, 1)->file.file);
    run(&scene, line);
    run(&scene, "qemu-img convert -O raw a.raw.maqet/1.qcow2 second.raw");
    _cleanup_drive_ struct maqet_drive *file =
        drive_of(&scene, "type: raw\nfile: b.raw\nsnapshots: overlay");
    _cleanup_drive_ struct maqet_drive *top = drive_of(&scene, "type: raw\nfile: c.raw");
    _cleanup_drive_ struct maqet_drive *node =
        drive_of(&scene, "type: qcow2\nfile: d.qcow2");

    check_copied(
        (struct maqet_copy){.from = {.of = MAQET_COPY_NODE, .drive = from}, .to = file},
        true);
    check_copied((struct maqet_copy){.from = {.drive = from}, .to = top}, false);
    check_copied(
        (struct maqet_copy){.from = {.of = MAQET_COPY_NODE, .drive = from, .node = 1},
                            .to = node},
        false);
    check_equal(&scene, "first.raw", "raw", "b.raw", "raw");
    check_equal(&scene, "second.raw", "raw", "c.raw", "raw");
    check_equal(&scene, "second.raw", "raw", "d.qcow2", "qcow2");
    run(&scene, "test \"$(stat -c %a b.raw)\" = 600");
}

static void
test_snapshot(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_snapshots_ struct maqet_snapshots list = {0};
    run(&scene, "qemu-img create -q -f qcow2 a.qcow2 8M");
    write_pattern(&scene, "qcow2", "a.qcow2");
    run(&scene, "qemu-img convert -O raw a.qcow2 first.raw");
    run(&scene, "qemu-img snapshot -c s a.qcow2");
    run(&scene, "qemu-io -f qcow2 -c 'write -P 5 0 64k' a.qcow2");
    _cleanup_drive_ struct maqet_drive *from =
        drive_of(&scene, "type: qcow2\nfile: a.qcow2");
    _cleanup_drive_ struct maqet_drive *to = drive_of(&scene, "type: raw\nfile: b.raw");
    _cleanup_free_ char *socket = maqet_format("%s/socket", scene.plugins);

    maqet_drive_snapshots_read(from, &list, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL_FATAL(list.count, 1);
    check_copied((struct maqet_copy){.from = {.of = MAQET_COPY_SNAPSHOT,
                                              .drive = from,
                                              .snapshot = list.items[0],
                                              .socket = socket},
                                     .to = to},
                 false);
    check_equal(&scene, "first.raw", "raw", "b.raw", "raw");
    CU_ASSERT_TRUE(maqet_file_missing(socket));
}

static void
test_image(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "truncate -s 8M a.raw");
    write_pattern(&scene, "raw", "a.raw");
    run(&scene, "qemu-img convert -O vmdk a.raw a.vmdk");
    _cleanup_drive_ struct maqet_drive *to =
        drive_of(&scene, "type: qcow2\nfile: b.qcow2");
    _cleanup_free_ char *path = maqet_format("%s/a.vmdk", scene.images);

    check_copied(
        (struct maqet_copy){
            .from = {.of = MAQET_COPY_IMAGE, .image = path, .format = "vmdk"},
            .to = to,
            .compress = true},
        false);
    check_equal(&scene, "a.raw", "raw", "b.qcow2", "qcow2");
}

static void
check_refused(const struct maqet_drive *from, const struct maqet_drive *to,
              enum maqet_error_code code)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_copy copy = {.from = {.drive = from}, .to = to};

    CU_ASSERT_EQUAL(maqet_copy(&copy, &error), -1);
    CU_ASSERT_FALSE(copy.created);
    UNIT_SAME(error ? maqet_error_code_name(error->code) : NULL,
              maqet_error_code_name(code));
}

static void
test_replaces_nothing(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    run(&scene, "truncate -s 8M a.raw; echo precious >b.raw; ln -s nowhere c.raw");
    _cleanup_drive_ struct maqet_drive *from = drive_of(&scene, "type: raw\nfile: a.raw");
    _cleanup_drive_ struct maqet_drive *to = drive_of(&scene, "type: raw\nfile: b.raw");
    _cleanup_drive_ struct maqet_drive *link = drive_of(&scene, "type: raw\nfile: c.raw");
    _cleanup_drive_ struct maqet_drive *on_base = drive_of(
        &scene, "type: qcow2\nfile: d.qcow2\nbacking_file: a.raw\nbacking_format: raw");

    check_refused(from, to, MAQET_ERROR_EXISTS);
    check_refused(from, link, MAQET_ERROR_EXISTS);
    check_refused(from, on_base, MAQET_ERROR_INVALID);
    check_refused(link, to, MAQET_ERROR_MISSING);
    run(&scene, "grep -qx precious b.raw");
    check_files(&scene, "a.raw b.raw c.raw");
}

/* A recorder that ends the copy in its own way. */
static int
interrupt(void *data, const struct maqet_drive *drive, const char *file,
          const struct maqet_file_id *id, struct maqet_error **err)
{
    (void)drive;
    (void)file;
    (void)id;
    raise(*(int *)data);
    return maqet_interrupt_check(err);
}

static void
test_interrupted(void)
{
    _cleanup_scene_ struct scene scene;
    scene_fill(&scene);
    int signals[] = {SIGINT, SIGKILL};
    run(&scene, "truncate -s 8M a.raw");
    _cleanup_drive_ struct maqet_drive *from = drive_of(&scene, "type: raw\nfile: a.raw");
    _cleanup_drive_ struct maqet_drive *to = drive_of(&scene, "type: raw\nfile: b.raw");

    for (size_t i = 0; i < 2; i++) {
        const struct maqet_image_recorder recorder = {.record = interrupt,
                                                      .data = &signals[i]};
        struct maqet_copy copy = {
            .from = {.drive = from}, .to = to, .recorder = &recorder};
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            maqet_interrupt_catch();
            _exit(maqet_copy(&copy, NULL) < 0 ? 3 : 0);
        }
        CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
        if (signals[i] == SIGINT) {
            CU_ASSERT_EQUAL(WEXITSTATUS(status), 3);
            check_files(&scene, "a.raw");
        } else {
            CU_ASSERT_TRUE(WIFSIGNALED(status));
            check_files(&scene, ".b.raw.maqet-lock .b.raw.maqet-new a.raw");
        }
    }
    CU_ASSERT_TRUE(maqet_image_has_leftovers(to));
    maqet_image_sweep(to);
    check_files(&scene, "a.raw");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"as a file", test_as_file},
        {"with other options", test_other_options},
        {"snapshots stay behind", test_snapshots_stay_behind},
        {"a backing file is not needed", test_backing_file_is_not_needed},
        {"encrypted images", test_encrypted},
        {"nodes of overlays", test_nodes},
        {"a snapshot", test_snapshot},
        {"an image that no drive has", test_image},
        {"nothing is replaced", test_replaces_nothing},
        {"interrupted and killed", test_interrupted},
        CU_TEST_INFO_NULL,
    };
    _cleanup_free_ char *raw = built("raw");
    _cleanup_free_ char *img = maqet_process_find("qemu-img");
    _cleanup_free_ char *io = maqet_process_find("qemu-io");

    if (access(raw, R_OK) < 0 || !img || !io)
        return UNIT_SKIP;
    return unit_run("copy", tests);
}
