/* SPDX-License-Identifier: MIT */
/*
 * A drive gets another image (move, convert), does without its backing file (flatten), or has its
 * snapshots elsewhere (snapshot convert): what an interruption leaves, and what the next command
 * makes of it. QEMU does not run.
 */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/config/saved.h"
#include "core/lifecycle/move.h"
#include "core/lifecycle/relocation.h"
#include "core/lifecycle/relocation_entry.h"
#include "core/machine/entries.h"
#include "core/snapshot/convert.h"
#include "core/snapshot/flatten.h"
#include "core/snapshot/model.h"
#include "tests/unit/jobs.h"
#include "tests/unit/qcow2.h"

static struct maqet_opened *
open_machine(struct scene *scene)
{
    struct maqet_error *error = NULL;
    struct maqet_opened *machine =
        maqet_open(&scene->context, "vm",
                   MAQET_OPEN_LOCK | MAQET_OPEN_FOLDER | MAQET_OPEN_VM, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(machine);
    maqet_strings_clear(&scene->said);
    return machine;
}

/* A key of the first drive in the stored definition, without its folder; "-": it has none. The
 * caller frees. */
static char *
stored(struct scene *scene, const char *key)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(&scene->context, "vm", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    json_object *entry =
        json_object_array_get_idx(json_object_object_get(definition->tree, "storage"), 0);
    const char *text = maqet_tree_text(entry, key);
    size_t length = strlen(scene->folder);

    if (text && strncmp(text, scene->folder, length) == 0)
        text += length + 1;
    return maqet_strdup(text ? text : "-");
}

#define STORED(scene, key, wanted)                                                       \
    do {                                                                                 \
        _cleanup_free_ char *stored_ = stored(scene, key);                               \
        UNIT_SAME(stored_, wanted);                                                      \
    } while (0)

static bool
is_there(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, name);

    return !maqet_file_missing(path);
}

static void
drop(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, name);

    CU_ASSERT_EQUAL(unlink(path), 0);
}

/* Writes to a file in a minute from now. */
static void
write_later(const struct scene *scene, const char *name)
{
    _cleanup_free_ char *path = maqet_format("%s/%s", scene->folder, name);
    const struct timespec later[] = {{.tv_nsec = UTIME_OMIT},
                                     {.tv_sec = time(NULL) + 60}};

    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, later, 0), 0);
}

/* Gives up the job; the caller frees what is said to be kept. */
static char *
forget(struct scene *scene)
{
    _cleanup_strings_ struct maqet_strings kept = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    bool pending;

    CU_ASSERT_EQUAL(maqet_job_decide(&scene->context, "vm", MAQET_RECOVERY_FORGET,
                                     &pending, &kept, &error),
                    0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE(pending && !scene_pending(scene));
    return maqet_strings_join(&kept, "; ");
}

/* ---- move and convert ---- */

/* How far it has come: its new image has its name, and the definition names it. */
enum { COPIED, COMMITTED, REMOVING };

static void
open_relocation(struct maqet_relocation *relocation, const struct maqet_storage *type)
{
    struct maqet_opened *machine = relocation->machine;
    const struct maqet_drive *drive = machine->vm->drives[0];
    json_object *entry = maqet_entries_find(machine->vm->definition, drive->name);
    _cleanup_strings_ struct maqet_strings dropped = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;
    _cleanup_json_ json_object *after =
        maqet_relocation_entry(drive, entry, type, relocation->to, &dropped, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(after);
    relocation->stored = json_object_get(after);
    CU_ASSERT_EQUAL_FATAL(
        maqet_plugging_open(&relocation->before, machine, entry, &error), 0);
    CU_ASSERT_EQUAL_FATAL(maqet_plugging_open(&relocation->after, machine, after, &error),
                          0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE_FATAL(maqet_file_id_of_path(relocation->from, &relocation->old));
}

/* The image of the first drive gets the path "new.img" as another name of the same file, or as one of
 * the type @type that is created. */
static void
leave_relocation(struct scene *scene, const struct maqet_job_kind *kind, const char *type,
                 int far)
{
    _cleanup_opened_ struct maqet_opened *machine = open_machine(scene);
    _cleanup_relocation_ struct maqet_relocation relocation = {
        .machine = machine,
        .from = maqet_format("%s/hdd.img", scene->folder),
        .to = maqet_format("%s/new.img", scene->folder),
        .converts = type,
        .whole = !type};
    _cleanup_job_ struct maqet_job job = {0};
    struct maqet_error *error = NULL;

    open_relocation(&relocation,
                    type ? maqet_storage_load(&scene->context, type, NULL) : NULL);
    CU_ASSERT_EQUAL_FATAL(maqet_relocation_begin(&relocation, &job, kind, &error), 0);
    UNIT_NO_ERROR(&error);
    if (type)
        free(unit_file(scene->folder, "new.img", "a\n"));
    else
        CU_ASSERT_EQUAL_FATAL(link(relocation.from, relocation.to), 0);
    CU_ASSERT_TRUE(maqet_file_id_of_path(relocation.to, &relocation.new));
    CU_ASSERT_EQUAL(maqet_relocation_record(&relocation, relocation.after.drive, NULL,
                                            &relocation.new, NULL),
                    0);
    if (type)
        relocation.new = (struct maqet_file_id){0};
    CU_ASSERT_EQUAL(maqet_relocation_note(&relocation, &job, MAQET_RELOCATION_COPY, NULL),
                    0);
    if (far >= COMMITTED)
        CU_ASSERT_EQUAL(maqet_relocation_commit(&relocation, NULL), 0);
    if (far >= REMOVING)
        CU_ASSERT_EQUAL(maqet_job_phase(&job, MAQET_RELOCATION_REMOVE, NULL), 0);
}

#define MOVE "VM 'vm': move of drive 'hdd' was interrupted; "
#define CONVERSION "VM 'vm': conversion of drive 'hdd' was interrupted; "
#define NOTHING "nothing is left of it"
#define COMPLETED "it has been completed"

static void
test_relocation(void)
{
    static const struct {
        const struct maqet_job_kind *kind;
        const char *type;
        int far;
        const char *said, *file;
        bool old, new;
    } rows[] = {
        {&maqet_kind_move, NULL, COPIED, MOVE NOTHING, "hdd.img", true, false},
        {&maqet_kind_move, NULL, COMMITTED, MOVE COMPLETED, "new.img", false, true},
        {&maqet_kind_move, NULL, REMOVING, MOVE COMPLETED, "new.img", false, true},
        {&maqet_kind_convert, "copies", COPIED, CONVERSION NOTHING, "hdd.img", true,
         false},
        /* maqet has not created the old one. */
        {&maqet_kind_convert, "copies", COMMITTED, CONVERSION COMPLETED, "new.img", true,
         true},
        {&maqet_kind_convert, "copies", REMOVING, CONVERSION COMPLETED, "new.img", true,
         true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        unit_plugin(scene.context.plugin_dirs.items[0], "maqet-storage-copies.so");
        leave_relocation(&scene, rows[i].kind, rows[i].type, rows[i].far);
        scene_recover(&scene, rows[i].said);
        STORED(&scene, "file", rows[i].file);
        CU_ASSERT_EQUAL(is_there(&scene, "hdd.img"), rows[i].old);
        CU_ASSERT_EQUAL(is_there(&scene, "new.img"), rows[i].new);
    }
}

/* The last file with what the drive holds is never removed. */
static void
test_move_old_is_gone(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave_relocation(&scene, &maqet_kind_move, NULL, COPIED);
    drop(&scene, "hdd.img");
    scene_recover(&scene, MOVE NOTHING);
    CU_ASSERT_TRUE(is_there(&scene, "new.img"));
}

/* Nor is the old one without the new one. */
static void
test_move_new_is_gone(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene);
    leave_relocation(&scene, &maqet_kind_move, NULL, COMMITTED);
    drop(&scene, "new.img");
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "is not there, so the old one"));
    maqet_error_free(error);
    CU_ASSERT_TRUE(scene_pending(&scene));
    CU_ASSERT_TRUE(is_there(&scene, "hdd.img"));
}

static void
test_convert_written(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    unit_plugin(scene.context.plugin_dirs.items[0], "maqet-storage-copies.so");
    leave_relocation(&scene, &maqet_kind_convert, "copies", COPIED);
    write_later(&scene, "new.img");
    _cleanup_free_ char *said =
        maqet_format("VM 'vm', drive 'hdd': %s/new.img, the new image, is kept: it was "
                     "written to since; " CONVERSION NOTHING,
                     scene.folder);
    scene_recover(&scene, said);
    CU_ASSERT_TRUE(is_there(&scene, "new.img"));
    STORED(&scene, "file", "hdd.img");
}

static void
test_move_forgotten(void)
{
    for (int far = COPIED; far <= COMMITTED; far++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_relocation(&scene, &maqet_kind_move, NULL, far);
        _cleanup_free_ char *kept = forget(&scene);
        _cleanup_free_ char *wanted = maqet_format("the file %s/%s", scene.folder,
                                                   far == COPIED ? "new.img" : "hdd.img");
        UNIT_SAME(kept, wanted);
        CU_ASSERT_TRUE(is_there(&scene, "hdd.img") && is_there(&scene, "new.img"));
    }
}

/* ---- flatten ---- */

/* A drive on a backing file, of which the job is left. */
static void
leave_flattening(struct scene *scene, bool merged)
{
    const char *plugins = scene->context.plugin_dirs.items[0];
    _cleanup_free_ char *folder = maqet_store_file(&scene->context, "vm", "");
    _cleanup_free_ char *base = maqet_format("%s/base.qcow2", scene->folder);
    _cleanup_free_ char *image = maqet_format("%s/top.qcow2", scene->folder);
    _cleanup_job_ struct maqet_job job = {0};

    unit_plugin_as(plugins, "../../../.libs/maqet-storage-qcow2.so",
                   "maqet-storage-qcow2.so");
    CU_ASSERT_EQUAL(maqet_dir_remove(folder, NULL), 0);
    scene_add_machine(scene,
                      "  - {name: hdd, type: qcow2, interface: slots, file: top.qcow2, "
                      "backing_file: base.qcow2, backing_format: qcow2}\n");
    unit_tool("qemu-img", "create", "-q", "-f", "qcow2", base, "1M", NULL);
    if (merged)
        unit_tool("qemu-img", "create", "-q", "-f", "qcow2", image, "1M", NULL);
    else
        unit_tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2",
                  image, NULL);
    _cleanup_opened_ struct maqet_opened *machine = open_machine(scene);
    json_object *entry = maqet_entries_find(machine->vm->definition, "hdd");
    _cleanup_json_ json_object *details = maqet_json_object(
        "entry", maqet_tree_save(entry), "pid", json_object_new_int64(0), NULL);
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_flatten, "hdd");
    job.journal.details = maqet_strdup(json_object_to_json_string(details));
    CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, NULL), 0);
}

#define FLATTENING "VM 'vm': flattening of drive 'hdd' was interrupted; "

static void
test_flatten(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave_flattening(&scene, false);
    scene_recover(&scene, FLATTENING "the drive stands on its backing file as before");
    STORED(&scene, "backing_file", "base.qcow2");
}

static void
test_flatten_merged(void)
{
    _cleanup_scene_ struct scene scene;

    scene_begin(&scene);
    leave_flattening(&scene, true);
    scene_recover(&scene, FLATTENING COMPLETED);
    STORED(&scene, "backing_file", "-");
    STORED(&scene, "backing_format", "-");
}

static void
test_flatten_forgotten(void)
{
    static const char *const kept[][2] = {
        {"what has been merged into ", ""},
        {"", ", which stands alone now, although the definition names its backing file"},
    };

    for (int merged = 0; merged < 2; merged++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_flattening(&scene, merged);
        _cleanup_free_ char *all = forget(&scene);
        _cleanup_free_ char *wanted = maqet_format("%s%s/top.qcow2%s", kept[merged][0],
                                                   scene.folder, kept[merged][1]);
        UNIT_SAME(all, wanted);
        STORED(&scene, "backing_file", "base.qcow2");
    }
}

/* ---- the conversion of snapshots ---- */

/* The snapshots are to be inside of the image, whose new file is there. */
static void
leave_conversion(struct scene *scene, bool recorded, size_t phase)
{
    _cleanup_opened_ struct maqet_opened *machine = open_machine(scene);
    _cleanup_model_ struct maqet_model_change change = {0};
    _cleanup_job_ struct maqet_job job = {0};

    maqet_model_begin(&change, machine, machine->vm->drives[0], false);
    maqet_job_find(&job, machine);
    maqet_job_plan(&job, &maqet_kind_convert_snapshots, "hdd");
    job.journal.details = maqet_model_details(&change);
    CU_ASSERT_EQUAL_FATAL(maqet_job_begin(&job, NULL), 0);
    free(unit_file(scene->folder, "hdd.img.maqet-convert", "new\n"));
    if (recorded)
        CU_ASSERT_TRUE(maqet_file_id_of_path(change.staged, &change.new));
    CU_ASSERT_EQUAL(maqet_model_note(&change, &job, phase, NULL), 0);
}

#define SNAPSHOTS "VM 'vm': conversion of the snapshots of drive 'hdd' was interrupted; "

static void
test_snapshots_build(void)
{
    for (int recorded = 0; recorded < 2; recorded++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_conversion(&scene, recorded, MAQET_MODEL_BUILD);
        scene_recover(&scene, SNAPSHOTS NOTHING);
        /* One that may be somebody else's stays. */
        CU_ASSERT_EQUAL(is_there(&scene, "hdd.img.maqet-convert"), !recorded);
        SCENE_IMAGE(&scene, "hdd", "a |");
        STORED(&scene, "snapshots", "-");
    }
}

static void
test_snapshots_switch(void)
{
    for (int renamed = 0; renamed < 2; renamed++) {
        _cleanup_scene_ struct scene scene;

        scene_begin(&scene);
        leave_conversion(&scene, true, MAQET_MODEL_SWITCH);
        _cleanup_free_ char *staged =
            maqet_format("%s/hdd.img.maqet-convert", scene.folder);
        _cleanup_free_ char *image = maqet_format("%s/hdd.img", scene.folder);
        if (renamed)
            CU_ASSERT_EQUAL(rename(staged, image), 0);
        scene_recover(&scene, SNAPSHOTS COMPLETED);
        CU_ASSERT_FALSE(is_there(&scene, "hdd.img.maqet-convert"));
        SCENE_IMAGE(&scene, "hdd", "new |");
        STORED(&scene, "snapshots", "internal");
    }
}

/* What was written to the image since would be lost. */
static void
test_snapshots_written(void)
{
    _cleanup_scene_ struct scene scene;
    struct maqet_error *error = NULL;

    scene_begin(&scene);
    leave_conversion(&scene, true, MAQET_MODEL_SWITCH);
    write_later(&scene, "hdd.img");
    CU_ASSERT_EQUAL(scene_open(&scene, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "was written to since"));
    maqet_error_free(error);
    CU_ASSERT_TRUE(scene_pending(&scene));
    SCENE_IMAGE(&scene, "hdd", "a |");
    _cleanup_free_ char *kept = forget(&scene);
    _cleanup_free_ char *wanted =
        maqet_format("the file %s/hdd.img.maqet-convert", scene.folder);
    UNIT_SAME(kept, wanted);
    CU_ASSERT_TRUE(is_there(&scene, "hdd.img.maqet-convert"));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"move and convert", test_relocation},
        {"move: the old image is gone", test_move_old_is_gone},
        {"move: the new image is gone", test_move_new_is_gone},
        {"move: forgotten", test_move_forgotten},
        {"convert: the new image was written to", test_convert_written},
        {"flatten: not merged", test_flatten},
        {"flatten: merged", test_flatten_merged},
        {"flatten: forgotten", test_flatten_forgotten},
        {"snapshots: building", test_snapshots_build},
        {"snapshots: switching", test_snapshots_switch},
        {"snapshots: the image was written to", test_snapshots_written},
        CU_TEST_INFO_NULL,
    };

    if (!unit_plugins_built() || !unit_have_qemu_tools())
        return UNIT_SKIP;
    return unit_run("recovery of images", tests);
}
