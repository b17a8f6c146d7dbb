/* SPDX-License-Identifier: MIT */
#include "core/machine/login.h"

#include <string.h>

#include "core/base/files.h"
#include "core/config/options.h"

static const char key_name[] = "ssh";

enum { PORT_DEFAULT = 22, PORT_MAX = 65535 };

const struct maqet_option maqet_login_options[] = {
    {MAQET_OPTION("user", STRING, "the user in the guest")},
    {MAQET_OPTION("key", STRING, "the file with a private key")},
    {MAQET_OPTION("port", INT, "the port of the guest's server; default: 22")},
    {.name = NULL},
};

static void
make_absolute(json_object *mapping)
{
    struct maqet_place place = maqet_tree_place_of_value(mapping, "key");
    const char *value = maqet_tree_text(mapping, "key");
    _cleanup_free_ char *path =
        value ? maqet_path_absolute(value, place.folder ? place.folder : "/") : NULL;

    if (path && strcmp(path, value) != 0)
        maqet_tree_set(mapping, "key", json_object_new_string(path),
                       maqet_tree_place_of_key(mapping, "key"), place);
}

/* A word that begins with a dash would be an option of ssh. */
static bool
is_user(const char *text)
{
    return *text && *text != '-' && !text[strcspn(text, " \t\n@:/\"'\\")];
}

int
maqet_login_check(json_object *tree, struct maqet_error **err)
{
    json_object *mapping = json_object_object_get(tree, key_name);

    if (!json_object_is_type(mapping, json_type_object))
        return 0;
    const char *user = maqet_tree_text(mapping, "user");
    const char *port = maqet_tree_text(mapping, "port");
    unsigned long number =
        port && strspn(port, "0123456789") == strlen(port) && strlen(port) <= 5
            ? strtoul(port, NULL, 10)
            : 0;
    struct maqet_error *error = NULL;
    if (user && !is_user(user))
        maqet_place_invalid(maqet_tree_place_of_value(mapping, "user"), &error,
                            "'%s' is not a user name", user);
    bool wrong = maqet_error_add(err, &error) < 0;
    if (port && (number == 0 || number > PORT_MAX))
        maqet_place_invalid(maqet_tree_place_of_value(mapping, "port"), &error,
                            "'%s' is not a port, which is a number from 1 to %d", port,
                            PORT_MAX);
    make_absolute(mapping);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

struct maqet_login
maqet_login_read(json_object *tree)
{
    json_object *mapping = json_object_object_get(tree, key_name);
    const char *port = mapping ? maqet_tree_text(mapping, "port") : NULL;

    return (struct maqet_login){
        .defined = mapping,
        .user = mapping ? maqet_tree_text(mapping, "user") : NULL,
        .key = mapping ? maqet_tree_text(mapping, "key") : NULL,
        .port = port ? (unsigned)strtoul(port, NULL, 10) : PORT_DEFAULT,
    };
}
