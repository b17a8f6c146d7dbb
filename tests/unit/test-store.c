/* SPDX-License-Identifier: MIT */
/* Machines on the disk: they come and go whole, and nothing else is touched. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/replacement.h"
#include "core/machine/started.h"
#include "core/machine/store.h"
#include "tests/unit/unit.h"

/* ---- a store ---- */

struct scene {
    char *folder;
    struct maqet_context context;
};

static struct scene
scene_new(void)
{
    struct scene scene = {.folder = unit_folder()};

    scene.context.data_dir = maqet_format("%s/data", scene.folder);
    scene.context.lock_timeout = unit_patience(60000);
    return scene;
}

static void
scene_clear(struct scene *scene)
{
    maqet_context_clear(&scene->context);
    unit_remove_folder(&scene->folder);
}

#define _cleanup_scene_ _cleanup_(scene_clear)

static struct maqet_definition *
definition_of(const struct scene *scene, const char *name, const char *text)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT, none = files;
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_strings_take(&files, unit_file(scene->folder, "vm.yaml", text));
    struct maqet_definition *definition =
        maqet_definition_read(&files, &none, name, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    return definition;
}

/* Adds a machine. Returns its UUID; the caller frees. */
static char *
add(const struct scene *scene, const char *name)
{
    _cleanup_definition_ struct maqet_definition *definition =
        definition_of(scene, name, "memory: 1G\n");
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_store_add(&scene->context, definition, &error), 0);
    UNIT_NO_ERROR(&error);
    return maqet_strdup(definition->uuid);
}

static char *
in_store(const struct scene *scene, const char *path)
{
    return maqet_format("%s/vms/%s", scene->context.data_dir, path);
}

static void
write_in_store(const struct scene *scene, const char *path, const char *text)
{
    _cleanup_free_ char *full = in_store(scene, path);

    CU_ASSERT_EQUAL(maqet_file_replace(full, text, strlen(text), 0600, NULL), 0);
}

static void
make_in_store(const struct scene *scene, const char *path)
{
    _cleanup_free_ char *full = in_store(scene, path);

    CU_ASSERT_EQUAL(maqet_dir_make(full, 0700, NULL), 0);
}

/* What lies in a folder of the store, joined by spaces. */
static void
check_files(const struct scene *scene, const char *folder, const char *expected)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_free_ char *path = in_store(scene, folder);

    CU_ASSERT_EQUAL(maqet_dir_list(path, &names, NULL), 0);
    _cleanup_free_ char *joined = maqet_strings_join(&names, " ");
    UNIT_SAME(joined, expected);
}

static void
check_list(const struct scene *scene, const char *expected)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_store_list(&scene->context, &names, &error), 0);
    UNIT_NO_ERROR(&error);
    _cleanup_free_ char *joined = maqet_strings_join(&names, " ");
    UNIT_SAME(joined, expected);
}

/* ---- adding and looking ---- */

static void
test_add_and_load(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_definition_ struct maqet_definition *before = definition_of(
        &scene, "web", "memory: 1G\nstorage:\n  - name: hdd\n    size: 2G\n");
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *place = maqet_format("%s/vm.yaml:4:11", scene.folder);
    json_object *list = NULL;
    struct stat status;

    CU_ASSERT_EQUAL(maqet_store_add(&scene.context, before, &error), 0);
    check_files(&scene, "", ".lock web");
    check_files(&scene, "web", "vm.json");
    _cleanup_definition_ struct maqet_definition *after =
        maqet_store_load(&scene.context, "web", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(after);
    UNIT_SAME(after->name, "web");
    UNIT_SAME(after->uuid, before->uuid);
    CU_ASSERT_TRUE(json_object_equal(after->tree, before->tree));
    /* Places come back too. */
    CU_ASSERT_TRUE(json_object_object_get_ex(after->tree, "storage", &list));
    _cleanup_free_ char *found = maqet_place_text(
        maqet_tree_place_of_value(json_object_array_get_idx(list, 0), "size"));
    UNIT_SAME(found, place);

    /* Nobody else may read what may hold secrets. */
    _cleanup_free_ char *folder = in_store(&scene, "web");
    _cleanup_free_ char *file = in_store(&scene, "web/vm.json");
    CU_ASSERT_EQUAL(stat(folder, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0700);
    CU_ASSERT_EQUAL(stat(file, &status), 0);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

/* Whatever may be written in YAML, 32 levels deep, can be read again. */
static void
test_deep_tree(void)
{
    enum { BELOW_DEVICE = 29 };
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_text_ struct maqet_text text = MAQET_TEXT_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_text_append(&text, "arguments: [{device: ");
    for (int i = 0; i < BELOW_DEVICE; i++)
        maqet_text_append(&text, "{a: ");
    maqet_text_append(&text, "b");
    for (int i = 0; i < BELOW_DEVICE; i++)
        maqet_text_append(&text, "}");
    maqet_text_append(&text, "}]\n");
    _cleanup_definition_ struct maqet_definition *before =
        definition_of(&scene, "deep", text.data);
    CU_ASSERT_EQUAL(maqet_store_add(&scene.context, before, NULL), 0);
    _cleanup_definition_ struct maqet_definition *after =
        maqet_store_load(&scene.context, "deep", &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(after);
    CU_ASSERT_TRUE(json_object_equal(after->tree, before->tree));
}

static void
test_exists(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *uuid = add(&scene, "web");
    _cleanup_definition_ struct maqet_definition *again =
        definition_of(&scene, "web", "memory: 2G\n");
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_store_add(&scene.context, again, &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 2);
    UNIT_HINT(error, 0, "Change it: maqet apply web FILE");
    UNIT_HINT(error, 1, "Add this one under another name: --name NAME");
    UNIT_ERROR(&error, MAQET_ERROR_EXISTS, "There is already a VM 'web'");
    _cleanup_definition_ struct maqet_definition *there =
        maqet_store_load(&scene.context, "web", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(there);
    UNIT_SAME(there->uuid, uuid);
    UNIT_SAME(maqet_tree_text(there->tree, "memory"), "1G");
}

static void
test_list(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    check_list(&scene, ""); /* and nothing is made by looking */
    CU_ASSERT_EQUAL(access(scene.context.data_dir, F_OK), -1);
    free(add(&scene, "web"));
    free(add(&scene, "Db.1"));
    free(add(&scene, "a"));
    make_in_store(&scene, "no-machine");
    make_in_store(&scene, "-odd");
    write_in_store(&scene, "-odd/vm.json", "{}");
    write_in_store(&scene, "file", "");
    check_list(&scene, "Db.1 a web");
}

static void
check_resolved(const struct scene *scene, const char *word, const char *expected)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *name = maqet_store_resolve(&scene->context, word, &error);

    UNIT_NO_ERROR(&error);
    UNIT_SAME(name, expected);
}

static void
test_resolve(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *web = add(&scene, "web");
    _cleanup_free_ char *db = add(&scene, "db");

    check_resolved(&scene, "web", "web");
    check_resolved(&scene, "db", "db");
    check_resolved(&scene, web, "web");
    for (char *c = db; *c; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    check_resolved(&scene, db, "db");
    /* A machine may be called like another's UUID; the name counts. */
    free(add(&scene, web));
    check_resolved(&scene, web, web);
    /* A damaged one doesn't hide the others. */
    write_in_store(&scene, "db/vm.json", "{");
    _cleanup_free_ char *zoo = add(&scene, "zoo");
    check_resolved(&scene, zoo, "zoo");
}

static void
check_missing(const struct scene *scene, const char *word, const char *hint)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message = maqet_format("There is no VM '%s'", word);

    CU_ASSERT_PTR_NULL(maqet_store_load(&scene->context, word, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL_FATAL(error->hints.count, 1);
    UNIT_HINT(error, 0, hint);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, message);
    CU_ASSERT_EQUAL(maqet_store_lock(&scene->context, word, &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, message);
}

static void
test_missing(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    check_missing(&scene, "web", "Add one: maqet add FILE");
    free(add(&scene, "webserver"));
    check_missing(&scene, "websever", "Did you mean 'webserver'?");
    check_missing(&scene, "mail", "List them: maqet ls");
    check_missing(&scene, "../vms/webserver/x", "List them: maqet ls");
    check_missing(&scene, "12345678-1234-1234-1234-123456789abc", "List them: maqet ls");
}

/* ---- changing ---- */

static void
test_replace(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *uuid = add(&scene, "web");
    _cleanup_definition_ struct maqet_definition *changed =
        definition_of(&scene, "web", "memory: 2G\n");

    CU_ASSERT_EQUAL(maqet_store_started_set(&scene.context, "web", NULL), 0);
    CU_ASSERT_EQUAL(maqet_store_replace(&scene.context, changed, NULL), 0);
    _cleanup_definition_ struct maqet_definition *there =
        maqet_store_load(&scene.context, "web", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(there);
    UNIT_SAME(maqet_tree_text(there->tree, "memory"), "2G");
    UNIT_SAME(there->uuid, changed->uuid);
    CU_ASSERT_TRUE(maqet_store_started(&scene.context, "web"));
    check_files(&scene, "web", "started vm.json");
}

static void
test_remove(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    free(add(&scene, "web"));
    free(add(&scene, "db"));
    CU_ASSERT_EQUAL(maqet_store_started_set(&scene.context, "web", NULL), 0);
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), 0);
    check_files(&scene, "", ".lock db");
    check_list(&scene, "db");
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_MISSING);
    /* The next of that name begins anew. */
    free(add(&scene, "web"));
    CU_ASSERT_FALSE(maqet_store_started(&scene.context, "web"));
}

/* An image that somebody has put into the folder must not go with it. */
static void
test_foreign_file(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *file = in_store(&scene, "web/disk.img");
    _cleanup_free_ char *message = maqet_format(
        "%s does not belong to maqet, so the folder of VM 'web' cannot be deleted", file);

    free(add(&scene, "web"));
    write_in_store(&scene, "web/disk.img", "precious\n");
    write_in_store(&scene, "web/.vm.json.maqet-a1b2c3", "{"); /* of a killed maqet */
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_STATE, message);
    check_list(&scene, "web");
    CU_ASSERT_EQUAL(unlink(file), 0);
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), 0);
    UNIT_NO_ERROR(&error);
    check_files(&scene, "", ".lock");
}

/* Below the machine's folder, too: whatever is not ours stays, wherever it lies. */
static void
test_remove_strays(void)
{
    static const char *const strays[] = {
        "notes",
        ".vm.json.swp",
        ".vm.json.backup",
        "checkpoints/precious.img",
        "checkpoints/a.state.bak",
        "checkpoints/.a.json.swp",
        "checkpoints/.a.json.backup",
        "checkpoints/.maqet-notes.json",
        "checkpoints/folder/a.state",
    };
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    free(add(&scene, "web"));
    make_in_store(&scene, "web/checkpoints");
    write_in_store(&scene, "web/checkpoints/a.state", "memory");
    write_in_store(&scene, "web/checkpoints/a.json", "{}");
    write_in_store(&scene, "web/checkpoints/a.ram", "memory");
    write_in_store(&scene, "web/checkpoints/.b.state.new", "half");
    write_in_store(&scene, "web/checkpoints/.b.ram.new", "half");
    write_in_store(&scene, "web/checkpoints/.b.json.maqet-a1b2c3", "{");
    for (size_t i = 0; i < sizeof(strays) / sizeof(*strays); i++) {
        _cleanup_free_ char *name = maqet_format("web/%s", strays[i]);
        _cleanup_free_ char *path = in_store(&scene, name);
        _cleanup_free_ char *folder = in_store(&scene, "web/checkpoints/folder");

        if (strstr(strays[i], "folder/"))
            make_in_store(&scene, "web/checkpoints/folder");
        write_in_store(&scene, name, "precious");
        CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), -1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_EQUAL(error->code, MAQET_ERROR_STATE);
        maqet_error_free(TAKE_PTR(error));
        CU_ASSERT_EQUAL(unlink(path), 0); /* it is still there */
        rmdir(folder);
    }
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", &error), 0);
    UNIT_NO_ERROR(&error);
    check_files(&scene, "", ".lock");
}

/* What a maqet leaves that was killed while it added or removed a machine. */
static void
test_sweep(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    free(add(&scene, "web"));
    for (int i = 0; i < 2; i++) {
        make_in_store(&scene, ".maqet-add.a1b2c3");
        write_in_store(&scene, ".maqet-add.a1b2c3/vm.json", "{");
        make_in_store(&scene, ".maqet-rm.a1b2c3/checkpoints");
        write_in_store(&scene, ".maqet-rm.a1b2c3/images.json", "{}");
        write_in_store(&scene, ".maqet-rm.a1b2c3/checkpoints/a.state", "memory");
        if (i == 0)
            free(add(&scene, "half"));
        else
            CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "half", NULL), 0);
        check_files(&scene, "", i == 0 ? ".lock half web" : ".lock web");
    }
    /* Even there, what is not ours stays. */
    make_in_store(&scene, ".maqet-rm.d4e5f6/checkpoints");
    write_in_store(&scene, ".maqet-rm.d4e5f6/checkpoints/precious.img", "precious");
    write_in_store(&scene, ".maqet-rm.d4e5f6/vm.json", "{}");
    free(add(&scene, "db"));
    check_files(&scene, ".maqet-rm.d4e5f6/checkpoints", "precious.img");
}

/* What else has a dot is the user's: a repository in the store, a link of his own, and
 * what he calls the old and the new one of a machine. */
static void
test_sweep_spares(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_free_ char *outside = maqet_format("%s/outside", scene.folder);
    _cleanup_free_ char *precious = maqet_format("%s/vm.json", outside);
    _cleanup_free_ char *link_path = in_store(&scene, ".maqet-rm.a1b2c3");

    free(add(&scene, "web"));
    CU_ASSERT_EQUAL(maqet_dir_make(outside, 0700, NULL), 0);
    free(unit_file(outside, "vm.json", "precious"));
    CU_ASSERT_EQUAL(symlink(outside, link_path), 0);
    make_in_store(&scene, ".git/objects");
    make_in_store(&scene, ".web");
    make_in_store(&scene, ".web.old/deep");
    make_in_store(&scene, ".web.new");
    write_in_store(&scene, ".web.old/vm.json", "precious");
    write_in_store(&scene, ".web.new/disk.img", "precious");
    free(add(&scene, "db"));
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "db", NULL), 0);
    CU_ASSERT_EQUAL(access(precious, F_OK), 0);
    CU_ASSERT_EQUAL(unlink(link_path), 0);
    check_files(&scene, "", ".git .lock .web .web.new .web.old web");
    check_files(&scene, ".web.old", "deep vm.json");
    check_files(&scene, ".web.new", "disk.img");
}

/* ---- locks ---- */

static void
test_lock(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    free(add(&scene, "web"));
    free(add(&scene, "db"));
    scene.context.lock_timeout = 100;
    int first = maqet_store_lock(&scene.context, "web", &error);
    CU_ASSERT_TRUE_FATAL(first >= 0);
    CU_ASSERT_TRUE(fcntl(first, F_GETFD) & FD_CLOEXEC);
    int64_t began = maqet_now();
    CU_ASSERT_EQUAL(maqet_store_lock(&scene.context, "web", &error), -1);
    CU_ASSERT_TRUE(maqet_now() - began >= 100);
    UNIT_ERROR(&error, MAQET_ERROR_TIMEOUT,
               "Another maqet process has been working on VM 'web' for 0.1 s");
    /* Others are free, and so is this one when the descriptor is closed. */
    int other = maqet_store_lock(&scene.context, "db", &error);
    CU_ASSERT_TRUE(other >= 0);
    close(other);
    close(first);
    int second = maqet_store_lock(&scene.context, "web", &error);
    CU_ASSERT_TRUE(second >= 0);
    UNIT_NO_ERROR(&error);
    close(second);
}

/* What lies behind a link in the place of a lock is locked by others, and made by nobody.
 */
static void
test_lock_is_no_link(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    free(add(&scene, "web"));
    _cleanup_free_ char *machine = in_store(&scene, "web/lock");
    _cleanup_free_ char *all = in_store(&scene, ".lock");
    _cleanup_free_ char *target = in_store(&scene, "elsewhere");
    char *const locks[] = {machine, all};

    for (size_t i = 0; i < sizeof(locks) / sizeof(*locks); i++) {
        _cleanup_free_ char *message =
            maqet_format("Cannot open %s: Too many levels of symbolic links", locks[i]);

        unlink(locks[i]);
        CU_ASSERT_EQUAL(symlink(target, locks[i]), 0);
        CU_ASSERT_EQUAL(i == 0 ? maqet_store_lock(&scene.context, "web", &error)
                               : maqet_store_lock_all(&scene.context, &error),
                        -1);
        UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
        CU_ASSERT_EQUAL(access(target, F_OK), -1);
    }
}

/* A child that holds the lock of "web" until it has done something to the store, which it
 * does when we wait for that lock. */
static pid_t
hold_lock_and(const struct scene *scene, void (*act)(const struct scene *scene))
{
    int ready[2], told[2];
    char byte;

    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        if (maqet_store_lock(&scene->context, "web", NULL) < 0 ||
            write(ready[1], "", 1) != 1 || read(told[0], &byte, 1) != 1)
            _exit(1);
        unit_await_sleep(getppid());
        act(scene);
        _exit(0);
    }
    close(ready[1]);
    CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    /* From here on we sleep only when we wait for the lock. */
    CU_ASSERT_EQUAL(write(told[1], "", 1), 1);
    close(told[0]);
    close(told[1]);
    return child;
}

static void
check_child(pid_t child)
{
    int status = -1;

    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void
act_remove(const struct scene *scene)
{
    if (maqet_store_remove(&scene->context, "web", NULL) < 0)
        _exit(2);
}

static void
test_removed_while_waiting(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    free(add(&scene, "web"));
    pid_t child = hold_lock_and(&scene, act_remove);
    CU_ASSERT_EQUAL(maqet_store_lock(&scene.context, "web", &error), -1);
    UNIT_ERROR(&error, MAQET_ERROR_MISSING, "There is no VM 'web'");
    check_child(child);
    check_files(&scene, "", ".lock"); /* and waiting has left nothing behind */
}

static void
act_remove_and_add(const struct scene *scene)
{
    act_remove(scene);
    free(add(scene, "web"));
    /* Somebody has had the new one's lock, so there is a file under its name. */
    int lock = maqet_store_lock(&scene->context, "web", NULL);
    if (lock < 0)
        _exit(3);
    close(lock);
}

/* The lock that is got in the end is that of the machine that is there. */
static void
test_replaced_while_waiting(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *path = in_store(&scene, "web/lock");
    struct maqet_file_id ours, there;

    free(add(&scene, "web"));
    pid_t child = hold_lock_and(&scene, act_remove_and_add);
    _cleanup_close_ int lock = maqet_store_lock(&scene.context, "web", &error);
    check_child(child);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_TRUE_FATAL(lock >= 0);
    CU_ASSERT_TRUE(maqet_file_id_of_fd(lock, &ours) &&
                   maqet_file_id_of_path(path, &there));
    CU_ASSERT_TRUE(maqet_file_id_equal(&ours, &there));
}

/* Many at once: one adds the machine, and the others hear that it is there. */
static void
test_race_to_add(void)
{
    enum { RIVALS = 8 };
    _cleanup_scene_ struct scene scene = scene_new();
    _cleanup_definition_ struct maqet_definition *definition =
        definition_of(&scene, "web", "memory: 1G\n");
    pid_t rivals[RIVALS];
    int winners = 0;

    for (int i = 0; i < RIVALS; i++) {
        rivals[i] = fork();
        if (rivals[i] == 0) {
            struct maqet_error *error = NULL;

            if (maqet_store_add(&scene.context, definition, &error) == 0)
                _exit(1);
            _exit(error->code == MAQET_ERROR_EXISTS ? 0 : 99);
        }
    }
    for (int i = 0; i < RIVALS; i++) {
        int status = -1;

        CU_ASSERT_EQUAL(waitpid(rivals[i], &status, 0), rivals[i]);
        CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        winners += WEXITSTATUS(status) == 1;
    }
    CU_ASSERT_EQUAL(winners, 1);
    check_files(&scene, "", ".lock web");
}

/* ---- damage ---- */

static void
check_damaged(const struct scene *scene, const char *text, const char *what)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *path = in_store(scene, "web/vm.json");
    _cleanup_free_ char *message = maqet_format("%s %s", path, what);

    write_in_store(scene, "web/vm.json", text);
    CU_ASSERT_PTR_NULL(maqet_store_load(&scene->context, "web", &error));
    UNIT_ERROR(&error, MAQET_ERROR_FAILED, message);
}

static void
test_damage(void)
{
    _cleanup_scene_ struct scene scene = scene_new();
    static const char later[] = "is damaged, or was written by a later version of "
                                "maqet";
    static const char no_tree[] = "is damaged: the stored configuration is damaged: it "
                                  "has no tree, no sources or no "
                                  "places";

    free(add(&scene, "web"));
    check_damaged(&scene, "", "is damaged: it is not JSON");
    check_damaged(&scene, "{\"format\": 1,", "is damaged: it is not JSON");
    check_damaged(&scene, "[]", later);
    check_damaged(&scene, "1", later);
    check_damaged(&scene, "{}", later);
    check_damaged(&scene, "{\"format\": 2, \"uuid\": \"u\", \"definition\": {}}", later);
    check_damaged(&scene, "{\"format\": 1, \"definition\": {}}", later);
    check_damaged(&scene, "{\"format\": 1, \"uuid\": \"u\"}", later);
    check_damaged(&scene, "{\"format\": 1, \"uuid\": \"u\", \"definition\": {}}",
                  no_tree);
    check_damaged(
        &scene,
        "{\"format\": 1, \"uuid\": \"u\", \"definition\": {\"tree\": {\"a\": \"b\"}, "
        "\"sources\": [], \"places\": []}}",
        "is damaged: the stored configuration is damaged: the places don't fit the "
        "tree");
    /* It is still listed, and can be removed. */
    check_list(&scene, "web");
    CU_ASSERT_EQUAL(maqet_store_remove(&scene.context, "web", NULL), 0);
}

static void
test_started(void)
{
    _cleanup_scene_ struct scene scene = scene_new();

    free(add(&scene, "web"));
    CU_ASSERT_FALSE(maqet_store_started(&scene.context, "web"));
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(maqet_store_started_set(&scene.context, "web", NULL), 0);
        CU_ASSERT_TRUE(maqet_store_started(&scene.context, "web"));
    }
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"adding and loading", test_add_and_load},
        {"a deep tree", test_deep_tree},
        {"exists", test_exists},
        {"list", test_list},
        {"resolving", test_resolve},
        {"missing", test_missing},
        {"replacing", test_replace},
        {"removing", test_remove},
        {"a file that is not maqet's", test_foreign_file},
        {"leftovers are swept away", test_sweep},
        {"strays at every depth stay", test_remove_strays},
        {"and nothing else is", test_sweep_spares},
        {"lock", test_lock},
        {"a link in place of a lock", test_lock_is_no_link},
        {"removed while waiting", test_removed_while_waiting},
        {"replaced while waiting", test_replaced_while_waiting},
        {"a race to add", test_race_to_add},
        {"damage", test_damage},
        {"started", test_started},
        CU_TEST_INFO_NULL,
    };

    return unit_run("store", tests);
}
