/* SPDX-License-Identifier: MIT */
#include "core/conformance/conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/apart.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/strays.h"
#include "core/plugin/loader.h"

/* One run of the kit. */
struct run {
    const struct maqet_context *context;
    struct bench bench; /* what all checks have in common */
    char *scratch;      /* our folder; each check gets one in it */
    char *file;
    char *qemu;
    struct maqet_child janitor;
    struct maqet_strings known; /* children that are none of the plugin's */
    char *printed;              /* what was printed first by a check that did not crash */
    const char *printed_in;
    bool loads, has_drive;
    unsigned failed;
};

/* ---- the folder, which goes with us ---- */

/* What still runs for a moment may make a file while the folder is removed. */
static void
remove_scratch(const char *scratch)
{
    for (int i = 0; i < 50 && maqet_dir_remove(scratch, NULL) < 0; i++)
        maqet_sleep(100);
}

/* What the child does that waits for our end: it removes the folder when we could not. */
static int
clean_up(void *data, int fd)
{
    maqet_child_hear(fd);
    remove_scratch(data);
    return 0;
}

/* Bytes of a path to it, so that a socket in a folder of a check in it has a name that
 * the kernel takes (unix(7): 107 bytes). */
enum { SCRATCH_LIMIT = 78 };

static int
make_scratch(struct run *run, struct maqet_error **err)
{
    const char *set = getenv("TMPDIR"), *named = set && *set ? set : "/tmp";
    _cleanup_free_ char *base = realpath(named, NULL);

    if (!base)
        return maqet_error_errno(err, errno, "Cannot find the folder %s", named);
    _cleanup_free_ char *pattern = maqet_format("%s/maqet-check-XXXXXX", base);

    if (strlen(pattern) > SCRATCH_LIMIT) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "The folder for temporary files has too long a name for sockets "
                        "in it: %s",
                        base);
        maqet_error_next(err, MAQET_NEXT_SHORTEN_TMPDIR, run->file, NULL);
        return -1;
    }
    if (!mkdtemp(pattern))
        return maqet_error_errno(err, errno, "Cannot create a folder %s", pattern);
    run->scratch = TAKE_PTR(pattern);
    return maqet_child_detach(&run->janitor, NULL, 0, clean_up, run->scratch) < 0
               ? maqet_error_errno(err, errno, "Cannot start a child process")
               : 0;
}

/* ---- in the child ---- */

struct call {
    struct run *run;
    const struct check *check;
};

static json_object *
run_apart(void *data, struct maqet_error **err)
{
    struct call *call = data;
    struct bench bench = call->run->bench;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;
    json_object *found = json_object_new_object();

    close(call->run->janitor.fd);
    strays_adopt();
    if (chdir(bench.folder) < 0) {
        maqet_error_errno(err, errno, "Cannot enter %s", bench.folder);
        return found;
    }
    /* What comes of it is in the error. */
    if ((call->check->without_load || bench_open(&bench, err) == 0) &&
        call->check->run(&bench, err) < 0 && !*err)
        bench_fail(err, "Set an error for every failure", "%s fails without saying why",
                   bench.trail->doing);
    strays_end(&none);
    if (bench.skipped)
        json_object_object_add(found, "skipped", json_object_new_string(bench.skipped));
    return found;
}

/* ---- in the parent ---- */

/* What a plugin or QEMU said, as one line that does no harm to a terminal, and ends
 * sometime. The caller frees. */
static char *
one_line(const char *text)
{
    size_t length = strlen(text), most = 600;

    while (length > most || (length == most && (text[length] & 0xc0) == 0x80))
        length = length > most ? most : length - 1;
    char *copy = maqet_format("%.*s%s", (int)length, text, text[length] ? "..." : "");
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '\x7f')
            *c = '?';
    return copy;
}

static json_object *
row_of(const struct check *check, const char *result, const char *why, const char *hint)
{
    json_object *row = json_object_new_object();
    _cleanup_free_ char *words = why ? one_line(why) : NULL;

    json_object_object_add(row, "check", json_object_new_string(check->name));
    json_object_object_add(row, "result", json_object_new_string(result));
    json_object_object_add(row, "why", words ? json_object_new_string(words) : NULL);
    json_object_object_add(row, "hint", hint ? json_object_new_string(hint) : NULL);
    return row;
}

/* Says where it was when it ended in a way that the check had no part in. */
static void
place_crash(const struct run *run, const struct check *check, struct maqet_error **error)
{
    const char *doing = run->bench.trail->doing;
    const char *message = (*error)->message;

    if (!maqet_text_starts(message, "it crashed") &&
        !maqet_text_starts(message, "it ended the program") &&
        !maqet_text_starts(message, "it timed out"))
        return;
    if (*doing)
        maqet_error_wrap(error, "In %s", doing);
    maqet_error_next(error, MAQET_NEXT_DEBUG_CHECK, check->name, run->file, NULL);
}

static void
keep_printed(struct run *run, const struct check *check, char **printed)
{
    if (*printed && **printed && !run->printed) {
        run->printed = TAKE_PTR(*printed);
        run->printed_in = check->name;
    }
}

static json_object *
failed_row(struct run *run, const struct check *check, const struct maqet_error *error)
{
    _cleanup_free_ char *hints = maqet_context_steps(run->context, error, "; ");

    run->failed++;
    return row_of(check, "FAILED", error->message, *hints ? hints : NULL);
}

static json_object *
printed_row(struct run *run, const struct check *check)
{
    _cleanup_free_ char *words = one_line(run->printed);
    _cleanup_free_ char *why =
        maqet_format("it printed in the check '%s': %s", run->printed_in, words);

    run->failed++;
    return row_of(check, "FAILED", why,
                  "A plugin never prints: set an error, or call maqet_warn()");
}

/* Runs one check in a folder of its own. */
static json_object *
run_check(struct run *run, const struct check *check)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *printed = NULL;
    struct call call = {.run = run, .check = check};

    run->bench.folder = maqet_format("%s/%s", run->scratch, check->name);
    run->bench.context.runtime_dir = maqet_format("%s/run", run->bench.folder);
    run->bench.machine.storage_dir = run->bench.folder;
    run->bench.machine.run_dir =
        maqet_format("%s/%s", run->bench.context.runtime_dir, run->bench.machine.vm_name);
    *run->bench.trail = (struct bench_trail){0};
    maqet_dir_make(run->bench.folder, 0700, NULL);
    _cleanup_json_ json_object *found =
        maqet_apart(run_apart, &call, (int64_t)check->seconds * 1000, &printed, &error);
    strays_end(&run->known);
    remove_scratch(run->bench.folder);
    free(run->bench.machine.run_dir);
    free(run->bench.context.runtime_dir);
    free(run->bench.folder);
    if (!found) {
        place_crash(run, check, &error);
        return failed_row(run, check, error);
    }
    keep_printed(run, check, &printed);
    const char *skipped = maqet_json_text(found, "skipped");
    if (check->run == check_output && run->printed)
        return printed_row(run, check);
    return skipped ? row_of(check, "skipped", skipped, NULL)
                   : row_of(check, "ok", NULL, NULL);
}

static bool
is_of_kind(const struct run *run, const struct check *check)
{
    return check->kinds & (run->bench.is_iface ? CHECK_IFACE : CHECK_STORAGE);
}

/* One that is asked for by its name is told of, even where it is not for such a plugin.
 */
static bool
is_wanted(const struct run *run, const struct check *check,
          const struct maqet_conformance *request)
{
    return request->only && request->only->count > 0
               ? maqet_strings_has(request->only, check->name)
               : is_of_kind(run, check);
}

/* What can't be checked after a failure says so. */
static json_object *
run_or_skip(struct run *run, const struct check *check)
{
    if (!is_of_kind(run, check))
        return row_of(check, "skipped",
                      run->bench.is_iface ? "it is for storages" : "it is for interfaces",
                      NULL);
    if (!run->loads && !check->without_load)
        return row_of(check, "skipped", "maqet does not load it", NULL);
    if (!run->has_drive && !check->without_load && !check->without_drive)
        return row_of(check, "skipped", "there is no drive to try it with", NULL);
    json_object *row = run_check(run, check);
    bool failed = strcmp(maqet_json_text(row, "result"), "FAILED") == 0;

    if (failed && check->run == check_loads)
        run->loads = false;
    if (failed && check->run == check_drive)
        run->has_drive = false;
    return row;
}

static json_object *
run_checks(struct run *run, const struct maqet_conformance *request)
{
    json_object *rows = json_object_new_array();
    const struct maqet_context *context = run->context;
    int64_t begun = maqet_now();

    for (const struct check *check = maqet_checks; check->name; check++) {
        if (!is_wanted(run, check, request))
            continue;
        if (context->progress) {
            _cleanup_free_ char *what = maqet_format("Check %s", check->name);
            context->progress(context->data, what, -1, maqet_now() - begun);
        }
        json_object_array_add(rows, run_or_skip(run, check));
    }
    return rows;
}

/* ---- what is asked for ---- */

/* "KEY=VALUE" with a relative path means one in the author's folder. */
static int
read_settings(struct run *run, const struct maqet_strings *settings,
              struct maqet_error **err)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    struct maqet_place place = {.folder = folder ? folder : "/"};

    run->bench.settings = maqet_tree_mapping(place);
    for (size_t i = 0; settings && i < settings->count; i++) {
        const char *equals = strchr(settings->items[i], '=');

        if (!equals || equals == settings->items[i])
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "The setting '%s' is not KEY=VALUE, such as size=8M",
                                   settings->items[i]);
        _cleanup_free_ char *key =
            maqet_strndup(settings->items[i], (size_t)(equals - settings->items[i]));
        bench_set(run->bench.settings, key, equals + 1);
    }
    return 0;
}

static int
check_only(const struct maqet_strings *only, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    for (const struct check *check = maqet_checks; check->name; check++)
        maqet_strings_add(&names, check->name);
    for (size_t i = 0; only && i < only->count; i++) {
        if (maqet_strings_has(&names, only->items[i]))
            continue;
        _cleanup_free_ char *list = maqet_strings_join(&names, ", ");
        maqet_error_set(err, MAQET_ERROR_MISSING, "There is no check '%s'",
                        only->items[i]);
        maqet_error_hint(err, "There are: %s", list);
        return -1;
    }
    return 0;
}

static int
begin(struct run *run, const struct maqet_conformance *request, struct maqet_error **err)
{
    struct bench *bench = &run->bench;
    _cleanup_free_ char *folder = getcwd(NULL, 0);

    run->file = maqet_path_absolute(request->file, folder ? folder : "/");
    bench->name = maqet_plugin_name_of(run->file, &bench->is_iface);
    if (access(run->file, R_OK) < 0)
        return maqet_error_errno(err, errno, "Cannot read the plugin %s", run->file);
    if (!bench->name || !maqet_plugin_name_valid(bench->name)) {
        maqet_error_set(err, MAQET_ERROR_INVALID,
                        "%s is not named like a plugin: maqet-storage-NAME.so or "
                        "maqet-iface-NAME.so, NAME of [a-z0-9][a-z0-9-]*",
                        run->file);
        return -1;
    }
    if (check_only(request->only, err) < 0 ||
        read_settings(run, request->settings, err) < 0 || make_scratch(run, err) < 0)
        return -1;
    bench->machine.arch = maqet_vm_arch_of(request->qemu);
    run->qemu = request->qemu ? maqet_strdup(request->qemu)
                              : maqet_format("qemu-system-%s", bench->machine.arch);
    bench->machine.vm_name = maqet_strdup("check");
    bench->machine.type = maqet_strdup(machine_type(bench, 0));
    bench->qemu = run->qemu;
    bench->file = run->file;
    /* What lies beside the plugin is there for its drives, too. */
    maqet_strings_take(&bench->context.plugin_dirs, maqet_path_folder(run->file));
    for (size_t i = 0; i < run->context->plugin_dirs.count; i++)
        maqet_strings_add(&bench->context.plugin_dirs,
                          run->context->plugin_dirs.items[i]);
    bench->context.data_dir = maqet_format("%s/data", run->scratch);
    bench->context.lock_timeout = BENCH_STEP_TIMEOUT;
    bench->trail = mmap(NULL, sizeof(*bench->trail), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bench->trail == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot share memory with a child");
    strays_adopt();
    strays_list(&run->known);
    return 0;
}

static void
end(struct run *run)
{
    struct bench *bench = &run->bench;

    if (run->scratch)
        remove_scratch(run->scratch);
    maqet_child_reap(&run->janitor);
    if (bench->trail && bench->trail != MAP_FAILED)
        munmap(bench->trail, sizeof(*bench->trail));
    json_object_put(bench->settings);
    maqet_strings_clear(&bench->context.plugin_dirs);
    maqet_strings_clear(&run->known);
    free(bench->context.data_dir);
    free(bench->machine.arch);
    free(bench->machine.vm_name);
    free(bench->machine.type);
    free(bench->name);
    free(run->scratch);
    free(run->file);
    free(run->qemu);
    free(run->printed);
}

json_object *
maqet_conformance_run(const struct maqet_context *context,
                      const struct maqet_conformance *request, unsigned *failed,
                      struct maqet_error **err)
{
    struct run run = {.context = context,
                      .janitor = MAQET_CHILD_INIT,
                      .loads = true,
                      .has_drive = true};
    json_object *rows = begin(&run, request, err) < 0 ? NULL : run_checks(&run, request);

    *failed = run.failed;
    end(&run);
    return rows;
}
