/* SPDX-License-Identifier: MIT */
#include "cli/new_place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/context.h"
#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/lifecycle/apply.h"
#include "core/machine/store.h"

void
new_place_clear(struct new_place *place)
{
    new_file_release(&place->file);
    free(TAKE_PTR(place->yaml));
    free(TAKE_PTR(place->disk));
}

static int
check_name(struct new_place *place, struct maqet_error **err)
{
    const struct maqet_context *context = &place->invocation->context;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (!maqet_vm_name_valid(place->name))
        return usage_error(place->invocation, err,
                           "'%s' cannot be the name of a VM; use a letter or digit, then "
                           "letters, digits, '.', '_' and '-'",
                           place->name);
    if (maqet_store_list(context, &names, err) < 0)
        return -1;
    if (!maqet_strings_has(&names, place->name))
        return 0;
    maqet_error_set(err, MAQET_ERROR_EXISTS, "There is a VM '%s' already", place->name);
    maqet_error_next(err, MAQET_NEXT_LIST_VMS, NULL);
    return -1;
}

/* Takes the name of the YAML file. */
static int
claim_yaml(struct new_place *place, struct maqet_error **err)
{
    struct stat status;

    if (new_file_claim(&place->file, &place->invocation->context, place->yaml,
                       place->name, err) < 0)
        return -1;
    if (lstat(place->yaml, &status) < 0)
        return 0;
    _cleanup_text_ struct maqet_text word = MAQET_TEXT_INIT;
    maqet_shell_append(&word, place->yaml);
    maqet_error_set(err, MAQET_ERROR_EXISTS, "%s exists already, and is not overwritten",
                    place->yaml);
    maqet_error_hint(err, "Add the VM that it defines: maqet add %s", word.data);
    maqet_error_hint(err, "Or write another file: --file FILE");
    return -1;
}

int
new_place_claim(struct new_place *place, const char *type, const char *disk,
                struct maqet_error **err)
{
    const char *given = invocation_text(place->invocation, "file");
    _cleanup_free_ char *own = maqet_format("%s.yaml", place->name);
    struct stat status;

    if (check_name(place, err) < 0)
        return -1;
    place->yaml = context_path(given ? given : own);
    _cleanup_free_ char *folder = maqet_path_folder(place->yaml);
    place->disk =
        disk ? maqet_strdup(disk) : maqet_format("%s/%s.%s", folder, place->name, type);
    if (stat(folder, &status) < 0)
        return maqet_error_errno(err, errno, "Cannot write to the folder %s", folder);
    if (claim_yaml(place, err) < 0)
        return -1;
    if (lstat(place->disk, &status) < 0)
        return 0;
    maqet_error_set(err, MAQET_ERROR_EXISTS,
                    "%s, which would be the VM's disk, exists already", place->disk);
    maqet_error_hint(err, "Move it away, or use another name or folder: --file FILE");
    return -1;
}

const char *
new_place_named(const struct new_place *place, const char *path)
{
    size_t length = (size_t)(strrchr(place->yaml, '/') + 1 - place->yaml);
    const char *rest = path + length;

    return strncmp(path, place->yaml, length) == 0 && !strchr(rest, '/') ? rest : path;
}

struct maqet_vm *
new_place_read(const struct new_place *place, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;
    const struct maqet_strings none = MAQET_STRINGS_INIT;

    maqet_strings_add(&files, place->yaml);
    struct maqet_definition *definition = maqet_definition_read(&files, &none, NULL, err);
    struct maqet_vm *vm =
        definition ? maqet_vm_new(&place->invocation->context, definition, err) : NULL;
    if (!vm || maqet_vm_check(vm, err) == 0)
        return vm;
    maqet_vm_free(vm);
    return NULL;
}
