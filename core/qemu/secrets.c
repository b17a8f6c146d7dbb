/* SPDX-License-Identifier: MIT */
#include "core/qemu/secrets.h"

#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/qemu/keyval.h"

/* The file of a secret, in either syntax; NULL: it is another object, or has its key
 * elsewhere. The caller frees. */
static char *
file_of(const char *object)
{
    static const char type[] = "secret";

    if (object[0] == '{') {
        _cleanup_json_ json_object *json = json_tokener_parse(object);
        const char *word = maqet_json_text(json, "qom-type");

        return word && strcmp(word, type) == 0
                   ? maqet_strdup(maqet_json_text(json, "file"))
                   : NULL;
    }
    _cleanup_free_ char *word = maqet_keyval_get(object, "qom-type", "qom-type");
    return word && strcmp(word, type) == 0 ? maqet_keyval_get(object, "qom-type", "file")
                                           : NULL;
}

void
maqet_secrets_find(const struct maqet_strings *argv, const char *folder,
                   struct maqet_strings *paths)
{
    for (size_t i = 0; i + 1 < argv->count; i++) {
        if (strcmp(argv->items[i], "-object") != 0 &&
            strcmp(argv->items[i], "--object") != 0)
            continue;
        _cleanup_free_ char *file = file_of(argv->items[i + 1]);
        if (file)
            maqet_strings_take(paths, folder && file[0] != '/'
                                          ? maqet_format("%s/%s", folder, file)
                                          : maqet_strdup(file));
    }
}
