/* SPDX-License-Identifier: MIT */
#include "cli/run_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/printable.h"
#include "core/base/replacement.h"

/* Bytes of a log that are in the XML: its end. */
enum { LOG_TAIL = 64 * 1024 };

/* ---- TAP ---- */

char *
run_report_tap_plan(size_t count)
{
    return maqet_format("TAP version 13\n1..%zu\n", count);
}

/* A command as a description, in which '#' would begin a directive. */
static char *
description_of(const struct maqet_ran *ran)
{
    _cleanup_free_ char *shown = maqet_text_shown(ran->command);
    struct maqet_text text = MAQET_TEXT_INIT;

    for (const char *at = shown; *at; at++)
        maqet_text_appendf(&text, *at == '#' || *at == '\\' ? "\\%c" : "%c", *at);
    return maqet_text_take(&text);
}

/* A line of a YAML block; a JSON string is a YAML scalar. */
static void
add_yaml(struct maqet_text *text, const char *key, const char *value)
{
    _cleanup_free_ char *utf8 = maqet_text_utf8(value, strlen(value), &(size_t){0});
    _cleanup_json_ json_object *json = json_object_new_string(utf8);

    maqet_text_appendf(
        text, "  %s: %s\n", key,
        json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
}

char *
run_report_tap(const struct maqet_ran *ran)
{
    struct maqet_text text = MAQET_TEXT_INIT;
    _cleanup_free_ char *description = description_of(ran);
    bool passed = ran->status == MAQET_RAN_PASSED;

    maqet_text_appendf(&text, "%s %u - %s\n", passed ? "ok" : "not ok", ran->number,
                       description);
    if (passed)
        return maqet_text_take(&text);
    maqet_text_append(&text, "  ---\n");
    add_yaml(&text, "status", maqet_ran_status_name(ran->status));
    maqet_text_appendf(&text, "  exit_code: %d\n  duration_ms: %.3f\n", ran->exit_code,
                       ran->duration);
    if (ran->message)
        add_yaml(&text, "message", ran->message);
    add_yaml(&text, "log", ran->log);
    add_yaml(&text, "console_log", ran->console_log);
    maqet_text_append(&text, "  ...\n");
    return maqet_text_take(&text);
}

/* ---- XML ---- */

/* Appends a text; what XML 1.0 does not allow is U+FFFD. */
static void
add_escaped(struct maqet_text *xml, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t bytes = maqet_character(text + at, length - at, &code);
        bool allowed = code == '\t' || code == '\n' ||
                       (code >= 0x20 && code != MAQET_NO_CHARACTER && code != 0xfffe &&
                        code != 0xffff);

        if (code == '&' || code == '\r' || code == '<' || code == '>' || code == '"')
            maqet_text_appendf(xml, "&#%u;", (unsigned)code);
        else if (allowed)
            maqet_text_append_bytes(xml, text + at, bytes);
        else
            maqet_text_append(xml, "\xef\xbf\xbd");
        at += bytes;
    }
}

static void
add_attribute(struct maqet_text *xml, const char *name, const char *value)
{
    maqet_text_appendf(xml, " %s=\"", name);
    add_escaped(xml, value, strlen(value));
    maqet_text_append(xml, "\"");
}

/* The end of what a command has printed. */
static void
add_log(struct maqet_text *xml, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    _cleanup_free_ char *bytes = maqet_alloc(LOG_TAIL);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    off_t from = status.st_size > LOG_TAIL ? status.st_size - LOG_TAIL : 0;
    ssize_t count = pread(fd, bytes, LOG_TAIL, from);
    if (count <= 0)
        return;
    maqet_text_append(xml, "      <system-out>");
    if (from > 0)
        maqet_text_appendf(xml, "(the last %d bytes)\n", LOG_TAIL);
    add_escaped(xml, bytes, (size_t)count);
    maqet_text_append(xml, "</system-out>\n");
}

static void
add_fault(struct maqet_text *xml, const struct maqet_ran *ran)
{
    const char *element = ran->status == MAQET_RAN_ERROR ? "error" : "failure";
    _cleanup_free_ char *message = ran->message
                                       ? maqet_strdup(ran->message)
                                       : maqet_format("exit code %d", ran->exit_code);

    maqet_text_appendf(xml, "      <%s", element);
    add_attribute(xml, "type", maqet_ran_status_name(ran->status));
    add_attribute(xml, "message", message);
    maqet_text_append(xml, "/>\n");
}

static void
add_case(struct maqet_text *xml, const char *vm, const struct maqet_ran *ran)
{
    maqet_text_append(xml, "    <testcase");
    add_attribute(xml, "classname", vm);
    add_attribute(xml, "name", ran->command);
    maqet_text_appendf(xml, " time=\"%.3f\">\n", ran->duration / 1000);
    if (ran->status != MAQET_RAN_PASSED)
        add_fault(xml, ran);
    add_log(xml, ran->log);
    maqet_text_append(xml, "    </testcase>\n");
}

static size_t
count_with(const struct maqet_rans *rans, bool errors)
{
    size_t count = 0;

    for (size_t i = 0; i < rans->count; i++)
        count += rans->items[i].number > 0 && rans->items[i].status != MAQET_RAN_PASSED &&
                 (rans->items[i].status == MAQET_RAN_ERROR) == errors;
    return count;
}

int
run_report_junit(const char *path, mode_t umask, const char *vm,
                 const struct maqet_rans *rans, struct maqet_error **err)
{
    _cleanup_text_ struct maqet_text xml = MAQET_TEXT_INIT;
    double seconds = 0;
    size_t count = 0;

    for (size_t i = 0; i < rans->count; i++) {
        seconds += rans->items[i].duration / 1000;
        count += rans->items[i].number > 0;
    }
    maqet_text_append(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
                            "  <testsuite");
    add_attribute(&xml, "name", vm);
    maqet_text_appendf(&xml,
                       " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\">\n",
                       count, count_with(rans, false), count_with(rans, true), seconds);
    for (size_t i = 0; i < rans->count; i++)
        if (rans->items[i].number > 0)
            add_case(&xml, vm, &rans->items[i]);
    maqet_text_append(&xml, "  </testsuite>\n</testsuites>\n");
    return maqet_file_replace(path, xml.data, xml.length, 0666 & ~umask, err);
}
