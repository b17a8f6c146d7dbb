/* SPDX-License-Identifier: MIT */
#include "core/base/context.h"

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
    _cleanup_free_ char *message = maqet_vformat(format, arguments);
    va_end(arguments);
    context->message(context->data, level, message);
}
