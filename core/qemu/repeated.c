/* SPDX-License-Identifier: MIT */
#include "core/qemu/repeated.h"

#include <string.h>

#include "core/qemu/argument_list.h"
#include "core/qemu/keyval.h"
#include "core/qemu/qemu_options.h"

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
clear(struct all_said *all)
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

    if (is_same_spot(said->place, first->place))
        maqet_place_error(said->place, err, MAQET_ERROR_INVALID,
                          "%s twice, but QEMU takes one", said->what);
    else
        maqet_place_error(said->place, err, MAQET_ERROR_INVALID,
                          "%s twice, but QEMU takes one; the other is at %s", said->what,
                          place);
    maqet_error_next(err, MAQET_NEXT_REMOVE_REPEATED, NULL);
    return -1;
}

/* Takes @said, unless the same file has said it before. */
static int
add(struct all_said *all, struct said said, struct maqet_error **err)
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
        result = add(all,
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
    _cleanup_(clear) struct all_said all = {0};

    for (size_t i = 0; i < arguments.count; i++) {
        const struct maqet_argument *argument = &arguments.items[i];
        const struct maqet_qemu_option *known = maqet_qemu_option_find(argument->name);
        int result = 0;

        if (known->beside && begins_with_word(argument->value, known->beside))
            continue;
        if (known->repeat == MAQET_QEMU_LAST)
            result = add(&all,
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
