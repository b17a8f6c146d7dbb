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
    {.name = "plugin_path",
     .type = MAQET_OPTION_STRING}, /* folders, with ':' in between */
    {.name = "accel", .type = MAQET_OPTION_CHOICE, .choices = accel_words},
    {.name = "verbosity", .type = MAQET_OPTION_CHOICE, .choices = verbosity_words},
    {.name = NULL},
};

/* The settings as a tree; *tree stays NULL when there are none. */
static int
read_tree(const char *path, json_object **tree, struct maqet_error **err)
{
    _cleanup_error_ struct maqet_error *error = NULL;

    *tree = maqet_yaml_read(path, &error);
    /* A missing file, and one in which all lines are comments, say nothing. */
    if (!*tree && error->code != MAQET_ERROR_MISSING)
        return maqet_error_move(err, TAKE_PTR(error));
    return 0;
}

static void
take_text(json_object *tree, const char *key, char **setting)
{
    if (!*setting)
        *setting = maqet_strdup(maqet_tree_text(tree, key));
}

int
maqet_settings_read(const char *path, struct maqet_settings *settings,
                    struct maqet_error **err)
{
    static const struct maqet_option *const tables[] = {options, NULL};
    _cleanup_json_ json_object *tree = NULL;

    if (read_tree(path, &tree, err) < 0)
        return -1;
    if (!tree)
        return 0;
    if (maqet_options_check(tree, tables, NULL, NULL, err) < 0)
        return -1;
    take_text(tree, "data_dir", &settings->data_dir);
    take_text(tree, "runtime_dir", &settings->runtime_dir);
    take_text(tree, "storage_dir", &settings->storage_dir);
    take_text(tree, "accel", &settings->accel);
    take_text(tree, "verbosity", &settings->verbosity);
    if (maqet_tree_text(tree, "plugin_path"))
        maqet_path_split(maqet_tree_text(tree, "plugin_path"),
                         maqet_tree_place_of_value(tree, "plugin_path").folder,
                         &settings->plugin_dirs);
    return 0;
}

void
maqet_settings_clear(struct maqet_settings *settings)
{
    free(settings->data_dir);
    free(settings->runtime_dir);
    free(settings->storage_dir);
    maqet_strings_clear(&settings->plugin_dirs);
    free(settings->accel);
    free(settings->verbosity);
    *settings = (struct maqet_settings){0};
}
