/* SPDX-License-Identifier: MIT */
#include "core/machine/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/config/options.h"
#include "core/machine/accel.h"
#include "core/machine/arguments.h"
#include "core/machine/check.h"
#include "core/machine/run.h"
#include "core/machine/sandbox.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/qemu/arguments.h"
#include "core/qemu/launch.h"
#include "core/qemu/render.h"
#include "core/qemu/secrets.h"
#include "core/storage/entry.h"
#include "core/storage/fault.h"
#include "core/storage/image.h"

static const char PROGRAM_PREFIX[] = "qemu-system-";

/* ---- what the machine is ---- */

/* This host's architecture as QEMU spells it. The caller frees. */
static char *
host_arch(void)
{
    static const struct {
        const char *kernel, *qemu;
    } spellings[] = {
        {"i486", "i386"},  {"i586", "i386"},  {"i686", "i386"},     {"armv6l", "arm"},
        {"armv7l", "arm"}, {"armv8l", "arm"}, {"ppc64le", "ppc64"}, {"mips", "mips"},
    };
    struct utsname host;

    if (uname(&host) < 0)
        return maqet_strdup("x86_64");
    for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
        if (strcmp(host.machine, spellings[i].kernel) == 0)
            return maqet_strdup(spellings[i].qemu);
    return maqet_strdup(host.machine);
}

/* QEMU's program: a name for PATH, or a path (relative to the YAML file). Caller frees.
 */
static char *
program_of(json_object *tree)
{
    const char *written = maqet_tree_text(tree, "binary");

    if (!written) {
        _cleanup_free_ char *arch = host_arch();
        return maqet_format("%s%s", PROGRAM_PREFIX, arch);
    }
    if (!strchr(written, '/'))
        return maqet_strdup(written);
    return maqet_path_absolute(written, maqet_tree_place_of_value(tree, "binary").folder);
}

static json_object *
arguments_of(const struct maqet_vm *vm)
{
    json_object *arguments = NULL;

    json_object_object_get_ex(vm->definition->tree, "arguments", &arguments);
    return arguments;
}

char *
maqet_vm_arch_of(const char *program)
{
    const char *slash = program ? strrchr(program, '/') : NULL;
    const char *base = slash ? slash + 1 : program;

    return base && maqet_text_starts(base, PROGRAM_PREFIX)
               ? maqet_strdup(base + strlen(PROGRAM_PREFIX))
               : host_arch();
}

bool
maqet_vm_arch_is_pc(const char *arch)
{
    return strcmp(arch, "x86_64") == 0 || strcmp(arch, "i386") == 0;
}

static void
describe_machine(struct maqet_vm *vm)
{
    json_object *tree = vm->definition->tree;
    _cleanup_free_ char *program = program_of(tree);
    const char *written = maqet_tree_text(tree, "storage_dir");

    vm->machine.vm_name = maqet_strdup(vm->definition->name);
    vm->machine.arch = maqet_vm_arch_of(program);
    vm->machine.type =
        maqet_arguments_property(arguments_of(vm), "machine", "type", "type");
    /* QEMU has a default for PCs only; elsewhere it wants to be told. */
    if (!vm->machine.type)
        vm->machine.type =
            maqet_strdup(maqet_vm_arch_is_pc(vm->machine.arch) ? "pc" : "");
    if (!written)
        written = vm->context->storage_dir;
    vm->machine.storage_dir = maqet_strdup(written ? written : "/tmp");
    vm->machine.run_dir = maqet_run_folder(vm->context, vm->definition->name);
}

static void
make_drives(struct maqet_vm *vm)
{
    json_object *list = NULL;

    json_object_object_get_ex(vm->definition->tree, "storage", &list);
    if (!json_object_is_type(list, json_type_array))
        return;
    size_t count = json_object_array_length(list);
    vm->drives = maqet_alloc((count + 1) * sizeof(struct maqet_drive *));
    for (size_t i = 0; i < count; i++)
        vm->drives[vm->drive_count++] = maqet_drive_look(
            vm->context, &vm->machine, json_object_array_get_idx(list, i));
}

struct maqet_vm *
maqet_vm_look(const struct maqet_context *context, struct maqet_definition *definition)
{
    struct maqet_vm *vm = maqet_alloc(sizeof(*vm));

    vm->context = context;
    vm->definition = definition;
    describe_machine(vm);
    make_drives(vm);
    maqet_images_load(context, definition->name, &vm->images, &vm->images_error);
    maqet_images_attach(vm);
    maqet_slots_load(context, definition->name, &vm->slots, &vm->slots_error);
    return vm;
}

int
maqet_vm_check_sound(const struct maqet_vm *vm, struct maqet_error **err)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (maqet_drive_check_sound(vm->drives[i], err) < 0)
            return -1;
    return 0;
}

struct maqet_vm *
maqet_vm_new(const struct maqet_context *context, struct maqet_definition *definition,
             struct maqet_error **err)
{
    struct maqet_vm *vm = maqet_vm_look(context, definition);

    if (maqet_vm_check_sound(vm, err) == 0)
        return vm;
    maqet_vm_free(vm);
    return NULL;
}

struct maqet_vm *
maqet_vm_open(const struct maqet_context *context, const char *name,
              struct maqet_error **err)
{
    struct maqet_definition *definition = maqet_store_load(context, name, err);

    return definition ? maqet_vm_look(context, definition) : NULL;
}

struct maqet_vm *
maqet_vm_open_running(const struct maqet_context *context, const char *name,
                      struct maqet_error **err)
{
    struct maqet_definition *definition = maqet_running_load(context, name, err);

    return definition ? maqet_vm_look(context, definition) : NULL;
}

void
maqet_vm_free(struct maqet_vm *vm)
{
    if (!vm)
        return;
    for (size_t i = 0; i < vm->drive_count; i++)
        maqet_drive_free(vm->drives[i]);
    free(vm->drives);
    maqet_images_clear(&vm->images);
    maqet_images_clear(&vm->left);
    maqet_error_free(vm->images_error);
    maqet_slots_clear(&vm->slots);
    maqet_error_free(vm->slots_error);
    free(vm->machine.vm_name);
    free(vm->machine.arch);
    free(vm->machine.type);
    free(vm->machine.storage_dir);
    free(vm->machine.run_dir);
    maqet_definition_free(vm->definition);
    free(vm);
}

void
maqet_vm_cleanup(struct maqet_vm **vm)
{
    maqet_vm_free(*vm);
}

const struct maqet_drive *
maqet_vm_find_drive(const struct maqet_vm *vm, const char *name, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (size_t i = 0; i < vm->drive_count; i++) {
        if (strcmp(vm->drives[i]->name, name) == 0)
            return vm->drives[i];
        maqet_strings_add(&names, vm->drives[i]->name);
    }
    const char *closest = maqet_text_closest(name, &names);
    _cleanup_free_ char *list = maqet_strings_list(&names);

    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no drive '%s' on VM '%s'", name,
                    vm->definition->name);
    if (closest)
        maqet_error_hint(err, "Did you mean '%s'? Its drives: %s", closest, list);
    else
        maqet_error_hint(err, "Its drives: %s", list);
    return NULL;
}

/* ---- the command line ---- */

static void
add_accel(const struct maqet_vm *vm, struct maqet_strings *argv)
{
    const char *accel = maqet_vm_accel(vm);

    if (!accel)
        return;
    maqet_strings_add(argv, "-accel");
    maqet_strings_add(argv, accel);
}

/* A top-level key whose value is that of one of QEMU's options, unless `arguments` says
 * it already. */
static void
add_key(const struct maqet_vm *vm, const char *key, const char *option,
        struct maqet_strings *argv)
{
    const char *value = maqet_tree_text(vm->definition->tree, key);

    if (!value)
        return;
    if (maqet_arguments_has(arguments_of(vm), option)) {
        _cleanup_free_ char *place =
            maqet_place_text(maqet_tree_place_of_value(vm->definition->tree, key));

        maqet_context_say(vm->context, MAQET_LEVEL_WARNING,
                          "%s: '%s' is ignored: `arguments` says -%s", place, key,
                          option);
        return;
    }
    maqet_strings_addf(argv, "-%s", option);
    maqet_strings_add(argv, value);
}

/*
 * Without a graphical session QEMU's own default display may refuse to start (GTK), so
 * that one case needs a word from us; in a session the default is what the user expects.
 */
static void
add_display(const struct maqet_vm *vm, struct maqet_strings *argv)
{
    if (maqet_arguments_say_display(arguments_of(vm)))
        return;
    if (maqet_tree_text(vm->definition->tree, "display")) {
        add_key(vm, "display", "display", argv);
    } else if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY")) {
        maqet_strings_add(argv, "-display");
        maqet_strings_add(argv, "none");
    }
}

/* What maqet itself needs to look after QEMU: its PID file and a monitor of our own. */
static void
add_own(const struct maqet_vm *vm, struct maqet_strings *argv)
{
    maqet_strings_add(argv, "-pidfile");
    maqet_strings_addf(argv, "%s/" MAQET_RUN_PID, vm->machine.run_dir);
    maqet_strings_add(argv, "-chardev");
    maqet_strings_addf(argv, "socket,id=maqet-monitor,fd=%d,server=on,wait=off",
                       maqet_descriptor_number(MAQET_DESCRIPTOR_MONITOR));
    maqet_strings_add(argv, "-mon");
    maqet_strings_add(argv, "chardev=maqet-monitor,mode=control");
}

bool
maqet_vm_starts_paused(const struct maqet_vm *vm)
{
    return maqet_arguments_has(arguments_of(vm), "S");
}

bool
maqet_vm_has_agent(const struct maqet_vm *vm)
{
    const char *text = maqet_tree_text(vm->definition->tree, "guest_agent");
    bool on = false;

    if (text)
        maqet_parse_bool(text, &on);
    return on;
}

/* The port by which the guest's agent is spoken to. */
static void
add_agent(const struct maqet_vm *vm, struct maqet_strings *argv)
{
    if (!maqet_vm_has_agent(vm))
        return;
    maqet_strings_add(argv, "-chardev");
    maqet_strings_addf(argv, "socket,id=maqet-agent,fd=%d,server=on,wait=off",
                       maqet_descriptor_number(MAQET_DESCRIPTOR_AGENT));
    maqet_strings_add(argv, "-device");
    maqet_strings_add(argv, MAQET_AGENT_BUS ",id=maqet-agent-bus");
    maqet_strings_add(argv, "-device");
    maqet_strings_add(argv, "virtserialport,bus=maqet-agent-bus.0,chardev=maqet-agent,"
                            "name=org.qemu.guest_agent.0");
}

/* What QEMU makes the guest's memory a multiple of (QEMU: softmmu/vl.c, or
 * hw/core/machine.c): a fraction of a gigabyte may be any number of bytes. */
static const uint64_t MEMORY_UNIT = 8192;

/* Bytes of memory that the guest gets; 0: what is written is QEMU's to refuse. A number
 * alone means MiB, and QEMU's default is 128 of them (qemu(1), -m). */
static uint64_t
memory_size(const struct maqet_vm *vm)
{
    _cleanup_free_ char *argument =
        maqet_arguments_property(arguments_of(vm), "m", "size", "size");
    const char *written =
        argument ? argument : maqet_tree_text(vm->definition->tree, "memory");
    uint64_t bytes = 0;

    if (!written)
        return 128 << 20;
    if (maqet_text_starts(written, "size="))
        written += strlen("size=");
    _cleanup_free_ char *size = maqet_strndup(written, strcspn(written, ","));
    if (!maqet_parse_size(size, &bytes))
        return 0;
    if (!size[strspn(size, "0123456789")])
        bytes <<= 20;
    return (bytes + MEMORY_UNIT - 1) / MEMORY_UNIT * MEMORY_UNIT;
}

/* A memory that other processes can map, unless the user's own arguments make one. */
static void
add_shared_memory(const struct maqet_vm *vm, struct maqet_strings *argv)
{
    _cleanup_free_ char *own =
        maqet_arguments_property(arguments_of(vm), "machine", "type", "memory-backend");
    uint64_t bytes = memory_size(vm);

    if (own || bytes == 0 || maqet_arguments_has(arguments_of(vm), "numa"))
        return;
    maqet_strings_add(argv, "-object");
    maqet_strings_addf(
        argv, "memory-backend-memfd,id=maqet-memory,share=on,size=%" PRIu64, bytes);
    maqet_strings_add(argv, "-machine");
    maqet_strings_add(argv, "memory-backend=maqet-memory");
}

int
maqet_vm_command_line(const struct maqet_vm *vm, struct maqet_strings *argv,
                      struct maqet_error **err)
{
    json_object *arguments = arguments_of(vm);
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (vm->slots_error)
        return maqet_error_copy(err, vm->slots_error);
    if (maqet_drives_emit(vm->drives, vm->drive_count, &vm->slots, args, err) < 0)
        return -1;
    maqet_strings_take(argv, program_of(vm->definition->tree));
    if (!maqet_arguments_has(arguments, "name")) {
        /* Without its key, the name "id" would be taken for one. */
        maqet_strings_add(argv, "-name");
        maqet_strings_addf(argv, "guest=%s", vm->definition->name);
    }
    add_accel(vm, argv);
    add_key(vm, "memory", "m", argv);
    add_key(vm, "cpu", maqet_definition_vcpus(vm->definition->tree) > 0 ? "smp" : "cpu",
            argv);
    add_display(vm, argv);
    add_key(vm, "vga", "vga", argv);
    maqet_sandbox_add_arguments(vm, argv);
    add_own(vm, argv);
    add_agent(vm, argv);
    maqet_arguments_render(arguments, argv);
    if (maqet_args_shares_memory(args))
        add_shared_memory(vm, argv);
    maqet_args_render(args, argv);
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;
    maqet_secrets_find(argv, maqet_tree_place(vm->definition->tree).folder, &keys);
    return maqet_secrets_check(&keys, err) < 0
               ? maqet_error_wrap(err, "VM '%s'", vm->definition->name)
               : 0;
}
