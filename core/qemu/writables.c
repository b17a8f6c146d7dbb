/* SPDX-License-Identifier: MIT */
#include "core/qemu/writables.h"

#include <string.h>

#include "core/base/files.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

enum { CONFIGURATION_LIMIT = 1 << 20 /* bytes */ };

const char *
maqet_writable_kind_name(enum maqet_writable_kind kind)
{
    static const char *const names[] = {
        [MAQET_WRITABLE_DISK] = "disk",
        [MAQET_WRITABLE_FLASH] = "flash memory",
        [MAQET_WRITABLE_MEMORY] = "persistent memory",
        [MAQET_WRITABLE_TPM] = "TPM state",
        [MAQET_WRITABLE_UNKNOWN] = "devices in a configuration file",
    };

    return names[kind];
}

void
maqet_writables_clear(struct maqet_writables *writables)
{
    for (size_t i = 0; i < writables->count; i++) {
        free(writables->items[i].name);
        free(writables->items[i].file);
        free(writables->items[i].place);
    }
    free(writables->items);
    *writables = (struct maqet_writables){0};
}

const struct maqet_writable *
maqet_writables_find(const struct maqet_writables *writables, const char *name)
{
    for (size_t i = 0; i < writables->count; i++)
        if (strcmp(writables->items[i].name, name) == 0)
            return &writables->items[i];
    return NULL;
}

struct maqet_writable *
maqet_writables_add(struct maqet_writables *writables, enum maqet_writable_kind kind,
                    char *name)
{
    while (maqet_writables_find(writables, name)) {
        char *other = maqet_format("argument-%s", name);

        free(name);
        name = other;
    }
    struct maqet_writable *added = MAQET_APPEND(writables->items, writables->count);
    *added = (struct maqet_writable){.kind = kind, .name = name};
    return added;
}

/* ---- references between options ---- */

/* Whether an option refers to a node or object by a property whose name begins with
 * @prefix (NULL: any property). */
static bool
is_named_by(const struct maqet_argument_list *options, const char *option,
            const char *prefix, const char *name)
{
    for (size_t i = 0; i < options->count; i++) {
        const char *at = options->items[i].value;
        char *key, *value;

        if (!maqet_argument_is(&options->items[i], option))
            continue;
        while (maqet_keyval_next(&at, NULL, &key, &value)) {
            bool is_own = strcmp(key, "id") == 0 || strcmp(key, "node-name") == 0;
            bool names = !is_own && !maqet_text_ends(key, "filename") &&
                         (!prefix || maqet_text_starts(key, prefix)) &&
                         strcmp(value, name) == 0;

            free(key);
            free(value);
            if (names)
                return true;
        }
    }
    return false;
}

/* ---- the kinds ---- */

/* Numbers for the names of those that have no id. */
struct numbers {
    unsigned drive, flash, sd, mtd, configuration, device;
};

static struct maqet_writable *
add(struct maqet_writables *found, const struct maqet_argument *option,
    enum maqet_writable_kind kind, char *name, char *file)
{
    struct maqet_writable *added = maqet_writables_add(found, kind, name);

    added->file = file;
    added->place = maqet_place_text(option->place);
    return added;
}

/* Whether what is written to a node goes nowhere. */
static bool
is_nowhere(const char *value)
{
    static const char *const drivers[] = {"null-aio", "null-co", NULL};
    static const char *const keys[] = {"file.driver", "driver", NULL};
    _cleanup_free_ char *driver = maqet_keyval_first(value, keys);

    return driver && maqet_text_is_one_of(driver, drivers);
}

static void
add_drive(struct maqet_writables *found, const struct maqet_argument *option,
          struct numbers *numbers)
{
    static const char *const files[] = {"file", "file.filename", "filename", NULL};
    bool flash = maqet_keyval_has(option->value, "if", "pflash");
    unsigned number = flash ? numbers->flash++ : numbers->drive++;
    _cleanup_free_ char *file = maqet_keyval_first(option->value, files);
    char *name = maqet_keyval_get(option->value, NULL, "id");

    /* Without a file or a driver it is empty. */
    if ((!file && !strstr(option->value, "driver=")) || (file && !*file) ||
        maqet_keyval_is_readonly(option->value)) {
        free(name);
        return;
    }
    if (!name)
        name = maqet_format("%s%u", flash ? "pflash" : "drive", number);
    struct maqet_writable *added =
        add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK, name,
            TAKE_PTR(file));
    added->discarded = maqet_keyval_is_on(option->value, "snapshot");
    added->nowhere = is_nowhere(option->value);
}

/* Adds a node, unless it is below another node. */
static void
add_node(struct maqet_writables *found, const struct maqet_argument_list *options,
         const struct maqet_argument *option)
{
    static const char *const files[] = {"filename", "file.filename", "file.file.filename",
                                        NULL};
    _cleanup_free_ char *name = maqet_keyval_get(option->value, NULL, "node-name");

    if (!name || maqet_keyval_is_on(option->value, "read-only") ||
        is_named_by(options, "blockdev", NULL, name) ||
        is_named_by(options, "drive", "backing", name))
        return;
    const struct maqet_argument *other =
        maqet_argument_list_named(options, option, "file", "blockdev", "node-name");
    bool flash = is_named_by(options, "machine", "pflash", name);
    char *file = maqet_keyval_first((other ? other : option)->value, files);
    struct maqet_writable *added =
        add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK,
            TAKE_PTR(name), file);
    added->nowhere = is_nowhere((other ? other : option)->value);
}

static void
add_tpm(struct maqet_writables *found, const struct maqet_argument_list *options,
        const struct maqet_argument *option)
{
    static const char *const files[] = {"path", "addr.path", NULL};
    const struct maqet_argument *socket =
        maqet_argument_list_named(options, option, "chardev", "chardev", "id");
    char *name = maqet_keyval_get(option->value, NULL, "id");

    add(found, option, MAQET_WRITABLE_TPM, name ? name : maqet_strdup("tpm"),
        maqet_keyval_first((socket ? socket : option)->value, files));
}

/* Memory of a file that a device shows to the guest as persistent. */
static void
add_memory(struct maqet_writables *found, const struct maqet_argument_list *options,
           const struct maqet_argument *option)
{
    _cleanup_free_ char *name = maqet_keyval_get(option->value, NULL, "id");

    if (!name || !maqet_keyval_is_of(option->value, "qom-type", "memory-backend-file") ||
        !maqet_keyval_is_on(option->value, "share") ||
        maqet_keyval_is_on(option->value, "readonly") ||
        !is_named_by(options, "device", "memdev", name))
        return;
    add(found, option, MAQET_WRITABLE_MEMORY, TAKE_PTR(name),
        maqet_keyval_get(option->value, NULL, "mem-path"));
}

/* Adds a disk that another process or the kernel serves: QEMU has no block node for it. */
static void
add_served(struct maqet_writables *found, const struct maqet_argument_list *options,
           const struct maqet_argument *option, struct numbers *numbers)
{
    _cleanup_free_ char *driver = maqet_keyval_get(option->value, NULL, "driver");
    _cleanup_free_ char *target = maqet_keyval_get(option->value, NULL, "wwpn");
    const struct maqet_argument *socket =
        maqet_argument_list_named(options, option, "chardev", "chardev", "id");
    char *name;

    if (!target && !maqet_text_starts(driver ? driver : option->value, "vhost-user-blk"))
        return;
    name = maqet_keyval_get(option->value, NULL, "id");
    if (!name)
        name = maqet_format("device%u", numbers->device++);
    struct maqet_writable *added =
        add(found, option, MAQET_WRITABLE_DISK, name,
            socket ? maqet_keyval_get(socket->value, NULL, "path") : TAKE_PTR(target));
    added->untold = true;
}

/* Adds a configuration file that has sections such as [drive "x"]. */
static void
add_configuration(struct maqet_writables *found, const struct maqet_argument *option,
                  struct numbers *numbers)
{
    unsigned number = numbers->configuration++;
    _cleanup_free_ char *text = NULL;

    if (maqet_file_read(option->value, CONFIGURATION_LIMIT, &text, NULL, NULL) < 0 ||
        (!strstr(text, "[drive") && !strstr(text, "[tpmdev") &&
         !strstr(text, "[blockdev")))
        return;
    add(found, option, MAQET_WRITABLE_UNKNOWN, maqet_format("readconfig%u", number),
        maqet_strdup(option->value));
}

/* Adds an option whose whole value is the file of a disk or of flash memory. */
static void
add_file(struct maqet_writables *found, const struct maqet_argument *option,
         struct numbers *numbers)
{
    bool flash = maqet_argument_is(option, "pflash");
    unsigned *number = flash                                   ? &numbers->flash
                       : maqet_argument_is(option, "sd")       ? &numbers->sd
                       : maqet_argument_is(option, "mtdblock") ? &numbers->mtd
                                                               : NULL;

    if (option->known->nature == MAQET_QEMU_IMAGE && !maqet_argument_is(option, "cdrom"))
        add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK,
            number ? maqet_format("%s%u", option->name, (*number)++)
                   : maqet_strdup(option->name),
            maqet_strdup(option->value));
}

void
maqet_arguments_writables(json_object *list, struct maqet_writables *writables)
{
    _cleanup_argument_list_ struct maqet_argument_list options =
        maqet_argument_list_read(list);
    struct numbers numbers = {0};

    for (size_t i = 0; i < options.count; i++) {
        const struct maqet_argument *option = &options.items[i];

        if (!option->value || !*option->value)
            continue;
        if (maqet_argument_is(option, "drive"))
            add_drive(writables, option, &numbers);
        else if (maqet_argument_is(option, "blockdev"))
            add_node(writables, &options, option);
        else if (maqet_argument_is(option, "tpmdev"))
            add_tpm(writables, &options, option);
        else if (maqet_argument_is(option, "object"))
            add_memory(writables, &options, option);
        else if (maqet_argument_is(option, "device"))
            add_served(writables, &options, option, &numbers);
        else if (maqet_argument_is(option, "readconfig"))
            add_configuration(writables, option, &numbers);
        else
            add_file(writables, option, &numbers);
    }
}
