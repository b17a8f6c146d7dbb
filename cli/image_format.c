/* SPDX-License-Identifier: MIT */
#include "cli/image_format.h"

#include <string.h>

#include "core/config/options.h"

const char *
image_format(unsigned index)
{
    static const char *const words[] = {"qcow2", "raw", "vmdk", "vdi",
                                        "vhdx",  "vpc", "qed",  "parallels"};

    return index < sizeof(words) / sizeof(*words) ? words[index] : NULL;
}

const char *
format_or_image_format(unsigned index)
{
    unsigned results = 0;

    while (format_name(results))
        results++;
    return index < results ? format_name(index) : image_format(index - results);
}

const char *
given_image_format(const struct invocation *invocation)
{
    _cleanup_strings_ struct maqet_strings values = MAQET_STRINGS_INIT;
    const char *found = NULL;

    invocation_texts(invocation, "format", &values);
    for (size_t i = 0; i < values.count; i++)
        for (unsigned word = 0; image_format(word); word++)
            if (strcmp(values.items[i], image_format(word)) == 0)
                found = image_format(word);
    return found;
}

int
image_mode(const struct invocation *invocation, mode_t *mode, struct maqet_error **err)
{
    const char *text = invocation_text(invocation, "mode");
    int64_t value = 0;

    if (text && (!maqet_parse_mode(text, &value) || (value & ~INT64_C(0777)) != 0 ||
                 (value & 0600) != 0600))
        return usage_error(
            invocation, err,
            "--mode %s: a file mode in octal, such as 0644, with which its "
            "owner can read and write the file",
            text);
    *mode = (mode_t)value;
    return 0;
}
