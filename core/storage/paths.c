/* SPDX-License-Identifier: MIT */
#include "core/storage/paths.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool
within(const char *folder, const char *parent)
{
    size_t length = strlen(parent);

    return strncmp(folder, parent, length) == 0 &&
           (folder[length] == '/' || folder[length] == '\0');
}

/* /lib, and its siblings for other ABIs: /lib32, /lib64, /libx32; but not /library. */
static bool
is_library_folder(const char *folder)
{
    if (strncmp(folder, "/lib", 4) != 0)
        return false;
    folder += 4;
    folder += strspn(folder, "nox");
    folder += strspn(folder, "0123456789");
    return *folder == '/' || *folder == '\0';
}

const char *
maqet_path_system(const char *folder, uid_t uid)
{
    /* The first that fits decides, so an exception stands before the folder that it is
     * in. */
    static const struct {
        const char *path;
        bool allowed;
    } rules[] = {
        {"/dev/shm", true}, {"/var/lib/maqet", true}, {"/var/lib/libvirt/images", true},
        {"/var/tmp", true}, {"/bin", false},          {"/boot", false},
        {"/dev", false},    {"/etc", false},          {"/proc", false},
        {"/sbin", false},   {"/sys", false},          {"/usr", false},
        {"/var", false},
    };

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (within(folder, rules[i].path))
            return rules[i].allowed ? NULL : rules[i].path;
    if (is_library_folder(folder))
        return "/lib";
    if (uid != 0 && within(folder, "/root"))
        return "/root";
    return NULL;
}
