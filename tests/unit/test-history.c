/* SPDX-License-Identifier: MIT */
/* What came of what: noted, kept, and forgotten without harm where the file is damaged.
 */
#include <sys/resource.h>

#include "core/snapshot/history.h"
#include "core/base/removal.h"

#include "core/base/json.h"
#include "core/machine/store.h"
#include "tests/unit/unit.h"

/* ---- a machine, and snapshots of a drive ---- */

struct scene {
    char *folder; /* of the machine */
    struct maqet_context context;
    struct maqet_strings warnings;
};

static void
note_message(void *data, enum maqet_level level, const char *message)
{
    struct scene *scene = data;

    CU_ASSERT_EQUAL(level, MAQET_LEVEL_WARNING);
    maqet_strings_add(&scene->warnings, message);
}

/* Fills it in place: the context points to it. */
static void
scene_init(struct scene *scene)
{
    *scene = (struct scene){.warnings = MAQET_STRINGS_INIT};
    scene->context.data_dir = unit_folder();
    scene->context.message = note_message;
    scene->context.data = scene;
    scene->folder = maqet_format("%s/vms/vm", scene->context.data_dir);
    CU_ASSERT_EQUAL_FATAL(maqet_dir_make(scene->folder, 0700, NULL), 0);
}

static void
scene_clear(struct scene *scene)
{
    maqet_dir_remove(scene->context.data_dir, NULL);
    maqet_context_clear(&scene->context);
    maqet_strings_clear(&scene->warnings);
    free(scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

/* Where they stand among the snapshots of "abc". */
enum { A, B, C };

/* A snapshot for each letter, of a date of its own. */
static struct maqet_snapshots
snapshots_of(const char *letters)
{
    struct maqet_snapshots snapshots = {0};

    for (; *letters; letters++) {
        const char text[] = {*letters, '\0'};

        maqet_snapshot_date(maqet_snapshots_add(&snapshots, text, text), *letters, 5);
    }
    return snapshots;
}

static struct maqet_history *
load(const struct scene *scene)
{
    struct maqet_history *history = maqet_history_load(&scene->context, "vm");

    CU_ASSERT_PTR_NOT_NULL_FATAL(history);
    return history;
}

static void
save(struct maqet_history *history)
{
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_history_save(history, &error), 0);
    UNIT_NO_ERROR(&error);
}

/* The same as the next maqet sees it. */
static void
reload(const struct scene *scene, struct maqet_history **history)
{
    save(*history);
    maqet_history_cleanup(history);
    *history = load(scene);
    CU_ASSERT_EQUAL(scene->warnings.count, 0);
}

/* The tree of "hdd" as "PARENT<NAME ... now NAME"; "-" is none. The caller frees. */
static char *
tree_of(const struct maqet_history *history, const struct maqet_snapshots *snapshots)
{
    _cleanup_free_ ssize_t *parents = maqet_alloc(snapshots->count * sizeof(ssize_t) + 1);
    struct maqet_text text = MAQET_TEXT_INIT;
    ssize_t now;

    maqet_history_parents(history, "hdd", snapshots, parents, &now);
    for (size_t i = 0; i < snapshots->count; i++) {
        _cleanup_free_ char *edge = maqet_format(
            "%s<%s ", parents[i] < 0 ? "-" : snapshots->items[parents[i]]->name,
            snapshots->items[i]->name);
        maqet_text_append(&text, edge);
    }
    maqet_text_append(&text, "now ");
    maqet_text_append(&text, now < 0 ? "-" : snapshots->items[now]->name);
    return maqet_text_take(&text);
}

static void
check_tree(const struct maqet_history *history, const struct maqet_snapshots *snapshots,
           const char *wanted)
{
    _cleanup_free_ char *tree = tree_of(history, snapshots);

    UNIT_SAME(tree, wanted);
}

/* "a", "b" on top of it, back to "a", and "c" on top of that. */
static struct maqet_history *
fork_history(const struct scene *scene, const struct maqet_snapshots *snapshots)
{
    struct maqet_history *history = load(scene);

    maqet_history_created(history, "hdd", snapshots->items[A]);
    maqet_history_created(history, "hdd", snapshots->items[B]);
    maqet_history_loaded(history, "hdd", snapshots->items[A]);
    maqet_history_created(history, "hdd", snapshots->items[C]);
    return history;
}

/* ---- what came of what ---- */

static void
test_tree(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = fork_history(&scene, &snapshots);
    check_tree(history, &snapshots, "-<a a<b a<c now c");
    maqet_history_created(history, "hdd", snapshots.items[C]); /* told twice */
    check_tree(history, &snapshots, "-<a a<b a<c now c");
    maqet_history_loaded(history, "hdd", snapshots.items[B]);
    check_tree(history, &snapshots, "-<a a<b a<c now b");
    ssize_t parents[C + 1], now;
    maqet_history_parents(history, "cd", &snapshots, parents, &now);
    CU_ASSERT_EQUAL(now, -1);
    CU_ASSERT_EQUAL(parents[C], -1);
}

/* The file is what other versions of maqet read. */
static void
test_file(void)
{
    static const char wanted[] =
        "{\"drives\": {\"hdd\": {"
        "\"parents\": {\"a@97.000000005\": null, \"b@98.000000005\": \"a@97.000000005\","
        " \"c@99.000000005\": \"a@97.000000005\"}, \"now\": \"c@99.000000005\","
        " \"names\": {\"b@98.000000005\": \"x\"}, \"untidy\": true}},"
        " \"sets\": {\"s\": {\"hdd\": \"a@97.000000005\"}}}";
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = fork_history(&scene, &snapshots);
    maqet_history_alias_set(history, "hdd", snapshots.items[B], "x");
    maqet_history_untidy_set(history, "hdd", true);
    maqet_history_set_add(history, "s", true, "hdd", snapshots.items[A]);
    save(history);
    _cleanup_free_ char *path = maqet_format("%s/snapshots.json", scene.folder);
    _cleanup_json_ json_object *file = maqet_json_read(path, NULL);
    _cleanup_json_ json_object *expected = json_tokener_parse(wanted);
    CU_ASSERT_PTR_NOT_NULL_FATAL(expected);
    CU_ASSERT_TRUE(json_object_equal(file, expected));
    reload(&scene, &history);
    check_tree(history, &snapshots, "-<a a<b a<c now c");
}

/* What the tree is where only some snapshots are still there. */
static void
check_tree_of(const struct maqet_history *history, const char *letters,
              const char *wanted)
{
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of(letters);

    check_tree(history, &snapshots, wanted);
}

/* "a", "b" on top of it, and "c" on top of that. */
static struct maqet_history *
chain_history(const struct scene *scene, const struct maqet_snapshots *snapshots)
{
    struct maqet_history *history = load(scene);

    for (size_t i = 0; i < snapshots->count; i++)
        maqet_history_created(history, "hdd", snapshots->items[i]);
    check_tree(history, snapshots, "-<a a<b b<c now c");
    return history;
}

/* Children of what is removed become those of its parent, and so does the present. */
static void
test_removed(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots all = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = chain_history(&scene, &all);
    maqet_history_removed(history, "hdd", all.items[B]);
    check_tree_of(history, "abc", "-<a -<b a<c now c");
    maqet_history_removed(history, "hdd", all.items[C]);
    check_tree_of(history, "abc", "-<a -<b -<c now a");
    maqet_history_removed(history, "hdd", all.items[A]);
    maqet_history_removed(history, "hdd", all.items[A]); /* twice is no harm */
    check_tree_of(history, "abc", "-<a -<b -<c now -");
}

/* Another program has deleted some: those above them are taken. */
static void
test_gone(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots all = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = chain_history(&scene, &all);
    check_tree_of(history, "ac", "-<a a<c now c");
    check_tree_of(history, "a", "-<a now a");
    check_tree_of(history, "c", "-<c now c");
    check_tree_of(history, "", "now -");
}

/* Id and date make a snapshot, not its name; an id alone may be given again. */
static void
test_identity(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = fork_history(&scene, &snapshots);
    free(snapshots.items[A]->name);
    snapshots.items[A]->name = maqet_strdup("renamed");
    check_tree(history, &snapshots, "-<renamed renamed<b renamed<c now c");
    maqet_snapshot_date(snapshots.items[C], 'c', 6);
    check_tree(history, &snapshots, "-<renamed renamed<b -<c now renamed");
}

/* ---- sets ---- */

static void
check_set(const struct maqet_history *history, const char *name,
          const struct maqet_snapshot *snapshot, bool on_hdd, bool on_data)
{
    CU_ASSERT_EQUAL(maqet_history_in_set(history, name, "hdd", snapshot), on_hdd);
    CU_ASSERT_EQUAL(maqet_history_in_set(history, name, "data", snapshot), on_data);
}

static void
test_sets(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    const struct maqet_snapshot *a = snapshots.items[A], *b = snapshots.items[B];

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    check_set(history, "s", a, false, false);
    maqet_history_set_add(history, "s", true, "hdd", a);
    check_set(history, "s", a, true, false);
    maqet_history_set_add(history, "s", false, "data", a);
    maqet_history_set_add(history, "t", true, "hdd", b);
    reload(&scene, &history);
    check_set(history, "s", a, true, true);
    check_set(history, "s", b, false, false);
    check_set(history, "t", b, true, false);
    /* A new set of that name ends the old one as a whole. */
    maqet_history_set_add(history, "s", true, "data", b);
    check_set(history, "s", a, false, false);
    check_set(history, "s", b, false, true);
    check_set(history, "t", b, true, false);
}

/* The date of the member that is recorded; 0: none is. */
static int64_t
set_date(const struct maqet_history *history, const char *drive)
{
    struct maqet_snapshot then = {0};

    if (!maqet_history_set_date(history, "s", drive, &then))
        return 0;
    CU_ASSERT_EQUAL(then.nanoseconds, 5);
    return then.seconds;
}

/* A member that was removed stays recorded, or another one of its name would be taken for
 * it, until all of the set are gone. */
static void
test_sets_removed(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    const struct maqet_snapshot *a = snapshots.items[A], *b = snapshots.items[B];

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    maqet_history_removed(history, "hdd", a); /* there are no sets */
    maqet_history_set_add(history, "s", true, "hdd", a);
    maqet_history_set_add(history, "s", false, "data", b);
    maqet_history_set_add(history, "t", true, "hdd", b);
    CU_ASSERT_EQUAL(set_date(history, "hdd"), 'a');
    CU_ASSERT_EQUAL(set_date(history, "data"), 'b');
    CU_ASSERT_EQUAL(set_date(history, "cd"), 0);
    maqet_history_removed(history, "data", a); /* it is none of them */
    maqet_history_removed(history, "hdd", a);
    reload(&scene, &history);
    check_set(history, "s", a, false, false);
    check_set(history, "s", b, false, true);
    CU_ASSERT_EQUAL(set_date(history, "hdd"), 'a');
    maqet_history_removed(history, "data", b);
    reload(&scene, &history);
    CU_ASSERT_EQUAL(set_date(history, "hdd"), 0);
    CU_ASSERT_EQUAL(set_date(history, "data"), 0);
    check_set(history, "t", b, true, false);
}

/* ---- other names, and untidiness ---- */

static void
test_aliases(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    const struct maqet_snapshot *a = snapshots.items[A], *b = snapshots.items[B];

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    CU_ASSERT_FALSE(maqet_history_has_alias(history, "hdd"));
    maqet_history_alias_set(history, "hdd", a, NULL); /* there is none to end */
    UNIT_SAME(maqet_history_alias(history, "hdd", a), NULL);
    maqet_history_alias_set(history, "hdd", a, "nightly");
    reload(&scene, &history);
    UNIT_SAME(maqet_history_alias(history, "hdd", a), "nightly");
    UNIT_SAME(maqet_history_alias(history, "hdd", b), NULL);
    UNIT_SAME(maqet_history_alias(history, "data", a), NULL);
    CU_ASSERT_TRUE(maqet_history_has_alias(history, "hdd"));
    CU_ASSERT_FALSE(maqet_history_has_alias(history, "data"));
    maqet_history_alias_set(history, "hdd", a, NULL);
    reload(&scene, &history);
    UNIT_SAME(maqet_history_alias(history, "hdd", a), NULL);
    CU_ASSERT_FALSE(maqet_history_has_alias(history, "hdd"));
}

static void
test_untidy(void)
{
    _cleanup_scene_ struct scene scene;

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    maqet_history_untidy_set(history, "hdd", false);
    CU_ASSERT_FALSE(maqet_history_untidy(history, "hdd"));
    maqet_history_untidy_set(history, "hdd", true);
    reload(&scene, &history);
    CU_ASSERT_TRUE(maqet_history_untidy(history, "hdd"));
    CU_ASSERT_FALSE(maqet_history_untidy(history, "data"));
    maqet_history_untidy_set(history, "hdd", false);
    reload(&scene, &history);
    CU_ASSERT_FALSE(maqet_history_untidy(history, "hdd"));
}

/* ---- files that are not as they should be ---- */

static void
test_missing(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    check_tree(history, &snapshots, "-<a -<b -<c now -");
    CU_ASSERT_EQUAL(scene.warnings.count, 0);
    /* Nothing is written before it is saved. */
    maqet_history_created(history, "hdd", snapshots.items[A]);
    CU_ASSERT_EQUAL(maqet_dir_list(scene.folder, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 0);
}

/* One warning, and it begins anew. */
static void
check_damaged(const char *text, const char *why)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");

    scene_init(&scene);
    _cleanup_free_ char *path = unit_file(scene.folder, "snapshots.json", text);
    _cleanup_free_ char *warning =
        maqet_format("The snapshot history of VM 'vm' is lost: %s%s", path, why);
    _cleanup_history_ struct maqet_history *history = load(&scene);
    CU_ASSERT_EQUAL_FATAL(scene.warnings.count, 1);
    UNIT_SAME(scene.warnings.items[0], warning);
    check_tree(history, &snapshots, "-<a -<b -<c now -");
    maqet_history_created(history, "hdd", snapshots.items[A]);
    maqet_strings_clear(&scene.warnings);
    reload(&scene, &history);
    check_tree(history, &snapshots, "-<a -<b -<c now a");
}

static void
test_damaged(void)
{
    static const char no_json[] = " is damaged: it is not JSON";

    check_damaged("", no_json);
    check_damaged("{\"drives\": {\"hdd\": {\"now\": \"a@97.0000", no_json);
    check_damaged("drives\n", no_json);
    check_damaged("\xff\xfe\x01", no_json);
    check_damaged("null\n", no_json);
    check_damaged("[{\"drives\": {}}]\n", "");
    check_damaged("\"drives\"\n", "");
    check_damaged("5\n", "");
}

/* What is of another kind than it should be counts as not there, and is replaced. */
static void
test_wrong_types(void)
{
    static const char *const texts[] = {
        "{\"drives\": [], \"sets\": 5}",
        "{\"drives\": {\"hdd\": \"x\"}, \"sets\": {\"s\": []}}",
        "{\"drives\": {\"hdd\": {\"now\": 5, \"parents\": [1], \"names\": \"x\","
        " \"untidy\": null}}, \"sets\": {\"s\": {\"hdd\": {}}}}",
        "{\"drives\": {\"hdd\": {\"now\": {}, \"parents\": {\"a@97.000000005\": 5,"
        " \"b@98.000000005\": {}}, \"names\": {\"a@97.000000005\": []}}}}",
        "{\"sets\": {\"s\": {\"hdd\": \"a@\", \"data\": \"-\"}, \"t\": 7}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        _cleanup_scene_ struct scene scene;
        _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
        const struct maqet_snapshot *a = snapshots.items[A], *b = snapshots.items[B];

        scene_init(&scene);
        free(unit_file(scene.folder, "snapshots.json", texts[i]));
        _cleanup_history_ struct maqet_history *history = load(&scene);
        check_tree(history, &snapshots, "-<a -<b -<c now -");
        check_set(history, "s", a, false, false);
        CU_ASSERT_EQUAL(set_date(history, "hdd"), 0);
        UNIT_SAME(maqet_history_alias(history, "hdd", a), NULL);
        CU_ASSERT_FALSE(maqet_history_untidy(history, "hdd"));
        maqet_history_alias_set(history, "hdd", a, NULL);
        CU_ASSERT_FALSE(maqet_history_has_alias(history, "hdd"));
        maqet_history_removed(history, "hdd", b);
        maqet_history_created(history, "hdd", a);
        maqet_history_alias_set(history, "hdd", a, "x");
        maqet_history_set_add(history, "s", false, "hdd", a);
        reload(&scene, &history);
        check_tree(history, &snapshots, "-<a -<b -<c now a");
        UNIT_SAME(maqet_history_alias(history, "hdd", a), "x");
        check_set(history, "s", a, true, false);
    }
}

/* Whatever the file says, every snapshot hangs from a root, or it would not be shown. */
static void
test_loops(void)
{
    _cleanup_scene_ struct scene scene;

    scene_init(&scene);
    free(unit_file(scene.folder, "snapshots.json",
                   "{\"drives\": {\"hdd\": {\"now\": \"c@99.000000005\", \"parents\": {"
                   "\"a@97.000000005\": \"b@98.000000005\","
                   "\"b@98.000000005\": \"a@97.000000005\","
                   "\"c@99.000000005\": \"a@97.000000005\","
                   "\"d@100.000000005\": \"d@100.000000005\"}}}}"));
    _cleanup_history_ struct maqet_history *history = load(&scene);
    check_tree_of(history, "abcd", "-<a -<b a<c -<d now c");
    check_tree_of(history, "d", "-<d now -"); /* the loop itself is not there */
}

/* ---- the disk ---- */

/* What could not be read, here for want of a descriptor, is not replaced by what was made
 * up without it. */
static void
test_unreadable(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    _cleanup_error_ struct maqet_error *error = NULL;
    struct rlimit before, none;

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = fork_history(&scene, &snapshots);
    save(history);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &none), 0);
    _cleanup_history_ struct maqet_history *blind = load(&scene);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &before), 0);
    maqet_history_loaded(blind, "hdd", snapshots.items[B]);
    CU_ASSERT_EQUAL(maqet_history_save(blind, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "Too many open files"));
    _cleanup_history_ struct maqet_history *kept = load(&scene);
    check_tree(kept, &snapshots, "-<a a<b a<c now c");
}

/* The old file stays whole, and nothing else stays. */
static void
test_failed_save(void)
{
    _cleanup_scene_ struct scene scene;
    _cleanup_snapshots_ struct maqet_snapshots snapshots = snapshots_of("abc");
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    scene_init(&scene);
    _cleanup_history_ struct maqet_history *history = fork_history(&scene, &snapshots);
    _cleanup_free_ char *message =
        maqet_format("Cannot write %s/snapshots.json: File too large", scene.folder);
    save(history);
    maqet_history_loaded(history, "hdd", snapshots.items[B]);
    unit_disk_full(true);
    int result = maqet_history_save(history, &error);
    unit_disk_full(false);
    CU_ASSERT_EQUAL(result, -1);
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
    CU_ASSERT_EQUAL(maqet_dir_list(scene.folder, &names, NULL), 0);
    CU_ASSERT_EQUAL(names.count, 1);
    _cleanup_history_ struct maqet_history *kept = load(&scene);
    check_tree(kept, &snapshots, "-<a a<b a<c now c");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what came of what", test_tree},
        {"the file", test_file},
        {"what was removed", test_removed},
        {"what another program has deleted", test_gone},
        {"what makes a snapshot the same", test_identity},
        {"sets", test_sets},
        {"sets of which some were removed", test_sets_removed},
        {"other names", test_aliases},
        {"untidiness", test_untidy},
        {"no file", test_missing},
        {"damaged files", test_damaged},
        {"wrong types", test_wrong_types},
        {"loops", test_loops},
        {"what cannot be read", test_unreadable},
        {"a failed save", test_failed_save},
        CU_TEST_INFO_NULL,
    };

    return unit_run("history", tests);
}
