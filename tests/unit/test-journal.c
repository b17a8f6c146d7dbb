/* SPDX-License-Identifier: MIT */
/* The operation that is under way, written down: it comes back as it was, or not at all.
 */
#include "core/snapshot/journal.h"

#include "core/base/json.h"
#include "core/vm/store.h"
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
write_journal(const struct scene *scene, enum maqet_operation operation, const char *name,
              const char *stand_in, const char *const *drives)
{
    struct maqet_journal journal = {.operation = operation,
                                    .name = maqet_strdup(name),
                                    .stand_in = maqet_strdup(stand_in)};
    struct maqet_error *error = NULL;

    for (; *drives; drives++)
        maqet_strings_add(&journal.drives, *drives);
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
check_journal(const struct maqet_journal *journal, enum maqet_operation operation,
              const char *name, const char *stand_in, const char *drives)
{
    _cleanup_free_ char *joined = maqet_strings_join(&journal->drives, "|");

    CU_ASSERT_EQUAL(journal->operation, operation);
    UNIT_SAME(journal->name, name);
    UNIT_SAME(journal->stand_in, stand_in);
    UNIT_SAME(joined, drives);
}

/* Nothing of a former content, or of the damaged one, must be taken for what is pending.
 */
static void
check_nothing(const struct maqet_journal *journal)
{
    check_journal(journal, MAQET_OPERATION_NONE, NULL, NULL, "");
}

static const char *const two[] = {"hdd", "data", NULL};
static const char *const none[] = {NULL};

/* ---- there and back ---- */

static void
test_nothing_pending(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    scene.journal.operation = MAQET_OPERATION_LOAD;
    scene.journal.name = maqet_strdup("old");
    maqet_strings_add(&scene.journal.drives, "old");
    read_journal(&scene);
    check_nothing(&scene.journal);
    CU_ASSERT_FALSE(maqet_store_pending(&scene.context, "vm"));
}

static void
test_round_trips(void)
{
    static const char *const odd[] = {"a\"b\\c\n", "\xc3\xa4/", "", NULL};
    _cleanup_scene_ struct scene scene = scene_new();

    for (int i = MAQET_OPERATION_CREATE; i <= MAQET_OPERATION_DELETE; i++) {
        enum maqet_operation operation = (enum maqet_operation)i;

        write_journal(&scene, operation, "name", "other", two);
        CU_ASSERT_TRUE(maqet_store_pending(&scene.context, "vm"));
        read_journal(&scene);
        check_journal(&scene.journal, operation, "name", "other", "hdd|data");
    }
    write_journal(&scene, MAQET_OPERATION_DELETE, odd[0], NULL, odd);
    read_journal(&scene);
    check_journal(&scene.journal, MAQET_OPERATION_DELETE, odd[0], NULL,
                  "a\"b\\c\n|\xc3\xa4/|");
    write_journal(&scene, MAQET_OPERATION_CREATE, "n", NULL, none);
    read_journal(&scene);
    check_journal(&scene.journal, MAQET_OPERATION_CREATE, "n", NULL, "");
}

/* The words that another maqet, which repairs, has to understand. */
static void
test_file(void)
{
    static const char *const words[] = {
        "create", "overwrite", "checkpoint", "prepare-load",
        "load",   "undo-load", "delete",     "delete-checkpoint",
    };
    _cleanup_scene_ struct scene scene = scene_new();
    struct stat status = {0};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        _cleanup_free_ char *text =
            maqet_format("{\"operation\": \"%s\", \"name\": \"n\", \"stand_in\": \"s\","
                         " \"drives\": [\"hdd\", \"data\"]}",
                         words[i]);
        _cleanup_json_ json_object *wanted = json_tokener_parse(text);

        write_journal(&scene, (enum maqet_operation)(MAQET_OPERATION_CREATE + i), "n",
                      "s", two);
        _cleanup_json_ json_object *file = maqet_json_read(scene.path, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
        CU_ASSERT_TRUE(json_object_equal(file, wanted));
    }
    CU_ASSERT_EQUAL(stat(scene.path, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

static void
test_remove(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *message =
        maqet_format("Can't remove %s/vms/none/pending.json: No such file or directory",
                     scene.context.data_dir);
    struct maqet_error *error = NULL;

    write_journal(&scene, MAQET_OPERATION_CREATE, "name", NULL, two);
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
check_refused(struct scene *scene, const char *text, const char *why, const char *hint)
{
    _cleanup_free_ char *message = maqet_format("%s%s", scene->path, why);
    struct maqet_error *error = NULL;

    free(unit_file(scene->folder, "pending.json", text));
    CU_ASSERT_EQUAL(maqet_journal_read(&scene->context, "vm", &scene->journal, &error),
                    -1);
    UNIT_SAME(error && error->hints.count > 0 ? error->hints.items[0] : NULL, hint);
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

    write_journal(&scene, MAQET_OPERATION_OVERWRITE, "name", "other", two);
    CU_ASSERT_EQUAL_FATAL(maqet_file_read(scene.path, 4096, &whole, NULL, NULL), 0);
    size_t length = strlen(whole);
    CU_ASSERT_TRUE_FATAL(length > 2 && strcmp(whole + length - 2, "}\n") == 0);
    for (size_t i = 0; i < length - 1; i++) {
        _cleanup_free_ char *part = maqet_strndup(whole, i);

        check_refused(&scene, part, " is damaged: it is no JSON", NULL);
    }
}

#define DRIVES "\"drives\": [\"hdd\"]"

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
    };
    _cleanup_scene_ struct scene scene = scene_new();

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        check_refused(&scene, texts[i], " is damaged, or was written by a later maqet",
                      "Look at the snapshots (qemu-img snapshot -l FILE) and remove that "
                      "file when they are as they should be");
}

/* What was read before does not show through. */
static void
test_refusal_clears(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    write_journal(&scene, MAQET_OPERATION_LOAD, "name", "other", two);
    read_journal(&scene);
    check_journal(&scene.journal, MAQET_OPERATION_LOAD, "name", "other", "hdd|data");
    check_refused(&scene, "{", " is damaged: it is no JSON", NULL);
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
    check_journal(&scene.journal, MAQET_OPERATION_LOAD, "n", NULL, "hdd");
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
        maqet_format("Can't write %s: File too large", scene.path);
    struct maqet_error *error = NULL;

    write_journal(&scene, MAQET_OPERATION_PREPARE, "name", NULL, two);
    read_journal(&scene);
    scene.journal.operation = MAQET_OPERATION_LOAD;
    unit_disk_full(true);
    int result = maqet_journal_write(&scene.context, "vm", &scene.journal, &error);
    unit_disk_full(false);
    CU_ASSERT_EQUAL(result, -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_EQUAL(maqet_dir_list(scene.folder, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 1);
    read_journal(&scene);
    check_journal(&scene.journal, MAQET_OPERATION_PREPARE, "name", NULL, "hdd|data");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"nothing is pending", test_nothing_pending},
        {"round trips", test_round_trips},
        {"the file", test_file},
        {"removal", test_remove},
        {"files that were cut off", test_cut_off},
        {"foreign files", test_foreign},
        {"a refusal leaves nothing", test_refusal_clears},
        {"additions", test_additions},
        {"no file", test_no_file},
        {"a failed write", test_failed_write},
        CU_TEST_INFO_NULL,
    };

    return unit_run("journal", tests);
}
