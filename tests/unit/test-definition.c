/* SPDX-License-Identifier: MIT */
/* From YAML files to one checked tree with a name; what can be said without plugins. */
#include <string.h>

#include "core/machine/definition.h"
#include "core/machine/keys.h"
#include "tests/unit/unit.h"

/* Reads the texts as a.yaml, b.yaml, ... of a folder, then the assignments. */
static struct maqet_definition *
read_texts(const char *folder, const char *const *texts, const char *const *assignments,
           const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings set = MAQET_STRINGS_INIT;

    for (char letter = 'a'; *texts; texts++, letter++) {
        _cleanup_free_ char *file = maqet_format("%c.yaml", letter);

        maqet_strings_take(&files, unit_file(folder, file, *texts));
    }
    for (; assignments && *assignments; assignments++)
        maqet_strings_add(&set, *assignments);
    return maqet_definition_read(&files, &set, name, err);
}

static struct maqet_definition *
read_text(const char *text, const char *name)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_definition *definition =
        read_texts(folder, (const char *const[]){text, NULL}, NULL, name, &error);

    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    return definition;
}

/* The message is @what, after the path of the file unless @what begins with none. */
static void
check_wrong(const char *text, const char *name, const char *where, const char *what)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message =
        *where ? maqet_format("%s/a.yaml:%s: %s", folder, where, what)
               : maqet_strdup(what);

    CU_ASSERT_PTR_NULL(
        read_texts(folder, (const char *const[]){text, NULL}, NULL, name, &error));
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, message);
}

static void
check_in_tree(const struct maqet_definition *definition, const char *key,
              const char *value)
{
    UNIT_SAME(maqet_tree_text(definition->tree, key), value);
}

/* ---- names ---- */

static void
test_valid_names(void)
{
    char name[65];

    CU_ASSERT_TRUE(maqet_vm_name_valid("a"));
    CU_ASSERT_TRUE(maqet_vm_name_valid("9"));
    CU_ASSERT_TRUE(maqet_vm_name_valid("Web_1.b-c"));
    CU_ASSERT_TRUE(maqet_vm_name_valid("a.."));
    memset(name, 'a', sizeof(name));
    name[63] = '\0';
    CU_ASSERT_TRUE(maqet_vm_name_valid(name));
    name[63] = 'a';
    name[64] = '\0';
    CU_ASSERT_FALSE(maqet_vm_name_valid(name));
    for (const char *const *wrong =
             (const char *const[]){"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n",
                                   "\xc3\xa4", "a:b", NULL};
         *wrong; wrong++)
        CU_ASSERT_FALSE(maqet_vm_name_valid(*wrong));
}

static void
test_name(void)
{
    _cleanup_definition_ struct maqet_definition *written =
        read_text("name: web\n", NULL);
    _cleanup_definition_ struct maqet_definition *given = read_text("name: web\n", "db");
    _cleanup_definition_ struct maqet_definition *added = read_text("memory: 1G\n", "db");

    UNIT_SAME(written->name, "web");
    check_in_tree(written, "name", "web");
    /* The tree says the name that the machine really has. */
    UNIT_SAME(given->name, "db");
    check_in_tree(given, "name", "db");
    UNIT_SAME(added->name, "db");
    check_in_tree(added, "name", "db");
    check_in_tree(added, "memory", "1G");
}

static void
test_wrong_name(void)
{
    static const char rule[] = "use a letter or digit, then letters, digits, "
                               "'.', '_' and '-'; at most 63 characters";
    _cleanup_free_ char *dots = maqet_format("invalid VM name '../web': %s", rule);
    _cleanup_free_ char *empty = maqet_format("invalid VM name '': %s", rule);

    check_wrong("memory: 1G\nname: ../web\n", NULL, "2:7", dots);
    check_wrong("name: ''\n", NULL, "1:7", empty);
    check_wrong("name: web\n", "../web", "", dots);
    check_wrong("name: web\n", "", "", empty);
    check_wrong("name: [web]\n", NULL, "1:7", "'name' is a list, but it must be a text");
}

/* Reads a file of that name which doesn't say what its machine is called. */
static char *
name_after(const char *file, struct maqet_error **err)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;

    maqet_strings_take(&files, unit_file(folder, file, "# me\nmemory: 1G\n"));
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_read(&files, &none, NULL, err);
    if (!definition)
        return NULL;
    check_in_tree(definition, "name", definition->name);
    return maqet_strdup(definition->name);
}

static void
test_named_after_file(void)
{
    static const char *const names[][2] = {
        {"test-vm.yaml", "test-vm"}, {"a.YML", "a"},     {"b.json", "b"},
        {"web.v2.yaml", "web.v2"},   {"plain", "plain"}, {"vm.conf", "vm.conf"},
    };
    _cleanup_error_ struct maqet_error *error = NULL;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        _cleanup_free_ char *name = name_after(names[i][0], &error);

        UNIT_NO_ERROR(&error);
        UNIT_SAME(name, names[i][1]);
    }
    /* A key without a value is as good as none; what is written or given wins. */
    _cleanup_definition_ struct maqet_definition *empty = read_text("name:\n", NULL);
    UNIT_SAME(empty->name, "a");
}

static void
check_no_name(struct maqet_error **error, const char *what)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(*error);
    CU_ASSERT_EQUAL((*error)->code, MAQET_ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr((*error)->message, what));
    CU_ASSERT_EQUAL_FATAL((*error)->hints.count, 1);
    UNIT_HINT(*error, 0, "Add a line `name: ...`, or use --name");
    maqet_error_clear(error);
}

static void
test_no_name(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(read_texts(
        folder, (const char *const[]){"# me\nmemory: 1G\n", "cpu: host\n", NULL}, NULL,
        NULL, &error));
    check_no_name(&error, "a.yaml:2:1: the VM has no name: none of its files has a "
                          "`name`");
    CU_ASSERT_PTR_NULL(name_after("my vm.yaml", &error));
    check_no_name(&error, "invalid VM name 'my vm'");
    CU_ASSERT_PTR_NULL(name_after(".yaml", &error));
    check_no_name(&error, "invalid VM name '.yaml'");
}

static void
test_uuid(void)
{
    _cleanup_definition_ struct maqet_definition *one = read_text("name: a\n", NULL);
    _cleanup_definition_ struct maqet_definition *other = read_text("name: a\n", NULL);

    CU_ASSERT_EQUAL(strlen(one->uuid), 36);
    CU_ASSERT_EQUAL(strspn(one->uuid, "0123456789abcdef-"), 36);
    CU_ASSERT_STRING_NOT_EQUAL(one->uuid, other->uuid);
}

/* ---- several files, and --set ---- */

static void
test_files_and_assignments(void)
{
    static const char *const texts[] = {"name: a\nmemory: 1G\nstorage: [{name: x}]\n",
                                        "memory: 2G\nstorage: [{name: y}]\n", NULL};
    static const char *const assignments[] = {"memory=3G", "cpu=host", NULL};
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;
    json_object *list = NULL;

    _cleanup_definition_ struct maqet_definition *definition =
        read_texts(folder, texts, assignments, NULL, &error);
    UNIT_NO_ERROR(&error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    check_in_tree(definition, "memory", "3G");
    check_in_tree(definition, "cpu", "host");
    CU_ASSERT_TRUE(json_object_object_get_ex(definition->tree, "storage", &list));
    CU_ASSERT_EQUAL(json_object_array_length(list), 2);
}

static void
test_missing_file(void)
{
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT, none = files;
    _cleanup_error_ struct maqet_error *error = NULL;

    maqet_strings_addf(&files, "%s/no.yaml", folder);
    CU_ASSERT_PTR_NULL(maqet_definition_read(&files, &none, NULL, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_MISSING);
}

static void
test_wrong_assignment(void)
{
    static const char *const texts[] = {"name: a\n", NULL};
    static const char *const unknown[] = {"memry=3G", NULL};
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;

    CU_ASSERT_PTR_NULL(read_texts(folder, texts, unknown, NULL, &error));
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_EQUAL(error->code, MAQET_ERROR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "unknown key 'memry'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, "did you mean 'memory'?"));
}

/* ---- the top level ---- */

static void
test_keys(void)
{
    _cleanup_definition_ struct maqet_definition *all =
        read_text("name: a\nbinary: qemu-system-arm\naccel: tcg\nmemory: 1G\ncpu: "
                  "max\ndisplay: none\n"
                  "vga: std\nsandbox: off\nstorage_dir: images\narguments: "
                  "[nographic]\nstorage: []\n",
                  NULL);
    const char *path = maqet_tree_text(all->tree, "storage_dir");

    CU_ASSERT_TRUE(path[0] == '/');
    CU_ASSERT_PTR_NOT_NULL(strstr(path, "/images"));
    maqet_definition_free(read_text("name: a\narguments:\nstorage:\naccel:\n", NULL));
}

static void
test_wrong_keys(void)
{
    check_wrong("name: a\nmemroy: 1G\n", NULL, "2:1",
                "unknown key 'memroy'; did you mean 'memory'?");
    check_wrong("name: a\nargument: []\n", NULL, "2:1",
                "unknown key 'argument'; did you mean 'arguments'?");
    check_wrong("name: a\naccel: xen\n", NULL, "2:8",
                "'accel' is 'xen'; it can be: auto, kvm, tcg");
    check_wrong("name: a\nsandbox: perhaps\n", NULL, "2:10",
                "'sandbox' is 'perhaps'; it can be: on, off");
    check_wrong("name: a\nmemory: [1G]\n", NULL, "2:9",
                "'memory' is a list, but it must be a text");
    check_wrong("name: a\narguments: nographic\n", NULL, "2:12",
                "'arguments' must be a list of QEMU's options, such as `- smp: 2`");
    check_wrong("name: a\narguments:\n  smp: 2\n", NULL, "3:3",
                "'arguments' must be a list of QEMU's options, such as `- smp: 2`");
    check_wrong(
        "name: a\narguments:\n  - daemonize\n", NULL, "3:5",
        "-daemonize cannot be used: maqet itself detaches QEMU, and QEMU's sandbox "
        "does not allow forking");
}

/* What a number without a unit most likely means is asked, and `cpu` may be one. */
static void
test_numbers(void)
{
    static const char *const good[] = {"512",     "32",   "4G",       "4M",  "0",
                                       "size=2G", "1.5G", "67108864", "10GB"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        _cleanup_free_ char *text = maqet_format("name: a\nmemory: '%s'\n", good[i]);

        maqet_definition_free(read_text(text, NULL));
    }
    check_wrong("name: a\nmemory: 4\n", NULL, "2:9",
                "'memory' is '4', which is 4 MiB; did you mean 4G?");
    check_wrong("name: a\nmemory: lots\n", NULL, "2:9",
                "'memory' is 'lots', which is not a size; write it like 512M or 4G");
    check_wrong("name: a\nmemory: 31,slots=2\n", NULL, "2:9",
                "'memory' is '31,slots=2', which is 31 MiB; did you mean 31G?");
    check_wrong("name: a\nmemory: size=8\n", NULL, "2:9",
                "'memory' is 'size=8', which is 8 MiB; did you mean 8G?");
    check_wrong("name: a\nmemory: 4294967296\n", NULL, "2:9",
                "'memory' is '4294967296', which is 4294967296 MiB; did you mean 4G?");

    _cleanup_definition_ struct maqet_definition *two =
        read_text("name: a\ncpu: 2\n", NULL);
    _cleanup_definition_ struct maqet_definition *model =
        read_text("name: a\ncpu: host,+vmx\n", NULL);
    _cleanup_definition_ struct maqet_definition *old =
        read_text("name: a\ncpu: 486\n", NULL);
    _cleanup_definition_ struct maqet_definition *none = read_text("name: a\n", NULL);
    CU_ASSERT_EQUAL(maqet_keys_vcpus(two->tree), 2);
    CU_ASSERT_EQUAL(maqet_keys_vcpus(model->tree), 0);
    CU_ASSERT_EQUAL(maqet_keys_vcpus(old->tree), 0);
    CU_ASSERT_EQUAL(maqet_keys_vcpus(none->tree), 0);
    check_wrong("name: a\ncpu: 0\n", NULL, "2:6",
                "'cpu' is '0'; a number is that of the vCPUs, from 1 to 4096, and "
                "anything else a model such as `host` or `max`");
    check_wrong("name: a\ncpu: 99999999999999999999\n", NULL, "2:6",
                "'cpu' is '99999999999999999999'; a number is that of the vCPUs, from 1 "
                "to 4096, and anything else a model such as `host` or `max`");
}

static void
test_storage_list(void)
{
    static const char of_list[] =
        "'storage' must be a list of drives, each beginning with `- name: ...`";
    static const char of_drive[] =
        "a drive is a mapping such as `name: hdd`, `size: 20G`";

    check_wrong("name: a\nstorage: hdd\n", NULL, "2:10", of_list);
    check_wrong("name: a\nstorage:\n  name: hdd\n", NULL, "3:3", of_list);
    check_wrong("name: a\nstorage:\n  - hdd\n", NULL, "3:5", of_drive);
    check_wrong("name: a\nstorage:\n  - name: hdd\n  - [size]\n", NULL, "4:5", of_drive);
    check_wrong("name: a\nstorage: [ ~ ]\n", NULL, "2:12", of_drive);
}

static void
test_drives_of_one_name(void)
{
    static const char *const texts[] = {
        "name: a\nstorage:\n  - name: hdd\n  - name: cd\n  - size: 1G\n    name: hdd\n",
        NULL};
    _cleanup_folder_ char *folder = unit_folder();
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *message = maqet_format(
        "%s/a.yaml:6:11: two drives are named 'hdd'; the first is at %s/a.yaml:3:11",
        folder, folder);

    CU_ASSERT_PTR_NULL(read_texts(folder, texts, NULL, NULL, &error));
    UNIT_ERROR(&error, MAQET_ERROR_INVALID, message);
    /* A drive without a name is somebody else's to complain about; Hdd is another one. */
    maqet_definition_free(read_text(
        "name: a\nstorage: [{size: 1}, {size: 2}, {name: hdd}, {name: Hdd}]\n", NULL));
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"names that are valid", test_valid_names},
        {"name", test_name},
        {"wrong name", test_wrong_name},
        {"no name", test_no_name},
        {"numbers without a unit", test_numbers},
        {"named after its file", test_named_after_file},
        {"UUID", test_uuid},
        {"files and assignments", test_files_and_assignments},
        {"missing file", test_missing_file},
        {"wrong assignment", test_wrong_assignment},
        {"keys", test_keys},
        {"wrong keys", test_wrong_keys},
        {"storage list", test_storage_list},
        {"drives of one name", test_drives_of_one_name},
        CU_TEST_INFO_NULL,
    };

    return unit_run("definition", tests);
}
