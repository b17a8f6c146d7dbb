/* SPDX-License-Identifier: MIT */
#include "core/machine/sandbox_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/base/printable.h"
#include "core/base/process.h"
#include "core/base/replacement.h"
#include "core/machine/run_folder.h"
#include "core/machine/scratch.h"
#include "core/qemu/arguments.h"
#include "core/qemu/confinement_arguments.h"
#include "core/qemu/objects.h"
#include "core/qemu/version.h"
#include "core/storage/overlay_elsewhere.h"

enum { CHANGE = MAQET_ACCESS_READ | MAQET_ACCESS_WRITE | MAQET_ACCESS_CHANGE };

/* The path of a file in the run folder. The caller frees. */
static char *
run_path(int dir_fd, const char *file)
{
    _cleanup_free_ char *run = maqet_path_of_fd(dir_fd);

    return maqet_format("%s/%s", run ? run : "", file);
}

/* ---- the keys ---- */

struct sandbox {
    bool seccomp;               /* QEMU's own filter of system calls (-sandbox) */
    bool landlock;              /* QEMU may open only the files that it needs */
    struct maqet_strings read;  /* further absolute paths that it may read */
    struct maqet_strings write; /* and read and write */
};

static void
sandbox_clear(struct sandbox *sandbox)
{
    maqet_strings_clear(&sandbox->read);
    maqet_strings_clear(&sandbox->write);
}

#define _cleanup_sandbox_ _cleanup_(sandbox_clear)

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

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(list, i));
        char *path = maqet_path_absolute(text, maqet_tree_place_of_item(list, i).folder);

        maqet_strings_take(paths, path ? path : maqet_strdup(text));
    }
}

static struct sandbox
read_sandbox(const struct maqet_vm *vm)
{
    json_object *tree = vm->definition->tree;
    json_object *value = json_object_object_get(tree, "sandbox");
    struct sandbox sandbox = {.seccomp = true, .landlock = true};

    if (json_object_is_type(value, json_type_string)) {
        read_switch(tree, "sandbox", &sandbox.seccomp);
        sandbox.landlock = sandbox.seccomp;
    } else if (value) {
        read_switch(value, "seccomp", &sandbox.seccomp);
        read_switch(value, "landlock", &sandbox.landlock);
        read_list(value, "read", &sandbox.read);
        read_list(value, "write", &sandbox.write);
    }
    return sandbox;
}

static const char *
run_as(const struct maqet_vm *vm)
{
    return maqet_tree_text(vm->definition->tree, "run_as");
}

/* ---- QEMU's own options ---- */

/* The user that QEMU will switch to; NULL: none is configured, or it is the current one.
 */
static const struct passwd *
other_user(const char *user)
{
    const struct passwd *entry = user ? getpwnam(user) : NULL;

    return entry && entry->pw_uid != geteuid() ? entry : NULL;
}

/* QEMU opens its images as root, and switches to the user before the guest runs. Its
 * filter must allow that, which even `elevateprivileges=children` does not. It cannot
 * gain more privileges than the user has, because of no_new_privs (prctl(2)). */
static void
add_user(const char *program, const char *user, struct maqet_args *args)
{
    if (maqet_qemu_version(program) >= 90100)
        maqet_props_string(maqet_args_settings(args, "-run-with", NULL), "user", user);
    else
        maqet_args_option(args, "-runas", user);
}

void
maqet_sandbox_add_arguments(const struct maqet_vm *vm, struct maqet_args *args)
{
    _cleanup_sandbox_ struct sandbox sandbox = read_sandbox(vm);
    const char *user = run_as(vm);
    /* A start fails if the user does not exist, but its command line can be shown. */
    bool other = user && (!getpwnam(user) || other_user(user));
    struct maqet_props *filter;

    if (sandbox.seccomp && !maqet_arguments_has(maqet_vm_arguments(vm), "sandbox")) {
        filter = maqet_args_settings(args, "-sandbox", "on");
        maqet_props_string(filter, "obsolete", "deny");
        if (!other)
            maqet_props_string(filter, "elevateprivileges", "deny");
        maqet_props_string(filter, "spawn", "deny");
        maqet_props_string(filter, "resourcecontrol", "deny");
    }
    if (other)
        add_user(vm->program, user, args);
}

bool
maqet_sandbox_denies_programs(const struct maqet_vm *vm)
{
    json_object *arguments = maqet_vm_arguments(vm);

    if (maqet_arguments_has(arguments, "sandbox")) {
        _cleanup_free_ char *spawn =
            maqet_arguments_property(arguments, "sandbox", "enable", "spawn");

        return spawn && strcmp(spawn, "deny") == 0;
    }
    _cleanup_sandbox_ struct sandbox sandbox = read_sandbox(vm);
    return sandbox.seccomp;
}

int
maqet_sandbox_find_user(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *user = run_as(vm);

    if (!user || getpwnam(user))
        return 0;
    return maqet_place_invalid(maqet_tree_place_of_value(vm->definition->tree, "run_as"),
                               err,
                               "VM '%s' is configured to run as '%s', but there is no "
                               "such user",
                               vm->definition->name, user);
}

int
maqet_sandbox_check_user(const struct maqet_vm *vm, struct maqet_error **err)
{
    const char *user = run_as(vm);
    struct maqet_place place = maqet_tree_place_of_value(vm->definition->tree, "run_as");
    const struct passwd *entry = user ? getpwnam(user) : NULL;

    if (!entry)
        return maqet_sandbox_find_user(vm, err);
    if (geteuid() == 0 || geteuid() == entry->pw_uid)
        return 0;
    maqet_place_error(place, err, MAQET_ERROR_PERMISSION,
                      "VM '%s' is configured to run as '%s', which only root can do",
                      vm->definition->name, user);
    maqet_error_hint(err, "Start it as root, or leave out `run_as`");
    return -1;
}

/* ---- the rules ---- */

/* As that user, QEMU must be able to access its own folder. Otherwise it could not remove
 * its PID file, and every end would look like a crash. */
static int
check_access(const char *user, int dir_fd, struct maqet_error **err)
{
    _cleanup_free_ char *folder = maqet_path_of_fd(dir_fd);
    struct stat status;

    for (char *end; folder && (end = strrchr(folder, '/')) != folder;) {
        *end = '\0';
        if (stat(folder, &status) < 0 || (status.st_mode & S_IXOTH))
            continue;
        maqet_error_set(err, MAQET_ERROR_PERMISSION,
                        "QEMU is configured to run as '%s', which cannot access the "
                        "folder %s",
                        user, folder);
        _cleanup_free_ char *word = maqet_shell_quoted(folder);
        maqet_error_hint(err,
                         "Let others access it (chmod o+x %s), or set another folder "
                         "with MAQET_RUNTIME_DIR",
                         word);
        return -1;
    }
    return 0;
}

/* QEMU's own folder in the run folder, for its PID file, which it removes when it ends
 * cleanly. The folder is ours until QEMU has written that file, which it does as root: a
 * user who could put a link in its place could make QEMU write to any file. */
static int
make_own_folder(const char *user, int dir_fd, struct maqet_error **err)
{
    const struct passwd *entry = geteuid() == 0 ? other_user(user) : NULL;

    if (mkdirat(dir_fd, MAQET_RUN_OWN, 0700) < 0 && errno != EEXIST)
        return maqet_error_errno(err, errno, "Cannot create QEMU's own folder");
    _cleanup_close_ int own =
        openat(dir_fd, MAQET_RUN_OWN, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (own < 0 || fchown(own, geteuid(), getegid()) < 0 || fchmod(own, 0700) < 0 ||
        (unlinkat(own, "pid", 0) < 0 && errno != ENOENT))
        return maqet_error_errno(err, errno, "Cannot take QEMU's own folder");
    _cleanup_close_ int pid =
        openat(own, "pid", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (pid < 0)
        return maqet_error_errno(err, errno, "Cannot create QEMU's PID file");
    /* The folders above it can only be passed through. */
    if (entry && (fchown(dir_fd, 0, entry->pw_gid) < 0 || fchmod(dir_fd, 0710) < 0 ||
                  fchmodat(dir_fd, "..", 0711, 0) < 0))
        return maqet_error_errno(err, errno,
                                 "Cannot give QEMU access to its own "
                                 "folder");
    return entry ? check_access(user, dir_fd, err) : 0;
}

int
maqet_sandbox_hand_over(const struct maqet_vm *vm, int dir_fd, struct maqet_error **err)
{
    const struct passwd *entry = other_user(run_as(vm));

    if (!entry || geteuid() != 0)
        return 0;
    return fchownat(dir_fd, MAQET_RUN_OWN, entry->pw_uid, entry->pw_gid,
                    AT_SYMLINK_NOFOLLOW) < 0
               ? maqet_error_errno(err, errno, "Cannot give QEMU its own folder")
               : 0;
}

/* Creates a folder with a random name. The link to it comes first, so that a maqet which
 * is killed in between leaves no unknown folder. NULL, and errno; the caller frees. */
static char *
make_noted_folder(const char *above, int dir_fd)
{
    for (;;) {
        uint64_t number;

        if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
            return NULL;
        _cleanup_free_ char *path =
            maqet_format("%s/maqet-scratch-%016" PRIx64, above, number);
        if (symlinkat(path, dir_fd, MAQET_RUN_SCRATCH) < 0)
            return NULL;
        if (mkdir(path, 0700) == 0)
            return TAKE_PTR(path);
        int reason = errno;
        unlinkat(dir_fd, MAQET_RUN_SCRATCH, 0);
        errno = reason;
        if (reason != EEXIST)
            return NULL;
    }
}

/* For writes that are discarded (snapshot=on, and a folder as a FAT disk), QEMU creates
 * files in TMPDIR. It gets a folder of its own there. */
static int
make_scratch(const struct maqet_strings *argv, int dir_fd,
             struct maqet_confinement *confinement, char **scratch,
             struct maqet_error **err)
{
    static const char *const words[] = {"snapshot=on", "fat:", "vvfat"};
    const char *above = maqet_scratch_folder();
    bool wanted = false;

    for (size_t i = 0; i < argv->count && !wanted; i++)
        for (size_t j = 0; j < sizeof(words) / sizeof(*words) && !wanted; j++)
            wanted = strstr(argv->items[i], words[j]) != NULL;
    if (!wanted)
        return 0;
    _cleanup_free_ char *path = make_noted_folder(above, dir_fd);
    if (!path)
        return maqet_error_errno(err, errno, "Cannot create a temporary folder in %s",
                                 above);
    *scratch = TAKE_PTR(path);
    return maqet_confinement_allow(confinement, *scratch, CHANGE, err);
}

static int
allow_own(int dir_fd, struct maqet_confinement *confinement, struct maqet_error **err)
{
    _cleanup_free_ char *own = run_path(dir_fd, MAQET_RUN_OWN);
    _cleanup_free_ char *pid = run_path(dir_fd, MAQET_RUN_PID);

    return maqet_confinement_allow(confinement, own, MAQET_ACCESS_REMOVE, err) < 0 ||
                   maqet_confinement_allow(
                       confinement, pid, MAQET_ACCESS_READ | MAQET_ACCESS_WRITE, err) < 0
               ? -1
               : 0;
}

static int
allow_listed(const struct maqet_vm *vm, const struct maqet_strings *paths,
             unsigned access, struct maqet_confinement *confinement,
             struct maqet_error **err)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (faccessat(AT_FDCWD, paths->items[i], F_OK, AT_EACCESS) < 0)
            maqet_context_say(
                vm->context, MAQET_LEVEL_WARNING,
                "VM '%s': `sandbox` lets QEMU open %s, which does not exist: %s",
                vm->definition->name, paths->items[i], strerror(errno));
        if (maqet_confinement_allow(confinement, paths->items[i], access, err) < 0)
            return -1;
    }
    return 0;
}

/* For people, and for hints about what QEMU was denied. */
static int
write_rules(const struct maqet_confinement *confinement, int dir_fd,
            struct maqet_error **err)
{
    _cleanup_free_ char *path = run_path(dir_fd, MAQET_RUN_RULES);
    _cleanup_free_ char *text =
        maqet_format("# landlock %d: what QEMU may open\n%s", confinement->version,
                     confinement->rules.data ? confinement->rules.data : "");

    return maqet_file_replace(path, text, strlen(text), 0600, err);
}

/* Overlays are put into their folder while QEMU runs. It only reads the nodes below the topmost
 * one, until it is told to merge two of them. */
static int
allow_overlays(const struct maqet_vm *vm, struct maqet_confinement *confinement,
               struct maqet_error **err)
{
    enum maqet_access change = MAQET_ACCESS_READ | MAQET_ACCESS_WRITE;

    for (size_t i = 0; i < vm->drive_count; i++) {
        const struct maqet_overlays *overlays = vm->drives[i]->overlays;

        if (!overlays || vm->drives[i]->shown)
            continue;
        const char *lowest = maqet_overlay_lowest_file(vm->drives[i]);
        if (maqet_dir_make(overlays->folder, 0700, err) < 0 ||
            maqet_confinement_allow(confinement, overlays->folder, change, err) < 0 ||
            (lowest && maqet_confinement_allow(confinement, lowest, change, err) < 0))
            return -1;
    }
    return 0;
}

/* What any QEMU needs that has the drives. */
static int
allow_files(const struct maqet_vm *vm, const struct sandbox *sandbox,
            const struct maqet_strings *argv, struct maqet_confinement *confinement,
            struct maqet_error **err)
{
    _cleanup_free_ char *program = maqet_process_find(argv->items[0]);

    for (size_t i = 0; i < vm->drive_count; i++)
        for (size_t j = 0; j < vm->drives[i]->chain.count; j++) {
            const struct maqet_node *node = &vm->drives[i]->chain.nodes[j];

            if (maqet_node_is_known(node))
                maqet_confinement_know(confinement, node->file, &node->id);
        }
    return maqet_confinement_allow_system(confinement, program ? program : "", err) < 0 ||
                   maqet_confinement_allow_arguments(
                       confinement, (const char *const *)argv->items,
                       maqet_tree_place(vm->definition->tree).folder, err) < 0 ||
                   allow_overlays(vm, confinement, err) < 0 ||
                   allow_listed(vm, &sandbox->read,
                                MAQET_ACCESS_READ | MAQET_ACCESS_EXECUTE, confinement,
                                err) < 0 ||
                   allow_listed(vm, &sandbox->write, CHANGE, confinement, err) < 0
               ? -1
               : 0;
}

static int
make_rules(const struct maqet_vm *vm, const struct sandbox *sandbox,
           const struct maqet_strings *argv, int dir_fd,
           struct maqet_confinement *confinement, char **scratch,
           struct maqet_error **err)
{
    return allow_own(dir_fd, confinement, err) < 0 ||
                   allow_files(vm, sandbox, argv, confinement, err) < 0 ||
                   make_scratch(argv, dir_fd, confinement, scratch, err) < 0 ||
                   write_rules(confinement, dir_fd, err) < 0
               ? -1
               : 0;
}

int
maqet_sandbox_confine(const struct maqet_vm *vm, const struct maqet_strings *argv,
                      int dir_fd, struct maqet_confinement *confinement, char **scratch,
                      struct maqet_error **err)
{
    _cleanup_sandbox_ struct sandbox sandbox = read_sandbox(vm);
    int version = maqet_landlock_version();

    *scratch = NULL;
    *confinement = MAQET_CONFINEMENT_INIT;
    unlinkat(dir_fd, MAQET_RUN_RULES, 0);
    if (make_own_folder(run_as(vm), dir_fd, err) < 0)
        return -1;
    if (!sandbox.landlock || version < MAQET_CONFINEMENT_LANDLOCK)
        return 0;
    if (maqet_confinement_begin(confinement, version, err) == 0 &&
        make_rules(vm, &sandbox, argv, dir_fd, confinement, scratch, err) == 0)
        return 0;
    maqet_confinement_undo(confinement);
    return -1;
}

int
maqet_sandbox_confine_apart(const struct maqet_vm *vm, const struct maqet_strings *argv,
                            struct maqet_confinement *confinement,
                            struct maqet_error **err)
{
    _cleanup_sandbox_ struct sandbox sandbox = read_sandbox(vm);
    int version = maqet_landlock_version();

    *confinement = MAQET_CONFINEMENT_INIT;
    if (!sandbox.landlock || version < MAQET_CONFINEMENT_LANDLOCK)
        return 0;
    return maqet_confinement_begin(confinement, version, err) < 0
               ? -1
               : allow_files(vm, &sandbox, argv, confinement, err);
}

/* ---- what is reported ---- */

char *
maqet_sandbox_hint(int dir_fd)
{
    _cleanup_free_ char *rules = run_path(dir_fd, MAQET_RUN_RULES);

    if (faccessat(dir_fd, MAQET_RUN_RULES, F_OK, 0) < 0)
        return NULL;
    return maqet_format("QEMU can open only what its command line names (all of it is "
                        "listed in %s); if it needs another file, name that in the VM's "
                        "YAML file: `sandbox: {read: [PATH], write: [PATH]}`",
                        rules);
}

/* "Seccomp:\t2\n" in /proc/PID/status, as a number; -1: not known. */
static long
status_number(const char *status, const char *key)
{
    const char *line = status ? strstr(status, key) : NULL;

    return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

void
maqet_sandbox_describe(const struct maqet_context *context, const char *name, int pid,
                       struct maqet_confined *confined)
{
    enum { LIMIT = 1 << 20, SECCOMP_MODE_FILTER = 2 };
    _cleanup_free_ char *path = maqet_format("/proc/%d/status", pid);
    _cleanup_free_ char *status = NULL, *rules = NULL;
    _cleanup_free_ char *folder = maqet_run_folder(context, name);
    _cleanup_free_ char *file = maqet_format("%s/" MAQET_RUN_RULES, folder);
    int version = 0;

    maqet_file_read(path, LIMIT, &status, NULL, NULL);
    long uid = status_number(status, "\nUid:");
    const struct passwd *entry = uid < 0 ? NULL : getpwuid((uid_t)uid);
    if (maqet_file_read(file, LIMIT, &rules, NULL, NULL) == 0)
        sscanf(rules, "# landlock %d", &version);
    confined->has_landlock = version > 0;
    confined->landlock = version;
    confined->seccomp = status_number(status, "\nSeccomp:") == SECCOMP_MODE_FILTER;
    confined->user = entry ? maqet_strdup(entry->pw_name) : NULL;
}
