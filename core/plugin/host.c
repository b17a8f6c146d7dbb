/* SPDX-License-Identifier: MIT */
#include "core/plugin/host.h"

#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/files.h"
#include "core/base/secret.h"
#include "core/plugin/call.h"

void
maqet_command_free(struct maqet_command *command)
{
    for (size_t i = 0; i < command->files.count; i++)
        close(command->fds[i]);
    free(command->fds);
    maqet_strings_clear(&command->files);
    maqet_strings_clear(&command->argv);
    maqet_strings_clear(&command->secrets);
    free(command);
}

/* ---- a program that says nothing ---- */

/* ms between two signs that it still runs. */
static const int64_t SIGN_INTERVAL = 500;

struct waiting {
    const char *const *argv;
    int64_t begun, shown;
};

static void
still_runs(void *data)
{
    struct waiting *waiting = data;
    int64_t now = maqet_now();

    if (now - waiting->shown < SIGN_INTERVAL)
        return;
    waiting->shown = now;
    maqet_call_give_sign(waiting->argv, now - waiting->begun);
}

/* Who listens (NULL: nobody) shows that it runs. */
int
maqet_command_finish(struct maqet_command *command,
                     const struct maqet_process_listener *listener, int *exit_code,
                     char **output, struct maqet_error **err)
{
    const char *const *argv = (const char *const *)command->argv.items;
    int64_t now = maqet_now();
    struct waiting waiting = {.argv = argv, .begun = now, .shown = now};
    const struct maqet_process_listener own = {.alive = still_runs, .data = &waiting};
    const struct maqet_process_manner manner = {.timeout = maqet_call_left(),
                                                .listener = listener ? listener : &own,
                                                .exit_code = exit_code,
                                                .log = maqet_call_log()};
    int result = maqet_secrets_check(&command->secrets, err) < 0
                     ? -1
                     : maqet_process_run_as(argv, &manner, output, err);

    maqet_call_give_sign(NULL, 0);
    maqet_command_free(command);
    return result;
}
