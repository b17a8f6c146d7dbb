/* SPDX-License-Identifier: MIT */
#include "core/vm/owner.h"

#include <string.h>
#include <sys/xattr.h>

#include "core/base/json.h"
#include "core/vm/definition.h"

#define ATTRIBUTE "user.maqet"

enum { ATTRIBUTE_LIMIT = 8192 };

void
maqet_owner_clear(struct maqet_owner *owner)
{
    free(owner->vm);
    free(owner->uuid);
    free(owner->data_dir);
    *owner = (struct maqet_owner){0};
}

bool
maqet_owner_write(const char *file, const struct maqet_owner *owner)
{
    _cleanup_json_ json_object *mark = json_object_new_object();

    json_object_object_add(mark, "vm", json_object_new_string(owner->vm));
    json_object_object_add(mark, "uuid", json_object_new_string(owner->uuid));
    json_object_object_add(mark, "data_dir", json_object_new_string(owner->data_dir));
    const char *text =
        json_object_to_json_string_ext(mark, JSON_C_TO_STRING_NOSLASHESCAPE);
    return setxattr(file, ATTRIBUTE, text, strlen(text), 0) == 0;
}

bool
maqet_owner_read(const char *file, struct maqet_owner *owner)
{
    char text[ATTRIBUTE_LIMIT + 1];
    ssize_t length = getxattr(file, ATTRIBUTE, text, ATTRIBUTE_LIMIT);

    *owner = (struct maqet_owner){0};
    if (length <= 0)
        return false;
    text[length] = '\0';
    _cleanup_json_ json_object *mark = json_tokener_parse(text);
    const char *vm = maqet_json_text(mark, "vm"), *uuid = maqet_json_text(mark, "uuid");
    const char *data_dir = maqet_json_text(mark, "data_dir");

    if (!vm || !maqet_vm_name_valid(vm) || !uuid || !data_dir)
        return false;
    owner->vm = maqet_strdup(vm);
    owner->uuid = maqet_strdup(uuid);
    owner->data_dir = maqet_strdup(data_dir);
    return true;
}

char *
maqet_owner_data_dir(const struct maqet_context *context)
{
    char *resolved = realpath(context->data_dir, NULL);

    return resolved ? resolved : maqet_strdup(context->data_dir);
}

/* Whether the machine that owns an image is still defined where it was. */
static bool
exists(const struct maqet_owner *owner)
{
    _cleanup_free_ char *path =
        maqet_format("%s/vms/%s/vm.json", owner->data_dir, owner->vm);
    _cleanup_definition_ struct maqet_definition *definition =
        maqet_definition_load(path, owner->vm, NULL);

    return definition && strcasecmp(definition->uuid, owner->uuid) == 0;
}

/* The mark, or what the record says in its place. False: neither knows. */
static bool
find_owner(const struct maqet_image_record *record, const char *uuid,
           struct maqet_owner *owner)
{
    if (maqet_owner_read(record->path, owner))
        return true;
    if (!record->vm || !record->data_dir || !(uuid || record->uuid))
        return false;
    owner->vm = maqet_strdup(record->vm);
    owner->uuid = maqet_strdup(record->uuid ? record->uuid : uuid);
    owner->data_dir = maqet_strdup(record->data_dir);
    return true;
}

char *
maqet_owner_objection(const struct maqet_context *context, const char *uuid,
                      const struct maqet_image_record *record)
{
    _cleanup_owner_ struct maqet_owner owner = {0};
    _cleanup_free_ char *data_dir = maqet_owner_data_dir(context);

    if (!find_owner(record, uuid, &owner))
        return NULL;
    bool same = uuid && strcasecmp(owner.uuid, uuid) == 0;
    if (same && strcmp(owner.data_dir, data_dir) == 0)
        return NULL;
    if (exists(&owner))
        return maqet_format(same
                                ? "for VM '%s' in %s, of which this data folder is a copy"
                                : "for VM '%s' in %s",
                            owner.vm, owner.data_dir);
    /* Its data folder was moved here, or its machine is gone. */
    return same || !uuid ? NULL
                         : maqet_format("for another VM '%s', which is gone", owner.vm);
}
