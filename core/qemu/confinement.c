/* SPDX-License-Identifier: MIT */
/* The rules themselves. */
#include "core/qemu/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int
maqet_confinement_begin(struct maqet_confinement *confinement, int version,
                        struct maqet_error **err)
{
    *confinement = MAQET_CONFINEMENT_INIT;
    confinement->version = version;
    if (version == 0)
        return 0;
    confinement->ruleset = maqet_landlock_new(version, err);
    return confinement->ruleset < 0 ? -1 : 0;
}

void
maqet_confinement_clear(struct maqet_confinement *confinement)
{
    if (confinement->ruleset >= 0)
        close(confinement->ruleset);
    for (size_t i = 0; i < confinement->known_count; i++)
        free(confinement->known[i].path);
    free(confinement->known);
    maqet_text_clear(&confinement->rules);
    maqet_strings_clear(&confinement->made);
    *confinement = MAQET_CONFINEMENT_INIT;
}

void
maqet_confinement_know(struct maqet_confinement *confinement, const char *path,
                       const struct maqet_file_id *id)
{
    size_t count = confinement->known_count;

    confinement->known =
        maqet_realloc(confinement->known, (count + 1) * sizeof(*confinement->known));
    confinement->known[count] =
        (struct maqet_known_file){.path = maqet_strdup(path), .id = *id};
    confinement->known_count++;
}

/* Whether what is open is the file that was looked at under that name, if one was. */
static int
check_known(const struct maqet_confinement *confinement, const char *path, int fd,
            struct maqet_error **err)
{
    struct maqet_file_id now;

    for (size_t i = 0; i < confinement->known_count; i++) {
        const struct maqet_known_file *known = &confinement->known[i];

        if (strcmp(known->path, path) != 0 ||
            (maqet_file_id_of_fd(fd, &now) && maqet_file_id_equal(&known->id, &now)))
            continue;
        maqet_error_set(err, MAQET_ERROR_STATE,
                        "%s was replaced by another file while it was inspected", path);
        maqet_error_hint(err, "Find out who can write to its folder, and start again");
        return -1;
    }
    return 0;
}

/* "read,write /path": in the words of the key `sandbox`, as far as there are any. */
static void
record_rule(struct maqet_confinement *confinement, const char *path, unsigned access)
{
    static const struct {
        unsigned access;
        const char *word;
    } words[] = {
        {MAQET_ACCESS_READ, "read"},     {MAQET_ACCESS_EXECUTE, "execute"},
        {MAQET_ACCESS_WRITE, "write"},   {MAQET_ACCESS_CHANGE, "change"},
        {MAQET_ACCESS_LISTEN, "listen"}, {MAQET_ACCESS_REMOVE, "remove"},
    };
    const char *separator = "";

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!(access & words[i].access))
            continue;
        maqet_text_appendf(&confinement->rules, "%s%s", separator, words[i].word);
        separator = ",";
    }
    maqet_text_appendf(&confinement->rules, " %s\n", path);
}

int
maqet_confinement_allow(struct maqet_confinement *confinement, const char *path,
                        unsigned access, struct maqet_error **err)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

    /* Nothing that can't be found can be opened; who has to find it says so. */
    if (fd < 0)
        return 0;
    if (check_known(confinement, path, fd, err) < 0 ||
        (confinement->version > 0 &&
         maqet_landlock_allow(confinement->ruleset, confinement->version, fd, access,
                              path, err) < 0))
        return -1;
    record_rule(confinement, path, access);
    return 0;
}

void
maqet_confinement_undo(struct maqet_confinement *confinement)
{
    for (size_t i = 0; i < confinement->made.count; i++)
        maqet_file_remove_empty(confinement->made.items[i]);
    maqet_strings_cut(&confinement->made, 0);
}
