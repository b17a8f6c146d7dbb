/* SPDX-License-Identifier: MIT */
/* The operation that is under way, written down: it comes back as it was, or not at all.
 */
#include "core/job/journal.h"
#include "core/base/removal.h"

#include <fcntl.h>

#include "core/base/json.h"
#include "core/checkpoint/checkpoint.h"
#include "core/kinds.h"
#include "core/machine/store.h"
#include "core/snapshot/revert.h"
#include "core/snapshot/snapshot.h"
#include "tests/unit/unit.h"

/* ---- a machine ---- */

struct scene {
    char *folder; /* of the machine */
    char *path;   /* of its journal */
    struct maqet_context context;
    struct maqet_journal journal;
};

static struct scene
scene_new(void)
{
    struct scene scene = {.journal = {0}};

    scene.context.data_dir = unit_folder();
    scene.context.job_kinds = maqet_kinds;
    scene.folder = maqet_format("%s/vms/vm", scene.context.data_dir);
    scene.path = maqet_format("%s/pending.json", scene.folder);
    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(scene.folder, 0700, NULL), 0);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_dir_remove(scene->context.data_dir, NULL);
    maqet_context_clear(&scene->context);
    maqet_journal_clear(&scene->journal);
    free(scene->folder);
    free(scene->path);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static void
write_journal(const struct scene *scene, const struct maqet_job_kind *kind, size_t phase,
              const char *name, const char *stand_in, const char *const *drives)
{
    struct maqet_journal journal = {
        .kind = kind, .phase = phase, .name = maqet_strdup(name)};
    struct maqet_error *error = NULL;

    journal.stand_in = maqet_strdup(stand_in);
    for (; *drives; drives++)
        maqet_journal_add_target(&journal, *drives, NULL);
    maqet_journal_record(&journal);
    CU_ASSERT_EQUAL(maqet_journal_write(&scene->context, "vm", &journal, &error), 0);
    UNIT_NO_ERROR(&error);
    maqet_journal_clear(&journal);
}

static void
read_journal(struct scene *scene)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_journal_read(&scene->context, "vm", &scene->journal, &error),
                    0);
    UNIT_NO_ERROR(&error);
}

static void
check_journal(const struct maqet_journal *journal, const struct maqet_job_kind *kind,
              size_t phase, const char *name, const char *stand_in, const char *drives)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < journal->target_count; i++)
        maqet_strings_add(&names, journal->targets[i].name);
    _cleanup_free_ char *joined = maqet_strings_join(&names, "|");

    CU_ASSERT_PTR_EQUAL(journal->kind, kind);
    CU_ASSERT_EQUAL(journal->phase, phase);
    UNIT_SAME(journal->name, name);
    UNIT_SAME(journal->stand_in, stand_in);
    UNIT_SAME(joined, drives);
}

/* Nothing of a former content, or of the damaged one, must be taken for what is pending.
 */
static void
check_nothing(const struct maqet_journal *journal)
{
    check_journal(journal, NULL, 0, NULL, NULL, "");
}

static const char *const two[] = {"hdd", "data", NULL};
static const char *const none[] = {NULL};

/* ---- there and back ---- */

static void
test_nothing_pending(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    scene.journal.kind = &maqet_kind_load;
    scene.journal.phase = MAQET_REVERT_DRIVES;
    scene.journal.name = maqet_strdup("old");
    maqet_journal_add_target(&scene.journal, "old", NULL);
    read_journal(&scene);
    check_nothing(&scene.journal);
    CU_ASSERT_FALSE(maqet_store_pending(&scene.context, "vm"));
}

static void
test_round_trips(void)
{
    static const char *const odd[] = {"a\"b\\c\n", "\xc3\xa4/", "", NULL};
    _cleanup_scene_ struct scene scene = scene_new();

    for (const struct maqet_job_kind *const *kind = maqet_kinds; *kind; kind++)
        for (size_t i = 0; i < (*kind)->phase_count; i++) {
            write_journal(&scene, *kind, i, "name", "other", two);
            CU_ASSERT_TRUE(maqet_store_pending(&scene.context, "vm"));
            read_journal(&scene);
            check_journal(&scene.journal, *kind, i, "name", "other", "hdd|data");
        }
    write_journal(&scene, &maqet_kind_delete, 0, odd[0], NULL, odd);
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_delete, 0, odd[0], NULL,
                  "a\"b\\c\n|\xc3\xa4/|");
    write_journal(&scene, &maqet_kind_create, 0, "n", NULL, none);
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_create, 0, "n", NULL, "");
}

static json_object *
id_as_json(const struct maqet_file_id *id)
{
    json_object *object = json_object_new_object();

    json_object_object_add(object, "device", json_object_new_int64((int64_t)id->device));
    json_object_object_add(object, "inode", json_object_new_int64((int64_t)id->inode));
    json_object_object_add(object, "birth", json_object_new_int64((int64_t)id->birth));
    return object;
}

/* Adds what the file says of the host's part: which file it is, and which the image. */
static void
add_identities(const struct scene *scene, json_object *wanted, const char *targets,
               const char *image)
{
    struct maqet_file_state state;
    struct maqet_file_id id;

    CU_ASSERT_TRUE(maqet_file_id_of_path(scene->path, &id));
    json_object_object_add(wanted, "file", id_as_json(&id));
    CU_ASSERT_TRUE(maqet_file_state_read(image, &state) && state.known);
    json_object *object = id_as_json(&state.id);
    json_object_object_add(object, "size", json_object_new_int64((int64_t)state.size));
    json_object_object_add(object, "modified", json_object_new_int64(state.modified));
    json_object_object_add(
        json_object_array_get_idx(json_object_object_get(wanted, targets), 0), "image",
        object);
}

/* The same in the words of this maqet and of an earlier one; the caller puts it. */
static json_object *
wanted_file(const struct scene *scene, const struct maqet_job_kind *kind, size_t phase,
            const char *image, const char *boot)
{
    _cleanup_free_ char *text = maqet_format(
        "{\"kind\": \"%s\", \"phase\": \"%s\", \"begun\": 5,"
        " \"boot\": \"%s\", \"interrupted\": 7, \"sealed\": true,"
        " \"data\": {\"name\": \"n\", \"stand_in\": \"s\"}, \"targets\": ["
        "{\"name\": \"hdd\", \"path\": \"%s\","
        " \"snapshot\": {\"id\": \"3\", \"seconds\": 8, \"nanoseconds\": 9}},"
        "{\"name\": \"data\"}]}",
        kind->word, kind->phases[phase].word, boot, image);
    json_object *wanted = json_tokener_parse(text);

    CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
    add_identities(scene, wanted, "targets", image);
    return wanted;
}

static json_object *
former_file(const struct scene *scene, const char *word, const char *image,
            const char *boot)
{
    _cleanup_free_ char *text = maqet_format(
        "{\"operation\": \"%s\", \"name\": \"n\", \"stand_in\": \"s\", \"begun\": 5,"
        " \"boot\": \"%s\", \"interrupted\": 7, \"sealed\": true, \"drives\": ["
        "{\"name\": \"hdd\", \"path\": \"%s\","
        " \"snapshot\": {\"id\": \"3\", \"seconds\": 8, \"nanoseconds\": 9}},"
        "{\"name\": \"data\"}]}",
        word, boot, image);
    json_object *file = json_tokener_parse(text);

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    add_identities(scene, file, "drives", image);
    return file;
}

/* A journal with all that there can be in one, of an image and of a drive without. */
static void
fill_journal(struct maqet_journal *journal, const struct maqet_job_kind *kind,
             size_t phase, const char *image)
{
    journal->kind = kind;
    journal->phase = phase;
    journal->name = maqet_strdup("n");
    journal->stand_in = maqet_strdup("s");
    journal->begun = 5;
    journal->interrupted = 7;
    journal->sealed = true;
    struct maqet_job_target *target = maqet_journal_add_target(journal, "hdd", image);
    target->has_snapshot = true;
    target->snapshot.id = maqet_strdup("3");
    target->snapshot.seconds = 8;
    target->snapshot.nanoseconds = 9;
    maqet_journal_add_target(journal, "data", NULL);
    maqet_journal_record(journal);
}

/* The words that another maqet, which recovers, has to understand. */
static void
test_file(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *image = unit_file(scene.folder, "image", "12345");
    struct stat status = {0};

    for (const struct maqet_job_kind *const *kind = maqet_kinds; *kind; kind++)
        for (size_t i = 0; i < (*kind)->phase_count; i++) {
            struct maqet_journal journal = {0};
            struct maqet_error *error = NULL;

            fill_journal(&journal, *kind, i, image);
            CU_ASSERT_EQUAL(maqet_journal_write(&scene.context, "vm", &journal, &error),
                            0);
            UNIT_NO_ERROR(&error);
            _cleanup_json_ json_object *wanted =
                wanted_file(&scene, *kind, i, image, journal.boot);
            _cleanup_json_ json_object *file = maqet_json_read(scene.path, NULL);
            CU_ASSERT_TRUE(json_object_equal(file, wanted));
            maqet_journal_clear(&journal);
        }
    CU_ASSERT_EQUAL(stat(scene.path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

/* What was read says of the image and the snapshot what was written. */
static void
check_image(struct scene *scene, const struct maqet_job_kind *kind, size_t phase,
            const char *image)
{
    struct maqet_journal *journal = &scene->journal;
    struct maqet_file_state state;

    read_journal(scene);
    check_journal(journal, kind, phase, "n", "s", "hdd|data");
    CU_ASSERT_TRUE(journal->begun == 5 && journal->interrupted == 7 && journal->sealed);
    CU_ASSERT_TRUE(maqet_journal_same_boot(journal));
    CU_ASSERT_PTR_NULL(maqet_journal_find_target(journal, "none"));
    const struct maqet_job_target *target = maqet_journal_find_target(journal, "hdd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(target);
    UNIT_SAME(target->path, image);
    UNIT_SAME(target->snapshot.id, "3");
    CU_ASSERT_TRUE(target->snapshot.seconds == 8 && target->snapshot.nanoseconds == 9);
    CU_ASSERT_TRUE(maqet_file_state_read(image, &state));
    CU_ASSERT_TRUE(maqet_file_state_same_file(&target->state, &state, true));
    CU_ASSERT_TRUE(maqet_file_state_same_content(&target->state, &state));
    target = maqet_journal_find_target(journal, "data");
    CU_ASSERT_PTR_NOT_NULL_FATAL(target);
    CU_ASSERT_FALSE(target->state.known);
    UNIT_SAME(target->path, NULL);
    CU_ASSERT_FALSE(target->has_snapshot);
}

static void
test_image_comes_back(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *image = unit_file(scene.folder, "image", "12345");

    fill_journal(&scene.journal, &maqet_kind_load, MAQET_REVERT_DRIVES, image);
    CU_ASSERT_EQUAL(maqet_journal_write(&scene.context, "vm", &scene.journal, NULL), 0);
    check_image(&scene, &maqet_kind_load, MAQET_REVERT_DRIVES, image);
}

/* Each word that an earlier maqet had for kind and phase together. */
static void
test_former(void)
{
    static const struct {
        const char *word;
        const struct maqet_job_kind *kind;
        size_t phase;
    } rows[] = {
        {"create", &maqet_kind_create, 0},
        {"overwrite", &maqet_kind_overwrite, 0},
        {"checkpoint", &maqet_kind_checkpoint_create, 0},
        {"prepare-load", &maqet_kind_load, MAQET_REVERT_PREPARE},
        {"load", &maqet_kind_load, MAQET_REVERT_DRIVES},
        {"undo-load", &maqet_kind_load, MAQET_REVERT_UNDO},
        {"delete", &maqet_kind_delete, 0},
        {"delete-checkpoint", &maqet_kind_checkpoint_delete, 0},
        {"resume", &maqet_kind_checkpoint_load, MAQET_REVERT_COUNT},
    };
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *image = unit_file(scene.folder, "image", "12345");
    struct maqet_journal now = {0};

    maqet_journal_record(&now);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        free(unit_file(scene.folder, "pending.json", ""));
        _cleanup_json_ json_object *file =
            former_file(&scene, rows[i].word, image, now.boot);
        free(unit_file(scene.folder, "pending.json", json_object_to_json_string(file)));
        check_image(&scene, rows[i].kind, rows[i].phase, image);
    }
    maqet_journal_clear(&now);
}

/* An earlier maqet wrote what is beyond INT64_MAX as a negative number. */
static void
test_former_numbers(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    struct maqet_journal journal = {0};

    free(unit_file(scene.folder, "pending.json",
                   "{\"operation\": \"create\", \"name\": \"n\","
                   " \"file\": {\"device\": 1, \"inode\": -2, \"birth\": 3},"
                   " \"drives\": [{\"name\": \"hdd\", \"path\": \"/hdd\","
                   " \"image\": {\"device\": 4, \"inode\": -8070450532247928831}}]}"));
    CU_ASSERT_EQUAL_FATAL(maqet_journal_read(&scene.context, "vm", &journal, NULL), 0);
    CU_ASSERT_EQUAL(journal.file.inode, UINT64_MAX - 1);
    CU_ASSERT_EQUAL_FATAL(journal.target_count, 1);
    CU_ASSERT_EQUAL(journal.targets[0].state.id.inode, 0x9000000000000001);
    maqet_journal_clear(&journal);
}

/* A file that is written to, and one that takes its place, even with the same content and
 * date. */
static void
test_changed_image(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *image = unit_file(scene.folder, "image", "12345");
    _cleanup_free_ char *other = unit_file(scene.folder, "other", "12345");
    const struct timespec later[] = {{.tv_nsec = UTIME_OMIT},
                                     {.tv_sec = 5, .tv_nsec = 1}};
    struct maqet_file_state state, now;

    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, image, later, 0), 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, other, later, 0), 0);
    CU_ASSERT_TRUE(maqet_file_state_read(image, &state) && state.known);
    CU_ASSERT_EQUAL(state.size, 5);
    CU_ASSERT_EQUAL(state.modified, INT64_C(5000000001));
    CU_ASSERT_EQUAL(truncate(image, 6), 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, image, later, 0), 0);
    CU_ASSERT_TRUE(maqet_file_state_read(image, &now));
    CU_ASSERT_TRUE(maqet_file_state_same_file(&state, &now, true));
    CU_ASSERT_FALSE(maqet_file_state_same_content(&state, &now));
    CU_ASSERT_EQUAL(rename(other, image), 0);
    CU_ASSERT_TRUE(maqet_file_state_read(image, &now));
    CU_ASSERT_TRUE(maqet_file_state_same_content(&state, &now));
    CU_ASSERT_FALSE(maqet_file_state_same_file(&state, &now, true));
    CU_ASSERT_FALSE(maqet_file_state_same_file(&state, &now, false));
    CU_ASSERT_FALSE(maqet_file_state_read(other, &now));
    CU_ASSERT_TRUE(maqet_file_state_read("/dev/null", &now));
    CU_ASSERT_FALSE(now.known);
}

/* Numbers of devices may change when the host is started again; without a time of birth
 * nothing else tells a file from a later one. */
static void
test_other_boot(void)
{
    struct maqet_file_id a = {.device = 1, .inode = 2, .birth = 3}, b = a;

    CU_ASSERT_TRUE(maqet_file_id_same(&a, &b, true));
    b.device = 9;
    CU_ASSERT_FALSE(maqet_file_id_same(&a, &b, true));
    CU_ASSERT_TRUE(maqet_file_id_same(&a, &b, false));
    b.birth = 9;
    CU_ASSERT_FALSE(maqet_file_id_same(&a, &b, false));
    a.birth = b.birth = 0;
    CU_ASSERT_FALSE(maqet_file_id_same(&a, &b, false));
}

/* A journal that was copied, over another one too, is known from the one that was
 * written; moving it within its file system makes no copy. */
static void
test_copied(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *moved = maqet_format("%s/moved", scene.folder);
    _cleanup_free_ char *text = NULL;

    write_journal(&scene, &maqet_kind_load, MAQET_REVERT_DRIVES, "name", NULL, two);
    read_journal(&scene);
    CU_ASSERT_FALSE(scene.journal.copied);
    CU_ASSERT_EQUAL(rename(scene.path, moved), 0);
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(moved, 4096, &text, NULL, NULL), 0);
    free(unit_file(scene.folder, "pending.json", text));
    read_journal(&scene);
    CU_ASSERT_TRUE(scene.journal.copied);
    write_journal(&scene, &maqet_kind_delete, 0, "later", NULL, two);
    free(unit_file(scene.folder, "pending.json", text));
    read_journal(&scene);
    UNIT_SAME(scene.journal.name, "name");
    CU_ASSERT_TRUE(scene.journal.copied);
    CU_ASSERT_EQUAL(rename(moved, scene.path), 0);
    read_journal(&scene);
    CU_ASSERT_FALSE(scene.journal.copied);
}

static void
test_remove(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *message =
        maqet_format("Cannot delete %s/vms/none/pending.json: No such file or "
                     "directory",
                     scene.context.data_dir);
    struct maqet_error *error = NULL;

    write_journal(&scene, &maqet_kind_create, 0, "name", NULL, two);
    CU_ASSERT_EQUAL(maqet_journal_remove(&scene.context, "vm", &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_FALSE(maqet_store_pending(&scene.context, "vm"));
    read_journal(&scene);
    check_nothing(&scene.journal);
    CU_ASSERT_EQUAL(maqet_journal_remove(&scene.context, "vm", &error), 0);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_EQUAL(maqet_journal_remove(&scene.context, "none", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, message);
}

/* ---- files that are not as they should be ---- */

/* The journal is not read, and is pending as before. */
static void
check_refused(struct scene *scene, const char *text, const char *why)
{
    _cleanup_free_ char *message = maqet_format(
        "VM 'vm': an operation on its snapshots was interrupted, but cannot be read: "
        "%s%s",
        scene->path, why);
    struct maqet_error *error = NULL;

    free(unit_file(scene->folder, "pending.json", text));
    CU_ASSERT_EQUAL(maqet_journal_read(&scene->context, "vm", &scene->journal, &error),
                    -1);
    CU_ASSERT_TRUE_FATAL(error && error->hints.count == 2);
    UNIT_HINT(error, 0, "See which snapshots there are: maqet snapshot vm list");
    UNIT_HINT(error, 1,
              "Leave the images as they are and continue: maqet recover vm --forget");
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    check_nothing(&scene->journal);
    CU_ASSERT_TRUE(maqet_store_pending(&scene->context, "vm"));
}

/* Wherever it was cut off: no operation is taken for another one. */
static void
test_cut_off(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *whole = NULL;

    write_journal(&scene, &maqet_kind_overwrite, 0, "name", "other", two);
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(scene.path, 4096, &whole, NULL, NULL), 0);
    size_t length = strlen(whole);
    CU_ASSERT_TRUE_FATAL(length > 2 && strcmp(whole + length - 2, "}\n") == 0);
    for (size_t i = 0; i < length - 1; i++) {
        _cleanup_free_ char *part = maqet_strndup(whole, i);

        check_refused(&scene, part, " is damaged: it is not JSON");
    }
}

#define DRIVES "\"drives\": [\"hdd\"]"
#define TARGETS "\"targets\": [{\"name\": \"hdd\"}]"
#define DATA "\"data\": {\"name\": \"n\"}"

/* JSON, but not what we write. */
static void
test_foreign(void)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "5",
        "\"create\"",
        "{\"operation\": \"create\", \"name\": \"n\"}",
        "{\"operation\": \"create\", \"name\": \"n\", \"drives\": \"hdd\"}",
        "{\"operation\": \"create\", \"name\": \"n\", \"drives\": {\"hdd\": 1}}",
        "{\"operation\": \"create\", \"name\": \"n\", \"drives\": [\"hdd\", null]}",
        "{\"operation\": \"create\", \"name\": \"n\", \"drives\": [5]}",
        "{\"operation\": \"create\", \"name\": \"n\", \"drives\": [[\"hdd\"]]}",
        "{\"operation\": \"create\", " DRIVES "}",
        "{\"operation\": \"create\", \"name\": 5, " DRIVES "}",
        "{\"operation\": \"create\", \"name\": \"n\", \"stand_in\": 5, " DRIVES "}",
        "{\"operation\": \"overwrite\", \"name\": \"n\", " DRIVES "}",
        "{\"operation\": \"overwrite\", \"name\": \"n\", \"stand_in\": {}, " DRIVES "}",
        "{\"operation\": \"none\", \"name\": \"n\", " DRIVES "}",
        "{\"operation\": \"creat\", \"name\": \"n\", " DRIVES "}",
        "{\"operation\": \"\", \"name\": \"n\", " DRIVES "}",
        "{\"operation\": 1, \"name\": \"n\", " DRIVES "}",
        "{\"name\": \"n\", " DRIVES "}",
        "{\"operation\": \"load\", \"name\": \"n\", \"drives\": [{}]}",
        "{\"operation\": \"load\", \"name\": \"n\", \"drives\": [{\"name\": 5}]}",
        ("{\"operation\": \"load\", \"name\": \"n\", \"drives\": [{\"name\": \"a\","
         " \"snapshot\": {\"seconds\": 5}}]}"),
        "{\"kind\": \"create\", " DATA ", " TARGETS "}",
        "{\"kind\": \"create\", \"phase\": \"revert\", " DATA ", " TARGETS "}",
        "{\"kind\": \"other\", \"phase\": \"make\", " DATA ", " TARGETS "}",
        "{\"kind\": \"create\", \"phase\": 5, " DATA ", " TARGETS "}",
        "{\"kind\": \"create\", \"phase\": \"make\", " DATA "}",
        "{\"kind\": \"create\", \"phase\": \"make\", " TARGETS "}",
        "{\"kind\": \"create\", \"phase\": \"make\", \"data\": [], " TARGETS "}",
        "{\"kind\": \"create\", \"phase\": \"make\", \"data\": {}, " TARGETS "}",
        "{\"kind\": \"overwrite\", \"phase\": \"replace\", " DATA ", " TARGETS "}",
    };
    _cleanup_scene_ struct scene scene = scene_new();

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        check_refused(&scene, texts[i],
                      " is damaged, or was written by a later "
                      "version of maqet");
}

/* What was read before does not show through. */
static void
test_refusal_clears(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    write_journal(&scene, &maqet_kind_load, MAQET_REVERT_DRIVES, "name", "other", two);
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_load, MAQET_REVERT_DRIVES, "name", "other",
                  "hdd|data");
    check_refused(&scene, "{", " is damaged: it is not JSON");
}

/* What a later maqet adds, and this one need not know, does no harm. */
static void
test_additions(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    free(unit_file(scene.folder, "pending.json",
                   "{\"operation\": \"load\", \"name\": \"n\", \"more\": 5, " DRIVES
                   ", \"stand_in\": null}"));
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_load, MAQET_REVERT_DRIVES, "n", NULL,
                  "hdd");
}

/* An earlier maqet wrote the drives' names alone, and nothing of their images. */
static void
test_earlier(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    free(unit_file(scene.folder, "pending.json",
                   "{\"operation\": \"delete\", \"name\": \"n\", " DRIVES "}"));
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_delete, 0, "n", NULL, "hdd");
    CU_ASSERT_PTR_NULL(scene.journal.boot);
    CU_ASSERT_FALSE(scene.journal.sealed);
    CU_ASSERT_FALSE(scene.journal.targets[0].state.known);
    CU_ASSERT_FALSE(maqet_journal_same_boot(&scene.journal));
}

static void
test_no_file(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL_FATAL(mkdir(scene.path, 0700), 0);
    CU_ASSERT_EQUAL(maqet_journal_read(&scene.context, "vm", &scene.journal, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, scene.path));
    maqet_error_free(error);
    check_nothing(&scene.journal);
}

/* ---- the disk ---- */

/* The old journal stays whole, and nothing else stays. */
static void
test_failed_write(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_free_ char *message =
        maqet_format("Cannot write %s: File too large", scene.path);
    struct maqet_error *error = NULL;

    write_journal(&scene, &maqet_kind_load, MAQET_REVERT_PREPARE, "name", NULL, two);
    read_journal(&scene);
    scene.journal.phase = MAQET_REVERT_DRIVES;
    unit_disk_full(true);
    int result = maqet_journal_write(&scene.context, "vm", &scene.journal, &error);
    unit_disk_full(false);
    CU_ASSERT_EQUAL(result, -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_EQUAL(maqet_dir_list(scene.folder, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 1);
    read_journal(&scene);
    check_journal(&scene.journal, &maqet_kind_load, MAQET_REVERT_PREPARE, "name", NULL,
                  "hdd|data");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"nothing is pending", test_nothing_pending},
        {"round trips", test_round_trips},
        {"the file", test_file},
        {"an image comes back", test_image_comes_back},
        {"an earlier maqet's words", test_former},
        {"an earlier maqet's numbers", test_former_numbers},
        {"a changed image", test_changed_image},
        {"another boot", test_other_boot},
        {"copies", test_copied},
        {"removal", test_remove},
        {"files that were cut off", test_cut_off},
        {"foreign files", test_foreign},
        {"a refusal leaves nothing", test_refusal_clears},
        {"additions", test_additions},
        {"an earlier maqet's", test_earlier},
        {"no file", test_no_file},
        {"a failed write", test_failed_write},
        CU_TEST_INFO_NULL,
    };

    return unit_run("journal", tests);
}
