/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "cli/invocation.h"
#include "cli/machines.h"
#include "core/base/clock.h"
#include "core/machine/events.h"
#include "core/machine/store.h"

enum { CHUNK = 65536 };

/* ms between two looks at the logs that are followed. */
static const int64_t INTERVAL = 100;

/* A row of the result. */
struct happened {
    char *time;
    char *vm;
    char *event;
    struct maqet_strings details;
};

static const struct maqet_fields happened_fields = MAQET_FIELDS_OF(
    struct happened, MAQET_ROW(struct happened, time, "when, in UTC"),
    MAQET_ROW(struct happened, vm, "the VM's name", .title = "VM"),
    MAQET_ROW(struct happened, event,
              "what: in capitals as QEMU calls it, or one of maqet's own"),
    MAQET_ROW(struct happened, details,
              "what QEMU says of it, as KEY=VALUE, or the job"));

/* A time for people: local, without fractions. The caller frees. */
static char *
local_time(const char *text)
{
    struct tm broken = {0};
    char date[64];
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &broken);
    time_t time = end ? timegm(&broken) : -1;

    return time != -1 && localtime_r(&time, &broken) &&
                   strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &broken) > 0
               ? maqet_strdup(date)
               : maqet_strdup(text);
}

static char *
happened_text(const void *row)
{
    const struct happened *happened = row;
    _cleanup_free_ char *time = local_time(happened->time);
    _cleanup_free_ char *details = maqet_strings_join(&happened->details, ", ");

    return maqet_format("%s  %s  %s%s%s\n", time, happened->vm, happened->event,
                        *details ? "  " : "", details);
}

static const struct view view = {
    .table = {&happened_fields, "time vm event details", NULL},
    .text = happened_text,
    .empty = "No events were recorded.\n",
    .each = "event",
    .remark = "With --follow, each line is an object."};

/* The log of a machine, and how far it was read. */
struct source {
    const char *vm;
    int dir_fd;
    struct maqet_logfile log;
    uint64_t position;
    struct maqet_text line; /* an unfinished one */
};

struct list {
    struct happened *items;
    size_t count;
};

static void
list_clear(struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        maqet_fields_clear(&happened_fields, &list->items[i]);
    free(list->items);
    *list = (struct list){0};
}

static void
add_line(struct list *list, const struct source *source, const char *line)
{
    struct maqet_event event;

    /* The first one may have lost its beginning with the file before it. */
    if (!maqet_event_read(line, &event))
        return;
    *MAQET_APPEND(list->items, list->count) =
        (struct happened){.time = event.time,
                          .vm = maqet_strdup(source->vm),
                          .event = event.event,
                          .details = event.details};
}

/* Adds what is in the log and was not read yet. */
static void
read_source(struct source *source, struct list *list)
{
    _cleanup_free_ char *chunk = maqet_alloc(CHUNK);
    size_t count;

    maqet_logfile_refresh(&source->log);
    while ((count = maqet_logfile_read(&source->log, &source->position, chunk, CHUNK)) >
           0) {
        const char *at = chunk, *feed;

        for (; (feed = memchr(at, '\n', (size_t)(chunk + count - at))); at = feed + 1) {
            maqet_text_append_bytes(&source->line, at, (size_t)(feed - at));
            add_line(list, source, source->line.data ? source->line.data : "");
            maqet_text_clear(&source->line);
        }
        maqet_text_append_bytes(&source->line, at, (size_t)(chunk + count - at));
    }
}

static int
compare(const void *one, const void *other)
{
    const struct happened *a = one, *b = other;

    return strcmp(a->time ? a->time : "", b->time ? b->time : "");
}

static void
read_all(struct source *sources, size_t count, struct list *list)
{
    for (size_t i = 0; i < count; i++)
        read_source(&sources[i], list);
    if (list->count > 0)
        qsort(list->items, list->count, sizeof(*list->items), compare);
}

/* One object a line in JSON, since there is no end of the list. */
static void
show_row(struct invocation *invocation, const struct happened *row)
{
    if (invocation->output.format != FORMAT_JSON) {
        output_row(&invocation->output, &view, row);
        return;
    }
    _cleanup_json_ json_object *object = maqet_fields_to_json(&happened_fields, row);
    _cleanup_free_ char *line = json_line(object);
    _cleanup_free_ char *text = maqet_format("%s\n", line);
    output_text(text);
}

/* Whether one of the machines still exists. */
static bool
any_exists(const struct source *sources, size_t count)
{
    struct stat status;

    for (size_t i = 0; i < count; i++)
        if (sources[i].dir_fd >= 0 && fstat(sources[i].dir_fd, &status) == 0 &&
            status.st_nlink > 0)
            return true;
    return false;
}

static void
follow(struct invocation *invocation, struct source *sources, size_t count)
{
    do {
        struct list list = {0};

        read_all(sources, count, &list);
        for (size_t i = 0; i < list.count; i++)
            show_row(invocation, &list.items[i]);
        list_clear(&list);
        maqet_sleep(INTERVAL);
    } while (any_exists(sources, count));
}

static int
run(struct invocation *invocation, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    machines_resolve(invocation, &names);
    if (names.count == 0)
        return invocation->exit_code;
    _cleanup_free_ struct source *sources = maqet_alloc(names.count * sizeof(*sources));
    int result = 0;
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_free_ char *folder =
            maqet_store_file(&invocation->context, names.items[i], ".");

        sources[i] = (struct source){
            .vm = names.items[i],
            .dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
            .log = MAQET_LOGFILE_INIT,
        };
        if (result == 0)
            result = maqet_logfile_open_reader(sources[i].dir_fd, MAQET_EVENTS_LOG,
                                               &sources[i].log, err);
    }
    if (result == 0 && invocation_has(invocation, "follow") &&
        invocation->output.format == FORMAT_YAML) {
        result = usage_error(invocation, err,
                             "--follow has no end, so its format can be table, plain or "
                             "json, but not yaml");
    } else if (result == 0 && invocation_has(invocation, "follow")) {
        follow(invocation, sources, names.count);
    } else if (result == 0) {
        struct list list = {0};

        read_all(sources, names.count, &list);
        output_list(&invocation->output, &view, list.items, list.count);
        list_clear(&list);
    }
    for (size_t i = 0; i < names.count; i++) {
        maqet_logfile_clear(&sources[i].log);
        maqet_text_clear(&sources[i].line);
        if (sources[i].dir_fd >= 0)
            close(sources[i].dir_fd);
    }
    return result < 0 ? -1 : invocation->exit_code;
}

const struct command command_events = {
    .name = "events",
    .related = "wait",
    .endable = true,
    .fills_terminal = true,
    .operands = {OPERAND_VM | OPERAND_REPEATED},
    .summary = "Show what has happened to VMs",
    .description =
        "Lists the events of VMs, the oldest first. Those in capitals are QEMU's: a "
        "guest "
        "that is paused, resumed, reset or shut down, a drive without space, a device "
        "that was removed, and others; QEMU's QMP reference describes them and their "
        "details. The others are maqet's: a VM was added or changed; its QEMU was "
        "started "
        "or resumed from a checkpoint, or has ended; a job, such as the creation of a "
        "snapshot, has begun or ended.\nOf each VM, the last 1 to 2 MiB are kept, until "
        "it "
        "is removed.",
    .options = {{"follow", 'f',
                 .help = "wait for more, and show it, until the VMs are removed"}},
    .examples = {{"maqet events myvm", "See what has happened to a VM"},
                 {"maqet events web db --follow --format json",
                  "Feed a program with what happens"}},
    .view = &view,
    .run = run,
};
