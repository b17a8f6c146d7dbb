/* SPDX-License-Identifier: MIT */
/* error.c - what plugins ask of an error (maqet-plugin.h). */
#include "core/base/error.h"

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
