/* SPDX-License-Identifier: MIT */
#include "cli/new_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/printable.h"
#include "core/base/process.h"

/* Bytes of a public key in a file, and ms in which ssh-keygen must have created one. */
enum { PUBLIC_KEY_MAX = 64 * 1024, CREATION_TIMEOUT = 60 * 1000 };

static const char PUBLIC_SUFFIX[] = ".pub";

void
new_key_clear(struct new_key *key)
{
    free(key->file);
    free(key->public_line);
    *key = (struct new_key){0};
}

/* ---- reading ---- */

/* The first line of a public key's file; NULL: it is no public key, least of all a private
 * one. The caller frees. */
static char *
public_line_of(const char *text)
{
    static const char *const types[] = {"ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-", NULL};
    size_t length = strcspn(text, "\r\n");

    if (!maqet_text_prefix(text, types) || text[length + strspn(text + length, "\r\n")])
        return NULL;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return NULL;
    return maqet_strndup(text, length);
}

static int
read_public(const char *path, struct new_key *key, struct maqet_error **err)
{
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(path, PUBLIC_KEY_MAX, &text, NULL, err) < 0)
        return -1;
    key->public_line = public_line_of(text);
    return key->public_line ? 0
                            : maqet_error_set(err, MAQET_ERROR_INVALID,
                                              "%s is not a public key of SSH", path);
}

/* Both halves of a key, by the file of either. */
static int
read_key(const char *path, struct new_key *key, struct maqet_error **err)
{
    bool is_public = maqet_text_ends(path, PUBLIC_SUFFIX);
    _cleanup_free_ char *private =
        is_public ? maqet_strndup(path, strlen(path) - strlen(PUBLIC_SUFFIX))
                  : maqet_strdup(path);
    _cleanup_free_ char *public = maqet_format("%s%s", private, PUBLIC_SUFFIX);

    if (!is_public && access(private, F_OK) == 0 && access(public, F_OK) < 0) {
        maqet_error_set(err, MAQET_ERROR_MISSING,
                        "The key %s has no public half, %s, which the guest needs",
                        private, public);
        _cleanup_free_ char *from = maqet_shell_quoted(private);
        _cleanup_free_ char *to = maqet_shell_quoted(public);
        maqet_error_hint(err, "Create it: ssh-keygen -y -f %s >%s", from, to);
        return -1;
    }
    if (!is_public && access(private, R_OK) < 0)
        return maqet_error_errno(err, errno, "Cannot read the key %s", private);
    if (read_public(public, key, err) < 0)
        return -1;
    if (access(private, F_OK) == 0)
        key->file = TAKE_PTR(private);
    return 0;
}

int
new_key_find(const char *given, struct new_key *key, bool *found,
             struct maqet_error **err)
{
    /* In the order of ssh(1), but for kinds that it no longer creates. */
    static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_ed25519_sk",
                                        "id_ecdsa_sk", "id_rsa"};

    *found = true;
    if (given)
        return read_key(given, key, err);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        _cleanup_free_ char *name = maqet_format("~/.ssh/%s", names[i]);
        _cleanup_free_ char *path = maqet_path_absolute(name, NULL);
        _cleanup_free_ char *public =
            path ? maqet_format("%s%s", path, PUBLIC_SUFFIX) : NULL;

        if (path && access(path, R_OK) == 0 && access(public, R_OK) == 0)
            return read_key(path, key, err);
    }
    *found = false;
    return 0;
}

/* ---- creation ---- */

/* Deletes both halves of a key. */
static void
delete_both(const char *path)
{
    _cleanup_free_ char *public = maqet_format("%s%s", path, PUBLIC_SUFFIX);

    unlink(path);
    unlink(public);
}

/* Gives both halves their names, the private one last: it tells that there is a key. */
static int
publish(const char *from, const char *to, struct maqet_error **err)
{
    _cleanup_free_ char *public_from = maqet_format("%s%s", from, PUBLIC_SUFFIX);
    _cleanup_free_ char *public_to = maqet_format("%s%s", to, PUBLIC_SUFFIX);

    if (rename(public_from, public_to) == 0 && rename(from, to) == 0)
        return 0;
    maqet_error_errno(err, errno, "Cannot create the key %s", to);
    delete_both(from);
    return -1;
}

static int
create(const char *path, const char *comment, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_folder(path);
    _cleanup_free_ char *temporary =
        maqet_format("%s/.%s.maqet-new", folder, strrchr(path, '/') + 1);
    const char *const argv[] = {"ssh-keygen", "-q",    "-t", "ed25519", "-N", "",
                                "-C",         comment, "-f", temporary, NULL};

    delete_both(temporary); /* what a killed maqet has left */
    if (maqet_process_run(argv, CREATION_TIMEOUT, NULL, err) == 0)
        return publish(temporary, path, err);
    delete_both(temporary);
    return -1;
}

int
new_key_create(const char *path, const char *comment, struct new_key *key,
               struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;

    if (access(path, F_OK) == 0)
        return read_key(path, key, err);
    if (create(path, comment, &reason) < 0) {
        if (reason->signal)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_error_wrap(&reason,
                         "There is no SSH key in ~/.ssh, and none could be created");
        maqet_error_hint(&reason,
                         "ssh-keygen is in the package openssh-client of Debian and "
                         "Ubuntu, and in openssh of Fedora");
        maqet_error_hint(&reason, "Or name a key: --ssh-key FILE");
        return maqet_error_move(err, TAKE_PTR(reason));
    }
    key->created = true;
    if (read_key(path, key, err) == 0)
        return 0;
    delete_both(path);
    key->created = false;
    return -1;
}

void
new_key_delete(const struct new_key *key)
{
    if (key->created && key->file)
        delete_both(key->file);
}
