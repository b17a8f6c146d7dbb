/* SPDX-License-Identifier: MIT */
#include "core/base/percentage.h"

#include <stdio.h>

void
maqet_percentage_read(struct maqet_percentage *percentage, const char *bytes,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double percent;

        if (bytes[i] == '(')
            percentage->length = 0;
        if (percentage->length < sizeof(percentage->line) - 1)
            percentage->line[percentage->length++] = bytes[i];
        percentage->line[percentage->length] = '\0';
        if (bytes[i] == ')' && sscanf(percentage->line, "(%lf/100%%)", &percent) == 1)
            percentage->percent = percent;
    }
}
