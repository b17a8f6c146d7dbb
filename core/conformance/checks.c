/* SPDX-License-Identifier: MIT */
#include "core/conformance/checks.h"

#include "core/conformance/conformance.h"

const struct check maqet_checks[] = {
    {.name = "file",
     .text = "The file exports its entry and nothing else, and runs no code when it is "
             "loaded",
     .kinds = CHECK_BOTH,
     .seconds = 10,
     .without_load = true,
     .run = check_file},
    {.name = "loads",
     .text = "maqet loads it: its kind, ABI, structs, name and callbacks are as they "
             "must be",
     .kinds = CHECK_BOTH,
     .seconds = 20,
     .without_load = true,
     .run = check_loads},
    {.name = "options",
     .text = "The summary and every option have words of help, fallbacks are values "
             "that their own type accepts, limits and choices make sense",
     .kinds = CHECK_BOTH,
     .seconds = 10,
     .without_drive = true,
     .run = check_options},
    {.name = "drive",
     .text = "A drive with made-up values, and those of --set, is accepted",
     .kinds = CHECK_BOTH,
     .seconds = 20,
     .without_drive = true,
     .run = check_drive},
    {.name = "validate",
     .text = "validate gives the same answer twice, and changes nothing",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_validate},
    {.name = "emit",
     .text = "What is emitted has the ids that maqet asked for, and is the same twice",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_emit},
    {.name = "two-drives",
     .text = "Two drives of one machine have nothing to do with one another: nothing is "
             "kept in variables of the plugin",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_two_drives},
    {.name = "errors",
     .text = "A callback that fails returns -1 and sets an error with a message; one "
             "that succeeds returns 0 and sets none",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_errors},
    {.name = "null-errors",
     .text = "A callback that is called with err == NULL does the same as ever",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_null_errors},
    {.name = "hostile-values",
     .text = "Whatever stands in an option (very long, control characters, commas, %n, "
             "no UTF-8) is an error or one value of one object",
     .kinds = CHECK_BOTH,
     .seconds = 60,
     .run = check_hostile_values},
    {.name = "create",
     .text = "create makes one file, which is found again and left as it is",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_create},
    {.name = "space",
     .text = "space says what a new image really takes",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_space},
    {.name = "create-odd-path",
     .text = "A path may have spaces, commas, quotes, dashes, line feeds and letters of "
             "any script",
     .kinds = CHECK_STORAGE,
     .seconds = 60,
     .run = check_odd_path},
    {.name = "create-existing",
     .text = "create writes to the path that it is given and never to the drive's own, "
             "where a file may be already",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_existing},
    {.name = "create-failing",
     .text = "When qemu-img fails, create fails with its words",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_failing_tool},
    {.name = "create-slow",
     .text = "create waits for a qemu-img that takes its time",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_slow_tool},
    {.name = "create-killed",
     .text = "When maqet is killed in the middle of create, no image and no process "
             "stays, and the next create works",
     .kinds = CHECK_STORAGE,
     .seconds = 60,
     .run = check_killed},
    {.name = "create-two",
     .text = "Two creations at once in one folder do not meet",
     .kinds = CHECK_STORAGE,
     .seconds = 60,
     .run = check_two_at_once},
    {.name = "inspect",
     .text = "inspect recognises what create made, knows its size, and changes nothing",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_inspect},
    {.name = "hostile-images",
     .text = "An image that is cut off, empty, of another format or of random bytes is "
             "an error or an image, never a crash or an endless loop",
     .kinds = CHECK_STORAGE,
     .seconds = 60,
     .run = check_hostile_images},
    {.name = "qemu",
     .text = "A real QEMU accepts what is emitted, and has the drive then",
     .kinds = CHECK_BOTH,
     .seconds = 90,
     .run = check_qemu},
    {.name = "capacity",
     .text = "A real QEMU takes as many drives as the interface says fit",
     .kinds = CHECK_IFACE,
     .seconds = 120,
     .run = check_capacity},
    {.name = "hotplug",
     .text = "The same objects can be added to a QEMU that runs, and removed, where the "
             "plugin declares it",
     .kinds = CHECK_BOTH,
     .seconds = 90,
     .run = check_hotplug},
    {.name = "snapshots",
     .text = "A snapshot is created, listed, loaded with its data, and removed",
     .kinds = CHECK_STORAGE,
     .seconds = 60,
     .run = check_snapshots},
    {.name = "live-snapshots",
     .text = "The same while QEMU has the image",
     .kinds = CHECK_STORAGE,
     .seconds = 90,
     .run = check_live_snapshots},
    {.name = "resize",
     .text = "resize makes the drive as large as it is told, and keeps what is in it",
     .kinds = CHECK_STORAGE,
     .seconds = 30,
     .run = check_resize},
    {.name = "writes",
     .text = "Neither the plugin nor what it runs writes anywhere but in the image's "
             "folder",
     .kinds = CHECK_BOTH,
     .seconds = 60,
     .run = check_writes},
    {.name = "descriptors",
     .text = "No descriptor stays open",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_descriptors},
    {.name = "children",
     .text = "No process and no thread stays",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_children},
    {.name = "environment",
     .text = "Environment, locale, working directory, umask and signals are left as "
             "they were",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_environment},
    {.name = "output",
     .text = "Nothing is printed, in this check or another one",
     .kinds = CHECK_BOTH,
     .seconds = 30,
     .run = check_output},
    {0},
};

static const struct check *
check_at(unsigned index)
{
    return index < sizeof(maqet_checks) / sizeof(*maqet_checks) ? &maqet_checks[index]
                                                                : NULL;
}

const char *
maqet_conformance_name(unsigned index)
{
    return check_at(index) ? check_at(index)->name : NULL;
}

const char *
maqet_conformance_text(unsigned index)
{
    return check_at(index) ? check_at(index)->text : NULL;
}
