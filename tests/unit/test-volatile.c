/* SPDX-License-Identifier: MIT */
/* What systemd-tmpfiles does to a folder, by its configuration (tmpfiles.d(5)). */
#include "core/storage/volatile.h"

#include "tests/unit/unit.h"

/* A host's root folder, on which systemd has booted. */
static char *
made_up_root(void)
{
    char *root = unit_folder();
    static const char *const folders[] = {"run/systemd/system", "usr/lib/tmpfiles.d",
                                          "etc/tmpfiles.d", "run/tmpfiles.d"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", root, folders[i]);

        if (maqet_dir_make(path, 0755, NULL) < 0)
            abort();
    }
    return root;
}

static void
put(const char *root, const char *file, const char *text)
{
    free(unit_file(root, file, text));
}

/* What happens to a folder; the part before the name of the file. */
static void
says(const char *root, const char *folder, const char *wanted)
{
    _cleanup_free_ char *effect = maqet_folder_tmpfiles(root, folder);
    char *file = effect ? strstr(effect, " (") : NULL;

    if (file)
        *file = '\0';
    UNIT_SAME(effect, wanted);
}

#define EMPTIED "which is emptied when the host boots"
#define AGED "where files that were not used for 10d are deleted"

static void
test_types(void)
{
    static const struct {
        const char *line, *folder, *wanted;
    } cases[] = {
        {"D /tmp 1777 root root -\n", "/tmp", EMPTIED},
        {"D! /tmp 1777 root root -\n", "/tmp/images", EMPTIED},
        {"# a comment\n\n  q /tmp 1777 root root 10d\n", "/tmp", AGED},
        {"d /tmp 1777 root root 10d\n", "/tmp", AGED},
        {"d /tmp 1777 root root -\n", "/tmp", NULL},
        {"q /tmp 1777 root root\n", "/tmp", NULL},
        {"#q /tmp 1777 root root 10d\n", "/tmp", NULL},
        {"D /tmp/.X11-unix 1777 root root -\n", "/tmp", NULL},
        {"D /tmp 1777 root root -\n", "/tmpfiles", NULL},
        {"D /tmp 1777 root root -\n", "/srv", NULL},
        {"D /tmp 1777 root root -\nx /tmp/kept*\n", "/tmp/kept-vms", NULL},
        {"D /tmp 1777 root root -\nx /tmp/kept*\n", "/tmp/vms", EMPTIED},
        {"nonsense", "/tmp", NULL},
        {"", "/tmp", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        _cleanup_folder_ char *root = made_up_root();

        put(root, "usr/lib/tmpfiles.d/tmp.conf", cases[i].line);
        says(root, cases[i].folder, cases[i].wanted);
    }
}

/* A file of the administrator replaces the one of the same name; of several lines the first
 * counts, in the order of the names. */
static void
test_precedence(void)
{
    _cleanup_folder_ char *root = made_up_root();

    put(root, "usr/lib/tmpfiles.d/tmp.conf", "D /tmp 1777 root root -\n");
    put(root, "usr/lib/tmpfiles.d/z.conf", "q /tmp 1777 root root 10d\n");
    says(root, "/tmp", EMPTIED);
    put(root, "etc/tmpfiles.d/tmp.conf", "");
    says(root, "/tmp", AGED);
    put(root, "run/tmpfiles.d/a.conf", "x /tmp\n");
    says(root, "/tmp", NULL);
    put(root, "run/tmpfiles.d/a.conf.bak", "D /tmp 1777 root root -\n");
    says(root, "/tmp", NULL);
}

static void
test_without_systemd(void)
{
    _cleanup_folder_ char *root = made_up_root();
    _cleanup_free_ char *booted = maqet_format("%s/run/systemd/system", root);

    put(root, "usr/lib/tmpfiles.d/tmp.conf", "D /tmp 1777 root root -\n");
    rmdir(booted);
    says(root, "/tmp", NULL);
}

static void
test_folder(void)
{
    const struct maqet_context none = {0}, named = {.storage_dir = (char *)"/srv/images"};
    _cleanup_free_ char *device = maqet_folder_volatile("/dev/shm");
    _cleanup_free_ char *missing = maqet_folder_volatile("/no/such/folder");

    UNIT_SAME(maqet_storage_dir(&none), "/tmp");
    UNIT_SAME(maqet_storage_dir(&named), "/srv/images");
    if (device)
        UNIT_SAME(device, "which is in memory (tmpfs)");
    UNIT_SAME(missing, NULL);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"lines", test_types},
        {"precedence", test_precedence},
        {"without systemd", test_without_systemd},
        {"the folder", test_folder},
        CU_TEST_INFO_NULL,
    };

    return unit_run("volatile", tests);
}
