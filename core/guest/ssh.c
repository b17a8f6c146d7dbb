/* SPDX-License-Identifier: MIT */
#include "core/guest/ssh.h"

#include <string.h>

#include "core/base/process.h"
#include "core/guest/forwarded.h"
#include "core/machine/login.h"
#include "core/machine/store.h"

/* An option whose value is a path, in which ssh expands "%" (ssh_config(5), TOKENS), and which
 * it reads as a word in quotes. */
static void
add_path(struct maqet_strings *argv, const char *option, const char *path)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "%s=\"", option);
    for (; *path; path++)
        maqet_text_appendf(&text,
                           *path == '%'            ? "%c%%"
                           : strchr("\"\\", *path) ? "\\%c"
                                                   : "%c",
                           *path);
    maqet_text_append(&text, "\"");
    maqet_strings_add(argv, "-o");
    maqet_strings_take(argv, maqet_text_take(&text));
}

static void
add_option(struct maqet_strings *argv, const char *option)
{
    maqet_strings_add(argv, "-o");
    maqet_strings_add(argv, option);
}

static void
add_words(const struct maqet_opened *machine, const struct maqet_definition *definition,
          const struct maqet_login *login, struct maqet_strings *argv)
{
    _cleanup_free_ char *known =
        maqet_store_file(machine->context, machine->name, MAQET_STORE_KNOWN_HOSTS);
    _cleanup_free_ char *alias = maqet_format("HostKeyAlias=%s", definition->uuid);

    add_path(argv, "UserKnownHostsFile", known);
    add_option(argv, alias);
    add_option(argv, "StrictHostKeyChecking=accept-new");
    add_option(argv, "LogLevel=ERROR"); /* without a line for each new guest */
    /* The address is this host's, whatever the user's settings say of other hosts. */
    add_option(argv, "ProxyCommand=none");
    /* A guest that hangs has a port that is open. */
    add_option(argv, "ConnectTimeout=120");
    if (login->key) {
        add_path(argv, "IdentityFile", login->key);
        add_option(argv, "IdentitiesOnly=yes");
    }
    if (login->user) {
        maqet_strings_add(argv, "-l");
        maqet_strings_add(argv, login->user);
    }
}

int
maqet_ssh_port(struct maqet_opened *machine, unsigned *port, bool *is_defined,
               struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(machine, err);

    if (!definition)
        return -1;
    struct maqet_login login = maqet_login_read(definition->tree);
    *port = login.port;
    *is_defined = login.defined;
    return 0;
}

int
maqet_ssh_words(struct maqet_opened *machine, struct maqet_strings *argv,
                struct maqet_error **err)
{
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_opened_definition(machine, err);
    _cleanup_free_ char *program = maqet_process_find("ssh"), *address = NULL;
    unsigned port;

    if (!definition)
        return -1;
    if (!program) {
        maqet_error_set(err, MAQET_ERROR_MISSING,
                        "The program ssh was not found in PATH");
        maqet_error_hint(err, "Install it (Debian: apt install openssh-client)");
        return -1;
    }
    struct maqet_login login = maqet_login_read(definition->tree);
    if (maqet_forwarded_find(machine, login.port, &address, &port, err) < 0)
        return -1;
    maqet_strings_add(argv, program);
    add_words(machine, definition, &login, argv);
    maqet_strings_addf(argv, "-p");
    maqet_strings_addf(argv, "%u", port);
    /* ssh looks for options after the host, too, unless it was told where they end. */
    maqet_strings_add(argv, "--");
    maqet_strings_add(argv, address);
    return 0;
}
