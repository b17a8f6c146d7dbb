/* SPDX-License-Identifier: MIT */
/*
 * check_hostile.c - values that mean no good, in every option.
 */
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/emitted.h"
#include "core/conformance/variants.h"
#include "core/storage/creation.h"

/* A value may be no text that QEMU takes: that is told by the core, in words. */
static bool
is_no_text(const struct maqet_error *error)
{
    return strstr(error->message, "UTF-8");
}

/* Reads what a drive emits. 1: it is refused, as it may be. */
static int
read_objects(struct bench *bench, struct maqet_drive *drive, struct emitted_list *list,
             struct maqet_strings *argv, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_free_ char *fault = NULL;

    if (bench_emit(bench, drive, argv, &error) < 0) {
        if (strstr(error->message, "QEMU cannot take") && !is_no_text(error))
            return bench_fail(err,
                              "Refuse the value in validate, or don't make keys and "
                              "ids of it",
                              "%s", error->message);
        return 1;
    }
    return emitted_read(argv, list, &fault) < 0 ? bench_fail(err, NULL, "%s", fault) : 0;
}

/* How many objects the option has when it is used well: some values need one more. */
static size_t
usual_count(struct bench *bench, const struct variant_option *option)
{
    size_t most = 0;

    for (int i = 0; i < 3; i++) {
        _cleanup_json_ json_object *entry = bench_entry(bench, "disk", NULL, 0);
        _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

        if (i == 1)
            bench_set(entry, option->name, "maqet");
        else if (i == 2)
            bench_set(entry, option->name, bench->folder);
        _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, NULL);
        if (drive && bench_emit(bench, drive, &argv, NULL) == 0 && argv.count / 2 > most)
            most = argv.count / 2;
    }
    return most;
}

static int
try_value(struct bench *bench, const struct variant_option *option, const char *value,
          const char *what, size_t usual, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, "disk", NULL, 0);
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_emitted_ struct emitted_list list = {0};
    _cleanup_error_ struct maqet_error *error = NULL;

    bench_set(entry, option->name, value);
    bench_doing(bench, "validate with %s in '%s'", what, option->name);
    _cleanup_drive_ struct maqet_drive *drive =
        maqet_drive_new(&bench->context, &bench->machine, entry, &error);
    if (!drive) {
        if (strstr(error->message, "without saying why"))
            return bench_fail(err, "Call maqet_drive_error() before you return -1",
                              "with %s in '%s': %s", what, option->name, error->message);
        return 0;
    }
    int refused = read_objects(bench, drive, &list, &argv, err);
    if (refused < 0)
        return maqet_error_wrap(err, "With %s in '%s'", what, option->name);
    if (refused == 0 && list.count > usual)
        return bench_fail(err,
                          "Set a value by one maqet_props_ call, and never join texts",
                          "with %s in '%s' there are %zu objects instead of %zu", what,
                          option->name, list.count, usual);
    return 0;
}

/* What a tool's command line is made of: the same values, where an image is made. */
static int
try_creation(struct bench *bench, const struct variant_option *option, const char *value,
             const char *what, struct maqet_error **err)
{
    _cleanup_json_ json_object *entry = bench_entry(bench, "made", NULL, 0);
    _cleanup_error_ struct maqet_error *error = NULL;
    struct maqet_image_state state;

    bench_set(entry, option->name, value);
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, NULL);
    if (!drive || !drive->path)
        return 0;
    bench_doing(bench, "create with %s in '%s'", what, option->name);
    int result = maqet_image_precheck(drive, &state, NULL) < 0
                     ? 0
                     : bench_prepare(bench, drive, &error);
    unlink(drive->path);
    if (result < 0 && strstr(error->message, "without saying why"))
        return bench_fail(err, "Set an error for every failure",
                          "create with %s in '%s': %s", what, option->name,
                          error->message);
    return 0;
}

static bool
is_text(const struct variant_option *option)
{
    return option->row->type == MAQET_OPTION_STRING ||
           option->row->type == MAQET_OPTION_PATH;
}

int
check_hostile_values(struct bench *bench, struct maqet_error **err)
{
    _cleanup_variant_options_ struct variant_options options = {0};
    const char *path_option = bench->storage->plugin.path_option;

    variant_options_list(bench, &options);
    if (options.count == 0)
        return bench_skip(bench, "it has no options");
    for (size_t i = 0; i < options.count; i++) {
        const struct variant_option *option = &options.items[i];
        size_t usual = usual_count(bench, option);
        bool is_path = path_option && strcmp(path_option, option->name) == 0;
        const char *what;

        for (unsigned j = 0;; j++) {
            _cleanup_free_ char *value = variant_hostile(j, &what);

            if (!value)
                break;
            if (try_value(bench, option, value, what, usual, err) < 0)
                return -1;
            if (!bench->is_iface && is_text(option) && !is_path &&
                try_creation(bench, option, value, what, err) < 0)
                return -1;
        }
    }
    return 0;
}
