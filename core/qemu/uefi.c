/* SPDX-License-Identifier: MIT */
#include "core/qemu/uefi.h"

#include <fnmatch.h>
#include <string.h>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/process.h"

/* ---- the descriptions ---- */

static json_object *
member(json_object *object, const char *key)
{
    return json_object_is_type(object, json_type_object)
               ? json_object_object_get(object, key)
               : NULL;
}

static bool
list_has(json_object *list, const char *text)
{
    _cleanup_strings_ struct maqet_strings texts = MAQET_STRINGS_INIT;

    maqet_json_texts(list, &texts);
    return maqet_strings_has(&texts, text);
}

/* A machine type with a version, which is what the patterns are for: QEMU's own aliases have
 * none. The caller frees. */
static char *
versioned(const char *machine_type)
{
    static const char *const aliases[][2] = {
        {"pc", "pc-i440fx-0"}, {"q35", "pc-q35-0"}, {"virt", "virt-0"}};

    for (size_t i = 0; i < sizeof(aliases) / sizeof(*aliases); i++)
        if (strcmp(machine_type, aliases[i][0]) == 0)
            return maqet_strdup(aliases[i][1]);
    return maqet_strdup(machine_type);
}

static bool
is_for(json_object *description, const char *arch, const char *machine_type)
{
    json_object *targets = member(description, "targets");
    _cleanup_free_ char *type = versioned(machine_type);
    size_t count = json_object_is_type(targets, json_type_array)
                       ? json_object_array_length(targets)
                       : 0;

    for (size_t i = 0; i < count; i++) {
        json_object *target = json_object_array_get_idx(targets, i);
        _cleanup_strings_ struct maqet_strings patterns = MAQET_STRINGS_INIT;

        if (!json_object_is_type(target, json_type_object) ||
            !maqet_json_is(target, "architecture", arch))
            continue;
        maqet_json_texts(member(target, "machines"), &patterns);
        for (size_t j = 0; j < patterns.count; j++)
            if (fnmatch(patterns.items[j], type, 0) == 0 ||
                fnmatch(patterns.items[j], machine_type, 0) == 0)
                return true;
    }
    return false;
}

/* Whether it boots anything without further devices or keys. */
static bool
is_plain(json_object *description)
{
    static const char *const more[] = {"enrolled-keys", "requires-smm", "secure-boot"};
    json_object *features = member(description, "features");

    for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
        if (list_has(features, more[i]))
            return false;
    return true;
}

static bool
is_file(json_object *part)
{
    const char *path = json_object_is_type(part, json_type_object)
                           ? maqet_json_text(part, "filename")
                           : NULL;

    return path && maqet_json_text(part, "format") && access(path, R_OK) == 0;
}

/* Whether it is UEFI in two flash memories, whose files are there. */
static bool
is_usable(json_object *description)
{
    json_object *mapping = member(description, "mapping");
    const char *mode = mapping ? maqet_json_text(mapping, "mode") : NULL;

    return list_has(member(description, "interface-types"), "uefi") && mapping &&
           maqet_json_is(mapping, "device", "flash") &&
           (!mode || strcmp(mode, "split") == 0) &&
           is_file(member(mapping, "executable")) &&
           is_file(member(mapping, "nvram-template"));
}

static struct maqet_uefi
uefi_of(json_object *description)
{
    json_object *mapping = member(description, "mapping");
    json_object *code = member(mapping, "executable");
    json_object *template = member(mapping, "nvram-template");

    return (struct maqet_uefi){
        .code = maqet_strdup(maqet_json_text(code, "filename")),
        .code_format = maqet_strdup(maqet_json_text(code, "format")),
        .template = maqet_strdup(maqet_json_text(template, "filename")),
        .template_format = maqet_strdup(maqet_json_text(template, "format")),
    };
}

void
maqet_uefi_clear(struct maqet_uefi *uefi)
{
    free(uefi->code);
    free(uefi->code_format);
    free(uefi->template);
    free(uefi->template_format);
    *uefi = (struct maqet_uefi){0};
}

/* ---- where they are ---- */

/* The folders, the first one with the highest precedence. */
static void
list_folders(struct maqet_strings *folders)
{
    const char *settings = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (settings && *settings == '/')
        maqet_strings_addf(folders, "%s/qemu/firmware", settings);
    else if (home && *home == '/')
        maqet_strings_addf(folders, "%s/.config/qemu/firmware", home);
    maqet_strings_add(folders, "/etc/qemu/firmware");
    maqet_strings_add(folders, "/usr/share/qemu/firmware");
}

static int
compare_names(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The names of all descriptions, each once, in their order. */
static void
list_names(const struct maqet_strings *folders, struct maqet_strings *names)
{
    for (size_t i = 0; i < folders->count; i++) {
        _cleanup_strings_ struct maqet_strings files = MAQET_STRINGS_INIT;

        maqet_dir_list(folders->items[i], &files, NULL);
        for (size_t j = 0; j < files.count; j++)
            if (maqet_text_ends(files.items[j], ".json") &&
                !maqet_strings_has(names, files.items[j]))
                maqet_strings_add(names, files.items[j]);
    }
    if (names->count > 0)
        qsort(names->items, names->count, sizeof(*names->items), compare_names);
}

/* The description of that name that counts; NULL: it is hidden, or cannot be read. */
static json_object *
read_description(const struct maqet_strings *folders, const char *name)
{
    for (size_t i = 0; i < folders->count; i++) {
        _cleanup_free_ char *path = maqet_format("%s/%s", folders->items[i], name);

        if (access(path, F_OK) == 0)
            return maqet_json_read(path, NULL);
    }
    return NULL;
}

int
maqet_uefi_find(const char *arch, const char *machine_type, struct maqet_uefi *uefi,
                struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings folders = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings names = MAQET_STRINGS_INIT;

    list_folders(&folders);
    list_names(&folders, &names);
    for (size_t i = 0; i < names.count; i++) {
        _cleanup_json_ json_object *description =
            read_description(&folders, names.items[i]);

        if (!is_for(description, arch, machine_type) || !is_plain(description) ||
            !is_usable(description))
            continue;
        *uefi = uefi_of(description);
        return 0;
    }
    _cleanup_free_ char *searched = maqet_strings_join(&folders, ", ");
    maqet_error_set(err, MAQET_ERROR_MISSING,
                    "there is no UEFI firmware for the machine type '%s' of %s; "
                    "descriptions of firmware are searched in %s",
                    machine_type, arch, searched);
    maqet_error_hint(err, "Install it (Debian: apt install %s)",
                     strcmp(arch, "aarch64") == 0 ? "qemu-efi-aarch64"
                     : strcmp(arch, "arm") == 0   ? "qemu-efi-arm"
                                                  : "ovmf");
    return -1;
}

uint64_t
maqet_uefi_template_size(const struct maqet_uefi *uefi, struct maqet_error **err)
{
    enum { TIMEOUT = 60000 };
    const char *const argv[] = {"qemu-img", "info", "-f",           uefi->template_format,
                                "--output", "json", uefi->template, NULL};
    _cleanup_free_ char *output = NULL;

    if (maqet_process_run(argv, TIMEOUT, &output, err) < 0)
        return 0;
    _cleanup_json_ json_object *info = maqet_json_parse(output, uefi->template, err);
    return info ? (uint64_t)maqet_json_int(info, "virtual-size") : 0;
}
