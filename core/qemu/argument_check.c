/* SPDX-License-Identifier: MIT */
#include "core/qemu/argument_check.h"

#include <string.h>

#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"

/* ---- one value ---- */

/* Whether the first word is this, with or without its key. */
static bool
is_of_type(const struct maqet_argument *argument, const char *type)
{
    static const char *const keys[] = {"type", "backend", "driver", "enable"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (maqet_keyval_is_of(argument->value, keys[i], type))
            return true;
    return false;
}

static bool
matches(const struct maqet_argument *argument, const struct maqet_qemu_value *row)
{
    if (!argument->value || !maqet_qemu_option_is_like(argument->known, row->option) ||
        (row->type && !is_of_type(argument, row->type)))
        return false;
    if (row->match == MAQET_QEMU_WHOLE)
        return strcmp(argument->value, row->value) == 0;
    if (!row->property)
        return true;
    _cleanup_free_ char *value = maqet_keyval_get(argument->value, NULL, row->property);
    switch (row->match) {
    case MAQET_QEMU_CONTAINS:
        return value && strstr(value, row->value);
    case MAQET_QEMU_IS_NOT:
        return !value || strcmp(value, row->value) != 0;
    default:
        return value;
    }
}

static char *
value_text(const struct maqet_qemu_value *row, const char *option)
{
    struct maqet_text text = MAQET_TEXT_INIT;

    maqet_text_appendf(&text, "-%s", option);
    if (row->match == MAQET_QEMU_WHOLE)
        maqet_text_appendf(&text, " %s", row->value);
    if (row->type)
        maqet_text_appendf(&text, " %s", row->type);
    if (row->property && row->match == MAQET_QEMU_IS_NOT)
        maqet_text_appendf(&text, " without %s=%s", row->property, row->value);
    else if (row->property)
        maqet_text_appendf(&text, "%s%s=%s", row->type ? "," : " ", row->property,
                           row->value ? row->value : "");
    return maqet_text_take(&text);
}

/* Whether QEMU would only print a list: "help", "x,help", "model=help", or with '?'. */
static bool
asks_for_help(const struct maqet_argument *argument)
{
    static const char *const words[] = {"help", "?"};
    static const char *const keys[] = {"accel", "backend", "driver",
                                       "model", "type",    "qom-type"};
    enum maqet_qemu_nature nature = argument->known->nature;

    if (nature != MAQET_QEMU_OTHER && nature != MAQET_QEMU_PROPERTIES)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (maqet_keyval_is_on(argument->value, words[i]))
            return true;
        for (size_t j = 0; j < sizeof(keys) / sizeof(*keys); j++)
            if (maqet_keyval_has(argument->value, keys[j], words[i]))
                return true;
    }
    return false;
}

/* ---- verdicts ---- */

static bool
applies(const struct maqet_qemu_verdict *verdict, enum maqet_qemu_fate fate,
        const struct maqet_qemu_manner *manner)
{
    return verdict->fate == fate &&
           (verdict->when == MAQET_QEMU_ALWAYS ||
            (verdict->when == MAQET_QEMU_SANDBOXED && manner->sandboxed) ||
            (verdict->when == MAQET_QEMU_DETACHED && manner->detached));
}

/* Reports a verdict on @what (taken): a refusal as an error, otherwise as a warning. */
static int
report(const struct maqet_argument *argument, char *what,
       const struct maqet_qemu_verdict *verdict, const struct maqet_context *context,
       struct maqet_error **err)
{
    _cleanup_free_ char *owned = what;
    _cleanup_error_ struct maqet_error *error = NULL;
    bool refused = verdict->fate == MAQET_QEMU_REFUSED;

    maqet_place_invalid(argument->place, &error, "%s%s: %s", what,
                        refused ? " cannot be used" : "", verdict->reason);
    if (verdict->instead)
        maqet_error_hint(&error, "%s", verdict->instead);
    else if (verdict->next != MAQET_NEXT_WORDS)
        maqet_error_next(&error, verdict->next, NULL);
    if (refused)
        return maqet_error_move(err, TAKE_PTR(error));
    maqet_context_say_error(context, MAQET_LEVEL_WARNING, error);
    return 0;
}

/* Reports the verdicts of that kind on an argument and its value. */
static int
apply_verdicts(const struct maqet_argument *argument, enum maqet_qemu_fate fate,
               const struct maqet_qemu_manner *manner,
               const struct maqet_context *context, struct maqet_error **err)
{
    static const struct maqet_qemu_verdict only_lists = {
        MAQET_QEMU_REFUSED,
        .reason = "QEMU only prints a list and exits, and no VM would run",
        .instead = "Run QEMU itself for that"};
    const struct maqet_qemu_verdict *verdict = &argument->known->verdict;
    const char *name = argument->name;

    if (applies(verdict, fate, manner) &&
        report(argument, maqet_format("-%s", name), verdict, context, err) < 0)
        return -1;
    if (fate == MAQET_QEMU_REFUSED && asks_for_help(argument))
        return report(argument, maqet_format("-%s %s", name, argument->value),
                      &only_lists, context, err);
    for (const struct maqet_qemu_value *row = maqet_qemu_values; row->option; row++)
        if (applies(&row->verdict, fate, manner) && matches(argument, row) &&
            report(argument, value_text(row, name), &row->verdict, context, err) < 0)
            return -1;
    return 0;
}

int
maqet_arguments_check_allowed(json_object *list, const struct maqet_qemu_manner *manner,
                              struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    struct maqet_error *error = NULL; /* of one argument */
    bool wrong = false;

    for (size_t i = 0; i < arguments.count; i++) {
        apply_verdicts(&arguments.items[i], MAQET_QEMU_REFUSED, manner, NULL, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    maqet_arguments_check_repeated(list, &error);
    return maqet_error_add(err, &error) < 0 || wrong ? -1 : 0;
}

void
maqet_arguments_warn(json_object *list, const struct maqet_qemu_manner *manner,
                     const struct maqet_context *context)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++)
        apply_verdicts(&arguments.items[i], MAQET_QEMU_WARNED, manner, context, NULL);
}

/* ---- repetitions ---- */

/* Whether the value counts beside others: for "vnc", "vnc=:1" does, but not "vncx". */
static bool
counts_beside_others(const struct maqet_argument *argument)
{
    const char *word = argument->known->beside;

    return word && argument->value && maqet_text_starts(argument->value, word) &&
           strchr(",=", argument->value[strlen(word)]);
}

/* The first property that both texts set; of the same text, one that it sets twice. NULL:
 * none. The caller frees. */
static char *
find_repeated(const char *text, const char *other, const char *implied)
{
    const char *first = implied;
    char *key, *value;

    for (const char *at = text; maqet_keyval_next(&at, first, &key, &value);
         first = NULL) {
        _cleanup_free_ char *again = other == text
                                         ? maqet_keyval_get(at, NULL, key)
                                         : maqet_keyval_get(other, implied, key);

        free(value);
        if (again)
            return key;
        free(key);
    }
    return NULL;
}

/* @key: NULL: the option itself is repeated. */
static int
error_repeated(const struct maqet_argument *argument,
               const struct maqet_argument *earlier, const char *key,
               struct maqet_error **err)
{
    _cleanup_free_ char *what =
        key ? maqet_format("gives '%s'", key) : maqet_strdup("is given");
    _cleanup_free_ char *place = maqet_place_text(earlier->place);
    bool same = earlier == argument;

    maqet_place_invalid(argument->place, err, "-%s %s twice, but QEMU takes one%s%s",
                        argument->name, what, same ? "" : "; the other is at ",
                        same ? "" : place);
    maqet_error_next(err, MAQET_NEXT_REMOVE_REPEATED, NULL);
    return -1;
}

/* Whether an argument does not repeat an earlier one, or itself, in the same file. */
static int
check_pair(const struct maqet_argument *argument, const struct maqet_argument *earlier,
           struct maqet_error **err)
{
    const struct maqet_qemu_option *known = argument->known;
    const struct maqet_place here = argument->place, there = earlier->place;

    if (!maqet_argument_is(earlier, argument->name) || counts_beside_others(argument) ||
        counts_beside_others(earlier) || !here.file || !there.file ||
        strcmp(here.file, there.file) != 0)
        return 0;
    /* The same file may have been read twice. */
    if (earlier != argument && here.line == there.line && here.column == there.column)
        return 0;
    if (known->repeat == MAQET_QEMU_LAST && earlier != argument)
        return error_repeated(argument, earlier, NULL, err);
    if (known->repeat != MAQET_QEMU_JOINED)
        return 0;
    _cleanup_free_ char *key =
        find_repeated(argument->value, earlier->value, known->implied);
    return key ? error_repeated(argument, earlier, key, err) : 0;
}

int
maqet_arguments_check_repeated(json_object *list, struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    struct maqet_error *error = NULL; /* of one argument */
    bool wrong = false;

    for (size_t i = 0; i < arguments.count; i++) {
        if (arguments.items[i].known->repeat == MAQET_QEMU_EACH)
            continue;
        for (size_t j = 0; j <= i && !error; j++)
            check_pair(&arguments.items[i], &arguments.items[j], &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    return wrong ? -1 : 0;
}
