/* SPDX-License-Identifier: MIT */
#include "core/machine/forks.h"

#include <string.h>

#include "core/base/field.h"
#include "core/base/json.h"
#include "core/machine/others.h"
#include "core/machine/store.h"

static const struct maqet_fields fields = MAQET_FIELDS_OF(
    struct maqet_fork_record, {"source", MAQET_FIELD(struct maqet_fork_record, source)},
    {"checkpoint", MAQET_FIELD(struct maqet_fork_record, checkpoint)},
    {"discard", MAQET_FIELD(struct maqet_fork_record, discard)});

void
maqet_fork_record_clear(struct maqet_fork_record *record)
{
    maqet_fields_clear(&fields, record);
}

int
maqet_fork_record_write(const struct maqet_fork_record *record, const char *folder,
                        struct maqet_error **err)
{
    _cleanup_free_ char *path = maqet_format("%s/" MAQET_STORE_FORK, folder);
    _cleanup_json_ json_object *file = maqet_fields_to_json(&fields, record);

    return maqet_json_write(path, file, err);
}

bool
maqet_fork_record_read(const struct maqet_context *context, const char *name,
                       struct maqet_fork_record *record)
{
    _cleanup_free_ char *path = maqet_store_file(context, name, MAQET_STORE_FORK);
    _cleanup_json_ json_object *file =
        maqet_file_missing(path) ? NULL : maqet_json_read(path, NULL);

    return file && maqet_fields_from_json(&fields, file, record, NULL) == 0;
}

bool
maqet_fork_is_discarded(const struct maqet_context *context, const char *name)
{
    _cleanup_fork_record_ struct maqet_fork_record record = {0};

    return maqet_fork_record_read(context, name, &record) && record.discard;
}

struct search {
    const struct maqet_context *context;
    const char *source;
    const char *checkpoint;
    struct maqet_strings *forks;
};

static void
find_forks(void *data, const struct maqet_strings *names)
{
    const struct search *search = data;

    maqet_strings_clear(search->forks);
    for (size_t i = 0; i < names->count; i++) {
        _cleanup_fork_record_ struct maqet_fork_record record = {0};

        if (maqet_fork_record_read(search->context, names->items[i], &record) &&
            strcmp(record.source, search->source) == 0 &&
            strcmp(record.checkpoint, search->checkpoint) == 0)
            maqet_strings_add(search->forks, names->items[i]);
    }
}

int
maqet_forks_list(const struct maqet_context *context, const char *source,
                 const char *checkpoint, struct maqet_strings *names,
                 struct maqet_error **err)
{
    struct search search = {
        .context = context, .source = source, .checkpoint = checkpoint, .forks = names};

    return maqet_others_look_through(context, find_forks, &search, err);
}
