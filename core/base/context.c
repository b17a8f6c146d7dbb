/* SPDX-License-Identifier: MIT */
#include "core/base/context.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/mask.h"

void
maqet_context_clear(struct maqet_context *context)
{
    free(context->data_dir);
    free(context->runtime_dir);
    free(context->storage_dir);
    free(context->accel);
    maqet_strings_clear(&context->plugin_dirs);
    *context = (struct maqet_context){0};
}

void
maqet_context_say(const struct maqet_context *context, enum maqet_level level,
                  const char *format, ...)
{
    va_list arguments;

    if (!context->message)
        return;
    va_start(arguments, format);
    _cleanup_free_ char *message = maqet_mask(maqet_vformat(format, arguments));
    va_end(arguments);
    context->message(context->data, level, message);
}

void
maqet_context_progress(const struct maqet_context *context, const char *what,
                       uint64_t done, uint64_t total, int64_t begun)
{
    if (context->progress)
        context->progress(context->data, what,
                          total > 0 ? 100.0 * (double)done / (double)total : -1,
                          maqet_now() - begun);
}

void
maqet_context_progress_end(const struct maqet_context *context)
{
    if (context->progress)
        context->progress(context->data, NULL, -1, 0);
}

char *
maqet_context_steps(const struct maqet_context *context, const struct maqet_error *error,
                    const char *separator)
{
    _cleanup_strings_ struct maqet_strings steps = MAQET_STRINGS_INIT;

    for (size_t i = 0; context->words && i < error->hints.count; i++)
        maqet_strings_take(&steps, context->words(&error->hints.items[i]));
    return maqet_strings_join(&steps, separator);
}

char *
maqet_context_next(const struct maqet_context *context, enum maqet_next next, ...)
{
    struct maqet_hint hint = {.next = next};
    const char *operand;
    va_list arguments;

    va_start(arguments, next);
    while ((operand = va_arg(arguments, const char *)))
        maqet_strings_add(&hint.operands, operand);
    va_end(arguments);
    char *words = context->words ? context->words(&hint) : maqet_strdup("");
    maqet_strings_clear(&hint.operands);
    return words;
}

void
maqet_context_say_error(const struct maqet_context *context, enum maqet_level level,
                        const struct maqet_error *error)
{
    _cleanup_free_ char *steps = maqet_context_steps(context, error, ". ");

    /* Text after a line feed is marked as foreign (cli/output.h). */
    bool apart = strchr(error->message, '\n') != NULL;

    maqet_context_say(context, level, "%s%s%s", error->message,
                      *steps && !apart ? ". " : "", apart ? "" : steps);
    if (*steps && apart)
        maqet_context_say(context, level, "%s", steps);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
static const bool FOR_DEVELOPERS = true;
#else
static const bool FOR_DEVELOPERS = false;
#endif

void
maqet_context_misuse(const struct maqet_context *context, const char *format, ...)
{
    va_list arguments;

    if (!context->misuse && !FOR_DEVELOPERS)
        return;
    va_start(arguments, format);
    _cleanup_free_ char *message = maqet_mask(maqet_vformat(format, arguments));
    va_end(arguments);
    if (context->misuse)
        context->misuse(context->data, message);
    else
        maqet_context_say(context, MAQET_LEVEL_WARNING, "%s", message);
}
