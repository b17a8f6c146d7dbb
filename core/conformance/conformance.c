/* SPDX-License-Identifier: MIT */
#include "core/conformance/conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>

#include "core/base/apart.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/conformance/checks.h"
#include "core/conformance/machine.h"
#include "core/conformance/made_up.h"
#include "core/conformance/scratch.h"
#include "core/conformance/tracer.h"
#include "core/machine/store.h"
#include "core/plugin/loader.h"
#include "core/qemu/version.h"
#include "core/storage/close.h"

/* One run of the kit. */
struct run {
    const struct maqet_context *context;
    const struct maqet_conformance *request;
    struct maqet_conformance_rows *rows;
    struct bench bench;        /* what all checks have in common */
    const struct check *check; /* the current one */
    size_t total;              /* how many checks are asked for */
    double begun; /* when it was called, by maqet_now_exact(); 0: it was not */
    struct maqet_deadline deadline; /* of all checks */
    struct scratch scratch;         /* which contains the folders of the checks */
    struct maqet_strings known;     /* children that are not the plugin's */
    int signals;                    /* maqet_signals_hold() */
    sigset_t before;
    char *ended;   /* why no other check is called; NULL: they are */
    char *printed; /* the first check that passed and printed something, and what */
};

/* ---- in the child ---- */

static void
note_callback(void *data, const char *callback)
{
    struct bench_trail *trail = ((struct bench *)data)->trail;

    snprintf(trail->callback, sizeof(trail->callback), "%s", callback ? callback : "");
}

/* Prepares what the check needs, or notes why there is nothing to check. */
static int
open_bench(const struct check *check, struct bench *bench, struct maqet_error **err)
{
    if (!(check->needs & NEEDS_PLUGIN))
        return 0;
    if (bench_open(bench, err) < 0)
        return -1;
    bench->skipped = bench_lack(bench, check->needs);
    if (bench->skipped || (check->needs & NEEDS_DRIVE) != NEEDS_DRIVE)
        return 0;
    bench->drive =
        bench_drive(bench, "disk", check->needs & NEEDS_SIZE ? BENCH_SIZE : 0, err);
    return bench->drive ? 0 : -1;
}

static json_object *
run_apart(void *data, struct maqet_error **err)
{
    const struct run *run = data;
    struct bench bench = run->bench;
    _cleanup_strings_ struct maqet_strings none = MAQET_STRINGS_INIT;

    scratch_leave(&run->scratch);
    close(run->signals);
    sigprocmask(SIG_SETMASK, &run->before, NULL);
    tracer_adopt();
    bench.context.calling = note_callback;
    bench.context.data = &bench;
    int result = chdir(bench.folder) < 0
                     ? maqet_error_errno(err, errno, "Cannot enter %s", bench.folder)
                     : open_bench(run->check, &bench, err);
    if (result == 0 && !bench.skipped)
        result = run->check->run(&bench, err);
    maqet_drives_close();
    tracer_end_children(&none);
    json_object *skipped = bench.skipped ? json_object_new_string(bench.skipped) : NULL;
    free(bench.skipped);
    free(bench.misuse);
    maqet_drive_free(bench.drive);
    bench.trail->ended = true;
    return result < 0 ? NULL : maqet_json_object("skipped", skipped, NULL);
}

/* ---- in the parent ---- */

/* A check without a result. */
static struct maqet_conformance_row
row_of(const struct check *check)
{
    return (struct maqet_conformance_row){
        .check = check->name,
        .plugins = check->kinds == OF_BOTH      ? "all"
                   : check->kinds == OF_STORAGE ? "storage"
                                                : "interface",
        .text = check->text,
        .limit = check->seconds,
    };
}

static void
add_row(struct run *run, const char *result, const char *why, const char *hint)
{
    struct maqet_conformance_rows *rows = run->rows;
    struct maqet_conformance_row row = row_of(run->check);

    row.result = result;
    row.why = why ? maqet_strndup(why, (size_t)maqet_text_fitting(why)) : NULL;
    row.hint = hint && *hint ? maqet_strdup(hint) : NULL;
    row.called = run->begun > 0;
    row.wall = row.called ? maqet_now_exact() - run->begun : 0;
    *MAQET_APPEND(rows->items, rows->count) = row;
    rows->failed += strcmp(result, "FAILED") == 0;
    rows->not_run += strcmp(result, "not run") == 0;
    if (run->request->ended)
        run->request->ended(run->request->data, &row);
}

/* Notes whether a signal has asked us to end, or the time is over. */
static void
note_end(struct run *run)
{
    struct signalfd_siginfo info;

    if (run->ended)
        return;
    if (read(run->signals, &info, sizeof(info)) == sizeof(info)) {
        run->rows->signal = (int)info.ssi_signo;
        run->ended =
            maqet_format("it was interrupted (%s)", strsignal((int)info.ssi_signo));
    } else if (maqet_deadline_left(run->deadline) == 0) {
        run->ended = maqet_format("the time limit of %g s for all checks is over",
                                  (double)run->request->timeout / 1000);
    }
}

/* "Check create, 14 of 45, in space" */
static void
show_progress(void *data)
{
    const struct run *run = data;
    const struct maqet_context *context = run->context;
    const char *callback = run->bench.trail->callback;

    if (!context->progress)
        return;
    _cleanup_free_ char *what = maqet_format(
        "Check %s, %zu of %zu%s%.*s", run->check->name, run->rows->count + 1, run->total,
        *callback ? ", in " : "", (int)sizeof(run->bench.trail->callback) - 1, callback);
    context->progress(context->data, what, -1, (int64_t)(maqet_now_exact() - run->begun));
}

/* ms that the current check may take. */
static int64_t
time_limit(const struct run *run)
{
    int64_t own = (int64_t)run->check->seconds * 1000;
    int64_t left = maqet_deadline_left(run->deadline);

    return left >= 0 && left < own ? left : own;
}

/* Adds what the child was doing, if it ended before the check did. */
static void
explain_crash(const struct run *run, struct maqet_error **error)
{
    const struct bench_trail *trail = run->bench.trail;

    if (trail->ended)
        return;
    if (*trail->callback || *trail->doing)
        maqet_error_wrap(error, "In %s%s%s", trail->callback,
                         *trail->callback && *trail->doing ? " with " : "", trail->doing);
    maqet_error_next(error, MAQET_NEXT_DEBUG_CHECK, run->check->name, run->bench.file,
                     NULL);
}

/* Calls the check in a separate folder. Returns what run_apart() returns. */
static json_object *
call_apart(struct run *run, char **printed, struct maqet_error **err)
{
    struct bench *bench = &run->bench;
    _cleanup_free_ char *folder =
        maqet_format("%s/%s", run->scratch.folder, run->check->name);
    _cleanup_free_ char *runtime = maqet_format("%s/run", folder);
    _cleanup_free_ char *own = maqet_format("%s/%s", runtime, bench->machine.vm_name);
    /* The drives have the folders that the VM's own drives have (machine.h). */
    _cleanup_free_ char *home =
        maqet_format("%s/vms/%s", bench->context.data_dir, bench->machine.vm_name);
    _cleanup_free_ char *drives = maqet_format("%s/" MAQET_STORE_DRIVES, home);

    bench->folder = bench->machine.storage_dir = folder;
    bench->context.runtime_dir = runtime;
    bench->machine.run_dir = own;
    bench->machine.drives_dir = drives;
    *bench->trail = (struct bench_trail){0};
    maqet_dir_make(folder, 0700, NULL);
    maqet_dir_make(home, 0700, NULL);
    const struct maqet_apart_watch watch = {run->signals, show_progress, run};
    json_object *found =
        maqet_apart_watched(run_apart, run, time_limit(run), &watch, printed, err);
    tracer_end_children(&run->known);
    scratch_remove(folder);
    scratch_remove(home);
    return found;
}

static void
run_check(struct run *run)
{
    const char *name = run->check->name;
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *printed = NULL;
    _cleanup_json_ json_object *found = call_apart(run, &printed, &error);

    note_end(run);
    if (!found && run->ended && !run->bench.trail->ended) {
        add_row(run, "not run", run->ended, NULL);
        return;
    }
    if (!found) {
        explain_crash(run, &error);
        _cleanup_free_ char *hints = maqet_context_steps(run->context, error, "; ");
        add_row(run, "FAILED", error->message, hints);
        return;
    }
    if (printed && *printed && !run->printed)
        run->printed = maqet_format("it printed in the check '%s': %s", name, printed);
    const char *skipped = maqet_json_text(found, "skipped");
    if (strcmp(name, "output") == 0 && run->printed)
        add_row(run, "FAILED", run->printed,
                "A plugin never prints: set an error, or call maqet_warn()");
    else
        add_row(run, skipped ? "skipped" : "ok", skipped, NULL);
}

static bool
has_failed(const struct run *run, const char *check)
{
    for (size_t i = 0; i < run->rows->count; i++)
        if (strcmp(run->rows->items[i].check, check) == 0)
            return strcmp(run->rows->items[i].result, "FAILED") == 0;
    return false;
}

/* Why the check cannot be run; NULL: it can. */
static const char *
why_skipped(const struct run *run)
{
    unsigned needs = run->check->needs;

    if (!(run->check->kinds & bench_kind(&run->bench)))
        return run->bench.is_iface ? "it is for storages" : "it is for interfaces";
    if (needs & NEEDS_PLUGIN && has_failed(run, "loads"))
        return "maqet does not load it";
    if ((needs & NEEDS_DRIVES) == NEEDS_DRIVES && has_failed(run, "drive"))
        return "there is no drive to try it with";
    return NULL;
}

/* A check that is not for such a plugin gets a row only if it was named. */
static bool
is_asked_for(const struct run *run, const struct check *check)
{
    const struct maqet_strings *only = run->request->only;

    return only && only->count > 0 ? maqet_strings_has(only, check->name)
                                   : check->kinds & bench_kind(&run->bench);
}

static void
run_checks(struct run *run)
{
    for (unsigned i = 0; check_at(i); i++)
        run->total += is_asked_for(run, check_at(i));
    for (unsigned i = 0; (run->check = check_at(i)); i++) {
        const char *why = why_skipped(run);

        if (!is_asked_for(run, run->check))
            continue;
        note_end(run);
        run->begun = run->ended || why ? 0 : maqet_now_exact();
        if (run->ended)
            add_row(run, "not run", run->ended, NULL);
        else if (why)
            add_row(run, "skipped", why, NULL);
        else
            run_check(run);
    }
}

/* ---- the request ---- */

/* Reads "KEY=VALUE". Relative paths start at the author's working directory. */
static int
read_settings(struct bench *bench, const struct maqet_strings *settings,
              struct maqet_error **err)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    struct maqet_place place = {.folder = folder ? folder : "/"};

    bench->settings = maqet_tree_mapping(place);
    for (size_t i = 0; settings && i < settings->count; i++) {
        const char *equals = strchr(settings->items[i], '=');

        if (!equals || equals == settings->items[i])
            return maqet_error_set(err, MAQET_ERROR_INVALID,
                                   "The setting '%s' is not KEY=VALUE, such as size=8M",
                                   settings->items[i]);
        _cleanup_free_ char *key =
            maqet_strndup(settings->items[i], (size_t)(equals - settings->items[i]));
        bench_set(bench->settings, key, equals + 1);
    }
    return 0;
}

/* ---- the run ---- */

static int
find_plugin(struct bench *bench, const char *file, struct maqet_error **err)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);

    bench->file = maqet_path_absolute(file, folder ? folder : "/");
    if (access(bench->file, R_OK) < 0)
        return maqet_error_errno(err, errno, "Cannot read the plugin %s", bench->file);
    bench->name = maqet_plugin_valid_name_of(bench->file, &bench->is_iface, err);
    return bench->name ? 0 : -1;
}

static void
set_machine(struct bench *bench, const char *qemu)
{
    bench->machine.arch = maqet_vm_arch_of(qemu);
    bench->machine.vm_name = maqet_strdup("check");
    bench->machine.type = maqet_strdup(machine_type(bench, 0));
    bench->qemu =
        qemu ? maqet_strdup(qemu) : maqet_format("qemu-system-%s", bench->machine.arch);
    bench->machine.program = bench->qemu;
    /* Now, or a callback that wants to know would run a program. */
    bench->version = (struct maqet_qemu_version){
        .asked = true, .number = maqet_qemu_exact_version(bench->qemu)};
    bench->machine.version = &bench->version;
}

static void
set_context(struct run *run)
{
    struct maqet_context *context = &run->bench.context;
    const struct maqet_strings *folders = &run->context->plugin_dirs;

    /* Drives of the plugin may use other plugins beside it. */
    maqet_strings_take(&context->plugin_dirs, maqet_path_folder(run->bench.file));
    for (size_t i = 0; i < folders->count; i++)
        maqet_strings_add(&context->plugin_dirs, folders->items[i]);
    context->data_dir = maqet_format("%s/data", run->scratch.folder);
    context->lock_timeout = context->answer_timeout = BENCH_STEP_TIMEOUT;
}

static int
begin_run(struct run *run, const struct maqet_conformance *request,
          struct maqet_error **err)
{
    struct bench *bench = &run->bench;

    if (find_plugin(bench, request->file, err) < 0 ||
        read_settings(bench, request->settings, err) < 0)
        return -1;
    /* From here on, a signal that asks us to end leaves nothing behind. */
    run->signals = maqet_signals_hold(&run->before);
    if (run->signals < 0)
        return maqet_error_errno(err, errno, "Cannot wait for signals");
    if (scratch_make(&run->scratch, bench->file, err) < 0)
        return -1;
    set_machine(bench, request->qemu);
    set_context(run);
    bench->trail = mmap(NULL, sizeof(*bench->trail), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bench->trail == MAP_FAILED)
        return maqet_error_errno(err, errno, "Cannot share memory with a child");
    tracer_adopt();
    tracer_list_children(&run->known);
    run->deadline = maqet_deadline_in(request->timeout > 0 ? request->timeout : -1);
    return 0;
}

static void
end_run(struct run *run)
{
    struct bench *bench = &run->bench;

    scratch_end(&run->scratch);
    if (run->signals >= 0) {
        close(run->signals);
        sigprocmask(SIG_SETMASK, &run->before, NULL);
    }
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
    free(bench->file);
    free(bench->qemu);
    free(run->ended);
    free(run->printed);
}

int
maqet_conformance_run(const struct maqet_context *context,
                      const struct maqet_conformance *request,
                      struct maqet_conformance_rows *rows, struct maqet_error **err)
{
    _cleanup_(end_run) struct run run = {.context = context,
                                         .request = request,
                                         .rows = rows,
                                         .scratch = SCRATCH_INIT,
                                         .signals = -1};

    if (begin_run(&run, request, err) < 0)
        return -1;
    run_checks(&run);
    return 0;
}

void
maqet_conformance_rows_clear(struct maqet_conformance_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->items[i].why);
        free(rows->items[i].hint);
    }
    free(rows->items);
    *rows = (struct maqet_conformance_rows){0};
}

const char *
maqet_conformance_name(unsigned index)
{
    const struct check *check = check_at(index);

    return check ? check->name : NULL;
}

bool
maqet_conformance_describe(unsigned index, struct maqet_conformance_row *row)
{
    const struct check *check = check_at(index);

    if (check)
        *row = row_of(check);
    return check;
}
