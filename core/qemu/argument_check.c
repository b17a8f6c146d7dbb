/* SPDX-License-Identifier: MIT */
#include "core/qemu/argument_check.h"

#include <string.h>

#include "core/qemu/arguments.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"

/* ---- one value ---- */

/* Whether the first word, bare or by one of the keys that it has, is this. */
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
    const char *like = maqet_qemu_option_find(argument->name)->like;

    if (!argument->value || strcmp(like ? like : argument->name, row->option) != 0 ||
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
        if (maqet_keyval_is_on(argument->value, words[i]))
            return true;
        for (size_t j = 0; j < sizeof(keys) / sizeof(*keys); j++)
            if (maqet_keyval_has(argument->value, keys[j], words[i]))
                return true;
    }
    return false;
}

/* ---- what becomes of it ---- */

/* Whether a verdict is of that kind, for a QEMU that runs in this manner. */
static bool
applies(const struct maqet_qemu_verdict *verdict, enum maqet_qemu_fate fate,
        const struct maqet_qemu_manner *manner)
{
    return verdict->fate == fate &&
           (verdict->when == MAQET_QEMU_ALWAYS ||
            (verdict->when == MAQET_QEMU_SANDBOXED && manner->sandboxed) ||
            (verdict->when == MAQET_QEMU_DETACHED && manner->detached));
}

/* Makes an error of a verdict on @what (taken). Returns -1. */
static int
set_verdict(const struct maqet_argument *argument, char *what,
            const struct maqet_qemu_verdict *verdict, struct maqet_error **err)
{
    _cleanup_free_ char *owned = what;
    bool refused = verdict->fate == MAQET_QEMU_REFUSED;

    maqet_place_error(argument->place, err, MAQET_ERROR_INVALID, "%s%s: %s", what,
                      refused ? " cannot be used" : "", verdict->reason);
    if (verdict->instead)
        maqet_error_hint(err, "%s", verdict->instead);
    else if (verdict->next != MAQET_NEXT_WORDS)
        maqet_error_next(err, verdict->next, NULL);
    return -1;
}

static int
check_argument(const struct maqet_argument *argument,
               const struct maqet_qemu_manner *manner, struct maqet_error **err)
{
    static const struct maqet_qemu_verdict only_lists = {
        MAQET_QEMU_REFUSED,
        .reason = "QEMU only prints a list and exits, and no VM would run",
        .instead = "Run QEMU itself for that"};
    const struct maqet_qemu_verdict *verdict =
        &maqet_qemu_option_find(argument->name)->verdict;

    if (applies(verdict, MAQET_QEMU_REFUSED, manner))
        return set_verdict(argument, maqet_format("-%s", argument->name), verdict, err);
    if (asks_for_help(argument))
        return set_verdict(argument,
                           maqet_format("-%s %s", argument->name, argument->value),
                           &only_lists, err);
    for (const struct maqet_qemu_value *row = maqet_qemu_values; row->option; row++)
        if (applies(&row->verdict, MAQET_QEMU_REFUSED, manner) && matches(argument, row))
            return set_verdict(argument, value_text(row, argument->name), &row->verdict,
                               err);
    return 0;
}

int
maqet_arguments_check_allowed(json_object *list, const struct maqet_qemu_manner *manner,
                              struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);

    for (size_t i = 0; i < arguments.count; i++)
        if (check_argument(&arguments.items[i], manner, err) < 0)
            return -1;
    return maqet_arguments_check_repeated(list, err);
}

/* Warns of @what (taken). */
static void
warn(const struct maqet_argument *argument, char *what,
     const struct maqet_qemu_verdict *verdict, const struct maqet_context *context)
{
    _cleanup_error_ struct maqet_error *notice = NULL;

    set_verdict(argument, what, verdict, &notice);
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

        if (applies(&known->verdict, MAQET_QEMU_WARNED, manner))
            warn(argument, maqet_format("-%s", argument->name), &known->verdict, context);
        for (const struct maqet_qemu_value *row = maqet_qemu_values; row->option; row++)
            if (applies(&row->verdict, MAQET_QEMU_WARNED, manner) &&
                matches(argument, row))
                warn(argument, value_text(row, argument->name), &row->verdict, context);
    }
}

/* ---- what is given twice ---- */

/* An option that QEMU takes once, or a property of one whose properties it joins. */
struct said {
    char *what; /* "-cpu is given", "-m gives 'size'" */
    struct maqet_place place;
    size_t index; /* of the argument */
};

struct all_said {
    struct said *items;
    size_t count;
};

static void
clear_said(struct all_said *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->items[i].what);
    free(all->items);
}

static bool
is_same_file(struct maqet_place one, struct maqet_place other)
{
    return one.file && other.file && strcmp(one.file, other.file) == 0;
}

/* The same file may have been read twice. */
static bool
is_same_spot(struct maqet_place one, struct maqet_place other)
{
    return one.line == other.line && one.column == other.column;
}

static int
error_twice(const struct said *said, const struct said *first, struct maqet_error **err)
{
    _cleanup_free_ char *place = maqet_place_text(first->place);
    bool same = is_same_spot(said->place, first->place);

    maqet_place_error(said->place, err, MAQET_ERROR_INVALID,
                      "%s twice, but QEMU takes one%s%s", said->what,
                      same ? "" : "; the other is at ", same ? "" : place);
    maqet_error_next(err, MAQET_NEXT_REMOVE_REPEATED, NULL);
    return -1;
}

/* Takes @said, unless the same file has said it before. */
static int
add_said(struct all_said *all, struct said said, struct maqet_error **err)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct said *first = &all->items[i];

        if (strcmp(first->what, said.what) != 0 ||
            !is_same_file(first->place, said.place) ||
            (first->index != said.index && is_same_spot(first->place, said.place)))
            continue;
        error_twice(&said, first, err);
        free(said.what);
        return -1;
    }
    all->items = maqet_realloc(all->items, (all->count + 1) * sizeof(*all->items));
    all->items[all->count++] = said;
    return 0;
}

static int
add_properties(struct all_said *all, const struct maqet_argument *argument, size_t index,
               const char *implied, struct maqet_error **err)
{
    const char *at = argument->value ? argument->value : "";
    int result = 0;

    for (char *key, *value; result == 0 && maqet_keyval_next(&at, implied, &key, &value);
         implied = NULL) {
        result =
            add_said(all,
                     (struct said){maqet_format("-%s gives '%s'", argument->name, key),
                                   argument->place, index},
                     err);
        free(key);
        free(value);
    }
    return result;
}

static bool
begins_with_word(const char *value, const char *word)
{
    size_t length = strlen(word);

    return value && maqet_text_starts(value, word) && strchr(",=", value[length]);
}

int
maqet_arguments_check_repeated(json_object *list, struct maqet_error **err)
{
    _cleanup_argument_list_ struct maqet_argument_list arguments =
        maqet_argument_list_read(list);
    _cleanup_(clear_said) struct all_said all = {0};

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        const struct maqet_qemu_option *known = maqet_qemu_option_find(argument->name);
        int result = 0;

        if (known->beside && begins_with_word(argument->value, known->beside))
            continue;
        if (known->repeat == MAQET_QEMU_LAST)
            result = add_said(&all,
                              (struct said){maqet_format("-%s is given", argument->name),
                                            argument->place, i},
                              err);
        else if (known->repeat == MAQET_QEMU_JOINED)
            result = add_properties(&all, argument, i, known->implied, err);
        if (result < 0)
            return -1;
    }
    return 0;
}
