/* SPDX-License-Identifier: MIT */
#include "core/machine/sandbox.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/options.h"
#include "core/config/tree.h"

static const struct maqet_option switches[] = {
    {MAQET_OPTION("seccomp", BOOL, "QEMU's own filter of system calls")},
    {MAQET_OPTION("landlock", BOOL,
                  "the kernel's limits on the files that QEMU can open")},
    {.name = NULL},
};

const struct maqet_option *
maqet_sandbox_options(void)
{
    return switches;
}

static int
check_list(json_object *mapping, const char *key, struct maqet_error **err)
{
    json_object *list = json_object_object_get(mapping, key);

    if (!list)
        return 0;
    if (!json_object_is_type(list, json_type_array))
        return maqet_place_error(
            maqet_tree_place_of_value(mapping, key), err, MAQET_ERROR_INVALID,
            "'%s' must be a list of paths, such as [/srv/isos]", key);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *item = json_object_array_get_idx(list, i);

        if (!json_object_is_type(item, json_type_string) ||
            json_object_get_string_len(item) == 0)
            return maqet_place_error(maqet_tree_place_of_item(list, i), err,
                                     MAQET_ERROR_INVALID, "an item of '%s' is not a path",
                                     key);
    }
    return 0;
}

int
maqet_sandbox_check(json_object *tree, struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {switches, NULL};
    _cleanup_strings_ struct maqet_strings lists = MAQET_STRINGS_INIT;
    json_object *value = json_object_object_get(tree, "sandbox");
    bool on;

    if (!value)
        return 0;
    if (json_object_is_type(value, json_type_string)) {
        if (maqet_parse_bool(json_object_get_string(value), &on))
            return 0;
        maqet_place_error(maqet_tree_place_of_value(tree, "sandbox"), err,
                          MAQET_ERROR_INVALID, "'sandbox' is '%s'; it can be: on, off",
                          json_object_get_string(value));
        maqet_error_hint(err, "It can also be a mapping: `sandbox: {read: [PATH], "
                              "write: [PATH]}`");
        return -1;
    }
    if (!json_object_is_type(value, json_type_object))
        return maqet_place_error(maqet_tree_place_of_value(tree, "sandbox"), err,
                                 MAQET_ERROR_INVALID,
                                 "'sandbox' is on, off, or a mapping such as "
                                 "`read: [/srv/isos]`");
    maqet_strings_add(&lists, "read");
    maqet_strings_add(&lists, "write");
    return maqet_options_check(value, tables, &lists, "sandbox", err) < 0 ||
                   check_list(value, "read", err) < 0 ||
                   check_list(value, "write", err) < 0
               ? -1
               : 0;
}

static void
read_switch(json_object *mapping, const char *key, bool *on)
{
    const char *text = maqet_tree_text(mapping, key);

    if (text)
        maqet_parse_bool(text, on);
}

static void
read_list(json_object *mapping, const char *key, struct maqet_strings *paths)
{
    json_object *list = json_object_object_get(mapping, key);

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        maqet_strings_take(paths,
                           maqet_path_absolute(
                               json_object_get_string(json_object_array_get_idx(list, i)),
                               maqet_tree_place_of_item(list, i).folder));
}

void
maqet_sandbox_read(json_object *tree, struct maqet_sandbox *sandbox)
{
    json_object *value = json_object_object_get(tree, "sandbox");

    *sandbox = (struct maqet_sandbox){.seccomp = true, .landlock = true};
    sandbox->user = maqet_tree_text(tree, "run_as");
    if (json_object_is_type(value, json_type_string)) {
        read_switch(tree, "sandbox", &sandbox->seccomp);
        sandbox->landlock = sandbox->seccomp;
    } else if (value) {
        read_switch(value, "seccomp", &sandbox->seccomp);
        read_switch(value, "landlock", &sandbox->landlock);
        read_list(value, "read", &sandbox->read);
        read_list(value, "write", &sandbox->write);
    }
}

void
maqet_sandbox_clear(struct maqet_sandbox *sandbox)
{
    maqet_strings_clear(&sandbox->read);
    maqet_strings_clear(&sandbox->write);
}
