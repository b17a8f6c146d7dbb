/* SPDX-License-Identifier: MIT */
#include "core/machine/command_line.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/options.h"
#include "core/machine/accel.h"
#include "core/machine/devices.h"
#include "core/machine/keys.h"
#include "core/machine/sandbox_rules.h"
#include "core/plugin/call.h"
#include "core/qemu/arguments.h"
#include "core/qemu/objects.h"
#include "core/qemu/keyval.h"
#include "core/storage/slots.h"

enum { COMMAND_LINE_LIMIT = 1 << 20 /* bytes */ };

/* ---- the definition's keys ---- */

/* A top-level key with the value of one of QEMU's options, unless `arguments` has that
 * option already. */
static void
add_key(const struct maqet_vm *vm, const char *key, const char *option,
        struct maqet_args *args)
{
    const char *value = maqet_tree_text(vm->definition->tree, key);

    if (!value)
        return;
    if (maqet_arguments_has(maqet_vm_arguments(vm), option + 1))
        maqet_vm_say_ignored(vm, key, option);
    else
        maqet_args_option(args, option, value);
}

/* The machine type, the machine's UUID, and that QEMU adds no devices by itself. Properties
 * of -machine in `arguments` are added to a type of ours. */
static void
add_machine(const struct maqet_vm *vm, struct maqet_args *args)
{
    json_object *arguments = maqet_vm_arguments(vm);
    _cleanup_free_ char *type =
        maqet_arguments_property(arguments, "machine", "type", "type");

    if (maqet_vm_has_own_devices(vm) && !maqet_arguments_has(arguments, "nodefaults"))
        maqet_args_option(args, "-nodefaults", NULL);
    if (type && maqet_tree_text(vm->definition->tree, "machine"))
        maqet_vm_say_ignored(vm, "machine", "-machine");
    else if (!type && maqet_tree_text(vm->definition->tree, "machine"))
        maqet_args_option(args, "-machine",
                          maqet_tree_text(vm->definition->tree, "machine"));
    else if (!type && maqet_vm_has_own_devices(vm))
        maqet_args_option(args, "-machine", vm->machine.type);
    if (vm->definition->defaults > 0 && !maqet_arguments_has(arguments, "uuid"))
        maqet_args_option(args, "-uuid", vm->definition->uuid);
}

/* Without a graphical session, QEMU's default display (GTK) may fail to start. */
static void
add_display(const struct maqet_vm *vm, struct maqet_args *args)
{
    if (maqet_arguments_say_display(maqet_vm_arguments(vm)))
        return;
    if (maqet_tree_text(vm->definition->tree, "display"))
        add_key(vm, "display", "-display", args);
    else if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY"))
        maqet_args_option(args, "-display", "none");
}

/* "max" is the host's processor with KVM, which takes no other one there. */
const char *
maqet_vm_default_cpu(const struct maqet_vm *vm)
{
    return maqet_vm_has_own_devices(vm) && strcmp(vm->machine.arch, "aarch64") == 0 &&
                   !maqet_arguments_has(maqet_vm_arguments(vm), "cpu")
               ? "max"
               : NULL;
}

static void
add_cpu(const struct maqet_vm *vm, bool is_number, struct maqet_args *args)
{
    const char *by_default = maqet_vm_default_cpu(vm);

    if (!is_number && maqet_tree_text(vm->definition->tree, "cpu"))
        add_key(vm, "cpu", "-cpu", args);
    else if (by_default)
        maqet_args_option(args, "-cpu", by_default);
}

static void
add_keys(const struct maqet_vm *vm, struct maqet_args *args)
{
    const char *accel = maqet_vm_accel(vm);

    json_object *tree = vm->definition->tree;
    const char *vcpus = maqet_keys_name_of_vcpus(tree);

    /* Without `guest=`, a VM named "id" would be taken for a key. */
    if (!maqet_arguments_has(maqet_vm_arguments(vm), "name"))
        maqet_props_string(maqet_args_settings(args, "-name", NULL), "guest",
                           vm->definition->name);
    add_machine(vm, args);
    if (accel)
        maqet_args_option(args, "-accel", accel);
    add_key(vm, "memory", "-m", args);
    if (vcpus)
        add_key(vm, vcpus, "-smp", args);
    add_cpu(vm, vcpus && strcmp(vcpus, "cpu") == 0, args);
    add_display(vm, args);
    if (!maqet_vm_has_own_devices(vm))
        add_key(vm, "vga", "-vga", args);
}

/* ---- memory ---- */

/* QEMU rounds the guest's memory up to a multiple of this (QEMU: softmmu/vl.c, or
 * hw/core/machine.c). */
static const uint64_t MEMORY_UNIT = 8192;

/* A number without a unit means MiB, and the default is 128 MiB (qemu(1), -m). */
uint64_t
maqet_vm_memory(const struct maqet_vm *vm)
{
    _cleanup_free_ char *argument =
        maqet_arguments_property(maqet_vm_arguments(vm), "m", "size", "size");
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

/* The key `shared_memory`, for drives that are attached later. */
static bool
shares_memory(const struct maqet_vm *vm)
{
    const char *text = maqet_tree_text(vm->definition->tree, "shared_memory");
    bool on = false;

    return text && maqet_parse_bool(text, &on) && on;
}

/* Memory that other processes can map, unless the user's own arguments create it. */
static void
add_shared_memory(const struct maqet_vm *vm, struct maqet_args *args)
{
    json_object *arguments = maqet_vm_arguments(vm);
    _cleanup_free_ char *own =
        maqet_arguments_property(arguments, "machine", "type", "memory-backend");
    uint64_t bytes = maqet_vm_memory(vm);
    struct maqet_props *memory;

    if (own || bytes == 0 || maqet_arguments_has(arguments, "numa"))
        return;
    memory = maqet_args_object(args, "memory-backend-memfd", "maqet-memory");
    maqet_props_bool(memory, "share", true);
    maqet_props_int(memory, "size", (int64_t)bytes);
    maqet_props_string(maqet_args_settings(args, "-machine", NULL), "memory-backend",
                       "maqet-memory");
}

/* ---- all of it ---- */

int
maqet_vm_command_line(struct maqet_vm *vm, struct maqet_strings *argv,
                      struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *own = maqet_args_new();
    _cleanup_args_ struct maqet_args *memory = maqet_args_new();
    _cleanup_args_ struct maqet_args *drives = maqet_args_new();
    _cleanup_strings_ struct maqet_strings keys = MAQET_STRINGS_INIT;

    /* The placeholder of a drive that cannot be used emits nothing. */
    if (maqet_vm_check_sound(vm, err) < 0)
        return -1;
    if (vm->slots_error)
        return maqet_error_copy(err, vm->slots_error);
    maqet_slots_clear(&vm->placed);
    if (maqet_machine_emit(&vm->machine, vm->drives, vm->drive_count, &vm->slots, drives,
                           &vm->placed, err) < 0)
        return -1;
    add_keys(vm, own);
    maqet_sandbox_add_arguments(vm, own);
    maqet_devices_add(vm, own);
    if (drives->shares_memory || shares_memory(vm))
        add_shared_memory(vm, memory);
    maqet_strings_add(argv, vm->program);
    maqet_args_render_keyval(own, argv);
    maqet_arguments_render(maqet_vm_arguments(vm), argv);
    maqet_args_render_keyval(memory, argv);
    maqet_args_render(drives, argv);
    maqet_secrets_find(argv, maqet_tree_place(vm->definition->tree).folder, &keys);
    return maqet_secrets_check(&keys, err) < 0
               ? maqet_error_wrap(err, "VM '%s'", vm->definition->name)
               : 0;
}

/* ---- the arguments of one start ---- */

/* The memory has the name that QEMU gives its own, by which the state refers to it. */
static const char mapped_memory[] = "memory-backend-file";
static const char mapped_name[] = "x-use-canonical-path-for-ramblock-id=off";

static void
add_mapped_memory(struct maqet_args *args, const struct maqet_mapped_memory *mapped)
{
    struct maqet_props *memory = maqet_args_object(args, mapped_memory, mapped->block);

    maqet_props_string(memory, "mem-path", mapped->file);
    maqet_props_bool(memory, "share", false);
    maqet_props_int(memory, "size", (int64_t)mapped->size);
    if (mapped->readonly) {
        maqet_props_bool(memory, "readonly", true);
        maqet_props_bool(memory, "rom", false);
    }
    maqet_props_bool(memory, "x-use-canonical-path-for-ramblock-id", false);
    maqet_props_string(maqet_args_settings(args, "-machine", NULL), "memory-backend",
                       mapped->block);
}

void
maqet_command_line_add_start(struct maqet_strings *argv,
                             const struct maqet_start_arguments *start)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    /* Of several types, QEMU uses the last one. */
    if (start->incoming && start->memory)
        add_mapped_memory(args, start->memory);
    if (start->incoming && start->machine)
        maqet_props_string(maqet_args_settings(args, "-machine", NULL), "type",
                           start->machine);
    if (start->incoming)
        maqet_args_option(args, "-incoming", "defer");
    if (start->paused)
        maqet_args_option(args, "-S", NULL);
    maqet_args_render_keyval(args, argv);
}

static bool
cut_pair(struct maqet_strings *argv, const char *option)
{
    if (argv->count < 2 || strcmp(argv->items[argv->count - 2], option) != 0)
        return false;
    maqet_strings_cut(argv, argv->count - 2);
    return true;
}

/* Whether the last arguments are "-object", the memory, "-machine" and its name. The user's
 * own memory has another name in QEMU. */
static bool
is_mapped_memory_last(const struct maqet_strings *argv)
{
    const char *memory = argv->count >= 4 ? argv->items[argv->count - 3] : "";

    return maqet_text_starts(memory, mapped_memory) && strstr(memory, mapped_name);
}

void
maqet_command_line_cut_start(struct maqet_strings *argv)
{
    if (argv->count > 0 && strcmp(argv->items[argv->count - 1], "-S") == 0)
        maqet_strings_cut(argv, argv->count - 1);
    if (!cut_pair(argv, "-incoming"))
        return;
    if (!is_mapped_memory_last(argv))
        cut_pair(argv, "-machine"); /* its type */
    if (is_mapped_memory_last(argv))
        maqet_strings_cut(argv, argv->count - 4);
}

int
maqet_command_line_of(int pid, struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/cmdline", pid);
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (maqet_file_read(path, COMMAND_LINE_LIMIT, &text, &length, err) < 0)
        return -1;
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        maqet_strings_add(argv, text + at);
    maqet_command_line_cut_start(argv);
    return 0;
}
