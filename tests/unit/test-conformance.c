/* SPDX-License-Identifier: MIT */
#include "core/conformance/conformance.h"

#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/conformance/variants.h"
#include "tests/unit/plugins.h"
#include "tests/unit/unit.h"

/* ---- the table ---- */

static void
test_the_table_is_complete(void)
{
    struct maqet_conformance_row row;
    unsigned count = 0;

    for (const struct check *check; (check = check_at(count)); count++) {
        CU_ASSERT(check->run != NULL);
        CU_ASSERT(check->kinds != 0 && check->seconds > 0);
        CU_ASSERT(check->text[0] && check->text[strlen(check->text) - 1] != '.');
        UNIT_SAME(maqet_conformance_name(count), check->name);
        CU_ASSERT(maqet_conformance_describe(count, &row));
        UNIT_SAME(row.check, check->name);
        UNIT_SAME(row.text, check->text);
        CU_ASSERT(row.result == NULL && row.limit == check->seconds);
        for (unsigned i = 0; i < count; i++)
            CU_ASSERT_STRING_NOT_EQUAL(check->name, check_at(i)->name);
    }
    CU_ASSERT(count >= 35);
    UNIT_SAME(maqet_conformance_name(count), NULL);
    CU_ASSERT(!maqet_conformance_describe(count + 1000, &row));
}

/* ---- entries and variants ---- */

static const char *const words[] = {"one", "other", NULL};
static const struct maqet_option inner[] = {
    {.name = "count",
     .type = MAQET_OPTION_INT,
     .flags = MAQET_REQUIRED | MAQET_LIMITS,
     .minimum = 5,
     .maximum = 9},
    {0},
};
static const struct maqet_option table[] = {
    {.name = "file", .type = MAQET_OPTION_PATH},
    {.name = "size",
     .type = MAQET_OPTION_SIZE,
     .flags = MAQET_LIMITS,
     .minimum = 1,
     .maximum = 4096},
    {.name = "word", .type = MAQET_OPTION_CHOICE, .choices = words},
    {.name = "map", .type = MAQET_OPTION_MAP, .flags = MAQET_REQUIRED, .options = inner},
    {0},
};

/* A bench without a plugin's file. */
static void
furnish(struct bench *bench, struct maqet_storage *storage, char *folder)
{
    *storage = (struct maqet_storage){
        .plugin = {.name = "odd",
                   .interface = "bus",
                   .path_option = "file",
                   .size_option = "size",
                   .creation = MAQET_CREATION_ONCE},
        .common.options = (struct maqet_option *)table,
    };
    *bench = (struct bench){.storage = storage,
                            .options = table,
                            .interface = "bus",
                            .folder = folder,
                            .settings = maqet_tree_mapping((struct maqet_place){0})};
}

static void
test_values_are_made_up(void)
{
    struct maqet_storage storage;
    struct bench bench;

    furnish(&bench, &storage, (char *)"/folder");
    bench_set(bench.settings, "word", "other");
    _cleanup_json_ json_object *settings = bench.settings;
    _cleanup_json_ json_object *entry = bench_entry(&bench, "disk", 0);
    json_object *map = json_object_object_get(entry, "map");

    UNIT_SAME(maqet_tree_text(entry, "name"), "disk");
    UNIT_SAME(maqet_tree_text(entry, "type"), "odd");
    UNIT_SAME(maqet_tree_text(entry, "interface"), "bus");
    UNIT_SAME(maqet_tree_text(entry, "file"), "/folder/disk.disk");
    UNIT_SAME(maqet_tree_text(entry, "size"), "4096B"); /* the most that it may be */
    UNIT_SAME(maqet_tree_text(entry, "word"), "other");
    UNIT_SAME(maqet_tree_text(map, "count"), "5");
    bench_set(entry, "word", NULL);
    UNIT_SAME(maqet_tree_text(entry, "word"), NULL);
    maqet_strings_clear(&bench.names);
}

/* What the author sets may differ for each drive; a number that is made up does. */
static void
test_values_differ_for_each_drive(void)
{
    static const struct {
        const char *name, *word, *count;
    } wanted[] = {{"disk", "a-disk-1-{}", "5"},
                  {"other", "a-other-2-{}", "6"},
                  {"disk", "a-disk-1-{}", "5"}};
    struct maqet_storage storage;
    struct bench bench;

    furnish(&bench, &storage, (char *)"/folder");
    _cleanup_json_ json_object *settings = bench.settings;
    bench_set(bench.settings, "word", "a-{drive}-{number}-{}");
    bench_set(bench.settings, "file", "/author's/{drive}");
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        _cleanup_json_ json_object *entry = bench_entry(&bench, wanted[i].name, 0);
        json_object *map = json_object_object_get(entry, "map");
        _cleanup_free_ char *file = maqet_format("/folder/disk.%s", wanted[i].name);

        UNIT_SAME(maqet_tree_text(entry, "word"), wanted[i].word);
        UNIT_SAME(maqet_tree_text(map, "count"), wanted[i].count);
        UNIT_SAME(maqet_tree_text(entry, "file"), file);
    }
    /* Where nothing is created, the author says what there is. */
    storage.plugin.creation = MAQET_CREATION_NEVER;
    _cleanup_json_ json_object *entry = bench_entry(&bench, "disk", 0);
    UNIT_SAME(maqet_tree_text(entry, "file"), "/author's/disk");
    maqet_strings_clear(&bench.names);
}

static int
note_variant(struct bench *bench, json_object *entry, const char *what,
             struct maqet_error **err)
{
    (void)err;
    CU_ASSERT(entry != NULL);
    maqet_strings_add(bench->context.data, what);
    return 0;
}

static void
test_variants_differ_in_one_option(void)
{
    static const char *const wanted[] = {"plain",       "media: cdrom", "word: one",
                                         "word: other", "map.count: 5", "map.count: 9"};
    _cleanup_strings_ struct maqet_strings seen = MAQET_STRINGS_INIT;
    struct maqet_storage storage;
    struct bench bench;

    furnish(&bench, &storage, (char *)"/folder");
    _cleanup_json_ json_object *settings = bench.settings;
    bench.context.data = &seen;
    CU_ASSERT_EQUAL(variants_try(&bench, note_variant, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(seen.count, sizeof(wanted) / sizeof(*wanted));
    for (size_t i = 0; i < seen.count; i++)
        UNIT_SAME(seen.items[i], wanted[i]);
    maqet_strings_clear(&bench.names);
}

static void
test_hostile_values_end(void)
{
    unsigned count = 0;
    const char *what;

    for (;; count++) {
        _cleanup_free_ char *value = variant_hostile(count, &what);

        if (!value)
            break;
        CU_ASSERT(what && *what);
    }
    CU_ASSERT(count >= 10);
}

/* ---- pictures ---- */

static void
test_a_picture_shows_changes(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/file", folder);
    _cleanup_free_ char *empty = bench_picture(folder);

    CU_ASSERT_EQUAL(bench_write(path, "one", 3, NULL), 0);
    _cleanup_free_ char *with = bench_picture(folder);
    _cleanup_free_ char *again = bench_picture(folder);
    CU_ASSERT_EQUAL(bench_write(path, "other", 5, NULL), 0);
    _cleanup_free_ char *changed = bench_picture(folder);

    UNIT_SAME(empty, "");
    CU_ASSERT_STRING_NOT_EQUAL(with, empty);
    UNIT_SAME(again, with);
    CU_ASSERT_STRING_NOT_EQUAL(changed, with);
}

/* ---- files ---- */

/* Any file may be given, and bytes of it may be anything: the kit survives. */
static void
test_odd_files_are_refused(void)
{
    if (unit_under_valgrind()) /* the kit would follow its instructions one by one */
        return;
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *path = maqet_format("%s/odd.so", folder);
    _cleanup_free_ char *built = unit_plugin_built("maqet-storage-good.so");
    _cleanup_free_ char *data = NULL;
    struct bench bench = {.file = path};
    size_t length;
    uint32_t random = 1;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(built, 64 << 20, &data, &length, NULL), 0);
    bench_write(path, data, length, NULL);
    CU_ASSERT_EQUAL(check_at(0)->run(&bench, NULL), 0);
    for (size_t cut = 0; cut < length; cut = cut * 2 + 1) {
        bench_write(path, data, cut, NULL);
        check_at(0)->run(&bench, NULL);
    }
    for (int i = 0; i < 300 && length > 512; i++) {
        _cleanup_free_ char *copy = maqet_alloc(length);
        size_t within = i % 2 ? 512 : length;

        memcpy(copy, data, length);
        for (int j = 0; j < 8; j++) {
            random = random * 1664525 + 1013904223;
            copy[(random >> 8) % within] = (char)(random >> 4);
        }
        bench_write(path, copy, length, NULL);
        check_at(0)->run(&bench, NULL);
    }
    struct maqet_error *err = NULL;
    bench_write(path, "#!/bin/sh\n", 10, NULL);
    CU_ASSERT_EQUAL(check_at(0)->run(&bench, &err), -1);
    UNIT_ERROR(&err, MAQET_ERROR_FAILED, "it is not an ELF file for this machine");
}

/* ---- a whole run ---- */

static void
note_result(void *data, const struct maqet_conformance_row *row)
{
    maqet_strings_addf(data, "%s %s", row->check, row->result);
}

static void
test_a_run_tells_of_each_check(void)
{
    if (unit_under_valgrind()) /* the kit would follow its instructions one by one */
        return;
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_free_ char *file = maqet_format("%s/maqet-storage-good.so", folder);
    _cleanup_strings_ struct maqet_strings only = MAQET_STRINGS_INIT;
    _cleanup_conformance_rows_ struct maqet_conformance_rows rows = {0};
    struct maqet_context context = {0};
    struct maqet_error *err = NULL;

    unit_plugin(folder, "maqet-storage-good.so");
    maqet_strings_add(&only, "loads");
    maqet_strings_add(&only, "options");
    _cleanup_strings_ struct maqet_strings told = MAQET_STRINGS_INIT;
    const struct maqet_conformance request = {
        .file = file, .only = &only, .ended = note_result, .data = &told};

    CU_ASSERT_EQUAL(maqet_conformance_run(&context, &request, &rows, &err), 0);
    UNIT_NO_ERROR(&err);
    CU_ASSERT_EQUAL_FATAL(rows.count, 2);
    UNIT_SAME(rows.items[0].check, "loads");
    UNIT_SAME(rows.items[0].result, "ok");
    UNIT_SAME(rows.items[1].result, "ok");
    CU_ASSERT_EQUAL(rows.failed, 0);
    CU_ASSERT(rows.items[1].called && rows.items[1].wall > 0);
    CU_ASSERT_EQUAL_FATAL(told.count, 2);
    UNIT_SAME(told.items[0], "loads ok");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"the table of checks is complete", test_the_table_is_complete},
        {"values are made up as the table wants them", test_values_are_made_up},
        {"values differ for each drive", test_values_differ_for_each_drive},
        {"variants differ in one option", test_variants_differ_in_one_option},
        {"hostile values come to an end", test_hostile_values_end},
        {"a picture shows what has changed", test_a_picture_shows_changes},
        {"files that are no plugins do no harm", test_odd_files_are_refused},
        {"a run tells of each check", test_a_run_tells_of_each_check},
        CU_TEST_INFO_NULL,
    };

    return unit_plugins_built() ? unit_run("conformance", tests) : UNIT_SKIP;
}
