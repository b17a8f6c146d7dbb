/* SPDX-License-Identifier: MIT */
#include "cli/machines.h"

#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "cli/context.h"
#include "cli/terminal.h"
#include "core/base/apart.h"
#include "core/base/child.h"
#include "core/base/files.h"
#include "core/base/interrupt.h"
#include "core/base/json.h"
#include "core/machine/opened.h"
#include "core/machine/store.h"
#include "core/storage/close.h"

/* A worker sends lines of JSON, each with one of these keys. The last line has a result or
 * an error. */
#define KEY_LEFT "left"         /* ms that it continues to wait */
#define KEY_PROGRESS "progress" /* a text to show; empty: it is over */
#define KEY_MESSAGE "message"   /* with KEY_LEVEL */
#define KEY_LEVEL "level"
#define KEY_RESULT "result"
#define KEY_ERROR "error"

/* The process that works on a machine. */
struct worker {
    struct invocation *invocation;
    machine_task *task;
    const char *name;
    struct maqet_child child; /* its socket is -1 once it has ended */
    int64_t left;             /* ms; -1: it is not waiting */
    char *progress;           /* what it shows; NULL: nothing */
    struct maqet_text line;   /* what has arrived of the next line */
};

/* ---- in the worker ---- */

static void
send_line(int fd, json_object *line)
{
    /* Not escaped for printing: the parent needs the exact bytes. */
    _cleanup_free_ char *bytes = maqet_format(
        "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));

    json_object_put(line);
    (void)maqet_fd_write(fd, bytes, strlen(bytes)); /* the parent may have gone */
}

static void
send_progress(void *data, const char *what, double percent, int64_t elapsed)
{
    const struct invocation *invocation = data;
    _cleanup_free_ char *text = context_progress_text(invocation, what, percent, elapsed);

    if (text || !what)
        send_line(invocation->report_fd,
                  maqet_json_object(KEY_PROGRESS,
                                    json_object_new_string(text ? text : ""), NULL));
}

static void
send_message(void *data, enum maqet_level level, const char *message)
{
    const struct invocation *invocation = data;

    send_line(invocation->report_fd,
              maqet_json_object(KEY_MESSAGE, json_object_new_string(message), KEY_LEVEL,
                                json_object_new_int(level), NULL));
}

static void
send_ending(void *data, const struct maqet_error *error)
{
    const struct invocation *invocation = data;

    send_line(invocation->report_fd,
              maqet_json_object(KEY_ERROR, maqet_error_to_json(error), NULL));
}

static int
do_work(void *data, int fd)
{
    const struct worker *worker = data;
    struct invocation *invocation = worker->invocation;
    _cleanup_error_ struct maqet_error *error = NULL;

    invocation->report_fd = fd;
    invocation->context.message = send_message;
    invocation->context.progress = send_progress;
    invocation->context.ending = send_ending;
    invocation->context.data = invocation;

    if (invocation->command->undoes)
        maqet_interrupt_catch();
    const struct maqet_fields *fields = invocation->command->view->table.fields;
    struct machine_result machine = {.name = maqet_strdup(worker->name)};
    int result = worker->task(invocation, &machine, &error);
    invocation_note_undone(invocation, error);
    maqet_drives_close();
    send_line(fd, result == 0
                      ? maqet_json_object(KEY_RESULT,
                                          maqet_fields_to_json(fields, &machine), NULL)
                      : maqet_json_object(KEY_ERROR, maqet_error_to_json(error), NULL));
    free(machine.name);
    return 0;
}

/* ---- in the parent ---- */

static void
show_progress(const struct worker *workers, size_t count)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;
    int64_t left = -1;

    for (size_t i = 0; i < count; i++) {
        if (workers[i].left < 0)
            continue;
        maqet_strings_add(&names, workers[i].name);
        if (workers[i].left > left)
            left = workers[i].left;
    }
    for (size_t i = 0; names.count == 0 && i < count; i++)
        if (workers[i].progress) {
            terminal_progress(workers[i].progress);
            return;
        }
    if (names.count == 0)
        return;

    _cleanup_free_ char *list = names.count <= 3 ? maqet_strings_join(&names, ", ")
                                                 : maqet_format("%zu VMs", names.count);
    _cleanup_free_ char *text = maqet_format("Waiting for %s to power off: %d s left",
                                             list, (int)((left + 999) / 1000));
    terminal_progress(text);
}

void
machines_waiting(void *data, const char *name, int64_t left)
{
    const struct invocation *invocation = data;

    if (invocation->report_fd >= 0)
        send_line(invocation->report_fd,
                  maqet_json_object(KEY_LEFT, json_object_new_int64(left), NULL));
    else if (invocation->output.loudness > QUIET)
        show_progress(&(struct worker){.name = name, .left = left}, 1);
}

/* Shows the result or the error in a worker's last line. */
static void
show_end(struct invocation *invocation, json_object *line)
{
    const struct view *view = invocation->command->view;
    _cleanup_error_ struct maqet_error *error = NULL;
    struct machine_result machine = {0};
    json_object *result = NULL;

    if (!json_object_object_get_ex(line, KEY_RESULT, &result))
        maqet_error_from_json(json_object_object_get(line, KEY_ERROR), &error);
    else if (maqet_fields_from_json(view->table.fields, result, &machine, &error) == 0)
        output_row(&invocation->output, view, &machine);
    if (error)
        invocation_show_error(invocation, error);
    free(machine.name);
}

/* Returns whether the line is the worker's last one. */
static bool
take_line(struct worker *worker, const char *text)
{
    _cleanup_json_ json_object *line = json_tokener_parse(text);
    json_object *value;

    if (json_object_object_get_ex(line, KEY_LEFT, &value)) {
        worker->left = json_object_get_int64(value);
        return false;
    }
    if (json_object_object_get_ex(line, KEY_PROGRESS, &value)) {
        const char *shown = json_object_get_string(value);

        free(worker->progress);
        worker->progress = *shown ? maqet_strdup(shown) : NULL;
        if (!worker->progress)
            terminal_progress_clear();
        return false;
    }
    if (json_object_object_get_ex(line, KEY_MESSAGE, &value)) {
        output_message(&worker->invocation->output, maqet_json_int(line, KEY_LEVEL),
                       json_object_get_string(value));
        return false;
    }
    show_end(worker->invocation, line);
    return true;
}

/* Returns whether one of the complete lines is the last one. */
static bool
take_lines(struct worker *worker)
{
    for (char *feed; (feed = strchr(worker->line.data, '\n'));) {
        struct maqet_text rest = MAQET_TEXT_INIT;

        *feed = '\0';
        maqet_text_append(&rest, feed + 1);
        bool last = take_line(worker, worker->line.data);
        maqet_text_clear(&worker->line);
        worker->line = rest;
        if (last)
            return true;
    }
    return false;
}

/* Reaps a worker. It is an error if it has not sent its last line (@done). */
static void
end_worker(struct worker *worker, bool done)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    int status = maqet_child_reap(&worker->child);
    worker->left = -1;
    free(TAKE_PTR(worker->progress));
    maqet_text_clear(&worker->line);
    if (done)
        return;
    maqet_error_set(&error, MAQET_ERROR_FAILED,
                    "The work on '%s' ended without a result (wait status 0x%x)",
                    worker->name, (unsigned)status);
    maqet_error_hint(&error, "Check its state: maqet status %s", worker->name);
    invocation_show_error(worker->invocation, error);
}

static void
read_worker(struct worker *worker)
{
    char buffer[4096];
    ssize_t count = read(worker->child.fd, buffer, sizeof(buffer));

    if (count < 0 && errno == EINTR)
        return;
    if (count <= 0) {
        end_worker(worker, false);
        return;
    }
    maqet_text_append_bytes(&worker->line, buffer, (size_t)count);
    if (take_lines(worker))
        end_worker(worker, true);
}

/* They undo what they have begun, each for itself. A terminal has told them already. */
static void
pass_interrupt(const struct worker *workers, size_t count)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_interrupt_check(&error) == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (workers[i].child.fd >= 0)
            kill(workers[i].child.pid, maqet_interrupt_number());
}

static void
wait_for_workers(struct invocation *invocation, struct worker *workers, size_t count)
{
    _cleanup_free_ struct pollfd *fds = maqet_alloc((count + 1) * sizeof(*fds));

    for (;;) {
        size_t alive = 0;

        for (size_t i = 0; i < count; i++) {
            fds[i] = (struct pollfd){.fd = workers[i].child.fd, .events = POLLIN};
            alive += workers[i].child.fd >= 0;
        }
        if (alive == 0)
            return;
        fds[count] = (struct pollfd){.fd = maqet_interrupt_fd(), .events = POLLIN};
        int ready = poll(fds, count + 1, -1);
        pass_interrupt(workers, count);
        if (ready < 0)
            continue;
        for (size_t i = 0; i < count; i++)
            if (fds[i].revents)
                read_worker(&workers[i]);
        if (invocation->output.loudness > QUIET)
            show_progress(workers, count);
    }
}

/* ---- the whole ---- */

void
machines_name(struct invocation *invocation)
{
    struct maqet_strings *operands = &invocation->operands;

    for (size_t i = 0; i < operands->count; i++) {
        enum operand_kind kind = operand_kind_at(invocation, i);
        char *name =
            kind == OPERAND_VM || kind == OPERAND_VM_OR_FILE
                ? maqet_store_resolve(&invocation->context, operands->items[i], NULL)
                : NULL;

        if (!name)
            continue;
        free(operands->items[i]);
        operands->items[i] = name;
    }
}

void
machines_resolve(struct invocation *invocation, struct maqet_strings *names)
{
    for (size_t i = 0; i < invocation->operands.count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        _cleanup_free_ char *name = maqet_store_resolve(
            &invocation->context, invocation->operands.items[i], &error);

        if (!name)
            invocation_show_error(invocation, error);
        else if (!maqet_strings_has(names, name))
            maqet_strings_take(names, TAKE_PTR(name));
    }
}

bool
machines_continue(const struct invocation *invocation, char *const *rest, size_t count)
{
    struct maqet_strings left = {.items = (char **)rest, .count = count};

    if (maqet_interrupt_number() == 0)
        return true;
    _cleanup_free_ char *list = maqet_strings_join(&left, ", ");
    maqet_context_say(&invocation->context, MAQET_LEVEL_WARNING, "Interrupted before: %s",
                      list);
    return false;
}

/* ---- patterns and --all ---- */

static bool
is_pattern(const char *operand)
{
    return strpbrk(operand, "*?[");
}

static bool
selects_all(const struct invocation *invocation)
{
    return invocation_knows(invocation, "all") && invocation_has(invocation, "all");
}

bool
machines_is_one(const struct invocation *invocation)
{
    const struct maqet_strings *operands = &invocation->operands;

    return !selects_all(invocation) && operands->count == 1 &&
           !is_pattern(operands->items[0]);
}

bool
machines_runs(const struct invocation *invocation, const char *name)
{
    _cleanup_opened_ struct maqet_opened *machine =
        maqet_open(&invocation->context, name, 0, NULL);

    /* One that cannot be inspected is the command's error. */
    return !machine || machine->run.pid > 0;
}

/* Adds those of @all that match. Returns how many names match, whether they run or not. */
static size_t
add_matching(const struct invocation *invocation, const struct maqet_strings *all,
             const char *pattern, struct maqet_strings *names)
{
    size_t matching = 0;

    for (size_t i = 0; i < all->count; i++) {
        const char *name = all->items[i];

        if (fnmatch(pattern, name, 0) != 0)
            continue;
        matching++;
        if (!maqet_strings_has(names, name) &&
            (!invocation->command->only_running || machines_runs(invocation, name)))
            maqet_strings_add(names, name);
    }
    return matching;
}

static void
add_operand(struct invocation *invocation, const struct maqet_strings *all,
            const char *operand, struct maqet_strings *names)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    if (is_pattern(operand)) {
        if (add_matching(invocation, all, operand, names) > 0)
            return;
        maqet_error_set(&error, MAQET_ERROR_MISSING,
                        "There is no VM whose name matches '%s'", operand);
        maqet_error_next(&error, MAQET_NEXT_LIST_VMS, NULL);
    } else {
        _cleanup_free_ char *name =
            maqet_store_resolve(&invocation->context, operand, &error);

        if (name && !maqet_strings_has(names, name))
            maqet_strings_add(names, name);
    }
    if (error)
        invocation_show_error(invocation, error);
}

void
machines_select(struct invocation *invocation, struct maqet_strings *names)
{
    const struct maqet_strings *operands = &invocation->operands;
    _cleanup_strings_ struct maqet_strings all = MAQET_STRINGS_INIT;
    _cleanup_error_ struct maqet_error *error = NULL;

    if (maqet_store_list(&invocation->context, &all, &error) < 0) {
        invocation_show_error(invocation, error);
        return;
    }
    if (selects_all(invocation))
        add_matching(invocation, &all, "*", names);
    for (size_t i = 0; i < operands->count; i++)
        add_operand(invocation, &all, operands->items[i], names);
    if (names->count == 0 && invocation->exit_code == 0)
        maqet_context_say(
            &invocation->context, MAQET_LEVEL_INFO,
            all.count == 0 ? "There are no VMs, so there is nothing to do"
            : selects_all(invocation)
                ? "No VM is running, so there is nothing to do"
                : "None of these VMs is running, so there is nothing to do");
}

static void
run_here(struct invocation *invocation, machine_task *task, const char *name)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    struct machine_result machine = {.name = maqet_strdup(name)};

    if (task(invocation, &machine, &error) == 0) {
        output_row(&invocation->output, invocation->command->view, &machine);
    } else {
        invocation_note_undone(invocation, error);
        invocation_show_error(invocation, error);
    }
    free(machine.name);
}

static void
run_in_workers(struct invocation *invocation, machine_task *task,
               const struct maqet_strings *names)
{
    _cleanup_free_ struct worker *workers = maqet_alloc(names->count * sizeof(*workers));

    for (size_t i = 0; i < names->count; i++) {
        _cleanup_error_ struct maqet_error *error = NULL;

        workers[i] = (struct worker){.invocation = invocation,
                                     .task = task,
                                     .name = names->items[i],
                                     .child = MAQET_CHILD_INIT,
                                     .left = -1};
        /* If the program is killed, its workers stop where it would have stopped. */
        if (maqet_child_start(&workers[i].child, SIGTERM, do_work, &workers[i]) == 0)
            continue;
        maqet_error_errno(&error, errno, "Cannot begin with '%s'", names->items[i]);
        invocation_show_error(invocation, error);
    }
    wait_for_workers(invocation, workers, names->count);
}

int
machines_run(struct invocation *invocation, machine_task *task)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    machines_select(invocation, &names);
    if (names.count == 0 && invocation->exit_code == 0)
        output_list(&invocation->output, invocation->command->view, NULL, 0);
    else if (names.count == 1)
        run_here(invocation, task, names.items[0]);
    else
        run_in_workers(invocation, task, &names);
    return invocation->exit_code;
}
