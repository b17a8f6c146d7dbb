/* SPDX-License-Identifier: MIT */
/* What one start adds to QEMU's command line, and that it is taken away again. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "core/machine/command_line.h"
#include "tests/unit/unit.h"

static void
add_words(struct maqet_strings *argv, const char *words)
{
    _cleanup_free_ char *copy = maqet_strdup(words);
    char *rest = copy;

    for (char *word; (word = strsep(&rest, " "));)
        maqet_strings_add(argv, word);
}

static void
check(const char *line, const struct maqet_start_arguments *start, const char *added)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    add_words(&argv, line);
    maqet_command_line_add_start(&argv, start);
    _cleanup_free_ char *whole = maqet_strings_join(&argv, " ");
    _cleanup_free_ char *expected = maqet_format("%s%s", line, added);
    UNIT_SAME(whole, expected);

    maqet_command_line_cut_start(&argv);
    _cleanup_free_ char *cut = maqet_strings_join(&argv, " ");
    UNIT_SAME(cut, line);
}

static void
test_start_arguments(void)
{
    static const char line[] = "qemu -machine q35 -S -device virtio-blk-pci";

    check(line, &(struct maqet_start_arguments){0}, "");
    check(line, &(struct maqet_start_arguments){.paused = true}, " -S");
    check(line, &(struct maqet_start_arguments){.incoming = true}, " -incoming defer");
    check(line, &(struct maqet_start_arguments){.incoming = true, .paused = true},
          " -incoming defer -S");
    check(line,
          &(struct maqet_start_arguments){.incoming = true, .machine = "pc-q35-7.2"},
          " -machine type=pc-q35-7.2 -incoming defer");
    /* Memory that is mapped, with and without a machine type. */
    static const char object[] =
        " -object memory-backend-file,id=pc.ram,mem-path=/a,,b,share=off,size=8192,"
        "x-use-canonical-path-for-ramblock-id=off -machine memory-backend=pc.ram";
    struct maqet_mapped_memory memory = {.file = "/a,b", .block = "pc.ram", .size = 8192};
    _cleanup_free_ char *alone = maqet_format("%s -incoming defer", object);
    _cleanup_free_ char *both =
        maqet_format("%s -machine type=pc-q35-7.2 -incoming defer", object);
    check(line, &(struct maqet_start_arguments){.incoming = true, .memory = &memory},
          alone);
    check(line,
          &(struct maqet_start_arguments){
              .incoming = true, .machine = "pc-q35-7.2", .memory = &memory},
          both);
    memory.readonly = true;
    check("qemu", &(struct maqet_start_arguments){.incoming = true, .memory = &memory},
          " -object memory-backend-file,id=pc.ram,mem-path=/a,,b,share=off,size=8192,"
          "readonly=on,rom=off,x-use-canonical-path-for-ramblock-id=off "
          "-machine memory-backend=pc.ram -incoming defer");
    /* The user's own memory is not that of a start, and neither is the type. */
    check("qemu -object memory-backend-file,id=mine,mem-path=/a,size=8192 -machine "
          "memory-backend=mine",
          &(struct maqet_start_arguments){.incoming = true, .machine = "pc-q35-7.2"},
          " -machine type=pc-q35-7.2 -incoming defer");
    check("qemu -machine q35", &(struct maqet_start_arguments){.paused = true}, " -S");
    check("qemu", &(struct maqet_start_arguments){.incoming = true}, " -incoming defer");
}

static bool
is_line_of(pid_t pid, const char *expected)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    struct maqet_error *error = NULL;

    CU_ASSERT_EQUAL(maqet_command_line_of(pid, &argv, &error), 0);
    UNIT_NO_ERROR(&error);
    _cleanup_free_ char *words = maqet_strings_join(&argv, "|");
    return strcmp(words, expected) == 0;
}

/* The arguments may hold anything. */
static void
test_of_process(void)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;
    int input[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(input, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(input[0], 0);
        execlp("sh", "qemu", "-c", "read word", "-name", "a, b\n", "", "-S", NULL);
        _exit(127);
    }
    /* Until exec it has our arguments. */
    UNIT_EVENTUALLY(is_line_of(pid, "qemu|-c|read word|-name|a, b\n|"));
    close(input[0]);
    close(input[1]);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_EQUAL(maqet_command_line_of(pid, &argv, &error), -1);
}

/* A definition that was edited by hand may have lost the places of its values. */
static void
test_without_places(void)
{
    char nowhere[] = "/nowhere", name[] = "web", uuid[] = "u";
    const struct maqet_context context = {.data_dir = nowhere, .runtime_dir = nowhere};
    struct maqet_definition *definition = maqet_alloc(sizeof(*definition));

    definition->name = maqet_strdup(name);
    definition->uuid = maqet_strdup(uuid);
    definition->tree = json_object_new_object();
    json_object_object_add(definition->tree, "binary",
                           json_object_new_string("./qemu-system-arm"));
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_look(&context, definition);
    UNIT_SAME(vm->program, "./qemu-system-arm");
    UNIT_SAME(vm->machine.arch, "arm");
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what a start adds goes again", test_start_arguments},
        {"of a process", test_of_process},
        {"a definition without places", test_without_places},
        CU_TEST_INFO_NULL,
    };

    return unit_run("command-line", tests);
}
