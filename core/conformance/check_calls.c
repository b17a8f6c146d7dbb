/* SPDX-License-Identifier: MIT */
/*
 * check_calls.c - what validate and the emitting callbacks say of drives that are as they
 * should be: the same whenever they are asked, and nothing of another drive.
 */
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/emitted.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/variants.h"

/* ---- drive ---- */

int
check_drive(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_drive_ struct maqet_drive *drive =
        bench_drive(bench, "disk", NULL, 0, &reason);

    if (drive)
        return 0;
    bench_fail(err, NULL, "it refuses a drive with nothing but what is required: %s",
               reason->message);
    maqet_error_next(err, MAQET_NEXT_SET_OPTION, NULL);
    maqet_error_hints(err, reason);
    return -1;
}

/* ---- validate ---- */

/* What is said of an entry: the message, or "". The caller frees. */
static char *
answer_to(struct bench *bench, json_object *entry)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *copy = maqet_tree_copy(entry);
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, copy, &error);

    return maqet_strdup(error ? error->message : "");
}

static int
validate_twice(struct bench *bench, json_object *entry, const char *what,
               struct maqet_error **err)
{
    _cleanup_free_ char *before = bench_picture(bench->folder);
    _cleanup_free_ char *first = answer_to(bench, entry);
    _cleanup_free_ char *second = answer_to(bench, entry);
    _cleanup_free_ char *after = bench_picture(bench->folder);

    if (strcmp(first, second) != 0)
        return bench_fail(err, "Keep nothing between two calls",
                          "for the same drive (%s) validate says first '%s' and then "
                          "'%s' (nothing: that all is well)",
                          what, first, second);
    if (strstr(first, "without saying why"))
        return bench_fail(err, "Call maqet_drive_error() before you return -1", "%s",
                          first);
    if (strcmp(before, after) != 0)
        return bench_fail(err, "Only look: create is for making things",
                          "validate has changed files in the image's folder (%s)", what);
    return 0;
}

/* The plugin's own callback, for a drive that has passed it. */
static int
validate_again(struct bench *bench, const struct maqet_drive *drive,
               struct maqet_error **err)
{
    int (*validate)(const struct maqet_drive *, struct maqet_error **) =
        bench->is_iface ? drive->iface->plugin.validate : drive->storage->plugin.validate;

    for (int i = 0; validate && i < 3; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (validate(drive, &reason) != 0 || reason)
            return bench_fail(err, "Keep nothing between two calls",
                              "validate refuses a drive that it accepted before: %s",
                              reason ? reason->message : "(no error was set)");
    }
    return 0;
}

int
check_validate(struct bench *bench, struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", NULL, 0, err);

    if (!drive || validate_again(bench, drive, err) < 0)
        return -1;
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *what = NULL;
        /* A new name each time, so that what is made for it is new, too. */
        _cleanup_free_ char *name = maqet_format("disk-%u", i);
        _cleanup_json_ json_object *entry = variant_entry(bench, i, name, &what);

        if (!entry)
            return 0;
        if (validate_twice(bench, entry, what, err) < 0)
            return -1;
    }
}

/* ---- emit ---- */

/* Objects besides the drive's own have ids by which one sees whose they are. */
static int
check_ids(const struct emitted_list *list, const char *name, struct maqet_error **err)
{
    for (size_t i = 0; i < list->count; i++)
        if (!maqet_text_starts(list->items[i].id, name) &&
            !maqet_text_starts(list->items[i].id, "maqet-"))
            return bench_fail(err,
                              "Begin every id with maqet_drive_name(): other drives of "
                              "the machine have such objects, too",
                              "it emits a %s with the id '%s', which does not begin with "
                              "the drive's name '%s'",
                              list->items[i].option, list->items[i].id, name);
    return 0;
}

static int
check_emitted(const struct bench *bench, const struct maqet_drive *drive,
              const struct emitted_list *list, const char *what, struct maqet_error **err)
{
    bool is_share = !bench->storage->plugin.interface;
    bool empty =
        drive->media == MAQET_MEDIA_CDROM && bench_has_path(bench) && !drive->path;

    if (!is_share && !empty && !emitted_find(list, "-blockdev", maqet_drive_node(drive)))
        return bench_fail(err,
                          "Call maqet_args_blockdev(args, maqet_drive_name(drive)): by "
                          "that name the interface finds it",
                          "emit_args makes no -blockdev with the drive's name (%s)",
                          what);
    if (bench->is_iface && !emitted_find(list, "-device", drive->name))
        return bench_fail(err, "Call maqet_args_device() with maqet_drive_name(drive)",
                          "emit_device makes no -device with the drive's name for its id "
                          "(%s)",
                          what);
    if (is_share && emitted_count(list, "-device") == 0)
        return bench_fail(err,
                          "Emit a device, or name an .interface that attaches the drive",
                          "a storage without an .interface is a share, and it emits no "
                          "-device (%s)",
                          what);
    return check_ids(list, drive->name, err);
}

static int
emit_twice(struct bench *bench, struct maqet_drive *drive, const char *what,
           struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings first = MAQET_STRINGS_INIT;
    _cleanup_strings_ struct maqet_strings second = MAQET_STRINGS_INIT;
    _cleanup_emitted_ struct emitted_list list = {0};
    _cleanup_free_ char *fault = NULL;

    if (bench_emit(bench, drive, &first, err) < 0 ||
        bench_emit(bench, drive, &second, err) < 0)
        return maqet_error_wrap(err, "emitting a drive that validate accepted (%s)",
                                what);
    _cleanup_free_ char *one = maqet_strings_join(&first, " ");
    _cleanup_free_ char *two = maqet_strings_join(&second, " ");
    if (strcmp(one, two) != 0)
        return bench_fail(err, "Keep nothing between two calls, and ask no clock",
                          "the second call emits something else (%s): %s", what, two);
    if (emitted_read(&first, &list, &fault) < 0)
        return bench_fail(err, NULL, "%s", fault);
    return check_emitted(bench, drive, &list, what, err);
}

int
check_emit(struct bench *bench, struct maqet_error **err)
{
    unsigned tried = 0;

    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *what = NULL;
        _cleanup_json_ json_object *entry = variant_entry(bench, i, "disk", &what);
        _cleanup_drive_ struct maqet_drive *drive =
            i == 0 ? bench_drive(bench, "disk", NULL, 0, err)
                   : (entry ? bench_drive_of(bench, entry, NULL) : NULL);

        if (i == 0 && !drive)
            return -1;
        if (!entry)
            return tried > 0 ? 0 : bench_skip(bench, "no drive was accepted");
        /* One that validate refuses has nothing to emit. */
        if (!drive)
            continue;
        if (emit_twice(bench, drive, what, err) < 0)
            return -1;
        tried++;
    }
}

/* ---- asked ---- */

/* Keeps the first. */
static void
note(void *data, const char *message)
{
    char **first = data;

    if (!*first)
        *first = maqet_strdup(message);
}

/* What is misspelt reads as absent, so nothing else shows it. */
int
check_asked(struct bench *bench, struct maqet_error **err)
{
    _cleanup_free_ char *first = NULL;

    bench->context.misuse = note;
    bench->context.data = &first;
    int result = scenarios_live(bench, "asked", err);
    for (unsigned i = 0; result == 0 && !first; i++) {
        _cleanup_free_ char *what = NULL;
        _cleanup_free_ char *name = maqet_format("asked-%u", i);
        _cleanup_json_ json_object *entry = variant_entry(bench, i, name, &what);

        if (!entry)
            break;
        maqet_drive_free(bench_drive_of(bench, entry, NULL));
    }
    bench->context.misuse = NULL;
    bench->context.data = NULL;
    return result == 0 && first
               ? bench_fail(err, "Write its name as in the table", "%s", first)
               : result;
}

/* ---- two drives ---- */

static char *
emitted_text(struct bench *bench, struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;

    return bench_emit(bench, drive, &argv, err) < 0 ? NULL
                                                    : maqet_strings_join(&argv, " ");
}

/* @seen is what was emitted of @whose; nothing of @other may be in it. */
static int
check_alone(const char *seen, const char *again, const char *whose, const char *other,
            struct maqet_error **err)
{
    static const char hint[] = "Keep nothing in static variables: all state comes in the "
                               "arguments";

    if (strcmp(seen, again) != 0)
        return bench_fail(err, hint,
                          "the drive '%s' emits something else since there is the drive "
                          "'%s': %s",
                          whose, other, again);
    if (strstr(seen, other))
        return bench_fail(err, hint,
                          "the drive '%s' emits what belongs to the drive '%s'", whose,
                          other);
    return 0;
}

static int
check_size_of(const struct bench *bench, const struct maqet_drive *drive,
              struct maqet_error **err)
{
    uint64_t wanted = maqet_drive_size(drive, "size");
    struct maqet_image_state state;

    if (!bench_has_path(bench) || !bench_has_size(bench))
        return 0;
    if (maqet_image_inspect(drive, &state, err) < 0)
        return -1;
    if (state.virtual_size == 0 || state.virtual_size / 512 == (wanted + 511) / 512)
        return 0;
    return bench_fail(err,
                      "If the check `inspect` passes, keep nothing in static variables",
                      "of two drives '%s' has the size %llu instead of %llu", drive->name,
                      (unsigned long long)state.virtual_size, (unsigned long long)wanted);
}

int
check_two_drives(struct bench *bench, struct maqet_error **err)
{
    static const char one[] = "first-of-two", other[] = "second-of-two";
    _cleanup_drive_ struct maqet_drive *a = bench_drive(bench, one, NULL, 0, err);
    _cleanup_free_ char *a_text = a ? emitted_text(bench, a, err) : NULL;
    _cleanup_drive_ struct maqet_drive *b =
        a_text ? bench_drive(bench, other, NULL, 2 * BENCH_SIZE, err) : NULL;
    _cleanup_free_ char *b_text = b ? emitted_text(bench, b, err) : NULL;
    _cleanup_free_ char *a_again = b_text ? emitted_text(bench, a, err) : NULL;
    _cleanup_free_ char *b_again = a_again ? emitted_text(bench, b, err) : NULL;

    if (!b_again || check_alone(a_text, a_again, one, other, err) < 0 ||
        check_alone(b_text, b_again, other, one, err) < 0)
        return -1;
    if (bench->is_iface)
        return 0;
    if (bench_prepare(bench, a, err) < 0 || bench_prepare(bench, b, err) < 0)
        return -1;
    return check_size_of(bench, a, err) < 0 ? -1 : check_size_of(bench, b, err);
}
