/* SPDX-License-Identifier: MIT */
/* In which folders images may be made, and by whom. */
#include "core/storage/system_folders.h"
#include "tests/unit/unit.h"

enum { ROOT = 0, USER = 1000 };

struct row {
    const char *folder;
    const char *system; /* NULL: allowed */
};

static void
check(const struct row *rows, uid_t uid)
{
    for (; rows->folder; rows++) {
        const char *system = maqet_path_system(rows->folder, uid);

        if ((system == NULL) != (rows->system == NULL))
            fprintf(stderr, "%s for uid %u:\n", rows->folder, (unsigned)uid);
        UNIT_SAME(system, rows->system);
    }
}

static void
test_refused_to_all(void)
{
    static const struct row rows[] = {
        {"/bin", "/bin"},
        {"/boot", "/boot"},
        {"/boot/efi/EFI", "/boot"},
        {"/dev", "/dev"},
        {"/dev/mapper", "/dev"},
        {"/dev/shmem", "/dev"},
        {"/etc", "/etc"},
        {"/etc/cron.d", "/etc"},
        {"/lib", "/lib"},
        {"/lib/modules", "/lib"},
        {"/lib32", "/lib32"},
        {"/lib64", "/lib64"},
        {"/libo32", "/libo32"},
        {"/libx32/a", "/libx32"},
        {"/proc", "/proc"},
        {"/proc/self/cwd", "/proc"},
        {"/sbin", "/sbin"},
        {"/sys/fs", "/sys"},
        {"/usr", "/usr"},
        {"/usr/local/share", "/usr"},
        {"/var", "/var"},
        {"/var/lib", "/var"},
        {"/var/lib/maqets", "/var"},
        {"/var/lib/libvirt", "/var"},
        {"/var/lib/libvirt/images2", "/var"},
        {"/var/log", "/var"},
        {"/var/tmpfiles", "/var"},
        {NULL, NULL},
    };

    check(rows, ROOT);
    check(rows, USER);
}

static void
test_allowed_to_all(void)
{
    static const struct row rows[] = {
        {"/tmp", NULL},
        {"/tmp/etc", NULL},
        {"/home/me/usr/bin", NULL},
        {"/srv/images", NULL},
        {"/mnt", NULL},
        {"/dev/shm", NULL},
        {"/dev/shm/vms", NULL},
        {"/var/tmp", NULL},
        {"/var/tmp/vms", NULL},
        {"/var/lib/maqet", NULL},
        {"/var/lib/maqet/images", NULL},
        {"/var/lib/libvirt/images", NULL},
        {"/var/lib/libvirt/images/pool", NULL},
        /* names that only begin like those of the system */
        {"/bins", NULL},
        {"/etcetera", NULL},
        {"/library", NULL},
        {"/lib64-images", NULL},
        {"/users", NULL},
        {"/various", NULL},
        {NULL, NULL},
    };

    check(rows, ROOT);
    check(rows, USER);
}

static void
test_home_of_root(void)
{
    static const struct row root[] = {{"/root", NULL}, {"/root/vms", NULL}, {NULL, NULL}};
    static const struct row user[] = {
        {"/root", "/root"}, {"/root/vms", "/root"}, {"/roots", NULL}, {NULL, NULL}};

    check(root, ROOT);
    check(user, USER);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"folders of the system", test_refused_to_all},
        {"all other folders", test_allowed_to_all},
        {"root's home", test_home_of_root},
        CU_TEST_INFO_NULL,
    };

    return unit_run("paths", tests);
}
