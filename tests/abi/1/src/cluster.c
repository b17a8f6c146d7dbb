/* SPDX-License-Identifier: MIT */
/*
 * cluster.c - asking the cluster. All of it goes through the program rbd, since a library
 * call into a cluster that hangs could not be stopped, and a program can.
 */
#include "rbd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Between two looks at who has the image open: whoever only looks at it, as we do, is
 * gone then. */
static const struct timespec SECOND_LOOK = {.tv_nsec = 300000000};

/* ---- commands ---- */

static void
add_option(struct maqet_command *command, const char *option, const char *value)
{
    if (value)
        maqet_command_arg(command, "%s=%s", option, value);
}

/* Values stand behind an equals sign, so none is ever taken for an option. */
struct maqet_command *
rbd_pool_command(const struct maqet_drive *drive, const char *const *words)
{
    struct maqet_command *command = maqet_command_new("rbd");

    for (; *words; words++)
        maqet_command_arg(command, "%s", *words);
    /* Its library's log would stand amidst its own words. */
    maqet_command_arg(command, "--log-to-stderr=false");
    maqet_command_arg(command, "--err-to-stderr=false");
    add_option(command, "--conf", maqet_drive_string(drive, "conf"));
    add_option(command, "--mon-host", maqet_drive_string(drive, "monitors"));
    add_option(command, "--id", maqet_drive_string(drive, "user"));
    add_option(command, "--keyfile", maqet_drive_string(drive, "key_file"));
    add_option(command, "--pool", maqet_drive_string(drive, "pool"));
    add_option(command, "--namespace", maqet_drive_string(drive, "namespace"));
    return command;
}

struct maqet_command *
rbd_image_command(const struct maqet_drive *drive, const char *const *words)
{
    struct maqet_command *command = rbd_pool_command(drive, words);

    add_option(command, "--image", maqet_drive_string(drive, "image"));
    return command;
}

/* A cluster that lacks OSDs or monitors fails nothing: it lets everybody wait. */
static int
explain(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *conf = maqet_drive_string(drive, "conf");

    if (maqet_time_left(drive) > 0)
        return -1;
    maqet_error_wrap(err, "The Ceph cluster of the drive '%s' does not answer",
                     maqet_drive_name(drive));
    maqet_error_hint(err, "Look at its monitors and OSDs: ceph%s%s status",
                     conf ? " --conf " : "", conf ? conf : "");
    return -1;
}

int
rbd_run(const struct maqet_drive *drive, struct maqet_command *command,
        struct maqet_error **err)
{
    return maqet_command_run(command, err) == 0 ? 0 : explain(drive, err);
}

json_object *
rbd_ask(const struct maqet_drive *drive, struct maqet_command *command,
        enum json_type type, struct maqet_error **err)
{
    char *output;
    json_object *answer;

    maqet_command_arg(command, "--format=json");
    output = maqet_command_output(command, NULL, err);
    if (!output) {
        explain(drive, err);
        return NULL;
    }
    answer = json_tokener_parse(output);
    maqet_free(output);
    if (json_object_is_type(answer, type))
        return answer;
    json_object_put(answer);
    maqet_error_set(err, MAQET_ERROR_FAILED, "rbd printed something else than was asked");
    return NULL;
}

/* ---- is it there ---- */

/* The pool is asked, since how a question about an image fails doesn't tell whether it is
 * the image that is missing. */
int
rbd_exists(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const words[] = {"ls", NULL};
    const char *image = maqet_drive_string(drive, "image");
    json_object *names =
        rbd_ask(drive, rbd_pool_command(drive, words), json_type_array, err);
    int exists = 0;

    if (!names)
        return -1;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        json_object *name = json_object_array_get_idx(names, i);

        if (json_object_is_type(name, json_type_string) &&
            strcmp(json_object_get_string(name), image) == 0)
            exists = 1;
    }
    json_object_put(names);
    return exists;
}

int
rbd_error_missing(const struct maqet_drive *drive, struct maqet_error **err)
{
    const char *namespace = maqet_drive_string(drive, "namespace");

    maqet_drive_error(
        drive, "image", err, MAQET_ERROR_MISSING, "the pool '%s' has no image '%s'%s%s%s",
        maqet_drive_string(drive, "pool"), maqet_drive_string(drive, "image"),
        namespace ? " in the namespace '" : "", namespace ? namespace : "",
        namespace ? "'" : "");
    if (!maqet_drive_readonly(drive))
        maqet_error_hint(err, "It is created when the VM starts: maqet start %s",
                         maqet_drive_vm_name(drive));
    return -1;
}

/* ---- who has it open ---- */

/* The watchers; NULL on error. Every client that has the image open is one, since it
 * wants to be told of snapshots: also one that only reads, which can't be told from a
 * writer that has not written yet. */
static json_object *
watchers(const struct maqet_drive *drive, struct maqet_error **err)
{
    static const char *const words[] = {"status", NULL};
    json_object *status =
        rbd_ask(drive, rbd_image_command(drive, words), json_type_object, err);
    json_object *list = NULL;

    if (!status)
        return NULL;
    if (json_object_object_get_ex(status, "watchers", &list) &&
        json_object_is_type(list, json_type_array))
        json_object_get(list);
    else
        maqet_error_set(err, MAQET_ERROR_FAILED, "rbd status told of no watchers");
    json_object_put(status);
    return json_object_is_type(list, json_type_array) ? list : NULL;
}

static int64_t
number(json_object *object, const char *key)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return json_object_get_int64(value);
}

static bool
has_watcher(json_object *list, json_object *wanted)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *watcher = json_object_array_get_idx(list, i);

        if (number(watcher, "client") == number(wanted, "client") &&
            number(watcher, "cookie") == number(wanted, "cookie"))
            return true;
    }
    return false;
}

/* Where the client is, "192.0.2.7:0/1234567"; what is no address is not repeated to
 * people, who might paste it. */
static const char *
address_of(json_object *watcher)
{
    json_object *value = NULL;
    const char *text;

    json_object_object_get_ex(watcher, "address", &value);
    text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
    return strspn(text, "0123456789abcdefABCDEF.:/[]") == strlen(text) && *text ? text
                                                                                : "?";
}

static json_object *
lasting_watchers(const struct maqet_drive *drive, struct maqet_error **err)
{
    json_object *first = watchers(drive, err), *second, *both;

    if (!first || json_object_array_length(first) == 0)
        return first;
    nanosleep(&SECOND_LOOK, NULL);
    second = watchers(drive, err);
    both = second ? json_object_new_array() : NULL;
    for (size_t i = 0; second && i < json_object_array_length(second); i++) {
        json_object *watcher = json_object_array_get_idx(second, i);

        if (has_watcher(first, watcher))
            json_object_array_add(both, json_object_get(watcher));
    }
    json_object_put(first);
    json_object_put(second);
    return both;
}

int
rbd_holders(const struct maqet_drive *drive, struct maqet_holders *holders,
            struct maqet_error **err)
{
    int exists = rbd_exists(drive, err);
    json_object *list = exists > 0 ? lasting_watchers(drive, err) : NULL;

    if (!list)
        return exists == 0 ? 0 : -1;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *watcher = json_object_array_get_idx(list, i);
        const char *address = address_of(watcher);
        char who[256], hint[512];

        snprintf(who, sizeof(who), "client.%lld at %s",
                 (long long)number(watcher, "client"), address);
        snprintf(hint, sizeof(hint),
                 "Stop what runs there. The cluster forgets a QEMU that was killed, or "
                 "whose host went down, after 30 s. One that may still run and cannot be "
                 "reached must be shut out first: ceph osd blocklist add %s",
                 address);
        maqet_holders_add(holders, who, hint);
    }
    json_object_put(list);
    return 0;
}

int
rbd_check_unused(const struct maqet_drive *drive, struct maqet_error **err)
{
    json_object *list = lasting_watchers(drive, err);
    size_t count = list ? json_object_array_length(list) : 0;

    if (!list)
        return -1;
    if (count > 0)
        maqet_error_set(err, MAQET_ERROR_BUSY, "the image is in use by client.%lld at %s",
                        (long long)number(json_object_array_get_idx(list, 0), "client"),
                        address_of(json_object_array_get_idx(list, 0)));
    json_object_put(list);
    return count > 0 ? -1 : 0;
}
