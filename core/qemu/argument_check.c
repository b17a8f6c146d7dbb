/* SPDX-License-Identifier: MIT */
#include "core/qemu/argument_check.h"

#include <string.h>

#include "core/qemu/argument_list.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"
#include "core/qemu/repeated.h"

static bool
is_so(enum maqet_qemu_when when, const struct maqet_qemu_manner *manner)
{
    return when == MAQET_QEMU_ALWAYS ||
           (when == MAQET_QEMU_SANDBOXED && manner->sandboxed) ||
           (when == MAQET_QEMU_DETACHED && manner->detached);
}

/* ---- one value ---- */

/* Whether the first word, bare or by one of the keys that it has, is this. */
static bool
is_of_type(const struct maqet_argument *argument, const char *type)
{
    static const char *const keys[] = {"type", "backend", "driver", "enable"};
    _cleanup_free_ char *first = maqet_keyval_get(argument->value, "type", "type");

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (maqet_argument_has(argument, keys[i], type))
            return true;
    return first && strcmp(first, type) == 0;
}

static bool
matches(const struct maqet_argument *argument, const struct maqet_qemu_value *row)
{
    const char *like = maqet_qemu_option_find(argument->name)->like;

    if (!argument->value || strcmp(like ? like : argument->name, row->option) != 0 ||
        (row->type && !is_of_type(argument, row->type)))
        return false;
    if (row->match == MAQET_QEMU_WHOLE)
        return strcmp(argument->value, row->value) == 0;
    if (!row->property)
        return true;
    _cleanup_free_ char *value = maqet_argument_property(argument, row->property);
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

/* ---- the list ---- */

/* Whether it only asks QEMU for a list: "help", "x,help", "model=help", or with '?'. */
static bool
asks_for_help(const struct maqet_argument *argument)
{
    static const char *const words[] = {"help", "?"};
    static const char *const keys[] = {"accel", "backend", "driver",
                                       "model", "type",    "qom-type"};
    enum maqet_qemu_nature nature = maqet_qemu_option_find(argument->name)->nature;

    if (!argument->value ||
        (nature != MAQET_QEMU_OTHER && nature != MAQET_QEMU_PROPERTIES))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (maqet_argument_is_on(argument, words[i]))
            return true;
        for (size_t j = 0; j < sizeof(keys) / sizeof(*keys); j++)
            if (maqet_argument_has(argument, keys[j], words[i]))
                return true;
    }
    return false;
}

static int
advise(struct maqet_error **err, const char *instead, enum maqet_next next)
{
    if (instead)
        maqet_error_hint(err, "%s", instead);
    else if (next != MAQET_NEXT_WORDS)
        maqet_error_next(err, next, NULL);
    return -1;
}

static int
error_refused(const struct maqet_argument *argument, const char *what, const char *reason,
              struct maqet_error **err)
{
    return maqet_place_error(argument->place, err, MAQET_ERROR_INVALID,
                             "%s cannot be used: %s", what, reason);
}

static int
judge(const struct maqet_argument *argument, const struct maqet_qemu_manner *manner,
      struct maqet_error **err)
{
    const struct maqet_qemu_option *known = maqet_qemu_option_find(argument->name);

    if (known->fate == MAQET_QEMU_REFUSED && is_so(known->when, manner)) {
        _cleanup_free_ char *what = maqet_format("-%s", argument->name);

        error_refused(argument, what, known->reason, err);
        return advise(err, known->instead, known->next);
    }
    if (asks_for_help(argument)) {
        _cleanup_free_ char *what =
            maqet_format("-%s %s", argument->name, argument->value);

        error_refused(argument, what,
                      "QEMU only prints a list and exits, and no VM would run", err);
        return advise(err, "Run QEMU itself for that", MAQET_NEXT_WORDS);
    }
    for (const struct maqet_qemu_value *row = maqet_qemu_values(); row->option; row++) {
        if (row->fate != MAQET_QEMU_REFUSED || !is_so(row->when, manner) ||
            !matches(argument, row))
            continue;
        _cleanup_free_ char *what = value_text(row, argument->name);
        error_refused(argument, what, row->reason, err);
        return advise(err, row->instead, row->next);
    }
    return 0;
}

int
maqet_arguments_check_allowed(json_object *list, const struct maqet_qemu_manner *manner,
                      struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++)
        if (judge(&arguments.items[i], manner, err) < 0)
            return -1;
    return maqet_arguments_check_repeated(list, err);
}

static void
warn(const struct maqet_argument *argument, const char *what, const char *reason,
     const char *instead, enum maqet_next next, const struct maqet_context *context)
{
    _cleanup_error_ struct maqet_error *notice = NULL;

    maqet_place_error(argument->place, &notice, MAQET_ERROR_INVALID, "%s: %s", what,
                      reason);
    advise(&notice, instead, next);
    maqet_context_say_error(context, MAQET_LEVEL_WARNING, notice);
}

void
maqet_arguments_warn(json_object *list, const struct maqet_qemu_manner *manner,
                     const struct maqet_context *context)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        const struct maqet_qemu_option *known = maqet_qemu_option_find(argument->name);

        if (known->fate == MAQET_QEMU_WARNED && is_so(known->when, manner)) {
            _cleanup_free_ char *what = maqet_format("-%s", argument->name);

            warn(argument, what, known->reason, known->instead, known->next, context);
        }
        for (const struct maqet_qemu_value *row = maqet_qemu_values(); row->option;
             row++) {
            if (row->fate != MAQET_QEMU_WARNED || !is_so(row->when, manner) ||
                !matches(argument, row))
                continue;
            _cleanup_free_ char *what = value_text(row, argument->name);
            warn(argument, what, row->reason, row->instead, row->next, context);
        }
    }
}
