/* SPDX-License-Identifier: MIT */
#include "core/machine/vm_name.h"

#include <string.h>
#include <strings.h>

enum { VM_NAME_MAX = 63 };

bool
maqet_vm_name_valid(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    return name[0] && !strchr("_.-", name[0]) && strspn(name, letters) == strlen(name) &&
           strlen(name) <= VM_NAME_MAX;
}

/* "test-vm" for /vms/test-vm.yaml. The caller frees. */
static char *
name_of_file(const char *file)
{
    static const char *const suffixes[] = {".yaml", ".yml", ".json"};
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    size_t length = strlen(base);

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        size_t end = strlen(suffixes[i]);

        if (length > end && strcasecmp(base + length - end, suffixes[i]) == 0)
            return maqet_strndup(base, length - end);
    }
    return maqet_strdup(base);
}

/* The name of a machine whose files do not set it. The caller frees. */
char *
maqet_vm_name_after_file(json_object *tree, const struct maqet_strings *files,
                         struct maqet_error **err)
{
    _cleanup_free_ char *name = name_of_file(files->items[0]);
    _cleanup_free_ char *list = maqet_strings_list(files);
    _cleanup_free_ char *why = NULL;

    if (files->count > 1)
        why = maqet_format(": none of its files has a `name`, and it could be named "
                           "after any of %s",
                           list);
    else if (strcmp(files->items[0], "-") == 0)
        why = maqet_strdup(", and it cannot be named after standard input");
    else if (!maqet_vm_name_valid(name))
        why = maqet_format(", and the name of its file cannot be used: invalid VM name "
                           "'%s' (%s)",
                           name, MAQET_VM_NAME_RULE);
    else
        return TAKE_PTR(name);
    maqet_place_invalid(maqet_tree_place(tree), err, "the VM has no name%s", why);
    maqet_error_next(err, MAQET_NEXT_NAME_VM, NULL);
    return NULL;
}
