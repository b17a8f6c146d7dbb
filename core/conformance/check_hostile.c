/* SPDX-License-Identifier: MIT */
/*
 * check_hostile.c - hostile values, in every option.
 */
#include <string.h>

#include "core/config/options.h"
#include "core/conformance/checks.h"
#include "core/conformance/made_up.h"
#include "core/conformance/variants.h"
#include "core/qemu/objects.h"
#include "core/storage/creation.h"
#include "core/storage/slots.h"

/* Counts the objects that a drive emits; none if it is refused, which is allowed. */
static int
count_objects(struct maqet_drive *drive, size_t *count, struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_error_ struct maqet_error *error = NULL;

    *count = 0;
    if (maqet_drives_emit(&drive, 1, NULL, args, NULL, &error) == 0)
        *count = args->count;
    /* The core finds keys and values that QEMU cannot take. The plugin need not refuse a
     * value for invalid UTF-8. */
    else if (strstr(error->message, "QEMU cannot take") &&
             !strstr(error->message, "UTF-8"))
        return bench_fail(err, "Refuse it in validate, or don't use it in keys and IDs",
                          "%s", error->message);
    return 0;
}

/* How many objects there are with usual values of the option: some need one more. */
static size_t
usual_count(struct bench *bench, const char *option)
{
    const char *const values[] = {NULL, "maqet", bench->folder};
    size_t most = 0;

    bench_doing(bench, "usual values of '%s'", option);
    for (int i = 0; i < 3; i++) {
        _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);
        size_t count = 0;

        if (values[i])
            made_up_set(bench, entry, option, values[i]);
        _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, NULL);
        if (drive && count_objects(drive, &count, NULL) == 0 && count > most)
            most = count;
    }
    return most;
}

/* @creates: an image is created as well, so that a tool gets the value. */
static int
try_value(struct bench *bench, const char *option, const char *value, const char *what,
          size_t usual, bool creates, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", 0);
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;
    size_t count;

    made_up_set(bench, entry, option, value);
    bench_doing(bench, "%s in '%s'", what, option);
    _cleanup_drive_ struct maqet_drive *drive =
        maqet_drive_new(&bench->context, &bench->machine, entry, &error);
    if (drive && count_objects(drive, &count, err) < 0)
        return maqet_error_wrap(err, "With %s in '%s'", what, option);
    if (drive && count > usual)
        return bench_fail(err, "Set it with one maqet_props_ call; never join texts",
                          "with %s in '%s' there are %zu objects instead of %zu", what,
                          option, count, usual);
    if (drive && drive->path && creates) {
        if (maqet_image_precheck(drive, &state, NULL) == 0)
            bench_prepare(drive, &error);
        unlink(drive->path);
    }
    return error && strstr(error->message, "without saying why")
               ? bench_fail(err, "Set an error for every failure, by maqet_drive_error()",
                            "with %s in '%s': %s", what, option, error->message)
               : 0;
}

static int
try_option(struct bench *bench, const char *option, struct maqet_error **err)
{
    const struct maqet_option *row = maqet_options_find(bench->options, option);
    const char *path_option = bench->storage->plugin.path_option;
    bool is_text = row->type == MAQET_OPTION_STRING || row->type == MAQET_OPTION_PATH;
    bool is_path = path_option && strcmp(path_option, option) == 0;
    size_t usual = usual_count(bench, option);
    const char *what;

    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *value = variant_hostile(i, &what);

        if (!value)
            return 0;
        if (try_value(bench, option, value, what, usual,
                      !bench->is_iface && is_text && !is_path, err) < 0)
            return -1;
    }
}

static int
check_hostile_values(struct bench *bench, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings options = MAQET_STRINGS_INIT;

    variants_options(bench->options, &options);
    for (size_t i = 0; i < options.count; i++)
        if (try_option(bench, options.items[i], err) < 0)
            return -1;
    return options.count > 0 ? 0 : bench_skip(bench, "it has no options");
}

const struct check checks_of_hostile_values[] = {
    {"hostile-values", OF_BOTH, NEEDS_DRIVE, 60, check_hostile_values,
     "Any value of an option (very long, control characters, commas, %n, invalid UTF-8) "
     "is refused, or becomes one value of one object"},
    {0},
};
