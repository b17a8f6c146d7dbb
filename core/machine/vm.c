/* SPDX-License-Identifier: MIT */
#include "core/machine/vm.h"

#include <string.h>
#include <sys/utsname.h>

#include "core/base/files.h"
#include "core/config/options.h"
#include "core/machine/declared.h"
#include "core/machine/keys.h"
#include "core/machine/run_folder.h"
#include "core/machine/slots.h"
#include "core/machine/store.h"
#include "core/storage/volatile.h"
#include "core/qemu/arguments.h"
#include "core/storage/entry.h"
#include "core/storage/overlay_table.h"

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
    /* A definition that was edited may have lost the folder. */
    char *path = strchr(written, '/')
                     ? maqet_path_absolute(
                           written, maqet_tree_place_of_value(tree, "binary").folder)
                     : NULL;
    return path ? path : maqet_strdup(written);
}

json_object *
maqet_vm_arguments(const struct maqet_vm *vm)
{
    return json_object_object_get(vm->definition->tree, "arguments");
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

/* By default, some; a machine that was added without ports has none. */
static unsigned
hotplug_slots(const struct maqet_definition *definition)
{
    enum { BY_DEFAULT = 4 };
    const char *text = maqet_tree_text(definition->tree, "hotplug_slots");
    int64_t number;

    if (text && maqet_parse_int(text, &number) && number >= 0)
        return (unsigned)number;
    return definition->defaults > 0 ? BY_DEFAULT : 0;
}

const char *
maqet_vm_default_type(const char *arch)
{
    static const char *const virt[] = {"aarch64", "arm",     "loongarch64",
                                       "riscv32", "riscv64", NULL};

    if (maqet_vm_arch_is_pc(arch))
        return "q35";
    return maqet_text_is_one_of(arch, virt) ? "virt" : "";
}

/* The machine type: of `arguments`, of the key, or by default. The caller frees. */
static char *
type_of(const struct maqet_vm *vm)
{
    char *type =
        maqet_arguments_property(maqet_vm_arguments(vm), "machine", "type", "type");

    if (!type)
        type = maqet_keys_machine_type(vm->definition->tree);
    if (type)
        return type;
    if (vm->definition->defaults > 0)
        return maqet_strdup(maqet_vm_default_type(vm->machine.arch));
    /* QEMU itself has a default only for PCs. */
    return maqet_strdup(maqet_vm_arch_is_pc(vm->machine.arch) ? "pc" : "");
}

/* Without those of the chipset and of maqet's own devices (devices.h): the network card, the
 * agent's bus and the video card; where it is no PC, the keyboard's bus and the panic device;
 * and the ports that are left free. */
static uint32_t
addresses_for_drives(const struct maqet_vm *vm)
{
    enum { ALL = 32, OF_PC = 3, CHIPSET_OF_PC = 2, OF_OTHERS = 5, CHIPSET_OF_OTHERS = 1 };
    uint32_t ports =
        maqet_addresses_express(vm->machine.type) ? vm->machine.hotplug_slots : 0;

    if (!maqet_vm_has_own_devices(vm))
        return 0;
    return maqet_vm_arch_is_pc(vm->machine.arch)
               ? ALL - CHIPSET_OF_PC - OF_PC - ports
               : ALL - CHIPSET_OF_OTHERS - OF_OTHERS - ports;
}

static void
describe_machine(struct maqet_vm *vm)
{
    json_object *tree = vm->definition->tree;
    const char *written = maqet_tree_text(tree, "storage_dir");

    vm->machine.vm_name = maqet_strdup(vm->definition->name);
    vm->machine.image_name = maqet_store_image_name(vm->context, vm->definition->name);
    vm->program = program_of(tree);
    vm->machine.program = vm->program;
    vm->machine.version = &vm->version;
    vm->machine.arch = maqet_vm_arch_of(vm->program);
    vm->machine.type = type_of(vm);
    vm->machine.hotplug_slots = hotplug_slots(vm->definition);
    vm->machine.addresses = addresses_for_drives(vm);
    vm->machine.storage_dir =
        maqet_strdup(written ? written : maqet_storage_dir(vm->context));
    vm->machine.run_dir = maqet_run_folder(vm->context, vm->definition->name);
    vm->machine.drives_dir =
        maqet_store_file(vm->context, vm->definition->name, MAQET_STORE_DRIVES);
}

static void
make_drives(struct maqet_vm *vm, maqet_declared_by_other *by_other)
{
    _cleanup_json_ json_object *list = maqet_definition_entries(vm->definition);

    for (size_t i = 0; i < json_object_array_length(list); i++)
        *MAQET_APPEND(vm->drives, vm->drive_count) = maqet_drive_look(
            vm->context, &vm->machine, json_object_array_get_idx(list, i));
    if (by_other)
        maqet_declared_complete(vm, list, by_other);
    for (size_t i = 0; i < vm->drive_count; i++)
        maqet_drive_take_overlays(vm->drives[i]);
}

/* The drive with the variables of UEFI; new ones are beside the image of the first drive that
 * has a path of its own: they belong together. */
static void
make_firmware(struct maqet_vm *vm)
{
    json_object *tree = vm->definition->tree;
    const char *beside = NULL;

    if (!maqet_firmware_is_uefi(tree))
        return;
    for (size_t i = 0; i < vm->drive_count && !beside; i++)
        if (vm->drives[i]->path && !vm->drives[i]->default_path &&
            !maqet_drive_readonly(vm->drives[i]))
            beside = vm->drives[i]->path;
    struct maqet_drive *drive = maqet_firmware_drive(vm->context, &vm->machine, tree,
                                                     &vm->images, beside, &vm->uefi);
    *MAQET_APPEND(vm->drives, vm->drive_count) = drive;
}

/* @by_other: how it is found out what other machines declare; NULL: it is not. */
static struct maqet_vm *
look(const struct maqet_context *context, struct maqet_definition *definition,
     maqet_declared_by_other *by_other)
{
    struct maqet_vm *vm = maqet_alloc(sizeof(*vm));

    vm->context = context;
    vm->definition = definition;
    describe_machine(vm);
    maqet_images_load(context, definition->name, &vm->images, &vm->images_error);
    make_drives(vm, by_other);
    make_firmware(vm);
    maqet_images_attach(vm);
    maqet_slots_load(context, definition->name, &vm->slots, &vm->slots_error);
    return vm;
}

/* A maqet_declared_by_other. */
static bool
is_declared_by(const struct maqet_context *context, const char *name, const char *file,
               json_object *files, json_object *formats)
{
    struct maqet_definition *definition = maqet_store_load(context, name, NULL);
    _cleanup_vm_ struct maqet_vm *vm =
        definition ? look(context, definition, NULL) : NULL;

    return vm && maqet_declared_add(vm, file, files, formats);
}

struct maqet_vm *
maqet_vm_look(const struct maqet_context *context, struct maqet_definition *definition)
{
    return look(context, definition, is_declared_by);
}

int
maqet_vm_check_sound(const struct maqet_vm *vm, struct maqet_error **err)
{
    struct maqet_error *error = NULL; /* of one drive */
    bool wrong = false;

    for (size_t i = 0; i < vm->drive_count; i++) {
        maqet_drive_check_fault(vm->drives[i], MAQET_FAULT_INTERFACE, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
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
    maqet_slots_clear(&vm->placed);
    maqet_error_free(vm->slots_error);
    maqet_uefi_clear(&vm->uefi);
    free(vm->program);
    free(vm->machine.vm_name);
    free(vm->machine.image_name);
    free(vm->machine.arch);
    free(vm->machine.type);
    free(vm->machine.storage_dir);
    free(vm->machine.run_dir);
    free(vm->machine.drives_dir);
    maqet_definition_free(vm->definition);
    free(vm);
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
    maqet_error_set(err, MAQET_ERROR_MISSING, "There is no drive '%s' on VM '%s'", name,
                    vm->definition->name);
    maqet_error_hint_names(err, name, &names);
    return NULL;
}

const struct maqet_drive *
maqet_vm_find_path(const struct maqet_vm *vm, const char *path)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->path && strcmp(vm->drives[i]->path, path) == 0)
            return vm->drives[i];
    return NULL;
}

const struct maqet_drive *
maqet_vm_find_node(const struct maqet_vm *vm, const char *name)
{
    for (size_t i = 0; i < vm->drive_count; i++)
        if (strcmp(maqet_drive_node(vm->drives[i]), name) == 0)
            return vm->drives[i];
    return NULL;
}

bool
maqet_vm_has_own_devices(const struct maqet_vm *vm)
{
    static const char *const families[] = {"pc", "q35", "virt"};

    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        const char *rest = vm->machine.type + strlen(families[i]);

        if (maqet_text_starts(vm->machine.type, families[i]) && (!*rest || *rest == '-'))
            return vm->definition->defaults > 0;
    }
    return false;
}

/* Whether an argument names the agent's port. */
static bool
arguments_have_agent(const struct maqet_vm *vm)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    maqet_arguments_render(maqet_vm_arguments(vm), &argv);
    for (size_t i = 0; i < argv.count; i++)
        if (strstr(argv.items[i], MAQET_AGENT_PORT))
            return true;
    return false;
}

bool
maqet_vm_has_agent(const struct maqet_vm *vm)
{
    const char *text = maqet_tree_text(vm->definition->tree, "guest_agent");
    bool on = false;

    if (!text)
        return maqet_vm_has_own_devices(vm) && !arguments_have_agent(vm);
    maqet_parse_bool(text, &on);
    return on;
}

void
maqet_vm_say_ignored(const struct maqet_vm *vm, const char *key, const char *option)
{
    _cleanup_free_ char *place =
        maqet_place_text(maqet_tree_place_of_value(vm->definition->tree, key));

    maqet_context_say(vm->context, MAQET_LEVEL_WARNING,
                      "%s: '%s' is ignored: `arguments` says %s", place, key, option);
}
