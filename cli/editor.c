/* SPDX-License-Identifier: MIT */
#include "cli/editor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/process.h"

/* The exit code of a child that could not run the program. */
enum { NOT_RUN = 127 };

/* The words of the user's editor. */
static void
read_words(struct maqet_strings *words)
{
    static const char *const variables[] = {"VISUAL", "EDITOR"};
    static const char blank[] = " \t\n";

    for (size_t i = 0; i < 2 && words->count == 0; i++) {
        const char *at = getenv(variables[i]);

        for (; at && *(at += strspn(at, blank)); at += strcspn(at, blank))
            maqet_strings_take(words, maqet_strndup(at, strcspn(at, blank)));
    }
    if (words->count > 0)
        return;
    _cleanup_free_ char *program = maqet_process_find("editor");
    maqet_strings_add(words, program ? program : "vi");
}

/* What a child becomes. */
struct editor {
    struct maqet_strings words;
    mode_t mask;
};

static int
edit(void *data, int fd)
{
    const struct editor *editor = data;

    (void)fd;
    umask(editor->mask);
    maqet_child_reset_signals();
    maqet_child_close_others(NULL, 0);
    execvp(editor->words.items[0], editor->words.items);
    return NOT_RUN;
}

static int
run_editor(struct editor *editor, struct maqet_error **err)
{
    const char *program = editor->words.items[0];
    struct sigaction ignored = {.sa_handler = SIG_IGN}, interrupt, quit;

    /* The terminal sends them to both; they are the editor's, as of system(3). */
    sigaction(SIGINT, &ignored, &interrupt);
    sigaction(SIGQUIT, &ignored, &quit);
    pid_t pid = maqet_child_fork(0, edit, editor);
    int status = pid < 0 ? -1 : maqet_child_wait(pid);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &quit, NULL);
    if (pid < 0)
        return maqet_error_errno(err, errno, "Cannot run the editor %s", program);
    if (status == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUN) {
        maqet_error_set(err, MAQET_ERROR_MISSING, "Cannot run the editor %s", program);
        maqet_error_hint(err, "Name another one: EDITOR=nano");
        return -1;
    }
    return maqet_error_set(err, MAQET_ERROR_FAILED,
                           "The editor %s failed (wait status 0x%x)", program,
                           (unsigned)status);
}

int
editor_run(const char *path, mode_t mask, struct maqet_error **err)
{
    struct editor editor = {.words = MAQET_STRINGS_INIT, .mask = mask};

    read_words(&editor.words);
    maqet_strings_add(&editor.words, path);
    int result = run_editor(&editor, err);
    maqet_strings_clear(&editor.words);
    return result;
}
