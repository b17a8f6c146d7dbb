/* SPDX-License-Identifier: MIT */
#include "core/config/settings.h"

#include "core/base/files.h"
#include "core/config/options.h"
#include "core/config/yaml.h"

static const char *const accel_words[] = {"auto", "kvm", "tcg", NULL};
static const char *const verbosity_words[] = {"quiet", "normal", "verbose", NULL};
static const struct maqet_option options[] = {
    {.name = "data_dir", .type = MAQET_OPTION_PATH},
    {.name = "runtime_dir", .type = MAQET_OPTION_PATH},
    {.name = "storage_dir", .type = MAQET_OPTION_PATH},
    {.name = "plugin_path", .type = MAQET_OPTION_STRING}, /* separated by ':' */
    {.name = "accel", .type = MAQET_OPTION_CHOICE, .choices = accel_words},
    {.name = "verbosity", .type = MAQET_OPTION_CHOICE, .choices = verbosity_words},
    {.name = NULL},
};

static void
take_text(json_object *tree, const char *key, char **setting)
{
    if (!*setting)
        *setting = maqet_strdup(maqet_tree_text(tree, key));
}

int
maqet_settings_read(const char *path, struct maqet_context *context, char **verbosity,
                    struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {options, NULL};
    _cleanup_error_ struct maqet_error *error = NULL;
    _cleanup_json_ json_object *tree = maqet_yaml_read(path, &error);

    /* A missing file, and one with comments only, say nothing. */
    if (!tree && error->code == MAQET_ERROR_MISSING)
        return 0;
    if (!tree)
        return maqet_error_move(err, TAKE_PTR(error));
    if (maqet_options_check(tree, tables, NULL, NULL, err) < 0)
        return -1;
    take_text(tree, "data_dir", &context->data_dir);
    take_text(tree, "runtime_dir", &context->runtime_dir);
    take_text(tree, "storage_dir", &context->storage_dir);
    take_text(tree, "accel", &context->accel);
    take_text(tree, "verbosity", verbosity);
    if (maqet_tree_text(tree, "plugin_path"))
        maqet_path_split(maqet_tree_text(tree, "plugin_path"),
                         maqet_tree_place_of_value(tree, "plugin_path").folder,
                         &context->plugin_dirs);
    return 0;
}
