/* SPDX-License-Identifier: MIT */
#include "core/base/error.h"

#include <errno.h>
#include <string.h>

#include "core/base/mask.h"

/* The only place where error codes have words and exit codes. */
static const struct {
    const char *name;
    int exit_code;
} codes[] = {
    [MAQET_ERROR_FAILED] = {"failed", 1},
    [MAQET_ERROR_INVALID] = {"invalid", 3},
    [MAQET_ERROR_EXISTS] = {"exists", 3},
    [MAQET_ERROR_MISSING] = {"missing", 3},
    [MAQET_ERROR_STATE] = {"state", 3},
    [MAQET_ERROR_UNSUPPORTED] = {"unsupported", 3},
    [MAQET_ERROR_BUSY] = {"busy", 1},
    [MAQET_ERROR_NO_SPACE] = {"no-space", 1},
    [MAQET_ERROR_TIMEOUT] = {"timeout", 2},
    [MAQET_ERROR_REFUSED] = {"refused", 2},
    [MAQET_ERROR_PERMISSION] = {"permission", 4},
};

/* A plugin that was built for a later maqet may use codes that are unknown here. */
static enum maqet_error_code
known_code(enum maqet_error_code code)
{
    size_t count = sizeof(codes) / sizeof(*codes);

    return code >= MAQET_ERROR_FAILED && (size_t)code < count ? code : MAQET_ERROR_FAILED;
}

const char *
maqet_error_code_name(enum maqet_error_code code)
{
    return codes[known_code(code)].name;
}

int
maqet_error_exit_code(enum maqet_error_code code)
{
    return codes[known_code(code)].exit_code;
}

void
maqet_error_free(struct maqet_error *error)
{
    while (error) {
        struct maqet_error *also = error->also;

        free(error->message);
        free(error->remark);
        free(error->file);
        for (size_t i = 0; i < error->hints.count; i++)
            maqet_strings_clear(&error->hints.items[i].operands);
        free(error->hints.items);
        free(error);
        error = also;
    }
}

/* Errors may be those of plugins, which can be of any length: the bytes of a message and of
 * a hint, and the number of hints. */
enum { MESSAGE_MAX = 64 * 1024, HINT_MAX = 4096, HINTS_MAX = 32 };

int
maqet_error_vset(struct maqet_error **err, enum maqet_error_code code, const char *format,
                 va_list arguments)
{
    /* The first error counts: later ones are mostly its consequences. */
    if (!err || *err)
        return -1;
    *err = maqet_alloc(sizeof(**err));
    (*err)->code = code;
    (*err)->message =
        maqet_text_limit(maqet_mask(maqet_vformat(format, arguments)), MESSAGE_MAX);
    return -1;
}

int
maqet_error_set(struct maqet_error **err, enum maqet_error_code code, const char *format,
                ...)
{
    va_list arguments;

    va_start(arguments, format);
    maqet_error_vset(err, code, format, arguments);
    va_end(arguments);
    return -1;
}

/* Adds a hint. Returns its operands, which are empty. */
static struct maqet_strings *
add_hint(struct maqet_error *error, enum maqet_next next)
{
    struct maqet_hint *hint = MAQET_APPEND(error->hints.items, error->hints.count);

    hint->next = next;
    return &hint->operands;
}

void
maqet_error_hint(struct maqet_error **err, const char *format, ...)
{
    va_list arguments;

    if (!err || !*err)
        return;
    va_start(arguments, format);
    if ((*err)->hints.count < HINTS_MAX)
        maqet_strings_take(
            add_hint(*err, MAQET_NEXT_WORDS),
            maqet_text_limit(maqet_mask(maqet_vformat(format, arguments)), HINT_MAX));
    va_end(arguments);
}

void
maqet_error_hint_names(struct maqet_error **err, const char *name,
                       const struct maqet_strings *names)
{
    _cleanup_free_ char *list = maqet_strings_list(names);
    const char *closest = maqet_text_closest(name, names);

    if (closest)
        maqet_error_hint(err, "Did you mean '%s'? There are: %s", closest, list);
    else
        maqet_error_hint(err, "There are: %s", list);
}

int
maqet_error_next(struct maqet_error **err, enum maqet_next next, ...)
{
    va_list arguments;
    const char *operand;

    if (!err || !*err)
        return -1;
    struct maqet_strings *operands = add_hint(*err, next);
    va_start(arguments, next);
    while ((operand = va_arg(arguments, const char *)))
        maqet_strings_take(operands, maqet_mask(maqet_strdup(operand)));
    va_end(arguments);
    return -1;
}

void
maqet_error_next_about(struct maqet_error **err, enum maqet_next next,
                       const struct maqet_strings *operands)
{
    if (err && *err)
        maqet_strings_add_all(add_hint(*err, next), operands);
}

bool
maqet_error_drop_next(struct maqet_error *error, enum maqet_next next)
{
    struct maqet_hints *hints = &error->hints;
    size_t kept = 0, count = hints->count;

    for (size_t i = 0; i < count; i++)
        if (hints->items[i].next == next)
            maqet_strings_clear(&hints->items[i].operands);
        else
            hints->items[kept++] = hints->items[i];
    hints->count = kept;
    return kept < count;
}

void
maqet_error_hints(struct maqet_error **err, const struct maqet_error *other)
{
    for (size_t i = 0; i < other->hints.count; i++)
        maqet_error_next_about(err, other->hints.items[i].next,
                               &other->hints.items[i].operands);
}

void
maqet_error_remark(struct maqet_error **err, const char *format, ...)
{
    va_list arguments;

    if (!err || !*err)
        return;
    va_start(arguments, format);
    _cleanup_free_ char *earlier = (*err)->remark;
    _cleanup_free_ char *line = maqet_mask(maqet_vformat(format, arguments));
    va_end(arguments);
    /* After a line feed it would be marked as foreign (cli/output.h). */
    (*err)->remark = earlier ? maqet_format("%s; %s", earlier, line) : TAKE_PTR(line);
}

int
maqet_error_wrap(struct maqet_error **err, const char *format, ...)
{
    va_list arguments;

    if (!err || !*err)
        return -1;
    va_start(arguments, format);
    _cleanup_free_ char *context = maqet_mask(maqet_vformat(format, arguments));
    va_end(arguments);
    _cleanup_free_ char *message = (*err)->message;
    (*err)->message =
        maqet_text_limit(maqet_format("%s: %s", context, message), MESSAGE_MAX);
    return -1;
}

static enum maqet_error_code
code_of_errno(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
    case EROFS:
        return MAQET_ERROR_PERMISSION;
    case ENOENT:
    case ENOTDIR:
        return MAQET_ERROR_MISSING;
    case EEXIST:
        return MAQET_ERROR_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return MAQET_ERROR_NO_SPACE;
    case ETIMEDOUT:
        return MAQET_ERROR_TIMEOUT;
    default:
        return MAQET_ERROR_FAILED;
    }
}

int
maqet_error_errno(struct maqet_error **err, int number, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    _cleanup_free_ char *context = maqet_vformat(format, arguments);
    va_end(arguments);
    return maqet_error_set(err, code_of_errno(number), "%s: %s", context,
                           strerror(number));
}

int
maqet_error_copy(struct maqet_error **err, const struct maqet_error *error)
{
    for (; err && error; error = error->also) {
        struct maqet_error *copy = NULL;

        maqet_error_set(&copy, error->code, "%s", error->message);
        if (error->remark)
            maqet_error_remark(&copy, "%s", error->remark);
        maqet_error_hints(&copy, error);
        copy->signal = error->signal;
        copy->refused = error->refused;
        copy->file = maqet_strdup(error->file);
        copy->line = error->line;
        copy->column = error->column;
        maqet_error_add(err, &copy);
    }
    return -1;
}

/* Whether one error is before another one in the same file. */
static bool
is_before(const struct maqet_error *one, const struct maqet_error *other)
{
    return one->file && other->file && strcmp(one->file, other->file) == 0 &&
           (one->line < other->line ||
            (one->line == other->line && one->column < other->column));
}

/* Inserts one error. */
static void
insert(struct maqet_error **list, struct maqet_error *error)
{
    struct maqet_error **place = list;

    for (struct maqet_error *each = *list; each; each = each->also)
        if (strcmp(each->message, error->message) == 0) {
            maqet_error_free(error);
            return;
        }
    while (*place && !is_before(error, *place))
        place = &(*place)->also;
    error->also = *place;
    *place = error;
}

int
maqet_error_add(struct maqet_error **err, struct maqet_error **other)
{
    struct maqet_error *error = TAKE_PTR(*other);

    if (!error)
        return 0;
    while (err && error) {
        struct maqet_error *also = TAKE_PTR(error->also);

        insert(err, error);
        error = also;
    }
    maqet_error_free(error);
    return -1;
}

int
maqet_error_move(struct maqet_error **err, struct maqet_error *error)
{
    if (err && !*err)
        *err = error;
    else
        maqet_error_free(error);
    return -1;
}

/* ---- for plugins (maqet-plugin.h) ---- */

int
maqet_error_what(const struct maqet_error *err)
{
    return err ? (int)err->code : 0;
}

const char *
maqet_error_text(const struct maqet_error *err)
{
    return err ? err->message : "";
}

void
maqet_error_clear(struct maqet_error **err)
{
    maqet_error_free(*err);
    *err = NULL;
}
