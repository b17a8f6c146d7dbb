/* SPDX-License-Identifier: MIT */
#include "cli/context.h"

#include <errno.h>
#include <string.h>

#include "cli/hints.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/config/settings.h"
#include "core/job/recover.h"
#include "core/kinds.h"

#define SETTINGS_FILE "maqet/maqet.conf"

/* The user's settings, and the system's below them. */
struct all_settings {
    struct maqet_settings user;
    struct maqet_settings system;
};

static void
settings_clear(struct all_settings *settings)
{
    maqet_settings_clear(&settings->user);
    maqet_settings_clear(&settings->system);
}

/* ---- the base directories (XDG Base Directory Specification) ---- */

static bool
is_root(void)
{
    return geteuid() == 0;
}

/* An absolute path from the environment; the specification has relative ones ignored. */
static const char *
base_dir(const char *variable)
{
    const char *path = getenv(variable);

    return path && path[0] == '/' ? path : NULL;
}

static char *
user_dir(const char *variable, const char *in_home, const char *name)
{
    const char *base = base_dir(variable);

    if (base)
        return maqet_format("%s/%s", base, name);
    _cleanup_free_ char *path = maqet_format("~/%s/%s", in_home, name);
    return maqet_path_absolute(path, "/");
}

static char *
default_data_dir(void)
{
    return is_root() ? maqet_strdup("/var/lib/maqet")
                     : user_dir("XDG_DATA_HOME", ".local/share", "maqet");
}

/*
 * cron and su set no XDG_RUNTIME_DIR, but must find the machines that a login session
 * started. Without systemd a folder in /tmp remains; the core makes it private, and
 * refuses one that belongs to somebody else.
 */
static char *
default_runtime_dir(void)
{
    const char *base = base_dir("XDG_RUNTIME_DIR");

    if (is_root())
        return maqet_strdup("/run/maqet");
    if (base)
        return maqet_format("%s/maqet", base);

    _cleanup_free_ char *session = maqet_format("/run/user/%u", (unsigned)geteuid());
    return access(session, W_OK) == 0
               ? maqet_format("%s/maqet", session)
               : maqet_format("/tmp/maqet-%u", (unsigned)geteuid());
}

static int
settings_read(struct all_settings *settings, struct maqet_error **err)
{
    _cleanup_free_ char *user = user_dir("XDG_CONFIG_HOME", ".config", SETTINGS_FILE);

    if (maqet_settings_read(user, &settings->user, err) < 0)
        return -1;
    return maqet_settings_read(MAQET_SYSCONFDIR "/" SETTINGS_FILE, &settings->system,
                               err);
}

/* ---- what is said by several ---- */

/* What was typed or exported starts at the working directory; NULL stays NULL. */
static char *
given_path(const char *path)
{
    _cleanup_free_ char *folder = NULL;

    if (!path || !*path)
        return NULL;
    folder = getcwd(NULL, 0);
    return maqet_path_absolute(path, folder ? folder : "/");
}

static char *
first_path(const char *option, const char *variable, const char *user, const char *system)
{
    char *path = given_path(option);

    if (!path)
        path = given_path(getenv(variable));
    if (!path)
        path = maqet_strdup(user ? user : system);
    return path;
}

static void
set_loudness(struct invocation *invocation, const struct all_settings *settings)
{
    const char *verbosity =
        settings->user.verbosity ? settings->user.verbosity : settings->system.verbosity;
    int loudness = MAQET_LEVEL_INFO;

    if (verbosity && strcmp(verbosity, "quiet") == 0)
        loudness = QUIET;
    if (verbosity && strcmp(verbosity, "verbose") == 0)
        loudness = MAQET_LEVEL_DEBUG;
    if (invocation_has(invocation, "quiet"))
        loudness = QUIET;
    if (invocation_has(invocation, "verbose"))
        loudness = MAQET_LEVEL_DEBUG;
    invocation->output.loudness = loudness;
}

/* ---- plugins ---- */

/* Plugins run with our rights, so root takes them from root's folders only. */
static bool
may_load_from(const struct maqet_context *context, const char *path)
{
    struct stat status;

    if (!is_root() || stat(path, &status) < 0 || status.st_uid == 0)
        return true;
    maqet_context_say(context, MAQET_LEVEL_WARNING,
                      "Plugins in %s are not used: the folder does not belong to root",
                      path);
    return false;
}

static void
set_plugin_dirs(struct maqet_context *context, const struct all_settings *settings)
{
    _cleanup_strings_ struct maqet_strings dirs = MAQET_STRINGS_INIT;
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    const char *path = secure_getenv("MAQET_PLUGIN_PATH");
    const struct maqet_strings *said[] = {&dirs, &settings->user.plugin_dirs,
                                          &settings->system.plugin_dirs};

    maqet_path_split(path ? path : "", folder ? folder : "/", &dirs);
    for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
        for (size_t j = 0; j < said[i]->count; j++)
            if (may_load_from(context, said[i]->items[j]))
                maqet_strings_add(&context->plugin_dirs, said[i]->items[j]);
    maqet_strings_add(&context->plugin_dirs, MAQET_PLUGIN_DIR);
}

/* ---- the whole ---- */

static void
say_message(void *data, enum maqet_level level, const char *message)
{
    const struct invocation *invocation = data;

    output_message(&invocation->output, level, message);
}

/* What takes less than a second, in ms, needs no such line. */
static const int64_t PROGRESS_AFTER = 1000;

/* "VM 'a', drive 'hdd': 42 %, 3 s left". Who reads JSON reads messages as JSON, too, and
 * gets no such line. */
static void
show_progress(void *data, const char *what, double percent, int64_t elapsed)
{
    const struct invocation *invocation = data;

    if (!what)
        terminal_progress_clear();
    if (!what || elapsed < PROGRESS_AFTER || invocation->output.loudness == QUIET ||
        invocation->output.format == FORMAT_JSON)
        return;
    double seconds = (double)elapsed / 1000;
    _cleanup_free_ char *text =
        percent > 0 ? maqet_format("%s: %.0f %%, %.0f s left", what, percent,
                                   seconds * (100 - percent) / percent)
                    : maqet_format("%s (%.0f s)", what, seconds);
    terminal_progress(text);
}

int
context_fill(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_context *context = &invocation->context;
    _cleanup_(settings_clear) struct all_settings settings = {0};

    if (settings_read(&settings, err) < 0)
        return -1;
    set_loudness(invocation, &settings);
    context->message = say_message;
    context->progress = show_progress;
    context->data = invocation;
    context->words = hint_text;
    context->recover = maqet_job_recover;
    context->job_kinds = maqet_kinds;
    context->lock_timeout = invocation_milliseconds(invocation, "lock-timeout");
    /* 0 would mean that nothing was said. */
    if (invocation_knows(invocation, "wait")) {
        int64_t wait = invocation_milliseconds(invocation, "wait");
        context->answer_timeout = wait > 0 ? wait : 1;
    }

    context->data_dir =
        first_path(invocation_text(invocation, "data-dir"), "MAQET_DATA_DIR",
                   settings.user.data_dir, settings.system.data_dir);
    context->runtime_dir =
        first_path(invocation_text(invocation, "runtime-dir"), "MAQET_RUNTIME_DIR",
                   settings.user.runtime_dir, settings.system.runtime_dir);
    context->storage_dir =
        first_path(NULL, "MAQET_STORAGE_DIR", settings.user.storage_dir,
                   settings.system.storage_dir);
    context->accel =
        maqet_strdup(settings.user.accel ? settings.user.accel : settings.system.accel);
    if (!context->data_dir)
        context->data_dir = default_data_dir();
    if (!context->runtime_dir)
        context->runtime_dir = default_runtime_dir();
    set_plugin_dirs(context, &settings);
    return 0;
}
