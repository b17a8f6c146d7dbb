/* SPDX-License-Identifier: MIT */
#include "core/checkpoint/about.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/machine/command_line.h"
#include "core/machine/monitor.h"
#include "core/machine/slots.h"

/* A property of an object in QEMU, or NULL. The caller frees. */
static char *
property(struct maqet_session *session, const char *path, const char *name)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "path", json_object_new_string(path));
    json_object_object_add(arguments, "property", json_object_new_string(name));
    _cleanup_json_ json_object *value =
        maqet_monitor_ask(session->machine, "qom-get", arguments, NULL);
    return json_object_is_type(value, json_type_string)
               ? maqet_strdup(json_object_get_string(value))
               : NULL;
}

static void
add_text(json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}

/* The machine's versioned name: its type is called NAME-machine. */
static void
add_machine(json_object *about, struct maqet_session *session)
{
    static const char suffix[] = "-machine";
    _cleanup_free_ char *type = property(session, "/machine", "type");
    size_t length = type ? strlen(type) : 0;

    if (length > strlen(suffix) && strcmp(type + length - strlen(suffix), suffix) == 0)
        type[length - strlen(suffix)] = '\0';
    add_text(about, "machine", type);
}

static void
add_cpu(json_object *about, struct maqet_session *session)
{
    _cleanup_json_ json_object *cpus =
        maqet_monitor_ask(session->machine, "query-cpus-fast", NULL, NULL);
    json_object *first = json_object_is_type(cpus, json_type_array)
                             ? json_object_array_get_idx(cpus, 0)
                             : NULL;
    const char *path = maqet_json_text(first, "qom-path");
    _cleanup_free_ char *type = path ? property(session, path, "type") : NULL;

    add_text(about, "cpu", type);
}

/* The program that runs, even when the file of that name is another one by now. */
static void
add_program(json_object *about, int pid)
{
    _cleanup_free_ char *path = maqet_format("/proc/%d/exe", pid);
    _cleanup_free_ char *mark = maqet_file_mark(path);

    add_text(about, "program", mark);
}

static json_object *
texts(const struct maqet_strings *strings)
{
    json_object *list = json_object_new_array();

    for (size_t i = 0; i < strings->count; i++)
        json_object_array_add(list, json_object_new_string(strings->items[i]));
    return list;
}

json_object *
maqet_about_describe(struct maqet_session *session, struct maqet_qmp *qmp,
                     const struct maqet_making *making, struct maqet_error **err)
{
    _cleanup_json_ json_object *about = json_object_new_object();
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings drives = MAQET_STRINGS_INIT;

    if (maqet_command_line_of(session->machine->run.pid, &argv, err) < 0)
        return NULL;
    for (size_t i = 0; i < session->count; i++)
        maqet_strings_add(&drives, session->members[i].drive->name);
    add_machine(about, session);
    add_cpu(about, session);
    add_program(about, session->machine->run.pid);
    add_text(about, "qemu", maqet_qmp_version_text(qmp));
    json_object_object_add(about, "version", json_object_new_int(maqet_qmp_version(qmp)));
    json_object_object_add(about, "memory",
                           json_object_new_int64((int64_t)making->memory));
    json_object_object_add(about, "arguments", texts(&argv));
    json_object_object_add(about, "drives", texts(&drives));
    json_object_object_add(about, "slots",
                           maqet_slots_json(&session->machine->vm->slots));
    json_object_object_add(about, "flash", texts(&making->flash));
    return TAKE_PTR(about);
}
