/* SPDX-License-Identifier: MIT */
/*
 * check_calls.c - callbacks for drives without faults: they give the same result each
 * time, keep drives apart, and set errors as they should.
 */
#include <string.h>

#include "core/conformance/checks.h"
#include "core/conformance/scenarios.h"
#include "core/conformance/variants.h"
#include "core/qemu/objects.h"
#include "core/storage/slots.h"

/* ---- drive ---- */

static int
check_drive(struct bench *bench, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *reason = NULL;
    _cleanup_drive_ struct maqet_drive *drive = bench_drive(bench, "disk", 0, &reason);

    if (drive)
        return 0;
    bench_fail(err, NULL, "it refuses a drive with nothing but what is required: %s",
               reason->message);
    maqet_error_next(err, MAQET_NEXT_SET_OPTION, NULL);
    maqet_error_hints(err, reason);
    return -1;
}

/* ---- validate ---- */

/* The error message for an entry, or "". The caller frees. */
static char *
answer_to(struct bench *bench, json_object *entry)
{
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *copy = maqet_tree_copy(entry);
    /* Not bench_drive_of(), which may make an image: the plugin would seem to have made it. */
    _cleanup_drive_ struct maqet_drive *drive =
        maqet_drive_new(&bench->context, &bench->machine, copy, &error);

    return maqet_strdup(error ? error->message : "");
}

static int
validate_twice(struct bench *bench, json_object *entry, const char *what,
               struct maqet_error **err)
{
    _cleanup_free_ char *before = bench_picture(bench->folder);
    _cleanup_free_ char *first = answer_to(bench, entry);
    _cleanup_free_ char *second = answer_to(bench, entry);

    if (strcmp(first, second) != 0)
        return bench_fail(err, "Keep nothing between two calls",
                          "for the same drive (%s), validate first reports '%s' and then "
                          "'%s' (empty: success)",
                          what, first, second);
    if (strstr(first, "without saying why"))
        return bench_fail(err, "Call maqet_drive_error() before you return -1", "%s",
                          first);
    _cleanup_free_ char *who = maqet_format("validate (%s)", what);
    return bench_check_unchanged(bench, before, who, err);
}

/* Calls the plugin's validate for a drive that has passed it. */
static int
validate_again(struct bench *bench, struct maqet_error **err)
{
    for (int i = 0; bench->validate && i < 3; i++) {
        _cleanup_error_ struct maqet_error *reason = NULL;

        if (scenario_call(&scenarios[0], bench, &reason) != 0 || reason)
            return bench_fail(err, "Keep nothing between two calls",
                              "validate refuses a drive that it accepted before: %s",
                              reason ? reason->message : "(no error was set)");
    }
    return 0;
}

static int
check_validate(struct bench *bench, struct maqet_error **err)
{
    return validate_again(bench, err) < 0 ? -1 : variants_try(bench, validate_twice, err);
}

/* ---- emit ---- */

static bool
emits(const struct maqet_args *args, const char *option, const char *id)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *object = args->objects[i];

        if (strcmp(object->option, option) == 0 && (!id || strcmp(object->id, id) == 0))
            return true;
    }
    return false;
}

/* Each ID shows to which drive the object belongs, or that it is maqet's. */
static int
check_ids(const struct maqet_args *args, const char *name, struct maqet_error **err)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct maqet_props *object = args->objects[i];

        if (!maqet_text_starts(object->id, name) &&
            !maqet_text_starts(object->id, "maqet-"))
            return bench_fail(err,
                              "Begin every ID with maqet_drive_name(): other drives of "
                              "the VM have such objects, too",
                              "it emits a %s with the ID '%s', which does not begin with "
                              "the drive's name '%s'",
                              object->option, object->id, name);
    }
    return 0;
}

static int
check_emitted(const struct bench *bench, const struct maqet_drive *drive,
              const struct maqet_args *args, const char *what, struct maqet_error **err)
{
    bool is_share = !bench->storage->plugin.interface;
    bool empty = maqet_drive_empty(drive);

    if (!is_share && !empty && !emits(args, "-blockdev", maqet_drive_node(drive)))
        return bench_fail(err,
                          "Call maqet_args_blockdev(args, maqet_drive_name(drive)): the "
                          "interface finds it by that name",
                          "emit_args emits no -blockdev with the drive's name (%s)",
                          what);
    if (bench->is_iface && !emits(args, "-device", drive->name))
        return bench_fail(err, "Call maqet_args_device() with maqet_drive_name(drive)",
                          "emit_device emits no -device with the drive's name as its ID "
                          "(%s)",
                          what);
    if (is_share && !emits(args, "-device", NULL))
        return bench_fail(err,
                          "Emit a device, or name an .interface that attaches the drive",
                          "a storage without an .interface is a share, and it emits no "
                          "-device (%s)",
                          what);
    return check_ids(args, drive->name, err);
}

/* What a drive emits, as a command line. NULL on error; the caller frees. */
static char *
emitted_text(struct maqet_drive *drive, struct maqet_error **err)
{
    _cleanup_strings_ struct maqet_strings argv = MAQET_STRINGS_INIT;
    _cleanup_args_ struct maqet_args *args = maqet_args_new();

    if (maqet_drives_emit(&drive, 1, NULL, args, NULL, err) < 0)
        return NULL;
    maqet_args_render(args, &argv);
    return maqet_strings_join(&argv, " ");
}

static int
emit_twice(struct bench *bench, struct maqet_drive *drive, const char *what,
           struct maqet_error **err)
{
    _cleanup_args_ struct maqet_args *args = maqet_args_new();
    _cleanup_free_ char *first = emitted_text(drive, err);
    _cleanup_free_ char *second = first ? emitted_text(drive, err) : NULL;

    if (!second || maqet_drives_emit(&drive, 1, NULL, args, NULL, err) < 0)
        return maqet_error_wrap(err, "emitting a drive that validate accepted (%s)",
                                what);
    if (strcmp(first, second) != 0)
        return bench_fail(err, "Keep nothing between two calls, and read no clock",
                          "the second call emits something else (%s): %s", what, second);
    return check_emitted(bench, drive, args, what, err);
}

static int
emit_entry(struct bench *bench, json_object *entry, const char *what,
           struct maqet_error **err)
{
    _cleanup_drive_ struct maqet_drive *drive = bench_drive_of(bench, entry, NULL);

    /* validate may refuse it. */
    return drive ? emit_twice(bench, drive, what, err) : 0;
}

static int
check_emit(struct bench *bench, struct maqet_error **err)
{
    return emit_twice(bench, bench->drive, "plain", err) < 0
               ? -1
               : variants_try(bench, emit_entry, err);
}

/* ---- asked ---- */

/* Keeps the first message. */
static void
keep_misuse(void *data, const char *message)
{
    struct bench *bench = data;

    if (!bench->misuse)
        bench->misuse = maqet_strdup(message);
}

static int
ask_entry(struct bench *bench, json_object *entry, const char *what,
          struct maqet_error **err)
{
    (void)what;
    (void)err;
    maqet_drive_free(bench_drive_of(bench, entry, NULL));
    return 0;
}

/* A misspelt option reads as absent, so no other check notices it. */
static int
check_asked(struct bench *bench, struct maqet_error **err)
{
    bench->context.misuse = keep_misuse;
    if (scenarios_live(bench, "asked", err) < 0)
        return -1;
    if (!bench->misuse)
        variants_try(bench, ask_entry, err);
    return bench->misuse
               ? bench_fail(err, "Write its name as in the table", "%s", bench->misuse)
               : 0;
}

/* ---- two drives ---- */

/* What the drive @whose emitted before and after the drive @other was created. */
static int
check_apart(const char *before, const char *after, const char *whose, const char *other,
            struct maqet_error **err)
{
    static const char hint[] = "Keep nothing in static variables: all state comes in the "
                               "arguments";

    if (strcmp(before, after) != 0)
        return bench_fail(err, hint,
                          "the drive '%s' emits something else since the drive '%s' was "
                          "created: %s",
                          whose, other, after);
    if (strstr(before, other))
        return bench_fail(err, hint,
                          "the drive '%s' emits what belongs to the drive '%s'", whose,
                          other);
    return 0;
}

static int
check_two_drives(struct bench *bench, struct maqet_error **err)
{
    static const char one[] = "first-of-two", other[] = "second-of-two";
    static const char hint[] =
        "If the check `inspect` passes, keep nothing in static variables";
    _cleanup_drive_ struct maqet_drive *a = bench_drive(bench, one, 0, err);
    _cleanup_free_ char *a_text = a ? emitted_text(a, err) : NULL;
    _cleanup_drive_ struct maqet_drive *b =
        a_text ? bench_drive(bench, other, 2 * BENCH_SIZE, err) : NULL;
    _cleanup_free_ char *b_text = b ? emitted_text(b, err) : NULL;
    _cleanup_free_ char *a_again = b_text ? emitted_text(a, err) : NULL;
    _cleanup_free_ char *b_again = a_again ? emitted_text(b, err) : NULL;

    if (!b_again || check_apart(a_text, a_again, one, other, err) < 0 ||
        check_apart(b_text, b_again, other, one, err) < 0)
        return -1;
    if (bench->is_iface || bench->storage->plugin.creation == MAQET_CREATION_NEVER)
        return 0;
    if (bench_prepare(a, err) < 0 || bench_prepare(b, err) < 0)
        return -1;
    if (!bench->storage->plugin.path_option)
        return 0;
    return bench_check_size(bench, a, "of two drives the first", hint, err) < 0
               ? -1
               : bench_check_size(bench, b, "of two drives the second", hint, err);
}

/* ---- errors ---- */

static const char *
word_of(int result)
{
    return result == 0 ? "success (0)" : "a failure (-1)";
}

static int
check_result(const char *name, int result, const struct maqet_error *error,
             struct maqet_error **err)
{
    if (result != 0 && result != -1)
        return bench_fail(err, "Return 0 or -1", "%s returns %d, which has no meaning",
                          name, result);
    if (result == 0 && error)
        return bench_fail(err, "Return -1 when an error was set, or set none",
                          "%s reports success, and sets an error: %s", name,
                          error->message);
    if (result == -1 && !error)
        return bench_fail(err,
                          "Call maqet_error_set() or maqet_drive_error(), which return "
                          "-1, for every failure",
                          "%s fails without setting an error", name);
    if (error && (!*error->message || strchr(error->message, '\n') ==
                                          error->message + strlen(error->message) - 1))
        return bench_fail(err, "Write one sentence without a line feed at its end",
                          "%s fails with a message that is empty or ends with a line "
                          "feed",
                          name);
    if (error &&
        (error->code < MAQET_ERROR_FAILED || error->code > MAQET_ERROR_PERMISSION))
        return bench_fail(err, "Use one of the MAQET_ERROR_ codes",
                          "%s fails with the unknown code %d", name, (int)error->code);
    return 0;
}

/* Makes each call with an @err; @compares: also with NULL. */
static int
check_scenarios(struct bench *bench, bool compares, struct maqet_error **err)
{
    if (!bench->is_iface && bench_prepare(bench->drive, err) < 0)
        return -1;
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        _cleanup_error_ struct maqet_error *error = NULL;
        int with = scenario_call(scenario, bench, &error);
        int without = compares ? scenario_call(scenario, bench, NULL) : with;

        if (with == SCENARIO_NONE || without == SCENARIO_NONE)
            continue;
        if (with != without)
            return bench_fail(err, "Never look at *err to learn whether something failed",
                              "%s reports %s with an err, and %s when err is NULL",
                              scenario->name, word_of(with), word_of(without));
        if (!compares && check_result(scenario->name, with, error, err) < 0)
            return -1;
    }
    return 0;
}

static int
check_errors(struct bench *bench, struct maqet_error **err)
{
    return check_scenarios(bench, false, err);
}

static int
check_null_errors(struct bench *bench, struct maqet_error **err)
{
    return check_scenarios(bench, true, err);
}

const struct check checks_of_calls[] = {
    {"drive", OF_BOTH, NEEDS_PLUGIN, 20, check_drive,
     "A drive with made-up options, and those that the author sets, is accepted"},
    {"validate", OF_BOTH, NEEDS_DRIVE, 30, check_validate,
     "validate gives the same result twice, and changes nothing"},
    {"emit", OF_BOTH, NEEDS_DRIVE, 30, check_emit,
     "What is emitted has the IDs that maqet expects, and is the same twice"},
    {"asked", OF_BOTH, NEEDS_DRIVES, 60, check_asked,
     "Every option that the plugin asks for is in its table"},
    {"two-drives", OF_BOTH, NEEDS_DRIVES, 30, check_two_drives,
     "Two drives of one VM do not affect each other: nothing is kept in variables"},
    {"errors", OF_BOTH, NEEDS_DRIVE | NEEDS_THERE, 30, check_errors,
     "A callback that fails returns -1 and sets an error with a message; otherwise it "
     "returns 0 and sets none"},
    {"null-errors", OF_BOTH, NEEDS_DRIVE | NEEDS_THERE, 30, check_null_errors,
     "A callback that is called with err == NULL does the same"},
    {0},
};
