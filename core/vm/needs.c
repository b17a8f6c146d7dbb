/* SPDX-License-Identifier: MIT */
#include "core/vm/needs.h"

#include <ctype.h>
#include <string.h>

#include "core/vm/holders.h"
#include "core/vm/images.h"
#include "core/vm/store.h"

/* An image that may be needed. */
struct wanted {
    const char *path;
    const struct maqet_file_id *id;
};

static bool
is_file(const char *path, const struct wanted *wanted)
{
    struct stat status;

    /* A link to it is a use of it, so this one follows links. */
    return path[0] == '/' && stat(path, &status) == 0 &&
           status.st_dev == wanted->id->device && status.st_ino == wanted->id->inode;
}

/* Whether a character can't belong to the same path as what stands beside it: paths end
 * with a comma, a quote, a space or the end of the argument. */
static bool
is_boundary(char c)
{
    return !isalnum((unsigned char)c) && !strchr("._-+~@%#/", c);
}

/* Whether an argument holds a path that is not just a part of a longer one. */
static bool
text_names_path(const char *text, const char *path)
{
    size_t length = strlen(path);

    for (const char *at = strstr(text, path); at; at = strstr(at + 1, path)) {
        bool begins = at == text || is_boundary(at[-1]);

        if (begins && (at[length] == '\0' || is_boundary(at[length])))
            return true;
    }
    return false;
}

/* The same for an image in the folder that relative paths start at. */
static bool
text_names(const char *text, const char *folder, const struct wanted *wanted)
{
    _cleanup_free_ char *doubled = maqet_text_double_commas(wanted->path);
    size_t length = folder ? strlen(folder) : 0;

    if (is_file(text, wanted) || text_names_path(text, wanted->path) ||
        text_names_path(text, doubled))
        return true;
    return folder && strncmp(wanted->path, folder, length) == 0 &&
           wanted->path[length] == '/' &&
           text_names_path(text, wanted->path + length + 1);
}

/* Whether any text of a tree is, or holds, a path to the image: as a drive's file, a
 * base, or within an argument of the user's own. */
static bool
tree_names(json_object *tree, const char *folder, const struct wanted *wanted)
{
    if (json_object_is_type(tree, json_type_string))
        return text_names(json_object_get_string(tree), folder, wanted);
    if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            if (tree_names(json_object_array_get_idx(tree, i), folder, wanted))
                return true;
    } else if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            if (tree_names(value, folder, wanted))
                return true;
        }
    }
    return false;
}

/* Why a machine needs the image; NULL: it doesn't. The caller frees. */
static char *
need_of_machine(const struct maqet_context *context, const char *name,
                const struct wanted *wanted)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, name, NULL);

    if (!definition)
        return maqet_format("the definition of VM '%s', which may use it, can't be read",
                            name);
    if (tree_names(definition->tree, maqet_tree_place(definition->tree).folder, wanted))
        return maqet_format("VM '%s' uses it", name);
    /* A path of our own making stands in no tree. */
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_new(context, TAKE_PTR(definition), NULL);
    if (!vm)
        return maqet_format("VM '%s', which may use it, is not sound", name);
    for (size_t i = 0; i < vm->drive_count; i++)
        if (vm->drives[i]->path && is_file(vm->drives[i]->path, wanted))
            return maqet_format("VM '%s' uses it", name);
    return NULL;
}

static char *
need_of_machines(const struct maqet_context *context, const char *except,
                 const struct wanted *wanted)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    if (maqet_store_list(context, &names, NULL) < 0)
        return maqet_strdup("the other VMs can't be listed");
    for (size_t i = 0; i < names.count; i++) {
        char *need = except && strcmp(names.items[i], except) == 0
                         ? NULL
                         : need_of_machine(context, names.items[i], wanted);

        if (need)
            return need;
    }
    return NULL;
}

/* Who has the image open; NULL: nobody does. QEMU and qemu-img lock the images that they
 * have open, and so are noticed even where they can't be seen. The caller frees. */
static char *
users_of(const struct maqet_context *context, const char *path)
{
    struct maqet_holder *list = NULL;
    size_t count = 0;
    bool locked = maqet_holders_locked(path);

    maqet_holders_find(context, path, &list, &count, NULL);
    _cleanup_free_ char *users =
        locked || count > 0 ? maqet_holders_text(list, count) : NULL;
    maqet_holders_free(list, count);
    return users ? maqet_format("it is in use by %s", users) : NULL;
}

char *
maqet_image_user(const struct maqet_context *context, const char *except,
                 const char *path, const struct maqet_file_id *id)
{
    const struct wanted wanted = {.path = path, .id = id};

    return need_of_machines(context, except, &wanted);
}

char *
maqet_image_need(const struct maqet_context *context, const char *except,
                 const struct maqet_strings *going, const char *path,
                 const struct maqet_file_id *id)
{
    char *need = maqet_image_user(context, except, path, id);

    if (need)
        return need;
    _cleanup_free_ char *dependent = maqet_images_dependent(context, path, going);
    if (dependent)
        return maqet_format("it is the backing file of %s", dependent);
    return users_of(context, path);
}
