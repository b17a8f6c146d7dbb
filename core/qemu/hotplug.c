/* SPDX-License-Identifier: MIT */
#include "core/qemu/hotplug.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"

/* ms in which a device goes that needs nothing of the guest. */
static const int64_t ALONE_TIMEOUT = 200;

/* ms between two attempts to remove what is still in use. */
static const int64_t ATTEMPT_INTERVAL = 20;

static int
tell(const struct maqet_hotplug *hotplug, const char *command, json_object *arguments,
     struct maqet_error **err)
{
    return maqet_qmp_tell(hotplug->qmp, command, arguments, -1, hotplug->timeout, err);
}

/* ---- removing ---- */

static int
tell_removal(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
             struct maqet_error **err)
{
    json_object *id = json_object_new_string(props->id);

    return tell(hotplug, props->kind->remove,
                maqet_json_object(props->kind->id_key, id, NULL), err);
}

static int
remove_in_use(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(hotplug->timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (tell_removal(hotplug, props, &reason) == 0)
            return 0;
        if (reason->code != MAQET_ERROR_FAILED || maqet_deadline_left(deadline) == 0)
            return maqet_error_move(err, TAKE_PTR(reason));
        maqet_sleep(ATTEMPT_INTERVAL);
    }
}

/* Waits for the event that tells that a device has gone; 1: it has, 0: not in time. */
static int
await_gone(const struct maqet_hotplug *hotplug, const char *id, int64_t timeout,
           struct maqet_error **err)
{
    struct maqet_deadline deadline = maqet_deadline_in(timeout);

    for (;;) {
        _cleanup_error_ struct maqet_error *reason = NULL;
        _cleanup_json_ json_object *event = maqet_qmp_event(
            hotplug->qmp, "DEVICE_DELETED", maqet_deadline_left(deadline), &reason);
        json_object *data = NULL;

        if (!event && reason->code == MAQET_ERROR_TIMEOUT)
            return 0;
        if (!event)
            return maqet_error_move(err, TAKE_PTR(reason));
        json_object_object_get_ex(event, "data", &data);
        const char *device = maqet_json_text(data, "device");
        if (device && strcmp(device, id) == 0)
            return 1;
    }
}

static int
remove_device(const struct maqet_hotplug *hotplug, const struct maqet_props *props,
              struct maqet_error **err)
{
    int gone;

    if (tell_removal(hotplug, props, err) < 0)
        return -1;
    gone = await_gone(hotplug, props->id,
                      hotplug->resets ? ALONE_TIMEOUT : hotplug->timeout, err);
    if (gone == 0 && hotplug->resets)
        gone = tell(hotplug, "system_reset", NULL, err) < 0
                   ? -1
                   : await_gone(hotplug, props->id, hotplug->timeout, err);
    if (gone == 0)
        return maqet_error_set(err, MAQET_ERROR_TIMEOUT,
                               "the guest did not let go of it within %.0f s",
                               (double)hotplug->timeout / 1000);
    return gone < 0 ? -1 : 0;
}

int
maqet_hotplug_remove(const struct maqet_hotplug *hotplug,
                     const struct maqet_monitor_commands *commands,
                     struct maqet_error **err)
{
    for (size_t i = commands->count; i > 0; i--) {
        const struct maqet_props *props = commands->items[i - 1].props;
        int result = props->kind == &maqet_kind_device
                         ? remove_device(hotplug, props, err)
                         : remove_in_use(hotplug, props, err);

        if (result < 0)
            return maqet_error_wrap(err, "The %s '%s' cannot be removed", props->option,
                                    props->id);
    }
    return 0;
}

/* ---- adding ---- */

int
maqet_hotplug_add(const struct maqet_hotplug *hotplug,
                  const struct maqet_monitor_commands *commands, struct maqet_error **err)
{
    for (size_t i = 0; i < commands->count; i++) {
        const struct maqet_monitor_command *command = &commands->items[i];
        const struct maqet_monitor_commands added = {.items = commands->items,
                                                     .count = i};
        _cleanup_error_ struct maqet_error *stays = NULL;

        if (tell(hotplug, command->props->kind->add, json_object_get(command->arguments),
                 err) == 0)
            continue;
        maqet_error_wrap(err, "The %s '%s' cannot be added", command->props->option,
                         command->props->id);
        if (maqet_hotplug_remove(hotplug, &added, &stays) < 0)
            maqet_error_remark(err, "%s", stays->message);
        return -1;
    }
    return 0;
}
