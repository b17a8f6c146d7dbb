/* SPDX-License-Identifier: MIT */
/*
 * writables.c - the options are those of qemu(1); a value may be a text in QEMU's syntax,
 * a mapping, or JSON in a text.
 */
#include "core/qemu/writables.h"

#include <string.h>

#include "core/base/files.h"
#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* Bytes of a file for -readconfig that are looked at. */
enum { CONFIGURATION_LIMIT = 1 << 20 };

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
    writables->items = maqet_realloc(writables->items,
                                     (writables->count + 1) * sizeof(*writables->items));
    struct maqet_writable *added = &writables->items[writables->count++];
    *added = (struct maqet_writable){.kind = kind, .name = name};
    return added;
}

/* ---- one option and another ---- */

/* Whether another option has this value in a property that may name a node or object:
 * one that begins with @prefix, or any where that is NULL. */
static bool
is_named_by(const struct maqet_argument_list *options, const char *option,
            const char *prefix, const char *name)
{
    for (size_t i = 0; i < options->count; i++) {
        const char *at = options->items[i].value;
        char *key, *value;

        if (!at || !maqet_argument_is(&options->items[i], option))
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

/* ---- what each is ---- */

/* Those that have no name of their own get a number each. */
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

static void
add_drive(struct maqet_writables *found, const struct maqet_argument *option,
          struct numbers *numbers)
{
    static const char *const files[] = {"file", "file.filename", "filename", NULL};
    bool flash = maqet_argument_has(option, "if", "pflash");
    unsigned number = flash ? numbers->flash++ : numbers->drive++;
    _cleanup_free_ char *file = maqet_argument_first(option, files);
    char *name = maqet_argument_property(option, "id");

    /* Without a file or a driver nothing is in it. */
    if ((!file && !strstr(option->value, "driver=")) || (file && !*file) ||
        maqet_argument_is_readonly(option)) {
        free(name);
        return;
    }
    if (!name)
        name = maqet_format("%s%u", flash ? "pflash" : "drive", number);
    struct maqet_writable *added =
        add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK, name,
            TAKE_PTR(file));
    added->discarded = maqet_argument_is_on(option, "snapshot");
}

/* A node of its own: one that is below another is the other's. */
static void
add_node(struct maqet_writables *found, const struct maqet_argument_list *options,
         const struct maqet_argument *option)
{
    static const char *const files[] = {"filename", "file.filename", "file.file.filename",
                                        NULL};
    _cleanup_free_ char *name = maqet_argument_property(option, "node-name");

    if (!name || maqet_argument_is_on(option, "read-only") ||
        is_named_by(options, "blockdev", NULL, name) ||
        is_named_by(options, "drive", "backing", name))
        return;
    const struct maqet_argument *other =
        maqet_argument_list_named(options, option, "file", "blockdev", "node-name");
    bool flash = is_named_by(options, "machine", "pflash", name);
    char *file = maqet_argument_first(other ? other : option, files);
    add(found, option, flash ? MAQET_WRITABLE_FLASH : MAQET_WRITABLE_DISK, TAKE_PTR(name),
        file);
}

static void
add_tpm(struct maqet_writables *found, const struct maqet_argument_list *options,
        const struct maqet_argument *option)
{
    static const char *const files[] = {"path", "addr.path", NULL};
    const struct maqet_argument *socket =
        maqet_argument_list_named(options, option, "chardev", "chardev", "id");
    char *name = maqet_argument_property(option, "id");

    add(found, option, MAQET_WRITABLE_TPM, name ? name : maqet_strdup("tpm"),
        maqet_argument_first(socket ? socket : option, files));
}

/* Memory of a file that a device shows to the guest as persistent. */
static void
add_memory(struct maqet_writables *found, const struct maqet_argument_list *options,
           const struct maqet_argument *option)
{
    static const char *const files[] = {"mem-path", NULL};
    _cleanup_free_ char *name = maqet_argument_property(option, "id");

    if (!name || !maqet_argument_is_of(option, "qom-type", "memory-backend-file") ||
        !maqet_argument_is_on(option, "share") ||
        maqet_argument_is_on(option, "readonly") ||
        !is_named_by(options, "device", "memdev", name))
        return;
    add(found, option, MAQET_WRITABLE_MEMORY, TAKE_PTR(name),
        maqet_argument_first(option, files));
}

/* A disk that another process serves, or the kernel: QEMU has no block node of it. */
static void
add_served(struct maqet_writables *found, const struct maqet_argument_list *options,
           const struct maqet_argument *option, struct numbers *numbers)
{
    static const char *const files[] = {"path", NULL};
    static const char SERVED[] = "vhost-user-blk";
    _cleanup_free_ char *driver = maqet_argument_property(option, "driver");
    _cleanup_free_ char *target = maqet_argument_property(option, "wwpn");
    const struct maqet_argument *socket =
        maqet_argument_list_named(options, option, "chardev", "chardev", "id");
    char *name;

    if (!target && !maqet_text_starts(driver ? driver : option->value, SERVED))
        return;
    name = maqet_argument_property(option, "id");
    if (!name)
        name = maqet_format("device%u", numbers->device++);
    struct maqet_writable *added =
        add(found, option, MAQET_WRITABLE_DISK, name,
            socket ? maqet_argument_first(socket, files) : TAKE_PTR(target));
    added->untold = true;
}

/* A file of options: sections such as [drive "x"]. One that can't be read, QEMU can't
 * read either. */
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

/* An option whose value is a file, which is a disk or flash memory. */
static void
add_file(struct maqet_writables *found, const struct maqet_argument *option,
         struct numbers *numbers)
{
    bool flash = maqet_argument_is(option, "pflash");
    unsigned *number = flash                                   ? &numbers->flash
                       : maqet_argument_is(option, "sd")       ? &numbers->sd
                       : maqet_argument_is(option, "mtdblock") ? &numbers->mtd
                                                               : NULL;

    if (maqet_argument_is_image(option) && !maqet_argument_is(option, "cdrom"))
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
