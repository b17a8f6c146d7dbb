/* SPDX-License-Identifier: MIT */
#include "core/machine/keys.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/text.h"
#include "core/config/parse.h"
#include "core/qemu/keyval.h"

/* ---- memory and vCPUs ---- */

/* MiB: a number without a unit that is smaller, or larger, is most likely a mistake. */
enum { MEMORY_LEAST = 32, MEMORY_MOST = 64 << 20 };

/* QEMU reads a number without a unit as MiB (qemu(1), -m), but "4" usually means 4G, and
 * so does "4294967296". */
static int
check_memory(json_object *tree, struct maqet_error **err)
{
    const char *written = maqet_tree_text(tree, "memory");
    struct maqet_place place = maqet_tree_place_of_value(tree, "memory");
    const char *text = written && maqet_text_starts(written, "size=")
                           ? written + strlen("size=")
                           : written;
    int64_t number;

    uint64_t bytes;

    if (!text)
        return 0;
    _cleanup_free_ char *size = maqet_strndup(text, strcspn(text, ","));
    if (!strchr(size, '=') && !maqet_parse_size(size, &bytes))
        return maqet_place_invalid(place, err,
                                   "'memory' is '%s', which is not a size; write it like "
                                   "512M or 4G",
                                   written);
    if (size[strspn(size, "0123456789")] || !maqet_parse_int(size, &number) ||
        number == 0 || (number >= MEMORY_LEAST && number <= MEMORY_MOST))
        return 0;
    _cleanup_free_ char *meant = number < MEMORY_LEAST
                                     ? maqet_format("%" PRId64 "G", number)
                                     : maqet_text_size((uint64_t)number);
    maqet_place_invalid(place, err,
                        "'memory' is '%s', which is %" PRId64 " MiB; did you mean %s?",
                        written, number, meant);
    if (number < MEMORY_LEAST)
        maqet_error_hint(err, "If it is intended, write the unit: `memory: %" PRId64 "M`",
                         number);
    return -1;
}

/* Whether the text is a number other than 486, which is a model of QEMU's. */
static bool
is_number_of_vcpus(const char *text)
{
    return text && !text[strspn(text, "0123456789")] && strcmp(text, "486") != 0;
}

static unsigned
read_vcpus(const char *text)
{
    int64_t number;

    return maqet_parse_int(text, &number) && number > 0 && number <= MAQET_KEYS_VCPUS_MAX
               ? (unsigned)number
               : 0;
}

/* The number of vCPUs in the key `cpu`; 0: it names a model, or is absent. */
static unsigned
vcpus_of_cpu(json_object *tree)
{
    const char *text = maqet_tree_text(tree, "cpu");

    return is_number_of_vcpus(text) ? read_vcpus(text) : 0;
}

const char *
maqet_keys_name_of_vcpus(json_object *tree)
{
    if (maqet_tree_text(tree, "vcpus"))
        return "vcpus";
    return vcpus_of_cpu(tree) > 0 ? "cpu" : NULL;
}

unsigned
maqet_keys_vcpus(json_object *tree)
{
    const char *key = maqet_keys_name_of_vcpus(tree);

    return key ? read_vcpus(maqet_tree_text(tree, key)) : 0;
}

static int
check_cpu(json_object *tree, struct maqet_error **err)
{
    const char *text = maqet_tree_text(tree, "cpu");

    if (vcpus_of_cpu(tree) > 0 && maqet_tree_text(tree, "vcpus")) {
        _cleanup_free_ char *place =
            maqet_place_text(maqet_tree_place_of_value(tree, "vcpus"));

        return maqet_place_invalid(maqet_tree_place_of_value(tree, "cpu"), err,
                                   "'cpu' is a number of vCPUs, which 'vcpus' (%s) "
                                   "gives, too; remove one of them",
                                   place);
    }
    if (!is_number_of_vcpus(text) || vcpus_of_cpu(tree) > 0)
        return 0;
    return maqet_place_invalid(
        maqet_tree_place_of_value(tree, "cpu"), err,
        "'cpu' is '%s'; a number is that of the vCPUs, from 1 to %d, "
        "and anything else a model such as `host` or `max`",
        text, MAQET_KEYS_VCPUS_MAX);
}

/* ---- the machine type ---- */

char *
maqet_keys_machine_type(json_object *tree)
{
    return maqet_keyval_get(maqet_tree_text(tree, "machine"), "type", "type");
}

static int
check_machine(json_object *tree, struct maqet_error **err)
{
    const char *text = maqet_tree_text(tree, "machine");
    _cleanup_free_ char *type = maqet_keys_machine_type(tree);
    struct maqet_place place = maqet_tree_place_of_value(tree, "machine");

    if (!text)
        return 0;
    if (!type || !*type)
        return maqet_place_invalid(place, err,
                                   "'machine' is '%s', which names no machine type, such "
                                   "as q35",
                                   text);
    if (strcmp(type, "help") != 0 && strcmp(type, "?") != 0)
        return 0;
    maqet_place_invalid(place, err, "'machine' is '%s': QEMU would only print a list",
                        text);
    maqet_error_hint(err, "Run QEMU itself for that");
    return -1;
}

/* ---- all of them ---- */

/* QEMU takes no "10GB" and "10GiB", which we accept, as for the size of a drive. */
static void
normalise_memory(json_object *tree)
{
    const char *written = maqet_tree_text(tree, "memory");
    bool named = written && maqet_text_starts(written, "size=");
    const char *text = named ? written + strlen("size=") : written;
    _cleanup_free_ char *size =
        maqet_strndup(text ? text : "", strcspn(text ? text : "", ","));
    size_t length = strlen(size);
    uint64_t bytes;

    if (length < 2 || !strchr("bB", size[length - 1]) ||
        strchr("0123456789", size[length - 2]) || !maqet_parse_size(size, &bytes))
        return;
    _cleanup_free_ char *plain = maqet_text_size(bytes);
    _cleanup_free_ char *value =
        maqet_format("%s%s%s", named ? "size=" : "", plain, text + length);
    maqet_tree_set(tree, "memory", json_object_new_string(value),
                   maqet_tree_place_of_key(tree, "memory"),
                   maqet_tree_place_of_value(tree, "memory"));
}

/* QEMU would complain about its option, not about the line of the file. */
static int
check_empty(json_object *tree, const char *key, struct maqet_error **err)
{
    const char *text = maqet_tree_text(tree, key);

    return text && !*text ? maqet_place_invalid(maqet_tree_place_of_value(tree, key), err,
                                                "'%s' is empty; remove the line, or give "
                                                "it a value",
                                                key)
                          : 0;
}

int
maqet_keys_check(json_object *tree, struct maqet_error **err)
{
    static const char *const keys[] = {"binary", "cpu", "display", "vga", "run_as"};
    int (*const checks[])(json_object *, struct maqet_error **) = {
        check_memory, check_cpu, check_machine};
    struct maqet_error *error = NULL; /* of one key */
    bool wrong = false;

    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        checks[i](tree, &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        check_empty(tree, keys[i], &error);
        wrong |= maqet_error_add(err, &error) < 0;
    }
    normalise_memory(tree);
    return wrong ? -1 : 0;
}
