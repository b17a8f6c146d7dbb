/* SPDX-License-Identifier: MIT */
/* What is remembered of images: records on the disk, backing files that have changed, and
 * for which machine an image was made. */
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "core/machine/definition.h"
#include "core/base/removal.h"
#include "core/machine/images.h"
#include "core/machine/owner.h"
#include "tests/unit/unit.h"

/* ---- the file ---- */

static void
test_round_trip(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    const struct maqet_context context = {.data_dir = folder};
    _cleanup_images_ struct maqet_images images = {0}, read = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_images_load(&context, NULL, &read, &error), 0);
    CU_ASSERT_EQUAL(read.count, 0); /* there is none yet */
    struct maqet_image_record *record = MAQET_APPEND(images.items, images.count);
    record->drive = maqet_strdup("hdd");
    record->type = maqet_strdup("some");
    record->path = maqet_strdup("/tmp/a \"b\"/\xc3\xa4.img");
    record->vm = maqet_strdup("web");
    record->uuid = maqet_strdup("u");
    record->data_dir = maqet_strdup("/data");
    record->id = (struct maqet_file_id){UINT64_MAX, UINT64_MAX - 1, INT64_MAX};
    record->size = UINT64_MAX;
    record->created = true;
    record->seen = INT64_MAX;
    struct maqet_node *base = maqet_chain_add_node(&record->bases, "base", "/base");
    base->checksum = maqet_strdup("xxh3:1");
    base->id = (struct maqet_file_id){1, 2, 3};
    base->size = 4;
    base->mtime = 5;
    record = MAQET_APPEND(images.items, images.count);
    record->drive = maqet_strdup("far");
    record->type = maqet_strdup("elsewhere");
    record->place = maqet_strdup("pool=a");
    CU_ASSERT_EQUAL(maqet_images_save(&context, NULL, &images, &error), 0);
    CU_ASSERT_EQUAL(maqet_images_load(&context, NULL, &read, &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL_FATAL(read.count, 2);
    const struct maqet_image_record *first =
        maqet_images_find(&read, images.items[0].path);
    CU_ASSERT_PTR_EQUAL_FATAL(first, &read.items[0]);
    UNIT_SAME(first->drive, "hdd");
    UNIT_SAME(first->data_dir, "/data");
    CU_ASSERT_TRUE(maqet_file_id_equal(&first->id, &images.items[0].id));
    CU_ASSERT_EQUAL(first->size, UINT64_MAX);
    CU_ASSERT_TRUE(first->created);
    CU_ASSERT_EQUAL(first->seen, INT64_MAX);
    CU_ASSERT_EQUAL_FATAL(first->bases.count, 1);
    UNIT_SAME(first->bases.nodes[0].checksum, "xxh3:1");
    CU_ASSERT_EQUAL(first->bases.nodes[0].mtime, 5);
    UNIT_SAME(read.items[1].place, "pool=a");
    CU_ASSERT_FALSE(read.items[1].created);
    maqet_images_remove(&read, 0);
    CU_ASSERT_EQUAL_FATAL(read.count, 1);
    UNIT_SAME(read.items[0].drive, "far");
}

/* What can't be read is never taken for "there is nothing": that would be written back.
 */
static void
test_damaged(void)
{
    static const char *const texts[] = {
        "[",
        "[]",
        "{\"format\": 2, \"images\": []}",
        "{\"format\": 1, \"images\": {}}",
        "{\"format\": 1, \"images\": [{}]}",
        "{\"format\": 1, \"images\": [1]}",
        "{\"format\": 1, \"images\": [{\"drive\": \"a\", \"type\": \"b\"}]}",
        ("{\"format\": 1, \"images\": [{\"drive\": \"a\", \"type\": \"b\", \"path\": "
         "\"/c\", \"bases\": [{\"option\": \"x\"}]}]}"),
    };
    _cleanup_folder_ char *folder = unit_folder();
    const struct maqet_context context = {.data_dir = folder};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_free_ char *path = unit_file(folder, "images.json", texts[i]);
        _cleanup_images_ struct maqet_images images = {0};
        _cleanup_error_ struct maqet_error *error = NULL;

        CU_ASSERT_EQUAL(maqet_images_load(&context, NULL, &images, &error), -1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_EQUAL(error->code, MAQET_ERROR_FAILED);
        CU_ASSERT_EQUAL(images.count, 0);
    }
}

static void
test_unreadable(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/images.json", folder);
    _cleanup_images_ struct maqet_images images = {0};
    _cleanup_error_ struct maqet_error *error = NULL;
    const struct maqet_context context = {.data_dir = folder};

    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(maqet_images_load(&context, NULL, &images, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(error);
}

/* ---- owners ---- */

static const char UUID[] = "11111111-1111-4111-8111-111111111111";
static const char OTHER[] = "22222222-2222-4222-8222-222222222222";

struct scene {
    char *folder;
    struct maqet_context context;
    char *image;
};

/* A data folder that has a machine "web" with a UUID. */
static void
define(const char *data_dir, const char *uuid)
{
    _cleanup_free_ char *folder = maqet_format("%s/vms/web", data_dir);
    _cleanup_free_ char *path = maqet_format("%s/vm.json", folder);
    const struct maqet_definition definition = {
        .name = (char *)"web", .uuid = (char *)uuid, .tree = json_object_new_object()};

    CU_ASSERT_EQUAL(maqet_dir_make(folder, 0700, NULL), 0);
    CU_ASSERT_EQUAL(maqet_definition_save(path, &definition, NULL), 0);
    json_object_put(definition.tree);
}

static const struct maqet_definition *
web(const char *uuid)
{
    static struct maqet_definition definition;

    definition = (struct maqet_definition){.name = (char *)"web", .uuid = (char *)uuid};
    return &definition;
}

static struct maqet_image_record
recorded(const struct scene *scene)
{
    return (struct maqet_image_record){.path = scene->image,
                                       .vm = (char *)"web",
                                       .uuid = (char *)UUID,
                                       .data_dir = scene->context.data_dir};
}

static void
check_objection(const struct scene *scene, const char *data_dir, const char *uuid,
                const char *wanted)
{
    const struct maqet_context context = {.data_dir = (char *)data_dir};
    const struct maqet_image_record record = recorded(scene);
    _cleanup_free_ char *objection =
        maqet_owner_objection(&context, "web", uuid, &record);

    UNIT_SAME(objection, wanted);
}

static bool
mark(const struct scene *scene)
{
    return maqet_owner_mark(&scene->context, web(UUID), scene->image);
}

/* With the mark on the image, and without it, where the record has to do. */
static void
check_owner(struct scene *scene, bool marked)
{
    _cleanup_free_ char *copy = maqet_format("%s/copy", scene->folder);
    _cleanup_free_ char *copied =
        maqet_format("for VM 'web' in %s, of which this data folder is a copy",
                     scene->context.data_dir);
    _cleanup_free_ char *others =
        maqet_format("for VM 'web' in %s", scene->context.data_dir);
    _cleanup_free_ char *gone = maqet_format("for VM 'web' in %s, which is not there now",
                                             scene->context.data_dir);
    _cleanup_free_ char *vms = maqet_format("%s/vms", scene->context.data_dir);

    define(scene->context.data_dir, UUID);
    removexattr(scene->image, "user.maqet");
    if (marked && !mark(scene))
        return; /* the file system keeps no such marks */
    define(copy, UUID);
    check_objection(scene, scene->context.data_dir, UUID, NULL);
    check_objection(scene, copy, UUID, copied);
    check_objection(scene, copy, OTHER, others);
    check_objection(scene, copy, NULL, others);
    /* The original is gone, or on a disk that isn't mounted: nobody knows. */
    maqet_dir_remove(vms, NULL);
    check_objection(scene, copy, UUID, gone);
    check_objection(scene, copy, OTHER, "for another VM 'web', which is gone");
    check_objection(scene, copy, NULL, gone);
    CU_ASSERT_EQUAL(mkdir(vms, 0700), 0);
    check_objection(scene, copy, NULL, NULL);
    /* Another machine of that name is not the one that owned it. */
    define(scene->context.data_dir, OTHER);
    check_objection(scene, copy, UUID, gone);
    check_objection(scene, copy, NULL, NULL);
    maqet_dir_remove(vms, NULL);
}

/* A folder that was moved within its file system is the same one. */
static void
check_moved(struct scene *scene)
{
    _cleanup_free_ char *moved = maqet_format("%s/moved", scene->folder);

    define(scene->context.data_dir, UUID);
    if (!mark(scene))
        return;
    CU_ASSERT_EQUAL(rename(scene->context.data_dir, moved), 0);
    check_objection(scene, moved, UUID, NULL);
}

static void
test_owner(void)
{
    struct scene scene = {.folder = unit_folder()};

    scene.context.data_dir = maqet_format("%s/data", scene.folder);
    scene.image = unit_file(scene.folder, "a.img", "");
    check_owner(&scene, true);
    check_owner(&scene, false);
    check_moved(&scene);
    free(scene.image);
    maqet_context_clear(&scene.context);
    unit_remove_folder(&scene.folder);
}

static void
test_mark(void)
{
    static const char *const marks[] = {"", "{", "1", "{\"vm\": \"web\"}",
                                        ("{\"vm\": \"../x\", \"uuid\": \"u\", "
                                         "\"data_dir\": \"/\"}")};
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = unit_file(folder, "a.img", "");
    _cleanup_free_ char *copy = unit_file(folder, "b.img", "");
    const struct maqet_context context = {.data_dir = (char *)"/d \"x\""};
    _cleanup_owner_ struct maqet_owner read = {0};
    char text[4096];

    CU_ASSERT_FALSE(maqet_owner_read(path, &read));
    if (!maqet_owner_mark(&context, web(UUID), path))
        return; /* the file system keeps no such marks */
    CU_ASSERT_TRUE_FATAL(maqet_owner_read(path, &read));
    UNIT_SAME(read.vm, "web");
    UNIT_SAME(read.uuid, UUID);
    UNIT_SAME(read.data_dir, "/d \"x\"");
    maqet_owner_clear(&read);

    /* A copy takes the mark along, which says nothing of the copy. */
    ssize_t length = getxattr(path, "user.maqet", text, sizeof(text));
    CU_ASSERT_FATAL(length > 0);
    CU_ASSERT_EQUAL(setxattr(copy, "user.maqet", text, (size_t)length, 0), 0);
    CU_ASSERT_FALSE(maqet_owner_read(copy, &read));
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        CU_ASSERT_EQUAL(setxattr(path, "user.maqet", marks[i], strlen(marks[i]), 0), 0);
        CU_ASSERT_FALSE(maqet_owner_read(path, &read));
    }
}

/* What an earlier maqet kept is taken over. */
static void
test_created(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *vm = maqet_format("%s/vms/web", folder);
    const struct maqet_context context = {.data_dir = folder};
    _cleanup_images_ struct maqet_images images = {0};

    CU_ASSERT_EQUAL(maqet_dir_make(vm, 0700, NULL), 0);
    _cleanup_free_ char *path =
        unit_file(vm, "created.json",
                  "[{\"path\": \"/a\", \"device\": 1, \"inode\": 2, \"birth\": 3}, {}]");
    CU_ASSERT_EQUAL_FATAL(maqet_images_load(&context, "web", &images, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(images.count, 1);
    UNIT_SAME(images.items[0].path, "/a");
    CU_ASSERT_TRUE(images.items[0].created);
    CU_ASSERT_EQUAL(images.items[0].id.inode, 2);
    CU_ASSERT_TRUE(images.items[0].seen > 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(maqet_images_load(&context, "web", &images, NULL), 0);
    CU_ASSERT_EQUAL(images.count, 0);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"records are read as they were written", test_round_trip},
        {"a damaged list is an error", test_damaged},
        {"an unreadable list is an error", test_unreadable},
        {"for which machine an image was made", test_owner},
        {"the mark on an image", test_mark},
        {"what an earlier maqet kept", test_created},
        CU_TEST_INFO_NULL,
    };

    return unit_run("images", tests);
}
