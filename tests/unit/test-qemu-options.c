/* SPDX-License-Identifier: MIT */
/* The tables of QEMU's options: complete, in order, and the same as in
 * docs/arguments.md. */
#include "core/base/files.h"
#include "core/base/process.h"
#include "core/config/yaml.h"
#include "core/machine/merge.h"
#include "core/qemu/arguments.h"
#include "core/qemu/argument_check.h"
#include "core/qemu/qemu_options.h"
#include "tests/unit/unit.h"

/* ---- the tables ---- */

static void
test_rows(void)
{
    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++) {
        bool fine = row->verdict.fate == MAQET_QEMU_FINE;

        CU_ASSERT_EQUAL(maqet_qemu_option_find(row->name), row);
        CU_ASSERT_EQUAL(fine, row->verdict.reason == NULL);
        CU_ASSERT_TRUE(!fine ||
                       (!row->verdict.instead && row->verdict.next == MAQET_NEXT_WORDS));
        CU_ASSERT_TRUE(!row->verdict.instead || row->verdict.next == MAQET_NEXT_WORDS);
    }
    for (const struct maqet_qemu_value *row = maqet_qemu_values; row->option; row++) {
        CU_ASSERT_PTR_NOT_NULL(*maqet_qemu_option_find(row->option)->name ? row : NULL);
        CU_ASSERT_TRUE(row->verdict.fate != MAQET_QEMU_FINE && row->verdict.reason);
        CU_ASSERT_TRUE(row->type || row->property || row->match == MAQET_QEMU_WHOLE);
    }
    CU_ASSERT_STRING_EQUAL(maqet_qemu_option_find("no-such-option")->name, "");
}

/* Looks for each option of a line of QEMU's help: "-fda/-fdb file", "-h or -help". */
static void
check_line(const char *line, size_t length)
{
    _cleanup_free_ char *copy = maqet_strndup(line, length);
    char *rest = copy;

    for (const char *word; (word = strsep(&rest, " /[")) && *word == '-';) {
        word += strspn(word, "-");
        if (!*maqet_qemu_option_find(word)->name) {
            fprintf(stderr,
                    "-%s of QEMU is not in the table of core/qemu/qemu_options.c\n",
                    word);
            CU_FAIL("an option of QEMU is not in the table");
        }
        if (rest && maqet_text_starts(rest, "or -"))
            strsep(&rest, " ");
    }
}

static void
test_installed_qemu(void)
{
    const char *const argv[] = {"qemu-system-x86_64", "--help", NULL};
    _cleanup_free_ char *help = NULL;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *program = maqet_process_find(argv[0]);
    size_t lines = 0;

    if (!program)
        return;
    CU_ASSERT_EQUAL_FATAL(maqet_process_run(argv, -1, &help, &error), 0);
    for (const char *line = help; *line;) {
        size_t length = strcspn(line, "\n");

        if (*line == '-') {
            check_line(line, length);
            lines++;
        }
        line += length + (line[length] == '\n');
    }
    CU_ASSERT_TRUE(lines > 100);
}

/* ---- the document ---- */

static const char *
when_text(enum maqet_qemu_when when)
{
    return when == MAQET_QEMU_SANDBOXED  ? ", unless `sandbox: off`"
           : when == MAQET_QEMU_DETACHED ? ", unless --foreground"
                                         : "";
}

static void
append_row(struct maqet_text *text, const char *what,
           const struct maqet_qemu_verdict *verdict)
{
    const struct maqet_hint hint = {.next = verdict->next};
    _cleanup_free_ char *step =
        verdict->next != MAQET_NEXT_WORDS ? hint_text(&hint) : NULL;

    maqet_text_appendf(text, "| `%s` | %s%s | %s | %s |\n", what,
                       verdict->fate == MAQET_QEMU_REFUSED ? "refused" : "warned of",
                       when_text(verdict->when), verdict->reason,
                       verdict->instead ? verdict->instead
                       : step           ? step
                                        : "");
}

static char *
value_of(const struct maqet_qemu_value *row)
{
    if (row->match == MAQET_QEMU_WHOLE)
        return maqet_format("-%s %s", row->option, row->value);
    const char *type = row->type ? row->type : "…";
    if (!row->property)
        return maqet_format("-%s %s", row->option, type);
    if (row->match == MAQET_QEMU_IS_NOT)
        return maqet_format("-%s %s without %s=%s", row->option, type, row->property,
                            row->value);
    return maqet_format("-%s %s,%s=%s", row->option, type, row->property,
                        row->value ? row->value : "");
}

static void
append_options(struct maqet_text *text, enum maqet_qemu_repeat repeat)
{
    bool first = true;

    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++)
        if (row->repeat == repeat) {
            maqet_text_appendf(text, "%s`-%s`", first ? "" : ",\n", row->name);
            first = false;
        }
    maqet_text_append(text, ".\n");
}

static void
append_repeats(struct maqet_text *text)
{
    maqet_text_append(text, "\nQEMU takes the last of these:\n");
    append_options(text, MAQET_QEMU_LAST);
    maqet_text_append(text, "\nAnd it joins the properties of these, taking the last of "
                            "each:\n");
    append_options(text, MAQET_QEMU_JOINED);
}

/* The part of docs/arguments.md between the marks. */
static char *
document(void)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    bool first = true;

    maqet_text_append(&text, "| option | | why | instead |\n|---|---|---|---|\n");
    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++) {
        _cleanup_free_ char *name = maqet_format("-%s", row->name);

        if (row->verdict.fate != MAQET_QEMU_FINE)
            append_row(&text, name, &row->verdict);
    }
    for (const struct maqet_qemu_value *row = maqet_qemu_values; row->option; row++) {
        _cleanup_free_ char *value = value_of(row);

        append_row(&text, value, &row->verdict);
    }
    maqet_text_append(&text, "\nAll others that maqet knows are passed on:\n");
    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++)
        if (row->verdict.fate == MAQET_QEMU_FINE) {
            maqet_text_appendf(&text, "%s`-%s`", first ? "" : ",\n", row->name);
            first = false;
        }
    maqet_text_append(&text, ".\n");
    append_repeats(&text);
    return maqet_text_take(&text);
}

static void
test_document(void)
{
    static const char begin[] = "<!-- the tables -->\n", end[] = "<!-- their end -->\n";
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *path =
        maqet_format("%s/docs/arguments.md", getenv("abs_top_srcdir"));
    _cleanup_free_ char *wanted = document();
    _cleanup_free_ char *text = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_file_read(path, 1 << 20, &text, NULL, &error), 0);
    char *from = strstr(text, begin);
    char *to = from ? strstr(from, end) : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    from += strlen(begin);
    _cleanup_free_ char *written = maqet_strndup(from, (size_t)(to - from));
    if (getenv("MAQET_TEST_UPDATE")) {
        FILE *file = fopen(path, "w");

        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        fprintf(file, "%.*s%s%s", (int)(from - text), text, wanted, to);
        fclose(file);
        return;
    }
    UNIT_SAME(written, wanted);
}

/* ---- what is said twice ---- */

/* How many items are left when a later file says  again. */
static size_t
merged_count(const char *option)
{
    _cleanup_free_ char *text = maqet_format("arguments: [{%s: 1}]\n", option);
    _cleanup_json_ json_object *tree =
        maqet_yaml_parse(text, strlen(text), "base.yaml", "/vms", NULL);
    _cleanup_json_ json_object *later =
        maqet_yaml_parse(text, strlen(text), "site.yaml", "/vms", NULL);
    json_object *list = NULL;

    CU_ASSERT_EQUAL_FATAL(maqet_merge(tree, later, NULL), 0);
    json_object_object_get_ex(tree, "arguments", &list);
    return json_object_array_length(list);
}

/* A file replaces what an earlier one says wherever QEMU would take the last. */
static void
test_merging(void)
{
    static const char *const joined[] = {"m", "machine", "smp", NULL};

    for (const struct maqet_qemu_option *row = maqet_qemu_options; row->name; row++) {
        bool replaced = row->repeat == MAQET_QEMU_LAST || strcmp(row->name, "accel") == 0;

        for (size_t i = 0; joined[i]; i++)
            replaced = replaced || strcmp(row->name, joined[i]) == 0;
        if (merged_count(row->name) != (replaced ? 1 : 2)) {
            fprintf(stderr, "-%s in a second file\n", row->name);
            CU_FAIL("merging and the table differ");
        }
    }
}

/* Checks a list of vm.yaml; the message, or none. */
static void
repeated(const char *yaml, const char *wanted)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *list =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_EQUAL(maqet_arguments_check_repeated(list, &error), wanted ? -1 : 0);
    UNIT_SAME(error ? error->message : NULL, wanted);
}

static void
test_repeated(void)
{
    repeated("- cpu: max\n- smp: 2\n- -cpu: host\n",
             "vm.yaml:3:3: -cpu is given twice, but QEMU takes one; the other is at "
             "vm.yaml:1:3");
    repeated("- {kernel: a, --kernel: b}\n",
             "vm.yaml:1:15: -kernel is given twice, but QEMU takes one; the other is at "
             "vm.yaml:1:4");
    repeated("- m: 1G\n- m: {maxmem: 4G, size: 2G}\n",
             "vm.yaml:2:3: -m gives 'size' twice, but QEMU takes one; the other is at "
             "vm.yaml:1:3");
    repeated("- M: q35\n- machine: 'smm=off,type=pc'\n",
             "vm.yaml:2:3: -machine gives 'type' twice, but QEMU takes one; the other is "
             "at vm.yaml:1:3");
    repeated("- smp: '2,cpus=4'\n",
             "vm.yaml:1:3: -smp gives 'cpus' twice, but QEMU takes one");
    repeated("- rtc: base=utc\n- rtc: base=localtime\n",
             "vm.yaml:2:3: -rtc gives 'base' twice, but QEMU takes one; the other is at "
             "vm.yaml:1:3");
    repeated("- display: gtk\n- display: vncx\n",
             "vm.yaml:2:3: -display is given twice, but QEMU takes one; the other is at "
             "vm.yaml:1:3");
}

static void
test_not_repeated(void)
{
    repeated("- m: 1G\n- m: 'maxmem=4G,slots=2'\n", NULL);
    repeated("- machine: q35\n- machine: {smm: off}\n- M: accel=tcg\n", NULL);
    repeated("- name: a\n- name: process=b\n- boot: c\n- boot: menu=on\n", NULL);
    repeated("- display: none\n- display: vnc=:1\n- display: 'vnc=:2,to=9'\n", NULL);
    repeated("- accel: kvm\n- accel: tcg\n", NULL);
    repeated("- device: a\n- device: a\n- serial: null\n- serial: null\n", NULL);
    repeated("- no-reboot\n- no-reboot\n", NULL);
    repeated("- nosuch: 1\n- nosuch: 2\n", NULL);
    CU_ASSERT_EQUAL(maqet_arguments_check_repeated(NULL, NULL), 0);
}

/* ---- what becomes of them ---- */

static void
listen(void *warnings, enum maqet_level level, const char *message)
{
    CU_ASSERT_EQUAL(level, MAQET_LEVEL_WARNING);
    maqet_strings_add(warnings, message);
}

static void
check(const char *yaml, bool sandboxed, bool detached, const char *wanted)
{
    const struct maqet_qemu_manner manner = {.sandboxed = sandboxed,
                                             .detached = detached};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_strings_ struct maqet_strings warnings = MAQET_STRINGS_INIT;
    const struct maqet_context context = {
        .message = listen, .data = &warnings, .words = hint_text};
    _cleanup_json_ json_object *list =
        maqet_yaml_parse(yaml, strlen(yaml), "vm.yaml", "/vms", NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    maqet_arguments_check_allowed(list, &manner, &error);
    maqet_arguments_warn(list, &manner, &context);
    const char *said = error                ? error->message
                       : warnings.count > 0 ? warnings.items[0]
                                            : NULL;
    if (!wanted) {
        UNIT_SAME(said, NULL);
        return;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(said);
    if (!strstr(said, wanted))
        UNIT_SAME(said, wanted);
}

static void
test_spellings(void)
{
    static const char *const spellings[] = {
        "- snapshot",  "- -snapshot",        "- --snapshot",
        "- snapshot:", "- {snapshot: null}", "- --snapshot: on"};

    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
        check(spellings[i], false, false, "snapshot cannot be used: it has no effect");
    check("- append: -snapshot", true, true, NULL);
}

static void
test_help(void)
{
    check("- M: help", false, false, "-machine help cannot be used: QEMU only prints");
    check("- device: 'x,help'", false, false, "-device x,help cannot be used");
    check("- cpu: '?'", false, false, "-cpu ? cannot be used");
    check("- audio: 'model=help'\n- device: {driver: help}", false, false,
          "cannot be used: QEMU only prints");
    check("- append: help\n- name: help\n- kernel: help\n- k: help", true, true, NULL);
}

static void
test_descriptors(void)
{
    check("- chardev: 'socket,id=c,fd=3'", false, false, "-chardev fd= cannot be used");
    check("- net: 'tap,fds=3:4'", false, false, "-net fds= cannot be used");
    check("- virtfs: {proxy: null, mount_tag: t, sock_fd: 5}", false, false,
          "-virtfs sock_fd= cannot be used");
    check("- device: '{\"driver\": \"x\", \"vhostfd\": \"7\"}'", false, false,
          "-device vhostfd= cannot be used");
    check("- append: 'fd=3'\n- smbios: 'type=11,value=fd'", false, false, NULL);
}

static void
test_sandbox(void)
{
    static const char *const spawn[] = {
        "- netdev: 'user,id=n,smb=/a'", "- nic: 'user,guestfwd=tcp:1.2.3.4:5-cmd:cat'",
        "- netdev: 'tap,id=n'",         "- netdev: 'tap,id=n,script=no'",
        "- net: {type: bridge}",        "- display: spice-app"};

    for (size_t i = 0; i < sizeof(spawn) / sizeof(*spawn); i++) {
        check(spawn[i], true, false,
              "QEMU's sandbox does not allow it to run other programs");
        check(spawn[i], false, false, NULL);
    }
    check("- netdev: 'tap,id=n,script=no,downscript=no,ifname=t'", true, false, NULL);
    check("- netdev: 'user,id=n,guestfwd=tcp:1.2.3.4:5-tcp:6.7.8.9:1'", true, false,
          NULL);
    check("- sandbox: off", true, false, "-sandbox off cannot be used");
    check("- sandbox: {enable: off}", true, false, "-sandbox off cannot be used");
    check("- sandbox: 'on,spawn=deny'", true, true, NULL);
}

static void
test_terminal(void)
{
    static const char *const terminal[] = {"- serial: stdio", "- serial: 'mon:stdio'",
                                           "- monitor: stdio", "- nographic",
                                           "- chardev: 'stdio,id=c'"};

    for (size_t i = 0; i < sizeof(terminal) / sizeof(*terminal); i++) {
        check(terminal[i], true, true, "QEMU is detached and has no terminal");
        check(terminal[i], true, false, NULL);
    }
    check("- display: 'curses,charset=x'", true, true, "-display curses cannot be used");
    check("- display: curses", true, false, NULL);
    check("- serial: 'file:stdio'", true, true, NULL);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"rows", test_rows},
        {"the QEMU that is installed", test_installed_qemu},
        {"docs/arguments.md", test_document},
        {"merging takes the last where QEMU does", test_merging},
        {"said twice", test_repeated},
        {"said twice, and both count", test_not_repeated},
        {"spellings", test_spellings},
        {"lists that QEMU shows", test_help},
        {"descriptors", test_descriptors},
        {"other programs", test_sandbox},
        {"no terminal", test_terminal},
        CU_TEST_INFO_NULL,
    };

    return unit_run("qemu-options", tests);
}
