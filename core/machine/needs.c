/* SPDX-License-Identifier: MIT */
#include "core/machine/needs.h"

#include <ctype.h>
#include <string.h>

#include "core/machine/bases.h"
#include "core/machine/holders.h"
#include "core/machine/others.h"
#include "core/machine/owner.h"
#include "core/machine/store.h"

/* ---- texts that name it ---- */

/* Whether a path, which may be NULL, leads to the image, be it through a link. */
static bool
is_image(const char *path, const char *image)
{
    return path && (strcmp(path, image) == 0 ||
                    (path[0] == '/' && maqet_file_is_same(path, image)));
}

/* Whether a path may begin after a character, or end before it: a comma, a quote or a
 * space, for example. */
static bool
is_boundary(char c)
{
    return !isalnum((unsigned char)c) && !strchr("._-+~@%#/", c);
}

/* Whether a text contains a path, and not only as a part of a longer one. */
static bool
text_holds(const char *text, const char *path)
{
    size_t length = strlen(path);

    for (const char *at = strstr(text, path); at; at = strstr(at + 1, path)) {
        bool begins = at == text || is_boundary(at[-1]);

        if (begins && (at[length] == '\0' || is_boundary(at[length])))
            return true;
    }
    return false;
}

/* Whether any part of a text is a path to the image: also a relative one, or one through
 * a link. */
static bool
part_is_image(const char *text, const char *folder, const char *image)
{
    static const char separators[] = ",=\"':;{}[] ";

    while (*text) {
        size_t length = strcspn(text, separators);

        if (length > 0) {
            _cleanup_free_ char *part = maqet_strndup(text, length);
            _cleanup_free_ char *path = maqet_path_absolute(part, folder);

            if (is_image(path, image))
                return true;
        }
        text += length;
        text += strspn(text, separators);
    }
    return false;
}

static bool
text_names(const char *text, const char *folder, const char *image)
{
    _cleanup_free_ char *doubled = maqet_text_double_commas(image);

    return is_image(text, image) || text_holds(text, image) ||
           text_holds(text, doubled) || part_is_image(text, folder, image);
}

/* Whether any text of a tree is or contains a path to the image: a drive's file, a base,
 * or one of the `arguments`. */
static bool
tree_names(json_object *tree, const char *folder, const char *image)
{
    if (json_object_is_type(tree, json_type_string))
        return text_names(json_object_get_string(tree), folder, image);
    if (json_object_is_type(tree, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(tree); i++)
            if (tree_names(json_object_array_get_idx(tree, i), folder, image))
                return true;
    } else if (json_object_is_type(tree, json_type_object)) {
        json_object_object_foreach(tree, key, value)
        {
            (void)key;
            if (tree_names(value, folder, image))
                return true;
        }
    }
    return false;
}

/* ---- machines ---- */

/* That an unknown drive may have the image, as a phrase; NULL: it cannot. One that was
 * used before has its recorded image, because its entry names no other. The caller frees.
 */
static char *
doubt_of_drive(const struct maqet_vm *vm, const struct maqet_drive *drive)
{
    const char *name = vm->definition->name;

    if (!maqet_drive_is_unknown(drive) || drive->path)
        return NULL;
    for (size_t i = 0; i < vm->images.count; i++)
        if (strcmp(vm->images.items[i].drive, drive->name) == 0)
            return NULL;
    _cleanup_free_ char *step =
        maqet_context_next(vm->context, MAQET_NEXT_CORRECT, name, NULL);
    return maqet_format("the drive '%s' of VM '%s' may use it, and cannot be "
                        "inspected: %s. %s",
                        drive->name, name, drive->fault->message, step);
}

static bool
drive_uses(const struct maqet_vm *vm, const struct maqet_drive *drive, const char *image)
{
    for (size_t i = 0; i < drive->chain.count; i++)
        if (is_image(drive->chain.nodes[i].file, image))
            return true;
    if (!maqet_drive_is_unknown(drive) || drive->path)
        return false;
    _cleanup_free_ char *presumed = maqet_drive_presumed_path(drive);
    if (is_image(presumed, image))
        return true;
    for (size_t i = 0; i < vm->images.count; i++)
        if (strcmp(vm->images.items[i].drive, drive->name) == 0 &&
            is_image(vm->images.items[i].path, image))
            return true;
    return false;
}

static char *
need_of_drives(const struct maqet_vm *vm, const char *image, bool *known)
{
    char *doubt = NULL;

    *known = true;
    for (size_t i = 0; i < vm->drive_count; i++)
        if (drive_uses(vm, vm->drives[i], image))
            return maqet_format("VM '%s' uses it", vm->definition->name);
    for (size_t i = 0; i < vm->drive_count && !doubt; i++)
        doubt = doubt_of_drive(vm, vm->drives[i]);
    *known = !doubt;
    return doubt;
}

/* As maqet_image_user(), for one machine. */
static char *
need_of_machine(const struct maqet_context *context, const char *name, const char *image,
                bool *known)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_store_load(context, name, &reason);

    *known = false;
    if (!definition) {
        _cleanup_free_ char *step =
            maqet_context_next(context, MAQET_NEXT_RESTORE_OR_REMOVE, name, NULL);
        return maqet_format("the definition of VM '%s', which may use it, cannot be "
                            "read: %s. %s",
                            name, reason->message, step);
    }
    *known = true;
    if (tree_names(definition->tree, maqet_tree_place(definition->tree).folder, image))
        return maqet_format("VM '%s' uses it", name);
    /* A path that we chose is not in the tree. */
    _cleanup_vm_ struct maqet_vm *vm = maqet_vm_look(context, TAKE_PTR(definition));
    char *need = need_of_drives(vm, image, known);
    if (need || !vm->images_error)
        return need;
    *known = false;
    return maqet_format("VM '%s' may use it, and what it has used cannot be read: %s",
                        name, vm->images_error->message);
}

struct user_search {
    const struct maqet_context *context;
    const char *except;
    const char *path;
    bool known;
    char *need; /* or a doubt; NULL: neither */
};

/* One that needs it comes before one that may need it. */
static void
find_user(void *data, const struct maqet_strings *names)
{
    struct user_search *search = data;

    free(search->need);
    search->need = NULL;
    search->known = true;
    for (size_t i = 0; i < names->count; i++) {
        bool known;

        if (search->except && strcmp(names->items[i], search->except) == 0)
            continue;
        char *need =
            need_of_machine(search->context, names->items[i], search->path, &known);
        if (!need || (search->need && !known)) {
            free(need);
            continue;
        }
        free(search->need);
        search->need = need;
        search->known = known;
        if (known)
            return;
    }
}

char *
maqet_image_user(const struct maqet_context *context, const char *except,
                 const char *path, bool *known)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    struct user_search search = {.context = context, .except = except, .path = path};

    if (maqet_others_look_through(context, find_user, &search, &reason) < 0 &&
        !(search.need && search.known)) {
        free(search.need);
        *known = false;
        return maqet_format("a VM may use it: %s", reason->message);
    }
    *known = search.known;
    return search.need;
}

/* In other data folders. */
static char *
need_elsewhere(const struct maqet_context *context, const char *path)
{
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;

    maqet_owner_other_folders(context, path, false, &folders);
    for (size_t i = 0; i < folders.count; i++) {
        struct maqet_context other = *context;
        bool known;

        other.data_dir = folders.items[i];
        _cleanup_free_ char *user = maqet_image_user(&other, NULL, path, &known);
        if (user)
            return maqet_format("%s (in %s)", user, other.data_dir);
    }
    return NULL;
}

/* The programs that have the image open, as a phrase; NULL: none. QEMU and qemu-img lock
 * their images, so they are noticed even if they are not visible. The caller frees. */
static char *
users_of(const struct maqet_context *context, const char *path)
{
    _cleanup_file_users_ struct maqet_file_users users = {0};
    bool locked = maqet_file_users_locked(path);

    maqet_holders_find(context, path, &users, NULL);
    _cleanup_free_ char *text =
        locked || users.count > 0 ? maqet_file_users_text(&users, users.count) : NULL;
    return text ? maqet_format("it is in use by %s", text) : NULL;
}

char *
maqet_image_need(const struct maqet_context *context, const char *except,
                 const struct maqet_strings *going, const char *path)
{
    bool known;
    char *need = maqet_image_user(context, except, path, &known);

    if (!need)
        need = need_elsewhere(context, path);
    if (need)
        return need;
    _cleanup_free_ char *dependent = maqet_bases_dependent(context, path, going);
    if (dependent)
        return maqet_format("it is the backing file of %s", dependent);
    return users_of(context, path);
}
