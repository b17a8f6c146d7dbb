/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/invocation.h"
#include "cli/terminal.h"
#include "core/base/printable.h"
#include "core/machine/check.h"
#include "core/machine/store.h"
#include "core/storage/record.h"

/* ---- rows ---- */

struct checked {
    const char *vm;
    const char *drive;
    const char *path; /* NULL: it is not a file of this host */
    bool readonly;
    const char *status;
    struct maqet_checked_file file;
};

MAQET_WORDS(status_word, "clean", "leaks", "damaged", "missing")

#define COUNTED .known = MAQET_KNOWN(struct checked, file.counted)
static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct checked, MAQET_ROW(struct checked, vm, "the VM's name"),
    MAQET_ROW(struct checked, drive, "the drive's name"),
    {"file", MAQET_FIELD(struct checked, path), .optional = true,
     .help = "the image; null if it lies in no file of this host"},
    MAQET_ROW(struct checked, readonly,
              "whether the guest cannot write to it, so that it is not repaired"),
    {"status", MAQET_FIELD_CHOICE(struct checked, status, status_word),
     .help = "what was found"},
    {"errors", MAQET_FIELD(struct checked, file.errors), COUNTED,
     .help = "how many errors there are; null if they were not counted"},
    {"leaks", MAQET_FIELD(struct checked, file.leaks), COUNTED,
     .help = "how many clusters take up space without being in use"},
    {"errors_fixed", MAQET_FIELD(struct checked, file.errors_fixed), COUNTED,
     .help = "how many errors were repaired"},
    {"leaks_fixed", MAQET_FIELD(struct checked, file.leaks_fixed), COUNTED,
     .help = "how many clusters were freed"},
    {"damage", MAQET_FIELD(struct checked, file.damage),
     .help = "what is wrong, in phrases"});

static const char *
status_of(const struct maqet_checked_file *file)
{
    if (maqet_checked_file_is_damaged(file))
        return "damaged";
    return file->leaks > 0 ? "leaks" : "clean";
}

/* @file: NULL if the image has not been created yet, or the plugin has nothing to say of it. */
static struct checked
row_of(const struct maqet_drive *drive, const struct maqet_checked_file *file)
{
    const char *path = file ? file->path : drive->path;
    bool missing = drive->path ? access(drive->path, F_OK) < 0 : maqet_drive_empty(drive);

    return (struct checked){
        .vm = drive->machine->vm_name,
        .drive = drive->name,
        .path = path && *path ? path : NULL,
        .readonly = file ? !file->written : !drive->path || maqet_drive_readonly(drive),
        .status = file      ? status_of(file)
                  : missing ? "missing"
                            : "clean",
        .file = file ? *file : (struct maqet_checked_file){0},
    };
}

static void
append_count(struct maqet_text *text, uint64_t count, const char *one, const char *many)
{
    if (count > 0)
        maqet_text_appendf(text, "%s%" PRIu64 " %s", text->length > 0 ? ", " : "", count,
                           count == 1 ? one : many);
}

/* "it is marked as corrupt, 3 errors"; the caller frees. */
static char *
facts_text(const struct checked *checked)
{
    struct maqet_text facts = MAQET_TEXT_INIT;
    _cleanup_free_ char *damage = maqet_strings_join(&checked->file.damage, ", ");

    maqet_text_append(&facts, damage);
    append_count(&facts, checked->file.errors, "error", "errors");
    append_count(&facts, checked->file.leaks, "leaked cluster, which only takes up space",
                 "leaked clusters, which only take up space");
    append_count(&facts, checked->file.errors_fixed, "error repaired", "errors repaired");
    append_count(&facts, checked->file.leaks_fixed, "leaked cluster freed",
                 "leaked clusters freed");
    return maqet_text_take(&facts);
}

/* "Drive 'hdd' of VM 'myvm', /images/hdd.qcow2: damaged (it is marked as corrupt, 3
 * errors)" */
static char *
text(const void *row)
{
    const struct checked *checked = row;
    _cleanup_free_ char *facts = facts_text(checked);
    enum shade shade = strcmp(checked->status, "damaged") == 0 ? SHADE_RED
                       : strcmp(checked->status, "clean") == 0 ? SHADE_GREEN
                                                               : SHADE_YELLOW;

    return maqet_format(
        "Drive '%s' of VM '%s'%s%s: %s%s%s%s%s%s\n", checked->drive, checked->vm,
        checked->path ? ", " : "", checked->path ? checked->path : "", shade_begin(shade),
        checked->status, shade_end(shade), *facts ? " (" : "", facts, *facts ? ")" : "");
}

static const struct view view = {
    .table = {.fields = &fields,
              .columns = "vm drive status errors leaks errors_fixed leaks_fixed file"},
    .text = text,
    .each = "image",
};

/* ---- the VM ---- */

/* A stored machine by its name, locked as *machine, or one that is not stored by its file,
 * as *own. The VM belongs to one of them. */
static const struct maqet_vm *
open_vm(const struct invocation *invocation, struct maqet_opened **machine,
        struct maqet_vm **own, struct maqet_error **err)
{
    const struct maqet_context *context = &invocation->context;
    const char *word = invocation->operands.items[0];
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;
    _cleanup_free_ char *name = maqet_store_resolve(context, word, NULL);

    if (name || access(word, F_OK) < 0) {
        *machine = maqet_check_open(context, word, err);
        return *machine ? maqet_opened_vm(*machine, err) : NULL;
    }
    maqet_strings_add(&files, word);
    struct maqet_definition *definition = maqet_definition_read(&files, &none, NULL, err);
    if (definition)
        *own = maqet_vm_look(context, definition);
    return *own;
}

/* ---- checking and repairing ---- */

static char *
copy_command(const char *path)
{
    _cleanup_free_ char *copy = maqet_format("%s.copy", path);
    _cleanup_free_ char *from = maqet_shell_quoted(path);
    _cleanup_free_ char *to = maqet_shell_quoted(copy);

    return maqet_format("cp --sparse=always %s %s", from, to);
}

struct proposal {
    const char *copy;
};

static const struct maqet_fields proposal_fields =
    MAQET_FIELDS_OF(struct proposal, {"copy", MAQET_FIELD(struct proposal, copy)});

static const struct view proposal_view = {
    .table = {.fields = &proposal_fields},
    .sentence =
        "Repairing can lose data: damaged parts that cannot be saved are dropped.\n"
        "A copy of the image shows afterwards what was lost:\n  {copy}\n"};

static int
confirm(const struct invocation *invocation, const struct maqet_drive *drive,
        const struct maqet_checked_file *file, struct maqet_error **err)
{
    if (invocation_has(invocation, "yes"))
        return 0;
    _cleanup_free_ char *copy = copy_command(file->path);
    _cleanup_free_ char *question =
        maqet_format("Repair the image of drive '%s' of VM '%s' now?", drive->name,
                     drive->machine->vm_name);
    const struct proposal proposal = {copy};
    return output_confirm(&proposal_view, &proposal, 1, question, "Nothing was repaired",
                          err);
}

/* Repairs the file that the guest writes to, if it needs that. */
static int
repair(const struct invocation *invocation, const struct maqet_vm *vm,
       struct maqet_check_report *report, struct maqet_error **err)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct maqet_checked_file *file = &report->files[i];
        bool damaged = maqet_checked_file_is_damaged(file);

        if (!file->written || (!damaged && file->leaks == 0))
            continue;
        if (damaged && confirm(invocation, report->drive, file, err) < 0)
            return -1;
        return maqet_vm_check_thoroughly(
            vm, report, damaged ? MAQET_CHECK_REPAIR : MAQET_CHECK_REPAIR_LEAKS, err);
    }
    return 0;
}

/* Returns the exit code, or -1. */
static int
check_drive(struct invocation *invocation, const struct maqet_vm *vm,
            const struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_check_report_ struct maqet_check_report report = {.drive = drive};
    int exit_code = 0;

    if (maqet_vm_check_thoroughly(vm, &report, MAQET_CHECK_FULL, err) < 0)
        return -1;
    if (report.count == 0 && drive->path && access(drive->path, F_OK) < 0 &&
        maqet_image_vanished(drive))
        return maqet_image_error_vanished(drive, err);
    int result =
        invocation_has(invocation, "repair") ? repair(invocation, vm, &report, err) : 0;
    for (size_t i = 0; i < report.count; i++) {
        const struct checked row = row_of(drive, &report.files[i]);

        output_row(&invocation->output, &view, &row);
        if (maqet_checked_file_is_damaged(&report.files[i]))
            exit_code = 1;
    }
    if (report.count == 0) {
        const struct checked row = row_of(drive, NULL);

        output_row(&invocation->output, &view, &row);
    }
    if (exit_code > 0 && access(drive->log, F_OK) == 0)
        maqet_context_say(&invocation->context, MAQET_LEVEL_INFO, "See the details in %s",
                          drive->log);
    return result < 0 ? -1 : exit_code;
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    const char *name =
        invocation->operands.count > 1 ? invocation->operands.items[1] : NULL;
    _cleanup_opened_ struct maqet_opened *machine = NULL;
    _cleanup_vm_ struct maqet_vm *own = NULL;
    const struct maqet_vm *vm = open_vm(invocation, &machine, &own, err);

    if (!vm)
        return -1;
    if (name) {
        const struct maqet_drive *drive = maqet_vm_find_drive(vm, name, err);
        return drive ? check_drive(invocation, vm, drive, err) : -1;
    }
    for (size_t i = 0; i < vm->drive_count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        if (!vm->drives[i]->storage->plugin.check &&
            !maqet_drive_is_unknown(vm->drives[i]))
            continue;
        int exit_code = check_drive(invocation, vm, vm->drives[i], &error);
        if (exit_code > 0)
            invocation->exit_code = exit_code;
        invocation_note_undone(invocation, error);
        if (exit_code < 0)
            invocation_show_error(invocation, error);
    }
    return invocation->exit_code;
}

const struct command command_check = {
    .name = "check",
    .undoes = true,
    .related = "storage qemu-img(1)",
    .undone = "The check is not complete",
    .operands = {OPERAND_VM, OPERAND_DRIVE | OPERAND_OPTIONAL},
    .only_stopped = true,
    .summary = "Check images for damage, and repair it",
    .description =
        "Checks the images of a stopped VM, or those of one drive, from end to end "
        "with their storage's own tool, and the backing files of overlays as well, with those of all "
        "snapshots. VM "
        "may be a YAML file, for a VM that cannot be added because its image is "
        "damaged. Damage that can be seen at once is looked for before every start, "
        "too: a VM with a damaged image is not started, and a damaged backing file is "
        "a warning.\nEach image is clean, damaged, or has leaks: clusters that take up "
        "space without being in use, which is no loss of data. Drives whose type "
        "cannot be checked are left out. The exit status is 0 if nothing is damaged, and "
        "1 if something is. An image that was not created yet is listed as missing; "
        "one that existed before and is missing now is an error.\n--repair frees "
        "leaked clusters. Before it repairs a damaged image it asks, because damaged "
        "data cannot always be saved: make a copy first. Without a terminal, --yes is "
        "required. Read-only drives and backing files are never repaired.",
    .options = {{"repair",
                 .help = "free leaked clusters, and repair damage after asking"},
                {"yes", 'y', .help = "do not ask before a repair that can lose data"}},
    .examples = {{"maqet check myvm", "Check all drives of a stopped VM"},
                 {"maqet check myvm hdd --repair", "Check one drive, and repair it"},
                 {"maqet check vm.yaml hdd",
                  "Check a drive of a VM that has not been added"}},
    .view = &view,
    .run = run,
};
