/* SPDX-License-Identifier: MIT */
/* One task for each of several machines, each in a worker of its own. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "cli/machines.h"
#include "core/base/clock.h"
#include "core/machine/store.h"
#include "tests/unit/unit.h"

/* ---- a store with three machines, and a command that names some ---- */

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct machine_result, MAQET_ROW(struct machine_result, name, "the VM's name"),
    MAQET_ROW(struct machine_result, pid, "a number"));
static const struct view view = {.table = {.fields = &fields, .columns = "name pid"}};
static const struct command command = {.name = "meet", .view = &view};

static char *data_dir;

static void
add_machine(const struct maqet_context *context, const char *name)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;
    _cleanup_free_ char *file = unit_file(data_dir, "vm.yaml", "memory: 64M\n");

    maqet_strings_add(&files, file);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_read(&files, &none, name, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(definition);
    CU_ASSERT_EQUAL_FATAL(maqet_store_add(context, definition, NULL), 0);
}

static struct invocation
set_up(const char *const *operands)
{
    struct invocation invocation = INVOCATION_INIT;

    data_dir = unit_folder();
    invocation.command = &command;
    invocation.output.format = FORMAT_PLAIN;
    invocation.context.data_dir = maqet_strdup(data_dir);
    invocation.context.lock_timeout = unit_patience(60000);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name;
         name++)
        add_machine(&invocation.context, *name);
    for (; *operands; operands++)
        maqet_strings_add(&invocation.operands, *operands);
    return invocation;
}

static void
tear_down(struct invocation *invocation)
{
    invocation_clear(invocation);
    unit_remove_folder(&data_dir);
}

/* Runs a task with both streams caught in files; their lines sorted, since workers end in
 * any order. The caller clears the vectors. */
static int
run_caught(struct invocation *invocation, machine_task *task, struct maqet_strings *out,
           struct maqet_strings *err)
{
    struct {
        FILE *stream;
        struct maqet_strings *lines;
        int before, file;
    } streams[] = {{stdout, out, -1, -1}, {stderr, err, -1, -1}};

    for (size_t i = 0; i < 2; i++) {
        fflush(streams[i].stream);
        streams[i].before = dup(fileno(streams[i].stream));
        streams[i].file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        CU_ASSERT_FATAL(streams[i].before >= 0 && streams[i].file >= 0);
        dup2(streams[i].file, fileno(streams[i].stream));
    }
    int exit_code = machines_run(invocation, task);
    for (size_t i = 0; i < 2; i++) {
        char buffer[8192] = "";

        fflush(streams[i].stream);
        dup2(streams[i].before, fileno(streams[i].stream));
        CU_ASSERT_TRUE(pread(streams[i].file, buffer, sizeof(buffer) - 1, 0) >= 0);
        for (char *line = strtok(buffer, "\n"); line; line = strtok(NULL, "\n"))
            maqet_strings_add(streams[i].lines, line);
        maqet_strings_sort(streams[i].lines);
        close(streams[i].before);
        close(streams[i].file);
    }
    return exit_code;
}

/* What a task for these operands prints, and its exit code. */
static void
check_run(const char *const *operands, machine_task *task, int exit_code, const char *out,
          const char *err)
{
    _cleanup_strings_ struct maqet_strings outs = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings errs = MAQET_STRINGS_INIT;
    struct invocation invocation = set_up(operands);

    CU_ASSERT_EQUAL(run_caught(&invocation, task, &outs, &errs), exit_code);
    _cleanup_free_ char *out_text = maqet_strings_join(&outs, "\n");
    _cleanup_free_ char *err_text = maqet_strings_join(&errs, "\n");
    UNIT_SAME(out_text, out);
    UNIT_SAME(err_text, err);
    tear_down(&invocation);
}

#define OPERANDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- tasks ---- */

static int
succeed(struct invocation *invocation, struct machine_result *machine,
        struct maqet_error **err)
{
    (void)invocation;
    (void)err;
    machine->pid = 7;
    return 0;
}

/* a succeeds, b runs out of time, c is in the wrong state. */
static int
differ(struct invocation *invocation, struct machine_result *machine,
       struct maqet_error **err)
{
    if (strcmp(machine->name, "a") == 0)
        return succeed(invocation, machine, err);
    maqet_error_set(err, *machine->name == 'b' ? MAQET_ERROR_TIMEOUT : MAQET_ERROR_STATE,
                    "no %s\nat all\xff", machine->name);
    maqet_error_remark(err, "Really.");
    maqet_error_hint(err, "try %s", machine->name);
    return -1;
}

static int
die(struct invocation *invocation, struct machine_result *machine,
    struct maqet_error **err)
{
    if (*machine->name == 'b')
        raise(SIGKILL);
    return succeed(invocation, machine, err);
}

/* More than a pipe holds, in lines that arrive in pieces. */
static int
talk(struct invocation *invocation, struct machine_result *machine,
     struct maqet_error **err)
{
    char *words = maqet_alloc(100001);

    memset(words, 'x', 100000);
    maqet_context_say(&invocation->context, MAQET_LEVEL_DEBUG, "%s", words);
    free(words);
    maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING, "from %s",
                      machine->name);
    machines_waiting(invocation, machine->name, 1000);
    return succeed(invocation, machine, err);
}

/* Every worker waits for all others: this ends only when they run at the same time. */
static int
meet(struct invocation *invocation, struct machine_result *machine,
     struct maqet_error **err)
{
    _cleanup_free_ char *told = maqet_format("met-%s", machine->name);
    _cleanup_free_ char *mine = unit_file(data_dir, told, "");
    int64_t deadline = maqet_now() + unit_patience(60000);

    for (const char *other = "abc"; *other; other++) {
        _cleanup_free_ char *theirs = maqet_format("%s/met-%c", data_dir, *other);

        while (access(theirs, F_OK) < 0 && maqet_now() < deadline)
            usleep(1000);
    }
    if (maqet_now() >= deadline) {
        maqet_error_set(err, MAQET_ERROR_TIMEOUT, "alone");
        return -1;
    }
    return succeed(invocation, machine, err);
}

/* ---- tests ---- */

static void
test_success(void)
{
    check_run(OPERANDS("a"), succeed, 0, "a\t7", "");
    check_run(OPERANDS("a", "b", "c"), succeed, 0, "a\t7\nb\t7\nc\t7", "");
}

static void
test_each_machine_once(void)
{
    check_run(OPERANDS("a", "b", "a"), succeed, 0, "a\t7\nb\t7", "");
    check_run(OPERANDS("a", "a"), succeed, 0, "a\t7", "");
}

static void
test_unknown_machines(void)
{
    _cleanup_strings_ struct maqet_strings out = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings err = MAQET_STRINGS_INIT;
    struct invocation invocation = set_up(OPERANDS("a", "nobody", "c"));

    /* The others are not held up. */
    CU_ASSERT_EQUAL(run_caught(&invocation, succeed, &out, &err), 3);
    CU_ASSERT_EQUAL(out.count, 2);
    CU_ASSERT_TRUE(err.count >= 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.items[0], "'nobody'"));
    tear_down(&invocation);
}

static void
test_errors(void)
{
    check_run(OPERANDS("b"), differ, 2, "",
              "  | at all\\xff\nERROR: no b\nReally.\ntry b");
    check_run(OPERANDS("a", "b"), differ, 2, "a\t7",
              "  | at all\\xff\nERROR: no b\nReally.\ntry b");
    check_run(OPERANDS("a", "b", "c"), differ, 3, "a\t7",
              "  | at all\\xff\n  | at all\\xff\nERROR: no b\nERROR: no "
              "c\nReally.\nReally.\ntry b\ntry c");
}

static void
test_death(void)
{
    check_run(OPERANDS("a", "b", "c"), die, 1, "a\t7\nc\t7",
              "Check its state: maqet status b\n"
              "ERROR: The work on 'b' ended without a result (wait status 0x9)");
}

static void
test_messages(void)
{
    check_run(OPERANDS("a", "b"), talk, 0, "a\t7\nb\t7",
              "WARNING: from a\nWARNING: from b");
}

static void
test_at_the_same_time(void)
{
    check_run(OPERANDS("a", "b", "c"), meet, 0, "a\t7\nb\t7\nc\t7", "");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"success", test_success},
        {"each machine once", test_each_machine_once},
        {"unknown machines", test_unknown_machines},
        {"errors", test_errors},
        {"a worker that dies", test_death},
        {"messages", test_messages},
        {"all at the same time", test_at_the_same_time},
        CU_TEST_INFO_NULL,
    };

    return unit_run("machines", tests);
}
