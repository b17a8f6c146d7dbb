/* SPDX-License-Identifier: MIT */
#include "core/machine/events.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/store.h"

/* Bytes of a line; an event of QEMU's has some hundred. */
enum { LINE_LIMIT = 16384 };

static const struct maqet_fields event_fields = MAQET_FIELDS_OF(
    struct maqet_event, {"time", MAQET_FIELD(struct maqet_event, time)},
    {"event", MAQET_FIELD(struct maqet_event, event)},
    {"details", MAQET_FIELD(struct maqet_event, details), .optional = true});

void
maqet_event_clear(struct maqet_event *event)
{
    maqet_fields_clear(&event_fields, event);
}

/* The caller frees. */
static char *
time_text(int64_t seconds, int64_t microseconds)
{
    time_t time = (time_t)seconds;
    char date[64] = "";
    struct tm broken;

    if (gmtime_r(&time, &broken))
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &broken);
    return maqet_format("%s.%06" PRId64 "Z", date, microseconds);
}

void
maqet_event_now(const char *name, const char *detail, struct maqet_event *event)
{
    int64_t now = maqet_realtime() / 1000;

    *event = (struct maqet_event){.time = time_text(now / 1000000, now % 1000000),
                                  .event = maqet_strdup(name)};
    if (detail)
        maqet_strings_add(&event->details, detail);
}

bool
maqet_event_of_qemu(json_object *message, struct maqet_event *event)
{
    json_object *stamp = json_object_object_get(message, "timestamp");
    json_object *data = json_object_object_get(message, "data");
    const char *name = maqet_json_text(message, "event");

    *event = (struct maqet_event){0};
    if (!name)
        return false;
    /* -1 means that the host's clock could not be read. */
    event->time = time_text(maqet_json_int(stamp, "seconds"),
                            maqet_json_int(stamp, "microseconds"));
    event->event = maqet_strdup(name);
    if (json_object_is_type(data, json_type_object)) {
        json_object_object_foreach(data, key, value)
        {
            maqet_strings_addf(&event->details, "%s=%s", key,
                               json_object_get_string(value));
        }
    }
    return true;
}

void
maqet_event_write(struct maqet_logfile *log, const struct maqet_event *event)
{
    _cleanup_json_ json_object *object = maqet_fields_to_json(&event_fields, event);
    int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    _cleanup_free_ char *line =
        maqet_format("%s\n", json_object_to_json_string_ext(object, flags));

    if (strlen(line) <= LINE_LIMIT)
        maqet_logfile_write(log, line, strlen(line));
}

bool
maqet_event_read(const char *line, struct maqet_event *event)
{
    _cleanup_json_ json_object *object = json_tokener_parse(line);

    *event = (struct maqet_event){0};
    if (json_object_is_type(object, json_type_object) &&
        maqet_fields_from_json(&event_fields, object, event, NULL) == 0)
        return true;
    maqet_event_clear(event);
    return false;
}

/* A lock on the folder leaves no file behind. One in the run folder would not do: that may be
 * deleted while QEMU runs. */
bool
maqet_events_claim(int folder_fd)
{
    return flock(folder_fd, LOCK_EX | LOCK_NB) == 0;
}

void
maqet_events_release(int folder_fd)
{
    flock(folder_fd, LOCK_UN);
}

void
maqet_event_note(const struct maqet_context *context, const char *name, const char *event,
                 const char *detail)
{
    _cleanup_free_ char *folder = maqet_store_file(context, name, ".");
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_logfile_ struct maqet_logfile log = MAQET_LOGFILE_INIT;
    _cleanup_event_ struct maqet_event now = {0};

    maqet_event_now(event, detail, &now);
    if (dir_fd < 0)
        return;
    /* A keeper that works replaces the file, as soon as there is an event of QEMU's. */
    bool claimed = maqet_events_claim(dir_fd);
    if (maqet_logfile_open(dir_fd, MAQET_EVENTS_LOG,
                           claimed ? MAQET_EVENTS_LOG_LIMIT : UINT64_MAX, &log,
                           NULL) == 0)
        maqet_event_write(&log, &now);
    if (claimed)
        maqet_events_release(dir_fd);
}
