/* SPDX-License-Identifier: MIT */
/* Options are read once, into slots. */
#include <string.h>

#include "core/config/values.h"
#include "core/config/yaml.h"
#include "tests/unit/unit.h"

static const char *const words[] = {"fast", "slow", NULL};

static const struct maqet_option inner[] = {
    {.name = "key", .type = MAQET_OPTION_PATH},
    {.name = "format", .type = MAQET_OPTION_STRING, .fallback = "luks"},
    {.name = NULL},
};

static const struct maqet_option first[] = {
    {.name = "size", .type = MAQET_OPTION_SIZE, .fallback = "1G"},
    {.name = "number", .type = MAQET_OPTION_INT},
    {.name = "mode", .type = MAQET_OPTION_MODE, .fallback = "0640"},
    {.name = "on", .type = MAQET_OPTION_BOOL},
    {.name = "word", .type = MAQET_OPTION_CHOICE, .choices = words},
    {.name = "map", .type = MAQET_OPTION_MAP, .options = inner},
    {.name = NULL},
};

static const struct maqet_option second[] = {
    {.name = "word", .type = MAQET_OPTION_INT, .fallback = "7"},
    {.name = "digits", .type = MAQET_OPTION_STRING},
    {.name = NULL},
};

static const struct maqet_option *const tables[] = {first, second, NULL};

static struct maqet_values
values_of(const char *text)
{
    struct maqet_values values = {0};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *tree =
        maqet_yaml_parse(text, strlen(text), "test.yaml", "/", &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(tree);
    maqet_values_resolve(&values, tree, tables);
    return values;
}

#define _cleanup_values_ _cleanup_(maqet_values_clear)

/* The tree is gone by the time in which they are looked at. */
static void
test_written(void)
{
    _cleanup_values_ struct maqet_values values =
        values_of("{size: 20G, number: -0x10, mode: 0755, on: yes, word: slow, "
                  "map: {key: /k}, digits: 12}");

    CU_ASSERT_EQUAL(maqet_value_size(maqet_values_find(&values, "size")), UINT64_C(20)
                                                                              << 30);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "number")), -16);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "mode")), 0755);
    CU_ASSERT_TRUE(maqet_value_bool(maqet_values_find(&values, "on")));
    UNIT_SAME(maqet_values_find(&values, "size")->text, "20G");
    UNIT_SAME(maqet_values_find(&values, "map.key")->text, "/k");
    CU_ASSERT_TRUE(maqet_values_find(&values, "map")->written);
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "map")->text);
    /* Of two of one name the first counts, and another type is read as asked. */
    UNIT_SAME(maqet_values_find(&values, "word")->text, "slow");
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "word")), 0);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "digits")), 12);
    CU_ASSERT_EQUAL(maqet_value_size(maqet_values_find(&values, "digits")), 12);
    CU_ASSERT_FALSE(maqet_value_bool(maqet_values_find(&values, "digits")));
}

static void
test_absent(void)
{
    _cleanup_values_ struct maqet_values values = values_of("{number: , digits: on}");

    CU_ASSERT_EQUAL(maqet_value_size(maqet_values_find(&values, "size")), UINT64_C(1)
                                                                              << 30);
    CU_ASSERT_FALSE(maqet_values_find(&values, "size")->written);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "mode")), 0640);
    CU_ASSERT_FALSE(maqet_values_find(&values, "number")->written);
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "number")->text);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "number")), 0);
    CU_ASSERT_FALSE(maqet_value_bool(maqet_values_find(&values, "on")));
    CU_ASSERT_TRUE(maqet_value_bool(maqet_values_find(&values, "digits")));
    UNIT_SAME(maqet_values_find(&values, "map.format")->text, "luks");
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "map.key")->text);
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "map.none"));
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "sizes"));
    CU_ASSERT_EQUAL(maqet_value_size(NULL), 0);
    CU_ASSERT_EQUAL(maqet_value_int(NULL), 0);
    CU_ASSERT_FALSE(maqet_value_bool(NULL));
}

/* What the check has refused is resolved all the same, for whoever looks at the rest. */
static void
test_wrong(void)
{
    _cleanup_values_ struct maqet_values values =
        values_of("{size: much, number: [1], mode: 9, on: 5, map: text}");

    CU_ASSERT_EQUAL(maqet_value_size(maqet_values_find(&values, "size")), 0);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "number")), 0);
    CU_ASSERT_EQUAL(maqet_value_int(maqet_values_find(&values, "mode")), 0);
    CU_ASSERT_FALSE(maqet_value_bool(maqet_values_find(&values, "on")));
    CU_ASSERT_PTR_NULL(maqet_values_find(&values, "map.key")->text);
}

int
main(void)
{
    CU_TestInfo tests[] = {
        {"what is written", test_written},
        {"what is absent", test_absent},
        {"what is wrong", test_wrong},
        CU_TEST_INFO_NULL,
    };

    return unit_run("values", tests);
}
