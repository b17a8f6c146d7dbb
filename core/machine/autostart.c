/* SPDX-License-Identifier: MIT */
#include "core/machine/autostart.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/process.h"

/* ms for systemctl, which may reload all units. */
static const int64_t SYSTEMCTL_TIMEOUT = 60000;

/* Whether it is one of the user's services, rather than of the system's. */
static bool
is_of_user(void)
{
    return geteuid() != 0;
}

/* Where systemctl puts its links (systemd.unit(5)). The caller frees; NULL: nowhere. */
static char *
units_folder(void)
{
    const char *config = getenv("XDG_CONFIG_HOME");

    if (!is_of_user())
        return maqet_strdup("/etc/systemd/system");
    return config && *config ? maqet_format("%s/systemd/user", config)
                             : maqet_path_absolute("~/.config/systemd/user", NULL);
}

bool
maqet_autostart_is_on(const char *name)
{
    _cleanup_strings_ struct maqet_strings entries = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = units_folder();

    if (!folder || maqet_dir_list(folder, &entries, NULL) < 0)
        return false;
    for (size_t i = 0; i < entries.count; i++) {
        _cleanup_free_ char *link =
            maqet_format("%s/%s/maqet@%s.service", folder, entries.items[i], name);

        if (maqet_text_ends(entries.items[i], ".wants") &&
            faccessat(AT_FDCWD, link, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

static int
run_systemctl(const char *name, bool on, struct maqet_error **err)
{
    _cleanup_free_ char *unit = maqet_format("maqet@%s.service", name);
    const char *argv[] = {"systemctl", is_of_user() ? "--user" : "--system",
                          on ? "enable" : "disable", unit, NULL};

    return maqet_process_run(argv, SYSTEMCTL_TIMEOUT, NULL, err);
}

int
maqet_autostart_set(const char *name, bool on, struct maqet_error **err)
{
    _cleanup_free_ char *program = maqet_process_find("systemctl");
    bool before = maqet_autostart_is_on(name);

    if (!program) {
        maqet_error_set(err, MAQET_ERROR_UNSUPPORTED,
                        "VMs are started automatically by systemd, and there is no "
                        "systemctl");
        return maqet_error_next(err, MAQET_NEXT_START_BY_OTHERS, name, NULL);
    }
    if (run_systemctl(name, on, err) == 0)
        return 0;
    /* It was interrupted at a moment that only systemctl knows. */
    if (err && (*err)->signal && before != on && maqet_autostart_is_on(name) == on)
        run_systemctl(name, before, NULL);
    return maqet_error_wrap(err, "VM '%s'", name);
}
