/* SPDX-License-Identifier: MIT */
#include "cli/context.h"

#include <errno.h>
#include <string.h>

#include "cli/hints.h"
#include "cli/terminal.h"
#include "core/base/files.h"
#include "core/config/settings.h"
#include "core/fork/discard.h"
#include "core/kinds.h"
#include "core/snapshot/overlay_live.h"

#define SETTINGS_FILE "maqet/maqet.conf"

/* ---- the base directories (XDG Base Directory Specification) ---- */

static bool
is_root(void)
{
    return geteuid() == 0;
}

/* An absolute path from the environment. Relative ones are ignored, as specified. */
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

/* cron and su do not set XDG_RUNTIME_DIR, but must find the machines that a login session
 * has started. Without systemd, it is a folder in /tmp, which the core makes private; it
 * refuses one that belongs to another user. */
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

/* ---- settings ---- */

char *
context_path(const char *path)
{
    _cleanup_free_ char *folder = getcwd(NULL, 0);

    return maqet_path_absolute(path, folder ? folder : "/");
}

static char *
first_path(const char *option, const char *variable)
{
    const char *path = option && *option ? option : getenv(variable);

    return path && *path ? context_path(path) : NULL;
}

/* The command line and the environment take precedence over the files. */
static int
settings_fill(struct maqet_context *context, char **verbosity,
              const struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_free_ char *file = user_dir("XDG_CONFIG_HOME", ".config", SETTINGS_FILE);
    _cleanup_free_ char *folder = getcwd(NULL, 0);
    const char *plugins = secure_getenv("MAQET_PLUGIN_PATH");

    context->data_dir =
        first_path(invocation_text(invocation, "data-dir"), "MAQET_DATA_DIR");
    context->runtime_dir =
        first_path(invocation_text(invocation, "runtime-dir"), "MAQET_RUNTIME_DIR");
    context->storage_dir = first_path(NULL, "MAQET_STORAGE_DIR");
    maqet_path_split(plugins ? plugins : "", folder ? folder : "/",
                     &context->plugin_dirs);
    if (invocation_has(invocation, "verbose"))
        *verbosity = maqet_strdup("verbose");
    else if (invocation_has(invocation, "quiet"))
        *verbosity = maqet_strdup("quiet");
    if (maqet_settings_read(file, context, verbosity, err) < 0)
        return -1;
    return maqet_settings_read(MAQET_SYSCONFDIR "/" SETTINGS_FILE, context, verbosity,
                               err);
}

static int
loudness_of(const char *verbosity)
{
    if (verbosity && strcmp(verbosity, "quiet") == 0)
        return QUIET;
    return verbosity && strcmp(verbosity, "verbose") == 0 ? MAQET_LEVEL_DEBUG
                                                          : MAQET_LEVEL_INFO;
}

/* ---- plugins ---- */

/* Plugins run with our rights, so root uses only folders that belong to root. */
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
complete_plugin_dirs(struct maqet_context *context)
{
    _cleanup_strings_ struct maqet_strings dirs = context->plugin_dirs;

    context->plugin_dirs = MAQET_STRINGS_INIT;
    for (size_t i = 0; i < dirs.count; i++)
        if (may_load_from(context, dirs.items[i]))
            maqet_strings_add(&context->plugin_dirs, dirs.items[i]);
    maqet_strings_add(&context->plugin_dirs, MAQET_PLUGIN_DIR);
}

/* ---- the whole ---- */

static void
say_message(void *data, enum maqet_level level, const char *message)
{
    const struct invocation *invocation = data;

    output_message(&invocation->output, level, message);
}

static void
say_ending(void *data, const struct maqet_error *error)
{
    const struct invocation *invocation = data;

    output_error(&invocation->output, error);
}

/* ms that something takes before its progress is shown. */
static const int64_t PROGRESS_AFTER = 1000;

char *
context_progress_text(const struct invocation *invocation, const char *what,
                      double percent, int64_t elapsed)
{
    double seconds = (double)elapsed / 1000;

    /* Not with JSON, where messages are JSON, too. */
    if (!what || elapsed < PROGRESS_AFTER || invocation->output.loudness == QUIET ||
        invocation->output.format == FORMAT_JSON)
        return NULL;
    return percent > 0 ? maqet_format("%s: %.0f %%, %.0f s left", what, percent,
                                      seconds * (100 - percent) / percent)
                       : maqet_format("%s (%.0f s)", what, seconds);
}

static void
show_progress(void *data, const char *what, double percent, int64_t elapsed)
{
    _cleanup_free_ char *text = context_progress_text(data, what, percent, elapsed);

    if (!what)
        terminal_progress_clear();
    else if (text)
        terminal_progress(text);
}

int
context_fill(struct invocation *invocation, struct maqet_error **err)
{
    struct maqet_context *context = &invocation->context;
    _cleanup_free_ char *verbosity = NULL;

    if (settings_fill(context, &verbosity, invocation, err) < 0)
        return -1;
    invocation->output.loudness = loudness_of(verbosity);
    context->message = say_message;
    context->progress = show_progress;
    context->ending = say_ending;
    context->data = invocation;
    context->words = hint_text;
    context->recover = maqet_fork_recover;
    context->settle = maqet_overlay_live_settle_each;
    context->job_kinds = maqet_kinds;
    context->lock_timeout = invocation_milliseconds(invocation, "lock-timeout");
    /* 0 would mean the default. */
    if (invocation_knows(invocation, "wait")) {
        int64_t wait = invocation_milliseconds(invocation, "wait");
        context->answer_timeout = wait > 0 ? wait : 1;
    }
    if (!context->data_dir)
        context->data_dir = default_data_dir();
    if (!context->runtime_dir)
        context->runtime_dir = default_runtime_dir();
    complete_plugin_dirs(context);
    return 0;
}
